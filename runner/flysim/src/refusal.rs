//! Errors as the API tells them.

use serde::Serialize;
use serde_json::{Value, json};

/// A refusal: what the API would answer instead of doing it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{status} {text}")]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The text of the body.
    pub text: String,
    /// The machine-readable `status` of the body, where the API has one.
    pub word: Option<&'static str>,
}

impl Refusal {
    pub(crate) fn new(status: u16, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), word: None }
    }

    pub(crate) fn word(mut self, word: &'static str) -> Self {
        self.word = Some(word);
        self
    }

    pub(crate) fn bad_request(text: impl Into<String>) -> Self {
        Self::new(400, text)
    }

    /// The name of an app is taken, by anybody [rios0rios0/pipelines#646; a later document].
    pub(crate) fn name_taken() -> Self {
        Self::new(422, "Validation failed: Name has already been taken").word("name_taken")
    }

    pub(crate) fn app_not_found() -> Self {
        Self::new(404, "app not found")
    }

    pub(crate) fn machine_not_found() -> Self {
        Self::new(404, "machine not found")
    }

    pub(crate) fn volume_not_found() -> Self {
        Self::new(404, "volume not found")
    }

    pub(crate) fn precondition(text: &str) -> Self {
        Self::new(412, format!("failed_precondition: {text}"))
    }

    pub(crate) fn body(&self, shape: Shape) -> Value {
        let mut body = match shape {
            Shape::Error => json!({"error": self.text}),
            Shape::Message => json!({"message": self.text}),
        };
        if let Some(word) = self.word {
            body["status"] = json!(word);
        }
        body
    }
}

/// The two shapes of error bodies (measured by formae-plugin-fly, 2026-08).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `{"error"}`: machines, volumes, secrets.
    Error,
    /// `{"message"}`: apps, certificates, addresses.
    Message,
}

/// The text that the API gives with a status when it has no better reason.
///
/// 401 [fly-go, docs]; 400 of a destroyed app [formae-plugin-fly]; 408 and 409 as machines
/// tell them [docs, seazn]; the others are the names of the statuses, for want of a source.
pub(crate) fn stock(status: u16) -> Refusal {
    let text = match status {
        400 => "could not find app",
        401 => "Authenticate: token validation error",
        403 => "forbidden",
        404 => "app not found",
        408 => "deadline_exceeded: machine failed to reach desired state, started, currently created",
        409 => "aborted: could not claim lease, concurrent update",
        412 => "failed_precondition: machine getting replaced, refusing to start",
        422 => "Validation failed",
        429 => "rate limit exceeded",
        500 => "internal server error",
        502 => "bad gateway",
        503 => "service unavailable",
        504 => "gateway timeout",
        _ => "unknown error",
    };
    Refusal::new(status, text)
}
