//! New components and configurations: what they must find, and what they may not remove.

use groundcrew_outside::{Act, Fault, What};

use crate::scene::{RECORDS, Scene, Up};

/// The same hook, whose things are looked for in another place: it finds none of them.
fn blind() -> String {
    // The field is no identity: the hook believes to be where it was.
    RECORDS.replace("things = [", "suffix = \"-v2\", things = [")
}

fn started(scene: &Scene, stanzas: &str) -> Up {
    scene.configure(stanzas);
    let up = scene.up();
    scene.until_ready();
    up
}

#[test]
fn a_version_that_does_not_find_the_old_ones_things_writes_nothing_until_it_is_approved() {
    let scene = Scene::with_apps(3);
    let mut up = started(&scene, RECORDS);
    scene.until_records(1..=3);
    scene.until_on_record(3);
    up.end();

    let mut up = started(&scene, &blind());
    let finding = scene.until("it is held", || scene.open_findings("hook.lost-sight").pop());
    let message = finding["message"].as_str().unwrap();
    assert!(message.contains("3 of 3 things that exist are not found"), "{message}");
    assert_eq!(finding["about"], "records");
    scene.create_app("cust-4");
    scene.delete_app("cust-1");
    scene.until_listed(8);
    assert_eq!((scene.times(What::Created), scene.times(What::Deleted)), (3, 0), "nothing is written");
    up.end();

    // It stays so over a restart; the version before finds them, and goes on.
    let mut up = started(&scene, &blind());
    scene.until_listed(4);
    assert_eq!(scene.open_findings("hook.lost-sight").len(), 1);
    up.end();
    let mut up = started(&scene, RECORDS);
    scene.until_records(2..=4);
    assert!(scene.open_findings("hook.lost-sight").is_empty());
    up.end();
    scene.is_clean([
        ("cust-2", "natural/cust-2"),
        ("cust-3", "natural/cust-3"),
        ("cust-4", "natural/cust-4"),
    ]);
}

#[test]
fn a_version_is_tried_with_who_lives_however_many_are_gone() {
    const APPS: u32 = 100;
    let scene = Scene::with_apps(APPS);
    // Ends are proven one by one, and who is gone keeps its record meanwhile.
    let kept = |stanzas: &str| {
        let kept = stanzas.replace("gone = \"1s\"", "gone = \"1h\"");
        format!("poll = \"2s\"\n{kept}limits = {{ parallel = 16, rate = \"1000/s\" }}\n")
    };
    let mut up = started(&scene, &kept(RECORDS));
    scene.until_records(1..=APPS);
    scene.until_on_record(100);
    for gone in 2..=APPS {
        scene.delete_app(&format!("cust-{gone}"));
    }
    scene.until("they are not believed", || scene.open_findings("source.vanish").pop());
    scene.until_listed(3);
    scene.says(&["approve", "--source", "vanished", "--yes"]);
    scene.until_so("their ends are believed", || {
        let rows = scene.list(&["resources"]);
        rows.iter().filter(|row| row["unwanted_since"].is_string()).count() == 99
    });
    up.end();

    let mut up = started(&scene, &kept(&blind()));
    let finding = scene.until("it is held", || scene.open_findings("hook.lost-sight").pop());
    let message = finding["message"].as_str().unwrap();
    assert!(message.contains("1 of 1 things that exist are not found (natural/cust-1 "), "{message}");
    scene.create_app("cust-101");
    scene.until_listed(4);
    assert_eq!((scene.times(What::Created), scene.times(What::Deleted)), (100, 0), "nothing is written");
    up.end();
}

#[test]
fn a_person_may_let_a_version_write_that_finds_nothing() {
    let scene = Scene::with_apps(2);
    let mut up = started(&scene, RECORDS);
    scene.until_records(1..=2);
    let early = scene.groundcrew(&["approve", "--upgrade", "records", "--yes"]);
    assert!(early.code == Some(1) && early.err.contains("no version of records waits"), "{early:?}");
    up.end();
    let mut up = started(&scene, &blind());
    scene.until("it is held", || scene.open_findings("hook.lost-sight").pop());
    scene.create_app("cust-3");
    scene.says(&["approve", "--upgrade", "records", "--yes"]);
    scene.until_so("it writes", || scene.times(What::Created) > 2);
    assert!(scene.open_findings("hook.lost-sight").is_empty());
    up.end();
}

#[test]
fn what_a_changed_configuration_removes_or_replaces_waits_for_approval() {
    let scene = Scene::with_apps(1);
    let two = RECORDS.replace(
        "value = 1 }",
        "value = 1 }, { kind = \"natural\", key = \"{app}-fixed\", value = 1, shape = \"a\" }",
    );
    let mut up = started(&scene, &two);
    scene.until_so("both are there", || scene.keys().len() == 2);
    up.end();
    // One is asked for no more, of the other a field that cannot change.
    let other = two
        .replace("shape = \"a\"", "shape = \"b\"")
        .replace("{ kind = \"natural\", key = \"{app}\", value = 1 }, ", "");
    scene.configure(&other);
    let plan = scene.says(&["plan", "--hook", "records"]);
    assert!(plan.contains("configuration changed and asks for less: approve"), "{plan}");
    assert!(plan.contains("configuration changed and asks for a replacement: approve"), "{plan}");
    let mut up = scene.up();
    scene.until_ready();
    scene.until_so("both are held", || scene.list(&["approve"]).len() == 2);
    scene.until_listed(6);
    assert_eq!(scene.times(What::Deleted), 0);
    scene.says(&["approve", "--all", "--yes"]);
    scene.until_so("one is gone, one is replaced", || {
        scene.times(What::Deleted) == 2 && scene.keys().into_iter().eq(["natural/cust-1-fixed".to_owned()])
    });
    up.end();
    scene.is_clean([("cust-1", "natural/cust-1-fixed")]);
}

#[test]
fn what_another_component_asks_for_no_more_goes_only_when_it_is_approved() {
    let scene = Scene::with_apps(2);
    // The next version comes first: the one after it wants one thing less.
    let mut up = started(&scene, &RECORDS.replace("$THINGS", "$NEXT"));
    scene.until_so("all is there", || scene.keys().len() == 4);
    up.end();

    scene.configure(RECORDS);
    let plan = scene.says(&["plan"]);
    assert_eq!(plan.matches("the component changed and asks for less: approve").count(), 2, "{plan}");
    let mut up = scene.up();
    scene.until_so("both are held", || scene.list(&["approve"]).len() == 2);
    let held = scene.says(&["approve"]);
    for app in ["cust-1", "cust-2"] {
        assert!(held.contains(&format!("natural/{app}-extra")), "{held}");
    }
    assert_eq!(held.matches("the component changed and asks for less: approve").count(), 2, "{held}");
    scene.until_listed(6);
    assert_eq!(scene.times(What::Deleted), 0, "grace has passed, and nobody approved");

    let row = scene.list(&["approve"])[0]["row"].as_str().unwrap().to_owned();
    scene.says(&["approve", &row, "--yes"]);
    scene.until_so("that one is gone", || scene.times(What::Deleted) == 1);
    scene.until_listed(6);
    assert_eq!(scene.times(What::Deleted), 1, "and no other");
    scene.says(&["approve", "--all", "--yes"]);
    scene.until_records(1..=2);
    scene.until_on_record(2);
    up.end();
    assert_eq!((scene.times(What::Created), scene.times(What::Updated)), (4, 0));
    scene.is_clean([("cust-1", "natural/cust-1"), ("cust-2", "natural/cust-2")]);
}

#[test]
fn a_component_that_does_not_find_its_predecessors_things_writes_nothing() {
    let scene = Scene::with_apps(2);
    let mut up = started(&scene, RECORDS);
    scene.until_records(1..=2);
    scene.until_on_record(2);
    up.end();
    let mut up = started(&scene, &RECORDS.replace("$THINGS", "$ELSEWHERE"));
    let finding = scene.until("it is held", || scene.open_findings("hook.lost-sight").pop());
    let message = finding["message"].as_str().unwrap();
    assert!(message.contains("2 of 2 things that exist are not found"), "{message}");
    scene.create_app("cust-3");
    scene.until_listed(8);
    assert_eq!(scene.outside.log().len(), 2, "nothing is written");
    up.end();
    let mut up = started(&scene, RECORDS);
    scene.until_records(1..=3);
    assert!(scene.open_findings("hook.lost-sight").is_empty());
    up.end();
}

#[test]
fn a_component_that_does_not_find_a_creation_in_doubt_makes_no_second_one() {
    let scene = Scene::with_apps(1);
    // It takes effect, and nobody is told.
    scene.outside.once(Some("POST"), Fault::Held);
    scene.outside.once(Some("PUT"), Fault::Held);
    let mut up = started(&scene, RECORDS);
    scene.until_records(1..=1);
    // Killed, not ended: the answer never comes.
    up.0.kill().unwrap();
    drop(up);
    assert_eq!(scene.list(&["resources"])[0]["state"], "in-doubt");

    let mut up = started(&scene, &RECORDS.replace("$THINGS", "$ELSEWHERE"));
    let finding = scene.until("it is held", || scene.open_findings("hook.lost-sight").pop());
    let message = finding["message"].as_str().unwrap();
    assert!(message.contains("1 of 1 creations in doubt are not found"), "{message}");
    scene.until_listed(8);
    assert_eq!(scene.times(What::Created), 1, "nothing is written");
    up.end();

    // One that finds it goes on by itself.
    let mut up = started(&scene, &RECORDS.replace("$THINGS", "$NEXT"));
    scene.until_so("it is found, and what is new is made", || scene.keys().len() == 2);
    assert!(scene.open_findings("hook.lost-sight").is_empty());
    up.end();
    scene.is_clean([("cust-1", "natural/cust-1"), ("cust-1", "natural/cust-1-extra")]);
}

#[test]
fn a_change_is_counted_for_everybody_before_anybody_is_looked_at_and_told_until_all_is_done() {
    let scene = Scene::with_apps(3);
    let mut up = started(&scene, &RECORDS.replace("$THINGS", "$NEXT"));
    scene.until_so("all is there", || scene.keys().len() == 6);
    assert!(scene.open_findings("hook.changed").is_empty(), "a first version changes nothing");
    up.end();

    // The outside is down: what is wanted can be compared without it.
    scene.outside.script(0, "/natural", Act::Vanish);
    scene.configure(RECORDS);
    let mut up = scene.up();
    let finding = scene.until("it is told", || scene.open_findings("hook.changed").pop());
    assert_eq!(
        finding["message"],
        "another component changes 3 of 3 owners: makes 0 things, changes 0, replaces 0, asks for 3 no more: what goes is held for approval"
    );
    assert_eq!((&finding["about"], &finding["severity"]), (&"records".into(), &"warning".into()));
    scene.outside.script(0, "/natural", Act::Appear);
    scene.until_so("three are held", || scene.list(&["approve"]).len() == 3);
    let since = finding["since"].as_str().unwrap();
    let rows = scene.list(&["resources"]);
    let unwanted: Vec<_> = rows.iter().filter_map(|row| row["unwanted_since"].as_str()).collect();
    assert_eq!(unwanted.len(), 3, "{rows:?}");
    assert!(unwanted.iter().all(|at| *at >= since), "asked before all was counted at {since}: {unwanted:?}");

    // Over a restart, too: what was counted when nobody followed yet is what is told.
    up.end();
    let mut up = scene.up();
    scene.until_ready();
    scene.until_listed(6);
    assert_eq!(scene.open_findings("hook.changed").pop().unwrap()["message"], finding["message"]);
    assert_eq!(scene.times(What::Deleted), 0);
    scene.says(&["approve", "--all", "--yes"]);
    scene.until_records(1..=3);
    scene.until_so("nothing is left to tell", || scene.open_findings("hook.changed").is_empty());
    up.end();
}
