//! The binary and the guest as they are shipped, built once per run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What the tests start.
#[derive(Debug)]
pub(crate) struct Shipped {
    /// `groundcrew`.
    pub(crate) binary: PathBuf,
    /// The guest with one kind of thing per class of creation, and its manifest.
    pub(crate) things: PathBuf,
    pub(crate) manifest: PathBuf,
    /// The guest's next version, which wants `natural/{app}-extra` as well, and one that looks elsewhere.
    pub(crate) next: PathBuf,
    pub(crate) elsewhere: PathBuf,
    /// The auditor that mends, and its manifest.
    pub(crate) reaper: PathBuf,
    pub(crate) reaper_manifest: PathBuf,
    /// The handler that writes five times, and its manifest.
    pub(crate) five: PathBuf,
    pub(crate) five_manifest: PathBuf,
}

/// The repository.
pub(crate) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

impl Shipped {
    /// Those of this checkout. Cargo decides what must be built: after `cargo test --workspace` little or nothing.
    pub(crate) fn get() -> &'static Self {
        static SHIPPED: OnceLock<Shipped> = OnceLock::new();
        SHIPPED.get_or_init(|| {
            let target = target();
            let guests = target.join("hooks-tests");
            cargo(&["-p", "groundcrew", "--target-dir"], &target);
            let packages = ["-p", "guest-things", "-p", "guest-reaper", "-p", "guest-five"];
            let how = ["--profile", "hook", "--target", "wasm32-wasip2", "--target-dir"];
            let built = guests.join("wasm32-wasip2/hook");
            // The versions first: what stays under the guest's own name is the one that other tests use.
            let version = |feature: &str| {
                let packages = ["-p", "guest-things", "--features", feature];
                cargo(&[&packages[..], &how].concat(), &guests);
                let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("things-{feature}.wasm"));
                std::fs::copy(built.join("guest_things.wasm"), &kept).unwrap();
                kept
            };
            let (next, elsewhere) = (version("next"), version("elsewhere"));
            cargo(&[&packages[..], &how].concat(), &guests);
            let manifest = |guest: &str| {
                let file = Path::new(ROOT).join(format!("tests/guests/{guest}/hook.toml"));
                file.canonicalize().unwrap()
            };
            Self {
                binary: target.join("debug/groundcrew"),
                things: built.join("guest_things.wasm"),
                manifest: manifest("things"),
                next,
                elsewhere,
                reaper: built.join("guest_reaper.wasm"),
                reaper_manifest: manifest("reaper"),
                five: built.join("guest_five.wasm"),
                five_manifest: manifest("five"),
            }
        })
    }
}

/// Cargo's target directory: a test's own scratch directory lies right below it.
pub(crate) fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().to_owned()
}

fn cargo(arguments: &[&str], target: &Path) {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(ROOT).args(["build", "--quiet", "--locked"]).args(arguments).arg(target);
    // What is shipped is built without the settings of whoever builds the tests.
    for variable in
        ["RUSTC_WORKSPACE_WRAPPER", "RUSTC_WRAPPER", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"]
    {
        cargo.env_remove(variable);
    }
    let built = cargo.output().unwrap();
    assert!(built.status.success(), "{cargo:?}\n{}", String::from_utf8_lossy(&built.stderr));
}
