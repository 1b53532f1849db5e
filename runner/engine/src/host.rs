//! What a guest is linked to: our imports, WASI without power, and `wasi:http` through the one egress.

mod clocks;
mod imports;
mod poll;
mod wasi_http;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use groundcrew_core::time::Timestamp;
use rand::SeedableRng as _;
use rand_chacha::ChaCha12Rng;
use serde_json::Value;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime::{Result, StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::bindings::imports::Imports;
use crate::clock::GuestTime;
use crate::egress::Egress;
use crate::gate::{Gate, Refusal};
use crate::limits::Limits;
use crate::memory::Memory;
use crate::stderr::Tail;

pub(crate) use wasi_http::Outgoing;

/// One line that a guest logged.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LogLine {
    /// `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// What it said, masked.
    pub message: String,
}

/// What a guest logged, within the limits.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Log {
    /// The lines that were kept.
    pub lines: Vec<LogLine>,
    /// How many were not.
    pub dropped: u32,
    #[serde(skip)]
    bytes: usize,
}

/// Whether calls with meaning work in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purity {
    /// They do.
    Effects,
    /// Only `config` and `log` do: the run is a function of its view.
    Pure,
}

/// Ends a run from within a host function, after the gate has noted why.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct RunEnds(pub(crate) Refusal);

/// What one run is given.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) gate: Arc<Gate>,
    pub(crate) egress: Egress,
    pub(crate) purity: Purity,
    pub(crate) memory: Arc<dyn Memory>,
    pub(crate) config: Arc<Value>,
    pub(crate) seed: [u8; 32],
    pub(crate) started: Timestamp,
    pub(crate) limits: Arc<Limits>,
}

/// The data of one store.
pub(crate) struct Host {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outgoing: Outgoing,
    pub(crate) store_limits: StoreLimits,
    pub(crate) with: Surroundings,
    pub(crate) log: Arc<Mutex<Log>>,
    time: GuestTime,
    /// What `kv` was set to in this run; none means deleted.
    pub(crate) written: BTreeMap<String, Option<Vec<u8>>>,
}

impl Host {
    pub(crate) fn new(with: Surroundings, stderr: Tail) -> Self {
        let time = GuestTime::starting(with.started);
        let rng = |stream: u64| {
            let mut rng = ChaCha12Rng::from_seed(with.seed);
            rng.set_stream(stream);
            rng
        };
        let mut wasi = WasiCtx::builder();
        wasi.wall_clock(time.clone()).monotonic_clock(time.clone());
        wasi.secure_random(rng(0)).insecure_random(rng(1));
        wasi.insecure_random_seed(u128::from_le_bytes(
            with.seed[..16].try_into().expect("invariant: 16 of 32 bytes"),
        ));
        wasi.stderr(stderr.clone()).stdout(stderr);
        wasi.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
        let store_limits = StoreLimitsBuilder::new().memory_size(with.limits.memory);
        let store_limits = store_limits.instances(200).memories(50).tables(50).build();
        Self {
            table: ResourceTable::new(),
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            outgoing: Outgoing::new(with.clone(), time.clone()),
            store_limits,
            log: Arc::default(),
            time,
            with,
            written: BTreeMap::new(),
        }
    }

    pub(crate) fn open_to_calls(&mut self) {
        self.outgoing.entered = true;
    }

    /// Says whether a guest that sleeps sleeps in fact, whenever it is asked; else only the guest's time moves.
    fn sleeps(&self) -> Box<dyn Fn() -> bool + Send + Sync> {
        let (purity, gate) = (self.with.purity, self.with.gate.clone());
        Box::new(move || purity == Purity::Effects && gate.sleeps())
    }

    fn kept_log(&self) -> std::sync::MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mask(&self, text: String) -> String {
        self.with.egress.mask_text(text)
    }
}

impl Log {
    fn note(&mut self, limits: &Limits, level: &str, message: String) {
        if self.lines.len() >= limits.log_lines || self.bytes + message.len() > limits.log_bytes {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        self.bytes += message.len();
        self.lines.push(LogLine { level: level.to_owned(), message });
    }
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Host {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.outgoing }
    }
}

/// Links everything that a guest may import.
pub(crate) fn linker(engine: &wasmtime::Engine) -> Result<Linker<Host>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    linker.allow_shadowing(true);
    poll::add_to_linker(&mut linker)?;
    clocks::add_to_linker(&mut linker)?;
    linker.allow_shadowing(false);
    Imports::add_to_linker::<Host, wasmtime::component::HasSelf<Host>>(&mut linker, |host| host)?;
    Ok(linker)
}
