//! Subjects: the mirror's rows, and labels merged over them.

use groundcrew_core::subject::{Path, Subject, Uid};
use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Map, Value};

use crate::{Result, Store, SubjectId, findings, labels, sql};

/// One subject as the mirror left it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredSubject {
    /// Its number here.
    pub id: SubjectId,
    /// Of a machine: its app.
    pub parent: Option<SubjectId>,
    /// Address, incarnation, state, labels of all sources.
    pub subject: Subject,
    /// What the mirror keeps of it, JSON: read by few, so it is parsed by those.
    pub raw: String,
    /// Counts its visible changes.
    pub version: u64,
    /// When its end was confirmed.
    pub gone_at: Option<Timestamp>,
}

/// A change of one subject, as the mirror concludes it.
#[derive(Clone, Debug, PartialEq)]
pub struct SubjectChange {
    /// Its address now.
    pub path: Path,
    /// Its incarnation.
    pub uid: Uid,
    /// Of a machine: the incarnation of its app.
    pub parent: Option<Uid>,
    /// The platform's word.
    pub state: String,
    /// Counts its visible changes.
    pub version: u64,
    /// The platform's labels.
    pub labels: Map<String, Value>,
    /// What the mirror wants back when it starts again.
    pub raw: Value,
    /// When it was seen.
    pub seen_at: Timestamp,
    /// When its end was confirmed.
    pub gone_at: Option<Timestamp>,
}

pub(crate) const COLUMNS: &str = "id, parent, path, uid, state, labels, raw, version, gone_at";

fn stored(connection: &Connection, row: &Row<'_>) -> rusqlite::Result<StoredSubject> {
    let path: Path = sql::word(row, 2)?;
    let mut labels: Map<String, Value> = sql::json(row, 5)?;
    overlay(connection, &path, &mut labels)?;
    let gone_at = sql::time_opt(row, 8)?;
    let state = if gone_at.is_some() { "gone".to_owned() } else { row.get(4)? };
    Ok(StoredSubject {
        id: SubjectId(row.get(0)?),
        parent: row.get::<_, Option<i64>>(1)?.map(SubjectId),
        subject: Subject { path, uid: sql::word(row, 3)?, state, labels },
        raw: row.get(6)?,
        version: row.get::<_, i64>(7)? as u64,
        gone_at,
    })
}

/// Lays the operators' labels over the platform's, in the order of their sources' names; `set` comes last.
fn overlay(connection: &Connection, path: &Path, labels: &mut Map<String, Value>) -> rusqlite::Result<()> {
    let text = "SELECT value FROM label WHERE path = ?1 ORDER BY source = 'set', source";
    let mut statement = connection.prepare_cached(text)?;
    let mut rows = statement.query([path.as_str()])?;
    while let Some(row) = rows.next()? {
        let values: Map<String, Value> = sql::json(row, 0)?;
        labels.extend(values);
    }
    Ok(())
}

/// Reads one subject by number.
pub(crate) fn by_id(connection: &Connection, id: SubjectId) -> Result<Option<StoredSubject>> {
    let text = format!("SELECT {COLUMNS} FROM subject WHERE id = ?1");
    let mut statement = connection.prepare_cached(&text)?;
    Ok(statement.query_row([id.0], |row| stored(connection, row)).optional()?)
}

pub(crate) fn id_of(connection: &Connection, uid: &Uid) -> Result<Option<SubjectId>> {
    let mut statement = connection.prepare_cached("SELECT id FROM subject WHERE uid = ?1")?;
    Ok(statement.query_row([uid.as_str()], |row| row.get(0).map(SubjectId)).optional()?)
}

/// Writes one change; returns the subject's number. Who has another path from now on takes along what is kept by path.
pub(crate) fn upsert(connection: &Connection, change: &SubjectChange, now: Timestamp) -> Result<SubjectId> {
    if change.gone_at.is_none()
        && let Some(from) = left_by(connection, &change.uid, &change.path)?
    {
        labels::follow(connection, &from, &change.path, now)?;
        findings::follow(connection, &from, &change.path, now)?;
    }
    let parent = match &change.parent {
        Some(uid) => id_of(connection, uid)?,
        None => None,
    };
    // A new incarnation at the same address ends the old one's life there first (the mirror says so in the same batch).
    let text = "INSERT INTO subject (path, uid, parent, state, version, labels, raw, seen_at, gone_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
        ON CONFLICT (uid) DO UPDATE SET path = excluded.path, parent = coalesce(excluded.parent, subject.parent),
          state = excluded.state, version = excluded.version, labels = excluded.labels, raw = excluded.raw,
          seen_at = excluded.seen_at, gone_at = excluded.gone_at
        RETURNING id";
    let mut statement = connection.prepare_cached(text)?;
    let id = statement.query_row(
        params![
            change.path.as_str(),
            change.uid.as_str(),
            parent.map(|id| id.0),
            change.state,
            change.version as i64,
            sql::text_of(&change.labels),
            change.raw.to_string(),
            change.seen_at.as_millis(),
            crate::millis(change.gone_at),
        ],
        |row| row.get(0),
    )?;
    Ok(SubjectId(id))
}

/// The other path at which a subject is stored, if what is kept there is about it: nobody lives there, or did later.
pub(crate) fn left_by(connection: &Connection, uid: &Uid, to: &Path) -> Result<Option<Path>> {
    let text = "SELECT path FROM subject AS this WHERE uid = ?1 AND path <> ?2 AND NOT EXISTS (
        SELECT 1 FROM subject AS other WHERE other.path = this.path AND other.id <> this.id
          AND (other.gone_at IS NULL OR other.gone_at > this.gone_at))";
    let mut statement = connection.prepare_cached(text)?;
    Ok(statement.query_row([uid.as_str(), to.as_str()], |row| sql::word(row, 0)).optional()?)
}

/// Whether the end of a subject is known; nobody is whose uid was never seen.
pub(crate) fn is_gone(connection: &Connection, uid: &Uid) -> Result<bool> {
    let text = "SELECT gone_at IS NOT NULL FROM subject WHERE uid = ?1";
    let gone = connection.prepare_cached(text)?.query_row([uid.to_string()], |row| row.get(0)).optional()?;
    Ok(gone.unwrap_or_default())
}

impl Store {
    /// All subjects on record, the gone ones, too.
    pub fn mirror_rows(&self) -> Result<Vec<StoredSubject>> {
        let text = format!("SELECT {COLUMNS} FROM subject ORDER BY id");
        self.list_subjects(&text, [])
    }

    /// The first so many subjects after one, by number: a whole fleet need not be in memory at once.
    pub fn mirror_page(&self, after: SubjectId, limit: u32) -> Result<Vec<StoredSubject>> {
        let text = format!("SELECT {COLUMNS} FROM subject WHERE id > ?1 ORDER BY id LIMIT ?2");
        self.list_subjects(&text, params![after.0, limit])
    }

    /// One subject by number.
    pub fn subject(&self, id: SubjectId) -> Result<Option<StoredSubject>> {
        self.read(|connection| by_id(connection, id))
    }

    /// One incarnation.
    pub fn subject_of(&self, uid: &Uid) -> Result<Option<StoredSubject>> {
        let text = format!("SELECT {COLUMNS} FROM subject WHERE uid = ?1");
        Ok(self.list_subjects(&text, [uid.as_str()])?.pop())
    }

    /// The living subject at a path, or the last one that was there.
    pub fn subject_at(&self, path: &Path) -> Result<Option<StoredSubject>> {
        let text = format!(
            "SELECT {COLUMNS} FROM subject WHERE path = ?1 ORDER BY gone_at IS NULL DESC, id DESC LIMIT 1"
        );
        Ok(self.list_subjects(&text, [path.as_str()])?.pop())
    }

    /// Every incarnation that ever was at a path, newest first.
    pub fn subjects_at(&self, path: &Path) -> Result<Vec<StoredSubject>> {
        let text = format!("SELECT {COLUMNS} FROM subject WHERE path = ?1 ORDER BY id DESC");
        self.list_subjects(&text, [path.as_str()])
    }

    /// An app's living machines, by path.
    pub fn members(&self, app: SubjectId) -> Result<Vec<StoredSubject>> {
        let text =
            format!("SELECT {COLUMNS} FROM subject WHERE parent = ?1 AND gone_at IS NULL ORDER BY path");
        self.list_subjects(&text, [app.0])
    }

    /// Living apps, by path.
    pub fn living_apps(&self) -> Result<Vec<StoredSubject>> {
        let text = format!(
            "SELECT {COLUMNS} FROM subject WHERE parent IS NULL AND gone_at IS NULL AND uid LIKE 'app:%' ORDER BY path"
        );
        self.list_subjects(&text, [])
    }

    /// Whether the app has machines whose handler lanes still have work.
    pub fn app_has_open_machine_lanes(&self, app: SubjectId, hook: crate::HookId) -> Result<bool> {
        self.read(|connection| {
            let text = "SELECT EXISTS (SELECT 1 FROM subject JOIN lane ON lane.subject = subject.id AND lane.hook = ?2
                WHERE subject.parent = ?1 AND lane.due_at IS NOT NULL)";
            Ok(connection.prepare_cached(text)?.query_row([app.0, hook.0], |row| row.get(0))?)
        })
    }

    pub(crate) fn list_subjects<P: rusqlite::Params>(
        &self,
        text: &str,
        params: P,
    ) -> Result<Vec<StoredSubject>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(text)?;
            let rows = statement.query_map(params, |row| stored(connection, row))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}
