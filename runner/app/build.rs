//! Builds the first-party hooks for `wasm32-wasip2`, so that the binary carries them.
//!
//! They get a target directory of their own within cargo's: the outer build holds the lock of the usual one.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Package and the folder of its manifest.
const HOOKS: [(&str, &str); 15] = [
    ("hook-archive", "archive"),
    ("hook-bucket", "bucket"),
    ("hook-budget", "budget"),
    ("hook-dangling", "dangling"),
    ("hook-dns", "dns"),
    ("hook-fly-cert", "fly-cert"),
    ("hook-fly-ip", "fly-ip"),
    ("hook-idle", "idle"),
    ("hook-notify", "notify"),
    ("hook-fly-addon", "fly-addon"),
    ("hook-fly-postgres", "fly-postgres"),
    ("hook-fly-secret", "fly-secret"),
    ("hook-register", "register"),
    ("hook-orphans", "orphans"),
    ("hook-volume-reaper", "volume-reaper"),
];

fn main() {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let root = Path::new(&here).join("../..");
    for watched in
        ["hooks", "sdk/rust", "sdk/fly", "sdk/zone", "wit", "Cargo.toml", "Cargo.lock", "rust-toolchain.toml"]
    {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let target = out.ancestors().nth(4).expect("OUT_DIR lies deep within the target directory").join("hooks");
    build(&root, &target);
    for (package, name) in HOOKS {
        let file = format!("{}.wasm", package.replace('-', "_"));
        let built = target.join("wasm32-wasip2/hook").join(file);
        std::fs::copy(&built, out.join(format!("{name}.wasm"))).expect("a built hook can be copied");
    }
}

fn build(root: &Path, target: &Path) {
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
    cargo.arg("--target-dir").arg(target);
    for (package, _) in HOOKS {
        cargo.args(["-p", package]);
    }
    // Settings of the outer build are not the hooks'.
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
    if !built.status.success() {
        let text = String::from_utf8_lossy(&built.stderr);
        let hint =
            if text.contains("target may not be installed") || text.contains("can't find crate for `core`") {
                "\ninstall the target with:\n\n    rustup target add wasm32-wasip2\n"
            } else {
                ""
            };
        panic!("the first-party hooks did not build\n{text}{hint}");
    }
}
