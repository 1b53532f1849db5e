//! Which version of a hook is active, which waits for approval, and which was approved.
//!
//! One value of `meta` for each hook: written by starts and by `approve`, read by both. A rename keeps it.

use std::collections::{BTreeMap, BTreeSet};

use groundcrew_core::hash::Digest;
use groundcrew_core::spec::canonical;
use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::findings::{self, NewFinding};
use crate::operators::{self, OperatorAct};
use crate::{Error, HookId, Result, Store, sql};

/// The finding about a hook whose new version asks for more than the one before.
pub const MORE: &str = "hook.asks-more";

/// A version of a hook: its code, and what it says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The digest of its component.
    pub component: String,
    /// Interfaces of hooks that it exports.
    pub exports: BTreeSet<String>,
    /// Its manifest, whether its component carries it or its stanza names it.
    pub manifest: Value,
}

impl Version {
    /// What an approval names: another component or another manifest is another version.
    pub fn id(&self) -> String {
        Digest::of(canonical(&json!([self.component, self.manifest])).as_bytes()).to_string()
    }
}

/// A version that waits for approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Which; see [`Version::id`].
    pub id: String,
    /// The digest of its component.
    pub component: String,
    /// What it asks for more, in words.
    pub more: Vec<String>,
}

impl Waiting {
    /// What it asks for more, in one line: `asks for one more host, and asks for one more secret`.
    pub fn asks(&self) -> String {
        self.more.join(", and ")
    }
}

/// Versions that were active and that one may go back to; older ones are forgotten.
pub const PAST_MAX: usize = 8;

/// How far the upgrade of a hook is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upgrade {
    /// The version that was last started with.
    pub active: Option<Version>,
    /// One that was not, since it asks for more.
    pub waiting: Option<Waiting>,
    /// The version that a person agreed to; it begins when components are read next.
    pub approved: Option<String>,
    /// Those that were active before, the last one first, by [`Version::id`]: going back to one of them needs nobody.
    #[serde(default)]
    pub past: Vec<String>,
    /// The digest of the component of each of these, by the version's id; none is known of one that was left before this
    /// was kept.
    #[serde(default)]
    pub components: BTreeMap<String, String>,
    /// The digest of what the stanza named at the last start, whatever ran in its place; none: that start was before
    /// this was kept.
    #[serde(default)]
    pub named: Option<Digest>,
}

impl Upgrade {
    /// Whether a version may begin that asks for more than the active one: it is approved, or was active before.
    pub fn allows(&self, id: &str) -> bool {
        self.approved.as_deref() == Some(id) || self.past.iter().any(|past| past == id)
    }

    /// The same once this version is started. Who goes back to one leaves behind what came after it.
    fn entered(self, version: Version, named: Digest) -> Self {
        let (id, mut past, mut components) = (version.id(), self.past, self.components);
        if let Some((left, component)) =
            self.active.map(|active| (active.id(), active.component)).filter(|(left, _)| *left != id)
        {
            if let Some(back) = past.iter().position(|past| *past == id) {
                past.drain(..=back);
            } else {
                components.insert(left.clone(), component);
                past.insert(0, left);
            }
            past.truncate(PAST_MAX);
            components.retain(|id, _| past.contains(id));
        }
        Self { active: Some(version), waiting: None, approved: None, past, components, named: Some(named) }
    }
}

impl Store {
    /// How far the upgrade of a hook is; nothing is known of one that never began.
    pub fn upgrade(&self, hook: HookId) -> Result<Upgrade> {
        self.read(|connection| read(connection, hook))
    }

    /// This version is active from here on; whatever else waited or was approved is over. `named` is what the stanza
    /// names.
    pub async fn enter_version(
        &self,
        hook: HookId,
        name: &str,
        version: Version,
        named: Digest,
        now: Timestamp,
    ) -> Result<()> {
        let before = self.upgrade(hook)?;
        let entered = before.clone().entered(version, named);
        if before == entered {
            return Ok(());
        }
        let name = name.to_owned();
        self.write(move |connection| {
            write(connection, hook, &entered)?;
            findings::close(connection, MORE, &name, now)
        })
        .await
    }

    /// This version waits; `active` is the one that it is compared with, `named` what the stanza names.
    pub async fn hold_version(
        &self,
        hook: HookId,
        active: Version,
        waiting: Waiting,
        named: Digest,
        finding: NewFinding,
        now: Timestamp,
    ) -> Result<()> {
        self.write(move |connection| {
            let (active, waiting, named) = (Some(active), Some(waiting), Some(named));
            let held = Upgrade { active, waiting, approved: None, named, ..read(connection, hook)? };
            write(connection, hook, &held)?;
            findings::open(connection, &finding, now)
        })
        .await
    }

    /// A person agrees to the version that waits.
    ///
    /// # Errors
    /// [`Error::Superseded`] if it is another one by now, or none.
    pub async fn approve_version(
        &self,
        hook: HookId,
        name: &str,
        waiting: Waiting,
        act: OperatorAct,
        now: Timestamp,
    ) -> Result<()> {
        let name = name.to_owned();
        self.write(move |connection| {
            let mut upgrade = read(connection, hook)?;
            if upgrade.waiting.as_ref() != Some(&waiting) {
                return Err(Error::Superseded("the version that waits"));
            }
            (upgrade.waiting, upgrade.approved) = (None, Some(waiting.id));
            write(connection, hook, &upgrade)?;
            findings::close(connection, MORE, &name, now)?;
            operators::record(connection, &act, now)
        })
        .await
    }
}

/// How far the upgrade of a hook is.
pub(crate) fn read(connection: &Connection, hook: HookId) -> Result<Upgrade> {
    let text = "SELECT value FROM meta WHERE key = ?1";
    let found =
        connection.prepare_cached(text)?.query_row([key(hook)], |row| sql::json(row, 0)).optional()?;
    Ok(found.unwrap_or_default())
}

fn write(connection: &Connection, hook: HookId, upgrade: &Upgrade) -> Result<()> {
    let text = "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value";
    connection.prepare_cached(text)?.execute(params![key(hook), sql::text_of(upgrade)])?;
    Ok(())
}

/// Where it is kept.
fn key(hook: HookId) -> String {
    format!("upgrade/{}", hook.0)
}
