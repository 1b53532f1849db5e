//! Lines, foreign events and labels, each with a real store.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod source_support;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use groundcrew::config::{LabelSource, LabelType, Ndjson, Position};
use groundcrew::source::{ForeignEvents, LabelSources, NdjsonError, NdjsonSource, News, Refusal};
use groundcrew_core::duration::Millis;
use groundcrew_core::spec::Failure;
use groundcrew_engine::egress::{Request, Response, Transport, TransportError};
use serde_json::{Map, Value, json};
use source_support::Ground;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

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
    tasks: JoinSet<Result<(), NdjsonError>>,
}

impl Following {
    fn start(ground: &Ground, path: &Path) -> Self {
        let around = ground.around(Arc::new(Script::default()));
        let source = NdjsonSource::open(&Ndjson::File(path.to_owned()), "acme", around).unwrap();
        let shutdown = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(source.run(shutdown.clone()));
        Self { shutdown, tasks }
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

fn cloudevent(change: impl FnOnce(&mut Value)) -> (Vec<(String, String)>, Vec<u8>) {
    let mut event = json!({
        "specversion": "1.0", "id": "1", "source": "/ci", "type": "com.example.deploy",
        "subject": "fly/acme/web", "data": {"a": 1},
    });
    change(&mut event);
    let headers = vec![("content-type".to_owned(), "application/cloudevents+json".to_owned())];
    (headers, event.to_string().into_bytes())
}

#[tokio::test]
async fn foreign_events_go_to_handlers_once_and_never_touch_the_mirror() {
    let ground = Ground::new().await;
    let path = file(&ground, &[r#"{"app": "web"}"#]);
    read(&ground, &path, 1).await;
    let foreign = ForeignEvents::new(ground.around(Arc::new(Script::default())));
    let (headers, body) = cloudevent(|_| {});
    let first = foreign.accept_cloudevent(&headers, &body).await.unwrap();
    let second = foreign.accept_cloudevent(&headers, &body).await.unwrap();
    assert_eq!((first.news, first.deliveries), (News::New, 1));
    assert_eq!((second.news, second.deliveries, &second.id), (News::Known, 0, &first.id));
    let web = ground.subject("fly/acme/web").unwrap();
    let events = ground.store.events_of(web.id, 10).unwrap();
    assert_eq!(events[0].1, "com.example.deploy");
    let (headers, body) =
        cloudevent(|event| (event["id"], event["subject"]) = (json!("2"), json!("fly/acme/nobody")));
    assert_eq!(foreign.accept_cloudevent(&headers, &body).await.unwrap().news, News::New);
    let (headers, body) = cloudevent(|event| event["type"] = json!("app.deleted"));
    let refused = foreign.accept_cloudevent(&headers, &body).await.unwrap_err();
    assert!(matches!(refused, Refusal::Reserved(_)));
    let (headers, body) = cloudevent(|event| event["data"] = json!("x".repeat(300_000)));
    assert_eq!(foreign.accept_cloudevent(&headers, &body).await.unwrap_err().status(), 413);
    assert_eq!(ground.store.mirror_rows().unwrap().len(), 1);
}

#[tokio::test]
async fn a_batch_of_foreign_events_is_taken_as_a_whole_or_not_at_all() {
    let ground = Ground::new().await;
    let foreign = ForeignEvents::new(ground.around(Arc::new(Script::default())));
    let event = |change: &dyn Fn(&mut Value)| {
        let (_, body) = cloudevent(|event| change(event));
        serde_json::from_slice::<Value>(&body).unwrap()
    };
    let (one, two) = (event(&|_| {}), event(&|event| event["id"] = json!("2")));
    let reserved = event(&|event| event["type"] = json!("app.deleted"));
    let refused = foreign.accept_batch(vec![one.clone(), reserved]).await.unwrap_err();
    assert!(matches!(refused, Refusal::Reserved(_)));
    let large = event(&|event| event["data"] = json!("x".repeat(300_000)));
    assert_eq!(foreign.accept_batch(vec![one.clone(), large]).await.unwrap_err().status(), 413);
    let accepted = foreign.accept_batch(vec![one.clone(), two, one]).await.unwrap();
    assert_eq!(
        (accepted.events, accepted.duplicates, accepted.deliveries),
        (2, 1, 2),
        "of what was refused nothing was kept"
    );
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
