//! How the outside is, asked of the DNS server and of the simulator's own log.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::dns::{Dns, FOREIGN};
use super::simulator::Simulator;

/// Which apps live and which do not.
pub(crate) struct Expected {
    pub(crate) living: Vec<u32>,
    pub(crate) deleted: Vec<u32>,
}

/// How the outside is.
#[derive(Debug)]
pub(crate) struct Verdict {
    living: usize,
    things: usize,
    deleted: usize,
    left: usize,
    foreign: usize,
    doubled: Vec<String>,
    too_many: u64,
}

/// Things that every living app should have: a shared address, a dedicated one, a record.
const EACH: usize = 3;

impl Verdict {
    /// Looks at everything once.
    pub(crate) fn ask(simulator: &Simulator, dns: &Dns, expected: &Expected) -> anyhow::Result<Self> {
        let sets = dns.sets()?;
        let has = |name: &str, kind: &str| {
            sets.iter().any(|(n, k, contents)| n == name && k == kind && !contents.is_empty())
        };
        let mark = |app: &u32| has(&format!("_gc-a.www.cust-{app}.example."), "TXT");
        let addresses = Addresses::of(&simulator.log()?);
        let exists = |app: &u32| has(&format!("www.cust-{app}.example."), "A");
        let points_here = |app: &u32| {
            let name = format!("www.cust-{app}.example.");
            let contents =
                sets.iter().find(|(n, kind, _)| *n == name && kind == "A").map(|(.., contents)| contents);
            contents.is_some_and(|contents| {
                contents.iter().all(|ip| addresses.holds(*app, ip)) && !contents.is_empty()
            })
        };
        let count = |app: &u32| addresses.now(*app) + usize::from(points_here(app));
        let foreign = FOREIGN.iter().filter(|(name, kind, content)| {
            sets.iter()
                .any(|(n, k, contents)| n == name && k == kind && contents.iter().any(|c| c == content))
        });
        Ok(Self {
            living: expected.living.len(),
            things: expected.living.iter().map(|app| count(app).min(EACH)).sum(),
            deleted: expected.deleted.len(),
            left: expected
                .deleted
                .iter()
                .map(|app| addresses.now(*app) + usize::from(exists(app)) + usize::from(mark(app)))
                .sum(),
            foreign: foreign.count(),
            doubled: addresses.doubled,
            too_many: simulator.read("/_sim/stats")?["too_many"].as_u64().unwrap_or(0),
        })
    }

    /// Nothing lost, doubled, leaked or touched, and no limit of the platform exceeded.
    pub(crate) fn is_good(&self) -> bool {
        self.is_whole() && self.too_many == 0
    }

    /// Nothing lost, doubled, leaked or touched.
    pub(crate) fn is_whole(&self) -> bool {
        self.lost() + self.leaked() + self.doubled() + self.foreign() == 0
    }
}

impl Verdict {
    /// Things that living apps lack.
    pub(crate) fn lost(&self) -> usize {
        self.living * EACH - self.things
    }

    /// Things that deleted apps have left.
    pub(crate) fn leaked(&self) -> usize {
        self.left
    }

    /// Times that something was there twice.
    pub(crate) fn doubled(&self) -> usize {
        self.doubled.len()
    }

    /// Foreign records that are not as they were.
    pub(crate) fn foreign(&self) -> usize {
        FOREIGN.len() - self.foreign
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} living apps have {} of {} things; ", self.living, self.things, self.living * EACH)?;
        write!(f, "{} deleted apps have {}; ", self.deleted, self.left)?;
        write!(f, "foreign records untouched {} of {}; ", self.foreign, FOREIGN.len())?;
        write!(f, "answers 429: {}; ", self.too_many)?;
        match self.doubled.as_slice() {
            [] => write!(f, "at no moment was anything doubled"),
            doubled => write!(f, "DOUBLED: {}", doubled.join(", ")),
        }
    }
}

/// Addresses by app, and which kinds an app had twice at any moment.
struct Addresses {
    held: BTreeMap<String, Vec<String>>,
    doubled: Vec<String>,
}

impl Addresses {
    fn of(log: &[Value]) -> Self {
        let mut addresses = Self { held: BTreeMap::new(), doubled: Vec::new() };
        for effect in log {
            let app = effect["app"].as_str().unwrap_or_default().to_owned();
            match effect["what"].as_str().unwrap_or_default() {
                "ip.allocated" => addresses.allocated(&app, effect),
                "ip.released" => {
                    let ip = address(effect);
                    addresses.held.entry(app).or_default().retain(|held| !held.ends_with(&format!(" {ip}")));
                }
                "app.deleted" => drop(addresses.held.remove(&app)),
                _ => {}
            }
        }
        addresses
    }

    fn allocated(&mut self, app: &str, effect: &Value) {
        let ip = address(effect);
        let kind = if ip.contains(':') { "v6" } else { "v4" };
        let held = self.held.entry(app.to_owned()).or_default();
        if held.iter().any(|other| other.starts_with(kind)) {
            self.doubled.push(format!("{kind} of {app}"));
        }
        held.push(format!("{kind} {ip}"));
    }

    fn holds(&self, app: u32, ip: &str) -> bool {
        let address = format!("v4 {ip}");
        self.held.get(&format!("cust-{app}")).is_some_and(|held| held.contains(&address))
    }

    fn now(&self, app: u32) -> usize {
        self.held.get(&format!("cust-{app}")).map_or(0, Vec::len)
    }
}

fn address(effect: &Value) -> String {
    let detail = &effect["detail"];
    let found = [&detail["ip"], &effect["subject"], &detail["address"]].into_iter().find_map(Value::as_str);
    found.unwrap_or_default().to_owned()
}
