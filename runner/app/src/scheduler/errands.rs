//! What people ask for: an audit or a remedy now, on record until it is over.

use groundcrew_core::duration::Millis;
use groundcrew_core::remedy::Verdict;
use groundcrew_core::schedule::{Move, Overlap};
use groundcrew_engine::clock::Clock;
use groundcrew_store::Store;
use groundcrew_store::errands::{AskedErrand, Errand};

use super::{AGAIN, AGAIN_MAX, Entry, Job, PAUSE, Scheduler};
use crate::runner::mend::Mended;

/// A remedy that a person asked for waits so long, at most, until nothing of an attempt before it can take effect.
pub(crate) const WAIT_MAX: Millis = Millis::minutes(10);
/// So many processes, at most, begin an errand and die before it is over.
pub(super) const BEGINNINGS_MAX: u32 = 3;

impl Scheduler {
    /// Begins what people asked for, whichever runner it was that they asked.
    pub(super) async fn begin_asked(&mut self) {
        let asked = match self.store.errands() {
            Ok(asked) => asked,
            Err(error) => return tracing::warn!(%error, "what people asked for cannot be read; again soon"),
        };
        let now = self.clock.now();
        for AskedErrand { id, errand, who, begun } in asked {
            if self.taken.contains(&id) {
                continue;
            }
            if begun >= BEGINNINGS_MAX {
                tracing::error!(
                    ?errand,
                    who,
                    begun,
                    "each process that began it died before it was over: given up"
                );
                self.taken.insert(id);
                self.forget(id);
                continue;
            }
            // What it may do to this process is on record before it can.
            if let Err(error) = self.store.begin_errand(id).await {
                tracing::warn!(%error, ?errand, "that it begins could not be recorded; again soon");
                continue;
            }
            self.taken.insert(id);
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
        let drain = self.drain.clone();
        self.running.spawn(async move {
            let mut pause = AGAIN;
            // Once it drains, the errand stays on record, for the next process.
            while !drain.is_cancelled() {
                let wait = match work.mend(finding, &who).await {
                    // A process that died left one under way.
                    Ok(Some(Mended::Not(Verdict::Later { until, .. })))
                        if until.since(clock.now()) <= WAIT_MAX =>
                    {
                        until.since(clock.now()).max(PAUSE)
                    }
                    Err(error) => {
                        tracing::warn!(finding, %error, "whether it is mended could not be recorded; again soon");
                        let wait = pause;
                        pause = pause.times(2).min(AGAIN_MAX);
                        wait
                    }
                    Ok(done) => {
                        mended(finding, done);
                        end_errand(&store, clock.as_ref(), errand).await;
                        break;
                    }
                };
                drain.run_until_cancelled(clock.sleep(wait)).await;
            }
            None
        });
    }

    /// An errand is over.
    pub(super) fn forget(&mut self, errand: i64) {
        let (store, clock) = (self.store.clone(), self.clock.clone());
        self.running.spawn(async move {
            end_errand(&store, clock.as_ref(), errand).await;
            None
        });
    }

    /// What is cut off in order was not what ended the process: the next one begins it as if it were the first.
    pub(super) async fn spare_errands(&self) {
        if let Err(error) = self.store.spare_errands().await {
            tracing::warn!(%error, "that errands were cut off in order could not be recorded");
        }
    }
}

fn mended(finding: i64, done: Option<Mended>) {
    match done {
        Some(Mended::Tried(outcome)) => tracing::info!(finding, %outcome, "mended by hand"),
        Some(Mended::Not(verdict)) => tracing::warn!(finding, ?verdict, "not mended"),
        None => tracing::warn!(finding, "no auditor that is installed reports it"),
    }
}

/// Removes an errand that is over, however often the store has to be asked: what stays on record is done again.
async fn end_errand(store: &Store, clock: &dyn Clock, errand: i64) {
    while let Err(error) = store.end_errand(errand).await {
        tracing::warn!(%error, errand, "that it is over could not be recorded; again soon");
        clock.sleep(AGAIN).await;
    }
}
