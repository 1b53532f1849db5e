//! Requests that recorded runs sent: what grants are learnt from.

use std::collections::BTreeMap;

use groundcrew_core::time::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use crate::{HookId, Result, RunId, Store, SubjectId, sql};

/// A request of a recorded run; its method and URL, as the guest asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRequest {
    /// Of which run.
    pub run: RunId,
    /// For whom that was.
    pub subject: Option<SubjectId>,
    /// What it was configured with, by number; see [`Store::settings_body`].
    pub settings: Option<i64>,
    /// Upper case.
    pub method: String,
    /// Where it went; a token where that is a secret.
    pub url: String,
}

impl Store {
    /// Requests that left, of a hook's runs after one, oldest first, and the last of those runs; none: there is no later one.
    pub fn requests(
        &self,
        hook: HookId,
        since: Timestamp,
        after: RunId,
        runs: u32,
    ) -> Result<Option<(RunId, Vec<StoredRequest>)>> {
        self.read(|connection| {
            let text =
                "SELECT max(id) FROM (SELECT id FROM run WHERE hook = ?1 AND id > ?2 ORDER BY id LIMIT ?3)";
            let last: Option<i64> = connection
                .prepare_cached(text)?
                .query_row(params![hook.0, after.0, runs], |row| row.get(0))?;
            let Some(last) = last else { return Ok(None) };
            // As text: SQLite takes a blob for its own binary JSON.
            let text =
                "SELECT run.id, run.subject, run.settings, json_extract(CAST(call.ask AS TEXT), '$.method'),
                  json_extract(CAST(call.ask AS TEXT), '$.url')
                FROM run JOIN call ON call.run = run.id
                WHERE run.hook = ?1 AND run.id > ?2 AND run.id <= ?3 AND run.started >= ?4
                  AND call.op = 'http' AND call.access IN ('read', 'write')
                ORDER BY run.id, call.n";
            let mut statement = connection.prepare_cached(text)?;
            let request = |row: &rusqlite::Row<'_>| {
                Ok(StoredRequest {
                    run: RunId(row.get(0)?),
                    subject: row.get::<_, Option<i64>>(1)?.map(SubjectId),
                    settings: row.get(2)?,
                    method: row.get(3)?,
                    url: row.get(4)?,
                })
            };
            let found = statement.query_map(params![hook.0, after.0, last, since.as_millis()], request)?;
            Ok(Some((RunId(last), found.collect::<rusqlite::Result<_>>()?)))
        })
    }

    /// How many runs of a hook are recorded, by what they did: `create`, `remove`, `handle`.
    pub fn operations(&self, hook: HookId, since: Timestamp) -> Result<BTreeMap<String, u32>> {
        self.read(|connection| {
            let text = "SELECT op, count(*) FROM run WHERE hook = ?1 AND started >= ?2 GROUP BY op";
            let mut statement = connection.prepare_cached(text)?;
            let found = statement
                .query_map(params![hook.0, since.as_millis()], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// What runs were configured with, as JSON.
    pub fn settings_body(&self, id: i64) -> Result<Option<serde_json::Value>> {
        self.read(|connection| {
            let text = "SELECT body FROM settings WHERE id = ?1";
            Ok(connection.prepare_cached(text)?.query_row([id], |row| sql::json(row, 0)).optional()?)
        })
    }
}
