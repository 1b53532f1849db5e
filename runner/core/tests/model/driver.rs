//! The driver of the model: performs what was decided in the parts that a crash can part.

use groundcrew_core::manifest::Class;
use groundcrew_core::row::{Origin, State};
use groundcrew_core::settle::{Aim, REPAIRS_MAX};

use crate::asking::{Decider, Move};
use crate::story::Act;
use crate::world::{
    Answer, Body, Broken, DAY, Driver, Flight, Ledger, Life, Maker, Mark, POLL, Phase, QUIET, SEND_WITHIN,
    SETTLE, Seen, Shape, Tick, WINDOW, World, Write,
};

impl Decider<'_> {
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
            answered(
                next.lanes[lane].row.as_mut().expect("an answer is for a row"),
                flight.write,
                answer,
                earlier,
            );
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
    fn perform(&self, world: &World, lane: usize, seen: Option<&Seen>, step: &Move) -> Vec<(Act, World)> {
        let mut next = world.clone();
        (next.lanes[lane].phase, next.lanes[lane].due) = (Phase::Idle, Some(0));
        let writes = matches!(step, Move::Create { .. } | Move::Update { .. } | Move::Remove { .. });
        if writes && world.rebuilt.is_some() {
            next.lanes[lane].due = None;
            return vec![(Act::Shows(lane as u8), next)];
        }
        let act = match step {
            Move::Look(aim) => return looks(world, lane, *aim),
            Move::Create { before } => self.intends_create(&mut next, lane, before),
            Move::Update { thing } => self.intends_update(&mut next, lane, seen_thing(seen, *thing)),
            Move::Remove { thing } => intends_remove(&mut next, lane, seen_thing(seen, *thing)),
            Move::Take { thing, origin } => self.takes(&mut next, lane, seen_thing(seen, *thing), *origin),
            other => records(&mut next, lane, seen, other),
        };
        next.tidy();
        vec![(act, next)]
    }

    fn takes(&self, next: &mut World, lane: usize, (id, shape): (u8, Shape), origin: Origin) -> Act {
        let row = next.lanes[lane].row.as_ref().expect("a step is for a row");
        if shape.maker == Maker::Foreign && !self.unknowable(next, row, id) {
            next.broken = Some(Broken::ForeignClaimed);
        }
        let doing = &mut next.lanes[lane];
        let row = doing.row.as_mut().expect("a step is for a row");
        row.origin = origin;
        if row.state != State::Creating && self.setup.driver != Driver::KeepsSpec {
            // What was written last was written to another thing, or was cut off half-way.
            row.spec = shape.body;
        }
        if row.state == State::Creating {
            // What was wanted when the row was made may be wanted no more.
            row.spec = doing.want.unwrap_or(row.spec);
        }
        present(row, id, shape);
        doing.reported = false;
        Act::Takes(lane as u8, id, origin)
    }

    /// Commits the intent of a creation: from here on it is in doubt.
    fn intends_create(&self, next: &mut World, lane: usize, before: &[u8]) -> Act {
        let want = next.lanes[lane].want;
        let row = next.lanes[lane].row.as_mut().expect("a step is for a row");
        if row.state == State::Creating {
            row.spec = want.expect("only what is wanted is created");
        }
        let repeats_newest = self.setup.driver == Driver::RepeatsWithNewest;
        let body = want.filter(|_| repeats_newest).unwrap_or(row.spec);
        row.spec = body;
        row.state = State::InDoubt;
        row.before = before.to_vec();
        let timed = matches!(self.setup.class, Class::Anonymous | Class::Keyed);
        row.intended_at = row.intended_at.or(timed.then_some(0));
        let earlier = row.made_by;
        row.repeated |= told_by_mark(self.setup.class) && earlier.is_some();
        row.made_by = row.made_by.max(Some(WINDOW));
        next.lanes[lane].phase = intent(Write::Create { body }, earlier);
        Act::Intends(lane as u8, Write::Create { body })
    }

    fn intends_update(&self, next: &mut World, lane: usize, (id, seen): (u8, Shape)) -> Act {
        let doing = &mut next.lanes[lane];
        let body = doing.want.expect("only what is wanted is changed");
        let row = doing.row.as_mut().expect("a step is for a row");
        let earlier = row.made_by;
        if self.setup.is_fight() && row.state == State::Present && row.spec == body {
            row.repairs.push(0);
            row.repairs.drain(..row.repairs.len().saturating_sub(REPAIRS_MAX));
        }
        (row.state, row.spec, row.made_by) = (State::Updating, body, earlier.max(Some(WINDOW)));
        doing.phase = intent(Write::Update { id, seen, body }, earlier);
        Act::Intends(lane as u8, Write::Update { id, seen, body })
    }

    /// Nobody can tell a stranger's anonymous thing from ours if it was made while ours could have been, as far
    /// as the clocks say, and was not there before.
    fn unknowable(&self, world: &World, row: &Ledger, id: u8) -> bool {
        let judged_by_time = matches!(self.setup.class, Class::Anonymous | Class::Keyed);
        let made = world.object(id).and_then(|object| object.made);
        let (Some(made), Some(from), Some(to)) = (made, row.intended_at, row.made_by) else { return false };
        let shown = made + world.skew;
        judged_by_time && !row.before.contains(&id) && (from - 1..=to + 1).contains(&shown)
    }
}

/// Commits what needs no write of the API.
fn records(next: &mut World, lane: usize, seen: Option<&Seen>, step: &Move) -> Act {
    let who = lane as u8;
    let doing = &mut next.lanes[lane];
    let row = doing.row.as_mut().expect("a step is for a row");
    match step {
        Move::Wait { until } => {
            doing.due = *until;
            Act::Waits(who, doing.due)
        }
        Move::Report { until } => {
            (doing.due, doing.reported) = (Some(*until), true);
            Act::Reports(who)
        }
        Move::Note { thing, drifted } => {
            let (id, shape) = seen_thing(seen, *thing);
            present(row, id, shape);
            if let (Some(want), false) = (doing.want, *drifted) {
                row.spec = want;
                if row.repairs.last().is_some_and(|last| last + QUIET <= 0) {
                    row.repairs.clear();
                }
            }
            doing.reported = false;
            Act::Notes(who, id)
        }
        Move::NoteAbsent => {
            row.absent_at = seen.map(|seen| seen.began);
            row.poll_at = row.absent_at.map(|at| at + SETTLE);
            Act::Misses(who)
        }
        Move::Gone => {
            (doing.row, doing.reported) = (None, false);
            Act::Forgets(who)
        }
        Move::Retain => {
            row.state = State::Retained;
            Act::Retains(who)
        }
        Move::Look(_)
        | Move::Create { .. }
        | Move::Update { .. }
        | Move::Remove { .. }
        | Move::Take { .. } => {
            unreachable!("performed before")
        }
    }
}

fn intends_remove(next: &mut World, lane: usize, (id, seen): (u8, Shape)) -> Act {
    let doing = &mut next.lanes[lane];
    let row = doing.row.as_mut().expect("a step is for a row");
    let earlier = row.removed_by;
    (row.state, row.removed_by) = (State::Deleting, earlier.max(Some(WINDOW)));
    doing.phase = intent(Write::Remove { id, seen }, earlier);
    Act::Intends(lane as u8, Write::Remove { id, seen })
}

/// A look: all that the API may show at this moment.
fn looks(world: &World, lane: usize, aim: Aim) -> Vec<(Act, World)> {
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
        (Write::Remove { .. }, left) => {
            row.removed_by = over;
            row.poll_at = (left == Answer::Removing).then_some(POLL);
        }
        (_, Answer::Made(id, shape)) => {
            present(row, id, shape);
            row.made_by = over;
        }
        (_, Answer::Removed | Answer::Removing) => {}
    }
}

fn present(row: &mut Ledger, id: u8, shape: Shape) {
    row.state = if shape.life == Life::Pending { State::Pending } else { State::Present };
    row.poll_at = (shape.life != Life::Ready).then_some(POLL);
    row.thing = Some(id);
    row.observed = Some(shape.body);
    row.mark = shape.mark;
    row.absent_at = None;
    row.look_at = Some(DAY);
    row.inherited = false;
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
        poll_at: None,
        look_at: None,
        inherited: false,
        repeated: false,
        repairs: Vec::new(),
    }
}

/// Whether a mark alone tells what is ours of a kind.
const fn told_by_mark(class: Class) -> bool {
    matches!(class, Class::Marked | Class::Keyed)
}

fn seen_thing(seen: Option<&Seen>, id: u8) -> (u8, Shape) {
    let things = &seen.expect("a step about a thing follows a look").things;
    let (_, shape, _) = things.iter().find(|(seen, ..)| *seen == id).expect("the thing was seen");
    (id, *shape)
}
