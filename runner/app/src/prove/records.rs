//! The runs of a play and the ledger at its end, read back from the database, for whoever tells its story.

use std::collections::BTreeMap;

use groundcrew_core::row::State;
use groundcrew_engine::egress::{Answer, Ask};
use groundcrew_outside::Purpose;
use groundcrew_store::ledger::StoredRow;
use groundcrew_store::listing::{GoneToo, RowFilter};
use groundcrew_store::runs::{CallRecord, RunRecord, RunsOf};
use groundcrew_store::{Result, Store};

use super::scene::Records;
use crate::replay::{NotKept, Recording};

/// More runs than any play has.
const RUNS_MAX: u32 = 1_000_000;

/// What was kept of a play.
#[derive(Clone, Debug)]
pub struct Kept {
    /// All runs that were stored, in order.
    pub runs: Vec<Ran>,
    /// The same runs whole, or why they cannot be played again; only of [`Records::Whole`].
    pub whole: Vec<Result<Recording, NotKept>>,
    /// All rows of the ledger, gone ones too.
    pub rows: Vec<StoredRow>,
    /// What each of them is for, its state, and its thing, in their order.
    pub ledger: Vec<Booked>,
    /// What those rows are for of which something was made and is not gone: what lives, as far as the ledger knows.
    pub living: Vec<Purpose>,
    /// What `desired` answered otherwise when it was asked the same again.
    pub unsteady: Option<String>,
}

/// One row of the ledger, as a person reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booked {
    /// Whose it is, and which thing.
    pub purpose: Purpose,
    /// How far it is.
    pub state: State,
    /// The thing's own id, once known.
    pub thing: Option<String>,
}

/// One run.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Its record.
    pub record: RunRecord,
    /// The path of its subject, if it has one.
    pub owner: Option<String>,
    /// `KIND/KEY` of the thing that it is about, if it is about one.
    pub about: Option<String>,
    /// Its requests.
    pub calls: Vec<Called>,
}

/// One request of a run.
#[derive(Clone, Debug)]
pub struct Called {
    /// What was asked.
    pub ask: Ask,
    /// What was answered; none if nobody knows.
    pub answer: Option<Answer>,
    /// Milliseconds of the clock.
    pub at: i64,
}

/// Reads everything.
pub(super) fn read(store: &Store, records: Records) -> Result<Kept> {
    let rows = store.rows_where(&RowFilter { gone_too: GoneToo::Yes, ..RowFilter::default() })?;
    let abouts: BTreeMap<_, _> =
        rows.iter().map(|row| (row.id, format!("{}/{}", row.kind, row.key))).collect();
    let mut ledger = Vec::new();
    for row in &rows {
        if let Some(owner) = store.subject(row.owner)? {
            let purpose = Purpose::new(owner.subject.path.to_string(), format!("{}/{}", row.kind, row.key));
            ledger.push(Booked { purpose, state: row.row.state, thing: row.row.thing.clone() });
        }
    }
    let lives = |booked: &&Booked| !matches!(booked.state, State::Creating | State::Gone);
    let living = ledger.iter().filter(lives).map(|booked| booked.purpose.clone()).collect();
    let hooks: BTreeMap<_, _> = store.hooks()?.into_iter().map(|hook| (hook.id, hook.name)).collect();
    let (mut runs, mut whole) = (Vec::new(), Vec::new());
    for record in store.runs(RunsOf::All, RUNS_MAX)?.into_iter().rev() {
        let calls = store.run(record.id)?.map(|(_, calls)| calls).unwrap_or_default();
        let owner = match record.subject {
            Some(subject) => store.subject(subject)?.map(|stored| stored.subject.path.to_string()),
            None => None,
        };
        if records == Records::Whole {
            let hook = hooks.get(&record.hook).map(String::as_str).unwrap_or_default();
            whole.push(Recording::of(store, hook, &record, &calls)?);
        }
        let about = record.resource.and_then(|row| abouts.get(&row).cloned());
        let calls = calls.iter().filter_map(called).collect();
        runs.push(Ran { record, owner, about, calls });
    }
    Ok(Kept { runs, whole, rows, ledger, living, unsteady: None })
}

/// A request; other calls are no requests.
fn called(call: &CallRecord) -> Option<Called> {
    let ask = serde_json::from_slice(&call.ask).ok().filter(|_| call.op == "http")?;
    let answer = call.answer.as_deref().and_then(|answer| serde_json::from_slice(answer).ok());
    Some(Called { ask, answer, at: call.sent_at.as_millis() })
}
