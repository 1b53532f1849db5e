//! For whom nothing is made: who is missed, and what ends that.

use super::bench::{Bench, app, machine};
use crate::may_make::Unseen;
use crate::mirror::{Config, Mirror, Outcome, Rules};

/// Who is missed, and how.
fn missed(bench: &Bench) -> Vec<(&str, Unseen)> {
    bench.mirror.unseen().iter().map(|(uid, how)| (uid.as_str(), *how)).collect()
}

fn restart(bench: &mut Bench) {
    let rows: Vec<_> = bench.mirror.rows().cloned().collect();
    bench.mirror = Mirror::from_rows(Config::new("acme"), rows, Some(bench.mirror.cursor().clone()));
    bench.pass(5);
}

#[test]
fn whoever_was_known_before_a_start_is_unread_until_it_is_shown_and_whoever_is_new_never() {
    let mut bench = Bench::adopted(Rules::ALL);
    bench.apps(&[app("a1", "web"), app("a2", "shop")]);
    assert!(missed(&bench).is_empty(), "what a list showed is there");
    restart(&mut bench);
    let unread = |who: &'static str| (who, Unseen::Unread);
    assert_eq!(missed(&bench), ["app:a1", "app:a2", "machine:m1"].map(unread));
    bench.own("web", &[machine("m1", "started", 10)]);
    let left = ["app:a1", "app:a2"].map(unread);
    assert_eq!(missed(&bench), left, "another incarnation may have the name, and the machines");
    bench.app("web", Outcome::Found(app("a1", "web")));
    assert_eq!(missed(&bench), [("app:a2", Unseen::Unread)], "its own look is enough");
    bench.apps(&[app("a1", "web"), app("a2", "shop"), app("a3", "new")]);
    assert!(missed(&bench).is_empty());
}

#[test]
fn a_machine_that_was_known_before_a_start_is_unread_until_its_apps_list_or_a_look_shows_it() {
    let mut bench = Bench::adopted(Rules::ALL);
    restart(&mut bench);
    bench.apps(&[app("a1", "web")]);
    bench.org(&[machine("m1", "started", 10), machine("m2", "started", 101)]);
    assert!(bench.mirror.row(&"machine:m2".parse().unwrap()).is_some());
    let m1 = [("machine:m1", Unseen::Unread)];
    assert_eq!(missed(&bench), m1, "the organisation's list lags; whoever is new was never missed");
    let mut by_look = bench.clone();
    by_look.shown("m1", Outcome::Found(machine("m1", "started", 10)));
    assert!(missed(&by_look).is_empty());
    bench.own("web", &[machine("m1", "started", 10), machine("m2", "started", 101)]);
    assert!(missed(&bench).is_empty());
}

#[test]
fn a_machine_that_ended_and_was_pruned_while_nobody_looked_is_missed_until_its_end_is_believed() {
    let mut bench = Bench::adopted(Rules::ALL);
    bench.pass(120);
    restart(&mut bench);
    bench.control();
    bench.apps(&[app("a1", "web")]);
    assert_eq!(missed(&bench), [("machine:m1", Unseen::Unread)]);
    let since = bench.look.at;
    bench.own("web", &[]);
    assert_eq!(missed(&bench), [("machine:m1", Unseen::Unlisted { since })]);
    bench.shown("m1", Outcome::NotFound);
    assert_eq!(bench.story.last().unwrap(), "machine.destroyed machine:m1");
    assert!(missed(&bench).is_empty());
}

#[test]
fn whoever_a_list_lacks_is_missed_until_it_is_back() {
    let mut bench = Bench::adopted(Rules::ALL);
    let since = bench.look.at;
    bench.apps(&[]);
    assert_eq!(missed(&bench), [("app:a1", Unseen::Unlisted { since })]);
    bench.pass(5);
    bench.app("web", Outcome::Failed);
    bench.app("web", Outcome::NotFound);
    bench.apps(&[]);
    assert_eq!(missed(&bench), [("app:a1", Unseen::Unlisted { since })], "what was noticed first is told");
    bench.app("web", Outcome::Found(app("a1", "web")));
    assert!(missed(&bench).is_empty(), "a look at it shows it");
    bench.apps(&[]);
    bench.apps(&[app("a1", "web")]);
    assert!(missed(&bench).is_empty(), "so does a list");
}

#[test]
fn whoever_a_look_did_not_find_or_was_refused_is_missed_and_an_outage_misses_nobody() {
    let table = [
        (Outcome::NotFound, true),
        (Outcome::NoSuchApp, true),
        (Outcome::Forbidden, true),
        (Outcome::Found(app("a9", "web")), true),
        (Outcome::Unauthorized, false),
        (Outcome::Failed, false),
    ];
    for (outcome, is_missed) in table {
        let mut bench = Bench::adopted(Rules::ALL);
        bench.pass(120);
        let since = bench.look.at;
        bench.app("web", outcome.clone());
        let how = match &outcome {
            Outcome::Forbidden => Unseen::Refused { since },
            _ => Unseen::NotFound { since },
        };
        let expected: Vec<_> = is_missed.then_some(("app:a1", how)).into_iter().collect();
        assert_eq!(missed(&bench), expected, "{outcome:?}");
        bench.apps(&[app("a1", "web")]);
        assert!(missed(&bench).is_empty(), "{outcome:?}, and it is listed");
    }
}

#[test]
fn a_new_app_that_looks_do_not_find_yet_is_not_missed() {
    let mut bench = Bench::adopted(Rules::ALL);
    bench.apps(&[app("a1", "web"), app("a2", "shop")]);
    bench.app("shop", Outcome::NotFound);
    assert!(missed(&bench).is_empty());
}

#[test]
fn whoever_is_held_as_vanished_is_missed_across_a_restart_until_its_end_is_believed() {
    let mut bench = Bench::adopted(Rules::ALL);
    let fleet: Vec<_> = (0..20).map(|n| app(&format!("c{n}"), &format!("cust-{n}"))).collect();
    bench.apps(&fleet);
    bench.pass(120);
    bench.apps(&fleet[10..]);
    assert!(missed(&bench).iter().all(|(_, how)| matches!(how, Unseen::Unlisted { .. })));
    assert_eq!(missed(&bench).len(), 11, "ten, and `web`, which the second list lacks");
    restart(&mut bench);
    assert_eq!(missed(&bench).len(), 22, "and the machine of `web`, whose own list comes later");
    bench.own("web", &[machine("m1", "started", 10)]);
    bench.apps(&fleet[10..]);
    assert_eq!(missed(&bench).len(), 11);
    let gone = fleet[..10].iter().map(|app| format!("app:{}", app.id).parse().unwrap()).collect();
    let delta = bench.mirror.approve_vanished(&bench.look, &gone);
    bench.take(delta);
    assert_eq!(missed(&bench).len(), 11, "an approval alone proves no end");
    bench.control();
    bench.app("cust-0", Outcome::NotFound);
    assert_eq!(bench.story.last().unwrap(), "app.deleted app:c0");
    assert_eq!(missed(&bench).len(), 10, "who is gone is missed no more");
}

#[test]
fn a_machine_that_its_apps_list_lacks_is_missed_unless_it_is_new() {
    let mut bench = Bench::adopted(Rules::ALL);
    bench.own("web", &[]);
    assert!(missed(&bench).is_empty(), "the list may not know it yet");
    bench.pass(120);
    let since = bench.look.at;
    bench.own("web", &[]);
    assert_eq!(missed(&bench), [("machine:m1", Unseen::Unlisted { since })]);
    bench.org(&[machine("m1", "started", 10)]);
    assert_eq!(missed(&bench).len(), 1, "the organisation's list lags");
    bench.own("web", &[machine("m1", "started", 10)]);
    assert!(missed(&bench).is_empty());
    bench.pass(120);
    bench.own("web", &[]);
    bench.shown("m1", Outcome::NotFound);
    assert_eq!(bench.story.last().unwrap(), "machine.destroyed machine:m1");
    assert!(missed(&bench).is_empty());
}
