//! Handlers of `/v1/apps`.

use serde_json::json;

use super::call::{Answer, Call};
use crate::refusal::Refusal;
use crate::world::State;

/// The id of the app that a call is about.
pub(crate) fn app_id(state: &State, call: &Call) -> Result<String, Refusal> {
    Ok(state.visible_app(call.param("app_name"))?.id.clone())
}

/// The slug of an organisation that a call may see; 404 otherwise.
pub(crate) fn org_slug(state: &State, slug: &str) -> Result<String, Refusal> {
    let org = state.org(slug).filter(|org| state.org_in_reach(&org.slug));
    org.map(|org| org.slug.clone()).ok_or_else(|| Refusal::new(404, "organization not found"))
}

pub(crate) fn list(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let slug = call.query("org_slug").filter(|slug| !slug.is_empty());
    let org = org_slug(state, slug.ok_or_else(|| Refusal::new(404, "organization not found"))?)?;
    let apps: Vec<_> = state.listed_apps(&org).into_iter().map(|app| state.app_json(app)).collect();
    let total = apps.len() as u64 + state.knobs.total_apps_more;
    Ok(Answer::ok(json!({"total_apps": total, "apps": apps})))
}

/// The name is `name` in the document and in fly-go, `app_name` in docs and most clients.
pub(crate) fn create(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let name = match call.text("name")? {
        Some(name) => name,
        None => call.required("app_name")?,
    };
    let org = org_slug(state, call.required("org_slug")?)?;
    let id = state.create_app(name, &org, call.text("network")?)?;
    let app = state.apps.get(&id).ok_or_else(Refusal::app_not_found)?;
    let body = if call.flag("wait") {
        state.app_json(app)
    } else {
        json!({"id": app.id, "created_at": app.created_ms})
    };
    Ok(Answer::json(201, body))
}

pub(crate) fn show(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let app = state.read_app(call.param("app_name"))?;
    Ok(Answer::ok(state.app_json(app)))
}

pub(crate) fn delete(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let id = app_id(state, call)?;
    state.delete_app(&id);
    Ok(Answer::empty(202))
}

pub(crate) fn deploy_token(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    app_id(state, call)?;
    let token = format!("FlyV1 fm2_{}", state.ids.nonce());
    Ok(Answer::ok(json!({"token": token})))
}
