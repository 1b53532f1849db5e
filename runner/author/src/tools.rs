//! Where the toolchains are, and what is missing of them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where programs are looked for.
#[derive(Clone, Debug, Default)]
pub struct Tools {
    path: Vec<PathBuf>,
    virtual_env: Option<PathBuf>,
    wasi_sdk: Option<PathBuf>,
}

/// Something that is missing, and what would install it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Missing {
    /// What, in a few words.
    pub what: String,
    /// Commands, each of which can be pasted; the first that suits the machine is enough.
    pub installs: Vec<String>,
}

impl Missing {
    pub(crate) fn new(what: impl Into<String>, installs: &[&str]) -> Self {
        Self { what: what.into(), installs: installs.iter().map(|&install| install.to_owned()).collect() }
    }
}

impl Tools {
    /// Reads `PATH`, `VIRTUAL_ENV` and `WASI_SDK_PATH` by a function that knows the environment.
    pub fn new(read: impl Fn(&str) -> Option<String>) -> Self {
        let path = read("PATH").unwrap_or_default();
        Self {
            path: std::env::split_paths(&path).collect(),
            virtual_env: read("VIRTUAL_ENV").map(PathBuf::from),
            wasi_sdk: read("WASI_SDK_PATH").map(PathBuf::from),
        }
    }

    /// The WASI SDK that the environment names.
    pub(crate) fn wasi_sdk(&self) -> Option<&Path> {
        self.wasi_sdk.as_deref()
    }

    /// A program by its name.
    pub(crate) fn find(&self, program: &str) -> Option<PathBuf> {
        self.path.iter().map(|folder| folder.join(program)).find(|path| path.is_file())
    }

    /// A program of the project's virtual environment, of the active one, or of the machine.
    pub(crate) fn find_python(&self, root: &Path, program: &str) -> Option<PathBuf> {
        let environments = [Some(root.join(".venv")), self.virtual_env.clone()];
        let within = environments.into_iter().flatten().map(|folder| folder.join("bin").join(program));
        within.into_iter().find(|path| path.is_file()).or_else(|| self.find(program))
    }
}

/// What a program says when it is asked; nothing if it cannot be asked or fails.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(said)
}
