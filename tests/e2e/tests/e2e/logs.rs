//! What the shipped binary logs names the event, the run and the thing that a line is about.

use groundcrew_outside::Fault;
use serde_json::Value;

use crate::scene::{RECORDS, Scene, TELL};

/// Lines of the log that say this.
fn lines(scene: &Scene, message: &str) -> Vec<Value> {
    let log = scene.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["message"] == message || line["what"] == message).collect()
}

#[test]
fn every_line_about_work_names_its_run_and_what_it_is_about() {
    let scene = Scene::with_apps(1);
    scene.configure(&format!("{RECORDS}{TELL}"));
    // Whatever is written first, and whatever is told first, is refused once.
    scene.outside.once(Some("POST"), Fault::Refused(503));
    scene.outside.once(Some("PUT"), Fault::Refused(503));
    let mut up = scene.up();
    scene.until_records(1..=1);
    scene.until_so("it is logged", || !lines(&scene, "created").is_empty());
    let resource = scene.list(&["resources"])[0]["row"].clone();
    scene.delete_app("cust-1");
    scene.until_so("its end is told", || !scene.outside.receipts().is_empty());
    let runs: Vec<_> = scene.list(&["runs", "--limit", "200"]).iter().map(|run| run["run"].clone()).collect();

    let untold = &lines(&scene, "not told")[0];
    assert!(runs.contains(&untold["run"]), "{untold} of {runs:?}");
    assert_eq!(
        (&untold["span"]["hook"], &untold["span"]["app"]),
        (&"tell".into(), &"cust-1".into()),
        "{untold}"
    );
    let event = untold["span"]["event"].as_str().unwrap();
    let told = scene.outside.receipts();
    assert!(told.iter().any(|receipt| receipt.id.as_deref() == Some(event)), "{event} in {told:?}");

    for about in ["failed, and is tried again", "created"] {
        let line = &lines(&scene, about)[0];
        assert!(runs.contains(&line["run"]), "{line} of {runs:?}");
        assert_eq!(line["span"]["resource"], resource, "{line}");
    }
    up.end();
}
