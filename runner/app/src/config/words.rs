//! Words in braces: which there are, and those that are the same for every owner.

use std::collections::BTreeMap;

use serde_json::Value;

/// Words of the owner that configuration and grants may use.
pub(super) const OWNER: [&str; 3] = ["app", "org", "machine"];

/// The words of grants that come from a configuration and the platform: `{config.x}` and `{fly.api}`.
///
/// Give it the configuration as it was filled in for the owner; fields that are no text or number have no word.
pub fn grant_words(config: &Value, fly_api: &str) -> BTreeMap<String, String> {
    let mut words = BTreeMap::from([("fly.api".to_owned(), fly_api.to_owned())]);
    for (name, value) in config.as_object().into_iter().flatten() {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => continue,
        };
        words.insert(format!("config.{name}"), text);
    }
    words
}

/// Fills `{fly.api}` into every text of a configuration.
pub(super) fn fill_fly_api(config: &mut Value, fly_api: &str) {
    match config {
        Value::String(text) if text.contains("{fly.api}") => *text = text.replace("{fly.api}", fly_api),
        Value::Array(items) => items.iter_mut().for_each(|item| fill_fly_api(item, fly_api)),
        Value::Object(fields) => fields.values_mut().for_each(|field| fill_fly_api(field, fly_api)),
        _ => {}
    }
}

/// Replaces the words that are known; the others stay as they are.
pub(super) fn fill_known(text: &str, words: &BTreeMap<String, String>) -> String {
    words.iter().fold(text.to_owned(), |text, (word, value)| {
        let value = if word == "fly.api" || value.contains("://") { value.trim_end_matches('/') } else { value };
        text.replace(&format!("{{{word}}}"), value)
    })
}
