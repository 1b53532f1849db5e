//! The inbox: what sources saw, in one transaction with the deliveries and looks it makes.

use std::collections::BTreeMap;

use groundcrew_core::running::Noted;
use groundcrew_core::schedule::Overlap;
use groundcrew_core::spec::Event;
use groundcrew_core::subject::Uid;
use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use crate::because::Because;
use crate::findings::{self, FindingChange};
use crate::subjects::{self, SubjectChange};
use crate::{HookId, Result, Store, SubjectId, audits, lanes, last_words, running, sql};

/// One event on its way into the inbox.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// What handlers will be told.
    pub event: Event,
    /// Handlers that want it.
    pub handlers: Vec<HookId>,
}

/// What a source brings at once.
#[derive(Clone, Debug, Default)]
pub struct Intake {
    /// Subjects that changed, parents before members, ends before new incarnations at the same path.
    pub subjects: Vec<SubjectChange>,
    /// What happened to them, in order.
    pub events: Vec<NewEvent>,
    /// Lanes of provisioners that are owed a look.
    pub dirty: Vec<(HookId, Uid)>,
    /// What is wrong with the source or its subjects, and what is not any more.
    pub findings: Vec<FindingChange>,
    /// How long machines ran.
    pub noted: Vec<Noted>,
    /// How far the source has come.
    pub cursor: Option<(String, String)>,
    /// The present.
    pub now: Timestamp,
}

/// A tick of a handler's schedule.
#[derive(Clone, Debug)]
pub struct NewTick {
    /// The schedule.
    pub schedule: String,
    /// The tick, as on the schedule.
    pub tick: Timestamp,
    /// What the handler is told.
    pub event: Event,
    /// Who is told.
    pub handler: HookId,
    /// What becomes of it while an earlier one has not been told.
    pub overlap: Overlap,
}

/// What was accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Events that were new.
    pub events: u32,
    /// Events that had been accepted before.
    pub duplicates: u32,
    /// Deliveries that they made.
    pub deliveries: u32,
}

impl Store {
    /// Accepts what a source brings: rows, events, deliveries, looks, findings and cursor in one transaction.
    ///
    /// # Guarantees
    /// When this returns, the source may be acknowledged. An event that was accepted before changes nothing.
    pub async fn accept(&self, intake: Intake) -> Result<Accepted> {
        self.write(move |connection| accept(connection, &intake)).await
    }

    /// Owes a handler a tick, as `overlap` says, and notes it as taken up. Returns whether it is owed.
    ///
    /// # Guarantees
    /// A tick that was accepted before is not owed again. One that replaces others that were not told leaves the
    /// handler owed it alone.
    pub async fn accept_tick(&self, tick: NewTick, now: Timestamp) -> Result<bool> {
        self.write(move |connection| accept_tick(connection, tick, now)).await
    }

    /// An event as handlers are told it; none if it is no longer kept.
    pub fn event(&self, seq: i64) -> Result<Option<Event>> {
        self.read(|connection| Ok(by_seq(connection, seq).optional()?))
    }

    /// How far a source has come.
    pub fn cursor(&self, source: &str) -> Result<Option<String>> {
        self.read(|connection| {
            let text = "SELECT value FROM cursor WHERE source = ?1";
            Ok(connection.query_row(text, [source], |row| row.get(0)).optional()?)
        })
    }

    /// Whether an event of this id was accepted.
    pub fn has_event(&self, id: &str) -> Result<bool> {
        self.read(|connection| {
            let text = "SELECT EXISTS (SELECT 1 FROM event WHERE eid = ?1)";
            Ok(connection.query_row(text, [id], |row| row.get(0))?)
        })
    }

    /// The last events of a subject, newest first: id, kind, time.
    pub fn events_of(&self, subject: SubjectId, limit: u32) -> Result<Vec<(String, String, Timestamp)>> {
        self.read(|connection| {
            let text = "SELECT eid, kind, at FROM event WHERE subject = ?1 ORDER BY seq DESC LIMIT ?2";
            let mut statement = connection.prepare_cached(text)?;
            let rows = statement.query_map(params![subject.0, limit], |row| {
                Ok((row.get(0)?, row.get(1)?, sql::time(row, 2)?))
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}

fn accept_tick(connection: &Connection, tick: NewTick, now: Timestamp) -> Result<bool> {
    audits::save_tick(connection, &tick.schedule, tick.tick)?;
    let untold = "hook = ?1 AND subject = 0 AND seq IN (SELECT seq FROM event WHERE kind = ?2)";
    let params = params![tick.handler.0, tick.event.kind];
    let text = format!("SELECT count(*) FROM delivery WHERE {untold}");
    let waiting: u32 = connection.prepare_cached(&text)?.query_row(params, |row| row.get(0))?;
    match tick.overlap {
        Overlap::Skip if waiting > 0 => return Ok(false),
        Overlap::QueueOne if waiting > 1 => return Ok(false),
        Overlap::Skip | Overlap::QueueOne => {}
        Overlap::Cancel => {
            // A run that is telling one of them ends by itself; nothing of it is tried again.
            connection.prepare_cached(&format!("DELETE FROM delivery WHERE {untold}"))?.execute(params)?;
        }
    }
    let mut accepted = Accepted::default();
    take(connection, &NewEvent { event: tick.event, handlers: vec![tick.handler] }, now, &mut accepted)?;
    hasten(connection, tick.handler, now)?;
    Ok(accepted.events > 0)
}

fn accept(connection: &Connection, intake: &Intake) -> Result<Accepted> {
    let mut accepted = Accepted::default();
    for change in &intake.subjects {
        subjects::upsert(connection, change, intake.now)?;
    }
    let mut reasons = Reasons::of(intake);
    for new in &intake.events {
        if let Some(seq) = take(connection, new, intake.now, &mut accepted)? {
            reasons.add(new, seq);
        }
        if new.event.subject.is_none() {
            new.handlers.iter().try_for_each(|handler| hasten(connection, *handler, intake.now))?;
        }
    }
    for (hook, uid) in &intake.dirty {
        if let Some(subject) = subjects::id_of(connection, uid)? {
            lanes::mark_dirty(connection, *hook, subject, reasons.because(uid), intake.now)?;
        }
    }
    for noted in &intake.noted {
        running::note(connection, noted)?;
    }
    for change in &intake.findings {
        findings::change(connection, change, intake.now)?;
    }
    if let Some((source, value)) = &intake.cursor {
        let text = "INSERT INTO cursor (source, value, at) VALUES (?1, ?2, ?3)
            ON CONFLICT (source) DO UPDATE SET value = excluded.value, at = excluded.at";
        connection.prepare_cached(text)?.execute(params![source, value, intake.now.as_millis()])?;
    }
    Ok(accepted)
}

/// The last event of each owner within an intake, those of its machines included.
struct Reasons<'a> {
    apps: BTreeMap<&'a Uid, &'a Uid>,
    last: BTreeMap<&'a Uid, i64>,
}

impl<'a> Reasons<'a> {
    fn of(intake: &'a Intake) -> Self {
        let app = |change: &'a SubjectChange| change.parent.as_ref().map(|app| (&change.uid, app));
        Self { apps: intake.subjects.iter().filter_map(app).collect(), last: BTreeMap::new() }
    }

    fn add(&mut self, new: &'a NewEvent, seq: i64) {
        let Some(subject) = &new.event.subject else { return };
        self.last.insert(&subject.uid, seq);
        if let Some(app) = self.apps.get(&subject.uid) {
            self.last.insert(app, seq);
        }
    }

    fn because(&self, owner: &Uid) -> Because {
        self.last.get(owner).map_or(Because::Seen, |seq| Because::Event(*seq))
    }
}

/// Takes one event with its deliveries, unless it was taken before; returns its place in the inbox.
pub(crate) fn take(
    connection: &Connection,
    new: &NewEvent,
    now: Timestamp,
    accepted: &mut Accepted,
) -> Result<Option<i64>> {
    let subject = match &new.event.subject {
        Some(subject) => subjects::id_of(connection, &subject.uid)?,
        None => None,
    };
    let Some(seq) = insert(connection, &new.event, subject)? else {
        accepted.duplicates += 1;
        return Ok(None);
    };
    accepted.events += 1;
    if let Some(machine) = subject.filter(|_| new.event.kind == "machine.destroyed") {
        last_words::keep(connection, machine, now)?;
    }
    for hook in &new.handlers {
        deliver(connection, *hook, subject.unwrap_or(SubjectId::NONE), seq, now)?;
        accepted.deliveries += 1;
    }
    Ok(Some(seq))
}

fn insert(connection: &Connection, event: &Event, subject: Option<SubjectId>) -> Result<Option<i64>> {
    let text = "INSERT INTO event (eid, kind, subject, snapshot, at, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT (eid) DO NOTHING RETURNING seq";
    let mut statement = connection.prepare_cached(text)?;
    let snapshot = event.subject.as_ref().map(sql::text_of);
    let params = params![
        event.id,
        event.kind,
        subject.map(|id| id.0),
        snapshot,
        event.time.as_millis(),
        event.data.to_string()
    ];
    Ok(statement.query_row(params, |row| row.get(0)).optional()?)
}

fn deliver(
    connection: &Connection,
    hook: HookId,
    subject: SubjectId,
    seq: i64,
    now: Timestamp,
) -> Result<()> {
    let text = "INSERT INTO delivery (hook, subject, seq) VALUES (?1, ?2, ?3)";
    connection.prepare_cached(text)?.execute(params![hook.0, subject.0, seq])?;
    // A lane that backs off keeps its due time: the head is retried first, and nothing overtakes it.
    let text = "INSERT INTO lane (hook, subject, due_at) VALUES (?1, ?2, ?3)
        ON CONFLICT (hook, subject) DO UPDATE SET due_at = excluded.due_at WHERE lane.due_at IS NULL";
    connection.prepare_cached(text)?.execute(params![hook.0, subject.0, now.as_millis()])?;
    Ok(())
}

/// What belongs to no owner does not wait behind findings that gather in the same lane: what is told then goes first.
fn hasten(connection: &Connection, hook: HookId, now: Timestamp) -> Result<()> {
    // Only the head of a lane is ever tried again; of a lane that is due anyway nothing is asked.
    let text = "UPDATE lane SET due_at = ?2 WHERE hook = ?1 AND subject = 0 AND due_at > ?2 AND 0 =
        (SELECT attempts FROM delivery WHERE delivery.hook = ?1 AND delivery.subject = 0 ORDER BY seq LIMIT 1)";
    connection.prepare_cached(text)?.execute(params![hook.0, now.as_millis()])?;
    Ok(())
}

/// Reads one event back, as handlers are told it.
pub(crate) fn by_seq(connection: &Connection, seq: i64) -> rusqlite::Result<Event> {
    let text = "SELECT eid, kind, snapshot, at, data FROM event WHERE seq = ?1";
    connection.prepare_cached(text)?.query_row([seq], |row| {
        Ok(Event {
            id: row.get(0)?,
            kind: row.get(1)?,
            subject: sql::json_opt(row, 2)?,
            time: sql::time(row, 3)?,
            data: sql::json::<Value>(row, 4)?,
        })
    })
}
