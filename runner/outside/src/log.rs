//! What took effect: the only thing that the judge reads.

use std::fmt::{self, Display};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a thing is for, as the caller said in `x-for`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Purpose {
    /// The owner's path.
    pub owner: String,
    /// The thing's key.
    pub key: String,
}

impl Purpose {
    /// What a thing of this key is for.
    pub fn new(owner: impl Into<String>, key: impl Into<String>) -> Self {
        Self { owner: owner.into(), key: key.into() }
    }

    /// Reads `OWNER KEY`; the key is everything after the first space.
    pub(crate) fn parse(header: &str) -> Option<Self> {
        header.split_once(' ').map(|(owner, key)| Self::new(owner, key))
    }
}

impl Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.owner, self.key)
    }
}

/// What became of a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// It exists from now on.
    Created,
    /// It is otherwise.
    Updated,
    /// It is gone; torn down, not merely asked to go.
    Deleted,
}

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// A request.
    Caller,
    /// The script's foreign actor.
    Stranger,
    /// It went with its collection.
    Container,
}

/// One effect. The log is in order of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// When it took effect, in milliseconds of the clock.
    pub at: i64,
    /// The collection's path.
    pub collection: String,
    /// The thing's id.
    pub id: String,
    /// What became of it.
    pub what: What,
    /// Who did it.
    pub by: By,
    /// What the request said it was for.
    #[serde(rename = "for")]
    pub purpose: Option<Purpose>,
    /// The thing's name afterwards.
    pub name: Option<String>,
    /// The thing's mark afterwards.
    pub mark: Option<String>,
    /// Its other fields afterwards; null where a log does not tell of them.
    #[serde(default)]
    pub body: Value,
}

/// One event that a receiver was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// When, in milliseconds of the clock.
    pub at: i64,
    /// The path it was posted to.
    pub path: String,
    /// `Idempotency-Key` or `webhook-id`.
    pub id: Option<String>,
    /// The body.
    pub body: String,
}
