//! Obelisk 0.38, the nearest peer: an event is stored in SQLite, a component runs, and its result is stored.
//!
//! Measured in its favour: what is waited for is its own record of when an execution was made and when it ended, and
//! it looks for work every millisecond (its default is 200).

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::{Peer, Running, SAMPLES, SOON, free_port};
use crate::clock::{now, until};
use crate::floors::{EVENT_BYTES, IN_FLIGHT};
use crate::samples::Samples;
use crate::stage::{Connection, PATIENCE, request};

const EXPORTED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/exported.wasm"));
/// Executions that are submitted to be counted.
const EXECUTIONS: usize = 3_000;

pub(super) fn measure(directory: &Path) -> anyhow::Result<Option<Peer>> {
    let directory = directory.join("obelisk");
    std::fs::create_dir_all(&directory)?;
    let port = free_port()?;
    let files: [(&str, &[u8]); 3] = [
        ("exported.wasm", EXPORTED),
        ("server.toml", &server(&directory, port).into_bytes()),
        ("deployment.toml", &deployment(&directory).into_bytes()),
    ];
    for (name, content) in files {
        std::fs::write(directory.join(name), content)?;
    }
    let log = std::fs::File::create(directory.join("log"))?;
    let mut command = Command::new("obelisk");
    command.current_dir(&directory).args(["server", "run", "--server-config", "server.toml"]);
    command
        .args(["--deployment", "deployment.toml"])
        .stdout(log.try_clone()?)
        .stderr(log)
        .stdin(Stdio::null());
    let Some(running) = Running::start(&mut command)? else { return Ok(None) };
    let ready = || match Connection::to(port) {
        Ok(mut connection) => Ok(submit(&mut connection).is_ok().then_some(())),
        Err(_) => Ok(None),
    };
    until("obelisk runs", PATIENCE, SOON, ready)
        .with_context(|| std::fs::read_to_string(directory.join("log")).unwrap_or_default())?;
    all_ended(port)?;
    let latency = latency(port)?;
    let runs_per_second = throughput(port)?;
    drop(running);
    let name = "Obelisk, SQLite, a component that does nothing";
    Ok(Some(Peer { name, durable: true, runs_per_second, latency }))
}

fn server(directory: &Path, port: u16) -> String {
    let directory = directory.display();
    format!(
        "api.listening_addr = \"127.0.0.1:{port}\"\nwebui.enabled = false\nexternal.enabled = false\n\
         database.sqlite.directory = \"{directory}/sqlite\"\n\
         [wasm]\ncache_directory = \"{directory}/wasm\"\n\
         [wasm.codegen_cache]\ndirectory = \"{directory}/codegen\"\n\
         [log.console]\nlevel = \"warn\"\n"
    )
}

fn deployment(directory: &Path) -> String {
    let directory = directory.display();
    format!(
        "[[activity_wasm]]\nname = \"noop\"\nlocation = \"{directory}/exported.wasm\"\nmax_retries = 0\n\
         exec.batch_size = {IN_FLIGHT}\nexec.tick_sleep.milliseconds = 1\n"
    )
}

/// Submits one execution; returns its id.
fn submit(connection: &mut Connection) -> anyhow::Result<String> {
    let body = json!({"ffqn": "bench:noop/noop.run", "params": ["x".repeat(EVENT_BYTES - 2)]});
    let (status, said) =
        connection.ask(&request("POST", "/v1/executions", "application/json", &body.to_string()))?;
    ensure!(status == 201, "obelisk answered {status}: {said}");
    Ok(said.trim().to_owned())
}

/// Its own record: from the making of an execution to its end, one at a time.
fn latency(port: u16) -> anyhow::Result<Samples> {
    let mut connection = Connection::to(port)?;
    let mut samples = Vec::new();
    for _ in 0..SAMPLES {
        let id = submit(&mut connection)?;
        let path = format!("/v1/executions/{id}/status");
        let asked = json_request(&path);
        let ended = until("an execution ends", PATIENCE, Duration::from_millis(2), || {
            let (status, said) = connection.ask(&asked)?;
            ensure!(status == 200, "obelisk answered {status}: {said}");
            span(&serde_json::from_str(&said)?)
        })?;
        samples.push(ended);
    }
    Ok(Samples::of(samples))
}

fn json_request(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: bench\r\naccept: application/json\r\n\r\n").into_bytes()
}

/// Milliseconds from its making to its end; none while it has not ended.
fn span(execution: &Value) -> anyhow::Result<Option<f64>> {
    let time = |value: &Value| -> anyhow::Result<Option<jiff::Timestamp>> {
        Ok(value.as_str().map(str::parse).transpose()?)
    };
    let made = time(&execution["created_at"])?.context("obelisk says when an execution was made")?;
    let ended = time(&execution["pending_state"]["finished_at"])?;
    Ok(ended.map(|ended| ended.duration_since(made).as_secs_f64() * 1_000.0))
}

/// Executions a second, from the first that is submitted to the end of the last; submitted by 64 clients.
fn throughput(port: u16) -> anyhow::Result<f64> {
    let left = AtomicUsize::new(EXECUTIONS);
    let began = now();
    std::thread::scope(|scope| -> anyhow::Result<()> {
        let ask = || -> anyhow::Result<()> {
            let mut connection = Connection::to(port)?;
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
            {
                submit(&mut connection)?;
            }
            Ok(())
        };
        let askers: Vec<_> = (0..IN_FLIGHT).map(|_| scope.spawn(ask)).collect();
        askers.into_iter().try_for_each(|asker| asker.join().expect("invariant: askers do not panic"))
    })?;
    all_ended(port)?;
    Ok(EXECUTIONS as f64 / began.elapsed().as_secs_f64())
}

fn all_ended(port: u16) -> anyhow::Result<()> {
    let mut connection = Connection::to(port)?;
    let asked = json_request("/v1/executions?hide_finished=true&length=1");
    until("all executions end", PATIENCE, SOON, || {
        let (status, said) = connection.ask(&asked)?;
        ensure!(status == 200, "obelisk answered {status}: {said}");
        let unfinished: Vec<Value> = serde_json::from_str(&said)?;
        Ok(unfinished.is_empty().then_some(()))
    })
}
