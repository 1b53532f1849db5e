//! Labels that do not come from the platform: by path, so that a re-created app keeps them.
//!
//! Who is renamed takes them along: what was set by hand, and what endpoints said. At the new path what a person set there
//! before wins, by name. What an endpoint said there was about an earlier app, and goes.

use std::collections::BTreeMap;

use groundcrew_core::subject::{Path, Uid};
use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Map, Value};

use crate::because::Because;
use crate::lanes::{self, LaneId};
use crate::operators::{self, OperatorAct};
use crate::subjects::{self, SubjectChange};
use crate::{Result, Store, sql};

/// The source of what is set by hand; it wins over all others.
const SET: &str = "set";

/// The values of some sources, each over those before it.
type BySource = Vec<(String, Map<String, Value>)>;

/// A change of some labels of a source, by whoever knows nothing of the others.
#[derive(Clone, Debug, PartialEq)]
pub enum LabelChange {
    /// These are set.
    Set(Map<String, Value>),
    /// These are taken back.
    Unset(Vec<String>),
}

impl Store {
    /// The last value of one source for a path.
    pub fn label(&self, path: &Path, source: &str) -> Result<Option<Map<String, Value>>> {
        self.read(|connection| value_of(connection, path, source))
    }

    /// Which label sources have answered for a path.
    pub fn label_sources(&self, path: &Path) -> Result<Vec<String>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT source FROM label WHERE path = ?1")?;
            let rows = statement.query_map([path.as_str()], |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The last values of all sources for a path, each over those before it.
    pub fn labels_by_source(&self, path: &Path) -> Result<BySource> {
        self.read(|connection| by_source(connection, path))
    }

    /// The labels of all sources over a subject at a path, as they will be once these changes are stored.
    pub fn labels_after(
        &self,
        changes: &[SubjectChange],
        uid: &Uid,
        path: &Path,
    ) -> Result<Map<String, Value>> {
        self.read(|connection| {
            let vacated = is_left(connection, changes, uid, path)?;
            let here = if vacated { Vec::new() } else { by_source(connection, path)? };
            let values = match subjects::left_by(connection, uid, path)? {
                Some(from) => joined(by_source(connection, &from)?, here),
                None => here,
            };
            Ok(values.into_iter().flat_map(|(_, values)| values).collect())
        })
    }

    /// Writes a source's value for a path and owes these lanes a look if it changed. Returns whether it did; `act`
    /// is kept only then.
    pub async fn save_label(
        &self,
        path: &Path,
        source: &str,
        value: Map<String, Value>,
        lanes: Vec<LaneId>,
        act: Option<OperatorAct>,
        now: Timestamp,
    ) -> Result<bool> {
        let (path, source) = (path.clone(), source.to_owned());
        self.write(move |connection| {
            if !save(connection, &path, &source, &value, now)? {
                return Ok(false);
            }
            owe(connection, &lanes, now)?;
            if let Some(act) = &act {
                operators::record(connection, act, now)?;
            }
            Ok(true)
        })
        .await
    }

    /// Changes some labels of a source for a path and owes these lanes a look if that changed anything. Returns whether
    /// it did; `act` is kept only then.
    ///
    /// # Guarantees
    /// What the change does not name stays as it was when this was committed, whoever else changes it at once.
    pub async fn change_label(
        &self,
        path: &Path,
        source: &str,
        change: LabelChange,
        lanes: Vec<LaneId>,
        act: OperatorAct,
        now: Timestamp,
    ) -> Result<bool> {
        let (path, source) = (path.clone(), source.to_owned());
        self.write(move |connection| {
            let mut value = value_of(connection, &path, &source)?.unwrap_or_default();
            match &change {
                LabelChange::Set(values) => value.extend(values.clone()),
                LabelChange::Unset(names) => value.retain(|name, _| !names.contains(name)),
            }
            if !save(connection, &path, &source, &value, now)? {
                return Ok(false);
            }
            owe(connection, &lanes, now)?;
            operators::record(connection, &act, now)?;
            Ok(true)
        })
        .await
    }
}

/// Moves labels along with their subject.
pub(crate) fn follow(connection: &Connection, from: &Path, to: &Path, now: Timestamp) -> Result<()> {
    let values = joined(by_source(connection, from)?, by_source(connection, to)?);
    let forget = "DELETE FROM label WHERE path = ?1 OR path = ?2 AND source <> ?3";
    connection.prepare_cached(forget)?.execute([from.as_str(), to.as_str(), SET])?;
    values.iter().try_for_each(|(source, value)| save(connection, to, source, value, now).map(drop))
}

/// Whether somebody else lives at a path and leaves it with these changes.
fn is_left(connection: &Connection, changes: &[SubjectChange], uid: &Uid, path: &Path) -> Result<bool> {
    let text = "SELECT uid FROM subject WHERE path = ?1 AND uid <> ?2 AND gone_at IS NULL";
    let mut statement = connection.prepare_cached(text)?;
    let holder =
        statement.query_row([path.as_str(), uid.as_str()], |row| row.get::<_, String>(0)).optional()?;
    let leaves = |change: &SubjectChange| change.path != *path && change.gone_at.is_none();
    Ok(holder
        .is_some_and(|holder| changes.iter().any(|change| change.uid.as_str() == holder && leaves(change))))
}

/// What is known of a subject that brings its labels to where there are some.
fn joined(brought: BySource, here: BySource) -> BySource {
    let mut values: BTreeMap<_, _> = brought.into_iter().collect();
    if let Some((source, set)) = here.into_iter().find(|(source, _)| source == SET) {
        values.entry(source).or_default().extend(set);
    }
    let mut values: BySource = values.into_iter().collect();
    values.sort_by_key(|(source, _)| source == SET);
    values
}

fn by_source(connection: &Connection, path: &Path) -> Result<BySource> {
    let text = "SELECT source, value FROM label WHERE path = ?1 ORDER BY source = 'set', source";
    let mut statement = connection.prepare_cached(text)?;
    let rows = statement.query_map([path.as_str()], |row| Ok((row.get(0)?, sql::json(row, 1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn value_of(connection: &Connection, path: &Path, source: &str) -> Result<Option<Map<String, Value>>> {
    let text = "SELECT value FROM label WHERE path = ?1 AND source = ?2";
    let mut statement = connection.prepare_cached(text)?;
    Ok(statement.query_row([path.as_str(), source], |row| sql::json(row, 0)).optional()?)
}

/// Writes a source's value, if it is another one; whether it is.
fn save(
    connection: &Connection,
    path: &Path,
    source: &str,
    value: &Map<String, Value>,
    now: Timestamp,
) -> Result<bool> {
    if value_of(connection, path, source)?.as_ref() == Some(value) {
        return Ok(false);
    }
    let text = "INSERT INTO label (path, source, value, at) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (path, source) DO UPDATE SET value = excluded.value, at = excluded.at";
    connection.execute(text, params![path.as_str(), source, sql::text_of(value), now.as_millis()])?;
    Ok(true)
}

fn owe(connection: &Connection, lanes: &[LaneId], now: Timestamp) -> Result<()> {
    lanes
        .iter()
        .try_for_each(|lane| lanes::mark_dirty(connection, lane.hook, lane.subject, Because::Labels, now))
}
