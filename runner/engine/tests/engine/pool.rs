//! Slots are back-pressure: who finds none waits.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Fake, Setup, component, engine_of, event, load_for};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_runs_than_slots_wait_and_none_fails() {
    let engine = engine_of(2);
    let hook = load_for(&engine, &component("example-handler")).await;
    let setup = Setup { fake: Fake::waiting(), ..Setup::new(json!({ "server": "http://a.example" })) };
    let runs = join_all((0..20).map(|_| async {
        let context = setup.context();
        engine.handle(&hook, &context, event()).await.outcome
    }));
    let watching = async {
        let mut most = 0;
        for _ in 0..20 {
            let under_way = || {
                let trace = setup.fake.trace();
                let count = |what: &str| trace.iter().filter(|line| line.starts_with(what)).count();
                count("sent") - count("back")
            };
            while under_way() == 0 {
                tokio::task::yield_now().await;
            }
            most = most.max(under_way());
            setup.fake.free.add_permits(1);
        }
        most
    };
    let (outcomes, most) = tokio::join!(runs, watching);
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert!(most <= 2, "{most} at once in 2 slots");
}

#[tokio::test]
async fn a_run_that_is_dropped_gives_its_slot_back() {
    let engine = engine_of(1);
    let hook = load_for(&engine, &component("example-handler")).await;
    let waiting = Setup { fake: Fake::waiting(), ..Setup::new(json!({ "server": "http://a.example" })) };
    for _ in 0..20 {
        let context = waiting.context();
        {
            let run = std::pin::pin!(engine.handle(&hook, &context, event()));
            assert!(futures_util::future::poll_immediate(run).await.is_none());
        }
        assert!(context.gate.is_closed());
    }
    let setup = Setup::new(json!({ "server": "http://a.example" }));
    assert_eq!(engine.handle(&hook, &setup.context(), event()).await.outcome, Ok(()));
}
