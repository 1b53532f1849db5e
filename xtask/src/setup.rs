//! Installs what is missing, with the machine's own package managers, and says so.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};

use crate::toolchains;

/// Programs and files, and the Debian packages that have them.
const PROGRAMS: [(&str, &str); 8] = [
    ("pdns_server", "pdns-server pdns-backend-sqlite3"),
    ("sqlite3", "sqlite3"),
    ("dig", "dnsutils"),
    ("promtool", "prometheus"),
    // What the pages of docs/first-hook have typed.
    ("curl", "curl"),
    // Hooks in C.
    ("clang", "clang"),
    ("wasm-ld", "lld"),
    ("/usr/lib/wasm32-wasi/crt1-reactor.o", "wasi-libc libclang-rt-dev-wasm32"),
];

/// Commands that must succeed, since a program's name alone tells too little, and the Debian packages that have them.
const COMMANDS: [(&[&str], &str); 2] = [
    (&["npm", "--version"], "npm"),
    // Debian keeps apart what a virtual environment begins with.
    (&["python3", "-c", "import ensurepip"], "python3-venv"),
];

/// Installs everything that is missing.
pub(crate) fn run() -> anyhow::Result<()> {
    wasm_target()?;
    programs()?;
    toolchains::install()?;
    prism()?;
    moto()
}

/// Sees to the wasm target of the toolchain in use.
pub(crate) fn wasm_target() -> anyhow::Result<()> {
    let installed = Command::new("rustup").args(["target", "list", "--installed"]).output();
    let has = installed.is_ok_and(|list| String::from_utf8_lossy(&list.stdout).contains("wasm32-wasip2"));
    if has {
        return Ok(());
    }
    say("installing the target wasm32-wasip2");
    call(Command::new("rustup").args(["target", "add", "wasm32-wasip2"]))
}

/// Sees to the servers and tools that tests compare with.
pub(crate) fn programs() -> anyhow::Result<()> {
    let packages = missing(installed, succeeds);
    if packages.is_empty() {
        return Ok(());
    }
    if !installed("apt-get") {
        bail!("these are missing: {}; install them with your package manager", packages.join(" "));
    }
    say(&format!("installing {}", packages.join(" ")));
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
        command
    };
    call(&mut apt(&["update", "-q"]))?;
    let mut install = apt(&["install", "-y", "-q", "--no-install-recommends"]);
    call(install.args(&packages)).context("as root: apt-get install, or install them by hand")
}

/// The packages of what is not there.
fn missing(has: impl Fn(&str) -> bool, succeeds: impl Fn(&[&str]) -> bool) -> Vec<&'static str> {
    let programs = PROGRAMS.iter().filter(|(program, _)| !has(program)).map(|(_, packages)| *packages);
    let commands = COMMANDS.iter().filter(|(command, _)| !succeeds(command)).map(|(_, packages)| *packages);
    programs.chain(commands).flat_map(|packages| packages.split(' ')).collect()
}

fn succeeds(command: &[&str]) -> bool {
    let Some((program, arguments)) = command.split_first() else { return false };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Sees to Prism, which plays the vendor's document to our client; it lands in cargo's target directory.
pub(crate) fn prism() -> anyhow::Result<()> {
    if !installed("npm") {
        say("prism: NOT CHECKED, npm is not installed (on Debian: apt-get install npm)");
        return Ok(());
    }
    let ours = workspace("workspace_root")?.join("tests/e2e/prism");
    let directory = workspace("target_directory")?.join("tmp/prism");
    let lock = |directory: &Path| std::fs::read(directory.join("package-lock.json")).ok();
    // Written by npm when it is done.
    if directory.join("node_modules/.package-lock.json").is_file() && lock(&directory) == lock(&ours) {
        return Ok(());
    }
    say("installing Prism (npm, about 75 MB below the target directory)");
    std::fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
    for file in ["package.json", "package-lock.json"] {
        std::fs::copy(ours.join(file), directory.join(file)).context(file)?;
    }
    let mut npm = Command::new("npm");
    npm.current_dir(&directory).env("PATH", toolchains::path()?).args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]);
    call(npm.stdout(Stdio::null()))
}

/// The version of moto that the bucket hook is tested against.
const MOTO: &str = "moto[s3,server]==5.2.5";

/// Sees to moto, which plays S3 to the bucket hook.
pub(crate) fn moto() -> anyhow::Result<()> {
    let made = from_pip("moto", MOTO, "about 300 MB");
    made.map(drop).or_else(|error| {
        say(&format!("moto: NOT CHECKED, it cannot be installed: {error:#}"));
        Ok(())
    })
}

/// The version of typos that reads the spelling; its package from pip is the program itself.
const TYPOS: &str = "typos==1.52.0";

/// Sees to typos; where the program is.
pub(crate) fn typos() -> anyhow::Result<PathBuf> {
    Ok(from_pip("typos", TYPOS, "about 60 MB")?.join("bin/typos"))
}

/// Sees to a package of pip's in a virtual environment of its own below cargo's target directory; where that is.
fn from_pip(name: &str, package: &str, size: &str) -> anyhow::Result<PathBuf> {
    let directory = workspace("target_directory")?.join("tmp").join(name);
    let stamp = directory.join("groundcrew-installed");
    // Written when pip is done.
    if std::fs::read_to_string(&stamp).is_ok_and(|version| version == package) {
        return Ok(directory);
    }
    say(&format!("installing {name} (pip, {size} below the target directory)"));
    call(Command::new("python3").args(["-m", "venv"]).arg(&directory))
        .context("on Debian: apt-get install python3-venv")?;
    let mut pip = Command::new(directory.join("bin/pip"));
    call(pip.args(["install", "--quiet", "--disable-pip-version-check", package]))?;
    std::fs::write(&stamp, package).with_context(|| stamp.display().to_string())?;
    Ok(directory)
}

/// A directory that cargo's metadata names.
pub(crate) fn workspace(name: &str) -> anyhow::Result<PathBuf> {
    let metadata = metadata()?;
    let directory = metadata[name].as_str().with_context(|| format!("cargo metadata names no {name}"))?;
    Ok(PathBuf::from(directory))
}

/// The names of all integration tests of the workspace.
pub(crate) fn tests() -> anyhow::Result<BTreeSet<String>> {
    let metadata = metadata()?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let targets = packages.flat_map(|package| package["targets"].as_array().into_iter().flatten());
    let tests = targets.filter(|target| target["kind"][0] == "test");
    let names: BTreeSet<_> = tests.filter_map(|target| Some(target["name"].as_str()?.to_owned())).collect();
    ensure!(!names.is_empty(), "cargo metadata names no test");
    Ok(names)
}

/// What cargo says of the workspace.
pub(crate) fn metadata() -> anyhow::Result<serde_json::Value> {
    let output = Command::new("cargo").args(["metadata", "--format-version", "1", "--no-deps"]).output()?;
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Builds a program that only tests use; where it is. It shares what the tests were built from, so that no library is
/// built again for it.
pub(crate) fn built(program: &str) -> anyhow::Result<PathBuf> {
    call(Command::new("cargo").args(["build", "--quiet", "--locked", "--workspace", "--bin", program]))?;
    Ok(workspace("target_directory")?.join("debug").join(program))
}

/// Where servers are that only root has on its path.
pub(crate) const SERVERS: [&str; 2] = ["/usr/local/sbin", "/usr/sbin"];

/// Whether a program is found, also where only root looks.
pub(crate) fn installed(program: &str) -> bool {
    on_path(program) || SERVERS.iter().any(|at| Path::new(at).join(program).is_file())
}

/// Whether a program is found by its name alone, or a file by its whole path.
fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

/// Runs a command and fails with it.
pub(crate) fn call(command: &mut Command) -> anyhow::Result<()> {
    let status =
        command.status().with_context(|| format!("cannot start {}", command.get_program().display()))?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}

/// One line of progress.
#[expect(clippy::print_stderr, reason = "progress is for people, output is for pipes")]
pub(crate) fn say(text: &str) {
    eprintln!("xtask: {text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_has_everything_gets_nothing() {
        assert!(missing(|_| true, |_| true).is_empty());
    }

    #[test]
    fn a_python_without_virtual_environments_and_no_npm_are_seen() {
        let venv = |command: &[&str]| command[0] != "python3";
        assert_eq!(missing(|_| true, venv), ["python3-venv"]);
        assert_eq!(missing(|_| true, |_| false), ["npm", "python3-venv"]);
        assert_eq!(missing(|program| program != "dig", |_| true), ["dnsutils"]);
    }

    #[test]
    fn a_command_that_is_not_there_or_fails_does_not_succeed() {
        assert!(succeeds(&["true"]));
        assert!(!succeeds(&["false"]));
        assert!(!succeeds(&["groundcrew-has-no-such-program"]));
    }
}
