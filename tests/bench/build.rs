//! Builds the guests for `wasm32-wasip2`, as hooks are built that are shipped.
//!
//! They get a target directory of their own within cargo's: the outer build holds the lock of the usual one.

use std::path::{Path, PathBuf};
use std::process::Command;

const GUESTS: [&str; 4] = ["noop", "things", "posted", "exported"];

fn main() {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let root = Path::new(&here).join("../..");
    for guest in GUESTS {
        println!("cargo::rerun-if-changed={}", root.join("tests/guests").join(guest).display());
    }
    for watched in ["sdk/rust", "wit", "Cargo.lock", "rust-toolchain.toml"] {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let target =
        out.ancestors().nth(4).expect("OUT_DIR lies deep within the target directory").join("hooks-tests");
    build(&root, &target);
    for guest in GUESTS {
        let built = target.join(format!("wasm32-wasip2/hook/guest_{guest}.wasm"));
        std::fs::copy(built, out.join(format!("{guest}.wasm"))).expect("a built guest can be copied");
    }
}

fn build(root: &Path, target: &Path) {
    let mut cargo = Command::new(std::env::var_os("CARGO").expect("cargo sets CARGO"));
    cargo.current_dir(root).args(["build", "--quiet", "--locked", "--profile", "hook"]);
    cargo.args(["--target", "wasm32-wasip2", "--target-dir"]).arg(target);
    for guest in GUESTS {
        cargo.arg("-p").arg(format!("guest-{guest}"));
    }
    // Settings of the outer build are not the guests'.
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
    assert!(built.status.success(), "the guests did not build\n{}", String::from_utf8_lossy(&built.stderr));
}
