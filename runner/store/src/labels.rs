//! Labels that do not come from the platform: by path, so that a re-created app keeps them.

use groundcrew_core::subject::Path;
use groundcrew_core::time::Timestamp;
use rusqlite::{OptionalExtension, params};
use serde_json::{Map, Value};

use crate::because::Because;
use crate::lanes::{self, LaneId};
use crate::operators::{self, OperatorAct};
use crate::{Result, Store, sql};

impl Store {
    /// The last value of one source for a path.
    pub fn label(&self, path: &Path, source: &str) -> Result<Option<Map<String, Value>>> {
        self.read(|connection| {
            let text = "SELECT value FROM label WHERE path = ?1 AND source = ?2";
            Ok(connection
                .prepare_cached(text)?
                .query_row([path.as_str(), source], |row| sql::json(row, 0))
                .optional()?)
        })
    }

    /// Which label sources have answered for a path.
    pub fn label_sources(&self, path: &Path) -> Result<Vec<String>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT source FROM label WHERE path = ?1")?;
            let rows = statement.query_map([path.as_str()], |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
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
            let text = sql::text_of(&value);
            let query = "SELECT value FROM label WHERE path = ?1 AND source = ?2";
            let before: Option<String> =
                connection.query_row(query, [path.as_str(), &source], |row| row.get(0)).optional()?;
            if before.as_deref() == Some(text.as_str()) {
                return Ok(false);
            }
            let upsert = "INSERT INTO label (path, source, value, at) VALUES (?1, ?2, ?3, ?4)
                ON CONFLICT (path, source) DO UPDATE SET value = excluded.value, at = excluded.at";
            connection.execute(upsert, params![path.as_str(), source, text, now.as_millis()])?;
            for lane in &lanes {
                lanes::mark_dirty(connection, lane.hook, lane.subject, Because::Labels, now)?;
            }
            if let Some(act) = &act {
                operators::record(connection, act, now)?;
            }
            Ok(true)
        })
        .await
    }
}
