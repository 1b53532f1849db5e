//! Whether a project's sources changed, for `groundcrew build --watch` and for whoever builds only what is old.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Folders that toolchains write, and scenarios, which no component is made of; at any depth.
const NOT_SOURCES: [&str; 8] =
    ["scenarios", ".git", ".groundcrew", ".venv", "node_modules", "target", "__pycache__", ".pytest_cache"];

/// A look at a project's sources: every file with its time and length. Equal looks mean that nothing changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources(BTreeMap<PathBuf, (Option<SystemTime>, u64)>);

impl Sources {
    /// Looks at everything below a folder but what builds write; what vanishes meanwhile is not there.
    pub fn look(root: &Path) -> Self {
        let mut found = BTreeMap::new();
        look(root, &mut found);
        Self(found)
    }

    /// Every file with when it was written, if that is known, and its length in bytes; sorted.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&Path, (Option<SystemTime>, u64))> {
        self.0.iter().map(|(path, file)| (path.as_path(), *file))
    }

    /// When one of them was last written.
    pub(crate) fn newest(&self) -> Option<SystemTime> {
        self.0.values().filter_map(|(written, _)| *written).max()
    }
}

fn look(folder: &Path, found: &mut BTreeMap<PathBuf, (Option<SystemTime>, u64)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            if !NOT_SOURCES.iter().any(|left_out| name == *left_out) {
                look(&path, found);
            }
        } else if path.extension().is_none_or(|extension| extension != "wasm") {
            found.insert(path, (metadata.modified().ok(), metadata.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_a_source_shows_and_one_of_a_build_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        fs::create_dir_all(folder.path().join("src/target")).unwrap();
        write("src/hook.py", "1");
        let before = Sources::look(folder.path());
        write("hook.wasm", "x");
        write("src/target/o", "x");
        assert_eq!(Sources::look(folder.path()), before);
        write("src/hook.py", "12");
        assert_ne!(Sources::look(folder.path()), before);
    }
}
