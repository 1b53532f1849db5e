//! What the API asks of the running runner.

use std::fmt::Debug;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use groundcrew_core::duration::Millis;
use groundcrew_core::time::Timestamp;
use serde::Serialize;

use crate::source::{CloudEvent, Refusal};

/// What only the running process knows. Answers come from memory, at once.
pub trait Live: Send + Sync + Debug {
    /// How each source is.
    fn sources(&self) -> Vec<SourceStatus>;

    /// Requests that failed since the start, by host: no answer, or one of 500 and above.
    fn failures(&self) -> Vec<(String, u64)>;

    /// How many runs or requests wait now, by the name of the limit: `hook:dns`, `host:api.machines.dev`.
    fn waiting(&self) -> Vec<(String, u64)>;

    /// Hooks that wait for their components to be compiled, by name; where none is ever compiled, none.
    fn compiling(&self) -> Vec<String> {
        Vec::new()
    }

    /// Reloads since the start, by what came of them: `reloaded`, `refused`; of what cannot be reloaded none.
    fn reloads(&self) -> Vec<(String, u64)> {
        Vec::new()
    }
}

/// How a source is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceStatus {
    /// Its name: `fly`, `ndjson`.
    pub name: String,
    /// Whether what it says is believed.
    pub belief: Belief,
    /// When this process began to read it.
    pub begun: Timestamp,
    /// When its last complete reading was accepted, or its last lines, or there were none; none: not since then.
    pub heard: Option<Timestamp>,
    /// How old that may become before the runner is no longer ready; none: it need not say anything.
    pub fresh_within: Option<Millis>,
    /// When the app was truly looked at that has waited longest.
    pub oldest_look: Option<Timestamp>,
    /// How far it has come, if it is made of lines.
    pub lines: Option<Lines>,
}

/// How far a source of lines has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// The number of the last line that was taken in; 0: none was.
    pub taken: u64,
    /// Why those after it could not be taken in.
    pub error: Option<String>,
}

/// Whether a source is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Belief {
    /// It has not been read completely yet.
    Starting,
    /// It is.
    Believed,
    /// It is not, for this reason; nothing is removed meanwhile.
    Doubted(String),
}

/// Takes foreign events.
pub trait Inbox: Send + Sync + Debug {
    /// The bearer token that the network must show, as it is now; none: nobody there may post.
    ///
    /// # Errors
    /// Why it cannot be read; nobody is let in then.
    fn token(&self) -> Result<Option<Arc<str>>, String>;

    /// Accepts events in their order.
    ///
    /// # Guarantees
    /// When it answers, they are durable, all of them or none; one that was accepted before changes nothing.
    fn take(&self, events: Vec<CloudEvent>) -> BoxFuture<'_, Result<Taken, Refusal>>;
}

/// What became of foreign events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// Those that were new.
    pub accepted: u32,
    /// Those that had been accepted before.
    pub duplicates: u32,
}
