//! The runner: lanes that are due are claimed, and their hooks are run.
//!
//! ```text
//!  sources --accept--> store --due lanes--> dispatch --handler-----> one delivery
//!                        ^                     |
//!                        |                     +------provisioner--> one look: wants, then each row's steps
//!                        +----------- outcome, one commit ----------+
//! ```
//!
//! Guarantees: no two runs of one lane at once; a run's writes are intended in the store before they leave;
//! whatever crashes, the store alone says what is to be done next.

pub mod audit;
pub mod beliefs;
pub mod dispatch;
pub mod drift;
pub mod given;
pub mod handler;
pub mod installed;
pub mod mend;
pub mod provisioner;
pub mod registry;
pub mod rehearsal;
pub mod scope;
pub mod unreachable;

mod entropy;
mod inventory;
mod keeper;
mod record;
mod recovering;
mod resume;
mod scan;
mod sweep;
mod vault;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, RwLock};

use groundcrew_core::may_delete::Level;
use groundcrew_core::settle::Rules;
use groundcrew_core::subject::Path;
use groundcrew_core::time::Timestamp;
use groundcrew_engine::clock::Clock;
use groundcrew_engine::egress::{Egress, Transport};
use groundcrew_engine::gate::{Answers, Faults, Gate, Intents};
use groundcrew_engine::limits::Limits;
use groundcrew_engine::run::{Context, Engine, MemoryHandle};
use groundcrew_store::{HookId, Store};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::canary::{Feed, Feeds};
use beliefs::Beliefs;
pub use entropy::Entropy;
use installed::Installed;
use keeper::ClockKeeper;
use record::RunStart;
use registry::Registry;
use rehearsal::Rehearsal;

/// The time of the hook when it is asked what it desires: the same view is always answered the same.
pub const TIMELESS: Timestamp = Timestamp::from_millis(0);

/// What can go wrong while a lane is worked on, beside what hooks say.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store.
    #[error(transparent)]
    Store(#[from] groundcrew_store::Error),
}

/// Everything that runs share.
pub struct Runner {
    /// What is remembered.
    pub store: Store,
    /// What runs components.
    pub engine: Engine,
    /// The time.
    pub clock: Arc<dyn Clock>,
    keeper: Arc<ClockKeeper>,
    /// The way out.
    pub transport: Arc<dyn Transport>,
    /// Randomness for seeds, rows and jitter.
    pub entropy: Entropy,
    /// This installation, as in marks.
    pub installation: String,
    /// What `{fly.api}` stands for.
    pub fly_api: String,
    /// What one run may use.
    pub limits: Arc<Limits>,
    /// Label sources that must have answered before an owner is asked.
    pub label_sources: Vec<String>,
    /// Whether sources are believed, and whether it is known who lives.
    pub beliefs: Arc<Beliefs>,
    /// Faults laid over runs; for tests.
    pub faults: Option<Arc<dyn Faults>>,
    /// The rules of settling that hold; all of them but in tests.
    pub rules: Rules,
    /// Where steps are written down instead of taken; none: they are taken.
    pub rehearsal: Option<Arc<Rehearsal>>,
    level: Level,
    recovering: AtomicBool,
    /// When the rebuilding began.
    recovery_began: Option<Timestamp>,
    /// What this process has told of others' marks.
    told: Mutex<BTreeSet<&'static str>>,
    registry: RwLock<Arc<Registry>>,
    /// Hooks whose component or configuration changed, and how far that is.
    gates: Mutex<BTreeMap<HookId, provisioner::Gate>>,
    /// Where runs of hooks with a candidate are offered for comparison.
    canaries: OnceLock<Feeds>,
    /// Whether another runner is to take its place: nothing new begins.
    draining: CancellationToken,
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner")
            .field("installation", &self.installation)
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}

/// What a runner is made of.
#[expect(missing_debug_implementations, reason = "a bundle that lives for one call")]
pub struct Parts {
    /// See [`Runner`].
    pub store: Store,
    /// See [`Runner`].
    pub engine: Engine,
    /// See [`Runner`].
    pub clock: Arc<dyn Clock>,
    /// See [`Runner`].
    pub transport: Arc<dyn Transport>,
    /// See [`Runner`].
    pub entropy: Entropy,
    /// See [`Runner`].
    pub installation: String,
    /// The installation's level.
    pub level: Level,
    /// Since when a lost or old ledger is being rebuilt, if it is.
    pub recovering: Option<Timestamp>,
    /// See [`Runner`].
    pub fly_api: String,
    /// See [`Runner`].
    pub limits: Limits,
    /// See [`Runner`].
    pub label_sources: Vec<String>,
    /// See [`Runner`].
    pub faults: Option<Arc<dyn Faults>>,
    /// See [`Runner`].
    pub rules: Rules,
    /// See [`Runner`].
    pub rehearsal: Option<Arc<Rehearsal>>,
    /// The hooks that are installed.
    pub hooks: Vec<Installed>,
}

impl Runner {
    /// Puts a runner together.
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            keeper: ClockKeeper::new(parts.clock.clone(), parts.store.clone()),
            store: parts.store,
            engine: parts.engine,
            clock: parts.clock,
            transport: parts.transport,
            entropy: parts.entropy,
            installation: parts.installation,
            level: parts.level,
            recovering: AtomicBool::new(parts.recovering.is_some()),
            recovery_began: parts.recovering,
            fly_api: parts.fly_api,
            limits: Arc::new(parts.limits),
            label_sources: parts.label_sources,
            beliefs: Arc::default(),
            faults: parts.faults,
            rules: parts.rules,
            rehearsal: parts.rehearsal,
            told: Mutex::default(),
            registry: RwLock::new(Arc::new(Registry::new(parts.hooks))),
            gates: Mutex::default(),
            canaries: OnceLock::new(),
            draining: CancellationToken::new(),
        })
    }

    /// Once this is cancelled, no lane, audit or remedy begins; what is under way comes to its end, unless it is cut off.
    pub const fn draining(&self) -> &CancellationToken {
        &self.draining
    }

    /// The installed hooks.
    pub fn registry(&self) -> Arc<Registry> {
        self.registry.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// From here on runs of these hooks are offered for comparison; said once.
    pub(crate) fn offer_to(&self, feeds: Feeds) {
        // Whoever says it again offers to those of the first time.
        let _ = self.canaries.set(feeds);
    }

    /// Where runs of a hook are offered, if it has a candidate.
    pub(crate) fn feed(&self, hook: HookId) -> Option<&Arc<Feed>> {
        self.canaries.get()?.get(&hook)
    }

    /// The candidates that are compared.
    pub(crate) fn feeds(&self) -> impl Iterator<Item = &Arc<Feed>> {
        self.canaries.get().into_iter().flat_map(BTreeMap::values)
    }

    /// The level that nothing exceeds: the installation's; while a ledger is rebuilt, `observe`.
    pub fn level(&self) -> Level {
        // A rehearsal writes nothing, and shows what comes afterwards.
        if self.is_recovering() && self.rehearsal.is_none() { Level::Observe } else { self.level }
    }

    /// Whether a lost or old ledger is being rebuilt.
    pub fn is_recovering(&self) -> bool {
        self.recovering.load(Ordering::Acquire)
    }

    /// Since when it is.
    pub fn recovering_since(&self) -> Option<Timestamp> {
        self.recovery_began.filter(|_| self.is_recovering())
    }

    /// The rebuilding has ended.
    pub fn recovered(&self) {
        self.recovering.store(false, Ordering::Release);
    }

    /// Waits until every component is compiled.
    ///
    /// # Cancel safety
    /// It only waits.
    pub async fn compiled(&self) {
        for installed in self.registry().all() {
            installed.component.compiled().await;
        }
    }

    /// The present.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What one run is given: its gate, its grants bound to the owner, its configuration.
    fn context(
        &self,
        installed: &Installed,
        owner: Option<&Path>,
        config: Arc<Value>,
        run: Surroundings,
    ) -> Context {
        let transport = installed.transport().unwrap_or_else(|| self.transport.clone());
        let words = self.grant_words(owner, &config);
        // A grant whose words this owner does not have grants it nothing: a machine's words for an app's run.
        let bound = installed.hook.allow.iter().filter_map(|grant| grant.bind(&words).ok());
        let sealing = vault::sealing(&self.store, installed, owner, run.resource);
        let egress = Egress::new(bound.collect(), installed.secrets(), transport).with_sealing(sealing);
        let gate = Gate::new(run.answers, run.intents, self.faults.clone(), self.clock.clone(), &self.limits);
        Context {
            gate,
            egress,
            memory: run.memory,
            config,
            seed: run.start.seed,
            started: run.start.started,
            limits: self.limits.clone(),
        }
    }

    fn grant_words(&self, owner: Option<&Path>, config: &Value) -> BTreeMap<String, String> {
        grant_words(owner, config, &self.fly_api)
    }
}

/// What the words in grants stand for in a run for this owner, with this configuration.
pub fn grant_words(owner: Option<&Path>, config: &Value, fly_api: &str) -> BTreeMap<String, String> {
    let mut words = crate::config::grant_words(config, fly_api);
    if let Some(path) = owner {
        words.insert("app".to_owned(), path.app_name().to_owned());
        words.insert("org".to_owned(), path.org().to_owned());
        if let Some(machine) = path.machine_id() {
            words.insert("machine".to_owned(), machine.to_owned());
        }
    }
    words
}

/// What differs from run to run.
struct Surroundings {
    answers: Answers,
    intents: Arc<dyn Intents>,
    memory: MemoryHandle,
    start: RunStart,
    /// The row that it is about, which keeps what it seals.
    resource: Option<i64>,
}
