//! The one seam that every effect of a guest passes.
//!
//! ```text
//!            number (synchronous, in the guest's order)
//!              |
//!   journal? --+-- recorded answer ------------------------------> guest
//!              |-- a write without one, that may not be sent twice: the run ends here
//!              |
//!   observe and a write: the run ends here, the write is shown
//!              |
//!   admitted? (rate limits, breakers) ---- no, told as a failure -> guest
//!              |
//!   a write: its intent is committed (with all calls before it)
//!              |
//!   closed? the run is over        late? -- not sent, a failure --> guest
//!              |
//!   outside, sealed and masked, recorded in memory -------------> guest
//! ```
//!
//! Guarantees: no write leaves before its intent is durable, none later than `send_within` after it, nothing
//! after [`Gate::close`]. The number of a call is its place in the guest's order even when calls overlap.
//! Whatever a guest is told, failures included, is in the journal, so that a replay tells it the same.
//!
//! It deliberately does not know what a call means: HTTP, memory and fleet are its callers.

mod faults;
mod intents;
mod state;

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use groundcrew_core::duration::Millis;
use groundcrew_core::hash::Digest;
use groundcrew_core::spec::{Failure, Want};
use groundcrew_core::time::Timestamp;

pub use faults::{Fault, Faults, Moment};
pub use intents::{Intent, IntentError, Intents, Unrecorded};
use state::{Found, State, look_up};

use crate::clock::Clock;
use crate::egress::{self, Ask};
use crate::journal::{CallAccess, Journal, Recorded, Schedule};

/// How long after a write was sent it may be sent again: receivers remember idempotency keys for a day, and what is to be
/// may be something else by then.
pub const AGAIN_WITHIN: Millis = Millis::hours(12);

/// Where answers come from.
#[derive(Clone, Debug, Default)]
pub enum Answers {
    /// From outside; a write's intent is durable before it leaves.
    #[default]
    Outside,
    /// From the journal only; its end ends the run.
    Journal(Journal),
    /// From the journal while it lasts, then from outside. A write that it leaves unanswered is sent again if its ticket
    /// says that this does no harm and it is not older than [`AGAIN_WITHIN`], and ends the run otherwise.
    JournalThenOutside(Journal),
    /// Reads from outside; the run ends at its first write.
    Observe,
}

/// Why the gate ended a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The run is over; nothing may leave any more.
    #[error("the run is over")]
    Closed,
    /// The run ends at this write, which would have been sent.
    #[error("observed: this write was not sent")]
    Observed(Vec<u8>),
    /// The journal has no more answers.
    #[error("the journal ends at call {0}")]
    JournalEnded(u32),
    /// The journal has a write without an answer that is not sent twice: nobody knows what became of it.
    #[error("the write at call {0} was sent before and not answered, and is not one that may be sent twice")]
    InDoubt(u32),
    /// The replayed run asks something else than the recorded one did.
    #[error("call {n} differs from the recorded one: {recorded} was asked, now {asked}")]
    Diverged {
        /// The call's number.
        n: u32,
        /// What the journal has.
        recorded: String,
        /// What was asked now.
        asked: String,
    },
    /// More calls than a run may make.
    #[error("more than {0} host calls in one run")]
    TooMany(u32),
    /// The driver refused the write.
    #[error(transparent)]
    Intent(#[from] IntentErrorText),
}

/// An [`IntentError`] as text that can be compared and cloned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct IntentErrorText(pub String);

/// The gate of one run; a shared handle.
pub struct Gate {
    state: Mutex<State>,
    answers: Answers,
    intents: Arc<dyn Intents>,
    faults: Option<Arc<dyn Faults>>,
    clock: Arc<dyn Clock>,
    send_within: Millis,
    request: Millis,
    calls_max: u32,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

/// A call's place in the guest's order, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallNo(u32);

/// A numbered call that has not been made yet.
#[derive(Debug)]
pub struct Ticket {
    call: Recorded,
    twice: Twice,
}

/// Whether a write may be sent again when nobody knows what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twice {
    /// It comes to the same as once: it says what is to be, or carries an idempotency key.
    Harmless,
    /// It may do twice what it does.
    Doubles,
}

impl Twice {
    /// That of a write as the journal keeps it; of what cannot be read, the worse.
    pub fn of_recorded(ask: &[u8]) -> Self {
        serde_json::from_slice::<Ask>(ask)
            .map_or(Self::Doubles, |ask| egress::twice(&ask.method, &ask.headers))
    }
}

impl Ticket {
    /// A write that may be sent again.
    #[must_use]
    pub fn again(self, twice: Twice) -> Self {
        Self { twice, ..self }
    }
}

/// The far side of a call.
pub trait Outside: Send {
    /// Waits until the call may leave. A refusal is told to the guest.
    fn admit(&mut self) -> impl Future<Output = Result<(), Failure>> + Send;

    /// For how long nobody gets through with such a call. One that may not leave for this is no attempt at anything.
    fn away(&self) -> Option<Millis> {
        None
    }

    /// Makes the call; only if it may leave.
    fn exchange(self) -> impl Future<Output = Reply> + Send;

    /// The answer that tells the guest a failure, as JSON.
    fn told(failure: Failure) -> Vec<u8>;
}

/// What came back from outside.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The answer as the guest will see it, as JSON.
    pub bytes: Vec<u8>,
    /// Whether what was asked can still take effect after this.
    pub effect: Effect,
    /// For how long nobody gets through with such a call, if it had no answer of whom it was for.
    pub away: Option<Millis>,
}

/// Whether a call can still take effect after its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It was answered, or never left.
    Over,
    /// It left and no answer came: it may take effect until its deadline.
    Open,
}

/// What became of a run's writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Writes {
    /// None was sent.
    #[default]
    None,
    /// At least one was sent; all effects are in by this time.
    Sent {
        /// Until when they may take effect.
        effect_by: Timestamp,
    },
}

/// Why a call does not go on: the guest is told, or the run ends.
enum Kept {
    Told(Failure),
    Ends(Refusal),
}

impl From<Refusal> for Kept {
    fn from(refusal: Refusal) -> Self {
        Self::Ends(refusal)
    }
}

impl Gate {
    /// Opens a gate for one run.
    pub fn new(
        answers: Answers,
        intents: Arc<dyn Intents>,
        faults: Option<Arc<dyn Faults>>,
        clock: Arc<dyn Clock>,
        limits: &crate::limits::Limits,
    ) -> Arc<Self> {
        let state = match &answers {
            Answers::JournalThenOutside(journal) => State::resuming(journal),
            Answers::Outside | Answers::Journal(_) | Answers::Observe => State::default(),
        };
        Arc::new(Self {
            state: Mutex::new(state),
            answers,
            intents,
            faults,
            clock,
            send_within: limits.send_within,
            request: limits.request,
            calls_max: limits.calls,
        })
    }

    /// Tells the fault schedule what the run is about.
    pub(crate) fn begins(&self, about: Option<&Want>) {
        if let Some(faults) = &self.faults {
            faults.begins(about);
        }
    }

    /// Numbers a call. Synchronous: the number is the call's place in the guest's order.
    pub fn number(&self) -> Result<CallNo, Refusal> {
        self.state().number(self.calls_max).map(CallNo).ok_or(Refusal::TooMany(self.calls_max))
    }

    /// Says what a numbered call asks.
    pub fn ticket(&self, CallNo(n): CallNo, op: &str, access: CallAccess, ask: Vec<u8>) -> Ticket {
        let print = Digest::of_parts([op.as_bytes(), &ask]);
        let sent_at = self.clock.now();
        let call =
            Recorded { n, op: op.to_owned(), access, print, ask, answer: None, sent_at, back_at: None };
        Ticket { call, twice: Twice::Doubles }
    }

    /// Takes a call through the gate and returns what the guest is told, as JSON.
    ///
    /// Errors end the run; the caller notes them at the gate.
    pub async fn pass<O: Outside>(&self, ticket: Ticket, outside: O) -> Result<Vec<u8>, Refusal> {
        let Ticket { mut call, twice } = ticket;
        match self.repeat(&call, twice) {
            Ok(Some(bytes)) => return Ok(bytes),
            Ok(None) => {}
            Err(refusal) => {
                self.state().strays(&call);
                return Err(refusal);
            }
        }
        if matches!(self.answers, Answers::Observe) && call.access == CallAccess::Write {
            return Err(Refusal::Observed(call.ask));
        }
        match self.go(&mut call, outside).await {
            Ok(bytes) => Ok(bytes),
            Err(Kept::Ends(refusal)) => Err(refusal),
            Err(Kept::Told(failure)) => {
                let bytes = O::told(failure);
                self.answer(call, Reply { bytes: bytes.clone(), effect: Effect::Open, away: None });
                Ok(bytes)
            }
        }
    }

    /// Takes a call outside and back.
    async fn go<O: Outside>(&self, call: &mut Recorded, mut outside: O) -> Result<Vec<u8>, Kept> {
        if let Err(failure) = outside.admit().await {
            self.note_away(call, outside.away());
            return Err(Kept::Told(failure));
        }
        self.fault(Moment::Before, call).await?;
        self.leave(call).await?;
        let reply = outside.exchange().await;
        self.fault(Moment::AfterEffect, call).await?;
        let bytes = reply.bytes.clone();
        self.note_away(call, reply.away);
        self.answer(call.clone(), reply);
        self.fault(Moment::AfterRecord, call).await?;
        Ok(bytes)
    }

    /// Commits a write's intent; refuses what is too late. Whatever passes here may take effect.
    async fn leave(&self, call: &mut Recorded) -> Result<(), Kept> {
        let asked_at = self.clock.now();
        call.sent_at = asked_at;
        if call.access != CallAccess::Write {
            return Ok(self.state().leave(call, None)?);
        }
        if self.is_closed() {
            return Err(Refusal::Closed.into());
        }
        let effect_by = asked_at + self.send_within + self.request;
        let (earlier, schedule) = self.state().unstored(call.n);
        let intent = Intent { call, earlier: &earlier, schedule: &schedule, effect_by };
        self.intents.intend(intent).await.map_err(|error| match error {
            IntentError::Store(_) => Kept::Told(Failure::again(error.to_string())),
            IntentError::Refused(_) => Kept::Ends(IntentErrorText(error.to_string()).into()),
        })?;
        // A clock that was set back in between tells nothing, so that counts as late, too.
        let took = self.clock.now().since(asked_at);
        let mut state = self.state();
        state.store(&earlier);
        if !(Millis::ZERO..=self.send_within).contains(&took) {
            let text = "the write was not sent: its intent took too long to store";
            return Err(Kept::Told(Failure::again(text)));
        }
        Ok(state.leave(call, Some(effect_by))?)
    }

    /// The journal's answer, if it is to answer.
    fn repeat(&self, call: &Recorded, twice: Twice) -> Result<Option<Vec<u8>>, Refusal> {
        let (journal, only) = match &self.answers {
            Answers::Journal(journal) => (journal, true),
            Answers::JournalThenOutside(journal) => (journal, false),
            Answers::Outside | Answers::Observe => return Ok(None),
        };
        match look_up(journal, call)? {
            Found::Answered(recorded) => {
                self.state().repeat(recorded.clone());
                Ok(recorded.answer.clone())
            }
            Found::InDoubt(_) | Found::Nothing if only => Err(Refusal::JournalEnded(call.n)),
            Found::InDoubt(sent) if twice == Twice::Doubles || self.is_old(sent) => {
                Err(Refusal::InDoubt(call.n))
            }
            Found::InDoubt(_) | Found::Nothing => Ok(None),
        }
    }

    /// Whether a write was sent too long ago to be sent again.
    fn is_old(&self, sent: &Recorded) -> bool {
        self.clock.now().since(sent.sent_at) > AGAIN_WITHIN
    }

    fn answer(&self, mut call: Recorded, reply: Reply) {
        call.answer = Some(reply.bytes);
        call.back_at = Some(self.clock.now());
        self.state().answer(call, reply.effect);
    }

    async fn fault(&self, moment: Moment, call: &Recorded) -> Result<(), Kept> {
        match self.faults.as_ref().map_or(Fault::None, |faults| faults.at(moment, call)) {
            Fault::None => Ok(()),
            Fault::Fail => Err(Kept::Told(Failure::again("the connection was lost (injected)"))),
            Fault::Crash => std::future::pending().await,
        }
    }

    /// Ends the run: nothing leaves any more, whatever task still holds this gate.
    pub fn close(&self) {
        if self.faults.as_ref().is_none_or(|faults| faults.closes()) {
            self.state().close();
        }
    }

    /// Ends the run for this reason, unless it is over already.
    pub(crate) fn end(&self, refusal: Refusal) {
        self.state().end(refusal);
    }

    /// Why the gate ended the run, if it did.
    pub fn ended(&self) -> Option<Refusal> {
        self.state().ended()
    }

    /// Whether the run is over.
    pub fn is_closed(&self) -> bool {
        self.state().is_closed()
    }

    /// What became of the run's writes so far.
    ///
    /// A write that was answered is in by its answer; one that was not, by its intent's `effect_by`.
    pub fn writes(&self) -> Writes {
        self.state().writes()
    }

    /// For how long nobody gets through to whom the run asked last: what it failed by is then no attempt at anything.
    pub fn away(&self) -> Option<Millis> {
        self.state().away
    }

    fn note_away(&self, call: &Recorded, away: Option<Millis>) {
        if call.access != CallAccess::Local {
            self.state().away = away;
        }
    }

    /// The host's clock.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    /// Whether a guest that sleeps now is to sleep in fact: not in a replay, nor where the journal that is resumed knows
    /// how its next look ended.
    pub(crate) fn sleeps(&self) -> bool {
        match &self.answers {
            Answers::Journal(_) => false,
            Answers::JournalThenOutside(journal) => self.state().schedule.looks >= journal.schedule.looks,
            Answers::Outside | Answers::Observe => true,
        }
    }

    /// The journal so far: calls by number, also those that left and were not answered, and the schedule.
    pub fn journal(&self) -> Journal {
        self.state().journal()
    }

    /// The same with what is known to come of the journal that is resumed: what a run has to go on from that is
    /// interrupted again.
    pub fn known(&self) -> Journal {
        self.state().known()
    }

    /// The call at which a replay ended: the journal has another one in its place, no answer to it, or none at all.
    pub fn astray(&self) -> Option<Recorded> {
        self.state().astray()
    }

    /// When a call was answered, if it was.
    pub(crate) fn answered_at(&self, CallNo(n): CallNo) -> Option<Timestamp> {
        self.state().answered_at(n)
    }

    /// Notes that an answer came while the guest was elsewhere.
    pub(crate) fn arrive(&self, CallNo(n): CallNo) {
        self.state().arrive(n);
    }

    /// Notes that the guest looked at readiness. Returns what its time becomes, if answers have come.
    pub(crate) fn look(&self) -> Option<Timestamp> {
        self.state().look(self.recorded_schedule())
    }

    /// What was ready at the next `poll`, if the journal knows.
    pub(crate) fn recorded_poll(&self) -> Option<Vec<u32>> {
        let at = self.state().schedule.polls.len();
        self.recorded_schedule()?.polls.get(at).cloned()
    }

    /// What the next `ready` answered, if the journal knows.
    pub(crate) fn recorded_ready(&self) -> Option<bool> {
        let at = self.state().schedule.ready.len();
        self.recorded_schedule()?.ready.get(at).copied()
    }

    pub(crate) fn note_poll(&self, ready: &[u32]) {
        self.state().schedule.polls.push(ready.to_vec());
    }

    pub(crate) fn note_ready(&self, ready: bool) {
        self.state().schedule.ready.push(ready);
    }

    const fn recorded_schedule(&self) -> Option<&Schedule> {
        match &self.answers {
            Answers::Journal(journal) | Answers::JournalThenOutside(journal) => Some(&journal.schedule),
            Answers::Outside | Answers::Observe => None,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
