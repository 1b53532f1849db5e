//! Subjects that ended long ago are forgotten, with their lanes, once nothing speaks of them any more.

use groundcrew_core::duration::Millis;
use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, params};

use crate::{Result, Store};

/// Subjects removed at once, so that nobody waits long.
const CHUNK: i64 = 200;

/// Subjects that ended before ?1 and that no event, thing, member, retirement, last words or owed look speaks of.
const FORGOTTEN: &str = "SELECT id FROM subject INDEXED BY subject_gone WHERE gone_at < ?1
    AND NOT EXISTS (SELECT 1 FROM event WHERE event.subject = subject.id)
    AND NOT EXISTS (SELECT 1 FROM resource WHERE resource.owner = subject.id)
    AND NOT EXISTS (SELECT 1 FROM subject AS member WHERE member.parent = subject.id)
    AND NOT EXISTS (SELECT 1 FROM retirement WHERE retirement.subject = subject.id)
    AND NOT EXISTS (SELECT 1 FROM last_words WHERE last_words.subject = subject.id)
    AND NOT EXISTS (SELECT 1 FROM hook CROSS JOIN lane ON lane.hook = hook.id AND lane.subject = subject.id
          WHERE lane.due_at IS NOT NULL OR lane.dirty > lane.done AND hook.state = 'active')
    ORDER BY gone_at LIMIT ?2";

/// What is kept for a subject by hook, or of one.
const OF_SUBJECT: [&str; 7] = [
    "DELETE FROM lane WHERE hook IN (SELECT id FROM hook) AND subject = ?1",
    "DELETE FROM want WHERE hook IN (SELECT id FROM hook) AND subject = ?1",
    "DELETE FROM reads WHERE hook IN (SELECT id FROM hook) AND subject = ?1",
    "DELETE FROM kv WHERE hook IN (SELECT id FROM hook) AND subject = ?1",
    "DELETE FROM pause WHERE subject = ?1",
    "DELETE FROM running WHERE machine = ?1",
    "DELETE FROM ran WHERE app = ?1",
];

impl Store {
    /// Removes one chunk of subjects that ended so long ago; returns whether there may be more.
    ///
    /// # Guarantees
    /// Whoever owns something that is not forgotten, or is owed a look or an event, stays.
    pub async fn prune_subjects(&self, keep: Millis, now: Timestamp) -> Result<bool> {
        self.write(move |connection| {
            let forgotten = forgotten(connection, (now - keep).as_millis())?;
            for id in &forgotten {
                for text in OF_SUBJECT {
                    connection.prepare_cached(text)?.execute([id])?;
                }
                connection.prepare_cached("DELETE FROM subject WHERE id = ?1")?.execute([id])?;
            }
            Ok(!forgotten.is_empty())
        })
        .await
    }
}

fn forgotten(connection: &Connection, before: i64) -> Result<Vec<i64>> {
    let mut statement = connection.prepare_cached(FORGOTTEN)?;
    let ids = statement.query_map(params![before, CHUNK], |row| row.get(0))?;
    Ok(ids.collect::<rusqlite::Result<_>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_scanned() {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::migrations::migrate(&mut connection, std::path::Path::new("memory")).unwrap();
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {FORGOTTEN}")).unwrap();
        let steps = statement.query_map(params![1, 1], |row| row.get::<_, String>(3)).unwrap();
        let steps: Vec<_> = steps.collect::<rusqlite::Result<_>>().unwrap();
        let scans = steps.iter().filter(|step| step.starts_with("SCAN") && !step.starts_with("SCAN hook"));
        assert_eq!(scans.count(), 0, "{steps:#?}");
    }
}
