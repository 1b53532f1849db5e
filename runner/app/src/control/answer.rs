//! What is answered: what was done, or why it was not.

use serde::{Deserialize, Serialize};

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// For people; one line.
    pub message: String,
    /// How many things changed.
    pub changed: u32,
}

/// Why it was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What kind of refusal.
    pub reason: Reason,
    /// For people; one line.
    pub message: String,
    /// What would help; may be pasted.
    pub hints: Vec<String>,
}

/// What kind of refusal it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// No such hook, app, row or delivery.
    Unknown,
    /// It is not in a state in which this can be done.
    Conflict,
    /// The request itself makes no sense.
    Invalid,
    /// The store did not take it.
    Failed,
}

impl Refusal {
    /// No such thing.
    pub fn unknown(message: impl Into<String>) -> Self {
        Self { reason: Reason::Unknown, message: message.into(), hints: Vec::new() }
    }

    /// Not in a state for it.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self { reason: Reason::Conflict, message: message.into(), hints: Vec::new() }
    }

    /// Not a request that makes sense.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { reason: Reason::Invalid, message: message.into(), hints: Vec::new() }
    }

    /// Adds what would help.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl From<groundcrew_store::Error> for Refusal {
    fn from(error: groundcrew_store::Error) -> Self {
        Self { reason: Reason::Failed, message: error.to_string(), hints: Vec::new() }
    }
}
