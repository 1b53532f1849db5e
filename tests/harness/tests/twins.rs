//! An API that hides things for longer than `settle` breaks the one condition; then it is told.

use groundcrew_harness::{Pairs, Played, Scenario, points, thing};
use groundcrew_outside::{Fault, Keys, Knobs};

/// Twice the five seconds of the guest's manifest, and what the request's deadline adds.
const LAG: i64 = 30_000;

/// More than those five seconds, and less than the time to the first look for twins: a key is sent again at once.
const LAG_OF_KEYS: i64 = 8_000;

fn twins(name: &'static str, kind: &str, path: &'static str, knobs: Knobs) {
    let key = format!("{kind}/x");
    let scenario = Scenario::new(name)
        .collection(path, knobs)
        .fault(0, 0, "POST", Fault::AnswerLost)
        .wants(0, "a", &[thing(kind, "x", 1)])
        .expects(&[("a", &key)])
        .lasts(300_000);
    let told = |played: &Played| played.verdict.doubled.is_empty() || played.found("resource.twin");
    let trial = points::tried(&scenario, Pairs::None, told);
    assert!(trial.whole.verdict.doubled.len() == 1, "the lag makes a twin: {}", trial.whole);
}

#[test]
fn a_marked_twin_is_told() {
    twins("marked-twin", "marked", "/marked", Knobs { lag_ms: LAG, ..Knobs::marked() });
}

/// The manifest says that a key is remembered for an hour; this API has forgotten it when it is sent again.
#[test]
fn a_twin_of_a_forgotten_key_is_told() {
    let keys = Keys::Honoured { remembers_ms: 1 };
    twins("keyed-twin", "keyed", "/keyed", Knobs { keys, lag_ms: LAG_OF_KEYS, ..Knobs::keyed() });
}

/// It is looked at every five seconds until it is ready, and for its twin nevertheless at ten.
#[test]
fn a_twin_of_what_is_not_ready_is_told_at_the_first_look_for_twins() {
    let keys = Keys::Honoured { remembers_ms: 1 };
    let knobs = Knobs { keys, lag_ms: LAG_OF_KEYS, build_ms: 60_000, ..Knobs::keyed() };
    let scenario = Scenario::new("slow-twin")
        .collection("/keyed", knobs)
        .fault(0, 0, "POST", Fault::AnswerLost)
        .wants(0, "a", &[thing("keyed", "x", 1)])
        .expects(&[("a", "keyed/x")])
        .lasts(40_000);
    let played = groundcrew_harness::play(&scenario, &[]);
    assert!(played.verdict.doubled.len() == 1 && played.found("resource.twin"), "{played}");
}

#[test]
fn an_anonymous_twin_is_told() {
    twins("anonymous-twin", "anonymous", "/anonymous", Knobs { lag_ms: LAG, ..Knobs::anonymous() });
}
