//! Which version of a hook is active is kept, over renames; one that waits is approved once, and by its name; who goes
//! back needs nobody.

use groundcrew_core::hash::Digest;
use groundcrew_store::findings::{ClosedToo, NewFinding, Severity};
use groundcrew_store::operators::OperatorAct;
use groundcrew_store::promotions::{PROMOTED, Promotion};
use groundcrew_store::upgrades::{MORE, PAST_MAX, Upgrade, Version, Waiting};
use groundcrew_store::{Error, HookId};
use serde_json::json;

use crate::support::{Bench, at};

fn version(component: &str) -> Version {
    let exports = ["provision".to_owned()].into();
    Version { component: component.to_owned(), exports, manifest: json!({"name": "dns"}) }
}

fn act() -> OperatorAct {
    OperatorAct { who: "kim".to_owned(), what: "approve --upgrade dns".to_owned() }
}

/// What a stanza names.
fn named(component: &str) -> Digest {
    Digest::of(component.as_bytes())
}

impl Bench {
    async fn enters(&self, hook: HookId, component: &str, second: i64) {
        let (version, named) = (version(component), named(component));
        self.store.enter_version(hook, "dns", version, named, at(second)).await.unwrap();
    }

    fn allows(&self, hook: HookId, component: &str) -> bool {
        self.store.upgrade(hook).unwrap().allows(&version(component).id())
    }

    /// How often something is told of a hook now.
    fn open(&self, code: &str, about: &str) -> usize {
        let open = self.store.findings(ClosedToo::No).unwrap();
        open.iter().filter(|finding| finding.code == code && finding.about == about).count()
    }
}

/// Version `two` waits, and this one goes on.
async fn waits(bench: &Bench, hook: HookId, active: &str) -> Waiting {
    let next = version("two");
    let more = vec!["asks for one more host".to_owned()];
    let waiting = Waiting { id: next.id(), component: next.component, more };
    let finding = NewFinding {
        code: MORE.to_owned(),
        about: "dns".to_owned(),
        hook: Some(hook),
        severity: Severity::Warning,
        message: "it asks for more".to_owned(),
        remedy: None,
    };
    let (active, held) = (version(active), waiting.clone());
    bench.store.hold_version(hook, active, held, named("two"), finding, at(2)).await.unwrap();
    waiting
}

#[tokio::test]
async fn a_version_waits_until_it_is_approved_and_is_active_once_it_was_started() {
    let bench = Bench::new();
    let hook = bench.hook("dns").await;
    assert_eq!(bench.store.upgrade(hook).unwrap(), Upgrade::default());
    bench.enters(hook, "one", 1).await;
    let waiting = waits(&bench, hook, "one").await;
    assert_eq!(bench.open(MORE, "dns"), 1);

    bench.store.approve_version(hook, "dns", waiting.clone(), act(), at(3)).await.unwrap();
    let upgrade = bench.store.upgrade(hook).unwrap();
    assert_eq!((upgrade.approved.as_ref(), upgrade.waiting), (Some(&waiting.id), None));
    assert!(bench.allows(hook, "two"));
    assert_eq!((bench.open(MORE, "dns"), bench.count("operator_act")), (0, 1));
    let again = bench.store.approve_version(hook, "dns", waiting, act(), at(4)).await;
    assert!(matches!(again, Err(Error::Superseded(_))), "{again:?}");
    assert_eq!(bench.count("operator_act"), 1);

    bench.enters(hook, "two", 5).await;
    let past = vec![version("one").id()];
    let components = [(version("one").id(), "one".to_owned())].into();
    let (active, named) = (Some(version("two")), Some(named("two")));
    let entered = Upgrade { active, past, components, named, ..Upgrade::default() };
    assert_eq!(bench.store.upgrade(hook).unwrap(), entered);
}

#[tokio::test]
async fn a_renamed_hook_keeps_what_waits_and_what_was_promoted_and_is_told_of_by_its_new_name() {
    let bench = Bench::new();
    let hook = bench.hook("dns").await;
    let waiting = waits(&bench, hook, "one").await;
    let promotion = Promotion {
        hook,
        instead_of: named("two"),
        component: named("three"),
        at: at(3),
        who: "kim".to_owned(),
    };
    bench.store.promote(promotion.clone(), act(), at(3)).await.unwrap();
    assert_eq!((bench.open(MORE, "dns"), bench.open(PROMOTED, "dns")), (1, 1));

    bench.store.rename_hook(hook, "names").await.unwrap();
    let upgrade = bench.store.upgrade(hook).unwrap();
    assert_eq!((upgrade.active, upgrade.waiting.as_ref()), (Some(version("one")), Some(&waiting)));
    assert_eq!(bench.store.promotion(hook).unwrap(), Some(promotion));
    assert_eq!((bench.open(MORE, "dns"), bench.open(PROMOTED, "dns")), (0, 0), "there is no such hook");
    assert_eq!((bench.open(MORE, "names"), bench.open(PROMOTED, "names")), (1, 1));
}

#[tokio::test]
async fn a_version_that_was_active_is_let_in_again_and_what_came_after_it_is_not() {
    let bench = Bench::new();
    let hook = bench.hook("dns").await;
    for (second, component) in [(1, "zero"), (2, "one"), (3, "two"), (4, "three")] {
        assert!(!bench.allows(hook, component), "{component} was never active");
        bench.enters(hook, component, second).await;
    }
    assert!(["zero", "one", "two"].iter().all(|component| bench.allows(hook, component)));
    // A restart changes nothing, nor does one that waits.
    bench.enters(hook, "three", 5).await;
    waits(&bench, hook, "three").await;
    assert!(bench.allows(hook, "zero"));
    bench.enters(hook, "one", 6).await;
    assert!(bench.allows(hook, "zero"));
    for component in ["two", "three"] {
        assert!(!bench.allows(hook, component), "{component} was left behind");
    }

    for second in 10..10 + PAST_MAX as i64 {
        bench.enters(hook, &format!("version {second}"), second).await;
    }
    assert!(bench.allows(hook, "one") && !bench.allows(hook, "zero"), "the oldest is forgotten");
    let upgrade = bench.store.upgrade(hook).unwrap();
    let components: Vec<_> = upgrade.past.iter().map(|id| upgrade.components[id].as_str()).collect();
    assert_eq!((components.len(), components[0]), (PAST_MAX, "version 16"));
    assert_eq!((components[PAST_MAX - 1], upgrade.components.len()), ("one", PAST_MAX));
}

#[tokio::test]
async fn what_an_older_program_kept_of_versions_before_still_lets_them_in() {
    let bench = Bench::new();
    let hook = bench.hook("dns").await;
    for (second, component) in [(1, "one"), (2, "two")] {
        bench.enters(hook, component, second).await;
    }
    let text = "UPDATE meta SET value = json_remove(value, '$.components') WHERE key LIKE 'upgrade/%'";
    assert_eq!(bench.database().execute(text, []).unwrap(), 1);
    assert!(bench.allows(hook, "one") && bench.store.upgrade(hook).unwrap().components.is_empty());
}

#[tokio::test]
async fn who_goes_back_to_the_version_before_has_nothing_that_waits() {
    let bench = Bench::new();
    let hook = bench.hook("dns").await;
    waits(&bench, hook, "one").await;
    bench.enters(hook, "one", 5).await;
    assert_eq!((bench.open(MORE, "dns"), bench.store.upgrade(hook).unwrap().waiting), (0, None));
}

#[test]
fn another_manifest_is_another_version() {
    let other = Version { manifest: json!({"name": "dns", "about": "x"}), ..version("one") };
    assert_ne!(other.id(), version("one").id());
    assert_eq!(version("one").id(), version("one").id());
}

#[tokio::test]
async fn which_hooks_wait_for_their_components_is_what_was_said_last() {
    let bench = Bench::new();
    let hooks =
        |names: &[&str]| names.iter().map(ToString::to_string).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(bench.store.compiling().unwrap(), hooks(&[]));
    bench.store.note_compiling(hooks(&["dns", "cdn"])).await.unwrap();
    bench.store.note_compiling(hooks(&["cdn"])).await.unwrap();
    assert_eq!(bench.store.compiling().unwrap(), hooks(&["cdn"]));
}
