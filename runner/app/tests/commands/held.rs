//! Versions that wait, that were promoted, and that are compared are told wherever hooks are.

use groundcrew_core::hash::Digest;
use groundcrew_engine::clock::{Clock as _, SystemClock};
use groundcrew_store::HookId;
use groundcrew_store::canary::{Compared, Comparison, Pair};
use groundcrew_store::findings::{NewFinding, Severity};
use groundcrew_store::upgrades::{MORE, Version, Waiting};
use groundcrew_store::{RunId, Store};
use serde_json::{Value, json};

use crate::fixture::Fixture;

const MORE_HOST: &str = "asks for one more host, https://status.example";

fn named() -> Digest {
    Digest::of(b"next")
}

/// The next version of `dns` waits, and the one before goes on, or not.
async fn holds(store: &Store, severity: Severity) -> HookId {
    let hook = store.hooks().unwrap().into_iter().find(|hook| hook.name == "dns").unwrap().id;
    let version = |component: Digest| Version {
        component: component.to_string(),
        exports: ["provision".to_owned()].into(),
        manifest: json!({"name": "dns"}),
    };
    let (active, next) = (version(Digest::of(b"component")), version(named()));
    let more = vec![MORE_HOST.to_owned(), "asks for one more secret, KEY".to_owned()];
    let waiting = Waiting { id: next.id(), component: next.component, more };
    let finding = NewFinding {
        code: MORE.to_owned(),
        about: "dns".to_owned(),
        hook: Some(hook),
        severity,
        message: "the new version waits".to_owned(),
        remedy: None,
    };
    store.hold_version(hook, active, waiting, named(), finding, SystemClock.now()).await.unwrap();
    hook
}

/// A candidate of `dns` that one run was equal with.
async fn compares(store: &Store, hook: HookId) -> Pair {
    let pair = Pair { hook, current: Digest::of(b"component"), candidate: Digest::of(b"candidate") };
    store.begin_canaries(vec![pair], SystemClock.now()).await.unwrap();
    let comparison =
        Comparison { run: RunId(1), op: "find".to_owned(), wrote: false, result: Compared::Equal };
    store.count_comparison(pair, comparison, None, SystemClock.now()).await.unwrap();
    pair
}

impl Fixture {
    fn listed(&self, name: &str) -> Value {
        let all = self.data_run("hook list --json").json();
        all.as_array().unwrap().iter().find(|hook| hook["name"] == name).unwrap().clone()
    }

    fn diagnosed(&self) -> Option<Value> {
        let all = self.run("--data data doctor --json").json();
        all.as_array().unwrap().iter().find(|found| found["check"] == "versions").cloned()
    }
}

#[tokio::test]
async fn a_version_that_waits_is_listed_with_what_it_asks_for_and_what_lets_it_in() {
    let fixture = Fixture::filled().await;
    assert!(fixture.listed("dns")["waiting"].is_null() && fixture.diagnosed().is_none());
    assert!(!fixture.data_run("hook list").out.contains("waits"));

    holds(&fixture.store(), Severity::Warning).await;
    let short = named().short();
    let list = fixture.data_run("hook list").out;
    assert!(list.contains(&format!("{short} waits for approval")), "{list}");
    let told = format!("the new version of dns {MORE_HOST}, and asks for one more secret, KEY\n");
    assert!(list.ends_with(&format!("{told}  groundcrew approve --upgrade dns\n")), "{list}");
    assert!(fixture.data_run("approve").out.contains(&told), "they say the same");
    let shown = fixture.listed("dns");
    assert_eq!(shown["waiting"]["component"], named().to_string());
    assert_eq!(shown["waiting"]["more"].as_array().unwrap().len(), 2);
    assert_eq!(shown["waiting"]["approve"], "groundcrew approve --upgrade dns");
    assert!(fixture.listed("ips")["waiting"].is_null());

    let found = fixture.diagnosed().unwrap();
    assert_eq!(found["grade"], "note");
    let message = found["message"].as_str().unwrap();
    assert!(message.starts_with(&format!("dns: the new version {short} {MORE_HOST}")), "{message}");
    assert!(message.ends_with("and waits; the one before goes on"), "{message}");
    let commands = json!([
        format!("groundcrew --data data diff dns {short}"),
        "groundcrew --data data approve --upgrade dns"
    ]);
    assert_eq!(found["remedies"], commands);

    holds(&fixture.store(), Severity::Critical).await;
    let found = fixture.diagnosed().unwrap();
    assert_eq!(found["grade"], "bad");
    assert!(found["message"].as_str().unwrap().ends_with("the hook stands still"), "{found}");

    fixture.data_run("approve --upgrade dns --yes");
    assert!(fixture.diagnosed().is_none());
    let shown = fixture.listed("dns");
    assert_eq!((&shown["waiting"], &shown["approved"]), (&Value::Null, &json!(true)));
    let list = fixture.data_run("hook list").out;
    assert!(list.contains("a version is approved, and begins with the next reload"), "{list}");
}

#[tokio::test]
async fn what_is_promoted_while_a_version_waits_takes_the_place_of_what_the_stanza_names() {
    let fixture = Fixture::filled().await;
    let hook = holds(&fixture.store(), Severity::Warning).await;
    let pair = compares(&fixture.store(), hook).await;
    let candidate = pair.candidate.short();
    let list = fixture.data_run("hook list").out;
    assert!(list.contains(&format!("candidate {candidate}: 1 equal, 0 differ")), "{list}");
    let shown = fixture.listed("dns");
    assert_eq!(shown["candidate"]["component"], pair.candidate.to_string());
    assert_eq!((&shown["candidate"]["equal"], &shown["promoted"]), (&json!(1), &Value::Null));

    fixture.data_run("promote dns");
    let promotion = fixture.store().promotion(hook).unwrap().unwrap();
    assert_eq!((promotion.instead_of, promotion.component), (named(), pair.candidate));
    let shown = fixture.listed("dns");
    assert_eq!(shown["promoted"]["instead_of"], named().to_string());
    assert!(shown["candidate"].is_null(), "it is the same");
    assert!(fixture.data_run("hook list").out.contains(&format!("{candidate} is promoted")));
}

#[tokio::test]
async fn versions_that_were_active_before_are_listed_by_their_components_the_last_one_first() {
    let fixture = Fixture::filled().await;
    assert_eq!(fixture.listed("dns")["past"], json!([]));
    let hook = fixture.store().hooks().unwrap().into_iter().find(|hook| hook.name == "dns").unwrap().id;
    let digests = ["one", "two", "three"].map(|component| Digest::of(component.as_bytes()));
    let versions = digests.map(|component| Version {
        component: component.to_string(),
        exports: ["provision".to_owned()].into(),
        manifest: json!({"name": "dns"}),
    });
    for (version, digest) in versions.iter().zip(digests) {
        let now = SystemClock.now();
        fixture.store().enter_version(hook, "dns", version.clone(), digest, now).await.unwrap();
    }
    let [one, two, _] = &versions;
    let shown = |version: &Version| json!({"version": version.id(), "component": version.component});
    assert_eq!(fixture.listed("dns")["past"], json!([shown(two), shown(one)]), "whole");
    let list = fixture.data_run("hook list").out;
    assert!(list.contains(&format!("before: {}, {}", digests[1].short(), digests[0].short())), "{list}");
}
