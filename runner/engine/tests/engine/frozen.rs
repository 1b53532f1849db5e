//! Components as they were built against earlier versions of the WIT: they link and run for ever.
//!
//! `tests/frozen/VERSION` holds them as bytes; nothing here builds them.

use std::path::Path;

use groundcrew_core::finding::{Reported, Severity};
use groundcrew_core::spec::{Spec, Thing, ThingState};
use groundcrew_engine::gate::Answers;
use groundcrew_engine::inspect::inspect;
use groundcrew_engine::run::Hook;
use serde_json::json;

use crate::support::{Fake, Setup, engine, load, owner, view, want};

/// A component of version 0.1.0.
async fn frozen(name: &str) -> Hook {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/frozen/0.1.0");
    let bytes = std::fs::read(folder.join(format!("{name}.wasm"))).unwrap();
    assert_eq!(inspect(&bytes).unwrap().manifest.unwrap().name, format!("frozen-{name}"));
    load(&bytes).await
}

fn setup(status: u16, body: &str) -> Setup {
    Setup { fake: Fake::answering(status, body), ..Setup::new(json!({ "server": "http://a.example" })) }
}

/// The requests that left.
fn sent(setup: &Setup) -> Vec<String> {
    let trace = setup.fake.trace().into_iter();
    trace.filter_map(|line| line.strip_prefix("sent ").map(str::to_owned)).collect()
}

#[tokio::test]
async fn handlers_tell() {
    for name in ["handler", "c-handler"] {
        let hook = frozen(name).await;
        assert!(hook.is_handler() && !hook.is_provisioner() && !hook.is_auditor(), "{name}");
        let setup = setup(200, "");
        setup.handle(&hook).await.outcome.unwrap();
        assert_eq!(sent(&setup), ["POST http://a.example/events"], "{name}");
        let busy = self::setup(503, "").handle(&hook).await.outcome.unwrap_err();
        assert!(busy.failure().retry, "{name}: {busy}");
    }
}

/// The thing as the API shows it.
const ROW: &str = r#"{"id": "t1", "name": "web", "mark": "gc1:test:row", "value": "pro"}"#;

fn existing() -> Thing {
    let (body, mark) = (json!({ "value": "pro" }), Some("gc1:test:row".to_owned()));
    let (id, state) = ("t1".to_owned(), ThingState::Ready);
    Thing { id, state, note: None, poll: None, body, mark, outputs: Vec::new(), made: None }
}

#[tokio::test]
async fn provisioners_want_find_make_change_and_remove() {
    for name in ["provisioner", "c-provisioner"] {
        provisions(&frozen(name).await).await;
    }
}

async fn provisions(hook: &Hook) {
    assert!(hook.is_provisioner() && hook.has_inventory() && !hook.is_handler());
    let pure = setup(500, "");
    let wanted = engine().desired(hook, &pure.context(), view()).await.outcome.unwrap();
    let body = json!({ "value": "pro" });
    assert_eq!(wanted, [Spec { kind: "thing".to_owned(), key: "web".to_owned(), body, after: Vec::new() }]);
    assert!(sent(&pure).is_empty());

    let listed = setup(200, &format!(r#"{{"items": [{ROW}]}}"#));
    let found = engine().find(hook, &listed.context(), &want()).await.outcome.unwrap();
    assert_eq!(found, [existing()]);
    let made = setup(201, ROW);
    assert_eq!(engine().create(hook, &made.context(), &want()).await.outcome.unwrap(), existing());
    let changed = setup(200, ROW);
    let updated = engine().update(hook, &changed.context(), &want(), &existing()).await;
    assert_eq!(updated.outcome.unwrap(), existing());
    let gone = setup(404, "");
    assert_eq!(engine().remove(hook, &gone.context(), &want(), &existing()).await.outcome.unwrap(), None);
    let requests = [&listed, &made, &changed, &gone].map(sent).concat();
    let url = "http://a.example/things";
    let expected = [
        format!("GET {url}?name=web"),
        format!("POST {url}"),
        format!("PUT {url}/t1"),
        format!("DELETE {url}/t1"),
    ];
    assert_eq!(requests, expected);
}

#[tokio::test]
async fn inventories_list_by_page() {
    for name in ["provisioner", "c-provisioner"] {
        lists(&frozen(name).await).await;
    }
}

async fn lists(hook: &Hook) {
    let setup = setup(200, &format!(r#"{{"items": [{ROW}], "next": "7"}}"#));
    let (things, next) = engine().scan(hook, &setup.context(), None, Some("3")).await.outcome.unwrap();
    let [listed] = &things[..] else { panic!("{things:?}") };
    assert_eq!((listed.kind.as_str(), next.as_deref()), ("thing", Some("7")));
    assert_eq!((listed.key.as_deref(), &listed.thing), (Some("web"), &existing()));
    assert_eq!(sent(&setup), ["GET http://a.example/things?after=3"]);
}

#[tokio::test]
async fn an_auditor_in_c_looks() {
    let hook = frozen("c-auditor").await;
    assert!(hook.is_auditor() && !hook.can_mend() && !hook.is_handler());
    let items =
        r#"{"items": [{"id": "t1", "used": false, "cents": 7}, {"id": "t2", "used": true}], "next": "t2"}"#;
    let looking = Setup { answers: Answers::Observe, ..setup(200, items) };
    let page = engine().audit(&hook, &looking.context(), Some("t0")).await.outcome.unwrap();
    let [finding] = &page.findings[..] else { panic!("{page:?}") };
    assert_eq!((finding.code.as_str(), finding.about.as_str()), ("thing.idle", "thing/t1"));
    assert_eq!((finding.cost_cents, &finding.data), (Some(7), &json!({ "id": "t1" })));
    assert_eq!(page.next.as_deref(), Some("t2"));
    assert_eq!(sent(&looking), ["GET http://a.example/things?after=t0"]);
}

#[tokio::test]
async fn an_auditor_looks_and_mends() {
    let hook = frozen("auditor").await;
    assert!(hook.is_auditor() && hook.can_mend() && !hook.is_handler());
    let items = r#"{"items": [{"id": "t1", "value": "idle"}, {"id": "t2", "value": "busy"}], "next": "t2"}"#;
    let looking = Setup { answers: Answers::Observe, ..setup(200, items) };
    let page = engine().audit(&hook, &looking.context(), Some("t0")).await.outcome.unwrap();
    let finding = Reported {
        code: "thing.idle".to_owned(),
        subject: None,
        about: "thing/t1".to_owned(),
        severity: Severity::Warning,
        message: "nobody uses it".to_owned(),
        cost_cents: None,
        remedy: Some("delete it".to_owned()),
        data: json!({ "id": "t1" }),
    };
    assert_eq!((&page.findings[..], page.next.as_deref()), (&[finding.clone()][..], Some("t2")));
    let absent = setup(404, "");
    let outcome = engine().fix(&hook, &absent.context(), &finding).await.outcome.unwrap();
    assert_eq!(outcome.to_string(), "no-longer-true");
    let finding = Reported { subject: Some(owner()), ..finding };
    let idle = setup(200, r#"{"id": "t1", "value": "idle"}"#);
    assert_eq!(engine().fix(&hook, &idle.context(), &finding).await.outcome.unwrap().to_string(), "fixed");
    let requests = [&looking, &absent, &idle].map(sent).concat();
    let thing = "http://a.example/things/t1";
    let expected = [
        "GET http://a.example/things?cursor=t0".to_owned(),
        format!("GET {thing}"),
        format!("GET {thing}"),
        format!("DELETE {thing}"),
    ];
    assert_eq!(requests, expected);
}
