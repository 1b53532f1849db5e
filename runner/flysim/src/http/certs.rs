//! Handlers of certificates.

use serde_json::{Value, json};

use super::apps::app_id;
use super::call::{Answer, Call};
use crate::refusal::Refusal;
use crate::world::State;
use crate::world::certs::Source;

/// Rows of a page without and with `limit` [docs machines/api/certificates-resource].
const PAGE_DEFAULT: usize = 25;
const PAGE_MAX: usize = 500;

pub(crate) fn list(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let app = state.visible_app(call.param("app_name"))?;
    let limit = call.query("limit").map_or(Ok(PAGE_DEFAULT), str::parse);
    let limit = limit.map_err(|_| Refusal::bad_request("invalid_argument: limit"))?.clamp(1, PAGE_MAX);
    let wanted = call.query("filter").unwrap_or_default();
    let after = call.query("cursor").unwrap_or_default();
    let shown: Vec<_> = app
        .certs
        .values()
        .filter(|cert| cert.hostname.contains(wanted))
        .filter(|cert| !state.blind(cert.created_ms, state.knobs.blind_certs_ms))
        .collect();
    let page: Vec<_> = shown.iter().filter(|cert| cert.hostname.as_str() > after).take(limit + 1).collect();
    let mut body = json!({"total_count": shown.len()});
    if page.len() > limit {
        body["next_cursor"] = json!(page[limit - 1].hostname);
    }
    let rows = page.iter().take(limit).map(|cert| state.cert_summary(cert));
    body["certificates"] = rows.collect::<Value>();
    Ok(Answer::ok(body))
}

pub(crate) fn create_acme(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    create(state, call, Source::Acme)
}

pub(crate) fn create_custom(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    call.required("fullchain")?;
    call.required("private_key")?;
    create(state, call, Source::Custom)
}

fn create(state: &mut State, call: &Call, source: Source) -> Result<Answer, Refusal> {
    let id = app_id(state, call)?;
    let hostname = call.required("hostname")?;
    state.create_cert(&id, hostname, source)?;
    let app = &state.apps[&id];
    Ok(Answer::json(201, state.cert_json(app, &app.certs[hostname])))
}

pub(crate) fn show(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let app = state.visible_app(call.param("app_name"))?;
    let cert = state.cert(app, call.param("hostname"))?;
    Ok(Answer::ok(state.cert_json(app, cert)))
}

pub(crate) fn check(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let app = state.visible_app(call.param("app_name"))?;
    let cert = state.cert(app, call.param("hostname"))?;
    Ok(Answer::ok(state.cert_check(app, cert)))
}

pub(crate) fn delete(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let id = app_id(state, call)?;
    state.delete_cert(&id, call.param("hostname"))?;
    Ok(Answer::empty(204))
}

pub(crate) fn delete_acme(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let id = app_id(state, call)?;
    state.delete_cert_part(&id, call.param("hostname"), Source::Acme).map(Answer::ok)
}

pub(crate) fn delete_custom(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let id = app_id(state, call)?;
    state.delete_cert_part(&id, call.param("hostname"), Source::Custom).map(Answer::ok)
}
