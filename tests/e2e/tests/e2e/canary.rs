//! Candidates: they play what runs, nothing of it leaves, and what is equal for long enough takes the place.

use std::path::Path;

use groundcrew_outside::What;
use serde_json::Value;

use crate::scene::{RECORDS, Scene};
use crate::shipped::Shipped;

/// The stanza with a candidate.
fn with_candidate(candidate: &Path, more: &str) -> String {
    RECORDS.replace("$THINGS", &format!("$THINGS\ncandidate = \"{}\"\n{more}", candidate.display()))
}

impl Scene {
    /// How the one candidate does; the exit code says whether anything differs.
    fn canary(&self) -> Value {
        let said = self.groundcrew(&["--json", "canary", "records"]);
        let all: Vec<Value> = serde_json::from_str(&said.out).unwrap();
        let canary = all.into_iter().next().unwrap();
        let differs = canary["differs"].as_u64().unwrap() > 0;
        assert_eq!(said.code, Some(i32::from(differs)), "{canary}");
        canary
    }

    /// Waits until a run differs that did this.
    fn until_differs(&self, op: &str) -> Value {
        self.until("such a run differs", || {
            Some(self.canary()).filter(|canary| differing(canary).contains(&op))
        })
    }
}

/// What its runs did that differed.
fn differing(canary: &Value) -> Vec<&str> {
    let cases = canary["cases"].as_array().unwrap().iter();
    cases.filter(|case| case["verdict"] == "differs").filter_map(|case| case["op"].as_str()).collect()
}

#[test]
fn a_candidate_that_does_the_same_takes_the_place_after_so_many_runs() {
    let scene = Scene::with_apps(2);
    let next = scene.directory.path().join("next.wasm");
    let mut bytes = std::fs::read(&Shipped::get().things).unwrap();
    // Another component that does the same: a custom section more.
    bytes.extend(b"\x00\x08\x04notenew");
    std::fs::write(&next, bytes).unwrap();
    scene.configure(&with_candidate(&next, "promote_after = 4"));
    let mut up = scene.up();
    scene.until_records(1..=2);
    let finding = scene.until("it is promoted", || scene.open_findings("hook.promoted").pop());
    let message = finding["message"].as_str().unwrap();
    assert!(finding["about"] == "records" && message.contains("(it was equal for long enough)"), "{finding}");
    scene.until_so("it is in force", || scene.log().contains("\"asked\":\"promote_after\""));
    assert!(up.0.try_wait().unwrap().is_none(), "in the same process");
    let log = scene.log();
    assert!(
        log.contains("promoted: it was equal for long enough") && !log.contains("does this differently"),
        "{log}"
    );
    let known: Value = serde_json::from_str(&scene.says(&["--json", "check"])).unwrap();
    let new = known["promoted"][0]["component"].clone();
    assert!(message.starts_with(&new.as_str().unwrap()[..12]), "{known}");
    scene.until_on_record(2);

    // The configuration is told to be behind.
    scene.create_app("cust-3");
    scene.until_records(1..=3);
    scene.until_on_record(3);
    let runs = scene.list(&["runs", "--hook", "records", "--limit", "200"]);
    let made = runs.iter().find(|run| run["op"] == "create").unwrap();
    assert_eq!(made["component"], new, "{made}");
    assert!(scene.says(&["check"]).contains("was promoted in the place of"));
    assert_eq!(scene.findings("hook.promoted").len(), 1, "it is told once");
    up.end();

    // Its file is not needed: components that ran are kept.
    scene.configure(RECORDS);
    let mut up = scene.up();
    scene.create_app("cust-4");
    scene.until_records(1..=4);
    scene.until_on_record(4);
    let runs = scene.list(&["runs", "--hook", "records", "--limit", "200"]);
    assert_eq!(runs.iter().find(|run| run["op"] == "create").unwrap()["component"], new);
    up.end();

    // A configuration that names it is right, and the promotion is over.
    scene.configure(&RECORDS.replace(
        "$THINGS",
        &format!("use = \"{}\"\nmanifest = \"{}\"", next.display(), Shipped::get().manifest.display()),
    ));
    let mut up = scene.up();
    scene.until_ready();
    assert!(scene.open_findings("hook.promoted").is_empty());
    assert!(!scene.says(&["check"]).contains("promoted"));
    scene.delete_app("cust-1");
    scene.until_records(2..=4);
    assert_eq!(scene.times(What::Created), 4, "nothing was made a second time");
    up.end();
    scene.is_clean([
        ("cust-2", "natural/cust-2"),
        ("cust-3", "natural/cust-3"),
        ("cust-4", "natural/cust-4"),
    ]);
}

#[test]
fn a_candidate_that_does_something_else_is_counted_and_nothing_of_it_leaves() {
    let scene = Scene::with_apps(2);
    let shipped = Shipped::get();
    scene.configure(&with_candidate(&shipped.elsewhere, "promote_after = 1000"));
    let mut up = scene.up();
    scene.until_records(1..=2);
    let canary = scene.until_differs("create");
    let shown = scene.groundcrew(&["canary", "records"]);
    assert!(
        shown.out.contains("-elsewhere") && shown.out.contains("one whole: groundcrew replay r"),
        "{shown:?}"
    );
    let refused = scene.groundcrew(&["promote", "records"]);
    assert!(refused.code == Some(1) && refused.err.contains("runs differ with it"), "{refused:?}");
    let (_, metrics) = scene.ask("/metrics").unwrap();
    assert!(metrics.contains("groundcrew_canary_runs{hook=\"records\",verdict=\"differs\"}"), "{metrics}");
    scene.until_on_record(2);
    up.end();
    let before = scene.canary();
    assert!(before["differs"].as_u64() >= canary["differs"].as_u64(), "an end forgets nothing: {before}");

    // What it would want is compared as well; another candidate is counted from the beginning.
    scene.configure(&with_candidate(&shipped.next, ""));
    let mut up = scene.up();
    scene.until_ready();
    scene.create_app("cust-3");
    scene.until_records(1..=3);
    let canary = scene.until_differs("desired");
    assert_ne!(canary["candidate"], before["candidate"]);
    assert_eq!(differing(&canary), ["desired"], "{canary}");
    let run = canary["cases"][0]["run"].as_str().unwrap();
    let replayed = scene.groundcrew(&["replay", run, "--component", &shipped.next.display().to_string()]);
    assert!(replayed.code == Some(1) && replayed.out.contains("its answer differs"), "{replayed:?}");
    scene.until_on_record(3);
    let log = format!("{:?}", scene.outside.log());
    assert!(!log.contains("-elsewhere") && !log.contains("-extra"), "{log}");
    assert_eq!(scene.times(What::Created), 3, "each once, by what runs");

    // Whoever knows better may, and may take it back: in force at once, both times.
    let said = scene.says(&["promote", "records", "--anyway"]);
    assert!(said.contains(", and is in force\nreloaded: 1 change\n  ~ hook records: component"), "{said}");
    scene.until_so("what it wants is made", || scene.keys().len() == 6);
    scene.until_on_record(6);
    let said = scene.says(&["promote", "records", "--undo"]);
    assert!(said.contains("goes back to") && said.contains(", and is in force"), "{said}");
    scene.until_so("what it wanted waits for approval", || scene.list(&["approve"]).len() == 3);
    scene.says(&["approve", "--all", "--yes"]);
    scene.until_records(1..=3);
    scene.until_on_record(3);
    assert!(up.0.try_wait().unwrap().is_none(), "in the same process");
    up.end();
    scene.is_clean([
        ("cust-1", "natural/cust-1"),
        ("cust-2", "natural/cust-2"),
        ("cust-3", "natural/cust-3"),
    ]);
}
