//! A rehearsal: the steps that the runner would take, written down instead of taken.
//!
//! It runs the very code that acts, on a copy of the ledger, so a plan cannot say something else than what is
//! done. Looks are real; the first write of every thing ends its rehearsal.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use groundcrew_core::plan::{Action, Item, changes, updates};
use groundcrew_core::row::{Origin, State};
use groundcrew_core::settle::{Problem, Step, Waiting};
use groundcrew_core::spec::{Thing, differing};
use groundcrew_store::ledger::StoredRow;
use groundcrew_store::subjects::StoredSubject;
use groundcrew_store::wants::StoredWant;

/// What was written down, by ledger row; the last word counts.
#[derive(Debug, Default)]
pub struct Rehearsal {
    noted: Mutex<BTreeMap<i64, Item>>,
}

/// A step, and what it is about.
pub(super) struct Noted<'a> {
    pub(super) hook: &'a str,
    pub(super) owner: &'a StoredSubject,
    pub(super) row: &'a StoredRow,
    pub(super) want: Option<&'a StoredWant>,
    pub(super) immutable: &'a [String],
    pub(super) step: &'a Step,
}

impl Rehearsal {
    /// What was written down, with the rows that it is about.
    pub fn items(&self) -> BTreeMap<i64, Item> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn note(&self, noted: &Noted<'_>) {
        let Some(item) = noted.item() else { return };
        let mut all = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(noted.row.id, item);
    }
}

impl Noted<'_> {
    fn item(&self) -> Option<Item> {
        match self.step {
            Step::Create { .. } => Some(self.of(Action::Create, None)),
            Step::Update { thing } => Some(self.update(thing)),
            Step::Remove { .. } if self.want.is_some() => Some(self.replace()),
            Step::Remove { .. } => Some(self.of(Action::Delete, self.unwanted_why())),
            Step::Take { thing, origin: Origin::Adopted } => {
                let found = Item { thing: Some(thing.id.clone()), ..self.of(Action::Adopt, None) };
                Some(found)
            }
            // Nothing was sent for this row: an earlier one made it, and the ledger lost that.
            Step::Take { thing, .. } if self.row.row.state == State::Creating => {
                let why = Some("it carries our mark".to_owned());
                Some(Item { thing: Some(thing.id.clone()), ..self.of(Action::Adopt, why) })
            }
            Step::NoteAbsent if self.want.is_some() => {
                let why = "it is missing; made again if a second look does not show it either";
                Some(self.of(Action::Create, Some(why.to_owned())))
            }
            Step::Report { problem, .. } => Some(self.problem(problem)),
            Step::Wait { until, why: Waiting::Leaving(why) } => match self.want {
                Some(_) if self.row.is_replaced() => {
                    let item = self.replace();
                    let why = item.why.iter().chain([why]).cloned().collect::<Vec<_>>().join("; ");
                    Some(Item { not_before: *until, why: Some(why), ..item })
                }
                Some(_) => Some(self.of(Action::Create, Some(why.clone()))),
                None => Some(Item { not_before: *until, ..self.of(Action::Delete, Some(why.clone())) }),
            },
            Step::Wait { why: Waiting::Held(why), .. } => Some(self.of(Action::Held, Some(why.clone()))),
            Step::Wait { why: Waiting::Turn, .. } => {
                Some(self.of(Action::Create, Some("after another one in the same listing".to_owned())))
            }
            Step::Retain { why } => Some(self.of(Action::Retain, Some(why.clone()))),
            Step::Look(_)
            | Step::Wait { .. }
            | Step::Take { .. }
            | Step::Note { .. }
            | Step::NoteAbsent
            | Step::Gone { .. } => None,
        }
    }

    fn of(&self, action: Action, why: Option<String>) -> Item {
        let exists = self.row.row.state != State::Creating;
        Item {
            action,
            hook: self.hook.to_owned(),
            owner: self.owner.subject.path.clone(),
            owner_id: self.owner.subject.uid.clone(),
            kind: self.row.kind.clone(),
            key: self.row.key.clone(),
            row: exists.then(|| self.row.row.id.clone()),
            thing: self.row.row.thing.clone(),
            body: self.want.map_or_else(|| self.row.row.spec.clone(), |want| want.body.clone()),
            changes: Vec::new(),
            why,
            not_before: None,
        }
    }

    fn update(&self, thing: &Thing) -> Item {
        let item = self.of(Action::Update, None);
        Item { changes: updates(&thing.body, &self.row.row.spec, &item.body), ..item }
    }

    fn replace(&self) -> Item {
        let item = self.of(Action::Replace, None);
        let differ: Vec<_> = differing(&item.body, &self.row.row.spec)
            .into_iter()
            .filter(|field| self.immutable.iter().any(|fixed| fixed == field))
            .map(|field| format!("`{field}`"))
            .collect();
        let why = if differ.is_empty() {
            "its outputs were lost, and cannot be read again".to_owned()
        } else {
            format!("{} cannot be changed in place", differ.join(", "))
        };
        Item { changes: changes(&self.row.row.spec, &item.body), why: Some(why), ..item }
    }

    fn unwanted_why(&self) -> Option<String> {
        self.row.unwanted.map(|(_, cause)| cause.to_string())
    }

    fn problem(&self, problem: &Problem) -> Item {
        let (action, why) = match problem {
            Problem::Conflict { thing } => {
                (Action::Conflict, format!("somebody else's `{thing}` has this key"))
            }
            Problem::Ambiguous { things } => {
                (Action::Held, format!("these could be ours: {}", things.join(", ")))
            }
            Problem::Twin { thing } => (Action::Held, format!("a second thing of ours: `{thing}`")),
            Problem::Fought { thing, fields } => {
                (Action::Held, format!("somebody else changes `{thing}` back ({})", fields.join(", ")))
            }
            Problem::Changed { thing, fields } => {
                (Action::Held, format!("`{thing}` is not as it was left ({})", fields.join(", ")))
            }
        };
        self.of(action, Some(why))
    }
}
