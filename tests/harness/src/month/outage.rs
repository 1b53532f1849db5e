//! A day on which one thing is out for two hours, and what an operator sees of it.

use std::fmt::Write as _;

use super::act::{Act, Disk, HOUR, MINUTE, Neighbour, Outage as How, Verb, Wish};
use super::lookout::{self, Seen};
use super::stage::Stage;
use super::{Month, Outcome, Pace};
use groundcrew::prove::clock::START;

/// What is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// The API at which hooks make things.
    Outside,
    /// The platform's API.
    Fly,
    /// The operator's label endpoint.
    Labels,
    /// The disk is full.
    Disk,
}

/// What was seen of it, and what became of everything.
#[derive(Debug)]
pub struct Sighted {
    /// Right before.
    pub before: Seen,
    /// After most of its two hours.
    pub during: Seen,
    /// Three hours after its end.
    pub after: Seen,
    /// How long after its end the last thing was done outside, in milliseconds.
    pub caught_up: i64,
    /// The verdict over the day.
    pub outcome: Outcome,
}

const FROM: i64 = 6 * HOUR;
const TO: i64 = 8 * HOUR;

/// Plays the day. Some come, some go and some change their minds while it is out.
pub fn day_without(outage: Outage) -> Sighted {
    let mut month = Month::new(1, 0, 1);
    (month.pace, month.until) = (Pace::Shipped, 500);
    month.without = super::KINDS.map(str::to_owned).to_vec();
    lookout::listen();
    let (stage, rested) = super::on_stage(Stage::with(&month, script(outage)));
    let outcome = super::verdict::outcome(&stage, rested).expect("invariant: the database can be read");
    let last = stage.last_effect() - START - TO;
    let mut seen = stage.seen.take().into_iter();
    let mut next = || seen.next().expect("invariant: the script looks three times");
    Sighted { before: next(), during: next(), after: next(), caught_up: last.max(0), outcome }
}

fn script(outage: Outage) -> Vec<(i64, Act)> {
    let name = |app: u32| format!("app-{app}");
    let wish = |app: u32, key: &str, value| Wish { kind: "marked", key: format!("app-{app}-{key}"), value };
    let wishes = |app: u32, value| vec![wish(app, "x", value)];
    let mut acts: Vec<_> =
        (0..4).map(|app| (0, Act::Create { app: name(app), wishes: wishes(app, 1) })).collect();
    let machine = |app, verb| Act::Machine { app: name(app), place: 0, verb };
    acts.push((0, machine(1, Verb::Create)));
    acts.push((FROM - MINUTE, Act::Look));
    let (begins, ends) = match outage {
        Outage::Outside => of(Neighbour::Outside),
        Outage::Fly => of(Neighbour::Fly),
        Outage::Labels => of(Neighbour::Labels),
        Outage::Disk => (Act::Disk(Disk::Full), Act::Disk(Disk::Roomy)),
    };
    acts.push((FROM, begins));
    let during = FROM + 10 * MINUTE;
    acts.push((during, Act::Create { app: name(4), wishes: wishes(4, 1) }));
    acts.push((during, Act::Delete { app: name(0) }));
    acts.push((during, Act::Wish { app: name(1), wishes: wishes(1, 2) }));
    acts.push((during, machine(1, Verb::Destroy)));
    acts.push((during, machine(2, Verb::Create)));
    acts.push((TO - 10 * MINUTE, Act::Look));
    acts.push((TO, ends));
    acts.push((TO + 3 * HOUR, Act::Look));
    acts
}

const fn of(whom: Neighbour) -> (Act, Act) {
    (Act::Out { whom, how: How::Refused }, Act::Back { whom })
}

impl Outage {
    const fn words(self) -> &'static str {
        match self {
            Self::Outside => "the outside API",
            Self::Fly => "Fly's API",
            Self::Labels => "a label endpoint",
            Self::Disk => "the disk is full",
        }
    }

    /// The row of the table that says what is seen of it.
    pub fn row(self, sighted: &Sighted) -> String {
        let Sighted { before, during, caught_up, .. } = sighted;
        let ready = if during.unready.is_empty() {
            "200".to_owned()
        } else {
            format!("503: {}", during.unready.join("; "))
        };
        let new = |now: &std::collections::BTreeSet<String>, then: &std::collections::BTreeSet<String>| {
            let new: Vec<_> = now.difference(then).map(|it| format!("`{it}`")).collect();
            if new.is_empty() { "-".to_owned() } else { new.join("<br>") }
        };
        let loud = during.log.iter().filter(|line| !line.starts_with("INFO")).cloned().collect();
        format!(
            "| {} | {ready} | {} | {} | {} | {} min |",
            self.words(),
            new(&during.findings, &before.findings),
            metrics(before, during),
            new(&loud, &std::collections::BTreeSet::new()),
            (caught_up + MINUTE - 1) / MINUTE
        )
    }
}

/// Metrics that say something else than before. What grows with every second alone is left out.
fn metrics(before: &Seen, during: &Seen) -> String {
    let mut text = String::new();
    for (name, now) in &during.metrics {
        let then = before.metrics.get(name).copied().unwrap_or_default();
        if then.total_cmp(now).is_ne() {
            let break_ = if text.is_empty() { "" } else { "<br>" };
            let _ = write!(text, "{break_}`{name}` {then} → {now}");
        }
    }
    if text.is_empty() { "-".to_owned() } else { text }
}
