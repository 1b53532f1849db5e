//! What is done again and again: audits, ticks of handlers, listings for drift; and audits when somebody asks.
//!
//! The store knows the last tick of each schedule that was finished or left out; nothing else is needed after a
//! restart. A tick whose run a restart cut off counts as missed. The clock is asked anew at least every second,
//! so that it may jump either way: forward is like a while in which nobody was there, and a clock that was put
//! back asks for nothing twice, unless it was ahead by more than a day: then schedules begin anew.
//!
//! What people ask for is on record until it is over: what a reload or a restart cut off, or did not come to, the next
//! process begins at once. What three processes began, all of which died before it was over, is given up: it may be
//! what they died of.

mod errands;
mod job;

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use groundcrew_core::duration::Millis;
use groundcrew_core::hash::Digest;
use groundcrew_core::schedule::{AHEAD, Move, Turn};
use groundcrew_core::spec::Event;
use groundcrew_core::time::Timestamp;
use groundcrew_engine::clock::Clock;
use groundcrew_store::audits::Changed;
use groundcrew_store::events::NewTick;
use groundcrew_store::{HookId, Store};
use serde_json::json;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::assembly::INSTALLATION;
use crate::config::{Audit, Timing};
use crate::runner::audit::{Audited, Remedied};
use crate::runner::drift::Drifted;
use crate::runner::mend::Mended;
use crate::runner::{self, Runner};

#[cfg(test)]
pub(crate) use errands::WAIT_MAX;
pub use job::Job;

/// The longest pause between two looks at the clock.
const PAUSE: Millis = Millis::seconds(1);
/// How soon the store is asked again after it did not take something.
const AGAIN: Millis = Millis::seconds(5);
/// How soon a run is repeated whose end was not taken: twice as late each time, up to this, and so often at most. What the
/// store refuses for another reason than that it cannot be written will be refused again.
const AGAIN_MAX: Millis = Millis::minutes(5);
const TRIES_MAX: u32 = 10;

/// Who does the work: the runner, or a double in tests.
pub trait Auditing: Send + Sync {
    /// Performs an audit; ends early when `stop` says so.
    fn audit<'a>(
        &'a self,
        audit: &'a Audit,
        tick: Option<Timestamp>,
        stop: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<Audited, runner::Error>>;

    /// Lists what a provisioner made, and looks at what changed.
    fn drift<'a>(&'a self, hook: &'a str) -> BoxFuture<'a, Result<Drifted, runner::Error>>;

    /// Mends a finding because a person says so.
    fn mend<'a>(&'a self, finding: i64, who: &'a str)
    -> BoxFuture<'a, Result<Option<Mended>, runner::Error>>;
}

impl Auditing for Runner {
    fn audit<'a>(
        &'a self,
        audit: &'a Audit,
        tick: Option<Timestamp>,
        stop: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<Audited, runner::Error>> {
        Box::pin(self.audit(audit, tick, stop))
    }

    fn drift<'a>(&'a self, hook: &'a str) -> BoxFuture<'a, Result<Drifted, runner::Error>> {
        Box::pin(self.look_for_drift(hook))
    }

    fn mend<'a>(
        &'a self,
        finding: i64,
        who: &'a str,
    ) -> BoxFuture<'a, Result<Option<Mended>, runner::Error>> {
        Box::pin(self.mend_by_hand(finding, who))
    }
}

/// Tells a scheduler that audits and remedies were asked for, which the store keeps.
#[derive(Clone, Debug)]
pub struct Asking {
    names: Arc<[String]>,
    asked: Arc<Notify>,
}

impl Asking {
    /// The audits that there are.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// What is on record begins now.
    pub fn wake(&self) {
        self.asked.notify_one();
    }
}

/// One job and how far it is.
struct Entry {
    name: String,
    job: Job,
    last: Timestamp,
    /// When its schedule is to be asked again.
    due: Timestamp,
    /// A tick that could not be recorded, and is taken up again however late it is by then.
    owed: Option<Timestamp>,
    turn: Turn,
    /// Errands that are over when its run is.
    errands: Vec<i64>,
    /// Which of its runs counts; those before it were replaced.
    run: u64,
    stop: CancellationToken,
}

/// Which run of which job has ended, and how far it came.
struct Ended {
    at: usize,
    run: u64,
    remedied: Remedied,
}

/// All jobs.
pub struct Scheduler {
    store: Store,
    clock: Arc<dyn Clock>,
    work: Arc<dyn Auditing>,
    /// Whose ticks these are: another one's of the same name are delayed by another time.
    installation: String,
    entries: Vec<Entry>,
    asked: Arc<Notify>,
    /// Errands that were begun here, and may be on record still.
    taken: BTreeSet<i64>,
    running: JoinSet<Option<Ended>>,
    /// Once this is cancelled, nothing that was asked for begins.
    drain: CancellationToken,
    looked_at: Timestamp,
}

impl std::fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scheduler").field("jobs", &self.entries.len()).finish_non_exhaustive()
    }
}

impl Scheduler {
    /// Takes up all schedules where they were left; a new one begins now.
    pub async fn open(
        jobs: impl IntoIterator<Item = Job>,
        store: Store,
        clock: Arc<dyn Clock>,
        work: Arc<dyn Auditing>,
    ) -> Result<(Self, Asking), groundcrew_store::Error> {
        let now = clock.now();
        store.close_broken_audits(now).await?;
        let mut entries = Vec::new();
        for job in jobs {
            let name = job.name();
            let last = match store.last_tick(&name)? {
                Some(last) if last <= now + AHEAD => last,
                Some(ahead) => {
                    tell_of_ahead(&name, ahead);
                    let last = job.last_anew(now);
                    store.begin_schedule(&name, last).await?;
                    last
                }
                None => {
                    store.begin_schedule(&name, now).await?;
                    now
                }
            };
            let (turn, stop) = (Turn::default(), CancellationToken::new());
            let errands = Vec::new();
            entries.push(Entry { name, job, last, due: now, owed: None, turn, errands, run: 0, stop });
        }
        let asked = Arc::new(Notify::new());
        let audits = entries.iter().filter(|entry| matches!(entry.job, Job::Audit(_)));
        let names = audits.map(|entry| entry.name.clone()).collect();
        let asking = Asking { names, asked: asked.clone() };
        let (taken, running, drain) = (BTreeSet::new(), JoinSet::new(), CancellationToken::new());
        let installation = store.meta(INSTALLATION)?.unwrap_or_default();
        let looked_at = now;
        let scheduler =
            Self { store, clock, work, installation, entries, asked, taken, running, drain, looked_at };
        Ok((scheduler, asking))
    }

    /// Runs until told to stop; audits that are under way are then cut off. Once it drains, nothing new begins, and it ends
    /// with what is under way. What people asked for and is not over stays on record.
    pub async fn run(mut self, drain: CancellationToken, stop: CancellationToken) {
        self.drain = drain.clone();
        while !drain.is_cancelled() {
            let pause = self.step().await.since(self.clock.now()).max(Millis::new(1)).min(PAUSE);
            tokio::select! {
                // Each arm but the first only notices something; what that takes is worked on at once.
                Some(ended) = self.running.join_next() => self.end(ended),
                () = self.asked.notified() => {}
                () = tokio::time::sleep(pause.to_std()) => {}
                () = drain.cancelled() => break,
                () = stop.cancelled() => break,
            }
        }
        let last = async {
            while let Some(ended) = self.running.join_next().await {
                self.over(ended);
            }
        };
        stop.run_until_cancelled(last).await;
        self.running.shutdown().await;
        self.spare_errands().await;
    }

    /// Does all that is due now, to its end, and says when to come again.
    ///
    /// For whoever brings their own time, such as simulations; a service uses [`Scheduler::run`].
    pub async fn turn(&mut self) -> Timestamp {
        let next = self.step().await;
        while let Some(ended) = self.running.join_next().await {
            self.end(ended);
        }
        next
    }

    /// Begins what is due now, and what people asked for; says when something is due next.
    ///
    /// # Guarantees
    /// A tick that the store does not take is tried again until it does, or until the next one is due.
    pub async fn step(&mut self) -> Timestamp {
        while let Some(ended) = self.running.try_join_next() {
            self.end(ended);
        }
        self.begin_asked().await;
        let now = self.clock.now();
        // What was computed for a later present means nothing for an earlier one.
        let back = now < self.looked_at;
        self.looked_at = now;
        if back {
            self.begin_anew(now).await;
        }
        for at in 0..self.entries.len() {
            let entry = &mut self.entries[at];
            if now < entry.due && !back {
                continue;
            }
            let due = entry.job.due(&self.installation, &entry.name, entry.last, now);
            entry.due = due.next;
            let owed = entry.owed.take();
            let Some(tick) = due.tick.or(owed) else { continue };
            entry.last = tick;
            if let Err(error) = self.take_up(at, tick, now).await {
                let entry = &mut self.entries[at];
                tracing::warn!(%error, schedule = %entry.name, %tick, "its tick could not be recorded; again soon");
                (entry.owed, entry.due) = (Some(tick), now + AGAIN);
            }
        }
        self.entries.iter().map(|entry| entry.due).min().unwrap_or(now + PAUSE)
    }

    /// Schedules that a clock far ahead took up begin now: they would wait until it is there again.
    async fn begin_anew(&mut self, now: Timestamp) {
        for entry in self.entries.iter_mut().filter(|entry| entry.last > now + AHEAD) {
            tell_of_ahead(&entry.name, entry.last);
            (entry.last, entry.owed) = (entry.job.last_anew(now), None);
            if let Err(error) = self.store.begin_schedule(&entry.name, entry.last).await {
                tracing::warn!(%error, schedule = %entry.name, "that could not be recorded; the next start does");
            }
        }
    }

    async fn take_up(
        &mut self,
        at: usize,
        tick: Timestamp,
        now: Timestamp,
    ) -> Result<(), groundcrew_store::Error> {
        let entry = &mut self.entries[at];
        if let Job::Tick { hook, id, timing } = &entry.job {
            let tick = ticked(&entry.name, hook, *id, timing, tick);
            self.store.accept_tick(tick, now).await?;
            return Ok(());
        }
        match entry.turn.tick(tick, entry.job.overlap()) {
            Move::Begin => self.begin(at, Some(tick)),
            Move::Replace => {
                entry.stop.cancel();
                self.begin(at, Some(tick));
            }
            Move::Wait => {}
            Move::Skip => {
                tracing::info!(schedule = %entry.name, %tick, "left out: the last run is under way");
                // It is left out whether that is on record or not; a restart may count it as missed.
                if let Err(error) = self.store.save_tick(&entry.name, tick).await {
                    tracing::warn!(%error, schedule = %entry.name, "that could not be recorded");
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, at: usize, tick: Option<Timestamp>) {
        let entry = &mut self.entries[at];
        entry.run += 1;
        entry.stop = CancellationToken::new();
        let (job, run, stop, work) = (entry.job.clone(), entry.run, entry.stop.clone(), self.work.clone());
        let (name, store, clock) = (entry.name.clone(), self.store.clone(), self.clock.clone());
        self.running.spawn(async move {
            let (mut pause, mut remedied) = (AGAIN, Remedied::Whole);
            for tries in 1.. {
                let done = match &job {
                    Job::Audit(audit) => {
                        let done = work.audit(audit, tick, &stop).await;
                        done.map(|done| {
                            audited(&name, done.changed);
                            remedied = done.remedied;
                        })
                    }
                    Job::Drift { hook, .. } => drifted(work.as_ref(), &store, &name, hook, tick).await,
                    Job::Tick { .. } => Ok(()),
                };
                let Err(error) = done else { break };
                if tries == TRIES_MAX {
                    tracing::error!(%error, schedule = %name, "its run could not be recorded, and is given up");
                    break;
                }
                tracing::warn!(%error, schedule = %name, "its run could not be recorded; again soon");
                // What began before is over, and says so before it is begun again.
                let closed = async {
                    clock.sleep(pause).await;
                    while store.close_broken_audits_of(&name, clock.now()).await.is_err() {
                        clock.sleep(AGAIN).await;
                    }
                };
                if stop.run_until_cancelled(closed).await.is_none() {
                    break;
                }
                pause = pause.times(2).min(AGAIN_MAX);
            }
            Some(Ended { at, run, remedied })
        });
    }

    fn end(&mut self, ended: Result<Option<Ended>, tokio::task::JoinError>) {
        if let Some(at) = self.over(ended)
            && let Some(tick) = self.entries[at].turn.ended()
        {
            self.begin(at, Some(tick));
        }
    }

    /// Something is over, and what was asked of it, unless its remedies were ended early; which job that was, unless another
    /// run of it counts.
    fn over(&mut self, ended: Result<Option<Ended>, tokio::task::JoinError>) -> Option<usize> {
        let ended = ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        let Ended { at, run, remedied } = ended?;
        let entry = &mut self.entries[at];
        if entry.run != run {
            return None;
        }
        if remedied == Remedied::Whole {
            for errand in std::mem::take(&mut entry.errands) {
                self.forget(errand);
            }
        }
        Some(at)
    }
}

fn tell_of_ahead(schedule: &str, last: Timestamp) {
    tracing::warn!(schedule, %last, "the clock was far ahead when it was last taken up: it begins anew");
}

fn audited(audit: &str, changed: Changed) {
    let Changed { found, opened, resolved } = changed;
    tracing::info!(audit, found, opened, resolved, "audited");
}

/// Lists for drift; the tick is taken up when all is listed, so that one that was cut off comes again.
async fn drifted(
    work: &dyn Auditing,
    store: &Store,
    name: &str,
    hook: &str,
    tick: Option<Timestamp>,
) -> Result<(), runner::Error> {
    let Drifted { listed, looked_at, wrong, none } = work.drift(hook).await?;
    let has_inventory = none.is_none();
    tracing::info!(hook, listed, looked_at, wrong = wrong.len(), has_inventory, "listed for drift");
    if let Some(tick) = tick {
        store.save_tick(name, tick).await?;
    }
    Ok(())
}

/// A tick as a handler is told it: its id is that of the hook and the time on the schedule, so the same tick is never
/// two events.
pub(crate) fn ticked(
    schedule: &str,
    hook: &str,
    handler: HookId,
    timing: &Timing,
    tick: Timestamp,
) -> NewTick {
    let id = Digest::of_parts([b"tick".as_slice(), hook.as_bytes(), &tick.as_millis().to_be_bytes()]);
    let event = Event {
        id: id.to_string(),
        kind: "tick".to_owned(),
        time: tick,
        subject: None,
        data: json!({ "hook": hook, "cron": timing.schedule.to_string() }),
    };
    NewTick { schedule: schedule.to_owned(), tick, event, handler, overlap: timing.overlap }
}

#[cfg(test)]
mod tests;
