//! Runs audits when they are due, and when somebody asks.
//!
//! The store knows the last tick of each schedule that was finished or left out; nothing else is needed after a
//! restart. A tick whose run a restart cut off counts as missed. The clock is asked anew at least every second,
//! so that it may jump either way: forward is like a while in which nobody was there, and a clock that was put
//! back asks for nothing twice.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use groundcrew_core::duration::Millis;
use groundcrew_core::schedule::{Move, Turn, jitter};
use groundcrew_core::time::Timestamp;
use groundcrew_engine::clock::Clock;
use groundcrew_store::Store;
use groundcrew_store::audits::Changed;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Audit;
use crate::runner::{self, Runner};

/// The longest pause between two looks at the clock.
const PAUSE: Millis = Millis::seconds(1);
/// Audits that were asked for and not begun.
const ASKED_MAX: usize = 16;

/// Who performs an audit: the runner, or a double in tests.
pub trait Auditing: Send + Sync {
    /// Performs it; ends early when `stop` says so.
    fn audit<'a>(
        &'a self,
        audit: &'a Audit,
        tick: Option<Timestamp>,
        stop: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<Changed, runner::Error>>;
}

impl Auditing for Runner {
    fn audit<'a>(
        &'a self,
        audit: &'a Audit,
        tick: Option<Timestamp>,
        stop: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<Changed, runner::Error>> {
        Box::pin(self.audit(audit, tick, stop))
    }
}

/// Asks a scheduler for audits.
#[derive(Clone, Debug)]
pub struct Asking {
    names: Arc<[String]>,
    asked: mpsc::Sender<String>,
}

impl Asking {
    /// The audits that there are.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Asks for an audit now; it is left out if it is under way. False: too many are asked for.
    pub fn ask(&self, name: &str) -> bool {
        self.asked.try_send(name.to_owned()).is_ok()
    }
}

/// One audit and how far it is.
struct Entry {
    audit: Arc<Audit>,
    last: Timestamp,
    /// When its schedule is to be asked again.
    due: Timestamp,
    turn: Turn,
    /// Which of its runs counts; those before it were replaced.
    run: u64,
    stop: CancellationToken,
}

/// All audits.
pub struct Scheduler {
    store: Store,
    clock: Arc<dyn Clock>,
    work: Arc<dyn Auditing>,
    entries: Vec<Entry>,
    asked: mpsc::Receiver<String>,
    running: JoinSet<(usize, u64)>,
    looked_at: Timestamp,
}

impl std::fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scheduler").field("audits", &self.entries.len()).finish_non_exhaustive()
    }
}

impl Scheduler {
    /// Takes up all schedules where they were left; a new one begins now.
    pub async fn open(
        audits: impl IntoIterator<Item = Audit>,
        store: Store,
        clock: Arc<dyn Clock>,
        work: Arc<dyn Auditing>,
    ) -> Result<(Self, Asking), groundcrew_store::Error> {
        let now = clock.now();
        store.close_broken_audits(now).await?;
        let mut entries = Vec::new();
        for audit in audits {
            let last = store.last_tick(&audit.name)?;
            if last.is_none() {
                store.save_tick(&audit.name, now).await?;
            }
            let last = last.unwrap_or(now);
            let (turn, stop) = (Turn::default(), CancellationToken::new());
            entries.push(Entry { audit: Arc::new(audit), last, due: now, turn, run: 0, stop });
        }
        let (sender, asked) = mpsc::channel(ASKED_MAX);
        let names = entries.iter().map(|entry| entry.audit.name.clone()).collect();
        let scheduler = Self { store, clock, work, entries, asked, running: JoinSet::new(), looked_at: now };
        Ok((scheduler, Asking { names, asked: sender }))
    }

    /// Runs until told to stop; audits that are under way are then cut off.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), groundcrew_store::Error> {
        loop {
            let pause = self.step().await?.since(self.clock.now()).max(Millis::new(1)).min(PAUSE);
            tokio::select! {
                // Each arm but the first two only notices something; what those take is worked on at once.
                Some(ended) = self.running.join_next() => self.end(ended),
                Some(name) = self.asked.recv() => self.begin_asked(&name),
                () = tokio::time::sleep(pause.to_std()) => {}
                () = stop.cancelled() => break,
            }
        }
        self.running.shutdown().await;
        Ok(())
    }

    /// Begins what is due now; says when something is due next.
    pub async fn step(&mut self) -> Result<Timestamp, groundcrew_store::Error> {
        while let Some(ended) = self.running.try_join_next() {
            self.end(ended);
        }
        let now = self.clock.now();
        // What was computed for a later present means nothing for an earlier one.
        let back = now < self.looked_at;
        self.looked_at = now;
        for at in 0..self.entries.len() {
            let entry = &mut self.entries[at];
            if now < entry.due && !back {
                continue;
            }
            let audit = entry.audit.clone();
            let delay = |tick| jitter(&audit.name, tick, audit.jitter);
            let due = audit.schedule.due_delayed(Some(entry.last), audit.missed, now, delay);
            entry.due = due.next;
            let Some(tick) = due.tick else { continue };
            entry.last = tick;
            match entry.turn.tick(tick, audit.overlap) {
                Move::Begin => self.begin(at, Some(tick)),
                Move::Replace => {
                    entry.stop.cancel();
                    self.begin(at, Some(tick));
                }
                Move::Wait => {}
                Move::Skip => {
                    tracing::info!(audit = %audit.name, %tick, "left out: the last run is under way");
                    self.store.save_tick(&audit.name, tick).await?;
                }
            }
        }
        Ok(self.entries.iter().map(|entry| entry.due).min().unwrap_or(now + PAUSE))
    }

    fn begin_asked(&mut self, name: &str) {
        let now = self.clock.now();
        let Some(at) = self.entries.iter().position(|entry| entry.audit.name == name) else { return };
        let skip = groundcrew_core::schedule::Overlap::Skip;
        if self.entries[at].turn.tick(now, skip) == Move::Begin {
            self.begin(at, None);
        }
    }

    fn begin(&mut self, at: usize, tick: Option<Timestamp>) {
        let entry = &mut self.entries[at];
        entry.run += 1;
        entry.stop = CancellationToken::new();
        let (audit, run, stop, work) =
            (entry.audit.clone(), entry.run, entry.stop.clone(), self.work.clone());
        self.running.spawn(async move {
            match work.audit(&audit, tick, &stop).await {
                Ok(changed) => tracing::info!(
                    audit = %audit.name,
                    found = changed.found,
                    opened = changed.opened,
                    resolved = changed.resolved,
                    "audited"
                ),
                Err(error) => tracing::warn!(%error, audit = %audit.name, "an audit could not be recorded"),
            }
            (at, run)
        });
    }

    fn end(&mut self, ended: Result<(usize, u64), tokio::task::JoinError>) {
        let (at, run) = ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        let entry = &mut self.entries[at];
        if entry.run == run
            && let Some(tick) = entry.turn.ended()
        {
            self.begin(at, Some(tick));
        }
    }
}

#[cfg(test)]
mod tests;
