//! Debian's `webhook`, running `/bin/true` for each request: what a new process costs.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use super::{Peer, Running, SOON, free_port, load};
use crate::clock::until;
use crate::floors::EVENT_BYTES;
use crate::stage::{Connection, PATIENCE, request};

pub(super) fn measure(directory: &Path) -> anyhow::Result<Option<Peer>> {
    let hooks =
        json!([{"id": "true", "execute-command": "/bin/true", "include-command-output-in-response": true}]);
    let file = directory.join("webhook.json");
    std::fs::write(&file, hooks.to_string())?;
    let port = free_port()?;
    let mut command = Command::new("webhook");
    command.args(["-ip", "127.0.0.1", "-port", &port.to_string(), "-hooks"]).arg(&file);
    let Some(running) = Running::start(command.stdout(Stdio::null()).stderr(Stdio::null()))? else {
        return Ok(None);
    };
    let asked =
        request("POST", "/hooks/true", "application/json", &format!("\"{}\"", "x".repeat(EVENT_BYTES - 2)));
    until("webhook listens", PATIENCE, SOON, || Ok(Connection::to(port).ok()))?;
    let peer = load("webhook /bin/true", port, &asked, 200)?;
    drop(running);
    Ok(Some(peer))
}
