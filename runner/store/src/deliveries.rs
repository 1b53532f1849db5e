//! Deliveries: events owed to handlers.

use std::collections::BTreeMap;

use groundcrew_core::may_delete::Level;
use groundcrew_core::spec::Event;
use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::findings::{self, NewFinding, Severity};
use crate::lanes::LaneId;
use crate::operators::{self, OperatorAct};
use crate::runs::{self, CallRecord, RunRecord};
use crate::subjects::StoredSubject;
use crate::{Error, HookId, Result, RunId, Store, SubjectId, events, leave, sql, subjects};

/// The code of the finding that a hook has deliveries that gave up.
const DEAD: &str = "delivery.dead";

/// The head of a handler's lane, and what it takes to tell it, all as of one commit.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// The event's place in the inbox.
    pub seq: i64,
    /// How often it was tried.
    pub attempts: u32,
    /// What is told.
    pub event: Event,
    /// The lowest level that operators laid over the lane.
    pub paused: Option<Level>,
    /// Whom it happened to; none: nobody whom we know.
    pub owner: Option<StoredSubject>,
    /// The run of it that sent a write and was ended before it could answer: the next one goes on from there.
    pub resumes: Option<RunId>,
    /// Writes of the runs before that one of which nobody knows what became, oldest first.
    pub doubts: Vec<Doubt>,
}

/// A write that left and was not answered, where it was sent. As JSON: `[run, call]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(from = "(i64, u32)", into = "(i64, u32)")]
pub struct Doubt {
    /// The run that sent it.
    pub run: RunId,
    /// Its number within the run.
    pub call: u32,
}

impl From<(i64, u32)> for Doubt {
    fn from((run, call): (i64, u32)) -> Self {
        Self { run: RunId(run), call }
    }
}

impl From<Doubt> for (i64, u32) {
    fn from(Doubt { run, call }: Doubt) -> Self {
        (run.0, call)
    }
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
    /// The run with a write of which nobody knows what became, if that is why it gave up.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "named")]
    pub in_doubt: Option<RunId>,
}

#[expect(clippy::ref_option, reason = "serde calls it with the field")]
fn named<S: serde::Serializer>(run: &Option<RunId>, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serde::Serialize::serialize(&run.map(|run| run.to_string()), serializer)
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
        /// The run from which the next one goes on; none: it begins anew.
        resumes: Option<RunId>,
        /// Writes of runs before that one which are in doubt still, oldest first.
        doubts: Vec<Doubt>,
    },
    /// It gave up.
    Dead {
        /// Why it failed.
        error: String,
        /// The run with a write of which nobody knows what became.
        in_doubt: Option<RunId>,
    },
}

/// Whether whoever settles a delivery goes on with its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It tells the next one at once. The lane stays due meanwhile, as of when it was claimed: whatever crashes,
    /// somebody goes on with it.
    GoesOn,
    /// It leaves the lane to others.
    Ends,
}

impl Store {
    /// The oldest delivery that a lane is owed.
    pub fn delivery_head(&self, lane: LaneId) -> Result<Option<Delivery>> {
        self.read_at_once(|connection| head(connection, lane))
    }

    /// Records how a delivery's run ended, what it remembers, and when its lane is due again. Returns the next
    /// delivery if it is told at once.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one record, given once by the one who has them"
    )]
    pub async fn settle_delivery(
        &self,
        lane: LaneId,
        seq: i64,
        run: RunRecord,
        calls: Vec<CallRecord>,
        ending: Ending,
        turn: Turn,
        now: Timestamp,
    ) -> Result<Option<Delivery>> {
        let bytes = runs::bytes(&run, &calls);
        self.write_much(bytes, move |connection| {
            runs::save(connection, &run, &calls)?;
            if settle(connection, lane, seq, &ending, now)? == Lane::Postponed {
                return Ok(None);
            }
            // Read here, where the pages are in memory: a reader would have to fetch what was just written.
            let next = if turn == Turn::GoesOn { head(connection, lane)? } else { None };
            if next.is_none() {
                let more = turn == Turn::Ends && has_head(connection, lane)?;
                set_due(connection, lane, more.then_some(now))?;
            }
            Ok(next)
        })
        .await
    }

    /// Keeps a run before a write of it leaves; if it is a delivery's, the delivery notes from where to go on should
    /// nobody ever say how the run ended.
    ///
    /// # Errors
    /// [`Error::Over`] if somebody has said so: the write must not leave, and nothing is kept of it.
    pub async fn save_intent(&self, run: RunRecord, calls: Vec<CallRecord>) -> Result<()> {
        let bytes = runs::bytes(&run, &calls);
        self.write_much(bytes, move |connection| {
            if runs::has_ended(connection, run.id)? {
                return Err(Error::Over(run.id));
            }
            runs::save(connection, &run, &calls)?;
            let Some(seq) = run.seq else { return Ok(()) };
            let text = "UPDATE delivery SET resumes = ?4 WHERE hook = ?1 AND subject = ?2 AND seq = ?3";
            let subject = run.subject.unwrap_or(SubjectId::NONE);
            connection.prepare_cached(text)?.execute([run.hook.0, subject.0, seq, run.id.0])?;
            Ok(())
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
        let bytes = runs::bytes(&run, &calls);
        self.write_much(bytes, move |connection| {
            runs::save(connection, &run, &calls)?;
            remember(connection, lane, &written)
        })
        .await
    }

    /// A handler's lane is due later, without anything having been tried.
    pub async fn postpone_delivery(&self, lane: LaneId, at: Timestamp) -> Result<()> {
        self.write(move |connection| set_due(connection, lane, Some(at))).await
    }

    /// A delivery waits for the end of a pause; if that came meanwhile, it is due at once.
    pub async fn postpone_paused(&self, lane: LaneId, at: Timestamp, now: Timestamp) -> Result<()> {
        self.write(move |connection| {
            let paused = leave::paused(connection, lane.hook, lane.subject)? == Some(Level::Observe);
            set_due(connection, lane, Some(if paused { at } else { now }))
        })
        .await
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
            let text = "SELECT hook.name, dead.seq, event.kind, subject.path, dead.attempts, coalesce(dead.error, ''), dead.in_doubt
                FROM dead JOIN hook ON hook.id = dead.hook JOIN event ON event.seq = dead.seq
                LEFT JOIN subject ON subject.id = dead.subject ORDER BY dead.hook, dead.seq";
            let mut statement = connection.prepare_cached(text)?;
            let dead = |row: &rusqlite::Row<'_>| {
                let (hook, seq): (String, i64) = (row.get(0)?, row.get(1)?);
                let id = format!("{hook}/{seq}");
                let in_doubt = row.get::<_, Option<i64>>(6)?.map(RunId);
                Ok(Dead {
                    id,
                    hook,
                    seq,
                    kind: row.get(2)?,
                    path: row.get(3)?,
                    attempts: row.get(4)?,
                    error: row.get(5)?,
                    in_doubt,
                })
            };
            let rows = statement.query_map([], dead)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Owes a dead delivery again, from the start.
    pub async fn retry_dead(&self, hook: HookId, seq: i64, act: OperatorAct, now: Timestamp) -> Result<()> {
        self.write(move |connection| {
            let text = "DELETE FROM dead WHERE hook = ?1 AND seq = ?2 RETURNING subject, error";
            let dead = connection.query_row(text, [hook.0, seq], |row| Ok((row.get(0)?, row.get(1)?)));
            let (subject, error): (i64, Option<String>) =
                dead.optional()?.ok_or(Error::Missing("dead delivery"))?;
            let text = "INSERT INTO delivery (hook, subject, seq, error) VALUES (?1, ?2, ?3, ?4)";
            connection.execute(text, params![hook.0, subject, seq, error])?;
            let subject = SubjectId(subject);
            crate::lanes::wake(connection, LaneId { hook, subject }, now)?;
            // A machine that leaves waits for this handler again, as long as it did the first time.
            let text = "UPDATE retirement SET until = ?2 + timeout_ms
                WHERE seq = ?1 AND step = 'tell' AND due_at IS NOT NULL";
            connection.execute(text, params![seq, now.as_millis()])?;
            tell_of_dead(connection, hook, None, now)?;
            operators::record(connection, &act, now)
        })
        .await
    }

    /// Forgets a dead delivery.
    pub async fn discard_dead(&self, hook: HookId, seq: i64, act: OperatorAct, now: Timestamp) -> Result<()> {
        self.write(move |connection| {
            let text = "DELETE FROM dead WHERE hook = ?1 AND seq = ?2";
            if connection.execute(text, [hook.0, seq])? == 0 {
                return Err(Error::Missing("dead delivery"));
            }
            tell_of_dead(connection, hook, None, now)?;
            operators::record(connection, &act, now)
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

/// Whether a lane waits after a delivery was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    GoesOn,
    Postponed,
}

fn settle(connection: &Connection, lane: LaneId, seq: i64, ending: &Ending, now: Timestamp) -> Result<Lane> {
    let key = [lane.hook.0, lane.subject.0, seq];
    let forget = |connection: &Connection| -> Result<()> {
        let text = "DELETE FROM delivery WHERE hook = ?1 AND subject = ?2 AND seq = ?3";
        connection.prepare_cached(text)?.execute(key)?;
        Ok(())
    };
    match ending {
        Ending::Told { written } => {
            forget(connection)?;
            remember(connection, lane, written)?;
            Ok(Lane::GoesOn)
        }
        Ending::Again { at, error, resumes, doubts } => {
            let text = "UPDATE delivery SET attempts = attempts + 1, error = ?4, resumes = ?5, doubts = ?6
                WHERE hook = ?1 AND subject = ?2 AND seq = ?3";
            let resumes = resumes.map(|run| run.0);
            let doubts = (!doubts.is_empty()).then(|| sql::text_of(doubts));
            connection
                .prepare_cached(text)?
                .execute(params![key[0], key[1], key[2], error, resumes, doubts])?;
            set_due(connection, lane, Some(*at))?;
            Ok(Lane::Postponed)
        }
        Ending::Dead { error, in_doubt } => {
            let text = "INSERT INTO dead (hook, seq, subject, attempts, error, in_doubt)
                SELECT hook, seq, subject, attempts + 1, ?4, ?5 FROM delivery
                WHERE hook = ?1 AND subject = ?2 AND seq = ?3";
            let in_doubt = in_doubt.map(|run| run.0);
            connection.prepare_cached(text)?.execute(params![key[0], key[1], key[2], error, in_doubt])?;
            forget(connection)?;
            tell_of_dead(connection, lane.hook, Some(error), now)?;
            Ok(Lane::GoesOn)
        }
    }
}

/// One finding for each hook that has dead deliveries, however many: whoever is told of it may be the one that died.
fn tell_of_dead(connection: &Connection, hook: HookId, error: Option<&str>, now: Timestamp) -> Result<()> {
    let text = "SELECT name, (SELECT count(*) FROM dead WHERE hook = ?1) FROM hook WHERE id = ?1";
    let (about, dead): (String, u32) =
        connection.prepare_cached(text)?.query_row([hook.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
    match error {
        _ if dead == 0 => findings::close(connection, DEAD, &about, now),
        None => Ok(()),
        Some(error) => {
            let message = match dead {
                1 => format!("a delivery gave up and is not tried again: {error}"),
                _ => format!("{dead} deliveries gave up and are not tried again; the last: {error}"),
            };
            let (severity, remedy) =
                (Severity::Warning, Some(format!("groundcrew dead list --hook {about}")));
            let code = DEAD.to_owned();
            let finding = NewFinding { code, about, hook: Some(hook), severity, message, remedy };
            findings::open(connection, &finding, now)
        }
    }
}

fn head(connection: &Connection, lane: LaneId) -> Result<Option<Delivery>> {
    let text = "SELECT seq, attempts, resumes, doubts FROM delivery WHERE hook = ?1 AND subject = ?2 ORDER BY seq LIMIT 1";
    let first = connection
        .prepare_cached(text)?
        .query_row([lane.hook.0, lane.subject.0], |row| {
            let doubts: Option<Vec<Doubt>> = sql::json_opt(row, 3)?;
            Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<i64>>(2)?, doubts))
        })
        .optional()?;
    let Some((seq, attempts, resumes, doubts)) = first else { return Ok(None) };
    Ok(Some(Delivery {
        seq,
        attempts,
        event: events::by_seq(connection, seq)?,
        paused: leave::paused(connection, lane.hook, lane.subject)?,
        owner: subjects::by_id(connection, lane.subject)?,
        resumes: resumes.map(RunId),
        doubts: doubts.unwrap_or_default(),
    }))
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
    let text = "SELECT EXISTS (SELECT 1 FROM delivery WHERE hook = ?1 AND subject = ?2)";
    Ok(connection.prepare_cached(text)?.query_row([lane.hook.0, lane.subject.0], |row| row.get(0))?)
}

fn set_due(connection: &Connection, lane: LaneId, at: Option<Timestamp>) -> Result<()> {
    let text = "UPDATE lane SET due_at = ?3 WHERE hook = ?1 AND subject = ?2";
    connection.prepare_cached(text)?.execute(params![lane.hook.0, lane.subject.0, crate::millis(at)])?;
    Ok(())
}
