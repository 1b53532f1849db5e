//! `cargo xtask bindings`: writes what `sdk/c` and `sdk/go` have of generated code, from `wit/`.

use std::path::Path;

fn main() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let wit = root.join("wit");
    for (sdk, files) in [("sdk/c", groundcrew_bindings::c(&wit)?), ("sdk/go", groundcrew_bindings::go(&wit)?)]
    {
        for (name, text) in files {
            let path = root.join(sdk).join(name);
            std::fs::create_dir_all(path.parent().unwrap_or(&root))?;
            std::fs::write(path, text)?;
        }
    }
    Ok(())
}
