//! What the mirror concludes.

use serde_json::Value;

use crate::hash::Digest;
use crate::subject::Subject;
use crate::time::Timestamp;

/// Something that happened to a subject.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Follows from the subject's id and the version alone: the same after every restart.
    pub id: Digest,
    /// `app.created`, `app.updated`, `app.deleted`, `machine.created`, `machine.started`, `machine.stopped`,
    /// `machine.suspended`, `machine.failed`, `machine.updated`, `machine.destroyed`.
    pub kind: &'static str,
    /// The subject after the change, with the platform's labels.
    pub subject: Subject,
    /// The subject's version after the change.
    pub version: u64,
    /// When: the platform's own time where it is known, else when it was seen.
    pub time: Timestamp,
    /// The platform's object, redacted; none: as it is stored.
    pub object: Option<Value>,
    /// Why it stopped or failed, where that is known.
    pub reason: Option<Value>,
}

impl Event {
    /// What is told beside the subject: the platform's object, with `reason` added.
    pub fn data(&self, stored: impl FnOnce() -> Value) -> Value {
        let mut data = self.object.clone().unwrap_or_else(stored);
        if let (Some(reason), Value::Object(fields)) = (&self.reason, &mut data) {
            fields.insert("reason".to_owned(), reason.clone());
        }
        data
    }
}

/// Something about the source that a person should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// `source.vanish`, `source.forbidden`, `source.unauthorized`, `source.reach`, `source.control`, `source.partial`,
    /// `source.unread`, `source.unreadable`, `source.returned`, `source.conflict`.
    pub kind: &'static str,
    /// Whom it is about: a subject's id, or the source itself. With `kind`, what opens and resolves agree in.
    pub about: String,
    /// For people.
    pub text: String,
    /// Whether it is new or over.
    pub status: FindingStatus,
}

/// Whether a finding is new or over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindingStatus {
    /// New.
    Opened,
    /// Over.
    Resolved,
}
