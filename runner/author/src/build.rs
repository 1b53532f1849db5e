//! `groundcrew build`: a component of a project.

mod c;
mod go;
mod javascript;
mod python;
mod rust;

use std::io;
use std::path::PathBuf;

use groundcrew_engine::inspect;

use crate::alone::Alone;
use crate::origin::Origin;
use crate::{Kind, Language, Missing, Project, Tools, finish, sdk};

/// A component that was built.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Built {
    /// Where it is.
    pub component: PathBuf,
    /// Its size in bytes, manifest included.
    pub bytes: usize,
    /// The digest of its bytes.
    pub digest: String,
    /// What it is and what it can besides: `provisioner (+inventory)`.
    pub kind: String,
    /// What it asks to be granted: secrets first, then grants, then what is under a condition.
    pub asks: Vec<String>,
    /// What its author should think about.
    pub warnings: Vec<String>,
}

/// Why no component was built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The language's toolchain is not complete.
    #[error(
        "{} lacks {}",
        language.name(),
        missing.iter().map(|missing| missing.what.as_str()).collect::<Vec<_>>().join(", ")
    )]
    Missing {
        /// The project's language.
        language: Language,
        /// All that is missing.
        missing: Vec<Missing>,
    },
    /// A program is there and does not start.
    #[error("cannot start {tool}")]
    Start {
        /// What it is called.
        tool: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The toolchain does not take the source.
    #[error("{tool} refuses the source\n\n{said}")]
    Refused {
        /// What it is called.
        tool: &'static str,
        /// Its words.
        said: String,
    },
    /// The same, because the source reaches for what only other kinds have.
    #[error("{tool} refuses the source\n\n{said}")]
    Reaches {
        /// What it is called.
        tool: &'static str,
        /// Its words.
        said: String,
        /// What that is.
        source: inspect::Error,
    },
    /// The source exports nothing that its kind needs, or something else.
    #[error("{found}, and {MANIFEST} makes it {} {}: {}", article(*kind), kind.word(), kind.because())]
    WrongKind {
        /// The manifest's kind.
        kind: Kind,
        /// What the source exports.
        found: String,
        /// What would export it.
        fix: String,
    },
    /// The component is none that this host runs.
    #[error("{tool} built a component that this host refuses")]
    Component {
        /// What built it.
        tool: &'static str,
        /// Why.
        source: inspect::Error,
    },
    /// A schema of the manifest is none.
    #[error("{MANIFEST}: `{at}` is no JSON Schema: {reason}")]
    Schema {
        /// Which table.
        at: String,
        /// Why.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error("cannot read or write {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

const MANIFEST: &str = "hook.toml";

const fn article(kind: Kind) -> &'static str {
    match kind {
        Kind::Auditor => "an",
        Kind::Handler | Kind::Provisioner => "a",
    }
}

impl Error {
    /// What would help, best first; commands can be pasted.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Missing { missing, .. } => {
                missing.iter().flat_map(|missing| missing.installs.iter().cloned()).collect()
            }
            Self::WrongKind { fix, .. } => vec![fix.clone()],
            _ => Vec::new(),
        }
    }

    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |source| Self::File { path, source }
    }
}

/// What a language's toolchain made, before the manifest is in it.
pub(crate) struct Made {
    /// What made it, as people call it.
    pub(crate) tool: &'static str,
    /// The component.
    pub(crate) component: Vec<u8>,
    /// How the language exports what a kind needs.
    pub(crate) exporting: fn(Kind) -> &'static str,
}

/// Builds a project's component and writes it beside its manifest; `say` is told what takes its time.
///
/// An earlier component stays as it was unless all of this succeeds. While somebody else builds the same project, it
/// waits.
pub fn build(project: &Project, tools: &Tools, say: &mut dyn FnMut(&str)) -> Result<Built, Error> {
    let _alone = alone(project, say)?;
    build_alone(project, tools, say)
}

/// The same, unless the component that is there was built from what is there now, by this very version.
pub fn build_if_old(project: &Project, tools: &Tools, say: &mut dyn FnMut(&str)) -> Result<(), Error> {
    let _alone = alone(project, say)?;
    if Origin::of(project).is_built(project) {
        return Ok(());
    }
    build_alone(project, tools, say).map(drop)
}

fn alone(project: &Project, say: &mut dyn FnMut(&str)) -> Result<Alone, Error> {
    Alone::wait(&project.own(), say).map_err(Error::file(project.own().join("lock")))
}

fn build_alone(project: &Project, tools: &Tools, say: &mut dyn FnMut(&str)) -> Result<Built, Error> {
    finish::check_schemas(&project.manifest)?;
    let origin = Origin::of(project);
    sdk::unpack(&project.own(), project.language).map_err(Error::file(project.own()))?;
    let made = made(project, tools, say).map_err(|error| reaching(project.kind(), error))?;
    let built = finish::finish(project, &made)?;
    origin.keep(project, &built.digest).map_err(Error::file(project.own()))?;
    Ok(built)
}

fn made(project: &Project, tools: &Tools, say: &mut dyn FnMut(&str)) -> Result<Made, Error> {
    match project.language {
        Language::Rust => rust::build(project, tools, say),
        Language::Ts | Language::Js => javascript::build(project, tools, say),
        Language::Python => python::build(project, tools, say),
        Language::Go => go::build(project, tools, say),
        Language::C => c::build(project, tools, say),
    }
}

/// Says of a provisioner why what its toolchain did not find is not there: the world of its kind has no such import. Each
/// toolchain names it in its own words.
fn reaching(kind: Kind, error: Error) -> Error {
    let Error::Refused { tool, said } = error else { return error };
    let lacks = |name: &&str| {
        let names = [
            format!("groundcrew:hook/{name}@"),
            format!("undefined symbol: hook_{name}_"),
            format!("cannot import name '{name}' from 'wit_world.imports'"),
        ];
        names.iter().any(|name| said.contains(name))
    };
    match ["fleet", "kv"].into_iter().find(lacks).filter(|_| kind == Kind::Provisioner) {
        Some(name) => {
            let source = inspect::Error::NotOfAProvisioner(format!("groundcrew:hook/{name}"));
            Error::Reaches { tool, said, source }
        }
        None => Error::Refused { tool, said },
    }
}
