//! What people ask for: an audit or a remedy now, on record until it is over.

use groundcrew_core::duration::Millis;
use groundcrew_core::remedy::Verdict;
use groundcrew_core::schedule::{Move, Overlap};
use groundcrew_store::Store;
use groundcrew_store::errands::{AskedErrand, Errand};

use super::{Entry, Job, PAUSE, Scheduler};
use crate::runner::mend::Mended;

/// A remedy that a person asked for waits so long, at most, until nothing of an attempt before it can take effect.
const WAIT_MAX: Millis = Millis::minutes(10);

impl Scheduler {
    /// Begins what people asked for, whichever runner it was that they asked.
    pub(super) fn begin_asked(&mut self) {
        let asked = match self.store.errands() {
            Ok(asked) => asked,
            Err(error) => return tracing::warn!(%error, "what people asked for cannot be read; again soon"),
        };
        let now = self.clock.now();
        for AskedErrand { id, errand, who } in asked {
            if !self.taken.insert(id) {
                continue;
            }
            let name = match errand {
                Errand::Audit(name) => name,
                Errand::Mend(finding) => {
                    self.begin_remedy(id, finding, who);
                    continue;
                }
            };
            let is_it = |entry: &Entry| matches!(entry.job, Job::Audit(_)) && entry.name == name;
            let Some(at) = self.entries.iter().position(is_it) else {
                tracing::warn!(audit = name, who, "it was asked for, and the configuration has it no more");
                self.forget(id);
                continue;
            };
            self.entries[at].errands.push(id);
            if self.entries[at].turn.tick(now, Overlap::Skip) == Move::Begin {
                self.begin(at, None);
            }
        }
    }

    fn begin_remedy(&mut self, errand: i64, finding: i64, who: String) {
        let (work, store, clock) = (self.work.clone(), self.store.clone(), self.clock.clone());
        self.running.spawn(async move {
            loop {
                match work.mend(finding, &who).await {
                    // A process that died left one under way.
                    Ok(Some(Mended::Not(Verdict::Later { until, .. })))
                        if until.since(clock.now()) <= WAIT_MAX =>
                    {
                        clock.sleep(until.since(clock.now()).max(PAUSE)).await;
                    }
                    Err(error) => {
                        tracing::warn!(finding, %error, "could not be mended; the next start tries it again");
                        break;
                    }
                    Ok(done) => {
                        mended(finding, done);
                        end_errand(&store, errand).await;
                        break;
                    }
                }
            }
            None
        });
    }

    /// An errand is over.
    pub(super) fn forget(&mut self, errand: i64) {
        let store = self.store.clone();
        self.running.spawn(async move {
            end_errand(&store, errand).await;
            None
        });
    }
}

fn mended(finding: i64, done: Option<Mended>) {
    match done {
        Some(Mended::Tried(outcome)) => tracing::info!(finding, %outcome, "mended by hand"),
        Some(Mended::Not(verdict)) => tracing::warn!(finding, ?verdict, "not mended"),
        None => tracing::warn!(finding, "no auditor that is installed reports it"),
    }
}

async fn end_errand(store: &Store, errand: i64) {
    if let Err(error) = store.end_errand(errand).await {
        tracing::warn!(%error, errand, "that it is over could not be recorded; the next start does it again");
    }
}
