//! What is checked in is what is generated.

use std::path::Path;

#[test]
fn the_go_bindings_are_those_of_the_wit() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (name, text) in groundcrew_bindings::go(&root.join("wit")).unwrap() {
        let there = std::fs::read_to_string(root.join("sdk/go").join(&name)).unwrap_or_default();
        assert!(there == text, "sdk/go/{name} is old: `cargo xtask bindings` writes it");
    }
}
