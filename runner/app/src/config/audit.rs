//! A table `[audit.NAME]`, resolved.

use groundcrew_core::duration::Millis;
use groundcrew_core::schedule::{Missed, Overlap, Schedule};

/// Auditors that look together, on a schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Audit {
    /// The table's name.
    pub name: String,
    /// The auditors' stanzas, in the order in which they look.
    pub hooks: Vec<String>,
    /// When.
    pub schedule: Schedule,
    /// How much later than on the schedule at most.
    pub jitter: Millis,
    /// What becomes of a tick while the last run is under way.
    pub overlap: Overlap,
    /// What becomes of ticks that nobody was there for.
    pub missed: Missed,
}
