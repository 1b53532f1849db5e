//! Which of the things of one name a finding is about.
//!
//! `A/www.acme.app` may be at two servers, and wanted by three owners: people read the same name, and each has findings
//! of its own.

use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::{NewFinding, close_whose, open_whose};
use crate::lanes::LaneId;
use crate::ledger::StoredRow;
use crate::{HookId, Result, SubjectId};

const CONFLICT: &str = "resource.conflict";
const WANT: &str = " want ";

/// Tells the findings of one code and name apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose<'a> {
    /// Nothing else has its name.
    Only,
    /// A row's, by its target.
    Row(&'a str),
    /// One of several wants of the thing at a target.
    Want(&'a str, LaneId),
}

impl Whose<'_> {
    /// As it is kept.
    pub(super) fn text(self) -> String {
        match self {
            Self::Only => String::new(),
            Self::Row(target) => target.to_owned(),
            Self::Want(target, LaneId { hook, subject }) => format!("{target}{WANT}{}/{}", hook.0, subject.0),
        }
    }
}

/// Whether what is kept says nothing of a target, or this one.
pub(super) fn is_at(kept: &str, target: &str) -> bool {
    kept.is_empty() || kept.strip_prefix(target).is_some_and(|rest| rest.is_empty() || rest.starts_with(WANT))
}

/// Opens a finding about a row, or sees it again.
pub(crate) fn open_of_row(
    connection: &Connection,
    finding: &NewFinding,
    row: &StoredRow,
    now: Timestamp,
) -> Result<()> {
    open_whose(connection, finding, Whose::Row(&row.target), now)
}

/// Closes findings about a row; codes ending with `*` match the rest.
pub(crate) fn close_of_row(
    connection: &Connection,
    code: &str,
    row: &StoredRow,
    now: Timestamp,
) -> Result<()> {
    close_whose(connection, code, &row.about(), Whose::Row(&row.target), now)
}

/// Closes the finding that another one has what a lane wants.
pub(crate) fn close_conflict(
    connection: &Connection,
    lane: LaneId,
    target: &str,
    name: &str,
    now: Timestamp,
) -> Result<()> {
    close_whose(connection, CONFLICT, name, Whose::Want(target, lane), now)
}

/// Closes the findings that others have what a hook wants.
pub(crate) fn close_conflicts_of(connection: &Connection, hook: HookId, now: Timestamp) -> Result<()> {
    let text = "SELECT subject, target, kind || '/' || key FROM want WHERE hook = ?1";
    let wants = connection
        .prepare_cached(text)?
        .query_map([hook.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<Vec<(i64, String, String)>>>()?;
    wants.iter().try_for_each(|(subject, target, name)| {
        let lane = LaneId { hook, subject: SubjectId(*subject) };
        close_conflict(connection, lane, target, name, now)
    })
}

/// Gives the open findings of a hook to another one, which has its things and wants from now on.
pub(crate) fn transfer(connection: &Connection, hook: HookId, to: HookId) -> Result<()> {
    // One that is over may be about a want that the other had.
    let text =
        "UPDATE OR REPLACE finding SET hook = ?2, whose = replace(whose, ?3 || ?1 || '/', ?3 || ?2 || '/')
        WHERE hook = ?1 AND closed_at IS NULL";
    connection.prepare_cached(text)?.execute(params![hook.0, to.0, WANT])?;
    Ok(())
}
