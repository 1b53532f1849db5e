//! Attempts to mend findings: each is begun in the transaction that asks whether it may be, and kept.

use std::collections::BTreeMap;

use groundcrew_core::duration::Millis;
use groundcrew_core::finding::{Acknowledgement, Life, Reported};
use groundcrew_core::may_delete::{Level, Window};
use groundcrew_core::remedy::{Asked, Effect, Facts, Last, Outcome, Verdict, may_fix};
use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use crate::lanes::LaneId;
use crate::operators::{self, OperatorAct};
use crate::runs::{self, CallRecord, RunRecord};
use crate::{Error, HookId, Result, RunId, Store, SubjectId, deliveries, leave, sql, subjects};

/// How an audit mends.
#[derive(Clone, Debug, PartialEq)]
pub struct Enforcement {
    /// The codes that it mends.
    pub codes: Vec<String>,
    /// How long a finding must have been seen.
    pub grace: Millis,
    /// How many at once.
    pub window: Window,
}

/// Who wants a finding mended, and what is known outside the store.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The finding.
    pub finding: i64,
    /// An audit, or a person.
    pub asked: Asked,
    /// The audit's name, or who it is.
    pub asked_by: String,
    /// How the audit mends; of a person it does not matter.
    pub enforcement: Enforcement,
    /// The codes of this auditor whose remedy takes nothing away.
    pub harmless: Vec<String>,
    /// The level of installation and stanza.
    pub level: Level,
    /// Why else nothing may be mended: scope, source.
    pub frozen: Option<String>,
    /// For how long what an attempt sends may take effect.
    pub effect_within: Millis,
    /// The present.
    pub now: Timestamp,
}

/// Whether an attempt was begun.
#[derive(Clone, Debug, PartialEq)]
pub enum Begun {
    /// It was: this is its number.
    Yes(i64),
    /// It may not be.
    No(Verdict),
}

/// How an attempt ended.
#[derive(Clone, Debug)]
pub struct RemedyEnd {
    /// Its number.
    pub attempt: i64,
    /// The word of what mends, or what went wrong.
    pub outcome: String,
    /// Whether anything may have changed.
    pub counts: bool,
    /// Until when what it sent may take effect.
    pub effect_by: Timestamp,
    /// The hook's lane, which remembers what it wrote.
    pub lane: LaneId,
    /// The run.
    pub run: RunRecord,
    /// Its calls.
    pub calls: Vec<CallRecord>,
    /// What it remembers.
    pub written: BTreeMap<String, Option<Vec<u8>>>,
    /// The present.
    pub now: Timestamp,
}

/// A finding that something may mend.
#[derive(Clone, Debug, PartialEq)]
pub struct Mendable {
    /// Its number.
    pub id: i64,
    /// The auditor that reports it.
    pub hook: HookId,
    /// As it was last reported.
    pub finding: Reported,
    /// The subject it concerns, if it is known here.
    pub subject: Option<SubjectId>,
}

/// An attempt as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remedy {
    /// `f12`.
    pub finding: String,
    /// When, RFC 3339.
    pub at: String,
    /// The audit, or the person.
    pub asked_by: String,
    /// The run: `groundcrew run`.
    pub run: Option<RunId>,
    /// What became of it; none: it is under way.
    pub outcome: Option<String>,
}

/// Somebody let a finding's remedy go: this opening of it, until then.
#[derive(Debug, Serialize, Deserialize)]
struct Approved {
    who: String,
    until: Timestamp,
    first_at: Timestamp,
}

const COLUMNS: &str =
    "finding.id, finding.source, code, about, severity, message, remedy, cost_cents, finding.subject, data";

impl Store {
    /// Open findings of an auditor with one of these codes, those that were seen first before the others.
    pub fn mendable(&self, hook: HookId, codes: &[String]) -> Result<Vec<Mendable>> {
        let filter = "source = ?1 AND closed_at IS NULL AND code IN (SELECT value FROM json_each(?2))";
        self.list_mendable(filter, params![hook.0, sql::text_of(&codes)])
    }

    /// One finding of an auditor, open or not.
    pub fn mendable_by_id(&self, finding: i64) -> Result<Option<Mendable>> {
        Ok(self.list_mendable("finding.id = ?1 AND source <> 0", [finding])?.pop())
    }

    fn list_mendable<P: rusqlite::Params>(&self, filter: &str, params: P) -> Result<Vec<Mendable>> {
        self.read(|connection| {
            let text = format!("SELECT {COLUMNS} FROM finding WHERE {filter} ORDER BY first_at, finding.id");
            let mut statement = connection.prepare_cached(&text)?;
            let rows = statement.query_map(params, mendable)?.collect::<rusqlite::Result<Vec<_>>>()?;
            let known = |mut found: Mendable| {
                found.subject = subject_of(connection, &found.finding)?;
                Ok(found)
            };
            rows.into_iter().map(known).collect()
        })
    }

    /// Begins an attempt, if [`may_fix`] says yes within the transaction; what else it says is kept with the finding.
    ///
    /// # Guarantees
    /// An attempt is on record before anything is sent, and no second one of the finding is under way.
    ///
    /// # Errors
    /// [`Error::Missing`] if no auditor reports such a finding.
    pub async fn begin_remedy(&self, wish: Wish) -> Result<Begun> {
        self.write(move |connection| {
            let (verdict, mend_at) = verdict(connection, &wish)?;
            let held = match &verdict {
                Verdict::Held { why } => Some(why.as_str()),
                Verdict::Fix | Verdict::Later { .. } | Verdict::Never { .. } => None,
            };
            let at = mend_at.filter(|_| !matches!(verdict, Verdict::Never { .. }));
            if wish.asked == Asked::ByAudit {
                let text = "UPDATE finding SET mend_at = ?2, mend_held = ?3 WHERE id = ?1 AND (mend_at IS NOT ?2 OR mend_held IS NOT ?3)";
                connection.prepare_cached(text)?.execute(params![wish.finding, crate::millis(at), held])?;
            }
            if verdict != Verdict::Fix {
                return Ok(Begun::No(verdict));
            }
            let text = "UPDATE remedy SET ended = ?2, outcome = 'how it ended could not be recorded', counts = 1
                WHERE finding = ?1 AND ended IS NULL";
            connection.prepare_cached(text)?.execute(params![wish.finding, wish.now.as_millis()])?;
            let text = "INSERT INTO remedy (finding, hook, at, asked_by, effect_by)
                SELECT id, source, ?2, ?3, ?4 FROM finding WHERE id = ?1 RETURNING id";
            let effect_by = (wish.now + wish.effect_within).as_millis();
            let params = params![wish.finding, wish.now.as_millis(), wish.asked_by, effect_by];
            Ok(Begun::Yes(connection.prepare_cached(text)?.query_row(params, |row| row.get(0))?))
        })
        .await
    }

    /// What [`Store::begin_remedy`] would say now; nothing is changed.
    ///
    /// # Errors
    /// [`Error::Missing`] if no auditor reports such a finding.
    pub fn would_mend(&self, wish: &Wish) -> Result<Verdict> {
        self.read(|connection| Ok(verdict(connection, wish)?.0))
    }

    /// Ends an attempt: outcome, run and what the hook remembers in one transaction.
    pub async fn end_remedy(&self, end: RemedyEnd) -> Result<()> {
        let bytes = runs::bytes(&end.run, &end.calls);
        self.write_much(bytes, move |connection| {
            runs::save(connection, &end.run, &end.calls)?;
            deliveries::remember(connection, end.lane, &end.written)?;
            let text = "UPDATE remedy SET ended = ?2, run = ?3, outcome = ?4, counts = ?5, effect_by = ?6 WHERE id = ?1";
            let (at, effect_by) = (end.now.as_millis(), end.effect_by.as_millis());
            let params = params![end.attempt, at, end.run.id.0, end.outcome, end.counts, effect_by];
            connection.prepare_cached(text)?.execute(params)?;
            Ok(())
        })
        .await
    }

    /// Ends attempts that a dead process left under way. They may have changed something, and what they sent may take
    /// effect until their bound: the next attempt is not begun before.
    pub async fn close_broken_remedies(&self, now: Timestamp) -> Result<()> {
        self.write(move |connection| {
            let text = "UPDATE remedy SET ended = ?1, outcome = 'the runner ended first' WHERE ended IS NULL";
            connection.execute(text, [now.as_millis()])?;
            Ok(())
        })
        .await
    }

    /// Nobody mends this auditor's findings any more, but for those with these codes.
    pub async fn forget_mending(&self, hook: HookId, but: Vec<String>) -> Result<()> {
        self.write(move |connection| {
            let text = "UPDATE finding SET mend_at = NULL, mend_held = NULL
                WHERE source = ?1 AND mend_at IS NOT NULL AND code NOT IN (SELECT value FROM json_each(?2))";
            connection.prepare_cached(text)?.execute(params![hook.0, sql::text_of(&but)])?;
            Ok(())
        })
        .await
    }

    /// Lets remedies go that wait for a person: of the findings as they opened now.
    ///
    /// # Errors
    /// [`Error::Missing`] if one of them does not wait.
    pub async fn approve_remedies(
        &self,
        findings: Vec<i64>,
        who: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<()> {
        let who = who.to_owned();
        self.write(move |connection| {
            for id in &findings {
                let text = format!("SELECT first_at, code, about FROM finding WHERE id = ?1 AND {HELD}");
                let read = |row: &Row<'_>| Ok((sql::time(row, 0)?, row.get(1)?, row.get(2)?));
                let found: Option<(Timestamp, String, String)> =
                    connection.query_row(&text, [id], read).optional()?;
                let (first_at, code, about) = found.ok_or(Error::Missing("remedy that waits"))?;
                let approved = sql::text_of(&Approved { who: who.clone(), until, first_at });
                connection.execute(
                    "UPDATE finding SET mend_approved = ?2, mend_held = NULL WHERE id = ?1",
                    params![id, approved],
                )?;
                let what = format!("approve the remedy of {code} about {about}");
                operators::record(connection, &OperatorAct { who: who.clone(), what }, now)?;
            }
            Ok(())
        })
        .await
    }

    /// The last attempts, newest first.
    pub fn remedies(&self, limit: u32) -> Result<Vec<Remedy>> {
        self.read(|connection| {
            let text = "SELECT finding, at, asked_by, run, outcome FROM remedy ORDER BY id DESC LIMIT ?1";
            let mut statement = connection.prepare_cached(text)?;
            let remedy = |row: &Row<'_>| {
                Ok(Remedy {
                    finding: format!("f{}", row.get::<_, i64>(0)?),
                    at: sql::time(row, 1)?.to_string(),
                    asked_by: row.get(2)?,
                    run: row.get::<_, Option<i64>>(3)?.map(RunId),
                    outcome: row.get(4)?,
                })
            };
            let rows = statement.query_map([limit], remedy)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}

/// What holds for a finding whose remedy only an approval lets go.
pub(crate) const HELD: &str = "closed_at IS NULL AND mend_held IS NOT NULL AND mend_held NOT LIKE 'frozen%'";

fn mendable(row: &Row<'_>) -> rusqlite::Result<Mendable> {
    let finding = Reported {
        code: row.get(2)?,
        about: row.get(3)?,
        severity: sql::word(row, 4)?,
        message: row.get(5)?,
        remedy: row.get(6)?,
        cost_cents: row.get(7)?,
        subject: sql::json_opt(row, 8)?,
        data: sql::json(row, 9)?,
    };
    Ok(Mendable { id: row.get(0)?, hook: HookId(row.get(1)?), finding, subject: None })
}

fn subject_of(connection: &Connection, finding: &Reported) -> Result<Option<SubjectId>> {
    let Some(owner) = &finding.subject else { return Ok(None) };
    let id = subjects::id_of(connection, &owner.uid)?;
    let stored = id.map(|id| subjects::by_id(connection, id)).transpose()?.flatten();
    Ok(stored.filter(|stored| stored.subject.path == owner.path).map(|stored| stored.id))
}

/// What the store knows of one finding's life.
struct Known {
    hook: HookId,
    code: String,
    life: Life,
    subject: Option<groundcrew_core::spec::Owner>,
    approved: Option<Approved>,
}

fn known(connection: &Connection, finding: i64) -> Result<Known> {
    let text = "SELECT source, code, first_at, last_at, closed_at, acknowledged, subject, mend_approved
        FROM finding WHERE id = ?1 AND source <> 0";
    let known = |row: &Row<'_>| {
        let life = Life {
            first_at: sql::time(row, 2)?,
            last_at: sql::time(row, 3)?,
            resolved_at: sql::time_opt(row, 4)?,
            acknowledged: sql::json_opt::<Acknowledgement>(row, 5)?,
            openings: Vec::new(),
        };
        Ok(Known {
            hook: HookId(row.get(0)?),
            code: row.get(1)?,
            life,
            subject: sql::json_opt(row, 6)?,
            approved: sql::json_opt(row, 7)?,
        })
    };
    let found = connection.prepare_cached(text)?.query_row([finding], known).optional()?;
    found.ok_or(Error::Missing("finding of an auditor"))
}

/// The verdict, and when the finding's grace is over.
fn verdict(connection: &Connection, wish: &Wish) -> Result<(Verdict, Option<Timestamp>)> {
    let known = known(connection, wish.finding)?;
    let subject = match &known.subject {
        Some(owner) => subjects::id_of(connection, &owner.uid)?.unwrap_or(SubjectId::NONE),
        None => SubjectId::NONE,
    };
    let paused = leave::paused(connection, known.hook, subject)?;
    let level = paused.map_or(wish.level, |paused| paused.min(wish.level));
    let by_level = (level < Level::Enforce).then(|| format!("level is {level}"));
    let frozen = by_level.or_else(|| wish.frozen.clone());
    let of_this = |approved: &Approved| approved.first_at == known.life.first_at && wish.now < approved.until;
    let facts = Facts {
        now: wish.now,
        asked: wish.asked,
        effect: if wish.harmless.contains(&known.code) { Effect::Harmless } else { Effect::Destroys },
        standing: known.life.standing(wish.now),
        listed: wish.enforcement.codes.contains(&known.code),
        frozen: frozen.as_deref(),
        first_at: known.life.first_at,
        grace: wish.enforcement.grace,
        last: last(connection, wish.finding, wish.now)?,
        untrue_at: untrue_at(connection, wish.finding, known.life.first_at)?,
        due: due(connection, known.hook, wish)?,
        open: open(connection, known.hook, &wish.harmless)?,
        window: wish.enforcement.window,
        approved: known.approved.as_ref().is_some_and(of_this),
    };
    let grace_over = match facts.effect {
        Effect::Destroys => known.life.first_at + wish.enforcement.grace,
        Effect::Harmless => known.life.first_at,
    };
    Ok((may_fix(&facts), Some(grace_over)))
}

/// How the last attempt stands. One whose beginning or end could not be recorded is over when no run can be any more.
fn last(connection: &Connection, finding: i64, now: Timestamp) -> Result<Last> {
    let text = "SELECT ended, effect_by FROM remedy WHERE finding = ?1 ORDER BY id DESC LIMIT 1";
    let read = |row: &Row<'_>| Ok((sql::time_opt(row, 0)?, sql::time(row, 1)?));
    let found = connection.prepare_cached(text)?.query_row([finding], read).optional()?;
    Ok(match found {
        None => Last::None,
        Some((None, effect_by)) if now < effect_by => Last::UnderWay,
        Some((_, effect_by)) => Last::Ended(effect_by),
    })
}

/// When the last attempt of a finding was begun, if it was of this opening and found nothing to mend.
fn untrue_at(connection: &Connection, finding: i64, first_at: Timestamp) -> Result<Option<Timestamp>> {
    let text = "SELECT at, outcome = ?3 FROM remedy WHERE finding = ?1 AND at >= ?2 ORDER BY id DESC LIMIT 1";
    let read = |row: &Row<'_>| Ok((sql::time(row, 0)?, row.get::<_, Option<bool>>(1)?));
    let params = params![finding, first_at.as_millis(), Outcome::NoLongerTrue.as_str()];
    let found = connection.prepare_cached(text)?.query_row(params, read).optional()?;
    Ok(found.and_then(|(at, untrue)| (untrue == Some(true)).then_some(at)))
}

/// Attempts of the last window that count, and findings whose grace ends within the next one; harmless ones are none.
///
/// Findings of which the last attempt found nothing to mend are left out, but for the one that is asked about: they
/// stay open for as long as they are reported, and would hold all others.
fn due(connection: &Connection, hook: HookId, wish: &Wish) -> Result<u32> {
    let (now, within) = (wish.now, wish.enforcement.window.within);
    let harmless = sql::text_of(&wish.harmless);
    let text = "SELECT count(*) FROM remedy WHERE hook = ?1 AND at > ?2 AND counts
          AND (SELECT code FROM finding WHERE id = remedy.finding) NOT IN (SELECT value FROM json_each(?3))";
    let params = params![hook.0, (now - within).as_millis(), harmless];
    let done: u32 = connection.prepare_cached(text)?.query_row(params, |row| row.get(0))?;
    let text = "SELECT count(*) FROM finding WHERE source = ?1 AND closed_at IS NULL
          AND code IN (SELECT value FROM json_each(?2)) AND code NOT IN (SELECT value FROM json_each(?9))
          AND first_at + ?3 <= ?4
          AND (acknowledged IS NULL OR json_extract(acknowledged, '$.until') <= ?5)
          AND NOT EXISTS (SELECT 1 FROM remedy WHERE remedy.finding = finding.id AND remedy.at > ?6 AND remedy.counts)
          AND (finding.id = ?7 OR (SELECT outcome FROM remedy WHERE remedy.finding = finding.id
            AND remedy.at >= finding.first_at ORDER BY remedy.id DESC LIMIT 1) IS NOT ?8)";
    let params = params![
        hook.0,
        sql::text_of(&wish.enforcement.codes),
        wish.enforcement.grace.as_i64(),
        (now + within).as_millis(),
        now.as_millis(),
        (now - within).as_millis(),
        wish.finding,
        Outcome::NoLongerTrue.as_str(),
        harmless,
    ];
    let coming: u32 = connection.prepare_cached(text)?.query_row(params, |row| row.get(0))?;
    Ok(done + coming)
}

fn open(connection: &Connection, hook: HookId, harmless: &[String]) -> Result<u32> {
    let text = "SELECT count(*) FROM finding WHERE source = ?1 AND closed_at IS NULL
          AND code NOT IN (SELECT value FROM json_each(?2))";
    Ok(connection
        .prepare_cached(text)?
        .query_row(params![hook.0, sql::text_of(&harmless)], |row| row.get(0))?)
}
