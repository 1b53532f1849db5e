//! The components that scenarios are played with, compiled once per process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use groundcrew::builtin;
use groundcrew::config::{Component, NoManifest};
use groundcrew::prove::trial::PLAYS;
use groundcrew_core::manifest::Manifest;
use groundcrew_engine::cache::{Cache, Compiler};
use groundcrew_engine::inspect::{Inspected, embed, inspect};
use groundcrew_engine::run::{Engine, Hook, Profile, Reset};

const THINGS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/things.wasm"));
const THINGS_NEXT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/things-next.wasm"));
/// The hook with mistakes, for whoever plays scenario files; its manifest is within.
pub fn wrong() -> Vec<u8> {
    embed(
        include_bytes!(concat!(env!("OUT_DIR"), "/wrong.wasm")),
        include_str!("../../guests/wrong/hook.toml"),
    )
}

/// The handler with mistakes.
pub fn teller() -> Vec<u8> {
    embed(
        include_bytes!(concat!(env!("OUT_DIR"), "/teller.wasm")),
        include_str!("../../guests/teller/hook.toml"),
    )
}

/// The auditor with mistakes.
pub fn looker() -> Vec<u8> {
    embed(
        include_bytes!(concat!(env!("OUT_DIR"), "/looker.wasm")),
        include_str!("../../guests/looker/hook.toml"),
    )
}

const MANIFEST: &str = include_str!("../../guests/things/hook.toml");

/// The handler that goes out through `wasi:http`; its manifest says no more than that it is one.
const FETCHES: &str = "name = \"fetches\"\nabout = \"Goes out through wasi:http.\"\non = [\"*\"]\n[config]\ntype = \"object\"\n";

/// The guest as it is built, and in which component; each name has a manifest of its own.
const GUESTS: [(&str, &[u8]); 6] = [
    ("fetches.wasm", include_bytes!(concat!(env!("OUT_DIR"), "/fetches.wasm"))),
    ("five.wasm", include_bytes!(concat!(env!("OUT_DIR"), "/five.wasm"))),
    ("things.wasm", THINGS),
    ("machine-things.wasm", THINGS),
    ("things-rebuilt.wasm", THINGS),
    ("things-next.wasm", THINGS_NEXT),
];

/// What every play shares: the engine and the compiled components.
#[derive(Debug)]
pub struct Shop {
    /// The engine.
    pub engine: Engine,
    /// By what a stanza says in `use`.
    hooks: BTreeMap<String, Hook>,
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
    /// If a scenario names one that is neither built in nor the guest.
    pub fn component(&self, component: &Component) -> Hook {
        let name = name_of(component);
        self.hooks.get(&name).unwrap_or_else(|| panic!("the harness has no component {name}")).clone()
    }

    fn compile() -> Self {
        let guest = |(name, component): (&str, &[u8])| {
            Some((name.to_owned(), embed(component, &guests_manifest(name)?)))
        };
        let builtin = |name: &str| Some((format!("builtin:{name}"), builtin::component(name)?));
        let all = GUESTS.into_iter().filter_map(guest);
        let all = all.chain(builtin::names().into_iter().filter_map(builtin));
        let all: Vec<_> = all.map(|(name, bytes)| (name, look_into(&bytes), bytes)).collect();
        let profile = Profile {
            slots: PLAYS as u32 + 2,
            core_instances: all.iter().map(|(_, inspected, _)| inspected.core_instances).max().unwrap_or(1),
            memory: 64 << 20,
            reset: Reset::Written,
        };
        let engine = Engine::new(profile).expect("invariant: an engine can be made");
        let load = |(name, inspected, bytes): &(String, Inspected, Vec<u8>)| {
            (name.clone(), load(&engine, bytes, inspected))
        };
        let hooks = all.iter().map(load).collect();
        Self { engine, hooks }
    }
}

fn name_of(component: &Component) -> String {
    match component {
        Component::Builtin(_) => component.to_string(),
        Component::File(path) => {
            path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
        }
    }
}

/// The guest's manifest, for apps as owners or for machines; another build says something else about itself.
fn guests_manifest(name: &str) -> Option<String> {
    match name {
        "fetches.wasm" => Some(FETCHES.to_owned()),
        "five.wasm" => Some(include_str!("../../guests/five/hook.toml").to_owned()),
        "things.wasm" | "things-next.wasm" => Some(MANIFEST.to_owned()),
        "things-rebuilt.wasm" => Some(MANIFEST.replace("One kind of thing", "The same, built again: a kind")),
        "machine-things.wasm" => Some(MANIFEST.replace("owner   = \"app\"", "owner   = \"machine\"")),
        _ => None,
    }
}

/// Finds manifests, as [`groundcrew::config::Config::parse`] asks for them.
pub fn manifest_of(component: &Component, _: Option<&Manifest>) -> Result<Manifest, NoManifest> {
    let text = match component {
        Component::Builtin(name) => builtin::manifest(name).map(str::to_owned),
        Component::File(_) => guests_manifest(&name_of(component)),
    };
    Ok(Manifest::parse(&text.ok_or(NoManifest::Absent)?)
        .expect("invariant: the project's manifests are right"))
}

fn look_into(bytes: &[u8]) -> Inspected {
    inspect(bytes).expect("invariant: the project's components are right")
}

fn load(engine: &Engine, bytes: &[u8], inspected: &Inspected) -> Hook {
    let directory = PathBuf::from(Path::new(concat!(env!("OUT_DIR"), "/compiled")));
    let cache = Cache::new(directory, [7; 32], Compiler::InProcess);
    let compile = || {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.expect("invariant: a runtime can be made");
        runtime.block_on(cache.load(engine, inspected.digest, bytes)).expect("invariant: it compiles")
    };
    // On a thread of its own: whoever asks first may be within a runtime.
    let compiled = std::thread::scope(|scope| scope.spawn(compile).join());
    let compiled = compiled.expect("invariant: compiling does not panic");
    let manifest = inspected.manifest.clone().expect("invariant: it carries a manifest");
    engine.link(&compiled, inspected, manifest).expect("invariant: it links")
}
