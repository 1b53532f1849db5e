//! A creation whose outcome is not known: find it, wait for it, and only then repeat it.

use super::first::ids;
use super::scene::equals;
use super::{Aim, BLOCKED, Gone, LEFT, Look, Policy, Problem, Rule, SKEW, Scene, Step, WATCHED, Waiting};
use crate::duration::Millis;
use crate::manifest::Class;
use crate::row::{Origin, Whose, marked_by};
use crate::spec::Thing;
use crate::time::Timestamp;

/// Looks while a creation settles: not more often than this.
const BETWEEN: Millis = Millis::seconds(1);

pub(super) fn decide(scene: &Scene<'_>) -> Step {
    let Some(look) = scene.looked(Aim::Anything) else { return Step::Look(Aim::Anything) };
    if let Some(known) = look.things.iter().find(|thing| known(scene, thing)) {
        return Step::Take { thing: known.clone(), origin: scene.row.origin };
    }
    let judged_as = judged_as(scene);
    if judged_as == Class::Anonymous {
        return anonymous(scene, look);
    }
    if let Some(thing) = look.things.iter().find(|thing| ours(scene, thing)) {
        return Step::Take { thing: thing.clone(), origin: Origin::Created };
    }
    let over = scene.settled_by();
    let settled = look.began >= over || !scene.holds(Rule::SettleWait);
    if scene.want.is_none() {
        return given_up(scene, look, over);
    }
    if judged_as == Class::Natural {
        let foreign = look.things.iter().find(|_| scene.holds(Rule::ForeignIsForeign));
        return match foreign {
            // What has the key is not ours, and our own write may still be hidden behind it.
            Some(_) if !settled => settling(scene, over),
            Some(foreign) => {
                let problem = Problem::Conflict { thing: foreign.id.clone() };
                Step::Report { problem, until: scene.now + BLOCKED }
            }
            None => Step::Create { before: before(scene, look) },
        };
    }
    match judged_as {
        _ if settled && is_inherited(scene) => Step::Gone { how: Gone::NeverSeen },
        // The API repeats its answer for the same key: sending again makes nothing new. What is there now may
        // be ours already, so the pre-image stays as it was.
        Class::Keyed => Step::Create { before: scene.row.before.clone() },
        _ if settled => Step::Create { before: before(scene, look) },
        _ => settling(scene, over),
    }
}

/// A key that the API has forgotten distinguishes nothing: then a mark does, or nothing at all.
fn judged_as(scene: &Scene<'_>) -> Class {
    match scene.policy.class {
        Class::Keyed if (remembers(scene) && !is_inherited(scene)) || !scene.holds(Rule::KeyRemembered) => {
            Class::Keyed
        }
        Class::Keyed if any_mark(scene) => Class::Marked,
        Class::Keyed => Class::Anonymous,
        other => other,
    }
}

/// Whether the API will still know the creation's key when a request that leaves now takes effect.
fn remembers(scene: &Scene<'_>) -> bool {
    let of_known_age = |at| scene.steady.tells_age(at) || !scene.holds(Rule::SteadyTime);
    scene.row.intended_at.is_none_or(of_known_age)
        && is_remembered(scene.row.intended_at, scene.policy, scene.now)
}

/// Whether a key that was first sent at a time is still known when a request that leaves at another takes effect.
pub fn is_remembered(first: Option<Timestamp>, policy: &Policy, at: Timestamp) -> bool {
    policy.remembers.is_some_and(|long| at + policy.window + SKEW < first.unwrap_or(at) + long)
}

/// Whether it was sent for an earlier incarnation: then it is only looked for, and what is still wanted is made
/// anew, under names that mean nothing else.
fn is_inherited(scene: &Scene<'_>) -> bool {
    scene.row.inherited_at.is_some()
}

fn any_mark(scene: &Scene<'_>) -> bool {
    scene.look.is_some_and(|look| look.things.iter().any(|thing| thing.mark.is_some()))
}

/// Whether this is what the creation's answer named: it came before the owner's address changed hands. A natural
/// thing's id is its key, and names whatever is there.
fn known(scene: &Scene<'_>, thing: &Thing) -> bool {
    let told = scene.policy.class != Class::Natural && scene.row.thing.as_ref() == Some(&thing.id);
    told && !scene.held_by_another(thing) && !scene.estranged(thing)
}

fn ours(scene: &Scene<'_>, thing: &Thing) -> bool {
    if scene.held_by_another(thing) {
        return false;
    }
    match scene.whose(thing) {
        Whose::Mine => true,
        // Without marks, a natural thing that appeared where none was and is what we sent is ours.
        Whose::Unmarked => {
            scene.holds(Rule::AppearedIsOurs)
                && scene.policy.class == Class::Natural
                && scene.row.before.is_empty()
                && equals(thing, &scene.row.spec)
        }
        Whose::Earlier | Whose::Sibling | Whose::Foreign => false,
    }
}

fn anonymous(scene: &Scene<'_>, look: &Look) -> Step {
    let over = scene.settled_by();
    if look.began < over && scene.holds(Rule::JudgeLate) {
        return settling(scene, over);
    }
    let new = |thing: &&Thing| {
        let there_before = scene.holds(Rule::PreImage) && scene.row.before.contains(&thing.id);
        !scene.held_by_another(thing) && !there_before && !of_another_installation(scene, thing)
    };
    // When it was made tells that a thing is ours, and never that it is not: nobody knows how far the clocks are apart.
    let could_be = |thing: &&Thing| made_then(scene, thing) != Some(false) || scene.holds(Rule::NewMayBeOurs);
    let possible: Vec<_> = look.things.iter().filter(new).filter(could_be).collect();
    match possible[..] {
        [only] if made_then(scene, only) == Some(true) && !could_be_of_another(scene) => {
            Step::Take { thing: only.clone(), origin: Origin::Presumed }
        }
        [] if scene.want.is_none() => given_up(scene, look, over),
        [] if is_inherited(scene) => Step::Gone { how: Gone::NeverSeen },
        [] => Step::Create { before: before(scene, look) },
        _ => {
            let things = possible.iter().map(|thing| thing.id.clone()).collect();
            let again = if scene.want.is_some() { BLOCKED } else { LEFT };
            Step::Report { problem: Problem::Ambiguous { things }, until: scene.now + again }
        }
    }
}

/// Whether what is new could as well be another row's, whose key is forgotten as this one's is: then a person decides.
fn could_be_of_another(scene: &Scene<'_>) -> bool {
    scene.policy.class == Class::Keyed && scene.listing_busy && scene.holds(Rule::KeysApart)
}

/// Whether it carries a mark that only another installation writes: ours would carry none, whatever else it shows.
fn of_another_installation(scene: &Scene<'_>, thing: &Thing) -> bool {
    let named = thing.mark.as_deref().and_then(marked_by);
    // A name that is host-made says no installation.
    named.is_some_and(|(whose, _)| !whose.is_empty() && whose != scene.installation)
}

/// Whether a thing was made while our creation could take effect; none if the API does not say.
fn made_then(scene: &Scene<'_>, thing: &Thing) -> Option<bool> {
    if !scene.holds(Rule::MadeWindow) {
        return Some(true);
    }
    let from = scene.row.intended_at? - SKEW;
    let to = scene.row.made_by? + SKEW;
    thing.made.map(|made| from <= made && made <= to)
}

/// The pre-image of a repeated creation: what was there before the first, and what is there now.
fn before(scene: &Scene<'_>, look: &Look) -> Vec<String> {
    let mut all = scene.row.before.clone();
    all.extend(ids(&look.things));
    all.sort();
    all.dedup();
    all
}

/// Nobody wants it any more and nothing was seen: it is watched for a late effect, then forgotten.
fn given_up(scene: &Scene<'_>, look: &Look, over: Timestamp) -> Step {
    if !scene.holds(Rule::WatchGivenUp) {
        return Step::Gone { how: Gone::NeverSeen };
    }
    if look.began < over {
        return settling(scene, over);
    }
    // A start of the machine makes nobody watch for another day.
    let end = scene.row.made_by.map_or(over, |by| by + scene.policy.settle + WATCHED).max(over);
    if look.began >= end {
        return Step::Gone { how: Gone::NeverSeen };
    }
    // Seldomer the longer it stays away: a dozen looks a day, not hundreds.
    let pause = scene.now.since(over).max(scene.policy.settle);
    Scene::wait((scene.now + pause).min(end), Waiting::Watching)
}

/// Looks again soon, and once more when everything must have become visible.
pub(super) fn settling(scene: &Scene<'_>, over: Timestamp) -> Step {
    let pause = BETWEEN.max(Millis::new(scene.policy.settle.as_i64() / 4));
    let until = if scene.now < over { (scene.now + pause).min(over) } else { scene.now };
    Scene::wait(until, Waiting::Settling)
}
