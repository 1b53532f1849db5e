//! The examples that `new` does not make, in Rust and with nothing of ours: tested and proven by their scenarios, as the
//! others are with the templates.
//!
//! `GROUNDCREW_GOLDEN=write` writes the calls of those that are nobody else's.
#![expect(clippy::unwrap_used, reason = "a test may end anywhere")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use groundcrew_engine::inspect::embed;

/// Folders of `examples/`, and the packages that are in them.
const EXAMPLES: [(&str, &str); 5] = [
    ("rust/provisioner", "example-provisioner"),
    ("rust/handler", "example-handler"),
    ("rust/auditor", "example-auditor"),
    ("plain/bare", "example-bare"),
    ("plain/wasi-http", "example-wasi-http"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Builds all of them as their README says; where they are.
fn built() -> PathBuf {
    // Another target directory than that of the tests, whose lock cargo may hold.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("hooks-tests");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root()).args(["build", "--quiet", "--locked", "--profile", "hook"]);
    cargo.args(["--target", "wasm32-wasip2", "--target-dir"]).arg(&target);
    cargo.args(EXAMPLES.iter().flat_map(|(_, package)| ["-p", package]));
    for name in ["RUSTC_WORKSPACE_WRAPPER", "RUSTC_WRAPPER", "CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS"] {
        cargo.env_remove(name);
    }
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    target.join("wasm32-wasip2/hook")
}

#[test]
fn examples_in_rust_and_with_nothing_of_ours_do_what_their_scenarios_say_and_are_proven() {
    let built = built();
    for (at, package) in EXAMPLES {
        let example = root().join("examples").join(at);
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path();
        let manifest = fs::read_to_string(example.join("hook.toml")).unwrap();
        fs::write(project.join("hook.toml"), &manifest).unwrap();
        // By this it is known to be in Rust; that its component is newer keeps it from being built here.
        fs::write(project.join("Cargo.toml"), "").unwrap();
        fs::create_dir(project.join("scenarios")).unwrap();
        let scenarios = fs::read_dir(example.join("scenarios")).unwrap();
        for file in scenarios.map(|entry| entry.unwrap()) {
            fs::copy(file.path(), project.join("scenarios").join(file.file_name())).unwrap();
        }
        let component = fs::read(built.join(format!("{}.wasm", package.replace('-', "_")))).unwrap();
        let name = manifest.lines().find_map(|line| line.strip_prefix("name")).unwrap();
        let name = name.trim_start_matches([' ', '=']).trim_matches('"');
        fs::write(project.join(format!("{name}.wasm")), embed(&component, &manifest)).unwrap();
        if env::var_os("GROUNDCREW_GOLDEN").is_some_and(|mode| mode == "write") {
            groundcrew(project, &["test", "--update"], at);
            fs::copy(project.join("scenarios/life.calls"), example.join("scenarios/life.calls")).unwrap();
        }
        assert!(groundcrew(project, &["test"], at).starts_with("ok       life  "), "{at}");
        let proven = groundcrew(project, &["prove", "--pairs", "5"], at);
        // All that is there, and there is at least one.
        let count = fs::read_dir(project.join("scenarios")).unwrap().count() / 2;
        let on = if count == 1 { "1 scenario".to_owned() } else { format!("{count} scenarios") };
        assert!(count > 0 && proven.trim_end().ends_with(&format!("proven on {on}")), "{at}\n{proven}");
    }
}

/// What a command that ends well says.
fn groundcrew(project: &Path, arguments: &[&str], what: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_groundcrew"));
    let output = command.args(arguments).current_dir(project).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{what}: {arguments:?}\n{out}\n{err}");
    out.into_owned()
}
