//! What reading commands say, for people and for programs.

use std::fs;

use crate::cli::{golden, redact};
use crate::fixture::Fixture;

/// Two audits, one of which comes late by up to ten minutes.
const AUDITS: &str = r#"
installation = "acme"
source.ndjson.path = "-"
store.path = "data"
[hook.orphans]
use = "builtin:orphans"
config = { org = "acme" }
[hook.idle]
use = "builtin:idle"
config = { org = "acme" }
[audit.nightly]
hooks = ["orphans"]
cron = "0 3 * * *"
timezone = "Europe/Zurich"
jitter = "10m"
[audit.weekly]
hooks = ["orphans", "idle"]
cron = "@weekly"
"#;

impl Fixture {
    fn with_audits(self) -> Self {
        fs::write(self.dir.path().join("groundcrew.toml"), AUDITS).unwrap();
        self
    }
}

/// Takes out in how long something comes, and the width that this gave its column.
fn without_ages(text: &str) -> String {
    let cell = |cell: &str| {
        let is_age =
            cell.strip_prefix("in ").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        if is_age { "[age]".to_owned() } else { cell.trim().to_owned() }
    };
    let line = |line: &str| {
        let cells: Vec<_> = line.split("  ").map(str::trim).filter(|it| !it.is_empty()).map(cell).collect();
        cells.join("  ")
    };
    text.lines().map(|it| line(it) + "\n").collect()
}

#[tokio::test]
async fn every_listing_is_as_in_its_golden_file() {
    let fixture = Fixture::audited().await.with_audits();
    let lines = [
        ("app-complete.txt", "app cust-7"),
        ("app-in-doubt.txt", "app acme/cust-9"),
        ("app-gone.txt", "app cust-3"),
        ("app-unknown.txt", "app nobody"),
        ("resources.txt", "resources"),
        ("resources-json.txt", "resources --hook ips --json"),
        ("why.txt", "why dns/A/www.cust-7.example"),
        ("why-unknown.txt", "why dns/A/nothing"),
        ("runs.txt", "runs"),
        ("run.txt", "run r1"),
        ("run-full.txt", "run r1 --full"),
        ("run-json.txt", "run 1 --json"),
        ("dead.txt", "dead list"),
        ("dead-show.txt", "dead show notify/1"),
        ("findings.txt", "findings"),
        ("findings-json.txt", "findings --json"),
        ("findings-ack-unknown.txt", "findings ack f99 --reason because"),
        ("audit-history.txt", "audit history"),
        ("audit-history-json.txt", "audit history nightly --json"),
        ("approve-list.txt", "approve"),
        ("wait-not-ready.txt", "wait --app cust-9 --timeout 0s"),
        ("label-show.txt", "label show cust-7"),
        ("defaults.txt", "doctor --defaults"),
    ];
    for (name, line) in lines {
        golden(name, &fixture.transcript(line));
    }
    golden("audit-list.txt", &without_ages(&fixture.transcript("audit list")));
    golden("audit-list-json.txt", &fixture.transcript("audit list --next 2 --json"));
}

#[tokio::test]
async fn every_listing_is_json_where_json_was_asked_for() {
    let fixture = Fixture::enforced().await.with_audits();
    assert_eq!(fixture.run("add --all --yes").code, 0);
    // What is listed, and how many there are of it where that is known; none: it is one object.
    for (line, count) in [
        ("app cust-7", None),
        ("approve", Some(3)),
        ("audit history", None),
        ("audit list", Some(2)),
        ("autopsy m-cust-7", None),
        ("backfill list", None),
        ("blame", Some(2)),
        ("blame dns --since 30d", Some(1)),
        ("blame A/www.cust-7.example", Some(1)),
        ("check", None),
        ("dead list", Some(1)),
        ("dead show notify/1", None),
        ("doctor", None),
        ("doctor --defaults", None),
        ("findings", None),
        ("findings --all", None),
        ("hook list", Some(4)),
        ("inspect builtin:orphans", None),
        ("label show cust-7", None),
        ("plan", None),
        ("resources", Some(3)),
        ("retire list", Some(0)),
        ("run 1", None),
        ("runs", None),
        ("runs --hook dns", None),
        ("wait --app cust-7 --timeout 0s", None),
        ("why A/www.cust-7.example", Some(1)),
        ("why e1", Some(1)),
    ] {
        let said = fixture.run(&format!("--data data {line} --json"));
        let shown: serde_json::Value =
            serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{line}: {error}: {said:?}"));
        assert!(shown.is_array() || shown.is_object(), "{line}: {shown}");
        if let Some(count) = count {
            assert_eq!(shown.as_array().map(Vec::len), Some(count), "{line}: {shown}");
        }
    }
}

#[tokio::test]
async fn what_is_mended_waits_or_is_held_is_listed_so() {
    let fixture = Fixture::enforced().await;
    for (name, line) in [
        ("findings-enforced.txt", "findings"),
        ("audit-history-enforced.txt", "audit history"),
        ("approve-enforced.txt", "approve --hook orphans"),
        ("findings-fix-unknown.txt", "findings fix f99 --yes"),
    ] {
        golden(name, &fixture.transcript(line));
    }
}

#[test]
fn every_help_is_as_in_its_golden_file() {
    let fixture = Fixture::empty();
    let main = fixture.run("--help");
    assert_eq!(main.code, 0);
    let commands = main.out.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands = commands.take_while(|line| !line.is_empty());
    let names: Vec<_> =
        commands.filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next()).collect();
    assert!(names.contains(&"doctor") && names.contains(&"settle"), "{names:?}");
    // Each command's own words; what all of them take is in the first.
    let own = |text: &str| text.split("\nEverywhere:").next().unwrap_or_default().trim_end().to_owned();
    for name in names.iter().filter(|name| !["up", "demo", "sim"].contains(name)) {
        let said = fixture.run(&format!("{name} --help"));
        assert_eq!(said.code, 0, "{name}");
        golden(&format!("help/{name}.txt"), &redact(&format!("{}\n", own(&said.out))));
    }
}

#[tokio::test]
async fn a_name_may_be_written_in_many_ways() {
    let fixture = Fixture::filled().await;
    let row =
        fixture.data_run("why dns/A/www.cust-7.example --json").json()[0]["row"].as_str().unwrap().to_owned();
    for name in [
        "A/www.cust-7.example",
        "record/A/www.cust-7.example",
        "dns/record/A/www.cust-7.example",
        "www.cust-7.example/A",
        &row,
    ] {
        let said = fixture.data_run(&format!("why {name} --json"));
        assert_eq!(said.json()[0]["row"], row.as_str(), "{name}");
    }
    for name in ["cust-7", "acme/cust-7", "fly/acme/cust-7", "app:cust-7-1"] {
        let said = fixture.data_run(&format!("app {name} --json"));
        assert_eq!(
            (&said.json()["path"], &said.json()["complete"]),
            (&"fly/acme/cust-7".into(), &true.into()),
            "{name}"
        );
    }
}

#[tokio::test]
async fn exit_codes_are_those_of_the_documentation() {
    let fixture = Fixture::filled().await;
    for (code, line) in [
        (0, "--data data wait --app cust-7 --timeout 0s"),
        (0, "--version"),
        (1, "--data data app nobody"),
        (1, "--data elsewhere resources"),
        (1, "--data data wait --app cust-3"),
        (2, "resources --state nonsense"),
        (2, "settle x"),
        (2, ""),
        (3, "--config missing.toml check"),
        (4, "--data data wait --app cust-9 --timeout 0s"),
        (4, "--data data wait --app nobody --timeout 0s"),
        (5, "--data data approve --all"),
    ] {
        let said = fixture.run(line);
        assert_eq!(said.code, code, "{line}: {said:?}");
    }
}

#[tokio::test]
async fn failures_are_json_where_json_was_asked_for() {
    let fixture = Fixture::filled().await;
    let said = fixture.run("--data data --json wait --app cust-9 --timeout 0s");
    let error: serde_json::Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!((said.out.as_str(), &error["error"]["kind"]), ("", &"incomplete".into()));
    let missing = error["error"]["details"]["missing"].as_array().unwrap();
    assert_eq!((missing.len(), &missing[0]["hook"]), (1, &"ips".into()), "{missing:?}");
}

#[test]
fn failures_in_json_have_no_colours() {
    let fixture = Fixture::empty();
    std::fs::write(fixture.dir.path().join("groundcrew.toml"), "installation = 7\n").unwrap();
    let said = fixture.run("--json --color always check");
    let both = said.out + &said.err;
    assert!(both.contains("installation") && !both.contains("\\u001b") && !both.contains('\u{1b}'), "{both}");
    let said = fixture.run("--json --color always up");
    let error: serde_json::Value = serde_json::from_str(&said.err).unwrap();
    let message = error["error"]["message"].as_str().unwrap();
    assert!(message.contains("installation") && !message.contains('\u{1b}'), "{message}");
}

#[tokio::test]
async fn colours_are_for_terminals_unless_asked_for() {
    let fixture = Fixture::filled().await;
    assert!(!fixture.data_run("resources").out.contains('\u{1b}'));
    assert!(fixture.data_run("resources --color always").out.contains('\u{1b}'));
}

#[test]
fn completions_are_written_for_every_shell() {
    let fixture = Fixture::empty();
    for shell in ["bash", "zsh", "fish"] {
        assert!(fixture.run(&format!("completions {shell}")).out.contains("unpause"), "{shell}");
    }
}

#[tokio::test]
async fn findings_of_one_name_say_whose_hook_they_are_about() {
    let fixture = Fixture::filled().await;
    let text = "INSERT INTO finding (source, code, about, whose, hook, severity, message, first_at, last_at)
        SELECT 0, 'resource.stuck', 'record/A/x', 'dns server=' || name, id, 'warning', 'it fails', 1, 1
        FROM hook WHERE name IN ('dns', 'ips')";
    assert_eq!(fixture.open().execute(text, []).unwrap(), 2);
    let said = fixture.data_run("findings").out;
    assert!(said.contains("record/A/x (dns)") && said.contains("record/A/x (ips)"), "{said}");
    assert!(!said.contains("notify (notify)"), "only where two say the same: {said}");
}
