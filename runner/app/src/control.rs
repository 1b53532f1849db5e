//! What operators change: one set of requests, performed by one function.
//!
//! ```text
//!  groundcrew pause ---- nobody holds the data directory ----> perform(store, ...)
//!                  \---- a runner does: POST /v1/control on its socket ----> perform(its store, ...)
//! ```
//!
//! # Guarantees
//! - When [`perform`] returns, the change is durable, and who did it is on record.
//! - It changes only our store: nothing outside is called.
//! - Where it changes what runs and a runner is up, that runs when [`perform`] returns, or it is said why it does not.

mod answer;
mod audits;
mod backfill;
mod client;
mod ends;
mod hints;
mod labels;
mod promote;
mod reload;
mod request;
mod retire;
pub(crate) mod rows;

use std::collections::BTreeSet;

use groundcrew_core::may_delete::Level;
use groundcrew_core::subject::Uid;
use groundcrew_core::time::Timestamp;
use groundcrew_store::operators::OperatorAct;
use groundcrew_store::subjects::StoredSubject;
use groundcrew_store::{HookId, Store};

pub use answer::{Done, Reason, Refusal};
pub use client::{ClientError, call, page};
pub use ends::{End, ImportedThing, PlannedRow, unpause, wanted_by};
pub use hints::{Hints, NoHints, Standing};
pub use request::{Act, Became, Doubted, Promoting, Protection, Request};

use crate::source;

/// The result of a request.
pub type Result<T = Done, E = Refusal> = std::result::Result<T, E>;

/// Performs a request; when this returns, what it did is durable.
///
/// # Cancel safety
/// If the future is dropped, the change is made as a whole, with the record of who asked, or not at all.
pub async fn perform(store: &Store, hints: &dyn Hints, act: &Act, now: Timestamp) -> Result {
    let desk = Desk { store, hints, who: &act.who, now };
    let done = match &act.request {
        Request::Pause { level, hook, app } => desk.pause(*level, hook.as_deref(), app.as_deref()).await,
        Request::Unpause { hook, app } => desk.unpause(hook.as_deref(), app.as_deref()).await,
        Request::Approve { rows } => desk.approve(rows).await,
        Request::Apply { items, until } => desk.apply(items, *until).await,
        Request::Believe { what, shown } => desk.believe(*what, shown).await,
        Request::Settle { row, became } => desk.settle(row, became).await,
        Request::LabelSet { app, values } => desk.set_labels(app, values).await,
        Request::LabelUnset { app, names } => desk.unset_labels(app, names).await,
        Request::Touch { app } => desk.touch(app).await,
        Request::Reconcile { hook, app } => desk.reconcile(hook.as_deref(), app.as_deref()).await,
        Request::DeadRetry { id } => desk.retry(id).await,
        Request::DeadDiscard { id } => desk.discard(id).await,
        Request::AuditRun { name } => desk.audit(name).await,
        Request::FindingAck { id, reason, until } => desk.acknowledge(id, reason, *until).await,
        Request::RecoverFinish { unlisted } => desk.finish_recovery(*unlisted).await,
        Request::FindingFix { id } => desk.fix(id).await,
        Request::Retire { machine, timeout, ending, patience } => {
            desk.retire(machine, *timeout, *ending, *patience).await
        }
        Request::RetireCancel { machine } => desk.cancel_retirement(machine).await,
        Request::Backfill { hook, kinds, every } => desk.backfill(hook, *kinds, *every).await,
        Request::BackfillCancel { hook } => desk.cancel_backfill(hook).await,
        Request::Reload => desk.reload().await,
        Request::ApproveUpgrade { hook } => desk.approve_upgrade(hook).await,
        Request::Promote { hook, when: Promoting::Undo } => desk.undo_promotion(hook).await,
        Request::Promote { hook, when } => desk.promote(hook, *when).await,
        Request::Protect { row, protection } => desk.protect(row, *protection).await,
        Request::Release { rows } => desk.release(rows).await,
        Request::Delete { rows } => desk.delete(rows).await,
        Request::Restore { row } => desk.restore(row).await,
        Request::Import { things } => desk.import(things).await,
        Request::HookRemove { hook, end } => desk.end_hook(hook, end).await,
    }?;
    hints.wake();
    Ok(done)
}

/// Everything that performing a request needs.
struct Desk<'a> {
    store: &'a Store,
    hints: &'a dyn Hints,
    who: &'a str,
    now: Timestamp,
}

impl Desk<'_> {
    async fn pause(&self, level: Level, hook: Option<&str>, app: Option<&str>) -> Result {
        if level == Level::Enforce {
            return Err(Refusal::invalid("a pause lowers the level; `enforce` is the highest")
                .hint("groundcrew unpause"));
        }
        let (hook_id, owner) = (self.hook_opt(hook)?, self.owner_opt(app)?);
        self.store.pause(hook_id, owner.as_ref().map(|owner| owner.id), level, self.who, self.now).await?;
        let over = over(hook, owner.as_ref());
        let left = if level == Level::Observe {
            "nothing is made, changed or removed"
        } else {
            "nothing is removed"
        };
        let hook = hook.map(|hook| format!(" --hook {hook}")).unwrap_or_default();
        let app = owner.map(|owner| format!(" --app {}", owner.subject.path)).unwrap_or_default();
        let message = format!("paused {over}: {left} until `groundcrew unpause{hook}{app}`");
        Ok(Done { message, changed: 1 })
    }

    async fn unpause(&self, hook: Option<&str>, app: Option<&str>) -> Result {
        let (hook_id, owner) = (self.hook_opt(hook)?, self.owner_opt(app)?);
        let lifted =
            self.store.unpause(hook_id, owner.as_ref().map(|owner| owner.id), self.who, self.now).await?;
        let over = over(hook, owner.as_ref());
        let message = match lifted {
            0 => format!("no pause was laid over exactly {over}; `groundcrew doctor` lists them all"),
            1 => format!("lifted the pause over {over}"),
            more => format!("lifted {more} pauses over {over}"),
        };
        Ok(Done { message, changed: lifted })
    }

    async fn believe(&self, what: Doubted, shown: &BTreeSet<Uid>) -> Result {
        if what == Doubted::Vanished {
            let more = source::vanished(self.store)?.difference(shown).count();
            if more > 0 {
                let message =
                    format!("{more} more have vanished since those were shown; nothing is believed");
                return Err(Refusal::conflict(message).hint("groundcrew approve --source vanished"));
            }
        }
        let changed = self.hints.believe(what, shown).await?;
        let (said, act) = match what {
            Doubted::Vanished if changed == 0 => ("the source is believed already".to_owned(), "vanished"),
            Doubted::Vanished => {
                let said = format!(
                    "{changed} apps and machines are believed gone as soon as each is looked at again"
                );
                (said, "vanished")
            }
            Doubted::Reach => ("what the token reaches now is what it should".to_owned(), "reach"),
        };
        self.store.touch(Vec::new(), self.act(format!("approve {act}")), self.now).await?;
        Ok(Done { message: said, changed })
    }

    async fn touch(&self, name: &str) -> Result {
        let found = self.store.subjects_named(name)?.into_iter().find(|subject| subject.gone_at.is_none());
        let app = found.as_ref().map_or(name, |subject| subject.subject.path.app_name());
        self.hints.touch(app);
        let lanes = match &found {
            Some(subject) => self.store.provisioner_lanes(subject.id)?,
            None => Vec::new(),
        };
        let changed = lanes.len() as u32;
        self.store.touch(lanes, self.act(format!("touch {app}")), self.now).await?;
        let lanes = if changed == 1 { "lane" } else { "lanes" };
        let message = match (&found, self.hints.is_up()) {
            (Some(_), true) => format!("{app} is looked at now ({changed} {lanes})"),
            (Some(_), false) => {
                format!("no runner is up: {app} is looked at when `groundcrew up` begins ({changed} {lanes})")
            }
            (None, true) => {
                format!("no living app `{app}` is known yet; the source was asked to look for it")
            }
            (None, false) => {
                format!("no living app `{app}` is known yet; no runner is up: `groundcrew up` looks for it")
            }
        };
        Ok(Done { message, changed })
    }

    async fn reconcile(&self, hook: Option<&str>, app: Option<&str>) -> Result {
        let (hook_id, owner) = (self.hook_opt(hook)?, self.owner_opt(app)?);
        let owners = match &owner {
            None => None,
            Some(owner) => {
                let members = self.store.members(owner.id)?;
                Some(std::iter::once(owner).chain(&members).map(|subject| subject.id).collect())
            }
        };
        let over = over(hook, owner.as_ref());
        let act = self.act(format!("reconcile {over}"));
        let changed = self.store.reconcile(hook_id, owners, Some(act), self.now).await?;
        Ok(Done { message: format!("{over}: {changed} lanes are looked at"), changed })
    }

    async fn retry(&self, id: &str) -> Result {
        let (hook, seq) = self.dead(id)?;
        let act = self.act(format!("dead retry {id}"));
        self.store.retry_dead(hook, seq, act, self.now).await.map_err(|error| not_dead(id, error))?;
        Ok(Done { message: format!("{id} is tried again"), changed: 1 })
    }

    async fn discard(&self, id: &str) -> Result {
        let (hook, seq) = self.dead(id)?;
        let act = self.act(format!("dead discard {id}"));
        self.store.discard_dead(hook, seq, act, self.now).await.map_err(|error| not_dead(id, error))?;
        Ok(Done { message: format!("{id} is forgotten"), changed: 1 })
    }

    /// What is kept of this request, in the transaction of what it does.
    fn act(&self, what: String) -> OperatorAct {
        OperatorAct { who: self.who.to_owned(), what }
    }

    fn dead(&self, id: &str) -> Result<(HookId, i64)> {
        let parts = id.rsplit_once('/').and_then(|(hook, seq)| Some((hook, seq.parse().ok()?)));
        let unreadable = || {
            Refusal::invalid(format!("`{id}` is no dead delivery; HOOK/NUMBER is expected"))
                .hint("groundcrew dead list")
        };
        let (hook, seq) = parts.ok_or_else(unreadable)?;
        Ok((self.hook(hook)?, seq))
    }

    fn hook(&self, name: &str) -> Result<HookId> {
        let hooks = self.store.hooks()?;
        if let Some(hook) = hooks.iter().find(|hook| hook.name == name) {
            return Ok(hook.id);
        }
        let known: Vec<_> = hooks.into_iter().map(|hook| hook.name).collect();
        let refusal = Refusal::unknown(format!("no hook `{name}`"));
        Err(if known.is_empty() {
            refusal
        } else {
            refusal.hint(format!("known hooks: {}", known.join(", ")))
        })
    }

    fn hook_opt(&self, name: Option<&str>) -> Result<Option<HookId>> {
        name.map(|name| self.hook(name)).transpose()
    }

    fn owner_opt(&self, name: Option<&str>) -> Result<Option<StoredSubject>> {
        name.map(|name| subject(self.store, name)).transpose()
    }
}

/// Finds the one app or machine that a name means: the living one, or the last that was.
pub fn subject(store: &Store, name: &str) -> Result<StoredSubject> {
    let found = store.subjects_named(name)?;
    let Some(first) = found.first() else {
        let message = format!("no app or machine `{name}` was ever seen");
        return Err(Refusal::unknown(message).hint(format!("groundcrew touch {name}")));
    };
    let others: Vec<_> = found
        .iter()
        .filter(|other| {
            other.subject.path != first.subject.path && other.gone_at.is_some() == first.gone_at.is_some()
        })
        .map(|other| other.subject.path.as_str())
        .collect();
    if others.is_empty() {
        return Ok(found.into_iter().next().expect("invariant: there is a first"));
    }
    let message = format!("`{name}` may mean {} or {}", first.subject.path, others.join(", "));
    Err(Refusal::invalid(message).hint("write the whole path"))
}

fn over(hook: Option<&str>, owner: Option<&StoredSubject>) -> String {
    match (hook, owner) {
        (None, None) => "everything".to_owned(),
        (Some(hook), None) => format!("hook {hook}"),
        (None, Some(owner)) => owner.subject.path.to_string(),
        (Some(hook), Some(owner)) => format!("hook {hook} for {}", owner.subject.path),
    }
}

fn not_dead(id: &str, error: groundcrew_store::Error) -> Refusal {
    match error {
        groundcrew_store::Error::Missing(_) => {
            Refusal::unknown(format!("no dead delivery `{id}`")).hint("groundcrew dead list")
        }
        other => other.into(),
    }
}
