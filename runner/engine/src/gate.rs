//! The one seam that every effect of a guest passes.
//!
//! ```text
//!            number (synchronous, in the guest's order)
//!              |
//!   journal? --+-- recorded answer ------------------------------> guest
//!              |
//!   observe and a write: the run ends here, the write is shown
//!              |
//!   a write: its intent is committed (with all calls before it)
//!              |
//!   closed?  late?  ----> refused, nothing left
//!              |
//!   outside, sealed and masked, recorded in memory -------------> guest
//! ```
//!
//! Guarantees: no write leaves before its intent is durable, none later than `send_within` after it, none
//! after [`Gate::close`]. The number of a call is its place in the guest's order even when calls overlap.
//!
//! It deliberately does not know what a call means: HTTP, memory and fleet are its callers.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use groundcrew_core::duration::Millis;
use groundcrew_core::hash::Digest;
use groundcrew_core::time::Timestamp;

use crate::clock::Clock;
use crate::journal::{CallAccess, Journal, Recorded, Schedule};

/// Where answers come from.
#[derive(Clone, Debug, Default)]
pub enum Answers {
    /// From outside; a write's intent is durable before it leaves.
    #[default]
    Outside,
    /// From the journal only; its end ends the run.
    Journal(Journal),
    /// From the journal while it lasts, then from outside.
    JournalThenOutside(Journal),
    /// Reads from outside; the run ends at its first write.
    Observe,
}

/// A write that is about to leave.
#[derive(Debug)]
pub struct Intent<'a> {
    /// The write itself, without an answer.
    pub call: &'a Recorded,
    /// Answered calls before it that are not stored yet.
    pub earlier: &'a [Recorded],
    /// Until when this write may take effect, whatever crashes or sleeps.
    pub effect_by: Timestamp,
}

/// Makes intents durable.
pub trait Intents: Send + Sync {
    /// Commits an intent. The write leaves only after this succeeded.
    fn intend<'a>(&'a self, intent: Intent<'a>) -> BoxFuture<'a, Result<(), IntentError>>;
}

/// Why an intent was not committed, so that its write must not leave.
#[derive(Debug, Clone, thiserror::Error)]
pub enum IntentError {
    /// The store could not take it; try again later.
    #[error("the intent could not be stored: {0}")]
    Store(String),
    /// What the intent is for is not to be done any more: it was superseded, frozen or held.
    #[error("not to be done any more: {0}")]
    Refused(String),
}

/// Intents that are kept nowhere, for runs whose writes need no ledger.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unrecorded;

impl Intents for Unrecorded {
    fn intend<'a>(&'a self, _: Intent<'a>) -> BoxFuture<'a, Result<(), IntentError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// A place in a run where a fault may be laid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before a call's intent is committed.
    Before,
    /// After it took effect outside, before its answer is known here.
    AfterEffect,
    /// After its answer was recorded.
    AfterRecord,
}

/// What a fault schedule does at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The call fails as if the network had.
    Fail,
    /// The process dies: this future never resolves, nothing after it happens.
    Crash,
}

/// A fault schedule: asked at every moment of every call.
pub trait Faults: Send + Sync {
    /// What happens at this moment of this call.
    fn at(&self, moment: Moment, call: &Recorded) -> Fault;
}

/// Why the gate let a call through no further. All but `Failed` end the run.
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
    /// The write did not leave; the guest is told so as a failure.
    #[error("{0}")]
    Failed(String),
    /// The store or the driver refused the write.
    #[error(transparent)]
    Intent(#[from] IntentErrorText),
}

/// An [`IntentError`] as text that can be compared and cloned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct IntentErrorText(pub String);

#[derive(Default)]
struct Slot {
    call: Option<Recorded>,
    stored: bool,
}

#[derive(Default)]
struct State {
    calls: Vec<Slot>,
    ended: Option<Refusal>,
    schedule: Schedule,
    /// The latest time until which a write that left may take effect; none if none left.
    effect_by: Option<Timestamp>,
    unanswered: u32,
}

/// The gate of one run; a shared handle.
pub struct Gate {
    state: Mutex<State>,
    closed: AtomicBool,
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
pub struct Ticket(Recorded);

/// What came back from outside.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The answer as the guest will see it, as JSON.
    pub bytes: Vec<u8>,
    /// Whether what was asked can still take effect after this.
    pub effect: Effect,
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

impl Gate {
    /// Opens a gate for one run.
    pub fn new(
        answers: Answers,
        intents: Arc<dyn Intents>,
        faults: Option<Arc<dyn Faults>>,
        clock: Arc<dyn Clock>,
        limits: &crate::limits::Limits,
    ) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            closed: AtomicBool::new(false),
            answers,
            intents,
            faults,
            clock,
            send_within: limits.send_within,
            request: limits.request,
            calls_max: limits.calls,
        })
    }

    /// Numbers a call. Synchronous: the number is the call's place in the guest's order.
    pub fn number(&self) -> Result<CallNo, Refusal> {
        let mut state = self.state();
        let n = state.calls.len() as u32;
        if n >= self.calls_max {
            return Err(Refusal::TooMany(self.calls_max));
        }
        state.calls.push(Slot::default());
        Ok(CallNo(n))
    }

    /// Says what a numbered call asks.
    pub fn ticket(&self, CallNo(n): CallNo, op: &str, access: CallAccess, ask: Vec<u8>) -> Ticket {
        let print = Digest::of_parts([op.as_bytes(), &ask]);
        let sent_at = self.clock.now();
        Ticket(Recorded { n, op: op.to_owned(), access, print, ask, answer: None, sent_at, back_at: None })
    }

    /// Takes a call through the gate; `outside` is run at most once, and only if the call may leave.
    pub async fn pass<F, Fut>(&self, ticket: Ticket, outside: F) -> Result<Vec<u8>, Refusal>
    where
        F: FnOnce() -> Fut + Send,
        Fut: Future<Output = Reply> + Send,
    {
        let mut call = ticket.0;
        if let Some(answer) = self.from_journal(&call)? {
            let bytes = answer.answer.clone().unwrap_or_default();
            self.record(answer, Effect::Over);
            return Ok(bytes);
        }
        if matches!(self.answers, Answers::Observe) && call.access == CallAccess::Write {
            return Err(Refusal::Observed(call.ask));
        }
        self.fault(Moment::Before, &call).await?;
        if call.access == CallAccess::Write {
            self.intend(&mut call).await?;
        }
        if self.is_closed() {
            return Err(Refusal::Closed);
        }
        let reply = outside().await;
        self.fault(Moment::AfterEffect, &call).await?;
        call.answer = Some(reply.bytes.clone());
        call.back_at = Some(self.clock.now());
        let answered = call.clone();
        self.record(call, reply.effect);
        self.fault(Moment::AfterRecord, &answered).await?;
        Ok(reply.bytes)
    }

    /// Commits a write's intent and refuses the write if that took too long.
    async fn intend(&self, call: &mut Recorded) -> Result<(), Refusal> {
        let asked_at = self.clock.now();
        let effect_by = asked_at + self.send_within + self.request;
        call.sent_at = asked_at;
        let earlier = self.unstored();
        let intent = Intent { call, earlier: &earlier, effect_by };
        self.intents.intend(intent).await.map_err(|error| match error {
            IntentError::Store(text) => Refusal::Failed(text),
            refused @ IntentError::Refused(_) => Refusal::Intent(IntentErrorText(refused.to_string())),
        })?;
        let mut state = self.state();
        for n in earlier.iter().map(|call| call.n as usize) {
            state.calls[n].stored = true;
        }
        state.effect_by = state.effect_by.max(Some(effect_by));
        let late = self.clock.now().since(asked_at) > self.send_within;
        if late {
            return Err(Refusal::Failed("the write was not sent: its intent took too long to store".to_owned()));
        }
        state.unanswered += 1;
        Ok(())
    }

    /// Answered calls that no intent has carried to the store yet.
    fn unstored(&self) -> Vec<Recorded> {
        let state = self.state();
        state.calls.iter().filter(|slot| !slot.stored).filter_map(|slot| slot.call.clone()).collect()
    }

    fn from_journal(&self, call: &Recorded) -> Result<Option<Recorded>, Refusal> {
        let (journal, only) = match &self.answers {
            Answers::Journal(journal) => (journal, true),
            Answers::JournalThenOutside(journal) => (journal, false),
            Answers::Outside | Answers::Observe => return Ok(None),
        };
        let recorded = journal.calls.iter().find(|recorded| recorded.n == call.n);
        match recorded {
            Some(recorded) if recorded.print != call.print => Err(Refusal::Diverged {
                n: call.n,
                recorded: text(&recorded.ask),
                asked: text(&call.ask),
            }),
            Some(recorded) if recorded.answer.is_some() => Ok(Some(recorded.clone())),
            _ if only => Err(Refusal::JournalEnded(call.n)),
            _ => Ok(None),
        }
    }

    fn record(&self, call: Recorded, effect: Effect) {
        let mut state = self.state();
        if call.access == CallAccess::Write && effect == Effect::Over {
            state.unanswered = state.unanswered.saturating_sub(1);
            if state.unanswered == 0 && state.effect_by.is_some() {
                state.effect_by = call.back_at.or(state.effect_by);
            }
        }
        let n = call.n as usize;
        state.calls[n].call = Some(call);
    }

    async fn fault(&self, moment: Moment, call: &Recorded) -> Result<(), Refusal> {
        match self.faults.as_ref().map_or(Fault::None, |faults| faults.at(moment, call)) {
            Fault::None => Ok(()),
            Fault::Fail => Err(Refusal::Failed("the connection was lost (injected)".to_owned())),
            Fault::Crash => std::future::pending().await,
        }
    }

    /// Ends the run: nothing leaves any more, whatever task still holds this gate.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Ends the run for this reason; the first one counts.
    pub(crate) fn end(&self, refusal: Refusal) {
        self.state().ended.get_or_insert(refusal);
        self.close();
    }

    /// Why the gate ended the run, if it did.
    pub fn ended(&self) -> Option<Refusal> {
        self.state().ended.clone()
    }

    /// Whether the run is over.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// What became of the run's writes so far.
    pub fn writes(&self) -> Writes {
        self.state().effect_by.map_or(Writes::None, |effect_by| Writes::Sent { effect_by })
    }

    /// The clock of the run.
    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Whether calls may reach the outside in this mode.
    pub(crate) fn asks_outside(&self) -> bool {
        !matches!(self.answers, Answers::Journal(_))
    }

    /// Whether sleeping guests are to sleep in fact.
    pub(crate) fn sleeps(&self) -> bool {
        !matches!(self.answers, Answers::Journal(_))
    }

    /// The journal so far: answered calls by number, and the schedule.
    pub fn journal(&self) -> Journal {
        let state = self.state();
        Journal { calls: state.calls.iter().filter_map(|slot| slot.call.clone()).collect(), schedule: state.schedule.clone() }
    }

    /// When a call was answered; the run's present where it was not.
    pub(crate) fn answered_at(&self, CallNo(n): CallNo) -> Timestamp {
        let answered = self.state().calls.get(n as usize).and_then(|slot| slot.call.as_ref()?.back_at);
        answered.unwrap_or_else(|| self.clock.now())
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

    fn recorded_schedule(&self) -> Option<&Schedule> {
        match &self.answers {
            Answers::Journal(journal) | Answers::JournalThenOutside(journal) => Some(&journal.schedule),
            Answers::Outside | Answers::Observe => None,
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(200).collect()
}
