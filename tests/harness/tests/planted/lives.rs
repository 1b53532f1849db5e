//! Mistakes that no scenario shows as it is written: lives that are drawn find them, and are told in their shortest form.

use groundcrew::prove::Pairs;
use groundcrew::prove::proof::{Extent, Proof, prove, replay};

use crate::{Nobody, scene};

/// What it has only grows.
const GROWS: &str = r#"
[outside.collection."/marked"]
like = "marked"
lag  = "2s"
[[step]]
at = "1s"
app = "a"
labels = { things = ["marked/x=1"] }
[[step]]
at = "1m"
app = "a"
labels = { things = ["marked/x=2"] }
[expect]
lives = ["a marked/x"]
"#;

fn drawn(mistake: &str, lives: usize) -> Proof {
    let extent = Extent { pairs: Pairs::Sample { count: 20, seed: 1 }, lives, seed: 1 };
    prove(&scene(GROWS, mistake), extent, &Nobody)
}

#[test]
fn what_only_another_life_shows_is_seen_in_its_shortest_form() {
    let unseen = drawn("shrinks-anew", 0);
    assert!(unseen.failure.is_none(), "{:#?}", unseen.failure);
    let failure = drawn("shrinks-anew", 20).failure.unwrap();
    let turns: Vec<_> =
        failure.ordeal.life.iter().map(|turn| turn.labels.clone().unwrap()["things"][0].clone()).collect();
    assert_eq!(turns, ["marked/x=2", "marked/x=1"], "{failure:#?}");
    // Nothing else has to go wrong, and no step of the scenario has to happen.
    assert_eq!(failure.ordeal.len(), 0, "{failure:#?}");
    assert!(failure.wrong[0].starts_with("doubled"), "{failure:#?}");
    assert!(failure.why.join("; ").contains("`update` made a new thing"), "{failure:#?}");
    assert!(replay(&scene(GROWS, "shrinks-anew"), &failure.ordeal).failure.is_some());
    let right = drawn("none", 20);
    assert!(right.failure.is_none() && right.lives == 20, "{right:#?}");
}
