//! Tokens of sealed values: what another hook's API handed out, which the host puts in on the way out.

use serde_json::Value;

/// How a token begins, and how many hexadecimal digits follow.
const PREFIX: &str = "gcs_";
const DIGITS: usize = 40;

/// What the host shows for a value that it knows.
const MASK: &str = "***";

/// How a value that holds tokens looks when an API shows it again; none if it holds none.
///
/// The host masks what it put in, if it has eight bytes or more. So such a field can never be compared with what is
/// wanted: leave it out of what `find` shows, and say `shown_as` in the manifest.
///
/// ```
/// use groundcrew_hook::{json, sealed_echo};
///
/// let token = format!("gcs_{}", "0".repeat(40));
/// let wanted = json!({ "url": format!("redis://:{token}@cache") });
/// assert_eq!(sealed_echo(&wanted), Some(json!({ "url": "redis://:***@cache" })));
/// assert_eq!(sealed_echo(&json!({ "url": "gcs_none" })), None);
/// ```
pub fn sealed_echo(value: &Value) -> Option<Value> {
    let mut echo = value.clone();
    mask(&mut echo);
    (echo != *value).then_some(echo)
}

fn mask(value: &mut Value) {
    match value {
        Value::String(text) => {
            for token in tokens(text) {
                *text = text.replace(&token, MASK);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Object(fields) => fields.values_mut().for_each(mask),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn tokens(text: &str) -> Vec<String> {
    let token = |(at, _): (usize, &str)| {
        let token = text.get(at..at + PREFIX.len() + DIGITS)?;
        let digits = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
        token[PREFIX.len()..].bytes().all(digits).then(|| token.to_owned())
    };
    text.match_indices(PREFIX).filter_map(token).collect()
}
