//! Forward-only migrations; an old database is brought up to date when it is opened for writing.

use std::path::Path;

use rusqlite::Connection;

use crate::{Error, Result};

/// All migrations, oldest first; never edited once released.
const MIGRATIONS: [&str; 15] = [
    include_str!("../migrations/0001_create_everything.sql"),
    include_str!("../migrations/0002_extend_ledger_and_lanes.sql"),
    include_str!("../migrations/0003_widen_findings.sql"),
    include_str!("../migrations/0004_create_sealed_and_indexes.sql"),
    include_str!("../migrations/0005_keep_remedies_and_removals.sql"),
    include_str!("../migrations/0006_part_owed_from_dead.sql"),
    include_str!("../migrations/0007_withdraw_outputs.sql"),
    include_str!("../migrations/0008_running.sql"),
    include_str!("../migrations/0009_replay.sql"),
    include_str!("../migrations/0010_resume.sql"),
    include_str!("../migrations/0011_canary.sql"),
    include_str!("../migrations/0012_count_compared_writes.sql"),
    include_str!("../migrations/0013_keep_reasons.sql"),
    include_str!("../migrations/0014_tell_findings_apart.sql"),
    include_str!("../migrations/0015_keep_doubts_and_errands.sql"),
];

/// The schema that this program knows.
pub(crate) const KNOWN: u32 = MIGRATIONS.len() as u32;

pub(crate) fn found(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings the schema up to date, each migration in its own transaction.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<()> {
    let found = found(connection)?;
    if found > KNOWN {
        return Err(Error::Newer { path: path.to_owned(), found, known: KNOWN });
    }
    for (version, text) in (1..).zip(MIGRATIONS).skip(found as usize) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(text)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    if found < KNOWN {
        // What migrations write has no bound; the log begins empty after them, and keeps to its own.
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    }
    Ok(())
}
