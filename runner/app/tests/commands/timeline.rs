//! Runs, things and events with their past, and versions of a component: goldens over a past that is made here.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use groundcrew_core::duration::Millis;
use groundcrew_core::hash::Digest;
use groundcrew_core::manifest::Class;
use groundcrew_core::may_delete::Cause;
use groundcrew_core::row::State;
use groundcrew_core::spec::{Event, Output, Spec};
use groundcrew_core::subject::{Path, Uid};
use groundcrew_core::time::Timestamp;
use groundcrew_engine::clock::{Clock as _, SystemClock};
use groundcrew_store::because::Because;
use groundcrew_store::deliveries::{Ending, Turn};
use groundcrew_store::events::{Intake, NewEvent};
use groundcrew_store::findings::{NewFinding, Severity};
use groundcrew_store::lanes::{LaneId, LaneLook, Rows};
use groundcrew_store::ledger::{RowEffects, StoredRow};
use groundcrew_store::operators::OperatorAct;
use groundcrew_store::runs::{CallRecord, RunRecord};
use groundcrew_store::subjects::SubjectChange;
use groundcrew_store::wants::{NewWants, Place};
use groundcrew_store::{HookId, Store, SubjectId};
use serde_json::{Map, Value, json};

use crate::cli::{golden, redact};
use crate::fixture::Fixture;

const TARGET: &str = "dns server=https://pdns zone=example";
const ZONE: &str = "https://pdns/api/v1/servers/localhost/zones/example";
const THING: &str = "www.cust-7.example/A";

/// The past of one app: its record is made, changed by a newer version, and then fails.
struct Past {
    store: Store,
    dns: HookId,
    notify: HookId,
    app: SubjectId,
    begin: Timestamp,
}

fn version(number: u8) -> Digest {
    Digest::of(&[number])
}

fn uid() -> Uid {
    "app:cust-7-1".parse().unwrap()
}

/// A request that left so many milliseconds after its run began, and was answered so many later.
fn call(
    n: u32,
    access: &str,
    method: &str,
    body: &str,
    sent: i64,
    answer: Option<(i64, Value)>,
) -> (u32, Value) {
    let ask = json!({"method": method, "url": ZONE, "headers": [["x-api-key", "gc-secret-1"]], "body": {"text": body}});
    (
        n,
        json!({"access": access, "ask": ask, "sent": sent, "answer": answer.map(|(after, said)| json!([after, said]))}),
    )
}

fn response(status: u16, body: &str) -> Value {
    json!({"response": {"status": status, "headers": [["server", "pdns"]], "body": {"text": body}}})
}

fn body(ttl: u32) -> Value {
    json!({"ttl": ttl, "values": ["66.241.125.7"]})
}

fn thing(ttl: u32) -> Value {
    json!({"id": THING, "state": "ready", "note": null, "poll": null, "body": body(ttl), "mark": null,
        "outputs": [{"name": "name", "value": "www.cust-7.example"}], "made": null})
}

fn want(ttl: u32) -> Value {
    json!({"owner": {"path": "fly/acme/cust-7", "uid": "app:cust-7-1"}, "kind": "record", "key": "A/www.cust-7.example",
        "body": body(ttl), "name": "n", "once": "o", "mark": "m", "id": THING})
}

impl Past {
    /// An app, and a hook of each kind.
    async fn begin(fixture: &Fixture) -> Self {
        std::fs::create_dir(fixture.data()).unwrap();
        let store = fixture.store();
        let dns = store.save_hook("dns", version(1), TARGET, "{}").await.unwrap();
        let notify = store.save_hook("notify", version(3), "notify", "{}").await.unwrap();
        // In the middle of its units, so that no age changes while a test runs.
        let begin = SystemClock.now() - Millis::hours(9 * 24 + 5);
        let change = SubjectChange {
            path: Path::app("acme", "cust-7").unwrap(),
            uid: uid(),
            parent: None,
            state: "deployed".to_owned(),
            version: 1,
            labels: Map::new(),
            raw: json!({}),
            seen_at: begin,
            gone_at: None,
        };
        let dirty = vec![(dns, uid())];
        store
            .accept(Intake { subjects: vec![change], dirty, now: begin, ..Intake::default() })
            .await
            .unwrap();
        let app = store.subject_at(&Path::app("acme", "cust-7").unwrap()).unwrap().unwrap().id;
        Self { store, dns, notify, app, begin }
    }

    fn at(&self, millis: i64) -> Timestamp {
        self.begin + Millis::new(millis)
    }

    async fn happens(&self, kind: &str, millis: i64) {
        let subject = self.store.subject(self.app).unwrap().unwrap().subject;
        let (id, time) = (Digest::of(kind.as_bytes()).to_string(), self.at(millis));
        let event = Event {
            id,
            kind: kind.to_owned(),
            time,
            subject: Some(subject),
            data: json!({"status": "deployed"}),
        };
        let events = vec![NewEvent { event, handlers: vec![self.notify] }];
        self.store.accept(Intake { events, now: time, ..Intake::default() }).await.unwrap();
    }

    /// A run that began so many milliseconds after the beginning, and took so many.
    fn run(&self, hook: HookId, op: &str, began: i64, took: i64, outcome: &str, component: u8) -> RunRecord {
        RunRecord {
            id: self.store.next_run(),
            hook,
            subject: Some(self.app),
            seq: None,
            resource: None,
            op: op.to_owned(),
            component: version(component),
            seed: [0; 32],
            schedule: None,
            started: self.at(began),
            ended: Some(self.at(began + took)),
            outcome: Some(outcome.to_owned()),
            log: None,
            settings: None,
            input: None,
            answer: None,
            resumes: None,
            because: None,
        }
    }

    fn calls(run: &RunRecord, calls: Vec<(u32, Value)>) -> Vec<CallRecord> {
        let record = |(n, call): (u32, Value)| {
            let sent_at = run.started + Millis::new(call["sent"].as_i64().unwrap());
            let answer = call["answer"].as_array();
            CallRecord {
                n,
                op: "http".to_owned(),
                access: call["access"].as_str().unwrap().to_owned(),
                print: Digest::of(b"print"),
                ask: call["ask"].to_string().into_bytes(),
                answer: answer.map(|answer| answer[1].to_string().into_bytes()),
                sent_at,
                back_at: answer.map(|answer| sent_at + Millis::new(answer[0].as_i64().unwrap())),
            }
        };
        calls.into_iter().map(record).collect()
    }

    /// What the owner wants, from then on.
    async fn wants(&self, ttl: u32, millis: i64) -> StoredRow {
        let lane = LaneId { hook: self.dns, subject: self.app };
        let spec = Spec {
            kind: "record".to_owned(),
            key: "A/www.cust-7.example".to_owned(),
            body: body(ttl),
            after: vec![],
        };
        let wants = NewWants {
            lane,
            seen: 1,
            target: TARGET.to_owned(),
            specs: vec![(spec, Place { inside: String::new(), class: Class::Natural })],
            view_hash: ttl.to_string(),
            settings: "s".to_owned(),
            component: version(1),
            cause: Cause::ViewChanged,
            reads: Vec::new(),
            close: Vec::new(),
            random: vec![7; 10],
            now: self.at(millis),
        };
        self.store.save_wants(wants).await.unwrap();
        let looked = LaneLook { lane, seen: 1, rows: Rows::Follow, next: None, now: self.at(millis) };
        self.store.finish_look(looked).await.unwrap();
        self.store.lane_rows(lane).unwrap().remove(0)
    }

    async fn commit(&self, row: StoredRow, run: RunRecord, calls: Vec<CallRecord>) -> StoredRow {
        let run = RunRecord { resource: Some(row.id), ..run };
        let now = run.ended.unwrap();
        self.store
            .commit_row(row, RowEffects { runs: vec![(run, calls).into()], now, ..RowEffects::default() })
            .await
            .unwrap()
    }

    async fn settles(&self, seq: i64, run: RunRecord, ending: Ending) {
        let lane = LaneId { hook: self.notify, subject: self.app };
        let (run, now) = (RunRecord { seq: Some(seq), ..run.clone() }, run.ended.unwrap());
        self.store.settle_delivery(lane, seq, run, Vec::new(), ending, Turn::Ends, now).await.unwrap();
    }

    /// It is created: looked for, not there, made; a handler is told at the second try.
    async fn made(&self) -> StoredRow {
        self.happens("app.created", 0).await;
        let row = self.wants(300, 1_000).await;
        let mut run = self.run(self.dns, "find", 1_200, 12, "ok", 1);
        run.answer = Some(json!({"ok": []}).to_string());
        let calls = Self::calls(
            &run,
            vec![call(0, "read", "GET", "", 1, Some((11, response(200, "{\"rrsets\": []}"))))],
        );
        let mut row = self.commit(row, run, calls).await;
        let mut run = self.run(self.dns, "create", 1_220, 48, "ok", 1);
        run.because = Some(Because::Event(1));
        run.answer = Some(json!({"ok": thing(300)}).to_string());
        run.log = Some(
            json!({"lines": [{"level": "info", "message": "set"}], "dropped": 0, "stderr": ""}).to_string(),
        );
        let sent = format!(
            "{{\"rrsets\": [{{\"name\": \"www.cust-7.example.\", \"records\": [{}]}}]}}",
            "\"66.241.125.7\",".repeat(9)
        );
        let calls = vec![
            call(0, "read", "GET", "", 2, Some((9, response(200, "{\"rrsets\": []}")))),
            call(1, "write", "PATCH", &sent, 14, Some((30, response(204, "")))),
        ];
        let calls = Self::calls(&run, calls);
        row.row.state = State::Present;
        row.row.intended_at = Some(calls[1].sent_at);
        row.row.thing = Some(THING.to_owned());
        row.row.observed = Some(body(300));
        row.outputs = vec![Output { name: "name".to_owned(), value: "www.cust-7.example".to_owned() }];
        row.made_at = run.ended;
        row.due_at = None;
        let row = self.commit(row, run, calls).await;
        let failed = "hooks.slack.example answered 503".to_owned();
        let run = self.run(self.notify, "handle", 1_500, 100, &failed, 3);
        self.settles(
            1,
            run,
            Ending::Again { at: self.at(9_000), error: failed, resumes: None, doubts: Vec::new() },
        )
        .await;
        let mut run = self.run(self.notify, "handle", 9_000, 80, "ok", 3);
        run.answer = Some(json!({"ok": null, "kv": {"thread": "MTI="}}).to_string());
        self.settles(
            1,
            run,
            Ending::Told { written: BTreeMap::from([("thread".to_owned(), Some(b"12".to_vec()))]) },
        )
        .await;
        row
    }

    /// A newer version changes it; looks find it as it should be, but for one at which somebody had changed it.
    async fn changed(&self, row: StoredRow) -> StoredRow {
        let day = 24 * 3_600_000;
        let act = OperatorAct { who: "anna".to_owned(), what: "label set ttl of fly/acme/cust-7".to_owned() };
        self.store.touch(Vec::new(), act, self.at(day - 500)).await.unwrap();
        self.happens("app.updated", day).await;
        let mut row = self.store.row(row.id).unwrap().unwrap();
        let mut run = self.run(self.dns, "update", day + 800, 35, "ok", 2);
        run.input = Some(json!({"update": [want(60), thing(300)]}).to_string());
        run.answer = Some(json!({"ok": thing(60)}).to_string());
        let calls =
            Self::calls(&run, vec![call(0, "write", "PATCH", "{}", 3, Some((30, response(204, ""))))]);
        row.row.spec = body(60);
        row.row.observed = Some(body(60));
        let mut row = self.commit(row, run, calls).await;
        for look in 1..=4 {
            let mut run = self.run(self.dns, "find", (1 + look) * day, 9, "ok", 2);
            run.answer = Some(json!({"ok": [thing(60)]}).to_string());
            row = self.commit(row, run, Vec::new()).await;
        }
        let dead = "hooks.slack.example answered 410: channel is archived".to_owned();
        let run = self.run(self.notify, "handle", day + 900, 90, &dead, 3);
        self.settles(2, run, Ending::Dead { error: dead, in_doubt: None }).await;
        row
    }

    /// Somebody changes it, and the change back is never answered.
    async fn fails(&self, row: StoredRow) {
        let hour = 3_600_000;
        let late = (9 * 24 + 2) * hour;
        let drift = NewFinding {
            code: "resource.drift".to_owned(),
            about: row.about(),
            hook: Some(self.dns),
            severity: Severity::Warning,
            message: "somebody else changed: ttl".to_owned(),
            remedy: None,
        };
        self.store.open_finding(drift, self.at(late)).await.unwrap();
        let failed = "pdns did not answer within 30 s";
        let mut run = self.run(self.dns, "update", late + 500, 30_000, failed, 2);
        run.because = Some(Because::Listing);
        run.input = Some(json!({"update": [want(60), thing(5)]}).to_string());
        let calls = vec![
            call(0, "read", "GET", "", 2, Some((500, response(200, "{\"ttl\": 5}")))),
            call(1, "write", "PATCH", "{\"ttl\": 60}", 510, None),
        ];
        let calls = Self::calls(&run, calls);
        let mut row = row;
        row.row.state = State::Updating;
        (row.attempts, row.error) = (8, Some(failed.to_owned()));
        self.commit(row, run, calls).await;
        self.store.save_hook("dns", version(2), TARGET, "{}").await.unwrap();
    }
}

async fn past() -> Fixture {
    let fixture = Fixture::empty();
    let past = Past::begin(&fixture).await;
    let row = past.made().await;
    let row = past.changed(row).await;
    past.fails(row).await;
    fixture
}

#[tokio::test]
async fn the_past_is_as_in_its_golden_files() {
    let fixture = past().await;
    for (name, line) in [
        ("past-why.txt", "why A/www.cust-7.example"),
        ("past-why-calls.txt", "why A/www.cust-7.example --calls --runs 7"),
        ("past-why-json.txt", "why A/www.cust-7.example --runs 1 --json"),
        ("past-runs.txt", "runs"),
        ("past-run-made.txt", "run r2"),
        ("past-run-made-full.txt", "run r2 --full"),
        ("past-run-made-json.txt", "run r2 --json"),
        ("past-run-changed.txt", "run r5"),
        ("past-run-unanswered.txt", "run r11"),
        ("past-run-untold.txt", "run r3"),
        ("past-run-told.txt", "run r4"),
        ("past-run-dead.txt", "run r10"),
        ("past-event.txt", "why e1"),
        ("past-event-json.txt", "why e1 --json"),
        ("past-event-dead.txt", "why notify/2"),
        ("past-event-unknown.txt", "why e99"),
        ("past-blame.txt", "blame --since 30d"),
        ("past-blame-hook.txt", "blame dns"),
        ("past-blame-json.txt", "blame dns --since 30d --json"),
        ("past-blame-thing.txt", "blame dns/A/www.cust-7.example"),
        ("past-blame-thing-json.txt", "blame A/www.cust-7.example --json"),
        ("past-blame-unknown.txt", "blame nothing"),
    ] {
        golden(name, &fixture.transcript(line));
    }
}

/// A page in which each block that begins with a command holds what the command says.
fn filled(page: &str, says: impl Fn(&str) -> String) -> String {
    let (mut text, mut lines) = (String::new(), page.lines());
    while let Some(line) = lines.next() {
        writeln!(text, "{line}").unwrap();
        if let Some(command) = line.strip_prefix("$ groundcrew ") {
            let said = says(command);
            writeln!(text, "{}\n```", said.trim_end()).unwrap();
            // What it said before.
            assert!(lines.any(|line| line == "```"), "the block of `{command}` has no end");
        }
    }
    text
}

#[tokio::test]
async fn the_page_shows_what_the_commands_say() {
    let fixture = past().await;
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/why.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let now = filled(&page, |command| fixture.data_run(command).out);
    if redact(&page) != redact(&now) {
        let write = std::env::var_os("GROUNDCREW_GOLDEN").is_some_and(|mode| mode == "write");
        assert!(write, "docs/why.md differs; GROUNDCREW_GOLDEN=write writes it anew. Now:\n{now}");
        std::fs::write(&path, now).unwrap();
    }
}

#[tokio::test]
async fn a_run_its_event_and_its_thing_lead_to_each_other() {
    let fixture = past().await;
    let ask = |line: &str| fixture.data_run(&format!("{line} --json")).json();
    let why = ask("why A/www.cust-7.example");
    let row = why[0]["row"].as_str().unwrap();
    for run in why[0]["runs"].as_array().unwrap() {
        let run = ask(&format!("run {}", run["run"].as_str().unwrap()));
        assert_eq!(run["row"], row, "{run}");
        let because = run["because"]["event"]["event"].as_str();
        assert_eq!(
            (because, run["after"].is_null()),
            if run["run"] == "r2" { (Some("e1"), true) } else { (None, false) }
        );
        let after = because.or(run["after"]["event"].as_str()).unwrap();
        let event = ask(&format!("why {after}"));
        assert_eq!(event[0]["resources"][0]["row"], row, "{event}");
        assert_eq!(
            ask(&format!("why {}", event[0]["id"].as_str().unwrap())),
            event,
            "an event is its id, too"
        );
        let followed = event[0]["runs"].as_array().unwrap();
        assert!(followed.iter().any(|one| one["run"] == run["run"]), "{run} of {followed:?}");
    }
    let told = ask("why e1")[0]["handlers"][0].clone();
    assert_eq!((&told["standing"], &told["runs"]), (&"told".into(), &json!(["r4", "r3"])));
    assert_eq!(ask("run r4")["event"]["event"], "e1");
    let timeline = why[0]["timeline"].as_array().unwrap();
    let times: Vec<_> = timeline.iter().map(|entry| entry["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted() && times.len() > 5, "{timeline:?}");
}

#[tokio::test]
async fn an_event_of_a_machine_that_made_a_run_due_is_a_part_of_the_story_of_its_apps_thing() {
    let fixture = past().await;
    let machine = "INSERT INTO subject VALUES
          (9, 'fly/acme/cust-7/m1', 'machine:m1', 1, 'started', 1, '{}', 'null', 1795000000000, NULL);
        INSERT INTO event (seq, eid, kind, subject, at, data)
          SELECT 3, 'machine', 'machine.started', 9, started - 1, 'null' FROM run WHERE id = 5;
        UPDATE run SET because = 'e3' WHERE id = 5";
    fixture.open().execute_batch(machine).unwrap();
    let ask = |line: &str| fixture.data_run(&format!("{line} --json")).json();
    assert_eq!(ask("run r5")["because"]["event"]["subject"], "fly/acme/cust-7/m1");
    let why = ask("why A/www.cust-7.example");
    let names = why[0]["timeline"].as_array().unwrap().iter().filter_map(|entry| entry["name"].as_str());
    let names: Vec<_> = names.filter(|name| ["e1", "e2", "e3", "r5"].contains(name)).collect();
    assert_eq!(names, ["e1", "e2", "e3", "r5"]);
}

#[tokio::test]
async fn what_is_no_longer_kept_is_said_to_be_so() {
    let fixture = past().await;
    let forget = "UPDATE run SET input = NULL, answer = NULL; DELETE FROM delivery; DELETE FROM dead; DELETE FROM event";
    fixture.open().execute_batch(forget).unwrap();
    let said = |line: &str| fixture.data_run(line).out;
    assert!(said("run r2").contains("made; what it answered is no longer kept"));
    assert!(said("run r2").contains("because   e1, which is no longer kept"));
    assert!(said("run r1").contains("what it found is no longer kept"));
    assert!(said("run r10").contains("not told, and no longer owed"));
    assert_eq!(fixture.data_run("run r4 --json").json()["event"], Value::Null);
    assert!(said("why A/www.cust-7.example").contains("update, 30 s: a write left"));
    fixture.open().execute_batch("DELETE FROM call; DELETE FROM run").unwrap();
    let why = said("why A/www.cust-7.example");
    assert!(why.contains("(no runs of it are kept)") && why.contains("is known to exist"), "{why}");
    assert!(said("blame").contains("no hook ran") && said("blame dns").contains("it did not run"));
    assert!(said("blame A/www.cust-7.example").contains("made by"), "the ledger keeps who made it");
}
