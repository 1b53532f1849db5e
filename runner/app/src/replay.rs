//! Plays a run again from its journal: offline, without secrets, call by call.
//!
//! ```text
//!   run, calls, event, settings ---> Recording <--- a file that `--export` wrote
//!                                        |
//!   component, compiled ---> engine, gate answered by the journal ---> Replayed: same | cut short | differs
//! ```
//!
//! Nothing leaves: the gate answers from the journal and ends the run where that ends, and there is no transport
//! behind it. It is the very function that runs hooks, so nothing here knows what a call means.

mod alike;
pub mod lines;
mod recording;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use groundcrew_core::duration::Millis;
use groundcrew_core::hash::Digest;
use groundcrew_core::spec::Failure;
use groundcrew_engine::clock::SystemClock;
use groundcrew_engine::egress::{Egress, Request, Response, Transport, TransportError};
use groundcrew_engine::gate::{Answers, Gate, Unrecorded};
use groundcrew_engine::journal::{CallAccess, Journal, Recorded};
use groundcrew_engine::limits::Limits;
use groundcrew_engine::run::{Context, Ended, MemoryHandle, Run};
use groundcrew_engine::secrets::Secrets;
use groundcrew_store::runs::{CallRecord, RunRecord};
use serde::{Deserialize, Serialize};

pub use alike::{compared, sign};
pub use recording::{Call, FORMAT, NotKept, Recording, Unreadable};

use crate::prove::loaded::Loaded;
use crate::runner::TIMELESS;
use crate::runner::given::{self, Asked};

/// What a replay showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The same calls with the same bytes, and the same answer.
    Same,
    /// The recorded run was ended from outside; the same calls up to there.
    CutShort {
        /// How it was ended.
        outcome: String,
    },
    /// Something is different; this first.
    Differs(Difference),
}

/// What is different.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "in", rename_all = "lowercase")]
pub enum Difference {
    /// A call: another one, one more, or one less.
    Call {
        /// Its number.
        n: u32,
        /// What was asked then.
        recorded: Option<Question>,
        /// What is asked now.
        now: Option<Question>,
    },
    /// What the run answered.
    Answer {
        /// Then.
        recorded: String,
        /// Now.
        now: String,
    },
}

/// What a call asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Which import.
    pub op: String,
    /// JSON.
    pub ask: String,
}

impl Question {
    fn of(call: &Recorded) -> Self {
        Self { op: call.op.clone(), ask: String::from_utf8_lossy(&call.ask).into_owned() }
    }
}

/// A run that was played again.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// How many calls the journal answered.
    pub calls: usize,
    /// How it compares.
    pub verdict: Verdict,
}

/// There is no way out of a replay.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nowhere;

impl Transport for Nowhere {
    fn admit<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(std::future::ready(Err(Failure::final_("nothing leaves in a replay"))))
    }

    fn exchange(&self, _: Request, _: Millis) -> BoxFuture<'_, Result<Response, TransportError>> {
        let refused = TransportError::NotSent("nothing leaves in a replay".to_owned());
        Box::pin(std::future::ready(Err(refused)))
    }
}

/// What one run came to, whatever it answers.
struct Came {
    outcome: Outcome,
    answer: Option<String>,
    calls: u32,
}

/// How a run ended, as far as a comparison needs it.
enum Outcome {
    /// The guest answered, failed or trapped: as it is recorded.
    Guest(String),
    /// The host ended it.
    Host(String),
}

impl Came {
    fn of<T: Serialize>(run: &Run<T>) -> Self {
        let outcome = match &run.outcome {
            Ok(_) => Outcome::Guest("ok".to_owned()),
            Err(ended @ (Ended::Deadline(_) | Ended::Refused(_) | Ended::Uncompiled)) => {
                Outcome::Host(ended.to_string())
            }
            Err(ended) => Outcome::Guest(ended.to_string()),
        };
        Self { outcome, answer: given::answer(run), calls: run.journal.calls.len() as u32 }
    }
}

/// Plays a run again with a component: its own, or another version.
pub async fn replay(loaded: &Loaded, recording: &Recording) -> Replayed {
    let started = match recording.asked {
        Asked::Desired(_) => TIMELESS,
        _ => recording.started,
    };
    let journal = journal(recording);
    let limits = Arc::new(Limits::default());
    let clock = Arc::new(SystemClock);
    let gate = Gate::new(Answers::Journal(journal.clone()), Arc::new(Unrecorded), None, clock, &limits);
    let secrets = Arc::new(Secrets::of_tokens(recording.settings.secrets.clone()));
    let context = Context {
        gate: gate.clone(),
        egress: Egress::new(Arc::from([]), secrets, Arc::new(Nowhere)),
        memory: memory(&recording.asked),
        config: Arc::new(recording.settings.config.clone()),
        seed: recording.seed,
        started,
        limits,
    };
    let came = run(loaded, &context, &recording.asked).await;
    let verdict = compare(recording, &journal, &came, gate.astray().as_ref());
    Replayed { calls: came.calls as usize, verdict }
}

/// What a run could look up: its journal has the answers, and what it wrote goes nowhere.
fn memory(asked: &Asked<'_>) -> MemoryHandle {
    match asked {
        Asked::Handle(_) | Asked::Audit(_) | Asked::Fix(_) => MemoryHandle::empty(),
        Asked::Desired(_)
        | Asked::Find(_)
        | Asked::Create(_)
        | Asked::Update(..)
        | Asked::Remove(..)
        | Asked::Scan(..) => MemoryHandle::absent(),
    }
}

async fn run(loaded: &Loaded, context: &Context, asked: &Asked<'_>) -> Came {
    let (engine, hook) = (&loaded.engine, &loaded.component);
    match asked {
        Asked::Handle(event) => Came::of(&engine.handle(hook, context, event.clone().into_owned()).await),
        Asked::Desired(view) => Came::of(&engine.desired(hook, context, view.clone().into_owned()).await),
        Asked::Find(want) => Came::of(&engine.find(hook, context, want).await),
        Asked::Create(want) => Came::of(&engine.create(hook, context, want).await),
        Asked::Update(want, now) => Came::of(&engine.update(hook, context, want, now).await),
        Asked::Remove(want, now) => Came::of(&engine.remove(hook, context, want, now).await),
        Asked::Scan(owner, cursor) => {
            Came::of(&engine.scan(hook, context, owner.as_ref(), cursor.as_deref()).await)
        }
        Asked::Audit(cursor) => Came::of(&engine.audit(hook, context, cursor.as_deref()).await),
        Asked::Fix(finding) => Came::of(&engine.fix(hook, context, finding).await),
    }
}

fn journal(recording: &Recording) -> Journal {
    Journal {
        calls: recording.calls.iter().map(Recorded::from).collect(),
        schedule: recording.schedule.clone(),
    }
}

impl From<&Call> for Recorded {
    fn from(call: &Call) -> Self {
        let ask = call.asked.ask.clone().into_bytes();
        Self {
            n: call.n,
            op: call.asked.op.clone(),
            access: call.access,
            print: Digest::of_parts([call.asked.op.as_bytes(), &ask]),
            ask,
            answer: call.answer.clone().map(String::into_bytes),
            sent_at: call.sent_at,
            back_at: call.back_at,
        }
    }
}

/// The journal of a stored run.
///
/// # Errors
/// If not all of it is kept.
pub fn journal_of(run: &RunRecord, calls: &[CallRecord]) -> Result<Journal, NotKept> {
    let (calls, schedule) = recording::journal_of(run, calls)?;
    Ok(Journal { calls: calls.iter().map(Recorded::from).collect(), schedule })
}

fn compare(recording: &Recording, journal: &Journal, came: &Came, astray: Option<&Recorded>) -> Verdict {
    let recorded = |n: u32| journal.calls.iter().find(|call| call.n == n);
    let was_ended = recording.answer.is_none();
    let outcome = recording.outcome.clone();
    if let Some(now) = astray {
        return match recorded(now.n).filter(|recorded| recorded.print != now.print) {
            Some(other) => Verdict::Differs(Difference::Call {
                n: now.n,
                recorded: Some(Question::of(other)),
                now: Some(Question::of(now)),
            }),
            // It was cut off where nothing is known any more, or while this call was under way.
            None if was_ended => Verdict::CutShort { outcome },
            None => {
                Verdict::Differs(Difference::Call { n: now.n, recorded: None, now: Some(Question::of(now)) })
            }
        };
    }
    if let Some(left) = journal.calls.iter().find(|call| call.n >= came.calls) {
        return Verdict::Differs(Difference::Call {
            n: left.n,
            recorded: Some(Question::of(left)),
            now: None,
        });
    }
    let now = match &came.outcome {
        Outcome::Guest(outcome) | Outcome::Host(outcome) => outcome,
    };
    let is_same = *now == outcome && came.answer == recording.answer;
    match &came.outcome {
        _ if is_same => Verdict::Same,
        Outcome::Host(_) if was_ended => Verdict::CutShort { outcome },
        _ => {
            let whole = |answer: &Option<String>, outcome: &str| answer.clone().unwrap_or(outcome.to_owned());
            let (recorded, now) = (whole(&recording.answer, &outcome), whole(&came.answer, now));
            Verdict::Differs(Difference::Answer { recorded, now })
        }
    }
}

/// What of a call is kept in a recording.
impl From<&CallRecord> for Call {
    fn from(call: &CallRecord) -> Self {
        let access = match call.access.as_str() {
            "write" => CallAccess::Write,
            "local" => CallAccess::Local,
            _ => CallAccess::Read,
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            n: call.n,
            asked: Question { op: call.op.clone(), ask: text(&call.ask) },
            access,
            answer: call.answer.as_deref().map(text),
            sent_at: call.sent_at,
            back_at: call.back_at,
        }
    }
}
