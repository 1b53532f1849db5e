//! The components that scenarios are played with, compiled once per process.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use groundcrew::builtin;
use groundcrew::config::{Component, NoManifest};
use groundcrew_core::manifest::Manifest;
use groundcrew_engine::cache::{Cache, Compiler};
use groundcrew_engine::inspect::{Inspected, embed, inspect};
use groundcrew_engine::run::{Engine, Hook, Profile};

/// Plays at once in one process.
pub const PLAYS: usize = 8;

const THINGS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/things.wasm"));
const MANIFEST: &str = include_str!("../../guests/things/hook.toml");

/// What every play shares: the engine and the compiled components.
#[derive(Debug)]
pub struct Shop {
    /// The engine.
    pub engine: Engine,
    things: Hook,
    notify: Hook,
}

impl Shop {
    /// The one of this process; the first caller compiles.
    pub fn of_process() -> &'static Arc<Self> {
        static SHOP: OnceLock<Arc<Shop>> = OnceLock::new();
        SHOP.get_or_init(|| Arc::new(Self::compile()))
    }

    /// The component that a stanza uses.
    ///
    /// # Panics
    /// If a scenario names another than `things.wasm` and `builtin:notify`.
    pub fn component(&self, component: &Component) -> Hook {
        match component {
            Component::Builtin(name) if name == "notify" => self.notify.clone(),
            Component::File(path) if path.ends_with("things.wasm") => self.things.clone(),
            other => panic!("the harness has no component {other}"),
        }
    }

    fn compile() -> Self {
        let things = embed(THINGS, MANIFEST);
        let notify = builtin::component("notify").expect("invariant: notify is built in");
        let all = [look_into(&things), look_into(&notify)];
        let profile = Profile {
            slots: PLAYS as u32 + 2,
            core_instances: all.iter().map(|inspected| inspected.core_instances).max().unwrap_or(1),
            memory: 64 << 20,
        };
        let engine = Engine::new(profile).expect("invariant: an engine can be made");
        let [things, notify] = [load(&engine, &things, &all[0]), load(&engine, &notify, &all[1])];
        Self { engine, things, notify }
    }
}

/// Finds manifests, as [`groundcrew::config::Config::parse`] asks for them.
pub fn manifest_of(component: &Component) -> Result<Manifest, NoManifest> {
    let text = match component {
        Component::Builtin(name) => builtin::manifest(name),
        Component::File(path) => path.ends_with("things.wasm").then_some(MANIFEST),
    };
    Ok(Manifest::parse(text.ok_or(NoManifest::Absent)?)
        .expect("invariant: the project's manifests are right"))
}

fn look_into(bytes: &[u8]) -> Inspected {
    inspect(bytes).expect("invariant: the project's components are right")
}

fn load(engine: &Engine, bytes: &[u8], inspected: &Inspected) -> Hook {
    let directory = PathBuf::from(Path::new(concat!(env!("OUT_DIR"), "/compiled")));
    let cache = Cache::new(directory, [7; 32], Compiler::InProcess);
    let runtime =
        tokio::runtime::Builder::new_current_thread().build().expect("invariant: a runtime can be made");
    let compiled =
        runtime.block_on(cache.load(engine, inspected.digest, bytes)).expect("invariant: it compiles");
    let manifest = inspected.manifest.clone().expect("invariant: it carries a manifest");
    engine.link(&compiled, inspected, manifest).expect("invariant: it links")
}
