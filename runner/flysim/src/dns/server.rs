//! The fake on a socket.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::state::Dns;
use crate::StartError;
use crate::direct::{Answered, Reply, Request};

/// The largest body that is read, in bytes.
const BODY_MAX: usize = 4 << 20;

/// Serves a [`Dns`] over HTTP/1.1.
///
/// Beside the API it answers `GET /_dns/log`, one JSON object a line.
#[derive(Debug)]
pub struct DnsServer;

/// A running server; it stops when this is dropped.
#[derive(Debug)]
pub struct DnsServerHandle {
    addr: SocketAddr,
    dns: Dns,
    task: JoinHandle<()>,
}

impl DnsServer {
    /// Starts to serve; port 0 takes a free one.
    pub async fn start(addr: SocketAddr, dns: Dns) -> Result<DnsServerHandle, StartError> {
        if !addr.ip().is_loopback() {
            return Err(StartError::NotLoopback(addr));
        }
        let listen = |source| StartError::Listen { addr, source };
        let listener = TcpListener::bind(addr).await.map_err(listen)?;
        let addr = listener.local_addr().map_err(listen)?;
        #[expect(clippy::disallowed_methods, reason = "the handle aborts it; no supervisor exists here")]
        let task = tokio::spawn(accept(listener, dns.clone()));
        Ok(DnsServerHandle { addr, dns, task })
    }
}

impl DnsServerHandle {
    /// The base of all addresses, without a slash at its end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// What it serves.
    pub fn dns(&self) -> &Dns {
        &self.dns
    }
}

impl Drop for DnsServerHandle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, dns: Dns) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                connections.spawn(serve(stream, dns.clone()));
            },
            // Only clears away what has ended; cancel safe.
            Some(_ended) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn serve(stream: TcpStream, dns: Dns) {
    // Small answers must not wait for acknowledgements; if that cannot be had, they wait.
    let _slower = stream.set_nodelay(true);
    let service = service_fn(|request| handle(dns.clone(), request));
    // An error is a client that went away, or a connection that was dropped on purpose.
    let _closed = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// Why a connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the answer is dropped")]
struct Unanswered;

async fn handle(
    dns: Dns,
    request: http::Request<Incoming>,
) -> Result<http::Response<Full<Bytes>>, Unanswered> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_MAX).collect().await.map_err(|_| Unanswered)?.to_bytes();
    if head.uri.path() == "/_dns/log" {
        let lines = dns.log().iter().map(|effect| json!(effect).to_string() + "\n").collect::<String>();
        return Ok(http::Response::new(Full::new(lines.into())));
    }
    let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let headers: Vec<_> = head.headers.iter().map(header).collect();
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    match dns.call(&Request { method: head.method.as_str(), target, headers: &headers, body: &body }) {
        Reply::Answered(answered) => written(answered),
        Reply::Dropped | Reply::Withheld => Err(Unanswered),
    }
}

fn written(answered: Answered) -> Result<http::Response<Full<Bytes>>, Unanswered> {
    let mut built = http::Response::builder().status(answered.status);
    for (name, value) in answered.headers {
        built = built.header(name, value);
    }
    built.body(Full::new(Bytes::from(answered.body))).map_err(|_| Unanswered)
}
