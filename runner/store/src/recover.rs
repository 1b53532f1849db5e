//! After a lost or old ledger: everything is looked at anew before anything is done.
//!
//! A recovery is a value of the installation itself, so it outlives restarts. While it is under way the runner
//! writes nothing outside and takes up what it finds; see `groundcrew_core::settle::Adopt::Recover`.

use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _};

use crate::because::Because;
use crate::lanes::Cause;
use crate::operators::{OperatorAct, record, wake_rows};
use crate::{Error, Result, Store};

/// The name of the value that says since when.
const SINCE: &str = "recovering";

/// The name of the value that says what was on record when inventories were last listed.
const LISTED: &str = "recovering.listed";

/// The name of the value that says which hooks cannot list what they have, one a line.
const UNLISTED: &str = "recovering.unlisted";

/// What is on record as existing: while nothing is made, it changes only by what is taken up.
const ON_RECORD: &str =
    "SELECT count(*) || ':' || coalesce(sum(id), 0) FROM resource WHERE state IN ('pending', 'present')";

/// Forgets two values.
const FORGET: &str = "DELETE FROM meta WHERE key IN (?1, ?2)";

/// Versions of subjects that a recovery leaves out: a ledger that was restored must not give the events to come the
/// ids of events that were told after the backup.
const VERSIONS: i64 = 1_000_000;

/// How the error of a lane begins whose owner is out of its hook's scope.
pub const OUT_OF_SCOPE: &str = "out of scope";

/// What somebody works on: a hook without a stanza looks at nothing, and keeps nobody waiting.
pub(crate) const ACTIVE: &str = "hook IN (SELECT id FROM hook WHERE state = 'active')";

/// What a row waits for that was looked for and may not show yet.
pub const SETTLING: &str = "settling: the API may still hide it";

/// How far a recovery is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Recovery {
    /// When it began.
    pub since: Timestamp,
    /// Owners that a provisioner works for.
    pub lanes: u32,
    /// Owners that were not asked, or could not be.
    pub unasked: u32,
    /// Things that are on record as existing.
    pub found: u32,
    /// Things that are still looked for: what was sent before it may not show yet.
    pub looking: u32,
    /// Looks that failed.
    pub failing: u32,
    /// Things that are wanted and were not found.
    pub to_create: u32,
    /// Things that were found and are not as they are wanted.
    pub to_change: u32,
    /// Things that nobody wants.
    pub unwanted: u32,
    /// Things that could not be told from somebody else's: open findings.
    pub unclear: u32,
    /// Those of them that are several: a person says which it is, or they would be made once more.
    pub ambiguous: u32,
    /// Whether what provisioners have was listed, and compared with what is on record now.
    pub listed: bool,
    /// What those listings showed beside it: things with our mark and no row, second ones, missing ones.
    pub astray: u32,
    /// Hooks that cannot list what they have: theirs was looked for by key only.
    pub unlisted: Vec<String>,
}

impl Recovery {
    /// Whether everything that is known of was looked for once.
    pub const fn is_looked_for(&self) -> bool {
        self.unasked == 0 && self.looking == 0 && self.failing == 0 && self.ambiguous == 0
    }

    /// Whether everything was looked for, and what else there is was listed.
    pub const fn is_complete(&self) -> bool {
        self.is_looked_for() && self.listed
    }
}

impl Store {
    /// Begins one: every owner is asked and every thing looked for again. Nothing happens if one is under way.
    ///
    /// Not for a ledger that a runner has open: it holds the mirror in memory.
    pub async fn begin_recovery(&self, act: OperatorAct, now: Timestamp) -> Result<()> {
        self.write(move |connection| {
            let text = "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            if connection.execute(text, [SINCE, &now.as_millis().to_string()])? == 0 {
                return Ok(());
            }
            connection.execute(FORGET, [LISTED, UNLISTED])?;
            connection.execute("UPDATE subject SET version = version + ?1", [VERSIONS])?;
            let due = Cause::Sweep.due_at(Because::Sweep, "?1");
            let text = format!(
                "UPDATE lane SET {due}, dirty = dirty + (dirty > 0), view_hash = NULL WHERE {ACTIVE}"
            );
            connection.execute(&text, [now.as_millis()])?;
            let text = format!(
                "UPDATE resource SET due_at = ?1, look_at = ?1, version = version + 1
                 WHERE state NOT IN ('gone', 'retained') AND {ACTIVE}"
            );
            connection.execute(&text, [now.as_millis()])?;
            // Both were given to what was known before.
            connection.execute("DELETE FROM applied", [])?;
            connection.execute("DELETE FROM approval", [])?;
            record(connection, &act, now)
        })
        .await
    }

    /// How far the recovery is that is under way, if one is.
    pub fn recovery(&self, now: Timestamp) -> Result<Option<Recovery>> {
        self.read(|connection| {
            let Some(since) = since(connection)? else { return Ok(None) };
            let count = |text: &str| -> Result<u32> {
                let text = format!("SELECT count(*) FROM {text}");
                // Whatever is compared with a time is compared with the present.
                let params: &[&dyn rusqlite::ToSql] =
                    if text.contains("?1") { &[&now.as_millis()] } else { &[] };
                Ok(connection.query_row(&text, params, |row| row.get(0))?)
            };
            Ok(Some(Recovery {
                since,
                lanes: count(&format!("lane WHERE dirty > 0 AND {ACTIVE}"))?,
                // An owner that its hook does not work for is never asked, and keeps what it has.
                unasked: count(&format!(
                    "lane WHERE dirty > done AND coalesce(error, '') NOT LIKE '{OUT_OF_SCOPE}%' AND {ACTIVE}"
                ))?,
                found: count("resource WHERE state IN ('pending', 'present') AND NOT due_at <= ?1")?,
                looking: count(&format!(
                    "resource WHERE state <> 'gone' AND error IS NULL AND {ACTIVE}
                       AND (due_at <= ?1 OR state = 'creating' AND waiting = '{SETTLING}')"
                ))?,
                failing: count(&format!(
                    "resource WHERE state <> 'gone' AND error IS NOT NULL AND {ACTIVE}"
                ))?,
                to_create: count("resource WHERE state = 'creating' AND waiting LIKE 'observe: %'")?,
                to_change: count("resource WHERE waiting = 'observe: would be changed'")?,
                unwanted: count(
                    "resource WHERE unwanted_at IS NOT NULL AND state NOT IN ('gone', 'retained')",
                )?,
                unclear: count(
                    "finding WHERE source = 0 AND closed_at IS NULL
                       AND code IN ('resource.conflict', 'resource.ambiguous', 'resource.changed')",
                )?,
                ambiguous: count(
                    "finding WHERE source = 0 AND closed_at IS NULL AND code = 'resource.ambiguous'",
                )?,
                listed: listed(connection)?,
                astray: count("finding WHERE closed_at IS NULL AND code LIKE 'inventory.%'")?,
                unlisted: unlisted(connection)?,
            }))
        })
    }

    /// Notes that inventories were listed and compared with what was on record before that, and which hooks have none.
    pub async fn recovery_listed(&self, before: String, unlisted: Vec<String>) -> Result<()> {
        self.write(move |connection| {
            let text =
                "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
            connection.execute(text, [LISTED, &before])?;
            connection.execute(text, [UNLISTED, &unlisted.join("\n")])?;
            Ok(())
        })
        .await
    }

    /// What is on record as existing now, for [`Store::recovery_listed`].
    pub fn on_record(&self) -> Result<String> {
        self.read(|connection| Ok(connection.query_row(ON_RECORD, [], |row| row.get(0))?))
    }

    /// Whether one is under way.
    pub fn is_recovering(&self) -> Result<bool> {
        Ok(self.recovering_since()?.is_some())
    }

    /// When the one began that is under way.
    pub fn recovering_since(&self) -> Result<Option<Timestamp>> {
        self.read(since)
    }

    /// Ends it: what was only shown is decided again, and done as the levels say.
    pub async fn end_recovery(&self, act: OperatorAct, now: Timestamp) -> Result<()> {
        self.write(move |connection| {
            if connection.execute("DELETE FROM meta WHERE key = ?1", [SINCE])? == 0 {
                return Err(Error::Missing("recovery"));
            }
            connection.execute(FORGET, [LISTED, UNLISTED])?;
            let due = Cause::Sweep.due_at(Because::Sweep, "?1");
            let text = format!("UPDATE lane SET {due}, dirty = dirty + (dirty > 0)");
            connection.execute(&text, [now.as_millis()])?;
            wake_rows(connection, now)?;
            record(connection, &act, now)
        })
        .await
    }
}

/// Whether inventories were listed since the last thing was taken up.
fn listed(connection: &Connection) -> Result<bool> {
    let text = format!("SELECT EXISTS (SELECT 1 FROM meta WHERE key = ?1 AND value = ({ON_RECORD}))");
    Ok(connection.query_row(&text, [LISTED], |row| row.get(0))?)
}

fn unlisted(connection: &Connection) -> Result<Vec<String>> {
    let names: Option<String> = connection
        .query_row("SELECT value FROM meta WHERE key = ?1", [UNLISTED], |row| row.get(0))
        .optional()?;
    Ok(names.unwrap_or_default().lines().map(str::to_owned).collect())
}

fn since(connection: &Connection) -> Result<Option<Timestamp>> {
    let text: Option<String> = connection
        .query_row("SELECT value FROM meta WHERE key = ?1", [SINCE], |row| row.get(0))
        .optional()?;
    let Some(text) = text else { return Ok(None) };
    let millis = text.parse().map_err(|_| Error::Foreign(format!("`{text}` for the begin of a recovery")))?;
    Ok(Some(Timestamp::from_millis(millis)))
}
