//! Runs of audits: what they found, what that opened and resolved, and how far their schedules have come.

use std::collections::BTreeMap;

use groundcrew_core::finding::{Coverage, Flapping, Life, Notice, Reported};
use groundcrew_core::hash::Digest;
use groundcrew_core::spec::Event;
use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

use crate::events::{self, Accepted, NewEvent};
use crate::{HookId, Result, Store, sql};

/// Before a handler's name among schedules. An audit's schedule has the audit's own name, which has no colon.
pub const TICK: &str = "tick:";

/// Before the name of a provisioner that lists what it made, among schedules.
pub const DRIFT: &str = "drift:";

/// Findings that one notification spells out; of more it says how many.
const TOLD_MAX: usize = 50;

/// What one auditor saw in one run of an audit.
#[derive(Clone, Debug)]
pub struct Saw {
    /// The auditor.
    pub hook: HookId,
    /// What it reported.
    pub findings: Vec<Reported>,
    /// Whether that is all.
    pub coverage: Coverage,
}

/// A run of an audit that ended.
#[derive(Clone, Debug)]
pub struct AuditEnd {
    /// Its number.
    pub run: i64,
    /// The tick it was for; none: by hand.
    pub tick: Option<Timestamp>,
    /// What its auditors saw.
    pub saw: Vec<Saw>,
    /// `ok`, or what went wrong.
    pub outcome: String,
    /// What was counted and is not reported, for people.
    pub summary: Option<String>,
    /// Handlers that are told what opened.
    pub on_opened: Vec<HookId>,
    /// Handlers that are told what was resolved.
    pub on_resolved: Vec<HookId>,
    /// The present.
    pub now: Timestamp,
}

/// What a run of an audit changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Changed {
    /// Findings that it reported.
    pub found: u32,
    /// Of them, those that are new, or seen again.
    pub opened: u32,
    /// Findings that are no longer so.
    pub resolved: u32,
}

/// How far a run of an audit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Its hooks look.
    Looking,
    /// What they saw is entered, and what may be mended is.
    Mending,
    /// It is over.
    Ended,
}

/// A run of an audit, as listed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct AuditRun {
    /// Its number.
    pub id: i64,
    /// The audit's name.
    pub audit: String,
    /// The tick it was for, RFC 3339; none: by hand.
    pub tick: Option<String>,
    /// When it began, RFC 3339.
    pub started: String,
    /// How far it is.
    pub phase: Phase,
    /// When it ended, its remedies included, RFC 3339; none: it is under way.
    pub ended: Option<String>,
    /// `ok`, or what went wrong; none: its hooks still look.
    pub outcome: Option<String>,
    /// What was counted and is not reported, and what became of what may be mended.
    pub summary: Option<String>,
    /// What it changed.
    #[serde(flatten)]
    pub changed: Changed,
}

impl Store {
    /// Begins a run of an audit; returns its number.
    pub async fn begin_audit(&self, audit: &str, tick: Option<Timestamp>, now: Timestamp) -> Result<i64> {
        let audit = audit.to_owned();
        self.write(move |connection| {
            let text = "INSERT INTO audit_run (audit, tick, started) VALUES (?1, ?2, ?3) RETURNING id";
            let params = params![audit, crate::millis(tick), now.as_millis()];
            Ok(connection.query_row(text, params, |row| row.get(0))?)
        })
        .await
    }

    /// Ends a run of an audit: findings, history, schedule and notifications in one transaction.
    ///
    /// # Guarantees
    /// Handlers are told at most one event of what opened and one of what was resolved. What an auditor did not
    /// see is resolved only if its coverage is complete.
    pub async fn end_audit(&self, end: AuditEnd) -> Result<Changed> {
        self.write(move |connection| finish(connection, &end, Phase::Ended)).await
    }

    /// Enters what a run of an audit saw, as [`Store::end_audit`] does, and leaves it open for its remedies:
    /// [`Store::finish_audit`] ends it.
    pub async fn enter_audit(&self, end: AuditEnd) -> Result<Changed> {
        self.write(move |connection| finish(connection, &end, Phase::Mending)).await
    }

    /// Ends a run of an audit whose remedies are over; `wrong` is what kept them from being done.
    pub async fn finish_audit(&self, run: i64, wrong: Option<String>, now: Timestamp) -> Result<()> {
        self.write(move |connection| {
            let text = "UPDATE audit_run SET ended = ?2, outcome = outcome || coalesce('; ' || ?3, '') WHERE id = ?1";
            connection.execute(text, params![run, now.as_millis(), wrong])?;
            Ok(())
        })
        .await
    }

    /// Says anew what a run of an audit counted.
    pub async fn summarize_audit(&self, run: i64, summary: String) -> Result<()> {
        self.write(move |connection| {
            connection.execute("UPDATE audit_run SET summary = ?2 WHERE id = ?1", params![run, summary])?;
            Ok(())
        })
        .await
    }

    /// Closes runs of audits that a dead process left open; the ticks of those that still looked count as missed.
    pub async fn close_broken_audits(&self, now: Timestamp) -> Result<()> {
        self.write(move |connection| {
            let text = "UPDATE audit_run SET ended = ?1,
                  outcome = coalesce(outcome || '; the runner ended before its remedies', 'the runner ended first')
                WHERE ended IS NULL";
            connection.execute(text, [now.as_millis()])?;
            Ok(())
        })
        .await
    }

    /// Closes runs of one audit whose end could not be recorded.
    pub async fn close_broken_audits_of(&self, audit: &str, now: Timestamp) -> Result<()> {
        let audit = audit.to_owned();
        self.write(move |connection| {
            let text = "UPDATE audit_run SET ended = ?2,
                  outcome = coalesce(outcome || '; ', '') || 'the store did not take its end'
                WHERE audit = ?1 AND ended IS NULL";
            connection.execute(text, params![audit, now.as_millis()])?;
            Ok(())
        })
        .await
    }

    /// The last tick of a schedule that was taken up; none: it is new.
    pub fn last_tick(&self, name: &str) -> Result<Option<Timestamp>> {
        self.read(|connection| {
            let text = "SELECT last_at FROM schedule WHERE name = ?1";
            Ok(connection.query_row(text, [name], |row| sql::time(row, 0)).optional()?)
        })
    }

    /// Notes that the ticks of a schedule were taken up until this time; a time before that changes nothing.
    pub async fn save_tick(&self, name: &str, last: Timestamp) -> Result<()> {
        let name = name.to_owned();
        self.write(move |connection| save_tick(connection, &name, last)).await
    }

    /// Lets a schedule begin at this time, whatever was taken up of it.
    pub async fn begin_schedule(&self, name: &str, now: Timestamp) -> Result<()> {
        let name = name.to_owned();
        self.write(move |connection| {
            let text = "INSERT INTO schedule (name, last_at) VALUES (?1, ?2)
                ON CONFLICT (name) DO UPDATE SET last_at = excluded.last_at";
            connection.execute(text, params![name, now.as_millis()])?;
            Ok(())
        })
        .await
    }

    /// All schedules that were ever taken up, by name, each with its last tick.
    pub fn schedules(&self) -> Result<Vec<(String, Timestamp)>> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT name, last_at FROM schedule ORDER BY name")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, sql::time(row, 1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The last runs of an audit, or of all, newest first.
    pub fn audit_runs(&self, audit: Option<&str>, limit: u32) -> Result<Vec<AuditRun>> {
        self.read(|connection| {
            let text =
                "SELECT id, audit, tick, started, ended, outcome, found, opened, resolved, summary FROM audit_run
                WHERE ?1 IS NULL OR audit = ?1 ORDER BY id DESC LIMIT ?2";
            let mut statement = connection.prepare_cached(text)?;
            let run = |row: &rusqlite::Row<'_>| {
                let (ended, outcome) = (sql::time_opt(row, 4)?, row.get::<_, Option<String>>(5)?);
                let phase = match (ended, &outcome) {
                    (Some(_), _) => Phase::Ended,
                    (None, Some(_)) => Phase::Mending,
                    (None, None) => Phase::Looking,
                };
                Ok(AuditRun {
                    id: row.get(0)?,
                    audit: row.get(1)?,
                    tick: sql::time_opt(row, 2)?.map(|at| at.to_string()),
                    started: sql::time(row, 3)?.to_string(),
                    phase,
                    ended: ended.map(|at| at.to_string()),
                    outcome,
                    summary: row.get(9)?,
                    changed: Changed { found: row.get(6)?, opened: row.get(7)?, resolved: row.get(8)? },
                })
            };
            let rows = statement.query_map(params![audit, limit], run)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}

/// A hook's schedules go on under its new name, from where they are.
pub(crate) fn rename_schedules(connection: &Connection, from: &str, to: &str) -> Result<()> {
    for of_hook in [TICK, DRIFT] {
        // What an earlier hook of the new name left is not its own.
        let text = "UPDATE OR REPLACE schedule SET name = ?2 WHERE name = ?1";
        connection.execute(text, [format!("{of_hook}{from}"), format!("{of_hook}{to}")])?;
    }
    Ok(())
}

pub(crate) fn save_tick(connection: &Connection, name: &str, last: Timestamp) -> Result<()> {
    let text = "INSERT INTO schedule (name, last_at) VALUES (?1, ?2)
        ON CONFLICT (name) DO UPDATE SET last_at = max(last_at, excluded.last_at)";
    connection.prepare_cached(text)?.execute(params![name, last.as_millis()])?;
    Ok(())
}

/// Findings that people are told of.
#[derive(Default)]
struct Told {
    opened: Vec<Value>,
    resolved: Vec<Value>,
}

fn finish(connection: &Connection, end: &AuditEnd, phase: Phase) -> Result<Changed> {
    let (mut changed, mut told) = (Changed::default(), Told::default());
    for saw in &end.saw {
        enter(connection, saw, end.now, &mut changed, &mut told)?;
    }
    let text =
        "UPDATE audit_run SET ended = ?2, outcome = ?3, found = ?4, opened = ?5, resolved = ?6, summary = ?7
        WHERE id = ?1 RETURNING audit";
    let (ended, summary) = ((phase == Phase::Ended).then(|| end.now.as_millis()), &end.summary);
    let params =
        params![end.run, ended, end.outcome, changed.found, changed.opened, changed.resolved, summary];
    let audit: String = connection.query_row(text, params, |row| row.get(0))?;
    if let Some(tick) = end.tick {
        save_tick(connection, &audit, tick)?;
    }
    for (kind, findings, handlers) in [
        ("finding.opened", told.opened, &end.on_opened),
        ("finding.resolved", told.resolved, &end.on_resolved),
    ] {
        if !findings.is_empty() {
            let event = event(kind, &audit, end, findings);
            let new = NewEvent { event, handlers: handlers.clone() };
            events::take(connection, &new, end.now, &mut Accepted::default())?;
        }
    }
    Ok(changed)
}

/// Enters what one auditor saw, and resolves what it no longer sees.
fn enter(
    connection: &Connection,
    saw: &Saw,
    now: Timestamp,
    changed: &mut Changed,
    told: &mut Told,
) -> Result<()> {
    let mut known = lives(connection, saw.hook)?;
    for finding in &saw.findings {
        let before = known.remove(&(finding.code.clone(), finding.about.clone())).map(|(_, life)| life);
        let was_open = before.as_ref().is_some_and(|life| life.resolved_at.is_none());
        let (life, notice) = Life::seen(before, now, Flapping::DEFAULT);
        changed.found += 1;
        changed.opened += u32::from(!was_open);
        if notice == Notice::Tell {
            told.opened.push(shown(&finding.code, &finding.about, &finding.message, finding.cost_cents));
        }
        save(connection, saw.hook, finding, &life)?;
    }
    for ((code, about), (message, before)) in known {
        let (life, notice) = Life::unseen(before.clone(), saw.coverage, now, Flapping::DEFAULT);
        if life == before {
            continue;
        }
        changed.resolved += 1;
        if notice == Notice::Tell {
            told.resolved.push(shown(&code, &about, &message, None));
        }
        let text = "UPDATE finding SET closed_at = ?4, acknowledged = NULL, mend_at = NULL, mend_held = NULL
            WHERE source = ?1 AND code = ?2 AND about = ?3";
        let params = params![saw.hook.0, code, about, crate::millis(life.resolved_at)];
        connection.prepare_cached(text)?.execute(params)?;
    }
    Ok(())
}

/// Messages and lives of an auditor's findings, by code and what they are about.
type Lives = BTreeMap<(String, String), (String, Life)>;

fn lives(connection: &Connection, hook: HookId) -> Result<Lives> {
    let text = "SELECT code, about, message, first_at, last_at, closed_at, acknowledged, openings
        FROM finding WHERE source = ?1";
    let mut statement = connection.prepare_cached(text)?;
    let life = |row: &rusqlite::Row<'_>| {
        let life = Life {
            first_at: sql::time(row, 3)?,
            last_at: sql::time(row, 4)?,
            resolved_at: sql::time_opt(row, 5)?,
            acknowledged: sql::json_opt(row, 6)?,
            openings: sql::json(row, 7)?,
        };
        Ok(((row.get(0)?, row.get(1)?), (row.get(2)?, life)))
    };
    let rows = statement.query_map([hook.0], life)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn save(connection: &Connection, hook: HookId, finding: &Reported, life: &Life) -> Result<()> {
    let text = "INSERT INTO finding (source, code, about, hook, severity, message, remedy, cost_cents, subject, data,
          acknowledged, openings, first_at, last_at, closed_at)
        VALUES (?1, ?2, ?3, ?1, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
        ON CONFLICT (source, code, about, whose) DO UPDATE SET severity = excluded.severity, message = excluded.message,
          remedy = excluded.remedy, cost_cents = excluded.cost_cents, subject = excluded.subject,
          data = excluded.data, acknowledged = excluded.acknowledged, openings = excluded.openings,
          first_at = excluded.first_at, last_at = excluded.last_at, closed_at = excluded.closed_at";
    connection.prepare_cached(text)?.execute(params![
        hook.0,
        finding.code,
        finding.about,
        finding.severity.as_str(),
        finding.message,
        finding.remedy,
        finding.cost_cents,
        finding.subject.as_ref().map(sql::text_of),
        finding.data.to_string(),
        life.acknowledged.as_ref().map(sql::text_of),
        sql::text_of(&life.openings),
        life.first_at.as_millis(),
        life.last_at.as_millis(),
        crate::millis(life.resolved_at)
    ])?;
    Ok(())
}

fn shown(code: &str, about: &str, message: &str, cost_cents: Option<u32>) -> Value {
    json!({ "code": code, "about": about, "message": message, "cost_cents": cost_cents })
}

/// One event of a run; the same however often it is written.
fn event(kind: &str, audit: &str, end: &AuditEnd, mut findings: Vec<Value>) -> Event {
    let count = findings.len();
    let word = kind.rsplit('.').next().unwrap_or_default();
    let what = |finding: &Value| {
        format!(
            "{} {}",
            finding["code"].as_str().unwrap_or_default(),
            finding["about"].as_str().unwrap_or_default()
        )
    };
    let first: Vec<_> = findings.iter().take(5).map(what).collect();
    let more = if count > first.len() { format!(" and {} more", count - first.len()) } else { String::new() };
    let message = format!("audit {audit}: {count} {word}: {}{more}", first.join(", "));
    findings.truncate(TOLD_MAX);
    let digest = Digest::of_parts([
        kind.as_bytes(),
        audit.as_bytes(),
        &end.run.to_be_bytes(),
        &end.now.as_millis().to_be_bytes(),
    ]);
    let data =
        json!({ "audit": audit, "run": end.run, "count": count, "message": message, "findings": findings });
    Event { id: digest.to_string(), kind: kind.to_owned(), time: end.now, subject: None, data }
}
