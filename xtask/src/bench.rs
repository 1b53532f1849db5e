//! `cargo xtask bench`: builds the binary as it is shipped, and lets `tests/bench` measure it.

use std::process::Command;

use crate::setup::{self, call, say};

/// Builds and measures; arguments are those of the bench.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    setup::wasm_target()?;
    say("building the binary as it is shipped, and the bench");
    // One after the other: what the bench needs of a library must not end up in the shipped binary.
    for package in ["groundcrew", "groundcrew-bench"] {
        call(Command::new("cargo").args(["build", "--quiet", "--release", "--locked", "-p", package]))?;
    }
    let release = setup::workspace("target_directory")?.join("release");
    let mut bench = Command::new(release.join("groundcrew-bench"));
    call(bench.arg("--binary").arg(release.join("groundcrew")).args(arguments))
}
