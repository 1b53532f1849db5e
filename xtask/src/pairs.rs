//! `cargo xtask pairs`: the crash harness with every second blow after every crash, not a sample of them.

use std::process::Command;

use crate::setup::{self, call};

/// The tests whose scenarios are struck at every point.
const TESTS: [&str; 5] = ["classes", "operators", "reads", "shipped", "shipped_too"];

/// Plays; an argument is the name of a test, such as `shipped`, or a part of a function's, as `cargo test` takes it.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    setup::wasm_target()?;
    let (tests, filters): (Vec<_>, Vec<_>) =
        arguments.iter().map(String::as_str).partition(|argument| TESTS.contains(argument));
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--locked", "--workspace"]);
    for test in if tests.is_empty() { TESTS.to_vec() } else { tests } {
        cargo.args(["--test", test]);
    }
    cargo.args(["--", "--nocapture"]).args(filters);
    call(cargo.env("GROUNDCREW_PAIRS", "all"))
}
