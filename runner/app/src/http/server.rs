//! Serves the API on a Unix socket and on the network, until told to stop.

use std::fs::{self, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use axum::Router;
use groundcrew_core::duration::Millis;
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;

/// How long requests that were begun have for their end.
const DRAIN: Millis = Millis::seconds(1);

/// Why the API cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The socket cannot be made.
    #[error("cannot listen at {}", socket.display())]
    Socket {
        /// Where.
        socket: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The address is taken, or not ours.
    #[error("cannot listen at {address}")]
    Address {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The listener broke.
    #[error("the listener broke")]
    Broken(#[source] io::Error),
}

/// Serves on a Unix socket that only its owner may open (0600), and removes it at the end.
///
/// The caller holds the data directory's lock: a socket that is there already is a dead process's.
///
/// # Cancel safety
/// Cancelling drains; dropping the future ends at once and leaves the socket's file behind.
pub async fn serve_unix(socket: &Path, router: Router, stop: CancellationToken) -> Result<(), ServeError> {
    let listener = bind(socket).map_err(|source| ServeError::Socket { socket: socket.to_owned(), source })?;
    let serve = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let ended = drained(serve.into_future(), stop).await.map_err(ServeError::Broken);
    // Without its file nobody waits for an answer that will not come.
    drop(fs::remove_file(socket));
    ended
}

/// Serves on the network; says where once it listens, as port 0 stands for any.
pub async fn serve_tcp(
    address: SocketAddr,
    router: Router,
    stop: CancellationToken,
    listening: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    let cannot = |source| ServeError::Address { address, source };
    let listener = TcpListener::bind(address).await.map_err(cannot)?;
    listening(listener.local_addr().map_err(cannot)?);
    let serve = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    drained(serve.into_future(), stop).await.map_err(ServeError::Broken)
}

/// Serves until told to stop, and then for a moment more: who has not sent their request by then is not waited for.
async fn drained(serve: impl Future<Output = io::Result<()>>, stop: CancellationToken) -> io::Result<()> {
    let over = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN.to_std()).await;
    };
    tokio::select! {
        ended = serve => ended,
        () = over => Ok(()),
    }
}

/// Makes the socket under another name first, so that it is never open to others, not even for a moment.
fn bind(socket: &Path) -> io::Result<UnixListener> {
    let fresh = socket.with_extension("new");
    remove(&fresh)?;
    let listener = UnixListener::bind(&fresh)?;
    fs::set_permissions(&fresh, Permissions::from_mode(0o600))?;
    fs::rename(&fresh, socket)?;
    Ok(listener)
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::Bytes;
    use axum::routing::post;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn who_never_sends_their_body_keeps_nobody_from_ending() {
        let router = Router::new().route("/", post(|body: Bytes| async move { body.len().to_string() }));
        let (stop, (told, at)) = (CancellationToken::new(), tokio::sync::oneshot::channel());
        let any = "127.0.0.1:0".parse().unwrap();
        let serving = serve_tcp(any, router, stop.clone(), |at| told.send(at).unwrap());
        let client = async {
            let mut slow = TcpStream::connect(at.await.unwrap()).await.unwrap();
            slow.write_all(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n").await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
            stop.cancel();
            slow
        };
        let both = async { tokio::join!(serving, client) };
        let (ended, _still_open) =
            tokio::time::timeout(Duration::from_secs(20), both).await.expect("it ends");
        ended.unwrap();
    }
}
