//! Mistakes of auditors.

use std::path::Path;

use groundcrew::prove::Pairs;
use groundcrew::prove::proof::{Extent, prove, replay};
use groundcrew::prove::scenario::Scenario;
use groundcrew_harness::hooks;

use crate::{Nobody, load};

/// What is idle is reported, and deleted after an hour; one thing becomes idle later, and one is used again.
const IDLE: &str = r#"
[audit]
remedy = "enforce"
codes  = ["thing.idle"]
grace  = "1h"
[outside.collection."/things"]
page = 1
[outside.collection."/snapshots"]
[[step]]
at = "0s"
stranger = "makes"
in = "/things"
name = "old"
body = { value = "idle" }
[[step]]
at = "0s"
stranger = "makes"
in = "/things"
name = "used"
body = { value = "in use" }
[[step]]
at = "0s"
stranger = "makes"
in = "/things"
name = "spare"
body = { value = "idle" }
[[step]]
at = "1s"
audit = true
[[step]]
at = "30m"
stranger = "changes"
in = "/things"
name = "spare"
body = { value = "in use" }
[[step]]
at = "2h"
audit = true
[[step]]
at = "3h"
stranger = "makes"
in = "/things"
name = "late"
body = { value = "idle" }
[[step]]
at = "3h"
audit = true
[expect]
findings = ["thing.idle"]
"#;

/// The same where nothing is mended; what is open at the end is written down.
const REPORTED: &str = r#"
[outside.collection."/things"]
page = 1
[[step]]
at = "0s"
stranger = "makes"
in = "/things"
name = "used"
body = { value = "in use" }
[[step]]
at = "0s"
stranger = "makes"
in = "/things"
name = "old"
body = { value = "idle" }
[[step]]
at = "1s"
audit = true
[expect]
open = ["thing.idle thing/old"]
"#;

/// Mistakes of auditors: what it takes, and how it is told.
const OF_AUDITORS: [(&str, &str, usize, &str, &str); 6] = [
    ("swallows", IDLE, 1, "unreported", "an error must be an error"),
    ("first-page", REPORTED, 0, "unreported", ""),
    ("acts", REPORTED, 0, "incomplete", "`run` looks, and `fix` acts"),
    ("stamped", REPORTED, 0, "un", "neither a time nor a number"),
    ("only-news", REPORTED, 0, "unreported", ""),
    ("unnamed", IDLE, 1, "doubled", ""),
];

#[test]
fn mistakes_of_auditors_are_seen_and_the_same_auditor_without_one_passes() {
    let loaded = load(&hooks::looker());
    let scene = |text: &str, mistake: &str| {
        let stanza =
            format!("[stanza]\nconfig = {{ server = \"https://api.example\", mistake = \"{mistake}\" }}\n");
        let scenario = Scenario::parse(Path::new("scenarios/planted.toml"), &(stanza + text)).unwrap();
        scenario.scene(&loaded).unwrap()
    };
    let extent = Extent { pairs: Pairs::Sample { count: 60, seed: 1 }, lives: 0, seed: 1 };
    let mut unseen = Vec::new();
    for (mistake, text, takes, wrong, why) in OF_AUDITORS {
        let Some(failure) = prove(&scene(text, mistake), extent, &Nobody).failure else {
            unseen.push(format!("{mistake}: nothing goes wrong"));
            continue;
        };
        let is_wrong = failure.wrong.iter().any(|line| line.starts_with(wrong));
        let is_told = is_wrong && failure.why.join("; ").contains(why);
        if failure.ordeal.len() != takes || !is_told {
            unseen.push(format!("{mistake}: {failure:#?}"));
        }
        assert!(replay(&scene(text, mistake), &failure.ordeal).failure.is_some(), "{mistake}");
    }
    assert!(unseen.is_empty(), "{}", unseen.join("\n"));
    for text in [IDLE, REPORTED] {
        let right = prove(&scene(text, "none"), extent, &Nobody);
        assert!(right.failure.is_none() && right.points > 20 && right.pairs == 60, "{right:#?}");
        assert!(right.looks >= 5, "{right:?}");
    }
}
