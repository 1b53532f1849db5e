//! Two versions of a hook beside each other: files, what is built in, and what a data directory keeps.

use std::fs;

use groundcrew::{builtin, kept};
use groundcrew_core::hash::Digest;
use groundcrew_core::time::Timestamp;
use groundcrew_engine::inspect::embed;
use groundcrew_store::upgrades::Version;
use serde_json::json;

use crate::fixture::Fixture;

/// The built-in `dns` with another manifest, in a file.
fn write_version(fixture: &Fixture, file: &str, from: &str, to: &str) -> Vec<u8> {
    let manifest = builtin::manifest("dns").unwrap();
    assert!(manifest.contains(from), "{from}");
    let bytes = embed(&builtin::component("dns").unwrap(), &manifest.replace(from, to));
    fs::write(fixture.dir.path().join(file), &bytes).unwrap();
    bytes
}

const MORE: &str = "\"GET,PATCH,DELETE {config.server}/api/v1/servers/{config.server_id}/zones/{config.zone}*\", \"GET https://status.example/*\"";
const ASKED: &str = "\"GET,PATCH {config.server}/api/v1/servers/{config.server_id}/zones/{config.zone}*\"";

#[test]
fn what_asks_for_more_fails_a_pipeline_and_what_is_harmless_does_not() {
    let fixture = Fixture::empty();
    write_version(&fixture, "more.wasm", ASKED, MORE);
    write_version(&fixture, "calm.wasm", "default = 300", "default = 600");
    write_version(
        &fixture,
        "less.wasm",
        "ttl       = { type = \"integer\", minimum = 1, default = 300 }\n",
        "",
    );
    let said = fixture.run("diff builtin:dns more.wasm");
    assert_eq!(said.code, 1, "{said:?}");
    for line in
        ["one more method, DELETE", "one more host, https://status.example", "2 wider: such a version waits"]
    {
        assert!(said.out.contains(line), "{line}: {}", said.out);
    }
    let back = fixture.run("diff more.wasm builtin:dns");
    assert!(back.code == 0 && back.out.contains("nothing asks for more, nothing breaks"), "{back:?}");
    let calm = fixture.run("diff builtin:dns calm.wasm");
    assert!(calm.code == 0 && calm.out.contains("`ttl` has the default 600 instead of 300"), "{calm:?}");
    let less = fixture.run("diff builtin:dns less.wasm");
    assert!(less.code == 1 && less.out.contains("`ttl` is no longer known"), "{less:?}");
    let same = fixture.run("diff builtin:dns builtin:dns");
    assert!(same.code == 0 && same.out.contains("nothing that they say of themselves differs"), "{same:?}");

    let json = fixture.run("--json diff builtin:dns more.wasm");
    let shown = json.json();
    assert_eq!((json.code, &shown["wider"], &shown["breaking"]), (1, &json!(2), &json!(0)));
    assert_eq!(shown["differences"][0]["effect"], "wider");
    assert_eq!(
        (&shown["old"]["component"], &shown["new"]["kind"]),
        (&json!("builtin:dns"), &json!("provisioner"))
    );
}

#[test]
fn one_hook_is_nothing_like_another() {
    let fixture = Fixture::empty();
    let said = fixture.run("diff builtin:notify builtin:fly-ip");
    assert_eq!(said.code, 1, "{said:?}");
    for line in [
        "wider     exports provision: one more kind of hook",
        "wider     makes one more kind of thing: v6 (anonymous)",
        "breaking  no longer exports handler",
        "breaking  is called fly-ip instead of notify: its target is another one",
        "breaking  `to` is no longer known",
    ] {
        assert!(said.out.contains(line), "{line}: {}", said.out);
    }
}

#[tokio::test]
async fn a_hook_is_the_version_of_it_that_is_active_and_a_digest_one_that_is_kept() {
    let fixture = Fixture::filled().await;
    let bytes = write_version(&fixture, "next.wasm", ASKED, MORE);
    let gone = fixture.run("--data data diff dns next.wasm");
    assert!(gone.code == 1 && gone.err.contains("the component of hook `dns` is no longer kept"), "{gone:?}");

    let (old, digest) = (builtin::component("dns").unwrap(), Digest::of(&bytes));
    let now = Timestamp::from_millis(1_795_000_000_000);
    let store = fixture.store();
    let hook =
        store.save_hook("dns", Digest::of(&old), "dns server=https://pdns zone=example", "{}").await.unwrap();
    drop(store);
    kept::keep(&fixture.data(), Digest::of(&old), &old, now).unwrap();
    kept::keep(&fixture.data(), digest, &bytes, now).unwrap();
    let said = fixture.run(&format!("--data data diff dns {}", digest.short()));
    assert!(said.code == 1 && said.out.contains("2 wider"), "{said:?}");

    // What it was started with is what its stanza said then, whatever the component carries.
    let manifest = builtin::manifest("dns").unwrap().replace(ASKED, MORE);
    let manifest = groundcrew_core::manifest::Manifest::parse(&manifest).unwrap();
    let manifest = serde_json::to_value(manifest).unwrap();
    let exports = ["provision", "inventory"].map(str::to_owned).into();
    let version = Version { component: Digest::of(&old).to_string(), exports, manifest };
    fixture.store().enter_version(hook, "dns", version, Digest::of(&old), now).await.unwrap();
    let said = fixture.run("--data data diff dns next.wasm");
    assert!(said.code == 0 && said.out.contains("nothing that they say"), "{said:?}");
}

#[test]
fn what_cannot_be_compared_says_why() {
    let fixture = Fixture::empty();
    let nothing = fixture.run("diff builtin:dns nothing");
    assert!(
        nothing.code == 1 && nothing.err.contains("`nothing` is no file, no hook, and no digest"),
        "{nothing:?}"
    );
    fs::write(fixture.dir.path().join("x.wasm"), "hello").unwrap();
    let garbage = fixture.run("diff builtin:dns x.wasm");
    assert!(garbage.code == 1 && garbage.err.contains("no WebAssembly"), "{garbage:?}");
    let unknown = fixture.run("diff builtin:dns builtin:nothing");
    assert!(unknown.code == 1 && unknown.err.contains("this binary has no hook `nothing`"), "{unknown:?}");
}
