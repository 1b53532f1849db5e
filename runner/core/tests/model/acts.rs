//! Everything but the driver: the API, time, crashes, owners that come and go, and somebody else.

use groundcrew_core::manifest::Class;
use groundcrew_core::row::State;

use crate::story::Act;
use crate::world::{
    Answer, Api, Body, Broken, Driver, Flight, GRACE, Key, Lane, Leaving, Ledger, Life, Maker, Mark, Marks,
    NAP, Pace, Phase, REMEMBERS, SETTLE, STEPS, Setup, Shape, Tick, WINDOW, World, Write,
};

/// The natural thing's only place.
const PLACE: u8 = 0;

/// What happens by itself: requests take effect and time passes.
pub(crate) fn fair(setup: &Setup, world: &World) -> Vec<(Act, World)> {
    let mut all = Vec::new();
    for (at, flight) in world.flights.iter().enumerate() {
        if flight.answer.is_none() && flight.by >= 0 {
            all.push((Act::TakesEffect(flight.row.lane, flight.write), effect(setup, world, at)));
        }
    }
    for object in &world.objects {
        let (id, Some(shape)) = (object.id, object.now) else { continue };
        match shape.life {
            Life::Pending => {
                all.push((Act::IsReady(id), grown(world, id, Some(Shape { life: Life::Ready, ..shape }))));
            }
            Life::Removing => all.push((Act::Vanishes(id), grown(world, id, None))),
            Life::Ready => {}
        }
    }
    if world.leaving == Leaving::Held {
        all.push((Act::Approves, approved(world)));
    }
    let sending = world.lanes.iter().any(|lane| matches!(lane.phase, Phase::Intended { sends_by: 0.., .. }));
    if looked_for(setup, world) {
        all.push((Act::Rebuilt, rebuilt(world)));
    }
    if world.due_to_end() {
        // It takes effect, is answered, or is lost; only then does time go on.
    } else if world.restless() || sending {
        all.push((Act::Passes(1), passed(world, 1)));
    } else if world.idle() {
        let dues = world.lanes.iter().filter_map(|lane| lane.due);
        if let Some(due) = dues.min().filter(|due| *due > 0) {
            let mut next = passed(world, due);
            next.broken = world.lanes.iter().any(|lane| overslept(lane, due)).then_some(Broken::Overslept);
            all.push((Act::Passes(due), next));
        }
    }
    all
}

/// Whether a thing that is wanted asked to be looked at again, and nobody comes for longer than settling takes.
fn overslept(lane: &Lane, due: Tick) -> bool {
    let asked = lane.row.as_ref().is_some_and(|row| row.poll_at.is_some_and(|at| at < due));
    asked && due > WINDOW + SETTLE && lane.want.is_some() && !lane.reported
}

/// What need not happen, and happens seldom.
pub(crate) fn unfair(setup: &Setup, world: &World) -> Vec<(Act, World)> {
    let mut all = Vec::new();
    if world.left.crashes > 0 {
        all.push((Act::Crashes, crashed(world)));
    }
    if world.left.naps > 0 && !world.restless() && !world.flights.iter().any(|flight| flight.waited) {
        let mut next = passed(world, NAP);
        next.left.naps -= 1;
        all.push((Act::Sleeps, next));
    }
    if world.left.wants > 0 {
        // Two owners are the same but for their names: that one of them changes its mind is enough.
        wants(world, 0, &mut all);
    }
    if world.left.ends > 0 {
        all.push((Act::MadeAgain(0), made_again(setup, world, 0)));
    }
    if world.left.steps > 0 {
        // Two owners are about who has which thing: that nothing ends early is enough.
        let steps = if world.lanes.len() > 1 { &STEPS[STEPS.len() - 1..] } else { &STEPS[..] };
        all.extend(steps.iter().map(|by| (Act::ClockSet(*by), clock_set(setup, world, *by))));
    }
    if world.left.ledgers > 0 {
        all.push((Act::LedgerLost, ledger_lost(world)));
    }
    if world.left.foreign > 0 {
        foreign(setup, world, &mut all);
    }
    all
}

/// A thing becomes what was asked of it; what it was may still be shown for a while.
fn grown(world: &World, id: u8, now: Option<Shape>) -> World {
    let mut next = world.clone();
    next.put(id, now, SETTLE);
    next.tidy();
    next
}

/// A person lets a removal go on, once its grace is over.
fn approved(world: &World) -> World {
    let mut next = world.clone();
    next.leaving = Leaving::In(GRACE);
    for lane in &mut next.lanes {
        lane.due = Some(0);
    }
    next
}

fn passed(world: &World, ticks: i32) -> World {
    let mut next = world.clone();
    next.pass(ticks);
    next
}

/// All that was in memory is lost; requests that left are under way all the same.
fn crashed(world: &World) -> World {
    let mut next = world.clone();
    next.left.crashes -= 1;
    for lane in &mut next.lanes {
        (lane.phase, lane.due, lane.reported) = (Phase::Idle, Some(0), false);
    }
    next.flights.iter_mut().for_each(|flight| flight.waited = false);
    next.flights.retain(|flight| flight.by >= 0);
    next.tidy();
    next
}

/// Nothing is known any more but what is wanted; what was sent is under way all the same.
fn ledger_lost(world: &World) -> World {
    let mut next = world.clone();
    next.left.ledgers -= 1;
    for lane in &mut next.lanes {
        (lane.row, lane.phase, lane.due, lane.reported) = (None, Phase::Idle, Some(0), false);
    }
    next.flights.iter_mut().for_each(|flight| flight.waited = false);
    next.flights.retain(|flight| flight.by >= 0);
    // What there was to compare with the clock is lost, too.
    (next.steady, next.rebuilt) = (None, Some(0));
    next.tidy();
    next
}

/// Whether a rebuilding may end: everything that is wanted was looked for, and nothing of it may still show.
fn looked_for(setup: &Setup, world: &World) -> bool {
    let looked = |lane: &Lane| {
        let looking = lane.row.as_ref().is_some_and(|row| row.state == State::Creating && lane.due.is_some());
        lane.phase == Phase::Idle && lane.due != Some(0) && (!looking || lane.reported)
    };
    let early = setup.driver == Driver::FinishesEarly;
    world.rebuilt.is_some() && (early || world.lanes.iter().all(looked))
}

/// What was only shown is decided again.
fn rebuilt(world: &World) -> World {
    let mut next = world.clone();
    next.rebuilt = None;
    for lane in &mut next.lanes {
        lane.due = Some(0);
    }
    next.tidy();
    next
}

/// An owner ends with all that is in it, and another one has its address; the commit that says so is that in which
/// the driver hands over what was sent. Whoever worked for the old one finds its row changed.
fn made_again(setup: &Setup, world: &World, lane: usize) -> World {
    let mut next = world.clone();
    next.left.ends -= 1;
    next.objects.clear();
    let doing = &mut next.lanes[lane];
    let row = doing.row.take().filter(|row| row.made_by.is_some() && setup.driver != Driver::BeginsAnew);
    let inherited = |row| Ledger {
        state: State::InDoubt,
        absent_at: None,
        poll_at: None,
        look_at: None,
        inherited: true,
        ..row
    };
    doing.row = row.map(inherited);
    let phase = std::mem::replace(&mut doing.phase, Phase::Idle);
    (doing.due, doing.reported) = (Some(0), false);
    next.flights.iter_mut().for_each(|flight| flight.waited = false);
    // Its intent is committed: nothing keeps it from leaving now.
    if let (Phase::Intended { write, by, .. }, Some(row)) = (phase, &world.lanes[lane].row) {
        next.flights.push(Flight { row: row.no, write, by, answer: None, waited: false });
    }
    next.flights.retain(|flight| flight.answer.is_none() && flight.by >= 0);
    next.tidy();
    next
}

/// Somebody sets our clock: everything of before is older or younger by as much than it was.
fn clock_set(setup: &Setup, world: &World, by: Tick) -> World {
    let mut next = world.clone();
    next.left.steps -= 1;
    next.ours().into_iter().for_each(|at| *at -= by);
    for lane in &mut next.lanes {
        lane.due = lane.due.map(|due| (due - by).max(0));
        if let Some(at) = lane.row.as_mut().and_then(|row| row.look_at.as_mut()) {
            *at = (*at - by).max(0);
        }
        match &mut lane.phase {
            Phase::Looked(seen) if setup.driver == Driver::KeepsLooks => seen.began -= by,
            Phase::Looked(_) => (lane.phase, lane.due) = (Phase::Idle, Some(0)),
            Phase::Idle | Phase::Intended { .. } | Phase::Sent { .. } => {}
        }
    }
    let beyond = world.steady.map_or(0, |(_, beyond)| beyond.max(0));
    next.steady = Some((0, (beyond - by).max(0)));
    if setup.is_timed() {
        next.skew -= by;
    }
    next.tidy();
    next
}

fn wants(world: &World, lane: usize, all: &mut Vec<(Act, World)>) {
    for want in [None, Some(Body::First), Some(Body::Changed), Some(Body::Replacing)] {
        // Two owners are about who has which thing, not about its body.
        let too_much = world.lanes.len() > 1 && !matches!(want, None | Some(Body::First));
        if !too_much && want != world.lanes[lane].want {
            let mut next = world.clone();
            next.left.wants -= 1;
            next.lanes[lane].want = want;
            next.lanes[lane].due = Some(0);
            all.push((Act::Wants(lane as u8, want), next));
        }
    }
}

/// A request takes effect, or is refused, or meets nothing.
fn effect(setup: &Setup, world: &World, at: usize) -> World {
    let mut next = world.clone();
    let Flight { row, write, .. } = next.flights[at].clone();
    let hidden = SETTLE;
    let answer = match write {
        Write::Create { body } => {
            let mark = if setup.marks == Marks::Carried { Mark::Row(row) } else { Mark::Missing };
            let life = if setup.pace == Pace::Slow { Life::Pending } else { Life::Ready };
            create(setup, &mut next, row, Shape { maker: Maker::Us(row.lane), mark, body, life })
        }
        Write::Update { id, seen, body } => {
            let mark = if setup.marks == Marks::Carried { Mark::Row(row) } else { Mark::Missing };
            let now = next.object(id).and_then(|object| object.now);
            match (now, setup.api) {
                (now, Api::Conditional) if !now.is_some_and(|now| now.is_like(seen)) => Answer::Refused,
                (Some(Shape { life: Life::Removing, .. }), _) => Answer::Refused,
                (None, Api::Blind) if setup.class != Class::Natural => Answer::Refused,
                (now, _) => {
                    let maker = now.map_or(Maker::Us(row.lane), |now| now.maker);
                    touched(&mut next, row.lane, now);
                    let life = now.map_or(Life::Ready, |now| now.life);
                    let shape = Shape { maker, mark, body, life };
                    next.put(id, Some(shape), hidden);
                    Answer::Made(id, shape)
                }
            }
        }
        Write::Remove { id, seen } => {
            let now = next.object(id).and_then(|object| object.now);
            match (now, setup.api) {
                (Some(now), Api::Conditional) if !now.is_like(seen) => Answer::Refused,
                (now, _) => {
                    touched(&mut next, row.lane, now);
                    let left = now.filter(|_| setup.pace == Pace::Slow);
                    let left = left.map(|now| Shape { life: Life::Removing, ..now });
                    next.put(id, left, if now.is_some() { hidden } else { 0 });
                    left.map_or(Answer::Removed, |_| Answer::Removing)
                }
            }
        }
    };
    next.flights[at].answer = Some(answer);
    next.tidy();
    for lane in 0..next.lanes.len() {
        if next.living(Maker::Us(lane as u8)).count() > 1 {
            next.broken = Some(Broken::Doubled);
        }
    }
    next
}

fn create(setup: &Setup, next: &mut World, row: crate::world::RowNo, shape: Shape) -> Answer {
    match setup.class {
        Class::Natural => {
            let now = next.object(PLACE).and_then(|object| object.now);
            if now.is_some() && setup.api == Api::Conditional {
                return Answer::Refused;
            }
            touched(next, row.lane, now);
            next.put(PLACE, Some(shape), SETTLE);
            Answer::Made(PLACE, shape)
        }
        Class::Keyed => {
            if let Some(key) = next.keys.iter().find(|key| key.row == row) {
                return Answer::Made(key.made.0, key.made.1);
            }
            let id = made(setup, next, shape);
            next.keys.push(Key { row, until: REMEMBERS, made: (id, shape) });
            Answer::Made(id, shape)
        }
        Class::Marked | Class::Anonymous => Answer::Made(made(setup, next, shape), shape),
    }
}

fn made(setup: &Setup, next: &mut World, shape: Shape) -> u8 {
    let id = next.free_id();
    next.put(id, Some(shape), SETTLE);
    let object = next.objects.iter_mut().find(|object| object.id == id).expect("just put");
    object.made = setup.is_timed().then_some(0);
    id
}

/// Notes it if a write of ours meets what somebody else made, unless that was presumed to be ours.
fn touched(next: &mut World, lane: u8, met: Option<Shape>) {
    let row = next.lanes[usize::from(lane)].row.as_ref();
    let presumed = row.is_some_and(|row| row.origin == groundcrew_core::row::Origin::Presumed);
    if met.is_some_and(|met| met.maker == Maker::Foreign) && !presumed {
        next.broken = Some(Broken::ForeignChanged);
    }
}

/// Somebody else makes, changes, removes or takes over something.
fn foreign(setup: &Setup, world: &World, all: &mut Vec<(Act, World)>) {
    if setup.api == Api::Blind && !world.idle() {
        return;
    }
    let hidden = if setup.api == Api::Blind { 0 } else { SETTLE };
    let mut act = |act: Act, change: &dyn Fn(&mut World)| {
        let mut next = world.clone();
        next.left.foreign -= 1;
        change(&mut next);
        next.tidy();
        all.push((act, next));
    };
    let mark = if setup.marks == Marks::Carried { Mark::Foreign } else { Mark::Missing };
    let theirs = Shape { maker: Maker::Foreign, mark, body: Body::Foreign, life: Life::Ready };
    if setup.class != Class::Natural {
        act(Act::StrangerMakes, &|next| {
            made(setup, next, theirs);
        });
    } else if world.object(PLACE).is_none_or(|object| object.now.is_none()) {
        act(Act::StrangerMakes, &|next| next.put(PLACE, Some(theirs), hidden));
    }
    let present = |id: u8| {
        world.lanes.iter().filter_map(|lane| lane.row.as_ref()).any(|row| {
            row.thing == Some(id) && matches!(row.state, State::Present | State::Updating | State::Deleting)
        })
    };
    for object in &world.objects {
        let (id, Some(shape)) = (object.id, object.now) else { continue };
        let ours = shape.maker != Maker::Foreign;
        act(Act::StrangerRemoves(id), &|next| next.put(id, None, hidden));
        // What somebody changes before we have seen it once is no longer to be recognised without a mark.
        if ours && shape.body != Body::Foreign && (setup.marks == Marks::Carried || present(id)) {
            let changed = Shape { body: Body::Foreign, ..shape };
            act(Act::StrangerChanges(id), &|next| {
                next.put(id, Some(changed), hidden);
                if setup.is_fight() {
                    told(next);
                }
            });
        }
        if ours && setup.class == Class::Natural && setup.marks == Marks::Carried {
            for mark in [Mark::Foreign, Mark::Missing] {
                let taken = Shape { mark, ..theirs };
                act(Act::StrangerTakesOver(id), &|next| next.put(id, Some(taken), hidden));
            }
        }
    }
}

/// A listing shows that something was changed, long before a look of its own would.
fn told(next: &mut World) {
    for lane in &mut next.lanes {
        if let Some(at) = lane.row.as_mut().and_then(|row| row.look_at.as_mut()) {
            (*at, lane.due) = (0, lane.due.map(|_| 0));
        }
    }
}
