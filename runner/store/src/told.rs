//! Who is told of the runner's own findings: handlers that listen to `finding.opened` and `finding.resolved`.
//!
//! Findings open and close within all sorts of transactions, which know of no handlers. So whoever starts a runner
//! says once who listens, and it is kept as a value of the installation.

use groundcrew_core::finding::Severity;
use groundcrew_core::hash::Digest;
use groundcrew_core::spec::Event;
use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::events::{self, Accepted, NewEvent};
use crate::{HookId, Result, Store, sql};

const KEY: &str = "findings.told";

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
    let handlers = handlers.into_iter().map(HookId).collect();
    let new = NewEvent { event: event(kind, told, now), handlers };
    events::take(connection, &new, now, &mut Accepted::default())
}

/// In the shape of an audit's, of one finding.
fn event(kind: &str, told: &Told<'_>, now: Timestamp) -> Event {
    let Told { code, about, severity, message, remedy } = told;
    let at = now.as_millis().to_be_bytes();
    let digest = Digest::of_parts([kind.as_bytes(), code.as_bytes(), about.as_bytes(), &at]);
    let finding = json!({ "code": code, "about": about, "message": message, "cost_cents": null });
    let data = json!({
        "code": code, "about": about, "severity": severity.as_str(), "message": message, "remedy": remedy,
        "count": 1, "findings": [finding],
    });
    Event { id: digest.to_string(), kind: kind.to_owned(), time: now, subject: None, data }
}
