//! The search: every world once, with the least trouble that leads to it, and what can still be reached from it.
//!
//! Worlds are explored in the order of what went wrong on the way to them: first those without any trouble, then those
//! with one, and so on. What went wrong so far says also what may still go wrong, so a world that was reached with
//! less trouble can do all that the same world can do after more. Hence two things that keep the search small:
//!
//! - A world that was reached with no more trouble of any kind is not explored again: whatever is broken from it on, is
//!   broken from there, too. That holds for the end as well: it is judged more leniently only after more trouble
//!   ([`reached`]).
//! - Only troubles lead from one amount of trouble to another, and none of them may be counted on. So whether the end
//!   can be reached is a question to the worlds of one amount at a time, and what was reached with less is known to.
//!
//! A story is one with the least trouble, and of those one of the shortest.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

use crate::acts::{fair, unfair};
use crate::asking::Decider;
use crate::goal::{left, reached};
use crate::packed::{Name, name};
use crate::story::Act;
use crate::world::{Budget, Setup, World};

/// More worlds than this mean that the model lost its bounds.
const MOST: usize = 400_000_000;

/// What a search found.
#[derive(Debug)]
pub(crate) struct Explored {
    /// Worlds that were explored.
    pub(crate) states: usize,
    /// What of a decision's words came up.
    pub(crate) covered: BTreeSet<&'static str>,
    /// How a promise can be broken.
    pub(crate) story: Option<Story>,
}

/// How a promise was broken.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) acts: Vec<Act>,
    pub(crate) end: String,
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, act) in self.acts.iter().enumerate() {
            writeln!(f, "  {:>2}. {act}", at + 1)?;
        }
        write!(f, "      => {}", self.end)
    }
}

/// How far a search is: for whoever waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    /// Worlds so far.
    pub(crate) states: usize,
    /// Amounts of trouble that are explored, and all of them.
    pub(crate) amounts: (usize, usize),
}

/// Whence a world was reached first: by which of the ways that lead on from that one.
#[derive(Clone, Copy)]
struct Whence {
    number: u32,
    amount: u8,
    way: u16,
}

const ROOT: Whence = Whence { number: u32::MAX, amount: 0, way: 0 };

/// Worlds that wait to be explored, one behind the other.
#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    each: Vec<(Whence, u16)>,
}

impl Waiting {
    fn push(&mut self, whence: Whence, world: &[u8]) {
        self.bytes.extend_from_slice(world);
        self.each.push((whence, u16::try_from(world.len()).expect("worlds are small")));
    }

    fn iter(&self) -> impl Iterator<Item = (Whence, &[u8])> {
        let mut rest = &self.bytes[..];
        self.each.iter().map(move |(whence, len)| {
            let (world, behind) = rest.split_at(usize::from(*len));
            rest = behind;
            (*whence, world)
        })
    }
}

/// Where a world was met: with which amounts of trouble, and its number among those of the one that is explored.
#[derive(Clone, Copy, Default)]
struct Met {
    amounts: u64,
    number: u32,
}

type Names = HashMap<Name, Met, BuildHasherDefault<Quick>>;

/// All amounts of trouble that a budget allows, the smaller before the greater.
struct Amounts {
    all: Vec<Budget>,
    /// For each the set of those that are nowhere greater.
    within: Vec<u64>,
    at: HashMap<Budget, u8>,
}

impl Amounts {
    fn of(budget: Budget) -> Self {
        let mut all: Vec<Budget> = budget.parts();
        all.sort_by_key(Budget::total);
        assert!(all.len() <= 64, "{budget}: more amounts of trouble than a set has places for");
        let within = |one: &Budget| {
            let fits = all.iter().enumerate().filter(|(_, other)| other.is_within(one));
            fits.fold(0, |set, (at, _)| set | 1 << at)
        };
        let within = all.iter().map(within).collect();
        let at = all.iter().enumerate().map(|(at, spent)| (*spent, at as u8)).collect();
        Self { all, within, at }
    }
}

struct Search<'a, 'p> {
    setup: &'a Setup,
    decider: Decider<'a>,
    amounts: Amounts,
    names: Names,
    /// By amount, then by the length of the way.
    waiting: Vec<Vec<Waiting>>,
    /// By amount and number.
    whence: Vec<Vec<Whence>>,
    states: usize,
    progress: &'p mut dyn FnMut(Progress),
}

/// Explores everything that can happen; stops at the first broken promise.
pub(crate) fn explore(setup: &Setup, progress: &mut dyn FnMut(Progress)) -> Explored {
    let amounts = Amounts::of(setup.budget);
    let len = amounts.all.len();
    let mut search = Search {
        setup,
        decider: Decider::new(setup),
        amounts,
        names: Names::default(),
        waiting: (0..len).map(|_| Vec::new()).collect(),
        whence: vec![Vec::new(); len],
        states: 0,
        progress,
    };
    let mut root = Vec::new();
    World::new(setup).pack(&mut root);
    search.names.insert(name(&root), Met { amounts: 1, number: 0 });
    search.wait(0, 0, ROOT, &root);
    let story = (0..len).find_map(|amount| search.amount(amount));
    Explored { states: search.states, covered: search.decider.covered, story }
}

/// The worlds of one amount of trouble, while it is explored.
#[derive(Default)]
struct Level {
    /// From, to; only what may be counted on.
    ways: Vec<(u32, u32)>,
    /// Whether the end can be reached.
    saved: Vec<bool>,
}

impl Search<'_, '_> {
    fn wait(&mut self, amount: usize, length: usize, whence: Whence, world: &[u8]) {
        let waiting = &mut self.waiting[amount];
        if waiting.len() <= length {
            waiting.resize_with(length + 1, Waiting::default);
        }
        waiting[length].push(whence, world);
    }

    /// Explores all worlds with so much trouble; the first story that breaks a promise.
    fn amount(&mut self, amount: usize) -> Option<Story> {
        let mut level = Level::default();
        self.arrive(amount, &mut level);
        let mut length = 0;
        while length < self.waiting[amount].len() {
            let waiting = std::mem::take(&mut self.waiting[amount][length]);
            for (at, world) in waiting.iter() {
                if let Some(story) = self.expand(amount, length, at.number, world, &mut level) {
                    return Some(story);
                }
            }
            length += 1;
        }
        self.waiting[amount] = Vec::new();
        let lost = level.lost()?;
        let (acts, world) = self.way_to(amount, lost);
        Some(Story { acts, end: left(&world) })
    }

    /// Numbers what leads into this amount of trouble, but what less trouble led to since.
    fn arrive(&mut self, amount: usize, level: &mut Level) {
        let less = self.amounts.within[amount] & !(1 << amount);
        for waiting in &mut self.waiting[amount] {
            let mut kept = Waiting::default();
            for (whence, world) in waiting.iter() {
                let met = self.names.get_mut(&name(world)).expect("whatever waits was met");
                if met.amounts & less == 0 {
                    met.number = self.whence[amount].len() as u32;
                    self.whence[amount].push(whence);
                    level.saved.push(false);
                    kept.push(Whence { number: met.number, ..whence }, world);
                }
            }
            *waiting = kept;
        }
    }

    /// All that can happen in one world.
    fn expand(
        &mut self,
        amount: usize,
        length: usize,
        from: u32,
        world: &[u8],
        level: &mut Level,
    ) -> Option<Story> {
        let spent = self.amounts.all[amount];
        let world = World::unpack(world, self.setup.budget.less(&spent));
        level.saved[from as usize] = reached(self.setup, &world);
        self.states += 1;
        if self.states.is_multiple_of(1 << 18) {
            (self.progress)(Progress { states: self.states, amounts: (amount, self.amounts.all.len()) });
            assert!(
                self.states < MOST,
                "{}, {}: more than {MOST} worlds",
                self.setup.name,
                self.setup.budget
            );
        }
        let mut bytes = Vec::with_capacity(256);
        for (way, (act, to)) in next(&mut self.decider, &world).into_iter().enumerate() {
            let whence = Whence { number: from, amount: amount as u8, way: way as u16 };
            if let Some(broken) = to.broken {
                let (mut acts, _) = self.way_to(amount, from);
                acts.push(act);
                return Some(Story { acts, end: format!("{broken:?}") });
            }
            let into = usize::from(self.amounts.at[&self.setup.budget.less(&to.left)]);
            bytes.clear();
            to.pack(&mut bytes);
            let met = self.names.entry(name(&bytes)).or_default();
            if met.amounts & self.amounts.within[into] == 0 {
                met.amounts |= 1 << into;
                if into == amount {
                    met.number = self.whence[amount].len() as u32;
                    self.whence[amount].push(whence);
                    level.saved.push(false);
                    level.ways.extend(act.fair().then_some((from, met.number)));
                    let number = met.number;
                    self.wait(into, length + 1, Whence { number, ..whence }, &bytes);
                } else {
                    self.wait(into, length + 1, whence, &bytes);
                }
            } else if act.fair() && into == amount {
                if met.amounts & self.amounts.within[amount] == 1 << amount {
                    level.ways.push((from, met.number));
                } else {
                    // It was reached with less trouble, and the end is known to be reachable from there.
                    level.saved[from as usize] = true;
                }
            }
        }
        None
    }

    /// The way to a world, and that world.
    fn way_to(&mut self, mut amount: usize, mut number: u32) -> (Vec<Act>, World) {
        let mut ways = Vec::new();
        loop {
            let whence = self.whence[amount][number as usize];
            if whence.number == ROOT.number {
                break;
            }
            ways.push(usize::from(whence.way));
            (amount, number) = (usize::from(whence.amount), whence.number);
        }
        let mut acts = Vec::new();
        let mut world = World::new(self.setup);
        for way in ways.into_iter().rev() {
            let (act, to) = next(&mut self.decider, &world).swap_remove(way);
            acts.push(act);
            world = to;
        }
        (acts, world)
    }
}

impl Level {
    /// The first world from which nothing that may be counted on leads to the end.
    fn lost(mut self) -> Option<u32> {
        self.ways.sort_unstable_by_key(|(_, to)| *to);
        let mut work: Vec<u32> = (0..self.saved.len() as u32).filter(|at| self.saved[*at as usize]).collect();
        while let Some(at) = work.pop() {
            let first = self.ways.partition_point(|(_, to)| *to < at);
            for (from, _) in self.ways[first..].iter().take_while(|(_, to)| *to == at) {
                if !std::mem::replace(&mut self.saved[*from as usize], true) {
                    work.push(*from);
                }
            }
        }
        self.saved.iter().position(|saved| !saved).map(|at| at as u32)
    }
}

/// Everything that can happen next, always in the same order.
fn next(decider: &mut Decider<'_>, world: &World) -> Vec<(Act, World)> {
    let setup = decider.setup;
    let mut next: Vec<_> = (0..world.lanes.len()).flat_map(|lane| decider.next(world, lane)).collect();
    next.extend(fair(setup, world));
    next.extend(unfair(setup, world));
    next
}

/// A fast hash; the states are not chosen by anybody who would want it slow.
#[derive(Default)]
pub(crate) struct Quick(u64);

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }
    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }
    fn write_i32(&mut self, value: i32) {
        self.write_u64(u64::from(value as u32));
    }
    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }
    fn write_isize(&mut self, value: isize) {
        self.write_u64(value as u64);
    }
    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
    fn finish(&self) -> u64 {
        self.0
    }
}
