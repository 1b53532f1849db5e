//! What a person ends or moves: rows that are let go of, removed, taken over or taken back; hooks that end.
//!
//! ```text
//!   release        any state but in doubt -> retained, wanted by nobody
//!   ask_removal    retained -> present; unwanted, `asked` as it now is -> the driver removes it as may_delete says
//!   restore        `asked` no more, retained -> present, protected
//!   end_hook       every row unwanted, those that were planned `asked` -> removed once nothing is left
//! ```
//!
//! # Guarantees
//! - Each is one transaction, with the record of who did it.
//! - Nothing here removes anything: what is asked for is removed by the driver, if `may_delete` agrees.

use std::collections::BTreeMap;

use groundcrew_core::duration::Millis;
use groundcrew_core::may_delete::{Asked, Cause};
use groundcrew_core::plan::{Action, print};
use groundcrew_core::row::State;
use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::because::Because;
use crate::hooks::{HookState, StoredHook};
use crate::lanes::{self, LaneId};
use crate::ledger::{self, StoredRow};
use crate::operators::{self, OperatorAct};
use crate::{Error, HookId, Result, Store, SubjectId, findings, hooks, sql, wants};

/// How long an asked-for removal holds, once nothing but grace kept it.
pub const HOLDS: Millis = Millis::hours(24);

/// A row whose removal is asked for, as it was when that was planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The ledger row's number.
    pub id: i64,
    /// [`removal_print`] of it.
    pub print: String,
}

impl Planned {
    /// A row as it is now.
    pub fn of(row: &StoredRow) -> Self {
        Self { id: row.id, print: removal_print(row) }
    }
}

/// An existing thing that an operator says is a row's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The ledger row's number.
    pub id: i64,
    /// The thing's own id.
    pub thing: String,
    /// The mark that it carries.
    pub mark: Option<String>,
}

/// The digest of a row's thing and spec: what an asked-for removal is about.
pub fn removal_print(row: &StoredRow) -> String {
    print(Action::Delete, row.row.thing.as_deref(), &row.row.spec)
}

impl Store {
    /// Lets go of rows: they are `retained`, nobody wants them, and nothing is done about their things.
    ///
    /// # Errors
    /// [`Error::Superseded`] if one of them is in doubt or a removal of it is under way.
    pub async fn release_rows(&self, rows: Vec<i64>, act: OperatorAct, now: Timestamp) -> Result<()> {
        self.write(move |connection| {
            for id in &rows {
                let row = read(connection, *id)?;
                forget_wants(connection, &row, now)?;
                wake_readers(connection, &row, now)?;
                let_go(connection, Which::Row(*id), now)?;
                findings::close_of_row(connection, "resource.*", &row, now)?;
                finish_hook(connection, row.hook)?;
            }
            operators::record(connection, &act, now)
        })
        .await
    }

    /// Asks for the removal of rows as they are; whoever wanted them out of scope does not any more.
    ///
    /// # Errors
    /// [`Error::Superseded`] if one of them is another thing by now, or in doubt.
    pub async fn ask_removal(&self, rows: Vec<Planned>, act: OperatorAct, now: Timestamp) -> Result<()> {
        self.write(move |connection| {
            for planned in &rows {
                let row = read(connection, planned.id)?;
                if removal_print(&row) != planned.print || row.row.state == State::InDoubt {
                    return Err(Error::Superseded("the ledger row"));
                }
                forget_wants(connection, &row, now)?;
                unwant(connection, &row, now)?;
                ask(connection, planned, Asked::ForRow, now)?;
                for code in ["resource.held", "resource.retained"] {
                    findings::close_of_row(connection, code, &row, now)?;
                }
            }
            operators::record(connection, &act, now)
        })
        .await
    }

    /// Undoes an end that is not done yet: what was asked for and approved is withdrawn, and the row protected.
    pub async fn restore(&self, id: i64, act: OperatorAct, now: Timestamp) -> Result<()> {
        self.write(move |connection| {
            let row = read(connection, id)?;
            not_asked_any_more(connection, id)?;
            connection.execute("DELETE FROM approval WHERE resource = ?1", [id])?;
            let text =
                "UPDATE resource SET protected = 1, due_at = ?2, absent_at = NULL, version = version + 1,
                  state = CASE state WHEN 'retained' THEN 'present' ELSE state END
                WHERE id = ?1 AND state NOT IN ('gone', 'deleting')";
            if connection.execute(text, params![id, now.as_millis()])? == 0 {
                return Err(Error::Superseded("the ledger row"));
            }
            findings::close_of_row(connection, "resource.retained", &row, now)?;
            lanes::mark_dirty(connection, row.hook, row.owner, Because::Person, now)?;
            operators::record(connection, &act, now)
        })
        .await
    }

    /// Says that existing things are those of rows that nothing was made for yet; each is looked at next.
    ///
    /// # Errors
    /// [`Error::Superseded`] if something was sent for a row meanwhile; [`Error::Refused`] if another row has the thing.
    pub async fn import(&self, all: Vec<Imported>, act: OperatorAct, now: Timestamp) -> Result<()> {
        self.write(move |connection| {
            for one in &all {
                let row = read(connection, one.id)?;
                let text = "UPDATE resource SET state = 'present', origin = 'imported', thing = ?2, mark = ?3, made_at = ?4,
                      observed = NULL, absent_at = NULL, look_at = ?4, due_at = ?4, attempts = 0, error = NULL,
                      waiting = NULL, version = version + 1
                    WHERE id = ?1 AND state = 'creating'";
                if connection.execute(text, params![one.id, one.thing, one.mark, now.as_millis()])? == 0 {
                    return Err(Error::Superseded("the ledger row"));
                }
                findings::close_of_row(connection, "resource.conflict", &row, now)?;
                lanes::mark_dirty(connection, row.hook, row.owner, Because::Person, now)?;
            }
            operators::record(connection, &act, now)
        })
        .await
    }

    /// Ends a hook: it wants nothing from now on, and what was planned is removed. Returns how many things it has.
    ///
    /// # Guarantees
    /// A look that is under way adds nothing any more, whatever `desired` answers it. The hook is `removed` in the
    /// transaction in which its last thing is known to be gone, or in this one if it has none.
    pub async fn end_hook(
        &self,
        hook: HookId,
        planned: Vec<Planned>,
        act: OperatorAct,
        now: Timestamp,
    ) -> Result<u32> {
        self.write(move |connection| {
            let of = begin_ending(connection, hook, now)?;
            findings::close_conflicts_of(connection, hook, now)?;
            connection.execute("DELETE FROM want WHERE hook = ?1", [hook.0])?;
            for row in living(connection, hook)? {
                wants::release(connection, &row, Cause::Asked, now)?;
            }
            for one in planned.iter().filter(|one| read(connection, one.id).is_ok_and(|row| row.hook == hook))
            {
                ask(connection, one, Asked::WithHook, now)?;
            }
            let text = "UPDATE resource SET due_at = ?2, version = version + 1
                WHERE hook = ?1 AND state NOT IN ('gone', 'retained')";
            connection.execute(text, params![hook.0, now.as_millis()])?;
            owe_everybody(connection, hook, now)?;
            finish_hook(connection, hook)?;
            operators::record(connection, &act, now)?;
            Ok(of)
        })
        .await
    }

    /// Ends a hook and lets go of everything that it has. Returns how many things that are.
    ///
    /// # Errors
    /// [`Error::Superseded`] if something is in doubt, or a removal is under way.
    pub async fn end_hook_retaining(&self, hook: HookId, act: OperatorAct, now: Timestamp) -> Result<u32> {
        self.write(move |connection| {
            let of = begin_ending(connection, hook, now)?;
            for row in living(connection, hook)? {
                wake_readers(connection, &row, now)?;
            }
            let_go_of_hook(connection, hook, now)?;
            finish_hook(connection, hook)?;
            operators::record(connection, &act, now)?;
            Ok(of)
        })
        .await
    }

    /// Ends a hook and gives everything that it has and wants to another one, which is then asked about each owner.
    ///
    /// What the other does not want is unwanted because of a changed configuration: its removal waits for approval.
    pub async fn transfer(&self, hook: HookId, to: HookId, act: OperatorAct, now: Timestamp) -> Result<u32> {
        self.write(move |connection| {
            let of = begin_ending(connection, hook, now)?;
            let owners = owners(connection, hook)?;
            for (owner, settings) in &owners {
                lanes::mark_dirty(connection, to, *owner, Because::Person, now)?;
                let text =
                    "UPDATE lane SET view_hash = NULL, settings = coalesce(?3, 'transferred:transferred')
                    WHERE hook = ?1 AND subject = ?2";
                connection.execute(text, params![to.0, owner.0, settings])?;
            }
            for table in ["want", "reads"] {
                connection.execute(
                    &format!("UPDATE OR IGNORE {table} SET hook = ?2 WHERE hook = ?1"),
                    [hook.0, to.0],
                )?;
                connection.execute(&format!("DELETE FROM {table} WHERE hook = ?1"), [hook.0])?;
            }
            let text = "UPDATE resource SET hook = ?2, due_at = coalesce(due_at, ?3), version = version + 1
                WHERE hook = ?1 AND state NOT IN ('gone', 'retained')";
            connection.execute(text, params![hook.0, to.0, now.as_millis()])?;
            findings::transfer(connection, hook, to)?;
            finish_hook(connection, hook)?;
            operators::record(connection, &act, now)?;
            Ok(of)
        })
        .await
    }

    /// Takes the end of a hook back: what was asked for is withdrawn, and every owner is asked again.
    pub async fn abort_ending(&self, hook: HookId, act: OperatorAct, now: Timestamp) -> Result<()> {
        self.write(move |connection| {
            let text = "UPDATE hook SET ending_at = NULL, ending_of = NULL, state = 'active'
                WHERE id = ?1 AND ending_at IS NOT NULL";
            if connection.execute(text, [hook.0])? == 0 {
                return Err(Error::Superseded("the hook"));
            }
            let text = "DELETE FROM asked WHERE what = 'hook' AND resource IN (SELECT id FROM resource WHERE hook = ?1)";
            connection.execute(text, [hook.0])?;
            owe_everybody(connection, hook, now)?;
            operators::record(connection, &act, now)
        })
        .await
    }

    /// Forgets that a hook was ended by command, now that its stanza is gone: written anew, it begins anew.
    pub async fn forget_ending(&self, hook: HookId) -> Result<()> {
        self.write(move |connection| {
            let text =
                "UPDATE hook SET ending_at = NULL, ending_of = NULL WHERE id = ?1 AND state = 'removed'";
            connection.execute(text, [hook.0])?;
            Ok(())
        })
        .await
    }

    /// How many things a hook has that it looks after.
    pub fn things_left(&self, hook: HookId) -> Result<u32> {
        self.read(|connection| left(connection, hook))
    }
}

/// Which rows are let go of.
#[derive(Clone, Copy)]
enum Which {
    Row(i64),
    Hook(HookId),
}

/// Lets go of everything of a hook without removing anything.
pub(crate) fn let_go_of_hook(connection: &Connection, hook: HookId, now: Timestamp) -> Result<()> {
    let_go(connection, Which::Hook(hook), now)?;
    for table in ["want", "reads"] {
        connection.execute(&format!("DELETE FROM {table} WHERE hook = ?1"), [hook.0])?;
    }
    connection
        .execute("UPDATE lane SET due_at = NULL, done = dirty, view_hash = NULL WHERE hook = ?1", [hook.0])?;
    findings::close_all_of(connection, hook, now)?;
    findings::resolve_reported(connection, hook, "its hook was removed", now)?;
    Ok(())
}

fn let_go(connection: &Connection, which: Which, now: Timestamp) -> Result<()> {
    let (filter, id) = match which {
        Which::Row(id) => ("id = ?1", id),
        Which::Hook(hook) => ("hook = ?1", hook.0),
    };
    let unknown = format!(
        "SELECT EXISTS (SELECT 1 FROM resource WHERE {filter}
           AND (state = 'in-doubt' OR (state = 'deleting' AND removed_by >= ?2)))"
    );
    if connection.query_row(&unknown, params![id, now.as_millis()], |row| row.get(0))? {
        return Err(Error::Superseded("the ledger: something is in doubt or on its way out, and"));
    }
    let never_made = format!(
        "UPDATE resource SET state = 'gone', gone_at = ?2, gone_how = 'never made', due_at = NULL, waiting = NULL,
           version = version + 1 WHERE {filter} AND state = 'creating'"
    );
    connection.execute(&never_made, params![id, now.as_millis()])?;
    let retained = format!(
        "UPDATE resource SET state = 'retained', due_at = NULL, error = NULL, waiting = NULL, attempts = 0,
           frozen_at = NULL, frozen_why = NULL, unwanted_at = coalesce(unwanted_at, ?2),
           unwanted_why = coalesce(unwanted_why, ?3), version = version + 1 WHERE {filter} AND state NOT IN ('gone', 'retained')"
    );
    connection.execute(&retained, params![id, now.as_millis(), Cause::Asked.as_str()])?;
    let asked = format!("DELETE FROM asked WHERE resource IN (SELECT id FROM resource WHERE {filter})");
    connection.execute(&asked, [id])?;
    Ok(())
}

/// Whether the removal of a row was asked for, as it is now.
pub(crate) fn asked(
    connection: &Connection,
    row: &StoredRow,
    grace: Option<Millis>,
    now: Timestamp,
) -> Result<Asked> {
    let text = "SELECT print, what, at FROM asked WHERE resource = ?1";
    let found = connection.prepare_cached(text)?.query_row([row.id], |found| {
        Ok((found.get::<_, String>(0)?, sql::word::<Asked>(found, 1)?, sql::time(found, 2)?))
    });
    let Some((print, what, at)) = found.optional()? else { return Ok(Asked::No) };
    let clear = row.unwanted.map_or(at, |(since, _)| since + grace.unwrap_or(Millis::ZERO) + row.frozen_for);
    let lapsed = what == Asked::ForRow && now > at.max(clear) + HOLDS;
    Ok(if print == removal_print(row) && !lapsed { what } else { Asked::No })
}

/// Withdraws what was asked for: it is done, or the thing is wanted again.
pub(crate) fn not_asked_any_more(connection: &Connection, id: i64) -> Result<()> {
    connection.prepare_cached("DELETE FROM asked WHERE resource = ?1")?.execute([id])?;
    Ok(())
}

/// Whether a person ended a hook, or is about to.
pub(crate) fn is_ending(connection: &Connection, hook: HookId) -> Result<bool> {
    let text = "SELECT EXISTS (SELECT 1 FROM hook WHERE id = ?1 AND ending_at IS NOT NULL)";
    Ok(connection.prepare_cached(text)?.query_row([hook.0], |row| row.get(0))?)
}

/// A hook that is being ended is removed once nothing is left of it.
pub(crate) fn finish_hook(connection: &Connection, hook: HookId) -> Result<()> {
    let text =
        "UPDATE hook SET state = 'removed' WHERE id = ?1 AND ending_at IS NOT NULL AND state <> 'removed'
        AND NOT EXISTS (SELECT 1 FROM resource WHERE hook = ?1 AND state <> 'gone' AND state <> 'retained')";
    connection.prepare_cached(text)?.execute([hook.0])?;
    Ok(())
}

fn begin_ending(connection: &Connection, hook: HookId, now: Timestamp) -> Result<u32> {
    let known: Vec<StoredHook> = hooks::list(connection, "id = ?1", [hook.0])?;
    let fit = |hook: &&StoredHook| hook.ending.is_none() && hook.state != HookState::Removed;
    if known.iter().find(fit).is_none() {
        return Err(Error::Superseded("the hook"));
    }
    let of = left(connection, hook)?;
    let text = "UPDATE hook SET ending_at = ?2, ending_of = ?3 WHERE id = ?1";
    connection.execute(text, params![hook.0, now.as_millis(), of])?;
    Ok(of)
}

fn left(connection: &Connection, hook: HookId) -> Result<u32> {
    let text = "SELECT count(*) FROM resource WHERE hook = ?1 AND state <> 'gone' AND state <> 'retained'";
    Ok(connection.prepare_cached(text)?.query_row([hook.0], |row| row.get(0))?)
}

/// What a hook looks after.
fn living(connection: &Connection, hook: HookId) -> Result<Vec<StoredRow>> {
    ledger::select(connection, "hook = ?1 AND state <> 'gone' AND state <> 'retained' ORDER BY id", [hook.0])
}

/// Owners of a hook's things and wants, with the settings that each was last asked with.
fn owners(connection: &Connection, hook: HookId) -> Result<BTreeMap<SubjectId, Option<String>>> {
    let text = "SELECT owner, settings FROM
          (SELECT owner FROM resource WHERE hook = ?1 AND state <> 'gone' UNION SELECT subject FROM want WHERE hook = ?1)
        LEFT JOIN lane ON lane.hook = ?1 AND lane.subject = owner";
    let mut statement = connection.prepare_cached(text)?;
    let rows = statement.query_map([hook.0], |row| Ok((SubjectId(row.get(0)?), row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn owe_everybody(connection: &Connection, hook: HookId, now: Timestamp) -> Result<()> {
    let due = lanes::Cause::Sweep.due_at(Because::Person, "?2");
    let text = format!("UPDATE lane SET view_hash = NULL, dirty = dirty + 1, {due} WHERE hook = ?1");
    connection.execute(&text, params![hook.0, now.as_millis()])?;
    Ok(())
}

fn read(connection: &Connection, id: i64) -> Result<StoredRow> {
    ledger::select(connection, "id = ?1 AND state <> 'gone'", [id])?.pop().ok_or(Error::Missing("ledger row"))
}

/// Whoever wanted a row's place does not any more; it is asked again, should the hook work for it again.
fn forget_wants(connection: &Connection, row: &StoredRow, now: Timestamp) -> Result<()> {
    let text = "DELETE FROM want WHERE target = ?1 AND kind = ?2 AND key = ?3 AND inside = ?4 RETURNING hook, subject";
    let mut statement = connection.prepare_cached(text)?;
    let lane =
        |row: &rusqlite::Row<'_>| Ok(LaneId { hook: HookId(row.get(0)?), subject: SubjectId(row.get(1)?) });
    let lanes = statement.query_map([&row.target, &row.kind, &row.key, &row.inside], lane)?;
    for lane in lanes.collect::<rusqlite::Result<Vec<_>>>()? {
        let text = "UPDATE lane SET view_hash = NULL WHERE hook = ?1 AND subject = ?2";
        connection.prepare_cached(text)?.execute([lane.hook.0, lane.subject.0])?;
        lanes::mark_dirty(connection, lane.hook, lane.subject, Because::Person, now)?;
        findings::close_conflict(connection, lane, &row.target, &row.name(), now)?;
    }
    Ok(())
}

/// Whoever was shown a row's outputs looks again: nothing shows them any more.
pub(crate) fn wake_readers(connection: &Connection, row: &StoredRow, now: Timestamp) -> Result<()> {
    let mut statement = connection.prepare_cached("SELECT hook, subject FROM reads WHERE resource = ?1")?;
    let lane = |row: &rusqlite::Row<'_>| Ok((HookId(row.get(0)?), SubjectId(row.get(1)?)));
    for (hook, subject) in statement.query_map([row.id], lane)?.collect::<rusqlite::Result<Vec<_>>>()? {
        lanes::mark_dirty(connection, hook, subject, Because::Reads, now)?;
    }
    Ok(())
}

/// A row that nobody wants from now on, if somebody did; one that was let go of is looked after again.
fn unwant(connection: &Connection, row: &StoredRow, now: Timestamp) -> Result<()> {
    let text = "UPDATE resource SET state = CASE state WHEN 'retained' THEN 'present' ELSE state END,
          frozen_ms = CASE WHEN unwanted_at IS NULL THEN 0 ELSE frozen_ms + max(0, ?2 - coalesce(frozen_at, ?2)) END,
          unwanted_at = coalesce(unwanted_at, ?2),
          unwanted_why = CASE WHEN coalesce(unwanted_why, 'replacement') = 'replacement' THEN ?3 ELSE unwanted_why END,
          frozen_at = NULL, frozen_why = NULL, waiting = NULL, error = NULL, attempts = 0, absent_at = NULL, due_at = ?2,
          version = version + 1
        WHERE id = ?1";
    connection.prepare_cached(text)?.execute(params![row.id, now.as_millis(), Cause::Asked.as_str()])?;
    lanes::mark_dirty(connection, row.hook, row.owner, Because::Person, now)
}

fn ask(connection: &Connection, planned: &Planned, what: Asked, now: Timestamp) -> Result<()> {
    let text = "INSERT INTO asked (resource, print, what, at) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (resource) DO UPDATE SET print = excluded.print, what = excluded.what, at = excluded.at";
    let params = params![planned.id, planned.print, what.as_str(), now.as_millis()];
    connection.prepare_cached(text)?.execute(params)?;
    Ok(())
}
