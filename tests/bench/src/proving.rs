//! How fast `groundcrew prove` is: the template's provisioner, its own scenarios, one processor.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use groundcrew_author::testing::Scratch;
use groundcrew_author::{Kind, Language};
use serde_json::Value;

/// TypeScript is JavaScript once it is built.
pub(crate) const LANGUAGES: [Language; 3] = [Language::Rust, Language::Js, Language::Python];

/// What one proof came to.
pub(crate) struct Proven {
    /// Points, as `prove` counts them: blows, pairs, faults, outages, ends.
    pub(crate) points: f64,
    /// How often the scenario was played for them.
    pub(crate) plays: f64,
    /// Seconds from the first play to the last.
    pub(crate) seconds: f64,
}

/// Proves what `groundcrew new` makes, as its author would; none where the toolchain is not there.
pub(crate) fn prove(binary: &Path, folder: &Path, language: Language) -> anyhow::Result<Option<Proven>> {
    let scratch = Scratch::new(folder, language, Kind::Provisioner);
    let Some(built) = scratch.build() else { return Ok(None) };
    built.with_context(|| language.name())?;
    // Compiling is no part of it.
    run(binary, &scratch, &["test"])?;
    let said = run(binary, &scratch, &["prove", "--json"])?;
    let proofs: Value = serde_json::from_str(&said).context("what `prove` says is no JSON")?;
    ensure!(proofs["proven"] == true, "the template is not proven: {said}");
    let of = |names: &[&str]| {
        let scenarios = proofs["scenarios"].as_array().into_iter().flatten();
        scenarios.flat_map(|one| names.iter().filter_map(|name| one[*name].as_f64())).sum()
    };
    let seconds = proofs["seconds"].as_f64().context("`prove` says no time")?;
    Ok(Some(Proven {
        points: of(&["points", "pairs", "faults", "outages", "ends"]),
        plays: of(&["plays"]),
        seconds,
    }))
}

/// What a command says that ends well, on one processor.
fn run(binary: &Path, scratch: &Scratch, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", "0"]).arg(binary).args(arguments).current_dir(&scratch.root);
    let output = command.output().context("taskset, which util-linux has")?;
    let (said, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "groundcrew {arguments:?}: {said}{error}");
    Ok(said.into_owned())
}
