//! The demo, as anybody would try it first.

use crate::fixture::Fixture;

#[test]
fn the_demo_kills_its_runner_and_ends_with_a_good_verdict() {
    let fixture = Fixture::empty();
    let said = fixture.run("demo --dir stage");
    assert_eq!(said.code, 0, "{said:?}");
    let lines: Vec<_> = said.out.lines().map(|line| line.get(9..).unwrap_or_default().trim()).collect();
    let at = |what: &str| {
        lines.iter().position(|line| line.contains(what)).unwrap_or_else(|| panic!("{what}: {said:?}"))
    };
    assert!(at("[hook.ip]") < at("killed (SIGKILL)") && at("killed (SIGKILL)") < at("started again"));
    assert!(at("[hook.dns]") < at("cust-2    dns.created   A www.cust-2.example. -> "));
    assert!(at("cust-3    app.deleted") < at("cust-3    dns.deleted   A www.cust-3.example."));
    assert!(
        at("cust-3    app.deleted")
            < at("6 living apps have 18 of 18 things; deleted apps have 0; foreign records untouched 3 of 3")
    );
    assert!(lines.last().unwrap().ends_with("at no moment was anything doubled"), "{said:?}");
    // What it leaves can be looked at with the other commands.
    let stage = fixture.dir.path().join("stage");
    assert!(stage.join("runner.log").exists());
    let shown = fixture.run("--config stage/groundcrew.toml app cust-2");
    assert!(shown.code == 0 && shown.out.contains("v6/global"), "{shown:?}");
    let again = fixture.run("demo --dir stage");
    assert!(
        again.code == 1 && again.err.contains("cannot write in"),
        "nobody's file is written over: {again:?}"
    );
}
