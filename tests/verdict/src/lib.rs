//! Judges demo and torture by what the platform and the name server say themselves.
//!
//! It is a function of the simulator's log, the name server's log and its zone, the receipts of who is told, which apps
//! should live, and what was posted; it links neither the runner's core nor its store, and asks nobody. [`Outside`] is
//! what it is given.

mod addresses;
mod records;
mod resolving;
mod telling;
#[cfg(test)]
mod tests;

use std::fmt;

use serde_json::Value;

use addresses::Addresses;
use records::Records;
pub use resolving::misled;
use telling::Telling;
pub use telling::{Births, Owed, Receipt};

/// Which apps live and which do not, and what must have been told.
#[derive(Debug)]
pub struct Expected {
    /// Numbers of the apps that live: `cust-N`.
    pub living: Vec<u32>,
    /// Numbers of the apps that do not any more.
    pub deleted: Vec<u32>,
    /// What the receiver had to be told.
    pub owed: Owed,
}

/// A record set as the zone shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// With its last dot.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// Seconds that resolvers keep it.
    pub ttl: u64,
    /// Each record's content, and whether resolvers are told.
    pub records: Vec<(String, Told)>,
}

/// Whether resolvers are told of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// They are.
    Yes,
    /// It is disabled.
    No,
}

/// What the name server made of a record set: its contents from then on, none if it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The set's, with its last dot.
    pub name: String,
    /// The set's type.
    pub kind: String,
    /// What is in it.
    pub contents: Vec<String>,
}

/// How the outside is and how it came to be.
#[derive(Clone, Debug)]
pub struct Outside {
    /// What took effect on the platform, from the beginning.
    pub fly: Vec<Value>,
    /// The zone as it is.
    pub sets: Vec<Set>,
    /// Every change of the zone since the foreign record sets were there.
    pub changes: Vec<Change>,
    /// Record sets that were there before, and must be there as they were.
    pub foreign: Vec<Set>,
    /// Names of record sets that the play itself put there, and judges itself.
    pub planted: Vec<String>,
    /// What the receiver was told, in the order in which it was.
    pub receipts: Vec<Receipt>,
    /// Answers of the platform that are not as the vendor's document has them.
    pub violations: Vec<String>,
    /// Requests that the platform refused because there were too many.
    pub too_many: u64,
}

/// How the outside is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    living: usize,
    things: usize,
    deleted: usize,
    left: usize,
    foreign: usize,
    untouched: usize,
    doubled: Vec<String>,
    torn: Vec<String>,
    unlogged: Vec<String>,
    telling: Telling,
    violations: Vec<String>,
    too_many: u64,
}

/// Things that every living app should have: a shared address, a dedicated one, a record.
const EACH: usize = 3;
/// So many of a kind of what is wrong are named.
const SHOWN: usize = 20;

impl Verdict {
    /// Judges.
    pub fn of(outside: &Outside, expected: &Expected) -> Self {
        let addresses = Addresses::of(&outside.fly);
        let records = Records::of(&outside.changes);
        let things = |app: &u32| {
            let both = ["v4", "v6"].iter().filter(|kind| addresses.has(*app, kind)).count();
            both + usize::from(points_to_its_own(&outside.sets, *app, &addresses))
        };
        let lives = |app: u32| expected.living.contains(&app);
        // Whatever its name is: what nobody put there and no living app should have is left over.
        let is_left = |set: &&Set| {
            let before = |other: &Set| other.name == set.name;
            let own = app_of(&set.name).is_some_and(|app| lives(app) && *set.kind == *kind_of(&set.name));
            let known = outside.foreign.iter().any(before)
                || outside.planted.iter().any(|name| set.name.trim_end_matches('.') == name);
            !own && !known && !matches!(set.kind.as_str(), "SOA" | "NS")
        };
        // Each end of an app takes its records with it.
        let ended = |app: u32| addresses.ends(app);
        let untouched = |before: &&Set| {
            outside.sets.contains(before)
                && !outside.changes.iter().any(|change| change.name == before.name && change.kind != "SOA")
        };
        Self {
            living: expected.living.len(),
            things: expected.living.iter().map(things).sum(),
            deleted: expected.deleted.len(),
            left: addresses.without(lives) + outside.sets.iter().filter(is_left).count(),
            foreign: outside.foreign.len(),
            untouched: outside.foreign.iter().filter(untouched).count(),
            unlogged: records.unlike(&outside.sets),
            torn: [records.torn(|app| if lives(app) { ended(app) } else { usize::MAX }), addresses.torn]
                .concat(),
            doubled: [addresses.doubled, records.doubled].concat(),
            telling: Telling::of(&outside.fly, &outside.receipts, &expected.owed),
            violations: outside.violations.clone(),
            too_many: outside.too_many,
        }
    }

    /// Nothing lost, doubled, leaked or touched, and no limit of the platform exceeded.
    pub fn is_good(&self) -> bool {
        self.is_whole() && self.too_many == 0
    }

    /// Nothing lost, doubled, leaked, touched or told in disorder, nothing that the logs do not tell of, and no answer
    /// that the platform would not give.
    pub fn is_whole(&self) -> bool {
        let unsound = self.unlogged.len() + self.telling.disordered.len() + self.violations.len();
        self.lost() + self.leaked() + self.doubled() + self.foreign() + unsound == 0
    }

    /// Things that living apps lack, or lacked in between, and events that nobody was told.
    pub fn lost(&self) -> usize {
        self.living * EACH - self.things + self.torn.len() + self.telling.untold.len()
    }

    /// How much was told of what had to be: `7 of 8`.
    pub fn told(&self) -> String {
        format!("{} of {}", self.telling.owed - self.telling.untold.len(), self.telling.owed)
    }

    /// Things that are of no app which lives.
    pub fn leaked(&self) -> usize {
        self.left
    }

    /// Times that something was there twice.
    pub fn doubled(&self) -> usize {
        self.doubled.len()
    }

    /// Foreign record sets that are not as they were, or were written in between.
    pub fn foreign(&self) -> usize {
        self.foreign - self.untouched
    }

    /// Requests that were refused because there were too many.
    pub fn too_many(&self) -> u64 {
        self.too_many
    }
}

/// Whether an app's name leads to its own address and to nothing else, and says by a mark whose it is.
fn points_to_its_own(sets: &[Set], app: u32, addresses: &Addresses) -> bool {
    let name = format!("www.cust-{app}.example.");
    let set = sets.iter().find(|set| set.name == name && set.kind == "A");
    set.is_some_and(|set| {
        let own = |(ip, told): &(String, Told)| *told == Told::Yes && addresses.holds(app, ip);
        !set.records.is_empty() && set.records.iter().all(own)
    }) && sets.iter().any(|set| set.name == format!("_gc-a.{name}") && set.kind == "TXT")
}

/// The type of a record set of ours, by its name.
fn kind_of(name: &str) -> &'static str {
    if name.starts_with("_gc-") { "TXT" } else { "A" }
}

/// The app that a record set is for, by its name: the record itself, or the mark beside it.
fn app_of(name: &str) -> Option<u32> {
    let name = name.strip_prefix("_gc-a.").unwrap_or(name);
    name.strip_prefix("www.cust-")?.strip_suffix(".example.")?.parse().ok()
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} living apps have {} of {} things; ", self.living, self.things, self.living * EACH)?;
        write!(f, "{} deleted apps have {}; ", self.deleted, self.left)?;
        write!(f, "foreign records untouched {} of {}; ", self.untouched, self.foreign)?;
        write!(f, "told {}; ", self.told())?;
        write!(f, "answers 429: {}; ", self.too_many)?;
        for (what, found) in [
            ("TORN DOWN WHILE IT WAS WANTED", &self.torn),
            ("NOT TOLD", &self.telling.untold),
            ("TOLD IN DISORDER", &self.telling.disordered),
            ("NOT IN THE LOG", &self.unlogged),
            ("NOT AS THE VENDOR'S DOCUMENT SAYS", &self.violations),
        ] {
            if !found.is_empty() {
                let more = found.len().saturating_sub(SHOWN);
                let shown = found.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
                write!(
                    f,
                    "{what}: {shown}{}; ",
                    if more > 0 { format!(" and {more} more") } else { String::new() }
                )?;
            }
        }
        match self.doubled.as_slice() {
            [] => write!(f, "at no moment was anything doubled"),
            doubled => write!(f, "DOUBLED: {}", doubled.join(", ")),
        }
    }
}
