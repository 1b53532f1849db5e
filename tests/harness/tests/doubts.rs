//! While a source is not believed nothing is removed, and whenever that ends, what it had frozen is decided again. While a
//! ledger is rebuilt everything is looked for, whoever is missed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use groundcrew::prove::Nobody;
use groundcrew::prove::carrier::Carrier;
use groundcrew::runner::beliefs::Beliefs;
use groundcrew::runner::installed::Installed;
use groundcrew::runner::{Entropy, Parts, Runner};
use groundcrew_core::may_make::Unseen;
use groundcrew_core::settle::Rules;
use groundcrew_core::subject::{Path as Address, Subject};
use groundcrew_core::time::Timestamp;
use groundcrew_engine::limits::Limits;
use groundcrew_harness::clock::{Clock, START};
use groundcrew_harness::scenario::SERVER;
use groundcrew_harness::{Scenario, thing};
use groundcrew_outside::{Act, Knobs, Outside, What};
use groundcrew_store::events::Intake;
use groundcrew_store::findings::ClosedToo;
use groundcrew_store::operators::OperatorAct;
use groundcrew_store::subjects::SubjectChange;
use groundcrew_store::{CommitFault, CommitFaults, CommitMoment, Connection, Options, Store};
use serde_json::{Map, Value, json};

/// Ends the doubt right before a commit.
#[derive(Default)]
struct Ending {
    beliefs: OnceLock<Arc<Beliefs>>,
    database: OnceLock<std::path::PathBuf>,
    /// So many commits are let pass first; none: it is not to end, or has ended.
    skip: Mutex<Option<usize>>,
    /// How many rows were kept as frozen when it ended; none: it has not ended.
    frozen: Mutex<Option<u32>>,
}

impl Ending {
    fn frozen(&self) -> MutexGuard<'_, Option<u32>> {
        self.frozen.lock().expect("nobody panics")
    }
}

impl CommitFaults for Ending {
    fn at(&self, moment: CommitMoment) -> CommitFault {
        let mut skip = self.skip.lock().expect("nobody panics");
        match (moment, *skip) {
            (CommitMoment::Before, Some(0)) => {
                *skip = None;
                let database = self.database.get().expect("the store is open");
                *self.frozen() = Some(frozen_rows(database));
                self.beliefs.get().expect("the runner is there").set_doubt(None);
            }
            (CommitMoment::Before, Some(left)) => *skip = Some(left - 1),
            _ => {}
        }
        CommitFault::None
    }
}

/// How many rows are frozen, as far as it is committed.
fn frozen_rows(database: &Path) -> u32 {
    let connection = Connection::open(database).expect("it is there");
    let text = "SELECT count(*) FROM resource WHERE frozen_why IS NOT NULL";
    connection.query_row(text, [], |row| row.get(0)).expect("it can be read")
}

fn by_hand(what: &str) -> OperatorAct {
    OperatorAct { who: "tester".to_owned(), what: what.to_owned() }
}

/// A runner with one app, which has one thing outside.
struct Bench {
    clock: Clock,
    outside: Outside,
    ending: Arc<Ending>,
    runner: Arc<Runner>,
    _disk: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        Self::on(None).await
    }

    /// The same, while the ledger is rebuilt that was lost then.
    async fn on(recovering: Option<Timestamp>) -> Self {
        let (clock, ending) = (Clock::default(), Arc::new(Ending::default()));
        let shown = clock.clone();
        let outside = Outside::new(Arc::new(move || shown.millis())).with("/natural", Knobs::natural());
        let disk = tempfile::tempdir().expect("the disk has room");
        let database = disk.path().join("groundcrew.db");
        let options = Options { faults: Some(ending.clone()), ..Options::default() };
        let store = Store::open(&database, options).expect("the disk has room");
        let cast = Scenario::new("doubts").scene().cast;
        let hook = &cast.config.hooks["things"];
        let component = cast.components["things"].clone();
        let id = store.save_hook(&hook.name, component.digest, &hook.target, &hook.stanza_text()).await;
        let id = id.expect("the disk has room");
        let installed = Installed::new(id, hook.clone(), component, &cast.config.secrets, [1; 32]);
        let runner = Runner::new(Parts {
            store,
            engine: cast.engine.clone(),
            clock: Arc::new(clock.clone()),
            transport: Arc::new(Carrier::new(outside.clone(), SERVER, Nobody, clock.clone())),
            entropy: Entropy::seeded([1; 32]),
            installation: cast.config.installation.clone(),
            level: cast.config.level,
            recovering,
            fly_api: cast.config.fly_api.clone(),
            limits: Limits::default(),
            label_sources: Vec::new(),
            faults: None,
            rules: Rules::ALL,
            rehearsal: None,
            hooks: vec![installed.expect("it has no secrets")],
        });
        if let Some(since) = recovering {
            runner.store.begin_recovery(by_hand("recover"), since).await.expect("the disk has room");
        }
        let _first = ending.beliefs.set(runner.beliefs.clone());
        let _first = ending.database.set(database);
        Self { clock, outside, ending, runner, _disk: disk }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.millis())
    }

    /// A source sees the app with these things, or its end.
    async fn sees(&self, version: u64, things: Option<Value>) {
        let path = Address::app("acme", "a").expect("a name");
        let uid = "app:a1".parse().expect("an id");
        let ended = things.is_none();
        let state = if ended { "gone" } else { "deployed" }.to_owned();
        let labels = Map::from_iter(things.map(|things| ("things".to_owned(), things)));
        let subject = Subject { path, uid, state, labels };
        let change = SubjectChange {
            path: subject.path.clone(),
            uid: subject.uid.clone(),
            parent: None,
            state: subject.state.clone(),
            version,
            labels: subject.labels.clone(),
            raw: Value::Null,
            seen_at: self.now(),
            gone_at: ended.then(|| self.now()),
        };
        let dirty = self.runner.registry().lanes(&subject, None);
        let intake = Intake { subjects: vec![change], dirty, now: self.now(), ..Intake::default() };
        self.runner.store.accept(intake).await.expect("the disk has room");
    }

    /// Works on what is due until that time, in milliseconds after the beginning.
    async fn until(&self, end: i64) {
        let end = START + end;
        while self.clock.millis() < end {
            let due = self.runner.store.due_lanes(self.now(), 64).expect("it can be read");
            for lane in &due {
                self.runner.work(*lane).await.expect("it can be kept");
            }
            if due.is_empty() {
                let next = self.runner.store.next_due(self.now()).expect("it can be read");
                self.clock.reach(next.map_or(end, Timestamp::as_millis).min(end));
            }
        }
    }

    /// Each row's key and state.
    fn rows(&self) -> Vec<String> {
        let database = self.ending.database.get().expect("the store is open");
        let connection = Connection::open(database).expect("it is there");
        let text = "SELECT key || ' ' || state FROM resource ORDER BY key";
        let mut statement = connection.prepare(text).expect("it can be read");
        let rows = statement.query_map([], |row| row.get(0)).expect("it can be read");
        rows.map(|row| row.expect("it can be read")).collect()
    }

    /// What hooks created, in order.
    fn made(&self) -> Vec<String> {
        let log = self.outside.log().into_iter().filter(|effect| effect.what == What::Created);
        log.filter_map(|effect| effect.purpose).map(|purpose| purpose.key).collect()
    }

    fn removed(&self) -> bool {
        self.outside.log().iter().any(|effect| effect.what == What::Deleted)
    }

    fn was_held(&self) -> bool {
        let findings = self.runner.store.findings(ClosedToo::Yes).expect("it can be read");
        findings.iter().any(|finding| finding.code == "resource.held")
    }
}

/// An app with a thing has ended, and 400 others seem to have; that ends right before the commit after so many of those
/// that follow. Says whether the thing was frozen all the same, and whether so many commits came.
async fn doubted_until(skip: usize) -> Option<bool> {
    let bench = Bench::new().await;
    bench.sees(1, Some(json!([thing("natural", "x", 1)]))).await;
    bench.until(60_000).await;
    bench.sees(2, None).await;
    // Its grace is not over yet.
    bench.until(80_000).await;
    bench.runner.beliefs.set_doubt(Some("400 apps seem to be gone at once".to_owned()));
    *bench.ending.skip.lock().expect("nobody panics") = Some(skip);
    bench.until(110_000).await;
    let frozen = *bench.ending.frozen();
    assert!(frozen.is_some() || !bench.removed(), "it is removed while the source is doubted");
    let frozen = frozen?;
    if frozen > 0 {
        // As whoever follows the source does when it is believed again.
        bench.runner.store.wake_waiting(bench.now()).await.expect("it can be kept");
    }
    let late = frozen == 0 && bench.was_held();
    bench.until(200_000).await;
    assert!(bench.removed(), "the doubt ended before commit {skip}, and nobody decided again");
    Some(late)
}

#[tokio::test]
async fn whenever_a_doubt_ends_what_it_froze_is_decided_again() {
    let mut late = false;
    let mut commits = 0;
    while let Some(frozen_all_the_same) = doubted_until(commits).await {
        late |= frozen_all_the_same;
        commits += 1;
    }
    assert!(commits > 0, "nothing was kept while the source was doubted");
    assert!(late, "it never ended between a decision and its commit");
}

#[tokio::test]
async fn what_a_doubt_lasted_is_no_grace_although_nothing_was_decided_meanwhile() {
    let bench = Bench::new().await;
    bench.sees(1, Some(json!([thing("natural", "x", 1)]))).await;
    bench.until(60_000).await;
    bench.sees(2, None).await;
    bench.until(70_000).await;
    let why = "400 apps seem to be gone at once".to_owned();
    bench.runner.believe(Some(why), Arc::default()).await.expect("it can be kept");
    // It ends before the grace of half a minute would have been over, and comes back for longer.
    bench.until(80_000).await;
    bench.runner.believe(None, Arc::default()).await.expect("it can be kept");
    bench.until(82_000).await;
    bench.runner.believe(Some("again".to_owned()), Arc::default()).await.expect("it can be kept");
    bench.until(600_000).await;
    bench.runner.believe(None, Arc::default()).await.expect("it can be kept");
    bench.until(610_000).await;
    assert!(!bench.removed(), "twelve of its thirty seconds of grace were left");
    bench.until(630_000).await;
    assert!(bench.removed());
}

#[tokio::test]
async fn while_a_ledger_is_rebuilt_things_are_looked_for_though_nobody_has_seen_their_owner() {
    let bench = Bench::on(Some(Timestamp::from_millis(START))).await;
    let store = &bench.runner.store;
    // It was made before the ledger was lost, and nothing says by whom.
    let plant = Act::Plant { name: Some("x".to_owned()), mark: None, body: json!({"value": 1}) };
    bench.outside.script(bench.clock.millis(), "/natural", plant);
    let app = "app:a1".parse().expect("an id");
    bench.runner.beliefs.set_unseen(Arc::new(BTreeMap::from([(app, Unseen::Unread)])));
    bench.sees(1, Some(json!([thing("natural", "x", 1), thing("natural", "y", 1)]))).await;
    bench.until(300_000).await;
    assert_eq!(bench.rows(), ["x present", "y creating"], "one is taken up, and one was looked for");
    let recovery = store.recovery(bench.now()).expect("it can be read").expect("it is under way");
    assert!(recovery.is_looked_for() && recovery.to_create == 1, "{recovery:?}");

    store.end_recovery(by_hand("recover --finish"), bench.now()).await.expect("the disk has room");
    bench.runner.recovered();
    bench.until(600_000).await;
    assert!(bench.made().is_empty(), "its owner is missed");
    bench.runner.believe(None, Arc::default()).await.expect("it can be kept");
    bench.until(900_000).await;
    assert_eq!(bench.rows(), ["x present", "y present"]);
    assert_eq!((bench.made(), bench.removed()), (vec!["natural/y".to_owned()], false));
}
