//! A thing that exists: keep it as it is wanted, notice when it is not, let it go when nobody wants it.

use serde_json::Value;

use super::{Aim, Drift, Gone, LEFT, Look, Problem, QUIET, Rule, Scene, Step, Waiting, ending};
use crate::duration::Millis;
use crate::row::State;
use crate::spec::{Thing, ThingState, canonical};
use crate::time::Timestamp;

/// A thing is looked at again for drift at least this often, if nothing else looks.
pub const DRIFT_EVERY: Millis = Millis::hours(24);

/// A pending thing whose API does not say when is looked at again after this.
pub const POLL: Millis = Millis::seconds(5);

pub(super) fn decide(scene: &Scene<'_>) -> Step {
    match scene.want {
        Some(want) if !scene.needs_replacement(want) => match scene.looked(Aim::Thing) {
            Some(look) => wanted(scene, want, look),
            None => unlooked(scene, want),
        },
        _ => ending::unwanted(scene),
    }
}

/// Wanted in a shape that it can be given, and just looked at.
pub(super) fn wanted(scene: &Scene<'_>, want: &Value, look: &Look) -> Step {
    let Some(thing) = look.things.first() else { return missing(scene, look) };
    let settled = look.began >= scene.settled_by() || !scene.holds(Rule::WritesInTurn);
    if scene.row.state == State::Updating && !settled {
        // Whatever the look shows, the change under way may still come after it.
        return Scene::wait(scene.settled_by(), Waiting::Settling);
    }
    let differs = scene.differs(want, thing);
    let changed_by_us = scene.row.state == State::Updating || !same(want, &scene.row.spec);
    if scene.estranged(thing) && scene.holds(Rule::ForeignIsForeign) {
        return if settled {
            strange(scene, thing)
        } else {
            Scene::wait(scene.settled_by(), Waiting::Settling)
        };
    }
    if thing.state == ThingState::Removing {
        return note(thing, Vec::new());
    }
    if changed_by_us {
        return match differs[..] {
            // What is wanted now is what was before: the API may still show that instead of our last write.
            [] if !settled => Scene::wait(scene.settled_by(), Waiting::Settling),
            [] => note(thing, Vec::new()),
            _ => update(scene, thing),
        };
    }
    if differs.is_empty() {
        return note(thing, Vec::new());
    }
    match scene.policy.drift {
        // The API may still show what our own last write has changed.
        _ if !settled && thing.state == ThingState::Pending => note(thing, Vec::new()),
        _ if !settled => Scene::wait(scene.settled_by(), Waiting::Settling),
        Drift::Accept => note(thing, Vec::new()),
        Drift::Repair if scene.row.is_fought() => fought(scene, thing, &differs),
        Drift::Repair => update(scene, thing),
        Drift::Report => note(thing, differs.into_iter().map(str::to_owned).collect()),
    }
}

/// A change is sent when nothing that was sent before can come after it any more.
fn update(scene: &Scene<'_>, thing: &Thing) -> Step {
    match scene
        .row
        .made_by
        .map(|by| scene.bound(by))
        .filter(|by| scene.now <= *by && scene.holds(Rule::WritesInTurn))
    {
        Some(by) => Scene::wait(by + Millis::new(1), Waiting::Settling),
        None => Step::Update { thing: thing.clone() },
    }
}

/// The mark is not the one we knew: this is not the thing that we made.
fn strange(scene: &Scene<'_>, thing: &Thing) -> Step {
    let problem = Problem::Changed { thing: thing.id.clone(), fields: vec!["mark".to_owned()] };
    Step::Report { problem, until: scene.now + LEFT }
}

/// Two controllers that change one thing in turn would never end.
fn fought(scene: &Scene<'_>, thing: &Thing, fields: &[&str]) -> Step {
    let fields = fields.iter().map(|field| (*field).to_owned()).collect();
    let problem = Problem::Fought { thing: thing.id.clone(), fields };
    Step::Report { problem, until: scene.now + QUIET }
}

/// Whether there is anything to look for.
fn unlooked(scene: &Scene<'_>, want: &Value) -> Step {
    let row = scene.row;
    let due = |at: Option<Timestamp>| at.is_some_and(|at| at <= scene.now);
    let changed = row.state == State::Updating || !same(want, &row.spec);
    let poll_at = row.poll_at.filter(|_| scene.holds(Rule::PendingAgain));
    let unready = row.state == State::Pending && scene.holds(Rule::PendingAgain);
    // What is wanted and on its way out is noted as present, and asks to be looked at again as well.
    let polled = due(poll_at) || unready && poll_at.is_none();
    let second = scene.confirmed_at();
    if changed || polled || due(second) || due(row.look_at) || row.thing.is_none() {
        return Step::Look(Aim::Thing);
    }
    let why = match row.state {
        State::Pending => Waiting::Polling,
        _ if second.is_some() => Waiting::Settling,
        _ if poll_at.is_some() => Waiting::Polling,
        _ => Waiting::Settled,
    };
    Step::Wait { until: [poll_at, row.look_at, second].into_iter().flatten().min(), why }
}

fn same(one: &Value, other: &Value) -> bool {
    canonical(one) == canonical(other)
}

fn note(thing: &Thing, drifted: Vec<String>) -> Step {
    Step::Note { thing: thing.clone(), drifted }
}

/// Not there though we never removed it: two looks, `settle` apart, both after all that we sent is visible.
pub(super) fn missing(scene: &Scene<'_>, look: &Look) -> Step {
    let visible = scene.settled_by();
    if look.began < visible && scene.holds(Rule::GoneNeedsLook) {
        return Scene::wait(visible, Waiting::Settling);
    }
    match scene.confirmed_at() {
        _ if !scene.holds(Rule::MissingTwice) => Step::Gone { how: Gone::Lost },
        None => Step::NoteAbsent,
        Some(second) if look.began < second => Scene::wait(second, Waiting::Settling),
        Some(_) => ending::gone(scene, Gone::Lost),
    }
}

/// When a thing that was just seen is looked at again.
pub fn poll_after(thing: &Thing) -> Option<Millis> {
    match thing.state {
        ThingState::Pending | ThingState::Removing => Some(thing.poll.unwrap_or(POLL).max(Millis::new(100))),
        ThingState::Ready | ThingState::Failed => None,
    }
}
