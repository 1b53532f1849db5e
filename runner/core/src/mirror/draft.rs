//! A delta in the making: the mirror with changes laid over it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::event::{Event, Finding, FindingStatus};
use super::row::GONE;
use super::{Ask, Config, Cursor, Delta, Look, Mirror, Pending, Row, Rule, event_id};
use crate::may_make::Unseen;
use crate::running::Noted;
use crate::subject::{Path, SubjectKind, Uid};
use crate::time::Timestamp;

/// Whether a changed row has to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Write {
    /// Only remembered; lost at a restart and found out anew.
    Quiet,
    /// Stored.
    Store,
}

/// The mirror with changes laid over it.
pub(super) struct Draft<'a> {
    mirror: &'a Mirror,
    pub(super) look: &'a Look,
    rows: BTreeMap<Uid, (Row, Write)>,
    /// Stored rows in the order of their first change, so that an address is free before it is taken.
    order: Vec<Uid>,
    names: BTreeMap<String, Option<Uid>>,
    events: Vec<Event>,
    findings: Vec<Finding>,
    pub(super) noted: Vec<Noted>,
    asks: BTreeSet<Ask>,
    pub(super) cursor: Cursor,
    pub(super) pending: Pending,
}

impl<'a> Draft<'a> {
    pub(super) fn new(mirror: &'a Mirror, look: &'a Look) -> Self {
        Self {
            mirror,
            look,
            rows: BTreeMap::new(),
            order: Vec::new(),
            names: BTreeMap::new(),
            events: Vec::new(),
            findings: Vec::new(),
            noted: Vec::new(),
            asks: BTreeSet::new(),
            cursor: mirror.cursor.clone(),
            pending: mirror.pending.clone(),
        }
    }

    pub(super) fn finish(mut self) -> Delta {
        let mut rows = Vec::new();
        for uid in &self.order {
            let (row, _) = self.rows.remove(uid).expect("invariant: the order names changed rows");
            rows.push(row);
        }
        Delta {
            rows,
            quiet: self.rows.into_values().map(|(row, _)| row).collect(),
            events: self.events,
            cursor: (self.cursor != self.mirror.cursor).then_some(self.cursor),
            findings: self.findings,
            noted: self.noted,
            asks: self.asks,
            names: self.names,
            pending: self.pending,
            base: self.mirror.generation,
        }
    }

    pub(super) fn config(&self) -> &'a Config {
        &self.mirror.config
    }

    pub(super) fn rule(&self, rule: Rule) -> bool {
        self.mirror.config.rules.has(rule)
    }

    /// When this was seen.
    pub(super) fn now(&self) -> Timestamp {
        self.look.at
    }

    /// As of when an answer counts: it shows what was so when it was asked for, or later.
    pub(super) fn as_of(&self, look: &Look) -> Timestamp {
        if self.rule(Rule::AsOfAsking) { look.sent_at } else { look.at }
    }

    pub(super) fn ask(&mut self, ask: Ask) {
        self.asks.insert(ask);
    }

    pub(super) fn row(&self, uid: &Uid) -> Option<&Row> {
        self.rows.get(uid).map(|(row, _)| row).or_else(|| self.mirror.rows.get(uid))
    }

    /// Who of another source lives at an address.
    pub(super) fn stranger_at(&self, path: &Path) -> Option<&'a Uid> {
        let mirror: &'a Mirror = self.mirror;
        mirror.strangers.get(path)
    }

    /// The living app of a name.
    pub(super) fn app_named(&self, name: &str) -> Option<&Row> {
        let uid = match self.names.get(name) {
            Some(changed) => changed.as_ref()?,
            None => self.mirror.names.get(name)?,
        };
        self.row(uid)
    }

    /// Somebody was shown: what is made for them is made for somebody.
    pub(super) fn seen(&mut self, uid: &Uid) {
        if self.pending.unseen.contains_key(uid) {
            Arc::make_mut(&mut self.pending.unseen).remove(uid);
        }
    }

    /// Somebody was missed. What was noticed first stays, but that nobody looked.
    pub(super) fn missed(&mut self, uid: &Uid, how: Unseen) {
        let known = self.pending.unseen.get(uid);
        if known.is_none_or(|known| *known == Unseen::Unread) {
            Arc::make_mut(&mut self.pending.unseen).insert(uid.clone(), how);
        }
    }

    /// All living apps.
    pub(super) fn living_apps(&self) -> Vec<Uid> {
        self.living(SubjectKind::App)
    }

    /// All who live, of one kind.
    pub(super) fn living(&self, kind: SubjectKind) -> Vec<Uid> {
        self.living_rows(kind).map(|row| row.uid.clone()).collect()
    }

    /// How many live, of one kind.
    pub(super) fn count_living(&self, kind: SubjectKind) -> usize {
        self.living_rows(kind).count()
    }

    fn living_rows(&self, kind: SubjectKind) -> impl Iterator<Item = &Row> {
        let laid_over = &self.rows;
        let unchanged = self.mirror.rows.values().filter(move |row| !laid_over.contains_key(&row.uid));
        let changed = laid_over.values().map(|(row, _)| row);
        unchanged.chain(changed).filter(move |row| row.gone_at.is_none() && row.uid.kind() == kind)
    }

    /// The living machines of an app incarnation, in order.
    pub(super) fn members(&self, app: &Uid) -> BTreeSet<Uid> {
        let before = self.mirror.members.get(app).into_iter().flatten();
        before
            .chain(self.rows.keys())
            .filter(|uid| {
                self.row(uid).is_some_and(|row| row.gone_at.is_none() && row.parent.as_ref() == Some(app))
            })
            .cloned()
            .collect()
    }

    /// Lays a row over the mirror's.
    pub(super) fn put(&mut self, row: Row, write: Write) {
        let stored = self.rows.get(&row.uid).is_some_and(|(_, write)| *write == Write::Store);
        if write == Write::Store && !stored {
            self.order.push(row.uid.clone());
        }
        if row.uid.kind() == SubjectKind::App {
            self.name(&row);
        }
        let write = if stored { Write::Store } else { write };
        self.rows.insert(row.uid.clone(), (row, write));
    }

    /// The version up to which another source has told of somebody who is new here.
    pub(super) fn version_elsewhere(&self, uid: &Uid) -> u64 {
        self.mirror.elsewhere.get(uid).copied().unwrap_or_default()
    }

    /// Lets a version of a subject happen: counts it, tells it and lays the row over the mirror's.
    pub(super) fn tell(&mut self, mut row: Row, kind: &'static str, time: Timestamp, reason: Option<&Value>) {
        debug_assert!(crate::kind::OWN.contains(&kind), "`{kind}` is not among the runner's own events");
        self.wind(&mut row, time);
        row.version += 1;
        self.events.push(Event {
            id: event_id(&row.uid, row.version),
            kind,
            subject: row.subject(),
            version: row.version,
            time,
            object: row.raw.clone(),
            reason: reason.cloned(),
        });
        self.put(row, Write::Store);
    }

    /// Lets somebody be gone.
    pub(super) fn end(&mut self, mut row: Row, kind: &'static str, time: Timestamp) {
        self.pending.missing.remove(&row.uid);
        self.pending.absent.remove(&row.uid);
        self.pending.held.remove(&row.uid);
        self.seen(&row.uid);
        self.returned(&row.uid);
        self.conflict_ends(&row.uid);
        self.resolve("source.forbidden", row.uid.as_str());
        self.resolve("source.unauthorized", row.uid.as_str());
        self.resolve("source.returned", row.uid.as_str());
        self.not_in_vain("source.unread", row.uid.as_str());
        GONE.clone_into(&mut row.state);
        row.gone_at = Some(self.now());
        self.tell(row, kind, time, None);
    }

    pub(super) fn open(&mut self, kind: &'static str, about: &str, text: String) {
        if self.cursor.findings.insert(format!("{kind} {about}")) {
            self.findings.push(Finding {
                kind,
                about: about.to_owned(),
                text,
                status: FindingStatus::Opened,
            });
        }
    }

    pub(super) fn resolve(&mut self, kind: &'static str, about: &str) {
        if self.cursor.findings.remove(&format!("{kind} {about}")) {
            let (about, text) = (about.to_owned(), String::new());
            self.findings.push(Finding { kind, about, text, status: FindingStatus::Resolved });
        }
    }

    /// Whether a finding is open.
    pub(super) fn is_open(&self, kind: &'static str, about: &str) -> bool {
        self.cursor.findings.contains(&format!("{kind} {about}"))
    }

    /// Keeps the index of names right when an app's row changes.
    fn name(&mut self, row: &Row) {
        let old = self.row(&row.uid).map(|old| old.path.app_name().to_owned());
        if let Some(old) = old
            && self.app_named(&old).is_some_and(|app| app.uid == row.uid)
        {
            self.names.insert(old, None);
        }
        if row.gone_at.is_none() {
            self.names.insert(row.path.app_name().to_owned(), Some(row.uid.clone()));
        }
    }
}
