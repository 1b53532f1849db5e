//! Asks the process that holds the data directory, over its socket.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper::http::request::Builder;
use hyper::{Request as HttpRequest, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use super::{Act, Done, Refusal};

/// Why the holder could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answers at the socket.
    #[error("nobody answers at {}", socket.display())]
    Unreachable {
        /// Where.
        socket: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The conversation broke off.
    #[error("the runner broke off")]
    Broken(#[source] hyper::Error),
    /// It answered something that this version does not understand.
    #[error("the runner answered {status}: {text}")]
    Foreign {
        /// The status.
        status: StatusCode,
        /// The body's beginning.
        text: String,
    },
    /// It refused.
    #[error(transparent)]
    Refused(Refusal),
}

/// Asks for a change and waits until it is durable.
pub async fn call(socket: &Path, act: &Act) -> Result<Done, ClientError> {
    let body = serde_json::to_vec(act).expect("invariant: a request is JSON");
    let request = HttpRequest::post("/v1/control").header("content-type", "application/json");
    let (status, body) = exchange(socket, request, body).await?;
    understand(status, &body)
}

/// Reads one of the holder's own pages, such as `/readyz`.
pub async fn page(socket: &Path, path: &str) -> Result<(StatusCode, Bytes), ClientError> {
    exchange(socket, HttpRequest::get(path), Vec::new()).await
}

async fn exchange(
    socket: &Path,
    request: Builder,
    body: Vec<u8>,
) -> Result<(StatusCode, Bytes), ClientError> {
    let unreachable = |source| ClientError::Unreachable { socket: socket.to_owned(), source };
    let stream = UnixStream::connect(socket).await.map_err(unreachable)?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(ClientError::Broken)?;
    let request = request.header("host", "groundcrew").body(Full::new(Bytes::from(body)));
    let request = request.expect("invariant: the request is well formed");
    let asked = async move {
        let response = sender.send_request(request).await?;
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    };
    // The connection moves the bytes, and ends when the sender is dropped.
    let (answer, _) = tokio::join!(asked, connection);
    answer.map_err(ClientError::Broken)
}

fn understand(status: StatusCode, body: &[u8]) -> Result<Done, ClientError> {
    let foreign =
        || ClientError::Foreign { status, text: String::from_utf8_lossy(body).chars().take(200).collect() };
    if status.is_success() {
        return serde_json::from_slice(body).map_err(|_| foreign());
    }
    match serde_json::from_slice::<Refusal>(body) {
        Ok(refusal) => Err(ClientError::Refused(refusal)),
        Err(_) => Err(foreign()),
    }
}
