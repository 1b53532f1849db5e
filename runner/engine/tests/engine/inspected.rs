//! What inspection finds in real components, and what it refuses.

use groundcrew_engine::inspect::{Error, Export, embed, inspect};

use crate::support::component;

const MANIFEST: &str = "name = \"guest\"\nabout = \"A guest.\"\non = [\"*\"]\n";

/// Component text as bytes; a tool's own encoder, so that names are as authors' tools write them.
fn text(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).unwrap()
}

#[test]
fn kinds_and_manifests_are_found_without_compiling() {
    let bytes = component("guest-unruly");
    let plain = inspect(&bytes).unwrap();
    assert_eq!(
        (plain.exports.into_iter().collect::<Vec<_>>(), plain.manifest.is_none()),
        (vec![Export::Handler], true)
    );
    assert!(plain.missing.is_empty() && plain.core_instances > 0, "{:?}", plain.missing);
    let carried = inspect(&embed(&embed(&bytes, "an older one, refused"), MANIFEST)).unwrap();
    assert_eq!(carried.manifest.unwrap().name, "guest", "the last one counts, alone");
    assert_ne!(carried.digest, plain.digest, "the digest covers the manifest");
    assert!(matches!(inspect(&embed(&bytes, "nonsense")), Err(Error::Manifest(_))));
}

#[test]
fn all_missing_imports_are_listed() {
    let bytes = text(
        r#"(component
            (import "acme:x/a@1.0.0" (instance)) (import "wasi:io/poll@0.3.0" (instance))
            (import "wasi:io/streams@0.2.99" (instance)) (import "groundcrew:hook/http@0.2.0" (instance))
            (instance $none) (export "groundcrew:hook/handler@0.1.3" (instance $none)))"#,
    );
    let found = inspect(&bytes).unwrap();
    assert_eq!(found.missing, ["acme:x/a@1.0.0", "wasi:io/poll@0.3.0", "groundcrew:hook/http@0.2.0"]);
    let refused = found.require_linkable().unwrap_err().to_string();
    assert!(
        refused.contains("acme:x/a@1.0.0, wasi:io/poll@0.3.0") && refused.contains("WASI 0.2"),
        "{refused}"
    );
}

#[test]
fn a_provisioner_that_would_look_things_up_is_refused_and_a_handler_is_not() {
    let with = |exports: &[&str]| {
        let exports: Vec<_> =
            exports.iter().map(|name| format!("(export \"{name}\" (instance $none))")).collect();
        let exports = exports.join(" ");
        let imports = r#"(import "groundcrew:hook/http@0.1.0" (instance)) (import "groundcrew:hook/fleet@0.1.0" (instance))
            (import "groundcrew:hook/kv@0.1.2" (instance))"#;
        inspect(&text(&format!("(component {imports} (instance $none) {exports})")))
            .unwrap()
            .require_linkable()
    };
    let (provision, inventory) = ("groundcrew:hook/provision@0.1.0", "groundcrew:hook/inventory@0.1.0");
    for exports in [&[provision][..], &[provision, inventory]] {
        let refused = with(exports).unwrap_err().to_string();
        assert!(
            refused.contains("groundcrew:hook/fleet@0.1.0 and groundcrew:hook/kv@0.1.2")
                && !refused.contains("http"),
            "{refused}"
        );
    }
    with(&[provision, "groundcrew:hook/handler@0.1.0"]).unwrap();
    with(&["groundcrew:hook/audit@0.1.0"]).unwrap();
}

#[test]
fn each_refusal_says_what_is_wrong() {
    let whole = component("guest-unruly");
    let message = |bytes: &[u8]| inspect(bytes).unwrap_err().to_string();
    assert!(message(&whole[..whole.len() / 2]).contains("damaged at byte"));
    assert!(message(&text("(module)")).contains("core module"));
    assert!(message(b"#!/bin/sh\necho hello\n").contains("no WebAssembly"));
    let wrong =
        text(r#"(component (instance $none) (export "groundcrew:hook/handler@0.2.0" (instance $none)))"#);
    assert!(message(&wrong).contains("groundcrew:hook/handler@0.2.0"), "{}", message(&wrong));
    let other = text(r#"(component (instance $none) (export "acme:x/run@1.0.0" (instance $none)))"#);
    assert!(message(&other).contains("it exports: acme:x/run@1.0.0"), "{}", message(&other));
}
