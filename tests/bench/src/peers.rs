//! Peers that are installed on this machine, measured in the same run.
//!
//! Only what is comparable: an event comes over HTTP, something runs, and somebody learns that it ran. What each runs
//! and whether it stores anything is said beside its figures.

mod obelisk;
mod serve;
mod webhook;

use std::path::Path;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::clock::{millis, now};
use crate::floors::IN_FLIGHT;
use crate::samples::Samples;
use crate::stage::Connection;

/// How long a peer is loaded.
const LOADED: Duration = Duration::from_secs(3);
/// Requests one after the other.
const SAMPLES: usize = 500;
const SOON: Duration = Duration::from_millis(10);

/// What a peer does.
pub(crate) struct Peer {
    /// Its name and what it ran.
    pub(crate) name: &'static str,
    /// Whether what it took survives a crash.
    pub(crate) durable: bool,
    /// Runs a second, 64 in flight.
    pub(crate) runs_per_second: f64,
    /// One at a time, in milliseconds.
    pub(crate) latency: Samples,
}

type Measure = fn(&Path) -> anyhow::Result<Option<Peer>>;

/// The peers by their names, and what measures each; none of one that is not installed.
pub(crate) const ALL: [(&str, Measure); 3] =
    [("obelisk", obelisk::measure), ("wasmtime_serve", serve::measure), ("webhook", webhook::measure)];

/// Ends a peer with its measurement.
struct Running(Child);

impl Running {
    /// Starts a program; none if it is not installed.
    fn start(command: &mut Command) -> anyhow::Result<Option<Self>> {
        match command.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            started => Ok(Some(Self(started.with_context(|| command.get_program().display().to_string())?))),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Loads a peer that answers when it has run, and stores nothing.
fn load(name: &'static str, port: u16, body: &[u8], expected: u16) -> anyhow::Result<Peer> {
    let mut connection = Connection::to(port)?;
    let mut latency = Vec::new();
    for _ in 0..SAMPLES {
        let began = now();
        let status = connection.exchange(body)?;
        ensure!(status == expected, "{name} answered {status}");
        latency.push(millis(began.elapsed()));
    }
    let answered = AtomicU64::new(0);
    let began = now();
    std::thread::scope(|scope| -> anyhow::Result<()> {
        let ask = || {
            let mut connection = Connection::to(port)?;
            while began.elapsed() < LOADED {
                let status = connection.exchange(body)?;
                ensure!(status == expected, "{name} answered {status}");
                answered.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        };
        let askers: Vec<_> = (0..IN_FLIGHT).map(|_| scope.spawn(ask)).collect();
        askers.into_iter().try_for_each(|asker| asker.join().expect("invariant: askers do not panic"))
    })?;
    let runs_per_second = answered.into_inner() as f64 / began.elapsed().as_secs_f64();
    Ok(Peer { name, durable: false, runs_per_second, latency: Samples::of(latency) })
}
