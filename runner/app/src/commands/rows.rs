//! Ledger rows as commands show them: one shape in JSON, one line in tables.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use groundcrew_core::row::State;
use groundcrew_core::spec::Output;
use groundcrew_core::time::Timestamp;
use groundcrew_store::lanes::LaneId;
use groundcrew_store::ledger::StoredRow;
use groundcrew_store::{HookId, Store, SubjectId};
use serde::Serialize;
use serde_json::Value;

use super::{Failure, absent};
use crate::show::{Cell, Table, Tone, age, cut, tone_of_row};

/// Names for the store's numbers.
pub(super) struct Names<'a> {
    store: &'a Store,
    hooks: BTreeMap<HookId, String>,
    compiling: BTreeSet<String>,
    owners: RefCell<BTreeMap<SubjectId, (String, String)>>,
}

impl<'a> Names<'a> {
    pub(super) fn of(store: &'a Store) -> Result<Self, Failure> {
        let hooks = store.hooks()?.into_iter().map(|hook| (hook.id, hook.name)).collect();
        Ok(Self { store, hooks, compiling: BTreeSet::new(), owners: RefCell::default() })
    }

    /// The same, where these hooks wait for their components to be compiled.
    pub(super) fn with_compiling(self, compiling: BTreeSet<String>) -> Self {
        Self { compiling, ..self }
    }

    /// Whether a hook waits for its component to be compiled.
    pub(super) fn is_compiling(&self, id: HookId) -> bool {
        self.hooks.get(&id).is_some_and(|name| self.compiling.contains(name))
    }

    pub(super) fn hook(&self, id: HookId) -> String {
        self.hooks.get(&id).cloned().unwrap_or_else(|| format!("hook {}", id.as_i64()))
    }

    pub(super) fn hook_named(&self, name: &str) -> Result<HookId, Failure> {
        let found = self.hooks.iter().find(|(_, known)| *known == name).map(|(id, _)| *id);
        found.ok_or_else(|| {
            Failure::failed(format!("no hook `{name}`")).hint(absent::known_hooks(self.hooks.values()))
        })
    }

    /// Path and incarnation of a subject.
    pub(super) fn owner(&self, id: SubjectId) -> Result<(String, String), Failure> {
        if let Some(known) = self.owners.borrow().get(&id) {
            return Ok(known.clone());
        }
        let found = self.store.subject(id)?;
        let names = found.map_or_else(
            || ("(nobody)".to_owned(), String::new()),
            |found| (found.subject.path.to_string(), found.subject.uid.to_string()),
        );
        self.owners.borrow_mut().insert(id, names.clone());
        Ok(names)
    }

    /// `hook for path`.
    pub(super) fn lane(&self, lane: LaneId) -> Result<String, Failure> {
        Ok(format!("{} for {}", self.hook(lane.hook), self.owner(lane.subject)?.0))
    }
}

/// A row in JSON. Times are RFC 3339.
#[derive(Clone, Debug, Serialize)]
pub(super) struct RowShown {
    /// `kind/key`.
    pub(super) name: String,
    pub(super) row: String,
    pub(super) hook: String,
    pub(super) owner: String,
    pub(super) owner_id: String,
    pub(super) kind: String,
    pub(super) key: String,
    pub(super) target: String,
    /// The owner that it dies with; none: it lives outside.
    pub(super) inside: Option<String>,
    pub(super) class: String,
    pub(super) origin: String,
    pub(super) state: State,
    /// Since when it is in this state, as far as that is recorded.
    pub(super) since: String,
    pub(super) thing: Option<String>,
    pub(super) note: Option<String>,
    pub(super) wanted_since: String,
    pub(super) made_at: Option<String>,
    pub(super) unwanted_since: Option<String>,
    pub(super) unwanted_why: Option<String>,
    pub(super) held: Option<String>,
    pub(super) protected: bool,
    pub(super) attempts: u32,
    pub(super) error: Option<String>,
    pub(super) waiting: Option<String>,
    pub(super) due_at: Option<String>,
    pub(super) gone_at: Option<String>,
    pub(super) gone_how: Option<String>,
    pub(super) after: Vec<String>,
    pub(super) spec: Value,
    pub(super) observed: Option<Value>,
    pub(super) outputs: Vec<Output>,
}

fn text(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

impl RowShown {
    pub(super) fn of(row: &StoredRow, names: &Names<'_>) -> Result<Self, Failure> {
        let (owner, owner_id) = names.owner(row.owner)?;
        let class = serde_json::to_value(row.class).expect("invariant: a class is a word");
        Ok(Self {
            name: format!("{}/{}", row.kind, row.key),
            row: row.row.id.to_string(),
            hook: names.hook(row.hook),
            owner,
            owner_id,
            kind: row.kind.clone(),
            key: row.key.clone(),
            target: row.target.clone(),
            inside: Some(row.inside.clone()).filter(|inside| !inside.is_empty()),
            class: class.as_str().unwrap_or_default().to_owned(),
            origin: row.row.origin.to_string(),
            state: row.row.state,
            since: since(row).to_string(),
            thing: row.row.thing.clone(),
            note: row.note.clone(),
            wanted_since: row.wanted_at.to_string(),
            made_at: text(row.made_at),
            unwanted_since: row.unwanted.map(|(at, _)| at.to_string()),
            unwanted_why: row.unwanted.map(|(_, why)| why.to_string()),
            held: row.frozen_why.clone(),
            protected: row.protected,
            attempts: row.attempts,
            error: row.error.clone(),
            waiting: row.waiting.clone(),
            due_at: text(row.due_at),
            gone_at: text(row.gone_at),
            gone_how: row.gone_how.clone(),
            after: row.after.clone(),
            spec: row.row.spec.clone(),
            observed: row.row.observed.clone(),
            outputs: row.outputs.clone(),
        })
    }

    /// All of them.
    pub(super) fn all(rows: &[StoredRow], names: &Names<'_>) -> Result<Vec<Self>, Failure> {
        rows.iter().map(|row| Self::of(row, names)).collect()
    }
}

/// Since when a row is in its state, as far as that is recorded.
pub(super) fn since(row: &StoredRow) -> Timestamp {
    let recorded = match row.row.state {
        State::Creating => None,
        State::InDoubt => row.row.intended_at,
        State::Pending | State::Present | State::Retained | State::Updating => row.made_at,
        State::Deleting => row.delete_at,
        State::Gone => row.gone_at,
    };
    recorded.unwrap_or(row.wanted_at)
}

/// Whether a row is neither as it should be nor on its way out.
pub(super) fn is_under_way(row: &StoredRow) -> bool {
    let settled = matches!(row.row.state, State::Present | State::Retained | State::Gone);
    row.unwanted.is_none() && (!settled || row.error.is_some())
}

/// What a person should know of a row beside its state: one line, empty where there is nothing.
pub(super) fn remark(row: &StoredRow, now: Timestamp) -> (Tone, String) {
    if let Some(error) = &row.error {
        let times = if row.attempts > 1 { format!("{} times: ", row.attempts) } else { String::new() };
        let next = row.due_at.map(|due| format!("; again {}", later(due, now))).unwrap_or_default();
        return (Tone::Bad, format!("failed {times}{}{next}", first_line(error)));
    }
    let mut parts = Vec::new();
    if row.row.state == State::Gone {
        parts.extend(row.gone_how.clone());
    } else if let Some((at, why)) = row.unwanted {
        parts.push(format!("unwanted for {}: {why}", age(at, now)));
    }
    if row.protected {
        parts.push("protected".to_owned());
    }
    parts.extend(row.frozen_why.clone());
    if row
        .frozen_why
        .as_ref()
        .is_none_or(|why| row.waiting.as_ref().is_none_or(|waiting| !waiting.contains(why)))
    {
        parts.extend(row.waiting.clone());
    }
    parts.extend(row.note.clone());
    let tone = if row.unwanted.is_some() || row.waiting.is_some() { Tone::Waiting } else { Tone::Plain };
    (tone, parts.iter().map(|part| first_line(part)).collect::<Vec<_>>().join("; "))
}

fn later(due: Timestamp, now: Timestamp) -> String {
    if due <= now { "now".to_owned() } else { age(due, now) }
}

/// The first line of a text, cut where a table would break.
pub(super) fn first_line(text: &str) -> String {
    const WIDTH: usize = 160;
    cut(text.lines().next().unwrap_or_default(), WIDTH)
}

/// The cells that every table of rows has: name, state, age, thing, remark.
pub(super) fn cells(row: &StoredRow, now: Timestamp) -> [Cell; 5] {
    let (tone, said) = remark(row, now);
    [
        format!("{}/{}", row.kind, row.key).into(),
        Cell::toned(tone_of_row(row.row.state), row.row.state.as_str()),
        age(since(row), now).into(),
        Cell::or_nothing(row.row.thing.clone()),
        Cell::toned(tone, said),
    ]
}

/// A table of one hook's rows for one owner.
pub(super) fn table(rows: &[StoredRow], now: Timestamp) -> Table {
    let mut table = Table::new(["NAME", "STATE", "FOR", "THING", ""]).indented(2);
    for row in rows {
        table.row(cells(row, now));
    }
    table
}
