//! Runs and their calls: what was executed, what it asked, what it was answered.

use std::sync::Arc;

use groundcrew_core::duration::Millis;
use groundcrew_core::hash::Digest;
use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::because::Because;
use crate::{HookId, Result, RunId, Store, SubjectId, sql};

/// One run, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRecord {
    /// Its number.
    pub id: RunId,
    /// Whose.
    pub hook: HookId,
    /// For whom.
    pub subject: Option<SubjectId>,
    /// The event's place in the inbox, for a delivery.
    pub seq: Option<i64>,
    /// The ledger row's number, for a provisioner's call about one thing.
    pub resource: Option<i64>,
    /// `handle`, `desired`, `find`, `create`, `update`, `remove`, `scan`, `audit`, `fix`.
    pub op: String,
    /// The component that ran.
    pub component: Digest,
    /// Where its randomness came from.
    pub seed: [u8; 32],
    /// What was ready when, JSON.
    pub schedule: Option<String>,
    /// When it began.
    pub started: Timestamp,
    /// When it ended; none while it runs, or if the process died.
    pub ended: Option<Timestamp>,
    /// `ok`, or what went wrong.
    pub outcome: Option<String>,
    /// What it logged, JSON.
    pub log: Option<String>,
    /// What it was configured with; none of runs before the first version that kept it.
    pub settings: Option<Settings>,
    /// What its export was called with, JSON; none if that is the event at `seq`, or if it is no longer kept.
    pub input: Option<String>,
    /// What it answered, JSON; none if it did not, or if it is no longer kept.
    pub answer: Option<String>,
    /// The run that was ended early, and from whose calls this one went on.
    pub resumes: Option<RunId>,
    /// Of a provisioner's: what made its lane due; none: its own time had come, or it is not known.
    pub because: Option<Because>,
}

/// What a hook's runs are configured with. Many runs have the same; it is kept once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    digest: Digest,
    body: Arc<str>,
}

impl Settings {
    /// Settings as JSON.
    pub fn new(body: impl Into<Arc<str>>) -> Self {
        let body = body.into();
        Self { digest: Digest::of(body.as_bytes()), body }
    }

    /// Themselves, as JSON.
    pub fn body(&self) -> &str {
        &self.body
    }
}

/// The outcome of a run that a dead process left open.
pub const CUT_OFF: &str = "the runner ended first";

/// Settings are noted as used at most so often; what is pruned leaves them for longer.
const USED_EVERY: Millis = Millis::hours(24);

/// One call of a run, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRecord {
    /// Its number within the run.
    pub n: u32,
    /// Which import.
    pub op: String,
    /// `read`, `write` or `local`.
    pub access: String,
    /// What identifies it in a replay.
    pub print: Digest,
    /// What was asked.
    pub ask: Vec<u8>,
    /// What was answered.
    pub answer: Option<Vec<u8>>,
    /// When it left.
    pub sent_at: Timestamp,
    /// When the answer was there.
    pub back_at: Option<Timestamp>,
}

/// A run with its calls. It is shared, for what refuses to keep it leaves it to whoever asked.
pub type Ran = Arc<(RunRecord, Vec<CallRecord>)>;

/// Writes or completes a run.
pub(crate) fn save(connection: &Connection, run: &RunRecord, calls: &[CallRecord]) -> Result<()> {
    let settings =
        run.settings.as_ref().map(|settings| used(connection, settings, run.started)).transpose()?;
    let text = "INSERT INTO run (id, hook, subject, seq, resource, op, component, seed, schedule, started, ended, outcome, log,
          settings, input, answer, resumes, because)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
        ON CONFLICT (id) DO UPDATE SET schedule = excluded.schedule, ended = excluded.ended, outcome = excluded.outcome,
          log = excluded.log, resource = coalesce(excluded.resource, run.resource), answer = excluded.answer";
    connection.prepare_cached(text)?.execute(params![
        run.id.0,
        run.hook.0,
        run.subject.map(|id| id.0),
        run.seq,
        run.resource,
        run.op,
        run.component.to_string(),
        run.seed.as_slice(),
        run.schedule,
        run.started.as_millis(),
        crate::millis(run.ended),
        run.outcome,
        run.log,
        settings,
        run.input,
        run.answer,
        run.resumes.map(|id| id.0),
        run.because.map(|because| because.to_string())
    ])?;
    let text = "INSERT INTO call (run, n, op, access, print, ask, answer, sent_at, back_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
        ON CONFLICT (run, n) DO UPDATE SET answer = excluded.answer, sent_at = excluded.sent_at, back_at = excluded.back_at";
    let mut statement = connection.prepare_cached(text)?;
    for call in calls {
        statement.execute(params![
            run.id.0,
            call.n,
            call.op,
            call.access,
            call.print.to_string(),
            call.ask,
            call.answer,
            call.sent_at.as_millis(),
            crate::millis(call.back_at)
        ])?;
    }
    Ok(())
}

/// Whether a run is kept as one that ended.
pub(crate) fn has_ended(connection: &Connection, run: RunId) -> Result<bool> {
    let text = "SELECT ended IS NOT NULL FROM run WHERE id = ?1";
    let ended = connection.prepare_cached(text)?.query_row([run.0], |row| row.get(0)).optional()?;
    Ok(ended.unwrap_or(false))
}

/// The number of settings, which are kept from the first run on that has them.
fn used(connection: &Connection, settings: &Settings, started: Timestamp) -> Result<i64> {
    let text = "SELECT id, used_at FROM settings WHERE digest = ?1";
    let known = connection
        .prepare_cached(text)?
        .query_row([settings.digest.to_string()], |row| Ok((row.get::<_, i64>(0)?, sql::time(row, 1)?)));
    match known.optional()? {
        Some((id, at)) if started < at + USED_EVERY => Ok(id),
        Some((id, _)) => {
            let text = "UPDATE settings SET used_at = ?2 WHERE id = ?1";
            connection.prepare_cached(text)?.execute(params![id, started.as_millis()])?;
            Ok(id)
        }
        None => {
            let text = "INSERT INTO settings (digest, body, used_at) VALUES (?1, ?2, ?3)";
            let row = params![settings.digest.to_string(), settings.body(), started.as_millis()];
            connection.prepare_cached(text)?.execute(row)?;
            Ok(connection.last_insert_rowid())
        }
    }
}

/// Forgets some settings that no run has which began since then.
pub(crate) fn forget_settings(connection: &Connection, before: Timestamp, most: i64) -> Result<usize> {
    let text = "DELETE FROM settings WHERE id IN (SELECT id FROM settings WHERE used_at < ?1 ORDER BY used_at LIMIT ?2)";
    let before = before - USED_EVERY - USED_EVERY;
    Ok(connection.prepare_cached(text)?.execute(params![before.as_millis(), most])?)
}

const COLUMNS: &str =
    "id, hook, subject, seq, resource, op, component, seed, schedule, started, ended, outcome, log,
    (SELECT body FROM settings WHERE settings.id = run.settings), input, answer, resumes, because";

fn stored(row: &rusqlite::Row<'_>) -> rusqlite::Result<RunRecord> {
    Ok(RunRecord {
        id: RunId(row.get(0)?),
        hook: HookId(row.get(1)?),
        subject: row.get::<_, Option<i64>>(2)?.map(SubjectId),
        seq: row.get(3)?,
        resource: row.get(4)?,
        op: row.get(5)?,
        component: sql::word(row, 6)?,
        seed: row.get(7)?,
        schedule: row.get(8)?,
        started: sql::time(row, 9)?,
        ended: sql::time_opt(row, 10)?,
        outcome: row.get(11)?,
        log: row.get(12)?,
        settings: row.get::<_, Option<String>>(13)?.map(Settings::new),
        input: row.get(14)?,
        answer: row.get(15)?,
        resumes: row.get::<_, Option<i64>>(16)?.map(RunId),
        because: sql::word_known(row, 17)?,
    })
}

/// What a run and its calls take in the database, roughly.
pub(crate) fn bytes(run: &RunRecord, calls: &[CallRecord]) -> usize {
    let texts = [&run.schedule, &run.outcome, &run.log, &run.input, &run.answer];
    let texts: usize = texts.into_iter().flatten().map(String::len).sum();
    let of = |call: &CallRecord| call.ask.len() + call.answer.as_ref().map_or(0, Vec::len);
    texts + calls.iter().map(of).sum::<usize>()
}

/// Which runs are listed.
#[derive(Clone, Copy, Debug)]
pub enum RunsOf {
    /// All.
    All,
    /// A hook's.
    Hook(HookId),
    /// A subject's.
    Subject(SubjectId),
    /// Those about one ledger row.
    Resource(i64),
}

impl Store {
    /// Writes a run that ended, with its calls.
    pub async fn save_run(&self, run: RunRecord, calls: Vec<CallRecord>) -> Result<()> {
        self.write_much(bytes(&run, &calls), move |connection| save(connection, &run, &calls)).await
    }

    /// The last runs, newest first.
    pub fn runs(&self, of: RunsOf, limit: u32) -> Result<Vec<RunRecord>> {
        let (filter, value) = match of {
            RunsOf::All => ("?1 = ?1 AND ?2 = ?2", 0),
            RunsOf::Hook(hook) => ("hook = ?1 AND ?2 = ?2", hook.0),
            RunsOf::Subject(subject) => ("subject = ?1 AND ?2 = ?2", subject.0),
            RunsOf::Resource(resource) => ("resource = ?1 AND ?2 = ?2", resource),
        };
        self.list_runs(filter, params![value, 0, limit])
    }

    /// A hook's runs that are older than one, newest first.
    pub fn runs_before(&self, hook: HookId, before: RunId, limit: u32) -> Result<Vec<RunRecord>> {
        self.list_runs("hook = ?1 AND id < ?2", params![hook.0, before.0, limit])
    }

    /// Runs by a filter of `?1` and `?2`; `?3` is how many.
    pub(crate) fn list_runs<P: rusqlite::Params>(&self, filter: &str, params: P) -> Result<Vec<RunRecord>> {
        self.read(|connection| {
            let text = format!("SELECT {COLUMNS} FROM run WHERE {filter} ORDER BY id DESC LIMIT ?3");
            let mut statement = connection.prepare_cached(&text)?;
            let rows = statement.query_map(params, stored)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// One run with its calls.
    pub fn run(&self, id: RunId) -> Result<Option<(RunRecord, Vec<CallRecord>)>> {
        self.read(|connection| {
            let text = format!("SELECT {COLUMNS} FROM run WHERE id = ?1");
            let Some(run) = connection.prepare_cached(&text)?.query_row([id.0], stored).optional()? else {
                return Ok(None);
            };
            let text = "SELECT n, op, access, print, ask, answer, sent_at, back_at FROM call WHERE run = ?1 ORDER BY n";
            let mut statement = connection.prepare_cached(text)?;
            let call = |row: &rusqlite::Row<'_>| {
                Ok(CallRecord {
                    n: row.get(0)?,
                    op: row.get(1)?,
                    access: row.get(2)?,
                    print: sql::word(row, 3)?,
                    ask: row.get(4)?,
                    answer: row.get(5)?,
                    sent_at: sql::time(row, 6)?,
                    back_at: sql::time_opt(row, 7)?,
                })
            };
            let rows = statement.query_map([id.0], call)?;
            Ok(Some((run, rows.collect::<rusqlite::Result<_>>()?)))
        })
    }

    /// Closes runs that a dead process left open; returns how many.
    pub async fn close_broken_runs(&self, now: Timestamp) -> Result<u32> {
        self.write(move |connection| {
            let text = "UPDATE run SET ended = ?1, outcome = ?2 WHERE ended IS NULL";
            Ok(connection.execute(text, params![now.as_millis(), CUT_OFF])? as u32)
        })
        .await
    }
}
