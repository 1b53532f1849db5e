//! Handlers of secrets.

use serde_json::{Value, json};

use super::apps::app_id;
use super::call::{Answer, Call};
use crate::refusal::Refusal;
use crate::world::State;

pub(crate) fn list(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let app = state.visible_app(call.param("app_name"))?;
    Ok(Answer::ok(json!({"secrets": state.listed_secrets(app)})))
}

/// Sets and unsets many at once: `{"values": {"A": "v", "B": null}}`.
pub(crate) fn update(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let id = app_id(state, call)?;
    let Value::Object(values) = call.field("values") else {
        return Err(Refusal::bad_request("invalid_argument: values is required"));
    };
    let values = values.iter().map(|(name, value)| match value {
        Value::Null => Ok((name.clone(), None)),
        Value::String(value) => Ok((name.clone(), Some(value.clone()))),
        _ => Err(Refusal::bad_request("invalid_argument: values are strings")),
    });
    let version = state.set_secrets(&id, values.collect::<Result<_, _>>()?)?;
    let secrets = state.listed_secrets(&state.apps[&id]);
    Ok(Answer::ok(json!({"secrets": secrets, "version": version})))
}

pub(crate) fn show(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let app = state.visible_app(call.param("app_name"))?;
    let name = call.param("secret_name");
    Ok(Answer::ok(state.secret(app, name)?.json(name)))
}

pub(crate) fn create(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let id = app_id(state, call)?;
    let name = call.param("secret_name");
    let value = call.required("value")?.to_owned();
    let version = state.set_secrets(&id, vec![(name.to_owned(), Some(value))])?;
    let mut body = state.apps[&id].secrets[name].json(name);
    body["version"] = json!(version);
    Ok(Answer::json(201, body))
}

pub(crate) fn delete(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let id = app_id(state, call)?;
    let name = call.param("secret_name");
    state.secret(&state.apps[&id], name)?;
    let version = state.set_secrets(&id, vec![(name.to_owned(), None)])?;
    Ok(Answer::ok(json!({"version": version})))
}
