//! The mirror of one source, kept in the store.
//!
//! ```text
//!   observe ──► Delta ──► Store::accept ──► apply
//!                             └── failed: read again from the store before the next look
//! ```
//!
//! Another source may live at an address that a delta takes. The store says so, and the mirror is asked once more, with
//! that known; where both come to it at once, the database refuses the later commit, and its next look finds the other.
//!
//! Those who are gone leave memory after a day, and the store only once nothing speaks of them: whoever is shown after
//! that is looked for in the store first, so nobody who is gone is ever taken for somebody new.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use groundcrew_core::duration::Millis;
use groundcrew_core::mirror::{
    self, Ask, Cursor, Delta, FindingStatus, Look, Mirror, Observation, Reach, Row,
};
use groundcrew_core::spec;
use groundcrew_core::subject::{Path, SubjectKind, Uid};
use groundcrew_core::time::Timestamp;
use groundcrew_engine::clock::Clock;
use groundcrew_store::events::{Intake, NewEvent};
use groundcrew_store::findings::{FindingChange, NewFinding, Severity};
use groundcrew_store::subjects::{StoredSubject, SubjectChange};
use groundcrew_store::{Error, Result, Store, SubjectId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Routes, Surroundings};

/// Keeps one source's mirror in step with the store.
pub(super) struct Keeper {
    source: String,
    config: mirror::Config,
    store: Store,
    routes: Arc<dyn Routes>,
    mirror: Mirror,
    place: Place,
    memory: Memory,
    clock: Arc<dyn Clock>,
    /// When those who are gone for long were last forgotten.
    forgot_at: Timestamp,
}

/// How far a source of lines has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// Bytes before the next line.
    pub(super) offset: u64,
    /// Lines before it.
    pub(super) line: u64,
}

/// What a source of lines is read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Origin {
    /// The file's path from the root; `-`: standard input.
    pub(super) path: String,
    /// The file's number in its file system; none: standard input.
    pub(super) inode: Option<u64>,
}

/// How far which source of lines has been read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) position: Position,
    /// None: nothing was read, or by a version that did not keep it.
    pub(super) origin: Option<Origin>,
}

/// Whether the mirror in memory is what the store holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Memory {
    Trusted,
    /// It is ahead of the store; or a commit failed, and may have been durable all the same.
    Doubted,
}

/// What a look led to, beside what was stored.
#[derive(Clone, Debug, Default)]
pub(super) struct Taken {
    pub(super) asks: BTreeSet<Ask>,
    /// Apps in which something happened.
    pub(super) hot: BTreeSet<String>,
    /// Whether apps came, went or were renamed.
    pub(super) apps: Changed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Changed {
    #[default]
    No,
    Yes,
}

/// A source's cursor as it is stored.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    mirror: Cursor,
    #[serde(default)]
    position: Position,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<Origin>,
}

/// A subject as it is stored beside its columns: whose it is, and the mirror's whole row.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    source: String,
    row: Row,
}

/// The same, read only as far as to see whose it is; none: some other program's.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Whose<'a> {
    #[serde(borrow)]
    source: Option<std::borrow::Cow<'a, str>>,
}

/// Subjects that are read from the store at once.
const PAGE: u32 = 1_000;

/// Between two times at which those who are gone for long are forgotten.
const FORGET_EVERY: Millis = Millis::hours(1);

/// The platform's redacted object out of what the store keeps of a subject.
pub fn platform_object(stored: &StoredSubject) -> Value {
    serde_json::from_str(&stored.raw).map(|kept| object_in(&kept)).unwrap_or_default()
}

/// What a source of lines was read from, and the number of the last one; none: nothing was, or it is another source.
pub(crate) fn lines_read(source: &str, store: &Store) -> Result<Option<(String, u64)>> {
    let kept = readable(source, store)?;
    Ok(kept.and_then(|kept| Some((kept.origin?.path, kept.position.line))))
}

/// Those who are held as vanished, of all sources, as of the last commit.
pub fn vanished(store: &Store) -> Result<BTreeSet<Uid>> {
    let mut vanished = BTreeSet::new();
    for (source, _) in store.cursors()? {
        vanished.extend(readable(&source, store)?.into_iter().flat_map(|kept| kept.mirror.vanished));
    }
    Ok(vanished)
}

/// Whether a source has brought a whole list of its apps once, as of the last commit.
pub(super) fn has_baseline(source: &str, store: &Store) -> Result<bool> {
    Ok(readable(source, store)?.is_some_and(|kept| kept.mirror.baseline_at.is_some()))
}

/// A source's cursor; none: it has none, or it is some other program's.
fn readable(source: &str, store: &Store) -> Result<Option<Kept>> {
    Ok(store.cursor(source)?.and_then(|text| serde_json::from_str(&text).ok()))
}

/// The same of what is stored.
fn object_in(kept: &Value) -> Value {
    kept.pointer("/row/raw").cloned().unwrap_or_default()
}

impl Keeper {
    pub(super) fn open(source: &str, config: mirror::Config, around: &Surroundings) -> Result<Self> {
        let (store, routes, clock) =
            (around.store.clone(), Arc::clone(&around.routes), Arc::clone(&around.clock));
        let forgot_at = clock.now();
        let (mirror, place) = load(source, &config, &store, forgot_at)?;
        let memory = Memory::Trusted;
        let source = source.to_owned();
        Ok(Self { source, config, store, routes, mirror, place, memory, clock, forgot_at })
    }

    pub(super) const fn mirror(&self) -> &Mirror {
        &self.mirror
    }

    pub(super) const fn place(&self) -> &Place {
        &self.place
    }

    /// Reads the mirror from the store again, if what is in memory is in doubt.
    pub(super) fn trust(&mut self) -> Result<()> {
        if self.memory == Memory::Doubted {
            (self.mirror, self.place) = load(&self.source, &self.config, &self.store, self.clock.now())?;
            self.memory = Memory::Trusted;
        }
        Ok(())
    }

    /// Takes in one observation: durable when this returns.
    pub(super) async fn take(&mut self, look: &Look, observation: &Observation) -> Result<Taken> {
        self.trust()?;
        self.forget(look.at);
        self.recall(observation)?;
        let delta = self.conclude(|mirror| mirror.observe(look, observation))?;
        self.settle(delta, look.at).await
    }

    /// Now and then, those who are gone for long leave memory.
    fn forget(&mut self, now: Timestamp) {
        // Below zero the clock was set back.
        if !(Millis::ZERO..FORGET_EVERY).contains(&now.since(self.forgot_at)) {
            self.forgot_at = now;
            self.mirror.forget(now);
        }
    }

    /// Those who are shown and had left memory are as they were stored.
    fn recall(&mut self, observation: &Observation) -> Result<()> {
        for uid in self.mirror.strangers(observation) {
            let Some(stored) = self.store.subject_of(&uid)? else { continue };
            match row(&self.source, &stored)? {
                Some(row) => self.mirror.recall(row),
                // Events are told apart by subject and version, whichever source tells them.
                None => self.mirror.told_elsewhere(uid, stored.version),
            }
        }
        Ok(())
    }

    /// Believes those gone who are held as vanished and were shown.
    pub(super) async fn approve_vanished(&mut self, look: &Look, shown: &BTreeSet<Uid>) -> Result<Taken> {
        self.trust()?;
        let delta = self.conclude(|mirror| mirror.approve_vanished(look, shown))?;
        self.settle(delta, look.at).await
    }

    /// Agrees to what the token reaches now.
    pub(super) async fn accept_reach(&mut self, look: &Look, reach: &Reach) -> Result<Taken> {
        self.trust()?;
        self.settle(self.mirror.accept_reach(look, reach), look.at).await
    }

    /// What something means beside the other sources: again, until nobody is taken in where somebody of theirs lives.
    fn conclude(&mut self, means: impl Fn(&Mirror) -> Delta) -> Result<Delta> {
        let mut strangers = BTreeMap::new();
        loop {
            self.mirror.beside(strangers.clone());
            let delta = means(&self.mirror);
            let before = strangers.len();
            strangers.extend(self.strangers(&delta)?);
            if strangers.len() == before {
                return Ok(delta);
            }
        }
    }

    /// Who of another source lives at the addresses that a delta takes.
    fn strangers(&self, delta: &Delta) -> Result<BTreeMap<Path, Uid>> {
        let is_there = |row: &Row| {
            let known = self.mirror.row(&row.uid);
            known.is_some_and(|known| known.gone_at.is_none() && known.path == row.path)
        };
        let mut strangers = BTreeMap::new();
        for row in delta.rows.iter().filter(|row| row.is_living_app() && !is_there(row)) {
            let holder = self.store.subject_at(&row.path)?;
            let holder = holder.filter(|holder| holder.gone_at.is_none() && holder.subject.uid != row.uid);
            // Those of this source the mirror has told apart itself.
            if let Some(holder) = holder
                && !is_of(&self.source, &holder)?
            {
                strangers.insert(row.path.clone(), holder.subject.uid);
            }
        }
        Ok(strangers)
    }

    async fn settle(&mut self, delta: Delta, now: Timestamp) -> Result<Taken> {
        let taken = Taken::of(&delta);
        if !delta.is_quiet() {
            let mut intake = Intake { now, ..Intake::default() };
            self.add(&mut intake, &delta)?;
            self.commit(intake).await?;
        }
        self.mirror.apply(delta);
        Ok(taken)
    }

    /// Starts to take in several observations as one commit. Until that is done, memory is ahead of what is stored, and
    /// is read again if it never is.
    pub(super) fn begin(&mut self, now: Timestamp) -> Result<Ahead<'_>> {
        self.trust()?;
        self.memory = Memory::Doubted;
        Ok(Ahead { keeper: self, intake: Intake { now, ..Intake::default() } })
    }

    async fn commit(&mut self, intake: Intake) -> Result<()> {
        let accepted = self.store.accept(intake).await;
        if accepted.is_err() {
            self.memory = Memory::Doubted;
        }
        accepted.map(drop)
    }

    /// Adds what a look led to.
    fn add(&self, intake: &mut Intake, delta: &Delta) -> Result<()> {
        for row in &delta.rows {
            let object = match &row.raw {
                Some(object) => object.clone(),
                None => self.object_of(&row.uid, intake)?,
            };
            intake.subjects.push(change(&self.source, row, object));
            for lane in self.routes.lanes(&row.subject(), row.parent.as_ref()) {
                if !intake.dirty.contains(&lane) {
                    intake.dirty.push(lane);
                }
            }
        }
        for event in &delta.events {
            let object = match &event.object {
                Some(_) => Value::Null,
                None => self.object_of(&event.subject.uid, intake)?,
            };
            let event = told(event, object, &intake.subjects, &self.store)?;
            let handlers = self.routes.handlers(&event);
            intake.events.push(NewEvent { event, handlers });
        }
        intake.findings.extend(delta.findings.iter().map(finding));
        intake.noted.extend(delta.noted.iter().cloned());
        if let Some(cursor) = &delta.cursor {
            intake.cursor = Some(self.kept(cursor, &self.place));
        }
        Ok(())
    }

    /// The platform's object as it was stored last, or is about to be.
    fn object_of(&self, uid: &Uid, intake: &Intake) -> Result<Value> {
        if let Some(change) = intake.subjects.iter().rev().find(|change| change.uid == *uid) {
            return Ok(object_in(&change.raw));
        }
        let stored = self.store.subject_of(uid)?;
        Ok(stored.map(|stored| platform_object(&stored)).unwrap_or_default())
    }

    fn kept(&self, cursor: &Cursor, place: &Place) -> (String, String) {
        let Place { position, origin } = place.clone();
        let kept = Kept { mirror: cursor.clone(), position, origin };
        let text = serde_json::to_string(&kept).expect("invariant: a cursor is JSON");
        (self.source.clone(), text)
    }
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper")
            .field("source", &self.source)
            .field("memory", &self.memory)
            .finish_non_exhaustive()
    }
}

/// Several observations on their way into one commit; nothing moves unless it succeeds.
pub(super) struct Ahead<'a> {
    keeper: &'a mut Keeper,
    intake: Intake,
}

impl Ahead<'_> {
    pub(super) const fn mirror(&self) -> &Mirror {
        &self.keeper.mirror
    }

    pub(super) fn observe(&mut self, look: &Look, observation: &Observation) -> Result<()> {
        let delta = self.keeper.conclude(|mirror| mirror.observe(look, observation))?;
        self.keeper.add(&mut self.intake, &delta)?;
        self.keeper.mirror.apply(delta);
        Ok(())
    }

    /// Opens a finding of the source's own.
    pub(super) fn find(&mut self, finding: NewFinding) {
        self.intake.findings.push(FindingChange::Open(finding));
    }

    /// Commits all, and that the source was read up to `place`.
    pub(super) async fn commit(mut self, place: Place) -> Result<()> {
        self.intake.cursor = Some(self.keeper.kept(self.keeper.mirror.cursor(), &place));
        self.keeper.commit(self.intake).await?;
        self.keeper.place = place;
        self.keeper.memory = Memory::Trusted;
        Ok(())
    }
}

impl Taken {
    fn of(delta: &Delta) -> Self {
        let app = delta.rows.iter().any(|row| row.uid.kind() == SubjectKind::App);
        Self {
            asks: delta.asks.clone(),
            hot: delta.hot_apps().into_iter().map(str::to_owned).collect(),
            apps: if app { Changed::Yes } else { Changed::No },
        }
    }
}

/// Reads what is stored, but for those who are gone for longer than they are kept in memory.
fn load(source: &str, config: &mirror::Config, store: &Store, now: Timestamp) -> Result<(Mirror, Place)> {
    let misfit = |error| Error::Foreign(format!("the cursor of {source}: {error}"));
    let kept =
        store.cursor(source)?.map(|text| serde_json::from_str::<Kept>(&text).map_err(misfit)).transpose()?;
    let (cursor, place) = kept.map_or((None, Place::default()), |Kept { mirror, position, origin }| {
        (Some(mirror), Place { position, origin })
    });
    let (mut last, mut failed) = (SubjectId::NONE, None);
    let mut page = || -> Result<Option<Vec<Row>>> {
        let page = store.mirror_page(last, PAGE)?;
        let Some(end) = page.last() else { return Ok(None) };
        last = end.id;
        let kept = page
            .iter()
            .filter(|subject| subject.gone_at.is_none_or(|gone| now.since(gone) < config.gone_kept));
        kept.filter_map(|subject| row(source, subject).transpose()).collect::<Result<_>>().map(Some)
    };
    // Page by page into the mirror: a list of all rows beside it would be memory that a process never gives back.
    let pages = std::iter::from_fn(|| {
        page().unwrap_or_else(|error| {
            failed = Some(error);
            None
        })
    });
    let mirror = Mirror::from_rows(config.clone(), pages.flatten(), cursor);
    failed.map_or(Ok((mirror, place)), Err)
}

/// A stored row; none: another source's.
fn row(source: &str, subject: &StoredSubject) -> Result<Option<Row>> {
    if !is_of(source, subject)? {
        return Ok(None);
    }
    let stored = serde_json::from_str::<Stored>(&subject.raw);
    stored.map(|stored| Some(stored.row)).map_err(|error| misfit(subject, &error))
}

/// Whether a subject was stored by this source.
fn is_of(source: &str, subject: &StoredSubject) -> Result<bool> {
    let whose: Whose<'_> = serde_json::from_str(&subject.raw).map_err(|error| misfit(subject, &error))?;
    Ok(whose.source.as_deref() == Some(source))
}

fn misfit(subject: &StoredSubject, error: &serde_json::Error) -> Error {
    Error::Foreign(format!("the row of {}: {error}", subject.subject.path))
}

/// What is stored of a row, with the platform's object.
fn change(source: &str, row: &Row, object: Value) -> SubjectChange {
    let row = &Row { raw: Some(object), ..row.clone() };
    SubjectChange {
        path: row.path.clone(),
        uid: row.uid.clone(),
        parent: row.parent.clone(),
        state: row.state.clone(),
        version: row.version,
        labels: row.labels.clone(),
        raw: json!({ "source": source, "row": row }),
        seen_at: row.seen_at,
        gone_at: row.gone_at,
    }
}

/// The event as handlers are told it: with the labels of all sources.
fn told(
    event: &mirror::Event,
    stored: Value,
    changes: &[SubjectChange],
    store: &Store,
) -> Result<spec::Event> {
    let mut subject = event.subject.clone();
    subject.labels.extend(store.labels_after(changes, &subject.uid, &subject.path)?);
    Ok(spec::Event {
        id: event.id.to_string(),
        kind: event.kind.to_owned(),
        time: event.time,
        subject: Some(subject),
        data: event.data(|| stored),
    })
}

fn finding(finding: &mirror::Finding) -> FindingChange {
    if finding.status == FindingStatus::Resolved {
        return FindingChange::Close { code: finding.kind.to_owned(), about: finding.about.clone() };
    }
    let (severity, remedy) = match finding.kind {
        "source.vanish" => (
            Severity::Critical,
            "look at the organisation and the token; if they are really gone: `groundcrew approve --source vanished`",
        ),
        "source.reach" => (
            Severity::Critical,
            "give the token its reach back, or agree to the smaller one: `groundcrew approve --source reach`",
        ),
        "source.control" => (
            Severity::Critical,
            "give the source a token that is told at `/v1/tokens/current` what it reaches; `groundcrew doctor` asks",
        ),
        "source.unauthorized" => (Severity::Critical, "put a token that is valid into the source's secret"),
        "source.forbidden" => (Severity::Warning, "move the app back, or let the token see it"),
        "source.conflict" => (
            Severity::Warning,
            "let the other source tell that its app is gone, or give one of the two another `org`: then this one is taken in",
        ),
        "source.unread" => (
            Severity::Warning,
            "if it cannot be read, look for a newer version of groundcrew; else ask the platform's support, who know the request by its id",
        ),
        _ => (Severity::Warning, ""),
    };
    FindingChange::Open(NewFinding {
        code: finding.kind.to_owned(),
        about: finding.about.clone(),
        hook: None,
        severity,
        message: finding.text.clone(),
        remedy: (!remedy.is_empty()).then(|| remedy.to_owned()),
    })
}

#[cfg(test)]
mod tests;
