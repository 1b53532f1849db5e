//! What toolchains refuse, as an author reads it: what is wrong, where in the author's own file, what to do.
//!
//! `GROUNDCREW_GOLDEN=write` writes what is said into `golden/refused`. Versions are masked, and of C, whose compilers show
//! sources each in its own way, only what is said of them is kept. Where a toolchain is not there, the test says so.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::error::Error as _;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use groundcrew_author::testing::Scratch;
use groundcrew_author::{Kind, Language};

/// One mistake: the golden file, the kind of project, and what its author did to it.
type Mistake = (&'static str, Kind, fn(&Scratch));

#[test]
fn rust() {
    every(
        Language::Rust,
        &[
            ("syntax", Kind::Handler, |it| {
                it.replace("src/lib.rs", "fn handle(event: &Event)", "fn handle(event: &Event");
            }),
            ("lacks-a-function", Kind::Provisioner, |it| {
                it.replace("src/lib.rs", "fn remove(", "fn destroy(");
            }),
            ("another-kind", Kind::Handler, says_that_it_audits),
            ("exports-nothing", Kind::Handler, |it| {
                it.replace("src/lib.rs", "groundcrew_hook::export_handler!(Hook);", "");
            }),
            ("remembers", Kind::Provisioner, |it| {
                it.replace(
                    "src/lib.rs",
                    "        Ok(None)\n",
                    "        groundcrew_hook::kv::forget(&now.id)?;\n        Ok(None)\n",
                );
            }),
        ],
    );
}

#[test]
fn typescript() {
    every(
        Language::Ts,
        &[
            ("syntax", Kind::Handler, |it| it.write("hook.ts", "export const handler = {;\n")),
            ("lacks-a-function", Kind::Provisioner, |it| {
                it.replace("hook.ts", "  remove(_want, now) {", "  destroy(_want, now) {");
            }),
            ("another-kind", Kind::Handler, says_that_it_audits),
            ("exports-nothing", Kind::Handler, |it| it.write("hook.ts", "console.log(1);\n")),
            ("remembers", Kind::Provisioner, |it| remembers(it, "hook.ts")),
        ],
    );
}

#[test]
fn javascript() {
    every(
        Language::Js,
        &[
            ("syntax", Kind::Handler, |it| it.write("hook.js", "export const handler = {;\n")),
            ("lacks-a-function", Kind::Provisioner, |it| {
                it.replace("hook.js", "  remove(_want, now) {", "  destroy(_want, now) {");
            }),
            ("another-kind", Kind::Handler, says_that_it_audits),
            ("exports-nothing", Kind::Handler, |it| it.write("hook.js", "console.log(1);\n")),
            ("remembers", Kind::Provisioner, |it| remembers(it, "hook.js")),
        ],
    );
}

#[test]
fn python() {
    every(
        Language::Python,
        &[
            ("syntax", Kind::Handler, |it| {
                it.replace("hook.py", "def handle(self, event):", "def handle(self, event)");
            }),
            ("lacks-a-function", Kind::Provisioner, |it| {
                it.replace("hook.py", "def remove(", "def destroy(");
            }),
            ("another-kind", Kind::Handler, says_that_it_audits),
            ("exports-nothing", Kind::Handler, |it| it.write("hook.py", "print('hello')\n")),
            ("remembers", Kind::Provisioner, |it| {
                it.replace(
                    "hook.py",
                    "from wit_world import exports\n",
                    "from wit_world import exports\nfrom wit_world.imports import kv\n",
                );
            }),
            ("imports-what-is-not-there", Kind::Handler, |it| {
                it.replace(
                    "hook.py",
                    "from wit_world import exports",
                    "import no_such_package\nfrom wit_world import exports",
                );
            }),
        ],
    );
}

#[test]
fn go() {
    every(
        Language::Go,
        &[
            ("syntax", Kind::Handler, |it| it.write("hook.go", "package main\n\nfunc main( {}\n")),
            ("lacks-a-function", Kind::Handler, |it| {
                it.replace("hook.go", "Handle(event handler.Event)", "Tell(event handler.Event)");
            }),
            ("another-kind", Kind::Handler, says_that_it_audits),
            ("exports-nothing", Kind::Handler, |it| it.write("hook.go", "package main\n\nfunc main() {}\n")),
            ("remembers", Kind::Provisioner, |it| {
                it.replace("hook.go", "import (\n", "import (\n\t\"groundcrew.dev/hook/kv\"\n");
                it.replace(
                    "hook.go",
                    "\tif errors.Is(err, hook.ErrNotFound) {",
                    "\tif err == nil {\n\t\terr = kv.Delete(now.ID)\n\t}\n\tif errors.Is(err, hook.ErrNotFound) {",
                );
            }),
        ],
    );
}

#[test]
fn c() {
    every(
        Language::C,
        &[
            ("syntax", Kind::Handler, |it| it.replace("hook.c", "const char *server;", "const char *server")),
            ("lacks-a-function", Kind::Provisioner, |it| {
                it.replace("hook.c", "hook_failure *provision_remove(", "hook_failure *destroy(");
            }),
            ("another-kind", Kind::Handler, says_that_it_audits),
            ("exports-nothing", Kind::Handler, |it| it.write("hook.c", "int nothing;\n")),
            ("another-shape", Kind::Handler, |it| {
                it.write("hook.c", "#include <groundcrew.h>\nint handler_handle(void) { return 0; }\n");
            }),
            ("remembers", Kind::Provisioner, |it| {
                it.replace(
                    "hook.c",
                    "return hook_is_missing(failure) ? NULL : failure;",
                    "return hook_kv_delete(want->key);",
                );
            }),
        ],
    );
}

#[test]
fn c_that_calls_what_nobody_declares_is_no_warning() {
    let scratch = Scratch::new(Path::new(env!("CARGO_TARGET_TMPDIR")), Language::C, Kind::Handler);
    scratch.write(
        "hook.c",
        "#include <groundcrew.h>\nhook_failure *handler_handle(const hook_event *event) { return tell(event); }\n",
    );
    // Each version of clang says it otherwise.
    let Some(said) = said(&scratch, Language::C) else { return };
    assert!(said.contains("hook.c:2:64: error: ") && said.contains("'tell'"), "{said}");
}

/// What provisioners have no import for: they hold nothing.
fn remembers(scratch: &Scratch, file: &str) {
    scratch.replace(
        file,
        "import { config,",
        "import * as kv from \"groundcrew:hook/kv@0.1.0\";\nimport { config,",
    );
    scratch.replace(file, "    return undefined;\n", "    kv.delete(now.id);\n    return undefined;\n");
}

fn says_that_it_audits(scratch: &Scratch) {
    scratch.replace("hook.toml", "on = [", "reports = [\"thing.idle\"]\n# on = [");
}

/// Makes every mistake, and compares what is said of it.
fn every(language: Language, mistakes: &[Mistake]) {
    let mut different = Vec::new();
    for (name, kind, makes) in mistakes {
        let scratch = Scratch::new(Path::new(env!("CARGO_TARGET_TMPDIR")), language, *kind);
        makes(&scratch);
        let Some(said) = said(&scratch, language) else { return };
        assert!(!said.contains("backtrace") && !said.contains("node_modules/"), "{said}");
        let path = golden(language, name);
        if std::env::var_os("GROUNDCREW_GOLDEN").is_some_and(|mode| mode == "write") {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &said).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if said != expected {
            different.push(format!("{}\n--- expected\n{expected}--- said\n{said}", path.display()));
        }
    }
    assert!(different.is_empty(), "GROUNDCREW_GOLDEN=write writes them\n{}", different.join("\n"));
}

fn golden(language: Language, name: &str) -> PathBuf {
    let file = format!("tests/golden/refused/{}-{name}.txt", language.word());
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

/// What an author reads when it is refused, without the folder; none where the toolchain is not there.
fn said(scratch: &Scratch, language: Language) -> Option<String> {
    let error = scratch.build()?.expect_err("it is refused");
    let mut told = error.to_string();
    if language == Language::C {
        told = of_any_compiler(&told);
    }
    let mut text = format!("error: {}\n", told.trim_end());
    let mut cause = error.source();
    while let Some(because) = cause {
        writeln!(text, "  because: {because}").unwrap();
        cause = because.source();
    }
    for hint in error.hints() {
        writeln!(text, "  hint: {hint}").unwrap();
    }
    Some(unversioned(&text.replace(&scratch.root.display().to_string(), ".")))
}

/// Without the compiler's name, the lines of the source, and how many errors there were.
fn of_any_compiler(said: &str) -> String {
    let (first, rest) = said.split_once('\n').unwrap_or((said, ""));
    let first = first.split_once(" refuses the source").map_or(first, |_| "the compiler refuses the source");
    let is_told = |line: &&str| [": error: ", ": note: "].iter().any(|word| line.contains(word));
    // What we say ourselves has no such word.
    let is_ours = !rest.lines().any(|line| is_told(&line));
    let lines = rest.lines().filter(|line| is_ours || line.is_empty() || is_told(line));
    let lines = lines.map(|line| match line.split_once(": ") {
        Some((linker, rest)) if linker.starts_with("wasm-ld") => format!("wasm-ld: {rest}"),
        _ => line.to_owned(),
    });
    std::iter::once(first.to_owned()).chain(lines).collect::<Vec<_>>().join("\n")
}

/// Versions, such as `0.1.0`, as `[version]`.
fn unversioned(text: &str) -> String {
    let mut masked = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let run = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (taken, after) = rest.split_at(run.max(c.len_utf8()));
        let parts: Vec<_> = taken.split('.').collect();
        let is_version = parts.len() == 3 && parts.iter().all(|part| !part.is_empty()) && run > 0;
        masked.push_str(if is_version { "[version]" } else { taken });
        rest = after;
    }
    masked
}

#[test]
fn versions_and_compilers_mean_nothing_and_all_else_does() {
    assert_eq!(unversioned("hook/audit@0.1.0, 12.30.4"), "hook/audit@[version], [version]");
    assert_eq!(unversioned("hook.c:7:21 ... 1.5 é"), "hook.c:7:21 ... 1.5 é");
    let old = "clang refuses the source\n\nhook.c:1:2: error: no\n  int x\n      ^\n1 error generated.";
    let new =
        "zig refuses the source\n\nhook.c:1:2: error: no\n    1 | int x\n      |     ^\n2 errors generated.";
    assert_eq!(of_any_compiler(old), of_any_compiler(new));
    assert_eq!(of_any_compiler(old), "the compiler refuses the source\n\nhook.c:1:2: error: no");
    assert_ne!(of_any_compiler(old), of_any_compiler(&old.replace("no", "yes")));
}
