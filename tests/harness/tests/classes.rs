//! Every class of creation, struck at every point: nothing doubled, lost, leaked or foreign.

use groundcrew_harness::{Pairs, Scenario, explore, points, thing};
use groundcrew_outside::Knobs;

fn tried(scenario: &Scenario, pairs: Pairs) {
    let trial = explore(scenario, pairs, groundcrew_harness::Played::is_right);
    println!("{trial}");
    assert!(trial.wrong.is_empty(), "{trial}");
    points::keep(&trial);
}

#[test]
fn a_natural_thing_comes_changes_and_goes() {
    let scenario = Scenario::new("natural")
        .collection("/natural", Knobs { lag_ms: 4_000, ..Knobs::natural() })
        .wants(0, "a", &[thing("natural", "x", 1)])
        .wants(60_000, "a", &[thing("natural", "x", 2)])
        .ends(120_000, "a", 1);
    tried(&scenario, Pairs::Sample { count: 100, seed: 1 });
}

#[test]
fn debug_one() {
    let scenario = Scenario::new("natural")
        .collection("/natural", Knobs { lag_ms: 4_000, ..Knobs::natural() })
        .wants(0, "a", &[thing("natural", "x", 1)])
        .wants(60_000, "a", &[thing("natural", "x", 2)])
        .ends(120_000, "a", 1);
    let began = std::time::Instant::now();
    let played = groundcrew_harness::play(&scenario, &[]);
    println!("{:?} {} {played}", began.elapsed(), played.moments.len());
}
