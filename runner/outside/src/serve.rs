//! The same over HTTP.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::{Outside, Reply, Response};

/// Serves until the future is dropped or the listener fails. Connections end with it.
///
/// Beside the API it answers `GET /-/log` and `GET /-/receipts`, one JSON object a line.
pub async fn serve(outside: Outside, listener: TcpListener) -> io::Result<Infallible> {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                let outside = outside.clone();
                connections.spawn(async move {
                    let service = service_fn(move |request| exchange(outside.clone(), request));
                    // A caller that goes away, and an answer that gets lost, are what this is for.
                    let _ended = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
            // Only clears away what has ended; cancel safe.
            Some(_ended) = connections.join_next() => {}
        }
    }
}

/// One exchange. The error ends the connection without an answer.
async fn exchange(
    outside: Outside,
    request: http::Request<Incoming>,
) -> io::Result<http::Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let headers: Vec<_> = parts.headers.iter().map(header).collect();
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    match target {
        "/-/log" => return written(lines(&outside.log())),
        "/-/receipts" => return written(lines(&outside.receipts())),
        _ => {}
    }
    let mut releases = outside.releases();
    match outside.handle(parts.method.as_str(), target, &headers, &body) {
        Reply::Answer(response) => {
            let way = outside.answers_in(target).unsigned_abs();
            tokio::time::sleep(Duration::from_millis(way)).await;
            written(response)
        }
        Reply::Lost => Err(io::Error::other("the answer got lost")),
        Reply::Held(response) => {
            releases.changed().await.map_err(io::Error::other)?;
            written(response)
        }
    }
}

fn lines(entries: &[impl serde::Serialize]) -> Response {
    let line = |entry| serde_json::to_string(entry).expect("invariant: plain data serialises") + "\n";
    let body = entries.iter().map(line).collect::<String>().into_bytes();
    Response { status: 200, headers: vec![("content-type".into(), "application/x-ndjson".into())], body }
}

fn written(response: Response) -> io::Result<http::Response<Full<Bytes>>> {
    let mut built = http::Response::builder().status(response.status);
    for (name, value) in response.headers {
        built = built.header(name, value);
    }
    built.body(Full::new(Bytes::from(response.body))).map_err(io::Error::other)
}
