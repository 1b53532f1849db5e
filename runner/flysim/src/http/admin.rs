//! What the simulator's owner can do over HTTP, under `/_sim`.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::call::{Answer, Body, parse_query};
use crate::knobs::{KNOBS, Knobs};
use crate::refusal::{Refusal, Shape};
use crate::world::{Action, World};

/// How long a wait for holds may be at most.
const WAIT_MAX_MS: u64 = 60_000;

/// Answers one request; `path` comes after `/_sim/`.
pub(crate) async fn handle(world: &World, method: &str, path: &str, query: &str, body: &[u8]) -> Answer {
    let query = parse_query(query);
    let number = |name: &str| {
        query.iter().find(|(key, _)| key == name).and_then(|(_, value)| value.parse::<u64>().ok())
    };
    let answer = match (method, path) {
        ("GET", "holds") => holds(world, number("reached"), number("timeout_ms")).await,
        ("POST", "holds/release") => Ok(json!({"released": world.release_holds(number("seq"))})),
        ("GET", "log") => return log(world, number("after").unwrap_or(0)),
        _ => plain(world, method, path, body),
    };
    match answer {
        Ok(body) => Answer::ok(body),
        Err(refusal) => Answer::refusal(&refusal, Shape::Error),
    }
}

fn plain(world: &World, method: &str, path: &str, body: &[u8]) -> Result<Value, Refusal> {
    match (method, path) {
        ("GET", "knobs") => Ok(json!(world.knobs())),
        ("GET", "knobs/table") => Ok(json!(KNOBS)),
        ("PUT", "knobs") => {
            world.set_knobs(parse(body)?);
            Ok(json!(world.knobs()))
        }
        ("PATCH", "knobs") => patch(world, parse(body)?),
        ("GET", "state") => Ok(world.state()),
        ("GET", "stats") => Ok(json!(world.stats())),
        ("POST", "act") => world.act(parse::<Action>(body)?),
        ("POST", "seed") => {
            let fleet: Fleet = parse(body)?;
            world.seed_fleet(fleet.apps, fleet.machines)?;
            Ok(Value::Null)
        }
        #[cfg(feature = "validate")]
        ("GET", "violations") => Ok(json!(world.violations())),
        _ => Err(Refusal::new(404, format!("no such route: {method} /_sim/{path}"))),
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fleet {
    apps: u32,
    machines: u32,
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::bad_request(error.to_string()))
}

fn patch(world: &World, changes: serde_json::Map<String, Value>) -> Result<Value, Refusal> {
    let mut knobs = json!(world.knobs());
    for (name, value) in changes {
        knobs[name] = value;
    }
    let knobs: Knobs = serde_json::from_value(knobs).map_err(|e| Refusal::bad_request(e.to_string()))?;
    world.set_knobs(knobs);
    Ok(json!(world.knobs()))
}

async fn holds(world: &World, reached: Option<u64>, timeout_ms: Option<u64>) -> Result<Value, Refusal> {
    let reached = reached.unwrap_or(0) as usize;
    let limit = Duration::from_millis(timeout_ms.unwrap_or(0).min(WAIT_MAX_MS));
    if let Some(held) = world.holds_reached(reached, limit).await {
        return Ok(json!({"reached": true, "holds": held}));
    }
    Ok(json!({"reached": false, "holds": world.holds()}))
}

fn log(world: &World, after: u64) -> Answer {
    let lines = world.log_after(after).into_iter().map(|effect| json!(effect).to_string() + "\n");
    Answer { body: Body::Text(lines.collect()), ..Answer::empty(200) }
}
