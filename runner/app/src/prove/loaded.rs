//! The component of a project, compiled and linked once for all plays.

use std::path::Path;
use std::time::Duration;

use groundcrew_core::manifest::Manifest;
use groundcrew_engine::cache::{self, Bounds, Cache, Compiler, Component};
use groundcrew_engine::inspect::{self, Inspected, inspect};
use groundcrew_engine::limits::Limits;
use groundcrew_engine::run::{Engine, Hook, LinkError, Profile, ProfileError, Reset};

use super::trial::PLAYS;
use crate::{components, key};

/// How much of earlier builds is kept compiled: a day, so that two versions that are compared are compiled once.
const BOUNDS: Bounds = Bounds { age: Duration::from_hours(24), bytes: 512 << 20 };

/// A component that is ready to be played.
#[derive(Debug)]
pub struct Loaded {
    /// What runs it.
    pub engine: Engine,
    /// Itself.
    pub component: Hook,
    /// What it says it is.
    pub manifest: Manifest,
}

/// Why a component cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is none that this host runs.
    #[error("the component is refused")]
    Refused(#[from] inspect::Error),
    /// It is not what its manifest says, or has none.
    #[error("the component is refused: {0}")]
    Misfit(String),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] ProfileError),
    /// It does not compile.
    #[error("the component does not compile")]
    Compile(#[from] cache::Error),
    /// It does not link.
    #[error("the component does not link")]
    Link(#[from] LinkError),
    /// The folder for compiled components.
    #[error("cannot use {}", folder.display())]
    Folder {
        /// Which.
        folder: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The key that compiled components are kept under.
    #[error(transparent)]
    Key(#[from] key::Error),
}

impl Loaded {
    /// Compiles a component, unless the folder has it compiled already; that it compiles, which of one with an
    /// interpreter in it takes a while, is said.
    pub async fn new(bytes: &[u8], folder: &Path, say: &mut dyn FnMut(&str)) -> Result<Self, Error> {
        let broken = |source| Error::Folder { folder: folder.to_owned(), source };
        std::fs::create_dir_all(folder).map_err(broken)?;
        let key = key::read_or_make(folder)?;
        let cache = Cache::new(folder.to_owned(), key, Compiler::InProcess);
        let prepared = Prepared::new(bytes, None, PLAYS as u32 + 2)?;
        let found = cache.find(&prepared.engine, prepared.inspected.digest)?;
        let compiled = if let Some(compiled) = found {
            compiled
        } else {
            say("compiling, once for each build");
            cache.load(&prepared.engine, prepared.inspected.digest, bytes).await?
        };
        let loaded = prepared.link(&compiled)?;
        // Every build is another component.
        cache.tidy(BOUNDS)?;
        Ok(loaded)
    }

    /// The same with a cache that is there; a manifest that lies beside the component counts if it carries none.
    pub async fn within(bytes: &[u8], beside: Option<Manifest>, cache: Cache) -> Result<Self, Error> {
        Self::sized(bytes, beside, cache, PLAYS as u32 + 2).await
    }

    /// The same with room for so many runs at once.
    pub async fn sized(
        bytes: &[u8],
        beside: Option<Manifest>,
        cache: Cache,
        slots: u32,
    ) -> Result<Self, Error> {
        let prepared = Prepared::new(bytes, beside, slots)?;
        let compiled = cache.load(&prepared.engine, prepared.inspected.digest, bytes).await?;
        prepared.link(&compiled)
    }
}

/// A component that was looked over, and the engine that it fits.
struct Prepared {
    engine: Engine,
    inspected: Inspected,
    manifest: Manifest,
}

impl Prepared {
    fn new(bytes: &[u8], beside: Option<Manifest>, slots: u32) -> Result<Self, Error> {
        let inspected = inspect(bytes)?;
        inspected.require_linkable()?;
        let manifest = inspected.manifest.clone().or(beside);
        let manifest = manifest.ok_or_else(|| Error::Misfit("it carries no manifest".to_owned()))?;
        components::fits(&manifest, &inspected.exports).map_err(Error::Misfit)?;
        let engine = Engine::new(Profile {
            slots,
            core_instances: inspected.core_instances,
            memory: Limits::default().memory,
            reset: Reset::Written,
        })?;
        Ok(Self { engine, inspected, manifest })
    }

    fn link(self, compiled: &Component) -> Result<Loaded, Error> {
        let Self { engine, inspected, manifest } = self;
        let component = engine.link(compiled, &inspected, manifest.clone())?;
        Ok(Loaded { engine, component, manifest })
    }
}
