//! The hook's project that `test` and `prove` play: found, built if it has to be, loaded, its scenarios read.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use groundcrew_author::{Project, Tools, build_if_old};

use super::{Context, Failure, interrupt};
use crate::prove::loaded::Loaded;
use crate::prove::scenario::{self, Scenario};
use crate::show::{Tone, paint};

/// A project that is ready to be played.
pub(super) struct Ready {
    pub(super) project: Project,
    pub(super) loaded: Loaded,
    pub(super) scenarios: Vec<Scenario>,
}

/// Makes a project ready; its component is built if it is not of the sources that are there.
pub(super) fn ready(context: &Context, dir: Option<&PathBuf>, named: &[String]) -> Result<Ready, Failure> {
    let from = dir.map_or(Path::new("."), PathBuf::as_path);
    let from = std::path::absolute(from).map_err(|error| Failure::of(&error))?;
    let project = Project::find(&from)?;
    let scenarios = Scenario::of_project(&project.root, named)?;
    interrupt::end_toolchains_on_signals()?;
    let tools = Tools::new(|name| context.environment().read(name));
    // Progress is for people; that it cannot be written stops nothing.
    let mut say = |text: &str| drop(writeln!(anstream::stderr(), "{}", paint(Tone::Faint, text)));
    build_if_old(&project, &tools, &mut say)?;
    let component = project.output();
    let bytes = fs::read(&component).map_err(|error| Failure::of(&error))?;
    let folder = project.own().join("compiled");
    let loading = Loaded::new(&bytes, &folder, &mut say);
    let loaded = context.block_on(loading)?.map_err(|error| Failure::of(&error))?;
    Ok(Ready { project, loaded, scenarios })
}

impl From<scenario::Error> for Failure {
    fn from(error: scenario::Error) -> Self {
        let failure = Self::of(&error);
        match error {
            scenario::Error::None { .. } => {
                failure.hint("write one as docs/authors.md shows: scenarios/life.toml")
            }
            _ => failure,
        }
    }
}

impl From<scenario::Unplayable> for Failure {
    fn from(error: scenario::Unplayable) -> Self {
        Self::new(super::Kind::Configuration, error.to_string())
    }
}
