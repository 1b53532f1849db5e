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

/// Replaces the words that are known, once; the others stay as they are.
pub(super) fn fill_known(text: &str, words: &BTreeMap<String, String>) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let value = after.split_once('}').and_then(|(word, after)| Some((words.get(word)?, after)));
        if let Some((value, after)) = value {
            // A server may be written with a slash at its end; grants and hosts go on with their own.
            filled.push_str(if value.contains("://") { value.trim_end_matches('/') } else { value });
            rest = after;
        } else {
            filled.push('{');
            rest = after;
        }
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn known_words_are_filled_once() {
        let words = grant_words(
            &json!({"server": "https://a.example/", "x": "{config.n}", "n": 7, "list": []}),
            "https://fly.example",
        );
        for (text, filled) in [
            ("{config.server}/zones", "https://a.example/zones"),
            ("{fly.api}/{config.n}", "https://fly.example/7"),
            ("{config.x}", "{config.n}"),
            ("{app}/{config.list}/{", "{app}/{config.list}/{"),
        ] {
            assert_eq!(fill_known(text, &words), filled);
        }
    }

    #[test]
    fn the_platforms_address_is_filled_everywhere() {
        let mut config = json!({"api": "{fly.api}/v1", "deep": [{"x": "{fly.api}"}], "n": 1});
        fill_fly_api(&mut config, "https://fly.example");
        assert_eq!(
            config,
            json!({"api": "https://fly.example/v1", "deep": [{"x": "https://fly.example"}], "n": 1})
        );
    }
}
