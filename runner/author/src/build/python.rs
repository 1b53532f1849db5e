//! Python: componentize-py, which puts CPython and the project into one component.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use groundcrew_engine::inspect::Export;

use super::{Error, Made};
use crate::run::run;
use crate::tools::answer;
use crate::{Kind, Missing, Project, Tools};

/// The version whose output and messages are known.
const VERSION: &str = "0.25.1";

/// What each class of `hook.py` exports.
const CLASSES: [(&str, Export); 5] = [
    ("Handler", Export::Handler),
    ("Provision", Export::Provision),
    ("Inventory", Export::Inventory),
    ("Audit", Export::Audit),
    ("Remedy", Export::Remedy),
];

pub(super) fn build(project: &Project, tools: &Tools, say: &mut dyn FnMut(&str)) -> Result<Made, Error> {
    let source = project.root.join("hook.py");
    let text = std::fs::read_to_string(&source).map_err(Error::file(&source))?;
    let world = world(project.kind(), &text)?;
    let program = componentize(project, tools)
        .map_err(|missing| Error::Missing { language: project.language, missing })?;
    say("building with componentize-py; the whole of CPython is linked, half a minute is usual");
    let (own, output) = (project.own(), project.own().join("built.wasm"));
    // Typed bindings, for editors: they take a tenth of a second.
    let typed = own.join("bindings");
    // It writes into no folder that is there.
    match std::fs::remove_dir_all(&typed) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Error::file(&typed)(error)),
        _ => {}
    }
    let mut bindings = Command::new(&program);
    bindings.arg("--quiet").arg("-d").arg(own.join("wit")).args(["-w", world]);
    run(bindings.arg("bindings").arg(&typed), "componentize-py", without_backtrace)?;
    let mut command = Command::new(program);
    command.current_dir(&project.root).arg("--quiet").arg("-d").arg(own.join("wit")).args(["-w", world]);
    command
        .args(["componentize", "hook", "-p", ".", "-p"])
        .arg(own.join("sdk/python"))
        .arg("-o")
        .arg(&output);
    run(&mut command, "componentize-py", without_backtrace)?;
    let component = std::fs::read(&output).map_err(Error::file(&output))?;
    Ok(Made { tool: "componentize-py", component, exporting })
}

/// The world that has what the source exports; componentize-py wants a class for each export of the world.
fn world(kind: Kind, text: &str) -> Result<&'static str, Error> {
    let exports: BTreeSet<_> =
        CLASSES.iter().filter(|(class, _)| defines(text, class)).map(|(_, export)| *export).collect();
    if exports.contains(&kind.export()) {
        return Ok(kind.world(&exports));
    }
    let classes: Vec<_> =
        CLASSES.iter().filter(|(_, export)| exports.contains(export)).map(|(class, _)| *class).collect();
    let found = match classes.as_slice() {
        [] => "hook.py has no class of an export".to_owned(),
        classes => format!("hook.py exports {}", classes.join(", ")),
    };
    Err(Error::WrongKind { kind, found, fix: exporting(kind).to_owned() })
}

/// Whether a module has a class of this name at its top, its own or one that it imports.
fn defines(text: &str, class: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.lines().any(|line| {
        let own =
            line.strip_prefix("class ").is_some_and(|rest| rest.split(|c| !is_word(c)).next() == Some(class));
        let imports = line.starts_with("from ") || line.starts_with("import ");
        own || (imports && line.split(|c| !is_word(c)).any(|word| word == class))
    })
}

fn componentize(project: &Project, tools: &Tools) -> Result<PathBuf, Vec<Missing>> {
    let install = "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt";
    if let Some(program) = tools.find_python(&project.root, "componentize-py") {
        let said = answer(Command::new(&program).arg("--version")).unwrap_or_default();
        if said.split_whitespace().any(|word| word == VERSION) {
            return Ok(program);
        }
        let what = format!("componentize-py {VERSION} (this is {said})");
        return Err(vec![Missing::new(what, &[install])]);
    }
    let mut missing = Vec::new();
    if tools.find("python3").is_none() {
        missing
            .push(Missing::new("python3", &["apt-get install python3 python3-venv", "brew install python"]));
    }
    missing.push(Missing::new(format!("componentize-py {VERSION}"), &[install]));
    Err(missing)
}

/// What componentize-py says of the source; its own stack, before and after, helps nobody.
fn without_backtrace(said: &str) -> String {
    let said = said.split("\nStack backtrace:").next().unwrap_or(said);
    let said = said.split_once("AssertionError: ").map_or(said, |(_, said)| said);
    in_project(said.split("\n\n\nCaused by:").next().unwrap_or(said).trim())
}

/// The same with the files' names as the author knows them: componentize-py numbers the folders that it is given.
fn in_project(said: &str) -> String {
    said.replace("File \"/0/", "File \"").replace("File \"/1/", "File \".groundcrew/sdk/python/")
}

fn exporting(kind: Kind) -> &'static str {
    match kind {
        Kind::Handler => "class Handler(exports.Handler):",
        Kind::Provisioner => "class Provision(exports.Provision):",
        Kind::Auditor => "class Audit(exports.Audit):",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_at_the_top_tell_the_world_and_others_do_not() {
        let of = |text| world(Kind::Provisioner, text);
        assert_eq!(of("class Provision(exports.Provision):\n").unwrap(), "provisioner");
        let both = "from listing import Inventory\n\nclass Provision:\n    pass\n";
        assert_eq!(of(both).unwrap(), "provisioner-with-inventory");
        let none = "from wit_world.exports.provision import Spec\nclass Provisions:\n    class Provision:\n";
        assert!(of(none).is_err());
    }

    #[test]
    fn only_what_is_about_the_source_is_shown() {
        let said = "Traceback (most recent call last):\n  File \"x\", line 8\nAssertionError: SyntaxError: expected ':'\n\n\nCaused by:\n    SyntaxError\n\nStack backtrace:\n   0: main\n";
        assert_eq!(without_backtrace(said), "SyntaxError: expected ':'");
    }
}
