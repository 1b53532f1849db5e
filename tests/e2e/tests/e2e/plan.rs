//! Plan and apply through the shipped binary: exactly what was planned is done, once, and nothing else.

use groundcrew_outside::What;
use serde_json::Value;

use crate::scene::{RECORDS, Scene};

/// What is planned, as `action app`.
fn planned(scene: &Scene, arguments: &[&str]) -> Vec<String> {
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
