//! Runs hooks: compile cache, limits, the gate, host interfaces, egress.
//!
//! The only crate that knows wasmtime. A component is inspected ([`inspect`]), compiled once into a cache
//! ([`cache`]), loaded, and run: each run is a fresh instance whose every effect passes the [`gate`].

pub mod cache;
pub mod clock;
pub mod egress;
pub mod gate;
pub mod inspect;
pub mod journal;
pub mod limited;
pub mod limits;
pub mod memory;
pub mod run;
pub mod seal;
pub mod secrets;
pub mod transport;

mod bindings;
mod convert;
mod host;
mod mask;
mod stderr;

pub use host::{Log, LogLine};
pub use mask::MASKED_FROM;
