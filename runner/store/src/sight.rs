//! With which component and settings a hook was last seen to find its things: what the upgrade gate remembers.

use groundcrew_core::subject::Path;
use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::findings::{self, NewFinding};
use crate::ledger::{self, StoredRow};
use crate::operators::{self, OperatorAct};
use crate::{HookId, Result, Store, SubjectId, sql};

/// The finding about a hook whose new version does not find what the old one made.
pub const LOST: &str = "hook.lost-sight";

/// What is known of a hook's sight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// `COMPONENT:CONFIGURATION` that may write.
    pub settings: String,
    /// Those that did not find its things.
    pub held: Option<String>,
    /// The rows that were not found.
    pub lost: Vec<String>,
}

impl Store {
    /// What is known of a hook's sight; none before it was ever asked.
    pub fn sight(&self, hook: HookId) -> Result<Option<Sight>> {
        self.read(|connection| {
            let text = "SELECT settings, held, lost FROM sight WHERE hook = ?1";
            let sight = |row: &rusqlite::Row<'_>| {
                Ok(Sight { settings: row.get(0)?, held: row.get(1)?, lost: sql::json(row, 2)? })
            };
            Ok(connection.prepare_cached(text)?.query_row([hook.0], sight).optional()?)
        })
    }

    /// The settings with which a hook's owners were asked before its sight was kept, where that was so.
    pub fn asked_with(&self, hook: HookId) -> Result<Option<String>> {
        self.read(|connection| {
            let text =
                "SELECT settings FROM lane WHERE hook = ?1 AND settings IS NOT NULL ORDER BY subject LIMIT 1";
            Ok(connection.prepare_cached(text)?.query_row([hook.0], |row| row.get(0)).optional()?)
        })
    }

    /// Owners that live and have an answer of a hook, neighbours apart.
    pub fn answered_owners(&self, hook: HookId) -> Result<Vec<SubjectId>> {
        self.read(|connection| {
            // Multiplied by a prime: whoever is cut off has asked some of everywhere.
            let text = "SELECT lane.subject FROM lane JOIN subject ON subject.id = lane.subject
                WHERE lane.hook = ?1 AND lane.settings IS NOT NULL AND subject.gone_at IS NULL
                ORDER BY lane.subject * 7919 % 10007, lane.subject";
            let mut statement = connection.prepare_cached(text)?;
            let rows = statement.query_map([hook.0], |row| row.get(0).map(SubjectId))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The settings whose effect on everybody was counted and told, while they do not write yet.
    pub fn foreseen(&self, hook: HookId) -> Result<Option<String>> {
        self.meta(&foreseen(hook))
    }

    /// What these settings change was counted; with a finding if that is anything.
    pub async fn foresee(
        &self,
        hook: HookId,
        settings: String,
        told: Option<NewFinding>,
        now: Timestamp,
    ) -> Result<()> {
        self.write(move |connection| {
            let text = "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value";
            connection.execute(text, params![foreseen(hook), settings])?;
            told.map_or(Ok(()), |finding| findings::open(connection, &finding, now))
        })
        .await
    }

    /// What was counted is not true any more: the hook writes, or was put back.
    pub async fn forget_foreseen(&self, hook: HookId) -> Result<()> {
        if self.foreseen(hook)?.is_none() {
            return Ok(());
        }
        self.write(move |connection| {
            connection.execute("DELETE FROM meta WHERE key = ?1", [foreseen(hook)])?;
            Ok(())
        })
        .await
    }

    /// Whether an owner that could be asked was not asked anew yet, or something waits for approval.
    pub fn has_followers_left(&self, hook: HookId, now: Timestamp) -> Result<bool> {
        let owed = self.read(|connection| {
            // Who cannot be asked has an error, and no time or a later one.
            let text = "SELECT EXISTS (SELECT 1 FROM lane WHERE hook = ?1 AND dirty > done
                AND (error IS NULL OR due_at <= ?2))";
            Ok(connection
                .prepare_cached(text)?
                .query_row(params![hook.0, now.as_millis()], |row| row.get(0))?)
        });
        Ok(owed? || !self.held_rows(Some(hook))?.is_empty())
    }

    /// These settings may write from here on.
    pub async fn trust_sight(
        &self,
        hook: HookId,
        name: &str,
        settings: String,
        act: Option<OperatorAct>,
        now: Timestamp,
    ) -> Result<()> {
        let name = name.to_owned();
        self.write(move |connection| {
            let text = "INSERT INTO sight (hook, settings, at) VALUES (?1, ?2, ?3)
                ON CONFLICT (hook) DO UPDATE SET settings = excluded.settings, held = NULL, lost = '[]', at = excluded.at";
            connection.execute(text, params![hook.0, settings, now.as_millis()])?;
            findings::close(connection, LOST, &name, now)?;
            act.map_or(Ok(()), |act| operators::record(connection, &act, now))
        })
        .await
    }

    /// These settings do not find what is there; nothing is written with them.
    pub async fn lose_sight(
        &self,
        hook: HookId,
        settings: String,
        lost: Vec<String>,
        finding: NewFinding,
        now: Timestamp,
    ) -> Result<()> {
        self.write(move |connection| {
            let text = "INSERT INTO sight (hook, settings, held, lost, at) VALUES (?1, '', ?2, ?3, ?4)
                ON CONFLICT (hook) DO UPDATE SET held = excluded.held, lost = excluded.lost, at = excluded.at";
            connection.execute(text, params![hook.0, settings, sql::text_of(&lost), now.as_millis()])?;
            findings::open(connection, &finding, now)
        })
        .await
    }

    /// Some of a hook's rows whose thing exists, of living owners that are covered: first one of each owner and kind,
    /// the kinds in turn.
    pub fn sample_rows(
        &self,
        hook: HookId,
        count: usize,
        covers: impl Fn(&Path) -> bool,
    ) -> Result<Vec<StoredRow>> {
        // Multiplied by a prime, neighbours in the ledger are none in the sample.
        let text = "SELECT id, path FROM (
              SELECT resource.id, kind, path,
                row_number() OVER (PARTITION BY kind, owner ORDER BY resource.id) AS of_owner,
                row_number() OVER (PARTITION BY kind ORDER BY resource.id * 7919 % 10007) AS of_kind
              FROM resource JOIN subject ON subject.id = resource.owner
              WHERE resource.hook = ?1 AND resource.state = 'present' AND thing IS NOT NULL
                AND subject.gone_at IS NULL)
            ORDER BY of_owner, of_kind, kind";
        self.read(|connection| first_covered(connection, text, hook, count, covers))
    }

    /// Some of a hook's rows whose creation was sent for a living owner that is covered, and is in doubt.
    pub fn doubted_rows(
        &self,
        hook: HookId,
        count: usize,
        covers: impl Fn(&Path) -> bool,
    ) -> Result<Vec<StoredRow>> {
        let text = "SELECT resource.id, path FROM resource JOIN subject ON subject.id = resource.owner
            WHERE resource.hook = ?1 AND resource.state = 'in-doubt' AND subject.gone_at IS NULL
            ORDER BY resource.id";
        self.read(|connection| first_covered(connection, text, hook, count, covers))
    }
}

/// The first rows that a query names whose owner is covered; it names each with its owner's path.
fn first_covered(
    connection: &Connection,
    text: &str,
    hook: HookId,
    count: usize,
    covers: impl Fn(&Path) -> bool,
) -> Result<Vec<StoredRow>> {
    let mut statement = connection.prepare_cached(text)?;
    let (mut named, mut sample) = (statement.query([hook.0])?, Vec::new());
    while sample.len() < count
        && let Some(row) = named.next()?
    {
        if covers(&sql::word(row, 1)?) {
            sample.extend(ledger::select(connection, "id = ?1", [row.get::<_, i64>(0)?])?);
        }
    }
    Ok(sample)
}

/// Where it is kept for which settings of a hook everybody was asked.
fn foreseen(hook: HookId) -> String {
    format!("foreseen/{}", hook.0)
}
