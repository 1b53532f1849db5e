//! The process: how fast it starts, what it weighs, how fast it ends.

use std::fmt::Write as _;
use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;

use crate::clock::{millis, now, until};
use crate::database::{Database, fill_up_runs};
use crate::handler::fleet;
use crate::samples::Samples;
use crate::stage::{PATIENCE, Stage};

/// Starts, and stops, that are measured.
const REPEATS: usize = 5;
/// Runs that are stored.
const STORED: u64 = 100_000;
/// Hooks that wait.
const WAITING: usize = 100;
/// Between two readings of memory, and how often it must stay as it is.
const READ_EVERY: Duration = Duration::from_millis(250);
const STEADY: usize = 12;

/// From the start of the process to `/readyz`, with 100,000 stored runs, in milliseconds.
pub(crate) fn start(stage: &Stage) -> anyhow::Result<Samples> {
    fill_up_runs(&stage.database(), STORED)?;
    let stored = Database::open(&stage.database())?.runs()?;
    anyhow::ensure!(stored >= STORED, "only {stored} runs are stored");
    let mut samples = Vec::new();
    for _ in 0..REPEATS {
        let began = now();
        let up = stage.up()?;
        samples.push(millis(began.elapsed()));
        up.stop()?;
    }
    Ok(Samples::of(samples))
}

/// What the system needs to start the same binary and end it, in milliseconds.
pub(crate) fn start_floor(binary: &Path) -> anyhow::Result<Samples> {
    let mut samples = Vec::new();
    for _ in 0..REPEATS {
        let began = now();
        let status = Command::new(binary).arg("--version").stdout(Stdio::null()).status()?;
        anyhow::ensure!(status.success(), "groundcrew --version ended with {status}");
        samples.push(millis(began.elapsed()));
    }
    Ok(Samples::of(samples))
}

/// Ten hooks of six components: those that ship, and two of the bench.
const TEN_HOOKS: &str = r#"
[hook.ip]
use = "builtin:fly-ip"
config = { v4 = "shared", v6 = "dedicated" }
gone = "delete"
secret.FLY_TOKEN = { from = "EVENTS", at = "header:authorization", format = "fly", to = "{fly.api}" }
allow = ["GET,POST,DELETE {fly.api}/v1/apps/{app}/ip_assignments*"]

[hook.cert]
use = "builtin:fly-cert"
config = { names = ["{app}.bench.example"] }
gone = "delete"
secret.FLY_TOKEN = { from = "EVENTS", at = "header:authorization", format = "fly", to = "{fly.api}" }
allow = ["GET,POST,DELETE {fly.api}/v1/apps/{app}/certificates*"]

[hook.dns]
use = "builtin:dns"
reads = ["ip"]
config = { server = "http://127.0.0.1:9", zone = "bench.example", records = [] }
gone = "delete"
secret.API_TOKEN = { from = "EVENTS", at = "header:x-api-key", to = "http://127.0.0.1:9" }
allow = ["GET,PATCH http://127.0.0.1:9/api/v1/servers/localhost/zones/bench.example*"]

[hook.things]
use = "things.wasm"
manifest = "things.toml"
gone = "delete"
config = { server = "http://127.0.0.1:9", things = [] }
allow = ["GET,POST,PUT,DELETE http://127.0.0.1:9/*"]
"#;

/// Resident memory with ten hooks loaded and nothing to do, in megabytes (10^6 bytes).
pub(crate) fn idle(binary: &Path) -> anyhow::Result<f64> {
    let mut hooks = TEN_HOOKS.to_owned();
    for number in 0..3 {
        let _ = writeln!(
            hooks,
            "[hook.noop-{number}]\nuse = \"noop.wasm\"\nmanifest = \"noop.toml\"\n{}",
            notify(number)
        );
    }
    let stage = Stage::new(binary, &hooks, "")?;
    // The first start compiles, in child processes; what is measured finds everything compiled.
    stage.up()?.stop()?;
    let up = stage.up()?;
    let status = format!("/proc/{}/status", up.pid());
    let mut readings: Vec<u64> = Vec::new();
    let kilobytes = until("memory that stays as it is", PATIENCE, READ_EVERY, || {
        let text = std::fs::read_to_string(&status)?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        readings.push(line.trim().trim_end_matches(" kB").parse()?);
        let last = &readings[readings.len().saturating_sub(STEADY)..];
        let (low, high) = (last.iter().min().copied(), last.iter().max().copied());
        let (low, high) = (low.unwrap_or_default(), high.unwrap_or_default());
        Ok((last.len() == STEADY && high - low <= high / 100).then_some(high))
    })?;
    up.stop()?;
    Ok(kilobytes as f64 * 1024.0 / 1e6)
}

fn notify(number: usize) -> String {
    format!(
        "[hook.wait-{number}]\nuse = \"builtin:notify\"\non = [\"app.*\"]\nconfig = {{ to = \"slack\" }}\nsecret.URL = {{ from = \"HOLE\", at = \"url\" }}\n"
    )
}

/// From SIGTERM to the end of the process, with 100 hooks that wait for an answer that never comes, in milliseconds.
pub(crate) fn shutdown(binary: &Path) -> anyhow::Result<Samples> {
    let mut samples = Vec::new();
    for _ in 0..REPEATS {
        let hole = Hole::dig()?;
        let hooks: String = (0..WAITING).map(notify).collect();
        let stage = Stage::new(binary, &hooks, &fleet(1))?;
        let up = stage.up_with(&hole.url)?;
        until("100 hooks wait", PATIENCE, READ_EVERY / 50, || Ok((hole.taken() >= WAITING).then_some(())))?;
        samples.push(millis(up.stop()?));
    }
    Ok(Samples::of(samples))
}

/// A server that takes requests and never answers.
struct Hole {
    url: String,
    asked: Arc<Mutex<Vec<TcpStream>>>,
}

impl Hole {
    fn dig() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://127.0.0.1:{}/", listener.local_addr()?.port());
        let asked: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let kept = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let kept = kept.clone();
                std::thread::spawn(move || keep(stream, &kept));
            }
        });
        Ok(Self { url, asked })
    }

    /// Requests that have come, whole or in part.
    fn taken(&self) -> usize {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// Waits for a request's first bytes, and keeps its connection open.
fn keep(mut stream: TcpStream, kept: &Mutex<Vec<TcpStream>>) {
    if stream.read(&mut [0; 1]).is_ok_and(|read| read > 0) {
        kept.lock().unwrap_or_else(PoisonError::into_inner).push(stream);
    }
}
