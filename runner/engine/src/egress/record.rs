//! Requests and answers as the journal keeps them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use groundcrew_core::spec::Failure;
use serde::{Deserialize, Serialize};

/// A request as the journal keeps it: with tokens, never with secrets.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ask {
    /// Upper case.
    pub method: String,
    /// Absolute.
    pub url: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
    /// JSON pointers to what is sealed in the answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seal: Vec<String>,
}

/// An answer as the journal keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// One came.
    Response {
        /// 100 to 599.
        status: u16,
        /// Names in lower case.
        headers: Vec<(String, String)>,
        /// The body, masked.
        body: Body,
    },
    /// None came.
    Failure(Failure),
}

/// A body as the journal keeps it: text where it is text.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Body {
    /// UTF-8.
    Text(String),
    /// Anything else, base 64.
    Base64(String),
    /// So many bytes that are no longer kept: see `store.keep.bodies`.
    Dropped(u64),
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(|e| Self::Base64(STANDARD.encode(e.as_bytes())), Self::Text)
    }
}

impl Body {
    /// The bytes; none of what is no longer kept.
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Base64(text) => STANDARD.decode(text).unwrap_or_default(),
            Self::Dropped(_) => Vec::new(),
        }
    }
}

impl Answer {
    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("invariant: an answer is JSON")
    }
}
