//! Go.
//!
//! Every export is a Go package of its own, so that a component exports what its author imports. A world for each makes
//! them; it exists here only.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::ensure;
use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::Resolve;
use wit_bindgen_go::{Format, Opts};

/// The interfaces that a component may export.
const EXPORTS: [&str; 5] = ["handler", "provision", "inventory", "audit", "remedy"];

/// Where the generated packages lie, as Go imports them.
const MODULE: &str = "groundcrew.dev/hook/internal";

/// Files of the Go SDK, by their paths within it.
pub fn go(wit: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for export in EXPORTS {
        let mut resolve = Resolve::default();
        resolve.push_path(wit)?;
        let world = format!(
            "package groundcrew:one;\nworld one {{ include groundcrew:hook/imports@0.1.0; export groundcrew:hook/{export}@0.1.0; }}\n"
        );
        let package = resolve.push_str("one.wit", &world)?;
        let world = resolve.select_world(&[package], Some("one"))?;
        let mut files = Files::default();
        let options = Opts { format: Format::False, pkg_name: Some(MODULE.to_owned()), ..Opts::default() };
        options.build().generate(&mut resolve, world, &mut files)?;
        for (name, bytes) in files.iter() {
            let (name, text) = placed(name, &String::from_utf8(bytes.to_vec())?, export);
            let before = all.insert(name.clone(), text.clone());
            ensure!(before.is_none_or(|before| before == text), "{name} is not the same for every export");
        }
    }
    Ok(all)
}

/// Where a generated file goes, with what it imports as it is there.
fn placed(name: &str, text: &str, export: &str) -> (String, String) {
    let name = name.replace("exports/wit_exports/", &format!("exports/{export}/"));
    let text = text
        .replace("package wit_exports", &format!("package {export}"))
        // Which packages a world is made of says nothing to readers, and differs.
        .replace("//     groundcrew:one\n", "")
        .replace("go.bytecodealliance.org/pkg/wit/", &format!("{MODULE}/wit/"));
    (format!("internal/{name}"), text)
}
