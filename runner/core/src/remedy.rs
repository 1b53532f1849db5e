//! Whether a finding may be mended now: one pure function, asked in the transaction that begins the attempt.
//!
//! Every condition is a line of [`may_fix`]. What mends looks again before it acts; this says only whether it may be
//! asked to.

use serde::{Deserialize, Serialize};

use crate::duration::Millis;
use crate::finding::Standing;
use crate::may_delete::Window;
use crate::row::words;
use crate::time::Timestamp;

words! {
    /// What became of an attempt to mend a finding, as who mends says.
    Outcome {
        /// It acted.
        Fixed = "fixed",
        /// It looked again, and there was nothing to mend.
        NoLongerTrue = "no-longer-true",
        /// It looked again, and did not act for now.
        NotNow = "not-now",
    }
}

impl Outcome {
    /// Whether anything can have changed, so that it counts against the window.
    pub const fn counts(self) -> bool {
        matches!(self, Self::Fixed)
    }
}

/// Who asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// An audit that enforces.
    ByAudit,
    /// A person, for this one finding: neither grace nor the window is waited for.
    ByHand,
}

/// What a remedy does, as the manifest says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It takes something away, or may: it waits for grace and counts against the window.
    Destroys,
    /// It takes nothing away: it gives back what an earlier remedy took.
    Harmless,
}

/// How the last attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    /// There was none.
    None,
    /// It is under way.
    UnderWay,
    /// It ended, or was cut off; what it sent may take effect until then.
    Ended(Timestamp),
}

/// How long an audit leaves a finding alone after an attempt that found nothing to mend.
///
/// What the audit reports and what mends sees differ for good where the report is about something that a remedy cannot
/// end (an app stays above its ceiling although nothing of it runs any more), and for a while where a list lags.
pub const UNTRUE_REST: Millis = Millis::hours(6);

/// Everything that the verdict is a function of.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The present.
    pub now: Timestamp,
    /// Who asks.
    pub asked: Asked,
    /// What the finding's remedy does.
    pub effect: Effect,
    /// How far the finding is.
    pub standing: Standing,
    /// Whether its code is one of those that the audit mends.
    pub listed: bool,
    /// Why nothing may be mended for now: level, pause, scope, source.
    pub frozen: Option<&'a str>,
    /// When it was first seen, of its present opening.
    pub first_at: Timestamp,
    /// How long it must have been seen.
    pub grace: Millis,
    /// The last attempt.
    pub last: Last,
    /// When the last attempt was begun, if it found nothing to mend and was of this opening.
    pub untrue_at: Option<Timestamp>,
    /// Attempts of the last window that count, and findings due within the next one, this one included; harmless ones
    /// are not counted.
    pub due: u32,
    /// The auditor's open findings, but for harmless ones.
    pub open: u32,
    /// How many may be mended.
    pub window: Window,
    /// Whether a person approved it.
    pub approved: bool,
}

/// What becomes of a finding that something could mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be mended now.
    Fix,
    /// Not before this.
    Later {
        /// When to ask again.
        until: Timestamp,
        /// What is waited for.
        why: String,
    },
    /// Not until a person says so.
    Held {
        /// What must be approved or lifted.
        why: String,
    },
    /// Not at all, as it is.
    Never {
        /// Why.
        why: String,
    },
}

/// Says whether the finding may be mended now.
///
/// # Guarantees
/// [`Verdict::Fix`] only if the finding is open and nobody said that it may be, nothing freezes it, and no attempt
/// can still take effect; for an audit also only if its code is listed, no attempt of the last [`UNTRUE_REST`] found
/// nothing to mend and, unless its remedy is harmless, its grace is over and the whole due set fits the window (else
/// approval).
pub fn may_fix(facts: &Facts<'_>) -> Verdict {
    let never = |why: &str| Verdict::Never { why: why.to_owned() };
    match facts.standing {
        Standing::Open => {}
        Standing::Acknowledged => return never("somebody said that it may be"),
        Standing::Resolved => return never("it is no longer so"),
    }
    let by_hand = facts.asked == Asked::ByHand;
    if !facts.listed && !by_hand {
        return never("its code is not one of those that the audit mends");
    }
    if let Some(why) = facts.frozen {
        return Verdict::Held { why: format!("frozen: {why}") };
    }
    let later = |until, why: String| Verdict::Later { until, why };
    match facts.last {
        Last::UnderWay => return later(facts.now + Millis::seconds(1), "it is being mended".to_owned()),
        Last::Ended(until) if facts.now < until => {
            return later(until, "what an earlier attempt sent may still take effect".to_owned());
        }
        Last::None | Last::Ended(_) => {}
    }
    if by_hand {
        return Verdict::Fix;
    }
    let until = facts.first_at + facts.grace;
    let is_harmless = facts.effect == Effect::Harmless;
    if facts.now < until && !is_harmless {
        return later(until, format!("grace of {}", facts.grace));
    }
    if let Some(until) = facts.untrue_at.map(|at| at + UNTRUE_REST).filter(|until| facts.now < *until) {
        return later(until, "there was nothing to mend when it was last tried".to_owned());
    }
    let (allowed, within) = (facts.window.allows(facts.open), facts.window.within);
    if facts.due > allowed && !facts.approved && !is_harmless {
        return Verdict::Held {
            why: format!("{} are due within {within}, {allowed} are allowed", facts.due),
        };
    }
    Verdict::Fix
}

#[cfg(test)]
mod tests;
