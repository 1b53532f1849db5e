//! What is checked in is what is generated.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn assert_there(sdk: &str, files: BTreeMap<String, String>) {
    for (name, text) in files {
        let there = std::fs::read_to_string(root().join(sdk).join(&name)).unwrap_or_default();
        assert!(there == text, "{sdk}/{name} is old: `cargo xtask bindings` writes it");
    }
}

#[test]
fn the_go_bindings_are_those_of_the_wit() {
    assert_there("sdk/go", groundcrew_bindings::go(&root().join("wit")).unwrap());
}

#[test]
fn the_c_bindings_are_those_of_the_wit() {
    assert_there("sdk/c", groundcrew_bindings::c(&root().join("wit")).unwrap());
}
