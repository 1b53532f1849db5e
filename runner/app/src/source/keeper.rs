//! The mirror of one source, kept in the store.
//!
//! ```text
//!   observe ──► Delta ──► Store::accept ──► apply
//!                             └── failed: read again from the store before the next look
//! ```

use std::collections::BTreeSet;
use std::sync::Arc;

use groundcrew_core::mirror::{
    self, Ask, Cursor, Delta, FindingStatus, Look, Mirror, Observation, Reach, Row,
};
use groundcrew_core::spec;
use groundcrew_core::subject::{Path, SubjectKind, Uid};
use groundcrew_core::time::Timestamp;
use groundcrew_store::events::{Intake, NewEvent};
use groundcrew_store::findings::{FindingChange, NewFinding, Severity};
use groundcrew_store::subjects::{StoredSubject, SubjectChange};
use groundcrew_store::{Error, Result, Store, SubjectId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

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

/// The platform's redacted object out of what the store keeps of a subject.
pub fn platform_object(stored: &StoredSubject) -> Value {
    serde_json::from_str(&stored.raw).map(|kept| object_in(&kept)).unwrap_or_default()
}

/// The same of what is stored.
fn object_in(kept: &Value) -> Value {
    kept.pointer("/row/raw").cloned().unwrap_or_default()
}

impl Keeper {
    pub(super) fn open(source: &str, config: mirror::Config, around: &Surroundings) -> Result<Self> {
        let (store, routes) = (around.store.clone(), Arc::clone(&around.routes));
        let (mirror, place) = load(source, &config, &store)?;
        let memory = Memory::Trusted;
        Ok(Self { source: source.to_owned(), config, store, routes, mirror, place, memory })
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
            (self.mirror, self.place) = load(&self.source, &self.config, &self.store)?;
            self.memory = Memory::Trusted;
        }
        Ok(())
    }

    /// Takes in one observation: durable when this returns.
    pub(super) async fn take(&mut self, look: &Look, observation: &Observation) -> Result<Taken> {
        self.trust()?;
        self.settle(self.mirror.observe(look, observation), look.at).await
    }

    /// Believes what is held as vanished.
    pub(super) async fn approve_vanished(&mut self, look: &Look) -> Result<Taken> {
        self.trust()?;
        self.settle(self.mirror.approve_vanished(look), look.at).await
    }

    /// Agrees to what the token reaches now.
    pub(super) async fn accept_reach(&mut self, look: &Look, reach: &Reach) -> Result<Taken> {
        self.trust()?;
        self.settle(self.mirror.accept_reach(look, reach), look.at).await
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
            let event = told(event, object, &self.store)?;
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
        let delta = self.keeper.mirror.observe(look, observation);
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

fn load(source: &str, config: &mirror::Config, store: &Store) -> Result<(Mirror, Place)> {
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
        page.iter().filter_map(|subject| row(source, subject).transpose()).collect::<Result<_>>().map(Some)
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
    let misfit = |error| Error::Foreign(format!("the row of {}: {error}", subject.subject.path));
    let whose: Whose<'_> = serde_json::from_str(&subject.raw).map_err(misfit)?;
    if whose.source.as_deref() != Some(source) {
        return Ok(None);
    }
    Ok(Some(serde_json::from_str::<Stored>(&subject.raw).map_err(misfit)?.row))
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
fn told(event: &mirror::Event, stored: Value, store: &Store) -> Result<spec::Event> {
    let mut subject = event.subject.clone();
    overlay(&subject.path, &mut subject.labels, store)?;
    Ok(spec::Event {
        id: event.id.to_string(),
        kind: event.kind.to_owned(),
        time: event.time,
        subject: Some(subject),
        data: event.data(|| stored),
    })
}

/// Lays the operators' labels over the platform's, as the store does when it reads: `set` comes last.
fn overlay(path: &Path, labels: &mut Map<String, Value>, store: &Store) -> Result<()> {
    let mut sources = store.label_sources(path)?;
    sources.sort_by_key(|source| (source == "set", source.clone()));
    for source in sources {
        labels.extend(store.label(path, &source)?.unwrap_or_default());
    }
    Ok(())
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
        "source.unauthorized" => (Severity::Critical, "put a token that is valid into the source's secret"),
        "source.forbidden" => (Severity::Warning, "move the app back, or let the token see it"),
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
