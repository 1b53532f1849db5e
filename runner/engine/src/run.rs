//! Runs one export of a loaded hook: a fresh instance, a gate, a deadline, a record.

mod engine;
mod exports;
mod hook;
mod posted;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use groundcrew_core::spec::Failure;
use groundcrew_core::time::Timestamp;
use serde_json::Value;
use wasmtime::Store;

pub use engine::{Engine, LinkError, Profile, ProfileError, Reset};
pub use hook::Hook;

use crate::convert;
use crate::egress::Egress;
use crate::gate::{Gate, Refusal, Writes};
use crate::host::{Host, Purity, Surroundings};
pub use crate::host::{Log, LogLine};
use crate::journal::Journal;
use crate::limits::Limits;
use crate::memory::{Absent, Empty, Memory};
use crate::stderr::Tail;

/// Longest text of a trap that is kept, in bytes.
const TRAP_TEXT_MAX: usize = 4 << 10;

/// What one run is given.
#[derive(Clone, Debug)]
pub struct Context {
    /// The seam that its effects pass.
    pub gate: Arc<Gate>,
    /// Where it may go.
    pub egress: Egress,
    /// What it may look up.
    pub memory: MemoryHandle,
    /// The stanza's `config`, filled in for this owner.
    pub config: Arc<Value>,
    /// Where its randomness comes from; stored with the run.
    pub seed: [u8; 32],
    /// The time it begins at.
    pub started: Timestamp,
    /// What it may use.
    pub limits: Arc<Limits>,
}

/// A shared [`Memory`].
#[derive(Clone)]
pub struct MemoryHandle(pub Arc<dyn Memory>);

impl std::fmt::Debug for MemoryHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MemoryHandle")
    }
}

impl MemoryHandle {
    /// Of handlers and auditors of whom nothing is remembered, or whose journal answers what they look up.
    pub fn empty() -> Self {
        Self(Arc::new(Empty))
    }

    /// Of provisioners.
    pub fn absent() -> Self {
        Self(Arc::new(Absent))
    }
}

/// What a run left behind.
#[derive(Debug)]
pub struct Run<T> {
    /// What it answered, or why it did not.
    pub outcome: Result<T, Ended>,
    /// Its calls and what was ready when.
    pub journal: Journal,
    /// What became of its writes.
    pub writes: Writes,
    /// What it logged.
    pub log: Log,
    /// The end of its standard output and error.
    pub stderr: String,
    /// What it wrote to `kv`; none means deleted. Durable only with the run's success.
    pub written: BTreeMap<String, Option<Vec<u8>>>,
}

/// Why a run did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// The guest said so.
    #[error("{0}")]
    Failure(Failure),
    /// It trapped; the text is the last line of its standard error, or the trap's own.
    #[error("{0}")]
    Trap(String),
    /// It took longer than its deadline.
    #[error("it took longer than {} s and was ended", .0.as_secs_f32())]
    Deadline(Duration),
    /// The gate ended it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The hook has no such export.
    #[error("the component does not export `{0}`")]
    NoExport(&'static str),
    /// Its component is not compiled yet.
    #[error("the component is not compiled yet")]
    Uncompiled,
}

impl Ended {
    /// The failure that retry decisions look at.
    pub fn failure(&self) -> Failure {
        match self {
            Self::Failure(failure) => failure.clone(),
            Self::NoExport(_) => Failure::final_(self.to_string()),
            Self::Trap(_) | Self::Deadline(_) | Self::Refused(_) | Self::Uncompiled => {
                Failure::again(self.to_string())
            }
        }
    }
}

impl Engine {
    /// Runs until the guest answers, traps, is ended by its gate or reaches its deadline.
    ///
    /// # Cancel safety
    /// Dropping the future closes the gate: nothing leaves afterwards.
    async fn run<T, F>(&self, context: &Context, purity: Purity, call: F) -> Run<T>
    where
        F: AsyncFnOnce(&mut Store<Host>) -> wasmtime::Result<Result<T, Failure>>,
    {
        let gate = context.gate.clone();
        let closing = CloseOnDrop(gate.clone());
        let stderr = Tail::of(context.limits.stderr_bytes);
        let with = Surroundings {
            gate: gate.clone(),
            egress: context.egress.clone(),
            purity,
            memory: context.memory.0.clone(),
            config: context.config.clone(),
            seed: context.seed,
            started: context.started,
            limits: context.limits.clone(),
        };
        let slot = self.slots.acquire().await.expect("invariant: the semaphore is never closed");
        let mut store = Store::new(&self.wasmtime, Host::new(with, stderr.clone()));
        store.limiter(|host| &mut host.store_limits);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        let ended = tokio::time::timeout(context.limits.deadline, call(&mut store)).await;
        drop(closing);
        let log = std::mem::take(&mut *store.data().log.lock().unwrap_or_else(PoisonError::into_inner));
        let written = std::mem::take(&mut store.data_mut().written);
        drop(store);
        drop(slot);
        let stderr = context.egress.mask_text(stderr.text());
        let outcome = match (gate.ended(), ended) {
            (Some(refusal), _) => Err(Ended::Refused(refusal)),
            (None, Err(_)) => Err(Ended::Deadline(context.limits.deadline)),
            (None, Ok(Ok(Ok(answer)))) => Ok(answer),
            (None, Ok(Ok(Err(failure)))) => Err(Ended::Failure(failure)),
            (None, Ok(Err(trap))) => Err(Ended::Trap(trap_text(&trap, &stderr))),
        };
        Run { outcome, journal: gate.journal(), writes: gate.writes(), log, stderr, written }
    }
}

impl<T> Run<T> {
    fn refused(context: &Context, ended: Ended) -> Self {
        context.gate.close();
        Self {
            outcome: Err(ended),
            journal: Journal::default(),
            writes: Writes::None,
            log: Log::default(),
            stderr: String::new(),
            written: BTreeMap::new(),
        }
    }
}

struct CloseOnDrop(Arc<Gate>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// What a trap says to people.
///
/// A guest that gave up by itself (panic, abort, exit) has said why on its standard error; the last line of that
/// explains more than the trap in every language. Where the host ended it, the trap knows better.
fn trap_text(trap: &wasmtime::Error, stderr: &str) -> String {
    let gave_up = matches!(trap.downcast_ref(), Some(wasmtime::Trap::UnreachableCodeReached))
        || trap.downcast_ref::<wasmtime_wasi::I32Exit>().is_some();
    let line = stderr.lines().rev().find(|line| !line.trim().is_empty() && !line.starts_with("note: "));
    let text = line.filter(|_| gave_up).map_or_else(|| trap.root_cause().to_string(), str::to_owned);
    convert::cut(text, TRAP_TEXT_MAX)
}
