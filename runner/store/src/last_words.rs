//! What is kept of a machine for `autopsy`: its last events, how its process ended, its redacted configuration.
//!
//! While its events are kept they say it. Events go with the history of runs; so the end of a machine is accepted
//! together with its last words, which stay as long as what is gone stays in the ledger.

use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::subjects::{self, StoredSubject};
use crate::{Result, Store, SubjectId, sql};

/// Events that are kept of a machine.
const EVENTS_MAX: u32 = 20;
/// Fields of a configuration that the list of an organisation has; whoever shows more was asked himself.
const NARROW: [&str; 3] = ["guest", "image", "metadata"];

/// What is known of a machine's last days.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LastWords {
    /// How its process ended last.
    pub exit: Option<Exit>,
    /// Its last events, newest first.
    pub events: Vec<Noted>,
    /// Its redacted configuration, as fully as it was shown.
    pub config: Option<Value>,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exit {
    /// When that was told, RFC 3339; none: only the platform's own log says it.
    pub at: Option<String>,
    /// `exit_code`, `signal`, `oom_killed`, `requested_stop`, as the platform gives them.
    pub reason: Value,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Noted {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// RFC 3339.
    pub time: String,
    /// Why it happened, where that is known.
    pub reason: Option<Value>,
}

impl Store {
    /// What is known of a machine's last days; of one that is gone, as long as what is gone is kept.
    pub fn last_words(&self, machine: &StoredSubject) -> Result<LastWords> {
        self.read(|connection| {
            let text = "SELECT body FROM last_words WHERE subject = ?1";
            let kept: Option<LastWords> = connection
                .prepare_cached(text)?
                .query_row([machine.id.0], |row| sql::json(row, 0))
                .optional()?;
            kept.filter(|_| machine.gone_at.is_some()).map_or_else(|| compose(connection, machine), Ok)
        })
    }

    /// The machines of an app that are gone, the last first.
    pub fn gone_members(&self, app: SubjectId, limit: u32) -> Result<Vec<StoredSubject>> {
        let columns = subjects::COLUMNS;
        let text = format!(
            "SELECT {columns} FROM subject WHERE parent = ?1 AND gone_at IS NOT NULL ORDER BY gone_at DESC, id DESC LIMIT ?2"
        );
        self.list_subjects(&text, params![app.0, limit])
    }
}

/// Keeps a machine's last words, in the transaction that accepts its end.
pub(crate) fn keep(connection: &Connection, machine: SubjectId, now: Timestamp) -> Result<()> {
    let Some(stored) = subjects::by_id(connection, machine)? else { return Ok(()) };
    let words = compose(connection, &stored)?;
    let text = "INSERT INTO last_words (subject, at, body) VALUES (?1, ?2, ?3)
        ON CONFLICT (subject) DO UPDATE SET at = excluded.at, body = excluded.body";
    connection.prepare_cached(text)?.execute(params![machine.0, now.as_millis(), sql::text_of(&words)])?;
    Ok(())
}

fn compose(connection: &Connection, machine: &StoredSubject) -> Result<LastWords> {
    let text = "SELECT eid, kind, at, data FROM event WHERE subject = ?1 ORDER BY seq DESC LIMIT ?2";
    let mut statement = connection.prepare_cached(text)?;
    let mut rows = statement.query(params![machine.id.0, EVENTS_MAX])?;
    let mut words = LastWords::default();
    while let Some(row) = rows.next()? {
        let (time, object) = (sql::time(row, 2)?.to_string(), sql::json::<Value>(row, 3)?);
        let reason = object.get("reason").filter(|reason| reason.is_object()).cloned();
        if words.exit.is_none() {
            words.exit = reason.clone().map(|reason| Exit { at: Some(time.clone()), reason });
        }
        words.learn(&object);
        words.events.push(Noted { id: row.get(0)?, kind: row.get(1)?, time, reason });
    }
    // One that was adopted silently has told nothing; what it looked like is known all the same.
    let kept: Option<Value> = serde_json::from_str(&machine.raw).ok();
    if let Some(object) = kept.as_ref().and_then(|kept| kept.pointer("/row/raw")) {
        words.learn(object);
    }
    Ok(words)
}

impl LastWords {
    /// Takes what is newer first, and of configurations the first that is whole.
    fn learn(&mut self, object: &Value) {
        if self.exit.is_none() {
            self.exit = embedded(object).map(|reason| Exit { at: None, reason });
        }
        let Some(config) = object.get("config").filter(|config| config.is_object()) else { return };
        if self.config.as_ref().is_none_or(|known| !is_whole(known) && is_whole(config)) {
            self.config = Some(config.clone());
        }
    }
}

fn is_whole(config: &Value) -> bool {
    config.as_object().is_some_and(|fields| fields.keys().any(|field| !NARROW.contains(&field.as_str())))
}

/// How the process ended, out of the platform's log within its object, newest first [fly-go machine_types.go].
fn embedded(object: &Value) -> Option<Value> {
    let log = object.get("events")?.as_array()?;
    log.iter().find_map(|entry| {
        let request = entry.get("request")?;
        let exit = request.pointer("/MonitorEvent/exit_event").or_else(|| request.get("exit_event"))?;
        exit.is_object().then(|| exit.clone())
    })
}
