//! Requests that end or move what is on record: release, delete, restore, import, and the end of a hook.

use std::collections::BTreeMap;

use groundcrew_core::may_delete::Level;
use groundcrew_core::row::State;
use groundcrew_store::Store;
use groundcrew_store::ends::{Imported, Planned};
use groundcrew_store::hooks::{HookState, StoredHook};
use groundcrew_store::ledger::StoredRow;
use groundcrew_store::listing::Claim;
use serde::{Deserialize, Serialize};

use super::{Desk, Done, Hints, Refusal, Result, Standing};
use crate::runner::scope::NARROWED;

/// A row whose removal is asked for, as it was when that was planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedRow {
    /// The row's id.
    pub row: String,
    /// Digest of its thing and spec.
    pub print: String,
}

/// An existing thing, and the row that it is taken for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportedThing {
    /// The row's id.
    pub row: String,
    /// The thing's id.
    pub thing: String,
    /// The mark that it carries.
    pub mark: Option<String>,
}

/// How a hook ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "kebab-case", deny_unknown_fields)]
pub enum End {
    /// What it made is removed.
    Cleanup {
        /// What was planned.
        rows: Vec<PlannedRow>,
    },
    /// What it has stays where it is, and is not ours any more.
    Retain,
    /// Another hook has it from now on.
    Transfer {
        /// Its name.
        to: String,
    },
    /// It does not end after all.
    Abort,
}

impl Desk<'_> {
    pub(super) async fn release(&self, ids: &[String]) -> Result {
        let rows = ids.iter().map(|id| self.row(id)).collect::<Result<Vec<_>>>()?;
        for row in &rows {
            refuse_unsettled(row)?;
            self.refuse_wanted(row)?;
        }
        let act = self.act(format!("resources release {}", names(&rows)));
        self.store.release_rows(rows.iter().map(|row| row.id).collect(), act, self.now).await?;
        self.close_narrowed(&rows).await?;
        let changed = rows.len() as u32;
        Ok(Done {
            message: format!(
                "let go of {changed}: left as they are, and taken back only if their owners want them again"
            ),
            changed,
        })
    }

    pub(super) async fn delete(&self, planned: &[PlannedRow]) -> Result {
        let rows = planned.iter().map(|one| self.row(&one.row)).collect::<Result<Vec<_>>>()?;
        for row in &rows {
            refuse_unsettled(row)?;
            self.refuse_wanted(row)?;
            self.refuse_held(row)?;
        }
        let asked =
            rows.iter().zip(planned).map(|(row, one)| Planned { id: row.id, print: one.print.clone() });
        let act = self.act(format!("resources delete {}", names(&rows)));
        self.store.ask_removal(asked.collect(), act, self.now).await.map_err(changed_meanwhile)?;
        let changed = rows.len() as u32;
        Ok(Done {
            message: format!(
                "asked for the removal of {changed}: each goes after grace, once nothing reads it"
            ),
            changed,
        })
    }

    pub(super) async fn restore(&self, id: &str) -> Result {
        let row = self.row(id)?;
        self.refuse_unrestorable(&row)?;
        let act = self.act(format!("restore {}", row.about()));
        self.store.restore(row.id, act, self.now).await.map_err(changed_meanwhile)?;
        let id = &row.row.id;
        let message = format!("{} is kept until `groundcrew unprotect {id}`, wanted or not", row.about());
        Ok(Done { message, changed: 1 })
    }

    pub(super) async fn import(&self, things: &[ImportedThing]) -> Result {
        let mut all = Vec::with_capacity(things.len());
        let mut about = Vec::with_capacity(things.len());
        for one in things {
            let row = self.row(&one.row)?;
            if row.row.state != State::Creating {
                let message = format!("{} is {}: it has its thing, or may have", row.about(), row.row.state);
                return Err(Refusal::conflict(message).hint(format!("groundcrew why {}", row.row.id)));
            }
            about.push(format!("{} = {}", row.about(), one.thing));
            all.push(Imported { id: row.id, thing: one.thing.clone(), mark: one.mark.clone() });
        }
        let changed = all.len() as u32;
        let act = self.act(format!("resources import {}", about.join(", ")));
        self.store.import(all, act, self.now).await.map_err(|error| match error {
            groundcrew_store::Error::Refused(_) => {
                Refusal::conflict(format!("another row has such a thing already ({error})"))
                    .hint("groundcrew resources --json")
            }
            other => changed_meanwhile(other),
        })?;
        Ok(Done { message: format!("took {changed} under management; looked at now"), changed })
    }

    pub(super) async fn end_hook(&self, name: &str, end: &End) -> Result {
        let id = self.hook(name)?;
        let hooks = self.store.hooks()?;
        let hook = hooks.iter().find(|hook| hook.id == id).expect("invariant: its id was just found");
        if *end == End::Abort {
            return self.abort(hook).await;
        }
        if hook.ending.is_some() || hook.state == HookState::Removed {
            let message = format!("hook {name} is removed, or being removed, already");
            return Err(Refusal::conflict(message)
                .hint("groundcrew hook list")
                .hint(format!("groundcrew hook remove {name} --abort")));
        }
        match end {
            End::Cleanup { rows } => self.clean_up(hook, rows).await,
            End::Retain => self.retain(hook).await,
            End::Transfer { to } => self.transfer(hook, &hooks, to).await,
            End::Abort => unreachable!("it was handled above"),
        }
    }

    async fn clean_up(&self, hook: &StoredHook, planned: &[PlannedRow]) -> Result {
        let name = &hook.name;
        // Of an app that does not exist: the level and the stanza are what matters here.
        match self.hints.standing(name, "") {
            Standing::NoStanza => return Err(no_stanza(name)),
            Standing::Narrowed(level) | Standing::Within(level) if level < Level::Enforce => {
                return Err(low_level(name, level));
            }
            Standing::Narrowed(_) | Standing::Within(_) | Standing::Unknown => {}
        }
        let rows = self.store.hook_rows(hook.id)?;
        let ids: BTreeMap<_, _> = rows.iter().map(|row| (row.row.id.as_str(), row.id)).collect();
        let known =
            |one: &PlannedRow| Some(Planned { id: *ids.get(one.row.as_str())?, print: one.print.clone() });
        let planned = planned.iter().filter_map(known).collect();
        let act = self.act(format!("hook remove {name} --cleanup"));
        let changed = self.store.end_hook(hook.id, planned, act, self.now).await?;
        let message = match changed {
            0 => format!("hook {name} is removed: it had nothing; its stanza can go"),
            left => format!(
                "hook {name} is being removed: {left} of {left} left; `groundcrew hook list` says how far it is"
            ),
        };
        Ok(Done { message, changed })
    }

    async fn retain(&self, hook: &StoredHook) -> Result {
        let name = &hook.name;
        for row in self.store.hook_rows(hook.id)? {
            refuse_unsettled(&row)?;
        }
        let act = self.act(format!("hook remove {name} --retain"));
        let changed = self.store.end_hook_retaining(hook.id, act, self.now).await?;
        let message =
            format!("hook {name} is removed: {changed} things are left as they are; its stanza can go");
        Ok(Done { message, changed })
    }

    async fn transfer(&self, hook: &StoredHook, hooks: &[StoredHook], to: &str) -> Result {
        let name = &hook.name;
        let other = hooks.iter().find(|other| other.name == to && other.id != hook.id);
        let Some(other) = other.filter(|it| it.state == HookState::Active && it.ending.is_none()) else {
            let message = format!("`{to}` is no other hook that is active");
            return Err(Refusal::unknown(message).hint("groundcrew hook list"));
        };
        if other.target != hook.target {
            let message = format!("{name} has its things at {}, {to} at {}", hook.target, other.target);
            return Err(Refusal::conflict(message)
                .hint(format!("groundcrew hook remove {name} --cleanup"))
                .hint(format!("groundcrew hook remove {name} --retain")));
        }
        let act = self.act(format!("hook remove {name} --transfer {to}"));
        let changed = self.store.transfer(hook.id, other.id, act, self.now).await?;
        let message =
            format!("hook {name} is removed: {changed} things are {to}'s; the stanza of {name} can go");
        Ok(Done { message, changed })
    }

    async fn abort(&self, hook: &StoredHook) -> Result {
        let name = &hook.name;
        if hook.ending.is_none() {
            let message = format!("hook {name} is not being removed");
            return Err(Refusal::conflict(message).hint("groundcrew hook list"));
        }
        let act = self.act(format!("hook remove {name} --abort"));
        self.store.abort_ending(hook.id, act, self.now).await?;
        let message = format!("hook {name} goes on: every owner is asked again; what is gone is made again");
        Ok(Done { message, changed: 1 })
    }

    /// What is out of scope may have nothing left there.
    async fn close_narrowed(&self, rows: &[StoredRow]) -> Result<()> {
        let hooks = self.store.hooks()?;
        for hook in hooks.iter().filter(|hook| rows.iter().any(|row| row.hook == hook.id)) {
            let out = |app: &str| matches!(self.hints.standing(&hook.name, app), Standing::Narrowed(_));
            if !self.store.owners(hook.id)?.iter().any(|(path, _)| out(path.app_name())) {
                self.store.close_finding(NARROWED, &hook.name, self.now).await?;
            }
        }
        Ok(())
    }

    fn refuse_wanted(&self, row: &StoredRow) -> Result<()> {
        let Some(claim) = wanted_by(self.store, self.hints, row)? else { return Ok(()) };
        let message = format!("{} is wanted by {}: it would be made again", row.about(), claim.path);
        Err(Refusal::conflict(message).hint(format!("groundcrew why {}", row.row.id)))
    }

    /// What a removal that is asked for does not lift.
    fn refuse_held(&self, row: &StoredRow) -> Result<()> {
        let (about, id) = (row.about(), &row.row.id);
        if row.protected {
            return Err(
                Refusal::conflict(format!("{about} is protected")).hint(format!("groundcrew unprotect {id}"))
            );
        }
        let hooks = self.store.hooks()?;
        let hook = hooks.iter().find(|hook| hook.id == row.hook).map_or("", |hook| hook.name.as_str());
        let owner = self.store.subject(row.owner)?;
        let path = owner.as_ref().map(|owner| &owner.subject.path);
        if let Some(level) = self.store.paused(row.hook, row.owner)?.filter(|level| *level < Level::Enforce) {
            let unpause = unpause(self.store, hook, path.map_or("", |path| path.as_str()))?;
            return Err(Refusal::conflict(format!("{about} is paused: level is {level}")).hint(unpause));
        }
        match self.hints.standing(hook, path.map_or("", |path| path.app_name())) {
            Standing::NoStanza => Err(no_stanza(hook)),
            Standing::Narrowed(level) | Standing::Within(level) if level < Level::Enforce => {
                Err(low_level(hook, level))
            }
            Standing::Narrowed(_) | Standing::Within(_) | Standing::Unknown => Ok(()),
        }
    }

    fn refuse_unrestorable(&self, row: &StoredRow) -> Result<()> {
        let (about, id) = (row.about(), &row.row.id);
        let refuse = |message: String, hint: String| Err(Refusal::conflict(message).hint(hint));
        let hooks = self.store.hooks()?;
        let hook = hooks.iter().find(|hook| hook.id == row.hook);
        let owner = self.store.subject(row.owner)?;
        match row.row.state {
            State::Gone => Err(self.is_gone(row, hook)?),
            State::Deleting => refuse(
                format!("the removal of {about} has been sent: whether it is gone will be known soon"),
                format!("groundcrew why {id}"),
            ),
            State::Creating => refuse(format!("{about} was never made"), format!("groundcrew why {id}")),
            State::InDoubt | State::Pending | State::Present | State::Updating if row.unwanted.is_none() => {
                refuse(format!("{about} is wanted: nothing ends it"), format!("groundcrew protect {id}"))
            }
            _ => match hook {
                Some(hook) if hook.ending.is_some() && hook.state != HookState::Removed => refuse(
                    format!("{about} goes with its hook {}", hook.name),
                    format!("groundcrew protect {id}"),
                ),
                Some(hook) if hook.state == HookState::Active => Ok(()),
                _ if owner.is_none() => Ok(()),
                hook => Err(no_stanza(hook.map_or("", |hook| hook.name.as_str()))),
            },
        }
    }

    /// A thing that is gone is not restored: this says what it was, and what makes it again.
    fn is_gone(&self, row: &StoredRow, hook: Option<&StoredHook>) -> Result<Refusal> {
        let how = row.gone_how.as_deref().unwrap_or("removed");
        let at = row.gone_at.map(|at| at.to_string()).unwrap_or_default();
        let message = format!("{} is gone ({how}, {at}); it was {}", row.about(), row.row.spec);
        let hook = hook.map_or("its hook", |hook| hook.name.as_str());
        let owner = self.store.subject(row.owner)?;
        let living = owner.as_ref().filter(|owner| owner.gone_at.is_none());
        Ok(match (living, owner.as_ref()) {
            (Some(owner), _) => Refusal::conflict(message)
                .hint(format!("it is made again once hook {hook} wants it for {}", owner.subject.path))
                .hint(format!("groundcrew touch {}", owner.subject.path.app_name())),
            (None, Some(owner)) => Refusal::conflict(message).hint(format!(
                "it is made again if {} is, and hook {hook} wants it then",
                owner.subject.path
            )),
            (None, None) => Refusal::conflict(message),
        })
    }
}

/// Who wants a row's place and is worked for: somebody for whom it would be made again.
pub fn wanted_by(store: &Store, hints: &dyn Hints, row: &StoredRow) -> Result<Option<Claim>> {
    let hooks = store.hooks()?;
    for claim in store.claims_on(row)? {
        let Some(hook) = hooks.iter().find(|hook| hook.id == claim.lane.hook) else { continue };
        let Some(owner) = store.subject(claim.lane.subject)?.filter(|owner| owner.gone_at.is_none()) else {
            continue;
        };
        let works = hook.state == HookState::Active && hook.ending.is_none();
        let standing = hints.standing(&hook.name, owner.subject.path.app_name());
        if works && matches!(standing, Standing::Within(_) | Standing::Unknown) {
            return Ok(Some(claim));
        }
    }
    Ok(None)
}

/// The commands that lift every pause over a hook's things of an owner.
pub fn unpause(store: &Store, hook: &str, path: &str) -> groundcrew_store::Result<String> {
    let over_us = |over: &str| over == path || path.starts_with(&format!("{over}/"));
    let pauses = store.pauses()?;
    let ours = pauses.iter().filter(|pause| {
        pause.hook.as_ref().is_none_or(|over| over == hook) && pause.path.as_deref().is_none_or(over_us)
    });
    let command = |(hook, app): (&Option<String>, &Option<String>)| {
        let hook = hook.as_ref().map(|hook| format!(" --hook {hook}")).unwrap_or_default();
        let app = app.as_ref().map(|app| format!(" --app {app}")).unwrap_or_default();
        format!("groundcrew unpause{hook}{app}")
    };
    let mut commands: Vec<_> = ours.map(|pause| command((&pause.hook, &pause.path))).collect();
    commands.dedup();
    Ok(commands.join("; "))
}

fn refuse_unsettled(row: &StoredRow) -> Result<()> {
    let (about, id) = (row.about(), &row.row.id);
    match row.row.state {
        State::InDoubt => Err(Refusal::conflict(format!("nobody knows yet whether {about} exists"))
            .hint(format!("groundcrew settle {id} --none"))
            .hint(format!("groundcrew settle {id} --id X, if it does"))),
        State::Gone => {
            Err(Refusal::conflict(format!("{about} is gone")).hint(format!("groundcrew why {id}")))
        }
        State::Deleting => {
            Err(Refusal::conflict(format!("{about} is being removed")).hint(format!("groundcrew why {id}")))
        }
        State::Creating | State::Pending | State::Present | State::Updating | State::Retained => Ok(()),
    }
}

fn no_stanza(hook: &str) -> Refusal {
    let message = format!("no stanza says how things of hook {hook} are removed, or looked after");
    Refusal::conflict(message)
        .hint(format!("write [hook.{hook}] back, then groundcrew up"))
        .hint(format!("groundcrew resources release --hook {hook}"))
}

fn low_level(hook: &str, level: Level) -> Refusal {
    Refusal::conflict(format!("level of hook {hook} is {level}: nothing is removed"))
        .hint("write level = \"enforce\" into the configuration, then groundcrew up")
}

fn changed_meanwhile(error: groundcrew_store::Error) -> Refusal {
    match error {
        groundcrew_store::Error::Superseded(_) => {
            Refusal::conflict("it is not as it was when this was planned: nothing was changed")
                .hint("groundcrew resources")
        }
        other => other.into(),
    }
}

/// A few names, and how many more there are.
fn names(rows: &[StoredRow]) -> String {
    const SHOWN: usize = 20;
    let shown: Vec<_> = rows.iter().take(SHOWN).map(StoredRow::about).collect();
    match rows.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
