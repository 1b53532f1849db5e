//! A thing that is to go: read again, removed, and gone only when a look says so.

use super::living::poll_after;
use super::{Aim, Gone, Leave, Look, Problem, Rule, Scene, Step, Waiting};
use crate::duration::Millis;
use crate::row::Whose;
use crate::spec::{Thing, ThingState, differing};

/// A removal that had no effect yet is looked at again after this.
const BETWEEN: Millis = Millis::seconds(2);
/// A person is needed; looked at again after this.
const AGAIN: Millis = Millis::hours(1);

/// Exists, and nobody wants it in this shape.
pub(super) fn unwanted(scene: &Scene<'_>) -> Step {
    match scene.leave {
        Leave::Retain { why } => Step::Retain { why: why.clone() },
        Leave::Later { until, why } => Scene::wait(*until, Waiting::Leaving(why.clone())),
        Leave::Held { why } => Step::Wait { until: None, why: Waiting::Held(why.clone()) },
        Leave::Remove => {
            let Some(look) = scene.looked(Aim::Thing) else { return Step::Look(Aim::Thing) };
            match look.things.first() {
                Some(thing) => remove(scene, thing),
                None => absent(scene, look),
            }
        }
    }
}

/// Removes what was just seen, if it is still what we knew.
fn remove(scene: &Scene<'_>, thing: &Thing) -> Step {
    if thing.state == ThingState::Removing {
        return Scene::wait(scene.now + poll_after(thing).unwrap_or(BETWEEN), Waiting::Polling);
    }
    let changed = changed(scene, thing);
    if !changed.is_empty() && scene.holds(Rule::Reread) {
        let problem = Problem::Changed { thing: thing.id.clone(), fields: changed };
        return Step::Report { problem, until: scene.now + AGAIN };
    }
    Step::Remove { thing: thing.clone() }
}

/// What of a thing is not as we last knew it: its mark, or fields.
fn changed(scene: &Scene<'_>, thing: &Thing) -> Vec<String> {
    let mut changed = Vec::new();
    let lost_mark = match scene.whose(thing) {
        Whose::Mine | Whose::Earlier => false,
        Whose::Foreign | Whose::Sibling => true,
        // Things that cannot carry marks never had one.
        Whose::Unmarked => scene.row.mark.is_some(),
    };
    if lost_mark {
        changed.push("mark".to_owned());
    }
    if let Some(observed) = &scene.row.observed {
        changed.extend(differing(observed, &thing.body).into_iter().map(str::to_owned));
    }
    changed
}

/// A removal has left.
pub(super) fn deleting(scene: &Scene<'_>) -> Step {
    let Some(look) = scene.looked(Aim::Thing) else {
        return match scene.row.poll_at {
            Some(at) if at > scene.now => Scene::wait(at, Waiting::Polling),
            _ => Step::Look(Aim::Thing),
        };
    };
    let Some(thing) = look.things.first() else { return absent(scene, look) };
    if thing.state == ThingState::Removing {
        return Scene::wait(scene.now + poll_after(thing).unwrap_or(BETWEEN), Waiting::Polling);
    }
    let back = scene.want.is_some_and(|want| !scene.needs_replacement(want));
    if back {
        // It is wanted again and the removal may still take effect: only then can it be told.
        return match scene.row.removed_by.filter(|by| look.began < *by + scene.policy.settle) {
            Some(by) => Scene::wait(by + scene.policy.settle, Waiting::Settling),
            None => Step::Note { thing: thing.clone(), drifted: Vec::new() },
        };
    }
    match scene.leave {
        Leave::Remove => remove(scene, thing),
        Leave::Retain { why } => Step::Retain { why: why.clone() },
        Leave::Later { until, why } => Scene::wait(*until, Waiting::Leaving(why.clone())),
        Leave::Held { why } => Step::Wait { until: None, why: Waiting::Held(why.clone()) },
    }
}

/// A look did not show it: gone, if the look is later than all that we sent.
fn absent(scene: &Scene<'_>, look: &Look) -> Step {
    let visible = scene.row.removed_by.map_or(scene.settled_by(), |by| by.max(scene.settled_by()));
    if look.began < visible && scene.holds(Rule::GoneNeedsLook) {
        return Scene::wait(visible, Waiting::Settling);
    }
    let how = if scene.row.removed_by.is_some() { Gone::Removed } else { Gone::Lost };
    Step::Gone { how }
}

/// Left where it is; wanted again, it is looked at and taken back.
pub(super) fn retained(scene: &Scene<'_>) -> Step {
    let Some(want) = scene.want else { return Step::Wait { until: None, why: Waiting::Settled } };
    if scene.needs_replacement(want) {
        return unwanted(scene);
    }
    let Some(look) = scene.looked(Aim::Thing) else { return Step::Look(Aim::Thing) };
    match look.things.first() {
        Some(thing) => Step::Note { thing: thing.clone(), drifted: Vec::new() },
        None => absent(scene, look),
    }
}
