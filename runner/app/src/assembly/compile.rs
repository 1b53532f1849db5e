//! Compiles components that the cache does not have, each once, and lets the hooks in that wait for them.
//!
//! ```text
//!  the cache has it ----------------------------------------> its hooks work
//!  the cache has it not --> they stand still --> compiled --> its hooks work
//! ```
//!
//! A component with an interpreter in it takes a minute, others less than a second: nobody waits for somebody else's.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};
use groundcrew_core::hash::Digest;
use groundcrew_engine::cache::{Bounds, Cache, Component};
use groundcrew_engine::inspect::Inspected;
use groundcrew_engine::run::{self, Engine};
use groundcrew_store::Store;

use super::{Entering, Error, bytes_of};
use crate::config::Hook;

/// Components that are compiled at the same time; a large one takes hundreds of megabytes meanwhile.
const AT_ONCE: usize = 2;

/// The components that the cache has, each once.
pub(super) fn found(
    cache: &Cache,
    engine: &Engine,
    entering: &[Entering],
) -> Vec<Result<(Digest, Component), Error>> {
    let find = |(digest, one): (Digest, &Entering)| {
        let component = cache.find(engine, digest).map_err(failed(&one.hook));
        component.map(|component| component.map(|component| (digest, component))).transpose()
    };
    distinct(entering).into_iter().filter_map(find).collect()
}

/// All components, each once; those that are not in the cache are compiled into it.
pub(super) async fn all(
    cache: &Cache,
    engine: &Engine,
    entering: &[Entering],
) -> Vec<Result<(Digest, Component), Error>> {
    let mut all = found(cache, engine, entering);
    let mut missing = distinct(entering);
    for (digest, _) in all.iter().flatten() {
        missing.remove(digest);
    }
    let compile = async |(digest, one): (Digest, &Entering)| {
        Ok((digest, compiled(cache, engine, &one.hook, digest).await?))
    };
    // All of them, also after one that does not compile: what is compiled by then is kept for the next start.
    all.extend(stream::iter(missing).map(compile).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await);
    all
}

fn distinct(entering: &[Entering]) -> BTreeMap<Digest, &Entering> {
    entering.iter().map(|one| (one.inspected.digest, one)).collect()
}

async fn compiled(cache: &Cache, engine: &Engine, hook: &Hook, digest: Digest) -> Result<Component, Error> {
    // Read again: all components at once would be the most memory that the process ever needs.
    let bytes = bytes_of(hook)?;
    if Digest::of(&bytes) != digest {
        return Err(Error::Changed { hook: hook.name.clone() });
    }
    cache.load(engine, digest, &bytes).await.map_err(failed(hook))
}

/// Links a hook whose component is compiled.
pub(super) fn link(
    engine: &Engine,
    compiled: &Component,
    component: &run::Hook,
    hook: &str,
) -> Result<(), Error> {
    let linked = engine.link_late(component, compiled);
    linked.map_err(|source| Error::Link { hook: hook.to_owned(), source })
}

fn failed(hook: &Hook) -> impl FnOnce(groundcrew_engine::cache::Error) -> Error {
    let hook = hook.name.clone();
    move |source| Error::Compile { hook, source }
}

/// What a runner that has begun still compiles.
#[derive(Debug)]
pub struct Compiling {
    cache: Cache,
    engine: Engine,
    store: Store,
    /// Whether the cache is this process's to tidy, and who waits is written down.
    own: bool,
    waiting: BTreeMap<Digest, Waiting>,
}

/// A component, and who waits for it.
#[derive(Debug)]
struct Waiting {
    /// A hook that names it.
    hook: Hook,
    /// All of them, by the names of their stanzas.
    components: Vec<(String, run::Hook)>,
}

impl Compiling {
    /// Nobody waits; `own`: the store and the cache are those of a runner that acts.
    pub(super) fn new(cache: Cache, engine: Engine, store: Store, own: bool) -> Self {
        Self { cache, engine, store, own, waiting: BTreeMap::new() }
    }

    /// A hook waits for its component.
    pub(super) fn add(&mut self, hook: &Hook, inspected: &Inspected, component: run::Hook) {
        let fresh = || {
            let (component, bytes) = (inspected.digest.short(), inspected.size);
            tracing::info!(%component, bytes, "to be compiled; what is compiled works meanwhile");
            Waiting { hook: hook.clone(), components: Vec::new() }
        };
        let waiting = self.waiting.entry(component.digest).or_insert_with(fresh);
        waiting.components.push((hook.name.clone(), component));
    }

    /// Writes down which hooks wait, for whoever reads the database.
    pub(super) async fn note(&self) -> Result<(), Error> {
        let components = self.waiting.values().flat_map(|waiting| &waiting.components);
        let waits = components.filter(|(_, component)| !component.is_compiled());
        let names = waits.map(|(name, _)| name.clone()).collect();
        if self.own && self.store.compiling()? != names {
            self.store.note_compiling(names).await?;
        }
        Ok(())
    }

    /// Compiles what is missing; each hook works from then on.
    ///
    /// # Errors
    /// The first one, after all others were compiled, for what is compiled is kept for the next start.
    ///
    /// # Cancel safety
    /// What was begun is compiled anew by whoever needs it.
    pub async fn run(self) -> Result<(), Error> {
        let work = async |(digest, waiting): (&Digest, &Waiting)| {
            let compiled = compiled(&self.cache, &self.engine, &waiting.hook, *digest).await?;
            for (hook, component) in &waiting.components {
                link(&self.engine, &compiled, component, hook)?;
                tracing::info!(%hook, "its component is compiled: it works from here on");
            }
            self.note().await
        };
        let work = stream::iter(&self.waiting).map(work).buffer_unordered(AT_ONCE).collect::<Vec<_>>();
        work.await.into_iter().collect::<Result<(), _>>()?;
        if self.own
            && let Err(error) = self.cache.tidy(Bounds::default())
        {
            tracing::warn!(%error, "what is of no use any more stays in the cache");
        }
        Ok(())
    }
}
