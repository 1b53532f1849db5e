//! Lanes: the unit of work and of ordering. One row per (hook, subject), one due time.

use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::because::Because;
use crate::{HookId, Result, Store, SubjectId, sql};

/// Which lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneId {
    /// Whose.
    pub hook: HookId,
    /// For whom.
    pub subject: SubjectId,
}

/// A provisioner's lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Bumped by whatever may change what is wanted.
    pub dirty: i64,
    /// How far it has been looked at; work exists while `dirty > done`.
    pub done: i64,
    /// Component, settings and view of the last `desired`.
    pub view_hash: Option<String>,
    /// Component and settings of it.
    pub settings: Option<String>,
    /// Failures in a row of `desired`.
    pub attempts: u32,
    /// The last of them.
    pub error: Option<String>,
    /// When it is due; none: idle.
    pub due_at: Option<Timestamp>,
    /// Why it is owed a look; none: it is not, or for a reason that this program does not know.
    pub because: Option<Because>,
    /// Since when a person ends its hook: it wants nothing.
    pub ending_at: Option<Timestamp>,
}

/// Whether a lane is due before others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Something happened to it, or the time has come that its last look named.
    Event,
    /// Everybody is owed a look: after a start, after a gap, on schedule, on demand.
    Sweep,
}

impl Cause {
    /// What makes a lane due at the time `time`, for use in `UPDATE lane SET`, where columns have their old values.
    ///
    /// What was due before a sweep keeps its place among events, and its reason; a lane of deliveries is never swept,
    /// and has none.
    pub(crate) fn due_at(self, because: Because, time: &str) -> String {
        let (swept, kept) = match self {
            Self::Event => ("0".to_owned(), "lane.dirty = 0"),
            Self::Sweep => (
                format!("CASE WHEN lane.due_at <= {time} OR lane.dirty = 0 THEN lane.swept ELSE 1 END"),
                "lane.dirty = 0 OR lane.dirty > lane.done AND lane.because IS NOT NULL",
            ),
        };
        format!(
            "because = CASE WHEN {kept} THEN lane.because ELSE '{because}' END, swept = {swept},
              due_at = min(coalesce(lane.due_at, {time}), {time})"
        )
    }
}

/// Owes a lane a look, now, because something happened: it goes before those that a sweep made due.
pub(crate) fn mark_dirty(
    connection: &Connection,
    hook: HookId,
    subject: SubjectId,
    because: Because,
    now: Timestamp,
) -> Result<()> {
    let text = "INSERT INTO lane (hook, subject, due_at, dirty, because) VALUES (?1, ?2, ?3, 1, ?4)
        ON CONFLICT (hook, subject) DO UPDATE SET dirty = lane.dirty + 1, swept = 0, because = excluded.because,
          due_at = min(coalesce(lane.due_at, excluded.due_at), excluded.due_at)";
    let params = params![hook.0, subject.0, now.as_millis(), because.to_string()];
    connection.prepare_cached(text)?.execute(params)?;
    Ok(())
}

/// Brings a lane's due time forward.
pub(crate) fn wake(connection: &Connection, lane: LaneId, at: Timestamp) -> Result<()> {
    let text = "INSERT INTO lane (hook, subject, due_at) VALUES (?1, ?2, ?3)
        ON CONFLICT (hook, subject) DO UPDATE SET swept = 0,
          due_at = min(coalesce(lane.due_at, excluded.due_at), excluded.due_at)";
    connection.prepare_cached(text)?.execute(params![lane.hook.0, lane.subject.0, at.as_millis()])?;
    Ok(())
}

impl Store {
    /// A hook's lanes that are due for this cause, oldest first; those that are being worked on are among them.
    pub fn due_lanes_of(
        &self,
        hook: HookId,
        cause: Cause,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<LaneId>> {
        self.read(|connection| {
            let text = "SELECT subject FROM lane WHERE hook = ?1 AND swept = ?2 AND due_at <= ?3
                ORDER BY due_at, subject LIMIT ?4";
            let mut statement = connection.prepare_cached(text)?;
            let lane = |row: &rusqlite::Row<'_>| Ok(LaneId { hook, subject: SubjectId(row.get(0)?) });
            let swept = cause == Cause::Sweep;
            let rows = statement.query_map(params![hook.0, swept, now.as_millis(), limit], lane)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Lanes of all hooks that are due, oldest first; those that are being worked on are among them.
    pub fn due_lanes(&self, now: Timestamp, limit: u32) -> Result<Vec<LaneId>> {
        self.read(|connection| {
            let text =
                "SELECT hook, subject FROM lane WHERE due_at <= ?1 ORDER BY due_at, hook, subject LIMIT ?2";
            let mut statement = connection.prepare_cached(text)?;
            let lane = |row: &rusqlite::Row<'_>| {
                Ok(LaneId { hook: HookId(row.get(0)?), subject: SubjectId(row.get(1)?) })
            };
            let rows = statement.query_map(params![now.as_millis(), limit], lane)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Lanes that are owed a look which could not be taken, and why.
    pub fn unanswered_lanes(&self) -> Result<Vec<(LaneId, String)>> {
        self.read(|connection| {
            let text = "SELECT hook, subject, error FROM lane WHERE dirty > done AND error IS NOT NULL ORDER BY hook, subject";
            let mut statement = connection.prepare_cached(text)?;
            let lane = |row: &rusqlite::Row<'_>| {
                Ok((LaneId { hook: HookId(row.get(0)?), subject: SubjectId(row.get(1)?) }, row.get(2)?))
            };
            let rows = statement.query_map([], lane)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// When the next lane is due, if any is.
    pub fn next_due(&self, after: Timestamp) -> Result<Option<Timestamp>> {
        self.read(|connection| {
            let text = "SELECT min((SELECT min(due_at) FROM lane
                  WHERE lane.hook = hook.id AND lane.swept = cause.column1 AND due_at > ?1))
                FROM hook, (VALUES (0), (1)) AS cause";
            Ok(connection
                .prepare_cached(text)?
                .query_row([after.as_millis()], |row| sql::time_opt(row, 0))?)
        })
    }

    /// One lane.
    pub fn lane(&self, id: LaneId) -> Result<Option<Lane>> {
        self.read(|connection| {
            let text = "SELECT dirty, done, view_hash, settings, attempts, error, due_at,
                  (SELECT ending_at FROM hook WHERE id = ?1), CASE WHEN dirty > done THEN because END
                FROM lane WHERE hook = ?1 AND subject = ?2";
            let lane = |row: &rusqlite::Row<'_>| {
                Ok(Lane {
                    dirty: row.get(0)?,
                    done: row.get(1)?,
                    view_hash: row.get(2)?,
                    settings: row.get(3)?,
                    attempts: row.get(4)?,
                    error: row.get(5)?,
                    due_at: sql::time_opt(row, 6)?,
                    because: sql::word_known(row, 8)?,
                    ending_at: sql::time_opt(row, 7)?,
                })
            };
            Ok(connection.prepare_cached(text)?.query_row([id.hook.0, id.subject.0], lane).optional()?)
        })
    }

    /// All lanes of a subject, with their hooks.
    pub fn lanes_of(&self, subject: SubjectId) -> Result<Vec<HookId>> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT hook FROM lane WHERE subject = ?1 ORDER BY hook")?;
            let rows = statement.query_map([subject.0], |row| row.get(0).map(HookId))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Owes lanes a look, now, because something happened.
    pub async fn dirty_lanes(&self, lanes: Vec<LaneId>, now: Timestamp) -> Result<()> {
        self.write(move |connection| {
            let mark = |lane: &LaneId| mark_dirty(connection, lane.hook, lane.subject, Because::Seen, now);
            lanes.iter().try_for_each(mark)
        })
        .await
    }

    /// Records that a provisioner's lane was looked at.
    pub async fn finish_look(&self, looked: LaneLook) -> Result<()> {
        self.write(move |connection| {
            forget_reads(connection, &looked)?;
            finish(connection, looked.lane, looked.seen, looked.next)
        })
        .await
    }

    /// Records that a provisioner's `desired` failed, or that its owner cannot be asked yet.
    pub async fn postpone_look(&self, looked: LaneLook, error: &str, failed: Failed) -> Result<()> {
        let error = error.to_owned();
        self.write(move |connection| {
            forget_reads(connection, &looked)?;
            // What became dirty meanwhile may be just what the owner waited for.
            let text = "UPDATE lane SET attempts = attempts + ?3, error = ?4,
                  due_at = CASE WHEN dirty > ?6 THEN due_at ELSE ?5 END
                WHERE hook = ?1 AND subject = ?2";
            let more = i64::from(failed == Failed::Yes);
            let LaneLook { lane, seen, next, .. } = looked;
            let params = params![lane.hook.0, lane.subject.0, more, error, crate::millis(next), seen];
            connection.execute(text, params)?;
            Ok(())
        })
        .await
    }
}

/// A look at a provisioner's lane that came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneLook {
    /// Which lane.
    pub lane: LaneId,
    /// `dirty` of the lane when the look began.
    pub seen: i64,
    /// How far its rows are.
    pub rows: Rows,
    /// When it is due again by itself, if it is.
    pub next: Option<Timestamp>,
    /// The present.
    pub now: Timestamp,
}

/// How far a lane's rows are after a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// All are as the present view wants them: what only an earlier view read is forgotten.
    Follow,
    /// Some are not.
    Behind,
}

/// Whether a postponed look counts as a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// It does.
    Yes,
    /// It does not: something is simply not there yet.
    No,
}

/// What only an earlier view read is forgotten once the lane's rows follow the present one; what waited for that is
/// looked at.
fn forget_reads(connection: &Connection, looked: &LaneLook) -> Result<()> {
    let LaneLook { lane: id, rows, now, .. } = *looked;
    if rows == Rows::Behind {
        return Ok(());
    }
    let text = "DELETE FROM reads WHERE hook = ?1 AND subject = ?2 AND current = 0 RETURNING resource";
    let mut statement = connection.prepare_cached(text)?;
    let forgotten = statement.query_map([id.hook.0, id.subject.0], |row| row.get::<_, i64>(0))?;
    for resource in forgotten.collect::<rusqlite::Result<Vec<_>>>()? {
        let text = "UPDATE resource SET due_at = ?2, version = version + 1 WHERE id = ?1 AND withdrawn = 1
            AND state <> 'gone' RETURNING hook, owner";
        let lane = |row: &rusqlite::Row<'_>| Ok((HookId(row.get(0)?), SubjectId(row.get(1)?)));
        let waited = connection.prepare_cached(text)?.query_row(params![resource, now.as_millis()], lane);
        if let Some((hook, owner)) = waited.optional()? {
            mark_dirty(connection, hook, owner, Because::Reads, now)?;
        }
    }
    Ok(())
}

pub(crate) fn finish(connection: &Connection, id: LaneId, seen: i64, next: Option<Timestamp>) -> Result<()> {
    // What became dirty meanwhile keeps the due time that it brought, and why.
    let text = "UPDATE lane SET done = max(done, ?3), attempts = 0, error = NULL,
          swept = CASE WHEN dirty > ?3 THEN swept ELSE 0 END, due_at = CASE WHEN dirty > ?3 THEN due_at ELSE ?4 END
        WHERE hook = ?1 AND subject = ?2";
    connection.prepare_cached(text)?.execute(params![id.hook.0, id.subject.0, seen, crate::millis(next)])?;
    Ok(())
}
