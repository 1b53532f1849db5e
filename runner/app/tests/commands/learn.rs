//! Grants as recorded runs would have needed them.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use groundcrew::components;
use groundcrew::config::{Config, Environment};
use groundcrew_core::duration::Millis;
use groundcrew_core::egress::{Asked, Grant, Verdict, judge};
use groundcrew_core::hash::Digest;
use groundcrew_engine::clock::{Clock as _, SystemClock};
use groundcrew_store::runs::{CallRecord, RunRecord, Settings};
use serde_json::json;

use crate::fixture::Fixture;

const CONFIGURED: &str = r#"
installation = "acme"
source.ndjson.path = "-"
secrets.PDNS.file = "key"
[hook.dns]
use = "builtin:dns"
config = { server = "https://pdns", zone = "example", records = [] }
gone = "delete"
secret.API_TOKEN = { from = "PDNS", at = "header:x-api-key", to = "pdns:443" }
allow = ["GET,PATCH {config.server}/api/v1/servers/{config.server_id}/zones/{config.zone}*", "POST https://pdns/*"]
"#;

/// The fixture with a stanza for its hook `dns`, whose run sent one PATCH.
async fn configured() -> Fixture {
    let fixture = Fixture::filled().await;
    fs::write(fixture.dir.path().join("key"), "key").unwrap();
    fs::write(fixture.dir.path().join("groundcrew.toml"), CONFIGURED).unwrap();
    fixture
}

/// Another run of `dns` with one request.
async fn record(fixture: &Fixture, app: &str, op: &str, line: &str, access: &str) {
    let store = fixture.store();
    let hook = store.hooks().unwrap().into_iter().find(|hook| hook.name == "dns").unwrap();
    let now = SystemClock.now() - Millis::minutes(1);
    let (method, url) = line.split_once(' ').unwrap();
    let config = json!({"server": "https://pdns", "server_id": "localhost", "zone": "example"});
    let run = RunRecord {
        id: store.next_run(),
        hook: hook.id,
        subject: Some(store.subjects_named(app).unwrap().pop().unwrap().id),
        seq: None,
        resource: None,
        op: op.to_owned(),
        component: Digest::of(b"component"),
        seed: [0; 32],
        schedule: None,
        started: now,
        ended: Some(now),
        outcome: Some("ok".to_owned()),
        log: None,
        settings: Some(Settings::new(json!({"config": config, "secrets": {}}).to_string())),
        input: None,
        answer: None,
        resumes: None,
        because: None,
    };
    let ask = json!({"method": method, "url": url, "headers": [], "body": {"text": ""}});
    let call = CallRecord {
        n: 0,
        op: "http".to_owned(),
        access: access.to_owned(),
        print: Digest::of(b"print"),
        ask: ask.to_string().into_bytes(),
        answer: None,
        sent_at: now,
        back_at: None,
    };
    store.save_run(run, vec![call]).await.unwrap();
}

/// The `allow` that was printed.
fn allowed(text: &str) -> Vec<String> {
    let printed: toml::Table = toml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let allow = printed["hook"]["dns"]["allow"].as_array().unwrap();
    allow.iter().map(|line| line.as_str().unwrap().to_owned()).collect()
}

/// Whether the egress lets a request of an app pass under these grants.
fn passes(grants: &[String], app: &str, line: &str) -> bool {
    let (method, url) = line.split_once(' ').unwrap();
    let words = [
        ("app", app),
        ("config.server", "https://pdns"),
        ("config.server_id", "localhost"),
        ("config.zone", "example"),
    ];
    let words = words.map(|(word, value)| (word.to_owned(), value.to_owned())).into();
    let bound: Vec<_> =
        grants.iter().map(|grant| grant.parse::<Grant>().unwrap().bind(&words).unwrap()).collect();
    let url = url.parse().unwrap();
    let asked = Asked { method, url: &url, headers: &[], body: b"" };
    matches!(judge(&bound, &asked), Verdict::Allowed { .. })
}

#[tokio::test]
async fn what_was_recorded_passes_and_nothing_else_does() {
    let fixture = configured().await;
    let zone = "https://pdns/api/v1/servers/localhost/zones/example";
    let recorded = [
        ("cust-7", "find", format!("GET {zone}?rrset_name=a")),
        ("cust-9", "find", format!("GET {zone}?rrset_name=b")),
        ("cust-9", "update", format!("PATCH {zone}")),
        ("cust-7", "scan", format!("GET {zone}")),
    ];
    for (app, op, line) in &recorded {
        record(&fixture, app, op, line, "read").await;
    }
    // Refused, so it never left; and one that today's grants do not know.
    record(&fixture, "cust-7", "find", "DELETE https://pdns/api", "local").await;
    record(&fixture, "cust-7", "find", "GET https://elsewhere.example/", "read").await;

    let said = fixture.run("--data data learn dns");
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.out.contains("never recorded: remove; methods that no request used are kept"),
        "{}",
        said.out
    );
    assert!(said.out.contains("few owners stand behind this"), "{}", said.out);
    assert!(said.out.contains("1 request would not pass the present grants"), "{}", said.out);
    let kept = allowed(&said.out);
    assert_eq!(
        kept,
        [
            "GET,PATCH {config.server}/api/v1/servers/{config.server_id}/zones/{config.zone}",
            "POST https://pdns/*",
        ]
    );
    assert!(said.out.contains("# 5 requests, 5 runs, 2 owners"), "{}", said.out);

    let tight = fixture.run("--data data learn dns --tight");
    assert!(tight.out.contains("# left out, since no request used it: POST https://pdns/*"), "{}", tight.out);
    let tight = allowed(&tight.out);
    for (app, _, line) in &recorded {
        assert!(passes(&tight, app, line), "{line}");
    }
    for other in [
        "GET https://pdns/api/v1/servers/localhost/zones/example2",
        "POST https://pdns/x",
        "DELETE https://pdns/api",
    ] {
        assert!(!passes(&tight, "cust-7", other), "{other}");
    }

    record(&fixture, "cust-7", "remove", &format!("PATCH {zone}"), "write").await;
    let whole = fixture.run("--data data learn dns");
    assert!(!whole.out.contains("never recorded"), "{}", whole.out);
    assert_eq!(allowed(&whole.out).len(), 1, "nothing is kept for what is recorded: {}", whole.out);
    let shown = fixture.run("--data data --json learn dns").json();
    assert_eq!(
        (&shown["requests"], &shown["strangers"], &shown["unrecorded"]),
        (&json!(7), &json!(1), &json!([]))
    );
    assert_eq!(shown["grants"][0]["runs"], 6);
    assert_eq!(shown["dropped"], json!(["POST https://pdns/*"]));
}

/// A list over several lines, with comments.
const LINES: &str = "allow = [
  # as its manifest asks
  'GET,PATCH {config.server}/api/v1/servers/{config.server_id}/zones/{config.zone}*',  # the zone
  \"POST https://pdns/*\",  # never used so far
]
# that is all
";

impl Fixture {
    /// The configuration, with the list over several lines.
    fn in_lines(&self) -> String {
        let (before, _) = CONFIGURED.split_once("allow = ").unwrap();
        let text = format!("{before}{LINES}");
        fs::write(self.dir.path().join("groundcrew.toml"), &text).unwrap();
        text
    }

    fn file(&self) -> String {
        fs::read_to_string(self.dir.path().join("groundcrew.toml")).unwrap()
    }

    /// The stanza is the one that `up` read last.
    async fn was_read(&self) {
        let file = self.dir.path().join("groundcrew.toml");
        let config = Config::load(&file, &Environment::fixed([]), &components::manifest);
        let config = config.unwrap_or_else(|report| panic!("{report}"));
        let hook = &config.hooks["dns"];
        let (component, stanza) = (Digest::of(b"component"), hook.stanza_text());
        self.store().save_hook("dns", component, &hook.target, &stanza).await.unwrap();
    }
}

/// The fixture, and two requests for a zone.
async fn recorded() -> Fixture {
    let fixture = configured().await;
    let zone = "https://pdns/api/v1/servers/localhost/zones/example";
    record(&fixture, "cust-7", "find", &format!("GET {zone}"), "read").await;
    record(&fixture, "cust-9", "update", &format!("PATCH {zone}"), "write").await;
    fixture
}

#[tokio::test]
async fn what_was_learnt_is_written_into_the_file_and_nothing_else_changes() {
    let fixture = recorded().await;
    let text = fixture.in_lines();
    fixture.was_read().await;
    let said = fixture.data_run("learn dns --write");
    let learnt = "GET,PATCH {config.server}/api/v1/servers/{config.server_id}/zones/{config.zone}";
    for line in [
        "groundcrew.toml, [hook.dns]".to_owned(),
        format!("- {learnt}*\n"),
        format!("+ {learnt}\n"),
        "for it to hold: groundcrew --data data add dns, then groundcrew --data data reload".to_owned(),
    ] {
        assert!(said.out.contains(&line), "{line}\n{}", said.out);
    }
    let narrowed = text.replace(&format!("'{learnt}*'"), &format!("\"{learnt}\""));
    assert!(narrowed != text && fixture.file() == narrowed, "{}", fixture.file());

    fixture.was_read().await;
    let again = fixture.data_run("learn dns --write");
    assert!(again.out.contains("nothing to write: [hook.dns]"), "{}", again.out);
    assert_eq!(fixture.file(), narrowed);

    let tight = fixture.data_run("--json learn dns --write --tight").json();
    assert_eq!(tight["written"]["removed"], json!(["POST https://pdns/*"]));
    assert_eq!(tight["written"]["added"], json!([]));
    assert_eq!(
        tight["written"]["next"],
        json!(["groundcrew --data data add dns", "groundcrew --data data reload"])
    );
    assert_eq!(fixture.file(), narrowed.replace("\"POST https://pdns/*\",  # never", "# never"));
}

#[tokio::test]
async fn a_stanza_that_is_not_the_one_that_ran_is_left_alone() {
    let fixture = recorded().await;
    let text = fixture.in_lines();
    let refused = fixture.run("--data data learn dns --write");
    assert!(
        refused.code == 1 && refused.err.contains("is not as `groundcrew up` read it last"),
        "{refused:?}"
    );
    assert_eq!(fixture.file(), text);

    fixture.was_read().await;
    let other = text.replace("POST https", "PUT,POST https");
    fs::write(fixture.dir.path().join("groundcrew.toml"), &other).unwrap();
    let refused = fixture.run("--data data learn dns --write");
    assert!(refused.code == 1 && refused.err.contains("which only prints"), "{refused:?}");
    assert_eq!(fixture.file(), other);
    assert_eq!(fixture.run("--data data learn dns").code, 0);
}

#[tokio::test]
async fn a_linked_file_stays_a_link_and_keeps_its_permissions() {
    let fixture = recorded().await;
    fixture.in_lines();
    fixture.was_read().await;
    let (link, real) = (fixture.dir.path().join("groundcrew.toml"), fixture.dir.path().join("shared.toml"));
    fs::rename(&link, &real).unwrap();
    symlink("shared.toml", &link).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    let before = fs::read_to_string(&real).unwrap();
    fixture.data_run("learn dns --write");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
    assert_ne!(fs::read_to_string(&real).unwrap(), before);
    let left = fs::read_dir(fixture.dir.path()).unwrap();
    let temporary = |name: &str| name.starts_with(".groundcrew.");
    assert!(!left.flatten().any(|entry| temporary(&entry.file_name().to_string_lossy())), "nothing is left");
}

#[tokio::test]
async fn without_runs_or_a_stanza_there_is_nothing_to_learn() {
    let fixture = configured().await;
    let none = fixture.run("--data data learn dns --since 1m");
    assert!(none.code == 1 && none.err.contains("no run of `dns` is recorded"), "{none:?}");
    let unknown = fixture.run("--data data learn nothing");
    assert!(unknown.code == 2 && unknown.err.contains("no hook `nothing`"), "{unknown:?}");
}
