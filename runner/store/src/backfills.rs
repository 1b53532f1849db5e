//! Backfills: which handler is told of everybody who lives, and how far that is.

use groundcrew_core::backfill::Kinds;
use groundcrew_core::duration::Millis;
use groundcrew_core::time::Timestamp;
use rusqlite::{OptionalExtension, Row, params};

use crate::events::{self, Accepted, NewEvent};
use crate::operators::{self, OperatorAct};
use crate::subjects::{self, StoredSubject};
use crate::{Error, HookId, Result, Store, sql};

/// A backfill, as far as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backfill {
    /// Its number.
    pub id: i64,
    /// The handler.
    pub hook: HookId,
    /// The handler's name.
    pub name: String,
    /// Who asked.
    pub who: String,
    /// When.
    pub at: Timestamp,
    /// Of whom it is told.
    pub kinds: Kinds,
    /// Between two subjects.
    pub every: Millis,
    /// The last subject that was told of, or passed over.
    pub last: i64,
    /// How many it was told of.
    pub told: u32,
    /// Subjects that are left, some of them perhaps out of its scope.
    pub left: u32,
    /// When it goes on; none: it is over.
    pub due_at: Option<Timestamp>,
    /// How it ended, for people.
    pub outcome: Option<String>,
}

/// One step of a backfill.
#[derive(Clone, Debug)]
pub struct Stride {
    /// What is told.
    pub events: Vec<NewEvent>,
    /// The last subject that was looked at.
    pub last: i64,
    /// When it goes on; none: it ends.
    pub due_at: Option<Timestamp>,
    /// How it ended, for people.
    pub outcome: Option<String>,
}

const LIVING: &str = "gone_at IS NULL AND subject.id > backfill.last AND subject.id <= backfill.until
    AND (backfill.kinds = 'both' OR substr(subject.uid, 1, instr(subject.uid, ':') - 1) = backfill.kinds)";

fn stored(row: &Row<'_>) -> rusqlite::Result<Backfill> {
    Ok(Backfill {
        id: row.get(0)?,
        hook: HookId(row.get(1)?),
        name: row.get(2)?,
        who: row.get(3)?,
        at: sql::time(row, 4)?,
        kinds: sql::word(row, 5)?,
        every: Millis::new(row.get(6)?),
        last: row.get(7)?,
        told: row.get(8)?,
        due_at: sql::time_opt(row, 9)?,
        outcome: row.get(10)?,
        left: row.get(11)?,
    })
}

impl Store {
    /// Keeps that a handler is to be told of everybody who lives now; it begins at once.
    ///
    /// # Errors
    /// [`Error::Superseded`] if one of this handler's is under way.
    pub async fn start_backfill(
        &self,
        hook: HookId,
        kinds: Kinds,
        every: Millis,
        act: OperatorAct,
        now: Timestamp,
    ) -> Result<()> {
        self.write(move |connection| {
            let open = "SELECT EXISTS (SELECT 1 FROM backfill WHERE hook = ?1 AND due_at IS NOT NULL)";
            if connection.query_row(open, [hook.0], |row| row.get(0))? {
                return Err(Error::Superseded("a backfill of this handler is under way; nothing"));
            }
            let text = "INSERT INTO backfill (hook, who, at, kinds, every_ms, until, due_at)
                VALUES (?1, ?2, ?3, ?4, ?5, (SELECT coalesce(max(id), 0) FROM subject), ?3)";
            connection
                .execute(text, params![hook.0, act.who, now.as_millis(), kinds.as_str(), every.as_i64()])?;
            operators::record(connection, &act, now)
        })
        .await
    }

    /// Ends the backfill of a handler that is under way; what it was told of, it was told of. Returns how many.
    pub async fn cancel_backfill(&self, hook: HookId, act: OperatorAct, now: Timestamp) -> Result<u32> {
        self.write(move |connection| {
            let text = "UPDATE backfill SET due_at = NULL, outcome = 'cancelled' WHERE hook = ?1 AND due_at IS NOT NULL
                RETURNING told";
            let told = connection.query_row(text, [hook.0], |row| row.get(0)).optional()?;
            let told = told.ok_or(Error::Missing("backfill under way"))?;
            operators::record(connection, &act, now)?;
            Ok(told)
        })
        .await
    }

    /// Backfills that go on now.
    pub fn due_backfills(&self, now: Timestamp) -> Result<Vec<Backfill>> {
        self.list_backfills("WHERE due_at <= ?1 ORDER BY due_at", now.as_millis())
    }

    /// When a backfill goes on next.
    pub fn next_backfill(&self) -> Result<Option<Timestamp>> {
        self.read(|connection| {
            let text = "SELECT min(due_at) FROM backfill WHERE due_at IS NOT NULL";
            Ok(connection.prepare_cached(text)?.query_row([], |row| sql::time_opt(row, 0))?)
        })
    }

    /// Backfills, those under way first, then newest first.
    pub fn backfills(&self, limit: u32) -> Result<Vec<Backfill>> {
        self.list_backfills("ORDER BY due_at IS NULL, backfill.id DESC LIMIT ?1", i64::from(limit))
    }

    /// Whom a backfill tells of next, apps before their machines.
    pub fn backfill_next(&self, backfill: &Backfill, limit: u32) -> Result<Vec<StoredSubject>> {
        let columns = subjects::COLUMNS;
        let text = format!(
            "SELECT {columns} FROM subject WHERE id IN
               (SELECT subject.id FROM backfill, subject WHERE backfill.id = ?1 AND {LIVING} ORDER BY subject.id LIMIT ?2)
             ORDER BY id"
        );
        self.list_subjects(&text, params![backfill.id, limit])
    }

    /// Tells of some more, in one transaction with how far that is.
    ///
    /// # Errors
    /// [`Error::Superseded`] if it was cancelled meanwhile, or this was done already.
    pub async fn stride_backfill(&self, backfill: &Backfill, stride: Stride, now: Timestamp) -> Result<()> {
        let (id, from) = (backfill.id, backfill.last);
        self.write(move |connection| {
            let (mut accepted, mut told) = (Accepted::default(), 0_i64);
            for event in &stride.events {
                // Who ended since it was read is not told to exist after its end.
                if let Some(subject) = &event.event.subject
                    && subjects::is_gone(connection, &subject.uid)?
                {
                    continue;
                }
                events::take(connection, event, now, &mut accepted)?;
                told += 1;
            }
            let text = "UPDATE backfill SET last = ?3, told = told + ?4, due_at = ?5, outcome = ?6
                WHERE id = ?1 AND last = ?2 AND due_at IS NOT NULL";
            let due = crate::millis(stride.due_at);
            let params = params![id, from, stride.last, told, due, stride.outcome];
            match connection.execute(text, params)? {
                0 => Err(Error::Superseded("the backfill")),
                _ => Ok(()),
            }
        })
        .await
    }

    fn list_backfills(&self, rest: &str, number: i64) -> Result<Vec<Backfill>> {
        self.read(|connection| {
            let text = format!(
                "SELECT backfill.id, hook, hook.name, who, at, kinds, every_ms, last, told, due_at, outcome,
                   CASE WHEN due_at IS NULL THEN 0 ELSE (SELECT count(*) FROM subject WHERE {LIVING}) END
                 FROM backfill JOIN hook ON hook.id = backfill.hook {rest}"
            );
            let mut statement = connection.prepare_cached(&text)?;
            let rows = statement.query_map([number], stored)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}
