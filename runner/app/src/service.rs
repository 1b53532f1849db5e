//! The running service: `up`. Sources, dispatcher, HTTP API and housekeeping around one runner.
//!
//! The first signal drains: sources stop, runs in flight are cut off (which is always safe: what they intended
//! is in the store), the API answers what it has begun. A second signal ends the process at once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use groundcrew_core::duration::Millis;
use groundcrew_core::may_delete::Level;
use groundcrew_core::remedy::Verdict;
use groundcrew_core::retire::Ending;
use groundcrew_core::spec::Event;
use groundcrew_core::subject::{Subject, Uid};
use groundcrew_core::time::Timestamp;
use groundcrew_engine::cache::Compiler;
use groundcrew_engine::clock::Clock;
use groundcrew_engine::egress::Transport;
use groundcrew_engine::limited::Counts;
use groundcrew_store::prune::Keep;
use groundcrew_store::{HookId, Store};
use serde_json::Value;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::backfill;
use crate::canary;
use crate::config::Config;
use crate::control::{self, Doubted, Hints, Refusal, Standing};
use crate::http::{self, Belief, Door, Inbox, InboxError, Live, SourceStatus, Taken};
use crate::kept;
use crate::retire::{Api, Retirer};
use crate::runner::{self, Runner};
use crate::scheduler::{Asking, Job, Scheduler};
use crate::source::{
    self, FlyHandle, FlySource, ForeignEvents, LabelSources, NdjsonSource, ReadSecret, Routes,
};

/// Between two chunks of housekeeping.
const PRUNE_EVERY: Millis = Millis::minutes(10);
/// Between two looks at which components have runs.
const COMPONENTS_EVERY: Millis = Millis::hours(24);
/// Between two readings of secrets that may have changed.
const SECRETS_EVERY: Millis = Millis::seconds(30);
/// Between two looks at whether everybody is to be looked at again.
const BEAT: Millis = Millis::seconds(10);
/// Time that passed unseen for longer is a gap.
const GAP: Millis = Millis::minutes(5);

/// Why the service ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store.
    #[error(transparent)]
    Store(#[from] groundcrew_store::Error),
    /// The HTTP API.
    #[error(transparent)]
    Serve(#[from] http::ServeError),
    /// The NDJSON source.
    #[error(transparent)]
    Ndjson(#[from] source::NdjsonError),
    /// Candidates.
    #[error(transparent)]
    Canary(#[from] canary::Error),
}

/// Tells who waits for limits, and which hosts failed.
pub type CountsOf = Arc<dyn Fn() -> Counts + Send + Sync>;

/// What the service is made of.
#[expect(missing_debug_implementations, reason = "a bundle that lives for one call")]
pub struct Service {
    /// The configuration.
    pub config: Arc<Config>,
    /// The runner.
    pub runner: Arc<Runner>,
    /// The way out, for sources.
    pub transport: Arc<dyn Transport>,
    /// Who waits for limits, and which hosts failed.
    pub counts: CountsOf,
    /// The socket of the control API.
    pub socket: PathBuf,
    /// Who compiles candidates.
    pub compiler: Compiler,
}

/// Who is concerned by what a source brings: the registry says.
#[derive(Debug)]
struct RunnerRoutes(Arc<Runner>);

impl Routes for RunnerRoutes {
    fn handlers(&self, event: &Event) -> Vec<HookId> {
        self.0.registry().handlers(event)
    }

    fn lanes(&self, subject: &Subject, parent: Option<&Uid>) -> Vec<(HookId, Uid)> {
        self.0.registry().lanes(subject, parent)
    }
}

/// What the HTTP API learns from the running process.
struct Running {
    config: Arc<Config>,
    fly: Option<FlyHandle>,
    audits: Asking,
    runner: Arc<Runner>,
    counts: CountsOf,
    retires: Retires,
}

/// Whether machines can be retired.
struct Retires {
    /// Whether the configuration names a source on Fly, and a token that may.
    source: bool,
    token: bool,
}

impl Retires {
    fn check(&self, ending: Ending, runner: &Runner) -> control::Result<()> {
        if !self.source {
            return Err(Refusal::conflict(
                "no source on Fly is configured; its machines alone can be retired",
            ));
        }
        if !self.token {
            let message = "the configuration names no token that may stop and destroy machines";
            let hint = "add to [source.fly] of groundcrew.toml: retire_token = \"FLY_WRITE\", a secret with a deploy or org token";
            return Err(Refusal::conflict(message).hint(hint));
        }
        let needed = if ending == Ending::Destroy { Level::Enforce } else { Level::NoDeletes };
        let level = runner.level();
        if level < needed {
            let what = if ending == Ending::Destroy { "destroyed" } else { "stopped" };
            let message = format!("the installation's level is `{level}`: nothing is {what}");
            let hint = if runner.is_recovering() {
                "groundcrew recover --finish".to_owned()
            } else {
                format!("level = \"{needed}\" in groundcrew.toml")
            };
            return Err(Refusal::conflict(message).hint(hint));
        }
        Ok(())
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("fly", &self.fly).finish_non_exhaustive()
    }
}

impl Live for Running {
    fn sources(&self) -> Vec<SourceStatus> {
        let status = |handle: &FlyHandle| {
            let status = handle.status();
            let belief = match status.belief {
                source::Belief::Starting => Belief::Starting,
                source::Belief::Believed => Belief::Believed,
                source::Belief::Held { apps, machines } => Belief::Doubted(doubted(apps, machines)),
            };
            SourceStatus {
                name: "fly".to_owned(),
                belief,
                heard: status.listed_at,
                fresh_within: Some(source::FRESH_WITHIN),
                oldest_look: status.oldest_look_at,
            }
        };
        self.fly.iter().map(status).collect()
    }

    fn failures(&self) -> Vec<(String, u64)> {
        (self.counts)().failures.into_iter().collect()
    }

    fn waiting(&self) -> Vec<(String, u64)> {
        (self.counts)().waiting.into_iter().collect()
    }
}

/// Why nothing may be removed, as far as the source is concerned.
fn doubt(belief: &source::Belief) -> Option<String> {
    match belief {
        source::Belief::Held { apps, machines } => Some(doubted(*apps, *machines)),
        source::Belief::Starting | source::Belief::Believed => None,
    }
}

fn doubted(apps: usize, machines: usize) -> String {
    format!(
        "{apps} apps and {machines} machines vanished at once; nothing is removed until they return or it is approved"
    )
}

impl Hints for Running {
    fn touch(&self, app: &str) {
        if let Some(fly) = &self.fly {
            // A lost hint costs time only: polling finds what it was about.
            fly.hint(app).ok();
        }
    }

    fn wake(&self) {
        // The dispatcher follows the store's commits.
    }

    fn recovered(&self) {
        self.runner.recovered();
    }

    fn audit(&self, name: &str) -> control::Result<()> {
        if !self.audits.names().iter().any(|known| known == name) {
            let known = self.audits.names().join(", ");
            return Err(Refusal::unknown(format!("no audit `{name}`")).hint(format!("known audits: {known}")));
        }
        let full =
            || Refusal::conflict("too many audits are asked for already").hint("groundcrew audit history");
        if self.audits.ask(name) { Ok(()) } else { Err(full()) }
    }

    fn standing(&self, hook: &str, app: &str) -> Standing {
        Standing::of(&self.config, hook, app)
    }

    fn may_mend(&self, finding: i64, who: &str) -> control::Result<()> {
        let asked = self.runner.may_mend_by_hand(finding, who);
        let verdict = asked.map_err(|runner::Error::Store(error)| error)?;
        let (why, hint) = match verdict {
            None => ("no auditor that is installed reports it".to_owned(), "groundcrew findings"),
            Some(Verdict::Fix) => return Ok(()),
            Some(Verdict::Later { why, .. } | Verdict::Never { why }) => (why, "groundcrew findings --all"),
            Some(Verdict::Held { why }) => (why, "groundcrew doctor"),
        };
        Err(Refusal::conflict(format!("f{finding} is not mended: {why}")).hint(hint))
    }

    fn mend(&self, finding: i64, who: &str) -> control::Result<()> {
        let full = || Refusal::conflict("too much is asked for already").hint("groundcrew findings");
        if self.audits.mend(finding, who) { Ok(()) } else { Err(full()) }
    }

    fn retires(&self, ending: Ending) -> control::Result<()> {
        self.retires.check(ending, &self.runner)
    }

    fn believe(&self, what: Doubted) -> BoxFuture<'_, control::Result<u32>> {
        Box::pin(async move {
            let no_source = || Refusal::conflict("no source is configured that could be doubted");
            let fly = self.fly.as_ref().ok_or_else(no_source)?;
            match what {
                Doubted::Vanished => {
                    let held = match fly.status().belief {
                        source::Belief::Held { apps, machines } => apps + machines,
                        source::Belief::Starting | source::Belief::Believed => 0,
                    };
                    fly.approve_vanished().await?;
                    Ok(held as u32)
                }
                Doubted::Reach => Ok(fly.accept_reach().await.map(|()| 0)?),
            }
        })
    }
}

/// Where foreign events go.
#[derive(Debug)]
struct Foreign {
    events: ForeignEvents,
    config: Arc<Config>,
}

impl Inbox for Foreign {
    fn token(&self) -> Result<Arc<str>, String> {
        let name = self
            .config
            .http
            .as_ref()
            .and_then(|http| http.token.as_deref())
            .ok_or("no token is configured")?;
        self.config.secrets.read(name).map_err(|error| error.to_string())
    }

    fn take(&self, events: Vec<Value>) -> BoxFuture<'_, Result<Taken, InboxError>> {
        Box::pin(async move {
            let accepted = self.events.accept_batch(events).await.map_err(|refusal| match refusal {
                source::Refusal::Store(error) => InboxError::Unavailable(error.to_string()),
                other => InboxError::Refused(other.to_string()),
            })?;
            Ok(Taken { accepted: accepted.events, duplicates: accepted.duplicates })
        })
    }
}

impl Service {
    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) -> Result<(), Error> {
        let around = self.around();
        let mut tasks: JoinSet<Result<(), Error>> = JoinSet::new();
        self.start_canaries(&mut tasks, &stop).await?;
        let fly = self.start_sources(&around, &mut tasks, &stop)?;
        // Doubts of before the start hold before anything is worked on.
        if let Some(fly) = &fly {
            let status = fly.status();
            let beliefs = &self.runner.beliefs;
            beliefs.set_doubt(doubt(&status.belief));
            beliefs.set_unread(status.unread(self.runner.now()));
        }
        let audits = self.start_audits(&mut tasks, &stop).await?;
        let retires = self.start_retirer(&around, fly.clone(), &mut tasks, &stop);
        let running = Arc::new(Running {
            config: self.config.clone(),
            fly: fly.clone(),
            audits,
            runner: self.runner.clone(),
            counts: self.counts.clone(),
            retires,
        });
        self.start_api(&around, running, &mut tasks, &stop);
        self.start_housekeeping(fly, &mut tasks, &stop);
        let (dispatcher, ends) = (self.runner.clone(), stop.clone());
        tasks.spawn(async move {
            dispatcher.dispatch(ends).await;
            Ok(())
        });
        tracing::info!(installation = %self.runner.installation, level = %self.runner.level(), "up");
        if self.runner.is_recovering() {
            tracing::warn!(
                "a lost or old ledger is being rebuilt: nothing is written outside until `groundcrew recover --finish`"
            );
        }
        let mut result = Ok(());
        while let Some(ended) = tasks.join_next().await {
            let ended = ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
            if ended.is_err() {
                result = ended;
                stop.cancel();
            }
        }
        result
    }

    /// Candidates play what runs, from before the first run on.
    async fn start_canaries(
        &self,
        tasks: &mut JoinSet<Result<(), Error>>,
        stop: &CancellationToken,
    ) -> Result<(), Error> {
        for comparer in canary::put_up(&self.runner, &self.directory(), &self.compiler).await? {
            let ends = stop.clone();
            tasks.spawn(async move {
                Box::pin(comparer.run(ends)).await;
                Ok(())
            });
        }
        Ok(())
    }

    /// The data directory.
    fn directory(&self) -> PathBuf {
        self.socket.parent().map(Path::to_owned).unwrap_or_default()
    }

    async fn start_audits(
        &self,
        tasks: &mut JoinSet<Result<(), Error>>,
        stop: &CancellationToken,
    ) -> Result<Asking, Error> {
        let jobs = Job::all(&self.config, &self.runner.registry());
        let (store, clock) = (self.runner.store.clone(), self.runner.clock.clone());
        let (scheduler, asking) = Scheduler::open(jobs, store, clock, self.runner.clone()).await?;
        let ends = stop.clone();
        tasks.spawn(async move {
            scheduler.run(ends).await;
            Ok(())
        });
        Ok(asking)
    }

    /// Takes up machines that leave, if the configuration says with which token.
    fn start_retirer(
        &self,
        around: &source::Surroundings,
        fly: Option<FlyHandle>,
        tasks: &mut JoinSet<Result<(), Error>>,
        stop: &CancellationToken,
    ) -> Retires {
        let source = self.config.sources.fly.as_ref();
        let token = source.and_then(|source| source.retire_token.clone());
        let retires = Retires { source: source.is_some(), token: token.is_some() };
        if let (Some(source), Some(token)) = (source, token) {
            let api = Api {
                transport: self.transport.clone(),
                base: source.url.as_str().trim_end_matches('/').to_owned(),
                token,
                secret: around.secret.clone(),
            };
            let (work, ends) = (Retirer { runner: self.runner.clone(), api, fly }, stop.clone());
            tasks.spawn(async move { Ok(work.run(ends).await?) });
        }
        retires
    }

    fn around(&self) -> source::Surroundings {
        let config = self.config.clone();
        let secret: ReadSecret =
            Arc::new(move |name| config.secrets.read(name).map_err(|error| error.to_string()));
        source::Surroundings {
            transport: self.transport.clone(),
            clock: self.runner.clock.clone(),
            store: self.runner.store.clone(),
            routes: Arc::new(RunnerRoutes(self.runner.clone())),
            secret,
        }
    }

    fn start_sources(
        &self,
        around: &source::Surroundings,
        tasks: &mut JoinSet<Result<(), Error>>,
        stop: &CancellationToken,
    ) -> Result<Option<FlyHandle>, Error> {
        let mut handle = None;
        if let Some(settings) = &self.config.sources.fly {
            let (fly, speaks) = FlySource::open(settings, around.clone())?;
            handle = Some(speaks);
            let stop = stop.clone();
            tasks.spawn(async move {
                fly.run(stop).await;
                Ok(())
            });
        }
        if let Some(settings) = &self.config.sources.ndjson {
            let lines = NdjsonSource::open(&settings.from, &settings.org, around.clone())?;
            let stop = stop.clone();
            tasks.spawn(async move { Ok(lines.run(stop).await?) });
        }
        if !self.config.labels.is_empty() {
            let labels = LabelSources::new(self.config.labels.clone(), around.clone());
            let stop = stop.clone();
            tasks.spawn(async move {
                labels.run(stop).await;
                Ok(())
            });
        }
        Ok(handle)
    }

    fn start_api(
        &self,
        around: &source::Surroundings,
        running: Arc<Running>,
        tasks: &mut JoinSet<Result<(), Error>>,
        stop: &CancellationToken,
    ) {
        let foreign = Foreign { events: ForeignEvents::new(around.clone()), config: self.config.clone() };
        let state = http::State {
            store: self.runner.store.clone(),
            live: running.clone(),
            hints: running,
            inbox: Some(Arc::new(foreign)),
            clock: self.runner.clock.clone(),
        };
        let (socket, router, ends) =
            (self.socket.clone(), http::router(state.clone(), Door::Socket), stop.clone());
        tasks.spawn(async move { Ok(http::serve_unix(&socket, router, ends).await?) });
        if let Some(listen) = self.config.http.as_ref().map(|http| http.listen) {
            let (router, ends) = (http::router(state, Door::Network), stop.clone());
            let said = |at| tracing::info!(%at, "the HTTP API listens");
            tasks.spawn(async move { Ok(http::serve_tcp(listen, router, ends, said).await?) });
        }
    }

    fn start_housekeeping(
        &self,
        fly: Option<FlyHandle>,
        tasks: &mut JoinSet<Result<(), Error>>,
        stop: &CancellationToken,
    ) {
        let kept = &self.config.store.keep;
        let keep = Keep { runs: kept.runs, bodies: kept.bodies, ..Keep::DEFAULT };
        let acts = self.config.store.keep.acts;
        let (store, clock, ends) = (self.runner.store.clone(), self.runner.clock.clone(), stop.clone());
        tasks.spawn(async move {
            prune(store, clock, keep, acts, ends).await;
            Ok(())
        });
        let directory = self.directory();
        let (runner, ends) = (self.runner.clone(), stop.clone());
        tasks.spawn(async move {
            keep_components(runner, directory, keep.runs, ends).await;
            Ok(())
        });
        let (runner, config, ends) = (self.runner.clone(), self.config.clone(), stop.clone());
        tasks.spawn(async move {
            refresh_secrets(runner, config, ends).await;
            Ok(())
        });
        let (runner, ends) = (self.runner.clone(), stop.clone());
        tasks.spawn(async move {
            backfill::run(runner, ends).await;
            Ok(())
        });
        let (runner, ends) = (self.runner.clone(), stop.clone());
        tasks.spawn(async move {
            runner.watch_gates(ends).await;
            Ok(())
        });
        let (runner, ends) = (self.runner.clone(), stop.clone());
        tasks.spawn(async move {
            runner.list_while_recovering(ends).await;
            Ok(())
        });
        let (runner, every, ends) = (self.runner.clone(), self.config.reconcile, stop.clone());
        tasks.spawn(async move {
            reconcile(runner, every, ends).await;
            Ok(())
        });
        if let Some(fly) = fly {
            let (runner, ends) = (self.runner.clone(), stop.clone());
            tasks.spawn(async move {
                follow_belief(runner, fly, ends).await;
                Ok(())
            });
        }
    }
}

async fn prune(store: Store, clock: Arc<dyn Clock>, keep: Keep, acts: Millis, stop: CancellationToken) {
    loop {
        let history = store.prune(keep, clock.now()).await;
        let acts = store.prune_acts(acts, clock.now()).await;
        let subjects = store.prune_subjects(keep.gone, clock.now()).await;
        let mut more = false;
        for pruned in [history, acts, subjects] {
            match pruned {
                Ok(left) => more |= left,
                Err(error) => tracing::warn!(%error, "history could not be pruned"),
            }
        }
        let pause = if more { Millis::seconds(1) } else { PRUNE_EVERY };
        if stop.run_until_cancelled(tokio::time::sleep(pause.to_std())).await.is_none() {
            return;
        }
    }
}

/// Components are kept for as long as runs of theirs are.
async fn keep_components(runner: Arc<Runner>, directory: PathBuf, runs: Millis, stop: CancellationToken) {
    loop {
        let now = runner.now();
        let registry = runner.registry();
        let used = registry.all().map(|used| used.component.digest);
        let used = used.chain(runner.feeds().map(|feed| feed.candidate));
        let noted = used.into_iter().try_for_each(|used| kept::note(&directory, used, now));
        if let Err(error) = noted.and_then(|()| kept::forget(&directory, now - runs)) {
            tracing::warn!(%error, "components that ran are not looked after: replays may lack one");
        }
        if stop.run_until_cancelled(tokio::time::sleep(COMPONENTS_EVERY.to_std())).await.is_none() {
            return;
        }
    }
}

/// Everybody looks again on schedule, and after time in which nobody could: the machine slept, or its clock jumped.
async fn reconcile(runner: Arc<Runner>, every: Millis, stop: CancellationToken) {
    let mut beat = Beat::begun(runner.now());
    while stop.run_until_cancelled(tokio::time::sleep(BEAT.to_std())).await.is_some() {
        if beat.is_due(every, runner.now())
            && let Err(error) = runner.store.reconcile(None, None, None, runner.now()).await
        {
            tracing::warn!(%error, "everybody could not be owed a look; it is tried again");
            beat.missed();
        }
    }
}

/// When everybody was owed a look, and whether time passed unseen since.
struct Beat {
    last: Option<Timestamp>,
    seen: Timestamp,
}

impl Beat {
    /// A start owes everybody a look.
    const fn begun(now: Timestamp) -> Self {
        Self { last: Some(now), seen: now }
    }

    fn is_due(&mut self, every: Millis, now: Timestamp) -> bool {
        let passed = now.since(std::mem::replace(&mut self.seen, now));
        let jumped = passed > GAP || passed < Millis::ZERO;
        let due = jumped || self.last.is_none_or(|last| now.since(last) >= every);
        if due {
            self.last = Some(now);
        }
        due
    }

    const fn missed(&mut self) {
        self.last = None;
    }
}

/// Files of secrets are read again; a hook whose secrets cannot be read keeps those that it had.
async fn refresh_secrets(runner: Arc<Runner>, config: Arc<Config>, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(SECRETS_EVERY.to_std())).await.is_some() {
        for installed in runner.registry().all() {
            if let Err(error) = installed.refresh(&config.secrets) {
                tracing::warn!(%error, hook = %installed.hook.name, "its secrets could not be read again");
            }
        }
    }
}

/// While implausibly many apps vanished, or nobody knows who lives, nothing is removed.
async fn follow_belief(runner: Arc<Runner>, fly: FlyHandle, stop: CancellationToken) {
    let mut statuses = fly.statuses();
    loop {
        let status = statuses.borrow_and_update().clone();
        runner.beliefs.set_unread(status.unread(runner.now()));
        let doubt = doubt(&status.belief);
        let believed = doubt.is_none();
        let before = runner.beliefs.set_doubt(doubt);
        if before.is_some() && believed {
            // What was frozen for the doubt's sake has nobody else to wake it.
            if let Err(error) = runner.store.wake_waiting(runner.now()).await {
                tracing::warn!(%error, "what waited for the source could not be woken; the next start does");
            }
        }
        // A source that falls silent says nothing of it.
        match stop.run_until_cancelled(tokio::time::timeout(BEAT.to_std(), statuses.changed())).await {
            Some(Ok(Ok(())) | Err(_)) => {}
            Some(Ok(Err(_))) | None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_due_on_schedule_and_after_time_that_nobody_saw() {
        let at = |second: i64| Timestamp::from_millis(second * 1_000);
        let every = Millis::minutes(10);
        let mut beat = Beat::begun(at(0));
        let due: Vec<_> =
            (1..=130).map(|n| n * 10).filter(|second| beat.is_due(every, at(*second))).collect();
        assert_eq!(due, [600, 1_200], "on schedule, and no oftener");
        assert!(beat.is_due(every, at(1_300 + 301)), "five minutes were missed");
        assert!(!beat.is_due(every, at(1_611)));
        assert!(beat.is_due(every, at(900)), "the clock was set back");
        beat.missed();
        assert!(beat.is_due(every, at(910)), "it failed, and is tried again");
    }
}
