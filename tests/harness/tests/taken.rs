//! What is found for a row before anything was sent for it is compared with what is wanted by then.

use groundcrew_harness::{Scenario, play, thing};
use groundcrew_outside::{Act, Fault, Knobs};
use serde_json::json;

/// The mark that this installation writes on the app's thing.
fn mark() -> String {
    let scenario = Scenario::new("marks")
        .collection("/marked", Knobs::marked())
        .wants(0, "a", &[thing("marked", "x", 1)])
        .expects(&[("a", "marked/x")])
        .lasts(60_000);
    let played = play(&scenario, &[]);
    assert!(played.is_right(), "{played}");
    played.log[0].mark.clone().expect("it is marked")
}

/// A thing that the ledger does not know any more is ours by its mark. Nobody knows what was last written to it, so that it
/// shows otherwise than it is wanted is drift, also if more was wanted in between.
#[test]
fn what_is_taken_is_drifted_from_what_is_wanted_by_then() {
    let planted = Act::Plant { name: Some("x".to_owned()), mark: Some(mark()), body: json!({"value": 1}) };
    let scenario = Scenario::new("taken")
        .collection("/marked", Knobs::marked())
        .act(0, "/marked", planted)
        // The look of the row that is made for the first want fails.
        .fault(0, 0, "GET", Fault::Refused(500))
        .wants(0, "a", &[thing("marked", "x", 2)])
        .wants(500, "a", &[thing("marked", "x", 3)])
        .lasts(120_000);
    let played = play(&scenario, &[]);
    assert!(played.shows("/marked", 1), "it is written over although `drift` is `report`: {played}");
    assert!(played.is_open("resource.drift"), "{played}");
}
