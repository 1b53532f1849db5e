//! `cargo xtask month`: a month of a fleet in simulated time, drawn from a seed.

use std::process::Command;

use crate::setup::{self, call};

/// Builds and plays; arguments are those of the month: `--apps`, `--days`, `--seed`, `--until`, `--without`.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    setup::wasm_target()?;
    call(Command::new(setup::built("month")?).args(arguments))
}
