//! Says from the log alone what went wrong.
//!
//! It knows nothing of how the caller decides, and reads no state: only effects, in order, and what should live at
//! the end.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};

use serde_json::Value;

use crate::log::{By, Effect, Purpose, Receipt, What};

/// One purpose that more than one living thing served at the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Double {
    /// What they were for.
    pub purpose: Purpose,
    /// From when on there were two.
    pub from: i64,
    /// When there was one again; none if there never was.
    pub until: Option<i64>,
    /// The most that lived at the same time.
    pub most: usize,
}

/// A thing that lives at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Living {
    /// Its collection's path.
    pub collection: String,
    /// Its id.
    pub id: String,
    /// What it was made for.
    pub purpose: Option<Purpose>,
    /// Who made it.
    pub by: By,
    /// Since when.
    pub since: i64,
    /// Its name.
    pub name: Option<String>,
    /// Its mark.
    pub mark: Option<String>,
    /// Its other fields; null where its log does not tell of them.
    pub body: Value,
    /// Who wrote it last.
    pub written_by: By,
}

/// What went wrong. Empty lists are what everybody hopes for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Purposes that were served twice at some moment.
    pub doubled: Vec<Double>,
    /// Purposes that should be served at the end and are not.
    pub lost: Vec<Purpose>,
    /// Callers' things that live at the end and should not.
    pub leaked: Vec<Living>,
    /// Effects of callers on things that strangers made, and removals of what strangers wrote over last.
    pub foreign: Vec<Effect>,
}

impl Verdict {
    /// Whether nothing went wrong.
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}

impl Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { doubled, lost, leaked, foreign } = self;
        write!(
            f,
            "lost {} doubled {} leaked {} foreign {}",
            lost.len(),
            doubled.len(),
            leaked.len(),
            foreign.len()
        )
    }
}

/// Everything that lives at the end, whoever made it, oldest first.
pub fn living(log: &[Effect]) -> Vec<Living> {
    let world = Walk::along(log);
    let mut living: Vec<_> = world.living.into_values().collect();
    living.sort_by_key(|thing| thing.since);
    living
}

/// Judges a log, given what should live at its end.
///
/// A thing's purpose is what its creation said, or the last update of the caller's own that said something else. A caller's
/// thing that said nothing is for nobody, so it leaks. What a stranger wrote over last is a person's to remove: it does
/// not leak, and whoever removes it touches what is foreign.
pub fn judge(log: &[Effect], expected: &[Purpose]) -> Verdict {
    let world = Walk::along(log);
    let expected: BTreeSet<_> = expected.iter().collect();
    let ours = || world.living.values().filter(|thing| thing.by == By::Caller);
    let served: BTreeSet<_> = ours().filter_map(|thing| thing.purpose.as_ref()).collect();
    let lost = expected.difference(&served).map(|purpose| (*purpose).clone()).collect();
    let wanted = |thing: &&Living| thing.purpose.as_ref().is_some_and(|purpose| expected.contains(purpose));
    let stays = |thing: &&Living| wanted(thing) || thing.written_by == By::Stranger;
    let leaked = ours().filter(|thing| !stays(thing)).cloned().collect();
    let mut doubled: Vec<_> = world.doubled;
    doubled.sort_by_key(|double| double.from);
    Verdict { doubled, lost, leaked, foreign: world.foreign }
}

/// What of a disturbed story is not as it is when nothing goes wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unlike {
    /// Purposes whose things callers removed more often: what was wanted was torn down and made again.
    pub torn: Vec<Purpose>,
    /// Purposes that are served at both ends, and otherwise: with another body.
    pub different: Vec<Purpose>,
}

impl Unlike {
    /// What it is, a line each.
    pub fn lines(&self) -> Vec<String> {
        let torn = self
            .torn
            .iter()
            .map(|purpose| format!("torn: {purpose} was removed more often than undisturbed"));
        let different =
            self.different.iter().map(|purpose| format!("different: {purpose} is not as undisturbed"));
        torn.chain(different).collect()
    }
}

/// Compares a log with that of the same story undisturbed. What is missing or left over, [`judge`] says.
pub fn unlike(log: &[Effect], undisturbed: &[Effect]) -> Unlike {
    let (here, there) = (Walk::along(log), Walk::along(undisturbed));
    let more = |(purpose, count): (&Purpose, &usize)| {
        (there.removed.get(purpose).is_none_or(|before| count > before)).then(|| purpose.clone())
    };
    let (is, was) = (here.served(), there.served());
    let differs = |(purpose, thing): (&&Purpose, &Vec<_>)| {
        was.get(*purpose).is_some_and(|before| before != thing).then(|| (*purpose).clone())
    };
    Unlike {
        torn: here.removed.iter().filter_map(more).collect(),
        different: is.iter().filter_map(differs).collect(),
    }
}

/// The log, walked along.
#[derive(Default)]
struct Walk {
    living: BTreeMap<(String, String), Living>,
    /// How many living things serve each purpose.
    serving: BTreeMap<Purpose, usize>,
    /// Where the double of a purpose is that has not ended.
    open: BTreeMap<Purpose, usize>,
    doubled: Vec<Double>,
    foreign: Vec<Effect>,
    /// How many things of each purpose callers removed.
    removed: BTreeMap<Purpose, usize>,
}

impl Walk {
    /// The bodies of our things that serve each purpose. Their ids are the server's, and their marks are drawn.
    fn served(&self) -> BTreeMap<&Purpose, Vec<&Value>> {
        let mut served: BTreeMap<&Purpose, Vec<&Value>> = BTreeMap::new();
        for thing in self.living.values().filter(|thing| thing.by == By::Caller) {
            let Some(purpose) = &thing.purpose else { continue };
            served.entry(purpose).or_default().push(&thing.body);
        }
        served
    }

    fn along(log: &[Effect]) -> Self {
        let mut walk = Self::default();
        for effect in log {
            walk.step(effect);
        }
        walk
    }

    fn step(&mut self, effect: &Effect) {
        let place = (effect.collection.clone(), effect.id.clone());
        let touched = self.living.get(&place);
        let is_foreign = |thing: &Living| {
            let written_over = effect.what == What::Deleted && thing.written_by == By::Stranger;
            thing.by == By::Stranger || written_over
        };
        if effect.by == By::Caller && touched.is_some_and(is_foreign) {
            self.foreign.push(effect.clone());
        }
        let purpose = match effect.what {
            What::Created => {
                let thing = Living {
                    collection: effect.collection.clone(),
                    id: effect.id.clone(),
                    purpose: effect.purpose.clone(),
                    by: effect.by,
                    since: effect.at,
                    name: effect.name.clone(),
                    mark: effect.mark.clone(),
                    body: effect.body.clone(),
                    written_by: effect.by,
                };
                let before = self.living.insert(place, thing).and_then(|thing| thing.purpose);
                if let Some(before) = before {
                    self.count(before, Change::Less, effect.at);
                }
                effect.purpose.clone().map(|purpose| (purpose, Change::More))
            }
            What::Updated => {
                let Some(thing) = self.living.get_mut(&place) else { return };
                (thing.name, thing.mark) = (effect.name.clone(), effect.mark.clone());
                (thing.body, thing.written_by) = (effect.body.clone(), effect.by);
                // A thing that is handed over serves another from then on.
                let handed =
                    effect.purpose.is_some() && thing.by == By::Caller && thing.purpose != effect.purpose;
                let before =
                    if handed { std::mem::replace(&mut thing.purpose, effect.purpose.clone()) } else { None };
                if let Some(before) = before {
                    self.count(before, Change::Less, effect.at);
                }
                effect.purpose.clone().filter(|_| handed).map(|purpose| (purpose, Change::More))
            }
            What::Deleted => {
                let gone = self.living.remove(&place).and_then(|thing| thing.purpose);
                if let Some(purpose) = gone.clone().filter(|_| effect.by == By::Caller) {
                    *self.removed.entry(purpose).or_default() += 1;
                }
                gone.map(|purpose| (purpose, Change::Less))
            }
        };
        if let Some((purpose, change)) = purpose {
            self.count(purpose, change, effect.at);
        }
    }

    /// One thing more or less serves a purpose: opens, deepens or closes a double.
    fn count(&mut self, purpose: Purpose, change: Change, at: i64) {
        let serving = self.serving.entry(purpose.clone()).or_default();
        *serving = match change {
            Change::More => *serving + 1,
            Change::Less => serving.saturating_sub(1),
        };
        let now = *serving;
        match (self.open.get(&purpose).copied(), now > 1) {
            (Some(double), true) => {
                let double = &mut self.doubled[double];
                double.most = double.most.max(now);
            }
            (Some(double), false) => {
                self.doubled[double].until = Some(at);
                self.open.remove(&purpose);
            }
            (None, true) => {
                self.open.insert(purpose.clone(), self.doubled.len());
                self.doubled.push(Double { purpose, from: at, until: None, most: now });
            }
            (None, false) => {}
        }
    }
}

/// How the number of things that serve a purpose changes.
#[derive(Clone, Copy)]
enum Change {
    More,
    Less,
}

/// What receivers were told, against what they should have been.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Event ids that nobody was told.
    pub missing: Vec<String>,
    /// Event ids that were first told before one that comes before them.
    pub early: Vec<String>,
    /// Event ids under which one path was told more than one thing: whoever knows an id keeps what came first.
    pub otherwise: Vec<String>,
}

/// Judges receipts: each list of event ids (one subject's, in order) must be told in that order, repeats aside.
pub fn told(receipts: &[Receipt], expected: &[Vec<String>]) -> Told {
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    for (n, receipt) in receipts.iter().enumerate() {
        if let Some(id) = &receipt.id {
            first.entry(id).or_insert(n);
        }
    }
    let mut told = Told::default();
    for lane in expected {
        let mut latest = None;
        for id in lane {
            match first.get(id.as_str()) {
                None => told.missing.push(id.clone()),
                Some(n) if latest.is_some_and(|latest| *n < latest) => told.early.push(id.clone()),
                Some(n) => latest = Some(*n),
            }
        }
    }
    told.otherwise = otherwise(receipts);
    told
}

/// Ids under which one path was told more than one thing; JSON is the same whatever its order and spaces.
fn otherwise(receipts: &[Receipt]) -> Vec<String> {
    let words = |receipt: &Receipt| {
        serde_json::from_str(&receipt.body)
            .unwrap_or_else(|_| serde_json::Value::String(receipt.body.clone()))
    };
    let mut first: BTreeMap<(&str, &str), serde_json::Value> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for receipt in receipts {
        let Some(id) = receipt.id.as_deref() else { continue };
        let words = words(receipt);
        if *first.entry((&receipt.path, id)).or_insert_with(|| words.clone()) != words {
            ids.insert(id.to_owned());
        }
    }
    ids.into_iter().collect()
}
