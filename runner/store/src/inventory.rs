//! What the ledger knows of listed things: indexed reads, a page at a time.

use groundcrew_core::duration::Millis;
use groundcrew_core::inventory::{AtPlace, Record, makes_name, named_by};
use groundcrew_core::row::{RowId, our_row};
use groundcrew_core::spec::Listed;
use groundcrew_core::subject::SubjectKind;
use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::because::Because;
use crate::lanes::{self, LaneId};
use crate::ledger::{self, StoredRow};
use crate::{HookId, Result, Store, SubjectId, sql};

/// A listed thing and what the ledger knows of it.
#[derive(Clone, Debug)]
pub struct KnownThing {
    /// As listed.
    pub listed: Listed,
    /// The living row that claims its id.
    pub row: Option<StoredRow>,
    /// What judges it.
    pub record: Record,
}

/// What a page of a listing says of rows that are at rest.
#[derive(Clone, Debug, Default)]
pub struct Noticed {
    /// They are as they were, so their next look for drift can wait until then.
    pub same: Vec<(i64, Timestamp)>,
    /// They are not, or are no longer there: they are looked at now.
    pub other: Vec<StoredRow>,
    /// How long their kinds' APIs may hide what was made, by kind; a row is left alone until ten times that has passed.
    pub settle: Vec<(String, Millis)>,
}

impl Store {
    /// What the ledger knows of things that were listed at a target.
    ///
    /// A thing that carries but a host-made name has, afterwards, the mark that the name stands for, if it is ours.
    pub fn known_things(
        &self,
        target: &str,
        installation: &str,
        listed: Vec<Listed>,
    ) -> Result<Vec<KnownThing>> {
        self.read(|connection| {
            let known = |mut listed: Listed| {
                if let Some(named) = named_by(&listed)
                    && (knows(connection, &named)? || makes_name(&listed, &named, target, installation))
                {
                    listed.thing.mark = Some(named.mark(installation));
                }
                let row = ledger::claiming(connection, target, &listed.kind, &listed.thing.id)?;
                let marked = our_row(listed.thing.mark.as_deref(), installation);
                let mut record = Record { claimed: row.is_some(), ..Record::default() };
                if let Some(marked) = marked.filter(|_| !record.claimed) {
                    record.place = at_place(connection, &marked)?;
                    record.ended_at = ended(connection, &marked)?;
                }
                Ok(KnownThing { listed, row, record })
            };
            listed.into_iter().map(known).collect()
        })
    }

    /// A hook's rows that are not gone, by number, after one; at most so many.
    pub fn hook_rows_after(&self, hook: HookId, after: i64, limit: u32) -> Result<Vec<StoredRow>> {
        let filter = "hook = ?1 AND id > ?2 AND state <> 'gone' ORDER BY id LIMIT ?3";
        self.rows(filter, params![hook.0, after, limit])
    }

    /// The numbers of all living apps, or machines, by path.
    pub fn living(&self, kind: SubjectKind) -> Result<Vec<SubjectId>> {
        self.read(|connection| {
            let uids = match kind {
                SubjectKind::App => "app:%",
                SubjectKind::Machine => "machine:%",
            };
            let text = "SELECT id FROM subject WHERE gone_at IS NULL AND uid LIKE ?1 ORDER BY path";
            let mut statement = connection.prepare_cached(text)?;
            let rows = statement.query_map([uids], |row| row.get(0).map(SubjectId))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Takes up what a page of a listing said: rows that are as they were rest on, the others are looked at now.
    /// Returns how many are looked at.
    ///
    /// # Guarantees
    /// Nothing is decided here: a row that is looked at is decided by its own look, in its own lane. A row whose
    /// creation was repeated keeps its looks, for they look for twins.
    pub async fn notice(&self, noticed: Noticed, now: Timestamp) -> Result<u32> {
        self.write(move |connection| {
            for (row, until) in &noticed.same {
                rest(connection, *row, *until, &noticed.settle, now)?;
            }
            let mut woken = 0;
            for row in &noticed.other {
                woken += u32::from(look_now(connection, row, now)?);
            }
            Ok(woken)
        })
        .await
    }
}

/// Puts a row's next look for drift off, unless that look is one for twins.
fn rest(
    connection: &Connection,
    row: i64,
    until: Timestamp,
    settle: &[(String, Millis)],
    now: Timestamp,
) -> Result<()> {
    let text = "SELECT kind, made_at FROM resource WHERE id = ?1 AND state = 'present' AND unwanted_at IS NULL
          AND look_at > ?2 AND look_at < ?3 AND due_at = look_at
          AND NOT EXISTS (SELECT 1 FROM run WHERE run.resource = resource.id AND run.op = 'create' LIMIT 1 OFFSET 1)";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, sql::time_opt(row, 1)?));
    let params = params![row, now.as_millis(), until.as_millis()];
    let found: Option<(String, Option<Timestamp>)> =
        connection.prepare_cached(text)?.query_row(params, read).optional()?;
    let Some((kind, made_at)) = found else { return Ok(()) };
    let settle = settle.iter().find(|(of, _)| *of == kind).map_or(Millis::ZERO, |(_, settle)| *settle);
    if made_at.is_some_and(|made| now < made + settle.times(10)) {
        return Ok(());
    }
    let text = "UPDATE resource SET look_at = ?2, due_at = ?2, version = version + 1 WHERE id = ?1";
    connection.prepare_cached(text)?.execute(params![row, until.as_millis()])?;
    Ok(())
}

fn look_now(connection: &Connection, row: &StoredRow, now: Timestamp) -> Result<bool> {
    // Somebody who works on it meanwhile knows better.
    let text = "UPDATE resource SET look_at = ?3, due_at = ?3, version = version + 1
        WHERE id = ?1 AND version = ?2 AND state IN ('pending', 'present', 'updating')";
    let changed = connection.prepare_cached(text)?.execute(params![row.id, row.version, now.as_millis()])?;
    if changed > 0 {
        // Dirty, not only due: a look that is under way must not put it to sleep again.
        let LaneId { hook, subject } = row.lane();
        lanes::mark_dirty(connection, hook, subject, Because::Listing, now)?;
    }
    Ok(changed > 0)
}

fn knows(connection: &Connection, row: &RowId) -> Result<bool> {
    let text = "SELECT 1 FROM resource WHERE row = ?1";
    Ok(connection.prepare_cached(text)?.exists([row.as_str()])?)
}

fn at_place(connection: &Connection, marked: &RowId) -> Result<Option<AtPlace>> {
    // The index of row ids holds a place's rows next to each other; `{` comes after every letter.
    let text =
        "SELECT row, thing FROM resource WHERE row >= ?1 AND row < ?1 || '{' AND state <> 'gone' LIMIT 1";
    let read = |row: &rusqlite::Row<'_>| Ok(AtPlace { row: sql::word(row, 0)?, thing: row.get(1)? });
    Ok(connection.prepare_cached(text)?.query_row([marked.place()], read).optional()?)
}

fn ended(connection: &Connection, marked: &RowId) -> Result<Option<Timestamp>> {
    let text = "SELECT gone_at FROM resource WHERE row = ?1 AND state = 'gone'";
    let read = |row: &rusqlite::Row<'_>| sql::time_opt(row, 0);
    Ok(connection.prepare_cached(text)?.query_row([marked.as_str()], read).optional()?.flatten())
}
