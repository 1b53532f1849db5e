//! Every `hook.toml` of the project is a manifest, and asks for what its schema can fill in.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

use groundcrew_core::manifest::Manifest;

/// All manifests below a folder of the project, two levels deep.
fn manifests(folder: &str, depth: usize) -> Vec<PathBuf> {
    fn walk(folder: &Path, depth: usize, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && depth > 0 {
                walk(&path, depth - 1, into);
            } else if path.ends_with("hook.toml") {
                into.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").join(folder), depth, &mut found);
    found
}

#[test]
fn every_manifest_is_one() {
    let all = [manifests("hooks", 1), manifests("examples", 2), manifests("tests/guests", 1)].concat();
    assert!(all.len() >= 12, "{all:?}");
    for path in all {
        let manifest = Manifest::parse(&fs::read_to_string(&path).unwrap());
        let manifest = manifest.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let schema = manifest.config.as_ref();
        let known = |field: &str| schema.is_some_and(|schema| schema["properties"].get(field).is_some());
        for ask in manifest.asks.allow.iter().chain(&manifest.asks.secrets) {
            for rest in ask.split("{config.").skip(1) {
                let field = rest.split('}').next().unwrap();
                assert!(known(field), "{}: `{ask}` names no field of the schema", path.display());
            }
        }
    }
}
