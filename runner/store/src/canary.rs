//! How a candidate compares with the component that runs: counts, and what differed first, one example of each.
//!
//! # Guarantees
//! - Every comparison is one transaction: a crash loses those that were not made, and counts none twice.
//! - Of a hook the counts of one candidate are kept, against one current component; with another of either they begin
//!   anew.

use groundcrew_core::hash::Digest;
use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::promotions::{self, Promotion};
use crate::{HookId, Result, RunId, Store, hooks, sql};

/// Ways to differ that are kept of one candidate; what differs otherwise is only counted.
pub const CASES_MAX: u32 = 20;

/// Who promotes what was equal for long enough.
pub const BY_ITSELF: &str = "promote_after";

/// How a candidate does so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canary {
    /// Whose.
    pub hook: HookId,
    /// What runs.
    pub current: Digest,
    /// What is compared with it.
    pub candidate: Digest,
    /// Since when.
    pub since: Timestamp,
    /// Runs that were the same, those that were ended from outside as far as they went.
    pub equal: u32,
    /// Runs that were not.
    pub differed: u32,
    /// Runs of which it cannot be told.
    pub unclear: u32,
    /// Runs that were not compared, for too many waited.
    pub skipped: u32,
    /// Runs that ended by themselves and were the same, since the last that differed.
    pub in_a_row: u32,
    /// Those of them that wrote.
    pub wrote_in_a_row: u32,
    /// It was equal for long enough, and stored runs of its hook wrote: so one of those in a row has to.
    pub writes: bool,
    /// What was not the same, most frequent first.
    pub cases: Vec<Case>,
}

/// Runs that differ in one way, or of which it cannot be told for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// What they did: `handle`, `create`.
    pub op: String,
    /// What is alike in them, or the reason.
    pub sign: String,
    /// How many.
    pub count: u32,
    /// Whether they differ; else it cannot be told.
    pub differs: bool,
    /// The first of them.
    pub run: RunId,
    /// Its first difference, JSON; none if there is none, or if it is too long to be kept.
    pub difference: Option<String>,
}

/// One run, compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The run.
    pub run: RunId,
    /// What it did.
    pub op: String,
    /// Whether a write of it left.
    pub wrote: bool,
    /// What came of it.
    pub result: Compared,
}

/// What came of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compared {
    /// The same calls and the same answer.
    Equal,
    /// The same up to where the run was ended from outside.
    CutShort,
    /// Something is different.
    Differs {
        /// What is alike in runs that differ so.
        sign: String,
        /// The first difference, JSON; none if it is too long to be kept.
        difference: Option<String>,
    },
    /// It cannot be told.
    CannotTell {
        /// Why.
        why: String,
    },
}

/// Which hook, what runs of it, and what is compared with that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The hook.
    pub hook: HookId,
    /// What runs.
    pub current: Digest,
    /// What is compared with it.
    pub candidate: Digest,
}

impl Canary {
    /// Whether it was equal for long enough, and is not promoted since none of these runs wrote.
    pub fn waits_for_a_write(&self, promote_after: u32) -> bool {
        self.in_a_row >= promote_after && self.writes && self.wrote_in_a_row == 0
    }
}

impl Store {
    /// These candidates are compared from here on; what is kept of others is forgotten, but for those that run now.
    pub async fn begin_canaries(&self, pairs: Vec<Pair>, now: Timestamp) -> Result<()> {
        self.write(move |connection| {
            for old in list(connection)? {
                let stays = pairs.iter().any(|pair| {
                    (pair.hook, pair.current, pair.candidate) == (old.hook, old.current, old.candidate)
                });
                let runs =
                    promotions::of(connection, old.hook)?.is_some_and(|it| it.component == old.candidate);
                if !stays && !runs {
                    forget(connection, old.hook, old.candidate)?;
                }
            }
            let text = "INSERT INTO canary (hook, candidate, current, since) VALUES (?1, ?2, ?3, ?4)
                ON CONFLICT (hook, candidate) DO NOTHING";
            for Pair { hook, current, candidate } in &pairs {
                let row = params![hook.0, candidate.to_string(), current.to_string(), now.as_millis()];
                connection.prepare_cached(text)?.execute(row)?;
            }
            Ok(())
        })
        .await
    }

    /// Counts one comparison, and promotes the candidate if it was equal so many times in a row: one of these has to be of
    /// a run that wrote, unless no stored run of the hook did.
    ///
    /// Answers with the promotion where this one led to it. If it is cut off before, the next equal run leads to it.
    pub async fn count_comparison(
        &self,
        pair: Pair,
        comparison: Comparison,
        promote_after: Option<u32>,
        now: Timestamp,
    ) -> Result<Option<Promotion>> {
        let row = self.write(move |connection| count(connection, pair, &comparison)).await?;
        let is_due = |row: &Row| promote_after.is_some_and(|after| row.is_due(after));
        let is_promoted = |it: Promotion| it.component == pair.candidate;
        let Some(row) = row.filter(is_due) else { return Ok(None) };
        if self.promotion(pair.hook)?.is_some_and(is_promoted) {
            return Ok(None);
        }
        // Once, and off the writer, which has others to serve: it may look through all runs that are stored.
        if row.wrote == 0 && self.read(|connection| wrote(connection, pair.hook))? {
            self.write(move |connection| wait_for_a_write(connection, pair)).await?;
            return Ok(None);
        }
        self.write(move |connection| promote(connection, pair, now)).await.map(Some)
    }

    /// Counts runs that were not compared.
    pub async fn count_skipped(&self, pair: Pair, skipped: u32) -> Result<()> {
        self.write(move |connection| {
            let text = "UPDATE canary SET skipped = skipped + ?3 WHERE hook = ?1 AND candidate = ?2";
            let row = params![pair.hook.0, pair.candidate.to_string(), skipped];
            connection.prepare_cached(text)?.execute(row)?;
            Ok(())
        })
        .await
    }

    /// All candidates that are compared, and those that were promoted since.
    pub fn canaries(&self) -> Result<Vec<Canary>> {
        self.read(list)
    }

    /// The candidate of a hook that is next to be promoted: the one that is compared with what runs, if there are more.
    pub fn candidate(&self, hook: HookId) -> Result<Option<Canary>> {
        self.read(|connection| {
            let promoted = promotions::of(connection, hook)?.map(|it| it.component);
            let running = hooks::list(connection, "id = ?1", [hook.0])?.pop().map(|it| it.component);
            let is_next = |it: &Canary| it.hook == hook && Some(it.candidate) != promoted;
            // One that was promoted and taken back is on record, too.
            Ok(list(connection)?.into_iter().filter(is_next).max_by_key(|it| running == Some(it.current)))
        })
    }

    /// Which of these runs are stored and ended, in the order in which they are given.
    pub fn ended_runs(&self, runs: &[RunId]) -> Result<Vec<RunId>> {
        self.read(|connection| {
            let text = "SELECT run.id FROM json_each(?1) AS asked JOIN run ON run.id = asked.value
                WHERE run.ended IS NOT NULL ORDER BY asked.key";
            let asked: Vec<_> = runs.iter().map(|run| run.0).collect();
            let mut statement = connection.prepare_cached(text)?;
            let ended = statement.query_map([sql::text_of(&asked)], |row| row.get(0).map(RunId))?;
            Ok(ended.collect::<rusqlite::Result<_>>()?)
        })
    }
}

/// What a row of `canary` is read from.
const COLUMNS: &str =
    "hook, current, candidate, since, equal, differed, unclear, skipped, in_a_row, wrote_in_a_row, writes";

fn list(connection: &Connection) -> Result<Vec<Canary>> {
    let text = format!("SELECT {COLUMNS} FROM canary ORDER BY hook, candidate");
    let mut statement = connection.prepare_cached(&text)?;
    let canary = |row: &rusqlite::Row<'_>| {
        Ok(Canary {
            hook: HookId(row.get(0)?),
            current: sql::word(row, 1)?,
            candidate: sql::word(row, 2)?,
            since: sql::time(row, 3)?,
            equal: row.get(4)?,
            differed: row.get(5)?,
            unclear: row.get(6)?,
            skipped: row.get(7)?,
            in_a_row: row.get(8)?,
            wrote_in_a_row: row.get(9)?,
            writes: row.get(10)?,
            cases: Vec::new(),
        })
    };
    let mut canaries = statement.query_map([], canary)?.collect::<rusqlite::Result<Vec<_>>>()?;
    for canary in &mut canaries {
        canary.cases = cases(connection, canary.hook, canary.candidate)?;
    }
    Ok(canaries)
}

fn cases(connection: &Connection, hook: HookId, candidate: Digest) -> Result<Vec<Case>> {
    let text = "SELECT op, sign, count, verdict = 'differs', run, difference FROM canary_case WHERE hook = ?1 AND candidate = ?2
        ORDER BY count DESC, run";
    let mut statement = connection.prepare_cached(text)?;
    let case = |row: &rusqlite::Row<'_>| {
        Ok(Case {
            op: row.get(0)?,
            sign: row.get(1)?,
            count: row.get(2)?,
            differs: row.get(3)?,
            run: RunId(row.get(4)?),
            difference: row.get(5)?,
        })
    };
    let rows = statement.query_map(params![hook.0, candidate.to_string()], case)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Runs that were equal since the last that differed.
struct Row {
    equal: u32,
    /// Those that wrote.
    wrote: u32,
    /// One of them has to; see [`Canary::writes`].
    writes: bool,
}

impl Row {
    const fn is_due(&self, promote_after: u32) -> bool {
        self.equal >= promote_after && (self.wrote > 0 || !self.writes)
    }
}

/// Counts a comparison; how many are equal in a row then, if it is still counted against this current component.
fn count(connection: &Connection, pair: Pair, comparison: &Comparison) -> Result<Option<Row>> {
    let (counted, row, wrote) = match &comparison.result {
        Compared::Equal => ("equal", "in_a_row + 1", "wrote_in_a_row"),
        Compared::CutShort => ("equal", "in_a_row", "wrote_in_a_row"),
        Compared::Differs { .. } => ("differed", "0", "0"),
        Compared::CannotTell { .. } => ("unclear", "in_a_row", "wrote_in_a_row"),
    };
    let one_more = comparison.wrote && comparison.result == Compared::Equal;
    let text = format!(
        "UPDATE canary SET {counted} = {counted} + 1, in_a_row = {row}, wrote_in_a_row = {wrote} + ?4
         WHERE hook = ?1 AND candidate = ?2 AND current = ?3 RETURNING in_a_row, wrote_in_a_row, writes"
    );
    let (candidate, current) = (pair.candidate.to_string(), pair.current.to_string());
    let row = connection
        .prepare_cached(&text)?
        .query_row(params![pair.hook.0, candidate, current, one_more], |row| {
            Ok(Row { equal: row.get(0)?, wrote: row.get(1)?, writes: row.get(2)? })
        })
        .optional()?;
    if row.is_some() {
        keep(connection, pair, comparison)?;
    }
    Ok(row)
}

/// Whether a stored run of a hook wrote.
fn wrote(connection: &Connection, hook: HookId) -> Result<bool> {
    // Its runs first: calls have no index of who wrote.
    let text = "SELECT EXISTS (SELECT 1 FROM run CROSS JOIN call ON call.run = run.id
        WHERE run.hook = ?1 AND call.access = 'write')";
    Ok(connection.prepare_cached(text)?.query_row([hook.0], |row| row.get(0))?)
}

/// From here on looks alone do not promote it.
fn wait_for_a_write(connection: &Connection, pair: Pair) -> Result<()> {
    let text = "UPDATE canary SET writes = 1 WHERE hook = ?1 AND candidate = ?2";
    connection.prepare_cached(text)?.execute(params![pair.hook.0, pair.candidate.to_string()])?;
    Ok(())
}

/// Promotes a candidate that was equal for long enough.
fn promote(connection: &Connection, pair: Pair, now: Timestamp) -> Result<Promotion> {
    let Pair { hook, current, candidate } = pair;
    let instead_of = promotions::named(connection, hook, current)?;
    let promotion = Promotion { hook, instead_of, component: candidate, at: now, who: BY_ITSELF.to_owned() };
    promotions::save(connection, &promotion, now)?;
    Ok(promotion)
}

/// Keeps what was not equal, as one of its kind.
fn keep(connection: &Connection, pair: Pair, comparison: &Comparison) -> Result<()> {
    let (sign, verdict, difference) = match &comparison.result {
        Compared::Equal | Compared::CutShort => return Ok(()),
        Compared::Differs { sign, difference } => (sign, "differs", difference.as_ref()),
        Compared::CannotTell { why } => (why, "cannot-tell", None),
    };
    // One more of a kind that is known, or a new kind while there is room for it.
    let text = "INSERT INTO canary_case (hook, candidate, op, sign, count, verdict, run, difference)
        SELECT ?1, ?2, ?3, ?4, 1, ?5, ?6, ?7
        WHERE (SELECT count(*) FROM canary_case WHERE hook = ?1 AND candidate = ?2) < ?8
          OR EXISTS (SELECT 1 FROM canary_case WHERE hook = ?1 AND candidate = ?2 AND op = ?3 AND sign = ?4)
        ON CONFLICT (hook, candidate, op, sign) DO UPDATE SET count = count + 1";
    let candidate = pair.candidate.to_string();
    let (hook, op, run) = (pair.hook.0, &comparison.op, comparison.run.0);
    let row = params![hook, candidate, op, sign, verdict, run, difference, CASES_MAX];
    connection.prepare_cached(text)?.execute(row)?;
    Ok(())
}

fn forget(connection: &Connection, hook: HookId, candidate: Digest) -> Result<()> {
    for table in ["canary_case", "canary"] {
        let text = format!("DELETE FROM {table} WHERE hook = ?1 AND candidate = ?2");
        connection.prepare_cached(&text)?.execute(params![hook.0, candidate.to_string()])?;
    }
    Ok(())
}

/// From here on it is counted anew how many are equal in a row.
pub(crate) fn interrupt(connection: &Connection, hook: HookId) -> Result<()> {
    let text = "UPDATE canary SET in_a_row = 0, wrote_in_a_row = 0 WHERE hook = ?1";
    connection.prepare_cached(text)?.execute([hook.0])?;
    Ok(())
}

/// Forgets everything about hooks that were removed; how many rows that are.
pub(crate) fn forget_removed(connection: &Connection) -> Result<usize> {
    let mut removed = 0;
    for table in ["canary_case", "canary", "promotion"] {
        let text = format!("DELETE FROM {table} WHERE hook IN (SELECT id FROM hook WHERE state = 'removed')");
        removed += connection.prepare_cached(&text)?.execute([])?;
    }
    Ok(removed)
}
