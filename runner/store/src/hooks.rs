//! Hooks by name, each with the last approved stanza.

use std::collections::BTreeSet;

use groundcrew_core::hash::Digest;
use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::operators::{self, OperatorAct};
use crate::{HookId, Result, Store, audits, ends, findings, sql};

/// Under which key the runner says which hooks wait for their components to be compiled.
const COMPILING: &str = "compiling";

/// How a hook is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HookState {
    /// Its stanza is in the configuration.
    Active,
    /// Its stanza vanished: its rows are frozen.
    Detached,
    /// It was removed by command.
    Removed,
}

impl HookState {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Detached => "detached",
            Self::Removed => "removed",
        }
    }
}

impl std::str::FromStr for HookState {
    type Err = groundcrew_core::row::UnknownWord;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Active, Self::Detached, Self::Removed]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| groundcrew_core::row::UnknownWord(text.to_owned()))
    }
}

/// One hook as last approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredHook {
    /// Its number here.
    pub id: HookId,
    /// Its stanza's name.
    pub name: String,
    /// The digest of its component.
    pub component: Digest,
    /// Where its things live.
    pub target: String,
    /// Its stanza, canonical.
    pub stanza: String,
    /// How it is.
    pub state: HookState,
    /// A person ended it, or is about to: it wants nothing.
    pub ending: Option<HookEnding>,
}

/// Since when a hook is being ended by command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HookEnding {
    /// Since when.
    pub since: Timestamp,
    /// How many things it had then.
    pub of: u32,
}

fn stored(row: &rusqlite::Row<'_>) -> rusqlite::Result<StoredHook> {
    Ok(StoredHook {
        id: HookId(row.get(0)?),
        name: row.get(1)?,
        component: sql::word(row, 2)?,
        target: row.get(3)?,
        stanza: row.get(4)?,
        state: sql::word(row, 5)?,
        ending: sql::time_opt(row, 6)?.zip(row.get(7)?).map(|(since, of)| HookEnding { since, of }),
    })
}

/// The stored hooks, and which of them; as [`stored`] reads them.
pub(crate) fn list<P: rusqlite::Params>(
    connection: &Connection,
    filter: &str,
    params: P,
) -> Result<Vec<StoredHook>> {
    let text = format!(
        "SELECT id, name, component, target, stanza, state, ending_at, ending_of FROM hook WHERE {filter} ORDER BY id"
    );
    let mut statement = connection.prepare_cached(&text)?;
    let rows = statement.query_map(params, stored)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Why the things of a hook without a stanza are frozen.
const DETACHED: &str = "its hook has no stanza";

/// What becomes of a hook's old things when it moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Old {
    /// They are left where they are and are ours no more.
    Retained,
    /// They stay ours.
    Kept,
}

impl Store {
    /// Writes a hook as approved; returns its number.
    ///
    /// One that a person ended stays ended for as long as its stanza says the same place: it does not begin anew.
    pub async fn save_hook(
        &self,
        name: &str,
        component: Digest,
        target: &str,
        stanza: &str,
    ) -> Result<HookId> {
        let (name, target, stanza) = (name.to_owned(), target.to_owned(), stanza.to_owned());
        self.write(move |connection| {
            let text =
                "INSERT INTO hook (name, component, target, stanza, state) VALUES (?1, ?2, ?3, ?4, 'active')
                ON CONFLICT (name) DO UPDATE SET component = excluded.component, target = excluded.target,
                  stanza = excluded.stanza,
                  state = CASE WHEN ending_at IS NOT NULL AND hook.state = 'removed' AND hook.target = excluded.target
                    THEN 'removed' ELSE 'active' END,
                  ending_at = CASE WHEN hook.target = excluded.target THEN ending_at END,
                  ending_of = CASE WHEN hook.target = excluded.target THEN ending_of END
                RETURNING id";
            let params = params![name, component.to_string(), target, stanza];
            Ok(HookId(connection.query_row(text, params, |row| row.get(0))?))
        })
        .await
    }

    /// Says that a hook's stanza vanished, or that it came back. While it is detached, grace stands still.
    pub async fn save_hook_state(&self, hook: HookId, state: HookState, now: Timestamp) -> Result<()> {
        self.write(move |connection| {
            connection
                .execute("UPDATE hook SET state = ?2 WHERE id = ?1", params![hook.0, state.as_str()])?;
            if state == HookState::Detached {
                operators::freeze(connection, (Some(hook), None), DETACHED, now)?;
            }
            Ok(())
        })
        .await
    }

    /// Renames a hook: its rows, runs, lanes, schedules and open findings stay its own.
    pub async fn rename_hook(&self, hook: HookId, name: &str) -> Result<()> {
        let name = name.to_owned();
        self.write(move |connection| {
            let text = "SELECT name FROM hook WHERE id = ?1";
            let before: String = connection.query_row(text, [hook.0], |row| row.get(0))?;
            findings::rename(connection, hook, &before, &name)?;
            audits::rename_schedules(connection, &before, &name)?;
            connection.execute("UPDATE hook SET name = ?2 WHERE id = ?1", params![hook.0, name])?;
            Ok(())
        })
        .await
    }

    /// Lets a hook begin anew at another place: its rows, runs and lanes go on under the name `before`, detached or
    /// let go of for good. Returns how many things that are.
    ///
    /// # Errors
    /// [`crate::Error::Superseded`] if they are to be let go of and one of them is in doubt.
    pub async fn retarget(
        &self,
        hook: HookId,
        before: &str,
        old: Old,
        act: OperatorAct,
        now: Timestamp,
    ) -> Result<u32> {
        let before = before.to_owned();
        self.write(move |connection| {
            let state = if old == Old::Kept { HookState::Detached } else { HookState::Removed };
            let text = "UPDATE hook SET name = ?2, state = ?3 WHERE id = ?1";
            connection.execute(text, params![hook.0, before, state.as_str()])?;
            match old {
                Old::Retained => ends::let_go_of_hook(connection, hook, now)?,
                Old::Kept => operators::freeze(connection, (Some(hook), None), DETACHED, now)?,
            }
            operators::record(connection, &act, now)?;
            let text = "SELECT count(*) FROM resource WHERE hook = ?1 AND state <> 'gone'";
            Ok(connection.query_row(text, [hook.0], |row| row.get(0))?)
        })
        .await
    }

    /// All hooks ever seen.
    pub fn hooks(&self) -> Result<Vec<StoredHook>> {
        self.read(|connection| list(connection, "TRUE", []))
    }

    /// A value of the installation itself.
    pub fn meta(&self, key: &str) -> Result<Option<String>> {
        self.read(|connection| {
            Ok(connection
                .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0))
                .optional()?)
        })
    }

    /// Writes a value of the installation itself, once: a later different one is refused with the first.
    pub async fn claim_meta(&self, key: &str, value: &str) -> Result<Result<(), String>> {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.write(move |connection| {
            connection.execute("INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO NOTHING", [&key, &value])?;
            let found: String =
                connection.query_row("SELECT value FROM meta WHERE key = ?1", [&key], |row| row.get(0))?;
            Ok(if found == value { Ok(()) } else { Err(found) })
        })
        .await
    }

    /// Hooks that wait for their components to be compiled, as the last runner said; it may have ended since.
    pub fn compiling(&self) -> Result<BTreeSet<String>> {
        self.read(|connection| {
            let text = "SELECT value FROM meta WHERE key = ?1";
            let names = connection.query_row(text, [COMPILING], |row| sql::json(row, 0)).optional()?;
            Ok(names.unwrap_or_default())
        })
    }

    /// Says which hooks wait for their components to be compiled.
    pub async fn note_compiling(&self, hooks: BTreeSet<String>) -> Result<()> {
        self.write(move |connection| {
            let text = "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value";
            connection.execute(text, params![COMPILING, sql::text_of(&hooks)])?;
            Ok(())
        })
        .await
    }
}
