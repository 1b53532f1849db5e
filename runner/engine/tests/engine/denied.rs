//! What the host refuses is in the journal, and a replay refuses it again.

use groundcrew_engine::gate::{Answers, Writes};
use groundcrew_engine::journal::CallAccess;
use groundcrew_engine::run::Ended;
use serde_json::{Value, json};

use crate::support::{Fake, Setup, component, load};

const LINE: &str = "GET http://b.example/x";

fn fetch() -> Setup {
    let setup = Setup::new(json!({ "does": "fetch", "about": "http://b.example/x" }));
    Setup { fake: Fake::unreachable(), ..setup }
}

#[tokio::test]
async fn a_denied_request_is_journaled_with_the_line_that_would_grant_it() {
    let hook = load(&component("guest-unruly")).await;
    let setup = fetch();
    let context = setup.context();
    let run = crate::support::engine().handle(&hook, &context, crate::support::event()).await;
    let Err(Ended::Failure(failure)) = &run.outcome else { panic!("it succeeded") };
    let [call] = &run.journal.calls[..] else { panic!("{:?}", run.journal) };
    assert_eq!((call.n, call.op.as_str(), call.access), (0, "http", CallAccess::Local));
    let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
    assert_eq!(json(&call.ask)["url"], "http://b.example/x");
    let told = json(call.answer.as_ref().unwrap());
    let told = told["failure"]["message"].as_str().unwrap();
    assert!(told.contains(LINE) && *told == failure.message, "{told}");
    assert_eq!(context.gate.writes(), Writes::None);

    // A replay says the same, even where the grants of today would let it go.
    let answers = Answers::Journal(run.journal.clone());
    let again = Setup { answers, grants: vec!["GET http://b.example/*"], ..fetch() }.handle(&hook).await;
    assert_eq!(again.outcome, run.outcome);
    assert_eq!(again.journal, run.journal);
}

#[tokio::test]
async fn of_a_body_that_is_too_long_its_length_is_kept() {
    let hook = load(&component("guest-unruly")).await;
    let setup = Setup { fake: Fake::unreachable(), ..Setup::does("big-body") };
    let run = setup.handle(&hook).await;
    let ask: Value = serde_json::from_slice(&run.journal.calls[0].ask).unwrap();
    assert_eq!(ask["body"]["text"], "(5242880 bytes)");
}
