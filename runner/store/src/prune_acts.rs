//! What people did and asked for is forgotten in its own time: long after the runs, for it is what one is asked about.

use groundcrew_core::duration::Millis;
use groundcrew_core::time::Timestamp;
use rusqlite::params;

use crate::{Result, Store};

/// Rows removed at once of each table, so that nobody waits long.
const CHUNK: i64 = 500;

impl Store {
    /// Removes one chunk of old operator acts, and of retirements and backfills that are over; returns whether there
    /// may be more.
    ///
    /// # Guarantees
    /// A retirement or backfill that is under way stays, however old it is.
    pub async fn prune_acts(&self, keep: Millis, now: Timestamp) -> Result<bool> {
        self.write(move |connection| {
            let statements = [
                "DELETE FROM operator_act WHERE id IN
                   (SELECT id FROM operator_act WHERE at < ?1 ORDER BY id LIMIT ?2)",
                "DELETE FROM retirement WHERE id IN
                   (SELECT id FROM retirement WHERE due_at IS NULL AND since < ?1 ORDER BY id LIMIT ?2)",
                "DELETE FROM backfill WHERE id IN
                   (SELECT id FROM backfill WHERE due_at IS NULL AND at < ?1 ORDER BY id LIMIT ?2)",
            ];
            let mut removed = 0;
            for text in statements {
                removed +=
                    connection.prepare_cached(text)?.execute(params![(now - keep).as_millis(), CHUNK])?;
            }
            Ok(removed > 0)
        })
        .await
    }
}
