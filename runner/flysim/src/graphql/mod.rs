//! The small part of the GraphQL API that command line tools need.
//!
//! Operations are anonymous there, so the root field decides. Errors come with HTTP 200. Only
//! what is asked for is answered; a field that the simulator does not know is null.

mod addons;
mod answer;
mod parse;

use serde_json::{Map, Value, json};

use crate::http::{Answer, Call};
use crate::refusal::Refusal;
use crate::world::State;
use parse::{Document, Field};

/// Answers `POST /graphql`.
#[expect(clippy::unnecessary_wraps, reason = "a handler like all others")]
pub(crate) fn run(state: &mut State, call: &Call) -> Result<Answer, Refusal> {
    let document = match document(call) {
        Ok(document) => document,
        Err(text) => return Ok(errors(&format!("Parse error: {text}"))),
    };
    let mut data = Map::new();
    let variables = call.field("variables");
    for field in &document.fields {
        let arguments = field.resolve(variables);
        let full = match state.graphql_field(&field.name, &arguments) {
            Ok(full) => full,
            Err(refusal) => return Ok(errors(&refusal.text)),
        };
        let full = narrowed(field, &full, variables);
        data.insert(field.key().to_owned(), select(&full, &field.fields, variables));
    }
    Ok(Answer::ok(json!({"data": data})))
}

/// Names a call for the statistics: `graphql.` and its root field.
pub(crate) fn root(call: &Call) -> String {
    let document = document(call).ok();
    let field = document.as_ref().and_then(|document| document.fields.first());
    format!("graphql.{}", field.map_or("unknown", |field| field.name.as_str()))
}

/// Whether a call would change something.
pub(crate) fn is_mutation(call: &Call) -> bool {
    document(call).is_ok_and(|document| document.mutation)
}

fn document(call: &Call) -> Result<Document, String> {
    parse::document(call.field("query").as_str().unwrap_or_default())
}

fn errors(text: &str) -> Answer {
    Answer::ok(json!({"data": null, "errors": [{"message": text}]}))
}

/// Takes the selected fields out of a full object.
fn select(full: &Value, fields: &[Field], variables: &Value) -> Value {
    match full {
        Value::Array(items) => items.iter().map(|item| select(item, fields, variables)).collect(),
        Value::Object(_) if !fields.is_empty() => {
            let pick = |field: &Field| {
                let value = narrowed(field, &full[&field.name], variables);
                (field.key().to_owned(), select(&value, &field.fields, variables))
            };
            Value::Object(fields.iter().map(pick).collect())
        }
        _ => full.clone(),
    }
}

/// A field's value, cut down to what its own arguments ask for; of all lists only add-ons' know any.
fn narrowed(field: &Field, full: &Value, variables: &Value) -> Value {
    match field.name.as_str() {
        "addOns" => addons::of_type(full, &field.resolve(variables)),
        _ => full.clone(),
    }
}
