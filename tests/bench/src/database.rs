//! What the runner's database says, read as anybody could who has the file.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// A reading connection to a runner's database.
pub(crate) struct Database(Connection);

impl Database {
    /// Opens it; the runner may be running.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        Ok(Self(connection))
    }

    fn count(&self, text: &str) -> anyhow::Result<u64> {
        let count: i64 = self.0.prepare_cached(text)?.query_row([], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// Whether every delivery is settled.
    pub(crate) fn is_settled(&self) -> anyhow::Result<bool> {
        Ok(self.count("SELECT EXISTS (SELECT 1 FROM delivery)")? == 0)
    }

    /// Whether no look is owed to anybody.
    pub(crate) fn is_rested(&self) -> anyhow::Result<bool> {
        let due =
            "SELECT EXISTS (SELECT 1 FROM hook JOIN lane ON lane.hook = hook.id WHERE lane.due_at <= ?1)";
        let now = crate::clock::wall_ms();
        Ok(!self.0.prepare_cached(due)?.query_row([now], |row| row.get::<_, bool>(0))?)
    }

    /// Whether a provisioner has yet to look at this machine.
    pub(crate) fn owes_a_look(&self, machine: &str) -> anyhow::Result<bool> {
        // Asked in this order, it is three searches by key, however large the fleet is.
        let text = "SELECT EXISTS (SELECT 1 FROM subject CROSS JOIN hook CROSS JOIN lane
            ON lane.hook = hook.id AND lane.subject = subject.id WHERE subject.uid = ?1 AND lane.dirty > lane.done)";
        let uid = format!("machine:{machine}");
        Ok(self.0.prepare_cached(text)?.query_row([uid], |row| row.get(0))?)
    }

    /// How far the first lane of the first hook is.
    pub(crate) fn first_lane_done(&self) -> anyhow::Result<u64> {
        self.count("SELECT done FROM lane WHERE dirty > 0 ORDER BY hook, subject LIMIT 1")
    }

    /// Machines that the source has brought.
    pub(crate) fn machines(&self) -> anyhow::Result<u64> {
        self.count("SELECT count(*) FROM subject WHERE uid >= 'machine:' AND uid < 'machine;'")
    }

    /// Subjects that the source has brought.
    pub(crate) fn subjects(&self) -> anyhow::Result<u64> {
        self.count("SELECT count(*) FROM subject")
    }

    /// Events for which a handler's run ended well: settled rows.
    pub(crate) fn settled(&self) -> anyhow::Result<u64> {
        self.count("SELECT count(DISTINCT seq) FROM run WHERE op = 'handle' AND outcome = 'ok'")
    }

    /// Runs that are kept.
    pub(crate) fn runs(&self) -> anyhow::Result<u64> {
        self.count("SELECT count(*) FROM run")
    }

    /// Things that are recorded as existing.
    pub(crate) fn present(&self) -> anyhow::Result<u64> {
        self.count("SELECT count(*) FROM resource WHERE state = 'present'")
    }
}

/// Adds copies of stored runs and of their events until there are `total`. The runner must be down.
pub(crate) fn fill_up_runs(path: &Path, total: u64) -> anyhow::Result<()> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.execute_batch(&format!(
        "BEGIN;
        INSERT INTO event (seq, eid, kind, subject, snapshot, at, data)
          WITH RECURSIVE more(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM more WHERE n < {total} - (SELECT count(*) FROM run))
          SELECT (SELECT max(seq) FROM event) + n, 'filled-' || n, e.kind, e.subject, e.snapshot, e.at, e.data
          FROM more, (SELECT * FROM event ORDER BY seq DESC LIMIT 1) AS e
          WHERE (SELECT count(*) FROM run) < {total};
        INSERT INTO run (id, hook, subject, seq, resource, op, component, seed, schedule, started, ended, outcome, log)
          SELECT (SELECT max(id) FROM run) + row_number() OVER (ORDER BY e.seq), r.hook, r.subject, e.seq, r.resource, r.op,
            r.component, r.seed, r.schedule, r.started, r.ended, r.outcome, r.log
          FROM event AS e, (SELECT * FROM run ORDER BY id DESC LIMIT 1) AS r WHERE e.eid LIKE 'filled-%';
        COMMIT;
        PRAGMA wal_checkpoint(TRUNCATE);"
    ))?;
    Ok(())
}
