//! A row whose creation has not left yet: look, then take, refuse or create.
//!
//! While a ledger is rebuilt, the creation may have left all the same, on the record that was lost.

use super::doubt::settling;
use super::scene::equals;
use super::{Adopt, Aim, BLOCKED, Gone, Problem, Rule, Scene, Step, Waiting};
use crate::duration::Millis;
use crate::manifest::Class;
use crate::row::{Origin, Whose};
use crate::spec::Thing;
use crate::time::Timestamp;

const TURN: Millis = Millis::seconds(1);

pub(super) fn decide(scene: &Scene<'_>) -> Step {
    let Some(want) = scene.want else { return Step::Gone { how: Gone::NeverMade } };
    if scene.policy.class == Class::Anonymous && scene.listing_busy && scene.holds(Rule::OneAtATime) {
        return Scene::wait(scene.now + TURN, Waiting::Turn);
    }
    let look = match scene.looked(Aim::Anything) {
        Some(look) => look,
        None if scene.holds(Rule::LookFirst) => return Step::Look(Aim::Anything),
        None => return Step::Create { before: Vec::new() },
    };
    let recovers = scene.policy.adopt == Adopt::Recover;
    if scene.policy.class == Class::Anonymous && !recovers {
        return Step::Create { before: ids(&look.things) };
    }
    if let Some((thing, origin)) = look.things.iter().find_map(|thing| Some((thing, ours(scene, thing)?))) {
        return Step::Take { thing: thing.clone(), origin };
    }
    let equal: Vec<_> = look.things.iter().filter(|thing| adoptable(scene, thing, want)).collect();
    match equal[..] {
        [only] => {
            let origin = if recovers { Origin::Presumed } else { Origin::Adopted };
            return Step::Take { thing: only.clone(), origin };
        }
        [_, _, ..] if recovers => {
            let things = equal.iter().map(|thing| thing.id.clone()).collect();
            return Step::Report { problem: Problem::Ambiguous { things }, until: scene.now + BLOCKED };
        }
        _ => {}
    }
    // What was on its way when the ledger was lost is ours, and would be made a second time.
    if let Some(over) = lost_shows_by(scene)
        && look.began < over
    {
        return settling(scene, over);
    }
    match look.things.first() {
        Some(foreign) if scene.policy.class == Class::Natural && scene.holds(Rule::ForeignIsForeign) => {
            let problem = Problem::Conflict { thing: foreign.id.clone() };
            Step::Report { problem, until: scene.now + BLOCKED }
        }
        _ => Step::Create { before: ids(&look.things) },
    }
}

/// A thing that carries this row's mark, or an earlier row's of the same key if policy takes that over.
fn ours(scene: &Scene<'_>, thing: &Thing) -> Option<Origin> {
    if scene.held_by_another(thing) {
        return None;
    }
    match scene.whose(thing) {
        Whose::Mine => Some(Origin::Created),
        Whose::Earlier if scene.policy.adopt != Adopt::Never => Some(Origin::Created),
        Whose::Earlier | Whose::Sibling | Whose::Foreign | Whose::Unmarked => None,
    }
}

fn adoptable(scene: &Scene<'_>, thing: &Thing, want: &serde_json::Value) -> bool {
    let takes = match scene.policy.adopt {
        Adopt::Never | Adopt::Marked => false,
        Adopt::Exact => true,
        // What is made with a mark and carries none was not made by us.
        Adopt::Recover => scene.policy.class != Class::Marked,
    };
    takes && scene.whose(thing) == Whose::Unmarked && !scene.held_by_another(thing) && equals(thing, want)
}

/// When everything must show that was sent until the ledger was lost.
fn lost_shows_by(scene: &Scene<'_>) -> Option<Timestamp> {
    let lost = scene.policy.lost_at.filter(|_| scene.holds(Rule::LostMustShow))?;
    Some(scene.bound(lost + scene.policy.window) + scene.policy.settle)
}

pub(super) fn ids(things: &[Thing]) -> Vec<String> {
    things.iter().map(|thing| thing.id.clone()).collect()
}
