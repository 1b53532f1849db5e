//! Words in braces within a stanza's `config`, filled in per owner: `{app}`, `{labels.domains}`, `{ip.v4}`.
//!
//! A word that is alone in its text keeps its type; a list within a list is spliced into it. A word without a
//! value means that the owner is *not asked yet*, never an empty list.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::spec::View;

/// A word in braces has no value yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{{{0}}}` has no value yet")]
pub struct Missing(pub String);

/// The values of all words, for one owner.
#[derive(Clone, Debug, Default)]
pub struct Words(BTreeMap<String, Value>);

impl Words {
    /// The words of an owner: its address, its labels, and the outputs of what the hook reads.
    pub fn of(view: &View) -> Self {
        let path = &view.owner.path;
        let mut words = BTreeMap::from([
            ("app".to_owned(), Value::from(path.app_name())),
            ("org".to_owned(), Value::from(path.org())),
        ]);
        if let Some(machine) = path.machine_id() {
            words.insert("machine".to_owned(), Value::from(machine));
        }
        let app = view.app.iter().flat_map(|app| &app.labels);
        for (name, value) in app.chain(&view.owner.labels) {
            words.insert(format!("labels.{name}"), value.clone());
        }
        let mut outputs: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for input in &view.inputs {
            let values = outputs.entry(format!("{}.{}", input.hook, input.output.name)).or_default();
            values.push(Value::from(input.output.value.as_str()));
        }
        words.extend(outputs.into_iter().map(|(name, mut values)| {
            let value = if values.len() == 1 { values.remove(0) } else { Value::Array(values) };
            (name, value)
        }));
        Self(words)
    }

    /// Fills in a whole configuration.
    pub fn fill(&self, config: &Value) -> Result<Value, Missing> {
        match config {
            Value::String(text) => self.fill_text(text),
            Value::Array(items) => {
                let mut filled = Vec::new();
                for item in items {
                    match (item, self.fill(item)?) {
                        (Value::String(_), Value::Array(several)) => filled.extend(several),
                        (_, one) => filled.push(one),
                    }
                }
                Ok(Value::Array(filled))
            }
            Value::Object(fields) => {
                let filled = fields.iter().map(|(name, value)| Ok((name.clone(), self.fill(value)?)));
                Ok(Value::Object(filled.collect::<Result<_, _>>()?))
            }
            plain => Ok(plain.clone()),
        }
    }

    /// Values are put in as they are: braces within them (labels that tenants write) are text.
    fn fill_text(&self, text: &str) -> Result<Value, Missing> {
        let mut several = false;
        let mut filled = vec![String::new()];
        let mut rest = text;
        while let Some((before, word, after)) = first_word(rest) {
            let value = self.0.get(word).ok_or_else(|| Missing(word.to_owned()))?;
            if rest.len() == text.len() && before.is_empty() && after.is_empty() {
                return Ok(value.clone());
            }
            several |= value.is_array();
            let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            let with = |start: &String| {
                values.iter().map(|one| format!("{start}{before}{}", plain(one))).collect::<Vec<_>>()
            };
            filled = filled.iter().flat_map(with).collect();
            rest = after;
        }
        for start in &mut filled {
            start.push_str(rest);
        }
        Ok(if several { Value::from(filled) } else { Value::from(filled.remove(0)) })
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// All words in braces that a configuration holds.
pub fn words_in(config: &Value) -> Vec<String> {
    match config {
        Value::String(text) => {
            let mut words = Vec::new();
            let mut rest = text.as_str();
            while let Some((_, word, after)) = first_word(rest) {
                words.push(word.to_owned());
                rest = after;
            }
            words
        }
        Value::Array(items) => items.iter().flat_map(words_in).collect(),
        Value::Object(fields) => fields.values().flat_map(words_in).collect(),
        _ => Vec::new(),
    }
}

/// A configuration for a run without an owner: fields with words in them are null.
pub fn without_owner(config: &Value) -> Value {
    let Some(fields) = config.as_object() else { return config.clone() };
    let blank = |value: &Value| if words_in(value).is_empty() { value.clone() } else { Value::Null };
    Value::Object(fields.iter().map(|(name, value)| (name.clone(), blank(value))).collect())
}

/// The first `{word}` of a text; other braces are text.
fn first_word(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(open) = text[from..].find('{').map(|at| at + from) {
        let rest = &text[open + 1..];
        let word = rest.split_once('}');
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if let Some((word, after)) = word.filter(|(word, _)| !word.is_empty() && word.chars().all(legal)) {
            return Some((&text[..open], word, after));
        }
        from = open + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Input, Output};
    use crate::subject::{Path, Subject};
    use serde_json::json;

    fn words() -> Words {
        let owner = Subject {
            path: Path::app("acme", "cust-7").unwrap(),
            uid: "app:1".parse().unwrap(),
            state: "deployed".to_owned(),
            labels: json!({"domains": ["a.com", "b.com"], "plan": "pro", "none": [], "evil": "{app}"})
                .as_object()
                .unwrap()
                .clone(),
        };
        let output = Output { name: "v4".to_owned(), value: "66.241.125.7".to_owned() };
        let input = Input {
            owner: owner.path.to_string(),
            hook: "ip".to_owned(),
            kind: "v4".to_owned(),
            key: "v4".to_owned(),
            output,
        };
        Words::of(&View { owner, app: None, members: Vec::new(), inputs: vec![input] })
    }

    #[test]
    fn words_are_filled_and_lists_are_spliced() {
        let filled = words().fill(&json!({
            "names": ["{app}.acme.app", "{labels.domains}", "www.{labels.domains}", "{labels.none}"],
            "plan": "{labels.plan}", "address": "{ip.v4}", "all": "{labels.domains}", "ttl": 60, "text": "{not a word}", "evil": "x{labels.evil}"
        }));
        let expected = json!({
            "names": ["cust-7.acme.app", "a.com", "b.com", "www.a.com", "www.b.com"],
            "plan": "pro", "address": "66.241.125.7", "all": ["a.com", "b.com"], "ttl": 60, "text": "{not a word}", "evil": "x{app}"
        });
        assert_eq!(filled.unwrap(), expected);
    }

    #[test]
    fn without_an_owner_a_field_with_words_is_null() {
        let config =
            json!({"server": "http://x", "things": [{"key": "{app}"}], "names": ["{labels.domains}"]});
        let expected = json!({"server": "http://x", "things": null, "names": null});
        assert_eq!(without_owner(&config), expected);
    }

    #[test]
    fn a_missing_word_is_no_empty_list() {
        assert_eq!(words().fill(&json!(["{labels.other}"])).unwrap_err(), Missing("labels.other".to_owned()));
        assert_eq!(words_in(&json!({"a": ["{x.y} {z}"], "b": "{}"})), ["x.y", "z"]);
    }
}
