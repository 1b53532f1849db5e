//! Builds the guests for `wasm32-wasip2`, as hooks are built that are shipped.
//!
//! It gets a target directory of its own within cargo's: the outer build holds the lock of the usual one.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let root = Path::new(&here).join("../..");
    for watched in [
        "tests/guests/things",
        "tests/guests/wrong",
        "tests/guests/teller",
        "tests/guests/looker",
        "tests/guests/fetches",
        "tests/guests/five",
        "sdk/rust",
        "wit",
        "Cargo.lock",
        "rust-toolchain.toml",
    ] {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let target =
        out.ancestors().nth(4).expect("OUT_DIR lies deep within the target directory").join("hooks-tests");
    // The next version first: what stays in the target directory is the one that other tests use.
    for (guest, features, name) in [
        ("things", "next", "things-next.wasm"),
        ("things", "", "things.wasm"),
        ("wrong", "", "wrong.wasm"),
        ("teller", "", "teller.wasm"),
        ("looker", "", "looker.wasm"),
        ("fetches", "", "fetches.wasm"),
        ("five", "", "five.wasm"),
    ] {
        build(&root, &target, guest, features);
        let built = target.join(format!("wasm32-wasip2/hook/guest_{guest}.wasm"));
        std::fs::copy(&built, out.join(name)).expect("a built guest can be copied");
    }
}

fn build(root: &Path, target: &Path, guest: &str, features: &str) {
    let mut cargo = Command::new(std::env::var_os("CARGO").expect("cargo sets CARGO"));
    cargo.current_dir(root).args([
        "build",
        "--quiet",
        "--locked",
        "--profile",
        "hook",
        "--target",
        "wasm32-wasip2",
    ]);
    cargo.arg("-p").arg(format!("guest-{guest}")).args(["--features", features, "--target-dir"]).arg(target);
    // Settings of the outer build are not the guest's.
    for variable in [
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_WRAPPER",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTFLAGS",
        "CARGO_BUILD_TARGET",
    ] {
        cargo.env_remove(variable);
    }
    let built = cargo.output().expect("cargo can be started");
    assert!(built.status.success(), "a guest did not build\n{}", String::from_utf8_lossy(&built.stderr));
}
