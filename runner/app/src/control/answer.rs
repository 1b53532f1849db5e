//! What is answered: what was done, or why it was not.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// For people; one line, or several.
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
    /// For people; one line, or several.
    pub message: String,
    /// What lies behind it, nearest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// What would help; may be pasted.
    pub hints: Vec<String>,
    /// More for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
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
    /// The configuration has problems.
    Configuration,
    /// A person's approval is missing.
    Approval,
    /// The store did not take it.
    Failed,
}

impl Refusal {
    fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), causes: Vec::new(), hints: Vec::new(), details: None }
    }

    /// No such thing.
    pub fn unknown(message: impl Into<String>) -> Self {
        Self::new(Reason::Unknown, message)
    }

    /// Not in a state for it.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(Reason::Conflict, message)
    }

    /// Not a request that makes sense.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Reason::Invalid, message)
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
        Self::new(Reason::Failed, error.to_string())
    }
}
