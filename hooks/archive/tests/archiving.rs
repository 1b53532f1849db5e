//! What the hook keeps, and when it writes it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use groundcrew_hook::testing::{Fake, answer, event};
use groundcrew_hook::{Event, Handler, Value, json};
use hook_archive::Archive;

fn fake() -> Fake {
    let config = json!({"server": "https://s3.example", "path": "/machines/{org}/{app}/{machine}.json"});
    Fake::new().config(config).http(|_| answer(200, &json!({})))
}

fn about(kind: &str, n: u32, data: Value) -> Event {
    let mut event = event(kind);
    event.id = format!("evt-{n}");
    event.data = data;
    let subject = event.subject.as_mut().unwrap();
    "fly/acme/cust-7/148e445b".clone_into(&mut subject.path);
    "machine:148e445b".clone_into(&mut subject.id);
    event
}

fn told(fake: &Fake, event: &Event) {
    fake.run(|| Archive::handle(event)).unwrap();
}

#[test]
fn a_destroyed_machine_leaves_one_document() {
    let fake = fake();
    told(
        &fake,
        &about("machine.created", 1, json!({"config": {"image": "web:1", "services": [{"port": 80}]}})),
    );
    told(&fake, &about("machine.stopped", 2, json!({"reason": {"exit_code": 137, "oom_killed": true}})));
    assert!(fake.calls().is_empty(), "nothing leaves while it lives");
    // The organisation's list shows less: what is known stays.
    let last = about("machine.destroyed", 3, json!({"config": {"image": "web:1"}}));
    told(&fake, &last);
    let request = fake.calls().remove(0);
    assert_eq!(
        (request.method.as_str(), request.url.as_str()),
        ("PUT", "https://s3.example/machines/acme/cust-7/148e445b.json")
    );
    let document: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(document["exit"], json!({"exit_code": 137, "oom_killed": true}));
    assert_eq!(document["config"], json!({"image": "web:1", "services": [{"port": 80}]}));
    let kinds: Vec<_> = document["events"].as_array().unwrap().iter().map(|event| &event["type"]).collect();
    assert_eq!(kinds, ["machine.created", "machine.stopped", "machine.destroyed"]);
    told(&fake, &about("machine.destroyed", 9, json!({})));
    let next: Value = serde_json::from_slice(&fake.calls()[1].body).unwrap();
    assert_eq!(next["events"].as_array().unwrap().len(), 1, "what is written is forgotten here");
}

#[test]
fn an_exit_that_no_event_told_is_read_from_the_platforms_log() {
    let fake = fake();
    let exit = json!({"exit_code": 1, "requested_stop": false});
    let log =
        json!([{"type": "destroy"}, {"type": "exit", "request": {"MonitorEvent": {"exit_event": exit}}}]);
    told(&fake, &about("machine.destroyed", 1, json!({"events": log})));
    let document: Value = serde_json::from_slice(&fake.calls()[0].body).unwrap();
    assert_eq!(document["exit"]["exit_code"], 1);
}

#[test]
fn a_document_that_was_not_taken_is_written_again_the_same() {
    let mut answers = vec![answer(200, &json!({})), answer(503, &json!({}))];
    let fake = fake().http(move |_| answers.pop().unwrap());
    told(&fake, &about("machine.stopped", 1, json!({"reason": {"exit_code": 0}})));
    let last = about("machine.destroyed", 2, json!({}));
    assert!(fake.run(|| Archive::handle(&last)).unwrap_err().retry);
    told(&fake, &last);
    let calls = fake.calls();
    assert_eq!(calls[0].body, calls[1].body);
}

#[test]
fn of_many_events_the_last_are_kept() {
    let fake = fake();
    (0..40).for_each(|n| told(&fake, &about("machine.started", n, json!({}))));
    told(&fake, &about("machine.destroyed", 40, json!({})));
    let document: Value = serde_json::from_slice(&fake.calls()[0].body).unwrap();
    let events = document["events"].as_array().unwrap();
    assert_eq!((events.len(), &events[0]["id"]), (20, &json!("evt-21")));
}
