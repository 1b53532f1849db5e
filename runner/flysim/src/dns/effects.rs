//! The log of what took effect.

use serde::{Deserialize, Serialize};

use crate::log::Actor;

/// What became of a record set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DnsWhat {
    /// It exists from now on.
    Created,
    /// It was written again, with the same content or other.
    Replaced,
    /// It is gone.
    Deleted,
}

impl DnsWhat {
    /// The word for it in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Replaced => "replaced",
            Self::Deleted => "deleted",
        }
    }
}

/// One line of the log: one record set that was written or deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsEffect {
    /// Counts the lines, from one, without gaps.
    pub seq: u64,
    /// When it took place, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// What took place.
    pub what: DnsWhat,
    /// The zone, with its last dot.
    pub zone: String,
    /// The set's name, with its last dot.
    pub name: String,
    /// The set's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Seconds that resolvers keep it; of a deleted set those it had.
    pub ttl: u32,
    /// The contents that resolvers are told, sorted; of a deleted set none.
    pub contents: Vec<String>,
    /// Who caused it.
    pub by: Actor,
    /// Whether an answer was sent at once; false for dropped and late ones.
    pub answered: bool,
}
