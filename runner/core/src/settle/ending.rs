//! A thing that is to go: read again, removed, and gone only when a look says so.

use super::living::{self, poll_after};
use super::{Aim, Gone, LEFT, Leave, Look, Problem, Rule, Scene, Step, Waiting};
use crate::duration::Millis;
use crate::manifest::Class;
use crate::row::{State, Whose};
use crate::spec::{Thing, ThingState, canonical};
use crate::time::Timestamp;

/// A removal that had no effect yet is looked at again after this.
const BETWEEN: Millis = Millis::seconds(2);

/// Exists, and nobody wants it in this shape.
pub(super) fn unwanted(scene: &Scene<'_>) -> Step {
    leaving(scene, || {
        let Some(look) = scene.looked(Aim::Thing) else { return Step::Look(Aim::Thing) };
        match look.things.first() {
            Some(thing) => remove(scene, look, thing),
            None => living::missing(scene, look),
        }
    })
}

/// What `may_delete` said, and how it is removed if it may be.
fn leaving(scene: &Scene<'_>, removal: impl FnOnce() -> Step) -> Step {
    match scene.leave {
        Leave::Remove => removal(),
        // Already left there; a person must say what becomes of it.
        Leave::Retain { why } if scene.row.state == State::Retained => {
            Step::Wait { until: None, why: Waiting::Held(why.clone()) }
        }
        Leave::Retain { why } => Step::Retain { why: why.clone() },
        Leave::Later { until, why } => Scene::wait(*until, Waiting::Leaving(why.clone())),
        Leave::Held { why } => Step::Wait { until: None, why: Waiting::Held(why.clone()) },
    }
}

/// Removes what was just seen, if it is still what we knew.
fn remove(scene: &Scene<'_>, look: &Look, thing: &Thing) -> Step {
    if thing.state == ThingState::Removing {
        return Scene::wait(scene.now + poll_after(thing).unwrap_or(BETWEEN), Waiting::Polling);
    }
    let fields = changed(scene, thing);
    if fields.is_empty() || !scene.holds(Rule::Reread) {
        return Step::Remove { thing: thing.clone() };
    }
    if look.began < scene.settled_by() {
        // It may be our own change, half visible.
        return Scene::wait(scene.settled_by(), Waiting::Settling);
    }
    Step::Report { problem: Problem::Changed { thing: thing.id.clone(), fields }, until: scene.now + LEFT }
}

/// What of a thing is not as we last knew it: its mark, or fields.
///
/// A field is as we knew it if it is what we last saw, or what our last write would make it: the answer of
/// that write may never have come.
fn changed(scene: &Scene<'_>, thing: &Thing) -> Vec<String> {
    let mark = scene.estranged(thing).then(|| "mark".to_owned());
    let Some(seen) = scene.row.observed.as_ref().and_then(|observed| observed.as_object()) else {
        return mark.into_iter().collect();
    };
    let fields = seen.iter().filter(|(name, seen)| {
        let known = [Some(*seen), scene.row.spec.get(name.as_str())];
        let now = thing.body.get(name.as_str()).map(canonical);
        now.is_some_and(|now| known.into_iter().flatten().all(|known| canonical(known) != now))
    });
    mark.into_iter().chain(fields.map(|(name, _)| name.clone())).collect()
}

/// A removal has left.
pub(super) fn deleting(scene: &Scene<'_>) -> Step {
    let Some(look) = scene.looked(Aim::Thing) else {
        return match scene.row.poll_at {
            Some(at) if at > scene.now => Scene::wait(at, Waiting::Polling),
            _ => Step::Look(Aim::Thing),
        };
    };
    let there = |thing: &&Thing| thing.state != ThingState::Removing || scene.holds(Rule::RemovingIsThere);
    let Some(thing) = look.things.first().filter(there) else { return absent(scene, look) };
    if thing.state == ThingState::Removing {
        return Scene::wait(scene.now + poll_after(thing).unwrap_or(BETWEEN), Waiting::Polling);
    }
    let removed = scene.row.removed_by.map_or(look.began, |by| scene.bound(by) + scene.policy.settle);
    match scene.want.filter(|want| !scene.needs_replacement(want)) {
        // Wanted again; but the removal may still take effect, and only after that can be told what is left.
        Some(_) if look.began < removed.max(scene.settled_by()) => {
            back_later(scene, removed.max(scene.settled_by()))
        }
        Some(_) if !changed(scene, thing).is_empty() => remove(scene, look, thing),
        Some(want) => living::wanted(scene, want, look),
        None if look.began < removed && !asks_again(scene, look) => {
            Scene::wait(removed.min(scene.now + BETWEEN), Waiting::Polling)
        }
        None if !scene.holds(Rule::RemoveAgain) => Step::Wait { until: None, why: Waiting::Polling },
        None => leaving(scene, || remove(scene, look, thing)),
    }
}

/// The removal that was answered asked for another one by now, as one does that goes page by page, and nothing that was
/// sent can still take effect. To remove once more what a look still shows as ours takes nothing that was not to go.
fn asks_again(scene: &Scene<'_>, look: &Look) -> bool {
    let over = scene.row.removed_by.is_none_or(|by| scene.bound(by) <= look.began);
    over && scene.row.poll_at.is_some_and(|at| at <= look.began)
}

fn back_later(scene: &Scene<'_>, until: Timestamp) -> Step {
    Scene::wait(until.min(scene.now + scene.policy.settle), Waiting::Settling)
}

/// A look does not show what we removed: gone, if the look is later than all that we sent.
fn absent(scene: &Scene<'_>, look: &Look) -> Step {
    // Without a mark the next row could take what it is still shown of this thing for its own.
    let ghost = scene.policy.class == Class::Natural && scene.row.mark.is_none();
    let hidden = if ghost { scene.policy.settle } else { Millis::ZERO };
    let removed = scene.row.removed_by.map(|by| scene.bound(by) + hidden);
    let visible = removed.map_or(scene.settled_by(), |removed| removed.max(scene.settled_by()));
    if look.began < visible && scene.holds(Rule::GoneNeedsLook) {
        return Scene::wait(visible, Waiting::Settling);
    }
    gone(scene, Gone::Removed)
}

/// The thing that the row knows does not exist any more. If its creation was sent more than once, a second one may be
/// there: whoever removed the first before we saw it made us repeat it, and the first may have been shown once more.
pub(super) fn gone(scene: &Scene<'_>, how: Gone) -> Step {
    let told_by_mark = matches!(scene.policy.class, Class::Marked | Class::Keyed);
    let sent = scene.row.intended_at.zip(scene.row.made_by);
    let once = sent.is_none_or(|(intended, by)| by <= intended + scene.policy.window);
    if told_by_mark && !once && scene.holds(Rule::LastLook) {
        return Step::Look(Aim::Anything);
    }
    Step::Gone { how }
}

/// What the look that [`gone`] asked for shows; nothing else about a row that has a thing looks at anything.
pub(super) fn last(scene: &Scene<'_>) -> Option<Step> {
    let how = match scene.row.state {
        State::Creating | State::InDoubt | State::Gone => return None,
        State::Deleting => Gone::Removed,
        State::Pending | State::Present | State::Updating | State::Retained => Gone::Lost,
    };
    let look = scene.looked(Aim::Anything)?;
    let known =
        |thing: &&Thing| scene.row.thing.as_ref() == Some(&thing.id) || scene.whose(thing) == Whose::Mine;
    let ours = look.things.iter().find(|thing| known(thing) && !scene.held_by_another(thing));
    Some(match ours {
        Some(thing) => Step::Take { thing: thing.clone(), origin: scene.row.origin },
        None => Step::Gone { how },
    })
}

/// Left where it is; wanted again, it is looked at and taken back.
pub(super) fn retained(scene: &Scene<'_>) -> Step {
    let Some(want) = scene.want else { return Step::Wait { until: None, why: Waiting::Settled } };
    if scene.needs_replacement(want) {
        return unwanted(scene);
    }
    match scene.looked(Aim::Thing) {
        Some(look) => living::wanted(scene, want, look),
        None => Step::Look(Aim::Thing),
    }
}
