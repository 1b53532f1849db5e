//! A handler with a schedule is told when its time has come.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::scene::Scene;

/// Told every minute, and of nothing else.
const EVERY_MINUTE: &str = r#"
[hook.tell]
use = "builtin:notify"
on = ["tick"]
cron = "* * * * *"
config = { to = "standard-webhooks" }
secret.URL = { from = "TELL", at = "url" }
"#;

/// What was told of each time on the schedule, as often as it was.
fn ticks(scene: &Scene) -> BTreeMap<String, Vec<(String, Value)>> {
    let mut all = BTreeMap::<_, Vec<_>>::new();
    for receipt in scene.outside.receipts() {
        let body: Value = serde_json::from_str(&receipt.body).unwrap();
        assert_eq!(body["type"], "tick", "{body}");
        let at = body["timestamp"].as_str().unwrap().to_owned();
        all.entry(at).or_default().push((receipt.id.unwrap_or_default(), body["data"].clone()));
    }
    all
}

#[test]
fn a_handler_is_told_its_ticks_each_once_also_across_a_restart() {
    let scene = Scene::with_apps(1);
    scene.configure(EVERY_MINUTE);
    // A few seconds before a full minute, so that nobody waits long for it.
    let to_the_minute = 60_000 - scene.now_ms().rem_euclid(60_000);
    scene.passes(SignedDuration::from_millis((to_the_minute + 52_000).rem_euclid(60_000)));
    let mut up = scene.up();
    scene.until_ready();
    scene.until_so("a tick is told", || !ticks(&scene).is_empty());
    up.end();
    let mut up = scene.up();
    scene.until_ready();
    scene.until_listed(4);
    up.end();
    let told = ticks(&scene);
    for (at, told) in &told {
        let at: Timestamp = at.parse().unwrap();
        assert_eq!(at.as_millisecond() % 60_000, 0, "the time on the schedule, not that of telling");
        let [(id, data)] = &told[..] else { panic!("told once: {told:?}") };
        assert!(!id.is_empty() && data["subject"].is_null(), "{data}");
        assert_eq!(data["data"], json!({"hook": "tell", "cron": "* * * * * UTC"}));
    }
    assert!(told.len() <= 2, "what nobody was there for is left out: {told:?}");
}
