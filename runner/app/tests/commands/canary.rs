//! How candidates compare is shown, and what differs is not promoted by mistake.

use groundcrew_core::hash::Digest;
use groundcrew_engine::clock::{Clock as _, SystemClock};
use groundcrew_store::canary::{Compared, Comparison, Pair};
use groundcrew_store::findings::ClosedToo;
use groundcrew_store::{HookId, RunId};
use serde_json::json;

use crate::fixture::Fixture;

impl Fixture {
    /// The candidate of a hook, as the runner put it up.
    async fn candidate(&self, hook: &str) -> Pair {
        let id = self.hook_id(hook);
        let pair = Pair { hook: id, current: Digest::of(b"component"), candidate: Digest::of(b"candidate") };
        self.store().begin_canaries(vec![pair], SystemClock.now()).await.unwrap();
        pair
    }

    fn hook_id(&self, name: &str) -> HookId {
        self.store().hooks().unwrap().into_iter().find(|hook| hook.name == name).unwrap().id
    }

    async fn compares(&self, pair: Pair, run: i64, op: &str, result: Compared) {
        let comparison = Comparison { run: RunId(run), op: op.to_owned(), wrote: op == "create", result };
        self.store().count_comparison(pair, comparison, None, SystemClock.now()).await.unwrap();
    }

    fn is_promoted(&self, hook: &str) -> bool {
        self.store().promotion(self.hook_id(hook)).unwrap().is_some()
    }
}

fn differs() -> Compared {
    let ask =
        |zone: &str| json!({"method": "PATCH", "url": format!("https://pdns/zones/{zone}"), "headers": []});
    let asked = |zone: &str| json!({"op": "http", "ask": ask(zone).to_string()});
    let difference = json!({"in": "call", "n": 0, "recorded": asked("example"), "now": asked("elsewhere")});
    Compared::Differs { sign: "call # differs".to_owned(), difference: Some(difference.to_string()) }
}

#[tokio::test]
async fn what_differs_is_shown_by_its_kind_and_is_not_promoted() {
    let fixture = Fixture::filled().await;
    let none = fixture.data_run("canary");
    assert_eq!(none.out, "no hook has a candidate that is compared with what runs\n");
    let pair = fixture.candidate("dns").await;
    fixture.compares(pair, 1, "create", Compared::Equal).await;
    assert_eq!(fixture.run("--data data canary dns").code, 0);
    for run in [2, 3] {
        fixture.compares(pair, run, "create", differs()).await;
    }
    let why = "the event that it was told is no longer kept".to_owned();
    fixture.compares(pair, 4, "find", Compared::CannotTell { why }).await;
    fixture.store().count_skipped(pair, 7).await.unwrap();

    let said = fixture.run("--data data canary dns");
    assert_eq!(said.code, 1, "a pipeline can ask: {said:?}");
    for text in [
        "2 x create, as r2: call 0 differs",
        "- PATCH https://pdns/zones/example",
        "+ PATCH https://pdns/zones/elsewhere",
        "1 cannot be told, as find, r4: the event",
        "one whole: groundcrew replay r2 --component",
    ] {
        assert!(said.out.contains(text), "{text} in\n{}", said.out);
    }
    let shown = fixture.run("--data data canary --json").json();
    let counts = ["equal", "differs", "cannot_tell", "skipped", "in_a_row"].map(|name| &shown[0][name]);
    assert_eq!(counts, [&json!(1), &json!(2), &json!(1), &json!(7), &json!(0)]);
    assert_eq!(shown[0]["cases"][0]["difference"]["in"], "call", "{shown}");

    let refused = fixture.run("--data data promote dns");
    assert!(refused.code == 1 && refused.err.contains("2 of 3 runs differ with it"), "{refused:?}");
    assert!(
        refused.err.contains("groundcrew --data data promote dns --anyway") && !fixture.is_promoted("dns")
    );
    fixture.data_run("promote dns --anyway");
    assert!(fixture.is_promoted("dns"));
}

#[tokio::test]
async fn a_promotion_needs_a_candidate_that_was_compared_and_can_be_taken_back() {
    let fixture = Fixture::filled().await;
    let refused = fixture.run("--data data promote dns");
    assert!(refused.code == 1 && refused.err.contains("dns has no candidate"), "{refused:?}");
    let pair = fixture.candidate("dns").await;
    let refused = fixture.run("--data data promote dns");
    assert!(refused.code == 1 && refused.err.contains("no run was compared with it yet"), "{refused:?}");
    fixture.compares(pair, 1, "create", Compared::Equal).await;
    let said = fixture.data_run("promote dns");
    assert!(said.out.contains("no runner is up: groundcrew up begins with it"), "{said:?}");
    assert_eq!(fixture.data_run("promote dns --json").json()["changed"], 0, "once");
    let open = |fixture: &Fixture| {
        let open = fixture.store().findings(ClosedToo::No).unwrap();
        open.into_iter().filter(|found| found.code == "hook.promoted").count()
    };
    assert_eq!(open(&fixture), 1, "a person sees that the configuration is behind");
    assert!(fixture.data_run("canary").out.contains("1, promoted"));

    fixture.data_run("promote dns --undo");
    assert!(!fixture.is_promoted("dns") && open(&fixture) == 0);
    let again = fixture.run("--data data promote dns --undo");
    assert!(again.code == 1 && again.err.contains("nothing of dns is promoted"), "{again:?}");
}
