//! What `new` makes, in every language and of every kind: built, tested and proven as its author would, with the same
//! scenario and the same calls.
//!
//! `GROUNDCREW_GOLDEN=write` writes the calls of Rust's into the templates. Where a language's toolchain is not there, its
//! test says so.
#![expect(clippy::unwrap_used, reason = "a test may end anywhere")]

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use groundcrew_author::testing::Scratch;
use groundcrew_author::{Kind, Language};
use groundcrew_unchecked::language_not_checked;

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

/// Where nobody listens: whatever wants the network is refused at once.
const NOWHERE: &str = "http://127.0.0.1:9";

#[test]
fn a_rust_project_that_was_built_once_needs_no_network_and_keeps_its_lock_file() {
    let scratch = Scratch::new(Path::new(env!("CARGO_TARGET_TMPDIR")), Language::Rust, Kind::Handler);
    let Some(built) = scratch.build() else { return };
    built.unwrap();
    let lock = || fs::read_to_string(scratch.root.join("Cargo.lock")).unwrap();
    let before = lock();
    scratch.replace("src/lib.rs", "/// The hook. ", "/// The hook, compiled again. ");
    let cut_off = |cargo_home: Option<&Path>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_groundcrew"));
        command.arg("build").current_dir(&scratch.root).env("CARGO_NET_RETRY", "0");
        command.envs(cargo_home.map(|home| ("CARGO_HOME", home)));
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env(name, NOWHERE).env(name.to_lowercase(), NOWHERE);
        }
        let output = command.env_remove("NO_PROXY").env_remove("no_proxy").output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (is_built, said) = cut_off(None);
    assert!(is_built, "{said}");
    let offline = ["build", "--quiet", "--release", "--locked", "--offline", "--target", "wasm32-wasip2"];
    says(&scratch, "cargo", &offline, "rust handler");
    assert_eq!(lock(), before, "the lock file that `new` wrote is complete");
    // It is cut off indeed: where nothing was ever fetched, nothing is built.
    let nothing = tempfile::tempdir().unwrap();
    let (is_built, said) = cut_off(Some(nothing.path()));
    assert!(!is_built && said.contains("cargo refuses the source"), "{said}");
}

/// The failure that docs/authors.md shows is the one that its change leads to in its scenario, and is told in its words.
#[test]
fn what_the_authors_page_shows_of_a_failure_is_so() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/authors.md");
    let page = fs::read_to_string(page).unwrap();
    let shown = |opens: &str| {
        let (_, block) = page.split_once(opens).unwrap_or_else(|| panic!("the page has no\n{opens}"));
        let (block, _) = block.split_once("```\n").unwrap();
        block.to_owned()
    };
    let scratch = Scratch::new(Path::new(env!("CARGO_TARGET_TMPDIR")), Language::Rust, Kind::Provisioner);
    let read = |file: &str| fs::read_to_string(scratch.root.join(file)).unwrap();
    assert_eq!(shown("```toml scenarios/namesake.toml\n"), read("scenarios/namesake.toml"));
    let calls = shown("$ cat scenarios/namesake.calls\n");
    assert!(calls.starts_with(&read("scenarios/namesake.calls")), "{calls}");

    let change = shown("```diff src/lib.rs\n");
    let side = |gone: char| -> String {
        let lines = change.lines().filter(|line| !line.starts_with(gone));
        lines.flat_map(|line| [line.get(1..).unwrap_or_default(), "\n"]).collect()
    };
    scratch.replace("src/lib.rs", &side('+'), &side('-'));
    let Some(built) = scratch.build() else { return };
    built.unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_groundcrew"));
    let output = command.args(["prove", "namesake"]).current_dir(&scratch.root).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success(), "{said}");
    let told = shown("$ groundcrew prove namesake\n...\n");
    let told = told.strip_suffix("...\n").unwrap();
    assert!(said.contains(told), "the page says\n{told}and prove says\n{said}");
}

fn every_kind(language: Language) {
    for kind in Kind::ALL {
        let scratch = Scratch::new(Path::new(env!("CARGO_TARGET_TMPDIR")), language, kind);
        let Some(built) = scratch.build() else { return };
        let what = format!("{} {}", language.word(), kind.word());
        built.unwrap_or_else(|error| panic!("{what}: {error}"));
        natively(&scratch, language, &what);
        if kind == Kind::Handler {
            again_without_network(&scratch, language, &what);
        }
        if language == Language::Rust && env::var_os("GROUNDCREW_GOLDEN").is_some_and(|mode| mode == "write")
        {
            groundcrew(&scratch, &["test", "--update"], &what);
            let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../author/templates/any");
            let to = templates.join(kind.word()).join("scenarios");
            for entry in fs::read_dir(scratch.root.join("scenarios")).unwrap().map(Result::unwrap) {
                if entry.path().extension().is_some_and(|it| it == "calls") {
                    fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
                }
            }
        }
        assert!(groundcrew(&scratch, &["test"], &what).starts_with("ok"), "{what}");
        let proven = groundcrew(&scratch, &["prove", "--pairs", "5"], &what);
        let on = if kind == Kind::Provisioner { "proven on 2 scenarios" } else { "proven on 1 scenario" };
        assert!(proven.trim_end().ends_with(on), "{what}\n{proven}");
    }
}

/// Builds what was built once already, cut off from the network where the machine lets us, else with proxies that lead
/// nowhere.
fn again_without_network(scratch: &Scratch, language: Language, what: &str) {
    let source = match language {
        Language::Rust => "src/lib.rs",
        Language::Go => "hook.go",
        _ => language.known_by(),
    };
    let text = fs::read_to_string(scratch.root.join(source)).unwrap();
    scratch.write(source, &(text + "\n"));
    let cut_off = ["-n", "-rn"].into_iter().find(|how| {
        let tried = Command::new("unshare").args([how, "true"]).output();
        tried.is_ok_and(|tried| tried.status.success())
    });
    let groundcrew = env!("CARGO_BIN_EXE_groundcrew");
    let mut command = match cut_off {
        Some(how) => {
            let mut command = Command::new("unshare");
            command.args([how, groundcrew]);
            command
        }
        None => Command::new(groundcrew),
    };
    command.arg("build").current_dir(&scratch.root);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env(name, NOWHERE).env(name.to_lowercase(), NOWHERE);
    }
    command.envs(scratch.virtual_env().map(|shared| ("VIRTUAL_ENV", shared)));
    let output = command.env_remove("NO_PROXY").env_remove("no_proxy").output().unwrap();
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Runs the project's own tests with the language's own tool, as its README says; they must have found one.
fn natively(scratch: &Scratch, language: Language, what: &str) {
    let (program, arguments, passed): (_, &[_], _) = match language {
        Language::Rust => ("cargo", &["test", "--tests"], " ... ok"),
        Language::Ts | Language::Js => ("npm", &["test"], "fail 0"),
        Language::Python => ("python3", &["-m", "unittest", "discover", "tests"], "Ran 1 test"),
        Language::Go => ("go", &["test", "-v", "./..."], "--- PASS: Test"),
        Language::C => ("make", &["test"], "ok: "),
    };
    let needed = [program].into_iter().chain((language == Language::C).then_some("cc"));
    for needed in needed {
        if Command::new(needed).arg("--help").output().is_err() {
            let what = format!("tests of projects in {}", language.name());
            language_not_checked(&what, &format!("install {needed}"));
            return;
        }
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
