//! The gate of what is asked for: a version that asks for more than the one before waits for a person.
//!
//! ```text
//!  stanza's component --asks for more?--no-----------------------------> it is started
//!                            |yes, not approved
//!                            +-- the version before is kept, and the stanza fits it --> that one goes on
//!                            +-- else ------------------------------------------------> the hook stands still
//!  groundcrew approve --upgrade HOOK ---------------> the new one is started: in place, or by the next up
//! ```
//!
//! One that was active before needs no approval: who goes back leaves behind what came after it.
//!
//! # Guarantees
//! - What a version asks for is compared with what the last one asked for that was active under the stanza's name, by
//!   [`groundcrew_core::upgrade`]; a hook's first version needs nobody.
//! - Whatever the gate decides, a hook reaches no more than its stanza grants.
//! - A hook that stands still misses nothing: events and looks go on being owed to it.
//!
//! Components are read at a start and at a reload (`crate::reload`), and at no other time.

use std::io;
use std::path::{Path, PathBuf};

use groundcrew_core::hash::Digest;
use groundcrew_core::manifest::Manifest;
use groundcrew_core::time::Timestamp;
use groundcrew_core::upgrade::{Surface, more};
use groundcrew_engine::inspect::{Inspected, inspect};
use groundcrew_store::findings::{NewFinding, Severity};
use groundcrew_store::hooks::StoredHook;
use groundcrew_store::upgrades::{MORE, Version, Waiting};
use groundcrew_store::{HookId, Store};

use crate::components;
use crate::config::{Component, Config, Hook};
use crate::kept;

/// Why it cannot be told which version is to be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store.
    #[error(transparent)]
    Store(#[from] groundcrew_store::Error),
    /// What the stanza names cannot be read.
    #[error(transparent)]
    Component(#[from] components::Error),
    /// A component that is kept.
    #[error("{path}")]
    Io {
        /// Which.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
}

/// A hook as it is started: with its stanza's component, or with the one before.
#[derive(Debug)]
pub struct Entering {
    /// Its stanza, as the component's manifest reads it, and where the component is.
    pub hook: Hook,
    /// What the component is.
    pub inspected: Inspected,
    version: Version,
    /// What its stanza names: another one than `version` where a candidate was promoted.
    named: Digest,
    held: Option<Held>,
}

/// A version that is not started.
#[derive(Debug)]
struct Held {
    /// What it is compared with.
    active: Version,
    component: Digest,
    waiting: Waiting,
    /// Why the one before cannot go on; none: it does.
    still: Option<String>,
}

impl Entering {
    /// The component that counts as the hook's own.
    pub fn active(&self) -> Digest {
        self.held.as_ref().map_or(self.inspected.digest, |held| held.component)
    }

    /// Why it stands still, if it does.
    pub fn still(&self) -> Option<String> {
        self.held.as_ref()?.still.clone()
    }
}

/// What a component and its manifest say, as versions are compared.
pub fn surface(inspected: &Inspected, manifest: Manifest) -> Surface {
    Surface {
        exports: inspected.exports.iter().map(|export| export.word().to_owned()).collect(),
        imports: inspected.imports.iter().cloned().collect(),
        missing: inspected.missing.iter().cloned().collect(),
        manifest,
    }
}

fn version(inspected: &Inspected, manifest: &Manifest) -> Version {
    Version {
        component: inspected.digest.to_string(),
        exports: inspected.exports.iter().map(|export| export.word().to_owned()).collect(),
        manifest: serde_json::to_value(manifest).expect("invariant: a manifest is JSON"),
    }
}

/// Decides which version of a hook is started; `before` is the hook as it is on record.
pub fn enter(
    config: &Config,
    hook: &Hook,
    inspected: Inspected,
    before: Option<&StoredHook>,
    store: &Store,
    directory: &Path,
) -> Result<Entering, Error> {
    let version = version(&inspected, &hook.manifest);
    let own = config.hooks.get(&hook.name).filter(|own| own.component != hook.component);
    let named = own.map_or(Ok(inspected.digest), |own| components::digest(&own.component))?;
    let entering = Entering { hook: hook.clone(), inspected, version, named, held: None };
    let Some(before) = before else { return Ok(entering) };
    let upgrade = store.upgrade(before.id)?;
    if upgrade.active.is_none() && before.component == entering.inspected.digest {
        return Ok(entering);
    }
    let id = entering.version.id();
    let is_allowed = upgrade.allows(&id);
    let Some(active) =
        upgrade.active.map_or_else(|| kept_version(before, directory), |active| Ok(Some(active)))?
    else {
        tracing::warn!(hook = %hook.name, "what its version before asked for was never kept: nobody is asked");
        return Ok(entering);
    };
    let manifest = serde_json::from_value::<Manifest>(active.manifest.clone());
    let manifest = manifest.map_err(|error| format!("its manifest cannot be read: {error}"));
    let more = asked_more(&active, &manifest, &entering);
    if more.is_empty() || is_allowed {
        return Ok(entering);
    }
    let previous = match &manifest {
        Ok(manifest) => previous(config, hook, manifest, before.component, directory)?,
        Err(why) => Err(why.clone()),
    };
    let waiting = Waiting { id, component: entering.version.component.clone(), more };
    let held = |still| Some(Held { active, component: before.component, waiting, still });
    Ok(match previous {
        Ok((hook, inspected)) => Entering { hook, inspected, held: held(None), ..entering },
        Err(why) => Entering { held: held(Some(why)), ..entering },
    })
}

/// What a version asks for that the active one did not.
fn asked_more(active: &Version, manifest: &Result<Manifest, String>, entering: &Entering) -> Vec<String> {
    let new = surface(&entering.inspected, entering.hook.manifest.clone());
    match manifest {
        Ok(manifest) => {
            let (exports, manifest) = (active.exports.clone(), manifest.clone());
            more(&Surface { exports, manifest, ..new.clone() }, &new)
        }
        Err(why) => vec![format!("may ask for more than the one before: {why}")],
    }
}

/// The version of a hook from before versions were kept: what its component says, if that is kept.
fn kept_version(before: &StoredHook, directory: &Path) -> Result<Option<Version>, Error> {
    let inspected = read_kept(directory, before.component)?.and_then(|bytes| inspect(&bytes).ok());
    Ok(inspected.and_then(|inspected| Some(version(&inspected, inspected.manifest.as_ref()?))))
}

fn read_kept(directory: &Path, digest: Digest) -> Result<Option<Vec<u8>>, Error> {
    let path = || kept::path_of(directory, digest);
    kept::read(directory, digest).map_err(|source| Error::Io { path: path(), source })
}

/// A stanza with a component that fits it.
type Startable = (Hook, Inspected);

/// The version before as it can go on, or why it cannot.
fn previous(
    config: &Config,
    hook: &Hook,
    manifest: &Manifest,
    component: Digest,
    directory: &Path,
) -> Result<Result<Startable, String>, Error> {
    let Some(bytes) = read_kept(directory, component)? else {
        return Ok(Err("its component is no longer kept".to_owned()));
    };
    let runnable = || {
        let inspected = inspect(&bytes).map_err(|error| error.to_string())?;
        inspected.require_linkable().map_err(|error| error.to_string())?;
        components::fits(manifest, &inspected.exports)?;
        let mut fits = config.hook_with(hook, manifest).map_err(|report| {
            let problem = report
                .problems()
                .iter()
                .find(|problem| problem.kind.severity() == crate::config::Severity::Error);
            let what = problem.map_or_else(|| report.summary(), |problem| problem.message.clone());
            format!("the stanza does not fit it: {what}")
        })?;
        // What was laid over the stanza by whoever starts it holds for either version.
        let component = Component::File(kept::path_of(directory, component));
        (fits.component, fits.level) = (component, hook.level);
        Ok((fits, inspected))
    };
    Ok(runnable())
}

/// Keeps which version is active and which one waits, and tells of the latter.
pub async fn keep(
    store: &Store,
    id: HookId,
    entering: &Entering,
    now: Timestamp,
) -> groundcrew_store::Result<()> {
    let name = &entering.hook.name;
    let Some(held) = &entering.held else {
        return store.enter_version(id, name, entering.version.clone(), entering.named, now).await;
    };
    let finding = told(id, name, held);
    tracing::warn!(hook = %name, why = finding.message, "its new version is not started");
    let (active, waiting) = (held.active.clone(), held.waiting.clone());
    store.hold_version(id, active, waiting, entering.named, finding, now).await
}

fn told(id: HookId, name: &str, held: &Held) -> NewFinding {
    let short = held.waiting.component.get(..12).unwrap_or(&held.waiting.component);
    let meanwhile = match &held.still {
        None => "the one before goes on".to_owned(),
        Some(why) => format!("the one before cannot go on ({why}): the hook stands still"),
    };
    NewFinding {
        code: MORE.to_owned(),
        about: name.to_owned(),
        hook: Some(id),
        severity: if held.still.is_some() { Severity::Critical } else { Severity::Warning },
        message: format!(
            "the new version {short} waits: it {}; {meanwhile}",
            held.waiting.more.join(", and it ")
        ),
        remedy: Some(format!(
            "groundcrew diff {name} {short}; if you agree: groundcrew approve --upgrade {name}"
        )),
    }
}
