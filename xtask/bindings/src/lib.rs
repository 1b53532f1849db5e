//! Generates the checked-in bindings of the SDKs for C and Go from `wit/`.

mod c;
mod go;

pub use c::c;
pub use go::go;
