//! A table `[audit.NAME]`, resolved, and the times that audits and handlers share.

use groundcrew_core::duration::Millis;
use groundcrew_core::schedule::{Missed, Overlap, Schedule};

pub use groundcrew_store::remedies::Enforcement;

/// Hooks that look together, on a schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Audit {
    /// The table's name.
    pub name: String,
    /// Auditors, and provisioners whose inventory is compared with the ledger, in the order in which they look.
    pub hooks: Vec<String>,
    /// When.
    pub timing: Timing,
    /// How findings are mended; none: they are reported.
    pub remedy: Option<Enforcement>,
}

/// When something is done, again and again.
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    /// When.
    pub schedule: Schedule,
    /// How much later than on the schedule at most.
    pub jitter: Millis,
    /// What becomes of a tick while the last one is under way.
    pub overlap: Overlap,
    /// What becomes of ticks that nobody was there for.
    pub missed: Missed,
}
