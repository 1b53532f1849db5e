//! Since when our clock has run evenly, and what the stamps of before still say.
//!
//! Whoever waits for a span of time must know that it has passed. A machine's clock can be set, and then a stamp says
//! nothing of how long ago it was. Time since the machine's start cannot be set: [`Even`] follows it, and where the
//! machine's clock no longer agrees it takes over what that says, and notes that everything of before is of unknown
//! age ([`Steady`]).
//!
//! *Guarantees.* Between two readings of one era as much time passes as truly passed. [`Steady::bound`] is never earlier
//! than the true moment, whatever the clock was set to, and however often: what was sent before an era began is taken
//! to have been sent as it began.
//!
//! *What it leaves out.* Time in which the machine sleeps and none of its clocks runs; when it is set right afterwards,
//! that is the beginning of an era.

use serde::{Deserialize, Serialize};

use crate::duration::Millis;
use crate::time::Timestamp;

/// The machine's clock may be this far from ours before it counts as set.
pub const TOLERANCE: Millis = Millis::seconds(1);

/// Since when a clock has run evenly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Steady {
    /// When it was last set, or first read, as it showed then.
    pub since: Timestamp,
    /// The latest that it ever showed before: what is stamped later was stamped since.
    pub beyond: Timestamp,
}

impl Steady {
    /// Since before anything was stamped.
    pub const ALWAYS: Self = {
        let never = Timestamp::from_millis(i64::MIN / 2);
        Self { since: never, beyond: never }
    };

    /// Not before what, by the present clock, is over what was stamped to be over by `by`.
    ///
    /// `window` is the longest that such a stamp may lie ahead of its making.
    pub fn bound(self, by: Timestamp, window: Millis) -> Timestamp {
        if by > self.beyond + window { by } else { by.max(self.since + window) }
    }

    /// Whether the present clock says how old this stamp is.
    pub fn tells_age(self, stamp: Timestamp) -> bool {
        stamp > self.beyond
    }
}

/// The machine's two clocks, read together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Time since the machine's start: nobody sets it.
    pub uptime: Millis,
    /// What time it is, as somebody has set it.
    pub wall: Timestamp,
}

/// What of a clock outlives its process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Era {
    /// Which start of which machine: only there uptimes can be compared.
    pub boot: String,
    /// When that was, by our time.
    pub started: Timestamp,
    /// Since when it has run evenly.
    pub steady: Steady,
}

/// A clock that runs as the uptime does, and notices when it must be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Even {
    boot: Option<String>,
    started: Timestamp,
    steady: Steady,
}

impl Even {
    /// Begins where the last process left off, if it can be told that the machine's clock was not set since.
    ///
    /// `boot` is which start of the machine this is, if that is known; `latest` the latest stamp that is kept
    /// anywhere. Without any there is nothing whose age could be wrong.
    pub fn starting(
        at: Reading,
        boot: Option<String>,
        kept: Option<&Era>,
        latest: Option<Timestamp>,
    ) -> Self {
        let same =
            kept.filter(|era| boot.as_ref() == Some(&era.boot) && agree(era.started + at.uptime, at.wall));
        if let Some(era) = same {
            return Self { boot, started: era.started, steady: era.steady };
        }
        let steady = latest.map_or(Steady::ALWAYS, |latest| {
            let before = kept.map_or(latest, |era| era.steady.beyond.max(latest));
            Steady { since: at.wall, beyond: before.max(at.wall) }
        });
        Self { boot, started: at.wall - at.uptime, steady }
    }

    /// The present. Where the machine's clock was set, an era begins.
    pub fn read(&mut self, at: Reading) -> (Timestamp, Steady) {
        let now = self.started + at.uptime;
        if agree(now, at.wall) {
            return (now, self.steady);
        }
        self.steady = Steady { since: at.wall, beyond: self.steady.beyond.max(now).max(at.wall) };
        self.started = at.wall - at.uptime;
        (at.wall, self.steady)
    }

    /// What is to be kept before anything is stamped with a time of this era; none: no later process could use it.
    pub fn era(&self) -> Option<Era> {
        let boot = self.boot.clone()?;
        Some(Era { boot, started: self.started, steady: self.steady })
    }
}

fn agree(one: Timestamp, other: Timestamp) -> bool {
    let apart = one.since(other);
    apart <= TOLERANCE && apart.times(-1) <= TOLERANCE
}

#[cfg(test)]
mod tests;
