//! Single lives, told from beginning to end.

use std::collections::BTreeSet;

use serde_json::json;

use super::bench::{Bench, app, at, line, machine, reach};
use crate::mirror::{Ask, Config, MachineSeen, Mirror, Observation, OrgPage, Outcome, Reach, Rules};
use crate::subject::Uid;

#[test]
fn a_new_app_and_its_machine_are_told_and_looked_into() {
    let mut bench = Bench::adopted(Rules::ALL);
    bench.pass(5);
    bench.org(&[MachineSeen { app: Some("shop".to_owned()), ..machine("m2", "started", 200) }]);
    assert!(
        bench.last.as_ref().unwrap().asks.contains(&Ask::Apps),
        "an unknown app's machine asks for the list"
    );
    bench.apps(&[app("a1", "web"), app("a2", "shop")]);
    assert!(bench.last.as_ref().unwrap().asks.contains(&Ask::Machines { app: "shop".to_owned() }));
    let mut first = machine("m2", "started", 200);
    first.log = vec![line("start", "started", 200), line("launch", "created", 199)];
    bench.own("shop", &[first]);
    assert_eq!(
        bench.story,
        ["app.created app:a2", "machine.created machine:m2", "machine.started machine:m2"]
    );
}

#[test]
fn a_stop_waits_for_its_reason_and_not_for_ever() {
    for answer in [Outcome::Found(vec![line("exit", "stopped", 60)]), Outcome::NotFound] {
        let mut bench = Bench::adopted(Rules::ALL);
        bench.org(&[machine("m1", "stopped", 60)]);
        assert!(bench.story.is_empty());
        assert!(bench.last.as_ref().unwrap().asks.iter().any(|ask| matches!(ask, Ask::Log { .. })));
        bench.log("m1", answer.clone());
        assert_eq!(bench.story, ["machine.stopped machine:m1"]);
        let data = bench.last.as_ref().unwrap().events[0].data(|| json!({"id": "m1"}));
        assert_eq!(data["id"], "m1");
        let reason =
            matches!(answer, Outcome::Found(_)).then(|| json!({"exit_code": 137, "oom_killed": true}));
        assert_eq!(data.get("reason").cloned(), reason);
    }
    let mut bench = Bench::adopted(Rules::ALL);
    bench.org(&[machine("m1", "stopped", 60)]);
    bench.pass(10);
    bench.control();
    assert_eq!(bench.story, ["machine.stopped machine:m1"], "the log did not come");
}

#[test]
fn a_machine_is_in_memory_without_its_object_and_its_end_is_told_as_it_was_stored() {
    let mut bench = Bench::adopted(Rules::ALL);
    assert!(bench.mirror.rows().count() > 1 && bench.mirror.rows().all(|row| row.raw.is_none()));
    bench.pass(60);
    bench.own("web", &[]);
    bench.shown("m1", Outcome::NotFound);
    let delta = bench.last.as_ref().unwrap();
    let [destroyed] = &delta.events[..] else { panic!("{:?}", delta.events) };
    assert_eq!((destroyed.kind, &destroyed.object, &delta.rows[0].raw), ("machine.destroyed", &None, &None));
    assert_eq!(destroyed.data(|| json!({"id": "m1"})), json!({"id": "m1"}));
}

#[test]
fn a_machine_that_destroys_itself_is_told_with_its_last_stop() {
    let mut bench = Bench::adopted(Rules::ALL);
    bench.org(&[machine("m1", "destroyed", 60)]);
    bench.log("m1", Outcome::Found(vec![line("destroy", "destroyed", 60), line("exit", "stopped", 59)]));
    assert_eq!(bench.story, ["machine.stopped machine:m1", "machine.destroyed machine:m1"]);
    bench.org(&[machine("m1", "destroyed", 60)]);
    bench.own("web", &[]);
    assert_eq!(bench.story.len(), 2, "it is destroyed once");
}

#[test]
fn a_machine_born_and_gone_between_looks_is_told_and_an_old_corpse_is_not() {
    let mut bench = Bench::adopted(Rules::ALL);
    bench.org(&[machine("m2", "destroyed", 200), machine("m3", "destroyed", 50)]);
    bench.log("m2", Outcome::Found(Vec::new()));
    assert_eq!(bench.story, ["machine.created machine:m2", "machine.destroyed machine:m2"]);
}

#[test]
fn unknown_words_are_kept_and_told() {
    let mut bench = Bench::adopted(Rules::ALL);
    let mut odd = machine("m1", "levitating", 60);
    odd.log = vec![line("levitate", "levitating", 60)];
    bench.own("web", &[odd]);
    assert_eq!(bench.story, ["machine.updated machine:m1"]);
    assert_eq!(bench.last.as_ref().unwrap().events[0].subject.state, "levitating");
    bench.own("web", &[machine("m1", "stopping", 61)]);
    assert_eq!(bench.story.len(), 1, "a state on the way to another is none");
}

#[test]
fn a_line_that_nobody_knows_does_not_outdate_a_sight() {
    let mut bench = Bench::adopted(Rules::ALL);
    let mut suspended = machine("m1", "suspended", 60);
    suspended.log = vec![line("checkpoint", "observed", 65)];
    bench.own("web", &[suspended]);
    assert_eq!(bench.story, ["machine.suspended machine:m1"]);
}

#[test]
fn labels_and_versions_are_updates() {
    let mut bench = Bench::adopted(Rules::ALL);
    let mut changed = machine("m1", "started", 60);
    changed.image = Some("nginx:2".to_owned());
    changed.instance = Some("01B".to_owned());
    bench.own("web", &[changed.clone()]);
    changed.instance = Some("01C".to_owned());
    changed.updated_at = Some(at(61));
    bench.own("web", &[changed.clone()]);
    bench.own("web", &[changed]);
    assert_eq!(bench.story, ["machine.updated machine:m1"; 2]);
    let row = bench.mirror.row(&"machine:m1".parse().unwrap()).unwrap();
    assert_eq!(row.version, 3);
    assert_eq!(
        serde_json::Value::Object(row.labels.clone()),
        json!({"region": "fra", "image": "nginx:2", "metadata": {"plan": "pro"}})
    );
}

#[test]
fn nobody_is_gone_in_another_tick_than_the_control_read() {
    let mut bench = Bench::adopted(Rules::ALL);
    bench.pass(120);
    bench.apps(&[]);
    assert!(bench.last.as_ref().unwrap().asks.contains(&Ask::App { app: "web".to_owned() }));
    bench.app("web", Outcome::NotFound);
    assert!(bench.last.as_ref().unwrap().asks.contains(&Ask::Control));
    bench.pass(5);
    bench.control();
    assert!(bench.story.is_empty());
    bench.app("web", Outcome::NotFound);
    assert_eq!(bench.story, ["machine.destroyed machine:m1", "app.deleted app:a1"]);
    bench.app("web", Outcome::NotFound);
    bench.apps(&[]);
    assert_eq!(bench.story.len(), 2);
}

#[test]
fn another_token_or_a_narrower_one_proves_nothing() {
    let mut bench = Bench::adopted(Rules::ALL);
    bench.pass(120);
    bench.apps(&[]);
    bench.app("web", Outcome::NotFound);
    bench.look.token = "cleanup".to_owned();
    bench.control();
    assert!(bench.story.is_empty());
    bench.look.token = "watch".to_owned();
    let narrow = Reach { apps: Some(["shop".to_owned()].into()), ..reach() };
    bench.see(&Observation::Control { outcome: Outcome::Found(narrow.clone()) });
    bench.see(&Observation::Control { outcome: Outcome::Found(narrow.clone()) });
    assert_eq!(bench.story, ["source.reach opened"]);
    let delta = bench.mirror.accept_reach(&bench.look, &narrow);
    bench.take(delta);
    bench.see(&Observation::Control { outcome: Outcome::Found(narrow) });
    assert_eq!(
        bench.story[1..],
        ["source.reach resolved", "machine.destroyed machine:m1", "app.deleted app:a1"]
    );
}

/// Fifty apps, adopted a while ago.
pub(super) fn fleet() -> (Bench, Vec<crate::mirror::AppSeen>) {
    let mut bench = Bench::empty(Config::new("acme"));
    let fleet: Vec<_> = (0..50).map(|n| app(&format!("c{n}"), &format!("cust-{n}"))).collect();
    bench.control();
    bench.apps(&fleet);
    bench.pass(120);
    (bench, fleet)
}

#[test]
fn a_few_ends_are_believed_and_the_next_within_the_window_are_not() {
    let (mut bench, fleet) = fleet();
    for gone in 1..=4 {
        bench.pass(5);
        bench.apps(&fleet[gone..]);
        bench.control();
        bench.app(&format!("cust-{}", gone - 1), Outcome::NotFound);
    }
    let ends = ["app.deleted app:c0", "app.deleted app:c1", "app.deleted app:c2", "source.vanish opened"];
    assert_eq!(bench.story, ends);
    bench.pass(700);
    bench.apps(&fleet[4..]);
    assert_eq!(bench.story.len(), 4, "it is said once, and time alone approves nothing");
    bench.apps(&fleet[3..]);
    assert_eq!(bench.story[4..], ["source.vanish resolved"]);
}

#[test]
fn what_is_held_is_believed_once_approved_and_confirmed() {
    let (mut bench, fleet) = fleet();
    bench.apps(&fleet[40..]);
    assert_eq!(bench.story, ["source.vanish opened"]);
    // The hold outlives a restart.
    let rows: Vec<_> = bench.mirror.rows().cloned().collect();
    let cursor = serde_json::to_string(bench.mirror.cursor()).unwrap();
    let cursor = serde_json::from_str(&cursor).unwrap();
    bench.mirror = Mirror::from_rows(Config::new("acme"), rows, Some(cursor));
    bench.apps(&fleet[40..]);
    bench.control();
    bench.app("cust-0", Outcome::NotFound);
    assert_eq!(bench.story, ["source.vanish opened"]);
    // Who vanished since whoever approves was shown them is not believed gone.
    let gone: BTreeSet<Uid> =
        fleet[..40].iter().map(|app| format!("app:{}", app.id).parse().unwrap()).collect();
    let but_one = gone.iter().skip(1).cloned().collect();
    let some = bench.mirror.approve_vanished(&bench.look, &but_one);
    let mut others = bench.clone();
    others.take(some);
    assert_eq!(others.story, ["source.vanish opened"], "one is held, and `cust-0` is that one");
    let delta = bench.mirror.approve_vanished(&bench.look, &gone);
    bench.take(delta);
    assert_eq!(bench.story[1..], ["source.vanish resolved", "app.deleted app:c0"]);
    bench.apps(&fleet[40..]);
    for n in 1..40 {
        bench.app(&format!("cust-{n}"), Outcome::NotFound);
    }
    assert_eq!(bench.story.len(), 2 + 40);
    bench.pass(5);
    bench.apps(&fleet[41..]);
    bench.control();
    bench.app("cust-40", Outcome::NotFound);
    assert_eq!(bench.story.len(), 2 + 41, "approved ends leave the window free");
}

#[test]
fn machines_inferred_gone_are_counted_and_destroyed_ones_are_not() {
    let many: Vec<_> = (0..20).map(|n| format!("n{n}")).collect();
    let fleet: Vec<_> = many.iter().map(|id| machine(id, "started", 10)).collect();
    let adopt = || {
        let mut bench = Bench::empty(Config::new("acme"));
        bench.apps(&[app("a1", "web")]);
        bench.own("web", &fleet);
        bench.pass(60);
        bench.own("web", &[]);
        bench
    };
    let mut shown = adopt();
    for id in &many {
        shown.shown(id, Outcome::Found(machine(id, "destroyed", 50)));
        shown.log(id, Outcome::NotFound);
    }
    assert_eq!(shown.story.len(), 20);
    let mut inferred = adopt();
    for id in &many {
        inferred.shown(id, Outcome::NotFound);
    }
    assert_eq!(inferred.story, ["source.vanish opened"]);
}

#[test]
fn a_machine_of_the_next_incarnation_is_not_ended_with_the_last() {
    let mut bench = Bench::adopted(Rules::ALL);
    bench.pass(5);
    bench.own("web", &[machine("m2", "created", 104)]);
    bench.pass(5);
    bench.apps(&[app("a2", "web")]);
    bench.control();
    bench.app("web", Outcome::Found(app("a2", "web")));
    assert_eq!(
        bench.story[1..],
        ["machine.destroyed machine:m1", "app.deleted app:a1", "app.created app:a2"]
    );
    let heir = bench.mirror.row(&"machine:m2".parse().unwrap()).unwrap();
    assert_eq!(heir.parent.as_ref().unwrap().as_str(), "app:a2");
    assert_eq!(bench.mirror.members(&"app:a2".parse().unwrap()).count(), 1);
}

#[test]
fn who_was_believed_gone_and_is_shown_lives_again() {
    let mut bench = Bench::adopted(Rules::ALL);
    bench.pass(120);
    bench.apps(&[]);
    bench.control();
    bench.app("web", Outcome::NotFound);
    bench.apps(&[app("a1", "web")]);
    assert_eq!(bench.story.len(), 2, "a list may lag: only a look at the app itself counts");
    bench.app("web", Outcome::Found(app("a1", "web")));
    assert_eq!(bench.story[2..], ["source.returned opened", "app.created app:a1"]);
    bench.own("web", &[machine("m1", "started", 10)]);
    bench.shown("m1", Outcome::Found(machine("m1", "started", 10)));
    bench.log("m1", Outcome::Found(Vec::new()));
    assert_eq!(
        bench.story[4..],
        ["source.returned opened", "machine.created machine:m1", "machine.started machine:m1"]
    );
}

#[test]
fn pages_of_an_older_reading_do_not_move_the_cursor() {
    let mut bench = Bench::adopted(Rules::ALL);
    let old = bench.mirror.org_query();
    bench.page(OrgPage { next: Some("c2".to_owned()), ..OrgPage::default() });
    let page = OrgPage { last_updated_at: Some(at(9_000)), ..OrgPage::default() };
    bench.see(&Observation::OrgPage { query: old, outcome: Outcome::Found(page) });
    assert_eq!(bench.mirror.org_query().cursor.as_deref(), Some("c2"));
    let query = bench.mirror.org_query();
    bench.see(&Observation::OrgPage { query, outcome: Outcome::Failed });
    assert_eq!(bench.mirror.org_query().cursor, None, "a reading that broke off begins anew");
    assert_eq!(bench.mirror.org_query().updated_after, Some(at(10 - 900)));
}

#[test]
fn observations_can_be_written_down() {
    let text = r#"{"look": "machines", "app": "web", "outcome": {"outcome": "found", "seen": [{"id": "m1", "state": "started"}]}}"#;
    let read: Observation = serde_json::from_str(text).unwrap();
    let mut bench = Bench::adopted(Rules::ALL);
    bench.see(&read);
    assert!(bench.story.is_empty());
    let again: Observation = serde_json::from_str(&serde_json::to_string(&read).unwrap()).unwrap();
    assert_eq!(again, read);
    let text = r#"{"look": "app", "app": "web", "outcome": {"outcome": "not-found"}}"#;
    assert!(serde_json::from_str::<Observation>(text).is_ok());
}

#[test]
fn rows_and_cursor_survive_being_stored() {
    let bench = Bench::adopted(Rules::ALL);
    for row in bench.mirror.rows() {
        let text = serde_json::to_string(row).unwrap();
        assert_eq!(serde_json::from_str::<crate::mirror::Row>(&text).unwrap(), *row);
    }
}

#[test]
fn a_refused_look_at_an_app_is_over_once_the_app_is_readable() {
    let readable: [fn(&mut Bench); 4] = [
        |bench| bench.app("web", Outcome::Found(app("a1", "web"))),
        |bench| bench.own("web", &[machine("m1", "started", 10)]),
        |bench| bench.app("web", Outcome::NotFound),
        |bench| bench.app("web", Outcome::Forbidden),
    ];
    for (way, readable) in readable.into_iter().enumerate() {
        let mut bench = Bench::adopted(Rules::ALL);
        bench.apps(&[app("a1", "web"), app("a2", "shop")]);
        bench.pass(120);
        bench.story.clear();
        for name in ["web", "shop"] {
            bench.app(name, Outcome::Unauthorized);
        }
        bench.app("web", Outcome::Failed);
        assert_eq!(bench.story, ["source.unauthorized opened"; 2], "one of each app");
        bench.story.clear();
        readable(&mut bench);
        assert_eq!(bench.story[0], "source.unauthorized resolved", "{way}");
        readable(&mut bench);
        let resolved = bench.story.iter().filter(|line| line.as_str() == "source.unauthorized resolved");
        assert_eq!(resolved.count(), 1, "{way}: the other app's stays");
    }
}

/// A hundred apps of which the first three are believed gone, and then all others vanish and everybody returns.
fn returned_after_a_doubt() -> Bench {
    let fleet: Vec<_> = (0..100).map(|n| app(&format!("a{n}"), &format!("cust-{n}"))).collect();
    let mut bench = Bench::empty(Config::new("acme"));
    bench.control();
    bench.apps(&fleet);
    bench.pass(120);
    bench.apps(&fleet[3..]);
    bench.control();
    for n in 0..3 {
        bench.app(&format!("cust-{n}"), Outcome::NotFound);
    }
    bench.pass(5);
    bench.apps(&[]);
    bench.pass(5);
    bench.apps(&fleet);
    bench
}

#[test]
fn ends_that_were_believed_just_before_a_doubt_are_doubted_when_they_are_listed_again() {
    let mut bench = returned_after_a_doubt();
    let doubted = |bench: &Bench| !bench.story.contains(&"source.vanish resolved".to_owned());
    assert_eq!(bench.story.len(), 4, "three ends and the finding: {:?}", bench.story);
    bench.app("cust-0", Outcome::Found(app("a0", "cust-0")));
    bench.app("cust-1", Outcome::NotFound);
    assert!(doubted(&bench), "nobody has looked at cust-2 yet");
    bench.app("cust-2", Outcome::Found(app("b2", "cust-2")));
    assert!(!doubted(&bench), "{:?}", bench.story);
    assert!(bench.story.contains(&"app.created app:a0".to_owned()), "{:?}", bench.story);

    // Without a look: the next list does not show them.
    let mut bench = returned_after_a_doubt();
    let rest: Vec<_> = (3..100).map(|n| app(&format!("a{n}"), &format!("cust-{n}"))).collect();
    bench.pass(5);
    bench.apps(&rest);
    assert!(!doubted(&bench), "{:?}", bench.story);
}
