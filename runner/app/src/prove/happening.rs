//! What a handler is told of, as scenarios name it, and whether receivers were told as much and no more.
//!
//! An event is recognised at the receiver by its id, so only what is posted under it counts as told.

use std::collections::BTreeMap;
use std::fmt;

use groundcrew_outside::Receipt;
use groundcrew_outside::judge::{Told, told};
use serde::Deserialize;

/// `KIND`, or `KIND APP`, or `KIND APP/MACHINE`: what happened, and to whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Happening {
    /// The event's kind.
    pub kind: String,
    /// Its app, or `APP/MACHINE`; none: it is about nobody.
    pub about: Option<String>,
}

impl TryFrom<String> for Happening {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (kind, about) =
            text.split_once(' ').map_or((text.as_str(), None), |(kind, about)| (kind, Some(about)));
        if kind.is_empty() || about.is_some_and(|about| about.is_empty() || about.contains(' ')) {
            return Err(format!(
                "`{text}` is no `KIND`, `KIND APP` or `KIND APP/MACHINE`; write for example \"app.created cust-7\""
            ));
        }
        Ok(Self { kind: kind.to_owned(), about: about.map(str::to_owned) })
    }
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.about {
            Some(about) => write!(f, "{} {about}", self.kind),
            None => f.write_str(&self.kind),
        }
    }
}

/// What of a play handlers are owed; it outlives the process, as the events do.
#[derive(Clone, Debug, Default)]
pub(super) struct Owed {
    /// By lane, in order.
    lanes: BTreeMap<String, Vec<One>>,
    /// What nobody need be told of: ticks that came while an earlier one was not told, or that a later one replaced.
    left_out: Vec<Happening>,
}

/// One event that a handler is owed.
#[derive(Clone, Debug)]
struct One {
    id: String,
    what: Happening,
    replaced: bool,
}

impl Owed {
    /// An event is owed; the same one after a restart is not owed twice.
    pub(super) fn owes(&mut self, lane: &str, id: String, what: Happening) {
        let lane = self.lanes.entry(lane.to_owned()).or_default();
        if !lane.iter().any(|one| one.id == id) {
            lane.push(One { id, what, replaced: false });
        }
    }

    /// An event was left out.
    pub(super) fn leaves_out(&mut self, what: Happening) {
        self.left_out.push(what);
    }

    /// Events of this kind in a lane that nobody was told yet are not owed any more.
    pub(super) fn replaces(&mut self, lane: &str, kind: &str, receipts: &[Receipt]) {
        let untold = |one: &&mut One| {
            one.what.kind == kind
                && !one.replaced
                && !receipts.iter().any(|receipt| receipt.id.as_ref() == Some(&one.id))
        };
        for one in self.lanes.entry(lane.to_owned()).or_default().iter_mut().filter(untold) {
            one.replaced = true;
            self.left_out.push(one.what.clone());
        }
    }

    /// What receivers were told, each by the first request under its id.
    pub(super) fn told(&self, receipts: &[Receipt]) -> Vec<Happening> {
        let mut known: BTreeMap<&str, &Happening> =
            self.lanes.values().flatten().map(|one| (one.id.as_str(), &one.what)).collect();
        let first = |receipt: &Receipt| known.remove(receipt.id.as_deref()?);
        receipts.iter().filter_map(first).cloned().collect()
    }

    /// Judges that everything was told, each lane in its order; or, if the scenario says what is told, that this was
    /// and nothing else. Returns also what is wrong with the latter, a line each.
    pub(super) fn judge(&self, receipts: &[Receipt], only: Option<&[Happening]>) -> (Told, Vec<String>) {
        let was_told = |id: &String| receipts.iter().any(|receipt| receipt.id.as_ref() == Some(id));
        // Of what need not be told only the order is judged.
        let counts = |one: &&One| !one.replaced && (only.is_none() || was_told(&one.id));
        let ids = |lane: &Vec<One>| lane.iter().filter(counts).map(|one| one.id.clone()).collect();
        let judged = told(receipts, &self.lanes.values().map(ids).collect::<Vec<_>>());
        (judged, only.map(|only| self.against(only, receipts)).unwrap_or_default())
    }

    fn against(&self, only: &[Happening], receipts: &[Receipt]) -> Vec<String> {
        let mut told = self.told(receipts);
        let mut left_out = self.left_out.clone();
        let mut lines = Vec::new();
        for expected in only {
            if !taken(&mut told, expected) && !taken(&mut left_out, expected) {
                lines.push(format!("untold: `{expected}` was never told"));
            }
        }
        lines.extend(told.iter().map(|more| format!("told too much: `{more}` is not in `told`")));
        let is_known = |id: &String| self.lanes.values().flatten().any(|one| one.id == *id);
        let stray = receipts.iter().find(|receipt| !receipt.id.as_ref().is_some_and(is_known));
        lines.extend(stray.map(|receipt| match &receipt.id {
            Some(id) => {
                format!("told too much: {} was posted to under `{id}`, which is no event's id", receipt.path)
            }
            None => format!("told too much: {} was posted to without an `idempotency-key`", receipt.path),
        }));
        lines
    }
}

/// Takes one that is the same out of a list.
fn taken(list: &mut Vec<Happening>, one: &Happening) -> bool {
    let at = list.iter().position(|other| other == one);
    at.map(|at| list.remove(at)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn happening(text: &str) -> Happening {
        Happening::try_from(text.to_owned()).expect("it is one")
    }

    fn receipt(id: Option<&str>) -> Receipt {
        Receipt { at: 0, path: "/events".to_owned(), id: id.map(str::to_owned), body: "{}".to_owned() }
    }

    /// Two events of an app, and two ticks.
    fn owed() -> Owed {
        let mut owed = Owed::default();
        owed.owes("app:a-1", "1".to_owned(), happening("app.created a"));
        owed.owes("app:a-1", "2".to_owned(), happening("app.updated a"));
        owed.owes("", "3".to_owned(), happening("tick"));
        owed.owes("", "4".to_owned(), happening("tick"));
        owed
    }

    fn wrong(owed: &Owed, receipts: &[Receipt], only: &[&str]) -> Vec<String> {
        let only: Vec<_> = only.iter().map(|text| happening(text)).collect();
        owed.judge(receipts, Some(&only)).1
    }

    #[test]
    fn everything_is_owed_unless_a_scenario_says_what_is_told() {
        let (owed, some) = (owed(), [receipt(Some("1")), receipt(Some("3")), receipt(Some("1"))]);
        let (all, lines) = owed.judge(&some, None);
        assert_eq!((all.missing, lines), (vec!["4".to_owned(), "2".to_owned()], Vec::new()));
        let (few, lines) = owed.judge(&some, Some(&[happening("tick"), happening("app.created a")]));
        assert_eq!((few, lines), (Told::default(), Vec::new()));
        assert_eq!(owed.told(&some), [happening("app.created a"), happening("tick")]);
    }

    #[test]
    fn what_is_missing_and_what_is_too_much_is_told() {
        let some = [receipt(Some("2")), receipt(Some("1")), receipt(None)];
        let lines = wrong(&owed(), &some, &["app.created a", "tick"]);
        let expected = [
            "untold: `tick` was never told",
            "told too much: `app.updated a` is not in `told`",
            "told too much: /events was posted to without an `idempotency-key`",
        ];
        assert_eq!(lines, expected);
        // The order within a lane is judged all the same.
        assert_eq!(owed().judge(&some, Some(&[])).0.early, ["2"]);
        let stray = wrong(&owed(), &[receipt(Some("9"))], &[]);
        assert_eq!(stray, ["told too much: /events was posted to under `9`, which is no event's id"]);
    }

    #[test]
    fn a_tick_that_was_left_out_or_replaced_need_not_be_told() {
        let mut owed = owed();
        owed.leaves_out(happening("tick"));
        let told = [receipt(Some("1")), receipt(Some("2")), receipt(Some("3")), receipt(Some("4"))];
        assert!(wrong(&owed, &told, &["app.created a", "app.updated a", "tick", "tick", "tick"]).is_empty());
        owed.replaces("", "tick", &told[..3]);
        assert!(owed.judge(&told[..3], None).0.missing.is_empty(), "the second tick was replaced");
        assert!(wrong(&owed, &told[2..3], &["tick"]).is_empty());
        assert_eq!(wrong(&owed, &[], &["tick", "tick", "tick"]).len(), 1, "one of three was to be told");
    }

    #[test]
    fn what_happened_is_written_one_way() {
        for text in ["tick", "app.created cust-7", "machine.created cust-7/148e21ea"] {
            assert_eq!(happening(text).to_string(), text);
        }
        for text in ["", " cust-7", "app.created ", "app.created a b"] {
            assert!(
                Happening::try_from(text.to_owned()).is_err_and(|told| told.contains("cust-7")),
                "{text}"
            );
        }
    }
}
