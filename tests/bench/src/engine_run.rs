//! One run of our engine, with its gate, egress, limits and records, against a bare one.

use std::path::Path;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use groundcrew_core::duration::Millis;
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

use crate::bare::Bare;
use crate::clock::{micros, now};
use crate::floors::{EVENT_BYTES, IN_FLIGHT};
use crate::samples::Samples;

/// Runs in a block, and blocks of each kind in turn: what disturbs one disturbs the other.
const BLOCK: usize = 500;
const BLOCKS: usize = 30;

/// Runs of both kinds.
pub(crate) struct Compared {
    /// One bare run, microseconds; a sample is a block's mean.
    pub(crate) bare: Samples,
    /// One of the engine's runs.
    pub(crate) ours: Samples,
    /// Ours over bare, block by block.
    pub(crate) ratio: Samples,
}

/// Compares; the component does nothing.
pub(crate) async fn compare(directory: &Path, bare: &Bare, component: &[u8]) -> anyhow::Result<Compared> {
    let ours = Ours::new(directory, component).await?;
    let (mut bares, mut runs) = (Vec::new(), Vec::new());
    for block in 0..=BLOCKS {
        let began = now();
        for _ in 0..BLOCK {
            bare.run().await?;
        }
        let middle = now();
        for _ in 0..BLOCK {
            ours.run().await?;
        }
        let ended = now();
        // The first block warms both.
        if block > 0 {
            bares.push(micros(middle - began) / BLOCK as f64);
            runs.push(micros(ended - middle) / BLOCK as f64);
        }
    }
    let ratio = Samples::of(runs.iter().zip(&bares).map(|(ours, bare)| ours / bare));
    Ok(Compared { bare: Samples::of(bares), ours: Samples::of(runs), ratio })
}

struct Ours {
    engine: Engine,
    hook: Hook,
    limits: Arc<Limits>,
    event: Event,
}

impl Ours {
    async fn new(directory: &Path, component: &[u8]) -> anyhow::Result<Self> {
        let inspected = inspect(component)?;
        let limits = Limits::default();
        let profile = Profile {
            slots: IN_FLIGHT as u32,
            core_instances: inspected.core_instances,
            memory: limits.memory,
            reset: Reset::Written,
        };
        let engine = Engine::new(profile)?;
        let cache = Cache::new(directory.join("cache"), [7; 32], Compiler::InProcess);
        let compiled = cache.load(&engine, inspected.digest, component).await?;
        let manifest = Manifest::parse(include_str!("../../guests/noop/hook.toml"))?;
        let hook = engine.link(&compiled, &inspected, manifest)?;
        let event = Event {
            id: "e".repeat(64),
            kind: "com.example.bench".to_owned(),
            time: Timestamp::from_millis(1_795_000_000_000),
            subject: None,
            data: serde_json::Value::from("x".repeat(EVENT_BYTES - 2)),
        };
        Ok(Self { engine, hook, limits: Arc::new(limits), event })
    }

    /// One run, with everything made that the runner makes for it.
    async fn run(&self) -> anyhow::Result<()> {
        let gate =
            Gate::new(Answers::Outside, Arc::new(Unrecorded), None, Arc::new(SystemClock), &self.limits);
        let context = Context {
            gate,
            egress: Egress::new(Arc::new([]), Arc::new(Secrets::default()), Arc::new(Nowhere)),
            memory: MemoryHandle::empty(),
            config: Arc::default(),
            seed: [9; 32],
            started: self.event.time,
            limits: self.limits.clone(),
        };
        let run = self.engine.handle(&self.hook, &context, self.event.clone()).await;
        Ok(run.outcome?)
    }
}

/// The component reaches nothing.
struct Nowhere;

impl Transport for Nowhere {
    fn admit<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(std::future::ready(Err(Failure::final_("nothing is reached"))))
    }

    fn exchange(&self, _: Request, _: Millis) -> BoxFuture<'_, Result<Response, TransportError>> {
        let nothing = TransportError::NotSent("nothing is reached".to_owned());
        Box::pin(std::future::ready(Err(nothing)))
    }
}
