//! The running service: sources, dispatcher and housekeeping around one runner, and what the HTTP API answers from.
//!
//! It ends when it is told to: sources stop, runs in flight are cut off, which is always safe: what they intended
//! is in the store. Before another runner takes its place they have a moment to come to their end.

mod chores;
mod live;

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;

use groundcrew_core::duration::Millis;
use groundcrew_core::spec::Event;
use groundcrew_core::subject::{Subject, Uid};
use groundcrew_engine::cache::Compiler;
use groundcrew_engine::egress::Transport;
use groundcrew_engine::limited::Counts;
use groundcrew_store::HookId;
use groundcrew_store::prune::Keep;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::assembly::{self, Compiling};
use crate::backfill;
use crate::canary;
use crate::config::Config;
use crate::http;
use crate::reload::Reloads;
use crate::retire::{Api, Retirer};
use crate::runner::Runner;
use crate::scheduler::{Asking, Job, Scheduler};
use crate::source::{
    self, FlyHandle, FlySource, ForeignEvents, LabelSources, LinesStatus, NdjsonSource, ReadSecret, Routes,
};
#[cfg(test)]
pub(crate) use chores::{GAP, SECRETS_EVERY};
use chores::{
    follow_belief, keep_components, lapse_acknowledgements, prune, reconcile, refresh_secrets,
    tell_unreachable,
};
use live::{Foreign, Retires, Running, doubt};

/// Why the service ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store.
    #[error(transparent)]
    Store(#[from] groundcrew_store::Error),
    /// The NDJSON source.
    #[error(transparent)]
    Ndjson(#[from] source::NdjsonError),
    /// Candidates.
    #[error(transparent)]
    Canary(#[from] canary::Error),
    /// A component that does not compile.
    #[error(transparent)]
    Component(#[from] Box<assembly::Error>),
}

/// Tells who waits for limits, which hosts failed, and which do not answer.
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
    /// The data directory.
    pub directory: PathBuf,
    /// Who compiles candidates.
    pub compiler: Compiler,
    /// Who puts another runner in the place of this one.
    pub reloads: Reloads,
}

/// A service that runs until it is stopped.
#[derive(Debug)]
pub struct Started {
    tasks: JoinSet<Result<(), Error>>,
    /// See [`Runner::draining`].
    draining: CancellationToken,
    /// Ends when all that begins runs has come to its end.
    working: mpsc::Receiver<Infallible>,
    stop: CancellationToken,
    /// What failed first, until it is told.
    failed: Option<Error>,
}

impl Started {
    /// Waits until it has ended: it was stopped, or something of it failed, which stops the rest.
    ///
    /// # Cancel safety
    /// Nothing is lost; it may be asked again.
    pub async fn ended(&mut self) -> Result<(), Error> {
        while let Some(ended) = self.tasks.join_next().await {
            let ended = ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
            if let Err(error) = ended {
                self.stop.cancel();
                self.failed.get_or_insert(error);
            }
        }
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Begins nothing new, and waits until what is under way has come to its end, or for so long. Sources go on, and so does
    /// the API.
    pub async fn drain(&mut self, most: Millis) {
        self.draining.cancel();
        // Whoever fails meanwhile is told of at the end.
        drop(tokio::time::timeout(most.to_std(), self.working.recv()).await);
    }

    /// Stops it and waits for its end: runs in flight are cut off, which is always safe.
    pub async fn end(&mut self) -> Result<(), Error> {
        self.stop.cancel();
        self.ended().await
    }
}

/// What tells of sources that were started.
#[derive(Debug, Default)]
struct Speaking {
    fly: Option<FlyHandle>,
    lines: Option<watch::Receiver<LinesStatus>>,
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

impl Service {
    /// Starts everything, until `stop`; what the API answers from comes back with it. Hooks whose components are still
    /// compiled come later.
    pub async fn start(
        self,
        compiling: Compiling,
        stop: CancellationToken,
    ) -> Result<(Started, http::State), Error> {
        let around = self.around();
        let mut tasks: JoinSet<Result<(), Error>> = JoinSet::new();
        self.start_canaries(&mut tasks, &stop).await?;
        let Speaking { fly, lines } = self.start_sources(&around, &mut tasks, &stop)?;
        // Doubts of before the start hold before anything is worked on.
        if let Some(fly) = &fly {
            let status = fly.status();
            let beliefs = &self.runner.beliefs;
            beliefs.set_doubt(doubt(&status.belief));
            beliefs.set_unread(status.unread(self.runner.now()));
            beliefs.set_unseen(status.unseen);
        }
        let (works, working) = mpsc::channel(1);
        let audits = self.start_audits(&mut tasks, works.clone(), &stop).await?;
        let retires = self.start_retirer(&around, fly.clone(), &mut tasks, &stop);
        let running = Arc::new(Running {
            config: self.config.clone(),
            fly: fly.clone(),
            lines,
            audits,
            runner: self.runner.clone(),
            counts: self.counts.clone(),
            retires,
            reloads: self.reloads.clone(),
        });
        let state = self.state(&around, running);
        self.start_housekeeping(fly, &mut tasks, &stop);
        let (dispatcher, ends) = (self.runner.clone(), stop.clone());
        tasks.spawn(async move {
            dispatcher.dispatch(ends).await;
            drop(works);
            Ok(())
        });
        let ends = stop.clone();
        tasks.spawn(async move {
            let compiled = ends.run_until_cancelled(Box::pin(compiling.run())).await;
            Ok(compiled.unwrap_or(Ok(())).map_err(Box::new)?)
        });
        if self.runner.is_recovering() {
            tracing::warn!(
                "a lost or old ledger is being rebuilt: nothing is written outside until `groundcrew recover --finish`"
            );
        }
        let draining = self.runner.draining().clone();
        Ok((Started { tasks, draining, working, stop, failed: None }, state))
    }

    /// Candidates play what runs, from before the first run on.
    async fn start_canaries(
        &self,
        tasks: &mut JoinSet<Result<(), Error>>,
        stop: &CancellationToken,
    ) -> Result<(), Error> {
        for comparer in canary::put_up(&self.runner, &self.directory, &self.compiler, &self.reloads).await? {
            let ends = stop.clone();
            tasks.spawn(async move {
                Box::pin(comparer.run(ends)).await;
                Ok(())
            });
        }
        Ok(())
    }

    async fn start_audits(
        &self,
        tasks: &mut JoinSet<Result<(), Error>>,
        works: mpsc::Sender<Infallible>,
        stop: &CancellationToken,
    ) -> Result<Asking, Error> {
        let jobs = Job::all(&self.config, &self.runner.registry());
        let (store, clock) = (self.runner.store.clone(), self.runner.clock.clone());
        let (scheduler, asking) = Scheduler::open(jobs, store, clock, self.runner.clone()).await?;
        let (drain, ends) = (self.runner.draining().clone(), stop.clone());
        tasks.spawn(async move {
            scheduler.run(drain, ends).await;
            drop(works);
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
    ) -> Result<Speaking, Error> {
        let mut speaking = Speaking::default();
        if let Some(settings) = &self.config.sources.fly {
            let (fly, speaks) = FlySource::open(settings, around.clone())?;
            speaking.fly = Some(speaks);
            let stop = stop.clone();
            tasks.spawn(async move {
                fly.run(stop).await;
                Ok(())
            });
        }
        if let Some(settings) = &self.config.sources.ndjson {
            let lines = NdjsonSource::open(&settings.from, &settings.org, around.clone())?;
            speaking.lines = Some(lines.statuses());
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
        Ok(speaking)
    }

    /// What the API answers from.
    fn state(&self, around: &source::Surroundings, running: Arc<Running>) -> http::State {
        let foreign = Foreign { events: ForeignEvents::new(around.clone()), config: self.config.clone() };
        http::State {
            store: self.runner.store.clone(),
            live: running.clone(),
            hints: running,
            inbox: Some(Arc::new(foreign)),
            clock: self.runner.clock.clone(),
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
        let (store, clock, ends) = (self.runner.store.clone(), self.runner.clock.clone(), stop.clone());
        tasks.spawn(async move {
            lapse_acknowledgements(store, clock, ends).await;
            Ok(())
        });
        let (store, clock, ends) = (self.runner.store.clone(), self.runner.clock.clone(), stop.clone());
        let counts = self.counts.clone();
        tasks.spawn(async move { Ok(tell_unreachable(store, clock, counts, ends).await?) });
        let directory = self.directory.clone();
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
        if let Some((fly, settings)) = fly.zip(self.config.sources.fly.as_ref()) {
            let (runner, every, ends) = (self.runner.clone(), settings.pace.tick, stop.clone());
            tasks.spawn(async move {
                follow_belief(runner, fly, every, ends).await;
                Ok(())
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn what_failed_is_told_also_to_who_stopped_waiting_before_the_rest_had_ended() {
        let (stop, last) = (CancellationToken::new(), Arc::new(Notify::new()));
        let mut tasks: JoinSet<Result<(), Error>> = JoinSet::new();
        tasks.spawn(async {
            let gone = std::io::Error::other("gone");
            Err(Error::Ndjson(source::NdjsonError::Read { path: "lines".into(), source: gone }))
        });
        let (ends, may) = (stop.clone(), last.clone());
        tasks.spawn(async move {
            ends.cancelled().await;
            may.notified().await;
            Ok(())
        });
        let (_, working) = mpsc::channel(1);
        let draining = CancellationToken::new();
        let mut started = Started { tasks, draining, working, stop: stop.clone(), failed: None };
        while !stop.is_cancelled() {
            tokio::select! {
                // Dropped each time, as when something else is to be done meanwhile.
                biased;
                ended = started.ended() => panic!("{ended:?}"),
                () = tokio::task::yield_now() => {}
            }
        }
        last.notify_one();
        assert!(matches!(started.ended().await, Err(Error::Ndjson(_))));
        assert!(started.ended().await.is_ok(), "once");
    }

    #[tokio::test(start_paused = true)]
    async fn who_drains_waits_for_what_is_under_way_and_no_longer_than_said() {
        let started = |works| {
            let (draining, stop) = (CancellationToken::new(), CancellationToken::new());
            Started { tasks: JoinSet::new(), draining, working: works, stop, failed: None }
        };
        let (works, working) = mpsc::channel(1);
        let (mut stuck, begun) = (started(working), tokio::time::Instant::now());
        stuck.drain(Millis::seconds(5)).await;
        assert!(stuck.draining.is_cancelled() && !stuck.stop.is_cancelled(), "sources and the API go on");
        assert_eq!(begun.elapsed(), Millis::seconds(5).to_std());
        drop(works);

        let (works, working) = mpsc::channel(1);
        let mut quick = started(working);
        let (draining, begun) = (quick.draining.clone(), tokio::time::Instant::now());
        let last = async {
            draining.cancelled().await;
            tokio::time::sleep(Millis::seconds(1).to_std()).await;
            drop(works);
        };
        tokio::join!(quick.drain(Millis::seconds(5)), last);
        assert_eq!(begun.elapsed(), Millis::seconds(1).to_std());
    }
}
