//! Those who are gone leave memory, and are known again when they are shown.

use std::sync::atomic::{AtomicI64, Ordering};

use futures_util::future::BoxFuture;
use groundcrew_core::mirror::{AppSeen, Apps, MachineSeen, OrgPage, Outcome, Whole};
use groundcrew_core::spec::Failure;
use groundcrew_core::subject::Subject;
use groundcrew_engine::egress::{Request, Response, Transport, TransportError};
use groundcrew_store::{HookId, Options};

use super::*;

/// A clock that is set.
#[derive(Debug, Default)]
struct Set(AtomicI64);

impl Clock for Set {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Concerns nobody, and leads nowhere.
struct Nobody;

impl Routes for Nobody {
    fn handlers(&self, _: &spec::Event) -> Vec<HookId> {
        Vec::new()
    }

    fn lanes(&self, _: &Subject, _: Option<&Uid>) -> Vec<(HookId, Uid)> {
        Vec::new()
    }
}

impl Transport for Nobody {
    fn admit<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, std::result::Result<(), Failure>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn exchange(
        &self,
        _: Request,
        _: Millis,
    ) -> BoxFuture<'_, std::result::Result<Response, TransportError>> {
        Box::pin(std::future::ready(Err(TransportError::NoAnswer("silence".to_owned()))))
    }
}

/// A keeper at a clock that it reads.
struct Bench {
    keeper: Keeper,
    clock: Arc<Set>,
    around: Surroundings,
    _dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("groundcrew.db"), Options::default()).unwrap();
        let clock = Arc::new(Set(AtomicI64::new(1_795_000_000_000)));
        let around = Surroundings {
            transport: Arc::new(Nobody),
            clock: clock.clone(),
            store,
            routes: Arc::new(Nobody),
            secret: Arc::new(|name: &str| Err(name.to_owned())),
        };
        let keeper = Keeper::open("fly", mirror::Config::new("acme"), &around).unwrap();
        Self { keeper, clock, around, _dir: dir }
    }

    fn passes(&self, time: Millis) {
        self.clock.0.fetch_add(time.as_i64(), Ordering::SeqCst);
    }

    async fn see(&mut self, observation: Observation) -> Taken {
        let at = self.clock.now();
        let look = Look { tick: 1, sent_at: at, at, token: "FLY".to_owned(), wrong: None };
        self.keeper.take(&look, &observation).await.unwrap()
    }

    /// The organisation's list shows `m1` in a state.
    async fn lists(&mut self, state: &str) -> Taken {
        let machine = MachineSeen {
            id: "m1".to_owned(),
            app: Some("web".to_owned()),
            state: state.to_owned(),
            updated_at: Some(self.around.clock.now()),
            ..MachineSeen::default()
        };
        let page = OrgPage { machines: vec![machine], ..OrgPage::default() };
        let query = self.keeper.mirror().org_query();
        self.see(Observation::OrgPage { query, outcome: Outcome::Found(page) }).await
    }

    fn knows(&self) -> bool {
        self.keeper.mirror().row(&"machine:m1".parse().unwrap()).is_some()
    }
}

#[tokio::test]
async fn who_is_gone_leaves_memory_after_a_day_and_is_nobody_new_when_it_is_shown() {
    let mut bench = Bench::new();
    let app = AppSeen {
        id: "a1".to_owned(),
        name: "web".to_owned(),
        org_id: None,
        org_slug: None,
        status: None,
        network: None,
        raw: Value::Null,
    };
    let apps = Apps { apps: vec![app], extent: Whole::Whole };
    bench.see(Observation::Apps { outcome: Outcome::Found(apps) }).await;
    let web = || "web".to_owned();
    bench.see(Observation::Machines { app: web(), outcome: Outcome::Found(Vec::new()) }).await;
    bench.passes(Millis::minutes(5));
    assert_eq!(bench.lists("destroyed").await.asks.len(), 1, "its log is asked for");
    let log = || Observation::Log { machine: "m1".to_owned(), outcome: Outcome::NotFound };
    assert!(!bench.see(log()).await.hot.is_empty(), "its end is told");
    bench.passes(Millis::hours(23));
    bench.see(log()).await;
    assert!(bench.knows());
    bench.passes(Millis::hours(2));
    bench.see(log()).await;
    assert!(!bench.knows());
    let taken = bench.lists("destroyed").await;
    assert!(bench.knows() && taken.hot.is_empty() && taken.asks.is_empty(), "{taken:?}");

    // A start reads those who live, and who has not been gone for so long.
    bench.passes(Millis::hours(2));
    bench.keeper = Keeper::open("fly", mirror::Config::new("acme"), &bench.around).unwrap();
    assert!(!bench.knows() && bench.keeper.mirror().app("web").is_some());
    let taken = bench.lists("destroyed").await;
    assert!(bench.knows() && taken.hot.is_empty() && taken.asks.is_empty(), "{taken:?}");
}
