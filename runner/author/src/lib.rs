//! The author's loop: `groundcrew new` and `groundcrew build`.
//!
//! A project is a folder with `hook.toml` and the files of its language. [`create`] writes one from templates;
//! [`build`] drives the language's own toolchain and makes one component of it, with the manifest inside. Templates,
//! SDKs, WIT and adapter are within this crate: what an author installs is the language's toolchain alone.
//!
//! *Guarantees.* Nothing that is there is overwritten by [`create`]; [`build`] writes the component, and the folder
//! `.groundcrew/`, which belongs to it. What [`build`] answers is a component that this host runs as the kind that its
//! manifest says. Two builds of one project wait for each other. It deliberately installs nothing: what is missing is
//! named with the command that installs it.

mod alone;
mod build;
mod collision;
mod create;
mod embedded;
mod encode;
mod finish;
mod kind;
mod language;
mod name;
mod origin;
mod project;
mod run;
mod sdk;
#[cfg(feature = "testing")]
pub mod testing;
mod tools;
mod watch;

pub use build::{Built, Error, build, build_if_old};
pub use create::{Created, Error as CreateError, create};
pub use kind::Kind;
pub use language::Language;
pub use name::{Illegal, Name};
pub use project::{Error as ProjectError, Project};
pub use run::{Ended, end_toolchains};
pub use tools::{Missing, Tools};
pub use watch::Sources;
