//! The example hooks, in Rust and in Python.

use groundcrew_core::spec::{Spec, Thing, ThingState};
use groundcrew_engine::run::{Ended, Hook};
use serde_json::json;

use crate::support::{
    Fake, Setup, compiled, component, engine, load, python_component, python_example, view, want,
};

fn existing() -> Thing {
    Thing {
        id: "t1".to_owned(),
        state: ThingState::Ready,
        note: None,
        poll: None,
        body: json!({ "value": "pro" }),
        mark: Some("gc1:test:row".to_owned()),
        outputs: Vec::new(),
        made: None,
    }
}

/// Takes a provisioner through all its functions.
pub(crate) async fn provisions(hook: &Hook) {
    assert!(hook.is_provisioner() && !hook.is_handler());
    let config = json!({ "server": "http://a.example" });
    let setup = |fake| Setup { fake, ..Setup::new(config.clone()) };
    let pure = setup(Fake::unreachable());
    let specs = engine().desired(hook, &pure.context(), view()).await.outcome.unwrap();
    let body = json!({ "value": "pro" });
    assert_eq!(specs, [Spec { kind: "thing".to_owned(), key: "web".to_owned(), body, after: Vec::new() }]);

    let row = r#"{"id": "t1", "name": "web", "mark": "gc1:test:row", "value": "pro"}"#;
    let listing = Fake::answering(200, &format!(r#"{{"items": [{row}]}}"#));
    let found = engine().find(hook, &setup(listing).context(), &want()).await.outcome.unwrap();
    assert_eq!(found, [existing()]);

    let made = Fake::answering(201, row);
    let created = engine().create(hook, &setup(made.clone()).context(), &want()).await;
    assert_eq!(created.outcome.unwrap(), existing());
    let url = "http://a.example/things";
    assert_eq!(
        made.trace(),
        ["intent 0 after []".to_owned(), format!("sent POST {url}"), format!("back POST {url}")]
    );
    assert_eq!(created.journal.calls.len(), 1);

    let changed = setup(Fake::answering(200, row)).context();
    assert_eq!(engine().update(hook, &changed, &want(), &existing()).await.outcome.unwrap(), existing());
    let gone = setup(Fake::answering(404, "")).context();
    assert_eq!(engine().remove(hook, &gone, &want(), &existing()).await.outcome.unwrap(), None);
}

#[test]
fn a_provisioner_has_under_sixty_lines() {
    for (language, text) in [
        ("Rust", include_str!("../../../../examples/rust/provisioner/src/lib.rs")),
        ("Python", include_str!("../../../../examples/python/provisioner/hook.py")),
    ] {
        let lines = text.lines().count();
        assert!(lines < 60, "{language}: {lines}");
    }
}

#[tokio::test]
async fn a_rust_provisioner_runs() {
    provisions(&load(&component("example-provisioner")).await).await;
}

#[tokio::test]
async fn a_python_provisioner_runs() {
    provisions(&load(&python_component(&python_example("provisioner"), "provisioner-with-inventory")).await)
        .await;
}

#[tokio::test]
async fn handlers_of_both_languages_tell() {
    let rust = component("example-handler");
    let python = python_component(&python_example("handler"), "hook");
    for bytes in [rust, python] {
        let hook = load(&bytes).await;
        assert!(hook.is_handler());
        let setup = Setup::new(json!({ "server": "http://a.example" }));
        setup.handle(&hook).await.outcome.unwrap();
        assert_eq!(setup.fake.trace()[1], "sent POST http://a.example/events");
    }
}

#[tokio::test]
async fn a_plain_python_exception_is_a_failure_with_its_text() {
    let hook = load(&python_component(&python_example("handler"), "hook")).await;
    let run = Setup::new(json!({ "servant": "http://a.example" })).handle(&hook).await;
    let Err(Ended::Failure(failure)) = run.outcome else { panic!("{:?}", run.outcome) };
    assert_eq!((failure.message.as_str(), failure.retry), ("KeyError('server')", true));
    assert!(run.log.lines.iter().any(|line| line.message.contains("Traceback")), "{:?}", run.log);
}

#[tokio::test]
async fn a_rust_panic_is_a_failure_with_its_text() {
    let hook = load(&component("guest-unruly")).await;
    let run = Setup::does("panic").handle(&hook).await;
    let ended = run.outcome.unwrap_err();
    assert_eq!(ended, Ended::Trap("this hook panics: e1".to_owned()));
    assert!(ended.failure().retry && run.stderr.contains("panicked at"), "{}", run.stderr);
}

#[tokio::test]
async fn a_hook_says_what_it_is_before_it_is_compiled_and_runs_once_it_is() {
    let bytes = component("guest-unruly");
    let (inspected, compiled) = compiled(&bytes).await;
    let hook = Hook::uncompiled(&inspected, load(&bytes).await.manifest.as_ref().clone());
    assert!(hook.is_handler() && !hook.is_compiled());
    let ended = Setup::does("nothing").handle(&hook).await.outcome.unwrap_err();
    assert_eq!(ended, Ended::Uncompiled);
    assert!(ended.failure().retry);
    let (waiting, other) = (hook.compiled(), hook.clone());
    engine().link_late(&other, &compiled).unwrap();
    waiting.await;
    assert!(hook.is_compiled());
    assert_eq!(Setup::does("nothing").handle(&hook).await.outcome, Ok(()));
}

#[tokio::test]
async fn a_missing_export_is_said_and_not_called() {
    let hook = load(&component("example-provisioner")).await;
    let setup = Setup::does("nothing");
    assert_eq!(setup.handle(&hook).await.outcome, Err(Ended::NoExport("handler")));
}
