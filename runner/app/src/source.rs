//! Sources: what tells the runner of apps and machines, of labels, and of events elsewhere.
//!
//! ```text
//!   FlySource ─── requests ──► observations ─┐
//!   NdjsonSource ── lines ───► observations ─┴─► Mirror ─► Delta ─► Store::accept ─► applied, acknowledged
//!   ForeignEvents ─ CloudEvents ──────────────────────────────────► Store::accept   (never the mirror)
//!   LabelSources ── answers of an operator's endpoint ────────────► Store::save_label
//! ```
//!
//! # Guarantees
//! - Rows, events, deliveries, looks that are owed and the cursor are one transaction; a source is acknowledged,
//!   and the mirror in memory moves, only after it.
//! - After a commit that failed nothing is believed of what is in memory: the mirror is read from the store again,
//!   for the commit may have been durable all the same.
//! - An outage never looks like an answer: what was last known stays.
//! - An address has one living app, whatever its source: who comes to one that is held waits, and nobody else does.
//!
//! It deliberately decides nothing about hooks: who wants an event and which lanes are owed a look is [`Routes`]'s.

mod fly;
mod foreign;
mod keeper;
mod labels;
mod ndjson;

use std::sync::Arc;

use groundcrew_core::spec::Event;
use groundcrew_core::subject::{Subject, Uid};
use groundcrew_engine::clock::Clock;
use groundcrew_engine::egress::Transport;
use groundcrew_store::{HookId, Store};

pub(crate) use fly::{Asked, ask_reach, exchange, was_listed};
pub use fly::{Belief, FRESH_WITHIN, FlyHandle, FlySource, HintLost, REQUEST_MAX, Status};
pub use foreign::{ATTRIBUTE_MAX, BODY_MAX, CloudEvent, ForeignEvents, Refusal};
pub(crate) use foreign::{brought, would_take};
pub(crate) use keeper::lines_read;
pub use keeper::platform_object;
pub use keeper::vanished;
#[cfg(test)]
pub(crate) use labels::OUTAGE_AFTER;
pub use labels::{IN_FLIGHT_MAX as LABELS_IN_FLIGHT_MAX, LabelSources};
pub use ndjson::{DEPTH_MAX, Flow, LINE_MAX, LineError, LinesStatus, NdjsonError, NdjsonSource};

/// Who is concerned by what a source brings.
///
/// It is asked while an intake is put together, so it answers from memory and never waits.
pub trait Routes: Send + Sync {
    /// The handlers that want an event.
    fn handlers(&self, event: &Event) -> Vec<HookId>;

    /// The provisioner lanes that are owed a look when this subject changed: its own, and those of its app
    /// (`parent`) whose hooks watch members.
    fn lanes(&self, subject: &Subject, parent: Option<&Uid>) -> Vec<(HookId, Uid)>;
}

/// Reads the present value of an operator's secret by its name; the error is for people and holds no value.
pub type ReadSecret = Arc<dyn Fn(&str) -> Result<Arc<str>, String> + Send + Sync>;

/// What every source needs around it.
#[derive(Clone)]
pub struct Surroundings {
    /// The way out.
    pub transport: Arc<dyn Transport>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where all is kept.
    pub store: Store,
    /// Who is concerned.
    pub routes: Arc<dyn Routes>,
    /// The operator's secrets.
    pub secret: ReadSecret,
}

impl std::fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surroundings").field("store", &self.store.path()).finish_non_exhaustive()
    }
}
