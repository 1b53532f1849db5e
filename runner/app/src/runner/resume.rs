//! Deliveries whose last run was ended early: the next one goes on where that stood.
//!
//! ```text
//!   process died, or the deadline came
//!        |      the delivery names the run, whose calls are stored up to its last write
//!        v
//!   same seed, same beginning, answers from the journal, then from outside
//!        |-- the write without an answer: PUT, DELETE, or with an idempotency key, for 12 h -----> sent again
//!        |-- any other -----------------------------------> dead: nobody knows what became of it
//!        '-- the guest asks something else: begins anew, unless a write is without an answer
//! ```
//!
//! Whatever a run was told before it ended, it is told again; so nothing that was answered is done twice.

use groundcrew_core::time::Timestamp;
use groundcrew_engine::gate::{AGAIN_WITHIN, Answers, Gate, Refusal};
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

/// A run that was ended early, with what the next one is told again.
pub(super) struct Interrupted {
    pub(super) run: RunId,
    pub(super) start: RunStart,
    journal: Journal,
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
            |(record, calls)| Interrupted::of(&record, &calls),
        ))
    }
}

impl Interrupted {
    fn of(run: &RunRecord, calls: &[CallRecord]) -> Result<Self, Lost> {
        match replay::journal_of(run, calls) {
            Ok(journal) => {
                Ok(Self { run: run.id, start: RunStart { seed: run.seed, started: run.started }, journal })
            }
            Err(_) => match calls.iter().find(|call| call.access == "write" && call.answer.is_none()) {
                None => Err(Lost::Harmless),
                Some(call) => Err(Lost::Unknown(unknown(&call.ask, call.sent_at))),
            },
        }
    }

    /// What is said of a write of it without an answer, if there is one.
    pub(super) fn doubt(&self) -> Option<String> {
        unanswered(&self.journal).map(|write| unknown(&write.ask, write.sent_at))
    }

    /// Where the answers of the next run come from.
    pub(super) fn answers(&self) -> Answers {
        Answers::JournalThenOutside(self.journal.clone())
    }

    /// How the delivery ends if the run that was to go on from this one did not.
    ///
    /// A guest that ended before it came as far as the last time has gone another way, whatever it says.
    pub(super) fn ending<T>(
        &self,
        outcome: &Result<T, Ended>,
        gate: &Gate,
        now: Timestamp,
    ) -> Option<Ending> {
        let strayed = match outcome {
            Err(Ended::Refused(Refusal::InDoubt(_) | Refusal::Diverged { .. })) => true,
            Err(Ended::Deadline(_) | Ended::Refused(_) | Ended::NoExport(_)) => false,
            Ok(_) | Err(Ended::Failure(_) | Ended::Trap(_)) => {
                gate.known().calls.len() > gate.journal().calls.len()
            }
        };
        strayed.then(|| match unanswered(&gate.known()) {
            Some(write) => {
                Ending::Dead { error: unknown(&write.ask, write.sent_at), in_doubt: Some(self.run) }
            }
            None => Ending::Again { at: now, error: ANEW.to_owned(), resumes: None },
        })
    }

    /// Whether what is known has become more since.
    fn is_behind(&self, known: &Journal) -> bool {
        answered(known) > answered(&self.journal)
    }
}

/// Whether a run that reached its deadline is worth going on from: something was learnt in it, or must not be forgotten.
///
/// One that came no further than the one before it is not: whatever holds it up there would do so each time.
pub(super) fn goes_on(known: &Journal, resumed: Option<&Interrupted>) -> bool {
    unanswered(known).is_some()
        || resumed.map_or(answered(known) > 0, |interrupted| interrupted.is_behind(known))
}

fn answered(journal: &Journal) -> usize {
    journal.calls.iter().filter(|call| call.answer.is_some()).count()
}

/// The first write of which nobody knows what became.
pub(super) fn unanswered(journal: &Journal) -> Option<&Recorded> {
    journal.calls.iter().find(|call| call.access == CallAccess::Write && call.answer.is_none())
}

/// What is said of a write without an answer.
pub(super) fn unknown(ask: &[u8], sent_at: Timestamp) -> String {
    let ask: Value = serde_json::from_slice(ask).unwrap_or_default();
    let field = |name: &str| ask.get(name).and_then(Value::as_str).unwrap_or("?");
    let (method, url) = (field("method"), field("url"));
    format!(
        "unknown outcome: {method} {url} was sent at {sent_at} and its run ended before the answer; \
         it is not sent again, as only PUT, DELETE and what carries an idempotency key is, for {AGAIN_WITHIN}"
    )
}
