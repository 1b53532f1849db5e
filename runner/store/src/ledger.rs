//! The ledger: one row per thing, from the moment it is wanted until it is known to be gone.

use groundcrew_core::duration::Millis;
use groundcrew_core::hash::Digest;
use groundcrew_core::manifest::Class;
use groundcrew_core::may_delete::{Cause, Level};
use groundcrew_core::row::State;
use groundcrew_core::settle;
use groundcrew_core::spec::Output;
use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::because::Because;
use crate::findings::{self, NewFinding};
use crate::inherit;
use crate::lanes::{self, LaneId};
use crate::leave::{self, LeavePolicy};
use crate::operators::{self, OperatorAct};
use crate::runs::{self, Ran};
use crate::wants::{self, StoredWant};
use crate::{Error, HookId, Result, Store, SubjectId, applied, ends, sql};

/// One row of the ledger.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRow {
    /// Its number here.
    pub id: i64,
    /// The hook that works on it.
    pub hook: HookId,
    /// For whom.
    pub owner: SubjectId,
    /// Where such things live.
    pub target: String,
    /// Its kind.
    pub kind: String,
    /// Its name in the outside world.
    pub key: String,
    /// Empty for things that live outside, else the id of the owner that it dies with.
    pub inside: String,
    /// Its kind's class when it was made.
    pub class: Class,
    /// `kind/key` of what comes before it, and goes after it.
    pub after: Vec<String>,
    /// What settling looks at.
    pub row: settle::Row,
    /// What its API says of it, for people.
    pub note: Option<String>,
    /// What others may read.
    pub outputs: Vec<Output>,
    /// The component that made it.
    pub component: Digest,
    /// The settings that made it.
    pub stanza: String,
    /// An operator forbade its removal.
    pub protected: bool,
    /// Since when and why nobody wants it.
    pub unwanted: Option<(Timestamp, Cause)>,
    /// Whether its outputs are shown to nobody any more: nothing but time, and whoever read them, keeps it from going.
    pub withdrawn: bool,
    /// Since when it is frozen.
    pub frozen_at: Option<Timestamp>,
    /// What froze it, or holds it.
    pub frozen_why: Option<String>,
    /// Time it has spent frozen before.
    pub frozen_for: Millis,
    /// When it is worked on again; none: nothing to do.
    pub due_at: Option<Timestamp>,
    /// Failures in a row.
    pub attempts: u32,
    /// The last of them.
    pub error: Option<String>,
    /// What it waits for, for people.
    pub waiting: Option<String>,
    /// Counts its changes; fences a stale writer.
    pub version: i64,
    /// Since when it is wanted.
    pub wanted_at: Timestamp,
    /// When it was first known to exist.
    pub made_at: Option<Timestamp>,
    /// When its removal was last sent.
    pub delete_at: Option<Timestamp>,
    /// When it was known to be gone.
    pub gone_at: Option<Timestamp>,
    /// How that was known.
    pub gone_how: Option<String>,
}

/// What goes with a change of a row.
#[derive(Clone, Debug, Default)]
pub struct RowEffects {
    /// The runs that learnt it, or that are about to write.
    pub runs: Vec<Ran>,
    /// Lanes that read its outputs, which changed.
    pub readers: Vec<LaneId>,
    /// Findings about it that open.
    pub open: Vec<NewFinding>,
    /// Codes of findings about it that close.
    pub close: Vec<String>,
    /// The person whose doing it is, if it is one's.
    pub act: Option<OperatorAct>,
    /// The present.
    pub now: Timestamp,
}

const COLUMNS: &str = "id, hook, owner, target, kind, key, inside, class, row, state, origin, spec, thing, observed, mark, before,
    intended_at, made_by, removed_by, absent_at, poll_at, look_at, note, outputs, component, stanza, protected,
    unwanted_at, unwanted_why, frozen_at, frozen_why, frozen_ms, due_at, attempts, error, waiting, version,
    wanted_at, made_at, delete_at, gone_at, gone_how, after, inherited_at, repairs, withdrawn";

fn class_of(text: &str) -> Result<Class, groundcrew_core::row::UnknownWord> {
    let quoted = serde_json::Value::from(text);
    serde_json::from_value(quoted).map_err(|_| groundcrew_core::row::UnknownWord(text.to_owned()))
}

/// The word of a class in the store.
pub(crate) fn class_word(class: Class) -> String {
    sql::text_of(&class).trim_matches('"').to_owned()
}

pub(crate) fn stored(row: &Row<'_>) -> rusqlite::Result<StoredRow> {
    let class: String = row.get(7)?;
    let misfit =
        |error| rusqlite::Error::FromSqlConversionFailure(7, rusqlite::types::Type::Text, Box::new(error));
    let unwanted = sql::time_opt(row, 27)?.zip(sql::word_opt(row, 28)?);
    Ok(StoredRow {
        id: row.get(0)?,
        hook: HookId(row.get(1)?),
        owner: SubjectId(row.get(2)?),
        target: row.get(3)?,
        kind: row.get(4)?,
        key: row.get(5)?,
        inside: row.get(6)?,
        class: class_of(&class).map_err(misfit)?,
        row: settle_row(row)?,
        note: row.get(22)?,
        outputs: sql::json(row, 23)?,
        component: sql::word(row, 24)?,
        stanza: row.get(25)?,
        protected: row.get(26)?,
        unwanted,
        withdrawn: row.get(45)?,
        frozen_at: sql::time_opt(row, 29)?,
        frozen_why: row.get(30)?,
        frozen_for: Millis::new(row.get(31)?),
        due_at: sql::time_opt(row, 32)?,
        attempts: row.get(33)?,
        error: row.get(34)?,
        waiting: row.get(35)?,
        version: row.get(36)?,
        wanted_at: sql::time(row, 37)?,
        made_at: sql::time_opt(row, 38)?,
        delete_at: sql::time_opt(row, 39)?,
        gone_at: sql::time_opt(row, 40)?,
        gone_how: row.get(41)?,
        after: sql::json(row, 42)?,
    })
}

fn settle_row(row: &Row<'_>) -> rusqlite::Result<settle::Row> {
    Ok(settle::Row {
        id: sql::word(row, 8)?,
        state: sql::word(row, 9)?,
        origin: sql::word(row, 10)?,
        spec: sql::json(row, 11)?,
        thing: row.get(12)?,
        observed: sql::json_opt(row, 13)?,
        mark: row.get(14)?,
        before: sql::json(row, 15)?,
        intended_at: sql::time_opt(row, 16)?,
        made_by: sql::time_opt(row, 17)?,
        removed_by: sql::time_opt(row, 18)?,
        absent_at: sql::time_opt(row, 19)?,
        poll_at: sql::time_opt(row, 20)?,
        look_at: sql::time_opt(row, 21)?,
        inherited_at: sql::time_opt(row, 43)?,
        repairs: sql::json(row, 44)?,
    })
}

/// Writes everything that may change of a row, if nobody else did meanwhile.
fn update(connection: &Connection, row: &StoredRow) -> Result<()> {
    let text = "UPDATE resource SET state = ?3, origin = ?4, spec = ?5, thing = ?6, observed = ?7, mark = ?8, before = ?9,
          intended_at = ?10, made_by = ?11, removed_by = ?12, absent_at = ?13, poll_at = ?14, look_at = ?15, note = ?16,
          outputs = ?17, component = ?18, stanza = ?19, unwanted_at = ?20, unwanted_why = ?21, frozen_at = ?22,
          frozen_why = ?23, frozen_ms = ?24, due_at = ?25, attempts = ?26, error = ?27, waiting = ?28,
          made_at = ?29, delete_at = ?30, gone_at = ?31, gone_how = ?32, inherited_at = ?33, repairs = ?34, withdrawn = ?35, version = version + 1
        WHERE id = ?1 AND version = ?2";
    let changed = connection.prepare_cached(text)?.execute(params![
        row.id,
        row.version,
        row.row.state.as_str(),
        row.row.origin.as_str(),
        row.row.spec.to_string(),
        row.row.thing,
        row.row.observed.as_ref().map(ToString::to_string),
        row.row.mark,
        sql::text_of(&row.row.before),
        crate::millis(row.row.intended_at),
        crate::millis(row.row.made_by),
        crate::millis(row.row.removed_by),
        crate::millis(row.row.absent_at),
        crate::millis(row.row.poll_at),
        crate::millis(row.row.look_at),
        row.note,
        sql::text_of(&row.outputs),
        row.component.to_string(),
        row.stanza,
        row.unwanted.map(|(at, _)| at.as_millis()),
        row.unwanted.map(|(_, why)| why.as_str()),
        crate::millis(row.frozen_at),
        row.frozen_why,
        row.frozen_for.as_i64(),
        crate::millis(row.due_at),
        row.attempts,
        row.error,
        row.waiting,
        crate::millis(row.made_at),
        crate::millis(row.delete_at),
        crate::millis(row.gone_at),
        row.gone_how,
        crate::millis(row.row.inherited_at),
        sql::text_of(&row.row.repairs),
        row.withdrawn,
    ])?;
    if changed == 0 { Err(Error::Superseded("the ledger row")) } else { Ok(()) }
}

fn commit(connection: &Connection, row: &StoredRow, effects: &RowEffects) -> Result<()> {
    applied::spend(connection, row)?;
    update(connection, row)?;
    for ran in &effects.runs {
        let (run, calls) = &**ran;
        runs::save(connection, run, calls)?;
    }
    for code in &effects.close {
        findings::close_of_row(connection, code, row, effects.now)?;
    }
    for finding in &effects.open {
        findings::open_of_row(connection, finding, row, effects.now)?;
    }
    if let Some(act) = &effects.act {
        operators::record(connection, act, effects.now)?;
    }
    for lane in &effects.readers {
        lanes::mark_dirty(connection, lane.hook, lane.subject, Because::Reads, effects.now)?;
    }
    if row.row.state == State::Gone {
        wants::wake_first(connection, row, effects.now)?;
    }
    if matches!(row.row.state, State::Gone | State::Retained) {
        ends::not_asked_any_more(connection, row.id)?;
        ends::finish_hook(connection, row.hook)?;
    }
    Ok(())
}

impl RowEffects {
    /// These, and then others, in one commit: what the later ones open stays open.
    #[must_use]
    pub fn followed_by(mut self, later: Self) -> Self {
        self.runs.extend(later.runs);
        self.readers.extend(later.readers);
        self.open.extend(later.open);
        self.close.extend(later.close);
        Self { act: later.act.or(self.act), now: later.now, ..self }
    }

    /// What its runs take in the database.
    fn bytes(&self) -> usize {
        self.runs.iter().map(|ran| runs::bytes(&ran.0, &ran.1)).sum()
    }
}

impl StoredRow {
    /// `kind/key`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.kind, self.key)
    }

    /// `kind/key`, with the incarnation for things that die with their owner.
    pub fn about(&self) -> String {
        if self.inside.is_empty() {
            self.name()
        } else {
            format!("{}/{} of {}", self.kind, self.key, self.inside)
        }
    }

    /// Whether somebody wants its thing, be it in another shape than this one can be given.
    pub fn is_wanted(&self) -> bool {
        self.unwanted.is_none() || self.is_replaced()
    }

    /// Whether it is to go only to be made anew in the shape that is wanted.
    pub fn is_replaced(&self) -> bool {
        self.unwanted.is_some_and(|(_, why)| why == Cause::Replacement)
    }

    /// The lane that works on it.
    pub const fn lane(&self) -> LaneId {
        LaneId { hook: self.hook, subject: self.owner }
    }
}

impl Store {
    /// The rows of a lane that are not gone.
    pub fn lane_rows(&self, lane: LaneId) -> Result<Vec<StoredRow>> {
        self.rows("hook = ?1 AND owner = ?2 AND state <> 'gone' ORDER BY id", [lane.hook.0, lane.subject.0])
    }

    /// A lane's wants and its rows that are not gone, as of one commit.
    pub fn lane_ledger(&self, lane: LaneId) -> Result<(Vec<StoredWant>, Vec<StoredRow>)> {
        self.read_at_once(|connection| Ok((wants::of_lane(connection, lane)?, of_lane(connection, lane)?)))
    }

    /// A hook's rows that are not gone.
    pub fn hook_rows(&self, hook: HookId) -> Result<Vec<StoredRow>> {
        self.rows("hook = ?1 AND state <> 'gone' ORDER BY id", [hook.0])
    }

    /// A subject's rows, gone ones too, newest first.
    pub fn subject_rows(&self, subject: SubjectId) -> Result<Vec<StoredRow>> {
        self.rows("owner = ?1 ORDER BY state = 'gone', id", [subject.0])
    }

    /// All rows that are not gone.
    pub fn living_rows(&self) -> Result<Vec<StoredRow>> {
        self.rows("state <> 'gone' ORDER BY hook, owner, id", [])
    }

    /// Rows of all times whose key, `kind/key` or row id is this, newest first.
    pub fn rows_named(&self, name: &str) -> Result<Vec<StoredRow>> {
        self.rows(
            "row = ?1 OR key = ?1 OR kind || '/' || key = ?1 OR thing = ?1 ORDER BY state = 'gone', id DESC",
            [name],
        )
    }

    /// Whether the ledger ever had this row, as far back as it remembers.
    pub fn knows_row(&self, row: &groundcrew_core::row::RowId) -> Result<bool> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT 1 FROM resource WHERE row = ?1")?;
            Ok(statement.exists([row.as_str()])?)
        })
    }

    /// One row by its id.
    pub fn row_of(&self, id: &str) -> Result<Option<StoredRow>> {
        Ok(self.rows("row = ?1", [id])?.pop())
    }

    /// One row by number.
    pub fn row(&self, id: i64) -> Result<Option<StoredRow>> {
        Ok(self.rows("id = ?1", [id])?.pop())
    }

    pub(crate) fn rows<P: rusqlite::Params>(&self, filter: &str, params: P) -> Result<Vec<StoredRow>> {
        self.read(|connection| select(connection, filter, params))
    }

    /// The other row of its target and kind that has a thing.
    pub fn holder(&self, row: &StoredRow, thing: &str) -> Result<Option<StoredRow>> {
        let holder = self.read(|connection| claiming(connection, &row.target, &row.kind, thing))?;
        Ok(holder.filter(|holder| holder.id != row.id))
    }

    /// Which of these ids other rows of this target and kind claim, and whether another anonymous creation is in doubt.
    pub fn claims<'a>(
        &self,
        row: &StoredRow,
        found: impl IntoIterator<Item = &'a str>,
        occupied: settle::Occupied,
    ) -> Result<(Vec<String>, bool)> {
        self.read(|connection| {
            let text = "SELECT EXISTS (SELECT 1 FROM resource
                WHERE target = ?1 AND kind = ?2 AND thing = ?3 AND thing IS NOT NULL AND state <> 'gone' AND id <> ?4)";
            let mut statement = connection.prepare_cached(text)?;
            let mut held = Vec::new();
            for thing in found {
                if statement.query_row(params![row.target, row.kind, thing, row.id], |row| row.get(0))? {
                    held.push(thing.to_owned());
                }
            }
            Ok((held, listing_busy(connection, row, occupied)?))
        })
    }

    /// Commits a change of a row with all that goes with it. The row's `version` is checked and then counted.
    ///
    /// # Errors
    /// [`Error::Superseded`] if somebody else changed it meanwhile: read it again.
    pub async fn commit_row(&self, row: StoredRow, effects: RowEffects) -> Result<StoredRow> {
        self.write_much(effects.bytes(), move |connection| {
            commit(connection, &row, &effects)?;
            Ok(StoredRow { version: row.version + 1, ..row })
        })
        .await
    }

    /// Commits the intent of a creation; refused while another anonymous one is in doubt in the same listing, once the
    /// owner's end is known, and while it is paused.
    pub async fn intend_create(
        &self,
        row: StoredRow,
        occupied: settle::Occupied,
        effects: RowEffects,
    ) -> Result<StoredRow> {
        self.write_much(effects.bytes(), move |connection| {
            inherit::refuse_if_owner_gone(connection, &row)?;
            refuse_if_paused(connection, &row, Level::NoDeletes)?;
            if row.class == Class::Anonymous && listing_busy(connection, &row, occupied)? {
                return Err(Error::Superseded("the listing"));
            }
            commit(connection, &row, &effects)?;
            Ok(StoredRow { version: row.version + 1, ..row })
        })
        .await
    }

    /// Commits the intent of a change; refused once the owner's end is known, and while it is paused.
    pub async fn intend_update(&self, row: StoredRow, effects: RowEffects) -> Result<StoredRow> {
        self.write_much(effects.bytes(), move |connection| {
            inherit::refuse_if_owner_gone(connection, &row)?;
            refuse_if_paused(connection, &row, Level::NoDeletes)?;
            commit(connection, &row, &effects)?;
            Ok(StoredRow { version: row.version + 1, ..row })
        })
        .await
    }

    /// Commits the intent of a removal, if [`groundcrew_core::may_delete`] still says yes within the transaction.
    pub async fn intend_remove(
        &self,
        row: StoredRow,
        policy: LeavePolicy,
        effects: RowEffects,
    ) -> Result<StoredRow> {
        self.write_much(effects.bytes(), move |connection| {
            inherit::refuse_if_owner_ended(connection, &row)?;
            match leave::verdict(connection, &row, &policy, effects.now)?.leave {
                settle::Leave::Remove => {}
                _ => return Err(Error::Superseded("what allowed the removal")),
            }
            commit(connection, &row, &effects)?;
            Ok(StoredRow { version: row.version + 1, ..row })
        })
        .await
    }

    /// Commits the intent of another write of a run whose first one was committed; refused while what takes this level is
    /// paused.
    pub async fn intend_more(&self, row: StoredRow, takes: Level, effects: RowEffects) -> Result<StoredRow> {
        self.write_much(effects.bytes(), move |connection| {
            refuse_if_paused(connection, &row, takes)?;
            commit(connection, &row, &effects)?;
            Ok(StoredRow { version: row.version + 1, ..row })
        })
        .await
    }
}

/// Refuses what operators have paused meanwhile: what takes this level.
fn refuse_if_paused(connection: &Connection, row: &StoredRow, takes: Level) -> Result<()> {
    let paused = leave::paused(connection, row.hook, row.owner)?;
    if paused.is_some_and(|level| level < takes) {
        return Err(Error::Superseded("what may be done"));
    }
    Ok(())
}

/// Whether another creation in the same listing is in doubt and can still show something; the rule is
/// [`settle::occupies_listing`], which the store asks of each row that is in doubt there.
fn listing_busy(connection: &Connection, row: &StoredRow, occupied: settle::Occupied) -> Result<bool> {
    let text = "SELECT EXISTS (SELECT 1 FROM resource WHERE target = ?1 AND kind = ?2 AND inside = ?3 AND state = 'in-doubt'
          AND id <> ?4 AND (made_by IS NULL OR made_by >= ?5 OR made_by <= ?6))";
    let settle::Occupied { since, unknown } = occupied;
    let params = params![row.target, row.kind, row.inside, row.id, since.as_millis(), crate::millis(unknown)];
    Ok(connection.prepare_cached(text)?.query_row(params, |row| row.get(0))?)
}

/// Reads the living row of a place.
pub(crate) fn at_place(
    connection: &Connection,
    target: &str,
    kind: &str,
    key: &str,
    inside: &str,
) -> Result<Option<StoredRow>> {
    let text = format!(
        "SELECT {COLUMNS} FROM resource WHERE target = ?1 AND kind = ?2 AND key = ?3 AND inside = ?4 AND state <> 'gone'"
    );
    let mut statement = connection.prepare_cached(&text)?;
    Ok(statement.query_row([target, kind, key, inside], stored).optional()?)
}

/// Reads the living row that claims a thing.
pub(crate) fn claiming(
    connection: &Connection,
    target: &str,
    kind: &str,
    thing: &str,
) -> Result<Option<StoredRow>> {
    let text = format!(
        "SELECT {COLUMNS} FROM resource WHERE target = ?1 AND kind = ?2 AND thing = ?3 AND thing IS NOT NULL AND state <> 'gone'"
    );
    let mut statement = connection.prepare_cached(&text)?;
    Ok(statement.query_row([target, kind, thing], stored).optional()?)
}

/// Reads the living rows of a lane.
pub(crate) fn of_lane(connection: &Connection, lane: LaneId) -> Result<Vec<StoredRow>> {
    select(
        connection,
        "hook = ?1 AND owner = ?2 AND state <> 'gone' ORDER BY id",
        [lane.hook.0, lane.subject.0],
    )
}

/// Reads the rows for which something holds.
pub(crate) fn select<P: rusqlite::Params>(
    connection: &Connection,
    filter: &str,
    params: P,
) -> Result<Vec<StoredRow>> {
    let text = format!("SELECT {COLUMNS} FROM resource WHERE {filter}");
    let mut statement = connection.prepare_cached(&text)?;
    let rows = statement.query_map(params, stored)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
