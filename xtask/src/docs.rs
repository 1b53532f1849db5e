//! Writes the pages that are made from the code; a test compares them.

use std::process::Command;

use anyhow::ensure;

/// Writes `docs/configuration.md` and `docs/groundcrew.schema.json`.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "-q", "-p", "groundcrew", "--test", "config", "docs_are_as_the_code_says"]);
    let status = cargo.env("UPDATE_DOCS", "1").status()?;
    ensure!(status.success(), "the pages could not be written");
    println!("wrote docs/configuration.md and docs/groundcrew.schema.json");
    Ok(())
}
