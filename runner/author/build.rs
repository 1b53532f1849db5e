//! Puts the templates, the SDKs and the WIT into the crate, as they are in the repository.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// What is unpacked into projects: a folder of the repository and the folder of `.groundcrew/` that it becomes.
const SDKS: [(&str, &str); 7] = [
    ("wit", "wit"),
    ("sdk/rust", "sdk/rust"),
    ("sdk/fly", "sdk/fly"),
    ("sdk/js", "sdk/js"),
    ("sdk/python", "sdk/python"),
    ("sdk/go", "sdk/go"),
    ("sdk/c", "sdk/c"),
];

/// Folders of the SDKs that are of no use to an author, or not ours.
const LEFT_OUT: [&str; 5] = ["tests", "node_modules", "__pycache__", "target", ".venv"];

fn main() {
    let here = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let root = here.join("../..").canonicalize().expect("the crate lies within its repository");
    let mut text = String::from("pub(crate) const TEMPLATES: &[(&str, &str)] = &[\n");
    list(&here.join("templates"), "", &[], &mut text);
    text.push_str("];\npub(crate) const SDKS: &[(&str, &str)] = &[\n");
    for (from, to) in SDKS {
        list(&root.join(from), to, &LEFT_OUT, &mut text);
    }
    text.push_str("];\n");
    let manifest = root.join("Cargo.toml");
    println!("cargo::rerun-if-changed={}", manifest.display());
    let manifest = manifest.to_str().expect("the repository's path is UTF-8");
    writeln!(text, "pub(crate) const WORKSPACE: &str = include_str!({manifest:?});").expect("a String grows");
    std::fs::write(out.join("embedded.rs"), text).expect("OUT_DIR can be written");
}

/// Names the files below a folder, sorted, with where their text is.
fn list(folder: &Path, name: &str, left_out: &[&str], text: &mut String) {
    println!("cargo::rerun-if-changed={}", folder.display());
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.expect("a folder can be listed").path()).collect();
    paths.sort();
    for path in paths {
        let file = path.file_name().and_then(|file| file.to_str()).expect("our names are ASCII");
        let name = if name.is_empty() { file.to_owned() } else { format!("{name}/{file}") };
        if !path.is_dir() {
            let path = path.to_str().expect("the repository's path is UTF-8");
            writeln!(text, "({name:?}, include_str!({path:?})),").expect("a String grows");
        } else if !left_out.contains(&file) {
            list(&path, &name, left_out, text);
        }
    }
}
