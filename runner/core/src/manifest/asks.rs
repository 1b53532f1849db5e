//! What a hook asks to be granted: always, and where its configuration says so.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use toml::Spanned;

/// What a hook asks to be granted, in words for the operator who approves it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asks {
    /// `NAME at POSITION to HOST`, for example `API_TOKEN at header:x-api-key to {config.server}`.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// Grants, for example `GET,PATCH {config.server}/api/v1/zones/{config.zone}*`.
    #[serde(default)]
    pub allow: Vec<String>,
    /// What it asks for besides, under a condition.
    #[serde(default)]
    pub when: Vec<When>,
}

/// What a hook asks for where its configuration says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// Fields of the configuration and the value that each must have, defaults filled in.
    pub config: BTreeMap<String, Value>,
    /// As in [`Asks`].
    #[serde(default)]
    pub secrets: Vec<String>,
    /// As in [`Asks`].
    #[serde(default)]
    pub allow: Vec<String>,
}

/// A condition that can never hold.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: `[[asks.when]]`: {reason}\n{fix}")]
pub struct Error {
    /// Its line in the manifest, from one.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
    /// What to write instead.
    pub fix: String,
}

impl Asks {
    /// What is asked for under this configuration, defaults filled in; without conditions.
    #[must_use]
    pub fn under(&self, config: &Value) -> Self {
        let mut asks = Self { when: Vec::new(), ..self.clone() };
        for when in self.when.iter().filter(|when| when.holds(config)) {
            asks.secrets.extend(when.secrets.iter().cloned());
            asks.allow.extend(when.allow.iter().cloned());
        }
        asks
    }

    /// Refuses conditions that can never hold; `text` is the manifest's, for the lines.
    pub(super) fn check(&self, schema: Option<&Value>, text: &str) -> Result<(), Error> {
        let properties = schema.and_then(|schema| schema.get("properties"));
        for (at, when) in self.when.iter().enumerate() {
            let wrong = |(reason, fix)| Error { line: line_of(text, at), reason, fix };
            if when.config.is_empty() {
                let fix = "write for example `config = { dialect = \"x\" }`, or move it into `[asks]`";
                return Err(wrong(("it has no condition".to_owned(), fix.to_owned())));
            }
            for (field, value) in &when.config {
                fits(properties, field, value).map_err(wrong)?;
            }
        }
        Ok(())
    }
}

impl When {
    /// Whether the configuration says so.
    pub fn holds(&self, config: &Value) -> bool {
        self.config.iter().all(|(field, value)| config.get(field) == Some(value))
    }
}

/// Whether a field of the configuration is there and can have this value; else the reason and the fix.
fn fits(properties: Option<&Value>, field: &str, value: &Value) -> Result<(), (String, String)> {
    let known = || {
        let known = properties.and_then(Value::as_object).into_iter().flatten();
        known.map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let Some(property) = properties.and_then(|properties| properties.get(field)) else {
        return Err((format!("the configuration has no field `{field}`"), format!("it has: {}", known())));
    };
    match property.get("enum").and_then(Value::as_array) {
        Some(values) if !values.contains(value) => {
            let values: Vec<_> = values.iter().map(Value::to_string).collect();
            let reason = format!("the configuration's `{field}` is never {value}");
            Err((reason, format!("it may be: {}", values.join(", "))))
        }
        _ => Ok(()),
    }
}

/// The line of a condition; 1 where the text does not tell.
fn line_of(text: &str, at: usize) -> usize {
    #[derive(Deserialize)]
    struct Written {
        asks: WrittenAsks,
    }
    #[derive(Deserialize)]
    struct WrittenAsks {
        when: Vec<Spanned<toml::Table>>,
    }
    let written = toml::from_str::<Written>(text).ok();
    let span = written.and_then(|written| Some(written.asks.when.get(at)?.span()));
    span.map_or(1, |span| text[..span.start].matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Manifest;

    const DNS: &str = r#"
name = "dns"
[config.properties]
dialect = { enum = ["a", "b"], default = "a" }
server = { type = "string" }
[asks]
allow = ["GET {config.server}/both*"]
[[asks.when]]
config = { dialect = "a" }
secrets = ["KEY at header:x to {config.server}"]
[[asks.when]]
config = { dialect = "b" }
allow = ["GET {config.server}/b*"]
"#;

    #[test]
    fn what_is_asked_for_depends_on_the_configuration() {
        let asks = Manifest::parse(DNS).unwrap().asks;
        let under = |dialect: &str| {
            let asks = asks.under(&json!({ "dialect": dialect, "server": "s" }));
            assert_eq!(asks.when, []);
            (asks.secrets.len(), asks.allow.len())
        };
        assert_eq!([under("a"), under("b"), under("c")], [(1, 1), (0, 2), (0, 1)]);
    }

    #[test]
    fn a_condition_that_never_holds_is_told_with_line_and_fix() {
        let said = |from: &str, to: &str| Manifest::parse(&DNS.replace(from, to)).unwrap_err().to_string();
        let b = "config = { dialect = \"b\" }";
        assert_eq!(
            said(b, "config = { dialect = \"c\" }"),
            "line 11: `[[asks.when]]`: the configuration's `dialect` is never \"c\"\nit may be: \"a\", \"b\""
        );
        assert_eq!(
            said(b, "config = { dialekt = \"b\" }"),
            "line 11: `[[asks.when]]`: the configuration has no field `dialekt`\nit has: dialect, server"
        );
        assert!(said("config = { dialect = \"a\" }", "config = {}").starts_with("line 8: "));
        assert!(said(b, "").contains("missing field `config`"));
    }
}
