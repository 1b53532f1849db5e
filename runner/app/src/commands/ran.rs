//! Runs as commands show them: one shape in JSON, one line in tables, and what they are linked to.

use groundcrew_core::duration::Millis;
use groundcrew_core::time::Timestamp;
use groundcrew_store::Store;
use groundcrew_store::because::Because;
use groundcrew_store::history::Happened;
use groundcrew_store::ledger::StoredRow;
use groundcrew_store::runs::{CallRecord, RunRecord};
use serde::Serialize;
use serde_json::Value;

use super::Failure;
use super::calls::CallShown;
use super::events::{self, EventShown};
use super::learnt::Learnt;
use super::rows::{Names, first_line};
use crate::replay::lines::json_of;
use crate::show::{Cell, Table, Tone, ago, length};

/// A run in JSON. Times are RFC 3339.
#[derive(Clone, Debug, Serialize)]
pub(super) struct RunShown {
    pub(super) run: String,
    pub(super) hook: String,
    pub(super) op: String,
    pub(super) subject: Option<String>,
    pub(super) row: Option<String>,
    pub(super) about: Option<String>,
    /// The event that it told, if it is kept.
    pub(super) event: Option<EventShown>,
    /// The run that was ended early, and from which it went on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resumes: Option<String>,
    pub(super) started: String,
    pub(super) ended: Option<String>,
    pub(super) took_ms: Option<i64>,
    pub(super) outcome: Option<String>,
    pub(super) component: String,
    #[serde(flatten)]
    pub(super) whole: Option<Whole>,
}

/// What is shown of a run that is looked at by itself.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Whole {
    /// Of a provisioner's run, if it is known: what made its lane due.
    pub(super) because: Option<Reason>,
    /// Of a run that told no event, and of which none is known to be the reason: the last one of its owner before it.
    pub(super) after: Option<EventShown>,
    /// The runs about the same row just before and after.
    pub(super) earlier: Option<String>,
    pub(super) later: Option<String>,
    pub(super) calls: Vec<CallShown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) log: Option<Value>,
    pub(super) learnt: Learnt,
}

/// What made the lane due that a run was a part of.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Reason {
    /// In words.
    pub(super) said: String,
    /// The event, if it was one that is still kept.
    pub(super) event: Option<EventShown>,
}

impl Reason {
    fn of(because: Because, store: &Store) -> Result<Self, Failure> {
        let said = match because {
            Because::Event(seq) => {
                if let Some(event) = store.happened(seq)?.map(EventShown::from) {
                    return Ok(Self { said: events::titled(&event), event: Some(event) });
                }
                format!("{}, which is no longer kept", events::name(seq))
            }
            Because::Seen => "its owner was seen otherwise".to_owned(),
            Because::Labels => "labels of its owner changed".to_owned(),
            Because::Reads => "what it reads changed".to_owned(),
            Because::Ledger => "a thing changed hands, or its place became free".to_owned(),
            Because::Listing => "a listing showed it otherwise than it should be".to_owned(),
            Because::Person => "a person asked for it".to_owned(),
            Because::Sweep => "everybody was owed a look".to_owned(),
        };
        Ok(Self { said, event: None })
    }
}

impl RunShown {
    /// A run without its calls.
    pub(super) fn of(run: &RunRecord, store: &Store, names: &Names<'_>) -> Result<Self, Failure> {
        let row = run.resource.map(|id| store.row(id)).transpose()?.flatten();
        let event = run.seq.map(|seq| store.happened(seq)).transpose()?.flatten();
        Ok(Self {
            run: run.id.to_string(),
            hook: names.hook(run.hook),
            op: run.op.clone(),
            subject: run.subject.map(|id| Ok::<_, Failure>(names.owner(id)?.0)).transpose()?,
            about: row.as_ref().map(|row| format!("{}/{}", row.kind, row.key)),
            row: row.map(|row| row.row.id.to_string()),
            event: event.map(EventShown::from),
            resumes: run.resumes.map(|run| run.to_string()),
            started: run.started.to_string(),
            ended: run.ended.map(|at| at.to_string()),
            took_ms: run.ended.map(|ended| ended.since(run.started).as_i64()),
            outcome: run.outcome.clone(),
            component: run.component.to_string(),
            whole: None,
        })
    }

    /// The same with its calls, what it logged, what was learnt from it, and what came before and after; among that what
    /// made its lane due, or the last event of its owner before it, unless it told one.
    pub(super) fn whole(
        self,
        run: &RunRecord,
        calls: &[CallRecord],
        store: &Store,
        row: Option<&StoredRow>,
        after: Option<&Happened>,
    ) -> Result<Self, Failure> {
        let (earlier, later) =
            run.resource.map(|id| store.runs_beside(id, run.id)).transpose()?.unwrap_or_default();
        let because = run.because.map(|because| Reason::of(because, store)).transpose()?;
        let is_known = because.as_ref().is_some_and(|because| because.event.is_some());
        let whole = Whole {
            because,
            after: after.filter(|_| !is_known).cloned().map(EventShown::from),
            earlier: earlier.map(|run| run.to_string()),
            later: later.map(|run| run.to_string()),
            calls: calls.iter().map(|call| CallShown::of(call, run.started)).collect(),
            log: run.log.as_deref().map(|log| json_of(log.as_bytes())),
            learnt: Learnt::of(store, run, calls, row, &self.hook)?,
        };
        Ok(Self { whole: Some(whole), ..self })
    }

    /// What it is about: a thing, or an event.
    fn about(&self) -> Option<String> {
        let event = || self.event.as_ref().map(|event| format!("{} {}", event.event, event.kind));
        self.about.clone().or_else(event)
    }
}

/// How a run ended, in one line.
pub(super) fn outcome(run: &RunRecord) -> (Tone, String) {
    match run.outcome.as_deref() {
        Some("ok") => (Tone::Good, "ok".to_owned()),
        Some(outcome) => (Tone::Bad, first_line(outcome)),
        None => (Tone::Waiting, "under way".to_owned()),
    }
}

/// A table of runs, newest first.
pub(super) fn table(runs: &[(RunRecord, RunShown)], now: Timestamp) -> Table {
    let mut table = Table::new(["RUN", "HOOK", "DOES", "FOR", "ABOUT", "STARTED", "TOOK", "OUTCOME"]);
    for (run, shown) in runs {
        let took = run.ended.map(|ended| length(ended.since(run.started)));
        let (tone, said) = outcome(run);
        table.row([
            shown.run.clone().into(),
            shown.hook.clone().into(),
            shown.op.clone().into(),
            Cell::or_nothing(shown.subject.clone()),
            Cell::or_nothing(shown.about()),
            ago(run.started, now).into(),
            Cell::or_nothing(took),
            Cell::toned(tone, said),
        ]);
    }
    table
}

/// How long a run took, or since when it runs.
pub(super) fn took(run: &RunRecord, now: Timestamp) -> String {
    match run.ended {
        Some(ended) => length(ended.since(run.started)),
        None => format!("{} so far", length(now.since(run.started).max(Millis::ZERO))),
    }
}

/// `r12 to r14`, or one of them.
pub(super) fn range(first: &RunRecord, last: &RunRecord) -> String {
    if first.id == last.id { first.id.to_string() } else { format!("{} to {}", first.id, last.id) }
}
