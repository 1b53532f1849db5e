//! What an earlier incarnation at the same address left in the present one.
//!
//! The platform addresses an app's things by the app's *name*. An app that is deleted and made again under its
//! name may so get a thing that was created for its predecessor: the request was under way, or its answer was
//! read before anybody could know of the change. Whatever was sent for a predecessor is therefore in doubt for
//! its successor, and settled there like every other creation.
//!
//! ```text
//!   old incarnation:  create sent ------------------------> takes effect ... in the new one
//!                             deleted | made again
//!   ledger:           in-doubt or present, `inside` old  ->  in-doubt, `inside` new, same row, same pre-image
//! ```
//!
//! No creation can be missed here: the end of the old incarnation is committed before the new one is asked, and
//! after that commit no intent of the old one is taken (`refuse_if_owner_gone`, `refuse_if_owner_ended`).

use groundcrew_core::row::State;
use groundcrew_core::settle::WATCHED;
use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, params};

use crate::findings::{self, Whose};
use crate::lanes::LaneId;
use crate::ledger::StoredRow;
use crate::{Error, Result};

/// How a row is gone whose thing died with its owner.
pub const WITH_ITS_OWNER: &str = "its owner ended";

/// What was sent for earlier incarnations of a subject: hook, subject, since when, how it is gone.
const SENT_BEFORE: &str =
    "SELECT resource.id, resource.kind || '/' || resource.key || ' of ' || resource.inside, resource.target
        FROM subject AS present
          JOIN subject AS earlier ON earlier.path = present.path AND earlier.gone_at IS NOT NULL
          JOIN resource ON resource.owner = earlier.id AND resource.hook = ?1
        WHERE present.id = ?2 AND present.gone_at IS NULL AND earlier.id <> present.id
          AND resource.inside = earlier.uid AND resource.made_by >= ?3
          AND (resource.state <> 'gone' OR resource.gone_how = ?4)
        ORDER BY resource.id DESC";

/// Moves every row that was sent for an earlier incarnation of a lane's owner into the lane, in doubt.
///
/// Only of the last day: what was made before cannot turn up any more, and a row of its own keeps the history of
/// two incarnations apart.
pub(crate) fn from_earlier_incarnations(connection: &Connection, lane: LaneId, now: Timestamp) -> Result<()> {
    let mut statement = connection.prepare_cached(SENT_BEFORE)?;
    let since = (now - WATCHED).as_millis();
    let found = statement.query_map(params![lane.hook.0, lane.subject.0, since, WITH_ITS_OWNER], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
    })?;
    for (id, about, target) in found.collect::<rusqlite::Result<Vec<_>>>()? {
        inherit(connection, lane, id, now)?;
        findings::close_whose(connection, "*", &about, Whose::Row(&target), now)?;
    }
    Ok(())
}

/// Two incarnations may have left a row for one place: the later one, which comes first, has it.
fn inherit(connection: &Connection, lane: LaneId, id: i64, now: Timestamp) -> Result<()> {
    let text = "UPDATE OR IGNORE resource SET owner = ?2, inside = (SELECT uid FROM subject WHERE id = ?2),
          inherited_at = ?3, state = 'in-doubt', outputs = '[]', note = NULL, error = NULL, waiting = NULL, attempts = 0, due_at = ?3,
          absent_at = NULL, poll_at = NULL, look_at = NULL, gone_at = NULL, gone_how = NULL,
          unwanted_at = NULL, unwanted_why = NULL, withdrawn = 0, frozen_at = NULL, frozen_why = NULL, frozen_ms = 0,
          version = version + 1
        WHERE id = ?1";
    connection.prepare_cached(text)?.execute(params![id, lane.subject.0, now.as_millis()])?;
    Ok(())
}

/// Refuses an intent to remove a thing that dies with its owner once the owner's end is known: it would be taken from
/// whoever has the address now.
pub(crate) fn refuse_if_owner_ended(connection: &Connection, row: &StoredRow) -> Result<()> {
    if row.inside.is_empty() { Ok(()) } else { refuse_if_owner_gone(connection, row) }
}

/// Refuses an intent to make or change anything once the owner's end is known: it would be made for nobody, or in
/// whoever has the address now.
pub(crate) fn refuse_if_owner_gone(connection: &Connection, row: &StoredRow) -> Result<()> {
    let text = "SELECT EXISTS (SELECT 1 FROM subject WHERE id = ?1 AND gone_at IS NOT NULL)";
    let ended = connection.prepare_cached(text)?.query_row([row.owner.0], |row| row.get(0))?;
    if ended { Err(Error::Superseded("the owner")) } else { Ok(()) }
}

/// Marks a row as gone with its owner.
pub fn end_with_owner(row: &mut StoredRow, now: Timestamp) {
    row.row.state = State::Gone;
    row.gone_at = Some(now);
    row.gone_how = Some(WITH_ITS_OWNER.to_owned());
    row.due_at = None;
    row.outputs.clear();
    row.error = None;
    row.waiting = None;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_is_never_scanned() {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::migrations::migrate(&mut connection, std::path::Path::new("memory")).unwrap();
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {SENT_BEFORE}")).unwrap();
        let steps = statement.query_map(params![1, 1, 0, WITH_ITS_OWNER], |row| row.get::<_, String>(3));
        let steps: Vec<_> = steps.unwrap().collect::<rusqlite::Result<_>>().unwrap();
        assert!(steps.iter().all(|step| !step.starts_with("SCAN")), "{steps:#?}");
    }
}
