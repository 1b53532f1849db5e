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

#[test]
fn a_syntax_error_in_c_and_a_function_of_another_shape() {
    let scratch = scratch(Language::C, Kind::Handler);
    scratch.replace("hook.c", "const char *server;", "const char *server");
    says(said(&scratch), &["refuses the source", "hook.c:7:", "error: expected ';'"]);
    scratch.write("hook.c", "#include <groundcrew.h>\nint handler_handle(void) { return 0; }\n");
    says(said(&scratch), &["hook.c:2:5: error: conflicting types for 'handler_handle'", "groundcrew.h:"]);
    scratch.write("hook.c", "#include <groundcrew.h>\nhook_failure *handler_handle(const hook_event *event) { return tell(event); }\n");
    says(said(&scratch), &["hook.c:2:", "tell"]);
}

#[test]
fn c_that_lacks_a_function_or_calls_what_is_not_there() {
    let scratch = scratch(Language::C, Kind::Provisioner);
    scratch.replace(
        "hook.c",
        "return hook_is_missing(failure) ? NULL : failure;",
        "return hook_kv_delete(want->key);",
    );
    says(said(&scratch), &["refuses the source", "undefined symbol: hook_kv_delete"]);
    scratch.replace("hook.c", "hook_failure *provision_remove(", "static hook_failure *destroy(");
    says(
        said(&scratch),
        &["refuses the source", "the sources lack provision_remove, which groundcrew.h declares"],
    );
}

#[test]
fn c_that_exports_another_kind_or_nothing() {
    let scratch = scratch(Language::C, Kind::Handler);
    scratch.replace("hook.toml", "on = [", "reports = [\"thing.idle\"]\n# on = [");
    says(
        said(&scratch),
        &[
            "the sources define handler_handle, and hook.toml makes it an auditor: it has findings (`reports`)",
            "hint: hook_failure *audit_run(",
        ],
    );
    scratch.write("hook.c", "int nothing;\n");
    says(said(&scratch), &["the sources define no function of groundcrew.h"]);
}
