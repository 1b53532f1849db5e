//! Handlers of what belongs to an organisation, a token, or the platform.

use serde_json::{Value, json};

use super::apps::org_slug;
use super::call::{Answer, Call};
use crate::refusal::Refusal;
use crate::world::{ListQuery, State};

pub(crate) fn machines(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let org = org_slug(state, call.param("org_slug"))?;
    state.org_machines(&org, &query(call)).map(Answer::ok)
}

pub(crate) fn volumes(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let org = org_slug(state, call.param("org_slug"))?;
    state.org_volumes(&org, &query(call)).map(Answer::ok)
}

fn query(call: &Call) -> ListQuery {
    let text = |name| call.query(name).filter(|text| !text.is_empty()).map(str::to_owned);
    ListQuery {
        filter: call.machine_filter(),
        summary: call.flag("summary"),
        updated_after: text("updated_after"),
        cursor: text("cursor"),
        limit: text("limit"),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a handler like all others")]
pub(crate) fn token(state: &mut State, _call: &Call) -> Result<Answer, Refusal> {
    let seen = state.orgs.iter().filter(|org| state.org_in_reach(&org.slug));
    let tokens: Vec<_> = seen
        .map(|org| {
            json!({
                "token_id": format!("tok-{}", org.id),
                "org_slug": org.slug,
                "organization": org.name,
                "apps": state.knobs.token_apps.clone().unwrap_or_default(),
                "user": "",
                "restricted_to_machine": "",
                "source_machine_id": "",
            })
        })
        .collect();
    Ok(Answer::ok(json!({"tokens": tokens})))
}

/// Code, name and position of the simulated regions.
pub(crate) const REGIONS: [(&str, &str, f64, f64); 5] = [
    ("ams", "Amsterdam, Netherlands", 52.37, 4.89),
    ("fra", "Frankfurt, Germany", 50.11, 8.68),
    ("iad", "Ashburn, Virginia (US)", 39.04, -77.49),
    ("sjc", "San Jose, California (US)", 37.34, -121.89),
    ("syd", "Sydney, Australia", -33.87, 151.21),
];

#[expect(clippy::unnecessary_wraps, reason = "a handler like all others")]
pub(crate) fn regions(_state: &mut State, _call: &Call) -> Result<Answer, Refusal> {
    let row = |(code, name, latitude, longitude): &(&str, &str, f64, f64)| {
        json!({
            "code": code, "name": name, "latitude": latitude, "longitude": longitude,
            "gateway_available": true, "requires_paid_plan": false, "deprecated": false,
        })
    };
    let regions: Value = REGIONS.iter().map(row).collect();
    Ok(Answer::ok(json!({"nearest": "fra", "regions": regions})))
}
