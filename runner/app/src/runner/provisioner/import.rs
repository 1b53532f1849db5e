//! Looks for an existing thing that an app wants and that is not on record: what a person may import.

use std::sync::OnceLock;

use groundcrew_core::row::{Whose, whose};
use groundcrew_core::settle::Aim;
use groundcrew_core::spec::Thing;
use groundcrew_store::because::Because;
use groundcrew_store::lanes::LaneId;
use groundcrew_store::ledger::StoredRow;
use groundcrew_store::{Store, subjects::StoredSubject};

use super::super::{Error, Runner};
use super::Asking;
use super::row::Work;
use super::wants::Asked;

/// A place that is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The hook's name.
    pub hook: String,
    /// The app or machine: name, path or id.
    pub owner: String,
    /// The thing's kind.
    pub kind: String,
    /// Its key.
    pub key: String,
}

impl Wanted {
    /// `kind/key`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.kind, self.key)
    }

    /// The living subject that is meant.
    pub fn subject(&self, store: &Store) -> groundcrew_store::Result<Option<StoredSubject>> {
        Ok(store.subjects_named(&self.owner)?.into_iter().find(|subject| subject.gone_at.is_none()))
    }

    /// Its ledger row, if it has one.
    pub fn row(&self, store: &Store) -> groundcrew_store::Result<Option<StoredRow>> {
        let hook = store.hooks()?.into_iter().find(|hook| hook.name == self.hook);
        let Some((hook, subject)) = hook.zip(self.subject(store)?) else { return Ok(None) };
        let rows = store.lane_rows(LaneId { hook: hook.id, subject: subject.id })?;
        Ok(rows.into_iter().find(|row| row.kind == self.kind && row.key == self.key))
    }
}

/// A thing that could be it.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The thing.
    pub thing: Thing,
    /// Whose its mark says that it is.
    pub whose: Whose,
    /// Another row has it.
    pub held: bool,
}

impl Candidate {
    /// Whether it may be taken: nobody else has it, as far as its mark and the ledger say.
    pub fn is_free(&self) -> bool {
        !self.held && matches!(self.whose, Whose::Mine | Whose::Earlier | Whose::Unmarked)
    }

    /// Whose it is, for people.
    pub fn says(&self) -> String {
        match (self.held, self.whose) {
            (true, _) => "another row's".to_owned(),
            (_, Whose::Mine | Whose::Earlier) => "ours by its mark".to_owned(),
            (_, Whose::Sibling) => "ours by its mark, of another place".to_owned(),
            (_, Whose::Unmarked) => "unmarked".to_owned(),
            (_, Whose::Foreign) => format!("foreign: `{}`", self.thing.mark.as_deref().unwrap_or_default()),
        }
    }
}

/// What came of looking.
#[derive(Clone, Debug, PartialEq)]
pub enum Looked {
    /// It is wanted, and these could be it.
    Found(Vec<Candidate>),
    /// Its owner does not want it, but these.
    Unwanted(Vec<String>),
    /// Nothing can be said.
    NotKnown(String),
}

impl Runner {
    /// Asks an owner what it wants, and looks for one thing of that; nothing outside is changed.
    ///
    /// For a copy of the ledger: what is learnt is kept there.
    pub async fn look_for(&self, wanted: &Wanted) -> Result<Looked, Error> {
        let not_known = |why: String| Ok(Looked::NotKnown(why));
        let registry = self.registry();
        let Some(installed) = registry.working(&wanted.hook).filter(|it| it.hook.provisioner().is_some())
        else {
            return not_known(format!("no stanza describes a provisioner `{}` that works", wanted.hook));
        };
        let Some(owner) = wanted.subject(&self.store)? else {
            return not_known(format!("no living app or machine `{}` is known", wanted.owner));
        };
        let lane = LaneId { hook: installed.id, subject: owner.id };
        let Some(now) = self.store.lane(lane)? else {
            return not_known(format!("hook {} does not work for {}", wanted.hook, owner.subject.path));
        };
        let because = Some(Because::Person);
        let asking = Asking { installed, owner: &owner, because, config: OnceLock::new() };
        match self.ask(&asking, lane, &now).await? {
            Asked::Answered => {}
            Asked::Postponed { why, .. } | Asked::Failed { why, .. } => return not_known(why),
        }
        let (wants, rows) = self.store.lane_ledger(lane)?;
        let is_it = |kind: &str, key: &str| kind == wanted.kind && key == wanted.key;
        let Some(want) = wants.iter().find(|want| is_it(&want.kind, &want.key)) else {
            let names = wants.iter().map(|want| format!("{}/{}", want.kind, want.key));
            return Ok(Looked::Unwanted(names.collect()));
        };
        let Some(row) = rows.into_iter().find(|row| is_it(&row.kind, &row.key)) else {
            return not_known("another owner has it, and wanted it first".to_owned());
        };
        let window = self.limits.send_within + self.limits.request;
        let Some(policy) = installed.hook.policy(&row.kind, window) else {
            return not_known(format!("the component knows no `{}`", row.kind));
        };
        let config = self.row_config(&asking)?;
        let occupied = self.keeper.occupied(&policy);
        let (runs, unkept) = (Vec::new(), None);
        let (want, doubted) = (Some(want), false);
        let (for_whom, owner) = (self.whose(&owner)?, &owner);
        let mut work = Work {
            installed,
            owner,
            whose: for_whom,
            row,
            want,
            policy,
            config,
            because,
            doubted,
            runs,
            unkept,
        };
        let Some(look) = self.find(&mut work, Aim::Anything).await? else {
            return not_known(work.row.error.unwrap_or_else(|| "it could not be looked at".to_owned()));
        };
        let ids = look.things.iter().map(|thing| thing.id.as_str());
        let (held, _) = self.store.claims(&work.row, ids, occupied)?;
        let candidate = |thing: Thing| Candidate {
            whose: whose(thing.mark.as_deref(), &work.row.row.id, &self.installation),
            held: held.contains(&thing.id),
            thing,
        };
        Ok(Looked::Found(look.things.into_iter().map(candidate).collect()))
    }
}
