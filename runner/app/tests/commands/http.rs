//! The HTTP API over real sockets.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use groundcrew::control::NoHints;
use groundcrew::http::{BODY_MAX, Belief, Door, Inbox, Live, SourceStatus, State, Taken, router, serve_tcp};
use groundcrew::source::{CloudEvent, ForeignEvents, Refusal, Routes, Surroundings};
use groundcrew_core::duration::Millis;
use groundcrew_core::spec::Event;
use groundcrew_core::subject::{Subject, Uid};
use groundcrew_core::time::Timestamp;
use groundcrew_engine::clock::SystemClock;
use groundcrew_engine::transport::Network;
use groundcrew_store::{Connection, HookId, Store};
use groundcrew_unchecked::not_checked;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::fixture::Fixture;

/// A runner that has just begun.
#[derive(Debug)]
pub(crate) struct Quiet;

impl Live for Quiet {
    fn sources(&self) -> Vec<SourceStatus> {
        let fresh_within = Some(Millis::seconds(30));
        vec![SourceStatus {
            name: "fly".to_owned(),
            belief: Belief::Starting,
            begun: Timestamp::from_millis(0),
            heard: None,
            fresh_within,
            oldest_look: None,
            lines: None,
        }]
    }

    fn failures(&self) -> Vec<(String, u64)> {
        vec![("api.machines.dev".to_owned(), 3)]
    }

    fn waiting(&self) -> Vec<(String, u64)> {
        vec![("hook:dns".to_owned(), 2)]
    }
}

/// Nobody is concerned by what comes.
#[derive(Debug)]
struct Nobody;

impl Routes for Nobody {
    fn handlers(&self, _: &Event) -> Vec<HookId> {
        Vec::new()
    }

    fn lanes(&self, _: &Subject, _: Option<&Uid>) -> Vec<(HookId, Uid)> {
        Vec::new()
    }
}

/// Takes events from whoever shows the token, if there is one.
#[derive(Debug)]
struct Post {
    events: ForeignEvents,
    token: Option<&'static str>,
}

impl Post {
    fn inbox(store: &Store, token: Option<&'static str>) -> Arc<dyn Inbox> {
        let around = Surroundings {
            transport: Arc::new(Network::new(Millis::seconds(5), 1 << 20).unwrap()),
            clock: Arc::new(SystemClock),
            store: store.clone(),
            routes: Arc::new(Nobody),
            secret: Arc::new(|name| Err(format!("no secret {name}"))),
        };
        Arc::new(Self { events: ForeignEvents::new(around), token })
    }
}

impl Inbox for Post {
    fn token(&self) -> Result<Option<Arc<str>>, String> {
        Ok(self.token.map(Into::into))
    }

    fn take(&self, events: Vec<CloudEvent>) -> BoxFuture<'_, Result<Taken, Refusal>> {
        Box::pin(async move {
            let accepted = self.events.accept(events).await?;
            Ok(Taken { accepted: accepted.events, duplicates: accepted.duplicates })
        })
    }
}

/// Serves a state on a free port while `ask` asks.
async fn served<T>(state: State, ask: impl AsyncFnOnce(std::net::SocketAddr) -> T) -> T {
    let stop = CancellationToken::new();
    let (tell, told) = oneshot::channel();
    let listening = |address| tell.send(address).unwrap();
    let address = "127.0.0.1:0".parse().unwrap();
    let serving = serve_tcp(address, router(state, Door::Network), stop.clone(), listening);
    let asking = async {
        let answer = ask(told.await.unwrap()).await;
        stop.cancel();
        answer
    };
    let (served, answer) = tokio::join!(serving, asking);
    served.unwrap();
    answer
}

/// One request, as it goes over the wire; the status and the body.
async fn send(address: std::net::SocketAddr, head: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request =
        format!("{head}\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn state(store: Store, inbox: Option<Arc<dyn Inbox>>) -> State {
    State { store, live: Arc::new(Quiet), hints: Arc::new(NoHints), inbox, clock: Arc::new(SystemClock) }
}

#[tokio::test]
async fn health_readiness_and_metrics_are_told() {
    let fixture = Fixture::filled().await;
    served(state(fixture.store(), None), async |address| {
        assert_eq!(send(address, "GET /healthz HTTP/1.1", "").await, (200, "ok\n".to_owned()));
        let (status, body) = send(address, "GET /readyz HTTP/1.1", "").await;
        assert!(status == 503 && body.contains("source fly has not been read completely yet"), "{body}");
        let (status, metrics) = send(address, "GET /metrics HTTP/1.1", "").await;
        assert_eq!(status, 200);
        for line in [
            "groundcrew_rows{hook=\"dns\",state=\"present\"} 2",
            "groundcrew_rows_in_doubt 1",
            "groundcrew_rows_held 1",
            "groundcrew_deliveries_dead{hook=\"notify\"} 1",
            "groundcrew_host_failures_total{host=\"api.machines.dev\"} 3",
            "groundcrew_limit_waiting{limit=\"hook:dns\"} 2",
            "groundcrew_source_believed{source=\"fly\"} 0",
        ] {
            assert!(metrics.lines().any(|found| found == line), "{line} in\n{metrics}");
        }
        check_with_promtool(&metrics);
        assert_eq!(
            send(address, "POST /v1/control HTTP/1.1", "{}").await.0,
            404,
            "control is for the socket alone"
        );
        assert_eq!(send(address, "POST /v1/events HTTP/1.1", "{}").await.0, 404, "off without a token");
    })
    .await;
}

/// Names and shapes as Prometheus' own linter wants them; only where it is installed.
fn check_with_promtool(metrics: &str) {
    let Ok(mut promtool) = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
    else {
        not_checked("metrics by promtool", "apt-get install prometheus");
        return;
    };
    promtool.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Kinds of foreign events that were taken.
fn taken(store: &Store) -> Vec<String> {
    let connection = Connection::open(store.path()).unwrap();
    let text = "SELECT kind FROM event WHERE kind LIKE 'order.%' ORDER BY seq";
    let mut statement = connection.prepare(text).unwrap();
    let kinds = statement.query_map([], |row| row.get(0)).unwrap();
    kinds.map(Result::unwrap).collect()
}

const STRUCTURED: &str = "POST /v1/events HTTP/1.1\r\ncontent-type: application/cloudevents+json";
const PAID: &str = r#"{"specversion":"1.0","id":"1","source":"/shop","type":"order.paid"}"#;

#[tokio::test]
async fn foreign_events_need_the_token_and_arrive_whole() {
    let fixture = Fixture::filled().await;
    let store = fixture.store();
    let state = |token| state(store.clone(), Some(Post::inbox(&store, token)));
    served(state(Some("s3cret")), async |address| {
        assert_eq!(send(address, STRUCTURED, PAID).await.0, 401);
        let open = format!("{STRUCTURED}\r\nauthorization: Bearer s3cret");
        let answer = |accepted: u32, duplicates: u32| {
            (202, format!(r#"{{"accepted":{accepted},"duplicates":{duplicates}}}"#))
        };
        assert_eq!(send(address, &open, PAID).await, answer(1, 0));
        assert_eq!(send(address, &open, PAID).await, answer(0, 1));
        let batch = open.replace("cloudevents", "cloudevents-batch");
        let (other, own) = (PAID.replace("paid", "sent"), PAID.replace("order.paid", "app.deleted"));
        let both = format!("[{},{PAID}]", other.replace("\"1\"", "\"2\""));
        assert_eq!(send(address, &batch, &both).await, answer(1, 1));
        let large = format!(r#"{},"data":"{}"}}"#, PAID.trim_end_matches('}'), "x".repeat(300_000));
        let binary = "POST /v1/events HTTP/1.1\r\nauthorization: Bearer s3cret\r\nce-specversion: 1.0\r\nce-id: 3\r\n\
            ce-source: /shop\r\nce-type: order.lost";
        let longer = " ".repeat(BODY_MAX + 1);
        let (plain, twice) = (open.replace("cloudevents+", ""), format!("{binary}\r\nce-id: 4"));
        for (head, body, status, why) in [
            (open.as_str(), own.as_str(), 422, "reserved"),
            (open.as_str(), "{}", 400, "specversion: it is required"),
            (open.as_str(), "{", 400, "no JSON"),
            (open.as_str(), large.as_str(), 413, "at most 262144"),
            (open.as_str(), longer.as_str(), 413, "more than 1048576 bytes"),
            (batch.as_str(), PAID, 400, "a batch is a JSON array"),
            (plain.as_str(), PAID, 415, "content type `application/json`"),
            (twice.as_str(), "", 400, "id: it is given twice"),
        ] {
            let (found, body) = send(address, head, body).await;
            let said: serde_json::Value = serde_json::from_str(&body).unwrap();
            let said = said["error"].as_str().unwrap();
            assert!(found == status && said.contains(why), "{found} {body}");
        }
        assert_eq!(send(address, binary, "").await, answer(1, 0));
    })
    .await;
    assert_eq!(taken(&store), ["order.paid", "order.sent", "order.lost"]);
    served(state(None), async |address| {
        let (status, body) = send(address, STRUCTURED, PAID).await;
        assert!(status == 404 && body.contains("foreign events are off"), "{status} {body}");
    })
    .await;
}

/// What `curl` sends.
#[derive(Debug, Default)]
struct Curl {
    url: String,
    headers: Vec<String>,
    body: String,
}

impl Curl {
    /// Reads a command line; files are in a folder.
    fn read(line: &str, folder: &Path) -> Self {
        let word = |(at, piece): (usize, &str)| match at % 2 {
            0 => piece.split_whitespace().map(str::to_owned).collect(),
            _ => vec![piece.to_owned()],
        };
        let mut words = line.split('\'').enumerate().flat_map(word);
        assert_eq!(words.next().as_deref(), Some("curl"));
        let mut curl = Self::default();
        while let Some(word) = words.next() {
            match word.as_str() {
                "-H" => curl.headers.push(words.next().unwrap()),
                "-d" => {
                    let file = words.next().unwrap();
                    let text = std::fs::read_to_string(folder.join(file.strip_prefix('@').unwrap())).unwrap();
                    curl.body = text.replace(['\r', '\n'], "");
                }
                flag if flag.starts_with('-') => panic!("{flag} is not played"),
                _ => curl.url = word,
            }
        }
        if !curl.headers.iter().any(|header| header.to_ascii_lowercase().starts_with("content-type:")) {
            curl.headers.push("content-type: application/x-www-form-urlencoded".to_owned());
        }
        curl
    }
}

#[tokio::test]
async fn what_readme_posts_is_taken() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let page = std::fs::read_to_string(page).unwrap();
    let line =
        page.split('`').find(|code| code.starts_with("curl ") && code.ends_with("/v1/events")).unwrap();
    let fixture = Fixture::filled().await;
    let store = fixture.store();
    std::fs::write(fixture.dir.path().join("event.json"), PAID.replace(',', ",\n  ")).unwrap();
    served(state(store.clone(), Some(Post::inbox(&store, Some("s3cret")))), async |address| {
        let here = format!("http://{address}/");
        let line = line.replace("Bearer ...", "Bearer s3cret").replace("http://.../", &here);
        let curl = Curl::read(&line, fixture.dir.path());
        let path = curl.url.strip_prefix(here.trim_end_matches('/')).unwrap();
        let head = format!("POST {path} HTTP/1.1\r\n{}", curl.headers.join("\r\n"));
        let (status, body) = send(address, &head, &curl.body).await;
        assert_eq!(status, 202, "{line}: {body}");
    })
    .await;
    assert_eq!(taken(&store), ["order.paid"]);
}
