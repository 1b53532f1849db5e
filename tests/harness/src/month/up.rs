//! One process: the runner with its sources, put together as the binary does.

use std::sync::Arc;

use groundcrew::config::Config;
use groundcrew::renames;
use groundcrew::runner::installed::Installed;
use groundcrew::runner::provisioner::Rounds;
use groundcrew::runner::unreachable::Unreachable;
use groundcrew::runner::{self, Entropy, Parts, Runner};
use groundcrew::scheduler::{Job, Scheduler};
use groundcrew::source::{Belief, FlyHandle, FlySource, LabelSources, ReadSecret, Routes, Surroundings};
use groundcrew_core::poll::Rate;
use groundcrew_core::spec::Event;
use groundcrew_core::subject::{Subject, Uid};
use groundcrew_core::time::Timestamp;
use groundcrew_engine::clock::Clock;
use groundcrew_engine::limited::{Breaking, Limited, Rules};
use groundcrew_engine::limits::Limits;
use groundcrew_store::hooks::HookState;
use groundcrew_store::{HookId, Options, Result, Store};

use super::stage::Stage;
use super::ways::{Machine, Paced, Ways};
use crate::hooks::Shop;
use crate::scenario::INSTALLATION;

/// Every so many starts of the process are starts of its machine as well.
const STARTS_OF_A_BOOT: u32 = 3;

/// A running process.
pub(super) struct Up {
    pub(super) runner: Arc<Runner>,
    pub(super) fly: FlySource,
    pub(super) handle: FlyHandle,
    pub(super) labels: LabelSources,
    /// The way out with its breakers, for its counts.
    pub(super) limited: Limited<Ways>,
    /// Whom people were told of that does not answer.
    pub(super) unreachable: Unreachable,
    /// When the source truly is to be turned next: nobody's sleep depends on what the clock is set to.
    pub(super) fly_at: i64,
    /// The same of the labels.
    pub(super) labels_at: i64,
    /// How far the samples of changed hooks are, and when they go on.
    pub(super) gates: Rounds,
    pub(super) gates_at: i64,
    /// What audits when, if anything does, and when it goes on.
    pub(super) audits: Option<Scheduler>,
    pub(super) audits_at: i64,
}

#[derive(Debug)]
struct ByRegistry(Arc<Runner>);

impl Routes for ByRegistry {
    fn handlers(&self, event: &Event) -> Vec<HookId> {
        self.0.registry().handlers(event)
    }

    fn lanes(&self, subject: &Subject, parent: Option<&Uid>) -> Vec<(HookId, Uid)> {
        self.0.registry().lanes(subject, parent)
    }
}

/// Breakers as they ship; limits of requests are not played, for waiting for them would take real time.
fn breakers() -> Rules {
    let unlimited = Rate { burst: u32::MAX, every: groundcrew_core::duration::Millis::new(0) };
    let patience = groundcrew_core::duration::Millis::ZERO;
    Rules { host: unlimited, classify: Arc::new(|_| None), breaking: Breaking::default(), patience }
}

/// Starts a process on what the last one left.
pub(super) async fn start(stage: &Stage) -> Result<Up> {
    let config = Arc::new(stage.edition.borrow().config(&stage.month));
    let faults = Some(Arc::new(stage.fate.clone()) as _);
    let options = Options { faults, reopen_after: std::time::Duration::from_millis(1), ..Options::default() };
    let store = Store::open(&stage.database(), options)?;
    drop(store.claim_meta("installation", INSTALLATION).await?);
    let machine = Machine { watch: stage.watch.clone(), boot: stage.starts.get() / STARTS_OF_A_BOOT };
    let kept = store.kept_clock()?;
    let clock: Arc<dyn Clock> = Arc::new(Paced::starting(machine, kept.as_ref(), store.latest_stamp()?));
    let limited = Limited::new(stage.ways.clone(), breakers(), clock.clone(), None);
    let hooks = register(&config, &store, &limited, clock.now()).await?;
    let now = clock.now();
    store.close_broken_runs(now).await?;
    let mut seed = [0; 32];
    seed[..4].copy_from_slice(&stage.starts.get().to_le_bytes());
    let runner = Runner::new(Parts {
        store: store.clone(),
        engine: Shop::of_process().engine.clone(),
        clock: clock.clone(),
        transport: Arc::new(stage.ways.clone()),
        entropy: Entropy::seeded(seed),
        installation: config.installation.clone(),
        level: config.level,
        recovering: None,
        fly_api: config.fly_api.clone(),
        limits: Limits::default(),
        label_sources: config.labels.iter().map(|source| source.name.clone()).collect(),
        faults: Some(Arc::new(stage.fate.clone())),
        rules: stage.month.rules,
        rehearsal: None,
        hooks,
    });
    runner.close_gates().await?;
    for installed in runner.registry().provisioners() {
        store.dirty_everybody(installed.id, installed.hook.manifest.owner, now).await?;
    }
    store.wake_waiting(now).await?;
    let around = around(stage, &config, &runner);
    let settings = config.sources.fly.as_ref().expect("invariant: the month's configuration has the source");
    let (fly, handle) = FlySource::open_with(settings, stage.month.mirror, around.clone())?;
    seed[31] = 1;
    let fly = fly.with_entropy(Entropy::seeded(seed));
    let audits = audits(&config, &runner).await?;
    let unreachable = Unreachable::begun(&store, clock.now())?;
    let up = Up {
        unreachable,
        labels: LabelSources::new(config.labels.clone(), around),
        limited,
        runner,
        fly,
        handle,
        fly_at: stage.clock.millis(),
        labels_at: stage.clock.millis(),
        gates: Rounds::default(),
        gates_at: stage.clock.millis(),
        audits_at: if audits.is_some() { stage.clock.millis() } else { i64::MAX },
        audits,
    };
    up.follow_belief().await?;
    Ok(up)
}

/// Takes up the schedules of the audits; none: there are none.
async fn audits(config: &Config, runner: &Arc<Runner>) -> Result<Option<Scheduler>> {
    let mut jobs = Job::all(config, &runner.registry());
    // What lists for drift would begin at the same time, and the same month would go several ways.
    jobs.retain(|job| matches!(job, Job::Audit(_)));
    if jobs.is_empty() {
        return Ok(None);
    }
    let (scheduler, _) =
        Scheduler::open(jobs, runner.store.clone(), runner.clock.clone(), runner.clone()).await?;
    Ok(Some(scheduler))
}

async fn register(
    config: &Config,
    store: &Store,
    limited: &Limited<Ways>,
    now: Timestamp,
) -> Result<Vec<Installed>> {
    let renamed =
        renames::find_by(config, store, |component| Ok(Shop::of_process().component(component).digest));
    let renamed = renamed.map_err(|error| match error {
        renames::Error::Store(error) => error,
        renames::Error::Component(error) => panic!("invariant: no component is read: {error}"),
    })?;
    renames::perform(renamed, store).await?;
    let mut hooks = Vec::new();
    for hook in config.hooks.values() {
        let component = Shop::of_process().component(&hook.component);
        let id = store.save_hook(&hook.name, component.digest, &hook.target, &hook.stanza_text()).await?;
        let installed = Installed::new(id, hook.clone(), component, &config.secrets, [1; 32]);
        let installed = installed.expect("invariant: the month's secrets are there");
        let unlimited = breakers().host;
        let own: Limited<Ways> = limited.of_hook(&hook.name, unlimited);
        hooks.push(installed.with_transport(Arc::new(own)));
    }
    for stored in store.hooks()?.iter().filter(|stored| !config.hooks.contains_key(&stored.name)) {
        if stored.state == HookState::Active {
            store.save_hook_state(stored.id, HookState::Detached, now).await?;
        } else if stored.state == HookState::Removed && stored.ending.is_some() {
            store.forget_ending(stored.id).await?;
        }
    }
    Ok(hooks)
}

fn around(stage: &Stage, config: &Arc<Config>, runner: &Arc<Runner>) -> Surroundings {
    let config = config.clone();
    let secret: ReadSecret =
        Arc::new(move |name| config.secrets.read(name).map_err(|error| error.to_string()));
    Surroundings {
        transport: Arc::new(stage.ways.clone()),
        clock: runner.clock.clone(),
        store: runner.store.clone(),
        routes: Arc::new(ByRegistry(runner.clone())),
        secret,
    }
}

impl Up {
    /// People are told which hosts do not answer.
    pub(super) async fn tell_unreachable(&mut self) -> Result<()> {
        let (hosts, now) = (self.limited.counts().unreachable, self.runner.now());
        self.unreachable.tell(&hosts, &self.runner.store, now).await
    }

    /// While implausibly many vanished, nothing is removed, and nothing is made for whoever is missed; what that held
    /// back is decided again afterwards.
    pub(super) async fn follow_belief(&self) -> Result<()> {
        let status = self.handle.status();
        let doubt = match status.belief {
            Belief::Held { apps, machines } => Some(format!("{apps} apps and {machines} machines vanished")),
            Belief::Starting | Belief::Believed => None,
        };
        self.runner.believe(doubt, status.unseen).await.map_err(|runner::Error::Store(error)| error)
    }
}
