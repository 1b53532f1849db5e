//! What cannot be played again says why; what can is played by the end-to-end tests.

use crate::fixture::Fixture;

#[tokio::test]
async fn what_cannot_be_played_again_says_why() {
    let fixture = Fixture::filled().await;
    let whole = r#"{"config":{},"secrets":{}}"#;
    let unplayed = |line: &str| {
        let said = fixture.run(&format!("--data data {line}"));
        assert_eq!(said.code, 1, "{line}: {}{}", said.out, said.err);
        said.err
    };
    assert!(unplayed("replay r99").contains("no run r99"));
    assert!(unplayed("replay r1").contains("it ran before what runs are given was kept"));
    let backtest = unplayed("backtest dns --since 30d --component hook.wasm");
    assert!(backtest.contains("cannot read hook.wasm"), "{backtest}");
    std::fs::write(fixture.data().join("hook.wasm"), "no component").unwrap();
    let component = fixture.data().join("hook.wasm");
    let backtest = unplayed(&format!("backtest dns --since 30d --component {}", component.display()));
    assert!(backtest.contains("can be played: it ran before what runs are given was kept"), "{backtest}");

    let change = |text: &str| fixture.open().execute_batch(text).unwrap();
    change(&format!("INSERT INTO settings VALUES (1, 'd', '{whole}', 0); UPDATE run SET settings = 1"));
    assert!(unplayed("replay r1").contains("`store.keep.bodies` says for how long"));
    change("UPDATE run SET input = '{}'");
    assert!(unplayed("replay r1").contains("cannot be read"));
    let want = r#"{"owner":{"path":"fly/acme/cust-7","uid":"app:cust-7-1"},"kind":"record","key":"k","body":{},
        "name":"n","once":"n","mark":"m","id":null}"#;
    change(&format!("UPDATE run SET input = '{{\"create\":{want}}}'"));
    let unkept = unplayed("replay r1");
    assert!(unkept.contains("no longer kept") && unkept.contains("--component FILE"), "{unkept}");
    let refused = unplayed(&format!("replay r1 --component {}", component.display()));
    assert!(refused.contains("refused"), "{refused}");

    let file = fixture.data().join("run.json");
    std::fs::write(&file, "[1]").unwrap();
    assert!(unplayed(&format!("replay {}", file.display())).contains("no recording of a run"));
    assert!(unplayed("replay nowhere.json").contains("cannot read nowhere.json"));
}
