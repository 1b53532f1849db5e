//! The driver of the model: asks the real [`decide`], and performs its step in the parts that a crash can part.

use std::collections::HashMap;
use std::rc::Rc;

use groundcrew_core::manifest::{Class, Lives};
use groundcrew_core::row::{Origin, RowId, State};
use groundcrew_core::settle::{self, Adopt, Aim, Leave, Look, Policy, Row, SKEW, Scene, Step, decide};
use groundcrew_core::spec::{Thing, ThingState};
use groundcrew_core::time::Timestamp;
use serde_json::{Value, json};

use crate::story::Act;
use crate::world::{
    Answer, Body, Broken, DAY, Driver, Flight, Ledger, Maker, Mark, Phase, REMEMBERS, RowNo, SEND_WITHIN, SETTLE,
    Seen, Setup, Shape, Tick, WINDOW, World, Write,
};

const INSTALLATION: &str = "model";
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// Everything that a decision is a function of, in the model's words.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Question {
    row: Ledger,
    want: Option<Body>,
    seen: Option<Seen>,
    held: Vec<u8>,
    busy: bool,
}

/// Asks the real function, and remembers its answers.
pub(crate) struct Decider<'a> {
    setup: &'a Setup,
    policy: Policy,
    known: HashMap<Question, Rc<Step>>,
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
            adopt: Adopt::default(),
            drift: setup.drift,
        };
        Self { setup, policy, known: HashMap::new() }
    }

    fn ask(&mut self, world: &World, lane: usize, row: &Ledger, seen: Option<&Seen>) -> Rc<Step> {
        let others = || world.lanes.iter().enumerate().filter(move |(at, _)| *at != lane);
        let rows = || others().filter_map(|(_, lane)| lane.row.as_ref());
        let question = Question {
            row: row.clone(),
            want: world.lanes[lane].want,
            seen: seen.cloned(),
            held: rows().filter_map(|row| row.thing).collect(),
            busy: rows().any(|row| settle::occupies_listing(&self.row(row), &self.policy, NOW)),
        };
        if let Some(step) = self.known.get(&question) {
            return Rc::clone(step);
        }
        let step = Rc::new(self.decide(&question));
        self.known.insert(question, Rc::clone(&step));
        step
    }

    fn decide(&self, question: &Question) -> Step {
        let (row, want) = (self.row(&question.row), question.want.map(body));
        let leave = match question.row.origin {
            Origin::Created => Leave::Remove,
            Origin::Presumed | Origin::Adopted | Origin::Imported => Leave::Retain { why: "not made by us".to_owned() },
        };
        let look = question.seen.as_ref().map(|seen| self.look(seen));
        let held: Vec<_> = question.held.iter().map(u8::to_string).collect();
        decide(&Scene {
            row: &row,
            want: want.as_ref(),
            leave: &leave,
            look: look.as_ref(),
            held: &held,
            listing_busy: question.busy,
            policy: &self.policy,
            installation: INSTALLATION,
            now: NOW,
            rules: self.setup.rules,
        })
    }

    fn row(&self, row: &Ledger) -> Row {
        Row {
            id: row_id(row.no),
            state: row.state,
            origin: row.origin,
            spec: body(row.spec),
            thing: row.thing.map(|id| id.to_string()),
            observed: row.observed.map(body),
            mark: mark(row.mark),
            before: row.before.iter().map(u8::to_string).collect(),
            intended_at: row.intended_at.map(at),
            made_by: row.made_by.map(at),
            removed_by: row.removed_by.map(at),
            absent_at: row.absent_at.map(at),
            poll_at: None,
            look_at: row.look_at.map(at),
        }
    }

    fn look(&self, seen: &Seen) -> Look {
        let thing = |&(id, shape, made): &(u8, Shape, Option<Tick>)| Thing {
            id: id.to_string(),
            state: ThingState::Ready,
            note: None,
            poll: None,
            body: body(shape.body),
            mark: mark(shape.mark),
            outputs: Vec::new(),
            made: made.map(|made| at(made + self.setup.skew)),
        };
        Look { began: at(seen.began), at: seen.aim, things: seen.things.iter().map(thing).collect() }
    }

    /// All that the driver may do next for one owner.
    pub(crate) fn next(&mut self, world: &World, lane: usize) -> Vec<(Act, World)> {
        let who = lane as u8;
        let mut next = world.clone();
        match &world.lanes[lane].phase {
            Phase::Idle if world.lanes[lane].due.is_none_or(|due| due > 0) => Vec::new(),
            Phase::Idle => match &world.lanes[lane].row {
                Some(row) => {
                    let step = self.ask(world, lane, row, None);
                    self.perform(world, lane, None, &step)
                }
                None if world.lanes[lane].want.is_none() => {
                    next.lanes[lane].due = None;
                    vec![(Act::Rests(who), next)]
                }
                None => {
                    next.lanes[lane].row = Some(new_row(world, who));
                    vec![(Act::MakesRow(who), next)]
                }
            },
            Phase::Looked(seen) => {
                let row = world.lanes[lane].row.as_ref().expect("a look is for a row");
                let step = self.ask(world, lane, row, Some(seen));
                self.perform(world, lane, Some(seen), &step)
            }
            Phase::Intended { write, sends_by, by, earlier } => {
                let next_lane = &mut next.lanes[lane];
                if *sends_by < 0 && self.setup.driver != Driver::SendsLate {
                    (next_lane.phase, next_lane.due) = (Phase::Idle, Some(0));
                    return vec![(Act::TooLate(who), next)];
                }
                next_lane.phase = Phase::Sent { earlier: *earlier };
                let row = next_lane.row.as_ref().expect("an intent is for a row").no;
                // What leaves too late has its whole deadline still before it.
                let by = if *sends_by < 0 { WINDOW - SEND_WITHIN } else { *by };
                next.flights.push(Flight { row, write: *write, by, answer: None, waited: true });
                next.tidy();
                vec![(Act::Sends(who, *write), next)]
            }
            Phase::Sent { earlier } => self.sent(world, lane, *earlier),
        }
    }

    /// A request has left: its answer comes, or the driver gives up waiting.
    fn sent(&self, world: &World, lane: usize, earlier: Option<Tick>) -> Vec<(Act, World)> {
        let who = lane as u8;
        let waited = |flight: &Flight| flight.waited && flight.row.lane == who;
        let flight = world.flights.iter().find(|flight| waited(flight)).expect("the request is under way");
        let mut all = Vec::new();
        let mut next = world.clone();
        next.lanes[lane].phase = Phase::Idle;
        next.lanes[lane].due = Some(0);
        if let Some(answer) = flight.answer {
            let mut next = next.clone();
            next.flights.retain(|flight| !waited(flight));
            let earlier = earlier.filter(|_| self.setup.driver != Driver::ForgetsEarlierSends);
            answered(next.lanes[lane].row.as_mut().expect("an answer is for a row"), flight.write, answer, earlier);
            next.tidy();
            all.push((Act::Learns(who, answer), next));
        }
        if world.left.losses > 0 {
            next.left.losses -= 1;
            next.flights.iter_mut().filter(|flight| waited(flight)).for_each(|flight| flight.waited = false);
            next.tidy();
            all.push((Act::GivesUp(who), next));
        }
        all
    }

    /// Performs a step as far as the next point where a crash makes a difference.
    fn perform(&self, world: &World, lane: usize, seen: Option<&Seen>, step: &Step) -> Vec<(Act, World)> {
        let who = lane as u8;
        let mut next = world.clone();
        let doing = &mut next.lanes[lane];
        (doing.phase, doing.due) = (Phase::Idle, Some(0));
        let row = doing.row.as_mut().expect("a step is for a row");
        let act = match step {
            Step::Look(aim) => return self.looks(world, lane, *aim),
            Step::Wait { until, .. } => {
                doing.due = until.map(ticks);
                Act::Waits(who, doing.due)
            }
            Step::Report { until, .. } => {
                (doing.due, doing.reported) = (Some(ticks(*until)), true);
                Act::Reports(who)
            }
            Step::Create { before } => return vec![self.intends_create(next, lane, before)],
            Step::Update { thing } => {
                let (id, seen) = seen_thing(seen, thing);
                let want = world.lanes[lane].want.expect("only what is wanted is changed");
                (row.state, row.spec) = (State::Updating, want);
                let (earlier, by) = (row.made_by, Some(WINDOW));
                row.made_by = row.made_by.max(by);
                next.lanes[lane].phase = intent(Write::Update { id, seen, body: want }, earlier);
                Act::Intends(who, Write::Update { id, seen, body: want })
            }
            Step::Remove { thing } => {
                let (id, seen) = seen_thing(seen, thing);
                row.state = State::Deleting;
                let earlier = row.removed_by;
                row.removed_by = row.removed_by.max(Some(WINDOW));
                next.lanes[lane].phase = intent(Write::Remove { id, seen }, earlier);
                Act::Intends(who, Write::Remove { id, seen })
            }
            Step::Take { thing, origin } => {
                let (id, shape) = seen_thing(seen, thing);
                if shape.maker == Maker::Foreign && !self.unknowable(world, row, id) {
                    next.broken = Some(Broken::ForeignClaimed);
                }
                let row = next.lanes[lane].row.as_mut().expect("a step is for a row");
                row.origin = *origin;
                present(row, id, shape);
                next.lanes[lane].reported = false;
                Act::Takes(who, id, *origin)
            }
            Step::Note { thing, drifted } => {
                let (id, shape) = seen_thing(seen, thing);
                present(row, id, shape);
                if let (Some(want), true) = (world.lanes[lane].want, drifted.is_empty()) {
                    row.spec = want;
                }
                doing.reported = false;
                Act::Notes(who, id)
            }
            Step::NoteAbsent => {
                row.absent_at = seen.map(|seen| seen.began);
                Act::Misses(who)
            }
            Step::Gone { .. } => {
                (doing.row, doing.reported) = (None, false);
                Act::Forgets(who)
            }
            Step::Retain { .. } => {
                row.state = State::Retained;
                Act::Retains(who)
            }
        };
        next.tidy();
        vec![(act, next)]
    }

    /// Commits the intent of a creation: from here on it is in doubt.
    fn intends_create(&self, mut next: World, lane: usize, before: &[String]) -> (Act, World) {
        let want = next.lanes[lane].want;
        let row = next.lanes[lane].row.as_mut().expect("a step is for a row");
        if row.state == State::Creating {
            row.spec = want.expect("only what is wanted is created");
        }
        let repeats_newest = self.setup.driver == Driver::RepeatsWithNewest;
        let body = want.filter(|_| repeats_newest).unwrap_or(row.spec);
        row.spec = body;
        row.state = State::InDoubt;
        row.before = before.iter().map(|id| number(id)).collect();
        let timed = matches!(self.setup.class, Class::Anonymous | Class::Keyed);
        row.intended_at = row.intended_at.or(timed.then_some(0));
        let earlier = row.made_by;
        row.made_by = row.made_by.max(Some(WINDOW));
        next.lanes[lane].phase = intent(Write::Create { body }, earlier);
        (Act::Intends(lane as u8, Write::Create { body }), next)
    }

    /// Nobody can tell a stranger's anonymous thing from ours if it was made while ours could have been, and
    /// was not there before.
    fn unknowable(&self, world: &World, row: &Ledger, id: u8) -> bool {
        let judged_by_time = matches!(self.setup.class, Class::Anonymous | Class::Keyed);
        let made = world.object(id).and_then(|object| object.made);
        let (Some(made), Some(from), Some(to)) = (made, row.intended_at, row.made_by) else { return false };
        judged_by_time && !row.before.contains(&id) && (from - 2..=to + 2).contains(&made)
    }

    /// A look: all that the API may show at this moment.
    fn looks(&self, world: &World, lane: usize, aim: Aim) -> Vec<(Act, World)> {
        let who = lane as u8;
        let row = world.lanes[lane].row.as_ref().expect("a look is for a row");
        let asked = world.objects.iter().filter(|object| aim == Aim::Anything || Some(object.id) == row.thing);
        let mut shown: Vec<Vec<(u8, Shape, Option<Tick>)>> = vec![Vec::new()];
        for object in asked {
            let now = std::iter::once(object.now).chain(object.past.iter().map(|(was, _)| *was));
            let versions: Vec<_> = now.map(|shape| shape.map(|shape| (object.id, shape, object.made))).collect();
            shown = shown
                .iter()
                .flat_map(|before| {
                    versions.iter().map(move |version| before.iter().copied().chain(*version).collect::<Vec<_>>())
                })
                .collect();
        }
        shown.sort();
        shown.dedup();
        let mut all = Vec::new();
        let present = matches!(row.state, State::Present | State::Pending | State::Updating);
        if present && world.left.blinks > 0 && !shown.contains(&Vec::new()) {
            let mut next = looked(world, lane, aim, Vec::new());
            next.left.blinks -= 1;
            all.push((Act::Blinks(who), next));
        }
        for things in shown {
            let act = Act::Looks(who, things.len() as u8);
            all.push((act, looked(world, lane, aim, things)));
        }
        all
    }
}

fn looked(world: &World, lane: usize, aim: Aim, things: Vec<(u8, Shape, Option<Tick>)>) -> World {
    let mut next = world.clone();
    next.lanes[lane].phase = Phase::Looked(Seen { began: 0, aim, things });
    next
}

fn intent(write: Write, earlier: Option<Tick>) -> Phase {
    Phase::Intended { write, sends_by: SEND_WITHIN, by: WINDOW, earlier }
}

/// Commits what an answer says.
fn answered(row: &mut Ledger, write: Write, answer: Answer, earlier: Option<Tick>) {
    let over = Some(0).max(earlier);
    match (write, answer) {
        // The request left, so whatever the API says of a failure, the next look decides.
        (_, Answer::Refused) => {}
        (Write::Remove { .. }, _) => row.removed_by = over,
        (_, Answer::Made(id, shape)) => {
            present(row, id, shape);
            row.made_by = over;
        }
        (_, Answer::Removed) => {}
    }
}

fn present(row: &mut Ledger, id: u8, shape: Shape) {
    row.state = State::Present;
    row.thing = Some(id);
    row.observed = Some(shape.body);
    row.mark = shape.mark;
    row.absent_at = None;
    row.look_at = Some(DAY);
}

fn new_row(world: &World, lane: u8) -> Ledger {
    Ledger {
        no: world.free_row(lane),
        state: State::Creating,
        origin: Origin::Created,
        spec: Body::First,
        thing: None,
        observed: None,
        mark: Mark::Missing,
        before: Vec::new(),
        intended_at: None,
        made_by: None,
        removed_by: None,
        absent_at: None,
        look_at: None,
    }
}

fn seen_thing(seen: Option<&Seen>, thing: &Thing) -> (u8, Shape) {
    let id = number(&thing.id);
    let things = &seen.expect("a step about a thing follows a look").things;
    let (_, shape, _) = things.iter().find(|(seen, ..)| *seen == id).expect("the thing was seen");
    (id, *shape)
}

fn number(id: &str) -> u8 {
    id.parse().expect("the model's ids are numbers")
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
    RowId::new("model", "thing", if no.lane == 0 { "a" } else { "b" }, "", [no.serial; 10])
}

fn mark(mark: Mark) -> Option<String> {
    match mark {
        Mark::Missing => None,
        Mark::Row(no) => Some(row_id(no).mark(INSTALLATION)),
        Mark::Foreign => Some("somebody-else".to_owned()),
    }
}
