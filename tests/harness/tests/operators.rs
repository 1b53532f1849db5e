//! Machines as owners, labels that change while a creation is in doubt, and people who intervene meanwhile.

use groundcrew_harness::{Pairs, Played, Scenario, points, thing};
use groundcrew_outside::{Fault, Knobs, What};
use serde_json::json;

/// Less than the five seconds of `settle` that the guest's manifest says.
const LAG: i64 = 4_000;

fn lagging(knobs: &Knobs) -> Knobs {
    Knobs { lag_ms: LAG, ..knobs.clone() }
}

#[test]
fn machines_own_things_and_take_them_along() {
    let (one, two) = (("a", "m1"), ("a", "m2"));
    let scenario = Scenario::new("machines")
        .machines_own()
        .collection("/marked", lagging(&Knobs::marked()))
        .collection("/natural", lagging(&Knobs::natural()))
        .app_seen(0, "a")
        .machine_wants(0, one, &[thing("marked", "x", 1), thing("natural", "y", 1)])
        .machine_wants(1_000, two, &[thing("marked", "z", 1), thing("natural", "y", 2)])
        .machine_ends(60_000, one)
        .machine_wants(65_000, two, &[thing("marked", "z", 2), thing("natural", "y", 2)])
        .expects(&[("a/m2", "marked/z"), ("a/m2", "natural/y")])
        .lasts(250_000);
    points::tried(&scenario, Pairs::Sample { count: 40, seed: 41 }, |played| {
        played.is_right() && played.shows("/natural", 2) && played.shows("/marked", 2)
    });
}

#[test]
fn machines_end_with_their_app() {
    let machine = ("a", "m1");
    let scenario = Scenario::new("machines-and-app")
        .machines_own()
        .collection("/anonymous", lagging(&Knobs::anonymous()))
        .fault(0, 0, "POST", Fault::AnswerLost)
        .app_seen(0, "a")
        .machine_wants(0, machine, &[thing("anonymous", "x", 1)])
        .machine_ends(60_000, machine)
        .ends(60_000, "a", 1)
        .lasts(250_000);
    points::tried(&scenario, Pairs::Sample { count: 40, seed: 42 }, Played::is_right);
}

#[test]
fn labels_change_while_a_creation_is_in_doubt() {
    let shaped =
        |value: u32, shape: &str| json!({"kind": "marked", "key": "x", "value": value, "shape": shape});
    let scenario = Scenario::new("labels-in-doubt")
        .collection("/marked", lagging(&Knobs::marked()))
        .fault(0, 0, "POST", Fault::Late(9_000))
        .wants(0, "a", &[shaped(1, "round")])
        .wants(500, "a", &[shaped(2, "round"), thing("marked", "y", 1)])
        // Another shape cannot be had by a change: what turns up is replaced.
        .wants(2_000, "a", &[shaped(3, "square")])
        .expects(&[("a", "marked/x")])
        .lasts(250_000);
    points::tried(&scenario, Pairs::Sample { count: 40, seed: 43 }, |played| {
        played.is_right() && played.shows("/marked", 3)
    });
}

#[test]
fn a_pause_holds_everything_and_loses_nothing() {
    let scenario = Scenario::new("paused")
        .collection("/marked", lagging(&Knobs::marked()))
        .fault(0, 0, "POST", Fault::AnswerLost)
        .wants(0, "a", &[thing("marked", "x", 1)])
        // While the creation is in doubt.
        .pauses(300, "things")
        .wants(20_000, "a", &[thing("marked", "x", 2), thing("marked", "y", 1)])
        .wants(20_000, "b", &[thing("marked", "z", 1)])
        .ends(25_000, "b", 1)
        .unpauses(80_000, "things")
        .expects(&[("a", "marked/x"), ("a", "marked/y")])
        .lasts(250_000);
    let paused = |at: i64| (20_000..80_000).contains(&at);
    points::tried(&scenario, Pairs::Sample { count: 40, seed: 44 }, |played| {
        played.is_right()
            && played.shows("/marked", 2)
            && played.shows("/marked", 1)
            && !played.log.iter().any(|effect| paused(effect.at - groundcrew_harness::clock::START))
    });
}

#[test]
fn paused_deletes_are_done_afterwards_and_not_before() {
    let scenario = Scenario::new("paused-deletes")
        .collection("/natural", lagging(&Knobs::natural()))
        .wants(0, "a", &[thing("natural", "x", 1), thing("natural", "y", 1)])
        .wants(0, "b", &[thing("natural", "z", 1)])
        .pauses_deletes(30_000, "things")
        .wants(40_000, "a", &[thing("natural", "x", 2)])
        .ends(40_000, "b", 1)
        .unpauses(150_000, "things")
        .expects(&[("a", "natural/x")])
        .lasts(300_000);
    points::tried(&scenario, Pairs::Sample { count: 40, seed: 45 }, |played| {
        let deleted = |effect: &&groundcrew_outside::Effect| effect.what == What::Deleted;
        let first = played.log.iter().find(deleted);
        played.is_right()
            && played.shows("/natural", 2)
            && first.is_some_and(|first| first.at >= groundcrew_harness::clock::START + 150_000)
    });
}

#[test]
fn held_deletes_wait_for_approval() {
    let all: Vec<_> = ["u", "v", "w", "x"].iter().map(|key| thing("natural", key, 1)).collect();
    let scenario = Scenario::new("approved")
        .stanza("gone_adopted = \"delete\"\nlimits = { deletes = { share = \"10%\", floor = 1, within = \"1h\" } }")
        .collection("/natural", lagging(&Knobs::natural()))
        .wants(0, "a", &all)
        .wants(30_000, "a", &all[..1])
        // Three are due at once, and one is allowed: the whole set is held.
        .approves(120_000)
        .expects(&[("a", "natural/u")])
        .lasts(300_000);
    points::tried(&scenario, Pairs::Sample { count: 40, seed: 46 }, |played| {
        let deleted = |effect: &&groundcrew_outside::Effect| effect.what == What::Deleted;
        let first = played.log.iter().find(deleted);
        played.is_right() && first.is_some_and(|first| first.at >= groundcrew_harness::clock::START + 120_000)
    });
}

#[test]
fn what_was_approved_and_is_wanted_again_stays() {
    let scenario = Scenario::new("approved-too-late")
        .stanza("gone_adopted = \"delete\"\nlimits = { deletes = { share = \"1%\", floor = 0, within = \"1h\" } }")
        .collection("/marked", lagging(&Knobs::marked()))
        .wants(0, "a", &[thing("marked", "x", 1), thing("marked", "y", 1)])
        // Long enough for two creations in doubt, one after the other.
        .wants(90_000, "a", &[])
        .wants(160_000, "a", &[thing("marked", "x", 1)])
        .approves(160_005)
        .wants(220_000, "a", &[])
        .wants(225_000, "a", &[thing("marked", "x", 1)])
        .expects(&[("a", "marked/x")])
        .lasts(400_000);
    points::tried(&scenario, Pairs::Sample { count: 40, seed: 47 }, |played| {
        let created = played.log.iter().filter(|effect| effect.what == What::Created).count();
        played.is_right() && created == 2
    });
}
