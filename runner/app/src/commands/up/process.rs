//! One runner after the other in one process: what outlives them, and how one takes the place of the other.

use std::path::Path;
use std::sync::Arc;

use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::super::answer::Failure;
use super::super::context::Context;
use super::{Args, read_config};
use crate::assembly::{self, Outward, Seen};
use crate::config::{Config, Ndjson};
use crate::control::{Done, Refusal};
use crate::data_dir::DataDir;
use crate::http::{self, Door, Front, ServeError};
use crate::reload::{Asks, DRAIN, Lineup, Place, Reloads, Round};
use crate::runner::Runner;
use crate::service::{Service, Started};

/// Looks at what is to run, until it stands still.
const LOOKS: u32 = 3;

/// What outlives a runner.
pub(super) struct Process<'a> {
    pub(super) context: &'a Context,
    pub(super) args: &'a Args,
    /// What it holds.
    pub(super) dir: &'a DataDir,
    pub(super) outward: Outward,
    pub(super) reloads: Reloads,
    /// Ends it all.
    pub(super) stop: CancellationToken,
    pub(super) front: Front,
}

/// A runner, and all that runs around it.
struct Running {
    lineup: Lineup,
    runner: Arc<Runner>,
    started: Started,
}

impl Process<'_> {
    /// Runs until a signal, or until something fails that cannot be gone on without.
    pub(super) async fn run(&self, config: Config, seen: Seen, mut asks: Asks) -> Result<(), Failure> {
        let place = Place::of(&config, self.dir.clone());
        let level = config.level;
        // Whoever asks while it starts is told so.
        let mut doors = self.listen(&place);
        let started = tokio::select! {
            // Nothing is begun for long that ends since an address is taken.
            Some(ended) = doors.join_next() => closed(ended).map(|()| None),
            started = Box::pin(self.start(config, seen)) => started,
        };
        let ran = match started {
            Ok(Some(running)) => {
                tracing::info!(installation = %place.installation, %level, "up");
                self.follow(running, &place, &mut asks, &mut doors).await
            }
            Ok(None) => Ok(()),
            Err(failure) => Err(failure),
        };
        self.stop.cancel();
        let mut closed_well = Ok(());
        while let Some(door) = doors.join_next().await {
            closed_well = closed_well.and(closed(door));
        }
        ran.and(closed_well)
    }

    /// Goes on until the end, through every reload.
    async fn follow(
        &self,
        mut running: Running,
        place: &Place,
        asks: &mut Asks,
        doors: &mut JoinSet<Result<(), ServeError>>,
    ) -> Result<(), Failure> {
        let ran = loop {
            let round = tokio::select! {
                // Each arm only waits: what it waits for stays where it is if another one wins.
                ended = running.started.ended() => break ended.map_err(|error| Failure::of(&error)),
                Some(ended) = doors.join_next() => break closed(ended),
                Some(round) = asks.next() => round,
            };
            if let Err(failure) = Box::pin(self.reload(&mut running, place, round)).await {
                break Err(failure);
            }
        };
        self.stop.cancel();
        ran.and(running.started.ended().await.map_err(|error| Failure::of(&error)))
    }

    /// Listens for as long as the process runs, whoever answers.
    fn listen(&self, place: &Place) -> JoinSet<Result<(), ServeError>> {
        let mut doors = JoinSet::new();
        let (socket, router, ends) = (self.dir.socket(), self.front.router(Door::Socket), self.stop.clone());
        doors.spawn(async move { http::serve_unix(&socket, router, ends).await });
        if let Some(listen) = place.listen {
            let (router, ends) = (self.front.router(Door::Network), self.stop.clone());
            let said = |at| tracing::info!(%at, "the HTTP API listens");
            doors.spawn(async move { http::serve_tcp(listen, router, ends, said).await });
        }
        doors
    }

    /// Puts a runner together and lets it begin; none: the process was told to end meanwhile.
    async fn start(&self, config: Config, seen: Seen) -> Result<Option<Running>, Failure> {
        let starting = async {
            let setting = self.outward.setting.again(seen);
            let compiler = setting.compiler.clone();
            let begun = assembly::begin(&config, setting).await;
            let (runner, compiling) = begun.map_err(|error| Failure::of(&error))?;
            let config = Arc::new(config);
            let (lineup, held) = (Lineup::of(config.clone(), &runner)?, runner.clone());
            let service = Service {
                config,
                runner,
                transport: self.outward.transport.clone(),
                counts: self.outward.counts.clone(),
                directory: self.dir.path().to_owned(),
                compiler,
                reloads: self.reloads.clone(),
            };
            let started = service.start(compiling, self.stop.child_token()).await;
            let (started, state) = started.map_err(|error| Failure::of(&error))?;
            self.front.open(state);
            Ok(Running { lineup, runner: held, started })
        };
        self.stop.run_until_cancelled(Box::pin(starting)).await.transpose()
    }

    /// Puts another runner in the place of the one that runs, if nothing speaks against it.
    ///
    /// # Errors
    /// If none runs any more.
    async fn reload(&self, running: &mut Running, place: &Place, round: Round) -> Result<(), Failure> {
        let (why, runner) = (round.why(), running.runner.clone());
        let looked_over = tokio::select! {
            // Who asked is told that the runner ended.
            ended = running.started.ended() => return ended.map_err(|error| Failure::of(&error)),
            looked_over = async {
                // Else the same components would be compiled twice at once.
                runner.compiled().await;
                self.look_over(place).await
            } => looked_over,
        };
        let (config, seen) = match looked_over {
            Ok(approved) => approved,
            Err(failure) => {
                let refusal = Refusal::from(failure);
                let problems = [vec![refusal.message.clone()], refusal.causes.clone()].concat().join("\n");
                tracing::error!(asked = why, problems, "not reloaded: what runs goes on as it is");
                round.answer(&Err(refusal));
                return Ok(());
            }
        };
        tracing::info!(within = %DRAIN, "nothing new begins; what is under way comes to its end");
        running.started.drain(DRAIN).await;
        self.front.close();
        running.started.end().await.map_err(|error| Failure::of(&error))?;
        match Box::pin(self.start(config, seen)).await {
            Ok(Some(next)) => {
                let changes = next.lineup.since(&running.lineup);
                *running = next;
                tracing::info!(asked = why, changes = changes.to_string(), "reloaded");
                round.answer(&Ok(Done { message: changes.to_string(), changed: changes.count() as u32 }));
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(failure) => {
                round.answer(&Err(failure.clone().into()));
                Err(failure)
            }
        }
    }

    /// The configuration as it is now, if a runner can be put together from it in the place of the one that runs.
    async fn look_over(&self, place: &Place) -> Result<(Config, Seen), Failure> {
        let (config, seen) = read_config(self.context, self.args)?;
        let causes = place.differing(&Place::of(&config, self.context.data_dir()));
        if !causes.is_empty() {
            let failure =
                Failure { causes, ..Failure::failed("this cannot change while groundcrew up runs") };
            return Err(failure.hint("change it back, or end groundcrew up and start it again"));
        }
        if let Some(Ndjson::File(path)) = config.sources.ndjson.as_ref().map(|source| &source.from) {
            readable(path)
                .map_err(|why| Failure::failed(format!("cannot read {}: {why}", path.display())))?;
        }
        let setting = self.outward.setting.again(seen.clone());
        for _ in 0..LOOKS {
            let looked_at =
                assembly::look_over(&config, &setting).await.map_err(|errors| several(&errors))?;
            // While one was compiled, another one may have been promoted or approved.
            if assembly::choose(&config, &setting).map_err(|error| Failure::of(&error))? == looked_at {
                return Ok((config, seen));
            }
        }
        Err(Failure::failed("what is to run changes while it is looked over").hint("groundcrew reload"))
    }
}

/// Whether a source can read a file. A pipe is not opened: that would wait for whoever writes into it.
fn readable(path: &Path) -> Result<(), String> {
    let metadata = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if metadata.is_dir() {
        return Err("it is a directory".to_owned());
    }
    if metadata.is_file() {
        std::fs::File::open(path).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// All of them in one.
fn several(errors: &[assembly::Error]) -> Failure {
    let mut failures: Vec<_> = errors.iter().map(|error| Failure::of(error)).collect();
    match (failures.pop(), failures.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            failures.extend(last);
            let lines = failures
                .iter()
                .map(|failure| [vec![failure.message.clone()], failure.causes.clone()].concat().join(": "));
            Failure { causes: lines.collect(), ..Failure::failed(format!("{} problems", failures.len())) }
        }
    }
}

/// How a listener ended.
fn closed(ended: Result<Result<(), ServeError>, JoinError>) -> Result<(), Failure> {
    let ended = ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    ended.map_err(|error| Failure::of(&error))
}
