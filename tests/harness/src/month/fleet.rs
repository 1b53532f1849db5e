//! The truth: who lives, and what should be there for whom, from when to when.

use std::collections::{BTreeMap, BTreeSet};

use groundcrew_outside::Purpose;

use super::act::Wish;
use super::edition::Edition;
use crate::neighbours::ZONE;

/// Everybody who lives on the platform, and who ever wanted what.
#[derive(Clone, Debug, Default)]
pub(super) struct Fleet {
    pub(super) apps: BTreeMap<String, App>,
    pub(super) wanted: Vec<Wanted>,
    /// Names of strangers, and the name of the app that each leads to.
    pub(super) aliases: BTreeMap<String, String>,
}

/// A living app.
#[derive(Clone, Debug, Default)]
pub(super) struct App {
    /// Its id on the platform.
    pub(super) id: String,
    /// Ids of its machines, by place.
    pub(super) machines: BTreeMap<u8, String>,
    pub(super) wishes: Vec<Wish>,
}

/// That a thing should be there for a while, whatever the configuration is.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) purpose: Purpose,
    pub(super) from: i64,
    pub(super) until: Option<i64>,
}

impl Fleet {
    /// An app comes into being.
    pub(super) fn create(&mut self, name: &str, id: String, wishes: Vec<Wish>, at: i64) {
        let app = App { id, machines: BTreeMap::new(), wishes };
        self.want(always(name).into_iter().chain(wished(name, &app)), at);
        self.apps.insert(name.to_owned(), app);
    }

    /// An app wants something else.
    pub(super) fn wish(&mut self, name: &str, wishes: Vec<Wish>, at: i64) {
        let Some(app) = self.apps.get_mut(name) else { return };
        let before = wished(name, app);
        app.wishes = wishes;
        let now = wished(name, app);
        self.end(|purpose| before.contains(purpose) && !now.contains(purpose), at);
        self.want(now.difference(&before).cloned(), at);
    }

    /// An app is gone.
    pub(super) fn delete(&mut self, name: &str, at: i64) {
        let Some(app) = self.apps.remove(name) else { return };
        let all: BTreeSet<_> = always(name).into_iter().chain(wished(name, &app)).collect();
        self.end(|purpose| all.contains(purpose), at);
    }

    fn want(&mut self, purposes: impl IntoIterator<Item = Purpose>, at: i64) {
        self.wanted.extend(purposes.into_iter().map(|purpose| Wanted { purpose, from: at, until: None }));
    }

    fn end(&mut self, which: impl Fn(&Purpose) -> bool, at: i64) {
        for wanted in self.wanted.iter_mut().filter(|it| it.until.is_none() && which(&it.purpose)) {
            wanted.until = Some(at);
        }
    }

    /// What should be there at the end, under the configuration of then.
    pub(super) fn expects(&self, edition: &Edition) -> Vec<Purpose> {
        let mut all = Vec::new();
        for (name, app) in &self.apps {
            all.extend(always(name));
            all.extend(wished(name, app));
            if edition.has_extra() {
                all.push(of("one", name, &format!("natural/{name}-extra")));
            }
            let base = [("a", true), ("b", edition.has_second())];
            for (key, _) in base.into_iter().filter(|(_, asked)| *asked) {
                all.push(of(edition.base_at(), name, &format!("natural/{name}-{key}")));
            }
            let machines = app.machines.values().filter(|_| edition.keeps_machines());
            all.extend(machines.map(|id| of("four", &format!("{name}/{id}"), &format!("marked/{id}"))));
        }
        all
    }

    /// Names that lead to nobody.
    pub(super) fn dangling(&self) -> BTreeSet<&str> {
        let leads = self.aliases.iter().filter(|(_, app)| !self.apps.contains_key(*app));
        leads.map(|(name, _)| name.as_str()).collect()
    }

    /// What the label endpoint says that each thing at the tests' outside should be.
    pub(super) fn values(&self) -> Vec<(Purpose, u32)> {
        let of_app = |(name, app): (&String, &App)| {
            let value = |wish: &Wish| (of("one", name, &format!("{}/{}", wish.kind, wish.key)), wish.value);
            app.wishes.iter().map(value).collect::<Vec<_>>()
        };
        self.apps.iter().flat_map(of_app).collect()
    }
}

/// What something at a place of the tests' outside is for.
pub(super) fn of(place: &str, owner: &str, key: &str) -> Purpose {
    Purpose::new(format!("{place} fly/acme/{owner}"), key)
}

fn wished(app: &str, of_app: &App) -> BTreeSet<Purpose> {
    of_app.wishes.iter().map(|wish| of("one", app, &format!("{}/{}", wish.kind, wish.key))).collect()
}

/// What every app has: an address, and a record that says it, with its mark.
fn always(app: &str) -> [Purpose; 3] {
    let name = format!("www.{app}.{ZONE}");
    [
        Purpose::new(format!("fly/acme/{app}"), "v6"),
        Purpose::new(ZONE, format!("AAAA/{name}")),
        Purpose::new(ZONE, format!("TXT/_gc-aaaa.{name}")),
    ]
}
