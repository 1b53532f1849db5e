//! What operators do: pause, approve, settle by hand; and the record of it.

use groundcrew_core::may_delete::Level;
use groundcrew_core::spec::canonical;
use groundcrew_core::subject::Path;
use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::because::Because;
use crate::lanes::{Cause, LaneId};
use crate::ledger::StoredRow;
use crate::recover::ACTIVE;
use crate::{HookId, Result, Store, SubjectId, findings, lanes, sql};

/// What a person did, for the record: kept in the transaction of what it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorAct {
    /// Who did it.
    pub who: String,
    /// What, in one line.
    pub what: String,
}

/// A lower level laid over something.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Pause {
    /// Its number, for `unpause`.
    pub id: i64,
    /// The hook's name; none: all.
    pub hook: Option<String>,
    /// The owner's path; none: all.
    pub path: Option<String>,
    /// The level.
    pub level: String,
    /// Who did it.
    pub who: String,
    /// When, RFC 3339.
    pub at: String,
}

impl Store {
    /// Lays a lower level over everything, a hook, or an owner.
    pub async fn pause(
        &self,
        hook: Option<HookId>,
        owner: Option<SubjectId>,
        level: Level,
        who: &str,
        now: Timestamp,
    ) -> Result<()> {
        let who = who.to_owned();
        self.write(move |connection| {
            let text = "INSERT INTO pause (hook, subject, level, who, at) VALUES (?1, ?2, ?3, ?4, ?5)";
            let params =
                params![hook.map(|id| id.0), owner.map(|id| id.0), level.as_str(), who, now.as_millis()];
            connection.execute(text, params)?;
            freeze(connection, (hook, owner), "paused", now)?;
            act(connection, &who, &format!("pause {level}"), now)
        })
        .await
    }

    /// Lifts pauses over exactly this; returns how many. Every lane that waited is due now.
    pub async fn unpause(
        &self,
        hook: Option<HookId>,
        owner: Option<SubjectId>,
        who: &str,
        now: Timestamp,
    ) -> Result<u32> {
        let who = who.to_owned();
        self.write(move |connection| {
            let text = "DELETE FROM pause WHERE hook IS ?1 AND subject IS ?2";
            let lifted = connection.execute(text, params![hook.map(|id| id.0), owner.map(|id| id.0)])? as u32;
            let cause = if owner.is_some() { Cause::Event } else { Cause::Sweep };
            // Of those who are gone, and of whom nothing is owed or left, nobody looks again.
            let text = format!(
                "UPDATE lane SET {}, dirty = dirty + (dirty > 0) WHERE {} AND {ACTIVE}
                   AND (due_at IS NOT NULL OR dirty > done
                     OR EXISTS (SELECT 1 FROM subject WHERE subject.id = lane.subject AND gone_at IS NULL))",
                cause.due_at(Because::Person, "?1"),
                covered("subject")
            );
            connection.execute(&text, params![now.as_millis(), hook.map(|id| id.0), owner.map(|id| id.0)])?;
            wake_all_waiting(connection, Because::Person, now)?;
            act(connection, &who, "unpause", now)?;
            Ok(lifted)
        })
        .await
    }

    /// From now on the grace of what nobody wants stands still, of a hook or of all: the level was lowered, or a source is
    /// not believed. Whoever ends that calls [`Self::wake_waiting`].
    pub async fn freeze(&self, hook: Option<HookId>, why: &str, now: Timestamp) -> Result<()> {
        let why = why.to_owned();
        self.write(move |connection| freeze(connection, (hook, None), &why, now)).await
    }

    /// The same of what a hook has for these owners, by their paths: they are out of its scope, which what a person asked to
    /// be removed does not wait for.
    pub async fn freeze_owners(
        &self,
        hook: HookId,
        paths: Vec<Path>,
        why: &str,
        now: Timestamp,
    ) -> Result<()> {
        let why = format!("frozen: {why}");
        self.write(move |connection| {
            let text = format!(
                "{FREEZE} AND hook = ?3 AND owner IN (SELECT id FROM subject WHERE path = ?4)
                 AND id NOT IN (SELECT resource FROM asked)"
            );
            let mut statement = connection.prepare_cached(&text)?;
            for path in &paths {
                statement.execute(params![now.as_millis(), why, hook.0, path.as_str()])?;
            }
            Ok(())
        })
        .await
    }

    /// Everything that nothing else would wake is decided again: a level, a scope or a belief changed.
    pub async fn wake_waiting(&self, now: Timestamp) -> Result<()> {
        self.write(move |connection| wake_all_waiting(connection, Because::Sweep, now)).await
    }

    /// Of these rows, those that sleep for a reason are decided again: whom they waited for is there.
    pub async fn wake_sleeping(&self, rows: Vec<i64>, now: Timestamp) -> Result<()> {
        self.write(move |connection| {
            let text = "UPDATE resource SET due_at = ?2, version = version + 1
                WHERE id = ?1 AND due_at IS NULL AND waiting IS NOT NULL AND state NOT IN ('gone', 'retained')
                RETURNING hook, owner";
            for row in &rows {
                let lane = |row: &rusqlite::Row<'_>| Ok((HookId(row.get(0)?), SubjectId(row.get(1)?)));
                let woken = connection.prepare_cached(text)?.query_row(params![row, now.as_millis()], lane);
                if let Some((hook, owner)) = woken.optional()? {
                    // Dirty, not only due: a look that is under way must not put it to sleep again.
                    lanes::mark_dirty(connection, hook, owner, Because::Seen, now)?;
                }
            }
            Ok(())
        })
        .await
    }

    /// All pauses.
    pub fn pauses(&self) -> Result<Vec<Pause>> {
        self.read(|connection| {
            let text = "SELECT pause.id, hook.name, subject.path, pause.level, pause.who, pause.at FROM pause
                LEFT JOIN hook ON hook.id = pause.hook LEFT JOIN subject ON subject.id = pause.subject ORDER BY pause.id";
            let mut statement = connection.prepare_cached(text)?;
            let pause = |row: &rusqlite::Row<'_>| {
                Ok(Pause {
                    id: row.get(0)?,
                    hook: row.get(1)?,
                    path: row.get(2)?,
                    level: row.get(3)?,
                    who: row.get(4)?,
                    at: sql::time(row, 5)?.to_string(),
                })
            };
            let rows = statement.query_map([], pause)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Approves that these rows, as they are now, may be removed; void after `until`.
    pub async fn approve(
        &self,
        rows: Vec<StoredRow>,
        who: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<()> {
        let who = who.to_owned();
        self.write(move |connection| {
            for row in &rows {
                approve_row(connection, row, &who, now, until)?;
                let text = "UPDATE resource SET due_at = ?2, version = version + 1 WHERE id = ?1";
                connection.execute(text, params![row.id, now.as_millis()])?;
                // Dirty, not only due: a look that is under way must not put it to sleep again.
                lanes::mark_dirty(connection, row.hook, row.owner, Because::Person, now)?;
                act(connection, &who, &format!("approve removal of {}", row.about()), now)?;
            }
            Ok(())
        })
        .await
    }

    /// Forgets the repairs of rows that were fought over: they are looked at, and repaired again.
    pub async fn repair_again(&self, rows: Vec<StoredRow>, who: &str, now: Timestamp) -> Result<()> {
        let who = who.to_owned();
        self.write(move |connection| {
            for row in &rows {
                let text =
                    "UPDATE resource SET repairs = '[]', look_at = ?2, due_at = ?2, version = version + 1 WHERE id = ?1";
                connection.execute(text, params![row.id, now.as_millis()])?;
                lanes::mark_dirty(connection, row.hook, row.owner, Because::Person, now)?;
                findings::close_of_row(connection, "resource.fought", row, now)?;
                act(connection, &who, &format!("repair {} again", row.about()), now)?;
            }
            Ok(())
        })
        .await
    }

    /// Sets or lifts an operator's protection of a row; its lane looks again once it is lifted.
    pub async fn protect(&self, row: &StoredRow, protected: bool, who: &str, now: Timestamp) -> Result<()> {
        let (who, id, lane, about) = (who.to_owned(), row.id, row.lane(), row.about());
        self.write(move |connection| {
            connection.execute(
                "UPDATE resource SET protected = ?2, version = version + 1 WHERE id = ?1",
                params![id, protected],
            )?;
            if protected {
                let text = format!("{FREEZE} AND id = ?3");
                connection.execute(&text, params![now.as_millis(), "frozen: protected", id])?;
            } else {
                let text = "UPDATE resource SET due_at = ?2 WHERE id = ?1 AND frozen_at IS NOT NULL AND state <> 'gone'";
                connection.execute(text, params![id, now.as_millis()])?;
                lanes::mark_dirty(connection, lane.hook, lane.subject, Because::Person, now)?;
            }
            let word = if protected { "protect" } else { "unprotect" };
            act(connection, &who, &format!("{word} {about}"), now)
        })
        .await
    }

    /// Owes lanes a look because a person said so.
    pub async fn touch(&self, lanes: Vec<LaneId>, done: OperatorAct, now: Timestamp) -> Result<()> {
        self.write(move |connection| {
            for lane in &lanes {
                lanes::mark_dirty(connection, lane.hook, lane.subject, Because::Person, now)?;
            }
            record(connection, &done, now)
        })
        .await
    }

    /// What people did, newest first: when (RFC 3339), who, what.
    pub fn acts(&self, limit: u32) -> Result<Vec<(String, OperatorAct)>> {
        self.read(|connection| {
            let text = "SELECT at, who, what FROM operator_act ORDER BY id DESC LIMIT ?1";
            let mut statement = connection.prepare_cached(text)?;
            let act = |row: &rusqlite::Row<'_>| {
                let act = OperatorAct { who: row.get(1)?, what: row.get(2)? };
                Ok((sql::time(row, 0)?.to_string(), act))
            };
            let rows = statement.query_map([limit], act)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}

/// Keeps what a person did, within the transaction that does it.
pub(crate) fn record(connection: &Connection, done: &OperatorAct, now: Timestamp) -> Result<()> {
    act(connection, &done.who, &done.what, now)
}

pub(crate) fn approve_row(
    connection: &Connection,
    row: &StoredRow,
    who: &str,
    now: Timestamp,
    until: Timestamp,
) -> Result<()> {
    let text = "INSERT INTO approval (resource, spec, who, at, until) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (resource, spec) DO UPDATE SET who = excluded.who, at = excluded.at, until = excluded.until";
    let params = params![row.id, canonical(&row.row.spec), who, now.as_millis(), until.as_millis()];
    connection.execute(text, params)?;
    Ok(())
}

/// What holds for a row that waits for something which has no time: a person, a level, a scope, a belief; word for
/// word as in the index `resource_waits`.
const WAITS: &str = "state <> 'gone' AND (frozen_why IS NOT NULL OR state = 'creating'
    OR (state <> 'retained' AND due_at IS NULL AND waiting IS NOT NULL))";

/// The grace of what nobody wants stands still from now (`?1`) on, for a reason (`?2`), and not from when it is next decided:
/// that is when its grace is over.
const FREEZE: &str = "UPDATE resource SET frozen_at = ?1, frozen_why = ?2, version = version + 1
    WHERE unwanted_at IS NOT NULL AND state <> 'gone' AND frozen_at IS NULL
      AND state IN ('present', 'pending', 'updating')";

/// The same of all rows that a hook, and a subject or its app, have; none: of all.
pub(crate) fn freeze(
    connection: &Connection,
    (hook, owner): (Option<HookId>, Option<SubjectId>),
    why: &str,
    now: Timestamp,
) -> Result<()> {
    let text = format!(
        "{FREEZE} AND (?3 IS NULL OR hook = ?3)
           AND (?4 IS NULL OR owner = ?4 OR owner IN (SELECT id FROM subject WHERE parent = ?4))"
    );
    let why = format!("frozen: {why}");
    connection.execute(&text, params![now.as_millis(), why, hook.map(|id| id.0), owner.map(|id| id.0)])?;
    Ok(())
}

/// What a pause of a hook (`?2`) and a subject or its app (`?3`) is laid over; NULL is all of them.
fn covered(owner: &str) -> String {
    format!(
        "(?2 IS NULL OR hook = ?2)
         AND (?3 IS NULL OR {owner} = ?3 OR {owner} IN (SELECT id FROM subject WHERE parent = ?3))"
    )
}

fn wake_all_waiting(connection: &Connection, because: Because, now: Timestamp) -> Result<()> {
    let text = format!(
        "UPDATE lane SET {}, dirty = dirty + 1
         WHERE (hook, subject) IN (SELECT hook, owner FROM resource WHERE {WAITS})",
        Cause::Sweep.due_at(because, "?1")
    );
    connection.execute(&text, [now.as_millis()])?;
    wake_rows(connection, now)
}

/// Everything that was held, frozen or only planned is decided again.
pub(crate) fn wake_rows(connection: &Connection, now: Timestamp) -> Result<()> {
    let text = format!("UPDATE resource SET due_at = ?1, version = version + 1 WHERE {WAITS}");
    connection.execute(&text, [now.as_millis()])?;
    Ok(())
}

pub(crate) fn act(connection: &Connection, who: &str, what: &str, now: Timestamp) -> Result<()> {
    connection.execute(
        "INSERT INTO operator_act (at, who, what) VALUES (?1, ?2, ?3)",
        params![now.as_millis(), who, what],
    )?;
    Ok(())
}
