//! Handlers of volumes.

use serde_json::json;

use super::apps::app_id;
use super::call::{Answer, Call};
use crate::refusal::Refusal;
use crate::world::volumes::NewVolume;
use crate::world::{State, Volume};

pub(crate) fn list(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let app = state.visible_app(call.param("app_name"))?;
    let volumes = state.listed_volumes(app);
    Ok(Answer::ok(volumes.into_iter().map(|volume| state.volume_in_list(volume)).collect()))
}

pub(crate) fn create(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let id = app_id(state, call)?;
    let new = NewVolume {
        name: call.required("name")?.to_owned(),
        region: call.text("region")?.map(str::to_owned),
        size_gb: call.field("size_gb").as_u64().unwrap_or(3),
        encrypted: *call.field("encrypted") != false,
    };
    let id = state.create_volume(&id, new)?;
    Ok(Answer::ok(state.volume_json(&state.volumes[&id])))
}

pub(crate) fn show(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    Ok(Answer::ok(state.volume_json(named(state, call)?)))
}

/// Snapshot settings are accepted; the simulator has no snapshots.
pub(crate) fn update(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    show(state, call)
}

pub(crate) fn delete(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let id = named(state, call)?.id.clone();
    state.delete_volume(&id)?;
    Ok(Answer::ok(state.volume_json(&state.volumes[&id])))
}

pub(crate) fn extend(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let id = named(state, call)?.id.clone();
    let size = call.field("size_gb").as_u64();
    let size = size.ok_or_else(|| Refusal::bad_request("invalid_argument: size_gb is required"))?;
    state.extend_volume(&id, size)?;
    let volume = &state.volumes[&id];
    let needs_restart = volume.machine_id.is_some();
    Ok(Answer::ok(json!({"volume": state.volume_json(volume), "needs_restart": needs_restart})))
}

pub(crate) fn snapshots(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    named(state, call)?;
    Ok(Answer::ok(json!([])))
}

fn named<'a>(state: &'a State, call: &Call) -> Result<&'a Volume, Refusal> {
    let app = state.visible_app(call.param("app_name"))?;
    state.volume(&app.id, call.param("volume_id"))
}
