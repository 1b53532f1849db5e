//! Machines that leave in order: what was asked, and how far it is.

use groundcrew_core::duration::Millis;
use groundcrew_core::hash::Digest;
use groundcrew_core::retire::{Ending, Heard, Patience, Step};
use groundcrew_core::spec::Event;
use groundcrew_core::subject::{Path, Uid};
use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::{Value, json};

use crate::events::{self, Accepted, NewEvent};
use crate::operators::{self, OperatorAct};
use crate::{Error, HookId, Result, Store, SubjectId, sql};

/// What is asked of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRetirement {
    /// The machine.
    pub subject: SubjectId,
    /// How long handlers are waited for.
    pub timeout: Millis,
    /// What is asked for at the end.
    pub ending: Ending,
    /// Whether handlers are waited for.
    pub patience: Patience,
}

/// A retirement, as far as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retirement {
    /// Its number.
    pub id: i64,
    /// The machine.
    pub subject: SubjectId,
    /// Its path now.
    pub path: Path,
    /// Its id.
    pub uid: Uid,
    /// When its end was confirmed.
    pub gone_at: Option<Timestamp>,
    /// Who asked.
    pub who: String,
    /// When.
    pub at: Timestamp,
    /// How long handlers are waited for.
    pub timeout: Millis,
    /// What is asked for at the end.
    pub ending: Ending,
    /// Whether handlers are waited for.
    pub patience: Patience,
    /// How far it is.
    pub step: Step,
    /// Since when it is there.
    pub since: Timestamp,
    /// Until when handlers are waited for, once they are told.
    pub until: Option<Timestamp>,
    /// The event that they are told.
    pub seq: Option<i64>,
    /// The hooks that are told.
    pub told: Vec<i64>,
    /// When something is to be done next; none: it is over.
    pub due_at: Option<Timestamp>,
    /// Failures in a row.
    pub attempts: u32,
    /// What it waits for, for people.
    pub waiting: Option<String>,
    /// How it ended, for people.
    pub outcome: Option<String>,
}

/// What became of telling one handler.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Telling {
    /// Its name.
    pub hook: String,
    /// What became of it.
    pub heard: Heard,
    /// How often it was tried, while it is not told.
    pub attempts: u32,
    /// Why it failed last.
    pub error: Option<String>,
}

/// How a retirement goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It comes to a step, or ends with one.
    At {
        /// The step.
        step: Step,
        /// How it ended, for people; only where it is over.
        outcome: Option<String>,
    },
    /// It stays where it is.
    Waits {
        /// For what, for people.
        why: Option<String>,
        /// When it is looked at again.
        due_at: Timestamp,
        /// Failures in a row.
        attempts: u32,
    },
}

const COLUMNS: &str =
    "retirement.id, subject, path, uid, gone_at, who, at, timeout_ms, ending, patience, step, since,
    until, seq, told, due_at, attempts, waiting, outcome
    FROM retirement JOIN subject ON subject.id = retirement.subject";

fn stored(row: &Row<'_>) -> rusqlite::Result<Retirement> {
    Ok(Retirement {
        id: row.get(0)?,
        subject: SubjectId(row.get(1)?),
        path: sql::word(row, 2)?,
        uid: sql::word(row, 3)?,
        gone_at: sql::time_opt(row, 4)?,
        who: row.get(5)?,
        at: sql::time(row, 6)?,
        timeout: Millis::new(row.get(7)?),
        ending: sql::word(row, 8)?,
        patience: sql::word(row, 9)?,
        step: sql::word(row, 10)?,
        since: sql::time(row, 11)?,
        until: sql::time_opt(row, 12)?,
        seq: row.get(13)?,
        told: sql::json(row, 14)?,
        due_at: sql::time_opt(row, 15)?,
        attempts: row.get(16)?,
        waiting: row.get(17)?,
        outcome: row.get(18)?,
    })
}

impl Store {
    /// Keeps that a machine is to leave; it is taken up at once.
    ///
    /// # Errors
    /// [`Error::Superseded`] if it leaves already.
    pub async fn retire(&self, new: NewRetirement, act: OperatorAct, now: Timestamp) -> Result<Retirement> {
        self.write(move |connection| {
            if open(connection, new.subject)?.is_some() {
                return Err(Error::Superseded("the retirement of this machine is under way; nothing"));
            }
            let text =
                "INSERT INTO retirement (subject, who, at, timeout_ms, ending, patience, step, since, due_at)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'cordon', ?3, ?3)";
            connection.execute(
                text,
                params![
                    new.subject.0,
                    act.who,
                    now.as_millis(),
                    new.timeout.as_i64(),
                    new.ending.as_str(),
                    new.patience.as_str()
                ],
            )?;
            operators::record(connection, &act, now)?;
            open(connection, new.subject)?.ok_or(Error::Missing("retirement"))
        })
        .await
    }

    /// Lets a retirement go on without waiting for handlers.
    pub async fn hurry_retirement(&self, id: i64, act: OperatorAct, now: Timestamp) -> Result<()> {
        self.write(move |connection| {
            let text =
                "UPDATE retirement SET patience = 'none', due_at = ?2 WHERE id = ?1 AND due_at IS NOT NULL";
            match connection.execute(text, params![id, now.as_millis()])? {
                0 => Err(Error::Missing("retirement under way")),
                _ => operators::record(connection, &act, now),
            }
        })
        .await
    }

    /// Takes a retirement back: it ends with traffic to the machine again.
    ///
    /// # Errors
    /// [`Error::Superseded`] if its machine is being destroyed, or gone.
    pub async fn cancel_retirement(&self, id: i64, act: OperatorAct, now: Timestamp) -> Result<()> {
        self.write(move |connection| {
            let text = "UPDATE retirement SET step = 'uncordon', since = ?2, due_at = ?2, attempts = 0, waiting = NULL
                WHERE id = ?1 AND due_at IS NOT NULL AND step <> 'destroy'";
            match connection.execute(text, params![id, now.as_millis()])? {
                0 => Err(Error::Superseded("how far the retirement is")),
                _ => operators::record(connection, &act, now),
            }
        })
        .await
    }

    /// Retirements that are due, and those whose handlers are waited for: any commit may be what they wait for.
    pub fn due_retirements(&self, now: Timestamp) -> Result<Vec<Retirement>> {
        self.list_retirements(
            "WHERE due_at <= ?1 OR (due_at IS NOT NULL AND step = 'tell') ORDER BY due_at",
            [now.as_millis()],
        )
    }

    /// When a retirement is due next.
    pub fn next_retirement(&self) -> Result<Option<Timestamp>> {
        self.read(|connection| {
            let text = "SELECT min(due_at) FROM retirement WHERE due_at IS NOT NULL";
            Ok(connection.prepare_cached(text)?.query_row([], |row| sql::time_opt(row, 0))?)
        })
    }

    /// Retirements, those under way first, then newest first.
    pub fn retirements(&self, limit: u32) -> Result<Vec<Retirement>> {
        self.list_retirements("ORDER BY due_at IS NULL, retirement.id DESC LIMIT ?1", [limit])
    }

    /// One retirement.
    pub fn retirement(&self, id: i64) -> Result<Option<Retirement>> {
        Ok(self.list_retirements("WHERE retirement.id = ?1", [id])?.pop())
    }

    /// The retirement of a machine that is under way.
    pub fn retirement_of(&self, subject: SubjectId) -> Result<Option<Retirement>> {
        self.read(|connection| open(connection, subject))
    }

    /// Gives handlers that are waited for their time anew, of one retirement or of all: while no runner was up, or
    /// everything was paused, nobody could tell them.
    pub async fn renew_retirements(&self, of: Option<i64>, now: Timestamp) -> Result<()> {
        self.write(move |connection| {
            let text = "UPDATE retirement SET until = ?1 + timeout_ms, waiting = NULL
                WHERE step = 'tell' AND due_at IS NOT NULL AND (?2 IS NULL OR id = ?2)";
            connection.execute(text, params![now.as_millis(), of])?;
            Ok(())
        })
        .await
    }

    /// Tells handlers that a machine leaves: the event, its deliveries and the next step in one transaction.
    ///
    /// The event's id is the retirement's: one that was told before is not told again.
    pub async fn tell_retirement(
        &self,
        retirement: &Retirement,
        event: Event,
        handlers: Vec<HookId>,
        now: Timestamp,
    ) -> Result<()> {
        let (id, until) = (retirement.id, now + retirement.timeout);
        self.write(move |connection| {
            let told: Vec<_> = handlers.iter().map(|hook| hook.0).collect();
            let eid = event.id.clone();
            let new = NewEvent { event, handlers };
            events::take(connection, &new, now, &mut Accepted::default())?;
            let text = "UPDATE retirement SET step = 'tell', since = ?2, until = ?3, told = ?4, due_at = ?2, attempts = 0,
                  waiting = NULL, seq = (SELECT seq FROM event WHERE eid = ?5)
                WHERE id = ?1 AND step = 'cordon'";
            let params = params![id, now.as_millis(), until.as_millis(), sql::text_of(&told), eid];
            fenced(connection.execute(text, params)?)
        })
        .await
    }

    /// What became of telling handlers.
    pub fn retirement_told(&self, retirement: &Retirement) -> Result<Vec<Telling>> {
        self.read(|connection| {
            let text =
                "SELECT hook.name, coalesce(owed.attempts, dead.attempts), coalesce(owed.error, dead.error),
                  owed.seq IS NOT NULL, dead.seq IS NOT NULL FROM hook
                LEFT JOIN delivery AS owed ON owed.hook = hook.id AND owed.seq = ?2 AND owed.subject = ?3
                LEFT JOIN dead ON dead.hook = hook.id AND dead.seq = ?2
                WHERE hook.id = ?1";
            let mut statement = connection.prepare_cached(text)?;
            let telling = |row: &Row<'_>| {
                let heard = match (row.get(3)?, row.get(4)?) {
                    (true, _) => Heard::Owed,
                    (false, true) => Heard::Refused,
                    (false, false) => Heard::Told,
                };
                let attempts = row.get::<_, Option<u32>>(1)?.unwrap_or_default();
                Ok(Telling { hook: row.get(0)?, heard, attempts, error: row.get(2)? })
            };
            let told = retirement.told.iter().map(|hook| {
                let params = params![hook, retirement.seq, retirement.subject.0];
                Ok(statement.query_row(params, telling).optional()?)
            });
            told.filter_map(Result::transpose).collect()
        })
    }

    /// Moves a retirement on from the step at which it was read.
    ///
    /// # Errors
    /// [`Error::Superseded`] if somebody else moved it meanwhile, such as an operator who cancelled it.
    pub async fn move_retirement(
        &self,
        retirement: &Retirement,
        progress: Progress,
        now: Timestamp,
    ) -> Result<()> {
        let (id, from) = (retirement.id, retirement.step);
        self.write(move |connection| {
            let changed = match &progress {
                Progress::At { step, outcome } => {
                    let text = "UPDATE retirement SET step = ?3, since = CASE WHEN step = ?3 THEN since ELSE ?4 END,
                          due_at = ?5, outcome = ?6, attempts = 0, waiting = NULL WHERE id = ?1 AND step = ?2";
                    let due = (!step.is_over()).then_some(now.as_millis());
                    connection
                        .execute(text, params![id, from.as_str(), step.as_str(), now.as_millis(), due, outcome])?
                }
                Progress::Waits { why, due_at, attempts } => {
                    let text = "UPDATE retirement SET waiting = ?3, due_at = ?4, attempts = ?5 WHERE id = ?1 AND step = ?2
                          AND due_at IS NOT NULL";
                    connection.execute(text, params![id, from.as_str(), why, due_at.as_millis(), attempts])?
                }
            };
            fenced(changed)
        })
        .await
    }

    fn list_retirements<P: rusqlite::Params>(&self, rest: &str, params: P) -> Result<Vec<Retirement>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} {rest}"))?;
            let rows = statement.query_map(params, stored)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}

impl Retirement {
    /// What handlers are told: the machine as it is known, and what is asked of it.
    pub fn event(&self, subject: groundcrew_core::subject::Subject, object: &Value, now: Timestamp) -> Event {
        let id =
            Digest::of_parts([b"retiring".as_slice(), self.uid.as_str().as_bytes(), &self.id.to_le_bytes()]);
        let mut data = if object.is_object() { object.clone() } else { json!({}) };
        data["retirement"] = json!({
            "ending": self.ending,
            "by": self.who,
            "until": (now + self.timeout).to_string(),
        });
        let kind = "machine.retiring".to_owned();
        Event { id: id.to_string(), kind, time: now, subject: Some(subject), data }
    }
}

fn open(connection: &Connection, subject: SubjectId) -> Result<Option<Retirement>> {
    let text = format!("SELECT {COLUMNS} WHERE subject = ?1 AND due_at IS NOT NULL");
    Ok(connection.prepare_cached(&text)?.query_row([subject.0], stored).optional()?)
}

fn fenced(changed: usize) -> Result<()> {
    if changed == 0 { Err(Error::Superseded("the retirement")) } else { Ok(()) }
}
