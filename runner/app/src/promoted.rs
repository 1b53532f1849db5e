//! What runs where a candidate was promoted: that, in the place of what the stanza names, until the stanza names another.
//!
//! It is loaded at a start as any other component, so it passes what every changed component passes: it is counted what
//! it would change, and it must find what is there, before it writes.

use std::path::Path;

use groundcrew_core::hash::Digest;
use groundcrew_core::manifest::Manifest;
use groundcrew_core::time::Timestamp;
use groundcrew_store::hooks::StoredHook;
use groundcrew_store::promotions::Promotion;
use groundcrew_store::{HookId, Store};

use crate::components;
use crate::config::{Component, Config, Hook};
use crate::kept;

/// Why what was promoted cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store.
    #[error(transparent)]
    Store(#[from] groundcrew_store::Error),
    /// A component cannot be read.
    #[error(transparent)]
    Component(#[from] components::Error),
    /// The folder of kept components.
    #[error("kept components cannot be read")]
    Kept(#[from] std::io::Error),
    /// Its bytes are nowhere, or need a stanza of their own.
    #[error(
        "hook `{hook}` runs {}, which was promoted over {}, and {why}: let `use` of [hook.{hook}] name it, or go back with `groundcrew promote {hook} --undo`",
        component.short(), instead_of.short()
    )]
    Lost {
        /// Whose.
        hook: String,
        /// What was promoted.
        component: Digest,
        /// Over what.
        instead_of: Digest,
        /// What is missing.
        why: &'static str,
    },
}

/// How a promotion and a stanza stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The stanza still names what it named then: what was promoted runs in its place.
    Holds,
    /// The stanza names what was promoted, or something else again: the configuration is right.
    Over,
}

/// How a promotion stands to the stanza of its hook.
pub fn standing(promotion: &Promotion, hook: &Hook) -> Result<Standing, components::Error> {
    let names = components::digest(&hook.component)?;
    Ok(if names == promotion.instead_of { Standing::Holds } else { Standing::Over })
}

/// The stanzas as they run, and the promotions that the configuration went past.
#[derive(Debug)]
pub struct Effective {
    /// Each stanza, with what was promoted in the place of what it names.
    pub hooks: Vec<Hook>,
    /// Hooks whose promotion is over.
    pub over: Vec<HookId>,
}

/// The stanzas as they run, of hooks that are `known` by these names; nothing is changed.
pub fn effective(
    config: &Config,
    store: &Store,
    known: &[StoredHook],
    directory: &Path,
) -> Result<Effective, Error> {
    let mut effective = Effective { hooks: config.hooks.values().cloned().collect(), over: Vec::new() };
    for promotion in store.promotions()? {
        let name = known.iter().find(|stored| stored.id == promotion.hook).map(|stored| &stored.name);
        let Some(hook) = effective.hooks.iter_mut().find(|hook| Some(&hook.name) == name) else { continue };
        match in_its_place(hook, &promotion, directory)? {
            Some(promoted) => {
                tracing::warn!(hook = %hook.name, component = %promotion.component.short(), at = %promotion.at,
                    "it runs what was promoted, and not what its stanza names: let `use` name it");
                *hook = promoted;
            }
            None => effective.over.push(promotion.hook),
        }
    }
    Ok(effective)
}

/// A stanza with what was promoted in the place of what it names; none: the promotion is over.
pub fn in_its_place(hook: &Hook, promotion: &Promotion, directory: &Path) -> Result<Option<Hook>, Error> {
    match standing(promotion, hook)? {
        Standing::Holds => instead(hook, promotion, directory).map(Some),
        Standing::Over => Ok(None),
    }
}

/// The same; promotions that are over are forgotten.
pub async fn hooks(
    config: &Config,
    store: &Store,
    directory: &Path,
    now: Timestamp,
) -> Result<Vec<Hook>, Error> {
    let Effective { hooks, over } = effective(config, store, &store.hooks()?, directory)?;
    for hook in over {
        store.forget_promotion(hook, None, now).await?;
    }
    Ok(hooks)
}

/// The stanza with what was promoted: its candidate as it is checked with it, else what is kept, if that has the same
/// manifest.
fn instead(hook: &Hook, promotion: &Promotion, directory: &Path) -> Result<Hook, Error> {
    if let Some(candidate) = &hook.candidate
        && components::digest(&candidate.hook.component)? == promotion.component
    {
        let mut promoted = (*candidate.hook).clone();
        // A plan raises the levels of what it rehearses.
        promoted.level = hook.level;
        return Ok(promoted);
    }
    let (component, instead_of) = (promotion.component, promotion.instead_of);
    let lost = |why| Error::Lost { hook: hook.name.clone(), component, instead_of, why };
    if kept::read(directory, component)?.is_none() {
        return Err(lost("it is neither its candidate nor kept"));
    }
    let file = Component::File(kept::path_of(directory, component));
    let carried: Option<Manifest> = components::runnable(&file)?.manifest;
    // One that carries none has its manifest from the stanza, as what it replaced.
    if carried.is_some_and(|carried| carried != hook.manifest) {
        return Err(lost("its manifest is another one, which only a stanza can be checked with"));
    }
    let mut promoted = hook.clone();
    promoted.component = file;
    Ok(promoted)
}

#[cfg(test)]
mod tests {
    use groundcrew_core::duration::Millis;
    use groundcrew_store::Options;
    use groundcrew_store::operators::OperatorAct;

    use super::*;
    use crate::builtin;
    use crate::config::Environment;

    fn config() -> Config {
        let text = "installation = \"acme\"\nsource.ndjson.path = \"-\"\nsecrets.FLY.env = \"T\"\n\
            [hook.ip]\nuse = \"builtin:fly-ip\"\ngone = \"delete\"\nlevel = \"observe\"\n";
        let environment = Environment::fixed([("T".to_owned(), "x".to_owned())]);
        let config = Config::parse("x.toml", text, Path::new(""), &environment, &components::manifest);
        config.unwrap_or_else(|report| panic!("{report}"))
    }

    async fn promoted(store: &Store, instead_of: Digest, component: Digest) -> HookId {
        let hook = store.save_hook("ip", instead_of, "fly-ip", "{}").await.unwrap();
        let (at, who) = (Timestamp::from_millis(0), "ann".to_owned());
        let act = OperatorAct { who: who.clone(), what: "promote ip".to_owned() };
        store.promote(Promotion { hook, instead_of, component, at, who }, act, at).await.unwrap();
        hook
    }

    #[tokio::test]
    async fn what_was_promoted_runs_from_what_is_kept_or_it_is_said_why_not() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("groundcrew.db"), Options::default()).unwrap();
        let (config, now) = (config(), Timestamp::from_millis(0) + Millis::hours(1));
        let named = components::digest(&config.hooks["ip"].component).unwrap();
        let lost =
            || effective(&config, &store, &store.hooks().unwrap(), dir.path()).unwrap_err().to_string();

        promoted(&store, named, Digest::of(b"nowhere")).await;
        let why = lost();
        assert!(why.contains("neither its candidate nor kept"), "{why}");
        assert!(why.contains("groundcrew promote ip --undo"), "{why}");

        let other = builtin::component("notify").unwrap();
        kept::keep(dir.path(), Digest::of(&other), &other, now).unwrap();
        promoted(&store, named, Digest::of(&other)).await;
        assert!(lost().contains("its manifest is another one"), "{}", lost());

        let next = [&builtin::component("fly-ip").unwrap()[..], b"\x00\x08\x04notenew"].concat();
        let digest = Digest::of(&next);
        kept::keep(dir.path(), digest, &next, now).unwrap();
        promoted(&store, named, digest).await;
        let running = effective(&config, &store, &store.hooks().unwrap(), dir.path()).unwrap();
        assert_eq!(running.hooks[0].component, Component::File(kept::path_of(dir.path(), digest)));
        assert_eq!((running.hooks[0].level, running.over), (config.hooks["ip"].level, Vec::new()));

        // The stanza named another one when that was promoted: now it is right.
        let hook = promoted(&store, Digest::of(b"older"), digest).await;
        let running = effective(&config, &store, &store.hooks().unwrap(), dir.path()).unwrap();
        assert_eq!(
            (running.hooks[0].component.to_string().as_str(), running.over),
            ("builtin:fly-ip", vec![hook])
        );
        hooks(&config, &store, dir.path(), now).await.unwrap();
        assert_eq!(store.promotions().unwrap(), [], "it is forgotten");
    }
}
