//! `test` and `prove` of a project whose component is there already: the built-in registry's.

use std::fs;
use std::path::PathBuf;

use groundcrew::builtin;

use crate::fixture::Fixture;

const LIFE: &str = r#"
[stanza]
grace  = { gone = "30s", unwanted = "20s" }
config = { server = "https://api.example", path = "registry/{app}", document = { plan = "{labels.plan}" }, mark = "mark", auth = "none" }

[outside.collection."/registry"]
like = "natural"

[[step]]
at     = "1s"
app    = "cust-7"
labels = { plan = "basic" }

[[step]]
at     = "1m"
app    = "cust-7"
labels = { plan = "pro" }

[expect]
lives = ["cust-7 document/registry/cust-7"]
"#;

/// A project with one scenario; its component is newer than its sources.
fn project(scenario: &str) -> (Fixture, PathBuf) {
    let fixture = Fixture::empty();
    let root = fixture.dir.path().to_owned();
    fs::write(root.join("hook.toml"), builtin::manifest("register").unwrap()).unwrap();
    fs::write(root.join("Cargo.toml"), "").unwrap();
    fs::create_dir(root.join("scenarios")).unwrap();
    fs::write(root.join("scenarios/life.toml"), scenario).unwrap();
    fs::write(root.join("register.wasm"), builtin::component("register").unwrap()).unwrap();
    (fixture, root)
}

#[test]
fn a_scenario_is_compared_with_what_was_written() {
    let (fixture, root) = project(LIFE);
    let first = fixture.run("test");
    assert_eq!(first.code, 1, "{first:?}");
    assert!(first.out.contains("groundcrew test --update"), "{first:?}");
    assert_eq!(fixture.run("test --update").code, 0);
    let again = fixture.run("test");
    assert_eq!((again.code, again.out.starts_with("ok       life  ")), (0, true), "{again:?}");

    let calls = fs::read_to_string(root.join("scenarios/life.calls")).unwrap();
    let changed = calls.replace(r#""plan":"pro""#, r#""plan":"free""#);
    assert!(calls != changed && calls.contains(r#""mark":"{mark}""#), "{calls}");
    fs::write(root.join("scenarios/life.calls"), changed).unwrap();
    let differs = fixture.run("test life");
    assert_eq!(differs.code, 1);
    let line = |sign: &str, plan: &str| {
        let told = |line: &str| {
            line.starts_with(sign) && line.contains("PUT /registry/cust-7") && line.contains(plan)
        };
        differs.out.lines().any(told)
    };
    assert!(line("  - ", "free") && line("  + ", "pro"), "{differs:?}");
    let json = fixture.run("test --json").json();
    assert_eq!((json[0]["scenario"].as_str(), json[0]["right"].as_bool()), (Some("life"), Some(false)));
}

#[test]
fn a_right_hook_is_proven_and_a_wrong_expectation_is_kept_and_played_again() {
    let (fixture, root) = project(LIFE);
    let proven = fixture.run("prove --pairs 5 --random 1 --json");
    let json = proven.json();
    assert_eq!((proven.code, json["proven"].as_bool()), (0, Some(true)), "{proven:?}");
    let proof = &json["scenarios"][0];
    assert!(
        proof["points"].as_u64() > Some(50) && proof["pairs"] == 5 && proof["ends"].as_u64() > Some(0),
        "{proof}"
    );

    let wrong = LIFE.replace("cust-7 document/registry/cust-7", "cust-7 document/elsewhere");
    fs::write(root.join("scenarios/life.toml"), wrong).unwrap();
    let failed = fixture.run("prove");
    assert_eq!(failed.code, 1);
    assert!(failed.out.contains("missing: nothing lives for cust-7 document/elsewhere"), "{failed:?}");
    let again = fixture.run("prove --replay .groundcrew/failures/life.toml");
    assert_eq!(again.code, 1);
    assert!(again.out.contains("left over: /registry/cust-7"), "{again:?}");
}

/// A handler, built long ago: it posts every event to `/events`, under its id.
const HANDLER: &str = r#"
name = "frozen-handler"
on   = ["app.*", "machine.*"]

[config]
type       = "object"
required   = ["server"]
properties = { server = { type = "string", format = "uri" } }

[asks]
allow = ["POST {config.server}/events"]
"#;

const TOLD: &str = r#"
[stanza]
on     = ["app.created", "com.example.*"]
cron   = "0 3 * * *"
config = { server = "https://api.example" }

[[step]]
at  = "1s"
app = "cust-7"

[[step]]
at    = "2s"
event = "com.example.paid"
about = "cust-7"

[[step]]
at   = "1h"
tick = true

[expect]
told = ["app.created cust-7", "com.example.paid cust-7", "tick"]
"#;

#[test]
fn a_handler_is_told_what_its_scenario_says_and_in_its_turn() {
    let (fixture, root) = project(TOLD);
    fs::remove_file(root.join("register.wasm")).unwrap();
    let frozen =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/frozen/0.1.0/handler.wasm");
    fs::write(root.join("hook.toml"), HANDLER).unwrap();
    fs::write(root.join("frozen-handler.wasm"), fs::read(frozen).unwrap()).unwrap();
    let first = fixture.run("test --update");
    assert_eq!(first.code, 0, "{first:?}");
    let calls = fs::read_to_string(root.join("scenarios/life.calls")).unwrap();
    let told: Vec<_> = calls.lines().filter(|line| line.starts_with("told     /events ")).collect();
    assert!(told.len() == 3 && told[2].contains(r#""kind":"tick""#), "{calls}");
    let proven = fixture.run("prove --pairs 5");
    assert_eq!(proven.code, 0, "{proven:?}");

    let turned = TOLD.replace(r#""com.example.paid cust-7", "tick""#, r#""tick", "com.example.paid cust-7""#);
    fs::write(root.join("scenarios/life.toml"), turned).unwrap();
    let turned = fixture.run("test");
    let said = "out of turn: number 2 that was told is `com.example.paid cust-7`, not `tick`";
    assert!(turned.code == 1 && turned.out.contains(said), "{turned:?}");
    fs::write(root.join("scenarios/life.toml"), TOLD.replace(r#", "tick"]"#, "]")).unwrap();
    let more = fixture.run("test");
    assert!(more.code == 1 && more.out.contains("told too much: `tick` is not in `told`"), "{more:?}");
    fs::write(root.join("scenarios/life.toml"), TOLD.replace("cron ", "# ")).unwrap();
    let untimed = fixture.run("test");
    assert!(untimed.code == 3 && untimed.err.contains("`tick = true` is told to a handler"), "{untimed:?}");
}

#[test]
fn the_ledger_is_compared_with_the_calls() {
    let (fixture, root) = project(LIFE);
    assert_eq!(fixture.run("test --update").code, 0);
    let calls = fs::read_to_string(root.join("scenarios/life.calls")).unwrap();
    let row = "row      cust-7 document/registry/cust-7  present  ";
    assert_eq!(calls.lines().filter(|line| line.starts_with(row)).count(), 1, "{calls}");
    fs::write(root.join("scenarios/life.calls"), calls.replace("  present  ", "  retained  ")).unwrap();
    let differs = fixture.run("test");
    assert!(differs.code == 1 && differs.out.contains(&format!("+ {row}")), "{differs:?}");
}

#[test]
fn what_cannot_be_played_says_why() {
    let (fixture, root) = project("[[step]]\nat = \"1s\"\n");
    let refused = fixture.run("test");
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("life.toml: TOML parse error at line 1"), "{refused:?}");
    assert!(fixture.run("prove other").err.contains("there is no scenario `other`; there are: life"));
    fs::write(root.join("scenarios/life.toml"), "[stanza]\ngone = \"burn\"\n").unwrap();
    let stanza = fixture.run("test");
    assert_eq!(stanza.code, 3, "{stanza:?}");
    assert!(stanza.err.contains("its stanza is refused"), "{stanza:?}");
}
