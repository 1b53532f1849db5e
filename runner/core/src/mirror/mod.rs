//! The mirror: what the platform looks like, concluded from listings that lag, break off and contradict.
//!
//! ```text
//!   listing ──► observe(&self) ──► Delta { rows, events, cursor, findings, asks }
//!                                     │ one transaction of the caller
//!                                     ▼
//!                               apply(&mut self)          asks ──► looked at next ──► listing
//! ```
//!
//! # Guarantees
//! - Replaying what was seen changes nothing; an event's id follows from its subject and its version alone.
//! - Nobody is gone by absence: an app ends on its own `GET` with a control read beside it, a machine on the word
//!   `destroyed`, or on absence from its own app's list and a `GET` when it is not new (see [`Rule`]).
//! - The mirror in memory moves only when the caller applies what it has committed.
//! - Who comes to an address at which somebody of another source lives is not taken in, and everybody else is.
//!
//! It deliberately asks nobody, knows no HTTP and no schedule: what should be looked at next are [`Ask`]s.

mod apps;
mod believe;
mod clock;
mod conflict;
mod cursor;
mod draft;
mod event;
mod guard;
mod log;
mod machines;
mod org;
mod row;
mod rules;
mod seen;
mod vain;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use apps::YOUNG;
pub use clock::Clock;
pub use cursor::{Cursor, End, Org, OrgQuery};
pub use event::{Event, Finding, FindingStatus};
pub use guard::APPROVAL_LASTS;
pub use row::{Memory, OwnLook, Row};
pub use rules::{Rule, Rules};
pub use seen::{
    AppSeen, Apps, Ask, LogEntry, Look, MachineSeen, Observation, OrgPage, Outcome, Reach, Tick, Whole,
};
pub use vain::{UNCONTROLLED_AFTER, UNREAD_AFTER};

use crate::duration::Millis;
use crate::hash::Digest;
use crate::may_make::Unseen;
use crate::running::Noted;
use crate::subject::{Path, Uid};
use crate::time::Timestamp;
use draft::Draft;

/// How long those who are gone are kept in memory: the organisation's list shows them for minutes, hardly for a day.
pub const GONE_KEPT: Millis = Millis::hours(24);

/// How a mirror judges.
#[derive(Clone, Debug)]
pub struct Config {
    /// The organisation's slug as the operator wrote it; may be the alias `personal`.
    pub org_slug: String,
    /// How many may vanish before the source is no longer believed.
    pub vanish_max: VanishMax,
    /// How far back the organisation's machine list is read again.
    pub overlap: Millis,
    /// How long a change of state waits for the machine's own log, which knows the reason.
    pub reason_wait: Millis,
    /// How long those who are gone are kept in memory; after that they are known again once they are
    /// [recalled](Mirror::recall).
    pub gone_kept: Millis,
    /// The rules in force; all of them, but for tests.
    pub rules: Rules,
}

/// How many may vanish: the larger of a share and a floor, within a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VanishMax {
    /// Percent of those that live.
    pub percent: u32,
    /// This many in any case.
    pub floor: u32,
    /// The window.
    pub within: Millis,
}

/// What is known of an organisation's apps and machines.
#[derive(Clone, Debug)]
pub struct Mirror {
    config: Config,
    rows: BTreeMap<Uid, Row>,
    /// Living apps by name.
    names: BTreeMap<String, Uid>,
    /// Living machines by app incarnation.
    members: BTreeMap<Uid, BTreeSet<Uid>>,
    /// Who of other sources lives at addresses, as far as the caller says.
    strangers: BTreeMap<Path, Uid>,
    cursor: Cursor,
    pending: Pending,
    /// Versions of those whom another source has told of: theirs go on from there.
    elsewhere: BTreeMap<Uid, u64>,
    /// Counts deltas, so that none is applied to another mirror than the one it was made from.
    generation: u64,
}

/// What an observation changes. Commit `rows`, `events`, `cursor`, `findings` and `noted` together, then apply it.
#[derive(Clone, Debug)]
#[must_use = "a delta changes nothing until it is committed and applied"]
pub struct Delta {
    /// Rows to write, whole, in an order in which they can be written one by one.
    pub rows: Vec<Row>,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// The source's new cursor, if it moved.
    pub cursor: Option<Cursor>,
    /// Findings opened and resolved.
    pub findings: Vec<Finding>,
    /// How long machines ran; part of the same transaction.
    pub noted: Vec<Noted>,
    /// What should be looked at next; not durable, asked again when it is still so.
    pub asks: BTreeSet<Ask>,
    quiet: Vec<Row>,
    names: BTreeMap<String, Option<Uid>>,
    pending: Pending,
    base: u64,
}

/// Those who live as far as is known, and of whom it is not known that they are there.
pub type UnseenBy = Arc<BTreeMap<Uid, Unseen>>;

/// What is under way and may be forgotten: after a restart it is found out anew.
#[derive(Clone, Debug, Default)]
struct Pending {
    /// The tick of the last list of apps; an older one that comes late is not looked at.
    apps_tick: Tick,
    /// Apps that the last whole list did not show.
    missing: BTreeMap<Uid, believe::Missing>,
    /// Machines that their own app's list did not show.
    absent: BTreeMap<Uid, believe::Absent>,
    /// Those for whom nothing is made until they are seen; shared, for most observations change nothing of it.
    unseen: UnseenBy,
    /// Changes of state that wait for the machine's log.
    held: BTreeMap<Uid, log::Held>,
    /// The last control reads, by tick.
    controls: BTreeMap<Tick, believe::Control>,
    /// The reading of the organisation's list that is under way.
    round: org::Round,
    /// What is asked in vain, by finding.
    in_vain: BTreeMap<(&'static str, String), vain::Failures>,
}

impl Default for VanishMax {
    /// `{ share = "5%", floor = 3, within = "10m" }`
    fn default() -> Self {
        Self { percent: 5, floor: 3, within: Millis::minutes(10) }
    }
}

impl Config {
    /// All rules, with the documented defaults.
    pub fn new(org_slug: &str) -> Self {
        Self {
            org_slug: org_slug.to_owned(),
            vanish_max: VanishMax::default(),
            overlap: Millis::minutes(15),
            reason_wait: Millis::seconds(10),
            gone_kept: GONE_KEPT,
            rules: Rules::ALL,
        }
    }
}

impl Mirror {
    /// Makes the mirror of what was stored; nothing stored means a first start, which adopts silently.
    ///
    /// Of the gone only those are wanted who would be [kept](Config::gone_kept). Who lives as far as was stored is
    /// [unseen](Mirror::unseen) until it is shown.
    pub fn from_rows(config: Config, rows: impl IntoIterator<Item = Row>, cursor: Option<Cursor>) -> Self {
        let mut mirror = Self {
            config,
            rows: BTreeMap::new(),
            names: BTreeMap::new(),
            members: BTreeMap::new(),
            strangers: BTreeMap::new(),
            elsewhere: BTreeMap::new(),
            cursor: cursor.unwrap_or_default(),
            pending: Pending::default(),
            generation: 0,
        };
        for row in rows {
            mirror.read_back(row);
        }
        let living = mirror.rows.values().filter(|row| row.gone_at.is_none());
        mirror.pending.unseen = Arc::new(living.map(|row| (row.uid.clone(), Unseen::Unread)).collect());
        mirror
    }

    /// Says who of other sources lives at addresses: nobody is taken in there. It replaces what was said before.
    ///
    /// Only those are wanted whose address a delta takes; observe again once they are told.
    pub fn beside(&mut self, strangers: BTreeMap<Path, Uid>) {
        self.strangers = strangers;
    }

    /// Says what an observation means, and changes nothing.
    pub fn observe(&self, look: &Look, observation: &Observation) -> Delta {
        let mut draft = Draft::new(self, look);
        draft.release_held();
        match observation {
            Observation::Apps { outcome } => draft.apps_listed(outcome),
            Observation::App { app, outcome } => draft.app_shown(app, outcome),
            Observation::OrgPage { query, outcome } => draft.org_page(query, outcome),
            Observation::Machines { app, outcome } => draft.machines_listed(app, outcome),
            Observation::Machine { app, machine, outcome } => draft.machine_shown(app, machine, outcome),
            Observation::Log { machine, outcome } => draft.log_read(machine, outcome),
            Observation::Control { outcome } => draft.control_read(outcome),
        }
        draft.finish()
    }

    /// Says what it means that an operator believes those gone who are held as vanished and were shown.
    ///
    /// Each of them still needs its own confirmation, and those that vanish later need another approval.
    pub fn approve_vanished(&self, look: &Look, shown: &BTreeSet<Uid>) -> Delta {
        let mut draft = Draft::new(self, look);
        draft.approve_vanished(shown);
        draft.finish()
    }

    /// Says what it means that an operator agrees to what the token reaches now.
    pub fn accept_reach(&self, look: &Look, reach: &Reach) -> Delta {
        let mut draft = Draft::new(self, look);
        draft.accept_reach(reach);
        draft.finish()
    }

    /// Moves the mirror to where the delta leads; call it once its commit is durable.
    ///
    /// # Panics
    /// If the delta was made from another state of the mirror.
    pub fn apply(&mut self, delta: Delta) {
        assert_eq!(
            delta.base, self.generation,
            "invariant: a delta is applied to the mirror it was made from"
        );
        self.generation += 1;
        for row in delta.rows.into_iter().chain(delta.quiet) {
            self.insert(row);
        }
        for (name, uid) in delta.names {
            match uid {
                Some(uid) => self.names.insert(name, uid),
                None => self.names.remove(&name),
            };
        }
        if let Some(cursor) = delta.cursor {
            self.cursor = cursor;
        }
        self.pending = delta.pending;
    }

    /// Forgets those who are gone for longer than they are kept. What is stored of them stays.
    pub fn forget(&mut self, now: Timestamp) {
        let (kept, held) = (self.config.gone_kept, &self.cursor.vanished);
        let is_kept = |row: &Row| row.gone_at.is_none_or(|gone| now.since(gone) < kept);
        self.rows.retain(|uid, row| is_kept(row) || held.contains(uid));
        self.members.retain(|_, members| !members.is_empty());
        self.generation += 1;
    }

    /// Those whom an observation shows and nobody knows here: new ones, and such as are gone and [forgotten](Mirror::forget).
    pub fn strangers(&self, observation: &Observation) -> Vec<Uid> {
        let shown = observation.shown();
        shown.into_iter().filter(|uid| !self.rows.contains_key(uid)).collect()
    }

    /// Takes back what was stored of somebody who was forgotten.
    ///
    /// To be done before anything that shows them is observed: else they are new, and their first event has the id of one
    /// that was told before.
    pub fn recall(&mut self, row: Row) {
        self.read_back(row);
        self.generation += 1;
    }

    /// Another source has told of somebody, up to this version.
    ///
    /// To be said before anything that shows them is observed, as in [`Mirror::recall`].
    pub fn told_elsewhere(&mut self, uid: Uid, version: u64) {
        self.elsewhere.insert(uid, version);
        self.generation += 1;
    }

    /// How the organisation's machine list should be asked next.
    pub fn org_query(&self) -> OrgQuery {
        self.pending.round.query(&self.cursor, &self.config)
    }

    /// What is known of a subject, also of one that is gone and not forgotten.
    pub fn row(&self, uid: &Uid) -> Option<&Row> {
        self.rows.get(uid)
    }

    /// All rows by id.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    /// The living app of a name.
    pub fn app(&self, name: &str) -> Option<&Row> {
        self.names.get(name).and_then(|uid| self.rows.get(uid))
    }

    /// The names of all living apps, in order.
    pub fn app_names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// The living machines of an app incarnation, by id.
    pub fn members(&self, app: &Uid) -> impl Iterator<Item = &Row> {
        self.members.get(app).into_iter().flatten().filter_map(|uid| self.rows.get(uid))
    }

    /// Those of whom it is not known that they are there, though no end of theirs is believed.
    ///
    /// Those that no list and no look has shown since the mirror was made; whoever a whole list lacks; whoever a look did
    /// not find, or was refused. The next sight of them ends that, and so does their end. The organisation's list of
    /// machines is no sight: it shows the gone for minutes.
    pub const fn unseen(&self) -> &UnseenBy {
        &self.pending.unseen
    }

    /// The cursor as last applied.
    pub const fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// Takes in a row as it was stored.
    fn read_back(&mut self, row: Row) {
        if row.is_living_app() {
            self.names.insert(row.path.app_name().to_owned(), row.uid.clone());
        }
        self.insert(row);
    }

    /// Writes a row, and keeps the index of members right.
    fn insert(&mut self, row: Row) {
        if let Some(parent) = self.rows.get(&row.uid).and_then(|old| old.parent.clone())
            && let Some(members) = self.members.get_mut(&parent)
        {
            members.remove(&row.uid);
        }
        if row.gone_at.is_none()
            && let Some(parent) = &row.parent
        {
            self.members.entry(parent.clone()).or_default().insert(row.uid.clone());
        }
        self.rows.insert(row.uid.clone(), row.at_rest());
    }
}

impl Delta {
    /// The apps in which something happened: they deserve a closer look for a while.
    pub fn hot_apps(&self) -> BTreeSet<&str> {
        self.events.iter().map(|event| event.subject.path.app_name()).collect()
    }

    /// Whether nothing has to be written.
    pub fn is_quiet(&self) -> bool {
        let told = self.events.is_empty() && self.findings.is_empty() && self.noted.is_empty();
        told && self.rows.is_empty() && self.cursor.is_none()
    }
}

/// The id of an event: of its subject and the version that it led to.
fn event_id(uid: &Uid, version: u64) -> Digest {
    Digest::of_parts([uid.as_str().as_bytes(), &version.to_le_bytes()])
}

/// The later of two times that may be unknown.
fn later(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.max(other)
}
