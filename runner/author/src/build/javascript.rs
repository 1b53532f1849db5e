//! JavaScript and TypeScript: esbuild makes one module of the sources, componentize-js a component of that.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use groundcrew_engine::inspect::Export;

use super::{Error, Made};
use crate::run::run;
use crate::tools::answer;
use crate::{Kind, Language, Missing, Project, Tools};

/// The oldest Node.js that the pinned packages run on.
const VERSION: (u32, u32) = (20, 19);

/// Over one that is older, as that of Debian 12.
const INSTALL: &str = "npm install --global node@20";

/// What each name that the module exports is.
const NAMES: [(&str, Export); 5] = [
    ("handler", Export::Handler),
    ("provision", Export::Provision),
    ("inventory", Export::Inventory),
    ("audit", Export::Audit),
    ("remedy", Export::Remedy),
];

pub(super) fn build(project: &Project, tools: &Tools, say: &mut dyn FnMut(&str)) -> Result<Made, Error> {
    let node =
        node(project, tools).map_err(|missing| Error::Missing { language: project.language, missing })?;
    let program = || {
        let mut command = Command::new(&node);
        command.current_dir(&project.root);
        command
    };
    if project.language == Language::Ts {
        say("checking types");
        run(
            program().arg("node_modules/typescript/bin/tsc").args(["--noEmit", "--pretty", "false"]),
            "tsc",
            tidy,
        )?;
    }
    let own = project.own();
    let (script, module, output) =
        (own.join("sdk/js/build.mjs"), own.join("bundle.js"), own.join("built.wasm"));
    let mut bundle = program();
    bundle.arg(&script).args(["bundle", project.language.known_by()]).arg(&module);
    let said = run(&mut bundle, "esbuild", tidy)?;
    let world = world(project, &said.out)?;
    say("building with componentize-js; a JavaScript engine is linked, a quarter of a minute is usual");
    let mut componentize = program();
    componentize.arg(&script).arg("componentize").arg(&module).arg(own.join("wit")).arg(world).arg(&output);
    run(&mut componentize, "componentize-js", of_the_module)?;
    let component = std::fs::read(&output).map_err(Error::file(&output))?;
    Ok(Made { tool: "componentize-js", component, exporting })
}

/// The world that has what the module exports, which esbuild says as a list in JSON.
fn world(project: &Project, said: &str) -> Result<&'static str, Error> {
    let kind = project.kind();
    let names: Vec<String> = serde_json::from_str(said.trim()).unwrap_or_default();
    let exports: BTreeSet<_> = NAMES
        .iter()
        .filter(|(name, _)| names.iter().any(|has| has == name))
        .map(|(_, export)| *export)
        .collect();
    if exports.contains(&kind.export()) {
        return Ok(kind.world(&exports));
    }
    let source = project.language.known_by();
    let found = match names.as_slice() {
        [] => format!("{source} exports nothing"),
        names => format!("{source} exports {}", names.join(", ")),
    };
    Err(Error::WrongKind { kind, found, fix: exporting(kind).to_owned() })
}

fn node(project: &Project, tools: &Tools) -> Result<PathBuf, Vec<Missing>> {
    let mut missing = Vec::new();
    let node = tools.find("node");
    match node.as_ref().map(|node| answer(Command::new(node).arg("--version")).unwrap_or_default()) {
        None => {
            let what = format!("node {}.{}", VERSION.0, VERSION.1);
            let apt = format!("apt-get install nodejs npm && {INSTALL}");
            missing.push(Missing::new(what, &[apt.as_str(), "brew install node"]));
        }
        Some(said) if version(&said).is_none_or(|version| version < VERSION) => {
            let what = format!("node {}.{} (this is {said})", VERSION.0, VERSION.1);
            missing.push(Missing::new(what, &[INSTALL, "brew install node"]));
        }
        Some(_) => {}
    }
    let mut packages = vec!["@bytecodealliance/componentize-js", "esbuild", "@groundcrew/hook"];
    if project.language == Language::Ts {
        packages.push("typescript");
    }
    // Through links, so that one which leads nowhere is missing.
    packages
        .retain(|package| !project.root.join("node_modules").join(package).join("package.json").is_file());
    if !packages.is_empty() {
        missing.push(Missing::new(packages.join(", "), &["npm ci --ignore-scripts"]));
    }
    node.filter(|_| missing.is_empty()).ok_or(missing)
}

/// The version in `v20.20.2`.
fn version(said: &str) -> Option<(u32, u32)> {
    let mut parts = said.trim().strip_prefix('v')?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn tidy(said: &str) -> String {
    said.trim().to_owned()
}

/// What componentize-js says of the one module that it was given, which no author has seen under its name.
fn of_the_module(said: &str) -> String {
    let noise = ["Unable to extract expected exports list", "Failed to initialize component (wizer"];
    let lines = said.lines().map(str::trim_end).filter(|line| !noise.iter().any(|it| line.starts_with(it)));
    lines.collect::<Vec<_>>().join("\n").replace("\"source.js\"", "the hook's module").trim().to_owned()
}

fn exporting(kind: Kind) -> &'static str {
    match kind {
        Kind::Handler => "export const handler = hook({ handle(event) { ... } });",
        Kind::Provisioner => {
            "export const provision = hook({ desired(view) { ... }, find(want) { ... }, create(want) { ... }, update(want, now) { ... }, remove(want, now) { ... } });"
        }
        Kind::Auditor => "export const audit = hook({ run(cursor) { ... } });",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_is_named_as_an_author_knows_it() {
        let said = "Unable to extract expected exports list\nError: \"source.js\" does not export a remove function\n   \n";
        assert_eq!(of_the_module(said), "Error: the hook's module does not export a remove function");
    }

    #[test]
    fn node_says_its_version() {
        assert_eq!(version("v20.20.2\n"), Some((20, 20)));
        assert!(version("v18.20.4").is_some_and(|version| version < VERSION));
        assert_eq!(version("node"), None);
    }
}
