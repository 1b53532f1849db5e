//! The engine: what compiles, links and has room for instances.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use groundcrew_core::hash::Digest;
use groundcrew_core::manifest::Manifest;
use tokio::sync::Semaphore;
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::hook::{AuditPre, HandlerPre, Hook, IncomingPre, InventoryPre, Linked, ProvisionPre, RemedyPre};
use crate::host::{self, Host};
use crate::inspect::{Export, Inspected};

/// Of a slot's memory and tables this much stays mapped between two runs, in bytes, where only what was written is reset.
const MEMORY_KEPT: usize = 1 << 20;
const TABLE_KEPT: usize = 64 << 10;
/// Slots that keep it while nothing runs.
const WARM_SLOTS: u32 = 16;

/// How many instances may live at once, and how large the largest component is.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// Runs at once; more wait for a slot.
    pub slots: u32,
    /// Core instances of the largest component.
    pub core_instances: u32,
    /// Linear memory of one instance, in bytes.
    pub memory: usize,
    /// How a slot's memory is made fresh.
    pub reset: Reset,
}

/// How the memory of a slot is made fresh for the next run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reset {
    /// The kernel says which pages were written, and only those are reset (Linux 6.7 and later; else all that stay
    /// mapped are).
    #[default]
    Written,
    /// All is unmapped, which costs every core a flush of its address cache; for comparison.
    Unmapped,
}

/// Why an engine could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the WebAssembly engine could not be made: {0}")]
pub struct ProfileError(String);

/// Runs components. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(super) wasmtime: wasmtime::Engine,
    linker: Arc<Linker<Host>>,
    pub(super) slots: Arc<Semaphore>,
    compatibility: Arc<str>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("compatibility", &self.compatibility).finish_non_exhaustive()
    }
}

/// Why a component could not be loaded.
#[derive(Debug, thiserror::Error)]
#[error("it does not link: {0}")]
pub struct LinkError(String);

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
        if profile.reset == Reset::Written {
            pool.pagemap_scan(Enabled::Auto)
                .linear_memory_keep_resident(MEMORY_KEPT)
                .table_keep_resident(TABLE_KEPT)
                .max_unused_warm_slots(WARM_SLOTS);
        }
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
        // knows, so the file is what our compiler wrote. It is opened again by its path: whoever may replace it in
        // between may write in the data directory, where the key is.
        unsafe { Component::deserialize_file(&self.wasmtime, path) }
    }

    /// Links a compiled component.
    pub fn link(
        &self,
        component: &Component,
        inspected: &Inspected,
        manifest: Manifest,
    ) -> Result<Hook, LinkError> {
        let hook = Hook::uncompiled(inspected, manifest);
        self.link_late(&hook, component)?;
        Ok(hook)
    }

    /// Links a hook whose component is compiled by now: from here on it runs.
    pub fn link_late(&self, hook: &Hook, component: &Component) -> Result<(), LinkError> {
        let error = |error: wasmtime::Error| LinkError(format!("{error:#}"));
        let pre = self.linker.instantiate_pre(component).map_err(error)?;
        let bind = |export: Export| hook.exports(export).then(|| pre.clone());
        let incoming = hook.is_posted().then(|| pre.clone());
        hook.set_linked(Linked {
            handler: bind(Export::Handler).map(HandlerPre::new).transpose().map_err(error)?,
            incoming: incoming.map(IncomingPre::new).transpose().map_err(error)?,
            provision: bind(Export::Provision).map(ProvisionPre::new).transpose().map_err(error)?,
            inventory: bind(Export::Inventory).map(InventoryPre::new).transpose().map_err(error)?,
            audit: bind(Export::Audit).map(AuditPre::new).transpose().map_err(error)?,
            remedy: bind(Export::Remedy).map(RemedyPre::new).transpose().map_err(error)?,
        });
        Ok(())
    }
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
