//! Handlers of what belongs to one machine: wait, events, versions, leases, metadata.

use serde_json::{Map, Value, json};

use super::apps::app_id;
use super::call::{Answer, Call, Wait};
use crate::refusal::Refusal;
use crate::world::State;
use crate::world::events::{LISTED_DEFAULT, LISTED_MAX};

/// The states that `wait` knows (OpenAPI Machines_wait).
const WAITED_FOR: [&str; 6] = ["started", "stopped", "suspended", "destroyed", "failed", "settled"];

pub(crate) fn wait(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let (app_id, machine) = named(state, call)?;
    let mut states = call.words("state");
    if states.is_empty() {
        states.push("started".into());
    }
    if let Some(odd) = states.iter().find(|word| !WAITED_FOR.contains(&word.as_str())) {
        return Err(Refusal::bad_request(format!("invalid_argument: unknown state '{odd}'")));
    }
    let timeout = call.query("timeout").unwrap_or("60").parse().unwrap_or(0);
    if !(1..=60).contains(&timeout) {
        // Measured by seazn for 90 seconds.
        return Err(Refusal::bad_request("invalid_argument: timeout must be within [1s, 1m0s]"));
    }
    let from_event = call.query("from_event_id").map(str::to_owned);
    let known = |id: &String| state.machines[&machine].events.iter().any(|event| event.id == *id);
    if from_event.as_ref().is_some_and(|id| !known(id)) {
        return Err(Refusal::bad_request("invalid_argument: unknown from_event_id"));
    }
    let version = call.query("version").or_else(|| call.query("instance_id")).map(str::to_owned);
    let deadline_ms = state.now + timeout * 1000;
    Ok(Answer::later(Wait { app_id, machine, states, version, from_event, deadline_ms }))
}

impl State {
    /// Answers a wait if what it waits for is there, or can never be, or took too long.
    pub(crate) fn poll_wait(&self, wait: &Wait) -> Option<Result<Value, Refusal>> {
        let Ok(machine) = self.machine(&wait.app_id, &wait.machine) else {
            return Some(Err(Refusal::machine_not_found()));
        };
        let shown = self.state_word(machine.state);
        let fits = |word: &String| word == shown || (word == "settled" && !machine.is_transient());
        let version = wait.version.as_deref().is_none_or(|want| want == machine.instance_id);
        let fresh = wait
            .from_event
            .as_ref()
            .is_none_or(|id| machine.events.last().is_some_and(|last| last.id != *id));
        if wait.states.iter().any(fits) && version && fresh {
            let event = machine.events.last().map(|event| &event.id);
            return Some(Ok(json!({
                "ok": true, "state": shown, "event_id": event, "version": machine.instance_id,
            })));
        }
        if machine.is_destroyed() {
            // An auto-destroyed machine answers so to `wait stopped` (measured by seazn).
            return Some(Err(Refusal::machine_not_found()));
        }
        (self.now >= wait.deadline_ms).then(|| {
            let wanted = wait.states.join(",");
            let text = format!(
                "deadline_exceeded: machine failed to reach desired state, {wanted}, currently {shown}"
            );
            Err(Refusal::new(408, text))
        })
    }
}

pub(crate) fn events(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let (_, id) = named(state, call)?;
    let limit = call.query("limit").map_or(Ok(LISTED_DEFAULT), str::parse);
    let limit = limit.map_err(|_| Refusal::bad_request("invalid_argument: limit"))?;
    let events = state.events_json(&state.machines[&id].events, limit.clamp(1, LISTED_MAX));
    Ok(Answer::ok(json!(events)))
}

pub(crate) fn versions(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let (_, id) = named(state, call)?;
    let versions = state.machines[&id].versions.iter().rev();
    let show = |(version, config): &(String, Value)| json!({"version": version, "user_config": config});
    Ok(Answer::ok(versions.map(show).collect()))
}

pub(crate) fn show_lease(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let (_, id) = named(state, call)?;
    state.show_lease(&id).map(Answer::ok)
}

/// The time to live is in the body (document) or in the query (fly-go).
pub(crate) fn take_lease(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let (_, id) = named(state, call)?;
    let ttl = call.query("ttl").and_then(|ttl| ttl.parse().ok()).or_else(|| call.field("ttl").as_u64());
    let description = call.text("description")?.unwrap_or_default().to_owned();
    let ttl = ttl.filter(|ttl| *ttl > 0).unwrap_or(60);
    let lease = state.take_lease(&id, ttl, &description, call.nonce.as_deref())?;
    Ok(Answer::json(201, lease))
}

pub(crate) fn release_lease(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let (_, id) = named(state, call)?;
    state.release_lease(&id, call.nonce.as_deref())?;
    Ok(Answer::ok(json!({"status": "success", "data": {"ok": true}})))
}

pub(crate) fn metadata(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let (_, id) = named(state, call)?;
    Ok(Answer::ok(Value::Object(current(state, &id))))
}

pub(crate) fn metadata_key(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let (_, id) = named(state, call)?;
    let value = state.machines[&id].metadata(call.param("key"));
    let value = value.ok_or_else(|| Refusal::new(404, "metadata key not found"))?;
    Ok(Answer::ok(json!({"value": value})))
}

pub(crate) fn set_metadata_key(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let (_, id) = named(state, call)?;
    let value = call.text("value")?;
    let value = value.ok_or_else(|| Refusal::bad_request("invalid_argument: value is required"))?;
    let mut metadata = current(state, &id);
    metadata.insert(call.param("key").to_owned(), json!(value));
    Ok(replace(state, &id, metadata))
}

pub(crate) fn delete_metadata_key(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let (_, id) = named(state, call)?;
    let mut metadata = current(state, &id);
    metadata.remove(call.param("key"));
    Ok(replace(state, &id, metadata))
}

pub(crate) fn put_metadata(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    merge_metadata(state, call, |_| Map::new())
}

pub(crate) fn patch_metadata(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    merge_metadata(state, call, |metadata| metadata)
}

fn merge_metadata(
    state: &mut State,
    call: &Call,
    start: fn(Map<String, Value>) -> Map<String, Value>,
) -> Result<Answer, Refusal> {
    let (_, id) = named(state, call)?;
    let want = call.text("machine_version")?;
    if want.is_some_and(|want| want != state.machines[&id].instance_id) {
        return Err(Refusal::precondition("machine version does not match"));
    }
    let Value::Object(changes) = call.field("metadata") else {
        return Err(Refusal::bad_request("invalid_argument: metadata is required"));
    };
    let mut metadata = start(current(state, &id));
    for (key, value) in changes {
        match value {
            Value::Null => drop(metadata.remove(key)),
            Value::String(_) => drop(metadata.insert(key.clone(), value.clone())),
            _ => return Err(Refusal::bad_request("invalid_argument: metadata values are strings")),
        }
    }
    Ok(replace(state, &id, metadata))
}

/// The app and the machine that a call is about; leases do not matter here.
fn named(state: &State, call: &Call) -> Result<(String, String), Refusal> {
    let app_id = app_id(state, call)?;
    let id = state.machine(&app_id, call.param("machine_id"))?.id.clone();
    Ok((app_id, id))
}

fn current(state: &State, id: &str) -> Map<String, Value> {
    state.machines[id].config["metadata"].as_object().cloned().unwrap_or_default()
}

fn replace(state: &mut State, id: &str, metadata: Map<String, Value>) -> Answer {
    let touched = state.knobs.metadata_touches_updated_at.then_some(state.now);
    if let Some(machine) = state.machines.get_mut(id) {
        machine.config["metadata"] = Value::Object(metadata);
        machine.updated_ms = touched.unwrap_or(machine.updated_ms);
        let app_id = machine.app_id.clone();
        state.machine_changed(id);
        state.record("machine.metadata", &app_id, id, Value::Null);
    }
    Answer::empty(204)
}
