//! Nothing leaves after a run has ended, also not from a task that it left behind.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use groundcrew_engine::gate::{Intent, IntentError, Intents};
use groundcrew_engine::limits::Limits;
use groundcrew_engine::run::Ended;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::support::{Fake, Setup, component, load};

/// Intents that are asked for, and committed only when the test says so.
struct Held {
    asked: Semaphore,
    go: Semaphore,
}

impl Intents for Held {
    fn intend<'a>(&'a self, _: Intent<'a>) -> BoxFuture<'a, Result<(), IntentError>> {
        Box::pin(async {
            self.asked.add_permits(1);
            self.go.acquire().await.unwrap().forget();
            Ok(())
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_detached_request_does_not_leave_after_its_run() {
    let hook = load(&component("guest-fetches")).await;
    let held = Arc::new(Held { asked: Semaphore::new(0), go: Semaphore::new(0) });
    let config = json!({ "does": "leave", "authority": "a.example", "paths": ["/1"] });
    let setup = Setup { fake: Fake::unreachable(), intents: Some(held.clone()), ..Setup::new(config) };
    let run = setup.handle(&hook).await;
    assert_eq!(run.outcome, Ok(()), "an answer counts, whatever its left-over requests do");
    // Whether its task had come to the intent or not: it is let go now, and finds the gate closed.
    held.go.add_permits(1);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!((setup.fake.trace(), run.writes), (Vec::new(), groundcrew_engine::gate::Writes::None));
}

#[tokio::test]
async fn the_deadline_ends_a_waiting_host_call_and_what_it_sent_is_on_record() {
    let hook = load(&component("example-handler")).await;
    let limits = Limits { deadline: Duration::from_millis(300), ..Limits::default() };
    let config = json!({ "server": "http://a.example" });
    let setup = Setup { fake: Fake::waiting(), limits: limits.clone(), ..Setup::new(config) };
    let run = setup.handle(&hook).await;
    assert_eq!(run.outcome, Err(Ended::Deadline(limits.deadline)));
    assert_eq!(run.journal.calls.len(), 1);
    let lost = &run.journal.calls[0];
    let effect_by = lost.sent_at + limits.send_within + limits.request;
    assert_eq!(
        (lost.answer.as_ref(), run.writes),
        (None, groundcrew_engine::gate::Writes::Sent { effect_by })
    );
    setup.fake.free.add_permits(1);
    assert_eq!(setup.fake.trace().len(), 2, "intent and bytes, no answer");
}
