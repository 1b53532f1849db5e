//! What the tests share: components, a fake outside, a run with everything set up.

mod build;
mod dumped;
mod fake;
pub(crate) mod spelt;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use groundcrew_core::egress::Bound;
use groundcrew_core::manifest::Manifest;
use groundcrew_core::spec::{Event, Owner, View, Want};
use groundcrew_core::subject::Subject;
use groundcrew_core::time::Timestamp;
use groundcrew_engine::cache::{Cache, Compiler, Component};
use groundcrew_engine::egress::Egress;
use groundcrew_engine::gate::{Answers, Faults, Gate, Intents};
use groundcrew_engine::inspect::{Inspected, inspect};
use groundcrew_engine::limits::Limits;
use groundcrew_engine::run::{Context, Engine, Hook, MemoryHandle, Profile, Reset, Run};
use groundcrew_engine::seal::Sealing;
use groundcrew_engine::secrets::Secrets;
use serde_json::{Value, json};

pub(crate) use build::{component, python_component, python_example, target};
pub(crate) use dumped::memories_with;
pub(crate) use fake::{Fake, Kept, Ticking, Trace};

/// The manifest of components that carry none.
const PLAIN: &str = "name = \"guest\"\nabout = \"A guest of tests.\"\non = [\"*\"]\n";

/// The engine of all tests.
pub(crate) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| engine_of(16))
}

/// An engine with so many slots.
pub(crate) fn engine_of(slots: u32) -> Engine {
    Engine::new(Profile { slots, core_instances: 80, memory: 256 << 20, reset: Reset::Written }).unwrap()
}

/// Loads a component for the engine of all tests.
pub(crate) async fn load(bytes: &[u8]) -> Hook {
    load_for(engine(), bytes).await
}

/// Loads a component, from a cache that lasts from one run of the tests to the next.
pub(crate) async fn load_for(engine: &Engine, bytes: &[u8]) -> Hook {
    let (inspected, component) = compiled_for(engine, bytes).await;
    engine.link(&component, &inspected, Manifest::parse(PLAIN).unwrap()).unwrap()
}

/// Compiles a component for the engine of all tests, and does not link it.
pub(crate) async fn compiled(bytes: &[u8]) -> (Inspected, Component) {
    compiled_for(engine(), bytes).await
}

async fn compiled_for(engine: &Engine, bytes: &[u8]) -> (Inspected, Component) {
    let inspected = inspect(bytes).unwrap();
    inspected.require_linkable().unwrap();
    let cache = Cache::new(target().join("compiled"), [3; 32], Compiler::InProcess);
    let component = cache.load(engine, inspected.digest, bytes).await.unwrap();
    (inspected, component)
}

/// Everything that a run is given; fields are changed by the tests.
pub(crate) struct Setup {
    pub(crate) answers: Answers,
    pub(crate) fake: Arc<Fake>,
    pub(crate) intents: Option<Arc<dyn Intents>>,
    pub(crate) faults: Option<Arc<dyn Faults>>,
    pub(crate) grants: Vec<&'static str>,
    pub(crate) secrets: Secrets,
    pub(crate) sealing: Sealing,
    pub(crate) config: Value,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<Ticking>,
    pub(crate) seed: [u8; 32],
}

impl Setup {
    /// A live run with this configuration, which may do everything at `a.example`.
    pub(crate) fn new(config: Value) -> Self {
        Self {
            answers: Answers::Outside,
            fake: Fake::ok(),
            intents: None,
            faults: None,
            grants: vec!["GET,POST,PUT,DELETE http://a.example/*"],
            secrets: Secrets::default(),
            sealing: Sealing::default(),
            config,
            limits: Limits { deadline: Duration::from_secs(20), ..Limits::default() },
            clock: Arc::default(),
            seed: [9; 32],
        }
    }

    /// A live run of the guest `unruly`.
    pub(crate) fn does(what: &str) -> Self {
        Self::new(json!({ "does": what, "about": "http://a.example/", "server": "http://a.example" }))
    }

    /// What the engine is given.
    pub(crate) fn context(&self) -> Context {
        let intents = self.intents.clone().unwrap_or_else(|| self.fake.clone());
        let gate =
            Gate::new(self.answers.clone(), intents, self.faults.clone(), self.clock.clone(), &self.limits);
        let bind =
            |grant: &&str| grant.parse::<groundcrew_core::egress::Grant>().unwrap().bind(&BTreeMap::new());
        let grants: Vec<Bound> = self.grants.iter().map(bind).collect::<Result<_, _>>().unwrap();
        Context {
            gate,
            egress: Egress::new(grants.into(), Arc::new(self.secrets.clone()), self.fake.clone())
                .with_sealing(self.sealing.clone()),
            memory: MemoryHandle::empty(),
            config: Arc::new(self.config.clone()),
            seed: self.seed,
            started: Timestamp::from_millis(1_700_000_000_000),
            limits: Arc::new(self.limits.clone()),
        }
    }

    /// Tells a handler an event.
    pub(crate) async fn handle(&self, hook: &Hook) -> Run<()> {
        engine().handle(hook, &self.context(), event()).await
    }
}

/// An event without a subject.
pub(crate) fn event() -> Event {
    let time = Timestamp::from_millis(1_700_000_000_000);
    Event { id: "e1".to_owned(), kind: "tick".to_owned(), time, subject: None, data: Value::Null }
}

/// The view of an app with a plan.
pub(crate) fn view() -> View {
    let owner = owner();
    let labels = json!({ "plan": "pro" }).as_object().cloned().unwrap();
    let owner = Subject { path: owner.path, uid: owner.uid, state: "live".to_owned(), labels };
    View { owner, app: None, members: Vec::new(), inputs: Vec::new() }
}

/// An app.
pub(crate) fn owner() -> Owner {
    Owner { path: "fly/acme/web".parse().unwrap(), uid: "app:1".parse().unwrap() }
}

/// What that app wants of the example provisioners.
pub(crate) fn want() -> Want {
    Want {
        owner: owner(),
        kind: "thing".to_owned(),
        key: "web".to_owned(),
        body: json!({ "value": "pro" }),
        name: "n".repeat(26),
        once: "once".to_owned(),
        mark: "gc1:test:row".to_owned(),
        id: None,
    }
}

/// What a run logged.
pub(crate) fn logged<T>(run: &Run<T>) -> Vec<&str> {
    run.log.lines.iter().map(|line| line.message.as_str()).collect()
}
