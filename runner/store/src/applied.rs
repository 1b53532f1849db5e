//! Plans: a copy of the ledger to rehearse on, and the items that an operator applied.

use std::path::Path;

use groundcrew_core::duration::Millis;
use groundcrew_core::plan::{Action, Item};
use groundcrew_core::row::State;
use groundcrew_core::spec::canonical;
use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::because::Because;
use crate::lanes::{self, LaneId};
use crate::ledger::StoredRow;
use crate::older::copy_into;
use crate::recover::OUT_OF_SCOPE;
use crate::{HookId, Result, Store, SubjectId, ends, ledger, operators, sql, subjects};

/// A removal that waits longer than this is not allowed by a plan of today.
const WAITS_MAX: Millis = Millis::hours(90 * 24);

/// What became of applying one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It will be done.
    Yes,
    /// Things are no longer as they were when the plan was made.
    No(String),
}

/// What an operator applied at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// What is to be done.
    pub action: Action,
    /// About which body and thing: [`groundcrew_core::plan::print`].
    pub print: String,
}

impl Store {
    /// Copies the whole database, as of now and of the schema that it has, into a file that does not exist yet.
    pub fn copy_to(&self, path: &Path) -> Result<()> {
        self.read_as_it_is(|connection| copy_into(connection, path))
    }

    /// Lets every row be decided again now that is not simply as it should be.
    pub async fn wake_unsettled(&self, now: Timestamp) -> Result<()> {
        self.wake(
            "(state <> 'present' OR unwanted_at IS NOT NULL OR waiting IS NOT NULL OR error IS NOT NULL)",
            now,
        )
        .await
    }

    /// Lets every row be decided again now that nobody wants.
    pub async fn wake_unwanted(&self, now: Timestamp) -> Result<()> {
        self.wake("unwanted_at IS NOT NULL", now).await
    }

    async fn wake(&self, which: &'static str, now: Timestamp) -> Result<()> {
        self.write(move |connection| {
            let text = format!(
                "UPDATE resource SET due_at = ?1, version = version + 1 WHERE state <> 'gone' AND {which}"
            );
            connection.execute(&text, [now.as_millis()])?;
            let text = format!(
                "UPDATE lane SET due_at = ?1 WHERE (hook, subject) IN
                   (SELECT hook, owner FROM resource WHERE state <> 'gone' AND {which})"
            );
            connection.execute(&text, [now.as_millis()])?;
            Ok(())
        })
        .await
    }

    /// Lets every row be looked at now, also what is as it should be: what others changed shows.
    pub async fn wake_everything(&self, now: Timestamp) -> Result<()> {
        self.write(move |connection| {
            connection
                .execute("UPDATE resource SET look_at = ?1 WHERE state <> 'gone'", [now.as_millis()])?;
            Ok(())
        })
        .await?;
        self.wake("TRUE", now).await
    }

    /// Rows that exist and that nothing is to be done about.
    pub fn settled_rows(&self) -> Result<u32> {
        self.read(|connection| {
            // Of what is out of scope nobody knows how it is.
            let text = format!(
                "SELECT count(*) FROM resource WHERE state = 'present' AND unwanted_at IS NULL AND waiting IS NULL
                   AND error IS NULL AND NOT EXISTS (SELECT 1 FROM lane WHERE lane.hook = resource.hook
                     AND lane.subject = resource.owner AND lane.error LIKE '{OUT_OF_SCOPE}%')"
            );
            Ok(connection.query_row(&text, [], |row| row.get(0))?)
        })
    }

    /// Allows items of a plan until it ends, each if things still are as it says; a removal that waits for grace, until a
    /// day after that.
    pub async fn apply(
        &self,
        items: Vec<Item>,
        who: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Taken>> {
        let who = who.to_owned();
        self.write(move |connection| {
            items.iter().map(|item| apply(connection, item, &who, now, until)).collect()
        })
        .await
    }

    /// What was applied at a place and has not lapsed.
    pub fn applied(&self, lane: LaneId, kind: &str, key: &str, now: Timestamp) -> Result<Option<Applied>> {
        self.read(|connection| {
            let text = "SELECT action, print FROM applied WHERE hook = ?1 AND subject = ?2 AND kind = ?3 AND key = ?4 AND until > ?5";
            let params = params![lane.hook.0, lane.subject.0, kind, key, now.as_millis()];
            let applied =
                |row: &rusqlite::Row<'_>| Ok(Applied { action: sql::word(row, 0)?, print: row.get(1)? });
            Ok(connection.prepare_cached(text)?.query_row(params, applied).optional()?)
        })
    }
}

/// Ends what was applied at a row's place once it is done: asked before the change of the row is written.
pub(crate) fn spend(connection: &Connection, row: &StoredRow) -> Result<()> {
    let done = match row.row.state {
        State::Present | State::Pending => "'create', 'update', 'replace'",
        State::Gone | State::Retained => "'delete'",
        State::Creating | State::InDoubt | State::Updating | State::Deleting => return Ok(()),
    };
    let text = format!(
        "DELETE FROM applied WHERE hook = ?1 AND subject = ?2 AND kind = ?3 AND key = ?4 AND action IN ({done})
           AND EXISTS (SELECT 1 FROM resource WHERE id = ?5 AND state IN ('in-doubt', 'updating', 'deleting'))"
    );
    let params = params![row.hook.0, row.owner.0, row.kind, row.key, row.id];
    connection.prepare_cached(&text)?.execute(params)?;
    Ok(())
}

/// Its thing is wanted again: what was allowed to remove it is void.
pub(crate) fn not_removed_any_more(connection: &Connection, row: &StoredRow) -> Result<()> {
    let text = "DELETE FROM applied WHERE hook = ?1 AND subject = ?2 AND kind = ?3 AND key = ?4 AND action = 'delete'";
    let params = params![row.hook.0, row.owner.0, row.kind, row.key];
    connection.prepare_cached(text)?.execute(params)?;
    connection.prepare_cached("DELETE FROM approval WHERE resource = ?1")?.execute([row.id])?;
    Ok(())
}

fn apply(connection: &Connection, item: &Item, who: &str, now: Timestamp, until: Timestamp) -> Result<Taken> {
    let no = |why: &str| Ok(Taken::No(why.to_owned()));
    let Some(lane) = lane_of(connection, item)? else {
        return no("its owner or its hook is not there any more");
    };
    // Grace may be longer than a plan holds, and begins only now where nothing was to be removed.
    let until = match (item.action, item.not_before) {
        (Action::Delete | Action::Replace, Some(later)) if later > now + WAITS_MAX => {
            return Ok(Taken::No(format!("it is not to go before {later}: plan again when that is near")));
        }
        (Action::Delete | Action::Replace, Some(later)) => until.max(later + ends::HOLDS),
        _ => until,
    };
    let rows = ledger::of_lane(connection, lane)?;
    let row = rows.iter().find(|row| row.kind == item.kind && row.key == item.key);
    let (wanted, row) = (want(connection, lane, item)?, row.filter(|row| row.row.state != State::Gone));
    match item.action {
        Action::Create | Action::Update | Action::Replace => {
            if subjects::is_gone(connection, &item.owner_id)? {
                return no("its owner is gone");
            }
            if wanted.as_deref().is_some_and(|body| body != canonical(&item.body)) {
                return no("something else is wanted by now");
            }
            if row.and_then(|row| row.row.thing.as_ref()) != item.thing.as_ref() {
                return no("the thing is another one by now");
            }
        }
        Action::Delete => {
            let Some(row) = row else { return no("it is gone already") };
            if wanted.is_some() {
                return no("it is wanted again");
            }
            if row.row.thing != item.thing || canonical(&row.row.spec) != canonical(&item.body) {
                return no("the thing is not as it was");
            }
            operators::approve_row(connection, row, who, now, until)?;
        }
        Action::Adopt | Action::HandOver | Action::Held | Action::Conflict | Action::Retain => {
            return no("there is nothing to apply");
        }
    }
    let text = "INSERT INTO applied (hook, subject, kind, key, action, print, who, at, until)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
        ON CONFLICT (hook, subject, kind, key) DO UPDATE SET action = excluded.action, print = excluded.print,
          who = excluded.who, at = excluded.at, until = excluded.until";
    connection.prepare_cached(text)?.execute(params![
        lane.hook.0,
        lane.subject.0,
        item.kind,
        item.key,
        item.action.as_str(),
        item.print(),
        who,
        now.as_millis(),
        until.as_millis()
    ])?;
    if let Some(row) = row {
        let text = "UPDATE resource SET due_at = ?2, version = version + 1 WHERE id = ?1";
        connection.prepare_cached(text)?.execute(params![row.id, now.as_millis()])?;
    }
    lanes::mark_dirty(connection, lane.hook, lane.subject, Because::Person, now)?;
    let what = format!("apply {} {}/{} of {}", item.action, item.kind, item.key, item.owner);
    operators::act(connection, who, &what, now)?;
    Ok(Taken::Yes)
}

fn lane_of(connection: &Connection, item: &Item) -> Result<Option<LaneId>> {
    let text = "SELECT hook.id, subject.id FROM hook, subject WHERE hook.name = ?1 AND subject.uid = ?2";
    let lane =
        |row: &rusqlite::Row<'_>| Ok(LaneId { hook: HookId(row.get(0)?), subject: SubjectId(row.get(1)?) });
    let params = [item.hook.as_str(), item.owner_id.as_str()];
    Ok(connection.prepare_cached(text)?.query_row(params, lane).optional()?)
}

/// The body that a lane wants at an item's place; none if it was not asked yet, or wants nothing.
fn want(connection: &Connection, lane: LaneId, item: &Item) -> Result<Option<String>> {
    let text = "SELECT body FROM want WHERE hook = ?1 AND subject = ?2 AND kind = ?3 AND key = ?4";
    let params = params![lane.hook.0, lane.subject.0, item.kind, item.key];
    let body = |row: &rusqlite::Row<'_>| sql::json::<serde_json::Value>(row, 0);
    let body = connection.prepare_cached(text)?.query_row(params, body).optional()?;
    Ok(body.map(|body| canonical(&body)))
}
