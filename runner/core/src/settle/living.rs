//! A thing that exists: keep it as it is wanted, notice when it is not, let it go when nobody wants it.

use super::{Aim, Drift, Gone, Look, Problem, Rule, Scene, Step, Waiting, ending};
use crate::duration::Millis;
use crate::row::{State, Whose};
use crate::spec::{Thing, ThingState, differing};

/// A thing is looked at again for drift at least this often, if nothing else looks.
pub const DRIFT_EVERY: Millis = Millis::hours(24);

/// A pending thing whose API does not say when is looked at again after this.
const POLL: Millis = Millis::seconds(5);

pub(super) fn decide(scene: &Scene<'_>) -> Step {
    match scene.want {
        Some(want) if !scene.needs_replacement(want) => wanted(scene, want),
        _ => ending::unwanted(scene),
    }
}

fn wanted(scene: &Scene<'_>, want: &serde_json::Value) -> Step {
    let Some(look) = scene.looked(Aim::Thing) else { return unlooked(scene, want) };
    let Some(thing) = look.things.first() else { return missing(scene, look) };
    if scene.whose(thing) == Whose::Foreign && scene.row.observed.is_some() {
        let fields = vec!["mark".to_owned()];
        let problem = Problem::Changed { thing: thing.id.clone(), fields };
        return Step::Report { problem, until: scene.now + DRIFT_EVERY };
    }
    let differs = differing(want, &thing.body);
    let changed_by_us = scene.row.state == State::Updating || !same(want, &scene.row.spec);
    match (differs.is_empty(), changed_by_us, scene.policy.drift) {
        (true, _, _) | (false, false, Drift::Accept) => note(thing, Vec::new()),
        (false, true, _) | (false, false, Drift::Repair) if thing.state != ThingState::Removing => {
            Step::Update { thing: thing.clone() }
        }
        (false, _, _) => note(thing, differs.into_iter().map(str::to_owned).collect()),
    }
}

/// Whether there is anything to look for.
fn unlooked(scene: &Scene<'_>, want: &serde_json::Value) -> Step {
    let row = scene.row;
    let due = |at: Option<crate::time::Timestamp>| at.is_some_and(|at| at <= scene.now);
    let changed = row.state == State::Updating || !same(want, &row.spec);
    let polled = row.state == State::Pending && row.poll_at.is_none_or(|at| at <= scene.now);
    if changed || polled || row.absent_at.is_some() && due(row.poll_at) || due(row.look_at) || row.thing.is_none() {
        return Step::Look(Aim::Thing);
    }
    let why = if row.state == State::Pending { Waiting::Polling } else { Waiting::Settled };
    let until = [row.poll_at, row.look_at].into_iter().flatten().min();
    Step::Wait { until, why }
}

fn same(one: &serde_json::Value, other: &serde_json::Value) -> bool {
    crate::spec::canonical(one) == crate::spec::canonical(other)
}

fn note(thing: &Thing, drifted: Vec<String>) -> Step {
    Step::Note { thing: thing.clone(), drifted }
}

/// Wanted and not there: two looks, `settle` apart, both after everything of ours must be visible.
fn missing(scene: &Scene<'_>, look: &Look) -> Step {
    let visible = scene.settled_by();
    if !scene.holds(Rule::MissingTwice) {
        return Step::Gone { how: Gone::Lost };
    }
    if look.began < visible {
        return Scene::wait(visible, Waiting::Settling);
    }
    match scene.row.absent_at {
        None => Step::NoteAbsent,
        Some(first) if look.began < first + scene.policy.settle => {
            Scene::wait(first + scene.policy.settle, Waiting::Settling)
        }
        Some(_) => Step::Gone { how: Gone::Lost },
    }
}

/// When a thing that was just seen is looked at again.
pub fn poll_after(thing: &Thing) -> Option<Millis> {
    match thing.state {
        ThingState::Pending | ThingState::Removing => Some(thing.poll.unwrap_or(POLL).max(Millis::new(100))),
        ThingState::Ready | ThingState::Failed => None,
    }
}
