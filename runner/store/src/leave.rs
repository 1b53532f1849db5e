//! The facts of `may_delete`, gathered in the transaction that asks it.

use groundcrew_core::duration::Millis;
use groundcrew_core::may_delete::{
    Asked, Cause, Facts, Level, OnGone, REPLACED, Readers, Wanted, Window, may_delete, may_withdraw,
};
use groundcrew_core::settle::Leave;
use groundcrew_core::spec::canonical;
use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::ledger::StoredRow;
use crate::{HookId, Result, Store, SubjectId, ends, sql};

/// What stanza, kind and configuration say about letting go.
#[derive(Clone, Debug)]
pub struct LeavePolicy {
    /// The stanza's `gone`.
    pub on_gone: OnGone,
    /// The stanza's `gone_adopted`.
    pub on_gone_adopted: OnGone,
    /// Grace after the owner's end; none: never.
    pub grace_gone: Option<Millis>,
    /// Grace while the owner lives; none: never.
    pub grace_unwanted: Option<Millis>,
    /// The hook's window.
    pub window: Window,
    /// The kind's addresses are given to others afterwards.
    pub reused: bool,
    /// How long a failing reader may delay.
    pub teardown_wait: Millis,
    /// The level of installation and stanza.
    pub level: Level,
    /// Things of the kind hold data.
    pub data: bool,
    /// Why it is not known now who lives: the source was not read lately.
    pub unread: Option<String>,
    /// Why else it is frozen: the source is not believed.
    pub frozen: Option<String>,
    /// Whether its hook works for its owner.
    pub scope: Scope,
}

impl LeavePolicy {
    /// The grace of a cause's clock; none: never.
    pub fn grace(&self, cause: Cause) -> Option<Millis> {
        match cause {
            Cause::OwnerEnded => self.grace_gone,
            Cause::Replacement => self.grace_unwanted.map(|grace| grace.min(REPLACED)),
            _ => self.grace_unwanted,
        }
    }
}

/// Whether a hook works for an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// It does.
    Within,
    /// It does not any more: nothing of the owner's is removed unless a person asks for it.
    Narrowed,
}

/// What is said of a row that nobody wants (in this shape).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What becomes of it.
    pub leave: Leave,
    /// Whether its outputs are shown to nobody any more.
    pub withdrawn: bool,
}

impl Store {
    /// What becomes of a row that nobody wants (in this shape), as of now.
    pub fn leave(&self, row: &StoredRow, policy: &LeavePolicy, now: Timestamp) -> Result<Verdict> {
        self.read(|connection| verdict(connection, row, policy, now))
    }

    /// The lowest level that operators laid over a hook and an owner.
    pub fn paused(&self, hook: HookId, owner: SubjectId) -> Result<Option<Level>> {
        self.read(|connection| paused(connection, hook, owner))
    }
}

impl Store {
    /// The lowest level that operators laid over everything, or over a subject or its app, whatever the hook.
    pub fn paused_over(&self, subject: SubjectId) -> Result<Option<Level>> {
        // No hook has this number, so that only pauses of all hooks count.
        self.read(|connection| paused(connection, HookId(0), subject))
    }
}

pub(crate) fn verdict(
    connection: &Connection,
    row: &StoredRow,
    policy: &LeavePolicy,
    now: Timestamp,
) -> Result<Verdict> {
    let level =
        paused(connection, row.hook, row.owner)?.map_or(policy.level, |paused| paused.min(policy.level));
    let (unwanted_at, cause) = row.unwanted.unwrap_or((now, Cause::ViewChanged));
    let grace = policy.grace(cause);
    let asked = ends::asked(connection, row, grace, now)?;
    let frozen = frozen(row, policy, level, asked);
    // Nobody asks an owner that the hook does not work for.
    let never_asked = policy.scope == Scope::Narrowed && asked != Asked::No;
    let facts = Facts {
        now,
        wanted: wanted(connection, row)?,
        unasked: !never_asked && unasked(connection, row)?,
        unread: policy.unread.as_deref(),
        frozen: frozen.as_deref(),
        data: policy.data,
        origin: row.row.origin,
        on_gone: policy.on_gone,
        on_gone_adopted: policy.on_gone_adopted,
        cause,
        replaced_by: if row.is_replaced() { replaced_by(connection, row)? } else { None },
        unwanted_at,
        frozen_for: frozen_for(row, now),
        grace,
        readers: readers(connection, row, policy, unwanted_at)?,
        due: due(connection, row, policy, now)?,
        rows: count(
            connection,
            "SELECT count(*) FROM resource WHERE hook = ?1 AND state <> 'gone'",
            row.hook,
        )?,
        window: policy.window,
        approved: approved(connection, row, now)?,
        asked,
    };
    Ok(Verdict { leave: may_delete(&facts), withdrawn: may_withdraw(&facts) })
}

fn frozen(row: &StoredRow, policy: &LeavePolicy, level: Level, asked: Asked) -> Option<String> {
    if row.protected {
        return Some("protected".to_owned());
    }
    if level < Level::Enforce {
        return Some(format!("level is {level}"));
    }
    let narrowed = policy.scope == Scope::Narrowed && asked == Asked::No;
    let out = || narrowed.then(|| "its owner is out of the hook's scope".to_owned());
    policy.frozen.clone().or_else(out)
}

/// Time that does not count as grace.
fn frozen_for(row: &StoredRow, now: Timestamp) -> Millis {
    let now_frozen = row.frozen_at.map_or(0, |since| now.since(since).as_i64());
    Millis::new(row.frozen_for.as_i64() + now_frozen)
}

fn wanted(connection: &Connection, row: &StoredRow) -> Result<Wanted> {
    let text =
        "SELECT EXISTS (SELECT 1 FROM want WHERE target = ?1 AND kind = ?2 AND key = ?3 AND inside = ?4)";
    let params = [&row.target, &row.kind, &row.key, &row.inside];
    let wanted: bool = connection.prepare_cached(text)?.query_row(params, |row| row.get(0))?;
    Ok(match wanted {
        false => Wanted::Nobody,
        true if row.is_replaced() => Wanted::Replaced,
        true => Wanted::AsItIs,
    })
}

/// The component or configuration that changed what the row's lane wants of it.
fn replaced_by(connection: &Connection, row: &StoredRow) -> Result<Option<Cause>> {
    let text = "SELECT why FROM want WHERE hook = ?1 AND subject = ?2 AND kind = ?3 AND key = ?4";
    let params = params![row.hook.0, row.owner.0, row.kind, row.key];
    let why = connection.prepare_cached(text)?.query_row(params, |row| sql::word_opt(row, 0)).optional()?;
    Ok(why.flatten())
}

/// Whether a subject that lives at the owner's path has not been asked what it wants.
///
/// The owner itself, too, if it lives although its end was believed.
fn unasked(connection: &Connection, row: &StoredRow) -> Result<bool> {
    let text = "SELECT EXISTS (
          SELECT 1 FROM subject AS old JOIN subject AS now ON now.path = old.path AND now.gone_at IS NULL AND (now.id <> old.id OR ?3)
          LEFT JOIN lane ON lane.hook = ?1 AND lane.subject = now.id
          WHERE old.id = ?2 AND (lane.hook IS NULL OR lane.dirty > lane.done))";
    let ended = row.unwanted.is_some_and(|(_, why)| why == Cause::OwnerEnded);
    let params = params![row.hook.0, row.owner.0, ended];
    Ok(connection.prepare_cached(text)?.query_row(params, |row| row.get(0))?)
}

fn readers(
    connection: &Connection,
    row: &StoredRow,
    policy: &LeavePolicy,
    unwanted_at: Timestamp,
) -> Result<Readers> {
    let text = "SELECT reads.hook, reads.subject FROM reads WHERE resource = ?1 AND NOT (hook = ?2 AND subject = ?3)";
    let mut statement = connection.prepare_cached(text)?;
    let lane = |row: &rusqlite::Row<'_>| Ok((HookId(row.get(0)?), SubjectId(row.get(1)?)));
    let reading = statement
        .query_map([row.id, row.hook.0, row.owner.0], lane)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    if reading.is_empty() {
        return Ok(Readers::Done);
    }
    for (hook, owner) in &reading {
        let held = "SELECT EXISTS (SELECT 1 FROM resource WHERE hook = ?1 AND owner = ?2 AND frozen_why IS NOT NULL AND state <> 'gone')";
        let held: bool = connection.prepare_cached(held)?.query_row([hook.0, owner.0], |row| row.get(0))?;
        // Nobody works for a hook without a stanza: what it made, as long as that is there, still reads this.
        let detached = "SELECT EXISTS (SELECT 1 FROM hook JOIN resource ON resource.hook = hook.id
              WHERE hook.id = ?1 AND hook.state = 'detached' AND resource.owner = ?2
                AND resource.state NOT IN ('gone', 'retained'))";
        let detached: bool =
            connection.prepare_cached(detached)?.query_row([hook.0, owner.0], |row| row.get(0))?;
        if held || detached || paused(connection, *hook, *owner)?.is_some() {
            return Ok(Readers::Waiting);
        }
    }
    Ok(if policy.reused { Readers::Waiting } else { Readers::Until(unwanted_at + policy.teardown_wait) })
}

/// Deletes of the last window, every unwanted row whose grace ends within the next one, and this row in any case.
fn due(connection: &Connection, row: &StoredRow, policy: &LeavePolicy, now: Timestamp) -> Result<u32> {
    let within = policy.window.within;
    let text = "SELECT count(*) FROM resource WHERE hook = ?1 AND delete_at > ?2 AND delete_at <= ?3";
    let params = params![row.hook.0, (now - within).as_millis(), now.as_millis()];
    let done: u32 = connection.prepare_cached(text)?.query_row(params, |row| row.get(0))?;
    let text = "SELECT count(*) FROM resource WHERE hook = ?1 AND unwanted_at IS NOT NULL AND state NOT IN ('gone', 'retained', 'creating')
          AND (delete_at IS NULL OR delete_at <= ?2)
          AND unwanted_at + frozen_ms + CASE unwanted_why WHEN 'owner ended' THEN ?4 WHEN 'replacement' THEN ?5 ELSE ?6 END <= ?3";
    let never = i64::MAX / 4;
    let grace = |grace: Option<Millis>| grace.map_or(never, Millis::as_i64);
    let params = params![
        row.hook.0,
        (now - within).as_millis(),
        (now + within).as_millis(),
        grace(policy.grace(Cause::OwnerEnded)),
        grace(policy.grace(Cause::Replacement)),
        grace(policy.grace(Cause::ViewChanged))
    ];
    let coming: u32 = connection.prepare_cached(text)?.query_row(params, |row| row.get(0))?;
    // One that was sent for before is among those that are done.
    let sent = row.delete_at.is_some_and(|at| at > now - within && at <= now);
    let counted = sent || row.unwanted.is_some();
    Ok((done + coming + u32::from(!counted)).max(1))
}

fn count(connection: &Connection, text: &str, hook: HookId) -> Result<u32> {
    Ok(connection.prepare_cached(text)?.query_row([hook.0], |row| row.get(0))?)
}

fn approved(connection: &Connection, row: &StoredRow, now: Timestamp) -> Result<bool> {
    let text = "SELECT EXISTS (SELECT 1 FROM approval WHERE resource = ?1 AND spec = ?2 AND until > ?3)";
    let params = params![row.id, canonical(&row.row.spec), now.as_millis()];
    Ok(connection.prepare_cached(text)?.query_row(params, |row| row.get(0))?)
}

/// The lowest level laid over everything, the hook, the owner or the owner's app.
pub(crate) fn paused(connection: &Connection, hook: HookId, owner: SubjectId) -> Result<Option<Level>> {
    let text = "SELECT level FROM pause WHERE (hook IS NULL OR hook = ?1)
        AND (subject IS NULL OR subject = ?2 OR subject = (SELECT parent FROM subject WHERE id = ?2))
        ORDER BY CASE level WHEN 'observe' THEN 0 WHEN 'no-deletes' THEN 1 ELSE 2 END LIMIT 1";
    Ok(connection.prepare_cached(text)?.query_row([hook.0, owner.0], |row| sql::word(row, 0)).optional()?)
}
