//! A delivery whose run was ended early goes on where that stood: nothing that was answered is done twice.
//!
//! The runner, its store and the component are real; the way out notes what leaves, and stalls where a test says so.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use groundcrew::config::{Config, Environment};
use groundcrew::replay::{Recording, Verdict, replay};
use groundcrew::runner::installed::Installed;
use groundcrew::runner::{Entropy, Parts, Runner};
use groundcrew_core::duration::Millis;
use groundcrew_core::settle::Rules;
use groundcrew_core::spec::{Event, Failure};
use groundcrew_core::time::Timestamp;
use groundcrew_engine::clock::SystemClock;
use groundcrew_engine::egress::{Request, Response, Transport, TransportError};
use groundcrew_engine::limits::Limits;
use groundcrew_harness::hooks::{Shop, manifest_of};
use groundcrew_store::deliveries::{Dead, Ending, Turn};
use groundcrew_store::events::{Intake, NewEvent};
use groundcrew_store::lanes::LaneId;
use groundcrew_store::prune::Keep;
use groundcrew_store::runs::{RunRecord, RunsOf};
use groundcrew_store::{Options, RunId, Store, SubjectId};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

const WRITES: usize = 5;

/// What left, and where it stalls.
#[derive(Default)]
struct Way {
    /// What was sent: the body's `n`, or the last word of the path where there is no body; and the whole body.
    sent: Mutex<Vec<(usize, Value)>>,
    /// The post that is never answered, by its `n`.
    stalls: Mutex<Option<usize>>,
    stalled: Notify,
    /// Answers it nevertheless.
    released: Notify,
    /// The post that is answered with 503 as soon as another one stalls, by its `n`.
    refuses: Mutex<Option<usize>>,
}

impl Transport for Way {
    fn admit<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn exchange(&self, request: Request, _: Millis) -> BoxFuture<'_, Result<Response, TransportError>> {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let last = || request.url.rsplit('/').next().unwrap().parse().unwrap();
        let n = body["n"].as_u64().map_or_else(last, |n| n as usize);
        self.sent.lock().unwrap().push((n, body));
        if *self.stalls.lock().unwrap() == Some(n) {
            self.stalled.notify_one();
            return Box::pin(async move {
                self.released.notified().await;
                Ok(Response { status: 204, headers: Vec::new(), body: Vec::new() })
            });
        }
        let refuses = *self.refuses.lock().unwrap() == Some(n);
        Box::pin(async move {
            if refuses {
                self.stalled.notified().await;
            }
            let status = if refuses { 503 } else { 204 };
            Ok(Response { status, headers: Vec::new(), body: Vec::new() })
        })
    }
}

/// One event, owed to one handler.
struct Bench {
    way: Arc<Way>,
    store: Store,
    lane: LaneId,
    /// What the hook's stanza says, given these settings.
    stanza: fn(&str) -> String,
    /// The stanza's level.
    level: &'static str,
    /// What a run may use.
    limits: Limits,
    _directory: TempDir,
}

/// The guest that posts five times, one after the other.
fn five(settings: &str) -> String {
    format!(
        "use = \"five.wasm\"\nconfig = {{ server = \"http://a.example\", {settings} }}\n\
         allow = [\"POST {{config.server}}/events\"]\n"
    )
}

/// The guest that posts twice at once, and fails as soon as one of them does.
fn gambler(settings: &str) -> String {
    format!(
        "use = \"fetches.wasm\"\nconfig = {{ does = \"gamble\", authority = \"a.example\", \
         paths = [\"/events/1\", \"/events/2\"], {settings} }}\nallow = [\"POST http://a.example/events/*\"]\n"
    )
}

/// What the stanza of the first configures beside its server.
const KEYED: &str = "says = \"one\"";
const KEYLESS: &str = "says = \"one\", keyless = true";
const OTHERWISE: &str = "says = \"another\"";
/// What that of the other does.
const GAMBLES: &str = "about = \"nothing\"";
const GAMBLES_KEYED: &str = "key = \"e1\"";
const GAMBLES_OTHERWISE: &str = "key = \"e2\"";

fn config(stanza: &str, level: &str) -> Config {
    let text = format!(
        "installation = \"resume\"\nlevel = \"enforce\"\n[hook.tells]\nlevel = \"{level}\"\n{stanza}"
    );
    let environment = Environment::fixed([]);
    Config::parse("resume.toml", &text, Path::new("/"), &environment, &manifest_of).unwrap()
}

/// When everything happens.
const fn now() -> Timestamp {
    Timestamp::from_millis(1_795_000_000_000)
}

impl Bench {
    async fn new() -> Self {
        Self::of(five, KEYED).await
    }

    async fn of(stanza: fn(&str) -> String, settings: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("groundcrew.db"), Options::default()).unwrap();
        let config = config(&stanza(settings), "enforce");
        let digest = Shop::of_process().component(&config.hooks["tells"].component).digest;
        let hook = store.save_hook("tells", digest, "", "{}").await.unwrap();
        let lane = LaneId { hook, subject: SubjectId::NONE };
        let limits = Limits::default();
        let way = Arc::default();
        let bench = Self { way, store, lane, stanza, level: "enforce", limits, _directory: directory };
        bench.owes("e1").await;
        bench
    }

    /// The handler is owed an event, or one more.
    async fn owes(&self, id: &str) {
        let (id, kind, time) = (id.to_owned(), "app.created".to_owned(), now());
        let event = Event { id, kind, time, subject: None, data: json!({}) };
        let events = vec![NewEvent { event, handlers: vec![self.lane.hook] }];
        self.store.accept(Intake { events, now: time, ..Intake::default() }).await.unwrap();
    }

    /// A process that is started on what the last one left.
    async fn start(&self, settings: &str) -> Arc<Runner> {
        let config = config(&(self.stanza)(settings), self.level);
        let shop = Shop::of_process();
        let hook = config.hooks["tells"].clone();
        let component = shop.component(&hook.component);
        let installed = Installed::new(self.lane.hook, hook, component, &config.secrets, [1; 32]).unwrap();
        self.store.close_broken_runs(now()).await.unwrap();
        Runner::new(Parts {
            store: self.store.clone(),
            engine: shop.engine.clone(),
            clock: Arc::new(SystemClock),
            transport: self.way.clone(),
            entropy: Entropy::of_system(),
            installation: config.installation.clone(),
            level: config.level,
            recovering: None,
            fly_api: config.fly_api.clone(),
            limits: self.limits.clone(),
            label_sources: Vec::new(),
            faults: None,
            rules: Rules::ALL,
            rehearsal: None,
            hooks: vec![installed],
        })
    }

    /// A run fails because its second post is refused, while the first is under way.
    async fn fails_meanwhile(&self, settings: &str) {
        self.stalls_at(Some(1));
        *self.way.refuses.lock().unwrap() = Some(2);
        self.works(settings).await;
        self.stalls_at(None);
        *self.way.refuses.lock().unwrap() = None;
    }

    fn stalls_at(&self, n: Option<usize>) {
        *self.way.stalls.lock().unwrap() = n;
    }

    /// The process is killed while it waits for the answer to its post `n`.
    async fn killed_at(&self, n: usize, settings: &str) {
        self.stalls_at(Some(n));
        let runner = self.start(settings).await;
        tokio::select! {
            worked = runner.work(self.lane) => panic!("it was to wait for an answer: {worked:?}"),
            () = self.way.stalled.notified() => {}
        }
        self.stalls_at(None);
    }

    async fn works(&self, settings: &str) {
        self.start(settings).await.work(self.lane).await.unwrap();
    }

    fn sent(&self) -> Vec<usize> {
        self.way.sent.lock().unwrap().iter().map(|(n, _)| *n).collect()
    }

    /// The same of two that are sent at once, in the order of their numbers.
    fn both_sent(&self) -> Vec<usize> {
        let mut sent = self.sent();
        sent.sort_unstable();
        sent
    }

    /// How many runs can be told apart by what was sent.
    fn chances(&self) -> usize {
        let sent = self.way.sent.lock().unwrap();
        let all: std::collections::BTreeSet<_> =
            sent.iter().map(|(_, body)| body["chance"].to_string()).collect();
        all.len()
    }

    fn is_told(&self) -> bool {
        self.store.delivery_head(self.lane).unwrap().is_none() && self.store.dead().unwrap().is_empty()
    }

    /// Runs, oldest first.
    fn runs(&self) -> Vec<RunRecord> {
        let mut runs = self.store.runs(RunsOf::All, 99).unwrap();
        runs.reverse();
        runs
    }

    /// The runs before the one that is gone on from, with a write in doubt.
    fn doubts(&self) -> Vec<RunId> {
        let head = self.store.delivery_head(self.lane).unwrap().unwrap();
        head.doubts.into_iter().map(|doubt| doubt.run).collect()
    }

    fn dead(&self) -> Vec<Dead> {
        self.store.dead().unwrap()
    }
}

/// What is sent if the post `n` is sent twice, and everything else once.
fn twice(n: usize) -> Vec<usize> {
    (1..=n).chain(n..=WRITES).collect()
}

#[tokio::test]
async fn after_a_kill_at_any_write_the_next_run_goes_on_from_there_and_replays() {
    for n in 1..=WRITES {
        let bench = Bench::new().await;
        bench.killed_at(n, KEYED).await;
        bench.works(KEYED).await;
        assert_eq!((bench.sent(), bench.chances(), bench.is_told()), (twice(n), 1, true), "killed at {n}");
        let runs = bench.runs();
        assert_eq!(runs.len(), 2);
        assert_eq!((runs[1].resumes, runs[1].outcome.as_deref()), (Some(runs[0].id), Some("ok")));
        let (run, calls) = bench.store.run(runs[1].id).unwrap().unwrap();
        let recording = Recording::of(&bench.store, "tells", &run, &calls).unwrap().unwrap();
        let shop = Shop::of_process();
        let hook = &config(&five(KEYED), "enforce").hooks["tells"];
        let component = shop.component(&hook.component);
        let loaded = groundcrew::prove::loaded::Loaded {
            engine: shop.engine.clone(),
            component,
            manifest: hook.manifest.clone(),
        };
        assert_eq!(replay(&loaded, &recording).await.verdict, Verdict::Same, "killed at {n}");
    }
}

#[tokio::test]
async fn what_is_under_way_when_the_runner_drains_comes_to_its_end_and_nothing_begins() {
    let bench = Bench::new().await;
    bench.owes("e2").await;
    bench.stalls_at(Some(3));
    let runner = bench.start(KEYED).await;
    let overdue = runner.now() - Millis::minutes(1);
    bench.store.postpone_delivery(bench.lane, overdue).await.unwrap();
    let draining = async {
        bench.way.stalled.notified().await;
        runner.draining().cancel();
        bench.stalls_at(None);
        bench.way.released.notify_one();
    };
    let dispatched = async { tokio::join!(runner.clone().dispatch(CancellationToken::new()), draining) };
    tokio::time::timeout(Duration::from_mins(1), dispatched).await.expect("it ends by itself");
    assert_eq!(bench.sent(), [1, 2, 3, 4, 5]);
    let head = bench.store.delivery_head(bench.lane).unwrap().unwrap();
    assert_eq!((head.event.id.as_str(), head.attempts, bench.runs().len()), ("e2", 0, 1));
    assert_eq!(bench.store.due_lanes(runner.now(), 9).unwrap(), [bench.lane], "for the next runner");
}

#[tokio::test]
async fn a_run_that_is_killed_again_and_again_forgets_nothing() {
    let bench = Bench::new().await;
    for n in 1..=WRITES {
        bench.killed_at(n, KEYED).await;
    }
    bench.works(KEYED).await;
    let sent: Vec<_> = (1..=WRITES).flat_map(|n| [n, n]).collect();
    assert_eq!((bench.sent(), bench.chances(), bench.is_told()), (sent, 1, true));
}

#[tokio::test]
async fn after_its_deadline_a_run_goes_on_and_one_that_gets_no_further_without_a_doubt_begins_anew() {
    let mut bench = Bench::new().await;
    bench.limits.deadline = Duration::from_millis(400);
    bench.stalls_at(Some(3));
    bench.works(KEYED).await;
    let head = bench.store.delivery_head(bench.lane).unwrap().unwrap();
    assert_eq!((head.attempts, head.resumes), (1, Some(bench.runs()[0].id)));
    bench.works(KEYED).await;
    assert_eq!(bench.sent(), [1, 2, 3, 3], "no answer again");
    bench.stalls_at(None);
    bench.works(KEYED).await;
    assert_eq!((bench.sent(), bench.chances(), bench.is_told()), (vec![1, 2, 3, 3, 3, 4, 5], 1, true));
}

#[tokio::test]
async fn a_write_without_a_key_whose_answer_is_lost_ends_its_delivery_and_shows_what_it_was() {
    let bench = Bench::new().await;
    bench.killed_at(4, KEYLESS).await;
    bench.works(KEYLESS).await;
    assert_eq!(bench.sent(), [1, 2, 3, 4], "nothing is sent twice");
    let [dead] = &bench.dead()[..] else { panic!("{:?}", bench.dead()) };
    assert!(
        dead.error.starts_with("unknown outcome: POST http://a.example/events was sent at "),
        "{}",
        dead.error
    );
    assert_eq!(dead.in_doubt, Some(bench.runs()[0].id));
}

#[tokio::test]
async fn a_guest_that_goes_another_way_begins_anew_only_if_what_is_in_doubt_may_be_sent_again() {
    let bench = Bench::of(five, KEYLESS).await;
    bench.killed_at(3, KEYLESS).await;
    bench.works(OTHERWISE).await;
    assert_eq!(bench.sent(), [1, 2, 3]);
    assert_eq!(bench.dead().len(), 1, "nobody knows what became of the third");

    let bench = Bench::new().await;
    bench.killed_at(3, KEYED).await;
    bench.works(OTHERWISE).await;
    assert!(bench.dead().is_empty() && bench.sent() == [1, 2, 3], "it begins anew with the next run");
    assert_eq!(bench.doubts(), [bench.runs()[0].id], "the third may have arrived");
    bench.works(OTHERWISE).await;
    assert_eq!((bench.sent(), bench.chances(), bench.is_told()), (vec![1, 2, 3, 1, 2, 3, 4, 5], 1, true));

    // Here all that was sent was answered: the answer to the last one came with another intent.
    let bench = Bench::new().await;
    bench.killed_at(3, KEYED).await;
    let (run, mut calls) = bench.store.run(bench.runs()[0].id).unwrap().unwrap();
    let answer = calls[0].answer.clone();
    calls[2].answer = answer;
    bench.store.save_run(run, calls).await.unwrap();
    bench.works(OTHERWISE).await;
    assert!(!bench.is_told() && bench.dead().is_empty(), "it begins anew with the next run");
    assert_eq!(bench.store.delivery_head(bench.lane).unwrap().unwrap().resumes, None);
    bench.works(OTHERWISE).await;
    assert_eq!((bench.sent(), bench.is_told()), (vec![1, 2, 3, 1, 2, 3, 4, 5], true));
}

#[tokio::test]
async fn a_hook_that_only_observes_sends_nothing_again_and_forgets_no_doubt() {
    let mut bench = Bench::new().await;
    bench.killed_at(2, KEYED).await;
    bench.level = "observe";
    bench.works(KEYED).await;
    assert_eq!((bench.sent(), bench.dead().len()), (vec![1, 2], 1));
    assert_eq!(bench.dead()[0].in_doubt, Some(bench.runs()[0].id));
}

#[tokio::test]
async fn a_run_that_its_gate_ended_early_forgets_nothing_of_the_one_that_it_resumed() {
    let mut bench = Bench::new().await;
    bench.killed_at(3, KEYLESS).await;
    bench.limits.calls = 1;
    bench.works(KEYLESS).await;
    let ended = bench.runs()[1].clone();
    assert_eq!(ended.outcome.as_deref(), Some("more than 1 host calls in one run"));
    assert_eq!(bench.store.delivery_head(bench.lane).unwrap().unwrap().resumes, Some(ended.id));
    bench.limits.calls = Limits::default().calls;
    bench.works(KEYLESS).await;
    assert_eq!(bench.sent(), [1, 2, 3], "the second was answered, and of the third nobody knows");
    assert_eq!(bench.dead()[0].in_doubt, Some(ended.id));
}

#[tokio::test]
async fn a_run_that_fails_while_a_write_without_a_key_is_under_way_is_not_tried_again() {
    let bench = Bench::of(gambler, GAMBLES).await;
    bench.fails_meanwhile(GAMBLES).await;
    let failed = bench.runs()[0].clone();
    assert!(failed.outcome.as_deref().unwrap().contains("/events/2: 503"), "{:?}", failed.outcome);
    assert_eq!(bench.store.delivery_head(bench.lane).unwrap().unwrap().resumes, None);
    assert_eq!(bench.doubts(), [failed.id]);
    bench.works(GAMBLES).await;
    assert_eq!(bench.both_sent(), [1, 2], "nothing is sent twice");
    let [dead] = &bench.dead()[..] else { panic!("{:?}", bench.dead()) };
    let unknown = "unknown outcome: POST http://a.example/events/1 was sent at ";
    assert!(dead.error.starts_with(unknown), "{}", dead.error);
    assert_eq!(dead.in_doubt, Some(failed.id));
}

#[tokio::test]
async fn a_run_that_fails_while_a_write_with_a_key_is_under_way_begins_anew_with_the_same_chances() {
    let bench = Bench::of(gambler, GAMBLES_KEYED).await;
    bench.fails_meanwhile(GAMBLES_KEYED).await;
    bench.works(GAMBLES_KEYED).await;
    assert_eq!((bench.both_sent(), bench.is_told()), (vec![1, 1, 2, 2], true));
    let runs = bench.runs();
    assert_eq!((runs.len(), runs[1].resumes), (2, None), "what it was told is why it failed");
    assert_eq!(runs[0].seed, runs[1].seed, "a key may be made of them");
}

#[tokio::test]
async fn each_of_several_doubts_ends_the_delivery_when_its_hours_are_over() {
    let bench = Bench::of(gambler, GAMBLES_KEYED).await;
    bench.fails_meanwhile(GAMBLES_KEYED).await;
    bench.fails_meanwhile(GAMBLES_OTHERWISE).await;
    let runs: Vec<_> = bench.runs().iter().map(|run| run.id).collect();
    assert_eq!(bench.doubts(), runs, "the second attempt sent something else");
    bench.store.close_broken_runs(now()).await.unwrap();
    let keep = Keep { runs: Millis::ZERO, bodies: Millis::ZERO, ..Keep::DEFAULT };
    while bench.store.prune(keep, Timestamp::from_millis(1_995_000_000_000)).await.unwrap() {}
    assert_eq!(bench.runs().len(), 2, "both are kept, whole");

    let (run, mut calls) = bench.store.run(runs[0]).unwrap().unwrap();
    for call in &mut calls {
        call.sent_at = call.sent_at - Millis::hours(13);
    }
    bench.store.save_run(run, calls).await.unwrap();
    bench.works(GAMBLES_OTHERWISE).await;
    assert_eq!(bench.both_sent(), [1, 1, 2, 2], "nothing is sent any more");
    assert_eq!(bench.dead()[0].in_doubt, Some(runs[0]), "its receiver may have forgotten the key");
}

#[tokio::test]
async fn what_a_delivery_goes_on_from_is_kept_for_as_long_as_it_waits() {
    let bench = Bench::new().await;
    bench.killed_at(2, KEYED).await;
    bench.store.close_broken_runs(now()).await.unwrap();
    let keep = Keep { runs: Millis::ZERO, bodies: Millis::ZERO, ..Keep::DEFAULT };
    let later = Timestamp::from_millis(1_995_000_000_000);
    while bench.store.prune(keep, later).await.unwrap() {}
    bench.works(KEYED).await;
    assert_eq!((bench.sent(), bench.chances(), bench.is_told()), (twice(2), 1, true));
    while bench.store.prune(keep, later).await.unwrap() {}
    assert!(bench.runs().is_empty(), "once it is told nobody needs them: {:?}", bench.runs());
}

#[tokio::test]
async fn what_is_lost_nevertheless_is_not_guessed() {
    let bench = Bench::new().await;
    bench.killed_at(2, KEYED).await;
    let (run, calls) = bench.store.run(bench.runs()[0].id).unwrap().unwrap();
    let (seq, run) = (run.seq.unwrap(), RunRecord { ended: Some(now()), ..run });
    let lost = Some(RunId(run.id.0 + 1_000));
    let again = Ending::Again { at: now(), error: "later".to_owned(), resumes: lost, doubts: Vec::new() };
    bench.store.settle_delivery(bench.lane, seq, run, calls, again, Turn::Ends, now()).await.unwrap();
    bench.works(KEYED).await;
    assert_eq!(bench.sent(), [1, 2]);
    assert!(bench.dead()[0].error.contains("no longer kept"), "{:?}", bench.dead());
}
