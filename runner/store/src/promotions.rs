//! Candidates that were made current: what runs in the place of the component that a stanza names.
//!
//! A promotion holds until the stanza names another component; then the configuration is right, and it is forgotten.

use groundcrew_core::hash::Digest;
use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, params};

use crate::findings::{self, NewFinding, Severity};
use crate::operators::{self, OperatorAct};
use crate::{Error, HookId, Result, Store, canary, sql, upgrades};

/// The finding about a hook that does not run what its stanza names.
pub const PROMOTED: &str = "hook.promoted";

/// One candidate that was made current.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promotion {
    /// Whose.
    pub hook: HookId,
    /// What the stanza named then.
    pub instead_of: Digest,
    /// What runs in its place.
    pub component: Digest,
    /// Since when.
    pub at: Timestamp,
    /// Who said so; [`canary::BY_ITSELF`]: nobody, it was equal for long enough.
    pub who: String,
}

impl Store {
    /// All promotions.
    pub fn promotions(&self) -> Result<Vec<Promotion>> {
        self.read(|connection| list(connection, "?1 = ?1", 0))
    }

    /// A hook's promotion.
    pub fn promotion(&self, hook: HookId) -> Result<Option<Promotion>> {
        self.read(|connection| of(connection, hook))
    }

    /// What the stanza of a hook names while `current` runs, which may be what was promoted, or the version before one
    /// that waits for approval.
    pub fn named(&self, hook: HookId, current: Digest) -> Result<Digest> {
        self.read(|connection| named(connection, hook, current))
    }

    /// Makes a candidate current; a finding says so until the stanza names it.
    pub async fn promote(&self, promotion: Promotion, act: OperatorAct, now: Timestamp) -> Result<()> {
        self.write(move |connection| {
            save(connection, &promotion, now)?;
            operators::record(connection, &act, now)
        })
        .await
    }

    /// Forgets a promotion: the stanza names another component, or somebody took it back.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is none.
    pub async fn forget_promotion(
        &self,
        hook: HookId,
        act: Option<OperatorAct>,
        now: Timestamp,
    ) -> Result<()> {
        self.write(move |connection| {
            if connection.execute("DELETE FROM promotion WHERE hook = ?1", [hook.0])? == 0 {
                return Err(Error::Missing("promotion"));
            }
            canary::interrupt(connection, hook)?;
            findings::close(connection, PROMOTED, &name(connection, hook)?, now)?;
            act.map_or(Ok(()), |act| operators::record(connection, &act, now))
        })
        .await
    }
}

pub(crate) fn of(connection: &Connection, hook: HookId) -> Result<Option<Promotion>> {
    Ok(list(connection, "hook = ?1", hook.0)?.pop())
}

/// What a stanza names; see [`Store::named`]. Of a start that did not keep it what was promoted tells, else it runs.
pub(crate) fn named(connection: &Connection, hook: HookId, current: Digest) -> Result<Digest> {
    if let Some(named) = upgrades::read(connection, hook)?.named {
        return Ok(named);
    }
    Ok(of(connection, hook)?.map_or(current, |promoted| promoted.instead_of))
}

/// Writes a promotion and tells of it.
pub(crate) fn save(connection: &Connection, promotion: &Promotion, now: Timestamp) -> Result<()> {
    let Promotion { hook, instead_of, component, at, who } = promotion;
    let text = "INSERT INTO promotion (hook, instead_of, component, at, who) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (hook) DO UPDATE SET instead_of = excluded.instead_of, component = excluded.component,
          at = excluded.at, who = excluded.who";
    let row = params![hook.0, instead_of.to_string(), component.to_string(), at.as_millis(), who];
    connection.prepare_cached(text)?.execute(row)?;
    tell(connection, promotion, now)
}

fn tell(connection: &Connection, promotion: &Promotion, now: Timestamp) -> Result<()> {
    let Promotion { hook, instead_of, component, who, .. } = promotion;
    let name = name(connection, *hook)?;
    let by = if who == canary::BY_ITSELF {
        "it was equal for long enough".to_owned()
    } else {
        format!("by {who}")
    };
    let finding = NewFinding {
        code: PROMOTED.to_owned(),
        about: name.clone(),
        hook: Some(*hook),
        severity: Severity::Info,
        message: format!(
            "{} was promoted over {} ({by}): it is started in the place of what its stanza names",
            component.short(),
            instead_of.short()
        ),
        remedy: Some(format!(
            "let `use` of [hook.{name}] name it, take `candidate` out, then: groundcrew add {name}"
        )),
    };
    findings::open(connection, &finding, now)
}

fn list(connection: &Connection, filter: &str, value: i64) -> Result<Vec<Promotion>> {
    let text =
        format!("SELECT hook, instead_of, component, at, who FROM promotion WHERE {filter} ORDER BY hook");
    let mut statement = connection.prepare_cached(&text)?;
    let promotion = |row: &rusqlite::Row<'_>| {
        Ok(Promotion {
            hook: HookId(row.get(0)?),
            instead_of: sql::word(row, 1)?,
            component: sql::word(row, 2)?,
            at: sql::time(row, 3)?,
            who: row.get(4)?,
        })
    };
    let rows = statement.query_map([value], promotion)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn name(connection: &Connection, hook: HookId) -> Result<String> {
    Ok(connection
        .prepare_cached("SELECT name FROM hook WHERE id = ?1")?
        .query_row([hook.0], |row| row.get(0))?)
}
