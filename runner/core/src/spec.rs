//! What passes between hooks and the host: views, specs, wants, things, events, failures.
//!
//! The same words as in the WIT package, as plain data. See `wit/provision.wit` for their meaning to authors.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::duration::Millis;
use crate::hash::Digest;
use crate::subject::{Path, Subject, Uid};
use crate::time::Timestamp;

/// Whom a thing is for: an address and the incarnation that holds it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Owner {
    /// Where it is; may be reused.
    pub path: Path,
    /// Which one it is; never reused.
    pub uid: Uid,
}

/// Why a call did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// For people; no secrets; cut at 4 KiB.
    pub message: String,
    /// Whether trying again may help.
    pub retry: bool,
    /// Not before this long from now.
    pub after: Option<Millis>,
}

impl Failure {
    /// A failure that may pass by itself.
    pub fn again(message: impl Into<String>) -> Self {
        Self { message: message.into(), retry: true, after: None }
    }

    /// A failure that only a person can mend.
    pub fn final_(message: impl Into<String>) -> Self {
        Self { message: message.into(), retry: false, after: None }
    }
}

/// A value of a thing that the owner's other things may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Its name within the thing.
    pub name: String,
    /// Its value; may hold a token.
    pub value: String,
}

/// One output of one thing, as a view shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// The path of the thing's owner.
    pub owner: String,
    /// The stanza that made it.
    pub hook: String,
    /// Its kind.
    pub kind: String,
    /// Its key.
    pub key: String,
    /// The output itself.
    pub output: Output,
}

/// What a provisioner's `desired` is shown; filled only with what its manifest watches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// For whom things are wanted.
    pub owner: Subject,
    /// Of a machine: its app.
    pub app: Option<Subject>,
    /// An app's living machines.
    pub members: Vec<Subject>,
    /// Outputs of what this hook reads.
    pub inputs: Vec<Input>,
}

/// One thing that should exist, as `desired` says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// One of the manifest's kinds.
    pub kind: String,
    /// Its name in the outside world.
    pub key: String,
    /// How it should be.
    pub body: Value,
    /// `kind/key` of what must be ready before, and removed after, this one.
    pub after: Vec<String>,
}

impl Spec {
    /// The digest of what is wanted; equal specs have equal digests whatever the order of their fields.
    pub fn digest(&self) -> Digest {
        Digest::of_parts([self.kind.as_bytes(), self.key.as_bytes(), canonical(&self.body).as_bytes()])
    }
}

/// A spec handed back to the hook with what the host knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Want {
    /// For whom.
    pub owner: Owner,
    /// As in [`Spec`].
    pub kind: String,
    /// As in [`Spec`].
    pub key: String,
    /// As in [`Spec`].
    pub body: Value,
    /// 26 characters that nobody else chooses.
    pub name: String,
    /// For an `Idempotency-Key` header.
    pub once: String,
    /// To be put on the thing where it can carry one.
    pub mark: String,
    /// The thing's id, once known.
    pub id: Option<String>,
}

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ThingState {
    /// Not ready yet; looked at again.
    Pending,
    /// As it should be.
    Ready,
    /// On its way out; looked at again.
    Removing,
    /// It exists and does not work.
    Failed,
}

/// What exists outside, as found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thing {
    /// The API's own id.
    pub id: String,
    /// How it is.
    pub state: ThingState,
    /// For people.
    pub note: Option<String>,
    /// When to look again.
    pub poll: Option<Millis>,
    /// As observed, in the shape of the spec's body.
    pub body: Value,
    /// The mark found on it.
    pub mark: Option<String>,
    /// What others may read of it.
    pub outputs: Vec<Output>,
    /// When the API says it was made.
    pub made: Option<Timestamp>,
}

/// One thing of a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// One of the manifest's kinds.
    pub kind: String,
    /// Its key, where it shows one.
    pub key: Option<String>,
    /// The thing.
    pub thing: Thing,
}

/// What happened, as a handler is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The same over redelivery, restart and runner.
    pub id: String,
    /// `machine.started`, `app.deleted`, or a foreign CloudEvents type.
    pub kind: String,
    /// When it happened.
    pub time: Timestamp,
    /// Whom it happened to.
    pub subject: Option<Subject>,
    /// The platform's object, redacted, or what the source sent.
    pub data: Value,
}

/// Writes JSON with its fields in order, so that equal values have equal text.
///
/// `serde_json` sorts fields only while nobody in the build asks it to keep their order.
pub fn canonical(value: &Value) -> String {
    fn write(value: &Value, text: &mut String) {
        match value {
            Value::Object(fields) => {
                let mut names: Vec<_> = fields.keys().collect();
                names.sort_unstable();
                text.push('{');
                for (at, name) in names.into_iter().enumerate() {
                    text.push_str(if at == 0 { "" } else { "," });
                    text.push_str(&Value::from(name.as_str()).to_string());
                    text.push(':');
                    write(&fields[name], text);
                }
                text.push('}');
            }
            Value::Array(items) => {
                text.push('[');
                for (at, item) in items.iter().enumerate() {
                    text.push_str(if at == 0 { "" } else { "," });
                    write(item, text);
                }
                text.push(']');
            }
            plain => text.push_str(&plain.to_string()),
        }
    }
    let mut text = String::new();
    write(value, &mut text);
    text
}

/// The fields in which an observed body differs from a wanted one; only fields that both name are compared.
pub fn differing<'a>(wanted: &'a Value, observed: &Value) -> Vec<&'a str> {
    match (wanted.as_object(), observed.as_object()) {
        (Some(wanted), Some(observed)) => wanted
            .iter()
            .filter(|(name, value)| {
                observed.get(*name).is_some_and(|seen| canonical(seen) != canonical(value))
            })
            .map(|(name, _)| name.as_str())
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn equal_values_have_equal_text() {
        let one: Value = serde_json::from_str(r#"{"b":[1,{"y":null,"x":"é"}],"a":true}"#).unwrap();
        assert_eq!(canonical(&one), r#"{"a":true,"b":[1,{"x":"é","y":null}]}"#);
    }

    #[test]
    fn only_fields_that_both_name_are_compared() {
        let wanted = json!({"ttl": 60, "values": ["a"], "note": 1});
        assert_eq!(differing(&wanted, &json!({"ttl": 30, "values": ["a"], "etag": "x"})), ["ttl"]);
        assert!(differing(&wanted, &json!({"values": ["a"]})).is_empty());
    }
}
