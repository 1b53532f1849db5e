//! What is played: hooks as they are installed, and a script over virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use groundcrew_core::may_delete::Level;
use groundcrew_core::settle::Rules;
use groundcrew_engine::run::{self, Engine};
use groundcrew_outside::{Act, Fault, Knobs, Purpose};
use serde_json::{Value, json};

use super::audited::{Audited, Identity};
use super::beside::Beside;
use super::happening::Happening;
use crate::config::Config;

/// The hooks of a scenario: the configuration that a user would have written, and the components that it names.
#[derive(Debug)]
pub struct Cast {
    /// Read and checked as `groundcrew check` does.
    pub config: Config,
    /// What runs components.
    pub engine: Engine,
    /// By the stanzas' names.
    pub components: BTreeMap<String, run::Hook>,
}

/// One scenario, ready to be played. Times are milliseconds after its beginning.
#[derive(Clone, Debug)]
pub struct Scene<B: Beside> {
    /// What it is called.
    pub name: String,
    /// Its hooks.
    pub cast: Arc<Cast>,
    /// Where the fake is, for hooks.
    pub server: Arc<str>,
    /// What the fake holds from the beginning, by path.
    pub collections: Vec<(String, Knobs)>,
    /// What happens, in order of time.
    pub script: Vec<(i64, Doing<B::Act>)>,
    /// What lives at the end, of ours.
    pub expects: Vec<Purpose>,
    /// What of it may be torn down and made anew where something goes wrong: a person approves that.
    pub remade: Vec<Purpose>,
    /// Whether receivers must have been told every event.
    pub tells: Tells,
    /// What of it they are told, and no more; none: all of it.
    pub told: Option<Vec<Happening>>,
    /// How long it is looked at.
    pub lasts: i64,
    /// How long the process is away after a crash.
    pub away: i64,
    /// Whether audits are run again at the end.
    pub looks: Looks,
    /// What is open of its audits at the end; none: as it may be.
    pub opens: Option<BTreeSet<Identity>>,
    /// What its audits leave when nothing goes wrong; none: that is not known yet, or it has no audit.
    pub audited: Option<Arc<Audited>>,
    /// The rules of settling that hold.
    pub rules: Rules,
    /// Whether what is known of an intent survives a crash.
    pub memory: Memory,
    /// What is kept of the runs.
    pub records: Records,
}

/// How long the process is away after a crash, in milliseconds, unless a scene says otherwise.
pub const AWAY: i64 = 700;

impl Cast {
    /// How long findings are left alone at most before they are mended, in milliseconds.
    pub fn grace(&self) -> i64 {
        let remedies = self.config.audits.values().filter_map(|audit| audit.remedy.as_ref());
        remedies.map(|remedy| remedy.grace.as_i64()).max().unwrap_or_default()
    }
}

impl<B: Beside> Scene<B> {
    /// Whether it has audits.
    pub fn audits(&self) -> bool {
        !self.cast.config.audits.is_empty()
    }
}

/// Whether audits are run again at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Looks {
    /// They are run when the script says.
    #[default]
    AsScripted,
    /// Also a few times after everything has happened: what was cut off is not tried again before long.
    AgainAtTheEnd,
}

/// Whether events are judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tells {
    /// No handler is played.
    #[default]
    Nothing,
    /// Each must be told, under its id, in order for its subject.
    Everything,
}

/// What is kept of a play's runs for whoever tells its story.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Records {
    /// Nothing: a thousand plays are judged by what they did.
    #[default]
    None,
    /// All runs with their calls, and the ledger.
    All,
    /// Also each run whole, as it takes to play it again.
    Whole,
}

/// One thing that happens; `A` beside the fake.
#[derive(Clone, Debug, PartialEq)]
pub enum Doing<A> {
    /// A source sees a subject: anew, changed, or at its end.
    Sees(Sighting),
    /// An event comes that changes nobody.
    Hears(Heard),
    /// Handlers with a schedule are told that it is time.
    Tick,
    /// Something happens to a collection.
    Act {
        /// Which.
        path: String,
        /// What.
        act: Act,
    },
    /// A collection begins anew, empty.
    Open {
        /// Which.
        path: String,
        /// Its knobs.
        knobs: Box<Knobs>,
    },
    /// A fault meets the request after so many of its method.
    Fault {
        /// How many go well.
        after: u32,
        /// Of which method; none: any.
        method: Option<String>,
        /// What it is.
        fault: Fault,
    },
    /// The fake answers every read with 503 for a while.
    Unread {
        /// When it begins.
        from: i64,
        /// For how many milliseconds.
        lasts: i64,
    },
    /// Something happens beside the fake.
    Beside(A),
    /// A person intervenes.
    Operator(Operator),
    /// All audits are run, one after the other.
    Look,
}

/// What a source sees of one subject.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    /// Its app.
    pub app: String,
    /// None: the app itself.
    pub machine: Option<String>,
    /// Which subject of that name it is, counted from one.
    pub incarnation: u32,
    /// None: its end is confirmed.
    pub labels: Option<Value>,
    /// The kind of the event; none: `changed`, or `deleted`.
    pub event: Option<String>,
    /// What the event says beside its kind.
    pub data: Value,
}

/// An event from elsewhere, or one of the runner's own findings.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// Its kind, or type, and whom it is about.
    pub what: Happening,
    /// What it says beside that.
    pub data: Value,
}

impl Heard {
    /// As somebody elsewhere sends it: a CloudEvent in its JSON form.
    pub fn cloudevent(&self, id: &str) -> Value {
        json!({
            "specversion": "1.0",
            "id": id,
            "source": "scenario",
            "type": self.what.kind,
            "subject": self.what.about.as_ref().map(|about| format!("fly/acme/{about}")),
            "data": self.data,
        })
    }
}

/// What a person does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `groundcrew pause --hook HOOK`, or with `--deletes`: a lower level is laid over it.
    Pause {
        /// Which hook.
        hook: String,
        /// Which level.
        level: Level,
    },
    /// `groundcrew unpause --hook HOOK`.
    Unpause {
        /// Which hook.
        hook: String,
    },
    /// `groundcrew approve --all`.
    Approve,
}

/// Whether what is known of an intent survives a crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Memory {
    /// It does, as the store promises.
    #[default]
    Durable,
    /// After a crash the database is as it was before the last write's intent: the intent commit, taken out.
    Forgetful,
}
