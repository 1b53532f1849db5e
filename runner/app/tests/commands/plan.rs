//! What a plan says of a fleet: every kind of change beside each other, and that planning changes nothing.

use std::fs;
use std::sync::Arc;

use groundcrew_flysim::SystemClock;
use groundcrew_flysim::dns::{Dns, DnsServer};

use crate::cli::golden;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_says_what_would_be_done_to_each_thing_and_why() {
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
    let effects = server.dns().log().len();
    golden("plan.txt", &fixture.transcript("plan"));
    golden("plan-app.txt", &fixture.transcript("plan --app cust-9"));
    assert_eq!(server.dns().log().len(), effects, "a plan changes nothing");
}
