//! A play that goes on from what a death left is the one that is played from its beginning, to the last byte.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use groundcrew::prove::deaths::Deaths;
use groundcrew::prove::loaded::Loaded;
use groundcrew::prove::scenario::Scenario;
use groundcrew::prove::scene::Records;
use groundcrew::prove::{Blow, Scene, Strike, play};
use groundcrew_harness::hooks;

/// A thing of an app that changes its mind and goes, beside a stranger's.
const THINGS: &str = r#"
[stanza]
grace = { gone = "30s", unwanted = "20s" }
config = { server = "https://api.example", mistake = "none" }
[outside.collection."/marked"]
like = "marked"
lag  = "2s"
demolish = "1s"
[[step]]
at = "0s"
stranger = "makes"
in = "/marked"
name = "theirs"
[[step]]
at = "1s"
app = "a"
labels = { things = ["marked/x=1"] }
[[step]]
at = "1m"
app = "a"
labels = { things = ["marked/x=2"] }
[[step]]
at = "2m"
app = "a"
gone = true
[expect]
lives = []
"#;

/// An app is heard of, and the time.
const TOLD: &str = r#"
[stanza]
on     = ["app.created", "app.deleted"]
cron   = "0 3 * * *"
config = { server = "https://api.example", mistake = "none" }
[[step]]
at  = "2s"
app = "a"
[[step]]
at   = "1h"
tick = true
[[step]]
at   = "2h"
app  = "a"
gone = true
"#;

/// What is idle is reported, and deleted after an hour.
const IDLE: &str = r#"
[stanza]
config = { server = "https://api.example", mistake = "none" }
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
at = "1s"
audit = true
[[step]]
at = "2h"
audit = true
[expect]
findings = ["thing.idle"]
"#;

#[test]
fn from_a_death_on_things_go_as_from_the_beginning() {
    compare(&hooks::wrong(), THINGS);
}

#[test]
fn from_a_death_on_events_are_told_as_from_the_beginning() {
    compare(&hooks::teller(), TOLD);
}

#[test]
fn from_a_death_on_audits_see_what_they_see_from_the_beginning() {
    compare(&hooks::looker(), IDLE);
}

/// Every death there is, and a second one a little later: runs, ledger, log, receipts, findings and moments are the same.
fn compare(component: &[u8], text: &str) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("deaths");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let loaded = runtime.block_on(Loaded::new(component, &folder, &mut |_| {})).unwrap();
    let scenario = Scenario::parse(Path::new("scenarios/deaths.toml"), text).unwrap();
    let scene = Scene { records: Records::Whole, ..scenario.scene(&loaded).unwrap() };
    let whole = play(&scene, &[]);
    assert!(whole.is_right() && whole.kept.is_some(), "{whole}");
    let deaths = Deaths::of(&scene);
    let moments: Vec<_> = (0..whole.moments.len()).filter(|at| whole.fresh[*at]).collect();
    assert_eq!(deaths.count(), moments.len());
    assert!(moments.len() > 20, "{moments:?}");
    // What is not kept is played from the beginning.
    let few = Deaths::first(&scene, 10);
    assert_eq!(few.count(), 10);
    for at in [moments[9], moments[10]] {
        let crash = [Strike { at, blow: Blow::Crash }];
        assert_eq!(format!("{:#?}", few.play(&scene, &crash)), format!("{:#?}", play(&scene, &crash)));
    }
    for at in moments {
        let crash = |at| Strike { at, blow: Blow::Crash };
        for strikes in [vec![crash(at)], vec![crash(at), crash(at + 1 + at % 5)]] {
            let (from_death, from_beginning) = (deaths.play(&scene, &strikes), play(&scene, &strikes));
            assert_eq!(from_death.starts as usize, 1 + from_beginning.dealt.len());
            assert_eq!(format!("{from_death:#?}"), format!("{from_beginning:#?}"), "{strikes:?}");
        }
    }
}
