//! The end that must be reachable from everywhere: each owner has what it wants, as it wants it, and nothing else.

use groundcrew_core::manifest::Class;
use groundcrew_core::row::{Origin, State};
use groundcrew_core::settle::Drift;

use crate::world::{Body, Lane, Life, Maker, Marks, Phase, Setup, World};

/// What is left in a world that never comes to its end.
pub(crate) fn left(world: &World) -> String {
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
pub(crate) fn reached(setup: &Setup, world: &World) -> bool {
    let fair = |(at, lane): (usize, &Lane)| {
        let maker = Maker::Us(at as u8);
        // Only a stranger's doing is an excuse, and that clocks are apart, or were.
        let apart = setup.is_timed() && (setup.skew != 0 || world.left.steps < setup.budget.steps);
        // Once the API has forgotten the keys of two creations, it cannot be told whose what is there is.
        let lost = world.left.losses < setup.budget.losses || world.left.crashes < setup.budget.crashes;
        let shared =
            lost && setup.owners > 1 && setup.class == Class::Keyed && setup.marks == Marks::Impossible;
        let excused = world.left.foreign < setup.budget.foreign || apart || shared;
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
                && matches!(ours[..], [(id, shape)] if row.thing == Some(id) && shape.life == Life::Ready && as_wanted(shape.body))
        }
    }
}
