//! Where the bytes of hooks come from: this binary, or files.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use groundcrew_core::hash::Digest;
use groundcrew_core::manifest::Manifest;
use groundcrew_engine::inspect::{self, Export, Inspected, inspect};

use crate::builtin;
use crate::config::{Component, Hook, NoManifest};

/// Why a component cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This binary has no such hook.
    #[error("this binary has no hook `{name}`; it has {}", builtin::names().join(", "))]
    UnknownBuiltin {
        /// What was asked for.
        name: String,
    },
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not what its manifest says.
    #[error("{name} is refused: {why}")]
    Misfit {
        /// Which.
        name: String,
        /// In what.
        why: String,
    },
    /// The bytes are no component that this host runs.
    #[error("{name} is refused")]
    Refused {
        /// Which.
        name: String,
        /// Why.
        source: inspect::Error,
    },
}

/// Reads a component's bytes.
pub fn read(component: &Component) -> Result<Vec<u8>, Error> {
    match component {
        Component::Builtin(name) => {
            builtin::component(name).ok_or_else(|| Error::UnknownBuiltin { name: name.clone() })
        }
        Component::File(path) => {
            fs::read(path).map_err(|source| Error::Unreadable { path: path.clone(), source })
        }
    }
}

/// Reads a component and looks into it.
pub fn look_into(component: &Component) -> Result<Inspected, Error> {
    let bytes = read(component)?;
    inspect(&bytes).map_err(|source| Error::Refused { name: component.to_string(), source })
}

/// Reads a component and looks whether this host runs it.
pub fn runnable(component: &Component) -> Result<Inspected, Error> {
    let inspected = look_into(component)?;
    let refused = |source| Error::Refused { name: component.to_string(), source };
    inspected.require_linkable().map_err(refused)?;
    Ok(inspected)
}

/// Reads a stanza's component and looks whether this host runs it as what its manifest says.
pub fn of_hook(hook: &Hook) -> Result<Inspected, Error> {
    let inspected = runnable(&hook.component)?;
    let misfit = |why| Error::Misfit { name: hook.component.to_string(), why };
    fits(&hook.manifest, &inspected.exports).map_err(misfit)?;
    Ok(inspected)
}

/// The digest of a stanza's candidate, if it has one that this host runs.
pub fn candidate(hook: &Hook) -> Result<Option<Digest>, Error> {
    let candidate = hook.candidate.as_ref().map(|candidate| of_hook(&candidate.hook)).transpose()?;
    Ok(candidate.map(|inspected| inspected.digest))
}

/// The digest of a component's bytes: what is approved, and what runs are recorded with.
pub fn digest(component: &Component) -> Result<Digest, Error> {
    Ok(Digest::of(&read(component)?))
}

/// The manifest that a stanza brings, else the one that its component carries; how the configuration finds it.
///
/// # Errors
/// Also where there is a manifest, and the component is none that this host runs with it.
pub fn manifest(component: &Component, brought: Option<&Manifest>) -> Result<Manifest, NoManifest> {
    match look_into(component) {
        Ok(inspected) => match inspected.require_linkable() {
            Ok(()) => {
                let exports = inspected.exports;
                let manifest = brought.cloned().or(inspected.manifest).ok_or(NoManifest::Absent)?;
                fits(&manifest, &exports).map_err(NoManifest::Refused)?;
                Ok(manifest)
            }
            Err(error) => Err(NoManifest::Refused(error.to_string())),
        },
        Err(Error::UnknownBuiltin { .. }) => {
            let known = builtin::names().into_iter().map(str::to_owned).collect();
            Err(NoManifest::UnknownBuiltin { known })
        }
        Err(error) => Err(NoManifest::Refused(with_cause(&error))),
    }
}

/// Whether a component is the auditor that its manifest makes it; else why not.
pub fn fits(manifest: &Manifest, exports: &BTreeSet<Export>) -> Result<(), String> {
    match (manifest.is_auditor(), exports.contains(&Export::Audit)) {
        (true, false) => {
            Err("its manifest `reports` findings, and it does not export groundcrew:hook/audit".to_owned())
        }
        (false, true) if exports.len() == 1 => {
            Err("it exports groundcrew:hook/audit, and its manifest does not say what it `reports`"
                .to_owned())
        }
        _ => Ok(()),
    }
}

fn with_cause(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
