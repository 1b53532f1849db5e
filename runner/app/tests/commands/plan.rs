//! What a plan says of a fleet: every kind of change beside each other, and that planning changes nothing.

use std::fs;
use std::sync::Arc;

use groundcrew::control::{self, Act, NoHints, Request};
use groundcrew_core::duration::Millis;
use groundcrew_core::plan::Plan;
use groundcrew_flysim::SystemClock;
use groundcrew_flysim::dns::{Dns, DnsServer, DnsServerHandle};
use serde_json::{Value, json};

use crate::cli::{golden, redact};
use crate::fixture::Fixture;

/// A configuration that wants another `ttl` of what there is, and a record more for each app.
const CONFIGURED: &str = r#"
installation = "acme"
level = "enforce"
source.ndjson.path = "-"
store.path = "data"
secrets.PDNS.file = "key"
[hook.dns]
use = "builtin:dns"
config = { server = "$SERVER", zone = "example", records = [
  { name = "www.{app}.example", type = "A", values = ["66.241.125.7"], ttl = 600 },
  { name = "shop.{app}.example", type = "CNAME", values = ["www.{app}.example"] },
] }
gone = "delete"
grace = { gone = "30d", unwanted = "30d" }
secret.API_TOKEN = { from = "PDNS", at = "header:x-api-key", to = "$SERVER" }
allow = ["GET,PATCH $SERVER/api/v1/servers/localhost/zones/example*"]
"#;

/// What stands in the zone: one set of ours, one that is somebody else's, and the set of an app that is gone.
fn zone(fixture: &Fixture) -> Dns {
    let dns = Dns::new("key", Arc::new(SystemClock));
    dns.add_zone("example.").unwrap();
    for app in ["cust-7", "cust-3"] {
        let row = fixture.data_run(&format!("why A/www.{app}.example --json")).json()[0]["row"].clone();
        let mark = format!("\"gc1:acme:{}\"", row.as_str().unwrap());
        dns.write("example.", &format!("www.{app}.example."), "A", &["66.241.125.7"]).unwrap();
        dns.write("example.", &format!("_gc-a.www.{app}.example."), "TXT", &[&mark]).unwrap();
    }
    dns.write("example.", "shop.cust-9.example.", "CNAME", &["elsewhere.example."]).unwrap();
    dns
}

/// The fixture with a configuration, and the server that it is about.
async fn scene() -> (Fixture, DnsServerHandle) {
    let fixture = Fixture::filled().await;
    let server = DnsServer::start(([127, 0, 0, 1], 0).into(), zone(&fixture)).await.unwrap();
    let base = server.base_url();
    let target = format!("dns server={base} server_id=localhost zone=example");
    let database = groundcrew_store::Connection::open(fixture.data().join("groundcrew.db")).unwrap();
    for table in ["hook", "resource", "want"] {
        let text = format!("UPDATE {table} SET target = ?1 WHERE target LIKE 'dns %'");
        database.execute(&text, [&target]).unwrap();
    }
    fs::write(fixture.dir.path().join("key"), "key").unwrap();
    fs::write(fixture.dir.path().join("groundcrew.toml"), CONFIGURED.replace("$SERVER", &base)).unwrap();
    assert_eq!(fixture.run("add --all --yes").code, 0);
    (fixture, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_says_what_would_be_done_to_each_thing_and_why() {
    let (fixture, server) = scene().await;
    let effects = server.dns().log().len();
    golden("plan.txt", &fixture.transcript("plan"));
    golden("plan-app.txt", &fixture.transcript("plan --app cust-9"));
    // Component and configuration, which has the server's port, are others each time.
    let mut plan = fixture.data_run("plan --json").json();
    assert_eq!(plan["hooks"]["dns"].as_str().unwrap().len(), 25, "{plan}");
    plan["hooks"]["dns"] = json!("[component]:[configuration]");
    golden("plan-json.txt", &redact(&serde_json::to_string_pretty(&plan).unwrap()));
    assert_eq!(server.dns().log().len(), effects, "a plan changes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_has_colours_at_a_terminal_or_where_they_are_asked_for() {
    let (fixture, _server) = scene().await;
    let colours = |text: &str| text.contains('\u{1b}');
    let piped = fixture.data_run("plan").out;
    assert!(!colours(&piped), "{piped:?}");
    let painted = fixture.data_run("plan --color always").out;
    assert_eq!(
        anstream::adapter::strip_str(&painted).to_string(),
        piped,
        "colours change nothing but colours"
    );
    // Of a deletion, a creation and a conflict, each has its own.
    for (line, code) in [("delete", "31m"), ("create", "32m"), ("conflict", "31m")] {
        let found = painted.lines().find(|text| text.contains(line)).unwrap_or_default();
        assert!(found.contains(code), "{line}: {found:?}");
    }
    let file = fixture.dir.path().join("colours.json");
    fixture.data_run("plan --color always --out colours.json");
    assert!(!colours(&fs::read_to_string(file).unwrap()));
    assert!(!fixture.data_run("plan --color always --json").out.contains("\\u001b"));

    // What a terminal would say is said by the environment: nobody looks here. Who wants no colours gets none.
    for (wishes, expected) in [
        (&[("CLICOLOR_FORCE", "1")][..], true),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "")], true),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
    ] {
        let said = fixture.run_with("--data data plan", wishes);
        assert_eq!((said.code, colours(&said.out)), (0, expected), "{wishes:?}: {said:?}");
    }
}

/// How many items of plans may be done now.
fn applied(fixture: &Fixture) -> i64 {
    let database = groundcrew_store::Connection::open(fixture.data().join("groundcrew.db")).unwrap();
    database.query_row("SELECT count(*) FROM applied", [], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_of_another_time_or_installation_is_not_applied() {
    let (fixture, _server) = scene().await;
    fixture.data_run("plan --out p.json");
    let file = fixture.dir.path().join("p.json");
    let planned: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    for (field, value, why) in [
        ("until", json!("2001-09-09T01:46:40.000Z"), "the plan ended at 2001-09-09T01:46:40.000Z"),
        ("installation", json!("staging"), "the plan is of installation `staging`, this is `acme`"),
    ] {
        let mut plan = planned.clone();
        plan[field] = value;
        fs::write(&file, plan.to_string()).unwrap();
        let said = fixture.run("--data data apply p.json --yes");
        assert!(said.code == 1 && said.err.contains(why), "{field}: {said:?}");
        assert!(said.err.contains("groundcrew --data data plan --out FILE"), "{said:?}");
        assert_eq!(applied(&fixture), 0, "{field}");
    }

    // A runner is asked by whoever can write to its socket, and reads no file: it looks at the time itself.
    let plan: Plan = serde_json::from_value(planned).unwrap();
    let items: Vec<_> = plan.items.into_iter().filter(|item| item.action.writes()).collect();
    let (store, who) = (fixture.store(), "ann".to_owned());
    let asked = |until| Act { who: who.clone(), request: Request::Apply { items: items.clone(), until } };
    let late = control::perform(&store, &NoHints, &asked(plan.until), plan.until).await.unwrap_err();
    assert!(late.to_string().contains(&format!("the plan ended at {}", plan.until)), "{late}");
    assert_eq!(applied(&fixture), 0);
    let before = plan.until - Millis::new(1);
    let done = control::perform(&store, &NoHints, &asked(plan.until), before).await.unwrap();
    // Nobody ran with this configuration yet: the ledger still wants of `cust-7` what it wanted before.
    let left = "left out: record/A/www.cust-7.example of fly/acme/cust-7: something else is wanted by now";
    assert!(done.message.ends_with(left), "{}", done.message);
    assert_eq!(
        (u64::from(done.changed), applied(&fixture)),
        (items.len() as u64 - 1, items.len() as i64 - 1)
    );
}
