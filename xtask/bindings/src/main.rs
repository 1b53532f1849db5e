//! `cargo xtask bindings`: writes what `sdk/go` has of generated code, from `wit/`.

use std::path::Path;

fn main() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (name, text) in groundcrew_bindings::go(&root.join("wit"))? {
        let path = root.join("sdk/go").join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(&root))?;
        std::fs::write(path, text)?;
    }
    Ok(())
}
