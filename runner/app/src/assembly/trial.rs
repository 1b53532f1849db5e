//! Looks whether a runner could be put together, while another one runs.

use std::collections::BTreeMap;

use groundcrew_core::hash::Digest;
use groundcrew_engine::cache::Cache;
use groundcrew_engine::run::Engine;
use groundcrew_store::hooks::StoredHook;

use super::{Entering, Error, Setting, compile, key, prepare, profile, promoted, renames, stays};
use crate::config::{Config, Hook};
use crate::runner::installed;

/// The component that each hook is started with, by name: its stanza's, what was promoted, or the version before.
pub type Chosen = BTreeMap<String, Digest>;

/// Which components [`super::assemble`] would choose now; nothing is compiled, and the store stays as it is.
pub fn choose(config: &Config, setting: &Setting) -> Result<Chosen, Error> {
    let (stanzas, known) = stanzas(config, setting)?;
    let entering = stanzas.iter().map(|hook| prepare(config, hook, setting, &known));
    entering.map(|entering| entering.map(|it| chosen(&it))).collect()
}

fn chosen(entering: &Entering) -> (String, Digest) {
    (entering.hook.name.clone(), entering.inspected.digest)
}

/// The stanzas as they would run, and the hooks on record under the names that they would have.
fn stanzas(config: &Config, setting: &Setting) -> Result<(Vec<Hook>, Vec<StoredHook>), Error> {
    let renames = renames::find(config, &setting.store)?;
    let known = renames::applied(setting.store.hooks()?, &renames);
    let effective = promoted::effective(config, &setting.store, &known, &setting.directory)?;
    Ok((effective.hooks, known))
}

/// Looks at all that [`super::assemble`] would refuse, and compiles into the cache what it would compile.
///
/// The store stays as it is. `setting` is that of the runner that runs: installation, data directory and database are
/// those. Says which components it looked at: what is [chosen](choose) later was compiled only if it is one of them.
///
/// # Errors
/// All problems, those of one hook together.
pub async fn look_over(config: &Config, setting: &Setting) -> Result<Chosen, Vec<Error>> {
    let one = |error| vec![error];
    let key = key::of(&setting.store, &setting.directory, &setting.database).await;
    let key = key.map_err(|error| one(error.into()))?;
    let (stanzas, known) = stanzas(config, setting).map_err(one)?;
    let (mut entering, mut problems) = (Vec::new(), Vec::new());
    for hook in &stanzas {
        match prepare(config, hook, setting, &known) {
            Ok(entered) => entering.push(entered),
            Err(error) => problems.push(error),
        }
    }
    // One run at most will never come; the pool of whoever runs is large enough already.
    let engine = Engine::new(profile(&entering, setting, 1)).map_err(|error| one(error.into()))?;
    let cache = Cache::new(setting.directory.join("cache"), key, setting.compiler.clone());
    let mut compiled = BTreeMap::new();
    for one in compile::all(&setting.directory, &cache, &engine, &entering).await {
        match one {
            Ok((digest, component)) => drop(compiled.insert(digest, component)),
            Err(error) => problems.push(error),
        }
    }
    for entering in &entering {
        if let Some(component) = compiled.get(&entering.inspected.digest) {
            let linked = engine.link(component, &entering.inspected, entering.hook.manifest.clone());
            let refused = |source| Error::Link { hook: entering.hook.name.clone(), source };
            problems.extend(linked.map_err(refused).err());
        }
        problems.extend(stanza(config, entering, setting, &known, &key));
    }
    if problems.is_empty() { Ok(entering.iter().map(chosen).collect()) } else { Err(problems) }
}

/// What is wrong with a stanza, whatever its component is.
fn stanza(
    config: &Config,
    entering: &Entering,
    setting: &Setting,
    known: &[StoredHook],
    key: &[u8; 32],
) -> Vec<Error> {
    let hook: &Hook = &entering.hook;
    let before = known.iter().find(|stored| stored.name == hook.name);
    let unread = |source| Error::Secrets { hook: hook.name.clone(), source };
    let secrets = installed::resolve(hook, &config.secrets, key).map_err(unread);
    [stays(&setting.store, hook, before).err(), secrets.err()].into_iter().flatten().collect()
}
