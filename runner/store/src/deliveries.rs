//! Deliveries: events owed to handlers.

use std::collections::BTreeMap;

use groundcrew_core::spec::Event;
use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::lanes::LaneId;
use crate::operators::{self, OperatorAct};
use crate::runs::{self, CallRecord, RunRecord};
use crate::{Error, HookId, Result, Store, SubjectId, events};

/// The head of a handler's lane.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// The event's place in the inbox.
    pub seq: i64,
    /// How often it was tried.
    pub attempts: u32,
    /// What is told.
    pub event: Event,
}

/// A delivery that gave up.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Dead {
    /// Names it: `HOOK/SEQ`.
    pub id: String,
    /// The hook's name.
    pub hook: String,
    /// The event's place in the inbox.
    pub seq: i64,
    /// The event's kind.
    pub kind: String,
    /// Whom it happened to.
    pub path: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
    /// The last error.
    pub error: String,
}

/// How a delivery ended.
#[derive(Clone, Debug)]
pub enum Ending {
    /// The handler took it; `written` is what it remembers, none meaning forgotten.
    Told {
        /// Key to value.
        written: BTreeMap<String, Option<Vec<u8>>>,
    },
    /// It is tried again.
    Again {
        /// When.
        at: Timestamp,
        /// Why it failed.
        error: String,
    },
    /// It gave up.
    Dead {
        /// Why it failed.
        error: String,
    },
}

/// What a lane has after a delivery was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another delivery, due now.
    Due,
    /// Nothing, or something that is due later.
    Later,
}

impl Store {
    /// The oldest delivery of a lane that is not dead.
    pub fn delivery_head(&self, lane: LaneId) -> Result<Option<Delivery>> {
        self.read(|connection| {
            let text = "SELECT seq, attempts FROM delivery WHERE hook = ?1 AND subject = ?2 AND state = 'pending' ORDER BY seq LIMIT 1";
            let head = connection
                .prepare_cached(text)?
                .query_row([lane.hook.0, lane.subject.0], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let Some((seq, attempts)) = head else { return Ok(None) };
            Ok(Some(Delivery { seq, attempts, event: events::by_seq(connection, seq)? }))
        })
    }

    /// Records how a delivery's run ended, what it remembers, and when its lane is due again.
    pub async fn settle_delivery(
        &self,
        lane: LaneId,
        seq: i64,
        run: RunRecord,
        calls: Vec<CallRecord>,
        ending: Ending,
        now: Timestamp,
    ) -> Result<Next> {
        self.write(move |connection| {
            runs::save(connection, &run, &calls)?;
            settle(connection, lane, seq, &ending, now)
        })
        .await
    }

    /// Records a look that was no delivery, and what it remembers.
    pub async fn save_looking(
        &self,
        lane: LaneId,
        run: RunRecord,
        calls: Vec<CallRecord>,
        written: BTreeMap<String, Option<Vec<u8>>>,
    ) -> Result<()> {
        self.write(move |connection| {
            runs::save(connection, &run, &calls)?;
            remember(connection, lane, &written)
        })
        .await
    }

    /// A handler's lane is due later, without anything having been tried.
    pub async fn postpone_delivery(&self, lane: LaneId, at: Timestamp) -> Result<()> {
        self.write(move |connection| set_due(connection, lane, Some(at))).await
    }

    /// A lane without deliveries is idle.
    pub async fn idle(&self, lane: LaneId) -> Result<()> {
        self.write(move |connection| {
            let head = has_head(connection, lane)?;
            if head { Ok(()) } else { set_due(connection, lane, None) }
        })
        .await
    }

    /// Deliveries that gave up, oldest first.
    pub fn dead(&self) -> Result<Vec<Dead>> {
        self.read(|connection| {
            let text = "SELECT hook.name, delivery.seq, event.kind, subject.path, delivery.attempts, coalesce(delivery.error, '')
                FROM delivery JOIN hook ON hook.id = delivery.hook JOIN event ON event.seq = delivery.seq
                LEFT JOIN subject ON subject.id = delivery.subject
                WHERE delivery.state = 'dead' ORDER BY delivery.hook, delivery.seq";
            let mut statement = connection.prepare_cached(text)?;
            let dead = |row: &rusqlite::Row<'_>| {
                let (hook, seq): (String, i64) = (row.get(0)?, row.get(1)?);
                let id = format!("{hook}/{seq}");
                Ok(Dead { id, hook, seq, kind: row.get(2)?, path: row.get(3)?, attempts: row.get(4)?, error: row.get(5)? })
            };
            let rows = statement.query_map([], dead)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Owes a dead delivery again, from the start.
    pub async fn retry_dead(&self, hook: HookId, seq: i64, act: OperatorAct, now: Timestamp) -> Result<()> {
        self.write(move |connection| {
            let text = "UPDATE delivery SET state = 'pending', attempts = 0 WHERE hook = ?1 AND seq = ?2 AND state = 'dead' RETURNING subject";
            let subject = connection.query_row(text, [hook.0, seq], |row| row.get(0)).optional()?;
            let subject = SubjectId(subject.ok_or(Error::Missing("dead delivery"))?);
            crate::lanes::wake(connection, LaneId { hook, subject }, now)?;
            // A machine that leaves waits for this handler again, as long as it did the first time.
            let text = "UPDATE retirement SET until = ?2 + timeout_ms
                WHERE seq = ?1 AND step = 'tell' AND due_at IS NOT NULL";
            connection.execute(text, params![seq, now.as_millis()])?;
            operators::record(connection, &act, now)
        })
        .await
    }

    /// Forgets a dead delivery.
    pub async fn discard_dead(&self, hook: HookId, seq: i64, act: OperatorAct, now: Timestamp) -> Result<()> {
        self.write(move |connection| {
            let text = "DELETE FROM delivery WHERE hook = ?1 AND seq = ?2 AND state = 'dead'";
            match connection.execute(text, [hook.0, seq])? {
                0 => Err(Error::Missing("dead delivery")),
                _ => operators::record(connection, &act, now),
            }
        })
        .await
    }

    /// What a handler's lane remembers under a key.
    pub fn kv(&self, lane: LaneId, key: &str) -> Result<Option<Vec<u8>>> {
        self.read(|connection| {
            let text = "SELECT value FROM kv WHERE hook = ?1 AND subject = ?2 AND key = ?3";
            let params = params![lane.hook.0, lane.subject.0, key];
            Ok(connection.prepare_cached(text)?.query_row(params, |row| row.get(0)).optional()?)
        })
    }
}

fn settle(connection: &Connection, lane: LaneId, seq: i64, ending: &Ending, now: Timestamp) -> Result<Next> {
    let key = params![lane.hook.0, lane.subject.0, seq];
    match ending {
        Ending::Told { written } => {
            let text = "DELETE FROM delivery WHERE hook = ?1 AND subject = ?2 AND seq = ?3";
            connection.prepare_cached(text)?.execute(key)?;
            remember(connection, lane, written)?;
            go_on(connection, lane, now)
        }
        Ending::Again { at, error } => {
            let text = "UPDATE delivery SET attempts = attempts + 1, error = ?4 WHERE hook = ?1 AND subject = ?2 AND seq = ?3";
            connection.prepare_cached(text)?.execute(params![lane.hook.0, lane.subject.0, seq, error])?;
            set_due(connection, lane, Some(*at))?;
            Ok(Next::Later)
        }
        Ending::Dead { error } => {
            let text = "UPDATE delivery SET attempts = attempts + 1, error = ?4, state = 'dead'
                WHERE hook = ?1 AND subject = ?2 AND seq = ?3";
            connection.prepare_cached(text)?.execute(params![lane.hook.0, lane.subject.0, seq, error])?;
            go_on(connection, lane, now)
        }
    }
}

/// A lane is due now if it has another delivery, else idle.
fn go_on(connection: &Connection, lane: LaneId, now: Timestamp) -> Result<Next> {
    let more = has_head(connection, lane)?;
    set_due(connection, lane, more.then_some(now))?;
    Ok(if more { Next::Due } else { Next::Later })
}

pub(crate) fn remember(
    connection: &Connection,
    lane: LaneId,
    written: &BTreeMap<String, Option<Vec<u8>>>,
) -> Result<()> {
    for (key, value) in written {
        if let Some(value) = value {
            let text = "INSERT INTO kv (hook, subject, key, value) VALUES (?1, ?2, ?3, ?4)
                ON CONFLICT (hook, subject, key) DO UPDATE SET value = excluded.value";
            connection.prepare_cached(text)?.execute(params![lane.hook.0, lane.subject.0, key, value])?;
        } else {
            let text = "DELETE FROM kv WHERE hook = ?1 AND subject = ?2 AND key = ?3";
            connection.prepare_cached(text)?.execute(params![lane.hook.0, lane.subject.0, key])?;
        }
    }
    Ok(())
}

fn has_head(connection: &Connection, lane: LaneId) -> Result<bool> {
    let text =
        "SELECT EXISTS (SELECT 1 FROM delivery WHERE hook = ?1 AND subject = ?2 AND state = 'pending')";
    Ok(connection.prepare_cached(text)?.query_row([lane.hook.0, lane.subject.0], |row| row.get(0))?)
}

fn set_due(connection: &Connection, lane: LaneId, at: Option<Timestamp>) -> Result<()> {
    let text = "UPDATE lane SET due_at = ?3 WHERE hook = ?1 AND subject = ?2";
    connection.prepare_cached(text)?.execute(params![lane.hook.0, lane.subject.0, crate::millis(at)])?;
    Ok(())
}
