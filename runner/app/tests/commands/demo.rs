//! The demo, as anybody would try it first.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::cli::Said;
use crate::fixture::Fixture;

/// What a demo says once it stays.
const KEPT: &str = "until Ctrl-C; try:";

/// Plays a demo that stays after its verdict, asks its simulator what it thinks of its own answers, and ends it.
fn played_and_kept(fixture: &Fixture) -> (Said, Value) {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_groundcrew"));
    let demo = demo.args(["demo", "--keep", "--dir", "stage"]).current_dir(fixture.dir.path());
    let demo = demo.env_clear().env("USER", "tester").env("GROUNDCREW_LOG", "off").stdin(Stdio::null());
    let mut demo = demo.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut out, mut lines) = (String::new(), BufReader::new(demo.stdout.take().unwrap()));
    // A demo that fails ends, and so does what it says.
    while !out.contains(KEPT) && lines.read_line(&mut out).unwrap() > 0 {}
    assert!(out.contains(KEPT), "{out}{:?}", demo.wait_with_output());
    let file = fs::read_to_string(fixture.dir.path().join("stage/groundcrew.toml")).unwrap();
    let fly = file.lines().find_map(|line| line.strip_prefix("url   = \"http://")).unwrap();
    let violations = asked(fly.trim_end_matches('"'), "/_sim/violations");
    kill_process(Pid::from_child(&demo), Signal::INT).unwrap();
    lines.read_to_string(&mut out).unwrap();
    let ended = demo.wait_with_output().unwrap();
    let said =
        Said { code: ended.status.code().unwrap(), out, err: String::from_utf8(ended.stderr).unwrap() };
    (said, violations)
}

fn asked(address: &str, path: &str) -> Value {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

#[test]
fn the_demo_kills_its_runner_and_ends_with_a_good_verdict() {
    let fixture = Fixture::empty();
    let (said, violations) = played_and_kept(&fixture);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(violations, json!([]), "all was answered as the vendor's document says");
    let (played, _suggestions) = said.out.split_once(KEPT).unwrap();
    let (played, _) = played.rsplit_once('\n').unwrap();
    let lines: Vec<_> = played.lines().map(|line| line.get(9..).unwrap_or_default().trim()).collect();
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
