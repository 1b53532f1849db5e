//! What an answer means for the labels of an app. Pure.

use std::collections::BTreeMap;

use groundcrew_engine::egress::Response;
use serde_json::{Map, Value};

use crate::config::LabelType;

/// What is to be kept of an answer, and what a person should know.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Judged {
    /// The labels now; none: as they were.
    pub(super) value: Option<Map<String, Value>>,
    /// Values that are not of the declared type, or not declared.
    pub(super) mistyped: Option<String>,
    /// The endpoint no longer knows an app of which it had told something.
    pub(super) lost: Option<String>,
}

/// Judges an answer against the declared types and what was last known; the error says why it is none.
pub(super) fn judge(
    declared: &BTreeMap<String, LabelType>,
    response: &Response,
    known: Option<Map<String, Value>>,
) -> Result<Judged, String> {
    match response.status {
        200..=299 => {
            let body: Value =
                serde_json::from_slice(&response.body).map_err(|error| format!("no JSON: {error}"))?;
            let Value::Object(fields) = body else { return Err("the answer is no JSON object".to_owned()) };
            Ok(fitting(declared, fields, known.unwrap_or_default()))
        }
        404 | 410 => Ok(unknown(known)),
        status => Err(format!("the endpoint answered {status}")),
    }
}

/// Takes over what is of the declared type. What is not leaves the last known value of its name in place.
fn fitting(
    declared: &BTreeMap<String, LabelType>,
    fields: Map<String, Value>,
    mut known: Map<String, Value>,
) -> Judged {
    let mut value = Map::new();
    let mut mistyped = Vec::new();
    for (name, given) in fields {
        match declared.get(&name) {
            Some(kind) if kind.fits(&given) => {
                value.insert(name, given);
            }
            // A label that is null is one that the app does not have.
            Some(_) if given.is_null() => {}
            Some(_) => {
                if let Some((name, last)) = known.remove_entry(&name) {
                    value.insert(name, last);
                }
                mistyped.push(format!("`{name}` is not of its declared type"));
            }
            None => mistyped.push(format!("`{name}` is not declared")),
        }
    }
    let mistyped = (!mistyped.is_empty()).then(|| mistyped.join("; "));
    Judged { value: Some(value), mistyped, lost: None }
}

/// Labels follow an app that is renamed, so whoever was known under an earlier name is known.
fn unknown(known: Option<Map<String, Value>>) -> Judged {
    match known {
        None => Judged { value: Some(Map::new()), ..Judged::default() },
        Some(known) if known.is_empty() => Judged::default(),
        Some(_) => {
            let lost =
                "the endpoint answers 404 for an app that it knew; its last labels are kept".to_owned();
            Judged { lost: Some(lost), ..Judged::default() }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    fn ask(status: u16, body: &str, known: Option<&Value>) -> Result<Judged, String> {
        let declared = [("domains", LabelType::List), ("plan", LabelType::String)];
        let declared = declared.map(|(name, kind)| (name.to_owned(), kind)).into();
        let response = Response { status, headers: Vec::new(), body: body.as_bytes().to_vec() };
        judge(&declared, &response, known.map(map))
    }

    #[test]
    fn an_answer_replaces_what_was_known() {
        let judged =
            ask(200, r#"{"domains": ["b"]}"#, Some(&json!({"domains": ["a"], "plan": "pro"}))).unwrap();
        assert_eq!(judged, Judged { value: Some(map(&json!({"domains": ["b"]}))), ..Judged::default() });
        let judged = ask(200, r#"{"domains": null}"#, Some(&json!({"domains": ["a"]}))).unwrap();
        assert_eq!(judged.value, Some(Map::new()));
    }

    #[test]
    fn a_wrong_type_leaves_the_last_value_and_is_told() {
        let judged = ask(200, r#"{"domains": "b", "colour": 1}"#, Some(&json!({"domains": ["a"]}))).unwrap();
        assert_eq!(judged.value, Some(map(&json!({"domains": ["a"]}))));
        let mistyped = judged.mistyped.unwrap();
        assert!(mistyped.contains("`domains` is not of its declared type"), "{mistyped}");
        assert!(mistyped.contains("`colour` is not declared"), "{mistyped}");
    }

    #[test]
    fn an_outage_is_no_answer() {
        for (status, body) in [(500, "{}"), (401, "{}"), (302, ""), (200, "<html>"), (200, "[]"), (204, "")] {
            assert!(ask(status, body, Some(&json!({"plan": "pro"}))).is_err(), "{status} {body}");
        }
    }

    #[test]
    fn not_found_is_nothing_for_a_stranger_and_a_loss_for_an_acquaintance() {
        assert_eq!(ask(404, "", None).unwrap().value, Some(Map::new()));
        assert_eq!(ask(404, "", Some(&json!({}))).unwrap(), Judged::default());
        let lost = ask(404, "", Some(&json!({"plan": "pro"}))).unwrap();
        assert!(lost.value.is_none() && lost.lost.is_some());
    }
}
