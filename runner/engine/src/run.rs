//! Runs one export of a loaded hook: a fresh instance, a gate, a deadline, a record.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use groundcrew_core::hash::Digest;
use groundcrew_core::manifest::Manifest;
use groundcrew_core::spec::{Event, Failure, Listed, Owner, Spec, Thing, View, Want};
use groundcrew_core::time::Timestamp;
use serde_json::Value;
use tokio::sync::Semaphore;
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig, Store};

use crate::bindings::handler::OnlyPre as HandlerPre;
use crate::bindings::inventory::OnlyPre as InventoryPre;
use crate::bindings::provision::OnlyPre as ProvisionPre;
use crate::convert;
use crate::egress::Egress;
use crate::gate::{Gate, Refusal, Writes};
use crate::host::{self, Host, Log, Purity, Surroundings};
use crate::inspect::{Export, Inspected};
use crate::journal::Journal;
use crate::limits::Limits;
use crate::memory::{Forgetful, Memory};
use crate::stderr::Tail;

/// How many instances may live at once, and how large the largest component is.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// Runs at once; more wait for a slot.
    pub slots: u32,
    /// Core instances of the largest component.
    pub core_instances: u32,
    /// Linear memory of one instance, in bytes.
    pub memory: usize,
}

/// Why an engine could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the WebAssembly engine could not be made: {0}")]
pub struct ProfileError(String);

/// Runs components. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    wasmtime: wasmtime::Engine,
    linker: Arc<Linker<Host>>,
    slots: Arc<Semaphore>,
    compatibility: Arc<str>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("compatibility", &self.compatibility).finish_non_exhaustive()
    }
}

/// A loaded hook component.
#[derive(Clone)]
pub struct Hook {
    /// The digest of its bytes.
    pub digest: Digest,
    /// Its manifest.
    pub manifest: Arc<Manifest>,
    handler: Option<HandlerPre<Host>>,
    provision: Option<ProvisionPre<Host>>,
    inventory: Option<InventoryPre<Host>>,
}

impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hook").field("name", &self.manifest.name).field("digest", &self.digest).finish_non_exhaustive()
    }
}

/// Why a component could not be loaded.
#[derive(Debug, thiserror::Error)]
#[error("it does not link: {0}")]
pub struct LinkError(String);

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

impl Default for MemoryHandle {
    fn default() -> Self {
        Self(Arc::new(Forgetful))
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
}

impl Ended {
    /// The failure that retry decisions look at.
    pub fn failure(&self) -> Failure {
        match self {
            Self::Failure(failure) => failure.clone(),
            Self::NoExport(_) => Failure::final_(self.to_string()),
            Self::Trap(_) | Self::Deadline(_) | Self::Refused(_) => Failure::again(self.to_string()),
        }
    }
}

impl Engine {
    /// Makes an engine whose pool fits `profile`.
    pub fn new(profile: Profile) -> Result<Self, ProfileError> {
        let mut pool = PoolingAllocationConfig::default();
        let cores = profile.slots * profile.core_instances.max(1);
        pool.total_component_instances(profile.slots)
            .total_core_instances(cores)
            .total_memories(cores)
            .total_tables(cores * 2)
            .total_stacks(profile.slots)
            .max_core_instances_per_component(profile.core_instances.max(1))
            .max_memories_per_component(profile.core_instances.max(1))
            .max_tables_per_component(profile.core_instances.max(1) * 2)
            .max_component_instance_size(1 << 20)
            .max_core_instance_size(1 << 20)
            .table_elements(100_000)
            .max_memory_size(profile.memory);
        let mut config = config();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        Self::with(&config, profile.slots)
    }

    /// Makes an engine that only compiles.
    pub(crate) fn compiler() -> Result<Self, ProfileError> {
        Self::with(&config(), 1)
    }

    fn with(config: &Config, slots: u32) -> Result<Self, ProfileError> {
        let error = |error: wasmtime::Error| ProfileError(format!("{error:#}"));
        let wasmtime = wasmtime::Engine::new(config).map_err(error)?;
        let linker = Arc::new(host::linker(&wasmtime).map_err(error)?);
        start_epochs(&wasmtime);
        let compatibility = compatibility(&wasmtime);
        Ok(Self { wasmtime, linker, slots: Arc::new(Semaphore::new(slots as usize)), compatibility })
    }

    /// Names the compiled form: engine version and settings.
    pub(crate) fn compatibility(&self) -> &str {
        &self.compatibility
    }

    pub(crate) fn compile(&self, bytes: &[u8]) -> wasmtime::Result<Vec<u8>> {
        self.wasmtime.precompile_component(bytes)
    }

    /// Maps a compiled component whose MAC was checked.
    #[expect(unsafe_code, reason = "wasmtime executes what it maps; the cache checks the MAC first")]
    pub(crate) fn map_compiled(&self, path: &Path) -> wasmtime::Result<Component> {
        // SAFETY: the only caller has just verified the file's MAC under a key that only this installation
        // knows, so the file is what our compiler wrote.
        unsafe { Component::deserialize_file(&self.wasmtime, path) }
    }

    /// Links a compiled component.
    pub fn link(&self, component: &Component, inspected: &Inspected, manifest: Manifest) -> Result<Hook, LinkError> {
        let error = |error: wasmtime::Error| LinkError(format!("{error:#}"));
        let pre = self.linker.instantiate_pre(component).map_err(error)?;
        let has = |export: Export| inspected.exports.contains(&export);
        let bind = |export: Export, pre: &InstancePre<Host>| has(export).then(|| pre.clone());
        Ok(Hook {
            digest: inspected.digest,
            manifest: Arc::new(manifest),
            handler: bind(Export::Handler, &pre).map(HandlerPre::new).transpose().map_err(error)?,
            provision: bind(Export::Provision, &pre).map(ProvisionPre::new).transpose().map_err(error)?,
            inventory: bind(Export::Inventory, &pre).map(InventoryPre::new).transpose().map_err(error)?,
        })
    }

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
        let stderr = context.egress.secrets().mask_text(stderr.text());
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

/// Calls one function of one exported interface.
macro_rules! call_export {
    ($self:ident, $context:ident, $purity:expr, $pre:expr, $name:literal, $interface:ident, $call:ident ( $($argument:expr),* ), $convert:expr) => {{
        let Some(pre) = $pre else { return Run::refused($context, Ended::NoExport($name)) };
        $self.run($context, $purity, async |store| {
            let instance = pre.instantiate_async(&mut *store).await?;
            store.data_mut().open_to_calls();
            let answer = instance.$interface().$call(&mut *store, $($argument),*).await?;
            Ok(answer.map_err(convert::failure_in).and_then($convert))
        })
        .await
    }};
}

impl Engine {
    /// Tells a handler an event.
    pub async fn handle(&self, hook: &Hook, context: &Context, event: Event) -> Run<()> {
        let event = convert::event_out(event);
        call_export!(self, context, Purity::Effects, &hook.handler, "handler", groundcrew_hook_handler, call_handle(&event), Ok)
    }

    /// Asks a provisioner what should exist. Pure.
    pub async fn desired(&self, hook: &Hook, context: &Context, view: View) -> Run<Vec<Spec>> {
        let view = convert::view_out(view);
        let limits = context.limits.clone();
        let convert = |specs: Vec<_>| bounded(specs, limits.list)?.into_iter().map(|spec| convert::spec_in(spec, limits.json)).collect();
        call_export!(self, context, Purity::Pure, &hook.provision, "provision", groundcrew_hook_provision, call_desired(&view), convert)
    }

    /// Looks for a thing.
    pub async fn find(&self, hook: &Hook, context: &Context, want: &Want) -> Run<Vec<Thing>> {
        let want = convert::want_out(want);
        let limits = context.limits.clone();
        let convert = |things: Vec<_>| bounded(things, limits.list)?.into_iter().map(|thing| convert::thing_in(thing, limits.json)).collect();
        call_export!(self, context, Purity::Effects, &hook.provision, "provision", groundcrew_hook_provision, call_find(&want), convert)
    }

    /// Makes a thing.
    pub async fn create(&self, hook: &Hook, context: &Context, want: &Want) -> Run<Thing> {
        let want = convert::want_out(want);
        let max = context.limits.json;
        call_export!(self, context, Purity::Effects, &hook.provision, "provision", groundcrew_hook_provision, call_create(&want), |thing| convert::thing_in(thing, max))
    }

    /// Changes a thing that was found moments ago.
    pub async fn update(&self, hook: &Hook, context: &Context, want: &Want, now: &Thing) -> Run<Thing> {
        let (want, now) = (convert::want_out(want), convert::thing_out(now));
        let max = context.limits.json;
        call_export!(self, context, Purity::Effects, &hook.provision, "provision", groundcrew_hook_provision, call_update(&want, &now), |thing| convert::thing_in(thing, max))
    }

    /// Removes a thing that was found moments ago.
    pub async fn remove(&self, hook: &Hook, context: &Context, want: &Want, now: &Thing) -> Run<Option<Thing>> {
        let (want, now) = (convert::want_out(want), convert::thing_out(now));
        let max = context.limits.json;
        call_export!(self, context, Purity::Effects, &hook.provision, "provision", groundcrew_hook_provision, call_remove(&want, &now), |thing| {
            thing.map(|thing| convert::thing_in(thing, max)).transpose()
        })
    }

    /// Lists everything at the hook's target, one page.
    pub async fn scan(
        &self,
        hook: &Hook,
        context: &Context,
        owner: Option<&Owner>,
        cursor: Option<&str>,
    ) -> Run<(Vec<Listed>, Option<String>)> {
        let owner = owner.map(convert::owner_out);
        let max = context.limits.json;
        let convert = |page: crate::bindings::inventory::exports::groundcrew::hook::inventory::Page| {
            let things: Result<_, _> = page.things.into_iter().map(|listed| convert::listed_in(listed, max)).collect();
            Ok((things?, page.next))
        };
        call_export!(self, context, Purity::Effects, &hook.inventory, "inventory", groundcrew_hook_inventory, call_scan(owner.as_ref(), cursor), convert)
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

impl Hook {
    /// Whether it can be told events.
    pub fn is_handler(&self) -> bool {
        self.handler.is_some()
    }

    /// Whether it makes things.
    pub fn is_provisioner(&self) -> bool {
        self.provision.is_some()
    }

    /// Whether it can list everything at its target.
    pub fn has_inventory(&self) -> bool {
        self.inventory.is_some()
    }
}

struct CloseOnDrop(Arc<Gate>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn bounded<T>(list: Vec<T>, max: usize) -> Result<Vec<T>, Failure> {
    if list.len() > max {
        return Err(Failure::final_(format!("the hook's answer has {} items; at most {max} are taken", list.len())));
    }
    Ok(list)
}

/// What a trap says to people: the last line of standard error explains more than the trap in every language.
fn trap_text(trap: &wasmtime::Error, stderr: &str) -> String {
    let line = stderr.lines().rev().find(|line| !line.trim().is_empty() && !line.starts_with("note: "));
    let text = line.map_or_else(|| trap.root_cause().to_string(), str::to_owned);
    convert::cut(text, 4 << 10)
}

fn config() -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true).epoch_interruption(true);
    config.cranelift_nan_canonicalization(true).relaxed_simd_deterministic(true);
    config
}

fn compatibility(engine: &wasmtime::Engine) -> Arc<str> {
    use std::hash::{Hash, Hasher};
    /// Collects what is hashed, so that the name is stable across builds of `std`.
    struct Collect(Vec<u8>);
    impl Hasher for Collect {
        fn finish(&self) -> u64 {
            0
        }
        fn write(&mut self, bytes: &[u8]) {
            self.0.extend_from_slice(bytes);
        }
    }
    let mut collect = Collect(Vec::new());
    engine.precompile_compatibility_hash().hash(&mut collect);
    Digest::of(&collect.0).short().into()
}

/// Moves the engine's epoch forward, so that a computing guest yields to its deadline.
fn start_epochs(engine: &wasmtime::Engine) {
    let weak = engine.weak();
    let tick = move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    let started = std::thread::Builder::new().name("epochs".to_owned()).spawn(tick);
    started.expect("invariant: a thread can be started while the process starts");
}
