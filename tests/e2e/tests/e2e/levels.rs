//! Grace, pauses and levels.

use groundcrew_outside::What;

use crate::scene::{RECORDS, Scene};

/// What an app has comes from its label.
const LABELLED: &str = r#"
[hook.records]
$THINGS
config = { server = "$SHOP" }
gone = "delete"
grace = { gone = "4s", unwanted = "4s" }
allow = ["GET,POST,PUT,DELETE {config.server}/*"]
"#;

const ONE: &str = r#"things=[{"kind":"natural","key":"a","value":1}]"#;

#[test]
fn a_want_that_returns_cancels_its_grace() {
    let scene = Scene::with_apps(1);
    scene.configure(LABELLED);
    let mut up = scene.up();
    scene.until_ready();
    scene.says(&["label", "set", "cust-1", ONE]);
    scene.until_so("it is there", || scene.keys().contains("natural/a"));
    for _ in 0..2 {
        scene.says(&["label", "set", "cust-1", "things=[]"]);
        scene.until_so("it is unwanted", || scene.list(&["resources"])[0]["unwanted_since"].is_string());
        scene.says(&["label", "set", "cust-1", ONE]);
        scene.until_so("it is wanted", || scene.list(&["resources"])[0]["unwanted_since"].is_null());
    }
    // Ten lists are five seconds: more than either grace.
    scene.until_listed(10);
    assert_eq!((scene.times(What::Created), scene.times(What::Deleted)), (1, 0));

    // Grace that nobody cancels ends.
    scene.says(&["label", "set", "cust-1", "things=[]"]);
    scene.until_so("it is gone", || scene.keys().is_empty());
    scene.is_clean([]);
    up.end();
}

#[test]
fn paused_at_no_deletes_things_are_made_and_none_removed() {
    let scene = Scene::with_apps(2);
    scene.configure(RECORDS);
    let mut up = scene.up();
    scene.until_records(1..=2);
    scene.says(&["pause", "--deletes"]);
    scene.delete_app("cust-1");
    scene.create_app("cust-3");
    scene.until_records(1..=3);
    scene.until_listed(8);
    assert_eq!(scene.times(What::Deleted), 0);
    let finding = scene.until("a finding says so", || scene.open_findings("resource.held").pop());
    let remedy = finding["remedy"].as_str().unwrap();
    assert_eq!(remedy, "groundcrew unpause", "{finding}");
    scene.says(&["unpause"]);
    scene.until_records(2..=3);
    scene.until_so("nothing is held", || scene.open_findings("resource.held").is_empty());
    scene.is_clean([("cust-2", "natural/cust-2"), ("cust-3", "natural/cust-3")]);
    up.end();
}

#[test]
fn paused_altogether_nothing_is_changed_and_unpause_makes_up_for_it() {
    let scene = Scene::with_apps(1);
    scene.configure(LABELLED);
    let mut up = scene.up();
    scene.until_ready();
    scene.says(&["label", "set", "cust-1", ONE]);
    scene.until_so("it is there", || scene.keys().contains("natural/a"));
    scene.says(&["pause", "--app", "cust-1"]);
    scene.says(&["label", "set", "cust-1", &ONE.replace("1}", "2}")]);
    let waiting = || scene.list(&["resources"])[0]["waiting"].to_string();
    scene.until_so("the change is planned", || waiting().contains("would be changed"));
    scene.until_listed(4);
    assert_eq!(scene.times(What::Updated), 0);
    scene.says(&["unpause", "--app", "cust-1"]);
    scene.until_so("it is changed", || scene.times(What::Updated) == 1);
    scene.is_clean([("cust-1", "natural/a")]);
    up.end();
}

#[test]
fn at_observe_everything_is_planned_and_nothing_changed_until_the_level_is_raised() {
    let observe = |scene: &Scene| {
        let file = scene.directory.path().join("groundcrew.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("level = \"enforce\"", "level = \"observe\"")).unwrap();
    };
    let scene = Scene::with_apps(3);
    scene.configure(RECORDS);
    observe(&scene);
    let mut up = scene.up();
    scene.until_ready();
    let would = |what: &str| {
        let rows = scene.list(&["resources"]);
        rows.iter().filter(|row| row["waiting"].as_str().is_some_and(|why| why.contains(what))).count()
    };
    scene.until_so("three creations are planned", || would("would be created") == 3);
    scene.until_listed(4);
    assert!(scene.outside.log().is_empty());
    up.end();

    // The level is raised: what was planned is done.
    scene.configure(RECORDS);
    let mut up = scene.up();
    scene.until_records(1..=3);
    scene.until_on_record(3);
    up.end();

    // And lowered: an end changes nothing outside, a new app gets nothing.
    observe(&scene);
    let mut up = scene.up();
    scene.until_ready();
    scene.delete_app("cust-1");
    scene.create_app("cust-4");
    scene.until_so("its creation is planned", || would("would be created") == 1);
    scene.until_so("the removal is held", || would("level is observe") == 1);
    scene.until_listed(6);
    assert_eq!(scene.outside.log().len(), 3);
    up.end();

    scene.configure(RECORDS);
    let mut up = scene.up();
    scene.until_records(2..=4);
    scene.is_clean([
        ("cust-2", "natural/cust-2"),
        ("cust-3", "natural/cust-3"),
        ("cust-4", "natural/cust-4"),
    ]);
    up.end();
}
