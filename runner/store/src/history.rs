//! The past, tied together: from an event to the runs that told it, from a run to its neighbours.
//!
//! Nothing here is written for its own sake: events, deliveries and runs say it all, and each query below walks an
//! index of theirs. What is pruned is not found.

use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Params, params};

use crate::runs::RunRecord;
use crate::{HookId, Result, RunId, Store, SubjectId, sql};

/// Runs, or events, of one subject that are looked through for those that are meant, newest first.
pub const LOOKED_THROUGH: u32 = 20_000;

/// An event of the inbox, without what it carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// Its place in the inbox.
    pub seq: i64,
    /// Its id, as handlers are told it.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// Whom it happened to.
    pub subject: Option<SubjectId>,
    /// The subject's path.
    pub path: Option<String>,
    /// When, as its source says.
    pub at: Timestamp,
}

/// What a handler still has of an event that it did not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untold {
    /// Whose.
    pub hook: HookId,
    /// Whether it is tried again.
    pub standing: Standing,
    /// How often it was tried.
    pub attempts: u32,
    /// The last error.
    pub error: Option<String>,
}

/// Whether a delivery is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is owed; its lane is due then.
    Owed {
        /// None: its lane is idle, and whoever is owed something is looked for at the next start.
        due_at: Option<Timestamp>,
    },
    /// It gave up.
    Dead,
}

/// The runs that told an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telling {
    /// They themselves, newest first.
    pub runs: Vec<RunRecord>,
    /// Whether its subject has more runs than are looked through, so that older ones may be missing.
    pub cut: bool,
}

const COLUMNS: &str = "SELECT event.seq, event.eid, event.kind, event.subject, subject.path, event.at
    FROM event LEFT JOIN subject ON subject.id = event.subject";

fn happened(row: &rusqlite::Row<'_>) -> rusqlite::Result<Happened> {
    Ok(Happened {
        seq: row.get(0)?,
        id: row.get(1)?,
        kind: row.get(2)?,
        subject: row.get::<_, Option<i64>>(3)?.map(SubjectId),
        path: row.get(4)?,
        at: sql::time(row, 5)?,
    })
}

fn list<P: Params>(connection: &Connection, filter: &str, params: P) -> Result<Vec<Happened>> {
    let mut statement = connection.prepare_cached(&format!("{COLUMNS} WHERE {filter}"))?;
    let rows = statement.query_map(params, happened)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

impl Store {
    fn one_event<P: Params>(&self, filter: &str, params: P) -> Result<Option<Happened>> {
        self.read(|connection| Ok(list(connection, filter, params)?.pop()))
    }

    /// An event by its place in the inbox.
    pub fn happened(&self, seq: i64) -> Result<Option<Happened>> {
        self.one_event("event.seq = ?1", [seq])
    }

    /// An event by its id.
    pub fn happened_as(&self, id: &str) -> Result<Option<Happened>> {
        self.one_event("event.eid = ?1", [id])
    }

    /// The last event of a subject that happened by then, among its last [`LOOKED_THROUGH`].
    pub fn happened_before(&self, subject: SubjectId, by: Timestamp) -> Result<Option<Happened>> {
        let filter = format!(
            "event.seq = (SELECT max(seq) FROM (SELECT seq, at FROM event WHERE subject = ?1 ORDER BY seq DESC
               LIMIT {LOOKED_THROUGH}) WHERE at <= ?2)"
        );
        self.one_event(&filter, params![subject.0, by.as_millis()])
    }

    /// The first event of a subject after another one.
    pub fn happened_after(&self, subject: SubjectId, seq: i64) -> Result<Option<Happened>> {
        let filter = "event.subject = ?1 AND event.seq > ?2 ORDER BY event.seq LIMIT 1";
        self.one_event(filter, params![subject.0, seq])
    }

    /// The last events of a subject, newest first.
    pub fn happened_to(&self, subject: SubjectId, limit: u32) -> Result<Vec<Happened>> {
        let filter = "event.subject = ?1 ORDER BY event.seq DESC LIMIT ?2";
        self.read(|connection| list(connection, filter, params![subject.0, limit]))
    }

    /// The handlers that have not taken an event: those that are owed it, and those that gave up.
    pub fn untold(&self, seq: i64) -> Result<Vec<Untold>> {
        self.read(|connection| {
            let text = "SELECT delivery.hook, 0, delivery.attempts, delivery.error, lane.due_at FROM delivery
                  LEFT JOIN lane ON lane.hook = delivery.hook AND lane.subject = delivery.subject
                  WHERE delivery.seq = ?1
                UNION ALL SELECT hook, 1, attempts, error, NULL FROM dead WHERE seq = ?1 ORDER BY 1";
            let mut statement = connection.prepare_cached(text)?;
            let untold = |row: &rusqlite::Row<'_>| {
                let dead: bool = row.get(1)?;
                let due_at = sql::time_opt(row, 4)?;
                Ok(Untold {
                    hook: HookId(row.get(0)?),
                    standing: if dead { Standing::Dead } else { Standing::Owed { due_at } },
                    attempts: row.get(2)?,
                    error: row.get(3)?,
                })
            };
            let rows = statement.query_map([seq], untold)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The runs that told an event, or tried to, among the last [`LOOKED_THROUGH`] of its subject.
    pub fn telling(&self, event: &Happened, limit: u32) -> Result<Telling> {
        let subject = event.subject.map(|id| id.0);
        let last = format!("FROM run WHERE subject IS ?1 ORDER BY id DESC LIMIT {LOOKED_THROUGH}");
        let filter = format!("id IN (SELECT id FROM (SELECT id, seq {last}) WHERE seq = ?2)");
        let runs = self.list_runs(&filter, params![subject, event.seq, limit])?;
        let cut = self.read(|connection| {
            let text = format!(
                "SELECT EXISTS (SELECT 1 FROM run WHERE subject IS ?1 ORDER BY id DESC LIMIT 1 OFFSET {LOOKED_THROUGH})"
            );
            Ok(connection.prepare_cached(&text)?.query_row([subject], |row| row.get(0))?)
        })?;
        Ok(Telling { runs, cut })
    }

    /// The last runs for a subject that told no event and began between these times, newest first.
    pub fn runs_between(
        &self,
        subject: SubjectId,
        from: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<RunRecord>> {
        let filter = "subject = ?1 AND seq IS NULL AND started >= ?2 AND started < ?4";
        self.list_runs(filter, params![subject.0, from.as_millis(), limit, until.as_millis()])
    }

    /// The runs about a ledger row just before and just after one.
    pub fn runs_beside(&self, resource: i64, run: RunId) -> Result<(Option<RunId>, Option<RunId>)> {
        self.read(|connection| {
            let one = |text: &str| -> Result<Option<RunId>> {
                let mut statement = connection.prepare_cached(text)?;
                let id = statement.query_row(params![resource, run.0], |row| row.get(0)).optional()?;
                Ok(id.flatten().map(RunId))
            };
            let before = one("SELECT max(id) FROM run WHERE resource = ?1 AND id < ?2")?;
            Ok((before, one("SELECT min(id) FROM run WHERE resource = ?1 AND id > ?2")?))
        })
    }

    /// The last runs about a ledger row that did something and were answered, newest first.
    pub fn runs_that_did(&self, resource: i64, op: &str, limit: u32) -> Result<Vec<RunRecord>> {
        self.list_runs("resource = ?1 AND op = ?2 AND outcome = 'ok'", params![resource, op, limit])
    }
}
