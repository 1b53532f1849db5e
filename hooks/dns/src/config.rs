//! The stanza's `config`, templates filled in.

use groundcrew_zone::{Dialect, Kind, Place};
use serde::{Deserialize, Deserializer};

/// The whole table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Which API.
    #[serde(default)]
    pub(crate) dialect: Dialect,
    /// Scheme, host and port.
    pub(crate) server: String,
    /// What PowerDNS calls its server id.
    #[serde(default = "localhost")]
    pub(crate) server_id: String,
    /// The only zone that is touched.
    pub(crate) zone: String,
    /// Its id, where the API goes by ids.
    #[serde(default)]
    pub(crate) zone_id: Option<String>,
    /// Seconds, for records that say nothing else.
    #[serde(default = "five_minutes")]
    pub(crate) ttl: u32,
    /// What an owner should have. Null where templates cannot be filled: without an owner.
    #[serde(default)]
    pub(crate) records: Option<Vec<Entry>>,
}

/// Record sets that an owner should have: one for each name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// A name, or several: a template that stands for a list becomes one.
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) name: Vec<String>,
    /// A, AAAA, CNAME or TXT.
    #[serde(rename = "type")]
    pub(crate) kind: Kind,
    /// The set's values.
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) values: Vec<String>,
    /// Seconds.
    #[serde(default)]
    pub(crate) ttl: Option<u32>,
}

impl Config {
    /// Where the stanza's zone is.
    pub(crate) fn place(self) -> Place {
        let Self { dialect, server, server_id, zone, zone_id, .. } = self;
        Place { dialect, server, server_id, zone, zone_id }
    }
}

fn localhost() -> String {
    "localhost".to_owned()
}

const fn five_minutes() -> u32 {
    300
}

/// A string, a list of strings, a list of lists of strings (a list template inside a list), or nothing.
pub(crate) fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    use serde::de::Error;
    use serde_json::Value;

    fn flat<E: Error>(value: Value, into: &mut Vec<String>) -> Result<(), E> {
        match value {
            Value::Null => {}
            Value::String(text) => into.push(text),
            Value::Array(values) => values.into_iter().try_for_each(|value| flat(value, into))?,
            other => return Err(E::custom(format!("{other} is neither a string nor a list of strings"))),
        }
        Ok(())
    }
    let mut many = Vec::new();
    flat(Value::deserialize(from)?, &mut many)?;
    Ok(many)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_and_values_may_be_one_or_many() {
        let entry = json!({ "name": ["a.x", ["b.x", "c.x"]], "type": "A", "values": "192.0.2.1" });
        let entry: Entry = serde_json::from_value(entry).unwrap();
        assert_eq!((entry.name.len(), entry.values), (3, vec!["192.0.2.1".to_owned()]));
    }

    #[test]
    fn a_number_is_no_name() {
        let wrong = json!({ "name": 7, "type": "A", "values": [] });
        let error = serde_json::from_value::<Entry>(wrong).unwrap_err();
        assert!(error.to_string().contains("7 is neither a string nor a list of strings"), "{error}");
    }
}
