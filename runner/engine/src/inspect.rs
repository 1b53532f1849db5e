//! Looks into a component without compiling it: kinds, imports, manifest, sizes.

use std::collections::BTreeSet;

use groundcrew_core::hash::Digest;
use groundcrew_core::manifest::{self, Manifest, SECTION};
use wasmparser::{Instance, Parser, Payload};

/// What a component exports, as far as the host cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Export {
    /// `groundcrew:hook/handler`.
    Handler,
    /// `groundcrew:hook/provision`.
    Provision,
    /// `groundcrew:hook/inventory`.
    Inventory,
    /// `groundcrew:hook/audit`.
    Audit,
    /// `groundcrew:hook/remedy`.
    Remedy,
    /// `wasi:http/incoming-handler`.
    IncomingHandler,
}

impl Export {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Handler, Self::Provision, Self::Inventory, Self::Audit, Self::Remedy, Self::IncomingHandler];

    /// Its word in listings and records.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Handler => "handler",
            Self::Provision => "provision",
            Self::Inventory => "inventory",
            Self::Audit => "audit",
            Self::Remedy => "remedy",
            Self::IncomingHandler => "incoming-handler",
        }
    }

    /// The interface's name, without its version.
    pub const fn interface(self) -> &'static str {
        match self {
            Self::Handler => "groundcrew:hook/handler",
            Self::Provision => "groundcrew:hook/provision",
            Self::Inventory => "groundcrew:hook/inventory",
            Self::Audit => "groundcrew:hook/audit",
            Self::Remedy => "groundcrew:hook/remedy",
            Self::IncomingHandler => "wasi:http/incoming-handler",
        }
    }
}

/// What a component is.
#[derive(Debug)]
pub struct Inspected {
    /// The digest of its bytes, manifest included.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: usize,
    /// What it exports.
    pub exports: BTreeSet<Export>,
    /// All its imports, by full name.
    pub imports: Vec<String>,
    /// Imports that this host does not offer to what it exports.
    pub missing: Vec<String>,
    /// The manifest it carries.
    pub manifest: Option<Manifest>,
    /// Core instances that one run of it takes.
    pub core_instances: u32,
}

/// Most instances of core modules that one run may take; those that were seen take under 80.
pub const CORE_INSTANCES_MAX: u32 = 1_000;

/// Why bytes are no component that this host runs.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No WebAssembly at all.
    #[error("this is no WebAssembly: it does not begin with `\\0asm`")]
    NotWasm,
    /// A core module.
    #[error(
        "this is a core module, not a component; build for `wasm32-wasip2`, or encode it with the WIT world"
    )]
    CoreModule,
    /// It ends too early or is damaged.
    #[error("this component is damaged at byte {at}: {reason}")]
    Damaged {
        /// Where.
        at: usize,
        /// Why.
        reason: String,
    },
    /// Each run of it would take more instances of modules than are set aside.
    #[error("each run of it would instantiate {0} modules; this host allows {CORE_INSTANCES_MAX}")]
    TooManyModules(u32),
    /// It exports nothing that the host calls.
    #[error(
        "it exports none of groundcrew:hook's interfaces (handler, provision, audit), nor wasi:http/incoming-handler; it exports: {0}"
    )]
    NoKind(String),
    /// It exports an interface in a version that is not linked.
    #[error("it exports {0}; this host calls groundcrew:hook@0.1.x and wasi:http@0.2.x")]
    Version(String),
    /// Imports that are not linked, all of them.
    #[error("it imports what this host does not offer: {0}")]
    MissingImports(String),
    /// A provisioner that would look things up.
    #[error(
        "a provisioner may not import {0}: only handlers and auditors look up the fleet and have a memory; what a provisioner wants follows from the subject and its configuration, and what there is says `find`"
    )]
    NotOfAProvisioner(String),
    /// The manifest's text is refused.
    #[error("the manifest in section `{SECTION}`: {0}")]
    Manifest(#[from] manifest::Error),
}

/// Interfaces that are linked: package, its semver track, names.
const LINKED: [(&str, &str, &[&str]); 8] = [
    ("groundcrew:hook", "0.1", &["types", "http", "config", "log", "fleet", "kv"]),
    ("wasi:http", "0.2", &["types", "outgoing-handler"]),
    ("wasi:io", "0.2", &["error", "poll", "streams"]),
    ("wasi:clocks", "0.2", &["monotonic-clock", "wall-clock"]),
    ("wasi:random", "0.2", &["random", "insecure", "insecure-seed"]),
    ("wasi:cli", "0.2", &CLI),
    ("wasi:filesystem", "0.2", &["types", "preopens"]),
    ("wasi:sockets", "0.2", &SOCKETS),
];

/// What handlers and auditors may import, and provisioners may not.
const LOOKED_UP: [&str; 2] = ["groundcrew:hook/fleet", "groundcrew:hook/kv"];

const CLI: [&str; 10] = [
    "environment",
    "exit",
    "stdin",
    "stdout",
    "stderr",
    "terminal-input",
    "terminal-output",
    "terminal-stdin",
    "terminal-stdout",
    "terminal-stderr",
];

const SOCKETS: [&str; 7] =
    ["network", "instance-network", "tcp", "tcp-create-socket", "udp", "udp-create-socket", "ip-name-lookup"];

/// Inspects a component's bytes.
pub fn inspect(bytes: &[u8]) -> Result<Inspected, Error> {
    check_preamble(bytes)?;
    let mut found = Names::default();
    let mut depth = 0_u32;
    let mut manifest = None;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(|error| damaged(&error))?;
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(section) if depth == 0 && section.name() == SECTION => {
                manifest = Some(String::from_utf8_lossy(section.data()));
            }
            // Components within are instantiated with it, and their instances come from the same pool.
            Payload::InstanceSection(section) => {
                for instance in section {
                    let instance = instance.map_err(|error| damaged(&error))?;
                    found.core_instances += u32::from(matches!(instance, Instance::Instantiate { .. }));
                }
            }
            payload if depth == 0 => found.note(payload).map_err(|error| damaged(&error))?,
            _ => {}
        }
    }
    if found.core_instances > CORE_INSTANCES_MAX {
        return Err(Error::TooManyModules(found.core_instances));
    }
    let exports = exports(&found.exports)?;
    let makes = exports.iter().all(|export| matches!(export, Export::Provision | Export::Inventory));
    let is_offered = |name: &str| is_linked(name) && !(makes && is_looked_up(name));
    let missing = found.imports.iter().filter(|name| !is_offered(name)).cloned().collect();
    Ok(Inspected {
        digest: Digest::of(bytes),
        size: bytes.len(),
        exports,
        imports: found.imports,
        missing,
        manifest: manifest.map(|text| Manifest::parse(&text)).transpose()?,
        core_instances: found.core_instances.max(1),
    })
}

impl Inspected {
    /// Refuses a component that this host cannot run, with all that is missing.
    pub fn require_linkable(&self) -> Result<(), Error> {
        if self.missing.is_empty() {
            return Ok(());
        }
        if self.missing.iter().all(|name| is_looked_up(name)) {
            return Err(Error::NotOfAProvisioner(self.missing.join(" and ")));
        }
        let third = self.missing.iter().any(|name| name.starts_with("wasi:") && name.contains("@0.3."));
        let hint = if third { " (WASI 0.3 is not linked; build for WASI 0.2)" } else { "" };
        Err(Error::MissingImports(format!("{}{hint}", self.missing.join(", "))))
    }
}

#[derive(Default)]
struct Names {
    imports: Vec<String>,
    exports: Vec<String>,
    core_instances: u32,
}

impl Names {
    fn note(&mut self, payload: Payload<'_>) -> wasmparser::Result<()> {
        match payload {
            Payload::ComponentImportSection(section) => {
                for import in section {
                    self.imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    self.exports.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn check_preamble(bytes: &[u8]) -> Result<(), Error> {
    match bytes {
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Err(Error::CoreModule),
        [0, b'a', b's', b'm', _, _, 1, 0, ..] => Ok(()),
        [0, b'a', b's', b'm', ..] => {
            Err(Error::Damaged { at: 4, reason: "its version is unknown".to_owned() })
        }
        _ => Err(Error::NotWasm),
    }
}

fn damaged(error: &wasmparser::BinaryReaderError) -> Error {
    let reason = error.message().lines().next().unwrap_or("it cannot be read").to_owned();
    Error::Damaged { at: error.offset(), reason }
}

fn exports(names: &[String]) -> Result<BTreeSet<Export>, Error> {
    let mut exports = BTreeSet::new();
    for name in names {
        let (interface, version) = name.split_once('@').unwrap_or((name, ""));
        let Some(export) = Export::ALL.into_iter().find(|known| known.interface() == interface) else {
            continue;
        };
        let track = if export == Export::IncomingHandler { "0.2." } else { "0.1." };
        if !version.starts_with(track) {
            return Err(Error::Version(name.clone()));
        }
        exports.insert(export);
    }
    let kinds = [Export::Handler, Export::Provision, Export::Audit, Export::IncomingHandler];
    if kinds.iter().any(|kind| exports.contains(kind)) {
        return Ok(exports);
    }
    let has = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    Err(Error::NoKind(has))
}

fn is_linked(name: &str) -> bool {
    let Some((package, rest)) = name.split_once('/') else { return false };
    let Some((interface, version)) = rest.split_once('@') else { return false };
    LINKED.iter().any(|(linked, track, interfaces)| {
        let same_track = version.strip_prefix(track).is_some_and(|patch| patch.starts_with('.'));
        *linked == package && same_track && interfaces.contains(&interface)
    })
}

/// Whether an import is one that handlers and auditors have, and provisioners have not.
fn is_looked_up(name: &str) -> bool {
    LOOKED_UP.contains(&name.split('@').next().unwrap_or(name))
}

/// Appends a manifest to a component; an earlier one stays and is read no more.
pub fn embed(component: &[u8], manifest: &str) -> Vec<u8> {
    use wasm_encoder::Encode as _;
    let mut bytes = component.to_vec();
    let section = wasm_encoder::CustomSection { name: SECTION.into(), data: manifest.as_bytes().into() };
    bytes.push(0);
    section.encode(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn garbage_is_refused_each_with_its_own_message() {
        let text = |bytes: &[u8]| inspect(bytes).unwrap_err().to_string();
        assert!(text(b"hello").contains("no WebAssembly"));
        assert!(text(b"\0asm\x01\0\0\0").contains("core module"));
        assert!(text(b"\0asm\x0d\0\x01\0").contains("exports none of groundcrew:hook"));
        assert!(text(b"\0asm\x0d\0\x01\0\x07\xff").contains("damaged at byte"));
    }

    /// A component with one section of core instances.
    fn with_instances(count: &[u8], items: &[u8]) -> Result<Inspected, Error> {
        let size = count.len() + items.len();
        let size = [(size & 0x7f) as u8 | 0x80, (size >> 7 & 0x7f) as u8 | 0x80, (size >> 14) as u8];
        inspect(&[b"\0asm\x0d\0\x01\0\x02", &size[..], count, items].concat())
    }

    #[test]
    fn a_count_is_not_believed_without_what_it_counts() {
        let wrong = with_instances(&[0xff, 0xff, 0xff, 0xff, 0x0f], &[]);
        assert!(matches!(wrong, Err(Error::Damaged { .. })), "{wrong:?}");
    }

    #[test]
    fn a_component_of_too_many_modules_is_refused() {
        // Each instantiates module 0 with nothing.
        let wrong = with_instances(&[0xe9, 0x07], &[0; 3 * 1_001]);
        assert!(matches!(wrong, Err(Error::TooManyModules(1_001))), "{wrong:?}");
        // What is put together from exports takes no instance of a module.
        let named = with_instances(&[0xe9, 0x07], &[1, 0].repeat(1_001));
        assert!(matches!(named, Err(Error::NoKind(_))), "{named:?}");
    }

    #[test]
    fn every_kind_is_known_by_what_it_exports() {
        let names = [
            "groundcrew:hook/handler@0.1.0",
            "groundcrew:hook/audit@0.1.0",
            "wasi:http/incoming-handler@0.2.3",
        ];
        for name in names {
            inspect(&exporting(name)).unwrap().require_linkable().unwrap();
        }
        let other = inspect(&exporting("wasi:http/incoming-handler@0.3.0")).unwrap_err();
        assert!(matches!(other, Error::Version(_)), "{other}");
    }

    /// A component that exports an empty instance under a name.
    fn exporting(name: &str) -> Vec<u8> {
        use wasm_encoder::{
            Component, ComponentExportKind, ComponentExportSection, ComponentInstanceSection,
        };
        let mut instances = ComponentInstanceSection::new();
        let none: [(&str, ComponentExportKind, u32); 0] = [];
        instances.export_items(none);
        let mut exports = ComponentExportSection::new();
        exports.export(name, ComponentExportKind::Instance, 0, None);
        let mut component = Component::new();
        component.section(&instances).section(&exports);
        component.finish()
    }

    #[test]
    fn imports_are_known_by_their_semver_track() {
        assert!(is_linked("wasi:io/poll@0.2.12") && is_linked("groundcrew:hook/http@0.1.7"));
        assert!(!is_linked("wasi:io/poll@0.3.0") && !is_linked("acme:x/y@0.1.0") && !is_linked("bare"));
    }
}
