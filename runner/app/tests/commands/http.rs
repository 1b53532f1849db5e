//! The HTTP API over real sockets.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use groundcrew::control::NoHints;
use groundcrew::http::{
    Belief, Door, Inbox, InboxError, Live, SourceStatus, State, Taken, router, serve_tcp,
};
use groundcrew_core::duration::Millis;
use groundcrew_core::time::Timestamp;
use groundcrew_engine::clock::SystemClock;
use groundcrew_unchecked::not_checked;
use serde_json::Value;
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
        }]
    }

    fn failures(&self) -> Vec<(String, u64)> {
        vec![("api.machines.dev".to_owned(), 3)]
    }

    fn waiting(&self) -> Vec<(String, u64)> {
        vec![("hook:dns".to_owned(), 2)]
    }
}

#[derive(Debug, Default)]
struct Box_(Mutex<Vec<Value>>);

impl Inbox for Box_ {
    fn token(&self) -> Result<Arc<str>, String> {
        Ok("s3cret".into())
    }

    fn take(&self, events: Vec<Value>) -> BoxFuture<'_, Result<Taken, InboxError>> {
        Box::pin(async move {
            if events.iter().any(|event| event["type"] == "app.deleted") {
                return Err(InboxError::Refused("type `app.deleted` is reserved".to_owned()));
            }
            let accepted = events.len() as u32;
            self.0.lock().unwrap().extend(events);
            Ok(Taken { accepted, duplicates: 0 })
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

fn state(fixture: &Fixture, inbox: Option<Arc<dyn Inbox>>) -> State {
    State {
        store: fixture.store(),
        live: Arc::new(Quiet),
        hints: Arc::new(NoHints),
        inbox,
        clock: Arc::new(SystemClock),
    }
}

#[tokio::test]
async fn health_readiness_and_metrics_are_told() {
    let fixture = Fixture::filled().await;
    served(state(&fixture, None), async |address| {
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

#[tokio::test]
async fn foreign_events_need_the_token_and_arrive_whole() {
    let fixture = Fixture::filled().await;
    let inbox = Arc::new(Box_::default());
    served(state(&fixture, Some(inbox.clone())), async |address| {
        let head = "POST /v1/events HTTP/1.1\r\ncontent-type: application/cloudevents+json";
        let event = r#"{"specversion":"1.0","id":"1","source":"/shop","type":"order.paid"}"#;
        assert_eq!(send(address, head, event).await.0, 401);
        let open = format!("{head}\r\nauthorization: Bearer s3cret");
        assert_eq!(send(address, &open, event).await, (202, r#"{"accepted":1,"duplicates":0}"#.to_owned()));
        let reserved = event.replace("order.paid", "app.deleted");
        let (status, body) = send(address, &open, &reserved).await;
        assert!(status == 400 && body.contains("reserved"), "{body}");
        assert_eq!(send(address, &open, "{}").await.0, 400);
    })
    .await;
    assert_eq!(inbox.0.lock().unwrap()[0]["type"], "order.paid");
}
