//! What a person ends: a hook with all that it made, and what a narrowed scope left behind.

use groundcrew_outside::{Act, What};
use serde_json::{Value, json};

use crate::scene::{RECORDS, Scene, Up};

fn changed(scene: &Scene, mut up: Up, stanzas: &str) -> Up {
    up.end();
    scene.configure(stanzas);
    let up = scene.up();
    scene.until_ready();
    up
}

impl Scene {
    fn refuses(&self, arguments: &[&str], words: &str) {
        let said = self.groundcrew(arguments);
        assert!(said.code == Some(1) && said.err.contains(words), "{arguments:?}: {said:?}");
    }

    fn hook(&self, name: &str) -> Value {
        self.list(&["hook", "list"]).into_iter().find(|hook| hook["name"] == name).unwrap()
    }
}

#[test]
fn what_a_narrowed_scope_left_is_released_or_deleted() {
    let scoped = |apps: &str| {
        RECORDS.replace("gone = \"delete\"", "scope = \"some\"\ngone = \"delete\"")
            + &format!("[scope.some]\napps = {apps}\n")
    };
    let scene = Scene::with_apps(4);
    scene.configure(&scoped(r#"["cust-*"]"#));
    let up = scene.up();
    scene.until_records(1..=4);
    let mut up = changed(&scene, up, &scoped(r#"["cust-1"]"#));
    let finding = scene.until("a finding says so", || scene.open_findings("hook.scope").pop());
    let remedy = finding["remedy"].as_str().unwrap();
    for command in
        ["groundcrew resources release --hook records", "groundcrew resources delete --hook records"]
    {
        assert!(remedy.contains(command), "{remedy}");
    }
    scene.says(&["resources", "release", "natural/cust-2", "--yes"]);
    scene.refuses(&["resources", "delete", "natural/cust-1", "--yes"], "is wanted by fly/acme/cust-1");

    // Neither a pause nor a changed thing is overruled.
    scene.says(&["pause", "--deletes"]);
    scene.refuses(
        &["resources", "delete", "--hook", "records", "--app", "cust-3", "--yes"],
        "groundcrew unpause",
    );
    scene.says(&["unpause"]);
    scene.says(&["resources", "delete", "--hook", "records", "--app", "cust-3", "--yes"]);
    scene.until_records([1, 2, 4]);
    assert_eq!(scene.open_findings("hook.scope").len(), 1, "one is left");
    scene.says(&["resources", "delete", "natural/cust-4", "--yes"]);
    scene.until_records([1, 2]);
    scene.until_so("the finding is closed", || scene.open_findings("hook.scope").is_empty());
    scene.until_listed(4);
    assert_eq!(scene.times(What::Deleted), 2);

    // In scope again, they are made or taken back.
    up = changed(&scene, up, &scoped(r#"["cust-*"]"#));
    scene.until_records(1..=4);
    scene.until_so("all are looked after", || {
        scene.list(&["resources"]).iter().filter(|row| row["state"] == "present").count() == 4
    });
    assert_eq!(scene.times(What::Created), 6);
    scene.was_polite();
    up.end();
}

#[test]
fn a_removed_hook_cleans_up_across_a_crash_and_then_makes_nothing() {
    let scene = Scene::with_apps(12);
    let slow = RECORDS.replace("gone = \"delete\"", "gone = \"delete\"\nlimits = { rate = \"4/s\" }");
    scene.configure(&slow);
    let up = scene.up();
    scene.until_records(1..=12);
    let planned = scene.groundcrew(&["hook", "remove", "records", "--cleanup"]);
    assert_eq!(planned.code, Some(5), "{planned:?}");
    assert!(planned.err.contains("12 things of records: 12 to delete"), "{planned:?}");
    assert_eq!(scene.hook("records")["ending_since"], Value::Null, "planned is not done");

    scene.says(&["hook", "remove", "records", "--cleanup", "--yes"]);
    scene.until_so("some are gone", || scene.times(What::Deleted) >= 2);
    // SIGKILL.
    drop(up);
    let gone = scene.times(What::Deleted);
    assert!(gone < 12, "it was killed in the middle");
    let hook = scene.hook("records");
    assert_eq!((&hook["state"], &hook["ending_of"]), (&"active".into(), &12.into()), "{hook}");
    let plan = scene.says(&["plan"]);
    assert!(plan.contains("hook records: removing, ") && plan.contains(" of 12 left"), "{plan}");

    let up = scene.up();
    scene.create_app("cust-13");
    scene.until_so("nothing is left", || scene.keys().is_empty());
    scene.until_so("it is removed", || scene.hook("records")["state"] == "removed");
    scene.until_listed(6);
    assert_eq!((scene.times(What::Created), scene.times(What::Deleted)), (12, 12));
    assert!(scene.says(&["check"]).contains("take [hook.records] out"));

    // Not at another start either, until its stanza was taken out and written again.
    let up = changed(&scene, up, &slow);
    scene.until_listed(4);
    assert_eq!(scene.times(What::Created), 12);
    let up = changed(&scene, up, "");
    let mut up = changed(&scene, up, RECORDS);
    scene.until_records(1..=13);
    scene.was_polite();
    up.end();
}

#[test]
fn what_exists_is_imported_for_an_app_that_wants_it() {
    let scene = Scene::with_apps(2);
    scene.configure(&RECORDS.replace("[hook.records]", "[hook.records]\nlevel = \"observe\""));
    for (app, mark) in [("cust-1", None), ("cust-2", Some("heritage=external-dns".to_owned()))] {
        let body = json!({ "value": 1, "shape": null });
        scene.outside.script(0, "/natural", Act::Plant { name: Some(app.to_owned()), mark, body });
    }
    let mut up = scene.up();
    scene.until_ready();
    scene.until_so("both are asked", || scene.list(&["resources"]).len() == 2);
    let import = |name: &str, app: &str| {
        scene.groundcrew(&["resources", "import", name, "--hook", "records", "--app", app, "--yes"])
    };
    let foreign = import("natural/cust-2", "cust-2");
    assert!(foreign.code == Some(1) && foreign.err.contains("somebody else's"), "{foreign:?}");
    let unwanted = import("natural/other", "cust-1");
    assert!(
        unwanted.code == Some(1) && unwanted.err.contains("does not want it, but natural/cust-1"),
        "{unwanted:?}"
    );
    let taken = import("natural/cust-1", "cust-1");
    assert_eq!(taken.code, Some(0), "{taken:?}");
    let row = || scene.list(&["resources", "--app", "cust-1"]).remove(0);
    scene.until_so("it is looked at", || row()["observed"].is_object());
    assert_eq!((&row()["state"], &row()["origin"]), (&"present".into(), &"imported".into()));
    assert_eq!((scene.times(What::Created), scene.times(What::Updated)), (0, 0));
    up.end();
}
