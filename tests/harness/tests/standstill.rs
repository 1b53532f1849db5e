//! What is due, and what people asked for, is not used up while nothing can be done about it: while a component is
//! compiled, and once a runner drains.
//!
//! The runner, its store, its schedules and its components are real; outside, everything is always idle.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use futures_util::future::BoxFuture;
use groundcrew::assembly::{self, Compiling, Seen, Setting};
use groundcrew::config::{Component, Config, Environment};
use groundcrew::runner::audit::Remedied;
use groundcrew::runner::{Entropy, Runner};
use groundcrew::scheduler::{Job, Scheduler};
use groundcrew_core::duration::Millis;
use groundcrew_core::manifest::Manifest;
use groundcrew_core::spec::Failure;
use groundcrew_core::time::Timestamp;
use groundcrew_engine::cache::Compiler;
use groundcrew_engine::clock::Clock;
use groundcrew_engine::egress::{Request, Response, Transport, TransportError};
use groundcrew_engine::limits::Limits;
use groundcrew_harness::hooks::{looker, manifest_of};
use groundcrew_store::errands::{Errand, Kept};
use groundcrew_store::findings::ClosedToo;
use groundcrew_store::operators::OperatorAct;
use groundcrew_store::{Options, Store};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const CONFIG: &str = r#"
installation = "standstill"
level        = "enforce"

[hook.looker]
use    = "looker.wasm"
config = { server = "http://a.example", mistake = "none" }
allow  = ["GET,DELETE {config.server}/things*", "GET,POST {config.server}/snapshots*"]

[hook.register]
use         = "builtin:register"
config      = { server = "http://a.example", path = "registry/{app}", document = { app = "{app}" }, auth = "none" }
gone        = "delete"
drift_every = "1h"
allow       = ["GET,PUT,DELETE {config.server}/*"]

[audit.overdue]
hooks  = ["looker", "register"]
cron   = "0 * * * *"
missed = { run = "once", within = "6h" }

[audit.asked]
hooks = ["looker"]
cron  = "0 3 1 1 *"

[audit.mends]
hooks   = ["looker"]
cron    = "0 3 1 1 *"
remedy  = "enforce"
codes   = ["thing.idle"]
grace   = "0s"
deletes = { share = "0%", floor = 20 }
"#;

/// A clock that stands still.
#[derive(Debug)]
struct Still(Timestamp);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// Two things that nobody uses.
#[derive(Default)]
struct Outside {
    /// The last words of the addresses that were deleted.
    deleted: Mutex<Vec<String>>,
    /// Cancelled by the first that is.
    drain: OnceLock<CancellationToken>,
}

impl Outside {
    fn answer(&self, request: &Request) -> &'static str {
        let path = request.url.trim_start_matches("http://a.example");
        let path = path.split('?').next().unwrap();
        match (request.method.as_str(), path) {
            ("GET", "/things") => {
                r#"{"items": [{"id": "t1", "value": "idle"}, {"id": "t2", "value": "idle"}]}"#
            }
            ("GET", "/snapshots") => r#"{"items": []}"#,
            ("GET", _) => r#"{"id": "t", "value": "idle"}"#,
            ("DELETE", _) => {
                self.deleted.lock().unwrap().push(path.trim_start_matches("/things/").to_owned());
                if let Some(drain) = self.drain.get() {
                    drain.cancel();
                }
                "{}"
            }
            _ => "{}",
        }
    }
}

impl Transport for Outside {
    fn admit<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn exchange(&self, request: Request, _: Millis) -> BoxFuture<'_, Result<Response, TransportError>> {
        let body = self.answer(&request).as_bytes().to_vec();
        Box::pin(std::future::ready(Ok(Response { status: 200, headers: Vec::new(), body })))
    }
}

struct Bench {
    config: Config,
    store: Store,
    outside: Arc<Outside>,
    directory: TempDir,
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn now() -> Timestamp {
    at("2026-06-02T05:30:00Z")
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("looker.wasm"), looker()).unwrap();
        let manifests = |component: &Component, said: Option<&Manifest>| match component {
            Component::File(_) => Ok(Manifest::parse(include_str!("../../guests/looker/hook.toml")).unwrap()),
            Component::Builtin(_) => manifest_of(component, said),
        };
        let (dir, environment): (&Path, _) = (directory.path(), Environment::fixed([]));
        let config = Config::parse("standstill.toml", CONFIG, dir, &environment, &manifests);
        let config = config.unwrap_or_else(|report| panic!("{report}"));
        let store = Store::open(&dir.join("groundcrew.db"), Options::default()).unwrap();
        Self { config, store, outside: Arc::default(), directory }
    }

    /// A process that is started on what the last one left, and what it compiles.
    async fn start(&self) -> (Arc<Runner>, Compiling) {
        let transport: Arc<dyn Transport> = self.outside.clone();
        let own = transport.clone();
        let setting = Setting {
            directory: self.directory.path().to_owned(),
            store: self.store.clone(),
            database: self.store.path().to_owned(),
            clock: Arc::new(Still(now())),
            transport,
            of_hook: Arc::new(move |_, _| own.clone()),
            entropy: Entropy::of_system(),
            compiler: Compiler::InProcess,
            limits: Limits::default(),
            rehearsal: None,
            seen: Seen::default(),
        };
        assembly::begin(&self.config, setting).await.unwrap()
    }

    async fn starts_compiled(&self) -> Arc<Runner> {
        let (runner, compiling) = self.start().await;
        compiling.run().await.unwrap();
        runner
    }

    async fn asks(&self, errand: Errand) {
        let act = OperatorAct { who: "ann".to_owned(), what: "it".to_owned() };
        assert_eq!(self.store.ask(errand, act, now()).await.unwrap(), Kept::Yes);
    }

    /// What is asked for, the last ticks of the audit that is overdue and of the listing, and how often audits were run.
    fn used_up(&self) -> (usize, Option<Timestamp>, Option<Timestamp>, usize) {
        let tick = |schedule| self.store.last_tick(schedule).unwrap();
        let asked = self.store.errands().unwrap().len();
        (asked, tick("overdue"), tick("drift:register"), self.store.audit_runs(None, 10).unwrap().len())
    }

    /// The number of what was found about a thing.
    fn finding(&self, about: &str) -> i64 {
        let open = self.store.findings(ClosedToo::No).unwrap();
        let found = open.into_iter().find(|finding| finding.about == about).unwrap();
        found.id.trim_start_matches('f').parse().unwrap()
    }

    fn deleted(&self) -> Vec<String> {
        self.outside.deleted.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn what_is_due_and_what_was_asked_for_waits_until_components_are_compiled() {
    let bench = Bench::new();
    let runner = bench.starts_compiled().await;
    let found = runner.audit(&bench.config.audits["asked"], None, &CancellationToken::new()).await.unwrap();
    assert_eq!(found.changed.opened, 2);
    drop(runner);
    std::fs::remove_dir_all(bench.directory.path().join("cache")).unwrap();
    let before = at("2026-06-02T02:30:00Z");
    for schedule in ["overdue", "drift:register"] {
        bench.store.begin_schedule(schedule, before).await.unwrap();
    }
    bench.asks(Errand::Audit("asked".to_owned())).await;
    bench.asks(Errand::Mend(bench.finding("thing/t1"))).await;

    let (runner, compiling) = bench.start().await;
    let jobs = Job::all(&bench.config, &runner.registry());
    let clock = runner.clock.clone();
    let (mut scheduler, _asking) =
        Scheduler::open(jobs, bench.store.clone(), clock, runner.clone()).await.unwrap();
    for _ in 0..20 {
        scheduler.step().await;
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        // Writes of the store are acknowledged in order: each time, whatever was written is in.
        bench.store.save_tick("-", Timestamp::from_millis(0)).await.unwrap();
    }
    assert_eq!(
        bench.used_up(),
        (2, Some(before), Some(before), 1),
        "nothing was begun, and nothing is used up"
    );

    compiling.run().await.unwrap();
    tokio::time::timeout(std::time::Duration::from_mins(1), scheduler.turn()).await.unwrap();
    let done = (0, Some(at("2026-06-02T05:00:00Z")), Some(now()), 3);
    assert_eq!(bench.used_up(), done);
    assert_eq!(bench.deleted(), ["t1"], "the remedy that was asked for");
    let outcomes = bench.store.audit_runs(None, 10).unwrap().into_iter().map(|run| run.outcome.unwrap());
    assert_eq!(outcomes.collect::<Vec<_>>(), ["ok"; 3]);
}

#[tokio::test]
async fn who_drains_ends_the_remedy_that_is_under_way_and_begins_no_other() {
    let bench = Bench::new();
    let runner = bench.starts_compiled().await;
    bench.outside.drain.set(runner.draining().clone()).unwrap();
    let audit = &bench.config.audits["mends"];
    let done = runner.audit(audit, None, &CancellationToken::new()).await.unwrap();
    assert_eq!((done.changed.opened, done.remedied), (2, Remedied::EndedEarly));
    assert_eq!(bench.deleted(), ["t1"]);
    let run = bench.store.audit_runs(None, 1).unwrap().pop().unwrap();
    assert_eq!(run.outcome.as_deref(), Some("ok; its remedies were ended early"));
    assert_eq!(run.summary.as_deref(), Some("looker: 1 fixed"));

    let next = bench.starts_compiled().await;
    let done = next.audit(audit, None, &CancellationToken::new()).await.unwrap();
    assert_eq!(done.remedied, Remedied::Whole);
}
