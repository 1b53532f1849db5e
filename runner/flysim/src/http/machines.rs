//! Handlers of machines: lists, creation, commands, destruction.

use serde_json::{Value, json};

use super::apps::app_id;
use super::call::{Answer, Call};
use crate::refusal::Refusal;
use crate::world::lifecycle::{Force, NewMachine};
use crate::world::{Exit, State, Verb};

pub(crate) fn list(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let app = state.visible_app(call.param("app_name"))?;
    let machines = state.listed_machines(app, &call.machine_filter());
    let before = state.stale_machines(app, &call.machine_filter());
    let show = |machine| {
        if call.flag("summary") { state.machine_summary(machine) } else { state.machine_json(machine) }
    };
    Ok(Answer::ok(machines.into_iter().chain(&before).map(show).collect()))
}

pub(crate) fn create(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let app_id = app_id(state, call)?;
    let id = state.create_machine(&app_id, new_machine(call)?)?;
    let mut body = state.show_machine(&id);
    if let Some(ttl) = call.field("lease_ttl").as_u64().filter(|ttl| *ttl > 0) {
        let lease = state.take_lease(&id, ttl, "", None)?;
        body["nonce"] = lease["data"]["nonce"].clone();
    }
    Ok(Answer::ok(body))
}

pub(crate) fn show(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let app_id = app_id(state, call)?;
    let machine = state.machine(&app_id, call.param("machine_id"))?;
    let mut body = state.machine_json(machine);
    if call.flag("include_leases")
        && let Some(lease) = machine.live_lease(state.now)
    {
        body["lease"] = machine.lease_json(lease);
    }
    Ok(Answer::ok(body))
}

pub(crate) fn update(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let id = writable(state, call)?;
    let current = call.text("current_version")?;
    if current.is_some_and(|want| state.machines[&id].instance_id != want) {
        return Err(Refusal::precondition("machine version is stale"));
    }
    state.update_machine(&id, new_machine(call)?)?;
    Ok(Answer::ok(state.show_machine(&id)))
}

pub(crate) fn delete(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let id = writable(state, call)?;
    // The document says `force`, fly-go sends `kill`.
    let force = if call.flag("force") || call.flag("kill") { Force::Yes } else { Force::No };
    state.destroy_machine(&id, force)?;
    Ok(ok())
}

pub(crate) fn start(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let id = writable(state, call)?;
    let found = state.command(&id, Verb::Start)?;
    let migrated = state.starts_elsewhere(found);
    let host = if migrated { "another" } else { "" };
    Ok(Answer::ok(json!({"previous_state": state.state_word(found), "migrated": migrated, "new_host": host})))
}

pub(crate) fn stop(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    call.text("timeout")?;
    command(state, call, Verb::Stop)
}

pub(crate) fn suspend(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    command(state, call, Verb::Suspend)
}

pub(crate) fn restart(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    command(state, call, Verb::Restart)
}

pub(crate) fn cordon(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    command(state, call, Verb::Cordon)
}

pub(crate) fn uncordon(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    command(state, call, Verb::Uncordon)
}

/// The signal is a name in the document and the integer 9 in fly-go.
pub(crate) fn signal(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let id = writable(state, call)?;
    let signal = call.field("signal");
    if signal.is_null() {
        return Err(Refusal::bad_request("invalid_argument: signal is required"));
    }
    if *signal == 9 || *signal == "SIGKILL" {
        state.exit_machine(&id, Exit { code: 137, oom_killed: false, requested: false })?;
    }
    Ok(ok())
}

fn command(state: &mut State, call: &Call, verb: Verb) -> Result<Answer, Refusal> {
    let id = writable(state, call)?;
    state.command(&id, verb)?;
    Ok(ok())
}

fn ok() -> Answer {
    Answer::ok(json!({"ok": true}))
}

/// The id of a machine that nobody else holds a lease of.
pub(crate) fn writable(state: &State, call: &Call) -> Result<String, Refusal> {
    let app_id = app_id(state, call)?;
    let machine = state.machine(&app_id, call.param("machine_id"))?;
    machine.guard(call.nonce.as_deref(), state.now)?;
    Ok(machine.id.clone())
}

fn new_machine(call: &Call) -> Result<NewMachine, Refusal> {
    let config = match call.field("config") {
        Value::Null => None,
        config @ Value::Object(_) => Some(config.clone()),
        _ => return Err(Refusal::bad_request("invalid_argument: config must be an object")),
    };
    let text = |name| Ok(call.text(name)?.filter(|text| !text.is_empty()).map(str::to_owned));
    Ok(NewMachine {
        name: text("name")?,
        region: text("region")?,
        config,
        skip_launch: *call.field("skip_launch") == true,
    })
}
