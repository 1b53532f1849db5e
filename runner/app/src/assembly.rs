//! Puts a runner together from a configuration: data directory, store, components, registry.

mod compile;
mod seen;
mod setting;
mod trial;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use groundcrew_core::duration::Millis;
use groundcrew_core::hash::Digest;
use groundcrew_core::may_delete::Level;
use groundcrew_core::settle::Rules;
use groundcrew_core::time::Timestamp;
use groundcrew_engine::cache::{self, Cache};
use groundcrew_engine::inspect::{self, Inspected, inspect};
use groundcrew_engine::run::{self, Engine, LinkError, Profile, ProfileError, Reset};
use groundcrew_store::hooks::{HookState, StoredHook};
use groundcrew_store::told::Listeners;
use groundcrew_store::{HookId, Store};

use crate::config::{Config, Hook};
use crate::kept;
use crate::key;
use crate::promoted;
use crate::renames;
use crate::runner::installed::{Installed, SecretsError};
use crate::runner::provisioner::marks::{OTHER, SECOND};
use crate::runner::{Parts, Runner};
use crate::upgrade::{self, Entering};

pub use compile::Compiling;
pub use seen::Seen;
pub use setting::{OfHook, Outward, Setting, compiler};
pub use trial::{Chosen, choose, look_over};

/// Runs at once, over all hooks; memory is reserved for them, not used. A run that waits for an answer has one.
pub(crate) const SLOTS: u32 = 256;

/// Why a runner could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the data directory, or a component's.
    #[error("{path}")]
    Io {
        /// Which.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
    /// The installation's key.
    #[error(transparent)]
    Key(#[from] key::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] groundcrew_store::Error),
    /// The database is another installation's.
    #[error(
        "this database belongs to installation `{found}`, the configuration says `{configured}`: each needs its own data directory"
    )]
    Installation {
        /// In the database.
        found: String,
        /// In the configuration.
        configured: String,
    },
    /// What was promoted cannot run.
    #[error(transparent)]
    Promoted(#[from] promoted::Error),
    /// Which hooks were renamed cannot be told.
    #[error(transparent)]
    Renames(#[from] renames::Error),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] ProfileError),
    /// The way out.
    #[error("the HTTP clients cannot be made")]
    Network(#[from] groundcrew_engine::transport::Error),
    /// A component that cannot be read.
    #[error("hook `{hook}`")]
    Component {
        /// Whose.
        hook: String,
        /// Why.
        source: crate::components::Error,
    },
    /// A component that is refused.
    #[error("hook `{hook}`")]
    Inspect {
        /// Whose.
        hook: String,
        /// Why.
        source: inspect::Error,
    },
    /// A component that is not what its manifest says.
    #[error("hook `{hook}`: {why}")]
    Misfit {
        /// Whose.
        hook: String,
        /// In what.
        why: String,
    },
    /// A component that does not compile or load.
    #[error("hook `{hook}`")]
    Compile {
        /// Whose.
        hook: String,
        /// Why.
        source: cache::Error,
    },
    /// A component that was not the same a moment later.
    #[error("the component of hook `{hook}` changed while it was read; once it is whole, try again")]
    Changed {
        /// Whose.
        hook: String,
    },
    /// A component that does not link.
    #[error("hook `{hook}`")]
    Link {
        /// Whose.
        hook: String,
        /// Why.
        source: LinkError,
    },
    /// Secrets that cannot be read.
    #[error("hook `{hook}`")]
    Secrets {
        /// Whose.
        hook: String,
        /// Why.
        source: SecretsError,
    },
    /// Its things lie at another target than its configuration says now.
    #[error(
        "hook `{hook}` moved from `{from}` to `{to}` while {rows} of its things are in the ledger: change it back, or say what becomes of them with `groundcrew hook retarget {hook} --retain | --both`"
    )]
    Moved {
        /// Whose.
        hook: String,
        /// Where its things are.
        from: String,
        /// Where the configuration points.
        to: String,
        /// How many.
        rows: u32,
    },
}

/// Loads every component, registers every hook and puts the runner together.
///
/// # Guarantees
/// Afterwards runs that a dead process left open are closed, every owner of every provisioner is owed a look,
/// and hooks whose stanza vanished are detached: their rows stay as they are.
pub async fn assemble(config: &Config, setting: Setting) -> Result<Arc<Runner>, Error> {
    let (runner, compiling) = put_together(config, setting, Missing::Compiled).await?;
    // Nothing is left to compile.
    compiling.run().await?;
    Ok(runner)
}

/// Puts a runner together whose hooks begin one by one: at once those whose components the cache has, the others as
/// [`Compiling`] comes to them. Until then they stand still, and miss nothing.
///
/// # Guarantees
/// Those of [`assemble`].
pub async fn begin(config: &Config, setting: Setting) -> Result<(Arc<Runner>, Compiling), Error> {
    put_together(config, setting, Missing::Later).await
}

/// What becomes of components that the cache does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    /// They are compiled before anything is done.
    Compiled,
    /// Their hooks come later.
    Later,
}

async fn put_together(
    config: &Config,
    setting: Setting,
    missing: Missing,
) -> Result<(Arc<Runner>, Compiling), Error> {
    let store = setting.store.clone();
    if let Err(found) = store.claim_meta(INSTALLATION, &config.installation).await? {
        return Err(Error::Installation { found, configured: config.installation.clone() });
    }
    let key = key::of(&store, &setting.directory, &setting.database).await?;
    let cache = Cache::new(setting.directory.join("cache"), key, setting.compiler.clone());
    let now = setting.clock.now();
    renames::perform(renames::find(config, &store)?, &store).await?;
    let stanzas = promoted::hooks(config, &store, &setting.directory, now).await?;
    let known = store.hooks()?;
    let entering = stanzas.iter().map(|hook| prepare(config, hook, &setting, &known));
    let entering = entering.collect::<Result<Vec<_>, _>>()?;
    let engine = Engine::new(profile(&entering, &setting, SLOTS))?;
    let compiled = match missing {
        Missing::Compiled => compile::all(&setting.directory, &cache, &engine, &entering).await,
        Missing::Later => compile::found(&cache, &engine, &entering),
    };
    let compiled = compiled.into_iter().collect::<Result<BTreeMap<_, _>, _>>()?;
    let (directory, own) = (setting.directory.clone(), setting.rehearsal.is_none());
    let mut compiling = Compiling::new(directory, cache, engine.clone(), store.clone(), own);
    let mut hooks = Vec::new();
    for entering in entering {
        let (hook, inspected) = (&entering.hook, &entering.inspected);
        let component = run::Hook::uncompiled(inspected, hook.manifest.clone());
        match compiled.get(&inspected.digest) {
            Some(compiled) => compile::link(&engine, compiled, &component, &hook.name)?,
            None => compiling.add(hook, inspected, component.clone()),
        }
        let id = register(&store, hook, entering.active(), &known).await?;
        upgrade::keep(&store, id, &entering, setting.clock.now()).await?;
        let installed = Installed::new(id, hook.clone(), component, &config.secrets, key);
        let installed = installed.map_err(|source| Error::Secrets { hook: hook.name.clone(), source })?;
        let installed = installed.with_transport((setting.of_hook)(&hook.name, hook.rate.into()));
        hooks.push(installed.standing_still(entering.still()));
    }
    detach(&store, &known, config, now).await?;
    let now = setting.clock.now();
    store.close_broken_runs(now).await?;
    store.close_broken_remedies(now).await?;
    let runner = Runner::new(Parts {
        store: store.clone(),
        engine,
        clock: setting.clock,
        transport: setting.transport,
        entropy: setting.entropy,
        installation: config.installation.clone(),
        level: config.level,
        recovering: store.recovering_since()?,
        fly_api: config.fly_api.clone(),
        limits: setting.limits,
        label_sources: config.labels.iter().map(|source| source.name.clone()).collect(),
        faults: None,
        rules: Rules::ALL,
        rehearsal: setting.rehearsal,
        hooks,
    });
    // Each start looks anew whether somebody else is at work here; of that nobody is told.
    store.tell_findings_to(Listeners::default()).await?;
    for code in [SECOND, OTHER] {
        store.close_finding(code, &config.installation, now).await?;
    }
    runner.tell_findings().await?;
    runner.close_gates().await?;
    runner.hasten_looks().await?;
    for installed in runner.registry().provisioners() {
        store.dirty_everybody(installed.id, installed.hook.manifest.owner, now).await?;
    }
    // The configuration may be another one than before: what it held back is decided again.
    store.wake_waiting(now).await?;
    for installed in runner.registry().provisioners() {
        let level = installed.hook.level.min(runner.level());
        if level < Level::Enforce {
            store.freeze(Some(installed.id), &format!("level is {level}"), now).await?;
        }
        runner.keep_to_scope(installed, now).await?;
    }
    // A rehearsal ends nothing: whoever only asks what would go is not told that it goes.
    if runner.rehearsal.is_none() {
        tell_of_endings(&store, config)?;
    }
    resolve_reported(&store, config, now).await?;
    forget_mending(&runner, config).await?;
    compiling.note().await?;
    Ok((runner, compiling))
}

/// Reads a stanza's component, keeps it, and decides which version of it is started.
fn prepare(config: &Config, hook: &Hook, setting: &Setting, known: &[StoredHook]) -> Result<Entering, Error> {
    let (bytes, inspected) = read(hook)?;
    if setting.seen.differs(&hook.component, inspected.digest) {
        return Err(Error::Changed { hook: hook.name.clone() });
    }
    keep(setting, inspected.digest, &bytes);
    let before = known.iter().find(|stored| stored.name == hook.name);
    enter(config, hook, inspected, before, &setting.store, &setting.directory)
}

/// A hook as a start would put it up now; nothing is changed. None if the configuration has no such hook.
pub fn chosen(
    config: &Config,
    store: &Store,
    directory: &Path,
    name: &str,
) -> Result<Option<Entering>, Error> {
    let Some(hook) = config.hooks.get(name) else { return Ok(None) };
    let renamed = renames::find(config, store)?.into_iter().find(|rename| rename.to == name);
    let on_record = renamed.as_ref().map_or(name, |rename| &rename.from);
    let before = store.hooks()?.into_iter().find(|stored| stored.name == on_record);
    let promotion = before.as_ref().map(|before| store.promotion(before.id)).transpose()?.flatten();
    let promoted = promotion.map(|it| promoted::in_its_place(hook, &it, directory)).transpose()?.flatten();
    let hook = promoted.as_ref().unwrap_or(hook);
    enter(config, hook, read(hook)?.1, before.as_ref(), store, directory).map(Some)
}

/// Decides which version of a hook is started; see [`upgrade::enter`].
fn enter(
    config: &Config,
    hook: &Hook,
    inspected: Inspected,
    before: Option<&StoredHook>,
    store: &Store,
    directory: &Path,
) -> Result<Entering, Error> {
    upgrade::enter(config, hook, inspected, before, store, directory).map_err(|error| match error {
        upgrade::Error::Store(error) => Error::Store(error),
        upgrade::Error::Component(source) => Error::Component { hook: hook.name.clone(), source },
        upgrade::Error::Io { path, source } => Error::Io { path, source },
    })
}

/// An engine with that many slots, for these components.
fn profile(entering: &[Entering], setting: &Setting, slots: u32) -> Profile {
    let core_instances = entering.iter().map(|entering| entering.inspected.core_instances).max();
    Profile {
        slots,
        core_instances: core_instances.unwrap_or(1),
        memory: setting.limits.memory,
        reset: Reset::Written,
    }
}

/// Keeps a component for replays. Whoever cannot runs nevertheless.
fn keep(setting: &Setting, digest: Digest, bytes: &[u8]) {
    if let Err(error) = kept::keep(&setting.directory, digest, bytes, setting.clock.now()) {
        tracing::warn!(%error, component = %digest.short(), "it cannot be kept: its runs cannot be replayed later");
    }
}

fn bytes_of(hook: &Hook) -> Result<Vec<u8>, Error> {
    let unreadable = |source| Error::Component { hook: hook.name.clone(), source };
    crate::components::read(&hook.component).map_err(unreadable)
}

fn read(hook: &Hook) -> Result<(Vec<u8>, Inspected), Error> {
    let bytes = bytes_of(hook)?;
    let refused = |source| Error::Inspect { hook: hook.name.clone(), source };
    let inspected = inspect(&bytes).map_err(refused)?;
    inspected.require_linkable().map_err(refused)?;
    crate::components::fits(&hook.manifest, &inspected.exports)
        .map_err(|why| Error::Misfit { hook: hook.name.clone(), why })?;
    Ok((bytes, inspected))
}

/// Writes a hook's row.
async fn register(
    store: &Store,
    hook: &Hook,
    component: Digest,
    known: &[StoredHook],
) -> Result<HookId, Error> {
    let before = known.iter().find(|stored| stored.name == hook.name);
    stays(store, hook, before)?;
    Ok(store.save_hook(&hook.name, component, &hook.target, &hook.stanza_text()).await?)
}

/// A hook with things in the ledger works for the place where they are.
fn stays(store: &Store, hook: &Hook, before: Option<&StoredHook>) -> Result<(), Error> {
    if let Some(before) = before.filter(|before| before.target != hook.target) {
        // What was let go of, or left when it was removed, is where it is for good: the hook begins anew.
        let rows = store.things_left(before.id)?;
        if rows > 0 {
            let (from, to) = (before.target.clone(), hook.target.clone());
            return Err(Error::Moved { hook: hook.name.clone(), from, to, rows });
        }
    }
    Ok(())
}

/// Findings that no audit of this configuration mends are not listed as such.
async fn forget_mending(runner: &Runner, config: &Config) -> Result<(), Error> {
    for installed in runner.registry().all().filter(|installed| installed.component.is_auditor()) {
        let names_it = |audit: &&crate::config::Audit| audit.hooks.contains(&installed.hook.name);
        let enforced = config.audits.values().filter(names_it).filter_map(|audit| audit.remedy.as_ref());
        let codes = enforced.flat_map(|enforcement| enforcement.codes.clone()).collect();
        runner.store.forget_mending(installed.id, codes).await?;
    }
    Ok(())
}

/// Hooks whose stanza vanished keep their rows, frozen.
async fn detach(store: &Store, known: &[StoredHook], config: &Config, now: Timestamp) -> Result<(), Error> {
    let current = store.hooks()?;
    for stored in current.iter().filter(|stored| !config.hooks.contains_key(&stored.name)) {
        if stored.state == HookState::Active {
            tracing::warn!(hook = %stored.name, "its stanza vanished: it is detached, its things are frozen");
            store.save_hook_state(stored.id, HookState::Detached, now).await?;
        } else if stored.state == HookState::Removed && stored.ending.is_some() {
            store.forget_ending(stored.id).await?;
        }
    }
    debug_assert!(known.len() <= current.len(), "hooks are never forgotten");
    Ok(())
}

/// What a hook reported that has no stanza any more, nor anything left here: nobody looks, so nothing would end it.
async fn resolve_reported(store: &Store, config: &Config, now: Timestamp) -> Result<(), Error> {
    for stored in store.hooks()?.iter().filter(|stored| !config.hooks.contains_key(&stored.name)) {
        if store.things_left(stored.id)? > 0 {
            continue;
        }
        let why = format!("[hook.{}] is not in the configuration any more, and nobody looks", stored.name);
        let findings = store.resolve_reported(stored.id, &why, now).await?;
        if findings > 0 {
            tracing::warn!(hook = %stored.name, findings, "its stanza is gone: what it reported is resolved");
        }
    }
    Ok(())
}

/// Hooks that are being ended by command, or were, and whose stanza is still there.
fn tell_of_endings(store: &Store, config: &Config) -> Result<(), Error> {
    for hook in store.hooks()?.iter().filter(|hook| config.hooks.contains_key(&hook.name)) {
        let Some(ending) = hook.ending else { continue };
        if hook.state == HookState::Removed {
            tracing::warn!(hook = %hook.name, "it is removed and makes nothing: its stanza can go");
        } else {
            let left = store.things_left(hook.id)?;
            tracing::info!(hook = %hook.name, left, of = ending.of, "it is being removed");
        }
    }
    Ok(())
}

/// Under which key the database says whose it is, from the first start on.
pub(crate) const INSTALLATION: &str = "installation";

/// How long a connection may take to stand: with it a write leaves within `send_within` of its intent.
pub const CONNECT_WITHIN: Millis = Millis::seconds(1);
