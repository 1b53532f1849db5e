//! What a run left behind: what the ledger learnt from it, or what became of the delivery.
//!
//! Nothing is kept of a run for this. It follows from what the run was given and answered, from its calls, and from
//! where the row, or the delivery, is now; where one of these is no longer kept, that is said.

use groundcrew_core::row::State;
use groundcrew_core::spec::{Output, Thing, ThingState, differing};
use groundcrew_engine::gate::Refusal;
use groundcrew_store::Store;
use groundcrew_store::history::Standing;
use groundcrew_store::ledger::StoredRow;
use groundcrew_store::runs::{CallRecord, RunRecord};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Failure;
use super::rows::first_line;
use crate::runner::given::Asked;

/// Runs of an event that are looked at for the one that told it.
const TELLINGS: u32 = 50;

/// What was learnt, in one line and in its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Learnt {
    /// In one line.
    pub(super) said: String,
    /// The row's state before the run, where that can be told.
    pub(super) before: Option<State>,
    /// The row's state once the run had ended.
    pub(super) after: Option<State>,
    /// The thing that was made, changed or found.
    pub(super) thing: Option<String>,
    pub(super) outputs: Vec<Output>,
    /// What a change changed: `ttl: 300 -> 60`.
    pub(super) changed: Vec<String>,
    /// The keys of a handler's memory that it wrote.
    pub(super) remembered: Vec<String>,
}

/// What a run answered, as far as that is kept.
enum Said<T> {
    This(T),
    /// It is too long to be kept, or too old.
    Unkept,
}

impl Learnt {
    /// What was learnt from a run of this hook; its calls may be left out, and then less is known.
    pub(super) fn of(
        store: &Store,
        run: &RunRecord,
        calls: &[CallRecord],
        row: Option<&StoredRow>,
        hook: &str,
    ) -> Result<Self, Failure> {
        let Some(outcome) = run.outcome.as_deref() else {
            return Ok(Self::said("nothing yet: it is under way, or the runner ended first"));
        };
        if run.op == "handle" {
            return delivered(store, run, hook);
        }
        let sent = calls.iter().find(|call| call.access == "write");
        Ok(match (run.op.as_str(), outcome == "ok") {
            ("find", true) => found(run),
            ("create", true) => Self { before: was(row, sent), ..thing(run, "made") },
            ("update", true) => Self { changed: changed(run), ..thing(run, "changed") },
            ("remove", true) => removed(run),
            ("audit", true) => counted(run, "/findings", "finding"),
            ("scan", true) => counted(run, "/0", "thing"),
            ("fix", true) => Self::said(answer(run).unwrap_or_else(|| "tried to mend it".to_owned())),
            ("create" | "update" | "remove", false) if sent.is_some() => Self {
                before: was(row, sent).filter(|_| run.op == "create"),
                after: Some(match run.op.as_str() {
                    "create" => State::InDoubt,
                    "update" => State::Updating,
                    _ => State::Deleting,
                }),
                ..Self::said(format!("a write left, and what it did is looked up: {}", first_line(outcome)))
            },
            _ => Self::said(format!("nothing: {}", first_line(outcome))),
        })
    }

    fn said(said: impl Into<String>) -> Self {
        Self { said: said.into(), ..Self::default() }
    }
}

/// How a run that told an event went, in a word: `told`, `shown`, `discarded` (it failed, and nothing is owed).
pub(super) fn told(run: &RunRecord) -> &'static str {
    match run.outcome.as_deref() {
        None => "under way",
        Some("ok") => "told",
        Some(outcome) if outcome == Refusal::Observed(Vec::new()).to_string() => "shown",
        Some(_) => "discarded",
    }
}

/// The state of a row before a creation: its first intent finds it `creating`, a repeated one in doubt.
fn was(row: Option<&StoredRow>, sent: Option<&CallRecord>) -> Option<State> {
    let (intended, sent) = (row?.row.intended_at?, sent?.sent_at);
    Some(if sent <= intended { State::Creating } else { State::InDoubt })
}

fn answer<T: DeserializeOwned>(run: &RunRecord) -> Option<T> {
    match said(run) {
        Said::This(said) => Some(said),
        Said::Unkept => None,
    }
}

fn said<T: DeserializeOwned>(run: &RunRecord) -> Said<T> {
    let kept: Option<Value> = run.answer.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let said = kept.and_then(|mut kept| serde_json::from_value(kept.get_mut("ok")?.take()).ok());
    said.map_or(Said::Unkept, Said::This)
}

fn state_of(thing: &Thing) -> State {
    if thing.state == ThingState::Pending { State::Pending } else { State::Present }
}

/// `www.cust-7.example/A`, and how it is where that is not as it should be.
fn titled(thing: &Thing) -> String {
    let how = match thing.state {
        ThingState::Ready => String::new(),
        ThingState::Pending => ", not ready".to_owned(),
        ThingState::Removing => ", on its way out".to_owned(),
        ThingState::Failed => ", which does not work".to_owned(),
    };
    let note = thing.note.as_ref().filter(|_| !how.is_empty()).map(|note| format!(" ({note})"));
    format!("{}{how}{}", thing.id, note.unwrap_or_default())
}

fn found(run: &RunRecord) -> Learnt {
    let things: Vec<Thing> = match said(run) {
        Said::This(things) => things,
        Said::Unkept => return Learnt::said("it looked; what it found is no longer kept"),
    };
    match things.as_slice() {
        [] => Learnt::said("nothing is there"),
        [one] => Learnt {
            thing: Some(one.id.clone()),
            outputs: one.outputs.clone(),
            ..Learnt::said(format!("it is there: {}", titled(one)))
        },
        more => {
            let ids: Vec<_> = more.iter().map(|thing| thing.id.as_str()).collect();
            Learnt::said(format!("{} are there: {}", more.len(), first_line(&ids.join(", "))))
        }
    }
}

/// What was learnt from a thing that a write answered with.
fn thing(run: &RunRecord, did: &str) -> Learnt {
    match said::<Thing>(run) {
        Said::This(thing) => Learnt {
            after: Some(state_of(&thing)),
            outputs: thing.outputs.clone(),
            thing: Some(thing.id.clone()),
            ..Learnt::said(format!("{did} {}", titled(&thing)))
        },
        Said::Unkept => Learnt::said(format!("{did}; what it answered is no longer kept")),
    }
}

/// The fields that a change was to change, from what was seen to what is wanted.
fn changed(run: &RunRecord) -> Vec<String> {
    let asked = run.input.as_deref().and_then(|input| serde_json::from_str::<Asked<'_>>(input).ok());
    let Some(Asked::Update(want, was)) = asked else { return Vec::new() };
    let one = |field: &str| {
        let (from, to) = (was.body.get(field), want.body.get(field));
        let text = |value: Option<&Value>| value.map_or_else(|| "none".to_owned(), Value::to_string);
        first_line(&format!("{field}: {} -> {}", text(from), text(to)))
    };
    differing(&want.body, &was.body).into_iter().map(one).collect()
}

fn removed(run: &RunRecord) -> Learnt {
    let deleting = |said: String| Learnt { after: Some(State::Deleting), ..Learnt::said(said) };
    match said::<Option<Thing>>(run) {
        Said::This(None) => deleting("its removal was answered: it is gone once nothing shows it".to_owned()),
        Said::This(Some(left)) => {
            deleting(format!("its removal was answered, and it is still shown: {}", titled(&left)))
        }
        Said::Unkept => deleting("its removal was answered".to_owned()),
    }
}

/// How many a page of an audit or of an inventory had.
fn counted(run: &RunRecord, pointer: &str, what: &str) -> Learnt {
    let page = answer::<Value>(run);
    let count = page.as_ref().and_then(|page| page.pointer(pointer)).and_then(Value::as_array).map(Vec::len);
    Learnt::said(match count {
        Some(1) => format!("a page with 1 {what}"),
        Some(count) => format!("a page with {count} {what}s"),
        None => "a page; what was on it is no longer kept".to_owned(),
    })
}

/// What became of the delivery.
fn delivered(store: &Store, run: &RunRecord, hook: &str) -> Result<Learnt, Failure> {
    match told(run) {
        "told" => {
            let remembered = remembered(run);
            return Ok(Learnt { remembered, ..Learnt::said("told: nothing more of it is owed") });
        }
        "shown" => {
            return Ok(Learnt::said("only shown, for the level is observe: nothing more of it is owed"));
        }
        _ => {}
    }
    let Some(seq) = run.seq else { return Ok(Learnt::said("not told")) };
    let tried = |attempts: u32| if attempts == 1 { "once".to_owned() } else { format!("{attempts} times") };
    if let Some(untold) = store.untold(seq)?.into_iter().find(|untold| untold.hook == run.hook) {
        return Ok(Learnt::said(match untold.standing {
            Standing::Owed { due_at } => {
                let due = due_at.map(|at| format!(", again {at}")).unwrap_or_default();
                format!("not told, and owed: tried {}{due}", tried(untold.attempts))
            }
            Standing::Dead => {
                format!("given up, tried {}: groundcrew dead show {hook}/{seq}", tried(untold.attempts))
            }
        }));
    }
    let event = store.happened(seq)?;
    let runs = event.map(|event| store.telling(&event, TELLINGS)).transpose()?;
    let mut later = runs.into_iter().flat_map(|telling| telling.runs);
    let later = later.find(|one| one.hook == run.hook && one.id > run.id && told(one) == "told");
    Ok(Learnt::said(match later {
        Some(later) => format!("not told then; {} told it", later.id),
        None => "not told, and no longer owed".to_owned(),
    }))
}

/// The keys that a run wrote to its lane's memory.
fn remembered(run: &RunRecord) -> Vec<String> {
    let kept: Option<Value> = run.answer.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let kv = kept.as_ref().and_then(|kept| kept.get("kv")).and_then(Value::as_object);
    kv.map(|kv| kv.keys().cloned().collect()).unwrap_or_default()
}
