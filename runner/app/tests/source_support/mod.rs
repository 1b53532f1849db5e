//! A source, a simulator on the loopback interface and a store on disk, all on one clock that stands still.

#![allow(dead_code, reason = "every test file uses its own part")]

use std::sync::{Arc, Mutex};

use groundcrew::config;
use groundcrew::source::{FlyHandle, FlySource, Routes, Surroundings};
use groundcrew_core::duration::Millis;
use groundcrew_core::hash::Digest;
use groundcrew_core::mirror::{Rules, VanishMax};
use groundcrew_core::poll::Pace;
use groundcrew_core::spec::Event;
use groundcrew_core::subject::{Path, Subject, Uid};
use groundcrew_core::time::Timestamp;
use groundcrew_engine::clock::Clock;
use groundcrew_engine::egress::Transport;
use groundcrew_engine::transport::Network;
use groundcrew_flysim::{Action, ManualClock, Server, ServerHandle, World};
use groundcrew_store::findings::{ClosedToo, Finding};
use groundcrew_store::subjects::StoredSubject;
use groundcrew_store::{Connection, HookId, Options, Store};
use serde_json::{Value, json};

/// The time at which all tests begin.
pub(crate) const START_MS: i64 = 1_774_937_288_802;

/// The simulator's clock, as the runner reads it.
#[derive(Clone, Debug)]
pub(crate) struct Time(pub(crate) ManualClock);

impl Clock for Time {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(groundcrew_flysim::Clock::now_ms(&self.0))
    }
}

/// One handler that wants everything, and one provisioner with a lane for each app.
#[derive(Debug)]
pub(crate) struct Everything {
    pub(crate) handler: HookId,
    pub(crate) provisioner: HookId,
    told: Mutex<Vec<String>>,
}

impl Everything {
    async fn new(store: &Store) -> Arc<Self> {
        let digest = Digest::of(b"component");
        let handler = store.save_hook("tell", digest, "", "{}").await.unwrap();
        let provisioner = store.save_hook("make", digest, "", "{}").await.unwrap();
        Arc::new(Self { handler, provisioner, told: Mutex::default() })
    }
}

impl Routes for Everything {
    fn handlers(&self, event: &Event) -> Vec<HookId> {
        self.told.lock().unwrap().push(event.kind.clone());
        vec![self.handler]
    }

    fn lanes(&self, subject: &Subject, parent: Option<&Uid>) -> Vec<(HookId, Uid)> {
        vec![(self.provisioner, parent.unwrap_or(&subject.uid).clone())]
    }
}

/// A store on disk with everything around a source.
pub(crate) struct Ground {
    pub(crate) clock: ManualClock,
    pub(crate) store: Store,
    pub(crate) routes: Arc<Everything>,
    pub(crate) dir: tempfile::TempDir,
}

impl Ground {
    pub(crate) async fn new() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("groundcrew.db"), options).unwrap();
        let routes = Everything::new(&store).await;
        Self { clock: ManualClock::new(START_MS), store, routes, dir }
    }

    pub(crate) fn around(&self, transport: Arc<dyn Transport>) -> Surroundings {
        Surroundings {
            transport,
            clock: Arc::new(Time(self.clock.clone())),
            store: self.store.clone(),
            routes: self.routes.clone(),
            secret: Arc::new(|name| Ok(Arc::from(format!("value of {name}")))),
        }
    }

    pub(crate) fn network() -> Arc<dyn Transport> {
        Arc::new(Network::new(Millis::seconds(5), 16 << 20).unwrap())
    }

    /// What is in the inbox, in order: `machine.created web/*`.
    ///
    /// Without `app.updated`: the platform's word for an app follows its machines in its own time.
    pub(crate) fn story(&self) -> Vec<String> {
        let connection = Connection::open(self.store.path()).unwrap();
        let mut statement = connection
            .prepare("SELECT kind, snapshot FROM event WHERE kind <> 'app.updated' ORDER BY seq")
            .unwrap();
        let rows =
            statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).unwrap();
        rows.map(|row| {
            let (kind, snapshot) = row.unwrap();
            let subject: Subject = serde_json::from_str(&snapshot).unwrap();
            let machine = subject.path.machine_id().map_or("", |_| "/*");
            format!("{kind} {}{machine}", subject.path.app_name())
        })
        .collect()
    }

    /// How what stopped did so, of each event that tells it.
    pub(crate) fn reasons(&self) -> Vec<serde_json::Value> {
        let connection = Connection::open(self.store.path()).unwrap();
        let sql = "SELECT data -> '$.reason' FROM event WHERE data -> '$.reason' IS NOT NULL ORDER BY seq";
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.map(|row| serde_json::from_str(&row.unwrap()).unwrap()).collect()
    }

    pub(crate) fn subject(&self, path: &str) -> Option<StoredSubject> {
        self.store.subject_at(&path.parse::<Path>().unwrap()).unwrap()
    }

    /// Open findings, as `code about`.
    pub(crate) fn findings(&self) -> Vec<String> {
        let text = |finding: Finding| format!("{} {}", finding.code, finding.about);
        self.store.findings(ClosedToo::No).unwrap().into_iter().map(text).collect()
    }

    /// All findings that ever were, as `code`.
    pub(crate) fn all_findings(&self) -> Vec<String> {
        self.store.findings(ClosedToo::Yes).unwrap().into_iter().map(|finding| finding.code).collect()
    }
}

/// The whole bench.
pub(crate) struct Bench {
    pub(crate) ground: Ground,
    pub(crate) sim: ServerHandle,
    pub(crate) source: FlySource,
    pub(crate) handle: FlyHandle,
    settings: config::FlySource,
    rules: Rules,
    network: Arc<dyn Transport>,
}

impl Bench {
    /// One whose source has not looked yet.
    pub(crate) async fn new() -> Self {
        Self::with(Ground::new().await, Rules::ALL, "acme").await
    }

    pub(crate) async fn with(ground: Ground, rules: Rules, org: &str) -> Self {
        Self::paced(ground, rules, org, Pace::default()).await
    }

    pub(crate) async fn paced(ground: Ground, rules: Rules, org: &str, pace: Pace) -> Self {
        let world = World::new(7, Arc::new(ground.clock.clone()));
        let sim = Server::start(([127, 0, 0, 1], 0).into(), world).await.unwrap();
        let settings = config::FlySource {
            org: org.to_owned(),
            token: "FLY".to_owned(),
            retire_token: None,
            url: sim.base_url().parse().unwrap(),
            pace,
            vanish_max: VanishMax::default(),
        };
        let network = Ground::network();
        let (source, handle) =
            FlySource::open_with(&settings, rules, ground.around(network.clone())).unwrap();
        Self { ground, sim, source, handle, settings, rules, network }
    }

    /// A bench whose source has adopted what `act` made.
    pub(crate) async fn adopted(rules: Rules, org: &str, act: impl FnOnce(&Self)) -> Self {
        let mut bench = Self::with(Ground::new().await, rules, org).await;
        act(&bench);
        bench.pass(40).await;
        bench
    }

    /// The runner stops and starts again.
    pub(crate) fn restart(&mut self) {
        let around = self.ground.around(self.network.clone());
        let (source, handle) = FlySource::open_with(&self.settings, self.rules, around).unwrap();
        (self.source, self.handle) = (source, handle);
    }

    pub(crate) fn world(&self) -> &World {
        self.sim.world()
    }

    pub(crate) fn act(&self, action: Value) -> Value {
        let action: Action = serde_json::from_value(action).unwrap();
        self.world().act(action).unwrap()
    }

    pub(crate) fn app(&self, name: &str) {
        self.act(json!({"do": "create_app", "name": name}));
    }

    /// Makes a machine; returns its id.
    pub(crate) fn machine(&self, app: &str) -> String {
        let machine = self.act(json!({"do": "create_machine", "app": app}));
        machine["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn delete(&self, app: &str) {
        self.act(json!({"do": "delete_app", "app": app}));
    }

    /// Lets the source look, and time pass until it wants to look again.
    pub(crate) async fn step(&mut self) {
        let wake = self.source.turn().await;
        let now = Time(self.ground.clock.clone()).now();
        let next = wake.max(now + Millis::new(10)).min(now + Millis::new(500));
        self.ground.clock.set(next.as_millis());
    }

    /// Lets seconds pass.
    pub(crate) async fn pass(&mut self, seconds: i64) {
        let end = self.now() + Millis::seconds(seconds);
        while self.now() < end {
            self.step().await;
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Time(self.ground.clock.clone()).now()
    }

    /// Waits for a condition; returns how long it took, and fails after so many seconds.
    pub(crate) async fn until(&mut self, seconds: i64, what: &str, holds: impl Fn(&Self) -> bool) -> Millis {
        let begin = self.now();
        while !holds(self) {
            let waited = self.now().since(begin);
            let story = self.ground.story();
            assert!(
                waited < Millis::seconds(seconds),
                "{what} within {seconds} s: {story:#?} {:?}",
                self.handle.status()
            );
            self.step().await;
        }
        self.now().since(begin)
    }

    /// Waits until the inbox holds exactly this, and sees that nothing follows.
    pub(crate) async fn tells(&mut self, seconds: i64, expected: &[&str]) -> Millis {
        let took = self.until(seconds, "events", |bench| bench.ground.story().len() >= expected.len()).await;
        self.pass(40).await;
        assert_eq!(self.ground.story(), expected);
        took
    }

    /// The simulator never had to refuse for too many requests, and answered as the vendor's document says.
    pub(crate) fn honest(&self) {
        assert_eq!(self.world().stats().too_many, 0, "{:?}", self.world().stats());
        let violations = self.world().violations();
        assert!(violations.is_empty(), "{violations:#?}");
    }
}
