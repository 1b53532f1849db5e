//! Commands that begin an installation: init, check, inspect, add.

use std::fs;
use std::sync::Arc;

use groundcrew_flysim::{Fault, Server, SystemClock, World};

use crate::fixture::Fixture;

#[test]
fn init_writes_once_and_check_takes_it() {
    let fixture = Fixture::empty();
    let said = fixture.run("init --json");
    assert_eq!(said.code, 0, "{said:?}");
    let installation = said.json()["installation"].as_str().unwrap().to_owned();
    let text = fs::read_to_string(fixture.dir.path().join("groundcrew.toml")).unwrap();
    assert!(installation.len() == 12 && text.contains(&format!("installation = \"{installation}\"")));
    let again = fixture.run("init");
    assert!(again.code == 1 && again.err.contains("is there already; it was not touched"), "{again:?}");
    let checked = fixture.run("check");
    assert_eq!(checked.code, 0, "{checked:?}");
    let other = fixture.run("--config other.toml init --installation acme-prod");
    assert!(other.code == 0 && other.out.contains("installation acme-prod"), "{other:?}");
}

#[test]
fn a_hint_names_the_configuration_that_was_named() {
    let fixture = Fixture::empty();
    let begun = fixture.run("--config other.toml init");
    assert!(begun.out.contains("\n  groundcrew --config other.toml check\n"), "{begun:?}");
    let named = fixture.run("doctor --config other.toml");
    assert!(named.out.contains("-> groundcrew --config other.toml up\n"), "{named:?}");
    let there = fixture.run("--config other.toml init");
    assert!(there.err.contains("hint: groundcrew --config other.toml check\n"), "{there:?}");
    assert!(there.err.contains("hint: groundcrew --config OTHER.toml init\n"), "{there:?}");
    let elsewhere = fixture.run("doctor --config other.toml --data there");
    assert!(elsewhere.out.contains("-> groundcrew --config other.toml --data there up\n"), "{elsewhere:?}");
    let meant = fixture.run_with("doctor", &[("GROUNDCREW_CONFIG", "other.toml")]);
    assert!(meant.out.contains("-> groundcrew up\n"), "{meant:?}");
}

#[test]
fn the_schema_is_printed_and_put_beside_the_file_if_asked_for() {
    let fixture = Fixture::empty();
    let printed = fixture.run("check --schema").out;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&printed).unwrap()["type"], "object");
    fixture.run("init --schema");
    let read = |name: &str| fs::read_to_string(fixture.dir.path().join(name)).unwrap();
    assert_eq!(read("groundcrew.schema.json"), printed);
    assert!(read("groundcrew.toml").starts_with("#:schema ./groundcrew.schema.json\n"));
    assert_eq!(fixture.run("check").code, 0);
}

#[test]
fn check_tells_all_problems_and_fails() {
    let fixture = Fixture::empty();
    fs::write(
        fixture.dir.path().join("groundcrew.toml"),
        "installation = \"acme\"\nlevle = \"observe\"\n[hook.x]\n",
    )
    .unwrap();
    let said = fixture.run("check");
    assert!(
        said.code == 3 && said.out.contains("levle") && said.out.contains("groundcrew.toml:2"),
        "{said:?}"
    );
    let json = fixture.run("check --json");
    assert!(json.code == 3 && json.json()["problems"].as_array().unwrap().len() >= 2, "{json:?}");
    let refused = fixture.run("add --all");
    let summaries = refused.err.matches("2 errors, 1 warning in groundcrew.toml").count();
    assert_eq!((refused.code, summaries), (3, 1), "{refused:?}");
    let doctor = fixture.run("doctor");
    assert!(doctor.code == 1 && doctor.out.contains("-> groundcrew check"), "{doctor:?}");
}

#[test]
fn what_init_leaves_commented_out_is_said_where_it_is_missed() {
    let fixture = Fixture::empty();
    assert_eq!(fixture.run("init").code, 0);
    for (typed, missing, hint) in [
        ("add ip dns", "has no hook `ip`", "it has no hooks: the stanzas that `groundcrew init` writes"),
        ("learn ip", "has no hook `ip`", "or write [hook.ip]"),
        ("audit run nope", "has no audit `nope`", "it has no audits: "),
    ] {
        let said = fixture.run(typed);
        assert!(said.code == 2 && said.err.contains(missing) && said.err.contains(hint), "{typed}: {said:?}");
    }
}

const POLLED: &str = r#"
installation = "acme"
[secrets]
FLY = { env = "FLY_TOKEN" }
[source.fly]
org = "acme"
token = "FLY"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn doctor_asks_what_the_token_of_the_source_reaches() {
    let world = World::new(7, Arc::new(SystemClock));
    let sim = Server::start(([127, 0, 0, 1], 0).into(), world).await.unwrap();
    let fixture = Fixture::empty();
    let config = format!("{POLLED}url = \"{}\"\n", sim.base_url());
    fs::write(fixture.dir.path().join("groundcrew.toml"), config).unwrap();
    let asked = |environment: &[(&str, &str)]| {
        let said = fixture.run_with("doctor --json", environment).json();
        let found = said.as_array().unwrap().iter().find(|found| found["check"] == "token").cloned();
        found.map(|found| (found["grade"].to_string(), found["message"].to_string()))
    };
    let token = [("FLY_TOKEN", "fo1_doctor")];
    assert_eq!(asked(&[]), None, "that the secret has no value is told of it already");
    assert_eq!(asked(&token), Some(("\"good\"".to_owned(), "\"FLY reaches acme\"".to_owned())));
    let fault = Fault { path: "/v1/tokens/current".to_owned(), status: Some(403), ..Fault::default() };
    sim.world().turn(|knobs| knobs.faults = vec![fault]);
    let (grade, message) = asked(&token).unwrap();
    assert!(grade == "\"bad\"" && message.contains("403 forbidden (request "), "{message}");
    assert!(!message.contains("fo1_doctor"), "{message}");
    sim.shutdown().await;
    let (grade, message) = asked(&token).unwrap();
    assert!(grade == "\"note\"" && message.contains("does not answer"), "{message}");
}

#[test]
fn a_builtin_is_looked_into() {
    let fixture = Fixture::empty();
    assert!(fixture.run("inspect").out.lines().any(|line| line == "builtin:dns"));
    let json = fixture.run("inspect builtin:dns --json").json();
    assert_eq!((&json["kind"], &json["manifest"]["name"]), (&"provisioner".into(), &"dns".into()));
    let said = fixture.run("inspect builtin:dns");
    assert!(said.out.contains("asks for") && said.out.contains("identity"), "{said:?}");
    assert!(said.out.contains("config     server: string, required"), "{said:?}");
    assert!(said.out.contains("config     records[].type: A | AAAA | CNAME | TXT, required"), "{said:?}");
    let unknown = fixture.run("inspect builtin:nothing");
    assert!(
        unknown.code == 1 && unknown.err.contains("it has archive, bucket, budget, dangling, dns"),
        "{unknown:?}"
    );
    fs::write(fixture.dir.path().join("x.wasm"), "hello").unwrap();
    let garbage = fixture.run("inspect x.wasm");
    assert!(garbage.code == 1 && garbage.err.contains("no WebAssembly"), "{garbage:?}");
}

const NOTIFY: &str = r#"
installation = "acme"
[secrets]
SLACK = { env = "SLACK_URL" }
[source.ndjson]
path = "-"
[hook.tell]
use = "builtin:notify"
config = { to = "slack" }
secret.URL = { from = "SLACK", at = "url" }
"#;

#[test]
fn hooks_are_approved_line_by_line() {
    let fixture = Fixture::empty();
    let config = fixture.dir.path().join("groundcrew.toml");
    fs::write(&config, NOTIFY).unwrap();
    let checked = fixture.run("check");
    assert!(checked.code == 0 && checked.out.contains("to be approved: hook `tell`"), "{checked:?}");
    let asked = fixture.run("add --all");
    assert!(asked.code == 5 && asked.err.contains("+ component builtin:notify"), "{asked:?}");
    assert!(!fixture.dir.path().join("groundcrew.lock").exists());
    assert_eq!(fixture.run("add tell --yes").code, 0);
    let lock = fs::read_to_string(fixture.dir.path().join("groundcrew.lock")).unwrap();
    assert!(lock.contains("[hook.tell]") && lock.contains("URL = SLACK at url"), "{lock}");
    assert!(fixture.run("add --all").out.contains("nothing to approve"));
    assert!(!fixture.run("check").out.contains("to be approved"));
    fs::write(&config, format!("{NOTIFY}allow = [\"POST https://other.example/*\"]\n")).unwrap();
    let differs = fixture.run("check");
    assert!(differs.out.contains("+ allow POST https://other.example/*"), "{differs:?}");
    assert!(fixture.run("add nothing --yes").code == 2);
}

/// A component that exports an empty instance under a name.
fn exporting(name: &str) -> Vec<u8> {
    let (instance, kind) = (b"\x05\x03\x01\x01\0", b"\x05\0\0");
    let length = u8::try_from(name.len()).unwrap();
    let export = [&[1, 0, length], name.as_bytes(), kind].concat();
    let section = [&[0x0b, u8::try_from(export.len()).unwrap()], export.as_slice()].concat();
    [b"\0asm\x0d\0\x01\0".as_slice(), instance, &section].concat()
}

#[test]
fn a_plain_http_component_is_a_handler_with_a_manifest_beside_it() {
    let fixture = Fixture::empty();
    let file = |name: &str| fixture.dir.path().join(name);
    fs::write(file("hook.wasm"), exporting("wasi:http/incoming-handler@0.2.3")).unwrap();
    fs::write(file("hook.toml"), "name = \"receiver\"\n").unwrap();
    assert!(fixture.run("inspect hook.wasm").out.contains("handler"));
    let config = |manifest: &str| {
        let stanza = "[hook.receiver]\nuse = \"hook.wasm\"\non = [\"app.*\"]\n";
        fs::write(
            file("groundcrew.toml"),
            format!("installation = \"acme\"\nsource.ndjson.path = \"-\"\n{stanza}{manifest}"),
        )
        .unwrap();
    };
    config("");
    let refused = fixture.run("check");
    assert!(
        refused.code != 0 && format!("{}{}", refused.out, refused.err).contains("manifest"),
        "{refused:?}"
    );
    config("manifest = \"hook.toml\"\n");
    let added = fixture.run("add --all --yes");
    assert!(added.code == 0, "{added:?}");
    assert!(fixture.run("check").code == 0 && file("groundcrew.lock").exists());
}

#[test]
fn a_component_that_is_not_what_its_manifest_says_is_refused() {
    for (export, stanza, manifest, expected) in [
        ("audit", "on = [\"app.*\"]\n", "", "does not say what it `reports`"),
        ("handler", "", "reports = [\"thing.idle\"]\n", "does not export groundcrew:hook/audit"),
    ] {
        let fixture = Fixture::empty();
        let file = |name: &str| fixture.dir.path().join(name);
        fs::write(file("hook.wasm"), exporting(&format!("groundcrew:hook/{export}@0.1.0"))).unwrap();
        fs::write(file("hook.toml"), format!("name = \"watcher\"\n{manifest}")).unwrap();
        let head = "installation = \"acme\"\nsource.ndjson.path = \"-\"\n[hook.watcher]\nuse = \"hook.wasm\"";
        let config = format!("{head}\nmanifest = \"hook.toml\"\n{stanza}");
        fs::write(file("groundcrew.toml"), config).unwrap();
        for typed in ["check", "add --all --yes"] {
            let said = fixture.run(typed);
            let told = format!("{}{}", said.out, said.err);
            assert!(said.code == 3 && told.contains(expected), "{typed}: {said:?}");
        }
        assert!(!file("groundcrew.lock").exists());
    }
}

#[test]
fn check_tells_every_bad_component_with_its_place_also_where_the_manifest_lies_beside_it() {
    let fixture = Fixture::empty();
    let file = |name: &str| fixture.dir.path().join(name);
    fs::write(file("garbage.wasm"), "hello").unwrap();
    fs::write(file("auditor.wasm"), exporting("groundcrew:hook/audit@0.1.0")).unwrap();
    fs::write(file("hook.toml"), "name = \"watcher\"\n").unwrap();
    let stanza = |name: &str, uses: &str| {
        format!("[hook.{name}]\nuse = \"{uses}\"\nmanifest = \"hook.toml\"\non = [\"app.*\"]\n")
    };
    let stanzas = stanza("a", "garbage.wasm") + &stanza("b", "auditor.wasm") + &stanza("c", "nowhere.wasm");
    let config = format!("installation = \"acme\"\nsource.ndjson.path = \"-\"\n{stanzas}scop = \"x\"\n");
    fs::write(file("groundcrew.toml"), config).unwrap();
    let said = fixture.run("check --json");
    assert_eq!(said.code, 3, "{said:?}");
    let problems = said.json()["problems"].clone();
    let told: Vec<_> =
        problems.as_array().unwrap().iter().map(|it| (it["line"].as_u64(), it["code"].clone())).collect();
    let of = |line, code: &str| (Some(line), code.into());
    assert_eq!(
        told,
        [of(4, "no-manifest"), of(8, "no-manifest"), of(12, "no-manifest"), of(15, "unknown-key")],
        "{problems:#}"
    );
    for (at, why) in ["no WebAssembly", "does not say what it `reports`", "cannot read"].iter().enumerate() {
        assert!(problems[at]["message"].as_str().unwrap().contains(why), "{problems:#}");
    }
}

#[test]
fn up_names_every_secret_without_a_value_and_starts_nothing() {
    let fixture = Fixture::empty();
    let more = NOTIFY.replace("[secrets]", "[secrets]\nOTHER = { file = \"no-such-file\" }");
    fs::write(fixture.dir.path().join("groundcrew.toml"), more).unwrap();
    assert_eq!(fixture.run("add --all --yes").code, 0, "approving needs no values");
    let said = fixture.run("up");
    assert!(said.code == 3 && said.err.contains("secrets without a value"), "{said:?}");
    assert!(said.err.contains("`SLACK`") && said.err.contains("`OTHER`"), "{said:?}");
    assert!(!fixture.dir.path().join("groundcrew-data").exists());
}
