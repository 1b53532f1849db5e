//! Runs by the component that ran: what `blame` counts. Nothing of what was asked or answered is read.

use groundcrew_core::hash::Digest;
use groundcrew_core::time::Timestamp;
use rusqlite::params;

use crate::{HookId, Result, RunId, Store, sql};

/// As much of a run as is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BriefRun {
    /// Its number.
    pub id: RunId,
    /// The component that ran.
    pub component: Digest,
    /// What it did, as in [`crate::runs::RunRecord`].
    pub op: String,
    /// The event's place in the inbox, for a delivery.
    pub seq: Option<i64>,
    /// The ledger row's number, for a call about one thing.
    pub resource: Option<i64>,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// `ok`, or what went wrong.
    pub outcome: Option<String>,
    /// How many calls it made.
    pub calls: u32,
}

// A run's calls are numbered from 0: the last one says how many there are, and is found by the key alone.
const BRIEF: &str =
    "SELECT id, component, op, seq, resource, started, ended, outcome, (SELECT max(n) + 1 FROM call WHERE call.run = run.id)
    FROM run WHERE hook = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
const STUCK: &str = "SELECT id FROM resource WHERE hook = ?1 AND state <> 'gone' AND attempts >= ?2";
const DEAD: &str = "SELECT seq FROM dead WHERE hook = ?1";

impl Store {
    /// A hook's runs that are older than one, newest first, as much of them as is counted.
    pub fn brief_runs(&self, hook: HookId, before: RunId, limit: u32) -> Result<Vec<BriefRun>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(BRIEF)?;
            let brief = |row: &rusqlite::Row<'_>| {
                Ok(BriefRun {
                    id: RunId(row.get(0)?),
                    component: sql::word(row, 1)?,
                    op: row.get(2)?,
                    seq: row.get(3)?,
                    resource: row.get(4)?,
                    started: sql::time(row, 5)?,
                    ended: sql::time_opt(row, 6)?,
                    outcome: row.get(7)?,
                    calls: row.get::<_, Option<u32>>(8)?.unwrap_or(0),
                })
            };
            let rows = statement.query_map(params![hook.0, before.0, limit], brief)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// A hook's living rows, by number, that failed at least so often in a row.
    pub fn stuck_rows(&self, hook: HookId, attempts: u32) -> Result<Vec<i64>> {
        self.numbers(STUCK, params![hook.0, attempts])
    }

    /// The events, by place in the inbox, that a hook gave up telling.
    pub fn dead_events(&self, hook: HookId) -> Result<Vec<i64>> {
        self.numbers(DEAD, [hook.0])
    }

    fn numbers<P: rusqlite::Params>(&self, text: &str, params: P) -> Result<Vec<i64>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(text)?;
            let rows = statement.query_map(params, |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    #[test]
    fn nothing_is_scanned_and_no_body_is_read() {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::migrations::migrate(&mut connection, std::path::Path::new("memory")).unwrap();
        for (text, parameters) in [(BRIEF, 3), (STUCK, 2), (DEAD, 1)] {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
            let steps = statement
                .query_map(rusqlite::params_from_iter(vec![1; parameters]), |row| row.get::<_, String>(3));
            let steps: Vec<_> = steps.unwrap().map(Result::unwrap).collect();
            assert!(!steps.iter().any(|step| step.starts_with("SCAN")), "{text}: {steps:#?}");
        }
    }
}
