//! What commands and metrics ask: listings by the names that people use, and counts.

use groundcrew_core::row::State;
use groundcrew_core::subject::Path;
use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, params};

use crate::lanes::{Lane, LaneId};
use crate::ledger::StoredRow;
use crate::runs::RunRecord;
use crate::subjects::{self, StoredSubject};
use crate::{HookId, Result, Store, SubjectId, migrations, sql};

/// What holds for a row that only an approval lets go: it is unwanted, and held by something else than a freeze.
const HELD: &str = "(unwanted_at IS NOT NULL OR frozen_why LIKE '%: approve') AND frozen_why IS NOT NULL AND frozen_why NOT LIKE 'frozen%'
    AND protected = 0 AND state NOT IN ('gone', 'retained', 'creating')";

/// Which rows of the ledger are listed.
#[derive(Clone, Copy, Debug, Default)]
pub struct RowFilter {
    /// Only this owner's.
    pub owner: Option<SubjectId>,
    /// Only this hook's.
    pub hook: Option<HookId>,
    /// Only those in this state; `gone` ones are listed only if it is this, or if [`Self::gone_too`] says so.
    pub state: Option<State>,
    /// Whether what is gone is listed too.
    pub gone_too: GoneToo,
}

/// Whether rows that are gone are listed too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GoneToo {
    /// They are.
    Yes,
    /// They are not.
    #[default]
    No,
}

/// A lane with what it owes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneStatus {
    /// Which.
    pub id: LaneId,
    /// How far it is; its error is the head delivery's for a handler.
    pub lane: Lane,
    /// Deliveries that are owed.
    pub owed: u32,
    /// When the oldest of them happened.
    pub owed_since: Option<Timestamp>,
    /// Deliveries that gave up.
    pub dead: u32,
}

impl LaneStatus {
    /// Whether nothing is owed: no look, no delivery.
    pub const fn is_done(&self) -> bool {
        self.lane.dirty <= self.lane.done && self.owed == 0
    }
}

/// Somebody who wants a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The hook and the owner.
    pub lane: LaneId,
    /// The owner's path.
    pub path: String,
    /// The owner's incarnation.
    pub uid: String,
    /// Since when.
    pub since: Timestamp,
    /// `kind/key` of it.
    pub name: String,
    /// Where it is wanted.
    pub target: String,
}

/// Counts for metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows that are not gone: hook, state, how many.
    pub rows: Vec<(String, State, u32)>,
    /// Rows that failed for so long that a person should look.
    pub stuck: u32,
    /// Rows whose removal waits for approval.
    pub held: u32,
    /// Deliveries that gave up, by hook.
    pub dead: Vec<(String, u32)>,
    /// Lanes whose due time has come.
    pub lanes_due: u32,
    /// How long the longest of them has been due, in milliseconds.
    pub lanes_late_ms: i64,
    /// When the oldest event happened that is still owed to somebody.
    pub oldest_owed: Option<Timestamp>,
    /// Open findings: severity, how many.
    pub findings: Vec<(String, u32)>,
    /// Runs that were compared with a candidate: hook, `equal`, `differs`, `cannot-tell` or `skipped`, how many.
    pub canary: Vec<(String, String, u32)>,
}

impl Store {
    /// Subjects of all times that a name may mean: a path, its end (`cust-7`, `acme/cust-7`), or an id.
    ///
    /// Living ones come first, apps before machines, then the newest.
    pub fn subjects_named(&self, name: &str) -> Result<Vec<StoredSubject>> {
        let text = format!(
            "SELECT {} FROM subject WHERE path = ?1 OR uid = ?1 OR substr(path, -length(?1) - 1) = '/' || ?1
             ORDER BY gone_at IS NULL DESC, parent IS NULL DESC, id DESC",
            subjects::COLUMNS
        );
        self.list_subjects(&text, [name])
    }

    /// Rows of the ledger by owner, hook and state.
    pub fn rows_where(&self, filter: &RowFilter) -> Result<Vec<StoredRow>> {
        let text = "(?1 IS NULL OR owner = ?1) AND (?2 IS NULL OR hook = ?2) AND (?3 IS NULL OR state = ?3)
            AND (?4 OR ?3 = 'gone' OR state <> 'gone') ORDER BY hook, owner, state = 'gone', id";
        let gone_too = filter.gone_too == GoneToo::Yes;
        let (owner, hook) = (filter.owner.map(|id| id.0), filter.hook.map(|id| id.0));
        self.rows(text, params![owner, hook, filter.state.map(State::as_str), gone_too])
    }

    /// Rows whose removal waits for approval, of one hook or of all.
    pub fn held_rows(&self, hook: Option<HookId>) -> Result<Vec<StoredRow>> {
        self.rows(&format!("{HELD} AND (?1 IS NULL OR hook = ?1) ORDER BY hook, id"), [hook.map(|id| id.0)])
    }

    /// Rows that are not repaired any more, since somebody else changes them back, of one hook or of all.
    pub fn fought_rows(&self, hook: Option<HookId>) -> Result<Vec<StoredRow>> {
        let filter = "repairs <> '[]' AND state <> 'gone' AND unwanted_at IS NULL AND (?1 IS NULL OR hook = ?1) ORDER BY hook, id";
        let rows = self.rows(filter, [hook.map(|id| id.0)])?;
        Ok(rows.into_iter().filter(|row| row.row.is_fought()).collect())
    }

    /// Whom a hook's things are for, with how many each has; without those that are gone or let go of.
    pub fn owners(&self, hook: HookId) -> Result<Vec<(Path, u32)>> {
        self.read(|connection| {
            // Counted by an index alone, then named.
            let text = "SELECT subject.path, owned.things FROM
                  (SELECT owner, count(*) AS things FROM resource
                    WHERE hook = ?1 AND state NOT IN ('gone', 'retained') GROUP BY owner) AS owned
                JOIN subject ON subject.id = owned.owner";
            let mut statement = connection.prepare_cached(text)?;
            let rows = statement.query_map([hook.0], |row| Ok((sql::word(row, 0)?, row.get(1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// All lanes of a subject.
    pub fn lane_statuses(&self, subject: SubjectId) -> Result<Vec<LaneStatus>> {
        self.read(|connection| {
            let text = "SELECT lane.hook, lane.dirty, lane.done, lane.view_hash, lane.settings, lane.attempts, lane.error, lane.due_at,
                  (SELECT count(*) FROM delivery AS d WHERE d.hook = lane.hook AND d.subject = lane.subject),
                  (SELECT count(*) FROM dead AS d WHERE d.hook = lane.hook AND d.subject = lane.subject),
                  head.attempts, head.error, event.at, (SELECT ending_at FROM hook WHERE id = lane.hook),
                  CASE WHEN lane.dirty > lane.done THEN lane.because END
                FROM lane
                LEFT JOIN delivery AS head ON head.hook = lane.hook AND head.subject = lane.subject AND head.seq =
                  (SELECT min(seq) FROM delivery AS d WHERE d.hook = lane.hook AND d.subject = lane.subject)
                LEFT JOIN event ON event.seq = head.seq
                WHERE lane.subject = ?1 ORDER BY lane.hook";
            let mut statement = connection.prepare_cached(text)?;
            let rows = statement.query_map([subject.0], |row| lane_status(subject, row))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Lanes of provisioners for a subject and for its living machines: those that its labels concern.
    pub fn provisioner_lanes(&self, subject: SubjectId) -> Result<Vec<LaneId>> {
        self.read(|connection| {
            let text = "SELECT hook, subject FROM lane WHERE dirty > 0 AND (subject = ?1
                OR subject IN (SELECT id FROM subject WHERE parent = ?1 AND gone_at IS NULL)) ORDER BY subject, hook";
            let mut statement = connection.prepare_cached(text)?;
            let lane =
                |row: &rusqlite::Row<'_>| Ok(LaneId { hook: HookId(row.get(0)?), subject: SubjectId(row.get(1)?) });
            let rows = statement.query_map([subject.0], lane)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Who wants a row's place, oldest first.
    pub fn claims_on(&self, row: &StoredRow) -> Result<Vec<Claim>> {
        let filter = "want.target = ?1 AND want.kind = ?2 AND want.key = ?3 AND want.inside = ?4";
        self.list_claims(filter, [&row.target, &row.kind, &row.key, &row.inside])
    }

    /// What an owner wants, of all hooks.
    pub fn claims_of(&self, owner: SubjectId) -> Result<Vec<Claim>> {
        self.list_claims("want.subject = ?1", [owner.0])
    }

    /// Wants of this `key` or `kind/key`, of all owners.
    pub fn claims_named(&self, name: &str) -> Result<Vec<Claim>> {
        self.list_claims("want.key = ?1 OR want.kind || '/' || want.key = ?1", [name])
    }

    fn list_claims<P: rusqlite::Params>(&self, filter: &str, params: P) -> Result<Vec<Claim>> {
        self.read(|connection| {
            let text = format!(
                "SELECT want.hook, want.subject, subject.path, subject.uid, want.since, want.kind || '/' || want.key, want.target
                 FROM want JOIN subject ON subject.id = want.subject WHERE {filter} ORDER BY want.since, want.hook, want.subject"
            );
            let mut statement = connection.prepare_cached(&text)?;
            let claim = |row: &rusqlite::Row<'_>| {
                let lane = LaneId { hook: HookId(row.get(0)?), subject: SubjectId(row.get(1)?) };
                let (since, name, target) = (sql::time(row, 4)?, row.get(5)?, row.get(6)?);
                Ok(Claim { lane, path: row.get(2)?, uid: row.get(3)?, since, name, target })
            };
            let rows = statement.query_map(params, claim)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Lanes whose rows were made from a row's outputs.
    pub fn readers_of(&self, row: i64) -> Result<Vec<LaneId>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT hook, subject FROM reads WHERE resource = ?1 ORDER BY hook, subject",
            )?;
            let lane = |row: &rusqlite::Row<'_>| {
                Ok(LaneId { hook: HookId(row.get(0)?), subject: SubjectId(row.get(1)?) })
            };
            let rows = statement.query_map([row], lane)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The last runs of one lane, newest first.
    pub fn runs_of_lane(&self, hook: HookId, subject: SubjectId, limit: u32) -> Result<Vec<RunRecord>> {
        self.list_runs("subject = ?1 AND hook = ?2", params![subject.0, hook.0, limit])
    }

    /// How far each source has come, and when it last moved.
    pub fn cursors(&self) -> Result<Vec<(String, Timestamp)>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT source, at FROM cursor ORDER BY source")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, sql::time(row, 1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The database's schema, and the newest that this program knows.
    pub fn schema(&self) -> Result<(u32, u32)> {
        self.read_as_it_is(|connection| Ok((migrations::found(connection)?, migrations::KNOWN)))
    }

    /// Counts for metrics; reads a few indexes, never a whole history.
    pub fn counts(&self, now: Timestamp) -> Result<Counts> {
        self.read(|connection| counts(connection, now))
    }
}

fn lane_status(subject: SubjectId, row: &rusqlite::Row<'_>) -> rusqlite::Result<LaneStatus> {
    let attempts: u32 = row.get(5)?;
    let error: Option<String> = row.get(6)?;
    let lane = Lane {
        dirty: row.get(1)?,
        done: row.get(2)?,
        view_hash: row.get(3)?,
        settings: row.get(4)?,
        attempts: row.get::<_, Option<u32>>(10)?.unwrap_or(attempts),
        error: row.get::<_, Option<String>>(11)?.or(error),
        due_at: sql::time_opt(row, 7)?,
        because: sql::word_known(row, 14)?,
        ending_at: sql::time_opt(row, 13)?,
    };
    let id = LaneId { hook: HookId(row.get(0)?), subject };
    Ok(LaneStatus { id, lane, owed: row.get(8)?, owed_since: sql::time_opt(row, 12)?, dead: row.get(9)? })
}

fn counts(connection: &Connection, now: Timestamp) -> Result<Counts> {
    let one = |text: &str| connection.prepare_cached(text)?.query_row([], |row| row.get::<_, u32>(0));
    let text = "SELECT hook.name, resource.state, count(*) FROM resource JOIN hook ON hook.id = resource.hook
        WHERE resource.state <> 'gone' GROUP BY hook.name, resource.state ORDER BY hook.name, resource.state";
    let rows = connection
        .prepare_cached(text)?
        .query_map([], |row| Ok((row.get(0)?, sql::word(row, 1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let pairs = |text: &str| -> rusqlite::Result<Vec<(String, u32)>> {
        connection.prepare_cached(text)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    };
    let text = "SELECT count(*), min(due_at) FROM lane WHERE due_at <= ?1";
    let (lanes_due, first): (u32, Option<i64>) = connection
        .prepare_cached(text)?
        .query_row([now.as_millis()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let text = "SELECT at FROM event WHERE seq = (SELECT min(seq) FROM delivery)";
    let mut statement = connection.prepare_cached(text)?;
    let oldest_owed = statement.query_map([], |row| sql::time(row, 0))?.next().transpose()?;
    Ok(Counts {
        rows,
        stuck: one("SELECT count(*) FROM finding WHERE closed_at IS NULL AND code = 'resource.stuck'")?,
        held: one(&format!("SELECT count(*) FROM resource WHERE {HELD}"))?,
        dead: pairs(
            "SELECT hook.name, count(*) FROM dead JOIN hook ON hook.id = dead.hook
             GROUP BY hook.name ORDER BY hook.name",
        )?,
        lanes_due,
        lanes_late_ms: first.map_or(0, |first| now.as_millis() - first),
        oldest_owed,
        findings: pairs(
            "SELECT severity, count(*) FROM finding WHERE closed_at IS NULL GROUP BY severity ORDER BY severity",
        )?,
        canary: compared(connection)?,
    })
}

/// Runs that were compared, by hook and by what came of it.
fn compared(connection: &Connection) -> rusqlite::Result<Vec<(String, String, u32)>> {
    let text = "SELECT hook.name, counted.verdict, sum(counted.runs) FROM
          (SELECT hook, 'equal' AS verdict, equal AS runs FROM canary
           UNION ALL SELECT hook, 'differs', differed FROM canary
           UNION ALL SELECT hook, 'cannot-tell', unclear FROM canary
           UNION ALL SELECT hook, 'skipped', skipped FROM canary) AS counted
        JOIN hook ON hook.id = counted.hook GROUP BY hook.name, counted.verdict ORDER BY hook.name, counted.verdict";
    let mut statement = connection.prepare_cached(text)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    rows.collect()
}
