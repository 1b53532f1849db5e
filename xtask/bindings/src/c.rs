//! C: a header and a source for each world that a hook is built for.
//!
//! The names in them are the same in every world, so that what is written by hand is compiled against any.

use std::collections::BTreeMap;
use std::path::Path;

use wit_bindgen_c::Opts;
use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::Resolve;

/// The worlds that components are built for.
const WORLDS: [&str; 5] =
    ["hook", "provisioner", "provisioner-with-inventory", "auditor", "auditor-with-remedy"];

/// What the files and the names in them are called after.
const NAME: &str = "wit";

/// Files of the C SDK, by their paths within it.
pub fn c(wit: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for world in WORLDS {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_path(wit)?;
        let id = resolve.select_world(&[package], Some(world))?;
        let mut files = Files::default();
        // What the world is, `groundcrew build` says itself when it encodes.
        let options = Opts { no_object_file: true, rename_world: Some(NAME.to_owned()), ..Opts::default() };
        options.build().generate(&mut resolve, id, &mut files)?;
        for (name, bytes) in files.iter() {
            let text = String::from_utf8(bytes.to_vec())?;
            all.insert(format!("bindings/{world}/{name}"), without_link(&text).to_owned());
        }
    }
    Ok(all)
}

/// A source without its end, which asks for the object file that is not made.
fn without_link(text: &str) -> &str {
    text.split("\n// Ensure that the *_component_type.o object is linked in").next().unwrap_or(text)
}
