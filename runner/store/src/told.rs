//! Who is told of the runner's own findings: handlers that listen to `finding.opened` and `finding.resolved`.
//!
//! Findings open and close within all sorts of transactions, which know of no handlers. So whoever starts a runner
//! says once who listens, and it is kept as a value of the installation.
//!
//! A thousand things that are stuck are not a thousand messages. The first finding of a code and hook is told at once;
//! those that follow within [`ROUND`] are told together, by one event with their number and the first few.

use groundcrew_core::duration::Millis;
use groundcrew_core::finding::Severity;
use groundcrew_core::hash::Digest;
use groundcrew_core::spec::Event;
use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::events::{self, Accepted, NewEvent};
use crate::{HookId, Result, Store, sql};

const KEY: &str = "findings.told";

/// Findings of one code and hook that open, or end, within so long of another are told together.
pub const ROUND: Millis = Millis::seconds(30);

/// Findings that an event shows; it says how many there are.
const SHOWN_MAX: usize = 10;

/// Handlers by what they are told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listeners {
    /// That a finding opened.
    pub opened: Vec<HookId>,
    /// That it is no longer so.
    pub resolved: Vec<HookId>,
}

/// As they are kept.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    opened: Vec<i64>,
    resolved: Vec<i64>,
}

/// What is told of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Opened,
    Resolved,
}

/// A finding as it is told.
pub(crate) struct Told<'a> {
    pub(crate) code: &'a str,
    pub(crate) about: &'a str,
    pub(crate) whose: &'a str,
    pub(crate) hook: Option<HookId>,
    pub(crate) severity: Severity,
    pub(crate) message: &'a str,
    pub(crate) remedy: Option<&'a str>,
}

impl Store {
    /// Says who is told of the runner's own findings from now on.
    pub async fn tell_findings_to(&self, listeners: Listeners) -> Result<()> {
        let numbers = |hooks: Vec<HookId>| hooks.into_iter().map(|hook| hook.0).collect();
        let kept = Kept { opened: numbers(listeners.opened), resolved: numbers(listeners.resolved) };
        self.write(move |connection| {
            let text =
                "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
            connection.execute(text, [KEY, &sql::text_of(&kept)])?;
            Ok(())
        })
        .await
    }
}

/// Tells everybody who listens, in the transaction of the change.
pub(crate) fn tell(connection: &Connection, change: Change, told: &Told<'_>, now: Timestamp) -> Result<()> {
    let text = "SELECT value FROM meta WHERE key = ?1";
    let listeners: Option<Kept> =
        connection.prepare_cached(text)?.query_row([KEY], |row| sql::json(row, 0)).optional()?;
    let listeners = listeners.unwrap_or_default();
    let (kind, handlers) = match change {
        Change::Opened => ("finding.opened", listeners.opened),
        Change::Resolved => ("finding.resolved", listeners.resolved),
    };
    if handlers.is_empty() {
        return Ok(());
    }
    let hook: Option<String> = match told.hook {
        Some(id) => connection
            .query_row("SELECT name FROM hook WHERE id = ?1", [id.0], |row| row.get(0))
            .optional()?,
        None => None,
    };
    if let Some((seq, data)) = waiting(connection, kind, told, hook.as_deref(), &handlers, now)? {
        let text = "UPDATE event SET data = ?2 WHERE seq = ?1";
        connection.prepare_cached(text)?.execute(params![seq, with_one_more(data, told).to_string()])?;
        return Ok(());
    }
    let told_at = if is_one_of_many(connection, change, told, now)? { now + ROUND } else { now };
    let new = NewEvent {
        event: event(kind, told, hook.as_deref(), now),
        handlers: handlers.iter().copied().map(HookId).collect(),
    };
    events::take(connection, &new, now, &mut Accepted::default())?;
    for handler in handlers {
        hasten_or_gather(connection, handler, now, told_at)?;
    }
    Ok(())
}

/// The newest event of this code and hook, if it says the same of others and nobody was told of it yet.
fn waiting(
    connection: &Connection,
    kind: &str,
    told: &Told<'_>,
    hook: Option<&str>,
    handlers: &[i64],
    now: Timestamp,
) -> Result<Option<(i64, Value)>> {
    let text = "SELECT event.seq, event.kind, event.data FROM delivery JOIN event ON event.seq = delivery.seq
        WHERE delivery.hook = ?1 AND delivery.subject = 0 AND event.kind IN ('finding.opened', 'finding.resolved')
          AND json_extract(event.data, '$.code') = ?2 AND json_extract(event.data, '$.hook') IS ?3
        ORDER BY delivery.seq DESC LIMIT 1";
    let found = connection.prepare_cached(text)?.query_row(params![handlers[0], told.code, hook], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, sql::json::<Value>(row, 2)?))
    });
    let Some((seq, of_kind, data)) = found.optional()? else { return Ok(None) };
    let shown = data["findings"].as_array().map_or(0, Vec::len);
    let is_it = |one: &Value| one["about"] == told.about && one["message"] == told.message;
    let says_it = data["findings"].as_array().into_iter().flatten().any(is_it);
    // Of more than are shown it is not known whether this one is among them; it may be counted twice.
    if of_kind != kind || says_it || shown == 0 {
        return Ok(None);
    }
    // Whoever is told of it is at the head of a lane that is due.
    let text =
        "SELECT EXISTS (SELECT 1 FROM delivery WHERE hook = ?1 AND subject = 0 AND seq = ?2 AND attempts = 0)
        AND (EXISTS (SELECT 1 FROM delivery WHERE hook = ?1 AND subject = 0 AND seq < ?2)
          OR EXISTS (SELECT 1 FROM lane WHERE hook = ?1 AND subject = 0 AND due_at > ?3))";
    for handler in handlers {
        let params = params![handler, seq, now.as_millis()];
        if !connection.prepare_cached(text)?.query_row(params, |row| row.get::<_, bool>(0))? {
            return Ok(None);
        }
    }
    Ok(Some((seq, data)))
}

/// Whether another finding of this code and hook opened, or ended, a moment ago.
fn is_one_of_many(connection: &Connection, change: Change, told: &Told<'_>, now: Timestamp) -> Result<bool> {
    let when = match change {
        Change::Opened => "first_at",
        Change::Resolved => "closed_at",
    };
    let text = format!(
        "SELECT EXISTS (SELECT 1 FROM finding WHERE source = 0 AND code = ?1 AND hook IS ?2
           AND (about, whose) <> (?3, ?4) AND {when} > ?5)"
    );
    let since = (now - ROUND).as_millis();
    let params = params![told.code, told.hook.map(|hook| hook.0), told.about, told.whose, since];
    Ok(connection.prepare_cached(&text)?.query_row(params, |row| row.get(0))?)
}

/// A handler that is owed nothing else is told then; what it was to be told later goes with anything that is told now.
fn hasten_or_gather(connection: &Connection, handler: i64, now: Timestamp, at: Timestamp) -> Result<()> {
    let text = "SELECT count(*), max(attempts) FROM delivery WHERE hook = ?1 AND subject = 0";
    let (owed, attempts): (u32, u32) =
        connection.prepare_cached(text)?.query_row([handler], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let due = if at > now && owed == 1 {
        "due_at = ?2"
    } else if at == now && attempts == 0 {
        "due_at = min(due_at, ?2)"
    } else {
        return Ok(());
    };
    let text = format!("UPDATE lane SET {due} WHERE hook = ?1 AND subject = 0");
    connection.prepare_cached(&text)?.execute(params![handler, at.as_millis()])?;
    Ok(())
}

fn shown(told: &Told<'_>) -> Value {
    json!({ "code": told.code, "about": told.about, "message": told.message, "cost_cents": null })
}

/// An event that tells of one finding more.
fn with_one_more(mut data: Value, told: &Told<'_>) -> Value {
    let count = data["count"].as_u64().unwrap_or(1) + 1;
    let findings = data["findings"].as_array_mut().expect("invariant: an event of findings shows some");
    if findings.len() < SHOWN_MAX {
        findings.push(shown(told));
    }
    let first: Vec<_> = findings.iter().take(5).filter_map(|one| one["about"].as_str()).collect();
    let more = count.saturating_sub(first.len() as u64);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    data["message"] = json!(format!("{count} {}: {}{more}", told.code, first.join(", ")));
    data["count"] = json!(count);
    data["remedy"] = json!("groundcrew findings");
    if Some(told.severity) > data["severity"].as_str().and_then(|word| word.parse().ok()) {
        data["severity"] = json!(told.severity.as_str());
    }
    data
}

/// In the shape of an audit's, of one finding.
fn event(kind: &str, told: &Told<'_>, hook: Option<&str>, now: Timestamp) -> Event {
    let Told { code, about, whose, severity, message, remedy, .. } = told;
    let at = now.as_millis().to_be_bytes();
    let digest =
        Digest::of_parts([kind.as_bytes(), code.as_bytes(), about.as_bytes(), whose.as_bytes(), &at]);
    let data = json!({
        "code": code, "about": about, "hook": hook, "severity": severity.as_str(), "message": message,
        "remedy": remedy, "count": 1, "findings": [shown(told)],
    });
    Event { id: digest.to_string(), kind: kind.to_owned(), time: now, subject: None, data }
}
