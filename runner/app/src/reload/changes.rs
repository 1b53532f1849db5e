//! What a reload changed: hooks that came, went, run otherwise or wait, and what else the configuration says otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use groundcrew_core::hash::Digest;

use crate::config::{Config, Hook};
use crate::runner::Runner;

/// What runs, and what it was put together from.
#[derive(Clone, Debug)]
pub struct Lineup {
    config: Arc<Config>,
    /// What runs, by hook.
    components: BTreeMap<String, Digest>,
    /// Which hook on record each is: one that was renamed stays the same.
    ids: BTreeMap<String, i64>,
    /// Hooks with a version that waits for approval.
    held: BTreeSet<String>,
}

/// What differs between two lineups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Hooks that came.
    pub added: Vec<String>,
    /// Hooks that went; their things are frozen.
    pub removed: Vec<String>,
    /// Hooks that are called otherwise, by their names before and now.
    pub renamed: Vec<(String, String)>,
    /// Hooks that run otherwise, and in what.
    pub changed: Vec<(String, String)>,
    /// Hooks with a version that waits for approval, also where it did before.
    pub held: Vec<String>,
    /// Other parts of the configuration that say something else.
    pub rest: Vec<&'static str>,
}

impl Lineup {
    /// What a runner runs.
    pub fn of(config: Arc<Config>, runner: &Runner) -> groundcrew_store::Result<Self> {
        let (mut components, mut ids, mut held) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        for installed in runner.registry().all() {
            let name = installed.hook.name.clone();
            if runner.store.upgrade(installed.id)?.waiting.is_some() {
                held.insert(name.clone());
            }
            ids.insert(name.clone(), installed.id.as_i64());
            components.insert(name, installed.component.digest);
        }
        Ok(Self { config, components, ids, held })
    }

    /// What became of `before`.
    pub fn since(&self, before: &Self) -> Changes {
        let (was, is) = (&before.config.hooks, &self.config.hooks);
        let missing = |these: &BTreeMap<String, Hook>, those: &BTreeMap<String, Hook>| {
            these.keys().filter(|name| !those.contains_key(*name)).cloned().collect::<Vec<_>>()
        };
        let (mut added, mut removed) = (missing(is, was), missing(was, is));
        let same = |old: &String, new: &String| {
            let id = before.ids.get(old);
            id.is_some() && id == self.ids.get(new)
        };
        let pairs = removed.iter().flat_map(|old| added.iter().map(move |new| (old.clone(), new.clone())));
        let renamed: Vec<_> = pairs.filter(|(old, new)| same(old, new)).collect();
        removed.retain(|name| !renamed.iter().any(|(old, _)| old == name));
        added.retain(|name| !renamed.iter().any(|(_, new)| new == name));
        let changed = is.iter().filter_map(|(name, hook)| {
            let component = |lineup: &Self| lineup.components.get(name).map(Digest::short);
            let mut what = Vec::new();
            if let (Some(was), Some(is)) = (component(before), component(self))
                && was != is
            {
                what.push(format!("component {was} -> {is}"));
            }
            if !was.get(name)?.is_alike(hook) {
                what.push("configuration".to_owned());
            }
            (!what.is_empty()).then(|| (name.clone(), what.join(", ")))
        });
        Changes {
            added,
            removed,
            renamed,
            changed: changed.collect(),
            held: self.held.iter().cloned().collect(),
            rest: rest(&before.config, &self.config),
        }
    }
}

fn rest(was: &Config, is: &Config) -> Vec<&'static str> {
    let token = |config: &Config| config.http.as_ref().and_then(|http| http.token.clone());
    let secrets = |config: &Config| {
        let names = config.secrets.names();
        names.map(|name| (name.to_owned(), config.secrets.source(name).cloned())).collect::<Vec<_>>()
    };
    let parts = [
        ("level", was.level != is.level),
        ("reconcile", was.reconcile != is.reconcile),
        ("store.keep", was.store.keep != is.store.keep),
        ("http.token", token(was) != token(is)),
        ("secrets", secrets(was) != secrets(is)),
        ("source", was.sources != is.sources),
        ("labels", was.labels != is.labels),
        ("audit", was.audits != is.audits),
    ];
    parts.into_iter().filter(|(_, differs)| *differs).map(|(part, _)| part).collect()
}

impl Changes {
    /// How many there are; what waits as before is none.
    pub fn count(&self) -> usize {
        let Self { added, removed, renamed, changed, rest, .. } = self;
        added.len() + removed.len() + renamed.len() + changed.len() + rest.len()
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count() {
            0 => write!(f, "reloaded: nothing changed")?,
            1 => write!(f, "reloaded: 1 change")?,
            more => write!(f, "reloaded: {more} changes")?,
        }
        for name in &self.added {
            write!(f, "\n  + hook {name}")?;
        }
        for name in &self.removed {
            write!(f, "\n  - hook {name}: detached, its things are frozen")?;
        }
        for (old, new) in &self.renamed {
            write!(f, "\n  ~ hook {old} is called {new} now")?;
        }
        for (name, what) in &self.changed {
            write!(f, "\n  ~ hook {name}: {what}")?;
        }
        for part in &self.rest {
            write!(f, "\n  ~ {part}")?;
        }
        for name in &self.held {
            write!(f, "\n  ! hook {name}: its new version waits: groundcrew approve --upgrade {name}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::components;
    use crate::config::Environment;

    fn lineup(text: &str, components: &[(&str, &[u8])]) -> Lineup {
        let text = format!("installation = \"acme\"\nsource.ndjson.path = \"-\"\n{text}");
        let environment = Environment::fixed([("T".to_owned(), "x".to_owned())]);
        let config = Config::parse("x.toml", &text, Path::new(""), &environment, &components::manifest);
        Lineup {
            config: Arc::new(config.unwrap_or_else(|report| panic!("{report}"))),
            components: components
                .iter()
                .map(|(name, bytes)| ((*name).to_owned(), Digest::of(bytes)))
                .collect(),
            // Each a hook of its own, by the first letter of its name.
            ids: components.iter().map(|(name, _)| ((*name).to_owned(), id_of(name))).collect(),
            held: BTreeSet::new(),
        }
    }

    fn id_of(name: &str) -> i64 {
        name.bytes().next().map_or(0, i64::from)
    }

    /// A stanza of a handler, for events of this kind.
    fn stanza(name: &str, on: &str) -> String {
        format!(
            "[hook.{name}]\nuse = \"builtin:notify\"\non = [\"{on}\"]\nconfig = {{ to = \"standard-webhooks\" }}\n\
             secret.URL = {{ from = \"URL\", at = \"url\" }}\n"
        )
    }

    #[test]
    fn a_hook_that_is_called_otherwise_neither_came_nor_went() {
        let of =
            |name| lineup(&format!("secrets.URL.env = \"T\"\n{}", stanza(name, "app.*")), &[(name, b"a")]);
        let said = of("mirror").since(&of("marks"));
        assert_eq!(said.to_string(), "reloaded: 1 change\n  ~ hook marks is called mirror now");
        let said = of("news").since(&of("marks"));
        assert_eq!((said.added.len(), said.removed.len(), said.renamed.len()), (1, 1, 0));
    }

    #[test]
    fn what_came_went_changed_and_waits_is_told() {
        let head = "secrets.URL.env = \"T\"\n";
        let before = lineup(
            &format!("{head}{}{}{}", stanza("one", "app.*"), stanza("two", "app.*"), stanza("old", "app.*")),
            &[("one", b"a"), ("two", b"a"), ("old", b"a")],
        );
        assert_eq!(before.since(&before).to_string(), "reloaded: nothing changed");
        let mut after = lineup(
            &format!(
                "{head}level = \"no-deletes\"\n{}{}{}",
                stanza("one", "app.created"),
                stanza("two", "app.*"),
                stanza("new", "app.*")
            ),
            &[("one", b"a"), ("two", b"b"), ("new", b"a")],
        );
        after.held.insert("one".to_owned());
        let (was, is) = (Digest::of(b"a").short(), Digest::of(b"b").short());
        let lines = [
            "reloaded: 5 changes",
            "  + hook new",
            "  - hook old: detached, its things are frozen",
            "  ~ hook one: configuration",
            &format!("  ~ hook two: component {was} -> {is}"),
            "  ~ level",
            "  ! hook one: its new version waits: groundcrew approve --upgrade one",
        ];
        assert_eq!(after.since(&before).to_string(), lines.join("\n"));
    }
}
