//! What can be asked.

use std::collections::{BTreeMap, BTreeSet};

use groundcrew_core::backfill::Kinds;
use groundcrew_core::duration::Millis;
use groundcrew_core::may_delete::Level;
use groundcrew_core::plan::Item;
use groundcrew_core::retire::{Ending, Patience};
use groundcrew_core::subject::Uid;
use groundcrew_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{End, ImportedThing, PlannedRow};

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
        /// Who was shown as vanished: if it is anybody else by now, the source is not believed.
        #[serde(default)]
        shown: BTreeSet<Uid>,
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
    RecoverFinish {
        /// Also if not everything that exists could be listed.
        #[serde(default)]
        unlisted: bool,
    },
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
    /// Puts what runs together anew, from the configuration as it is now.
    Reload,
    /// Agrees to a hook's new version, though it asks for more; or lets it write, though it did not find what the old
    /// one made.
    ApproveUpgrade {
        /// The hook's name.
        hook: String,
    },
    /// Makes a hook's candidate current, or takes that back.
    Promote {
        /// The hook's name.
        hook: String,
        /// On which condition.
        when: Promoting,
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

/// On which condition a candidate becomes current.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Promoting {
    /// Runs were compared with it, and none differed.
    Equal,
    /// Whatever was compared.
    Anyway,
    /// None: it is taken back.
    Undo,
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
