//! Nothing leaves after a run has ended, also not from a task that it left behind.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use groundcrew_engine::egress::Response;
use groundcrew_engine::gate::{Intent, IntentError, Intents, Writes};
use groundcrew_engine::limits::Limits;
use groundcrew_engine::run::Ended;
use serde_json::json;

use crate::support::{Fake, Setup, component, load};

/// How long anything may take before a test fails.
const LONGEST: Duration = Duration::from_secs(20);

/// Intents whose commit holds its thread until the test lets go, so that no abort can end it before.
struct Held {
    asked: SyncSender<()>,
    go: Mutex<Receiver<()>>,
}

impl Intents for Held {
    fn intend<'a>(&'a self, _: Intent<'a>) -> BoxFuture<'a, Result<(), IntentError>> {
        Box::pin(async {
            self.asked.send(()).unwrap();
            self.go.lock().unwrap().recv_timeout(LONGEST).unwrap();
            Ok(())
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_detached_request_does_not_leave_after_its_run() {
    let hook = load(&component("guest-fetches")).await;
    let (asked, was_asked) = sync_channel(1);
    let (let_go, go) = sync_channel(1);
    let was_asked = Mutex::new(was_asked);
    // The guest returns after its second request, which is answered once the first is at its intent.
    let fake = Fake::new(move |request| {
        assert_eq!(request.method, "GET", "the write left");
        was_asked.lock().unwrap().recv_timeout(LONGEST).unwrap();
        Ok(Response { status: 200, headers: Vec::new(), body: Vec::new() })
    });
    let intents: Arc<dyn Intents> = Arc::new(Held { asked, go: Mutex::new(go) });
    let config = json!({ "does": "leave", "authority": "a.example", "paths": ["/1"] });
    let setup = Setup { fake, intents: Some(intents), ..Setup::new(config) };
    let run = setup.handle(&hook).await;
    assert_eq!(run.outcome, Ok(()), "an answer counts, whatever its left-over requests do");
    let_go.send(()).unwrap();
    let task_is_over = async {
        while Arc::strong_count(&setup.fake) > 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONGEST, task_is_over).await.unwrap();
    let sent = ["sent GET http://a.example/last", "back GET http://a.example/last"];
    assert_eq!((setup.fake.trace(), run.writes), (sent.map(str::to_owned).to_vec(), Writes::None));
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
    assert_eq!((lost.answer.as_ref(), run.writes), (None, Writes::Sent { effect_by }));
    setup.fake.free.add_permits(1);
    assert_eq!(setup.fake.trace().len(), 2, "intent and bytes, no answer");
}
