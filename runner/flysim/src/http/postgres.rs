//! Handlers of Managed Postgres. The paths are in a later copy of the vendor's document only.

use serde_json::{Value, json};

use super::apps::org_slug;
use super::call::{Answer, Call};
use crate::refusal::Refusal;
use crate::world::State;

pub(crate) fn list(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let org = org_slug(state, call.query("org_slug").unwrap_or_default())?;
    let clusters = state.clusters.iter().filter(|cluster| cluster.org == org);
    let rows: Value = clusters.map(|cluster| state.cluster_json(cluster)).collect();
    Ok(Answer::ok(json!({"data": rows})))
}

pub(crate) fn show(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let id = call.param("cluster_id");
    let found = state.clusters.iter().find(|cluster| cluster.id == id && state.org_in_reach(&cluster.org));
    let found = found.ok_or_else(|| Refusal::new(404, "cluster not found"))?;
    Ok(Answer::ok(json!({"data": state.cluster_json(found)})))
}
