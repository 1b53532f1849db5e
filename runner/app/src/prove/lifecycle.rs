//! Lives of a scenario's owners, drawn from a seed: they come, change and go in ways that nobody wrote down.
//!
//! Owners, and what may be written on them, are the scenario's; so are the API and what strangers do. What lives at the
//! end is what lives when nothing goes wrong, of owners that live.

use std::collections::BTreeMap;

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha12Rng;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::beside::Nobody;
use super::scene::{Doing, Scene, Sighting};

/// How long it may be from one turn of a life to the next, in milliseconds: within a request or `settle`, or after it.
const PAUSES: [(i64, i64); 4] = [(1, 40), (40, 1_500), (1_500, 15_000), (15_000, 120_000)];
/// Turns of one life at most.
const TURNS_MAX: usize = 5;

/// One turn of an owner's life.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// When, in milliseconds after the beginning.
    pub at: i64,
    /// Its app.
    pub app: String,
    /// The machine; none: the app itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// What is written on it; none: it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Value>,
}

type Owner = (String, Option<String>);

/// Draws the lives of all owners of a scene.
pub(super) fn draw<A>(script: &[(i64, Doing<A>)], seed: u64) -> Vec<Turn> {
    let mut pools = BTreeMap::<Owner, Vec<Value>>::new();
    for sighting in sightings(script) {
        let pool = pools.entry((sighting.app.clone(), sighting.machine.clone())).or_default();
        pool.extend(sighting.labels.clone());
    }
    let mut dice = ChaCha12Rng::seed_from_u64(seed);
    let mut turns = Vec::new();
    for ((app, machine), pool) in pools {
        let mut at = dice.random_range(0..20_000);
        let mut lives = false;
        for _ in 0..dice.random_range(1..=TURNS_MAX) {
            let goes = pool.is_empty() || lives && dice.random_range(0..100) < 35;
            let labels = (!goes).then(|| pool[dice.random_range(0..pool.len())].clone());
            lives = !goes;
            turns.push(Turn { at, app: app.clone(), machine: machine.clone(), labels });
            let (from, to) = PAUSES[dice.random_range(0..PAUSES.len())];
            at += dice.random_range(from..to);
        }
    }
    turns.sort_by_key(|turn| turn.at);
    turns
}

/// A number of at most this, for whoever chooses what goes wrong.
pub(super) fn number(seed: u64, below: usize) -> usize {
    ChaCha12Rng::seed_from_u64(seed).random_range(0..below.max(1))
}

/// The scene with these lives instead of its own; an hour and more after the last turn stays.
pub(super) fn live(scene: &Scene<Nobody>, turns: &[Turn]) -> Scene<Nobody> {
    let mut script: Vec<_> =
        scene.script.iter().filter(|(_, doing)| !matches!(doing, Doing::Sees(_))).cloned().collect();
    let before = scene.script.last().map_or(0, |(at, _)| *at);
    let mut seen = BTreeMap::<Owner, (u32, bool)>::new();
    for turn in turns {
        let (number, lives) = seen.entry((turn.app.clone(), turn.machine.clone())).or_default();
        if turn.labels.is_some() && !*lives {
            *number += 1;
        }
        let (was, is) = (*lives, turn.labels.is_some());
        *lives = is;
        // Who is not there cannot go.
        if !was && !is {
            continue;
        }
        let word = if turn.machine.is_some() { "machine" } else { "app" };
        let event = match (was, is) {
            (false, _) => Some(format!("{word}.created")),
            (true, true) => Some(format!("{word}.updated")),
            (true, false) => turn.machine.is_some().then(|| "machine.destroyed".to_owned()),
        };
        let Turn { at, app, machine, labels } = turn.clone();
        script.push((
            at,
            Doing::Sees(Sighting { app, machine, incarnation: *number, labels, event, data: Value::Null }),
        ));
    }
    script.sort_by_key(|(at, _)| *at);
    let last = script.last().map_or(0, |(at, _)| *at);
    Scene { script, lasts: scene.lasts - before + last.max(before), ..scene.clone() }
}

/// Paths of owners that live at the end.
pub(super) fn living<A>(script: &[(i64, Doing<A>)]) -> Vec<String> {
    let mut last = BTreeMap::<Owner, bool>::new();
    for sighting in sightings(script) {
        last.insert((sighting.app.clone(), sighting.machine.clone()), sighting.labels.is_some());
    }
    let path = |((app, machine), _): (Owner, bool)| {
        let machine = machine.map(|machine| format!("/{machine}")).unwrap_or_default();
        format!("fly/acme/{app}{machine}")
    };
    last.into_iter().filter(|(_, lives)| *lives).map(path).collect()
}

fn sightings<A>(script: &[(i64, Doing<A>)]) -> impl Iterator<Item = &Sighting> {
    script.iter().filter_map(|(_, doing)| match doing {
        Doing::Sees(sighting) => Some(sighting),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use serde_json::json;

    use super::*;

    #[test]
    fn lives_are_the_same_for_the_same_seed_and_use_what_is_written() {
        let sees = |at, labels| {
            let sighting = Sighting {
                app: "a".to_owned(),
                machine: None,
                incarnation: 1,
                labels,
                event: None,
                data: Value::Null,
            };
            (at, Doing::<Infallible>::Sees(sighting))
        };
        let script =
            [sees(0, Some(json!({"plan": "x"}))), sees(5, Some(json!({"plan": "y"}))), sees(9, None)];
        let drawn: Vec<_> = (0..50).map(|seed| draw(&script, seed)).collect();
        assert_eq!(drawn, (0..50).map(|seed| draw(&script, seed)).collect::<Vec<_>>());
        let all = || drawn.iter().flatten();
        assert!(
            all().any(|turn| turn.labels.is_none())
                && all().any(|turn| turn.labels == Some(json!({"plan": "y"})))
        );
        assert!(drawn.iter().all(|turns| turns[0].labels.is_some() && turns.len() <= TURNS_MAX));
        assert!(living(&script).is_empty());
    }
}
