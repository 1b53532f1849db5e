//! A small HTTP client, and a simulator on a clock that stands still.

#![allow(dead_code, reason = "every test file uses its own part")]

use std::net::SocketAddr;
use std::sync::Arc;

use groundcrew_flysim::{Action, Knobs, ManualClock, Server, ServerHandle, World};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// The time at which all simulated worlds begin.
pub(crate) const START_MS: i64 = 1_774_937_288_802;

/// An answer as a client sees it.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// The text of the error, in either shape.
    pub(crate) fn error(&self) -> String {
        let body = self.json();
        let text = body["error"].as_str().or(body["message"].as_str());
        text.unwrap_or_default().to_owned()
    }
}

/// A served world; one whose answers were not all as the vendor's document says fails its test.
#[derive(Debug)]
pub(crate) struct Sim {
    may_lie: bool,
    pub(crate) clock: ManualClock,
    pub(crate) server: ServerHandle,
}

impl Sim {
    pub(crate) async fn start() -> Self {
        Self::with(Knobs::default()).await
    }

    pub(crate) async fn with(knobs: Knobs) -> Self {
        let clock = ManualClock::new(START_MS);
        let world = World::new(7, Arc::new(clock.clone()));
        world.set_knobs(knobs);
        let server = Server::start(([127, 0, 0, 1], 0).into(), world).await.unwrap();
        Self { may_lie: false, clock, server }
    }

    /// The same, of whose answers nothing is asked.
    pub(crate) fn that_may_lie(mut self) -> Self {
        self.may_lie = true;
        self
    }

    pub(crate) fn world(&self) -> &World {
        self.server.world()
    }

    pub(crate) fn act(&self, action: Value) -> Value {
        let action: Action = serde_json::from_value(action).unwrap();
        self.world().act(action).unwrap()
    }

    /// Makes an app with a started machine; returns the machine's id.
    pub(crate) fn app_with_machine(&self, app: &str) -> String {
        self.act(json!({"do": "create_app", "name": app}));
        let machine = self.act(json!({"do": "create_machine", "app": app}));
        machine["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Option<Reply> {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let headers = [("authorization", "Bearer test"), ("content-type", "application/json")];
        request(self.server.addr(), method, path, &headers, body).await
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: Value) -> Reply {
        let body = (!body.is_null()).then_some(body);
        self.send(method, path, body).await.expect("an answer")
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, Value::Null).await
    }

    /// Lets the rate limits recover.
    pub(crate) fn rest(&self) {
        self.clock.advance(10_000);
    }

    /// How often something took effect.
    pub(crate) fn effects(&self, what: &str) -> usize {
        self.world().log().iter().filter(|effect| effect.what == what).count()
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        if !self.may_lie && !std::thread::panicking() {
            let violations = self.world().violations();
            assert!(violations.is_empty(), "{violations:#?}");
        }
    }
}

/// Sends one request on its own connection; `None` if it ends without an answer.
pub(crate) async fn request(
    addr: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: String,
) -> Option<Reply> {
    let stream = TcpStream::connect(addr).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);
    let mut request = http::Request::builder().method(method).uri(path).header("host", "sim");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(bytes::Bytes::from(body))).unwrap();
    let response = sender.send_request(request).await.ok()?;
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.ok()?.to_bytes();
    Some(Reply {
        status: head.status.as_u16(),
        headers: head.headers,
        text: String::from_utf8_lossy(&bytes).into_owned(),
    })
}
