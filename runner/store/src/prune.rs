//! History is given back to the disk, a little at a time; the ledger is kept while anything is not gone.

use groundcrew_core::duration::Millis;
use groundcrew_core::running::Month;
use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::running::MONTHS_KEPT;
use crate::{Result, Store, canary, runs};

/// Rows removed at once, so that nobody waits long.
const CHUNK: i64 = 500;
/// Under which key the database says up to which run bodies were dropped.
const BODIES: &str = "pruned.bodies";
/// Pages given back at once.
const PAGES: i64 = 64;

/// How long history is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Runs with their calls, events without deliveries, closed findings, attempts to mend.
    pub runs: Millis,
    /// Bodies of their requests and answers, what they were asked and said; what is kept of a body after that is how
    /// long it was.
    pub bodies: Millis,
    /// Ledger rows that are gone with what was sealed for them, and the last words of machines.
    pub gone: Millis,
}

impl Keep {
    /// Thirty days of runs, seven of bodies, ninety of what is gone.
    pub const DEFAULT: Self =
        Self { runs: Millis::hours(24 * 30), bodies: Millis::hours(24 * 7), gone: Millis::hours(24 * 90) };
}

impl Store {
    /// Removes one chunk of old history; returns whether there may be more.
    pub async fn prune(&self, keep: Keep, now: Timestamp) -> Result<bool> {
        self.write(move |connection| {
            let runs = (now - keep.runs).as_millis();
            let gone = (now - keep.gone).as_millis();
            let statements = [
                ("DELETE FROM call WHERE run IN (SELECT id FROM run WHERE ended < ?1 ORDER BY id LIMIT ?2)", runs),
                ("DELETE FROM run WHERE id IN (SELECT id FROM run WHERE ended < ?1 ORDER BY id LIMIT ?2)", runs),
                (
                    "DELETE FROM event WHERE seq IN (SELECT seq FROM event WHERE at < ?1
                       AND NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.seq = event.seq)
                       AND NOT EXISTS (SELECT 1 FROM dead WHERE dead.seq = event.seq) ORDER BY seq LIMIT ?2)",
                    runs,
                ),
                (
                    "DELETE FROM finding WHERE id IN (SELECT id FROM finding WHERE closed_at < ?1 LIMIT ?2)",
                    runs,
                ),
                ("DELETE FROM remedy WHERE id IN (SELECT id FROM remedy WHERE ended < ?1 LIMIT ?2)", runs),
                ("DELETE FROM audit_run WHERE id IN (SELECT id FROM audit_run WHERE ended < ?1 LIMIT ?2)", runs),
                (
                    "DELETE FROM last_words WHERE subject IN (SELECT subject FROM last_words WHERE at < ?1 ORDER BY at LIMIT ?2)",
                    gone,
                ),
                (
                    "DELETE FROM sealed WHERE resource IN (SELECT id FROM resource WHERE state = 'gone' AND gone_at < ?1
                       ORDER BY id LIMIT ?2)",
                    gone,
                ),
                (
                    "DELETE FROM resource WHERE id IN (SELECT id FROM resource WHERE state = 'gone' AND gone_at < ?1
                       ORDER BY id LIMIT ?2)",
                    gone,
                ),
            ];
            let mut removed = 0;
            // Few at any time: what lapsed allows nothing any more, and who allowed it is on record.
            for table in ["approval", "applied"] {
                let text = format!("DELETE FROM {table} WHERE until < ?1");
                removed += connection.prepare_cached(&text)?.execute([now.as_millis()])?;
            }
            let month = Month::of(now).before(MONTHS_KEPT).as_i32();
            let text = "DELETE FROM ran WHERE (app, month, size) IN
                (SELECT app, month, size FROM ran WHERE month < ?1 LIMIT ?2)";
            removed += connection.prepare_cached(text)?.execute(params![month, CHUNK])?;
            removed += drop_bodies(connection, now - keep.bodies)?;
            removed += canary::forget_removed(connection)?;
            removed += runs::forget_settings(connection, now - keep.runs, CHUNK)?;
            for (text, before) in statements {
                removed += connection.prepare_cached(text)?.execute(params![before, CHUNK])?;
            }
            connection.execute_batch(&format!("PRAGMA incremental_vacuum({PAGES})")).or_else(|error| {
                // Within a transaction SQLite may refuse; the next chunk tries again.
                tracing::debug!(%error, "no pages given back");
                Ok::<(), rusqlite::Error>(())
            })?;
            Ok(removed > 0)
        })
        .await
    }
}

/// Empties the bodies of some runs that ended before this, of those that were not looked at yet; says of how many runs.
///
/// It goes from run to run, and waits for one that has not ended by then: later ones, which may have, wait with it.
fn drop_bodies(connection: &Connection, before: Timestamp) -> Result<usize> {
    let text =
        "SELECT min(CAST(value AS INTEGER), (SELECT coalesce(max(id), 0) FROM run)) FROM meta WHERE key = ?1";
    let done = connection.prepare_cached(text)?.query_row([BODIES], |row| row.get::<_, i64>(0)).optional()?;
    let mut statement =
        connection.prepare_cached("SELECT id, ended FROM run WHERE id > ?1 ORDER BY id LIMIT ?2")?;
    let next = statement.query_map(params![done.unwrap_or(0), CHUNK], |row| {
        Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?))
    })?;
    let next = next.collect::<rusqlite::Result<Vec<(i64, Option<i64>)>>>()?;
    let over = |ended: Option<i64>| ended.is_some_and(|ended| ended < before.as_millis());
    let runs: Vec<_> = next.into_iter().take_while(|(_, ended)| over(*ended)).map(|(id, _)| id).collect();
    let Some(last) = runs.last() else { return Ok(0) };
    for (part, body) in [("ask", "$.body"), ("answer", "$.response.body")] {
        let json = format!("CAST({part} AS TEXT)");
        let (said, coded) = (
            format!("json_extract({json}, '{body}.text')"),
            format!("json_extract({json}, '{body}.base64')"),
        );
        // In base64 four characters stand for three bytes, less what fills up the last of them.
        let size = format!(
            "coalesce(octet_length({said}), octet_length({coded}) / 4 * 3 - (octet_length({coded}) - octet_length(rtrim({coded}, '='))))"
        );
        let text = format!(
            "UPDATE call SET {part} = CAST(json_set({json}, '{body}', json_object('dropped', {size})) AS BLOB)
             WHERE run = ?1 AND op = 'http' AND json_valid({json}) AND coalesce({said}, {coded}) <> ''"
        );
        let mut statement = connection.prepare_cached(&text)?;
        for run in &runs {
            statement.execute([run])?;
        }
    }
    let text =
        "UPDATE run SET input = NULL, answer = NULL WHERE id = ?1 AND coalesce(input, answer) IS NOT NULL";
    let mut statement = connection.prepare_cached(text)?;
    for run in &runs {
        statement.execute([run])?;
    }
    let text = "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    connection.prepare_cached(text)?.execute(params![BODIES, last.to_string()])?;
    Ok(runs.len())
}
