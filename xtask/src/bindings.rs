//! `cargo xtask bindings`: the generated code of the SDKs.

use std::process::Command;

use crate::setup::call;

/// Writes them; the generators are a crate of their own, so that nothing else here waits for them to be built.
pub(crate) fn run() -> anyhow::Result<()> {
    call(Command::new("cargo").args(["run", "--quiet", "--locked", "-p", "groundcrew-bindings"]))
}
