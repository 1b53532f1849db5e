//! The simulator on a socket.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::admin;
use super::call::{Answer, Call, Parts, Wait};
use super::exchange::Outcome;
use crate::refusal::Shape;
use crate::world::{HoldStatus, World};

/// The largest body that is read, in bytes.
const BODY_MAX: usize = 4 << 20;
/// How often things that are due are looked for while nobody calls.
const TICK: Duration = Duration::from_millis(10);

/// The ways in which a server fails to start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The simulator believes every token, so it is reachable from its own machine only.
    #[error("address {0} is not a loopback address")]
    NotLoopback(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
}

/// Serves a [`World`] over HTTP/1.1.
///
/// The API is under `/v1`, GraphQL under `/graphql`, and what its owner can do under `/_sim`:
///
/// | route | |
/// |---|---|
/// | `GET`, `PUT`, `PATCH /_sim/knobs` | the [knobs](crate::Knobs); `PATCH` changes the named ones |
/// | `GET /_sim/knobs/table` | what each knob does and where that was seen |
/// | `GET /_sim/holds?reached=N&timeout_ms=T` | withheld answers, once there are N of them |
/// | `POST /_sim/holds/release?seq=N` | releases one of them, or all |
/// | `GET /_sim/log?after=N` | the log, one JSON object a line |
/// | `GET /_sim/state`, `GET /_sim/stats` | everything there is; what was counted |
/// | `POST /_sim/act` | an [`Action`](crate::Action) |
/// | `POST /_sim/seed` | `{"apps", "machines"}`: a fleet |
/// | `GET /_sim/violations` | differences from the vendor's document (feature `validate`) |
#[derive(Debug)]
pub struct Server;

/// A running server; it stops when this is dropped.
#[derive(Debug)]
pub struct ServerHandle {
    addr: SocketAddr,
    world: World,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts to serve a world; port 0 takes a free one.
    pub async fn start(addr: SocketAddr, world: World) -> Result<ServerHandle, StartError> {
        if !addr.ip().is_loopback() {
            return Err(StartError::NotLoopback(addr));
        }
        let listen = |source| StartError::Listen { addr, source };
        let listener = TcpListener::bind(addr).await.map_err(listen)?;
        let addr = listener.local_addr().map_err(listen)?;
        #[expect(clippy::disallowed_methods, reason = "the handle aborts it; no supervisor exists here")]
        let task = tokio::spawn(accept(listener, world.clone()));
        Ok(ServerHandle { addr, world, task })
    }
}

impl ServerHandle {
    /// The base of all addresses, without a slash at its end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The address that it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The world that it serves.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Stops it; open connections are cut, withheld answers are lost.
    pub async fn shutdown(mut self) {
        self.task.abort();
        // An aborted task ends with an error, which is what was asked for.
        let _aborted = (&mut self.task).await;
    }
}

impl Drop for ServerHandle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, world: World) {
    let mut tasks = JoinSet::new();
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                tasks.spawn(serve(stream, world.clone()));
            },
            _ = tick.tick() => world.catch_up(),
            Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
        }
    }
}

async fn serve(stream: TcpStream, world: World) {
    // Small answers must not wait for acknowledgements; if that cannot be had, they wait.
    let _slower = stream.set_nodelay(true);
    let service = service_fn(|request| handle(world.clone(), request));
    // An error is a client that went away, or a connection that was dropped on purpose.
    let _closed = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// Why a connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the answer is dropped")]
struct Dropped;

async fn handle(world: World, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Dropped> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_MAX).collect().await else { return Err(Dropped) };
    let body = body.to_bytes();
    let query = head.uri.query().unwrap_or_default();
    if let Some(path) = head.uri.path().strip_prefix("/_sim/") {
        return Ok(render(admin::handle(&world, head.method.as_str(), path, query, &body).await, None));
    }
    let mut call = Call::new(&Parts {
        method: head.method.as_str(),
        path: head.uri.path(),
        query,
        authorization: text(&head.headers, "authorization"),
        nonce: text(&head.headers, "fly-machine-lease-nonce"),
        body: &body,
    });
    let (outcome, latency_ms) = world.with(|state| (state.exchange(&mut call), state.knobs.latency_ms));
    if latency_ms > 0 {
        tokio::time::sleep(Duration::from_millis(latency_ms)).await;
    }
    let answer = match outcome {
        Outcome::Reply(answer) => Some(answer),
        Outcome::Dropped => None,
        Outcome::Waiting(wait) => Some(wait_for(&world, &wait).await),
        Outcome::Held { seq, answer } => {
            released(&world, seq).await;
            match answer.wait {
                Some(wait) => Some(wait_for(&world, &wait).await),
                None => Some(answer),
            }
        }
    };
    world.with(|state| state.sent(&call, answer.as_ref()));
    answer.map(|answer| render(answer, Some(&call.request_id))).ok_or(Dropped)
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

async fn wait_for(world: &World, wait: &Wait) -> Answer {
    let mut changes = world.changes();
    loop {
        changes.mark_unchanged();
        match world.peek(|state| state.poll_wait(wait)) {
            Some(Ok(body)) => return Answer::ok(body),
            Some(Err(refusal)) => return Answer::refusal(&refusal, Shape::Error),
            // Time may pass without any change, so it is looked at again soon.
            None => drop(tokio::time::timeout(TICK, changes.changed()).await),
        }
    }
}

/// Waits until a withheld answer is released; marks it closed if the client goes first.
async fn released(world: &World, seq: u64) {
    struct Guard<'w>(&'w World, u64);
    impl Drop for Guard<'_> {
        fn drop(&mut self) {
            self.0.with(|state| state.end_hold(self.1, HoldStatus::Closed));
        }
    }
    let _guard = Guard(world, seq);
    let mut changes = world.changes();
    loop {
        changes.mark_unchanged();
        let waiting = world.peek(|state| {
            state.holds.held.iter().any(|held| held.seq == seq && held.status == HoldStatus::Waiting)
        });
        if !waiting || changes.changed().await.is_err() {
            return;
        }
    }
}

fn render(answer: Answer, request_id: Option<&str>) -> Response<Full<Bytes>> {
    let written = answer.written(request_id);
    let mut response = Response::new(Full::new(Bytes::from(written.body)));
    *response.status_mut() = StatusCode::from_u16(written.status).unwrap_or(StatusCode::IM_A_TEAPOT);
    for (name, value) in written.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
