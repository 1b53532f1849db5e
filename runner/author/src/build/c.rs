//! C: clang or zig for `wasip1`, and our encoding of what they make.
//!
//! The sources are compiled first: which of the header's functions they define tells the world, and with it the bindings
//! that are linked.

mod compiler;
mod symbols;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use compiler::Compiler;
use groundcrew_engine::inspect::Export;

use super::{Error, Made};
use crate::encode::{Exported, encode};
use crate::run::run;
use crate::{Kind, Project, Tools};

/// The functions of the header that make each export, and the source of the SDK that calls them.
const FUNCTIONS: [(Export, &str, &[&str]); 5] = [
    (Export::Handler, "src/export_handler.c", &["handler_handle"]),
    (
        Export::Provision,
        "src/export_provision.c",
        &["provision_desired", "provision_find", "provision_create", "provision_update", "provision_remove"],
    ),
    (Export::Inventory, "src/export_inventory.c", &["inventory_scan"]),
    (Export::Audit, "src/export_audit.c", &["audit_run"]),
    (Export::Remedy, "src/export_remedy.c", &["remedy_fix"]),
];

/// What every component has of the SDK.
const SDK_SOURCES: [&str; 7] = [
    "src/convert.c",
    "src/host.c",
    "src/json.c",
    "src/lists.c",
    "src/request.c",
    "src/text.c",
    "cjson/cJSON.c",
];

/// Folders that are of tests or of toolchains.
const NOT_SOURCES: [&str; 3] = ["tests", "node_modules", "target"];

/// Errors where C sees a warning and the call would trap.
const SOURCE_FLAGS: [&str; 8] = [
    "-Wall",
    "-Wextra",
    "-Wno-unused-parameter",
    "-Werror=implicit-function-declaration",
    "-Werror=incompatible-pointer-types",
    "-Werror=int-conversion",
    "-Werror=return-type",
    "-c",
];

pub(super) fn build(project: &Project, tools: &Tools, say: &mut dyn FnMut(&str)) -> Result<Made, Error> {
    let compiler = Compiler::find(tools, &project.root)
        .map_err(|missing| Error::Missing { language: project.language, missing: vec![missing] })?;
    say(&format!("building with {}", compiler.tool));
    let objects = compile(project, &compiler, say)?;
    let exports = exports(project, &compiler, &objects)?;
    let output = link(project, &compiler, &objects, &exports)?;
    let module = fs::read(&output).map_err(Error::file(&output))?;
    let refused = |said| Error::Refused { tool: compiler.tool, said };
    let exported = Exported::of(&module).map_err(refused)?;
    let component =
        encode(&module, project.kind(), &exported, &project.own().join("wit")).map_err(refused)?;
    Ok(Made { tool: compiler.tool, component, exporting })
}

/// Compiles every source of the project by itself.
fn compile(project: &Project, compiler: &Compiler, say: &mut dyn FnMut(&str)) -> Result<Vec<PathBuf>, Error> {
    let folder = project.own().join("objects");
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
    let mut objects = Vec::new();
    for source in sources(&project.root) {
        // The linker names objects, and authors know their sources.
        let object = folder.join(source.with_extension("c.o"));
        if let Some(folder) = object.parent() {
            fs::create_dir_all(folder).map_err(Error::file(folder))?;
        }
        let mut command = command(project, compiler);
        command.args(SOURCE_FLAGS).arg("-I.groundcrew/sdk/c");
        let said = run(command.arg(&source).arg("-o").arg(&object), compiler.tool, str::to_owned)?;
        if !said.err.trim().is_empty() {
            say(said.err.trim());
        }
        objects.push(object);
    }
    Ok(objects)
}

/// What the objects define, if it is all that the project's kind needs and nothing of another.
fn exports(project: &Project, compiler: &Compiler, objects: &[PathBuf]) -> Result<BTreeSet<Export>, Error> {
    let kind = project.kind();
    let refused = |said| Error::Refused { tool: compiler.tool, said };
    let mut defined = BTreeSet::new();
    for object in objects {
        let bytes = fs::read(object).map_err(Error::file(object))?;
        defined.extend(symbols::defined(&bytes).map_err(refused)?);
    }
    let of = |functions: &[&'static str]| -> Vec<&'static str> {
        functions.iter().filter(|function| defined.contains(**function)).copied().collect()
    };
    let found: Vec<_> =
        FUNCTIONS.iter().map(|(export, _, functions)| (*export, *functions, of(functions))).collect();
    let stray =
        found.iter().any(|(export, _, has)| !has.is_empty() && kind.may_export().all(|may| may != *export));
    if stray || found.iter().any(|(export, _, has)| *export == kind.export() && has.is_empty()) {
        let names: Vec<_> = found.iter().flat_map(|(_, _, has)| has.iter().copied()).collect();
        let found = match names.as_slice() {
            [] => "the sources define no function of groundcrew.h".to_owned(),
            names => format!("the sources define {}", names.join(", ")),
        };
        return Err(Error::WrongKind { kind, found, fix: exporting(kind).to_owned() });
    }
    for (_, functions, has) in &found {
        if let (false, Some(lacks)) = (has.is_empty(), functions.iter().find(|name| !has.contains(name))) {
            return Err(refused(format!("the sources lack {lacks}, which groundcrew.h declares")));
        }
    }
    Ok(found.iter().filter(|(_, _, has)| !has.is_empty()).map(|(export, ..)| *export).collect())
}

/// Links the objects with the SDK, and with the bindings of the world that they make.
fn link(
    project: &Project,
    compiler: &Compiler,
    objects: &[PathBuf],
    exports: &BTreeSet<Export>,
) -> Result<PathBuf, Error> {
    let world = project.kind().world(exports);
    let (sdk, output) = (Path::new(".groundcrew/sdk/c"), project.own().join("built.core.wasm"));
    let mut command = command(project, compiler);
    // What is said about them is of no use to an author.
    command.arg("-w").arg("-I").arg(sdk).arg("-I").arg(sdk.join("bindings").join(world));
    // One MiB of stack, below everything else: what overflows it traps, and overwrites nothing.
    command.args(["-mexec-model=reactor", "-s", "-Wl,-z,stack-size=1048576"]);
    command.args(compiler.link_flags).args(objects);
    command.args(SDK_SOURCES.map(|source| sdk.join(source)));
    command.arg(sdk.join("bindings").join(world).join("wit.c"));
    let called = FUNCTIONS.iter().filter(|(export, ..)| exports.contains(export));
    command.args(called.map(|(_, source, _)| sdk.join(source)));
    if !exports.contains(&Export::Provision) {
        command.arg(sdk.join("src/reach.c"));
    }
    run(command.arg("-o").arg(&output), compiler.tool, only_what_is_wrong)?;
    Ok(output)
}

fn command(project: &Project, compiler: &Compiler) -> Command {
    let mut command = Command::new(&compiler.program);
    command.current_dir(&project.root).args(&compiler.arguments).args(["-std=gnu11", "-Os"]);
    command
}

/// The sources below a folder, as paths within it, sorted.
fn sources(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder)).into_iter().flatten().flatten() {
            let (path, name) = (folder.join(entry.file_name()), entry.file_name());
            let name = name.to_string_lossy();
            // Links to folders are not followed: they may lead back.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if !name.starts_with('.') && !NOT_SOURCES.contains(&&*name) {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "c") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// What the linker says, without the compiler's word that it failed.
fn only_what_is_wrong(said: &str) -> String {
    let lines: Vec<_> = said.lines().filter(|line| !line.contains("linker command failed")).collect();
    lines.join("\n")
}

fn exporting(kind: Kind) -> &'static str {
    match kind {
        Kind::Handler => "hook_failure *handler_handle(const hook_event *event) { ... }",
        Kind::Provisioner => {
            "hook_failure *provision_desired(const hook_view *view, hook_specs *specs) { ... }, and provision_find, _create, _update, _remove"
        }
        Kind::Auditor => "hook_failure *audit_run(const char *cursor, hook_findings *page) { ... }",
    }
}
