//! Handlers of address assignments.

use serde_json::json;

use super::apps::app_id;
use super::call::{Answer, Call};
use crate::refusal::Refusal;
use crate::world::State;
use crate::world::ips::{IpKind, NewIp};

pub(crate) fn list(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let id = app_id(state, call)?;
    let mut ips: Vec<_> = state.listed_ips(&id).into_iter().map(|ip| state.ip_json(ip)).collect();
    ips.extend(state.egress_pairs(&id));
    Ok(Answer::ok(json!({"ips": ips})))
}

pub(crate) fn create(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let id = app_id(state, call)?;
    let kind = IpKind::parse(call.required("type")?)
        .ok_or_else(|| Refusal::bad_request("invalid_argument: unknown ip address type"))?;
    if kind != IpKind::PrivateV6 && call.text("org_slug")?.is_some() {
        // The status was measured by formae-plugin-fly, 2026-08; the text was not given.
        return Err(Refusal::bad_request("invalid_argument: org_slug is only valid for private_v6"));
    }
    let text = |name| Ok::<_, Refusal>(call.text(name)?.filter(|t| !t.is_empty()).map(str::to_owned));
    let new = NewIp { kind, region: text("region")?, service_name: text("service_name")? };
    let ip = state.allocate_ip(&id, new)?;
    Ok(Answer::ok(state.ip_json(&ip)))
}

pub(crate) fn delete(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let id = app_id(state, call)?;
    state.release_ip(&id, call.param("ip"))?;
    Ok(Answer::empty(204))
}
