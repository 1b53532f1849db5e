//! Rust: cargo, for `wasm32-wasip2`. The linker of that target encodes the component by itself.

use std::path::PathBuf;
use std::process::Command;

use super::{Error, Made};
use crate::run::run;
use crate::tools::answer;
use crate::{Kind, Missing, Project, Tools};

const TARGET: &str = "wasm32-wasip2";

pub(super) fn build(project: &Project, tools: &Tools, say: &mut dyn FnMut(&str)) -> Result<Made, Error> {
    let cargo =
        cargo(project, tools).map_err(|missing| Error::Missing { language: project.language, missing })?;
    say("building with cargo");
    let mut command = Command::new(cargo);
    command.current_dir(&project.root);
    command.args([
        "build",
        "--release",
        "--quiet",
        "--target",
        TARGET,
        "--message-format=json-render-diagnostics",
    ]);
    let said = run(&mut command, "cargo", without_messages)?;
    let warnings = without_messages(&said.err);
    if !warnings.trim().is_empty() {
        say(warnings.trim());
    }
    let built = said.out.lines().filter_map(component_of).next_back();
    let path = built.ok_or_else(|| Error::Refused {
        tool: "cargo",
        said: "it built no component: Cargo.toml needs\n\n[lib]\ncrate-type = [\"cdylib\", \"rlib\"]"
            .to_owned(),
    })?;
    let component = std::fs::read(&path).map_err(Error::file(&path))?;
    Ok(Made { tool: "cargo", component, exporting })
}

/// What the compiler says to people, without what cargo says to programs.
fn without_messages(said: &str) -> String {
    let lines: Vec<_> = said.lines().filter(|line| !line.starts_with("{\"reason\":")).collect();
    lines.join("\n")
}

/// The component that a message of cargo names, of the package itself or of one that it needs.
fn component_of(line: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    let files = message.get("filenames")?.as_array()?.iter().filter_map(|file| file.as_str());
    files.map(PathBuf::from).find(|path| path.extension().is_some_and(|extension| extension == "wasm"))
}

fn cargo(project: &Project, tools: &Tools) -> Result<PathBuf, Vec<Missing>> {
    let (Some(cargo), Some(rustc)) = (tools.find("cargo"), tools.find("rustc")) else {
        let install =
            "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- --target wasm32-wasip2";
        return Err(vec![Missing::new("cargo", &[install])]);
    };
    let mut asked = Command::new(rustc);
    asked.current_dir(&project.root).args(["--print", "target-libdir", "--target", TARGET]);
    let folder = answer(&mut asked);
    if folder.is_some_and(|folder| PathBuf::from(folder).is_dir()) {
        return Ok(cargo);
    }
    Err(vec![Missing::new(format!("the target {TARGET}"), &["rustup target add wasm32-wasip2"])])
}

fn exporting(kind: Kind) -> &'static str {
    match kind {
        Kind::Handler => "groundcrew_hook::export_handler!(YourType);",
        Kind::Provisioner => "groundcrew_hook::export_provisioner!(YourType);",
        Kind::Auditor => "groundcrew_hook::export_auditor!(YourType);",
    }
}
