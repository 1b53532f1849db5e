//! Which version of a hook is active is kept, over renames; one that waits is approved once, and by its name.

use groundcrew_store::findings::{ClosedToo, NewFinding, Severity};
use groundcrew_store::operators::OperatorAct;
use groundcrew_store::upgrades::{MORE, Upgrade, Version, Waiting};
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

async fn waits(bench: &Bench, hook: HookId) -> Waiting {
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
    bench.store.hold_version(hook, version("one"), waiting.clone(), finding, at(2)).await.unwrap();
    waiting
}

fn open(bench: &Bench) -> usize {
    let all = bench.store.findings(ClosedToo::Yes).unwrap();
    all.iter().filter(|finding| finding.code == MORE && finding.closed.is_none()).count()
}

#[tokio::test]
async fn a_version_waits_until_it_is_approved_and_is_active_once_it_was_started() {
    let bench = Bench::new();
    let hook = bench.hook("dns").await;
    assert_eq!(bench.store.upgrade(hook).unwrap(), Upgrade::default());
    bench.store.enter_version(hook, "dns", version("one"), at(1)).await.unwrap();
    let waiting = waits(&bench, hook).await;
    assert_eq!(open(&bench), 1);
    bench.store.rename_hook(hook, "names").await.unwrap();
    let upgrade = bench.store.upgrade(hook).unwrap();
    assert_eq!((upgrade.active, upgrade.waiting.as_ref()), (Some(version("one")), Some(&waiting)));

    bench.store.approve_version(hook, "names", waiting.clone(), act(), at(3)).await.unwrap();
    let upgrade = bench.store.upgrade(hook).unwrap();
    assert_eq!((upgrade.approved.as_ref(), upgrade.waiting), (Some(&waiting.id), None));
    assert_eq!((open(&bench), bench.count("operator_act")), (0, 1));
    let again = bench.store.approve_version(hook, "names", waiting, act(), at(4)).await;
    assert!(matches!(again, Err(Error::Superseded(_))), "{again:?}");
    assert_eq!(bench.count("operator_act"), 1);

    bench.store.enter_version(hook, "dns", version("two"), at(5)).await.unwrap();
    let entered = Upgrade { active: Some(version("two")), ..Upgrade::default() };
    assert_eq!(bench.store.upgrade(hook).unwrap(), entered);
}

#[tokio::test]
async fn who_goes_back_to_the_version_before_has_nothing_that_waits() {
    let bench = Bench::new();
    let hook = bench.hook("dns").await;
    waits(&bench, hook).await;
    bench.store.enter_version(hook, "dns", version("one"), at(5)).await.unwrap();
    assert_eq!((open(&bench), bench.store.upgrade(hook).unwrap().waiting), (0, None));
}

#[test]
fn another_manifest_is_another_version() {
    let other = Version { manifest: json!({"name": "dns", "about": "x"}), ..version("one") };
    assert_ne!(other.id(), version("one").id());
    assert_eq!(version("one").id(), version("one").id());
}
