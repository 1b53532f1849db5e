//! The WIT package: its reference page, and what earlier versions of it must find again.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod frozen;
mod page;
mod shape;

use std::fs;
use std::path::{Path, PathBuf};

use wit_parser::{PackageId, Resolve};

/// A folder of the repository.
fn repository(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder)
}

/// The package of a folder.
fn package(folder: &Path) -> (Resolve, PackageId) {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(folder).unwrap_or_else(|error| panic!("{error:#}"));
    (resolve, package)
}

/// `cargo xtask docs` writes them.
#[test]
fn the_references_are_as_the_code_says() {
    let update = std::env::var_os("UPDATE_DOCS").is_some_and(|value| !value.is_empty());
    let (resolve, package) = package(&repository("wit"));
    let wit = page::page(&resolve, package);
    for (file, text) in [("wit.md", wit), ("manifest.md", groundcrew_core::manifest::reference())] {
        let path = repository("docs").join(file);
        if update {
            fs::write(&path, &text).unwrap();
        }
        let there = fs::read_to_string(&path).unwrap_or_default();
        assert!(there == text, "run `cargo xtask docs`: {file} differs");
    }
}
