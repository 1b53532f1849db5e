//! Wants: the last answer of `desired`, and what it means for the ledger's rows.

use groundcrew_core::hash::Digest;
use groundcrew_core::manifest::Class;
use groundcrew_core::may_delete::Cause;
use groundcrew_core::row::{self, RowId};
use groundcrew_core::spec::{Spec, canonical};
use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use crate::because::Because;
use crate::findings::{self, NewFinding, Severity, Whose};
use crate::inherit;
use crate::lanes::{self, LaneId};
use crate::ledger::{self, StoredRow, class_word};
use crate::{Error, HookId, Result, Store, SubjectId, applied, ends, sql};

/// What an owner wants of a hook, as a whole.
#[derive(Clone, Debug)]
pub struct NewWants {
    /// Whose.
    pub lane: LaneId,
    /// `dirty` of the lane when this look began.
    pub seen: i64,
    /// Where such things live.
    pub target: String,
    /// What should exist; places within carry where each lives and its class.
    pub specs: Vec<(Spec, Place)>,
    /// Memo of component, settings and view.
    pub view_hash: String,
    /// Component and settings alone.
    pub settings: String,
    /// The component that said so.
    pub component: Digest,
    /// Why things that are no longer among them are unwanted.
    pub cause: Cause,
    /// Ledger rows whose outputs were in the view.
    pub reads: Vec<i64>,
    /// Findings that end with the answer: code and about.
    pub close: Vec<(String, String)>,
    /// Random bytes for the ids of new rows; 10 per spec.
    pub random: Vec<u8>,
    /// The present.
    pub now: Timestamp,
}

/// Where a thing lives, and how it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Empty, or the id of the owner that it dies with.
    pub inside: String,
    /// Its kind's class.
    pub class: Class,
}

/// One want, as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredWant {
    /// Its kind.
    pub kind: String,
    /// Its key.
    pub key: String,
    /// Its body.
    pub body: Value,
    /// What it comes after.
    pub after: Vec<String>,
}

impl Store {
    /// Replaces a lane's wants, and makes, keeps, hands over or lets go of rows accordingly, in one transaction.
    ///
    /// # Guarantees
    /// Afterwards every want has a row in its lane, or a conflict finding while an older want of another
    /// owner has it; every row of the lane that nobody living wants carries since when and why. What an earlier
    /// incarnation at the owner's address may have made in this one is in the lane, in doubt.
    pub async fn save_wants(&self, wants: NewWants) -> Result<()> {
        self.write(move |connection| save(connection, &wants)).await
    }
}

/// The wants of a lane.
pub(crate) fn of_lane(connection: &Connection, lane: LaneId) -> Result<Vec<StoredWant>> {
    let text = "SELECT kind, key, body, after FROM want WHERE hook = ?1 AND subject = ?2";
    let mut statement = connection.prepare_cached(text)?;
    let want = |row: &rusqlite::Row<'_>| {
        Ok(StoredWant {
            kind: row.get(0)?,
            key: row.get(1)?,
            body: sql::json(row, 2)?,
            after: sql::json(row, 3)?,
        })
    };
    let rows = statement.query_map([lane.hook.0, lane.subject.0], want)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn save(connection: &Connection, wants: &NewWants) -> Result<()> {
    let LaneId { hook, subject } = wants.lane;
    if !wants.specs.is_empty() && ends::is_ending(connection, hook)? {
        // A person ended the hook while it was asked: it wants nothing any more.
        return Ok(());
    }
    inherit::from_earlier_incarnations(connection, wants.lane, wants.now)?;
    let before = ledger::of_lane(connection, wants.lane)?;
    delete_missing(connection, wants)?;
    let mut random = wants.random.chunks_exact(10);
    for (spec, place) in &wants.specs {
        upsert(connection, wants, spec, place)?;
        let random = random.next().and_then(|bytes| bytes.try_into().ok());
        place_row(connection, wants, spec, place, random.ok_or(Error::Missing("random bytes"))?)?;
    }
    for row in before {
        let kept = wants
            .specs
            .iter()
            .any(|(spec, place)| spec.kind == row.kind && spec.key == row.key && place.inside == row.inside);
        if !kept {
            release(connection, &row, wants.cause, wants.now)?;
        }
    }
    save_reads(connection, wants)?;
    for (code, about) in &wants.close {
        findings::close(connection, code, about, wants.now)?;
    }
    let text = "UPDATE lane SET view_hash = ?3, settings = ?4, attempts = 0, error = NULL WHERE hook = ?1 AND subject = ?2";
    connection.prepare_cached(text)?.execute(params![hook.0, subject.0, wants.view_hash, wants.settings])?;
    Ok(())
}

fn delete_missing(connection: &Connection, wants: &NewWants) -> Result<()> {
    let LaneId { hook, subject } = wants.lane;
    let mut statement =
        connection.prepare_cached("SELECT kind, key, target FROM want WHERE hook = ?1 AND subject = ?2")?;
    let rows = statement
        .query_map([hook.0, subject.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<Vec<(String, String, String)>>>()?;
    for (kind, key, target) in rows {
        let name = format!("{kind}/{key}");
        if target != wants.target {
            findings::close_conflict(connection, wants.lane, &target, &name, wants.now)?;
        }
        if !wants.specs.iter().any(|(spec, _)| spec.kind == kind && spec.key == key) {
            let text = "DELETE FROM want WHERE hook = ?1 AND subject = ?2 AND kind = ?3 AND key = ?4";
            connection.prepare_cached(text)?.execute(params![hook.0, subject.0, kind, key])?;
            findings::close_conflict(connection, wants.lane, &target, &name, wants.now)?;
        }
    }
    Ok(())
}

fn upsert(connection: &Connection, wants: &NewWants, spec: &Spec, place: &Place) -> Result<()> {
    let why = changed_by(connection, wants, spec, place)?;
    let text = "INSERT INTO want (hook, subject, target, kind, key, inside, body, after, since, why)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
        ON CONFLICT (hook, subject, kind, key) DO UPDATE SET body = excluded.body, after = excluded.after,
          target = excluded.target, inside = excluded.inside, why = excluded.why";
    connection.prepare_cached(text)?.execute(params![
        wants.lane.hook.0,
        wants.lane.subject.0,
        wants.target,
        spec.kind,
        spec.key,
        place.inside,
        spec.body.to_string(),
        sql::text_of(&spec.after),
        wants.now.as_millis(),
        why.map(Cause::as_str)
    ])?;
    Ok(())
}

/// The component or configuration that changed a want; it stays the reason until the row has followed, whatever
/// the view changes meanwhile.
fn changed_by(
    connection: &Connection,
    wants: &NewWants,
    spec: &Spec,
    place: &Place,
) -> Result<Option<Cause>> {
    let caused = matches!(wants.cause, Cause::ComponentChanged | Cause::ConfigurationChanged);
    let caused = caused.then_some(wants.cause);
    let text = "SELECT body, why FROM want WHERE hook = ?1 AND subject = ?2 AND kind = ?3 AND key = ?4";
    let params = params![wants.lane.hook.0, wants.lane.subject.0, spec.kind, spec.key];
    let before = |row: &rusqlite::Row<'_>| Ok((sql::json::<Value>(row, 0)?, sql::word_opt::<Cause>(row, 1)?));
    let before = connection.prepare_cached(text)?.query_row(params, before).optional()?;
    let Some((body, why)) = before else { return Ok(caused) };
    if canonical(&body) == canonical(&spec.body) {
        return Ok(why);
    }
    if caused.is_some() || why.is_none() {
        return Ok(caused);
    }
    let row = ledger::at_place(connection, &wants.target, &spec.kind, &spec.key, &place.inside)?;
    let followed = row.is_some_and(|row| canonical(&row.row.spec) == canonical(&body));
    Ok(why.filter(|_| !followed))
}

/// Sees to it that a want has a row in its lane, or a finding why not.
fn place_row(
    connection: &Connection,
    wants: &NewWants,
    spec: &Spec,
    place: &Place,
    random: [u8; 10],
) -> Result<()> {
    let lane = wants.lane;
    match ledger::at_place(connection, &wants.target, &spec.kind, &spec.key, &place.inside)? {
        None => {
            insert_row(connection, wants, spec, place, random)?;
            let name = format!("{}/{}", spec.kind, spec.key);
            findings::close_conflict(connection, lane, &wants.target, &name, wants.now)
        }
        Some(row) if row.lane() == lane => {
            want_again(connection, &row, lane, Some(spec.after.as_slice()), wants.now)
        }
        Some(row) if !is_wanted_by(connection, &row)? => {
            want_again(connection, &row, lane, Some(spec.after.as_slice()), wants.now)
        }
        Some(row) => tell_younger(connection, &row, lane, wants.now),
    }
}

/// Tells that the lane that has a row wanted it before this one.
fn tell_younger(connection: &Connection, row: &StoredRow, younger: LaneId, now: Timestamp) -> Result<()> {
    let path = |owner| -> Result<String> {
        let owner = crate::subjects::by_id(connection, owner)?;
        Ok(owner.map_or_else(|| "another owner".to_owned(), |owner| owner.subject.path.to_string()))
    };
    let finding = NewFinding {
        code: "resource.conflict".to_owned(),
        about: row.name(),
        hook: Some(younger.hook),
        severity: Severity::Warning,
        message: format!(
            "{} wants it too; {} wanted it first and has it; it passes to the next when that want goes",
            path(younger.subject)?,
            path(row.owner)?
        ),
        remedy: None,
    };
    findings::open_whose(connection, &finding, Whose::Want(&row.target, younger), now)
}

fn insert_row(
    connection: &Connection,
    wants: &NewWants,
    spec: &Spec,
    place: &Place,
    random: [u8; 10],
) -> Result<()> {
    let installation = installation(connection)?;
    let (target, inside) = (&wants.target, &place.inside);
    let at = row::Place { installation: &installation, target, kind: &spec.kind, key: &spec.key, inside };
    let row = RowId::new(&at, random);
    let text = "INSERT INTO resource (row, hook, owner, target, kind, key, inside, class, origin, state, spec, component,
          stanza, due_at, wanted_at, after)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'created', 'creating', ?9, ?10, ?11, ?12, ?12, ?13)";
    connection.prepare_cached(text)?.execute(params![
        row.as_str(),
        wants.lane.hook.0,
        wants.lane.subject.0,
        wants.target,
        spec.kind,
        spec.key,
        place.inside,
        class_word(place.class),
        spec.body.to_string(),
        wants.component.to_string(),
        wants.settings,
        wants.now.as_millis(),
        sql::text_of(&spec.after)
    ])?;
    Ok(())
}

/// Whose ledger this is; empty before anybody said so.
fn installation(connection: &Connection) -> Result<String> {
    let text = "SELECT value FROM meta WHERE key = 'installation'";
    let found = connection.prepare_cached(text)?.query_row([], |row| row.get(0)).optional()?;
    Ok(found.unwrap_or_default())
}

/// Somebody wants the row's thing (again): it is theirs, and looked at now.
///
/// One that is being replaced for them stays so: whether it still needs that is decided at the look.
fn want_again(
    connection: &Connection,
    row: &StoredRow,
    lane: LaneId,
    after: Option<&[String]>,
    now: Timestamp,
) -> Result<()> {
    let moved = row.lane() != lane;
    let after = after.map(|after| sql::text_of(&after));
    if row.is_replaced() && !moved {
        let text = "UPDATE resource SET due_at = ?2, after = coalesce(?3, after), version = version + 1 WHERE id = ?1";
        connection.prepare_cached(text)?.execute(params![row.id, now.as_millis(), after])?;
    } else {
        // Outputs that were withdrawn, or that others read, are shown at the look, which tells whoever reads them.
        let text = "UPDATE resource SET hook = ?2, owner = ?3, unwanted_at = NULL, unwanted_why = NULL,
              withdrawn = max(withdrawn, ?7), frozen_at = NULL, frozen_why = NULL, frozen_ms = 0, due_at = ?4,
              look_at = CASE WHEN ?5 THEN ?4 ELSE look_at END, after = coalesce(?6, after), version = version + 1
            WHERE id = ?1";
        let again = moved || row.unwanted.is_some();
        let params = params![row.id, lane.hook.0, lane.subject.0, now.as_millis(), again, after, moved];
        connection.prepare_cached(text)?.execute(params)?;
        if row.unwanted.is_some() {
            applied::not_removed_any_more(connection, row)?;
        }
        if moved && !row.withdrawn {
            ends::wake_readers(connection, row, now)?;
        }
    }
    ends::not_asked_any_more(connection, row.id)?;
    findings::close_conflict(connection, lane, &row.target, &row.name(), now)
}

/// Whether the lane that has a row still wants it.
fn is_wanted_by(connection: &Connection, row: &StoredRow) -> Result<bool> {
    let text = "SELECT EXISTS (SELECT 1 FROM want WHERE hook = ?1 AND subject = ?2 AND kind = ?3 AND key = ?4 AND inside = ?5)";
    let params = params![row.hook.0, row.owner.0, row.kind, row.key, row.inside];
    Ok(connection.prepare_cached(text)?.query_row(params, |row| row.get(0))?)
}

/// The oldest living want of a row's place.
fn first_want(connection: &Connection, row: &StoredRow) -> Result<Option<LaneId>> {
    Ok(all_wants(connection, row)?.into_iter().next())
}

/// The living wants of a row's place, oldest first.
fn all_wants(connection: &Connection, row: &StoredRow) -> Result<Vec<LaneId>> {
    let text = "SELECT hook, subject FROM want WHERE target = ?1 AND kind = ?2 AND key = ?3 AND inside = ?4 ORDER BY since, hook, subject";
    let params = [&row.target, &row.kind, &row.key, &row.inside];
    let lane =
        |row: &rusqlite::Row<'_>| Ok(LaneId { hook: HookId(row.get(0)?), subject: SubjectId(row.get(1)?) });
    let mut statement = connection.prepare_cached(text)?;
    let lanes = statement.query_map(params, lane)?;
    Ok(lanes.collect::<rusqlite::Result<_>>()?)
}

/// A lane stopped wanting a row: the next owner gets it, or it is unwanted.
pub(crate) fn release(connection: &Connection, row: &StoredRow, cause: Cause, now: Timestamp) -> Result<()> {
    if let Some(next) = first_want(connection, row)? {
        want_again(connection, row, next, None, now)?;
        let handed = StoredRow { hook: next.hook, owner: next.subject, ..row.clone() };
        for lane in all_wants(connection, row)?.into_iter().filter(|lane| *lane != next) {
            tell_younger(connection, &handed, lane, now)?;
        }
        return lanes::mark_dirty(connection, next.hook, next.subject, Because::Ledger, now);
    }
    // Who became unwanted while its owner lived and whose owner ended since gets the owner's clock; what was to be
    // replaced, and is not wanted in any shape any more, begins anew.
    let newly =
        row.is_wanted() || (cause == Cause::OwnerEnded && row.unwanted.is_some_and(|(_, why)| why != cause));
    if newly {
        // The new clock begins now: what the old one stood still for is none of its time.
        let text = "UPDATE resource SET unwanted_at = ?2, unwanted_why = ?3, due_at = ?2, frozen_ms = 0,
              frozen_at = CASE WHEN frozen_at IS NOT NULL THEN ?2 END, version = version + 1 WHERE id = ?1";
        connection.prepare_cached(text)?.execute(params![row.id, now.as_millis(), cause.as_str()])?;
    }
    Ok(())
}

/// A row is gone: whoever wants its place gets a new one at the next look.
pub(crate) fn wake_first(connection: &Connection, row: &StoredRow, now: Timestamp) -> Result<()> {
    if let Some(lane) = first_want(connection, row)? {
        let text = "UPDATE lane SET view_hash = NULL WHERE hook = ?1 AND subject = ?2";
        connection.prepare_cached(text)?.execute([lane.hook.0, lane.subject.0])?;
        lanes::mark_dirty(connection, lane.hook, lane.subject, Because::Ledger, now)?;
    }
    Ok(())
}

fn save_reads(connection: &Connection, wants: &NewWants) -> Result<()> {
    let LaneId { hook, subject } = wants.lane;
    let text = "UPDATE reads SET current = 0 WHERE hook = ?1 AND subject = ?2";
    connection.prepare_cached(text)?.execute([hook.0, subject.0])?;
    let text = "INSERT INTO reads (hook, subject, resource) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET current = 1";
    let mut statement = connection.prepare_cached(text)?;
    for resource in &wants.reads {
        statement.execute([hook.0, subject.0, *resource])?;
    }
    Ok(())
}
