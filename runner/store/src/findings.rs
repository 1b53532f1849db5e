//! The runner's own findings: what a person should look at, open until it is no longer so.

use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, params};

use crate::{HookId, Result, Store, sql};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Should be looked at.
    Warning,
    /// Must be looked at.
    Critical,
}

impl Severity {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// Something to be reported; (code, about) is its identity.
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
    /// When it was first seen, RFC 3339.
    pub since: String,
    /// When it ended; none: open.
    pub closed: Option<String>,
}

/// Opens a finding, or sees it again. Returns whether it is new.
pub(crate) fn open(connection: &Connection, finding: &NewFinding, now: Timestamp) -> Result<()> {
    let text = "INSERT INTO finding (code, about, hook, severity, message, remedy, first_at, last_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)
        ON CONFLICT (code, about) DO UPDATE SET message = excluded.message, remedy = excluded.remedy,
          severity = excluded.severity, last_at = excluded.last_at,
          first_at = CASE WHEN finding.closed_at IS NULL THEN finding.first_at ELSE excluded.first_at END, closed_at = NULL";
    connection.prepare_cached(text)?.execute(params![
        finding.code,
        finding.about,
        finding.hook.map(|id| id.0),
        finding.severity.as_str(),
        finding.message,
        finding.remedy,
        now.as_millis()
    ])?;
    Ok(())
}

/// Closes findings about something; codes ending with `*` match the rest.
pub(crate) fn close(connection: &Connection, code: &str, about: &str, now: Timestamp) -> Result<()> {
    let text = "UPDATE finding SET closed_at = ?3 WHERE about = ?2 AND closed_at IS NULL AND code GLOB ?1";
    connection.prepare_cached(text)?.execute(params![code, about, now.as_millis()])?;
    Ok(())
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
        self.read(|connection| {
            let text = "SELECT code, about, severity, message, remedy, first_at, closed_at FROM finding
                WHERE closed_at IS NULL OR ?1 ORDER BY severity = 'critical' DESC, severity = 'warning' DESC, first_at, code, about";
            let mut statement = connection.prepare_cached(text)?;
            let finding = |row: &rusqlite::Row<'_>| {
                Ok(Finding {
                    code: row.get(0)?,
                    about: row.get(1)?,
                    severity: row.get(2)?,
                    message: row.get(3)?,
                    remedy: row.get(4)?,
                    since: sql::time(row, 5)?.to_string(),
                    closed: sql::time_opt(row, 6)?.map(|at| at.to_string()),
                })
            };
            let rows = statement.query_map([closed_too == ClosedToo::Yes], finding)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }
}

/// Whether closed findings are listed too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClosedToo {
    /// They are.
    Yes,
    /// They are not.
    No,
}
