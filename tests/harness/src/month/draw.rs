//! Draws a month from a seed.
//!
//! Every app's life and every kind of disturbance has a stream of its own: with fewer apps, or without a kind of
//! disturbance, all others go as before. That is what makes a failing month small.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha12Rng;

use groundcrew_core::may_delete::Level;

use super::Month;
use super::act::{Act, Change, DAY, Disk, Foreign, HOUR, MINUTE, Neighbour, Outage, Trouble, Verb, Wish};
use crate::neighbours::ZONE;

/// A stream of random numbers, the same for the same seed and name.
struct Dice(ChaCha12Rng);

impl Dice {
    fn of(month: &Month, name: &str) -> Self {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&month.seed.to_le_bytes());
        let name = name.as_bytes();
        seed[8..8 + name.len()].copy_from_slice(name);
        Self(ChaCha12Rng::from_seed(seed))
    }

    fn within(&mut self, from: i64, to: i64) -> i64 {
        if from < to { self.0.random_range(from..to) } else { from }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.0.random_range(0..100) < percent
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.0.random_range(0..of.len())].clone()
    }
}

/// Everything that happens, in order of time: milliseconds after the beginning.
pub(super) fn story(month: &Month) -> Vec<(i64, Act)> {
    let mut acts: Vec<(i64, Act)> = (0..month.apps).flat_map(|app| life(month, app)).collect();
    acts.extend(month.mass_deletion());
    acts.extend(disturbances(month));
    let end = month.until();
    acts.retain(|(at, _)| *at < end);
    // Stable: what is drawn for one app at one time stays in its order.
    acts.sort_by_key(|(at, _)| *at);
    acts
}

/// One app from beginning to end, with whoever comes after it under its name or another one.
fn life(month: &Month, app: u32) -> Vec<(i64, Act)> {
    let mut dice = Dice::of(month, &format!("app {app}"));
    let mut acts = Vec::new();
    let mut name = format!("app-{app}");
    // Half of the fleet is older than the runner.
    let mut at = if dice.chance(50) { 0 } else { dice.within(0, month.span() * 8 / 10) };
    for incarnation in 1..=3 {
        let wishes = wishes(&mut dice, &name);
        acts.push((at, Act::Create { app: name.clone(), wishes }));
        let ends = dice.chance(40);
        let end = dice.within(at, month.span());
        for _ in 0..dice.within(0, 3) {
            let wishes = self::wishes(&mut dice, &name);
            acts.push((dice.within(at, end), Act::Wish { app: name.clone(), wishes }));
        }
        machines(&mut dice, &name, (at, end), &mut acts);
        if !ends {
            break;
        }
        acts.push((end, Act::Delete { app: name.clone() }));
        // At once, within the graces, or long after.
        at = end + dice.one(&[3, 20, 90, 600, 7_200, 90_000]) * 1_000 + dice.within(0, 1_000);
        match dice.within(0, 3) {
            0 => break,
            1 => name = format!("app-{app}-{incarnation}"),
            _ => {}
        }
    }
    acts
}

fn wishes(dice: &mut Dice, app: &str) -> Vec<Wish> {
    const KINDS: [&str; 5] = ["natural", "keyed", "marked", "anonymous", "inner"];
    let mut wishes: Vec<_> = (0..dice.within(0, 4))
        .map(|_| Wish {
            kind: dice.one(&KINDS),
            key: format!("{app}-{}", dice.one(&["x", "y"])),
            value: dice.within(1, 4) as u32,
        })
        .collect();
    wishes.sort();
    wishes.dedup_by(|one, other| (one.kind, &one.key) == (other.kind, &other.key));
    wishes
}

fn machines(dice: &mut Dice, app: &str, (from, to): (i64, i64), acts: &mut Vec<(i64, Act)>) {
    for place in 0..dice.within(0, 3) as u8 {
        let mut at = dice.within(from, to);
        let mut act = |at, verb| acts.push((at, Act::Machine { app: app.to_owned(), place, verb }));
        act(at, Verb::Create);
        for _ in 0..dice.within(0, 4) {
            at = dice.within(at, to);
            act(at, dice.one(&[Verb::Start, Verb::Stop, Verb::Exit, Verb::Destroy]));
        }
    }
}

impl Month {
    /// An eighth of the fleet is deleted within minutes, by its owner: more than is believed without asking.
    fn mass_deletion(&self) -> Vec<(i64, Act)> {
        let at = self.span() * 45 / 100;
        let apps = (0..self.apps).step_by(8);
        apps.map(|app| (at + i64::from(app) * 2_000, Act::Delete { app: format!("app-{app}") })).collect()
    }
}

/// Draws one kind of disturbance over so many milliseconds, for so many apps.
type Draw = fn(&mut Dice, i64, u32) -> Vec<(i64, Act)>;

fn disturbances(month: &Month) -> Vec<(i64, Act)> {
    let parts: [(&str, Draw); 10] = [
        ("outages", outages),
        ("disk", disk),
        ("troubles", troubles),
        ("crashes", crashes),
        ("clock", clock),
        ("changes", changes),
        ("removal", removal),
        ("operator", operator),
        ("strangers", strangers),
        ("audits", audits),
    ];
    let chosen = parts.into_iter().filter(|(name, _)| !month.without.iter().any(|without| without == name));
    chosen.flat_map(|(name, draw)| draw(&mut Dice::of(month, name), month.span(), month.apps)).collect()
}

/// So many a month, but at least one.
fn often(span: i64, a_month: i64) -> i64 {
    (a_month * span / (30 * DAY)).max(1)
}

fn outages(dice: &mut Dice, span: i64, _: u32) -> Vec<(i64, Act)> {
    let mut acts = Vec::new();
    for whom in Neighbour::ALL {
        for _ in 0..often(span, 4) {
            let at = dice.within(0, span);
            let how = dice.one(&[Outage::Refused, Outage::Silent, Outage::Broken]);
            acts.push((at, Act::Out { whom, how }));
            acts.push((at + dice.within(10 * MINUTE, 8 * HOUR), Act::Back { whom }));
        }
    }
    acts
}

fn disk(dice: &mut Dice, span: i64, _: u32) -> Vec<(i64, Act)> {
    let mut acts = Vec::new();
    for _ in 0..often(span, 3) {
        let at = dice.within(HOUR, span);
        acts.push((at, Act::Disk(Disk::Full)));
        acts.push((at + dice.within(5 * MINUTE, 3 * HOUR), Act::Disk(Disk::Roomy)));
    }
    acts
}

fn troubles(dice: &mut Dice, span: i64, _: u32) -> Vec<(i64, Act)> {
    let mut acts = Vec::new();
    for _ in 0..often(span, 40) {
        let at = dice.within(HOUR, span);
        acts.push((at, Act::Trouble(dice.one(&Trouble::ALL))));
        acts.push((at + dice.within(MINUTE, 3 * HOUR), Act::Calm));
    }
    acts
}

fn crashes(dice: &mut Dice, span: i64, _: u32) -> Vec<(i64, Act)> {
    let crash = |dice: &mut Dice| (dice.within(0, span), Act::Crash { after: dice.within(0, 40) as u32 });
    (0..often(span, 30)).map(|_| crash(dice)).collect()
}

fn clock(dice: &mut Dice, span: i64, _: u32) -> Vec<(i64, Act)> {
    let mut step = || {
        let by = dice.one(&[-3 * HOUR, -HOUR, -MINUTE, MINUTE, HOUR, 3 * HOUR]);
        (dice.within(0, span), Act::ClockStep(by))
    };
    (0..often(span, 6)).map(|_| step()).collect()
}

fn changes(dice: &mut Dice, span: i64, _: u32) -> Vec<(i64, Act)> {
    let moved = dice.one(&[Change::BaseRetained, Change::BaseBoth]);
    let mut acts = vec![
        (span * 15 / 100, Change::Rebuilt),
        (span * 25 / 100, Change::LessBase),
        (span * 35 / 100, Change::Next),
        (span * 50 / 100, moved),
        (span * 65 / 100, Change::MachinesDetached),
        (span * 72 / 100, Change::MachinesBack),
        (span * 80 / 100, Change::First),
    ];
    if moved == Change::BaseBoth {
        acts.push((span * 60 / 100, Change::BaseBefore));
    }
    acts.extend([
        (span * 30 / 100, Change::DnsRenamed),
        (span * 57 / 100, Change::IpRenamed),
        (span * 75 / 100, Change::TellRenamed),
    ]);
    let spread = HOUR.min(span / 50);
    acts.into_iter().map(|(at, change)| (at + dice.within(0, spread), Act::Configure(change))).collect()
}

/// A hook is removed with its things, and in every other month that is taken back: some are gone by then.
fn removal(dice: &mut Dice, span: i64, _: u32) -> Vec<(i64, Act)> {
    let at = span * 85 / 100 + dice.within(0, span / 50);
    let (then, change) = if dice.chance(50) {
        (at + dice.within(MINUTE, 2 * HOUR), Change::MachinesKept)
    } else {
        (at + dice.within(HOUR, span / 20), Change::MachinesDropped)
    };
    vec![(at, Act::Configure(Change::MachinesRemoved)), (then, Act::Configure(change))]
}

fn operator(dice: &mut Dice, span: i64, _: u32) -> Vec<(i64, Act)> {
    let mut acts: Vec<_> = (0..span / DAY).map(|day| (day * DAY + dice.within(0, DAY), Act::Round)).collect();
    for _ in 0..often(span, 4) {
        let (hook, level) =
            (dice.one(&["things", "base", "ip", "dns"]), dice.one(&[Level::Observe, Level::NoDeletes]));
        let at = dice.within(0, span);
        acts.push((at, Act::Pause { hook, level }));
        acts.push((at + dice.within(HOUR, 20 * HOUR), Act::Unpause { hook }));
    }
    acts
}

fn strangers(dice: &mut Dice, span: i64, apps: u32) -> Vec<(i64, Act)> {
    // Nobody makes an anonymous thing at the time of our own creation whose answer is lost: the one condition. So
    // they come before everything else.
    let plant = |kind, name| Act::Stranger(Foreign::Plant { kind, name });
    let mut acts: Vec<_> = (0..3).map(|_| (0, plant("anonymous", None))).collect();
    acts.push((0, plant("keyed", None)));
    let mut foreign = 0;
    for _ in 0..often(span, 60) {
        let app = dice.within(0, i64::from(apps.max(1)));
        let ours = format!("app-{app}-{}", dice.one(&["x", "y"]));
        foreign += 1;
        let theirs = format!("foreign-{foreign}");
        let kind = dice.one(&["natural", "marked"]);
        let act = match dice.within(0, 6) {
            0 => Foreign::Plant { kind, name: Some(theirs) },
            1 => Foreign::Plant { kind: "marked", name: Some(ours) },
            2 => Foreign::Change { kind, name: ours },
            3 => Foreign::Take { kind, name: ours },
            4 => {
                Foreign::Record { name: format!("mail-{foreign}.example."), content: "192.0.2.10".to_owned() }
            }
            _ => Foreign::Address { app: format!("app-{app}") },
        };
        acts.push((dice.within(0, span), Act::Stranger(act)));
    }
    acts
}

/// Names of the zone that lead to apps that live, went, come later or never do; some of the names go again.
fn audits(dice: &mut Dice, span: i64, apps: u32) -> Vec<(i64, Act)> {
    let mut acts = Vec::new();
    for alias in 0..often(span, 30) {
        let name = format!("alias-{alias}.{ZONE}");
        let app = format!("app-{}", dice.within(0, i64::from(apps) + 2));
        let at = dice.within(0, span);
        acts.push((at, Act::Stranger(Foreign::Alias { name: name.clone(), app })));
        if dice.chance(30) {
            acts.push((dice.within(at + 1, span), Act::Stranger(Foreign::AliasGone { name })));
        }
    }
    acts
}
