//! Everybody looks again: after a start, after a gap, on schedule, on demand. Cheap for whom nothing changed.
//!
//! Lanes are made dirty a chunk at a time, so that nobody else waits long for the writer. Those that turn out to be
//! at rest are finished many in one commit.

use groundcrew_core::subject::SubjectKind;
use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, params};

use crate::because::Because;
use crate::lanes::{self, Cause, LaneId};
use crate::operators::{self, OperatorAct};
use crate::recover::ACTIVE;
use crate::{Error, HookId, Result, Store, SubjectId, sql};

/// Lanes that are made dirty in one commit.
const CHUNK: i64 = 2_000;

/// A provisioner's lane whose rows have nothing to do for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rest {
    /// Its `dirty`, read before anything else.
    pub seen: i64,
    /// What it was last asked with.
    pub view_hash: Option<String>,
    /// Rows that are not gone.
    pub rows: u32,
    /// When the first of them is due.
    pub next: Option<Timestamp>,
}

/// A look that found nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quiet {
    /// Which.
    pub lane: LaneId,
    /// Its `dirty` when the look began.
    pub seen: i64,
    /// When it is due again.
    pub next: Option<Timestamp>,
}

impl Store {
    /// Owes every living subject of a kind a look of a provisioner, those that it never looked at, too, and the
    /// gone ones of which something is left. Returns how many.
    pub async fn dirty_everybody(&self, hook: HookId, kind: SubjectKind, now: Timestamp) -> Result<u32> {
        let (from, to) = match kind {
            SubjectKind::App => ("app:", "app;"),
            SubjectKind::Machine => ("machine:", "machine;"),
        };
        let because = Because::Sweep;
        let text = format!(
            "INSERT INTO lane (hook, subject, due_at, dirty, swept, because)
            SELECT ?1, id, ?2, 1, 1, '{because}' FROM subject WHERE id > ?3 AND id <= ?4 AND uid >= ?5 AND uid < ?6
              AND (gone_at IS NULL OR EXISTS
                (SELECT 1 FROM resource WHERE resource.hook = ?1 AND owner = subject.id AND state <> 'gone'))
            ON CONFLICT (hook, subject) DO UPDATE SET dirty = lane.dirty + 1, {}",
            Cause::Sweep.due_at(because, "excluded.due_at")
        );
        self.in_chunks("subject", move |connection, after, last| {
            let params = params![hook.0, now.as_millis(), after, last, from, to];
            Ok(connection.prepare_cached(&text)?.execute(params)? as u32)
        })
        .await
    }

    /// Owes lanes of provisioners a look: of one hook or all, for these owners or everybody. Returns how many.
    ///
    /// Everybody is a sweep, and waits behind what happens meanwhile; a few owners are what a person waits for.
    ///
    /// What a person asked for is on record before the first of them: for everybody that takes several commits, and
    /// whoever is cut off in between asks again.
    pub async fn reconcile(
        &self,
        hook: Option<HookId>,
        owners: Option<Vec<SubjectId>>,
        act: Option<OperatorAct>,
        now: Timestamp,
    ) -> Result<u32> {
        let hook = hook.map(|id| id.0);
        let because = if act.is_some() { Because::Person } else { Because::Sweep };
        let count = self
            .write(move |connection| {
                if let Some(act) = act {
                    operators::record(connection, &act, now)?;
                }
                let owe = |owner: &SubjectId| {
                    owe(connection, hook, (owner.0 - 1, owner.0), (Cause::Event, because), now)
                };
                owners.map(|owners| owners.iter().map(owe).sum::<Result<u32>>()).transpose()
            })
            .await?;
        if let Some(count) = count {
            return Ok(count);
        }
        let owe = move |connection: &Connection, after, last| {
            owe(connection, hook, (after, last), (Cause::Sweep, because), now)
        };
        self.in_chunks("subject", owe).await
    }

    /// Gives a hook's deliveries and rows their turn now that would have it later than `latest`, because the clock was
    /// ahead when that was said; not rows that nobody wants, whose grace may be as long. Returns how many.
    ///
    /// What a lane of a provisioner waits for its rows say: it is owed a look besides.
    pub async fn hasten(&self, hook: HookId, latest: Timestamp, now: Timestamp) -> Result<u32> {
        let (lanes, rows) = self.read(|connection| {
            let is_there = |table: &str, filter: &str| {
                let text = format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE {filter})");
                let mut statement = connection.prepare_cached(&text)?;
                Ok::<bool, Error>(statement.query_row(params![hook.0, latest.as_millis()], |row| row.get(0))?)
            };
            Ok((is_there("lane", LATE_LANES)?, is_there("resource", LATE_ROWS)?))
        })?;
        let mut hastened = 0;
        // Hardly ever anything: so nothing is written to see it.
        if lanes {
            let text = format!("UPDATE lane SET due_at = ?3 WHERE {LATE_LANES}");
            let late = move |connection: &Connection| {
                let params = params![hook.0, latest.as_millis(), now.as_millis()];
                Ok(connection.execute(&text, params)? as u32)
            };
            hastened += self.write(late).await?;
        }
        if rows {
            let text = format!(
                "UPDATE resource SET due_at = ?3, look_at = min(look_at, ?3), version = version + 1
                 WHERE id > ?4 AND id <= ?5 AND {LATE_ROWS}"
            );
            let each = move |connection: &Connection, after, last| {
                let params = params![hook.0, latest.as_millis(), now.as_millis(), after, last];
                Ok(connection.prepare_cached(&text)?.execute(params)? as u32)
            };
            hastened += self.in_chunks("resource", each).await?;
        }
        Ok(hastened)
    }

    /// Works through a table's ids, a chunk in each commit.
    async fn in_chunks<F>(&self, table: &'static str, each: F) -> Result<u32>
    where
        F: Fn(&Connection, i64, i64) -> Result<u32> + Clone + Send + 'static,
    {
        let text = format!("SELECT coalesce(max(id), 0) FROM {table}");
        let end: i64 = self.read(|connection| Ok(connection.query_row(&text, [], |row| row.get(0))?))?;
        let (mut after, mut done) = (0, 0);
        while after < end {
            let (each, last) = (each.clone(), after + CHUNK);
            done += self.write(move |connection| each(connection, after, last)).await?;
            after = last;
        }
        Ok(done)
    }

    /// A provisioner's lane whose rows are all waiting for their time, if that is so.
    ///
    /// Whoever compares what it was asked with against the present afterwards misses nothing: what changes from here
    /// on counts `dirty` up.
    pub fn rest(&self, lane: LaneId, now: Timestamp) -> Result<Option<Rest>> {
        self.read_at_once(|connection| rest(connection, lane, now))
    }

    /// Records looks that found nothing changed, in one commit.
    pub async fn finish_quiet(&self, looks: Vec<Quiet>) -> Result<()> {
        self.write(move |connection| {
            looks.iter().try_for_each(|look| lanes::finish(connection, look.lane, look.seen, look.next))
        })
        .await
    }
}

/// Handlers' lanes that have their turn later than ?2.
const LATE_LANES: &str = "hook = ?1 AND dirty = 0 AND due_at > ?2";
/// Rows that have their turn later than ?2, and do not wait for the end of a grace; as `resource_lane` has them, so that
/// only such rows are read.
const LATE_ROWS: &str =
    "hook = ?1 AND state <> 'gone' AND state <> 'retained' AND unwanted_at IS NULL AND due_at > ?2";

fn owe(
    connection: &Connection,
    hook: Option<i64>,
    (after, last): (i64, i64),
    (cause, because): (Cause, Because),
    now: Timestamp,
) -> Result<u32> {
    let mut count = 0;
    let hooks: Vec<i64> = match hook {
        Some(hook) => vec![hook],
        None => connection
            .prepare_cached("SELECT id FROM hook ORDER BY id")?
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?,
    };
    // Nobody works for a hook without a stanza, and of who is gone only what is left matters.
    let text = format!(
        "UPDATE lane SET dirty = dirty + 1, {}
         WHERE hook = ?1 AND subject > ?2 AND subject <= ?3 AND dirty > 0 AND {ACTIVE}
           AND (dirty > done
             OR EXISTS (SELECT 1 FROM subject WHERE subject.id = lane.subject AND gone_at IS NULL)
             OR EXISTS (SELECT 1 FROM resource
               WHERE resource.hook = ?1 AND owner = lane.subject AND state <> 'gone'))",
        cause.due_at(because, "?4")
    );
    let mut statement = connection.prepare_cached(&text)?;
    for hook in hooks {
        count += statement.execute(params![hook, after, last, now.as_millis()])? as u32;
    }
    Ok(count)
}

fn rest(connection: &Connection, id: LaneId, now: Timestamp) -> Result<Option<Rest>> {
    let text = "SELECT dirty, view_hash,
          EXISTS (SELECT 1 FROM reads WHERE reads.hook = ?1 AND reads.subject = ?2 AND current = 0)
        FROM lane WHERE hook = ?1 AND subject = ?2";
    let key = [id.hook.0, id.subject.0];
    let mut statement = connection.prepare_cached(text)?;
    let mut found = statement.query(key)?;
    let Some(lane) = found.next()? else { return Ok(None) };
    let (seen, view_hash, forgets): (i64, Option<String>, bool) = (lane.get(0)?, lane.get(1)?, lane.get(2)?);
    // Answered by an index alone. What is wanted and there has a due time; whatever has none is looked at row by row.
    let text = "SELECT count(*), count(due_at), min(due_at) FROM resource WHERE hook = ?1 AND owner = ?2 AND state <> 'gone'";
    let (rows, timed, next) = connection
        .prepare_cached(text)?
        .query_row(key, |row| Ok((row.get(0)?, row.get::<_, u32>(1)?, sql::time_opt(row, 2)?)))?;
    let rests = !forgets && timed == rows && next.is_none_or(|next| next > now);
    Ok(rests.then_some(Rest { seen, view_hash, rows, next }))
}
