//! Every safeguard is needed: with one of them taken out the judge finds a double, a loss or a stranger touched.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use groundcrew::config::Component;
use groundcrew_core::duration::Millis;
use groundcrew_core::egress::Grant;
use groundcrew_core::settle::{Rule, Rules};
use groundcrew_core::spec::{Event, Failure};
use groundcrew_core::time::Timestamp;
use groundcrew_engine::egress::{Egress, Request, Response, Transport, TransportError};
use groundcrew_engine::gate::{
    self, Answers, Faults, Gate, Intent, IntentError, Intents, Moment, Unrecorded,
};
use groundcrew_engine::journal::Recorded;
use groundcrew_engine::limits::Limits;
use groundcrew_engine::run::{Context, MemoryHandle};
use groundcrew_engine::secrets::Secrets;
use groundcrew_harness::clock::Clock;
use groundcrew_harness::hooks::Shop;
use groundcrew_harness::{Memory, Pairs, Played, Scenario, explore, thing};
use groundcrew_outside::judge::{Verdict, judge};
use groundcrew_outside::{Act, Fault, Knobs, Outside, Purpose};
use serde_json::json;
use tokio::sync::Semaphore;

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

/// An app as in the demo, with the answer to one of its addresses lost while listings are blind.
fn as_in_the_demo() -> Scenario {
    let grace = "gone_adopted = \"delete\"\ngrace = { gone = \"30s\", unwanted = \"20s\" }";
    Scenario::new("ablation")
        .fly_ip("v4 = \"shared\", v6 = \"dedicated\"", grace)
        .dns(
            "{ name = \"www.{app}.example\", type = \"A\", values = [\"{ip.v4}\"] }",
            &format!("reads = [\"ip\"]\n{grace}"),
        )
        .turn(0, |knobs| knobs.blind_ips_ms = LAG as u64)
        .app(0, "cust-1", json!({}))
        .expects(&[("cust-1", "shared_v4"), ("cust-1", "v6")])
        .expects_records(&["A/www.cust-1.example"])
        .lasts(200_000)
}

/// The judges of the demo and of torture read the same logs, and see what the harness's sees.
#[test]
fn without_the_settle_wait_or_the_intent_commit_the_judges_of_demo_and_torture_find_a_double() {
    let whole = groundcrew_harness::play(&as_in_the_demo(), &[]);
    assert!(whole.beside.demo.is_good(), "{}", whole.beside.demo);
    let torture = whole.beside.torture.as_ref().expect("it knows the app");
    assert!(torture.is_good(), "{torture}");
    let doubled = |played: &Played| {
        let torture = played.beside.torture.as_ref().is_some_and(|torture| torture.doubled() > 0);
        torture && !played.beside.demo.doubled.is_empty() && !played.verdict.doubled.is_empty()
    };
    // Of an anonymous thing that is the wait for `settle`.
    let without = as_in_the_demo().rules(Rules::without(Rule::JudgeLate));
    needed(&as_in_the_demo(), &without, doubled);
    needed(&as_in_the_demo(), &as_in_the_demo().memory(Memory::Forgetful), doubled);
}

/// How long anything may take before the test fails.
const LONGEST: Duration = Duration::from_secs(20);

/// The way of a guest that posts without waiting for the answer: what it gets is answered once its post is on its way.
struct Way {
    outside: Outside,
    posted: Semaphore,
}

impl Transport for Way {
    fn admit<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async { Ok(()) })
    }

    fn exchange(&self, request: Request, _: Millis) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            if request.method == "GET" {
                self.posted.acquire().await.expect("it is never closed").forget();
                return Ok(Response { status: 200, headers: Vec::new(), body: Vec::new() });
            }
            let headers = [("x-for".to_owned(), "fly/acme/a marked/x".to_owned())];
            let answer = self.outside.handle(&request.method, "/marked", &headers, b"{}").answer();
            let answer = answer.expect("the fake answers");
            self.posted.add_permits(1);
            Ok(Response { status: answer.status, headers: Vec::new(), body: answer.body })
        })
    }
}

/// Intents whose commit holds its thread until it is let go, so that no abort can end it before.
struct Held {
    way: Arc<Way>,
    go: Mutex<Receiver<()>>,
}

impl Intents for Held {
    fn intend<'a>(&'a self, _: Intent<'a>) -> BoxFuture<'a, Result<(), IntentError>> {
        Box::pin(async {
            self.way.posted.add_permits(1);
            self.go.lock().expect("nobody panics").recv_timeout(LONGEST).expect("it is let go");
            Ok(())
        })
    }
}

/// The end of a run, with the closed flag or without it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AtTheEnd {
    Closed,
    LeftOpen,
}

impl Faults for AtTheEnd {
    fn at(&self, _: Moment, _: &Recorded) -> gate::Fault {
        gate::Fault::None
    }

    fn closes(&self) -> bool {
        *self == Self::Closed
    }
}

/// A run of the guest that posts to the collection, gets something, and ends.
async fn posts(way: &Arc<Way>, clock: &Clock, intents: Arc<dyn Intents>, at_the_end: AtTheEnd) {
    let limits = Limits::default();
    let faults = Some(Arc::new(at_the_end) as _);
    let gate = Gate::new(Answers::Outside, intents, faults, Arc::new(clock.clone()), &limits);
    let grant = "GET,POST http://outside.example/*".parse::<Grant>().expect("a grant");
    let grant = grant.bind(&BTreeMap::new()).expect("it has nothing to be filled in");
    let config = json!({"does": "leave", "authority": "outside.example", "paths": ["/marked"]});
    let time = Timestamp::from_millis(clock.millis());
    let context = Context {
        gate,
        egress: Egress::new(vec![grant].into(), Arc::new(Secrets::default()), way.clone()),
        memory: MemoryHandle::empty(),
        config: Arc::new(config),
        seed: [9; 32],
        started: time,
        limits: Arc::new(limits),
    };
    let event =
        Event { id: "e1".to_owned(), kind: "tick".to_owned(), time, subject: None, data: json!(null) };
    let shop = Shop::of_process();
    let guest = shop.component(&Component::File("fetches.wasm".into()));
    let run = shop.engine.handle(&guest, &context, event).await;
    assert_eq!(run.outcome, Ok(()));
}

/// One run's creation is still at its intent when the run ends; the next run creates; then the intent is stored.
async fn overtaken(at_the_end: AtTheEnd) -> Verdict {
    let clock = Clock::default();
    let shown = clock.clone();
    let outside = Outside::new(Arc::new(move || shown.millis())).with("/marked", Knobs::marked());
    let way = Arc::new(Way { outside: outside.clone(), posted: Semaphore::new(0) });
    let (let_go, go) = sync_channel(1);
    posts(&way, &clock, Arc::new(Held { way: way.clone(), go: Mutex::new(go) }), at_the_end).await;
    posts(&way, &clock, Arc::new(Unrecorded), at_the_end).await;
    let_go.send(()).expect("the task of the first run still waits");
    let is_over = async {
        while Arc::strong_count(&way) > 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONGEST, is_over).await.expect("the task of the first run ends");
    judge(&outside.log(), &[Purpose::new("fly/acme/a", "marked/x")])
}

#[test]
fn without_the_closed_flag_a_run_that_is_over_doubles_things() {
    // Components are compiled before a runtime is entered.
    Shop::of_process();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let closed = runtime.block_on(overtaken(AtTheEnd::Closed));
    assert!(closed.is_clean(), "{closed}");
    let left_open = runtime.block_on(overtaken(AtTheEnd::LeftOpen));
    assert_eq!(left_open.doubled.len(), 1, "{left_open}");
}
