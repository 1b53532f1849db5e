//! What a person ends: a hook with all that it made, and what a narrowed scope left behind.

use groundcrew_outside::{Act, Knobs, What};
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
fn an_end_that_was_not_meant_is_taken_back() {
    let scene = Scene::with_apps(2);
    let patient = RECORDS.replace("gone = \"1s\"", "gone = \"5s\"");
    assert_ne!(patient, RECORDS);
    scene.configure(&patient);
    let mut up = scene.up();
    scene.until_records(1..=2);
    for app in ["cust-1", "cust-2"] {
        scene.delete_app(app);
    }
    let row = || scene.list(&["why", "natural/cust-1"]).remove(0);
    scene.until_so("nobody wants it", || row()["unwanted_since"].is_string());
    let said = scene.says(&["restore", "natural/cust-1"]);
    assert!(said.contains("is kept until `groundcrew unprotect"), "{said}");
    // The other one's grace began with it, and is over.
    scene.until_records([1]);
    scene.until_listed(4);
    scene.until_records([1]);
    assert_eq!((row()["state"].as_str(), row()["protected"].as_bool()), (Some("present"), Some(true)));
    let held = scene.open_findings("resource.held");
    assert!(held.len() == 1 && held[0]["about"] == "natural/cust-1", "{held:?}");
    scene.refuses(&["restore", "natural/cust-2"], "is gone (removed");
    // Its owner is as gone as it was.
    scene.says(&["unprotect", "natural/cust-1"]);
    scene.until_records([]);
    scene.until_so("the finding is closed", || scene.open_findings("resource.held").is_empty());
    up.end();
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
fn a_hook_that_let_go_of_its_things_begins_anew_elsewhere_under_its_name() {
    let scene = Scene::with_apps(2);
    scene.outside.open("/elsewhere/natural", Knobs::natural());
    scene.configure(RECORDS);
    let up = scene.up();
    scene.until_records(1..=2);
    scene.until_on_record(2);
    scene.says(&["hook", "remove", "records", "--retain", "--yes"]);
    scene.until_so("it is removed", || scene.hook("records")["state"] == "removed");
    let up = changed(&scene, up, "");
    let mut up = changed(&scene, up, &RECORDS.replace("\"$SHOP\"", "\"$SHOP/elsewhere\""));
    scene.until_so("its things are made there", || scene.times(What::Created) == 4);
    scene.until_on_record(2);
    assert_eq!((&scene.hook("records")["state"], scene.times(What::Deleted)), (&"active".into(), 0));
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

/// What lives at one target, looked after by hooks of different components.
fn stanza(name: &str, component: &str) -> String {
    RECORDS.replace("[hook.records]", &format!("[hook.{name}]")).replace("$THINGS", component)
}

#[test]
fn what_a_hook_has_is_given_to_another_while_the_runner_runs() {
    let scene = Scene::with_apps(3);
    scene.configure(&stanza("records", "$THINGS"));
    let up = scene.up();
    scene.until_records(1..=3);
    scene.until_on_record(3);
    // Another component, so this is no renamed stanza: what the first made is nobody's to look after.
    let mut up = changed(&scene, up, &stanza("entries", "$NEXT"));
    scene.until_so("it makes what is its own", || scene.keys().len() == 6);
    scene.until_listed(4);
    assert_eq!(
        (&scene.hook("records")["state"], &scene.hook("records")["things"]),
        (&"detached".into(), &3.into())
    );
    let asked = scene.groundcrew(&["hook", "remove", "records", "--transfer", "entries"]);
    assert_eq!(asked.code, Some(5), "{asked:?}");
    let said = scene.says(&["hook", "remove", "records", "--transfer", "entries", "--yes"]);
    assert!(said.contains("hook records is removed: 3 things are entries's"), "{said}");
    scene.until_so("all are looked after by it", || {
        let rows = scene.list(&["resources"]);
        rows.len() == 6 && rows.iter().all(|row| row["hook"] == "entries" && row["state"] == "present")
    });
    assert_eq!(scene.hook("records")["state"], "removed");
    assert_eq!((scene.times(What::Created), scene.times(What::Deleted)), (6, 0));

    // It goes with its owner, as if that hook had made it.
    scene.delete_app("cust-3");
    scene.until_so("its things are gone", || scene.keys().len() == 4);
    scene.until_listed(4);
    assert_eq!((scene.times(What::Created), scene.times(What::Deleted)), (6, 2));
    scene.was_polite();
    up.end();
}

#[test]
fn what_was_exported_is_imported_after_the_database_was_lost() {
    const BOTH: &str = r#"
[hook.records]
$THINGS
config = { server = "$SHOP", things = [
  { kind = "natural", key = "{app}", value = 1 },
  { kind = "anonymous", key = "{app}", value = 1 },
] }
gone = "delete"
grace = { gone = "1s", unwanted = "1s" }
allow = ["GET,POST,PUT,DELETE {config.server}/*"]
"#;
    let scene = Scene::with_apps(2);
    scene.configure(BOTH);
    let mut up = scene.up();
    scene.until_ready();
    scene.until_on_record(4);
    let exported = scene.says(&["resources", "export", "--hook", "records"]);
    std::fs::write(scene.directory.path().join("things.jsonl"), &exported).unwrap();
    up.end();
    let ids = |rows: &[Value]| {
        let id = |row: &Value| (row["owner"].clone(), row["kind"].clone(), row["thing"].clone());
        let mut ids: Vec<_> = rows.iter().map(|row| format!("{:?}", id(row))).collect();
        ids.sort();
        ids
    };
    let lines: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);

    scene.lose_database();
    scene.configure(&BOTH.replace("[hook.records]", "[hook.records]\nlevel = \"observe\""));
    let mut up = scene.up();
    scene.until_ready();
    scene.until_so("both are asked", || scene.list(&["resources"]).len() == 4);
    scene.until_listed(4);
    let asked = scene.groundcrew(&["resources", "import", "things.jsonl"]);
    assert!(asked.code == Some(5) && asked.err.contains("is taken"), "{asked:?}");
    scene.says(&["resources", "import", "things.jsonl", "--yes"]);
    let rows = || scene.list(&["resources"]);
    scene.until_so("all are looked at", || {
        rows().iter().all(|row| row["state"] == "present" && row["observed"].is_object())
    });
    assert_eq!(ids(&rows()), ids(&lines), "each has the very thing that it had");
    up.end();
    scene.configure(BOTH);
    let mut up = scene.up();
    scene.until_ready();
    scene.until_listed(6);
    assert_eq!((scene.times(What::Created), scene.times(What::Deleted)), (4, 0), "nothing is made twice");
    up.end();
}
