//! Breadth-first search: every state once, the way to it by its parents, and what can still be reached.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;

use groundcrew_core::row::{Origin, State};
use groundcrew_core::settle::Drift;

use crate::acts::{fair, unfair};
use crate::asking::Decider;
use crate::story::Act;
use crate::world::{Body, Lane, Maker, Marks, Phase, Setup, World};

/// More states than this mean that the model lost its bounds.
const MOST: usize = 4_000_000;

/// What a search found.
#[derive(Debug)]
pub(crate) struct Explored {
    pub(crate) states: usize,
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

/// The graph so far: states in the order of their finding, whence, and the fair ways on.
#[derive(Default)]
struct Graph {
    states: Vec<Rc<World>>,
    number: HashMap<Rc<World>, u32, BuildHasherDefault<Quick>>,
    parents: Vec<(u32, Option<Act>)>,
    /// From, to; only what may be counted on.
    ways: Vec<(u32, u32)>,
}

impl Graph {
    fn enter(&mut self, world: World, parent: u32, act: Option<Act>) -> u32 {
        if let Some(number) = self.number.get(&world) {
            return *number;
        }
        let number = self.states.len() as u32;
        let world = Rc::new(world);
        self.states.push(Rc::clone(&world));
        self.number.insert(world, number);
        self.parents.push((parent, act));
        number
    }

    fn story(&self, mut at: u32, end: String) -> Story {
        let mut acts = Vec::new();
        while let (parent, Some(act)) = self.parents[at as usize] {
            acts.push(act);
            at = parent;
        }
        acts.reverse();
        Story { acts, end }
    }

    /// The first state from which no fair way leads to the goal.
    fn lost(&self, setup: &Setup) -> Option<u32> {
        let mut back: Vec<Vec<u32>> = vec![Vec::new(); self.states.len()];
        for (from, to) in &self.ways {
            back[*to as usize].push(*from);
        }
        let mut saved: Vec<bool> = self.states.iter().map(|world| reached(setup, world)).collect();
        let mut work: Vec<u32> = (0..self.states.len() as u32).filter(|at| saved[*at as usize]).collect();
        while let Some(at) = work.pop() {
            for from in &back[at as usize] {
                if !std::mem::replace(&mut saved[*from as usize], true) {
                    work.push(*from);
                }
            }
        }
        saved.iter().position(|saved| !saved).map(|at| at as u32)
    }
}

/// Explores everything that can happen; stops at the first broken promise.
pub(crate) fn explore(setup: &Setup) -> Explored {
    let mut graph = Graph::default();
    let mut decider = Decider::new(setup);
    graph.enter(World::new(setup), 0, None);
    let mut at = 0;
    while at < graph.states.len() {
        let world = Rc::clone(&graph.states[at]);
        let mut next: Vec<_> = (0..world.lanes.len()).flat_map(|lane| decider.next(&world, lane)).collect();
        next.extend(fair(setup, &world));
        next.extend(unfair(setup, &world));
        for (act, to) in next {
            let broken = to.broken;
            let number = graph.enter(to, at as u32, Some(act));
            if let Some(broken) = broken {
                return Explored {
                    states: graph.states.len(),
                    story: Some(graph.story(number, format!("{broken:?}"))),
                };
            }
            if act.fair() {
                graph.ways.push((at as u32, number));
            }
        }
        at += 1;
        assert!(graph.states.len() < MOST, "{}, {}: more than {MOST} states", setup.name, setup.budget);
    }
    let story = graph.lost(setup).map(|at| graph.story(at, left(&graph.states[at as usize])));
    Explored { states: graph.states.len(), story }
}

/// What is left in a world that never comes to its end.
fn left(world: &World) -> String {
    let lane = |lane: &Lane| {
        let row = lane.row.as_ref().map_or("no row", |row| row.state.as_str());
        let want = lane.want.map_or("nothing wanted".to_owned(), |want| format!("wanted: {want:?}"));
        format!("{want}, row: {row}")
    };
    let lanes: Vec<_> = world.lanes.iter().map(lane).collect();
    let things: Vec<_> = world.objects.iter().filter_map(|object| object.now).collect();
    let things: Vec<_> =
        things.iter().map(|thing| format!("{:?} by {:?}", thing.body, thing.maker)).collect();
    format!("from here no way leads to the end: {}; things: [{}]", lanes.join("; "), things.join(", "))
}

/// Whether all is as it should be, or a person was told of what only a person can mend.
fn reached(setup: &Setup, world: &World) -> bool {
    let fair = |(at, lane): (usize, &Lane)| {
        let maker = Maker::Us(at as u8);
        // Only a stranger's doing is an excuse, and that clocks are apart, or were.
        let apart = setup.is_timed() && (setup.skew != 0 || world.left.steps < setup.budget.steps);
        let excused = world.left.foreign < setup.budget.foreign || apart;
        lane.reported && excused || lane_reached(setup, world, lane, maker)
    };
    world.flights.is_empty() && world.lanes.iter().enumerate().all(fair)
}

fn lane_reached(setup: &Setup, world: &World, lane: &Lane, maker: Maker) -> bool {
    let ours: Vec<_> = world.living(maker).collect();
    // At rest: what looks again and again at once has not arrived.
    if lane.phase != Phase::Idle || lane.due == Some(0) {
        return false;
    }
    match (&lane.row, lane.want) {
        // What nobody wants any more by the time the ledger is lost is looked for by nobody: a listing shows it, by its
        // mark, to a person.
        (None, None) => {
            let lost = world.left.ledgers < setup.budget.ledgers;
            ours.is_empty() || lost && setup.marks == Marks::Carried
        }
        // What was only presumed to be ours is left to a person.
        (Some(row), want) if row.origin == Origin::Presumed => {
            let held = ours.is_empty() || ours.len() == 1 && row.thing == Some(ours[0].0);
            held && row.state
                == if want.is_some() && row.state != State::Retained {
                    State::Present
                } else {
                    State::Retained
                }
        }
        (None, Some(_)) | (Some(_), None) => false,
        (Some(row), Some(want)) => {
            let accepted = setup.drift == Drift::Report;
            let as_wanted = |body: Body| body == want || accepted && body == Body::Foreign;
            row.state == State::Present
                && matches!(ours[..], [(id, shape)] if row.thing == Some(id) && as_wanted(shape.body))
        }
    }
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
