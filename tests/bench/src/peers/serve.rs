//! `wasmtime serve` with a component that does nothing: what a fresh instance behind HTTP costs.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::ensure;

use super::{Peer, Running, SOON, free_port, load};
use crate::clock::until;
use crate::floors::EVENT_BYTES;
use crate::stage::{Connection, PATIENCE, request};

const POSTED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/posted.wasm"));

pub(super) fn measure(directory: &Path) -> anyhow::Result<Option<Peer>> {
    let component = directory.join("posted.wasm");
    std::fs::write(&component, POSTED)?;
    let port = free_port()?;
    let mut command = Command::new("wasmtime");
    command.args(["serve", "-Scli", "--addr", &format!("127.0.0.1:{port}")]).arg(&component);
    let log = directory.join("serve.log");
    let Some(running) = Running::start(command.stdout(Stdio::null()).stderr(File::create(&log)?))? else {
        return Ok(None);
    };
    let event = |filler: &str| format!(r#"{{"data":{{"data":{{"does":"nothing"}}}},"filler":"{filler}"}}"#);
    let filler = "x".repeat(EVENT_BYTES - event("").len());
    let asked = request("POST", "/", "application/json", &event(&filler));
    // It compiles before it listens.
    until("wasmtime serve listens", PATIENCE, SOON, || Ok(Connection::to(port).ok()))?;
    let peer = load("wasmtime serve, a wasi:http component", port, &asked, 204)?;
    drop(running);
    // A run answers before it ends: what failed after that is only in the log.
    let failed = std::fs::read_to_string(&log)?.lines().filter(|line| line.contains("failed")).count();
    ensure!(failed == 0, "{}: {failed} runs failed after their answer", peer.name);
    Ok(Some(peer))
}
