//! What toolchains refuse, as an author reads it. Where a toolchain is not there, the test says so.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use groundcrew_author::testing::Scratch;
use groundcrew_author::{Kind, Language};

fn scratch(language: Language, kind: Kind) -> Scratch {
    Scratch::new(Path::new(env!("CARGO_TARGET_TMPDIR")), language, kind)
}

/// What an author reads when it is refused, without the folder; none where the toolchain is not there.
fn said(scratch: &Scratch) -> Option<String> {
    let error = scratch.build()?.unwrap_err();
    let lines: Vec<_> = std::iter::once(error.to_string())
        .chain(error.hints().iter().map(|hint| format!("  hint: {hint}")))
        .collect();
    Some(lines.join("\n").replace(&scratch.root.display().to_string(), "."))
}

/// Asserts that parts of a text are there, in this order.
fn says(said: Option<String>, parts: &[&str]) {
    let Some(said) = said else { return };
    let mut rest = said.as_str();
    for part in parts {
        let at = rest.find(part).unwrap_or_else(|| panic!("no `{part}` in\n{said}"));
        rest = &rest[at + part.len()..];
    }
    assert!(!said.contains("backtrace") && !said.contains("node_modules/"), "{said}");
}

#[test]
fn a_syntax_error_in_rust() {
    let scratch = scratch(Language::Rust, Kind::Handler);
    scratch.replace("src/lib.rs", "fn handle(event: &Event)", "fn handle(event: &Event");
    says(said(&scratch), &["cargo refuses the source", "src/lib.rs:18:14", "unclosed delimiter"]);
}

#[test]
fn rust_that_exports_another_kind() {
    let scratch = scratch(Language::Rust, Kind::Handler);
    scratch.replace("hook.toml", "on = [", "reports = [\"thing.idle\"]\n# on = [");
    says(
        said(&scratch),
        &[
            "the component exports groundcrew:hook/handler, and hook.toml makes it an auditor",
            "hint: groundcrew_hook::export_auditor!(YourType);",
        ],
    );
}

#[test]
fn a_syntax_error_in_python() {
    let scratch = scratch(Language::Python, Kind::Handler);
    scratch.replace("hook.py", "def handle(self, event):", "def handle(self, event)");
    says(
        said(&scratch),
        &["componentize-py refuses the source", "hook.py\", line 10", "SyntaxError: expected ':'"],
    );
}

#[test]
fn python_that_lacks_a_function() {
    let scratch = scratch(Language::Python, Kind::Provisioner);
    scratch.replace("hook.py", "def remove(", "def destroy(");
    says(said(&scratch), &["componentize-py refuses the source", "TypeError: class Provision lacks remove"]);
}

#[test]
fn python_that_exports_another_kind_or_nothing() {
    let scratch = scratch(Language::Python, Kind::Handler);
    scratch.replace("hook.toml", "on = [", "reports = [\"thing.idle\"]\n# on = [");
    says(
        said(&scratch),
        &[
            "hook.py exports Handler, and hook.toml makes it an auditor: it has findings (`reports`)",
            "hint: class Audit(exports.Audit):",
        ],
    );
    scratch.write("hook.py", "print('hello')\n");
    says(said(&scratch), &["hook.py has no class of an export"]);
}

#[test]
fn a_wrong_type_and_a_syntax_error_in_typescript() {
    let scratch = scratch(Language::Ts, Kind::Provisioner);
    scratch.replace("hook.ts", "  remove(_want, now) {", "  destroy(_want, now) {");
    says(said(&scratch), &["tsc refuses the source", "hook.ts(", "error TS", "destroy"]);
    scratch.write("hook.ts", "export const handler = {;\n");
    says(said(&scratch), &["tsc refuses the source", "hook.ts(1,25): error TS"]);
}

#[test]
fn javascript_that_lacks_a_function_or_exports_another_kind() {
    let scratch = scratch(Language::Js, Kind::Provisioner);
    scratch.replace("hook.js", "  remove(_want, now) {", "  destroy(_want, now) {");
    says(said(&scratch), &["componentize-js refuses the source", "provision", "remove"]);
    scratch.write("hook.js", "export const handler = {;\n");
    says(said(&scratch), &["esbuild refuses the source", "[ERROR] Expected identifier", "hook.js:1:24"]);
    scratch.write("hook.js", "export const handler = {};\n");
    says(
        said(&scratch),
        &["hook.js exports handler, and hook.toml makes it a provisioner", "hint: export const provision"],
    );
}

#[test]
fn a_syntax_error_in_go_and_go_that_exports_another_kind_or_lacks_a_function() {
    let scratch = scratch(Language::Go, Kind::Handler);
    scratch.replace("hook.toml", "on = [", "reports = [\"thing.idle\"]\n# on = [");
    says(
        said(&scratch),
        &[
            "the package exports groundcrew:hook/handler, and hook.toml makes it an auditor",
            "hint: func init() { audit.Export",
        ],
    );
    scratch.replace("hook.go", "Handle(event handler.Event)", "Tell(event handler.Event)");
    says(
        said(&scratch),
        &["go refuses the source", "hook.go:", "tell does not implement", "missing method Handle"],
    );
    scratch.write("hook.go", "package main\n\nfunc main( {}\n");
    says(said(&scratch), &["go refuses the source", "hook.go:3:12: syntax error"]);
}
