//! An inventory is compared with the ledger, and an audit that enforces mends.

use std::process::Command;

use groundcrew_outside::{Fault, Knobs, What};
use serde_json::{Value, json};

use crate::scene::{RECORDS, Scene};

const STOCK: &str = "
[audit.stock]
hooks = [\"records\"]
cron  = \"0 3 1 1 *\"
";

const SWEEP: &str = "
[hook.reaper]
$REAPER
config = { server = \"$SHOP\", collection = \"marked\" }
allow  = [\"GET,DELETE {config.server}/marked*\"]

[audit.sweep]
hooks   = [\"reaper\"]
cron    = \"0 3 1 1 *\"
remedy  = \"enforce\"
codes   = [\"thing.idle\"]
grace   = \"2s\"
deletes = { share = \"0%\", floor = 2 }
";

/// Nothing is made: a registry is not what the outside is.
const REGISTER: &str = "
[hook.register]
use         = \"builtin:register\"
level       = \"observe\"
config      = { server = \"$SHOP\", path = \"registry/{app}\", document = { app = \"{app}\" }, auth = \"none\" }
gone        = \"delete\"
drift_every = \"10s\"
allow       = [\"GET,PUT,DELETE {config.server}/*\"]

[audit.stock]
hooks = [\"register\"]
cron  = \"0 3 1 1 *\"
";

impl Scene {
    /// Somebody asks the outside for something, past the runner.
    pub(crate) fn somebody(&self, method: &str, target: &str, body: &Value) -> Value {
        let headers = [("content-type".to_owned(), "application/json".to_owned())];
        let reply = self.outside.handle(method, target, &headers, body.to_string().as_bytes());
        let answer = reply.answer().unwrap();
        assert!(answer.status < 300, "{method} {target}: {answer:?}");
        answer.json()
    }

    /// Runs an audit; its run, once it ended.
    pub(crate) fn audited(&self, name: &str) -> Value {
        let newest = || self.list(&["audit", "history", name]).into_iter().next();
        let before = newest().map_or(Value::Null, |run| run["id"].clone());
        self.says(&["audit", "run", name]);
        self.until("the audit ended", || {
            newest().filter(|run| run["id"] != before && !run["ended"].is_null())
        })
    }
}

#[test]
fn a_provisioner_that_cannot_list_in_its_configuration_says_so_and_has_not_failed() {
    let scene = Scene::with_apps(1);
    scene.configure(REGISTER);
    let mut up = scene.up();
    scene.until_ready();
    let run = scene.audited("stock");
    let why = "`list` does not say where the registry lists its documents";
    assert_eq!(run["summary"], format!("register: no inventory in this configuration: {why}"), "{run}");
    assert_eq!(run["outcome"], "ok", "{run}");
    // The audit's, and some for drift.
    let scans =
        || scene.list(&["runs", "--hook", "register"]).iter().filter(|run| run["op"] == "scan").count();
    scene.until_so("it is asked again and again", || scans() >= 3);
    assert!(scene.open_findings("drift.incomplete").is_empty());
    up.end();
}

#[test]
fn an_inventory_audit_reports_what_is_ours_by_mark_and_what_is_missing() {
    let scene = Scene::with_apps(2);
    for app in ["cust-1", "cust-2"] {
        scene.outside.open(&format!("/apps/{app}/inner"), Knobs::marked());
    }
    scene.configure(&format!("{RECORDS}{STOCK}"));
    let mut up = scene.up();
    scene.until_records(1..=2);
    let row = "abcdefghij0123456789abcdef";
    for (key, mark) in [
        ("stray", json!(format!("gc1:e2e:{row}"))),
        ("theirs", json!(format!("gc1:prod:{row}"))),
        ("bare", Value::Null),
    ] {
        scene.somebody("PUT", &format!("/natural/{key}"), &json!({ "value": 1, "mark": mark }));
    }
    // One more, in the second app.
    let within = json!({ "value": 1, "mark": format!("gc1:e2e:{row}") });
    let within = scene.somebody("POST", "/apps/cust-2/inner", &within)["id"].as_str().unwrap().to_owned();
    let first = scene.audited("stock");
    assert_eq!(
        (&first["outcome"], &first["found"]),
        (&json!("ok"), &json!(0)),
        "what is young does not count"
    );
    let orphans = scene.until("the stray ones are reported", || {
        scene.audited("stock");
        let orphans = scene.open_findings("inventory.orphan");
        (orphans.len() == 2).then_some(orphans)
    });
    let mut abouts: Vec<_> = orphans.iter().map(|it| it["about"].as_str().unwrap()).collect();
    abouts.sort_unstable();
    assert_eq!(abouts, [format!("inner/{within} of fly/acme/cust-2").as_str(), "natural/stray"]);
    assert_eq!(orphans[0]["auditor"], "records");

    // A record vanishes, and its row's own next look is far away.
    scene.somebody("DELETE", "/natural/cust-1", &Value::Null);
    let run = scene.audited("stock");
    let missing = scene.open_findings("inventory.missing").pop().unwrap_or_else(|| panic!("{run}"));
    assert_eq!(missing["about"], "natural/cust-1");
    let summary = "records: 1 missing, 1 ours, 1 somebody else's, 1 unmarked, 2 without a row";
    assert_eq!(run["summary"], summary, "{run}");
    let runs = scene.list(&["runs", "--hook", "records"]);
    assert!(runs.iter().any(|run| run["op"] == "scan"), "each page is a run");

    // Nothing was done about it but by whom it was planted.
    assert_eq!(scene.times(What::Deleted), 1);
    scene.somebody("DELETE", "/natural/stray", &Value::Null);
    scene.somebody("DELETE", &format!("/apps/cust-2/inner/{within}"), &Value::Null);
    scene.audited("stock");
    assert!(scene.open_findings("inventory.orphan").is_empty(), "a complete listing resolves");
    up.end();
}

#[test]
fn an_audit_that_enforces_holds_too_many_at_once_and_mends_what_is_approved() {
    let scene = Scene::with_apps(1);
    scene.configure(&format!("{RECORDS}{SWEEP}"));
    let mut up = scene.up();
    scene.until_records(1..=1);
    let plant = |value: &str| {
        scene.somebody("POST", "/marked", &json!({ "name": value, "value": value }))["id"].clone()
    };
    let (used, idle) = (plant("used"), [plant("idle"), plant("idle"), plant("idle")]);
    let there = |id: &Value| {
        let target = format!("/marked/{}", id.as_str().unwrap());
        scene.outside.handle("GET", &target, &[], &[]).answer().unwrap().status == 200
    };
    let first = scene.audited("sweep");
    assert_eq!(first["found"], 3, "{first}");
    assert!(idle.iter().all(there), "grace");
    let run = scene.until("grace is over", || {
        scene.audited("sweep");
        let run = scene.list(&["audit", "history", "sweep"]).remove(0);
        (run["summary"] == "reaper: 3 held").then_some(run)
    });
    assert!(idle.iter().all(there), "three are more than two: {run}");
    let held = scene.list(&["approve", "--hook", "reaper"]);
    assert_eq!(held.len(), 3, "{held:?}");
    scene.says(&["approve", "--hook", "reaper", "--all", "--yes"]);
    let run = scene.audited("sweep");
    assert_eq!(run["summary"], "reaper: 3 fixed", "a run ends when its remedies are done: {run}");
    assert!(!idle.iter().any(there) && there(&used));
    assert_eq!(scene.audited("sweep")["resolved"], 3);

    // One by hand, looked at again first; acknowledged ones are left alone.
    let [kept, gone] = [plant("idle"), plant("idle")];
    scene.audited("sweep");
    let id = |thing: &Value| {
        let about = format!("thing/{}", thing.as_str().unwrap());
        let open = scene.open_findings("thing.idle");
        open.into_iter().find(|found| found["about"] == about).unwrap()["id"].as_str().unwrap().to_owned()
    };
    scene.says(&["findings", "ack", &id(&kept), "--reason", "for the lawyers"]);
    let refused = scene.groundcrew(&["findings", "fix", &id(&kept), "--yes"]);
    assert!(refused.code == Some(1) && refused.err.contains("somebody said that it may be"), "{refused:?}");
    scene.says(&["findings", "fix", &id(&gone), "--yes"]);
    scene.until_so("it is deleted", || !there(&gone));
    assert!(there(&kept), "somebody said that it may be");
    let fixes = scene.list(&["runs", "--hook", "reaper"]);
    assert_eq!(fixes.iter().filter(|run| run["op"] == "fix").count(), 4, "each attempt is a run");
    up.end();
}

#[test]
fn what_an_auditor_reported_is_resolved_when_its_stanza_is_gone() {
    let scene = Scene::with_apps(1);
    scene.configure(&format!("{RECORDS}{SWEEP}"));
    let mut up = scene.up();
    scene.until_records(1..=1);
    scene.somebody("POST", "/marked", &json!({ "name": "idle", "value": "idle" }));
    assert_eq!(scene.audited("sweep")["found"], 1);
    up.end();
    scene.configure(RECORDS);
    let mut up = scene.up();
    scene.until_ready();
    assert!(scene.open_findings("thing.idle").is_empty());
    let resolved = scene.findings("thing.idle").remove(0);
    let why = "[hook.reaper] is not in the configuration any more, and nobody looks; last seen: ";
    assert!(resolved["message"].as_str().unwrap().starts_with(why), "{resolved}");
    let doctor = scene.groundcrew(&["doctor"]);
    assert!(!doctor.out.contains("detached"), "{doctor:?}");
    up.end();
}

/// How many looks lanes were owed so far, and how many they had: a sweep owes each one look.
fn looks(scene: &Scene) -> (u32, u32) {
    let database = scene.directory.path().join("data/groundcrew.db");
    let text = "SELECT sum(dirty), sum(done) FROM lane";
    let told = Command::new("sqlite3").arg("-readonly").arg(database).arg(text).output();
    let told = told.expect("cargo xtask setup installs sqlite3");
    let told = String::from_utf8(told.stdout).unwrap();
    let (owed, had) = told.trim().split_once('|').unwrap_or_else(|| panic!("{told:?} is no answer"));
    (owed.parse().unwrap(), had.parse().unwrap())
}

#[test]
fn everybody_is_looked_at_again_on_schedule_and_on_demand() {
    let scene = Scene::with_apps(1);
    scene.configure(RECORDS);
    let mut up = scene.up();
    scene.until_records(1..=1);
    scene.until_on_record(1);
    let rests = || {
        scene.until("nobody is owed a look", || {
            let (owed, had) = looks(&scene);
            (owed == had).then_some(had)
        })
    };
    let before = rests();
    scene.until_listed(4);
    assert_eq!(rests(), before, "nobody looks by itself: nothing happened");
    scene.says(&["reconcile"]);
    scene.until_so("it had a look", || looks(&scene).1 > before);

    let file = scene.directory.path().join("groundcrew.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("level =", "reconcile = \"2s\"\nlevel =", 1)).unwrap();
    scene.says(&["reload"]);
    // A reload owes it one, or none.
    scene.until_so("it has looks by itself", || looks(&scene).1 > before + 4);
    up.end();
}

#[test]
fn a_listing_finds_drift_and_a_thing_that_is_fought_over_is_left_alone() {
    let scene = Scene::with_apps(1);
    let repairing = "gone = \"delete\"\ndrift = \"repair\"\ndrift_every = \"10s\"";
    scene.configure(&RECORDS.replace("gone = \"delete\"", repairing));
    let mut up = scene.up();
    scene.until_records(1..=1);
    let record = || scene.outside.handle("GET", "/natural/cust-1", &[], &[]).answer().unwrap().json();
    let changed = || {
        scene.somebody("PUT", "/natural/cust-1", &json!({ "value": 2, "mark": record()["mark"] }));
        assert_eq!(record()["value"], 2);
    };
    for _ in 0..3 {
        changed();
        scene.until_so("it is changed back", || record()["value"] == 1);
    }
    changed();
    let fought = scene.until("somebody is told", || scene.open_findings("resource.fought").pop());
    assert_eq!((&record()["value"], scene.times(What::Updated)), (&json!(2), 3 + 4), "three repairs");
    let row = scene.list(&["approve"]).pop().unwrap()["row"].as_str().unwrap().to_owned();
    assert!(fought["remedy"].as_str().unwrap().ends_with(&format!("groundcrew approve {row}")), "{fought}");
    scene.says(&["approve", &row, "--yes"]);
    scene.until_so("it is repaired again", || record()["value"] == 1);
    assert!(scene.open_findings("resource.fought").is_empty());
    up.end();
}

#[test]
fn what_somebody_changed_is_reported_until_it_is_as_it_was_or_accepted() {
    let scene = Scene::with_apps(1);
    let drift = |how: &str| {
        RECORDS.replace("gone = \"delete\"", &format!("gone = \"delete\"\n{how}drift_every = \"10s\""))
    };
    // What nobody says is `report`.
    scene.configure(&drift(""));
    let mut up = scene.up();
    scene.until_records(1..=1);
    let record = || scene.outside.handle("GET", "/natural/cust-1", &[], &[]).answer().unwrap().json();
    let sets = |value: u32| {
        scene.somebody("PUT", "/natural/cust-1", &json!({ "value": value, "mark": record()["mark"] }));
    };
    sets(2);
    let found = scene.until("somebody is told", || scene.open_findings("resource.drift").pop());
    assert!(found["message"].as_str().unwrap().contains("value"), "{found}");
    sets(1);
    scene.until_so("it is as it was", || scene.open_findings("resource.drift").is_empty());
    sets(3);
    scene.until_so("somebody is told again", || scene.open_findings("resource.drift").len() == 1);
    up.end();
    scene.configure(&drift("drift = \"accept\"\n"));
    let mut up = scene.up();
    scene.until_so("it is taken as it is", || scene.open_findings("resource.drift").is_empty());
    assert_eq!((&record()["value"], scene.times(What::Updated)), (&json!(3), 3), "only others changed it");
    up.end();
}

#[test]
fn a_remedy_that_is_told_when_to_come_back_is_not_now_and_is_tried_again() {
    let scene = Scene::with_apps(1);
    let often = SWEEP.replace("grace   = \"2s\"", "grace   = \"0s\"").replace("floor = 2", "floor = 20");
    scene.configure(&format!("{RECORDS}{often}"));
    let mut up = scene.up();
    scene.until_records(1..=1);
    let idle = scene.somebody("POST", "/marked", &json!({ "name": "idle", "value": "idle" }));
    let there = || {
        let target = format!("/marked/{}", idle["id"].as_str().unwrap());
        scene.outside.handle("GET", &target, &[], &[]).answer().unwrap().status == 200
    };
    let tried = |status: u16| {
        scene.outside.once(Some("DELETE"), Fault::Refused(status));
        let run = scene.audited("sweep");
        assert!(there(), "{status}: {run}");
        run["summary"].clone()
    };
    for status in [423, 425, 429] {
        assert_eq!(tried(status), "reaper: 1 not-now", "{status}");
    }
    // What is refused for good, or names no time, is a failure that somebody should read.
    assert_eq!(tried(403), "reaper: 1 failed");
    assert_eq!(scene.audited("sweep")["summary"], "reaper: 1 fixed");
    assert!(!there());
    up.end();
}
