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
        let why = walk.step(at, &what);
        walk.count(at, why);
    }
    walk.found
}

#[derive(Default)]
struct Walk {
    /// App and address.
    held: BTreeSet<(String, String)>,
    /// When an app ceased to have an address.
    gone: BTreeMap<(String, String), i64>,
    /// Contents by record.
    records: BTreeMap<String, Vec<String>>,
    found: Vec<Dangling>,
}

impl Walk {
    fn step(&mut self, at: i64, happened: &Happened<'_>) -> Why {
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
                if effect.by == Actor::Client { Why::Released } else { Why::Lost }
            }
            Happened::Dns(effect) => {
                // What others write is theirs to answer for.
                if effect.by == Actor::Client && matches!(effect.kind.as_str(), "A" | "AAAA") {
                    let key = format!("{}/{}", effect.kind, effect.name.trim_end_matches('.'));
                    let contents = effect.contents.iter().map(|content| canonical(content));
                    self.records.insert(key, contents.collect());
                }
                Why::Written
            }
        }
    }

    /// Opens and closes what has changed.
    fn count(&mut self, at: i64, why: Why) {
        for open in self.found.iter_mut().filter(|open| open.until.is_none()) {
            if !points(&self.records, &self.held, &open.record, &open.address) {
                open.until = Some(at);
            }
        }
        for (record, contents) in &self.records {
            for address in contents {
                let known = self
                    .found
                    .iter()
                    .any(|open| open.until.is_none() && open.record == *record && open.address == *address);
                if !known && points(&self.records, &self.held, record, address) {
                    let (record, address) = (record.clone(), address.clone());
                    let gone = self.gone.get(&(app_of(&record).to_owned(), address.clone())).copied();
                    self.found.push(Dangling { record, address, from: at, until: None, gone, why });
                }
            }
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

/// Whether a record says an address that its app does not have.
fn points(
    records: &BTreeMap<String, Vec<String>>,
    held: &BTreeSet<(String, String)>,
    record: &str,
    address: &str,
) -> bool {
    let app = app_of(record);
    let says = records.get(record).is_some_and(|contents| contents.iter().any(|it| it == address));
    says && !held.contains(&(app.to_owned(), address.to_owned()))
}
