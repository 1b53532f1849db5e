//! Changes of the configuration freeze; what they would delete waits for a person.

use groundcrew_outside::What;

use crate::scene::{RECORDS, Scene, Up};

/// Sixteen apps with their records, and a runner that made them.
fn sixteen(stanzas: &str) -> (Scene, Up) {
    let scene = Scene::with_apps(16);
    scene.configure(stanzas);
    let up = scene.up();
    scene.until_records(1..=16);
    (scene, up)
}

/// Ends the runner, changes its configuration, and starts it again.
fn changed(scene: &Scene, mut up: Up, stanzas: &str) -> Up {
    up.end();
    scene.configure(stanzas);
    let up = scene.up();
    scene.until_ready();
    up
}

#[test]
fn a_narrowed_scope_deletes_nothing_and_widening_it_again_goes_on() {
    let scoped = |apps: &str| {
        RECORDS.replace("gone = \"delete\"", "scope = \"some\"\ngone = \"delete\"")
            + &format!("[scope.some]\napps = {apps}\n")
    };
    let (scene, up) = sixteen(&scoped(r#"["cust-*"]"#));
    let up = changed(&scene, up, &scoped(r#"["cust-1"]"#));
    scene.until_listed(6);
    // One that is out of scope changes, one ends, one comes; one that is still in it ends.
    scene.delete_app("cust-2");
    scene.delete_app("cust-1");
    scene.create_app("cust-17");
    scene.until_records(2..=16);
    scene.until_listed(6);
    assert_eq!(scene.times(What::Deleted), 1, "only the one in scope");
    let finding = scene.until("a finding says so", || scene.open_findings("hook.scope").pop());
    assert_eq!(scene.findings("hook.scope").len(), 1);
    assert!(finding["message"].as_str().unwrap().starts_with("15 of its things"), "{finding}");

    let mut up = changed(&scene, up, &scoped(r#"["cust-*"]"#));
    scene.until_records(3..=17);
    scene.until_so("the finding is closed", || scene.open_findings("hook.scope").is_empty());
    let expected: Vec<_> = (3..=17).map(|n| (format!("cust-{n}"), format!("natural/cust-{n}"))).collect();
    scene.is_clean(expected.iter().map(|(app, key)| (app.as_str(), key.as_str())));
    up.end();
}

#[test]
fn a_removed_stanza_leaves_its_things_and_is_mended_as_doctor_says() {
    let (scene, up) = sixteen(RECORDS);
    let up = changed(&scene, up, "");
    scene.delete_app("cust-1");
    scene.until_listed(8);
    assert_eq!(scene.times(What::Deleted), 0);
    let doctor = scene.groundcrew(&["doctor"]);
    assert_eq!(doctor.code, Some(1), "{doctor:?}");
    assert!(doctor.out.contains("records is detached") && doctor.out.contains("16 things"), "{doctor:?}");
    assert!(doctor.out.contains("write [hook.records] back"), "{doctor:?}");

    let mut up = changed(&scene, up, RECORDS);
    scene.until_records(2..=16);
    assert_eq!(scene.times(What::Deleted), 1);
    scene.was_polite();
    up.end();
}

#[test]
fn a_renamed_stanza_keeps_its_things() {
    let (scene, up) = sixteen(RECORDS);
    let renamed = RECORDS.replace("[hook.records]", "[hook.names]");
    let mut up = changed(&scene, up, &renamed);
    scene.create_app("cust-17");
    scene.delete_app("cust-1");
    scene.until_records(2..=17);
    assert_eq!((scene.times(What::Created), scene.times(What::Deleted)), (17, 1));
    assert!(scene.list(&["resources"]).iter().all(|row| row["hook"] == "names"));
    scene.was_polite();
    up.end();
}

#[test]
fn a_changed_identity_is_refused_and_changing_it_back_goes_on() {
    let (scene, mut up) = sixteen(RECORDS);
    up.end();
    // The same outside under another name is another target.
    scene.configure(&RECORDS.replace(
        "server = \"$SHOP\"",
        &format!("server = \"{}\"", scene.shop.replace("127.0.0.1", "localhost")),
    ));
    let mut refused = scene.up();
    let status = scene.until("it ends by itself", || refused.0.try_wait().unwrap());
    let said = scene.log();
    assert!(!status.success(), "{said}");
    for words in [
        "hook `records` moved from",
        "16 of its things",
        "groundcrew hook retarget records --retain | --both",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!((scene.times(What::Created), scene.times(What::Deleted)), (16, 0));

    scene.configure(RECORDS);
    let mut up = scene.up();
    scene.delete_app("cust-1");
    scene.until_records(2..=16);
    assert_eq!(scene.times(What::Created), 16);
    up.end();
}

#[test]
fn what_a_changed_configuration_would_delete_waits_for_approval() {
    let two = RECORDS
        .replace("value = 1 }", "value = 1 }, { kind = \"natural\", key = \"also-{app}\", value = 1 }");
    let scene = Scene::with_apps(3);
    scene.configure(&two);
    let up = scene.up();
    scene.until_so("six records", || scene.keys().len() == 6);
    let mut up = changed(&scene, up, RECORDS);
    let held =
        scene.until("three removals wait", || Some(scene.list(&["approve"])).filter(|held| held.len() == 3));
    scene.until_listed(6);
    assert_eq!(scene.times(What::Deleted), 0);
    let findings = scene.open_findings("resource.held");
    assert_eq!(findings.len(), 3, "{findings:#?}");
    assert!(findings[0]["message"].as_str().unwrap().contains("configuration changed"), "{findings:#?}");

    // The command of the first finding ends that one; `--all` the others.
    let remedy = findings[0]["remedy"].as_str().unwrap().strip_prefix("groundcrew ").unwrap();
    scene.says(&[&remedy.split(' ').collect::<Vec<_>>()[..], &["--yes"]].concat());
    scene.until_so("one is gone", || scene.keys().len() == 5);
    scene.until_listed(4);
    assert_eq!(scene.times(What::Deleted), 1, "{held:#?}");
    scene.says(&["approve", "--all", "--yes"]);
    scene.until_records(1..=3);
    scene.until_so("nothing is held", || scene.open_findings("resource.held").is_empty());
    scene.is_clean([
        ("cust-1", "natural/cust-1"),
        ("cust-2", "natural/cust-2"),
        ("cust-3", "natural/cust-3"),
    ]);
    up.end();
}
