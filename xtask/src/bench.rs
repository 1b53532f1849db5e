//! `cargo xtask bench`: builds the binary as it is shipped, and lets `tests/bench` measure it.

use std::path::{Path, PathBuf};
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
    let target = setup::workspace("target_directory")?;
    let release = target.join("release");
    let mut bench = Command::new(release.join("groundcrew-bench"));
    bench.arg("--binary").arg(release.join("groundcrew"));
    if arguments.iter().any(|word| word == "--all" || word.starts_with("reconcile.stale")) {
        bench.arg("--python").arg(python(&target)?);
    }
    if arguments
        .iter()
        .any(|word| word == "--all" || word.starts_with("language") || word.starts_with("prove"))
    {
        bench.arg("--hooks").arg(target.join("tmp"));
    }
    call(bench.args(arguments))
}

/// The bench's hook in Python, built as a user builds one.
fn python(target: &Path) -> anyhow::Result<PathBuf> {
    say("building a hook in Python");
    let root = setup::workspace("workspace_root")?;
    let component = target.join("python/bench.wasm");
    let mut build = Command::new("bash");
    build.arg(root.join("examples/python/build.sh")).arg(root.join("tests/bench/python"));
    call(build.arg("provisioner").arg(&component).env("CARGO_TARGET_DIR", target))?;
    Ok(component)
}
