//! Makes a component of a core module that was built for `wasip1` with our bindings.
//!
//! What the module exports tells the world. `wasip1` is answered by wasmtime's own adapter, that for modules which are
//! called and do not run.

use std::collections::BTreeSet;
use std::path::Path;

use groundcrew_engine::inspect::Export;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER as ADAPTER,
};
use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::Kind;

/// What a core module exports.
#[derive(Debug, Default)]
pub(crate) struct Exported {
    /// Interfaces of ours.
    pub(crate) interfaces: BTreeSet<Export>,
    /// Whether its runtime can be started; without that every call of it traps.
    pub(crate) starts: bool,
}

impl Exported {
    /// Reads the exports of a core module.
    pub(crate) fn of(module: &[u8]) -> Result<Self, String> {
        let mut exported = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            let Payload::ExportSection(section) = payload.map_err(|error| error.to_string())? else {
                continue;
            };
            for export in section {
                let name = export.map_err(|error| error.to_string())?.name;
                exported.starts |= name == "_initialize";
                exported.interfaces.extend(Export::ALL.into_iter().filter(|export| is_of(name, *export)));
            }
        }
        Ok(exported)
    }
}

/// Whether a core export is a function of an interface: `groundcrew:hook/handler@0.1.0#handle`.
fn is_of(name: &str, export: Export) -> bool {
    name.strip_prefix(export.interface()).is_some_and(|rest| rest.starts_with('@'))
}

/// Encodes a core module as a component of a kind, against the WIT of a folder.
pub(crate) fn encode(module: &[u8], kind: Kind, exported: &Exported, wit: &Path) -> Result<Vec<u8>, String> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(wit).map_err(|error| format!("{error:#}"))?;
    let world = kind.world(&exported.interfaces);
    let world = resolve.select_world(&[package], Some(world)).map_err(|error| format!("{error:#}"))?;
    let mut module = module.to_vec();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false)
        .map_err(|error| format!("{error:#}"))?;
    let mut encoder = ComponentEncoder::default();
    let encoder = encoder.validate(true).module(&module);
    let encoder = encoder.and_then(|encoder| encoder.adapter(ADAPTER_NAME, ADAPTER));
    encoder.and_then(ComponentEncoder::encode).map_err(|error| format!("{error:#}"))
}
