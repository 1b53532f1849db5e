//! `cargo xtask model`: settling, explored by its model checker, with the states that each world has.

use std::process::Command;

use anyhow::bail;

use crate::setup::call;

/// Explores what every test run does; with `--full` the whole product, which takes a quarter of an hour
/// and up to seven gigabytes.
///
/// Prints how many states of each world were visited, and the story of the first broken promise.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let full = match arguments {
        [] => false,
        [only] if only == "--full" => true,
        other => bail!("`{}` is nothing that `cargo xtask model` knows; it takes `--full`", other.join(" ")),
    };
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--quiet", "--locked", "--workspace", "--test", "model", "--"]);
    // A search of the product takes up to four and a half gigabytes.
    cargo.args(["--nocapture", "--test-threads=2", "keep_every_promise"]);
    if full {
        cargo.env("GROUNDCREW_MODEL_FULL", "1");
    }
    call(&mut cargo)
}
