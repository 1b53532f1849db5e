//! Puts the model's words into a scene and asks the real [`decide`].

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use groundcrew_core::manifest::{Class, Lives};
use groundcrew_core::row::{Origin, Place, RowId, State};
use groundcrew_core::settle::{
    self, Adopt, Aim, Leave, Look, Occupied, Policy, Row, SKEW, Scene, Step, decide,
};
use groundcrew_core::spec::{Thing, ThingState};
use groundcrew_core::steady::Steady;
use groundcrew_core::time::Timestamp;
use serde_json::{Value, json};

use crate::covered::cover;
use crate::world::{
    Body, Driver, Leaving, Ledger, Life, Mark, REMEMBERS, RowNo, SETTLE, Seen, Setup, Shape, Tick, WINDOW,
    World,
};

const INSTALLATION: &str = "model";
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// What is to be done, in the model's words.
#[derive(Clone, Debug)]
pub(crate) enum Move {
    Look(Aim),
    Wait { until: Option<Tick> },
    Create { before: Vec<u8> },
    Take { thing: u8, origin: Origin },
    Note { thing: u8, drifted: bool },
    Update { thing: u8 },
    Remove { thing: u8 },
    NoteAbsent,
    Gone,
    Retain,
    Report { until: Tick },
}

/// Everything that a decision is a function of, in the model's words.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Question {
    row: Ledger,
    want: Option<Body>,
    seen: Option<Seen>,
    held: Vec<u8>,
    busy: bool,
    skew: Tick,
    steady: Option<(Tick, Tick)>,
    rebuilt: Option<Tick>,
    leaving: Leaving,
}

/// Asks the real function, and remembers its answers.
pub(crate) struct Decider<'a> {
    pub(crate) setup: &'a Setup,
    policy: Policy,
    known: HashMap<Question, Rc<Move>>,
    /// What of a decision's words came up.
    pub(crate) covered: BTreeSet<&'static str>,
}

impl<'a> Decider<'a> {
    pub(crate) fn new(setup: &'a Setup) -> Self {
        let policy = Policy {
            class: setup.class,
            settle: SKEW.times(i64::from(SETTLE)),
            window: SKEW.times(i64::from(WINDOW)),
            remembers: (setup.class == Class::Keyed).then(|| SKEW.times(i64::from(REMEMBERS))),
            lives: Lives::Outside,
            immutable: vec!["fixed".to_owned()],
            shown_as: std::collections::BTreeMap::new(),
            adopt: Adopt::default(),
            lost_at: None,
            drift: setup.drift,
        };
        Self { setup, policy, known: HashMap::new(), covered: BTreeSet::new() }
    }

    pub(crate) fn ask(&mut self, world: &World, lane: usize, row: &Ledger, seen: Option<&Seen>) -> Rc<Move> {
        let others = || world.lanes.iter().enumerate().filter(move |(at, _)| *at != lane);
        let occupied = Occupied::at(&self.policy, steady(world.steady), NOW);
        let rows = || others().filter_map(|(_, lane)| lane.row.as_ref());
        let question = Question {
            row: row.clone(),
            want: world.lanes[lane].want,
            seen: seen.cloned(),
            held: rows().filter_map(|row| row.thing).collect(),
            busy: rows().any(|row| settle::occupies_listing(&ledger_row(row), occupied)),
            skew: world.skew,
            steady: world.steady,
            rebuilt: world.rebuilt,
            leaving: world.leaving,
        };
        if let Some(step) = self.known.get(&question) {
            return Rc::clone(step);
        }
        let step = self.decide(&question);
        cover(&mut self.covered, &question.row, question.seen.as_ref(), &step);
        let step = Rc::new(moved(&step));
        self.known.insert(question, Rc::clone(&step));
        step
    }

    fn decide(&self, question: &Question) -> Step {
        let (row, want) = (ledger_row(&question.row), question.want.map(body));
        let leave = match (question.row.origin, question.leaving) {
            (Origin::Created, Leaving::In(0)) => Leave::Remove,
            (Origin::Created, Leaving::In(ticks)) => Leave::Later { until: at(ticks), why: String::new() },
            (Origin::Created, Leaving::Held) => Leave::Held { why: String::new() },
            (Origin::Presumed | Origin::Adopted | Origin::Imported, _) => {
                Leave::Retain { why: "not made by us".to_owned() }
            }
        };
        let look = question.seen.as_ref().map(|seen| Self::look(seen, question.skew));
        let mut policy = self.policy.clone();
        if let Some(since) = question.rebuilt {
            policy.lost_at = Some(at(since));
            if self.setup.driver != Driver::RecoversAsEver {
                policy.adopt = Adopt::Recover;
            }
        }
        let held: Vec<_> = question.held.iter().map(u8::to_string).collect();
        decide(&Scene {
            row: &row,
            want: want.as_ref(),
            leave: &leave,
            look: look.as_ref(),
            held: &held,
            listing_busy: question.busy,
            policy: &policy,
            installation: INSTALLATION,
            now: NOW,
            steady: steady(question.steady),
            rules: self.setup.rules,
        })
    }

    fn look(seen: &Seen, skew: Tick) -> Look {
        let thing = |&(id, shape, made): &(u8, Shape, Option<Tick>)| Thing {
            id: id.to_string(),
            state: match shape.life {
                Life::Pending => ThingState::Pending,
                Life::Ready => ThingState::Ready,
                Life::Removing => ThingState::Removing,
            },
            note: None,
            poll: None,
            body: body(shape.body),
            mark: mark(shape.mark),
            outputs: Vec::new(),
            made: made.map(|made| at(made + skew)),
        };
        Look { began: at(seen.began), at: seen.aim, things: seen.things.iter().map(thing).collect() }
    }
}

fn moved(step: &Step) -> Move {
    let number = |thing: &Thing| thing.id.parse().expect("the model's ids are numbers");
    match step {
        Step::Look(aim) => Move::Look(*aim),
        Step::Wait { until, .. } => Move::Wait { until: until.map(ticks) },
        Step::Create { before } => {
            let before = before.iter().map(|id| id.parse().expect("the model's ids are numbers")).collect();
            Move::Create { before }
        }
        Step::Take { thing, origin } => Move::Take { thing: number(thing), origin: *origin },
        Step::Note { thing, drifted } => Move::Note { thing: number(thing), drifted: !drifted.is_empty() },
        Step::Update { thing } => Move::Update { thing: number(thing) },
        Step::Remove { thing } => Move::Remove { thing: number(thing) },
        Step::NoteAbsent => Move::NoteAbsent,
        Step::Gone { .. } => Move::Gone,
        Step::Retain { .. } => Move::Retain,
        Step::Report { until, .. } => Move::Report { until: ticks(*until) },
    }
}

fn ledger_row(row: &Ledger) -> Row {
    let first = if row.repeated { row.made_by.map(|by| by - WINDOW - 1) } else { row.made_by };
    let intended_at = row.intended_at.or(first.filter(|_| row.state != State::InDoubt));
    Row {
        id: row_id(row.no),
        state: row.state,
        origin: row.origin,
        spec: body(row.spec),
        thing: row.thing.map(|id| id.to_string()),
        observed: row.observed.map(body),
        mark: mark(row.mark),
        before: row.before.iter().map(u8::to_string).collect(),
        intended_at: intended_at.map(at),
        made_by: row.made_by.map(at),
        removed_by: row.removed_by.map(at),
        absent_at: row.absent_at.map(at),
        poll_at: row.poll_at.map(at),
        look_at: row.look_at.map(at),
        inherited_at: row.inherited.then_some(NOW),
        repairs: row.repairs.iter().copied().map(at).collect(),
    }
}

fn steady(steady: Option<(Tick, Tick)>) -> Steady {
    steady.map_or(Steady::ALWAYS, |(since, beyond)| Steady { since: at(since), beyond: at(beyond) })
}

fn at(tick: Tick) -> Timestamp {
    NOW + SKEW.times(i64::from(tick))
}

/// Rounds up: a driver may come late, never early.
fn ticks(until: Timestamp) -> Tick {
    let millis = until.since(NOW).as_i64();
    let tick = SKEW.as_i64();
    ((millis + tick - 1).div_euclid(tick)).max(0) as Tick
}

fn body(body: Body) -> Value {
    match body {
        Body::First => json!({"fixed": 1, "free": 1}),
        Body::Changed => json!({"fixed": 1, "free": 2}),
        Body::Replacing => json!({"fixed": 2, "free": 1}),
        Body::Foreign => json!({"fixed": 1, "free": 9}),
    }
}

fn row_id(no: RowNo) -> RowId {
    let key = if no.lane == 0 { "a" } else { "b" };
    let at = Place { installation: INSTALLATION, target: "model", kind: "thing", key, inside: "" };
    RowId::new(&at, [no.serial; 10])
}

fn mark(mark: Mark) -> Option<String> {
    match mark {
        Mark::Missing => None,
        Mark::Row(no) => Some(row_id(no).mark(INSTALLATION)),
        Mark::Foreign => Some("somebody-else".to_owned()),
    }
}
