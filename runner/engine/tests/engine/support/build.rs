//! Builds components from source, once, as their authors do.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

use groundcrew_core::hash::Digest;

const PACKAGES: [&str; 12] = [
    "example-bare",
    "example-wasi-http",
    "guest-meddler",
    "example-auditor",
    "example-provisioner",
    "example-handler",
    "guest-unruly",
    "guest-fetches",
    "guest-posted",
    "guest-trap-at-start",
    "guest-loop-at-start",
    "guest-call-at-start",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Where components are built: within cargo's target directory, whose own lock the outer build may hold.
pub(crate) fn target() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    program.ancestors().nth(3).expect("tests lie in target/PROFILE/deps").join("hooks-tests")
}

/// The component of a Rust package of this workspace. Cargo's lock keeps several programs apart.
pub(crate) fn component(package: &str) -> Vec<u8> {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(build);
    let file = format!("wasm32-wasip2/hook/{}.wasm", package.replace('-', "_"));
    std::fs::read(target().join(file)).unwrap()
}

fn build() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root()).args(["build", "--quiet", "--profile", "hook", "--target", "wasm32-wasip2"]);
    cargo.arg("--target-dir").arg(target());
    for package in PACKAGES {
        cargo.args(["-p", package]);
    }
    // Settings of the outer build are not the guests'.
    for name in ["RUSTC_WORKSPACE_WRAPPER", "RUSTC_WRAPPER", "CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS"] {
        cargo.env_remove(name);
    }
    let built = cargo.output().expect("cargo can be started");
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(
        built.status.success(),
        "the guests did not build; is there `rustup target add wasm32-wasip2`?\n{said}"
    );
}

/// The component of a Python hook: `examples/python/FOLDER`, for a world. Built again when its sources change.
pub(crate) fn python_component(folder: &Path, world: &str) -> Vec<u8> {
    static BUILDING: Mutex<()> = Mutex::new(());
    let _building = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    let script = root().join("examples/python/build.sh");
    let sources = [folder, &root().join("sdk/python/groundcrew_hook"), &root().join("wit")];
    let mut contents = vec![std::fs::read(&script).unwrap(), world.as_bytes().to_vec()];
    contents.extend(sources.into_iter().flat_map(files));
    let digest = Digest::of_parts(contents.iter().map(Vec::as_slice)).short();
    let name = folder.file_name().unwrap().to_string_lossy();
    let built = target().join("python").join(format!("{name}-{digest}.wasm"));
    if !built.exists() {
        let fresh = built.with_extension(format!("{}.new", std::process::id()));
        build_python(&script, folder, world, &fresh);
        std::fs::rename(&fresh, &built).unwrap();
    }
    std::fs::read(built).unwrap()
}

fn build_python(script: &Path, folder: &Path, world: &str, output: &Path) {
    let mut bash = Command::new("bash");
    bash.arg(script).arg(folder).arg(world).arg(output);
    bash.env("CARGO_TARGET_DIR", target().parent().unwrap());
    let ran = bash.output().expect("bash can be started");
    let said = String::from_utf8_lossy(&ran.stderr);
    let hint = "this needs python3 with venv and pip, and PyPI the first time: `apt install python3-venv`";
    assert!(ran.status.success(), "{} did not build; {hint}\n{said}", folder.display());
}

/// The contents of a folder's files, by name.
fn files(folder: &Path) -> Vec<Vec<u8>> {
    let listed = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = listed.filter(|path| path.is_file()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// A folder of the Python examples.
pub(crate) fn python_example(name: &str) -> PathBuf {
    root().join("examples/python").join(name)
}
