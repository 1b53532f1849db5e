//! How the outside of a fleet is whose apps should each have two addresses and a record, judged by the logs of the simulator
//! and of the name server beside it alone.
//!
//! `groundcrew demo` ends with it. It is here, and not there, so that it cannot ask the runner.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::dns::{DnsEffect, DnsWhat};
use crate::{Actor, Effect};

/// Things that every living app should have: a shared address, a dedicated one, a record of the shared one.
const EACH: usize = 3;

/// How the outside is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Apps that should live.
    pub living: usize,
    /// Things that they have.
    pub things: usize,
    /// Things of anybody else.
    pub left: usize,
    /// Record sets that were there before.
    pub foreign: usize,
    /// How many of them nobody but their owner ever wrote.
    pub untouched: usize,
    /// What an app had twice at any moment.
    pub doubled: Vec<String>,
    /// What was taken from an app while it lived.
    pub torn: Vec<String>,
}

impl Verdict {
    /// Reads both logs from their beginning.
    pub fn of(fly: &[Effect], dns: &[DnsEffect], living: &[String]) -> Self {
        let lives = |app: &str| living.iter().any(|name| name == app);
        let Addresses { held, mut doubled, torn } = Addresses::of(fly);
        let addresses = |of_living: bool| -> usize {
            let apps = held.iter().filter(|(app, _)| lives(app) == of_living);
            apps.map(|(_, held)| held.len()).sum()
        };
        let Records { sets, foreign, touched, crowded } = Records::of(dns);
        doubled.extend(crowded);
        let right = sets.iter().filter(|(_, set)| {
            let held = |app: &str| held.get(app).is_some_and(|held| held.contains(&set.contents[0].as_str()));
            set.kind == "A" && app_of(set).is_some_and(|app| lives(app) && held(app))
        });
        let left = sets.values().filter(|set| !app_of(set).is_some_and(lives));
        Self {
            living: living.len(),
            things: addresses(true) + right.count(),
            left: addresses(false) + left.count(),
            foreign: foreign.len(),
            untouched: foreign.difference(&touched).count(),
            doubled,
            torn,
        }
    }

    /// Whether nothing is missing, left over, was ever there twice, or was somebody else's.
    pub fn is_good(&self) -> bool {
        let whole = self.things == self.living * EACH && self.left == 0;
        whole && self.untouched == self.foreign && self.doubled.is_empty() && self.torn.is_empty()
    }
}

/// Which addresses apps have, and which kinds one had twice at any moment.
struct Addresses<'a> {
    held: BTreeMap<&'a str, Vec<&'a str>>,
    doubled: Vec<String>,
    torn: Vec<String>,
}

impl<'a> Addresses<'a> {
    fn of(log: &'a [Effect]) -> Self {
        let (mut held, mut doubled, mut torn) = (BTreeMap::<&str, Vec<&str>>::new(), Vec::new(), Vec::new());
        for effect in log {
            let app = held.entry(&effect.app).or_default();
            match effect.what.as_str() {
                "ip.allocated" => {
                    let kind = kind(&effect.subject);
                    if app.iter().any(|other| self::kind(other) == kind) {
                        doubled.push(format!("{kind} of {}", effect.app));
                    }
                    app.push(&effect.subject);
                }
                "ip.released" => {
                    let (before, kind) = (app.len(), kind(&effect.subject));
                    app.retain(|held| *held != effect.subject);
                    let is_left = app.iter().any(|other| self::kind(other) == kind);
                    if effect.by == Actor::Client && app.len() < before && !is_left {
                        torn.push(format!("{kind} of {}", effect.app));
                    }
                }
                "app.deleted" => app.clear(),
                _ => {}
            }
        }
        Self { held, doubled, torn }
    }
}

type Key<'a> = (&'a str, &'a str);

/// Record sets by name and type: ours as they are now, and whose were there before.
struct Records<'a> {
    sets: BTreeMap<Key<'a>, &'a DnsEffect>,
    foreign: BTreeSet<Key<'a>>,
    /// What was written by anybody but the zone's owner.
    touched: BTreeSet<Key<'a>>,
    /// Names that stood for two addresses at any moment.
    crowded: Vec<String>,
}

impl<'a> Records<'a> {
    fn of(log: &'a [DnsEffect]) -> Self {
        let (mut sets, mut foreign, mut touched) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        let mut crowded = Vec::new();
        for effect in log {
            let key = (effect.name.as_str(), effect.kind.as_str());
            if effect.by != Actor::Client {
                foreign.insert(key);
                continue;
            }
            touched.insert(key);
            if effect.contents.len() > 1 {
                crowded.push(format!("{} {}", effect.kind, effect.name));
            }
            match effect.what {
                DnsWhat::Created | DnsWhat::Replaced => sets.insert(key, effect),
                DnsWhat::Deleted => sets.remove(&key),
            };
        }
        Self { sets, foreign, touched, crowded }
    }
}

/// The app that a record set is for, by its name: the record itself, or the mark beside it.
pub fn app_of(set: &DnsEffect) -> Option<&str> {
    let name = set.name.strip_prefix("_gc-a.").unwrap_or(&set.name);
    name.strip_prefix("www.")?.strip_suffix(".example.")
}

fn kind(address: &str) -> &'static str {
    if address.contains(':') { "v6" } else { "v4" }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.living * EACH;
        write!(f, "{} living apps have {} of {whole} things; ", self.living, self.things)?;
        write!(f, "deleted apps have {}; ", self.left)?;
        write!(f, "foreign records untouched {} of {}; ", self.untouched, self.foreign)?;
        if !self.torn.is_empty() {
            write!(f, "TORN DOWN WHILE IT WAS WANTED: {}; ", self.torn.join(", "))?;
        }
        match self.doubled.as_slice() {
            [] => write!(f, "at no moment was anything doubled"),
            doubled => write!(f, "DOUBLED: {}", doubled.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn fly(lines: &[(&str, &str, &str)]) -> Vec<Effect> {
        let effect = |(seq, (what, app, subject)): (u64, &(&str, &str, &str))| Effect {
            seq,
            at_ms: 0,
            what: (*what).to_owned(),
            app_id: String::new(),
            app: (*app).to_owned(),
            subject: (*subject).to_owned(),
            by: Actor::Client,
            request_id: None,
            answered: true,
            detail: Value::Null,
        };
        (1..).zip(lines).map(effect).collect()
    }

    fn set(by: Actor, name: &str, contents: &[&str]) -> DnsEffect {
        DnsEffect {
            seq: 1,
            at_ms: 0,
            what: if contents.is_empty() { DnsWhat::Deleted } else { DnsWhat::Created },
            zone: "example.".to_owned(),
            name: format!("{name}.example."),
            kind: if name.starts_with('_') { "TXT" } else { "A" }.to_owned(),
            ttl: 300,
            contents: contents.iter().map(|content| (*content).to_owned()).collect(),
            by,
            answered: true,
        }
    }

    const GOOD: [(&str, &str, &str); 2] = [("ip.allocated", "a", "1.2.3.4"), ("ip.allocated", "a", "fd::1")];

    fn records(more: &[DnsEffect]) -> Vec<DnsEffect> {
        let good = [
            set(Actor::Owner, "mail", &["9.9.9.9"]),
            set(Actor::Client, "www.a", &["1.2.3.4"]),
            set(Actor::Client, "_gc-a.www.a", &["mark"]),
        ];
        [&good, more].concat()
    }

    #[test]
    fn loss_leak_and_double_are_found() {
        let (living, dns) = (["a".to_owned()], records(&[]));
        let verdict = |more: &[(&str, &str, &str)]| Verdict::of(&fly(&[&GOOD, more].concat()), &dns, &living);
        assert!(verdict(&[]).is_good());
        assert!(verdict(&[("ip.allocated", "b", "fd::2"), ("app.deleted", "b", "b")]).is_good());
        assert!(!Verdict::of(&fly(&GOOD[..1]), &dns, &living).is_good(), "lost");
        assert_eq!(verdict(&[("ip.allocated", "b", "fd::2")]).left, 1, "leaked");
        let torn = verdict(&[("ip.released", "a", "fd::1"), ("ip.allocated", "a", "fd::2")]);
        assert_eq!((torn.things, torn.torn.as_slice()), (3, &["v6 of a".to_owned()][..]));
        assert!(!torn.is_good(), "{torn}");
        let doubled = verdict(&[("ip.allocated", "a", "fd::2"), ("ip.released", "a", "fd::2")]);
        assert_eq!((doubled.things, doubled.is_good()), (3, false), "{doubled}: once is enough");
    }

    #[test]
    fn records_are_judged_as_well() {
        let living = ["a".to_owned()];
        let verdict = |more: &[DnsEffect]| Verdict::of(&fly(&GOOD), &records(more), &living);
        assert!(verdict(&[]).is_good());
        let client = |name: &str, contents: &[&str]| set(Actor::Client, name, contents);
        assert_eq!(verdict(&[client("www.a", &[])]).things, 2, "lost");
        assert_eq!(verdict(&[client("www.a", &["1.2.3.5"])]).things, 2, "points at a stranger's");
        assert_eq!(verdict(&[client("_gc-a.www.b", &["mark"])]).left, 1, "a mark is left");
        assert!(verdict(&[client("www.b", &["1.2.3.6"]), client("www.b", &[])]).is_good());
        let touched = verdict(&[client("mail", &["9.9.9.9"])]);
        assert!(touched.untouched == 0 && !touched.is_good(), "{touched}: even with the same content");
        assert!(!verdict(&[client("www.a", &["1.2.3.4", "1.2.3.5"])]).doubled.is_empty());
    }
}
