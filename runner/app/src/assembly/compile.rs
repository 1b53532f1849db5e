//! Compiles components that the cache does not have, each once, and lets the hooks in that wait for them.
//!
//! ```text
//!  the cache has it ----------------------------------------> its hooks work
//!  the cache has it not --> they stand still --> compiled --> its hooks work
//! ```
//!
//! A component with an interpreter in it takes a minute, others less than a second: nobody waits for somebody else's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use futures_util::{StreamExt as _, stream};
use groundcrew_core::hash::Digest;
use groundcrew_engine::cache::{Bounds, Cache, Component};
use groundcrew_engine::inspect::Inspected;
use groundcrew_engine::run::{self, Engine};
use groundcrew_store::Store;

use super::{Entering, Error, bytes_of};
use crate::config::Hook;
use crate::kept;

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
    directory: &Path,
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
        Ok((digest, compiled(directory, cache, engine, &one.hook, digest).await?))
    };
    // All of them, also after one that does not compile: what is compiled by then is kept for the next start.
    all.extend(stream::iter(missing).map(compile).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await);
    all
}

fn distinct(entering: &[Entering]) -> BTreeMap<Digest, &Entering> {
    entering.iter().map(|one| (one.inspected.digest, one)).collect()
}

async fn compiled(
    directory: &Path,
    cache: &Cache,
    engine: &Engine,
    hook: &Hook,
    digest: Digest,
) -> Result<Component, Error> {
    let bytes = looked_over(directory, hook, digest)?;
    cache.load(engine, digest, &bytes).await.map_err(failed(hook))
}

/// A component as it was looked over. It is read again, for all components at once would be the most memory that the
/// process ever needs; from where it is kept, if it is, for by now its file may be the next version.
fn looked_over(directory: &Path, hook: &Hook, digest: Digest) -> Result<Vec<u8>, Error> {
    if let Ok(Some(bytes)) = kept::read(directory, digest) {
        return Ok(bytes);
    }
    let bytes = bytes_of(hook)?;
    if Digest::of(&bytes) == digest { Ok(bytes) } else { Err(Error::Changed { hook: hook.name.clone() }) }
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
    directory: PathBuf,
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
    pub(super) fn new(directory: PathBuf, cache: Cache, engine: Engine, store: Store, own: bool) -> Self {
        Self { directory, cache, engine, store, own, waiting: BTreeMap::new() }
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
            let compiled =
                compiled(&self.directory, &self.cache, &self.engine, &waiting.hook, *digest).await?;
            for (hook, component) in &waiting.components {
                link(&self.engine, &compiled, component, hook)?;
                tracing::info!(%hook, "its component is compiled: it works from here on");
            }
            // Only whoever reads the database beside the runner goes by it.
            if let Err(error) = self.note().await {
                tracing::warn!(%error, "which hooks still wait for their components is not written down");
            }
            Ok(())
        };
        let work = stream::iter(&self.waiting).map(work).buffer_unordered(AT_ONCE).collect::<Vec<_>>();
        work.await.into_iter().collect::<Result<(), Error>>()?;
        if self.own
            && let Err(error) = self.cache.tidy(Bounds::default())
        {
            tracing::warn!(%error, "what is of no use any more stays in the cache");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use groundcrew_core::time::Timestamp;

    use super::*;
    use crate::config::{Component, Config, Environment};
    use crate::{builtin, components};

    #[test]
    fn what_was_looked_over_is_compiled_whatever_its_file_is_by_then() {
        let text = "installation = \"acme\"\nsource.ndjson.path = \"-\"\nsecrets.FLY.env = \"T\"\n\
            [hook.ip]\nuse = \"builtin:fly-ip\"\ngone = \"delete\"\nlevel = \"observe\"\n";
        let environment = Environment::fixed([("T".to_owned(), "x".to_owned())]);
        let config = Config::parse("x.toml", text, Path::new(""), &environment, &components::manifest);
        let mut hook = config.unwrap_or_else(|report| panic!("{report}")).hooks["ip"].clone();
        let dir = tempfile::tempdir().unwrap();
        let (file, before) = (dir.path().join("ip.wasm"), builtin::component("fly-ip").unwrap());
        fs::write(&file, b"the next version").unwrap();
        hook.component = Component::File(file);
        let digest = Digest::of(&before);

        let said = looked_over(dir.path(), &hook, digest).unwrap_err();
        assert!(matches!(said, Error::Changed { ref hook } if hook == "ip"), "{said}");
        kept::keep(dir.path(), digest, &before, Timestamp::from_millis(1)).unwrap();
        assert!(looked_over(dir.path(), &hook, digest).unwrap() == *before, "another version");
    }
}
