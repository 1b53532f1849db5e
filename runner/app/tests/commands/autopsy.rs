//! What is left of a machine: in the ledger's database, after its end, and after its events are gone.

use groundcrew_core::duration::Millis;
use groundcrew_core::spec::Event;
use groundcrew_core::subject::{Path, Subject};
use groundcrew_core::time::Timestamp;
use groundcrew_engine::clock::{Clock as _, SystemClock};
use groundcrew_store::events::{Intake, NewEvent};
use groundcrew_store::prune::Keep;
use groundcrew_store::subjects::SubjectChange;
use serde_json::{Map, Value, json};

use crate::cli::golden;
use crate::fixture::Fixture;

const PATH: &str = "fly/acme/cust-7/148e445b";

/// A machine that was killed for its memory, and destroyed an hour later.
async fn destroyed() -> Fixture {
    let fixture = Fixture::filled().await;
    let now = SystemClock.now();
    let ago = |minutes: i64| now - Millis::minutes(minutes);
    let config = json!({"image": "registry.example/web:41", "guest": {"cpus": 1, "memory_mb": 256}, "restart": {"policy": "no"}});
    let killed = json!({"exit_code": 137, "signal": -1, "oom_killed": true, "requested_stop": false});
    for (n, minutes, kind, state, data) in [
        (1, 300, "machine.created", "created", json!({ "config": config })),
        (2, 299, "machine.started", "started", json!({ "config": config })),
        (3, 200, "machine.stopped", "stopped", json!({ "config": config, "reason": killed })),
        // The organisation's list shows the end, and little more.
        (4, 140, "machine.destroyed", "gone", json!({"config": {"image": "registry.example/web:41"}})),
    ] {
        tell(&fixture, n, ago(minutes), kind, state, &data).await;
    }
    fixture
}

async fn tell(fixture: &Fixture, n: u64, at: Timestamp, kind: &str, state: &str, data: &Value) {
    let (path, uid) = (PATH.parse::<Path>().unwrap(), "machine:148e445b".parse().unwrap());
    let change = SubjectChange {
        path: path.clone(),
        uid,
        parent: Some("app:cust-7-1".parse().unwrap()),
        state: state.to_owned(),
        version: n,
        labels: Map::new(),
        raw: json!({"row": {"raw": data}}),
        seen_at: at,
        gone_at: (state == "gone").then_some(at),
    };
    let subject = Subject { path, uid: change.uid.clone(), state: state.to_owned(), labels: Map::new() };
    let event = Event {
        id: format!("of-148e445b-{n}"),
        kind: kind.to_owned(),
        time: at,
        subject: Some(subject),
        data: data.clone(),
    };
    let events = vec![NewEvent { event, handlers: Vec::new() }];
    let intake = Intake { subjects: vec![change], events, now: at, ..Intake::default() };
    fixture.store().accept(intake).await.unwrap();
}

#[tokio::test]
async fn an_autopsy_is_as_in_its_golden_file() {
    let fixture = destroyed().await;
    golden("autopsy.txt", &fixture.transcript("autopsy 148e445b"));
    golden("autopsy-json.txt", &fixture.transcript("autopsy 148e445b --json"));
    golden("autopsy-app.txt", &fixture.transcript("autopsy cust-7"));
    golden("autopsy-unknown.txt", &fixture.transcript("autopsy nobody"));
}

#[tokio::test]
async fn it_says_the_same_when_the_events_are_gone_and_nothing_when_its_time_is_over() {
    let fixture = destroyed().await;
    let told = |fixture: &Fixture| fixture.data_run("autopsy 148e445b --json").json();
    let before = told(&fixture);
    assert_eq!(before["exit"]["reason"]["oom_killed"], true, "{before}");
    assert_eq!(before["config"]["restart"], json!({"policy": "no"}), "the whole one, not the last one");
    let (store, now) = (fixture.store(), SystemClock.now());
    let keep = Keep { runs: Millis::ZERO, bodies: Millis::ZERO, gone: Millis::hours(24) };
    while store.prune(keep, now).await.unwrap() {}
    let machine = store.subject_at(&PATH.parse().unwrap()).unwrap().unwrap();
    assert!(store.events_of(machine.id, 9).unwrap().is_empty());
    assert_eq!(told(&fixture), before);
    while store.prune(Keep { gone: Millis::hours(1), ..keep }, now).await.unwrap() {}
    let after = told(&fixture);
    assert_eq!((&after["exit"], &after["events"]), (&Value::Null, &json!([])));
}
