//! Whoever is gone, and whoever only seems to be: moved apps, new ones, and the gone who leave memory.

use super::bench::{Bench, machine};
use super::life::fleet;
use crate::mirror::{Ask, Config, Mirror, Observation, OrgPage, Outcome, Rules};

#[test]
fn apps_that_moved_away_do_not_use_up_what_is_plausible() {
    let (mut bench, fleet) = fleet();
    for moved in 1..=5 {
        bench.pass(5);
        bench.apps(&fleet[moved..]);
        bench.app(&format!("cust-{}", moved - 1), Outcome::Forbidden);
    }
    assert_eq!(bench.story, ["source.forbidden opened"; 5]);
    // It is known across a restart, before anybody looks again.
    let rows: Vec<_> = bench.mirror.rows().cloned().collect();
    bench.mirror = Mirror::from_rows(Config::new("acme"), rows, Some(bench.mirror.cursor().clone()));
    bench.pass(5);
    bench.apps(&fleet[6..]);
    bench.control();
    bench.app("cust-5", Outcome::NotFound);
    assert_eq!(bench.story[5..], ["app.deleted app:c5"]);
    // One of them is deleted where it is now: from then on it counts as any other.
    bench.app("cust-0", Outcome::NotFound);
    assert_eq!(bench.story[6..], ["source.forbidden resolved", "app.deleted app:c0"]);
    bench.pass(5);
    bench.apps(&fleet[9..]);
    assert_eq!(bench.story[8..], ["source.vanish opened"]);
    let held = &bench.mirror.cursor().vanished;
    assert_eq!(held.iter().map(ToString::to_string).collect::<Vec<_>>(), ["app:c6", "app:c7", "app:c8"]);
    // And who comes back is there.
    bench.pass(5);
    bench.apps(&[&fleet[1..2], &fleet[6..]].concat());
    assert_eq!(bench.story[9..], ["source.forbidden resolved", "source.vanish resolved"]);
}

#[test]
fn an_app_that_is_held_and_turns_out_to_be_elsewhere_is_held_no_more() {
    let (mut bench, fleet) = fleet();
    bench.apps(&fleet[4..]);
    assert_eq!(bench.story, ["source.vanish opened"]);
    for n in 0..4 {
        bench.app(&format!("cust-{n}"), Outcome::Forbidden);
    }
    assert_eq!(bench.story.last().unwrap(), "source.vanish resolved");
    assert!(bench.mirror.cursor().vanished.is_empty());
}

#[test]
fn a_new_app_that_was_found_and_is_not_any_more_is_gone() {
    let mut bench = Bench::adopted(Rules::ALL);
    bench.pass(5);
    bench.apps(&[]);
    bench.control();
    bench.app("web", Outcome::NotFound);
    assert!(bench.story.is_empty(), "it may be too new to be found");
    assert!(bench.last.as_ref().unwrap().asks.contains(&Ask::Machines { app: "web".to_owned() }));
    bench.own_gone("web");
    assert!(bench.last.as_ref().unwrap().asks.contains(&Ask::App { app: "web".to_owned() }));
    bench.app("web", Outcome::NotFound);
    assert_eq!(bench.story, ["machine.destroyed machine:m1", "app.deleted app:a1"]);
}

#[test]
fn who_is_gone_for_long_leaves_memory_and_is_recalled_when_it_is_shown() {
    let mut bench = Bench::adopted(Rules::ALL);
    bench.org(&[machine("m1", "destroyed", 200)]);
    bench.log("m1", Outcome::NotFound);
    let uid = "machine:m1".parse().unwrap();
    let stored = bench.mirror.row(&uid).cloned().unwrap();
    bench.pass(23 * 3_600);
    bench.mirror.forget(bench.look.at);
    assert!(bench.mirror.row(&uid).is_some(), "the organisation's list may show it again");
    bench.pass(3_600);
    bench.mirror.forget(bench.look.at);
    assert!(bench.mirror.row(&uid).is_none());
    assert!(bench.mirror.row(&"app:a1".parse().unwrap()).is_some(), "who lives stays");

    let page = OrgPage { machines: vec![machine("m1", "destroyed", 200)], ..OrgPage::default() };
    let (query, outcome) = (bench.mirror.org_query(), Outcome::Found(page));
    let late = Observation::OrgPage { query, outcome };
    assert_eq!(bench.mirror.strangers(&late), *std::slice::from_ref(&uid));
    let mut unasked = bench.clone();
    unasked.see(&late);
    assert!(unasked.story.contains(&"machine.created machine:m1".to_owned()), "it would be new");
    bench.mirror.recall(stored);
    assert!(bench.mirror.strangers(&late).is_empty());
    bench.see(&late);
    assert_eq!(bench.story, ["machine.destroyed machine:m1"]);
}
