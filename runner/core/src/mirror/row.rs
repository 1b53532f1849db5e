//! What is stored of a subject.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::clock::Clock;
use crate::subject::{Path, Subject, SubjectKind, Uid};
use crate::time::Timestamp;

/// The state of whoever is gone.
pub(super) const GONE: &str = "gone";

/// A subject as the mirror knows it; the caller stores it whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Its incarnation.
    pub uid: Uid,
    /// Its address.
    pub path: Path,
    /// Of a machine: the app incarnation under which it was first seen.
    pub parent: Option<Uid>,
    /// The platform's last settled word, or `gone`.
    pub state: String,
    /// Counts visible changes; every event has its own.
    pub version: u64,
    /// The platform's labels: `region`, `image`, and `metadata` as an object of its own.
    pub labels: Map<String, Value>,
    /// The platform's object as of the last visible change, redacted. None: as it is stored, for nobody reads it back, and
    /// in memory it would be most of what the runner holds of a large fleet.
    #[serde(skip_deserializing)]
    pub raw: Option<Value>,
    /// It lived then, or later; in the store as of the last visible change.
    pub seen_at: Timestamp,
    /// When its end was confirmed.
    pub gone_at: Option<Timestamp>,
    /// What the mirror itself remembers.
    pub memory: Memory,
}

/// What the mirror remembers of a subject beside what hooks may see.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// Of an app: adopted at the first start and not yet looked into, so its machines are adopted silently.
    pub adopting: bool,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// The platform's own time of the last change that was taken in.
    pub updated_at: Option<Timestamp>,
    /// The id of the machine's version.
    pub instance: Option<String>,
    /// Log lines up to here are known.
    pub log_floor: Timestamp,
    /// Of a machine that runs: since when, and as what.
    pub clock: Option<Clock>,
    /// Of a machine that ran before: until when that is counted.
    pub ran_until: Option<Timestamp>,
    /// Later log lines that are known, oldest first.
    pub log_known: Vec<(Timestamp, String)>,
    /// Of a machine: what it runs on as the platform's object says it, JSON; none: not known before it is shown again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guest: Option<Box<str>>,
    /// Of an app: what its own looks say; none: none of them found it yet, and of a new one that means nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_look: Option<OwnLook>,
}

/// What looks at an app itself, and at its own list of machines, say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OwnLook {
    /// One of them found it.
    Found,
    /// One of them found it, and its own list does not any more.
    NoMore,
}

/// What a machine runs on, as its object says it.
pub(super) fn guest(raw: &Value) -> Option<Box<str>> {
    Some(raw.pointer("/config/guest")?.to_string().into())
}

impl Row {
    /// The subject as hooks see it, with the platform's labels only.
    pub fn subject(&self) -> Subject {
        Subject {
            path: self.path.clone(),
            uid: self.uid.clone(),
            state: self.state.clone(),
            labels: self.labels.clone(),
        }
    }

    /// Takes the platform's object as it is now.
    pub(super) fn show(&mut self, raw: &Value) {
        self.memory.guest = guest(raw);
        self.raw = Some(raw.clone());
    }

    /// The row as it is kept in memory once it is stored.
    pub(super) fn at_rest(self) -> Self {
        Self { raw: None, ..self }
    }

    /// Whether this is an app whose end is not confirmed.
    pub fn is_living_app(&self) -> bool {
        self.gone_at.is_none() && self.uid.kind() == SubjectKind::App
    }
}
