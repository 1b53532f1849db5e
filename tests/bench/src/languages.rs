//! What a language costs: the template's handler, built by the language's own tools, in our engine.
//!
//! The outside answers at once and in this process, so that what is measured is the guest and the engine around it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, anyhow, ensure};
use futures_util::future::{BoxFuture, join_all};
use groundcrew_author::testing::Scratch;
use groundcrew_author::{Kind, Language};
use groundcrew_core::duration::Millis;
use groundcrew_core::egress::{Bound, Grant};
use groundcrew_core::manifest::Manifest;
use groundcrew_core::spec::{Event, Failure};
use groundcrew_core::time::Timestamp;
use groundcrew_engine::cache::{Cache, Compiler};
use groundcrew_engine::clock::SystemClock;
use groundcrew_engine::egress::{Egress, Request, Response, Transport, TransportError};
use groundcrew_engine::gate::{Answers, Gate, Unrecorded};
use groundcrew_engine::inspect::inspect;
use groundcrew_engine::limits::Limits;
use groundcrew_engine::run::{Context, Engine, Hook, MemoryHandle, Profile, Reset};
use groundcrew_engine::secrets::Secrets;
use serde_json::json;
use tokio::sync::{Notify, Semaphore};

use crate::clock::{micros, now};
use crate::samples::Samples;

/// TypeScript is JavaScript once it is built.
pub(crate) const LANGUAGES: [Language; 5] =
    [Language::Rust, Language::Js, Language::Python, Language::Go, Language::C];

/// Runs before the steady ones, and of these.
const WARMING: usize = 50;
const STEADY: usize = 500;

/// Runs that wait at the same time.
const WAITING: usize = 50;

/// Threads that run all languages in turn, and how often each does.
const THREADS: usize = 4;
const ROUNDS: usize = 100;

/// What one language costs.
pub(crate) struct Cost {
    /// From the bytes of a component that was never compiled to the end of its first run, milliseconds.
    pub(crate) first_ms: f64,
    /// One run, microseconds.
    pub(crate) run_us: Samples,
    /// Anonymous memory of one run that waits for an answer, kilobytes of 1,000 bytes.
    pub(crate) memory_kb: f64,
}

/// The template's handler as its author builds it, below a folder; none where the toolchain is not there.
pub(crate) fn build(folder: &Path, language: Language) -> anyhow::Result<Option<Vec<u8>>> {
    let Some(built) = Scratch::new(folder, language, Kind::Handler).build() else { return Ok(None) };
    let component = built.with_context(|| language.name())?.component;
    Ok(Some(std::fs::read(&component).with_context(|| component.display().to_string())?))
}

/// Measures a handler; the directory has never seen it.
pub(crate) async fn measure(directory: &Path, component: &[u8]) -> anyhow::Result<Cost> {
    let began = now();
    let stage = Stage::new(directory, component).await?;
    stage.outside.free.add_permits(Semaphore::MAX_PERMITS / 2);
    stage.run().await?;
    let first_ms = micros(now() - began) / 1e3;
    let mut samples = Vec::with_capacity(STEADY);
    for at in 0..WARMING + STEADY {
        let began = now();
        stage.run().await?;
        if at >= WARMING {
            samples.push(micros(now() - began));
        }
    }
    drop(stage);
    // An engine of its own: slots that were used keep pages.
    let memory_kb = waiting(&Stage::new(directory, component).await?).await?;
    Ok(Cost { first_ms, run_us: Samples::of(samples), memory_kb })
}

/// What runs of all languages take in turn, on several threads of one engine, by how slots are made fresh.
pub(crate) struct Mixed {
    /// Microseconds of a run, by the components' order, where only written pages are reset.
    pub(crate) written_us: Vec<Samples>,
    /// The same where everything is unmapped.
    pub(crate) unmapped_us: Vec<Samples>,
    /// How many times as long the second took altogether.
    pub(crate) ratio: f64,
}

/// Measures both in turn, twice, so that a minute of a shared machine is not one side's alone.
pub(crate) fn mixed(directory: &Path, components: &[Vec<u8>]) -> anyhow::Result<Mixed> {
    let mut all = [Reset::Written, Reset::Unmapped].map(|_| vec![Vec::new(); components.len()]);
    for _ in 0..2 {
        for (side, reset) in [Reset::Written, Reset::Unmapped].into_iter().enumerate() {
            for (into, more) in all[side].iter_mut().zip(turns(directory, components, reset)?) {
                into.extend(more);
            }
        }
    }
    // Only runs: whichever side came first has compiled what the other found in the cache.
    let [written, unmapped] = [0, 1].map(|side: usize| all[side].iter().flatten().sum::<f64>());
    let [written_us, unmapped_us] = all.map(|times| times.into_iter().map(Samples::of).collect());
    Ok(Mixed { written_us, unmapped_us, ratio: unmapped / written })
}

/// Microseconds of each run, by component: each thread runs all of them in turn, each beginning with another one.
fn turns(directory: &Path, components: &[Vec<u8>], reset: Reset) -> anyhow::Result<Vec<Vec<f64>>> {
    let inspected = components.iter().map(|component| inspect(component)).collect::<Result<Vec<_>, _>>()?;
    let core_instances = inspected.iter().map(|one| one.core_instances).max().unwrap_or(1);
    let slots = THREADS as u32 * 2;
    let engine = Engine::new(Profile { slots, core_instances, memory: Limits::default().memory, reset })?;
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
    let load = components.iter().map(|component| Stage::on(engine.clone(), directory, component));
    let stages = runtime()?.block_on(join_all(load)).into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    for stage in &stages {
        stage.outside.free.add_permits(Semaphore::MAX_PERMITS / 2);
    }
    let work = |thread: usize| -> anyhow::Result<Vec<Vec<f64>>> {
        let runtime = runtime()?;
        let mut times = vec![Vec::new(); stages.len()];
        for round in 0..ROUNDS {
            for at in (0..stages.len()).map(|at| (at + thread) % stages.len()) {
                let began = now();
                runtime.block_on(stages[at].run())?;
                if round >= ROUNDS / 10 {
                    times[at].push(micros(now() - began));
                }
            }
        }
        Ok(times)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || work(thread))).collect();
        let mut all = vec![Vec::new(); stages.len()];
        for thread in threads {
            let times = thread.join().map_err(|_| anyhow!("a thread panicked"))??;
            for (into, more) in all.iter_mut().zip(times) {
                into.extend(more);
            }
        }
        Ok(all)
    })
}

/// How much memory more each of so many has that wait at the same time.
async fn waiting(stage: &Stage) -> anyhow::Result<f64> {
    stage.outside.free.add_permits(1);
    stage.run().await?;
    let before = anonymous_bytes()?;
    let inside = stage.outside.inside.load(Ordering::SeqCst);
    let runs = join_all((0..WAITING).map(|_| stage.run()));
    let all_wait = async {
        while stage.outside.inside.load(Ordering::SeqCst) < inside + WAITING {
            stage.outside.came.notified().await;
        }
        let after = anonymous_bytes();
        stage.outside.free.add_permits(WAITING);
        after
    };
    let (runs, after) = tokio::join!(runs, all_wait);
    runs.into_iter().collect::<anyhow::Result<Vec<()>>>()?;
    Ok((after? - before).max(0.0) / WAITING as f64 / 1e3)
}

/// `RssAnon` of this process, in bytes.
fn anonymous_bytes() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("no RssAnon")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? * 1024.0)
}

/// An engine with one handler.
struct Stage {
    engine: Engine,
    hook: Hook,
    limits: Arc<Limits>,
    grants: Arc<[Bound]>,
    outside: Arc<Prompt>,
}

impl Stage {
    async fn new(directory: &Path, component: &[u8]) -> anyhow::Result<Self> {
        let inspected = inspect(component)?;
        let profile = Profile {
            slots: WAITING as u32 + 2,
            core_instances: inspected.core_instances,
            memory: Limits::default().memory,
            reset: Reset::Written,
        };
        Self::on(Engine::new(profile)?, directory, component).await
    }

    async fn on(engine: Engine, directory: &Path, component: &[u8]) -> anyhow::Result<Self> {
        let inspected = inspect(component)?;
        let limits = Limits::default();
        let cache = Cache::new(directory.join("languages"), [7; 32], Compiler::InProcess);
        let compiled = cache.load(&engine, inspected.digest, component).await?;
        let manifest = inspected.manifest.clone().unwrap_or(Manifest::parse("name = \"bench\"")?);
        let hook = engine.link(&compiled, &inspected, manifest)?;
        let grant: Grant = "POST http://a.example/*".parse().map_err(|error| anyhow!("{error}"))?;
        let grants = vec![grant.bind(&BTreeMap::new()).map_err(|error| anyhow!("{error}"))?];
        let outside =
            Arc::new(Prompt { inside: AtomicUsize::new(0), came: Notify::new(), free: Semaphore::new(0) });
        Ok(Self { engine, hook, limits: Arc::new(limits), grants: grants.into(), outside })
    }

    /// One run, with everything made that the runner makes for it.
    async fn run(&self) -> anyhow::Result<()> {
        let gate =
            Gate::new(Answers::Outside, Arc::new(Unrecorded), None, Arc::new(SystemClock), &self.limits);
        let egress = Egress::new(self.grants.clone(), Arc::new(Secrets::default()), self.outside.clone());
        let context = Context {
            gate,
            egress,
            memory: MemoryHandle::empty(),
            config: Arc::new(json!({ "server": "http://a.example" })),
            seed: [9; 32],
            started: Timestamp::from_millis(1_795_000_000_000),
            limits: self.limits.clone(),
        };
        let event = Event {
            id: "e".repeat(64),
            kind: "app.created".to_owned(),
            time: context.started,
            subject: None,
            data: json!({ "text": "x".repeat(300) }),
        };
        let run = self.engine.handle(&self.hook, &context, event).await;
        run.outcome?;
        ensure!(run.journal.calls.len() == 1, "a handler sends one request");
        Ok(())
    }
}

/// Answers `200` once it may.
struct Prompt {
    /// Requests that came.
    inside: AtomicUsize,
    came: Notify,
    /// Requests that may be answered; each takes one.
    free: Semaphore,
}

impl Transport for Prompt {
    fn admit<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn exchange(&self, _: Request, _: Millis) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            self.inside.fetch_add(1, Ordering::SeqCst);
            self.came.notify_one();
            if let Ok(permit) = self.free.acquire().await {
                permit.forget();
            }
            Ok(Response { status: 200, headers: Vec::new(), body: Vec::new() })
        })
    }
}
