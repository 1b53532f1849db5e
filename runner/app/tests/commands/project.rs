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
