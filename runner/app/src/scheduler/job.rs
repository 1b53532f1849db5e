//! What has a schedule, and when it is due.

use std::sync::Arc;

use groundcrew_core::duration::Millis;
use groundcrew_core::schedule::{Due, Overlap, jitter};
use groundcrew_core::time::Timestamp;
use groundcrew_store::HookId;
use groundcrew_store::audits::{DRIFT, TICK};

use crate::config::{Audit, Config, Timing, Work};
use crate::runner::registry::Registry;

/// What is done again and again.
#[derive(Clone, Debug)]
pub enum Job {
    /// An audit.
    Audit(Arc<Audit>),
    /// A handler is told that it is time.
    Tick {
        /// Its stanza.
        hook: String,
        /// Its number in the store.
        id: HookId,
        /// When.
        timing: Timing,
    },
    /// A provisioner lists what it made.
    Drift {
        /// Its stanza.
        hook: String,
        /// How often.
        every: Millis,
    },
}

impl Job {
    /// Everything that a configuration has done, for the hooks that are installed.
    pub fn all(config: &Config, registry: &Registry) -> Vec<Self> {
        let mut jobs: Vec<_> =
            config.audits.values().map(|audit| Self::Audit(Arc::new(audit.clone()))).collect();
        for installed in registry.all() {
            let (hook, id) = (installed.hook.name.clone(), installed.id);
            match &installed.hook.work {
                Work::Handler { ticks: Some(timing), .. } => {
                    jobs.push(Self::Tick { hook, id, timing: timing.clone() });
                }
                Work::Provisioner(provisioner) if installed.component.has_inventory() => {
                    jobs.extend(provisioner.drift_every.map(|every| Self::Drift { hook, every }));
                }
                Work::Handler { .. } | Work::Provisioner(_) | Work::Auditor => {}
            }
        }
        jobs
    }

    /// Its name among schedules; an audit's is its own, and names of tables have no colon.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Audit(audit) => audit.name.clone(),
            Self::Tick { hook, .. } => format!("{TICK}{hook}"),
            Self::Drift { hook, .. } => format!("{DRIFT}{hook}"),
        }
    }

    pub(super) fn due(&self, installation: &str, name: &str, last: Timestamp, now: Timestamp) -> Due {
        let timing = match self {
            Self::Audit(audit) => &audit.timing,
            Self::Tick { timing, .. } => timing,
            // After a clock that was put back nobody knows how long ago it was.
            Self::Drift { every, .. } if now < last || last + *every <= now => {
                return Due { tick: Some(now), next: now + *every };
            }
            Self::Drift { every, .. } => return Due { tick: None, next: last + *every },
        };
        let delay = |tick| jitter(installation, name, tick, timing.jitter);
        timing.schedule.due_delayed(Some(last), timing.missed, now, delay)
    }

    /// What counts as its last tick when that was said by a clock far ahead: a listing is due, since nobody knows how
    /// long ago the last one was; of what goes by the clock nothing is made up for.
    pub(super) fn last_anew(&self, now: Timestamp) -> Timestamp {
        match self {
            Self::Audit(_) | Self::Tick { .. } => now,
            Self::Drift { every, .. } => now - *every,
        }
    }

    pub(super) fn overlap(&self) -> Overlap {
        match self {
            Self::Audit(audit) => audit.timing.overlap,
            Self::Tick { .. } | Self::Drift { .. } => Overlap::Skip,
        }
    }
}
