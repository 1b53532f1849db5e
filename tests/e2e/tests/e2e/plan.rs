//! Plan and apply through the shipped binary: exactly what was planned is done, once, and nothing else.

use groundcrew_outside::What;
use serde_json::{Value, json};

use crate::scene::{RECORDS, Scene};

/// What is planned, as `action app`.
pub(crate) fn planned(scene: &Scene, arguments: &[&str]) -> Vec<String> {
    let mut all = vec!["plan", "--json"];
    all.extend(arguments);
    let plan: Value = serde_json::from_str(&scene.says(&all)).unwrap();
    let item = |item: &Value| {
        let app = item["owner"].as_str().unwrap().rsplit('/').next().unwrap();
        format!("{} {app}", item["action"].as_str().unwrap())
    };
    plan["items"].as_array().unwrap().iter().map(item).collect()
}

#[test]
fn what_is_applied_is_done_once_and_nothing_else_at_observe() {
    let scene = Scene::with_apps(2);
    scene.configure(&RECORDS.replace("[hook.records]", "[hook.records]\nlevel = \"observe\""));
    let mut up = scene.up();
    scene.until_ready();
    scene.until_so("both are asked", || scene.list(&["resources"]).len() == 2);
    assert_eq!(planned(&scene, &[]), ["create cust-1", "create cust-2"]);
    scene.says(&["plan", "--app", "cust-2", "--out", "p.json"]);
    scene.says(&["apply", "p.json", "--yes"]);
    scene.until_so("one is made", || !scene.keys().is_empty());
    scene.until_listed(4);
    assert_eq!(planned(&scene, &[]), ["create cust-1"]);
    assert!(scene.groundcrew(&["apply", "p.json", "--yes"]).code != Some(0), "it exists by now");

    // A plan made with another configuration is not applied.
    scene.says(&["plan", "--out", "p.json"]);
    scene.configure(&RECORDS.replace("value = 1", "value = 2"));
    let said = scene.groundcrew(&["apply", "p.json", "--yes"]);
    assert_ne!(said.code, Some(0));
    assert!(said.err.contains("component or configuration of hook `records` is another one"), "{}", said.err);
    assert_eq!((scene.times(What::Created), scene.times(What::Deleted)), (1, 0));
    scene.is_clean([("cust-2", "natural/cust-2")]);
    up.end();
}

#[test]
fn an_update_is_not_applied_to_what_somebody_changed_meanwhile() {
    let scene = Scene::with_apps(2);
    scene.configure(RECORDS);
    let mut up = scene.up();
    scene.until_records(1..=2);
    scene.until_on_record(2);
    up.end();
    let observing = RECORDS.replace("[hook.records]", "[hook.records]\nlevel = \"observe\"");
    scene.configure(&observing.replace("value = 1", "value = 2"));
    let mut up = scene.up();
    let both = ["update cust-1", "update cust-2"];
    scene.until_so("both would be updated", || planned(&scene, &[]) == both);
    scene.says(&["plan", "--out", "p.json"]);

    let record = |app: &str| {
        let path = format!("/natural/{app}");
        scene.outside.handle("GET", &path, &[], &[]).answer().unwrap().json()
    };
    scene.somebody("PUT", "/natural/cust-1", &json!({ "value": 7, "mark": record("cust-1")["mark"] }));
    scene.says(&["apply", "p.json", "--yes"]);
    scene.until_so("what is as it was is updated", || record("cust-2")["value"] == 2);
    scene.until_listed(8);
    assert_eq!(record("cust-1")["value"], 7, "nobody was shown that this would be overwritten");

    assert_eq!(planned(&scene, &[]), ["update cust-1"]);
    scene.says(&["plan", "--out", "p.json"]);
    scene.says(&["apply", "p.json", "--yes"]);
    scene.until_so("now somebody was", || record("cust-1")["value"] == 2);
    up.end();
}

#[test]
fn what_is_applied_waits_for_the_end_of_a_pause_and_of_a_protection() {
    let scene = Scene::with_apps(2);
    // At this level nothing is removed by itself, so that what is applied is what removes.
    scene.configure(&RECORDS.replace("[hook.records]", "[hook.records]\nlevel = \"no-deletes\""));
    let mut up = scene.up();
    scene.until_records(1..=2);
    scene.delete_app("cust-1");
    scene.until_so("a removal is planned", || planned(&scene, &[]) == ["delete cust-1"]);
    scene.says(&["plan", "--out", "p.json"]);
    scene.says(&["pause"]);
    scene.says(&["apply", "p.json", "--yes"]);
    scene.until_listed(8);
    assert_eq!(scene.times(What::Deleted), 0, "it is paused");
    scene.says(&["unpause"]);
    scene.until_so("it is removed", || scene.times(What::Deleted) == 1);
    scene.until_records(2..=2);

    scene.delete_app("cust-2");
    scene.until_so("another is planned", || planned(&scene, &[]) == ["delete cust-2"]);
    scene.says(&["plan", "--out", "p.json"]);
    scene.says(&["protect", "natural/cust-2"]);
    scene.says(&["apply", "p.json", "--yes"]);
    scene.until_listed(8);
    assert_eq!(scene.times(What::Deleted), 1, "it is protected");
    scene.says(&["unprotect", "natural/cust-2"]);
    scene.until_so("it is removed, too", || scene.times(What::Deleted) == 2);
    scene.is_clean([]);
    up.end();
}

#[test]
fn a_removal_whose_grace_outlasts_the_plan_is_done() {
    let scene = Scene::with_apps(1);
    let stanza = RECORDS.replace("[hook.records]", "[hook.records]\nlevel = \"no-deletes\"");
    let slow = stanza.replace("gone = \"1s\"", "gone = \"6s\"");
    assert_ne!(slow, stanza);
    scene.configure(&slow);
    let mut up = scene.up();
    scene.until_records(1..=1);
    scene.delete_app("cust-1");
    scene.until_so("a removal is planned", || planned(&scene, &[]) == ["delete cust-1"]);
    scene.says(&["plan", "--out", "p.json"]);
    let path = scene.directory.path().join("p.json");
    let mut plan: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    // The plan's last seconds; grace begins when it is applied.
    let made: jiff::Timestamp = plan["made_at"].as_str().unwrap().parse().unwrap();
    plan["until"] = json!((made + jiff::SignedDuration::from_secs(3)).to_string());
    std::fs::write(&path, plan.to_string()).unwrap();
    scene.says(&["apply", "p.json", "--yes"]);
    scene.until_so("it is removed", || scene.times(What::Deleted) == 1);
    scene.is_clean([]);
    up.end();
}

#[test]
fn a_replacement_is_applied_to_what_is_as_it_was_planned() {
    let scene = Scene::with_apps(2);
    // At this level nothing is removed by itself, and what is to be comes from a label.
    let stanza = RECORDS.replace("[hook.records]", "[hook.records]\nlevel = \"no-deletes\"");
    scene.configure(&stanza.replace("value = 1", "value = 1, shape = \"{labels.shape}\""));
    let mut up = scene.up();
    scene.until_ready();
    let shape = |shape: &str| {
        for app in ["cust-1", "cust-2"] {
            scene.says(&["label", "set", app, &format!("shape={shape}")]);
        }
    };
    shape("a");
    scene.until_records(1..=2);
    scene.until_on_record(2);
    shape("b");
    let both = ["replace cust-1", "replace cust-2"];
    scene.until_so("both would be replaced", || planned(&scene, &[]) == both);
    scene.says(&["plan", "--out", "p.json"]);
    let record = |app: &str| {
        let path = format!("/natural/{app}");
        scene.outside.handle("GET", &path, &[], &[]).answer().unwrap().json()
    };
    let mark = record("cust-1")["mark"].clone();
    scene.somebody("PUT", "/natural/cust-1", &json!({ "value": 7, "shape": "a", "mark": mark }));
    scene.says(&["apply", "p.json", "--yes"]);
    scene.until_so("what is as it was is another", || record("cust-2")["shape"] == "b");
    scene.until_listed(8);
    assert_eq!((&record("cust-1")["value"], &record("cust-1")["shape"]), (&json!(7), &json!("a")));
    assert_eq!((scene.times(What::Created), scene.times(What::Deleted)), (3, 1));
    let left = planned(&scene, &[]);
    assert!(left.len() == 1 && left[0].ends_with(" cust-1"), "{left:?}");
    up.end();
}

#[test]
fn of_a_plan_what_was_done_or_changed_meanwhile_is_left_out_and_said() {
    let scene = Scene::with_apps(3);
    let observing = RECORDS.replace("[hook.records]", "[hook.records]\nlevel = \"observe\"");
    scene.configure(&observing);
    let mut up = scene.up();
    scene.until_ready();
    scene.until_so("all are asked", || scene.list(&["resources"]).len() == 3);
    scene.says(&["plan", "--out", "all.json"]);
    scene.says(&["plan", "--app", "cust-2", "--out", "one.json"]);
    scene.says(&["apply", "one.json", "--yes"]);
    scene.until_so("one is made", || scene.keys().len() == 1);
    scene.until_on_record(1);
    scene.delete_app("cust-3");
    scene.until_so("the end of another is known", || {
        scene.list(&["resources"]).iter().filter(|row| row["owner"] == "fly/acme/cust-3").count() == 0
    });
    let said = scene.groundcrew(&["apply", "all.json", "--yes"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    for left in ["cust-2", "cust-3"] {
        let line = said.out.lines().find(|line| line.contains("left out") && line.contains(left));
        assert!(line.is_some(), "{left}: {said:?}");
    }
    scene.until_records(1..=2);
    scene.until_listed(6);
    assert_eq!(scene.times(What::Created), 2);
    up.end();
}
