//! One run with nothing around it: wasmtime's instantiate and call, as a careful embedder would write them.

use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::floors::EVENT_BYTES;

mod bindings {
    wasmtime::component::bindgen!({
        inline: "package groundcrew:bench; world only { export groundcrew:hook/handler@0.1.0; }",
        path: "../../wit",
        world: "groundcrew:bench/only",
        exports: { default: async },
    });
}

use bindings::OnlyPre;
use bindings::exports::groundcrew::hook::handler::Event;

/// A pooled, linked component of a handler.
pub(crate) struct Bare {
    engine: Engine,
    pre: OnlyPre<Host>,
    event: Event,
}

struct Host {
    table: ResourceTable,
    wasi: WasiCtx,
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl Bare {
    /// Compiles and links a component; imports that are not WASI's trap.
    pub(crate) fn new(component: &[u8]) -> anyhow::Result<Self> {
        let plain = |error: wasmtime::Error| anyhow::anyhow!("{error:#}");
        let mut config = Config::new();
        config.wasm_component_model(true);
        let mut pool = PoolingAllocationConfig::default();
        // As careful as the engine is: without these a bare run takes twice as long, which would flatter us.
        pool.pagemap_scan(Enabled::Auto).linear_memory_keep_resident(1 << 20).table_keep_resident(64 << 10);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config).map_err(plain)?;
        let component = Component::new(&engine, component).map_err(plain)?;
        let mut linker: Linker<Host> = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(plain)?;
        linker.define_unknown_imports_as_traps(&component).map_err(plain)?;
        let pre = linker.instantiate_pre(&component).and_then(OnlyPre::new).map_err(plain)?;
        let event = Event {
            id: "e".repeat(64),
            kind: "com.example.bench".to_owned(),
            time: "2026-11-21T00:00:00Z".to_owned(),
            subject: None,
            data: format!("\"{}\"", "x".repeat(EVENT_BYTES - 2)),
        };
        Ok(Self { engine, pre, event })
    }

    /// One fresh instance, one call.
    pub(crate) async fn run(&self) -> anyhow::Result<()> {
        let host = Host { table: ResourceTable::new(), wasi: WasiCtx::builder().build() };
        let mut store = Store::new(&self.engine, host);
        let plain = |error: wasmtime::Error| anyhow::anyhow!("{error:#}");
        let instance = self.pre.instantiate_async(&mut store).await.map_err(plain)?;
        let answer = instance.groundcrew_hook_handler().call_handle(&mut store, &self.event).await;
        answer.map_err(plain)?.map_err(|failure| anyhow::anyhow!("{}", failure.message))
    }
}
