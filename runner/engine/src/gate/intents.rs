//! What makes a write's intent durable before it leaves.

use futures_util::future::BoxFuture;
use groundcrew_core::time::Timestamp;

use crate::journal::{Recorded, Schedule};

/// A write that is about to leave.
#[derive(Debug)]
pub struct Intent<'a> {
    /// The write itself, without an answer.
    pub call: &'a Recorded,
    /// Calls before it that are not stored yet: those that were answered, and all of a journal that is resumed.
    pub earlier: &'a [Recorded],
    /// What the guest has seen of concurrency so far.
    pub schedule: &'a Schedule,
    /// Until when this write may take effect, whatever crashes or sleeps.
    pub effect_by: Timestamp,
}

/// Makes intents durable.
pub trait Intents: Send + Sync {
    /// Commits an intent. The write leaves only after this succeeded.
    fn intend<'a>(&'a self, intent: Intent<'a>) -> BoxFuture<'a, Result<(), IntentError>>;
}

/// Why an intent was not committed, so that its write must not leave.
#[derive(Debug, Clone, thiserror::Error)]
pub enum IntentError {
    /// The store could not take it; try again later.
    #[error("the intent could not be stored: {0}")]
    Store(String),
    /// What the intent is for is not to be done any more: it was superseded, frozen or held.
    #[error("not to be done any more: {0}")]
    Refused(String),
}

/// Intents that are kept nowhere, for runs whose writes need no ledger.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unrecorded;

impl Intents for Unrecorded {
    fn intend<'a>(&'a self, _: Intent<'a>) -> BoxFuture<'a, Result<(), IntentError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
