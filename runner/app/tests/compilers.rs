//! C with the other compilers that `build` knows: zig as PyPI has it, and a WASI SDK that is named. (That of the machine is
//! driven with the templates.)
#![expect(clippy::unwrap_used, reason = "a test may end anywhere")]

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{fs, str};

use groundcrew_author::{Kind, Language, create};
use groundcrew_unchecked::language_not_checked;
use tempfile::TempDir;

/// A project in C, and nothing to build it.
struct Bare {
    root: PathBuf,
    /// A search path on which nothing is.
    nowhere: PathBuf,
    folder: TempDir,
}

impl Bare {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let name = "cdn-zone".parse().unwrap();
        let root = create(folder.path(), &name, Language::C, Kind::Provisioner).unwrap().root;
        let nowhere = folder.path().join("nowhere");
        fs::create_dir(&nowhere).unwrap();
        Self { root, nowhere, folder }
    }

    fn groundcrew(&self, word: &str, environment: &[(&str, &Path)]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_groundcrew"));
        command.arg(word).current_dir(&self.root).env("PATH", &self.nowhere);
        command.env_remove("VIRTUAL_ENV").env_remove("WASI_SDK_PATH");
        command.envs(environment.iter().copied()).output().unwrap()
    }

    /// Builds with a compiler of this name, and plays the scenarios with what came of it.
    fn is_built_with(&self, tool: &str, environment: &[(&str, &Path)]) {
        let built = self.groundcrew("build", environment);
        let (out, err) = (text(&built.stdout), text(&built.stderr));
        assert!(built.status.success(), "{out}\n{err}");
        assert!(err.lines().any(|line| line == format!("building with {tool}")), "{err}");
        assert!(out.contains("provisioner (+inventory)"), "{out}");
        let played = self.groundcrew("test", environment);
        let (out, err) = (text(&played.stdout), text(&played.stderr));
        assert!(played.status.success() && out.starts_with("ok       life  "), "{out}\n{err}");
        assert!(!err.contains("building"), "it is built already: {err}");
    }
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

#[test]
fn zig_from_pypi_builds_what_it_was_installed_for_by_the_very_command_that_is_named() {
    let bare = Bare::new();
    let lacking = bare.groundcrew("build", &[]);
    let said = text(&lacking.stderr);
    assert!(!lacking.status.success() && said.contains("C lacks clang or zig"), "{said}");
    let mut hints = said.lines().filter_map(|line| line.trim().strip_prefix("hint: "));
    let install = hints.find(|hint| hint.contains("ziglang")).unwrap();
    // Kept from test to test: it is half a gigabyte.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("zig");
    let installed = folder.join("installed");
    fs::create_dir_all(&folder).unwrap();
    if fs::read_to_string(&installed).ok().as_deref() != Some(install) {
        let done = Command::new("bash").args(["-c", install]).current_dir(&folder).output();
        if !done.is_ok_and(|done| done.status.success()) {
            return language_not_checked("hooks in C with zig", install);
        }
        fs::write(&installed, install).unwrap();
    }
    bare.is_built_with("zig", &[("VIRTUAL_ENV", &folder.join(".venv"))]);
}

#[test]
fn a_wasi_sdk_that_is_named_builds_and_not_the_clang_beside_it() {
    let bare = Bare::new();
    let (libraries, headers) = (Path::new("/usr/lib/wasm32-wasi"), Path::new("/usr/include/wasm32-wasi"));
    if !libraries.join("crt1-reactor.o").is_file() || !headers.is_dir() {
        return language_not_checked("hooks in C with a WASI SDK", "apt-get install clang lld wasi-libc");
    }
    // Laid out as the WASI SDK is, with what Debian has.
    let sdk = bare.folder.path().join("sdk");
    let sysroot = sdk.join("share/wasi-sysroot");
    for (part, there) in [("lib", libraries), ("include", headers)] {
        fs::create_dir_all(sysroot.join(part)).unwrap();
        symlink(there, sysroot.join(part).join("wasm32-wasi")).unwrap();
    }
    fs::create_dir(sdk.join("bin")).unwrap();
    let clang = sdk.join("bin/clang");
    fs::write(&clang, "#!/bin/sh\necho \"$@\" >> \"$0.log\"\nexec clang \"$@\"\n").unwrap();
    fs::set_permissions(&clang, fs::Permissions::from_mode(0o755)).unwrap();
    let path = Path::new("/usr/local/bin:/usr/bin:/bin");
    bare.is_built_with("clang", &[("WASI_SDK_PATH", &sdk), ("PATH", path)]);
    let log = fs::read_to_string(sdk.join("bin/clang.log")).unwrap();
    let of_sdk = format!("--sysroot={}", sysroot.display());
    assert!(log.lines().count() > 1 && log.lines().all(|line| line.contains(&of_sdk)), "{log}");
}
