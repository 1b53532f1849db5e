//! What `new` makes, in every language and of every kind: built, tested and proven as its author would, with the same
//! scenario and the same calls.
//!
//! `GROUNDCREW_GOLDEN=write` writes the calls of Rust's into the templates. Where a language's toolchain is not there, its
//! test says so.
#![expect(clippy::unwrap_used, reason = "a test may end anywhere")]

use std::env;
use std::path::Path;
use std::process::Command;

use groundcrew_author::testing::Scratch;
use groundcrew_author::{Kind, Language};
use groundcrew_unchecked::not_checked;

#[test]
fn rust() {
    every_kind(Language::Rust);
}

#[test]
fn typescript() {
    every_kind(Language::Ts);
}

#[test]
fn javascript() {
    every_kind(Language::Js);
}

#[test]
fn python() {
    every_kind(Language::Python);
}

#[test]
fn go() {
    every_kind(Language::Go);
}

#[test]
fn c() {
    every_kind(Language::C);
}

fn every_kind(language: Language) {
    for kind in Kind::ALL {
        let scratch = Scratch::new(Path::new(env!("CARGO_TARGET_TMPDIR")), language, kind);
        let Some(built) = scratch.build() else { return };
        let what = format!("{} {}", language.word(), kind.word());
        built.unwrap_or_else(|error| panic!("{what}: {error}"));
        natively(&scratch, language, &what);
        if language == Language::Rust && env::var_os("GROUNDCREW_GOLDEN").is_some_and(|mode| mode == "write")
        {
            groundcrew(&scratch, &["test", "--update"], &what);
            let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../author/templates/any");
            let calls = templates.join(kind.word()).join("scenarios/life.calls");
            std::fs::copy(scratch.root.join("scenarios/life.calls"), calls).unwrap();
        }
        assert!(groundcrew(&scratch, &["test"], &what).starts_with("ok"), "{what}");
        let proven = groundcrew(&scratch, &["prove", "--pairs", "5"], &what);
        assert!(proven.trim_end().ends_with("proven on 1 scenario"), "{what}\n{proven}");
    }
}

/// Runs the project's own tests with the language's own tool, as its README says; they must have found one.
fn natively(scratch: &Scratch, language: Language, what: &str) {
    let (program, arguments, passed): (_, &[_], _) = match language {
        Language::Rust => ("cargo", &["test", "--tests"], " ... ok"),
        Language::Ts | Language::Js => ("npm", &["test"], "fail 0"),
        Language::Python => ("python3", &["-m", "unittest", "discover", "tests"], "Ran 1 test"),
        Language::Go => ("go", &["test", "-v", "./..."], "--- PASS: Test"),
        // What is outside of a component in C is the host alone.
        Language::C => return,
    };
    if Command::new(program).arg("--help").output().is_err() {
        not_checked(&format!("tests of projects in {}", language.name()), &format!("install {program}"));
        return;
    }
    let (out, err) = says(scratch, program, arguments, what);
    // unittest of Python tells on the one what others tell on the other.
    let found = out.contains(passed) || err.contains(passed);
    assert!(found, "{what}: {program} {arguments:?}\n{out}\n{err}");
}

fn groundcrew(scratch: &Scratch, arguments: &[&str], what: &str) -> String {
    says(scratch, env!("CARGO_BIN_EXE_groundcrew"), arguments, what).0
}

/// What a command that ends well says, and what it says beside that.
fn says(scratch: &Scratch, program: &str, arguments: &[&str], what: &str) -> (String, String) {
    let output = Command::new(program).args(arguments).current_dir(&scratch.root).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{what}: {program} {arguments:?}\n{out}\n{err}");
    (out.into_owned(), err.into_owned())
}
