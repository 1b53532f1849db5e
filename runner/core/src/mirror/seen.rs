//! What a source can see, and what the mirror asks it to look at.
//!
//! Whoever makes these has redacted every `raw`: neither environment nor secrets nor files are in it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::OrgQuery;
use crate::subject::Uid;
use crate::time::Timestamp;

/// Number of a round of looking. What was read in one tick belongs together.
pub type Tick = u64;

/// Circumstances of an observation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// The tick in which the request was sent.
    pub tick: Tick,
    /// When the request was sent: what it shows was so then, or later.
    pub sent_at: Timestamp,
    /// When the answer came: what it shows was so then, or earlier.
    pub at: Timestamp,
    /// Which token was used: its name, never its value.
    pub token: String,
    /// What was wrong with the answer, for people; none: nothing, or nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrong: Option<String>,
}

/// What should be looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ask {
    /// What the token may do: `GET /v1/tokens/current`.
    Control,
    /// The list of apps.
    Apps,
    /// The next page of the organisation's machines, as [`super::Mirror::org_query`] says.
    OrgMachines,
    /// One app. It proves an end only beside a control read of the same tick: send both together.
    App {
        /// Its name.
        app: String,
    },
    /// An app's own list of machines.
    Machines {
        /// The app's name.
        app: String,
    },
    /// One machine.
    Machine {
        /// The app's name.
        app: String,
        /// The machine's id, as the platform writes it.
        machine: String,
    },
    /// A machine's own log.
    Log {
        /// The app's name.
        app: String,
        /// The machine's id, as the platform writes it.
        machine: String,
    },
}

/// How a request was answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", content = "seen", rename_all = "kebab-case")]
pub enum Outcome<T> {
    /// 2xx.
    Found(T),
    /// 404 or 410.
    NotFound,
    /// 400 `could not find app`.
    NoSuchApp,
    /// 403.
    Forbidden,
    /// 401.
    Unauthorized,
    /// Anything else, or no answer.
    Failed,
}

/// What a source saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "look", rename_all = "kebab-case")]
pub enum Observation {
    /// The list of apps.
    Apps {
        /// The answer.
        outcome: Outcome<Apps>,
    },
    /// One app.
    App {
        /// The name that was asked for.
        app: String,
        /// The answer.
        outcome: Outcome<AppSeen>,
    },
    /// A page of the organisation's machines.
    OrgPage {
        /// What was asked for; a page of an older round is told by it.
        query: OrgQuery,
        /// The answer.
        outcome: Outcome<OrgPage>,
    },
    /// An app's own list of its living machines.
    Machines {
        /// The app's name.
        app: String,
        /// The answer.
        outcome: Outcome<Vec<MachineSeen>>,
    },
    /// One machine.
    Machine {
        /// The app's name.
        app: String,
        /// The id that was asked for.
        machine: String,
        /// The answer.
        outcome: Outcome<MachineSeen>,
    },
    /// A machine's own log, in any order.
    Log {
        /// The machine's id.
        machine: String,
        /// The answer.
        outcome: Outcome<Vec<LogEntry>>,
    },
    /// What the token may do.
    Control {
        /// The answer.
        outcome: Outcome<Reach>,
    },
}

impl Observation {
    /// Whom it shows; an id that cannot be read names nobody.
    pub(super) fn shown(&self) -> Vec<Uid> {
        let app = |app: &AppSeen| format!("app:{}", app.id).parse::<Uid>().ok();
        let machine = |machine: &MachineSeen| format!("machine:{}", machine.id).parse::<Uid>().ok();
        match self {
            Self::Apps { outcome: Outcome::Found(list) } => list.apps.iter().filter_map(app).collect(),
            Self::App { outcome: Outcome::Found(shown), .. } => app(shown).into_iter().collect(),
            Self::OrgPage { outcome: Outcome::Found(page), .. } => {
                page.machines.iter().filter_map(machine).collect()
            }
            Self::Machines { outcome: Outcome::Found(list), .. } => list.iter().filter_map(machine).collect(),
            Self::Machine { outcome: Outcome::Found(shown), .. } => machine(shown).into_iter().collect(),
            _ => Vec::new(),
        }
    }
}

/// Whether a list is all there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whole {
    /// What is not in it is missing.
    Whole,
    /// What is not in it may be elsewhere.
    Part,
}

/// A list of apps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Apps {
    /// The apps.
    pub apps: Vec<AppSeen>,
    /// Whether these are all.
    pub extent: Whole,
}

/// An app as seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AppSeen {
    /// The platform's id of this incarnation.
    pub id: String,
    /// The name.
    pub name: String,
    /// The organisation's id.
    pub org_id: Option<String>,
    /// The organisation's real slug.
    pub org_slug: Option<String>,
    /// The platform's word, open.
    pub status: Option<String>,
    /// The private network's name.
    pub network: Option<String>,
    /// The platform's object, redacted.
    #[serde(default)]
    pub raw: Value,
}

/// A machine as seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MachineSeen {
    /// The platform's id.
    pub id: String,
    /// The app's name, where the list says it.
    pub app: Option<String>,
    /// The platform's word, open.
    pub state: String,
    /// When the platform made it.
    pub created_at: Option<Timestamp>,
    /// When the platform last changed it, in whole seconds.
    pub updated_at: Option<Timestamp>,
    /// The region's code.
    pub region: Option<String>,
    /// The id of its version: changes with every update of its configuration.
    pub instance: Option<String>,
    /// The image; none when the configuration was not given.
    pub image: Option<String>,
    /// The metadata; none when the configuration was not given.
    pub metadata: Option<Map<String, Value>>,
    /// The newest lines of its log; empty when the list has none.
    pub log: Vec<LogEntry>,
    /// The platform's object, redacted.
    pub raw: Value,
}

/// A line of a machine's own log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogEntry {
    /// A ULID; absent in old records.
    pub id: Option<String>,
    /// The platform's word, open.
    pub kind: String,
    /// The state that it led to, open.
    pub status: String,
    /// When.
    pub at: Timestamp,
    /// Exit code, signal, whether it was asked for, if the line tells.
    pub reason: Option<Value>,
}

/// A page of an organisation's machines.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrgPage {
    /// The machines.
    pub machines: Vec<MachineSeen>,
    /// Where the next page begins; only its absence is the end.
    pub next: Option<String>,
    /// The newest change on the page.
    pub last_updated_at: Option<Timestamp>,
    /// Regions that did not answer.
    pub error_regions: Vec<String>,
}

/// What a token reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// Organisations, by id.
    pub orgs: BTreeSet<String>,
    /// The apps it is confined to; none: all apps of these organisations.
    pub apps: Option<BTreeSet<String>>,
}

impl Reach {
    /// Whether everything that `other` reaches is reached by this one.
    pub fn covers(&self, other: &Self) -> bool {
        let apps = match (&self.apps, &other.apps) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(mine), Some(theirs)) => mine.is_superset(theirs),
        };
        apps && self.orgs.is_superset(&other.orgs)
    }
}
