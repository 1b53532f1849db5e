//! Replays see what the recorded run saw, bit for bit.

use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use groundcrew_core::duration::Millis;
use groundcrew_engine::gate::{Answers, Intent, IntentError, Intents, Refusal};
use groundcrew_engine::journal::{Journal, Recorded};
use groundcrew_engine::run::{Ended, Run};
use serde_json::json;

use crate::support::{Fake, Setup, component, engine, event, load, logged};

fn fetching() -> Setup {
    let config = json!({ "does": "fetch", "authority": "a.example", "paths": ["/1", "/2", "/3", "/4"] });
    Setup::new(config)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_of_concurrent_requests_sees_them_in_the_recorded_order() {
    let hook = load(&component("guest-fetches")).await;
    for round in 0..10_i64 {
        let live = Setup { fake: Fake::waiting(), ..fetching() };
        let letting_go = async {
            for _ in 0..4 {
                live.clock.advance(Millis::new(10 + round));
                live.fake.free.add_permits(1);
                tokio::task::yield_now().await;
            }
        };
        let (recorded, ()) = tokio::join!(live.handle(&hook), letting_go);
        recorded.outcome.as_ref().unwrap();
        assert_eq!(recorded.log.lines.len(), 4);
        let answers = Answers::Journal(recorded.journal.clone());
        let replay = Setup { answers, fake: Fake::unreachable(), ..fetching() };
        let replayed = replay.handle(&hook).await;
        assert_eq!(replayed.outcome, Ok(()), "round {round}");
        assert_eq!(logged(&replayed), logged(&recorded), "order, answers and times, round {round}");
        assert_eq!(replayed.journal, recorded.journal, "round {round}");
    }
}

/// What chance gave a run: random numbers, their seed, and the order of its hash tables.
fn chances<T>(run: &Run<T>) -> Vec<&str> {
    let of_chance =
        |line: &&str| ["random", "insecure", "seed", "hash"].iter().any(|it| line.starts_with(it));
    logged(run).into_iter().filter(of_chance).collect()
}

#[tokio::test]
async fn chance_is_the_runs_own_and_the_same_when_it_is_replayed_or_observed() {
    let hook = load(&component("guest-fetches")).await;
    let rolling = |seed| Setup {
        seed: [seed; 32],
        ..Setup::new(json!({ "does": "roll", "authority": "a.example", "paths": ["/1", "/2"] }))
    };
    let recorded = rolling(9).handle(&hook).await;
    recorded.outcome.as_ref().unwrap();
    let rolled = chances(&recorded);
    assert_eq!(rolled.len(), 8);
    let (before, after) = rolled.split_at(4);
    for kind in [0, 1, 3] {
        assert_ne!(before[kind], after[kind], "it goes on, and does not begin again");
    }
    assert_eq!(before[2], after[2], "one seed a run");

    let answers = Answers::Journal(recorded.journal.clone());
    let replay = Setup { answers, fake: Fake::unreachable(), ..rolling(9) };
    let observed = Setup { answers: Answers::Observe, ..rolling(9) };
    for (how, again) in [("replayed", replay), ("observed", observed), ("repeated", rolling(9))] {
        let again = again.handle(&hook).await;
        assert_eq!((again.outcome.clone(), chances(&again)), (Ok(()), rolled.clone()), "{how}");
    }

    let other = rolling(10).handle(&hook).await;
    for (one, other) in rolled.iter().zip(chances(&other)) {
        assert_ne!(*one, other, "another run");
    }
}

/// Keeps what is known at each intent, as a store does.
#[derive(Default)]
struct Kept(Mutex<Vec<Journal>>);

impl Intents for Kept {
    fn intend<'a>(&'a self, intent: Intent<'a>) -> BoxFuture<'a, Result<(), IntentError>> {
        let mut kept = self.0.lock().unwrap();
        let mut calls = kept.last().map(|journal| journal.calls.clone()).unwrap_or_default();
        for call in intent.earlier.iter().chain([intent.call]) {
            calls.retain(|known: &Recorded| known.n != call.n);
            calls.push(call.clone());
        }
        calls.sort_by_key(|call| call.n);
        kept.push(Journal { calls, schedule: intent.schedule.clone() });
        Box::pin(std::future::ready(Ok(())))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_intent_a_run_of_concurrent_writes_ends_after_the_next_one_goes_on_from_it() {
    let hook = load(&component("guest-fetches")).await;
    let putting =
        || Setup::new(json!({ "does": "put", "authority": "a.example", "paths": ["/1", "/2", "/3"] }));
    let kept = Arc::new(Kept::default());
    let live = Setup { intents: Some(kept.clone()), ..putting() };
    let recorded = live.handle(&hook).await;
    recorded.outcome.as_ref().unwrap();
    let known = std::mem::take(&mut *kept.0.lock().unwrap());
    assert_eq!(known.len(), 6, "one for each write");
    for (n, journal) in known.into_iter().enumerate() {
        let told: Vec<_> = journal.calls.iter().filter(|call| call.answer.is_some()).cloned().collect();
        let resumed = Setup { answers: Answers::JournalThenOutside(journal), ..putting() };
        let again = resumed.handle(&hook).await;
        assert_eq!(again.outcome, Ok(()), "after intent {n}");
        let asked =
            |run: &Run<()>| -> Vec<_> { run.journal.calls.iter().map(|call| call.ask.clone()).collect() };
        assert_eq!(asked(&again), asked(&recorded), "after intent {n}");
        for call in told {
            assert!(
                again.journal.calls.contains(&call),
                "what was answered is not asked again, after intent {n}"
            );
        }
        let replayed = Setup {
            answers: Answers::Journal(again.journal.clone()),
            fake: Fake::unreachable(),
            ..putting()
        };
        assert_eq!(logged(&replayed.handle(&hook).await), logged(&again), "a resumed run replays, too");
    }
}

#[tokio::test]
async fn a_replay_does_not_sleep() {
    let hook = load(&component("guest-fetches")).await;
    let setup = Setup::new(json!({ "does": "sleep" }));
    let setup = Setup { answers: Answers::Journal(groundcrew_engine::journal::Journal::default()), ..setup };
    let run = setup.handle(&hook).await;
    assert_eq!((run.outcome.clone(), logged(&run)), (Ok(()), vec!["slept 3600 s"]));
}

#[tokio::test]
async fn a_resumed_guest_does_not_sleep_again_and_gets_further_each_time() {
    let hook = load(&component("guest-fetches")).await;
    // Time passes as fast as everybody sleeps.
    tokio::time::pause();
    let napping = |answers| {
        let config = json!({ "does": "nap", "authority": "a.example", "times": 5, "seconds": 7 });
        Setup { answers, ..Setup::new(config) }
    };
    let (mut answers, mut seen) = (Answers::Outside, Vec::new());
    for (naps, seconds) in [(2, 20), (4, 20), (5, 7)] {
        let setup = napping(answers);
        let (context, began) = (setup.context(), tokio::time::Instant::now());
        let run = engine().handle(&hook, &context, event()).await;
        assert_eq!(began.elapsed().as_secs(), seconds, "{naps} naps");
        assert_eq!(matches!(run.outcome, Err(Ended::Deadline(_))), naps < 5, "{:?}", run.outcome);
        let lines: Vec<_> = logged(&run).into_iter().map(str::to_owned).collect();
        assert_eq!(lines.len(), naps);
        assert!(lines.starts_with(&seen) && lines.is_sorted(), "{seen:?}, then {lines:?}");
        (answers, seen) = (Answers::JournalThenOutside(context.gate.known()), lines);
    }
    let Answers::JournalThenOutside(whole) = answers else { unreachable!() };
    let (replay, began) = (napping(Answers::Journal(whole)), tokio::time::Instant::now());
    assert_eq!(logged(&replay.handle(&hook).await), seen);
    assert_eq!(began.elapsed(), std::time::Duration::ZERO, "a replay does not sleep at all");
}

#[tokio::test]
async fn a_moment_in_the_past_is_ready_at_once() {
    let hook = load(&component("guest-fetches")).await;
    Setup::new(json!({ "does": "spin" })).handle(&hook).await.outcome.unwrap();
}

#[tokio::test]
async fn an_observed_run_ends_at_its_first_write_and_shows_it() {
    let hook = load(&component("example-handler")).await;
    let setup = Setup {
        answers: Answers::Observe,
        fake: Fake::unreachable(),
        ..Setup::new(json!({ "server": "http://a.example" }))
    };
    let Err(Ended::Refused(Refusal::Observed(ask))) = setup.handle(&hook).await.outcome else {
        panic!("it did not end at its write")
    };
    let ask: serde_json::Value = serde_json::from_slice(&ask).unwrap();
    assert_eq!((&ask["method"], &ask["url"]), (&json!("POST"), &json!("http://a.example/events")));
}

#[tokio::test]
async fn a_replay_never_asks_the_network_and_ends_with_its_journal() {
    let hook = load(&component("example-handler")).await;
    let live = Setup::new(json!({ "server": "http://a.example" }));
    let recorded = live.handle(&hook).await;
    let replay = |answers, server: &str| Setup {
        answers,
        fake: Fake::unreachable(),
        ..Setup::new(json!({ "server": server }))
    };
    let whole = Answers::Journal(recorded.journal.clone());
    assert_eq!(replay(whole.clone(), "http://a.example").handle(&hook).await.outcome, Ok(()));
    let diverged = replay(whole, "http://a.example/elsewhere").handle(&hook).await.outcome;
    assert!(matches!(diverged, Err(Ended::Refused(Refusal::Diverged { n: 0, .. }))), "{diverged:?}");
    let empty = replay(Answers::Journal(groundcrew_engine::journal::Journal::default()), "http://a.example");
    assert_eq!(empty.handle(&hook).await.outcome, Err(Ended::Refused(Refusal::JournalEnded(0))));
    let _kept: Arc<Fake> = live.fake;
}
