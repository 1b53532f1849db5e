//! Deliveries whose last run did not end well: the next one goes on where that stood, or knows what it left in doubt.
//!
//! ```text
//!   process died, or the deadline came                          it failed by itself, with a write under way
//!        |      the delivery names the run, whose calls are stored      |      the delivery names the write
//!        v                                                              v
//!   same seed, same beginning, answers from the journal, then outside   same seed, begins anew
//!        |-- a write without an answer: PUT, DELETE, or with an idempotency key, for 12 h -----> sent again
//!        |-- any other -----------------------------------> dead: nobody knows what became of it
//!        '-- the guest asks something else: begins anew, if what is in doubt may be sent again
//! ```
//!
//! Whatever a run was told before it was ended, it is told again; so nothing that was answered is done twice. A guest that
//! failed is not: its answers are why it failed. Each write in doubt is remembered until a later run sends the same and is
//! answered, or the delivery is over; whichever is in doubt for longer than 12 h ends it.

use groundcrew_core::hash::Digest;
use groundcrew_core::time::Timestamp;
use groundcrew_engine::gate::{AGAIN_WITHIN, Answers, Gate, Refusal, Twice};
use groundcrew_engine::journal::{CallAccess, Journal, Recorded};
use groundcrew_engine::run::Ended;
use groundcrew_store::RunId;
use groundcrew_store::deliveries::{Delivery, Doubt, Ending};
use groundcrew_store::runs::{CallRecord, RunRecord};
use serde_json::Value;

use super::record::RunStart;
use super::{Error, Runner};
use crate::replay;

/// Why a delivery whose run went another way than the one before it is tried again.
const ANEW: &str = "it was to go on where its last run was ended, and went another way: it begins anew";

/// What the next run of a delivery has to know of those before it; of a first one, nothing.
#[derive(Default)]
pub(super) struct Earlier {
    /// The run that its host ended, by a deadline or by dying: the next one goes on from there.
    interrupted: Option<Interrupted>,
    /// Writes of those before that which are in doubt, oldest first.
    doubts: Vec<Doubted>,
    /// Where their randomness came from, which one that begins anew has again: a key may be made of it.
    seed: Option<[u8; 32]>,
}

/// A run that was ended early, with what the next one is told again.
struct Interrupted {
    run: RunId,
    start: RunStart,
    journal: Journal,
}

/// A write of which nobody knows what became.
#[derive(Clone)]
struct Doubted {
    at: Doubt,
    print: Digest,
    ask: Vec<u8>,
    sent_at: Timestamp,
}

/// What the next run of a delivery has to know of one that did not end well.
pub(super) struct Left {
    /// The run that it goes on from; none: it begins anew.
    pub(super) resumes: Option<RunId>,
    /// Writes before that one which are in doubt.
    pub(super) doubts: Vec<Doubt>,
    /// What a person has to know of if nobody goes on.
    pub(super) unknown: Option<Lost>,
}

/// Nobody can say what became of what a delivery sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lost {
    /// The run that sent it.
    pub(super) run: RunId,
    /// What is said of it.
    pub(super) error: String,
}

impl Runner {
    /// What the runs before left to a delivery, unless that ends it.
    pub(super) fn earlier(&self, delivery: &Delivery) -> Result<Result<Earlier, Lost>, Error> {
        let mut earlier = Earlier::default();
        if let Some(run) = delivery.resumes {
            let Some((record, calls)) = self.store.run(run)? else { return Ok(Err(not_kept(run))) };
            match Interrupted::of(&record, &calls) {
                Ok(interrupted) => earlier.interrupted = interrupted,
                Err(lost) => return Ok(Err(lost)),
            }
        }
        let mut last: Option<(RunRecord, Vec<CallRecord>)> = None;
        for doubt in &delivery.doubts {
            if last.as_ref().is_none_or(|(record, _)| record.id != doubt.run) {
                last = self.store.run(doubt.run)?;
            }
            let found = last.as_ref().and_then(|(record, calls)| {
                Some((record.seed, calls.iter().find(|call| call.n == doubt.call)?))
            });
            let Some((seed, call)) = found else { return Ok(Err(not_kept(doubt.run))) };
            earlier.seed = Some(seed);
            earlier.doubts.push(Doubted::stored(doubt.run, call));
        }
        Ok(earlier.checked(self.now()))
    }
}

impl Earlier {
    /// The same without what the run that is gone on from was answered, unless something else must not be sent again.
    fn checked(mut self, now: Timestamp) -> Result<Self, Lost> {
        if let Some(Interrupted { journal, .. }) = &self.interrupted {
            self.doubts.retain(|doubted| !doubted.is_answered_in(journal));
        }
        // What the journal that is played has in doubt the gate asks when it comes to that.
        match self.doubts.iter().find(|doubted| !doubted.may_be_sent_again(now)) {
            Some(doubted) => Err(doubted.lost()),
            None => Ok(self),
        }
    }

    /// The run that the next one goes on from; none: it begins anew.
    pub(super) fn resumed(&self) -> Option<RunId> {
        self.interrupted.as_ref().map(|interrupted| interrupted.run)
    }

    /// Where the next run begins; `fresh` is for one that has nothing to know.
    pub(super) fn start(&self, now: Timestamp, fresh: impl FnOnce() -> [u8; 32]) -> RunStart {
        match &self.interrupted {
            Some(interrupted) => interrupted.start,
            None => RunStart { seed: self.seed.unwrap_or_else(fresh), started: now },
        }
    }

    /// What is said of a write in doubt, rather of one that may not be sent again.
    pub(super) fn doubt(&self) -> Option<Lost> {
        let sent = |from: &Interrupted| own(&from.journal, from.run, None);
        let last = self.interrupted.as_ref().map(sent).unwrap_or_default();
        worst(self.doubts.iter().chain(&last))
    }

    /// Where the answers of the next run come from.
    pub(super) fn answers(&self) -> Answers {
        match &self.interrupted {
            Some(interrupted) => Answers::JournalThenOutside(interrupted.journal.clone()),
            None => Answers::Outside,
        }
    }

    /// How the delivery ends if the run `next`, which was to go on from the one before it, did not.
    ///
    /// A guest that ended it before it came as far as the last time has gone another way, whatever it says.
    pub(super) fn astray<T>(
        &self,
        outcome: &Result<T, Ended>,
        gate: &Gate,
        next: RunId,
        now: Timestamp,
    ) -> Option<Ending> {
        self.interrupted.as_ref()?;
        let known = gate.known();
        let strayed = match outcome {
            Err(Ended::Refused(Refusal::InDoubt(_) | Refusal::Diverged { .. })) => true,
            Err(Ended::Deadline(_) | Ended::Refused(_) | Ended::NoExport(_) | Ended::Uncompiled) => false,
            Ok(_) | Err(Ended::Failure(_) | Ended::Trap(_)) => known.calls.len() > gate.journal().calls.len(),
        };
        strayed.then(|| {
            let doubts = together(self.before(&known), own(&known, next, self.interrupted.as_ref()));
            let lost = worst(doubts.iter().filter(|doubted| !doubted.may_be_sent_again(now)));
            if let Some(Lost { run, error }) = lost {
                Ending::Dead { error, in_doubt: Some(run) }
            } else {
                let doubts = doubts.iter().map(|doubted| doubted.at).collect();
                Ending::Again { at: now, error: ANEW.to_owned(), resumes: None, doubts }
            }
        })
    }

    /// What a run that did not end well leaves to the next one: it is gone on from if its host ended it while a write may
    /// have arrived, or something was learnt in it until its deadline; and each write in doubt is known of.
    ///
    /// One that came no further than the one before it is not gone on from: whatever holds it up there would do so each time.
    pub(super) fn left(&self, run: RunId, ended: &Ended, known: &Journal) -> Left {
        let (before, own) = (self.before(known), own(known, run, self.interrupted.as_ref()));
        let goes_on = match ended {
            Ended::Failure(_) | Ended::Trap(_) => false,
            Ended::Deadline(_) => !own.is_empty() || Reached::of(known).is_beyond(self.interrupted.as_ref()),
            Ended::Refused(_) | Ended::NoExport(_) | Ended::Uncompiled => !own.is_empty(),
        };
        let unknown = worst(before.iter().chain(&own));
        let doubts = if goes_on { before } else { together(before, own) };
        let doubts = doubts.iter().map(|doubted| doubted.at).collect();
        Left { resumes: goes_on.then_some(run), doubts, unknown }
    }

    /// The writes of earlier runs that are in doubt still when this is known.
    fn before(&self, known: &Journal) -> Vec<Doubted> {
        self.doubts.iter().filter(|doubted| !doubted.is_answered_in(known)).cloned().collect()
    }
}

impl Interrupted {
    /// A run as it is stored; none: too little is kept, but all that was sent was answered, so nothing is lost by
    /// beginning anew.
    fn of(run: &RunRecord, calls: &[CallRecord]) -> Result<Option<Self>, Lost> {
        match replay::journal_of(run, calls) {
            Ok(journal) => {
                let start = RunStart { seed: run.seed, started: run.started };
                Ok(Some(Self { run: run.id, start, journal }))
            }
            Err(_) => match calls.iter().find(|call| call.access == "write" && call.answer.is_none()) {
                None => Ok(None),
                Some(call) => Err(Doubted::stored(run.id, call).lost()),
            },
        }
    }
}

impl Doubted {
    fn stored(run: RunId, call: &CallRecord) -> Self {
        let at = Doubt { run, call: call.n };
        Self { at, print: call.print, ask: call.ask.clone(), sent_at: call.sent_at }
    }

    /// Whether the same was sent again and answered.
    fn is_answered_in(&self, known: &Journal) -> bool {
        known.calls.iter().any(|call| call.print == self.print && call.answer.is_some())
    }

    fn may_be_sent_again(&self, now: Timestamp) -> bool {
        Twice::of_recorded(&self.ask) == Twice::Harmless && now.since(self.sent_at) <= AGAIN_WITHIN
    }

    /// What is said of it.
    fn lost(&self) -> Lost {
        let ask: Value = serde_json::from_slice(&self.ask).unwrap_or_default();
        let field = |name: &str| ask.get(name).and_then(Value::as_str).unwrap_or("?");
        let (method, url, sent_at) = (field("method"), field("url"), self.sent_at);
        let error = format!(
            "unknown outcome: {method} {url} was sent at {sent_at} and its run ended before the answer; \
             it is not sent again, as only PUT, DELETE and what carries an idempotency key is, for {AGAIN_WITHIN}"
        );
        Lost { run: self.at.run, error }
    }
}

/// The writes in doubt of a run that came to this. Those that it did not send again are shown where they were sent last: in
/// the run that it went on from.
fn own(known: &Journal, run: RunId, from: Option<&Interrupted>) -> Vec<Doubted> {
    let doubts = known.calls.iter().filter(|call| call.access == CallAccess::Write && call.answer.is_none());
    let sent_last = |write: &Recorded| {
        from.filter(|from| from.journal.calls.contains(write)).map_or(run, |from| from.run)
    };
    let doubted = |write: &Recorded| Doubted {
        at: Doubt { run: sent_last(write), call: write.n },
        print: write.print,
        ask: write.ask.clone(),
        sent_at: write.sent_at,
    };
    doubts.map(doubted).collect()
}

/// Writes in doubt, oldest first. Of those that ask the same the oldest tells for how long they have been.
fn together(mut before: Vec<Doubted>, own: Vec<Doubted>) -> Vec<Doubted> {
    for doubted in own {
        if before.iter().all(|other| other.print != doubted.print) {
            before.push(doubted);
        }
    }
    before
}

/// What is said of the one that a person has to know of: rather one that may not be sent again.
fn worst<'a>(mut doubts: impl Iterator<Item = &'a Doubted> + Clone) -> Option<Lost> {
    let first = doubts.clone().next();
    let doubles = |doubted: &&Doubted| Twice::of_recorded(&doubted.ask) == Twice::Doubles;
    doubts.find(doubles).or(first).map(Doubted::lost)
}

fn not_kept(run: RunId) -> Lost {
    Lost { run, error: format!("unknown outcome: it was ended early in {run}, which is no longer kept") }
}

/// How far a run came.
struct Reached {
    /// Calls that were answered.
    answers: usize,
    /// Waits for an answer, or for time to pass. Whoever asks in a loop whether something is ready waits for nothing.
    waits: usize,
}

impl Reached {
    fn of(journal: &Journal) -> Self {
        let schedule = &journal.schedule;
        Self {
            answers: journal.calls.iter().filter(|call| call.answer.is_some()).count(),
            waits: (schedule.looks as usize).saturating_sub(schedule.ready.len()),
        }
    }

    fn is_beyond(&self, before: Option<&Interrupted>) -> bool {
        let before = before.map_or(Self { answers: 0, waits: 0 }, |before| Self::of(&before.journal));
        self.answers > before.answers || self.waits > before.waits
    }
}

#[cfg(test)]
mod tests;
