//! Projects for tests, of this crate and of others: made by `create`, with the languages' own packages in place.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Built, Error, Kind, Language, Name, Project, Tools, build, create};

/// What toolchains install and make: kept from test to test, for it takes minutes and megabytes.
const KEPT: [&str; 4] = ["node_modules", ".venv", "target", "Cargo.lock"];

/// A project in a folder of its language; nobody else has it meanwhile.
#[derive(Debug)]
pub struct Scratch {
    /// The project's folder.
    pub root: PathBuf,
    target: PathBuf,
    _alone: MutexGuard<'static, ()>,
}

impl Scratch {
    /// Makes a fresh project below a folder, usually cargo's for temporary files.
    pub fn new(target: &Path, language: Language, kind: Kind) -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let root = target.join("author").join(language.word());
        let fresh = target.join("author/fresh");
        drop(fs::remove_dir_all(&fresh));
        fs::create_dir_all(&fresh).expect("a test's folder can be made");
        fs::create_dir_all(&root).expect("a test's folder can be made");
        let name: Name = "cdn-zone".parse().expect("it is a name");
        let created = create(&fresh, &name, language, kind).expect("the folder is fresh");
        for path in entries(&root).filter(|path| !KEPT.iter().any(|kept| path.ends_with(kept))) {
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.expect("an earlier test's files can be removed");
        }
        for path in entries(&created.root) {
            let file = path.file_name().expect("entries have names");
            fs::rename(&path, root.join(file)).expect("a file can be moved");
        }
        Self { root, target: target.to_owned(), _alone: alone }
    }

    /// Writes one of its files.
    pub fn write(&self, file: &str, text: &str) {
        fs::write(self.root.join(file), text).expect("a test's file can be written");
    }

    /// Changes one of its files; what is replaced must be there.
    pub fn replace(&self, file: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.root.join(file)).expect("the file is there");
        assert!(text.contains(from), "{file} has no `{from}`");
        self.write(file, &text.replace(from, to));
    }

    /// Builds it. What is missing is installed where it goes into the project itself, by the very command that the
    /// error names; if the machine lacks more than that, it says so, and nothing is built.
    pub fn build(&self) -> Option<Result<Built, Error>> {
        let project = Project::find(&self.root).expect("it is a project");
        let tools = Tools::new(|name| self.variable(name));
        let mut result = build(&project, &tools, &mut |_| {});
        if let Err(error @ Error::Missing { .. }) = &result {
            let hints = error.hints();
            if !hints
                .iter()
                .all(|hint| hint.starts_with("npm ci") || hint.starts_with("python3 -m venv .venv"))
            {
                not_checked(project.language, &hints);
                return None;
            }
            for hint in &hints {
                let installed = Command::new("bash").args(["-c", hint]).current_dir(&self.root).output();
                if !installed.is_ok_and(|installed| installed.status.success()) {
                    not_checked(project.language, &hints);
                    return None;
                }
            }
            result = build(&project, &tools, &mut |_| {});
        }
        Some(result)
    }

    /// The virtual environment that it is built with, where that is not its own: the Python examples have it, too.
    pub fn virtual_env(&self) -> Option<PathBuf> {
        let shared = self.target.join("../python");
        shared.join("bin/componentize-py").is_file().then_some(shared)
    }

    #[expect(clippy::disallowed_methods, reason = "tests look for the machine's toolchains")]
    fn variable(&self, name: &str) -> Option<String> {
        match (name, self.virtual_env()) {
            ("VIRTUAL_ENV", Some(shared)) => Some(shared.display().to_string()),
            _ => std::env::var(name).ok(),
        }
    }
}

fn not_checked(language: Language, hints: &[String]) {
    groundcrew_unchecked::language_not_checked(
        &format!("hooks in {}", language.name()),
        &hints.join("; or: "),
    );
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).expect("a test's folder can be listed");
    entries.map(|entry| entry.expect("a test's folder can be listed").path()).collect::<Vec<_>>().into_iter()
}
