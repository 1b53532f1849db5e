//! `cargo xtask pairs`: the crash harness with every second blow after every crash, not a sample of them.

use std::process::Command;

use crate::setup::{self, call};

/// The tests whose scenarios are struck at every point.
const TESTS: [&str; 6] = ["classes", "operators", "reads", "shipped", "shipped_too", "twins"];

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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_test_whose_scenarios_are_struck_at_every_point_is_played() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/harness/tests");
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let struck = files
            .filter(|path| path.is_file() && fs::read_to_string(path).unwrap().contains("points::tried("));
        let mut struck: Vec<_> =
            struck.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
        struck.sort();
        assert_eq!(struck, TESTS);
    }
}
