//! Peers that are installed on this machine, measured in the same run.
//!
//! Only what is comparable: an event comes over HTTP, something runs, and the answer says that it ran. None of them
//! stores anything, which is said beside their figures.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::json;

use crate::clock::{millis, now, until};
use crate::floors::{EVENT_BYTES, IN_FLIGHT};
use crate::samples::Samples;
use crate::stage::{Connection, PATIENCE, request};

/// How long a peer is loaded.
const LOADED: Duration = Duration::from_secs(3);
/// Requests one after the other.
const SAMPLES: usize = 500;
const SOON: Duration = Duration::from_millis(10);

/// What a peer does.
pub(crate) struct Peer {
    /// Its name and what it ran.
    pub(crate) name: &'static str,
    /// Requests a second, 64 in flight.
    pub(crate) runs_per_second: f64,
    /// One at a time, in milliseconds.
    pub(crate) latency: Samples,
}

/// Ends a peer with its measurement.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Debian's `webhook`, running `/bin/true` for each request; none if it is not installed.
pub(crate) fn webhook(directory: &Path) -> anyhow::Result<Option<Peer>> {
    let hooks =
        json!([{"id": "true", "execute-command": "/bin/true", "include-command-output-in-response": true}]);
    let file = directory.join("webhook.json");
    std::fs::write(&file, hooks.to_string())?;
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let started = Command::new("webhook")
        .args(["-ip", "127.0.0.1", "-port", &port.to_string(), "-hooks"])
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let running = match started {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        started => Running(started.context("webhook")?),
    };
    let asked =
        request("POST", "/hooks/true", "application/json", &format!("\"{}\"", "x".repeat(EVENT_BYTES - 2)));
    until("webhook listens", PATIENCE, SOON, || Ok(Connection::to(port).ok()))?;
    let peer = load("webhook /bin/true", port, &asked)?;
    drop(running);
    Ok(Some(peer))
}

fn load(name: &'static str, port: u16, body: &[u8]) -> anyhow::Result<Peer> {
    let mut connection = Connection::to(port)?;
    let mut latency = Vec::new();
    for _ in 0..SAMPLES {
        let began = now();
        let status = connection.exchange(body)?;
        ensure!(status == 200, "{name} answered {status}");
        latency.push(millis(began.elapsed()));
    }
    let answered = AtomicU64::new(0);
    let began = now();
    std::thread::scope(|scope| -> anyhow::Result<()> {
        let ask = || {
            let mut connection = Connection::to(port)?;
            while began.elapsed() < LOADED {
                let status = connection.exchange(body)?;
                ensure!(status == 200, "{name} answered {status}");
                answered.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        };
        let askers: Vec<_> = (0..IN_FLIGHT).map(|_| scope.spawn(ask)).collect();
        askers.into_iter().try_for_each(|asker| asker.join().expect("invariant: askers do not panic"))
    })?;
    let runs_per_second = answered.into_inner() as f64 / began.elapsed().as_secs_f64();
    Ok(Peer { name, runs_per_second, latency: Samples::of(latency) })
}
