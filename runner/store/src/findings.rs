//! Findings: what a person should look at, open until it is no longer so.
//!
//! Those of the runner itself open and close one by one, as it notices, and are told at once, or those of one kind
//! together ([`crate::told`]); those of auditors by whole runs ([`crate::audits`]).

mod moved;
mod renamed;
mod whose;

use groundcrew_core::finding::{Acknowledgement, Coverage, Flapping, Life, Notice, Standing, is_muted};
use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::operators::{self, OperatorAct};
use crate::told::{self, Change, Told};
use crate::{Error, HookId, Result, Store, sql};

pub use groundcrew_core::finding::Severity;
pub(crate) use moved::follow;
pub use renamed::SUBCOMMANDS;
pub(crate) use renamed::rename;
pub(crate) use whose::{Whose, close_conflict, close_conflicts_of, close_of_row, open_of_row, transfer};

/// Something to be reported; (code, about) is its identity, with the target for what is about a ledger row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFinding {
    /// `resource.stuck`, `resource.conflict`, `source.vanish`.
    pub code: String,
    /// What it concerns: `kind/key`, a path.
    pub about: String,
    /// Whose, if one hook's.
    pub hook: Option<HookId>,
    /// How bad.
    pub severity: Severity,
    /// For people.
    pub message: String,
    /// A command that can be pasted, or words.
    pub remedy: Option<String>,
}

/// A finding that begins or ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FindingChange {
    /// It opens, or is seen again.
    Open(NewFinding),
    /// Findings about something close.
    Close {
        /// Their code; one ending with `*` matches the rest.
        code: String,
        /// What they concern.
        about: String,
    },
}

/// A finding as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// Names it for commands: `f12`.
    pub id: String,
    /// The auditor that reports it; none: the runner itself.
    pub auditor: Option<String>,
    /// Whose thing or work it is about, if it is the runner's own and about one hook's.
    pub hook: Option<String>,
    /// What kind of thing was noticed.
    pub code: String,
    /// What it concerns.
    pub about: String,
    /// How bad.
    pub severity: String,
    /// For people.
    pub message: String,
    /// What would mend it.
    pub remedy: Option<String>,
    /// US cents a month; none: unknown.
    pub cost_cents: Option<u32>,
    /// How far it was when it was last seen; [`Finding::as_of`] says it of another time.
    pub standing: Standing,
    /// Who said why it may be.
    pub acknowledged: Option<Acknowledged>,
    /// What becomes of it by itself, if anything does.
    pub mending: Option<Mending>,
    /// When it was first seen, RFC 3339.
    pub since: String,
    /// When it was last seen, RFC 3339.
    pub seen: String,
    /// When it ended; none: open.
    pub closed: Option<String>,
    /// Whether it came and went so often lately that nobody is told of it, when it was last seen; [`Finding::as_of`] says
    /// it of another time.
    pub muted: bool,
    /// When it opened lately.
    #[serde(skip)]
    openings: Vec<Timestamp>,
    /// Which of the things of this name it is about.
    #[serde(skip)]
    whose: String,
}

impl Finding {
    /// Whether it may be about something at this target: it says so, or says nothing of targets.
    #[must_use]
    pub fn is_at(&self, target: &str) -> bool {
        whose::is_at(&self.whose, target)
    }

    /// The same at this time: an acknowledgement whose time is over is none, and what came and went long ago mutes nothing.
    #[must_use]
    pub fn as_of(mut self, now: Timestamp) -> Self {
        self.muted = is_muted(&self.openings, now, Flapping::DEFAULT);
        let until = self.acknowledged.as_ref().and_then(|said| said.until.as_deref());
        if until.and_then(Timestamp::parse_rfc3339).is_some_and(|until| until <= now) {
            self.acknowledged = None;
            if self.standing == Standing::Acknowledged {
                self.standing = Standing::Open;
            }
        }
        self
    }
}

/// How far the mending of a finding is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Mending {
    /// When its grace is over, RFC 3339; none: no audit mends it.
    pub after: Option<String>,
    /// Why it waits although its grace is over.
    pub held: Option<String>,
    /// When the last attempt was begun, RFC 3339.
    pub tried: Option<String>,
    /// What became of that; none: it is under way.
    pub outcome: Option<String>,
}

/// Why a finding may be, for people and programs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Acknowledged {
    /// Who said so.
    pub who: String,
    /// Why.
    pub reason: String,
    /// Until when it holds, RFC 3339; none: as long as it is so.
    pub until: Option<String>,
}

/// Opens a finding, or sees it again. Handlers that listen are told of what opens, unless it comes and goes too often.
pub(crate) fn open(connection: &Connection, finding: &NewFinding, now: Timestamp) -> Result<()> {
    open_whose(connection, finding, Whose::Only, now)
}

/// Opens a finding about one of the things of its name, or sees it again.
pub(crate) fn open_whose(
    connection: &Connection,
    finding: &NewFinding,
    whose: Whose<'_>,
    now: Timestamp,
) -> Result<()> {
    let NewFinding { code, about, hook, severity, message, remedy } = finding;
    let whose = whose.text();
    let before =
        ours(connection, "code = ?1 AND whose = ?3", code, about, &whose)?.pop().map(|known| known.life);
    let (life, notice) = Life::seen(before, now, Flapping::DEFAULT);
    let text =
        "INSERT INTO finding (source, code, about, hook, severity, message, remedy, acknowledged, openings,
          first_at, last_at, whose)
        VALUES (0, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
        ON CONFLICT (source, code, about, whose) DO UPDATE SET hook = excluded.hook, message = excluded.message, remedy = excluded.remedy,
          severity = excluded.severity, acknowledged = excluded.acknowledged, openings = excluded.openings,
          first_at = excluded.first_at, last_at = excluded.last_at, closed_at = NULL";
    connection.prepare_cached(text)?.execute(params![
        code,
        about,
        hook.map(|id| id.0),
        severity.as_str(),
        message,
        remedy,
        life.acknowledged.as_ref().map(sql::text_of),
        sql::text_of(&life.openings),
        life.first_at.as_millis(),
        life.last_at.as_millis(),
        whose
    ])?;
    if notice == Notice::Tell {
        let (severity, remedy) = (*severity, remedy.as_deref());
        told::tell(
            connection,
            Change::Opened,
            &Told { code, about, whose: &whose, hook: *hook, severity, message, remedy },
            now,
        )?;
    }
    Ok(())
}

/// Closes findings about something; codes ending with `*` match the rest. Handlers that listen are told.
pub(crate) fn close(connection: &Connection, code: &str, about: &str, now: Timestamp) -> Result<()> {
    close_whose(connection, code, about, Whose::Only, now)
}

/// Closes findings about one of the things of a name; codes ending with `*` match the rest.
pub(crate) fn close_whose(
    connection: &Connection,
    code: &str,
    about: &str,
    whose: Whose<'_>,
    now: Timestamp,
) -> Result<()> {
    let which = if code.ends_with('*') { "code GLOB ?1" } else { "code = ?1" };
    let whom = match whose {
        // One that says nothing of targets is about any row of its name.
        Whose::Row(_) => "whose IN (?3, '')",
        Whose::Only | Whose::Want(..) => "whose = ?3",
    };
    let filter = format!("closed_at IS NULL AND {which} AND {whom}");
    let open = ours(connection, &filter, code, about, &whose.text())?;
    open.into_iter().try_for_each(|known| end(connection, known, now))
}

/// Ends a finding of the runner itself.
fn end(connection: &Connection, known: Known, now: Timestamp) -> Result<()> {
    let Known { id, code, about, whose, hook, severity, message, life, .. } = known;
    let (_, notice) = Life::unseen(life, Coverage::Complete, now, Flapping::DEFAULT);
    let text = "UPDATE finding SET closed_at = ?2 WHERE id = ?1";
    connection.prepare_cached(text)?.execute([id, now.as_millis()])?;
    if notice == Notice::Tell {
        let (code, about, whose, message) = (&*code, &*about, &*whose, &*message);
        let told = Told { code, about, whose, hook, severity, message, remedy: None };
        told::tell(connection, Change::Resolved, &told, now)?;
    }
    Ok(())
}

/// Ends what a hook reported, for nobody looks any more, and says why; handlers that listen are told.
pub(crate) fn resolve_reported(
    connection: &Connection,
    hook: HookId,
    why: &str,
    now: Timestamp,
) -> Result<u32> {
    let open = known(connection, "source = ?1 AND closed_at IS NULL", [hook.0])?;
    for Known { id, code, about, whose, severity, message, life, .. } in &open {
        let (_, notice) = Life::unseen(life.clone(), Coverage::Complete, now, Flapping::DEFAULT);
        let message = format!("{why}; last seen: {message}");
        let text = "UPDATE finding SET closed_at = ?2, message = ?3, acknowledged = NULL, mend_at = NULL, mend_held = NULL
            WHERE id = ?1";
        connection.prepare_cached(text)?.execute(params![id, now.as_millis(), message])?;
        if notice == Notice::Tell {
            let (hook, severity, message) = (Some(hook), *severity, message.as_str());
            let told = Told { code, about, whose, hook, severity, message, remedy: None };
            told::tell(connection, Change::Resolved, &told, now)?;
        }
    }
    Ok(open.len() as u32)
}

/// Ends every finding of the runner itself about a hook.
pub(crate) fn close_all_of(connection: &Connection, hook: HookId, now: Timestamp) -> Result<()> {
    let open = known(connection, "hook = ?1 AND source = 0 AND closed_at IS NULL", [hook.0])?;
    open.into_iter().try_for_each(|known| end(connection, known, now))
}

/// A finding as it was when it was last seen.
struct Known {
    id: i64,
    code: String,
    about: String,
    whose: String,
    hook: Option<HookId>,
    severity: Severity,
    message: String,
    remedy: Option<String>,
    life: Life,
}

/// What is known about something, of the codes that the filter says.
fn ours(connection: &Connection, filter: &str, code: &str, about: &str, whose: &str) -> Result<Vec<Known>> {
    let filter = format!("source = 0 AND about = ?2 AND {filter}");
    known(connection, &filter, params![code, about, whose])
}

fn known<P: rusqlite::Params>(connection: &Connection, filter: &str, params: P) -> Result<Vec<Known>> {
    let text = format!(
        "SELECT code, severity, message, first_at, last_at, closed_at, acknowledged, openings, hook, about, remedy,
           id, whose
         FROM finding WHERE {filter}"
    );
    let mut statement = connection.prepare_cached(&text)?;
    let known = |row: &rusqlite::Row<'_>| {
        let life = Life {
            first_at: sql::time(row, 3)?,
            last_at: sql::time(row, 4)?,
            resolved_at: sql::time_opt(row, 5)?,
            acknowledged: sql::json_opt(row, 6)?,
            openings: sql::json(row, 7)?,
        };
        let hook = row.get::<_, Option<i64>>(8)?.map(HookId);
        let (code, about, message, remedy) = (row.get(0)?, row.get(9)?, row.get(2)?, row.get(10)?);
        let (id, whose, severity) = (row.get(11)?, row.get(12)?, sql::word(row, 1)?);
        Ok(Known { id, code, about, whose, hook, severity, message, remedy, life })
    };
    let rows = statement.query_map(params, known)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(crate) fn change(connection: &Connection, change: &FindingChange, now: Timestamp) -> Result<()> {
    match change {
        FindingChange::Open(finding) => open(connection, finding, now),
        FindingChange::Close { code, about } => close(connection, code, about, now),
    }
}

impl Store {
    /// Opens a finding, or sees it again.
    pub async fn open_finding(&self, finding: NewFinding, now: Timestamp) -> Result<()> {
        self.write(move |connection| open(connection, &finding, now)).await
    }

    /// Closes findings about something; codes ending with `*` match the rest.
    pub async fn close_finding(&self, code: &str, about: &str, now: Timestamp) -> Result<()> {
        let (code, about) = (code.to_owned(), about.to_owned());
        self.write(move |connection| close(connection, &code, &about, now)).await
    }

    /// Open findings, or all, worst and oldest first.
    pub fn findings(&self, closed_too: ClosedToo) -> Result<Vec<Finding>> {
        self.read(|connection| list(connection, "closed_at IS NULL OR ?1", [closed_too == ClosedToo::Yes]))
    }

    /// All findings about something that are kept, open or not, oldest first.
    pub fn findings_about(&self, about: &str) -> Result<Vec<Finding>> {
        self.read(|connection| {
            let filter = format!("finding.id IN ({ABOUT})");
            let mut found = list(connection, &filter, [about])?;
            found.sort_by(|one, other| (&one.since, &one.id).cmp(&(&other.since, &other.id)));
            Ok(found)
        })
    }

    /// Findings whose remedy waits for an approval, of one auditor or of all.
    pub fn held_findings(&self, hook: Option<HookId>) -> Result<Vec<Finding>> {
        self.read(|connection| {
            let filter = format!("{} AND (?1 IS NULL OR finding.source = ?1)", crate::remedies::HELD);
            list(connection, &filter, [hook.map(|id| id.0)])
        })
    }

    /// Takes back acknowledgements of the runner's own findings whose time is over, and tells of these again. Returns
    /// how many. Those of an auditor's are taken back by its next run.
    pub async fn lapse_acknowledgements(&self, now: Timestamp) -> Result<u32> {
        // Hardly ever anything: so nothing is written to see it.
        if self.read(|connection| lapsed(connection, now))?.is_empty() {
            return Ok(0);
        }
        self.write(move |connection| {
            let lapsed = lapsed(connection, now)?;
            for (Known { id, code, about, whose, hook, severity, message, remedy, .. }, notice) in &lapsed {
                let text = "UPDATE finding SET acknowledged = NULL WHERE id = ?1";
                connection.prepare_cached(text)?.execute([id])?;
                if *notice == Notice::Tell {
                    let (hook, severity, remedy) = (*hook, *severity, remedy.as_deref());
                    let told = Told { code, about, whose, hook, severity, message, remedy };
                    told::tell(connection, Change::Opened, &told, now)?;
                }
            }
            Ok(lapsed.len() as u32)
        })
        .await
    }

    /// Ends what a hook reported, for nobody looks any more; returns how many findings that are.
    pub async fn resolve_reported(&self, hook: HookId, why: &str, now: Timestamp) -> Result<u32> {
        let why = why.to_owned();
        self.write(move |connection| resolve_reported(connection, hook, &why, now)).await
    }

    /// Notes why an open finding may be.
    ///
    /// # Errors
    /// [`Error::Missing`] if no such finding is open.
    pub async fn acknowledge(
        &self,
        id: i64,
        acknowledgement: Acknowledgement,
        act: OperatorAct,
    ) -> Result<(String, String)> {
        self.write(move |connection| {
            let text = "UPDATE finding SET acknowledged = ?2 WHERE id = ?1 AND closed_at IS NULL RETURNING code, about";
            let params = params![id, sql::text_of(&acknowledgement)];
            let names = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
            let found = connection.query_row(text, params, names).optional()?;
            let found = found.ok_or(Error::Missing("open finding"))?;
            operators::record(connection, &act, acknowledgement.at)?;
            Ok(found)
        })
        .await
    }
}

/// Findings of the runner itself that are acknowledged no longer, and whether people are told of that.
fn lapsed(connection: &Connection, now: Timestamp) -> Result<Vec<(Known, Notice)>> {
    let filter = "source = 0 AND closed_at IS NULL AND json_extract(acknowledged, '$.until') <= ?1";
    let found = known(connection, filter, [now.as_millis()])?;
    let lapsed = |known: Known| {
        let (_, notice) = known.life.clone().lapsed(now, Flapping::DEFAULT);
        (known, notice)
    };
    Ok(found.into_iter().map(lapsed).collect())
}

/// The findings about ?1. Their identity begins with source and code, of which there are few: for each of these the
/// index is asked once, instead of every finding.
const ABOUT: &str = "WITH RECURSIVE sort(id) AS (
      SELECT (SELECT id FROM finding ORDER BY source, code, about LIMIT 1)
      UNION ALL
      SELECT coalesce(
          (SELECT next.id FROM finding AS next WHERE next.source = last.source AND next.code > last.code
             ORDER BY next.code, next.about LIMIT 1),
          (SELECT next.id FROM finding AS next WHERE next.source > last.source
             ORDER BY next.source, next.code, next.about LIMIT 1))
      FROM sort CROSS JOIN finding AS last ON last.id = sort.id)
    SELECT found.id FROM sort CROSS JOIN finding AS kind ON kind.id = sort.id
    CROSS JOIN finding AS found ON found.source = kind.source AND found.code = kind.code AND found.about = ?1";

fn list<P: rusqlite::Params>(connection: &Connection, filter: &str, params: P) -> Result<Vec<Finding>> {
    let text = format!(
        "SELECT finding.id, hook.name, code, about, severity, message, finding.remedy, cost_cents, acknowledged,
           first_at, last_at, closed_at, mend_at, mend_held, tried.at, tried.outcome, concerned.name, whose, openings
         FROM finding LEFT JOIN hook ON hook.id = finding.source
         LEFT JOIN hook AS concerned ON concerned.id = finding.hook AND finding.source = 0
         LEFT JOIN remedy AS tried ON tried.id = (SELECT max(id) FROM remedy WHERE remedy.finding = finding.id AND remedy.at >= finding.first_at)
         WHERE {filter} ORDER BY severity = 'critical' DESC, severity = 'warning' DESC, first_at, code, about, whose"
    );
    let mut statement = connection.prepare_cached(&text)?;
    let rows = statement.query_map(params, finding)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn mending(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<Mending>> {
    let at = |column| Ok::<_, rusqlite::Error>(sql::time_opt(row, column)?.map(|at| at.to_string()));
    let mending = Mending { after: at(12)?, held: row.get(13)?, tried: at(14)?, outcome: row.get(15)? };
    Ok((mending.after.is_some() || mending.tried.is_some()).then_some(mending))
}

fn finding(row: &rusqlite::Row<'_>) -> rusqlite::Result<Finding> {
    let acknowledged = sql::json_opt::<Acknowledgement>(row, 8)?;
    let (first_at, last_at, resolved_at) = (sql::time(row, 9)?, sql::time(row, 10)?, sql::time_opt(row, 11)?);
    let life = Life { first_at, last_at, resolved_at, acknowledged, openings: sql::json(row, 18)? };
    let standing = life.standing(last_at);
    Ok(Finding {
        id: format!("f{}", row.get::<_, i64>(0)?),
        auditor: row.get(1)?,
        hook: row.get(16)?,
        code: row.get(2)?,
        about: row.get(3)?,
        severity: row.get(4)?,
        message: row.get(5)?,
        remedy: row.get(6)?,
        cost_cents: row.get(7)?,
        standing,
        acknowledged: life.acknowledged.map(|ack| Acknowledged {
            who: ack.who,
            reason: ack.reason,
            until: ack.until.map(|until| until.to_string()),
        }),
        mending: mending(row)?,
        since: first_at.to_string(),
        seen: last_at.to_string(),
        closed: resolved_at.map(|at| at.to_string()),
        muted: is_muted(&life.openings, last_at, Flapping::DEFAULT),
        openings: life.openings,
        whose: row.get(17)?,
    })
}

/// Whether closed findings are listed too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClosedToo {
    /// They are.
    Yes,
    /// They are not.
    No,
}
