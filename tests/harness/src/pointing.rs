//! Whether records point at addresses that belong to somebody else by then: from the fakes' logs alone.
//!
//! A record `HOST.APP.example` is the app's. What it says must be an address that the app has. When an app ends, its
//! addresses go with it, whatever anybody does, so its records point at nobody for a while; but nothing that the
//! runner itself releases may be pointed at, and nothing new may be pointed at what is not there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use groundcrew_flysim::Actor;
use groundcrew_flysim::dns::DnsEffect;

use crate::neighbours::Neighbours;

/// Why a record pointed at an address that its app did not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The runner released the address first.
    Released,
    /// The runner wrote the record when the app did not have the address (any more).
    Written,
    /// Address and app went together, or somebody else released it.
    Lost,
}

/// A record that pointed at an address that its app did not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dangling {
    /// `A/www.cust-1.example`.
    pub record: String,
    /// The address.
    pub address: String,
    /// Since when.
    pub from: i64,
    /// Until when; none: to the end.
    pub until: Option<i64>,
    /// When the app had ceased to have the address; none: it never had it.
    pub gone: Option<i64>,
    /// Why.
    pub why: Why,
}

/// One thing that happened, of either log.
enum Happened<'a> {
    Fly(&'a groundcrew_flysim::Effect),
    Dns(&'a DnsEffect),
}

/// All of them, in the order in which they began.
pub fn dangling(neighbours: &Neighbours) -> Vec<Dangling> {
    let (fly, dns) = (neighbours.fly.log(), neighbours.dns.log());
    let mut happened: Vec<(i64, Happened<'_>)> = Vec::new();
    happened.extend(fly.iter().map(|effect| (effect.at_ms, Happened::Fly(effect))));
    happened.extend(dns.iter().map(|effect| (effect.at_ms, Happened::Dns(effect))));
    happened.sort_by_key(|(at, _)| *at);
    let mut walk = Walk::default();
    for (at, what) in happened {
        let (app, why) = walk.step(at, &what);
        walk.count(at, &app, why);
    }
    walk.found
}

/// A record and an address that it says.
type Pointer = (String, String);

#[derive(Default)]
struct Walk {
    /// App and address.
    held: BTreeSet<(String, String)>,
    /// When an app ceased to have an address.
    gone: BTreeMap<(String, String), i64>,
    /// Contents by record, by app: what happens to one app changes where its records point, and no other's.
    records: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// Those that point at nothing now, by app: where they are among those found.
    open: BTreeMap<String, BTreeMap<Pointer, usize>>,
    found: Vec<Dangling>,
}

impl Walk {
    /// Takes in what happened; says to which app, and why a record of it points at nothing from now on, if it does.
    fn step(&mut self, at: i64, happened: &Happened<'_>) -> (String, Why) {
        match happened {
            Happened::Fly(effect) => {
                let pair = (effect.app.clone(), canonical(&effect.subject));
                match effect.what.as_str() {
                    "ip.allocated" => drop(self.held.insert(pair)),
                    "ip.released" => {
                        self.held.remove(&pair);
                        self.gone.insert(pair, at);
                    }
                    _ => {}
                }
                let why = if effect.by == Actor::Client { Why::Released } else { Why::Lost };
                (effect.app.clone(), why)
            }
            Happened::Dns(effect) => {
                let key = format!("{}/{}", effect.kind, effect.name.trim_end_matches('.'));
                let app = app_of(&key).to_owned();
                // What others write is theirs to answer for.
                if effect.by == Actor::Client && matches!(effect.kind.as_str(), "A" | "AAAA") {
                    let contents = effect.contents.iter().map(|content| canonical(content));
                    self.records.entry(app.clone()).or_default().insert(key, contents.collect());
                }
                (app, Why::Written)
            }
        }
    }

    /// Opens and closes what has changed of an app.
    fn count(&mut self, at: i64, app: &str, why: Why) {
        let Some(records) = self.records.get(app) else { return };
        let lost = |address: &String| !self.held.contains(&(app.to_owned(), address.clone()));
        let says = |(record, contents): (&String, &Vec<String>)| {
            let lost = contents.iter().filter(|address| lost(address));
            lost.map(|address| (record.clone(), address.clone())).collect::<Vec<_>>()
        };
        let now: BTreeSet<Pointer> = records.iter().flat_map(says).collect();
        let open = self.open.entry(app.to_owned()).or_default();
        for (_, place) in open.extract_if(.., |pointer, _| !now.contains(pointer)) {
            self.found[place].until = Some(at);
        }
        for pointer in now {
            if open.contains_key(&pointer) {
                continue;
            }
            let (record, address) = pointer.clone();
            let gone = self.gone.get(&(app.to_owned(), address.clone())).copied();
            open.insert(pointer, self.found.len());
            self.found.push(Dangling { record, address, from: at, until: None, gone, why });
        }
    }
}

/// An address in its one shape; what is none stays as it is.
pub(crate) fn canonical(address: &str) -> String {
    address.parse::<IpAddr>().map_or_else(|_| address.to_owned(), |address| address.to_string())
}

/// The app of a record.
fn app_of(record: &str) -> &str {
    record.split('.').nth(1).unwrap_or_default()
}
