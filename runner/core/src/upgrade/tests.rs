use super::*;

const DNS: &str = r#"
name = "dns"
watches = ["labels"]
[kind.record]
create = "natural"
settle = "30s"
lives = "outside"
immutable = ["type"]
[config]
required = ["server"]
additionalProperties = false
[config.properties]
server = { type = "string", identity = true }
ttl = { type = "integer", minimum = 30 }
dialect = { enum = ["a", "b"], default = "a" }
[asks]
allow = ["GET,PATCH {config.server}/zones/*", "READ POST https://api.example/query"]
secrets = ["KEY at header:x-api-key to {config.server}"]
[[asks.when]]
config = { dialect = "b" }
allow = ["GET https://b.example/*"]
"#;

const TELL: &str = r#"
name = "tell"
on = ["app.*", "machine.created"]
"#;

const LOOK: &str = r#"
name = "look"
reports = ["volume.loose", "budget.resume"]
"#;

fn surface(manifest: &str) -> Surface {
    let manifest = Manifest::parse(manifest).unwrap_or_else(|error| panic!("{error}\n{manifest}"));
    Surface {
        exports: ["provision".to_owned()].into(),
        imports: ["wasi:io/poll@0.2.3".to_owned()].into(),
        missing: BTreeSet::new(),
        manifest,
    }
}

/// What a version says that is written with `to` instead of `from`: effect and words of each difference.
fn changed(old: &str, from: &str, to: &str) -> Vec<String> {
    assert!(old.contains(from), "{from}");
    let differences = compare(&surface(old), &surface(&old.replace(from, to)));
    differences.iter().map(|difference| format!("{:?} {}", difference.effect, difference.what)).collect()
}

#[test]
fn the_same_is_no_difference() {
    for manifest in [DNS, TELL, LOOK] {
        assert_eq!(compare(&surface(manifest), &surface(manifest)), []);
    }
}

#[test]
fn whatever_asks_for_more_is_wider_and_the_other_way_round_is_not() {
    let always = "\"GET,PATCH {config.server}/zones/*\"";
    for (manifest, from, to, what) in [
        (DNS, "\"GET,PATCH", "\"GET,PATCH,DELETE", "one more method, DELETE: GET,PATCH,DELETE"),
        (DNS, "/zones/*\"", "/zones*\"", "one more path: GET,PATCH {config.server}/zones*"),
        (
            DNS,
            always,
            "\"GET,PATCH {config.server}/zones/*\", \"GET https://c.example/x\"",
            "one more host, https://c.example: GET",
        ),
        (DNS, "https://b.example/*", "https://b.example.evil/*", "one more host, https://b.example.evil"),
        (
            DNS,
            "\"GET https://b.example/*\"]",
            "\"GET,POST https://b.example/*\"]",
            "method, POST: GET,POST https://b.example/*, where dialect = \"b\"",
        ),
        (DNS, "config = { dialect = \"b\" }", "config = { dialect = \"a\" }", "where dialect = \"a\""),
        (DNS, "https://b.example/*\"", "https://b.example/* private\"", "freedom"),
        (DNS, "GET,PATCH {", "READ GET,PATCH {", "freedom"),
        (
            DNS,
            "secrets = [\"KEY",
            "secrets = [\"OTHER to a.example\", \"KEY",
            "one more secret: OTHER to a.example",
        ),
        (
            DNS,
            "header:x-api-key",
            "header:authorization",
            "the secret KEY at header:authorization to {config.server}, not only at header:x-api-key",
        ),
        (
            DNS,
            "[kind.record]",
            "[kind.zone]\ncreate = \"marked\"\nsettle = \"1s\"\nlives = \"outside\"\n[kind.record]",
            "one more kind of thing: zone (marked)",
        ),
        (TELL, "\"machine.created\"", "\"machine.*\"", "one more kind of event: machine.*"),
        (
            LOOK,
            "name = \"look\"",
            "name = \"look\"\nharmless = [\"budget.resume\"]",
            "budget.resume no longer waits",
        ),
    ] {
        let (old, new) = (surface(manifest), surface(&manifest.replace(from, to)));
        let wider = more(&old, &new);
        assert!(wider.len() == 1 && wider[0].contains(what), "{from} -> {to}: {wider:?}");
        let narrower = more(&new, &old);
        let moved =
            ["evil", "header:authorization", "{ dialect = \"a\" }"].iter().any(|word| to.contains(word));
        assert_eq!(narrower.is_empty(), !moved, "{to} -> {from}: {narrower:?}");
    }
}

#[test]
fn the_same_asked_for_otherwise_is_no_more() {
    for (from, to) in [
        (
            "\"GET,PATCH {config.server}/zones/*\"",
            "\"PATCH {config.server}/zones/*\", \"GET {config.server}/zones/a\"",
        ),
        ("https://b.example/*", "https://B.example:443/deep"),
        ("READ POST", "POST"),
        ("[\"GET https://b.example/*\"]", "[]"),
        ("\"machine.created\"", "\"app.deleted\""),
    ] {
        let manifest = if DNS.contains(from) { DNS } else { TELL };
        let (old, new) = (surface(manifest), surface(&manifest.replace(from, to)));
        assert_eq!(more(&old, &new), Vec::<String>::new(), "{to}");
    }
}

#[test]
fn an_export_is_a_kind_of_hook_unless_it_only_looks() {
    let (old, mut new) = (surface(DNS), surface(DNS));
    new.exports.insert("inventory".to_owned());
    assert!(more(&old, &new).is_empty());
    new.exports.insert("handler".to_owned());
    assert_eq!(more(&old, &new), ["exports handler: one more kind of hook"]);
    let lost = compare(&new, &old);
    assert!(
        lost.iter().all(|lost| lost.effect == Effect::Breaking && lost.what.starts_with("no longer exports"))
    );
}

#[test]
fn what_leaves_configuration_or_things_behind_is_breaking() {
    for (manifest, from, to, what) in [
        (DNS, "name = \"dns\"", "name = \"dns2\"", "is called dns2 instead of dns"),
        (DNS, "watches =", "owner = \"machine\"\nwatches =", "works for each machine instead of each app"),
        (DNS, "\"natural\"", "\"marked\"", "record is created as marked instead of natural"),
        (DNS, "\"outside\"", "\"in-owner\"", "record lives in-owner instead of outside"),
        (DNS, "[\"type\"]", "[\"type\", \"name\"]", "record is replaced where `name` changes"),
        (DNS, "immutable =", "data = true\nimmutable =", "record holds data now"),
        (DNS, "required = [\"server\"]", "required = [\"server\", \"ttl\"]", "`ttl` is required now"),
        (DNS, "ttl = ", "zone = { type = \"string\" }\nttl = ", ""),
        (DNS, "ttl = { type = \"integer\", minimum = 30 }", "", "`ttl` is no longer known"),
        (DNS, "\"integer\"", "\"string\"", "`ttl` is string instead of integer"),
        (DNS, "minimum = 30", "minimum = 60", "`ttl` has the minimum 60 now"),
        (DNS, "minimum = 30", "minimum = 30, multipleOf = 10", "`ttl` has another `multipleOf`"),
        (
            DNS,
            "server = { type = \"string\", identity = true }",
            "server = { type = \"string\" }",
            "place is told by [] instead of [server]",
        ),
        (
            DNS,
            "[config.properties]",
            "[[config.anyOf]]\nrequired = [\"ttl\"]\n[config.properties]",
            "another `anyOf`",
        ),
        (LOOK, "\"volume.loose\", ", "", "no longer reports volume.loose"),
    ] {
        let said = changed(manifest, from, to);
        if what.is_empty() {
            assert_eq!(said, ["Harmless `zone` is new"], "{to}");
        } else {
            assert!(
                said.iter().any(|line| line.starts_with("Breaking") && line.contains(what)),
                "{to}: {said:?}"
            );
        }
    }
}

#[test]
fn a_value_that_is_taken_no_longer_is_breaking_and_one_more_is_not() {
    let dialects = |to: &str| changed(DNS, "enum = [\"a\", \"b\"]", to);
    assert_eq!(dialects("enum = [\"a\", \"b\", \"c\"]"), ["Harmless `dialect` takes more than before"]);
    assert_eq!(
        changed(DNS, "default = \"a\"", "default = \"b\""),
        ["Harmless `dialect` has the default \"b\" instead of \"a\""]
    );
    assert_eq!(changed(DNS, "minimum = 30", "minimum = 5"), ["Harmless `ttl` takes more than before"]);
    assert_eq!(
        changed(DNS, "type = \"integer\"", "type = \"number\""),
        ["Harmless `ttl` takes more than before"]
    );
    let gone = changed(DNS, "[config.properties]", "[config.properties]\nmode = { enum = [1, 2] }")
        .into_iter()
        .chain(changed(
            &DNS.replace("ttl = {", "mode = { enum = [1, 2] }\nttl = {"),
            "enum = [1, 2]",
            "enum = [1]",
        ));
    assert_eq!(gone.collect::<Vec<_>>(), ["Harmless `mode` is new", "Breaking `mode` no longer takes 2"]);
}

#[test]
fn within_objects_and_lists_the_same_holds() {
    let with = |things: &str| DNS.replace("ttl = {", &format!("things = {things}\nttl = {{"));
    let list = |fields: &str, more: &str| {
        with(&format!(
            "{{ type = \"array\", items = {{ type = \"object\", properties = {{ {fields} }}{more} }} }}"
        ))
    };
    let old = surface(&list("a = { type = \"string\" }", ""));
    for (new, breaking) in [
        (list("a = { type = \"string\", description = \"x\" }", ""), false),
        (list("a = { type = [\"string\", \"null\"] }", ""), false),
        (list("a = { type = \"integer\" }", ""), true),
        (list("a = { type = \"string\" }", ", required = [\"a\"]"), true),
        (list("a = { type = \"string\" }", ", additionalProperties = false"), true),
        (list("a = { type = \"string\" }, b = { type = \"string\" }", ""), true),
    ] {
        let found = compare(&old, &surface(&new));
        assert_eq!(found.iter().any(|found| found.effect == Effect::Breaking), breaking, "{new}\n{found:?}");
    }
}

#[test]
fn imports_are_told_and_those_that_are_not_offered_are_breaking() {
    let (old, mut new) = (surface(DNS), surface(DNS));
    new.imports =
        ["wasi:io/poll@0.2.6", "groundcrew:hook/kv@0.1.0", "acme:x/y@1.0.0"].map(str::to_owned).into();
    new.missing = ["acme:x/y@1.0.0".to_owned()].into();
    let told: Vec<_> = compare(&old, &new).into_iter().map(|told| (told.effect, told.what)).collect();
    assert_eq!(
        told,
        [
            (Effect::Breaking, "imports acme:x/y@1.0.0, which this host does not offer".to_owned()),
            (Effect::Harmless, "also imports groundcrew:hook/kv@0.1.0".to_owned()),
            (Effect::Harmless, "imports another version: wasi:io/poll@0.2.6".to_owned()),
        ]
    );
    let back: Vec<_> = compare(&new, &old).into_iter().map(|told| told.what).collect();
    assert!(back.contains(&"no longer imports groundcrew:hook/kv@0.1.0".to_owned()), "{back:?}");
}
