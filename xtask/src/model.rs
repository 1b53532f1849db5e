//! `cargo xtask model`: settling, explored with more trouble at once than the tests' minute and a half allows.

use std::process::Command;

use crate::setup::call;

/// Explores; prints how many states of each world were visited, and the story of the first broken promise.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.args([
        "test",
        "--quiet",
        "--locked",
        "--workspace",
        "--test",
        "model",
        "--",
        "--nocapture",
        "keep_every_promise",
    ]);
    call(cargo.env("GROUNDCREW_MODEL_LARGE", "1"))
}
