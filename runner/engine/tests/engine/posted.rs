//! A plain HTTP component is a handler: it is posted events, and its answers count.

use groundcrew_core::duration::Millis;
use groundcrew_core::spec::Event;
use groundcrew_engine::run::{Ended, Hook, Run};
use serde_json::{Value, json};

use crate::support::{Setup, component, engine, event, load};

async fn told(setup: &Setup, hook: &Hook, does: &str) -> Run<()> {
    let event = Event { data: json!({ "does": does }), ..event() };
    engine().handle(hook, &setup.context(), event).await
}

#[tokio::test]
async fn it_is_posted_events_and_goes_out_through_the_same_gate() {
    let hook = load(&component("guest-posted")).await;
    assert!(hook.is_handler() && !hook.is_provisioner() && !hook.is_auditor());
    let setup = Setup::new(Value::Null);
    let run = told(&setup, &hook, "forward").await;
    assert_eq!(run.outcome, Ok(()));
    let asked = setup.fake.trace();
    assert_eq!(
        asked,
        ["intent 0 after []", "sent POST http://a.example/told", "back POST http://a.example/told"]
    );
    let denied = Setup { grants: Vec::new(), ..Setup::new(Value::Null) };
    let run = told(&denied, &hook, "forward").await;
    assert!(matches!(run.outcome, Err(Ended::Trap(_))), "{:?}", run.outcome);
    assert!(denied.fake.trace().is_empty(), "nothing left");
}

#[tokio::test]
async fn its_answers_say_whether_and_when_it_is_told_again() {
    let hook = load(&component("guest-posted")).await;
    let setup = Setup::new(Value::Null);
    let failure = async |does: &str| match told(&setup, &hook, does).await.outcome {
        Err(Ended::Failure(failure)) => failure,
        other => panic!("{does}: {other:?}"),
    };
    let later = failure("later").await;
    assert_eq!((later.retry, later.after), (true, Some(Millis::seconds(7))));
    assert!(later.message.contains("429") && later.message.ends_with(": not now"), "{}", later.message);
    let never = failure("never").await;
    assert!(!never.retry && never.message.contains("410"), "{}", never.message);
    assert!(failure("silent").await.message.contains("answered nothing"));
    assert!(!failure("anything else").await.retry);
}
