//! Which hook on record a stanza is: that of its name, or one whose stanza vanished and whose component it names.
//!
//! A hook that was renamed keeps its things, its runs, what was promoted, and which version of it waits.

use groundcrew_core::hash::Digest;
use groundcrew_store::hooks::{HookState, StoredHook};
use groundcrew_store::{HookId, Store};

use crate::components;
use crate::config::{Component, Config, Hook};

/// A hook whose stanza has another name now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rename {
    /// Which.
    pub hook: HookId,
    /// Its name on record.
    pub from: String,
    /// Its stanza's name.
    pub to: String,
}

/// Why it cannot be told which hooks were renamed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store.
    #[error(transparent)]
    Store(#[from] groundcrew_store::Error),
    /// A component cannot be read.
    #[error(transparent)]
    Component(#[from] components::Error),
}

/// Stanzas whose name is on record nowhere, and the hooks that they are.
pub fn find(config: &Config, store: &Store) -> Result<Vec<Rename>, Error> {
    find_by(config, store, components::digest)
}

/// The same for whoever has components elsewhere than where stanzas say, such as simulations.
pub fn find_by(
    config: &Config,
    store: &Store,
    digest: impl Fn(&Component) -> Result<Digest, components::Error>,
) -> Result<Vec<Rename>, Error> {
    let known = store.hooks()?;
    let mut vanished: Vec<_> = known
        .iter()
        .filter(|stored| !config.hooks.contains_key(&stored.name) && stored.state != HookState::Removed)
        .collect();
    let mut renames = Vec::new();
    for hook in config.hooks.values() {
        if vanished.is_empty() || known.iter().any(|stored| stored.name == hook.name) {
            continue;
        }
        let names = digest(&hook.component)?;
        let mut candidates = Vec::new();
        for stored in vanished.iter().filter(|stored| stored.target == hook.target) {
            if components_of(store, stored)?.contains(&names) {
                candidates.push(*stored);
            }
        }
        if let Some(StoredHook { id, name, .. }) = told_apart(&candidates, hook) {
            renames.push(Rename { hook: *id, from: name.clone(), to: hook.name.clone() });
            // One hook is one stanza.
            vanished.retain(|stored| stored.id != *id);
        }
    }
    Ok(renames)
}

/// Lets these hooks be called on record as their stanzas are.
pub async fn perform(renames: Vec<Rename>, store: &Store) -> groundcrew_store::Result<()> {
    for Rename { hook, from, to } in renames {
        tracing::info!(%from, %to, "a hook was renamed: its things stay its own");
        store.rename_hook(hook, &to).await?;
    }
    Ok(())
}

/// The hooks on record as they are called once these renames are done.
pub fn applied(known: Vec<StoredHook>, renames: &[Rename]) -> Vec<StoredHook> {
    let called = |stored: StoredHook| {
        let rename = renames.iter().find(|rename| rename.hook == stored.id);
        let name = rename.map_or(stored.name, |rename| rename.to.clone());
        StoredHook { name, ..stored }
    };
    known.into_iter().map(called).collect()
}

/// What a stanza of a hook may name and be about the same: what it runs, what it would run were that approved, and what
/// was promoted, and in the place of what.
fn components_of(store: &Store, stored: &StoredHook) -> groundcrew_store::Result<Vec<Digest>> {
    let upgrade = store.upgrade(stored.id)?;
    let waiting = upgrade.waiting.and_then(|waiting| waiting.component.parse().ok());
    let promoted = store.promotion(stored.id)?.map(|promoted| [promoted.instead_of, promoted.component]);
    let all = [Some(stored.component), upgrade.named, waiting].into_iter().flatten();
    Ok(all.chain(promoted.into_iter().flatten()).collect())
}

/// Which of the vanished hooks of one component and target a new one is: those with disjoint scopes are told apart
/// by scope, and where that does not tell, nobody is renamed.
fn told_apart<'a>(candidates: &[&'a StoredHook], hook: &Hook) -> Option<&'a StoredHook> {
    let scope = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok()?.get("scope").cloned();
    let ours = scope(&hook.stanza_text());
    let mut same = candidates.iter().filter(|stored| scope(&stored.stanza) == ours);
    match (candidates, same.next(), same.next()) {
        ([only], ..) => Some(only),
        (_, Some(one), None) => Some(one),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use groundcrew_core::time::Timestamp;
    use groundcrew_store::Options;
    use groundcrew_store::findings::{NewFinding, Severity};
    use groundcrew_store::operators::OperatorAct;
    use groundcrew_store::promotions::Promotion;
    use groundcrew_store::upgrades::{MORE, Version, Waiting};

    use super::*;
    use crate::config::Environment;

    fn config(scopes: &[(&str, &str)]) -> Config {
        let mut text =
            "installation = \"acme\"\nsource.ndjson.path = \"-\"\nsecrets.FLY.env = \"T\"\n".to_owned();
        text.push_str(
            "scope.one.apps = [\"a-*\"]\nscope.two.apps = [\"b-*\"]\nscope.three.apps = [\"c-*\"]\n",
        );
        for (name, scope) in scopes {
            let stanza =
                format!("[hook.{name}]\nuse = \"builtin:fly-ip\"\nscope = \"{scope}\"\ngone = \"delete\"\n");
            text.push_str(&stanza);
        }
        let environment = Environment::fixed([("T".to_owned(), "x".to_owned())]);
        let config =
            Config::parse("x.toml", &text, Path::new(""), &environment, &crate::components::manifest);
        config.unwrap_or_else(|report| panic!("{report}"))
    }

    fn hooks(scopes: &[(&str, &str)]) -> Vec<Hook> {
        config(scopes).hooks.into_values().collect()
    }

    #[tokio::test]
    async fn hooks_of_one_target_are_renamed_by_their_scope_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("groundcrew.db"), Options::default()).unwrap();
        for hook in hooks(&[("first", "one"), ("second", "two")]) {
            let (digest, text) = (Digest::of(b"component"), hook.stanza_text());
            store.save_hook(&hook.name, digest, &hook.target, &text).await.unwrap();
        }
        let stored = store.hooks().unwrap();
        let both: Vec<_> = stored.iter().collect();
        let [two, three] = &hooks(&[("a", "two"), ("b", "three")])[..] else { panic!("two hooks") };
        assert_eq!(told_apart(&both, two).unwrap().name, "second");
        assert!(told_apart(&both, three).is_none(), "nobody's");
        assert_eq!(
            told_apart(&both[..1], three).unwrap().name,
            "first",
            "there is no other that it could be"
        );
    }

    const ACTIVE: &[u8] = b"active";

    /// A hook `before` that runs a component which no stanza names, and what builds on that.
    struct Before {
        store: Store,
        hook: HookId,
        now: Timestamp,
        _dir: tempfile::TempDir,
    }

    impl Before {
        async fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let store = Store::open(&dir.path().join("groundcrew.db"), Options::default()).unwrap();
            let stanzas = hooks(&[("before", "one")]);
            let hook = &stanzas[0];
            let (target, text) = (&hook.target, hook.stanza_text());
            let hook = store.save_hook("before", Digest::of(ACTIVE), target, &text).await.unwrap();
            Self { store, hook, now: Timestamp::from_millis(0), _dir: dir }
        }

        async fn promote(&self, instead_of: Digest, component: Digest) {
            let who = "kim".to_owned();
            let promotion =
                Promotion { hook: self.hook, instead_of, component, at: self.now, who: who.clone() };
            let act = OperatorAct { who, what: "promote before".to_owned() };
            self.store.promote(promotion, act, self.now).await.unwrap();
        }

        /// `waiting` is held back, and what is active goes on.
        async fn hold(&self, waiting: Digest, named: Digest) {
            let version = Version {
                component: Digest::of(ACTIVE).to_string(),
                exports: ["provision".to_owned()].into(),
                manifest: serde_json::json!({}),
            };
            let more = vec!["asks for one more host".to_owned()];
            let waiting = Waiting { id: "id".to_owned(), component: waiting.to_string(), more };
            let finding = NewFinding {
                code: MORE.to_owned(),
                about: "before".to_owned(),
                hook: Some(self.hook),
                severity: Severity::Warning,
                message: "it waits".to_owned(),
                remedy: None,
            };
            self.store.hold_version(self.hook, version, waiting, named, finding, self.now).await.unwrap();
        }

        /// What the hook is called by these stanzas.
        fn names(&self, scopes: &[(&str, &str)]) -> Vec<String> {
            let found = find(&config(scopes), &self.store).unwrap();
            assert!(found.iter().all(|it| it.hook == self.hook && it.from == "before"), "{found:?}");
            found.into_iter().map(|rename| rename.to).collect()
        }
    }

    #[tokio::test]
    async fn a_renamed_hook_is_known_by_what_waits_and_by_what_was_promoted() {
        let named = components::digest(&hooks(&[("after", "one")])[0].component).unwrap();
        let other = Digest::of(b"other");
        let after = [("after", "one")];

        let before = Before::new().await;
        assert!(before.names(&after).is_empty(), "it runs another component");
        before.hold(named, other).await;
        assert_eq!(before.names(&after), ["after"], "this one waits");
        assert_eq!(before.names(&[("after", "one"), ("second", "two")]), ["after"], "one hook is one stanza");
        assert!(before.names(&[("before", "one"), ("second", "two")]).is_empty(), "its stanza is there");

        let before = Before::new().await;
        before.hold(other, named).await;
        assert_eq!(before.names(&after), ["after"], "its stanza named this one at the last start");

        for (instead_of, component) in [(named, other), (other, named)] {
            let before = Before::new().await;
            before.promote(instead_of, component).await;
            assert_eq!(before.names(&after), ["after"], "{}", component.short());
            before.store.rename_hook(before.hook, "after").await.unwrap();
            assert!(before.names(&after).is_empty(), "it is renamed once");
        }
    }
}
