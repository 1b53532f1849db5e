//! Deliveries whose last run was ended early: the next one goes on where that stood.
//!
//! ```text
//!   process died, or the deadline came                          it failed by itself, with a write under way
//!        |      the delivery names the run, whose calls are stored up to its last write      |
//!        v                                                                                   v
//!   same seed, same beginning, answers from the journal, then from outside        same seed, begins anew
//!        |-- the write without an answer: PUT, DELETE, or with an idempotency key, for 12 h -----> sent again
//!        |-- any other -----------------------------------> dead: nobody knows what became of it
//!        '-- the guest asks something else: begins anew, unless a write is without an answer
//! ```
//!
//! Whatever a run was told before it was ended, it is told again; so nothing that was answered is done twice. A guest that
//! failed is not: its answers are why it failed.

use groundcrew_core::time::Timestamp;
use groundcrew_engine::gate::{AGAIN_WITHIN, Answers, Gate, Refusal, Twice};
use groundcrew_engine::journal::{CallAccess, Journal, Recorded};
use groundcrew_engine::run::Ended;
use groundcrew_store::RunId;
use groundcrew_store::deliveries::Ending;
use groundcrew_store::runs::{CallRecord, RunRecord};
use serde_json::Value;

use super::record::RunStart;
use super::{Error, Runner};
use crate::replay;

/// Why a delivery whose run went another way than the one before it is tried again.
const ANEW: &str = "it was to go on where its last run was ended, and went another way: it begins anew";

/// A run that was ended early, with what the next one is told again, or must not forget.
pub(super) struct Interrupted {
    run: RunId,
    start: RunStart,
    journal: Journal,
    by: By,
}

/// Who ended a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// Its host, by a deadline or by dying: the next one goes on.
    Host,
    /// The guest, which failed or trapped while a write was under way: the next one begins anew.
    Itself,
}

/// What the next run of a delivery has to know.
pub(super) struct Left {
    /// The run that knows it.
    pub(super) run: RunId,
    /// What is said of a write of which nobody knows what became, if there is one.
    pub(super) doubt: Option<String>,
}

/// Why a delivery does not go on where it stood.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// Too little is kept, but all that was sent was answered: it begins anew.
    Harmless,
    /// Nobody can say what became of what it sent.
    Unknown(String),
}

impl Runner {
    /// The run from which a delivery goes on.
    pub(super) fn interrupted(&self, run: RunId) -> Result<Result<Interrupted, Lost>, Error> {
        let kept = self.store.run(run)?;
        Ok(kept.map_or_else(
            || {
                Err(Lost::Unknown(format!(
                    "unknown outcome: it was ended early in {run}, which is no longer kept"
                )))
            },
            |(record, calls)| Interrupted::of(&record, &calls, self.now()),
        ))
    }
}

impl Interrupted {
    fn of(run: &RunRecord, calls: &[CallRecord], now: Timestamp) -> Result<Self, Lost> {
        // What the host ended said nothing.
        let by = if run.answer.is_some() { By::Itself } else { By::Host };
        match replay::journal_of(run, calls) {
            Ok(journal) => {
                // Where the journal is played, the gate asks this when it comes to the write.
                if by == By::Itself
                    && let Some(write) = doubts(&journal).find(|write| !may_be_sent_again(write, now))
                {
                    return Err(Lost::Unknown(unknown(&write.ask, write.sent_at)));
                }
                let start = RunStart { seed: run.seed, started: run.started };
                Ok(Self { run: run.id, start, journal, by })
            }
            Err(_) => match calls.iter().find(|call| call.access == "write" && call.answer.is_none()) {
                None => Err(Lost::Harmless),
                Some(call) => Err(Lost::Unknown(unknown(&call.ask, call.sent_at))),
            },
        }
    }

    /// The run that the next one goes on from; none: it begins anew.
    pub(super) fn resumed(&self) -> Option<RunId> {
        (self.by == By::Host).then_some(self.run)
    }

    /// Where the next run begins. One that begins anew draws the same random numbers as before, for a key may be made of them.
    pub(super) fn start(&self, now: Timestamp) -> RunStart {
        match self.by {
            By::Host => self.start,
            By::Itself => RunStart { started: now, ..self.start },
        }
    }

    /// What is said of a write of it without an answer, if there is one.
    pub(super) fn doubt(&self) -> Option<String> {
        unanswered(&self.journal).map(|write| unknown(&write.ask, write.sent_at))
    }

    /// Where the answers of the next run come from.
    pub(super) fn answers(&self) -> Answers {
        match self.by {
            By::Host => Answers::JournalThenOutside(self.journal.clone()),
            By::Itself => Answers::Outside,
        }
    }

    /// How the delivery ends if the run `next`, which was to go on from this one, did not.
    ///
    /// A guest that ended before it came as far as the last time has gone another way, whatever it says.
    pub(super) fn ending<T>(
        &self,
        outcome: &Result<T, Ended>,
        gate: &Gate,
        next: RunId,
        now: Timestamp,
    ) -> Option<Ending> {
        let strayed = match outcome {
            Err(Ended::Refused(Refusal::InDoubt(_) | Refusal::Diverged { .. })) => true,
            Err(Ended::Deadline(_) | Ended::Refused(_) | Ended::NoExport(_) | Ended::Uncompiled) => false,
            Ok(_) | Err(Ended::Failure(_) | Ended::Trap(_)) => {
                gate.known().calls.len() > gate.journal().calls.len()
            }
        };
        strayed.then(|| match unanswered(&gate.known()) {
            Some(write) => {
                // The write shows where it was sent last.
                let run = if self.journal.calls.contains(write) { self.run } else { next };
                Ending::Dead { error: unknown(&write.ask, write.sent_at), in_doubt: Some(run) }
            }
            None => Ending::Again { at: now, error: ANEW.to_owned(), resumes: None },
        })
    }

    /// A write of it that is in doubt still: the run that began anew after it did not come as far as sending it and being
    /// answered.
    fn forgotten(&self, known: &Journal) -> Option<&Recorded> {
        let settled = |write: &Recorded| {
            known.calls.iter().any(|call| call.print == write.print && call.answer.is_some())
        };
        doubts(&self.journal).find(|write| !settled(write))
    }
}

/// What a run that did not end well leaves to the next one: it is gone on from if something was learnt in it until its
/// deadline, and known of if a write may have arrived.
///
/// One that came no further than the one before it is not gone on from: whatever holds it up there would do so each time.
pub(super) fn left(run: RunId, ended: &Ended, known: &Journal, before: Option<&Interrupted>) -> Option<Left> {
    let doubt = |write: &Recorded| Some(unknown(&write.ask, write.sent_at));
    if let Some(write) = unanswered(known) {
        return Some(Left { run, doubt: doubt(write) });
    }
    let resumed = before.filter(|before| before.by == By::Host);
    if matches!(ended, Ended::Deadline(_)) && Reached::of(known).is_beyond(resumed) {
        return Some(Left { run, doubt: None });
    }
    let write = before.and_then(|before| Some((before.run, before.forgotten(known)?)));
    write.map(|(run, write)| Left { run, doubt: doubt(write) })
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

/// The writes of which nobody knows what became.
fn doubts(journal: &Journal) -> impl Iterator<Item = &Recorded> {
    journal.calls.iter().filter(|call| call.access == CallAccess::Write && call.answer.is_none())
}

/// One of them: if there is one that may not be sent again, it is that which a person has to know of.
fn unanswered(journal: &Journal) -> Option<&Recorded> {
    let doubles = |write: &&Recorded| Twice::of_recorded(&write.ask) == Twice::Doubles;
    doubts(journal).find(doubles).or_else(|| doubts(journal).next())
}

fn may_be_sent_again(write: &Recorded, now: Timestamp) -> bool {
    Twice::of_recorded(&write.ask) == Twice::Harmless && now.since(write.sent_at) <= AGAIN_WITHIN
}

/// What is said of a write without an answer.
fn unknown(ask: &[u8], sent_at: Timestamp) -> String {
    let ask: Value = serde_json::from_slice(ask).unwrap_or_default();
    let field = |name: &str| ask.get(name).and_then(Value::as_str).unwrap_or("?");
    let (method, url) = (field("method"), field("url"));
    format!(
        "unknown outcome: {method} {url} was sent at {sent_at} and its run ended before the answer; \
         it is not sent again, as only PUT, DELETE and what carries an idempotency key is, for {AGAIN_WITHIN}"
    )
}

#[cfg(test)]
mod tests;
