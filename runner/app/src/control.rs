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

mod audits;
mod backfill;
mod client;
mod ends;
mod labels;
mod retire;
pub(crate) mod rows;

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use groundcrew_core::backfill::Kinds;
use groundcrew_core::duration::Millis;
use groundcrew_core::may_delete::Level;
use groundcrew_core::plan::Item;
use groundcrew_core::retire::{Ending, Patience};
use groundcrew_core::time::Timestamp;
use groundcrew_store::operators::OperatorAct;
use groundcrew_store::subjects::StoredSubject;
use groundcrew_store::{HookId, Store};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::Config;

pub use client::{ClientError, call, page};
pub use ends::{End, ImportedThing, PlannedRow, unpause, wanted_by};

/// What somebody asks to be changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Act {
    /// Who asks: the account's name, for the record.
    pub who: String,
    /// What is asked.
    pub request: Request,
}

/// A change of what the runner does or knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Lays a lower level over everything, a hook, an owner, or a hook for an owner.
    Pause {
        /// The level.
        level: Level,
        /// The hook's name; none: all.
        hook: Option<String>,
        /// The app or machine; none: all.
        app: Option<String>,
    },
    /// Lifts the pauses that were laid over exactly this.
    Unpause {
        /// The hook's name; none: all.
        hook: Option<String>,
        /// The app or machine; none: all.
        app: Option<String>,
    },
    /// Allows the removal of rows, the repair of rows that are fought over, and the remedies of findings, as they are
    /// now, for a day.
    Approve {
        /// Ids of rows and findings.
        rows: Vec<String>,
    },
    /// Allows what a plan says, whatever the level.
    Apply {
        /// Items of the plan that write.
        items: Vec<Item>,
        /// The plan's end.
        until: Timestamp,
    },
    /// Believes a source what it is not believed by itself.
    Believe {
        /// What.
        what: Doubted,
    },
    /// Says what became of a creation whose outcome nobody knows.
    Settle {
        /// The row's id.
        row: String,
        /// What became of it.
        became: Became,
    },
    /// Sets labels of an app or machine, over those of all other sources.
    LabelSet {
        /// The app or machine.
        app: String,
        /// Name to value.
        values: BTreeMap<String, Value>,
    },
    /// Takes labels back that were set.
    LabelUnset {
        /// The app or machine.
        app: String,
        /// Their names.
        names: Vec<String>,
    },
    /// Owes an app a look, and makes the source look at it soon.
    Touch {
        /// The app.
        app: String,
    },
    /// Owes everybody a look, or the owners of one hook, or of one app.
    Reconcile {
        /// The hook's name; none: all.
        hook: Option<String>,
        /// The app or machine; none: all.
        app: Option<String>,
    },
    /// Owes a dead delivery again.
    DeadRetry {
        /// `HOOK/SEQ`.
        id: String,
    },
    /// Forgets a dead delivery.
    DeadDiscard {
        /// `HOOK/SEQ`.
        id: String,
    },
    /// Runs an audit now.
    AuditRun {
        /// Its name.
        name: String,
    },
    /// Notes why an open finding may be.
    FindingAck {
        /// The finding's id: `f12`.
        id: String,
        /// Why.
        reason: String,
        /// Until when; none: as long as it is so.
        until: Option<Timestamp>,
    },
    /// Ends the rebuilding of a lost or old ledger.
    RecoverFinish,
    /// Mends a finding now.
    FindingFix {
        /// The finding's id: `f12`.
        id: String,
    },
    /// Lets a machine leave in order, or hurries one that does.
    Retire {
        /// The machine.
        machine: String,
        /// How long handlers are waited for.
        timeout: Millis,
        /// What is asked for at the end.
        ending: Ending,
        /// Whether handlers are waited for.
        patience: Patience,
    },
    /// Lets a machine stay that was to leave.
    RetireCancel {
        /// The machine.
        machine: String,
    },
    /// Tells a handler of everybody who lives.
    Backfill {
        /// The handler's name.
        hook: String,
        /// Of whom.
        kinds: Kinds,
        /// Between two of them.
        every: Millis,
    },
    /// Ends a handler's backfill.
    BackfillCancel {
        /// The handler's name.
        hook: String,
    },
    /// Lets a new version of a hook write although it did not find what the old one made.
    ApproveUpgrade {
        /// The hook's name.
        hook: String,
    },
    /// Forbids or allows again that a row's thing is removed.
    Protect {
        /// The row's id.
        row: String,
        /// Which.
        protection: Protection,
    },
    /// Lets go of rows: their things are not ours any more.
    Release {
        /// Row ids.
        rows: Vec<String>,
    },
    /// Removes what nobody wants, row by row as it was planned.
    Delete {
        /// The rows.
        rows: Vec<PlannedRow>,
    },
    /// Takes an end back that is not done yet.
    Restore {
        /// The row's id.
        row: String,
    },
    /// Takes existing things under management.
    Import {
        /// Each for a row that nothing was made for yet.
        things: Vec<ImportedThing>,
    },
    /// Ends a hook, or takes that back.
    HookRemove {
        /// The hook's name.
        hook: String,
        /// How.
        end: End,
    },
}

impl Request {
    /// One line for the log: of a plan, how much it is.
    pub fn summary(&self) -> String {
        match self {
            Self::Apply { items, until } => format!("Apply {} items until {until}", items.len()),
            Self::Delete { rows } => format!("Delete {} rows", rows.len()),
            Self::HookRemove { hook, end: End::Cleanup { rows } } => {
                format!("HookRemove {hook} with {} rows", rows.len())
            }
            other => format!("{other:?}"),
        }
    }
}

/// What became of a creation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Became {
    /// It made the thing with this id.
    Thing(String),
    /// It made nothing, and will not.
    Nothing,
}

/// What a source says and is not believed without a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Doubted {
    /// So many apps or machines are gone at once
    Vanished,
    /// Its token reaches less than before
    Reach,
}

/// Whether a row is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protection {
    /// Its thing may not be removed.
    On,
    /// The other rules decide.
    Off,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// For people; one line.
    pub message: String,
    /// How many things changed.
    pub changed: u32,
}

/// Why it was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What kind of refusal.
    pub reason: Reason,
    /// For people; one line.
    pub message: String,
    /// What would help; may be pasted.
    pub hints: Vec<String>,
}

/// What kind of refusal it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// No such hook, app, row or delivery.
    Unknown,
    /// It is not in a state in which this can be done.
    Conflict,
    /// The request itself makes no sense.
    Invalid,
    /// The store did not take it.
    Failed,
}

/// What a running runner wants to hear of changes; without one nobody listens.
pub trait Hints: Send + Sync + std::fmt::Debug {
    /// An app should be looked at soon, by name; it may be one that is not known yet.
    fn touch(&self, app: &str);
    /// Lanes became due.
    fn wake(&self);
    /// The rebuilding of the ledger has ended.
    fn recovered(&self) {}
    /// An audit is to run now; it begins after this returns.
    fn audit(&self, _name: &str) -> Result<()> {
        Err(Refusal::conflict("no runner is up that could be asked").hint("groundcrew up"))
    }
    /// What the configuration says of a hook and an app.
    fn standing(&self, _hook: &str, _app: &str) -> Standing {
        Standing::Unknown
    }
    /// A finding is to be mended now; it begins after this returns.
    fn mend(&self, _finding: i64, _who: &str) -> Result<()> {
        Err(Refusal::conflict("no runner is up that could be asked").hint("groundcrew up"))
    }
    /// Whether machines can be retired to this end by whoever listens; the refusal says what is missing.
    fn retires(&self, _ending: Ending) -> Result<()> {
        Err(Refusal::conflict("no runner is up that could retire a machine").hint("groundcrew up"))
    }
    /// The source is believed this; durable when the future is done. How many apps and machines it was about.
    fn believe(&self, _what: Doubted) -> BoxFuture<'_, Result<u32>> {
        let nobody = Refusal::conflict("no runner is up; only a running one can believe its source");
        Box::pin(async move { Err(nobody.hint("groundcrew up")) })
    }
}

/// What the configuration says of a hook and an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody knows; nothing is concluded from that.
    Unknown,
    /// No stanza describes the hook.
    NoStanza,
    /// The hook does not work for the app, and may do this much.
    Narrowed(Level),
    /// It does.
    Within(Level),
}

impl Standing {
    /// What a configuration says.
    pub fn of(config: &Config, hook: &str, app: &str) -> Self {
        match config.hooks.get(hook) {
            None => Self::NoStanza,
            Some(hook) if hook.covers(app) => Self::Within(hook.level.min(config.level)),
            Some(hook) => Self::Narrowed(hook.level.min(config.level)),
        }
    }
}

/// Nobody listens.
#[derive(Clone, Copy, Debug)]
pub struct NoHints;

impl Hints for NoHints {
    fn touch(&self, _app: &str) {}
    fn wake(&self) {}
}

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
        Request::Believe { what } => desk.believe(*what).await,
        Request::Settle { row, became } => desk.settle(row, became).await,
        Request::LabelSet { app, values } => desk.set_labels(app, values).await,
        Request::LabelUnset { app, names } => desk.unset_labels(app, names).await,
        Request::Touch { app } => desk.touch(app).await,
        Request::Reconcile { hook, app } => desk.reconcile(hook.as_deref(), app.as_deref()).await,
        Request::DeadRetry { id } => desk.retry(id).await,
        Request::DeadDiscard { id } => desk.discard(id).await,
        Request::AuditRun { name } => desk.audit(name).await,
        Request::FindingAck { id, reason, until } => desk.acknowledge(id, reason, *until).await,
        Request::RecoverFinish => desk.finish_recovery().await,
        Request::FindingFix { id } => desk.fix(id).await,
        Request::Retire { machine, timeout, ending, patience } => {
            desk.retire(machine, *timeout, *ending, *patience).await
        }
        Request::RetireCancel { machine } => desk.cancel_retirement(machine).await,
        Request::Backfill { hook, kinds, every } => desk.backfill(hook, *kinds, *every).await,
        Request::BackfillCancel { hook } => desk.cancel_backfill(hook).await,
        Request::ApproveUpgrade { hook } => desk.approve_upgrade(hook).await,
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
        Ok(Done { message: format!("paused {over}: {left} until `groundcrew unpause`"), changed: 1 })
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

    async fn believe(&self, what: Doubted) -> Result {
        let changed = self.hints.believe(what).await?;
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
        let message = match found {
            Some(_) => format!("{app} is looked at now ({changed} lanes)"),
            None => format!("no living app `{app}` is known yet; the source was asked to look for it"),
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

impl Refusal {
    /// No such thing.
    pub fn unknown(message: impl Into<String>) -> Self {
        Self { reason: Reason::Unknown, message: message.into(), hints: Vec::new() }
    }

    /// Not in a state for it.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self { reason: Reason::Conflict, message: message.into(), hints: Vec::new() }
    }

    /// Not a request that makes sense.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { reason: Reason::Invalid, message: message.into(), hints: Vec::new() }
    }

    /// Adds what would help.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl From<groundcrew_store::Error> for Refusal {
    fn from(error: groundcrew_store::Error) -> Self {
        Self { reason: Reason::Failed, message: error.to_string(), hints: Vec::new() }
    }
}
