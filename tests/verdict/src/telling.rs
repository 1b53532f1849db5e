//! Whether everybody was told what they had to be, by the receiver's own receipts.
//!
//! Owed is what was accepted for certain: foreign events whose acceptance was answered, and of what happened on the
//! platform that which no polling can miss: the birth of each app that lives, and the end of each whose birth was told.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// What a receiver was told once, as it took it down.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Receipt {
    /// Such as `app.created`.
    pub kind: String,
    /// The id of the subject that it is about, which is its lane; none for the lane of what is about nobody.
    pub subject: Option<String>,
    /// The number that a foreign event was sent with.
    pub number: Option<u64>,
}

/// What somebody must have been told.
#[derive(Clone, Debug, Default)]
pub struct Owed {
    /// Numbers of the foreign events whose acceptance was answered, in the order in which they were sent.
    pub foreign: Vec<u64>,
    /// Which births of apps are told.
    pub births: Births,
}

/// Which births of apps are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Births {
    /// All: the runner knew the platform before the first of them.
    #[default]
    All,
    /// None: they were there when the runner came, which it takes silently.
    None,
}

/// How it was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Telling {
    /// How much was owed.
    pub(super) owed: usize,
    /// What of it nobody was told.
    pub(super) untold: Vec<String>,
    /// What was first told after something that comes later in its lane.
    pub(super) disordered: Vec<String>,
}

impl Telling {
    /// Compares the receipts with what is owed by the platform's log and the sender's notes.
    pub(super) fn of(log: &[Value], receipts: &[Receipt], owed: &Owed) -> Self {
        let told: BTreeSet<_> =
            receipts.iter().map(|it| (it.kind.as_str(), it.subject.as_deref().unwrap_or_default())).collect();
        let numbers: BTreeSet<_> = receipts.iter().filter_map(|it| it.number).collect();
        let lives = Lives::of(log);
        let born = |uid: &String| told.contains(&("app.created", uid));
        let all = owed.births == Births::All;
        let births = lives.living.iter().filter(|_| all).map(|uid| ("app.created", uid));
        let ends = lives.ended.iter().filter(|uid| !all || born(uid)).map(|uid| ("app.deleted", uid));
        let happened: Vec<_> = births.chain(ends).collect();
        let untold = happened.iter().filter(|(kind, uid)| !told.contains(&(*kind, uid.as_str())));
        let untold = untold.map(|(kind, uid)| format!("{kind} of {uid}"));
        let lost = owed.foreign.iter().filter(|number| !numbers.contains(number));
        Self {
            owed: happened.len() + owed.foreign.len(),
            untold: untold.chain(lost.map(|number| format!("event {number}"))).collect(),
            disordered: disordered(receipts),
        }
    }
}

/// The apps of the platform's log, by what handlers call them.
#[derive(Default)]
struct Lives {
    living: BTreeSet<String>,
    ended: BTreeSet<String>,
}

impl Lives {
    fn of(log: &[Value]) -> Self {
        let mut lives = Self::default();
        for effect in log {
            let uid = format!("app:{}", effect["app_id"].as_str().unwrap_or_default());
            match effect["what"].as_str() {
                Some("app.created") => drop(lives.living.insert(uid)),
                Some("app.deleted") => {
                    lives.living.remove(&uid);
                    lives.ended.insert(uid);
                }
                _ => {}
            }
        }
        lives
    }
}

/// In each lane foreign events are first told in the order in which they were sent, a birth first, and nothing of the
/// app after its end; whatever was interrupted may be told again.
fn disordered(receipts: &[Receipt]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut lanes: BTreeMap<Option<&str>, (u64, &str)> = BTreeMap::new();
    let mut found = Vec::new();
    for receipt in receipts {
        if !seen.insert(receipt) {
            continue;
        }
        let lane = lanes.entry(receipt.subject.as_deref()).or_insert((0, ""));
        let late_birth = receipt.kind == "app.created" && !lane.1.is_empty();
        let after_end = lane.1 == "app.deleted" && receipt.kind.starts_with("app.");
        let earlier = receipt.number.is_some_and(|number| number < lane.0);
        if late_birth || after_end || earlier {
            let number = receipt.number.map(|number| format!(" {number}")).unwrap_or_default();
            found.push(format!(
                "{}{number} of {}",
                receipt.kind,
                receipt.subject.as_deref().unwrap_or("nobody")
            ));
        }
        *lane = (lane.0.max(receipt.number.unwrap_or_default()), &receipt.kind);
    }
    found
}
