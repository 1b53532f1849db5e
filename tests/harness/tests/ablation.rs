//! Every safeguard is needed: with one of them taken out the judge finds a double, a loss or a stranger touched.

use std::sync::Arc;

use groundcrew_core::settle::{Rule, Rules};
use groundcrew_core::spec::Failure;
use groundcrew_engine::gate::{self, Answers, Effect, Gate, Reply, Unrecorded};
use groundcrew_engine::journal::CallAccess;
use groundcrew_engine::limits::Limits;
use groundcrew_harness::clock::Clock;
use groundcrew_harness::{Memory, Pairs, Played, Scenario, explore, thing};
use groundcrew_outside::judge::{Verdict, judge};
use groundcrew_outside::{Act, Fault, Knobs, Outside, Purpose};
use serde_json::json;
use tokio::sync::oneshot;

const LAG: i64 = 4_000;

/// Whole, the scenario goes right at every point; without the safeguard it goes wrong somewhere.
fn needed(whole: &Scenario, without: &Scenario, wrong: impl Fn(&Played) -> bool) {
    let right = explore(whole, Pairs::None, Played::is_right);
    assert!(right.wrong.is_empty(), "whole: {right}");
    let trial = explore(without, Pairs::None, Played::is_right);
    assert!(trial.wrong.iter().any(wrong), "nothing goes wrong without it: {trial}");
}

fn marked() -> Scenario {
    Scenario::new("ablation")
        .collection("/marked", Knobs { lag_ms: LAG, ..Knobs::marked() })
        .wants(0, "a", &[thing("marked", "x", 1)])
        .expects(&[("a", "marked/x")])
        .lasts(120_000)
}

#[test]
fn without_the_intent_commit_things_are_doubled() {
    needed(&marked(), &marked().memory(Memory::Forgetful), |played| !played.verdict.doubled.is_empty());
}

#[test]
fn without_the_settle_wait_things_are_doubled() {
    let without = marked().rules(Rules::without(Rule::SettleWait));
    needed(&marked(), &without, |played| !played.verdict.doubled.is_empty());
}

#[test]
fn without_the_pre_image_a_strangers_thing_is_taken() {
    let scenario = || {
        Scenario::new("ablation")
            .collection("/anonymous", Knobs { lag_ms: 1_000, ..Knobs::anonymous() })
            .act(0, "/anonymous", Act::Plant { name: None, mark: None, body: json!({"value": 9}) })
            // By then it shows, and it is young enough to have been made by the creation that follows.
            .wants(3_000, "a", &[thing("anonymous", "x", 1)])
            .fault(3_000, 0, "POST", Fault::NeverArrived)
            .wants(60_000, "a", &[thing("anonymous", "x", 2)])
            .expects(&[("a", "anonymous/x")])
            .lasts(120_000)
    };
    let without = scenario().rules(Rules::without(Rule::PreImage));
    needed(&scenario(), &without, |played| !played.verdict.lost.is_empty());
}

/// A creation that waits for its turn at the host before it leaves.
struct Stalled {
    outside: Outside,
    turn: oneshot::Receiver<()>,
}

impl gate::Outside for Stalled {
    async fn admit(&mut self) -> Result<(), Failure> {
        let turn = &mut self.turn;
        turn.await.map_err(|_| Failure::again("no turn came"))
    }

    async fn exchange(self) -> Reply {
        let headers = [("x-for".to_owned(), "fly/acme/a marked/x".to_owned())];
        let reply = self.outside.handle("POST", "/marked", &headers, b"{}");
        let answer = reply.answer().expect("the fake answers");
        Reply { bytes: answer.body, effect: Effect::Over }
    }

    fn told(failure: Failure) -> Vec<u8> {
        failure.message.into_bytes()
    }
}

/// The end of a run, with the closed flag or without it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AtTheEnd {
    Closed,
    LeftOpen,
}

/// One run's creation waits for its turn while the run ends; the next run creates; then the turn comes.
fn overtaken(at_the_end: AtTheEnd) -> Verdict {
    let clock = Clock::default();
    let shown = clock.clone();
    let outside = Outside::new(Arc::new(move || shown.millis())).with("/marked", Knobs::marked());
    let run = || {
        let clock = Arc::new(clock.clone());
        Gate::new(Answers::Outside, Arc::new(Unrecorded), None, clock, &Limits::default())
    };
    let create = async |gate: &Gate, turn| {
        let ticket = gate.ticket(gate.number().expect("a first call"), "http", CallAccess::Write, Vec::new());
        let stalled = Stalled { outside: outside.clone(), turn };
        drop(gate.pass(ticket, stalled).await);
    };
    let (first, second) = (run(), run());
    let (say_first, first_turn) = oneshot::channel();
    let (say_second, second_turn) = oneshot::channel();
    let story = async {
        clock.pass(60_000);
        if at_the_end == AtTheEnd::Closed {
            first.close();
        }
        say_second.send(()).expect("the second run waits");
        create(&second, second_turn).await;
        say_first.send(()).expect("the task of the first run still waits");
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime can be made");
    runtime.block_on(async { tokio::join!(create(&first, first_turn), story) });
    judge(&outside.log(), &[Purpose::new("fly/acme/a", "marked/x")])
}

#[test]
fn without_the_closed_flag_a_run_that_is_over_doubles_things() {
    assert!(overtaken(AtTheEnd::Closed).is_clean());
    assert_eq!(overtaken(AtTheEnd::LeftOpen).doubled.len(), 1);
}
