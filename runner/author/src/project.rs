//! Where a hook's project is, and what it says it is.

use std::fs;
use std::path::{Path, PathBuf};

use groundcrew_core::manifest::{self, Manifest};

use crate::{Kind, Language};

/// The manifest's file; it marks the folder of a project.
const MANIFEST: &str = "hook.toml";

/// A project: a folder with `hook.toml` and the files of one language.
#[derive(Clone, Debug)]
pub struct Project {
    /// The folder.
    pub root: PathBuf,
    /// What it is written in.
    pub language: Language,
    /// The manifest.
    pub manifest: Manifest,
    /// The manifest as it is written.
    pub manifest_text: String,
}

/// Why there is no project.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither here nor above.
    #[error("there is no {MANIFEST} in {} or above it", from.display())]
    Absent {
        /// Where the search began.
        from: PathBuf,
    },
    /// The manifest cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The manifest says nonsense.
    #[error("{} is refused: {source}", path.display())]
    Manifest {
        /// Which file.
        path: PathBuf,
        /// In what.
        source: manifest::Error,
    },
    /// None of the files by which languages are known.
    #[error("no language is known of {}: it has none of {}", root.display(), known())]
    NoLanguage {
        /// The project.
        root: PathBuf,
    },
}

fn known() -> String {
    Language::ALL.map(|language| format!("{} ({})", language.known_by(), language.name())).join(", ")
}

impl Project {
    /// Finds the project that a folder lies in.
    pub fn find(from: &Path) -> Result<Self, Error> {
        let above = from.ancestors().find(|folder| folder.join(MANIFEST).is_file());
        let root = above.ok_or_else(|| Error::Absent { from: from.to_owned() })?.to_owned();
        let path = root.join(MANIFEST);
        let manifest_text =
            fs::read_to_string(&path).map_err(|source| Error::Unreadable { path: path.clone(), source })?;
        let manifest = Manifest::parse(&manifest_text).map_err(|source| Error::Manifest { path, source })?;
        let language = Language::ALL.into_iter().find(|language| root.join(language.known_by()).is_file());
        let language = language.ok_or_else(|| Error::NoLanguage { root: root.clone() })?;
        Ok(Self { root, language, manifest, manifest_text })
    }

    /// The kind that its manifest makes it.
    pub fn kind(&self) -> Kind {
        Kind::of(&self.manifest)
    }

    /// Where the component goes: beside the manifest, under the manifest's name.
    pub fn output(&self) -> PathBuf {
        self.root.join(format!("{}.wasm", self.manifest.name))
    }

    /// The folder of what comes with this program: the SDK, the WIT, what is made on the way.
    pub fn own(&self) -> PathBuf {
        self.root.join(".groundcrew")
    }
}
