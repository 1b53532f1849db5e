//! The configuration file: read, checked as a whole, and handed to the runner's parts in narrow structs.
//!
//! ```text
//!  groundcrew.toml --read--> as written, with places --resolve--> Config: Store, Http, Sources, Scope, Hook ...
//!                                   \________________ every problem at once ____________________> Report
//! ```
//!
//! # Guarantees
//! - A [`Config`] has no error in it: every name is defined, every grant, pattern and length of time can be read,
//!   every stanza's `config` fits its manifest's schema.
//! - All problems are told at once, each with place, reason and remedy ([`Report`]).
//! - The value of a secret is never in it ([`Secrets`]).
//!
//! It deliberately does not compare with the ledger or with what was approved; that needs the store.

mod audit;
mod check;
mod defaults;
mod fixed;
mod globs;
mod hook;
mod near;
mod origin;
mod problem;
mod read;
mod reference;
mod regrant;
mod report;
mod resolve;
mod secrets;
mod settings;
mod starting;
mod words;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use groundcrew_core::duration::Millis;
use groundcrew_core::manifest::Manifest;
use groundcrew_core::may_delete::Level;

pub use audit::{Audit, Enforcement, Timing};
pub use defaults::{FLY_API, Setting, defaults, defaults_markdown};
pub use fixed::fixed;
pub use hook::{
    Candidate, Component, Format, Grace, Hook, Place, Provisioner, SealedGrant, SecretGrant, Sign, Work,
};
pub use problem::{Fix, Problem, ProblemKind, Severity, Span};
pub use reference::{SCHEMA_FILE, reference, schema};
pub use regrant::regrant;
pub use report::{Paint, Report};
pub use secrets::{Environment, SecretError, SecretSource, Secrets};
pub use settings::{
    FlySource, Http, Keep, LabelSource, LabelType, Ndjson, NdjsonSource, Position, Rate, RateError, Scope,
    Sources, Store,
};
pub use starting::template;
pub use words::grant_words;

/// A configuration without errors.
#[derive(Debug)]
pub struct Config {
    /// The installation's id, as in every mark.
    pub installation: String,
    /// The installation's level.
    pub level: Level,
    /// How often everybody is looked at again.
    pub reconcile: Millis,
    /// Where things are kept.
    pub store: Store,
    /// The HTTP API on the network, if any.
    pub http: Option<Http>,
    /// The operator's secrets.
    pub secrets: Secrets,
    /// What tells of apps and machines.
    pub sources: Sources,
    /// What `{fly.api}` stands for, without a slash at its end.
    pub fly_api: String,
    /// Operators' endpoints for labels, in the order of their names.
    pub labels: Vec<LabelSource>,
    /// Scopes by name.
    pub scopes: BTreeMap<String, Scope>,
    /// Hooks by name.
    pub hooks: BTreeMap<String, Hook>,
    /// Audits by name.
    pub audits: BTreeMap<String, Audit>,
    /// Warnings and notes.
    pub notes: Report,
    origin: origin::Origin,
}

/// Why there is no manifest for what a stanza uses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoManifest {
    /// This binary has no such hook.
    #[error("this binary has no such hook")]
    UnknownBuiltin {
        /// Those that it has, without `builtin:`.
        known: Vec<String>,
    },
    /// The component carries none.
    #[error("the component carries no manifest")]
    Absent,
    /// The component cannot be read, or its manifest is refused.
    #[error("{0}")]
    Refused(String),
}

/// Finds manifests: given what a stanza uses, and the manifest that it brings, if it names a file of its own; then that
/// one comes back, if the component can be used with it.
pub type Manifests<'a> = &'a dyn Fn(&Component, Option<&Manifest>) -> Result<Manifest, NoManifest>;

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// Paths in it are relative to its own directory. Secrets are looked for, and only their absence is told.
    pub fn load(path: &Path, environment: &Environment, manifests: Manifests<'_>) -> Result<Self, Report> {
        let file = path.display().to_string();
        let dir = path.parent().unwrap_or(Path::new(""));
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&file, &text, dir, environment, manifests),
            Err(error) => {
                let problem =
                    Problem::of_file(ProblemKind::Unreadable, format!("cannot read {file}: {error}"));
                let problem = problem.help("write one to start from: groundcrew init");
                Err(Report::new(&file, "", vec![problem]))
            }
        }
    }

    /// Checks a configuration's text; `dir` is where its relative paths begin.
    pub fn parse(
        file: &str,
        text: &str,
        dir: &Path,
        environment: &Environment,
        manifests: Manifests<'_>,
    ) -> Result<Self, Report> {
        resolve::resolve(&resolve::Source { file, text, dir, environment, manifests })
    }

    /// The stanzas that read a hook's outputs.
    pub fn readers<'a>(&'a self, hook: &'a str) -> impl Iterator<Item = &'a Hook> {
        self.hooks.values().filter(move |reader| reader.reads().iter().any(|read| read == hook))
    }
}
