//! The record of a run's calls, as it is stored and replayed.

use groundcrew_core::egress::Access;
use groundcrew_core::hash::Digest;
use groundcrew_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// One host call of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its number within the run, from 0, in the guest's order.
    pub n: u32,
    /// Which import: `http`, `kv.get`, `fleet.below`.
    pub op: String,
    /// Whether it changes the world outside.
    pub access: CallAccess,
    /// The digest of `op` and `ask`: a replay whose call differs has diverged.
    pub print: Digest,
    /// What was asked, as JSON; secrets are tokens.
    pub ask: Vec<u8>,
    /// What was answered, as JSON, after masking and sealing; none while unknown.
    pub answer: Option<Vec<u8>>,
    /// When it left.
    pub sent_at: Timestamp,
    /// When the answer was there.
    pub back_at: Option<Timestamp>,
}

/// Where a call's answer comes from and what it does there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CallAccess {
    /// Outside, without changing anything.
    Read,
    /// Outside, possibly changing something.
    Write,
    /// The host itself answers: memory, fleet.
    Local,
}

impl From<Access> for CallAccess {
    fn from(access: Access) -> Self {
        match access {
            Access::Read => Self::Read,
            Access::Write => Self::Write,
        }
    }
}

/// Which pollables were ready at each `poll`, in order: what the guest saw of concurrency.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// The ready indices of each call of `poll`.
    pub polls: Vec<Vec<u32>>,
    /// The answer of each call of `ready`.
    pub ready: Vec<bool>,
    /// How often the guest looked: calls of `poll`, `ready` and `block`.
    #[serde(default)]
    pub looks: u32,
    /// At which look answers that came meanwhile moved the guest's time, and to when.
    #[serde(default)]
    pub moved: Vec<(u32, Timestamp)>,
}

impl Schedule {
    /// This one, or the other one where that goes on: both are what one guest saw, up to some place.
    #[must_use]
    pub fn or_longer(self, other: &Self) -> Self {
        fn longer<T: Clone>(one: Vec<T>, other: &[T]) -> Vec<T> {
            if one.len() < other.len() { other.to_vec() } else { one }
        }
        Self {
            polls: longer(self.polls, &other.polls),
            ready: longer(self.ready, &other.ready),
            looks: self.looks.max(other.looks),
            moved: longer(self.moved, &other.moved),
        }
    }
}

/// One journal: what a replay needs beside the component and its settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Journal {
    /// All calls, by number.
    pub calls: Vec<Recorded>,
    /// What was ready when.
    pub schedule: Schedule,
}
