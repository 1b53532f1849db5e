//! History is given back to the disk, a little at a time; the ledger is kept while anything is not gone.
//!
//! A run from which a delivery goes on, or of which it has a write in doubt, and one that shows why a delivery is dead, is
//! kept as long as that, whatever its age.

use groundcrew_core::duration::Millis;
use groundcrew_core::running::Month;
use groundcrew_core::time::Timestamp;
use rusqlite::params;

use crate::running::MONTHS_KEPT;
use crate::{Result, Store, canary, prune_bodies, runs};

/// Rows removed at once, so that nobody waits long.
pub(crate) const CHUNK: i64 = 500;
/// Pages given back at once.
const PAGES: i64 = 64;
/// Whether a delivery goes on from a `run`, or has a write of it in doubt, or is dead and shows it: one look at each table,
/// by its key.
pub(crate) const IN_USE: &str = "(EXISTS (SELECT 1 FROM delivery WHERE delivery.hook = run.hook
      AND delivery.subject = coalesce(run.subject, 0) AND delivery.seq = run.seq AND (delivery.resumes = run.id
        OR EXISTS (SELECT 1 FROM json_each(delivery.doubts) WHERE json_each.value ->> 0 = run.id)))
    OR EXISTS (SELECT 1 FROM dead WHERE dead.hook = run.hook AND dead.seq = run.seq AND dead.in_doubt = run.id))";

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
            let over = format!("SELECT id FROM run WHERE ended < ?1 AND NOT {IN_USE} ORDER BY id LIMIT ?2");
            let statements: [(&str, i64); 9] = [
                (&format!("DELETE FROM call WHERE run IN ({over})"), runs),
                (&format!("DELETE FROM run WHERE id IN ({over})"), runs),
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
            removed += prune_bodies::drop_some(connection, now - keep.bodies)?;
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
