//! Lines, foreign events as they are posted, and labels, each with a real store.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod source_support;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use futures_util::future::BoxFuture;
use groundcrew::config::{LabelSource, LabelType, Ndjson, Position};
use groundcrew::control::NoHints;
use groundcrew::http::{Door, Inbox, Live, SourceStatus, State, Taken, router};
use groundcrew::source::{
    Belief, CloudEvent, ForeignEvents, LabelSources, LinesStatus, NdjsonError, NdjsonSource, Refusal,
};
use groundcrew_core::duration::Millis;
use groundcrew_core::mirror::Rules;
use groundcrew_core::spec::Failure;
use groundcrew_core::time::Timestamp;
use groundcrew_engine::clock::Clock as _;
use groundcrew_engine::egress::{Request, Response, Transport, TransportError};
use groundcrew_store::events::Intake;
use groundcrew_store::findings::{ClosedToo, Finding};
use groundcrew_store::subjects::SubjectChange;
use groundcrew_store::{CommitFault, CommitFaults, CommitMoment, Connection, Options, Store};
use serde_json::{Map, Value, json};
use source_support::{Bench, Ground, Time};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// Answers from a table of URLs; everything else gets no answer.
#[derive(Debug, Default)]
struct Script {
    answers: Mutex<BTreeMap<String, (u16, Value)>>,
    asked: Mutex<Vec<Request>>,
}

impl Script {
    fn say(&self, url: &str, status: u16, body: Value) {
        self.answers.lock().unwrap().insert(url.to_owned(), (status, body));
    }
}

impl Transport for Script {
    fn admit<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn exchange(&self, request: Request, _: Millis) -> BoxFuture<'_, Result<Response, TransportError>> {
        let answer = self.answers.lock().unwrap().get(&request.url).cloned();
        self.asked.lock().unwrap().push(request);
        let response = answer.map(|(status, body)| Response {
            status,
            headers: Vec::new(),
            body: body.to_string().into_bytes(),
        });
        Box::pin(std::future::ready(response.ok_or_else(|| TransportError::NoAnswer("silence".to_owned()))))
    }
}

/// A source that follows a file.
struct Following {
    shutdown: CancellationToken,
    statuses: watch::Receiver<LinesStatus>,
    tasks: JoinSet<Result<(), NdjsonError>>,
}

impl Following {
    fn start(ground: &Ground, path: &Path) -> Self {
        let around = ground.around(Arc::new(Script::default()));
        let source = NdjsonSource::open(&Ndjson::File(path.to_owned()), "acme", around).unwrap();
        let (shutdown, statuses) = (CancellationToken::new(), source.statuses());
        let mut tasks = JoinSet::new();
        tasks.spawn(source.run(shutdown.clone()));
        Self { shutdown, statuses, tasks }
    }

    /// Waits until the source is as expected.
    async fn is(&mut self, expected: impl FnMut(&LinesStatus) -> bool) -> LinesStatus {
        let limit = std::time::Duration::from_secs(20);
        let status = tokio::time::timeout(limit, self.statuses.wait_for(expected)).await;
        status.expect("it comes to be so").unwrap().clone()
    }

    async fn stop(mut self) {
        self.shutdown.cancel();
        self.tasks.join_next().await.unwrap().unwrap().unwrap();
    }
}

/// Waits until the story is as long as expected.
async fn told(ground: &Ground, events: usize) -> Vec<String> {
    let limit = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    let mut look = tokio::time::interval(std::time::Duration::from_millis(10));
    while ground.story().len() < events {
        assert!(tokio::time::Instant::now() < limit, "{events} events: {:#?}", ground.story());
        look.tick().await;
    }
    ground.story()
}

/// Reads a file until the story is as long as expected, then stops the source.
async fn read(ground: &Ground, path: &Path, events: usize) -> Vec<String> {
    let following = Following::start(ground, path);
    told(ground, events).await;
    following.stop().await;
    ground.story()
}

fn file(ground: &Ground, lines: &[&str]) -> PathBuf {
    let path = ground.dir.path().join("lines.ndjson");
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    std::fs::write(&path, format!("{before}{}\n", lines.join("\n"))).unwrap();
    path
}

#[tokio::test]
async fn a_file_is_read_on_where_it_was_left() {
    let ground = Ground::new().await;
    let path =
        file(&ground, &[r#"{"app": "web", "id": "a1"}"#, r#"{"app": "web", "machine": "m1"}"#, "nonsense"]);
    let mut story = vec!["app.created web", "machine.created web/*", "machine.started web/*"];
    assert_eq!(read(&ground, &path, 3).await, story);
    assert_eq!(ground.findings(), [format!("source.line {}", path.display())]);
    file(&ground, &[r#"{"app": "web", "machine": "m1", "state": "stopped"}"#]);
    story.push("machine.stopped web/*");
    assert_eq!(read(&ground, &path, 4).await, story, "nothing is told twice");
}

/// Lines of apps that are there.
fn apps(names: &[&str]) -> String {
    names.iter().map(|name| ["{\"app\": \"", name, "\"}\n"].concat()).collect()
}

#[tokio::test]
async fn a_file_that_is_cut_off_or_renamed_while_it_is_followed_loses_no_line() {
    let ground = Ground::new().await;
    let (path, old) = (ground.dir.path().join("lines.ndjson"), ground.dir.path().join("lines.ndjson.1"));
    std::fs::write(&path, apps(&["one", "two", "three"])).unwrap();
    let following = Following::start(&ground, &path);
    told(&ground, 3).await;

    std::fs::write(&path, apps(&["four"])).unwrap();
    assert_eq!(told(&ground, 4).await[3..], ["app.created four"]);

    let mut writer = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    std::fs::rename(&path, &old).unwrap();
    writer.write_all(apps(&["five"]).as_bytes()).unwrap();
    std::fs::write(&path, apps(&["six", "seven"])).unwrap();
    assert_eq!(told(&ground, 7).await[4..], ["app.created five", "app.created six", "app.created seven"]);
    following.stop().await;
}

#[tokio::test]
async fn another_file_is_read_from_its_beginning() {
    let ground = Ground::new().await;
    let path = file(&ground, &[r#"{"app": "one"}"#]);
    read(&ground, &path, 1).await;

    let other = ground.dir.path().join("other.ndjson");
    std::fs::write(&other, apps(&["two", "three"])).unwrap();
    assert_eq!(read(&ground, &other, 3).await[1..], ["app.created two", "app.created three"]);

    let next = ground.dir.path().join("next.ndjson");
    std::fs::write(&next, apps(&["four", "five", "six"])).unwrap();
    std::fs::rename(&next, &other).unwrap();
    let story = read(&ground, &other, 6).await;
    assert_eq!(story[3..], ["app.created four", "app.created five", "app.created six"], "at the same path");
}

#[tokio::test]
async fn an_address_is_free_before_it_is_taken() {
    let ground = Ground::new().await;
    let again = [
        r#"{"app": "web", "id": "a1"}"#,
        r#"{"app": "web", "machine": "m1"}"#,
        r#"{"app": "web", "id": "a2"}"#,
        r#"{"app": "web", "machine": "m2"}"#,
    ];
    let renamed = [
        r#"{"app": "shop", "id": "a2"}"#,
        r#"{"app": "web", "id": "a3"}"#,
        r#"{"app": "web", "machine": "m3"}"#,
        r#"{"app": "web", "gone": true}"#,
        r#"{"app": "web", "id": "a2"}"#,
    ];
    let path = file(&ground, &[&again[..], &renamed[..]].concat());
    read(&ground, &path, 15).await;
    let web = ground.subject("fly/acme/web").unwrap();
    assert_eq!((web.subject.uid.as_str(), web.gone_at), ("app:a2", None));
    assert_eq!(ground.store.members(web.id).unwrap().len(), 1);
    assert!(
        ground.subject("fly/acme/web/m2").is_some(),
        "a machine follows its app to the new address and back"
    );
    let known: Vec<_> =
        ground.store.mirror_rows().unwrap().iter().map(|row| row.subject.uid.to_string()).collect();
    assert_eq!(known, ["app:a1", "machine:m1", "app:a2", "machine:m2", "app:a3", "machine:m3"]);
}

fn open(ground: &Ground) -> Vec<Finding> {
    ground.store.findings(ClosedToo::No).unwrap()
}

#[tokio::test]
async fn a_line_that_the_database_refuses_is_a_finding_and_stops_nobody() {
    let ground = Ground::new().await;
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON subject WHEN NEW.path = 'fly/acme/bad'
        BEGIN SELECT RAISE(ABORT, 'not this one'); END";
    Connection::open(ground.store.path()).unwrap().execute_batch(refuse).unwrap();
    let path = file(&ground, &[r#"{"app": "one"}"#, r#"{"app": "bad"}"#, r#"{"app": "two"}"#]);
    let mut story = vec!["app.created one", "app.created two"];
    assert_eq!(read(&ground, &path, 2).await, story);
    let found = open(&ground);
    let [refused] = &found[..] else { panic!("{:?}", ground.findings()) };
    assert_eq!(refused.code, "source.line");
    assert_eq!(refused.message, "line 2: the database refused it: not this one");
    file(&ground, &[r#"{"app": "three"}"#]);
    story.push("app.created three");
    assert_eq!(read(&ground, &path, 3).await, story, "nothing is told twice");
}

#[tokio::test]
async fn an_app_whose_address_is_another_sources_is_a_finding_and_holds_up_nobody() {
    let ground = Ground::new().await;
    let path = file(&ground, &[r#"{"app": "web", "id": "x1"}"#]);
    read(&ground, &path, 1).await;
    let mut bench = Bench::with(ground, Rules::ALL, "acme").await;
    bench.app("web");
    bench.machine("web");
    bench.app("shop");
    bench.pass(40).await;
    let status = bench.handle.status();
    assert_eq!((status.belief, status.error), (Belief::Believed, None));
    let found = open(&bench.ground);
    let [held] = &found[..] else { panic!("{:?}", bench.ground.findings()) };
    assert_eq!(held.code, "source.conflict");
    let why = format!(
        "app:x1 of another source lives at fly/acme/web: {} and its machines are not taken in there",
        held.about
    );
    assert_eq!(held.message, why);
    let known = bench.ground.store.mirror_rows().unwrap();
    let known: Vec<_> = known.iter().map(|row| row.subject.path.as_str()).collect();
    assert_eq!(known, ["fly/acme/web", "fly/acme/shop"]);
    bench.app("late");
    bench.until(20, "a new app", |bench| bench.ground.subject("fly/acme/late").is_some()).await;

    let (fly, path) = (held.about.clone(), file(&bench.ground, &[r#"{"app": "web", "gone": true}"#]));
    let story = read(&bench.ground, &path, 3).await;
    assert_eq!(story[1..], ["app.created late", "app.deleted web"]);
    let is_flys = |bench: &Bench| {
        let web = bench.ground.subject("fly/acme/web").unwrap();
        web.subject.uid.as_str() == fly && bench.ground.store.members(web.id).unwrap().len() == 1
    };
    bench.until(30, "it is taken in", is_flys).await;
    assert_eq!(bench.ground.findings(), Vec::<String>::new());

    // The other way round: lines are read on behind an app that is Fly's.
    file(&bench.ground, &[r#"{"app": "shop", "id": "x2"}"#, r#"{"app": "own", "id": "x3"}"#]);
    let told = bench.ground.story().len() + 1;
    assert_eq!(read(&bench.ground, &path, told).await.last().unwrap(), "app.created own");
    assert_eq!(bench.ground.findings(), ["source.conflict app:x2"]);
    file(&bench.ground, &[r#"{"app": "shop", "gone": true}"#, r#"{"app": "last", "id": "x4"}"#]);
    assert_eq!(read(&bench.ground, &path, told + 1).await.last().unwrap(), "app.created last");
    assert_eq!(bench.ground.findings(), Vec::<String>::new());
    bench.honest();
}

/// Commits fail while it is set.
#[derive(Debug, Default)]
struct Full(AtomicBool);

impl CommitFaults for Full {
    fn at(&self, moment: CommitMoment) -> CommitFault {
        let fails = moment == CommitMoment::Before && self.0.load(Ordering::SeqCst);
        if fails { CommitFault::Fail } else { CommitFault::None }
    }
}

#[tokio::test]
async fn a_source_of_lines_says_how_far_it_is_and_that_it_does_not_go_on() {
    let full = Arc::new(Full::default());
    let ground = Ground::with(Options { faults: Some(full.clone()), ..Options::default() }).await;
    let path = file(&ground, &["# apps", r#"{"app": "one"}"#]);
    let mut following = Following::start(&ground, &path);
    let begun = following.is(|status| status.line == 2).await;
    let now = Time(ground.clock.clone()).now();
    assert_eq!((begun.begun_at, begun.heard_at, begun.error), (now, Some(now), None));
    ground.clock.advance(1_000);
    following.is(|status| status.heard_at > Some(now)).await;

    full.0.store(true, Ordering::SeqCst);
    let mut writer = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    writer.write_all(apps(&["two"]).as_bytes()).unwrap();
    let stuck = following.is(|status| status.error.is_some()).await;
    ground.clock.advance(180_000);
    let mut tries = 0;
    let again = |_: &LinesStatus| {
        tries += 1;
        tries > 2
    };
    let later = following.is(again).await;
    assert_eq!((later.line, later.heard_at), (2, stuck.heard_at), "{later:?}");

    full.0.store(false, Ordering::SeqCst);
    let mended = following.is(|status| status.line == 3).await;
    assert!(mended.error.is_none() && mended.heard_at > stuck.heard_at, "{mended:?}");
    following.stop().await;
}

#[tokio::test]
async fn what_follows_a_recording_is_taken_whatever_its_ticks_were() {
    let ground = Ground::new().await;
    let line = |tick: u32, look: &str, more: Value| {
        let mut line = json!({"look": look, "tick": tick, "at": "2036-01-01T00:00:00Z"});
        line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        line.to_string()
    };
    let list = |tick, names: &[&str]| {
        let apps: Vec<_> = names.iter().map(|name| json!({"id": name, "name": name})).collect();
        let seen = json!({"extent": "whole", "apps": apps});
        line(tick, "apps", json!({"outcome": {"outcome": "found", "seen": seen}}))
    };
    let control = |tick| {
        line(
            tick,
            "control",
            json!({"outcome": {"outcome": "found", "seen": {"orgs": ["a1b2"], "apps": null}}}),
        )
    };
    let not_found =
        |tick, app: &str| line(tick, "app", json!({"app": app, "outcome": {"outcome": "not-found"}}));
    let lines = [
        list(1_000, &["web", "shop", "cart"]),
        control(1_000),
        r#"{"app": "web", "gone": true}"#.to_owned(),
        r#"{"app": "shop", "machine": "m1"}"#.to_owned(),
        r#"{"app": "shop", "machine": "m1", "state": "stopped"}"#.to_owned(),
        // Another recording, and its look at who is missing.
        list(1, &["shop"]),
        control(1),
        not_found(1, "cart"),
    ];
    let path = file(&ground, &lines.each_ref().map(String::as_str));
    let story =
        ["app.deleted web", "machine.created shop/*", "machine.started shop/*", "machine.stopped shop/*"];
    assert_eq!(read(&ground, &path, 5).await, [&story[..], &["app.deleted cart"]].concat());
    assert!(ground.findings().is_empty(), "{:?}", ground.findings());
}

/// What takes events, with nothing else of a runner behind it.
#[derive(Debug)]
struct Alone(ForeignEvents);

impl Live for Alone {
    fn sources(&self) -> Vec<SourceStatus> {
        Vec::new()
    }

    fn failures(&self) -> Vec<(String, u64)> {
        Vec::new()
    }

    fn waiting(&self) -> Vec<(String, u64)> {
        Vec::new()
    }
}

impl Inbox for Alone {
    fn token(&self) -> Result<Option<Arc<str>>, String> {
        Ok(None)
    }

    fn take(&self, events: Vec<CloudEvent>) -> BoxFuture<'_, Result<Taken, Refusal>> {
        Box::pin(async move {
            let accepted = self.0.accept(events).await?;
            Ok(Taken { accepted: accepted.events, duplicates: accepted.duplicates })
        })
    }
}

/// What is served at the socket.
fn api(ground: &Ground) -> Router {
    let alone = Arc::new(Alone(ForeignEvents::new(ground.around(Arc::new(Script::default())))));
    let state = State {
        store: ground.store.clone(),
        live: alone.clone(),
        hints: Arc::new(NoHints),
        inbox: Some(alone),
        clock: Arc::new(Time(ground.clock.clone())),
    };
    router(state, Door::Socket)
}

/// Posts an event, or a batch of them; the status and the answer.
async fn post(api: &Router, event: &Value) -> (u16, Value) {
    let media =
        if event.is_array() { "application/cloudevents-batch+json" } else { "application/cloudevents+json" };
    let request = axum::http::Request::post("/v1/events").header("content-type", media);
    let answer = api.clone().oneshot(request.body(Body::from(event.to_string())).unwrap()).await.unwrap();
    let status = answer.status().as_u16();
    let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

/// An event from elsewhere, with some of it otherwise.
fn deploy(otherwise: &Value) -> Value {
    let mut event = json!({
        "specversion": "1.0", "id": "1", "source": "/ci", "type": "com.example.deploy",
        "subject": "fly/acme/web", "data": {"a": 1},
    });
    let fields = event.as_object_mut().unwrap();
    fields.extend(otherwise.as_object().unwrap().clone());
    event
}

/// Deliveries of foreign events that are owed.
fn owed(ground: &Ground) -> u32 {
    let text =
        "SELECT count(*) FROM delivery JOIN event ON event.seq = delivery.seq WHERE event.kind LIKE 'com.%'";
    let connection = Connection::open(ground.store.path()).unwrap();
    connection.query_row(text, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn foreign_events_go_to_handlers_once_and_never_touch_the_mirror() {
    let ground = Ground::new().await;
    let path = file(&ground, &[r#"{"app": "web"}"#]);
    read(&ground, &path, 1).await;
    let api = api(&ground);
    let (new, known) = (json!({"accepted": 1, "duplicates": 0}), json!({"accepted": 0, "duplicates": 1}));
    assert_eq!(post(&api, &deploy(&json!({}))).await, (202, new.clone()));
    assert_eq!(post(&api, &deploy(&json!({}))).await, (202, known));
    assert_eq!(owed(&ground), 1);
    let web = ground.subject("fly/acme/web").unwrap();
    let events = ground.store.events_of(web.id, 10).unwrap();
    assert_eq!(events[0].1, "com.example.deploy");
    let nobody = deploy(&json!({"id": "2", "subject": "fly/acme/nobody"}));
    assert_eq!(post(&api, &nobody).await, (202, new));
    let (status, answer) = post(&api, &deploy(&json!({"type": "app.deleted"}))).await;
    assert!(status == 422 && answer["error"].as_str().unwrap().contains("reserved"), "{answer}");
    assert_eq!(post(&api, &deploy(&json!({"data": "x".repeat(300_000)}))).await.0, 413);
    assert_eq!(post(&api, &deploy(&json!({"id": 3}))).await.0, 400);
    assert_eq!((owed(&ground), ground.store.mirror_rows().unwrap().len()), (2, 1));
}

#[tokio::test]
async fn a_batch_of_foreign_events_is_taken_as_a_whole_or_not_at_all() {
    let ground = Ground::new().await;
    let api = api(&ground);
    let (one, two) = (deploy(&json!({})), deploy(&json!({"id": "2"})));
    let (status, answer) = post(&api, &json!([one, deploy(&json!({"type": "app.deleted"}))])).await;
    assert!(
        status == 422 && answer["error"].as_str().unwrap().starts_with("event 2 of the batch"),
        "{answer}"
    );
    assert_eq!(post(&api, &json!([one, deploy(&json!({"data": "x".repeat(300_000)}))])).await.0, 413);
    let taken = (202, json!({"accepted": 2, "duplicates": 1}));
    assert_eq!(post(&api, &json!([one, two, one])).await, taken, "of what was refused nothing was kept");
    assert_eq!(owed(&ground), 2);
}

fn customer() -> LabelSource {
    LabelSource {
        name: "customer".to_owned(),
        url: "https://crm.example/{org}/{app}".to_owned(),
        secrets: vec![("CRM".to_owned(), Position::Header("x-key".to_owned()))],
        every: Millis::minutes(1),
        timeout: Millis::seconds(5),
        values: [("domains".to_owned(), LabelType::List), ("plan".to_owned(), LabelType::String)].into(),
    }
}

#[tokio::test]
async fn labels_are_kept_through_outages_and_owe_a_look_when_they_change() {
    let ground = Ground::new().await;
    let path =
        file(&ground, &[r#"{"app": "web"}"#, r#"{"app": "new"}"#, r#"{"app": "web", "machine": "m1"}"#]);
    read(&ground, &path, 4).await;
    let script = Arc::new(Script::default());
    let mut sources = LabelSources::new(vec![customer()], ground.around(script.clone()));
    let labels = || ground.subject("fly/acme/web").unwrap().subject.labels;
    let web = ground.subject("fly/acme/web").unwrap();
    let lane = groundcrew_store::lanes::LaneId { hook: ground.routes.provisioner, subject: web.id };
    let dirty = || ground.store.lane(lane).unwrap().unwrap().dirty;

    sources.turn().await;
    let answered =
        |app: &str| ground.store.label_sources(&format!("fly/acme/{app}").parse().unwrap()).unwrap();
    assert!(answered("web").is_empty(), "an outage is no answer");
    let request = script.asked.lock().unwrap()[1].clone();
    assert_eq!(request.url, "https://crm.example/acme/web");
    assert!(request.headers.contains(&("x-key".to_owned(), "value of CRM".to_owned())));

    script.say("https://crm.example/acme/web", 200, json!({"domains": ["a.example"], "plan": "pro"}));
    script.say("https://crm.example/acme/new", 404, Value::Null);
    let before = dirty();
    ground.clock.advance(60_000);
    sources.turn().await;
    assert_eq!(labels()["domains"], json!(["a.example"]));
    assert_eq!(answered("new"), ["customer"], "an app that nobody knows has no labels, and need not wait");
    assert_eq!(dirty(), before + 1);

    for (status, body) in [(503, json!({})), (200, json!("no object")), (404, json!(null))] {
        script.say("https://crm.example/acme/web", status, body);
        ground.clock.advance(120_000);
        sources.turn().await;
        assert_eq!(labels()["domains"], json!(["a.example"]), "{status}");
    }
    assert!(ground.findings().contains(&"labels.lost customer fly/acme/web".to_owned()));

    script.say("https://crm.example/acme/web", 200, json!({"domains": "a.example", "plan": "free"}));
    ground.clock.advance(120_000);
    sources.turn().await;
    let expected: Map<String, Value> =
        [("domains".to_owned(), json!(["a.example"])), ("plan".to_owned(), json!("free"))]
            .into_iter()
            .collect();
    assert_eq!(labels(), expected);
    assert_eq!(ground.findings(), ["labels.mistyped customer fly/acme/web"]);
    assert_eq!(dirty(), before + 2);

    let open = |about: &str| groundcrew_store::findings::NewFinding {
        code: "labels.lost".to_owned(),
        about: about.to_owned(),
        hook: None,
        severity: groundcrew_store::findings::Severity::Warning,
        message: "the endpoint no longer knows it".to_owned(),
        remedy: None,
    };
    // Of an app that ended, and of a source that is no longer asked.
    for about in ["customer fly/acme/ended", "formerly fly/acme/web"] {
        ground.store.open_finding(open(about), groundcrew_core::time::Timestamp::default()).await.unwrap();
    }
    let mut restarted = LabelSources::new(vec![customer()], ground.around(script));
    restarted.turn().await;
    assert_eq!(ground.findings(), ["labels.mistyped customer fly/acme/web"]);
}

#[tokio::test]
async fn an_app_that_is_renamed_keeps_its_labels_also_where_the_endpoint_knows_no_such_name() {
    let ground = Ground::new().await;
    let path = file(&ground, &[r#"{"app": "web", "id": "a1"}"#, r#"{"app": "web", "machine": "m1"}"#]);
    read(&ground, &path, 3).await;
    let script = Arc::new(Script::default());
    script.say("https://crm.example/acme/web", 200, json!({"plan": "pro"}));
    script.say("https://crm.example/acme/shop", 404, Value::Null);
    let mut sources = LabelSources::new(vec![customer()], ground.around(script));
    sources.turn().await;
    let (web, shop) = ("fly/acme/web".parse().unwrap(), "fly/acme/shop".parse().unwrap());
    let set = Map::from_iter([("domains".to_owned(), json!(["a.example"]))]);
    ground.store.save_label(&web, "set", set, Vec::new(), None, Timestamp::default()).await.unwrap();

    file(&ground, &[r#"{"app": "shop", "id": "a1"}"#]);
    read(&ground, &path, 4).await;
    let expected = json!({"domains": ["a.example"], "plan": "pro"});
    let labels = || Value::Object(ground.subject("fly/acme/shop").unwrap().subject.labels);
    assert_eq!(labels(), expected);
    let mut events = (1..=5).filter_map(|seq| ground.store.event(seq).unwrap());
    let renamed = events.find(|event| event.kind == "app.updated").unwrap().subject.unwrap();
    assert_eq!((renamed.path.app_name(), Value::Object(renamed.labels)), ("shop", expected.clone()));
    ground.clock.advance(120_000);
    sources.turn().await;
    assert_eq!(labels(), expected);
    assert_eq!(ground.findings(), ["labels.lost customer fly/acme/shop"], "it was known");
    let of = |path| ground.store.label_sources(path).unwrap();
    assert_eq!((of(&shop), of(&web)), (vec!["customer".to_owned(), "set".to_owned()], Vec::new()));
}

/// Answers about an app that is renamed meanwhile.
#[derive(Debug)]
struct Renaming(Store, SubjectChange);

impl Transport for Renaming {
    fn admit<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn exchange(&self, _: Request, _: Millis) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            let intake = Intake { subjects: vec![self.1.clone()], ..Intake::default() };
            self.0.accept(intake).await.unwrap();
            Ok(Response { status: 200, headers: Vec::new(), body: br#"{"plan": "pro"}"#.to_vec() })
        })
    }
}

#[tokio::test]
async fn what_is_answered_about_a_name_that_an_app_has_left_is_nobodys() {
    let ground = Ground::new().await;
    let path = file(&ground, &[r#"{"app": "web", "id": "a1"}"#]);
    read(&ground, &path, 1).await;
    let renamed = SubjectChange {
        path: "fly/acme/shop".parse().unwrap(),
        uid: "app:a1".parse().unwrap(),
        parent: None,
        state: "deployed".to_owned(),
        version: 2,
        labels: Map::new(),
        raw: json!({}),
        seen_at: Timestamp::default(),
        gone_at: None,
    };
    let transport = Arc::new(Renaming(ground.store.clone(), renamed));
    let mut sources = LabelSources::new(vec![customer()], ground.around(transport));
    let of = |path: &str| ground.store.label_sources(&path.parse().unwrap()).unwrap();
    sources.turn().await;
    assert_eq!((of("fly/acme/web"), of("fly/acme/shop")), (Vec::new(), Vec::new()));
    sources.turn().await;
    assert_eq!((of("fly/acme/web"), of("fly/acme/shop")), (Vec::new(), vec!["customer".to_owned()]));
}
