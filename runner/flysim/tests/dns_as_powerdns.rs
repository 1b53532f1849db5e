//! The fake answers as the real PowerDNS does: the same requests to both, and the same answers.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use groundcrew_flysim::dns::{Dns, DnsServer};
use groundcrew_flysim::{ManualClock, SystemClock};
use serde_json::{Value, json};
use support::{Reply, request};

const KEY: &str = "a-key";
const ZONES: &str = "/api/v1/servers/localhost/zones";
const ZONE: &str = "/api/v1/servers/localhost/zones/example.";
/// Where Debian puts the schema of the SQLite backend.
const SCHEMA: &str = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql";
/// The version whose words these are.
const VERSION: &str = "4.7";

/// One request: method, path, body.
type Sent = (&'static str, String, String);

fn set(name: &str, kind: &str, contents: &[&str]) -> Value {
    let records: Vec<_> = contents.iter().map(|it| json!({"content": it, "disabled": false})).collect();
    json!({"name": name, "type": kind, "ttl": 60, "changetype": "REPLACE", "records": records})
}

fn delete(name: &str, kind: &str) -> Value {
    json!({"name": name, "type": kind, "changetype": "DELETE"})
}

fn without(mut set: Value, field: &str) -> Value {
    set.as_object_mut().unwrap().remove(field);
    set
}

fn with(mut set: Value, field: &str, value: Value) -> Value {
    set[field] = value;
    set
}

/// What is sent to both, in this order.
fn requests() -> Vec<Sent> {
    let patch = |sets: Vec<Value>| ("PATCH", ZONE.to_owned(), json!({"rrsets": sets}).to_string());
    let mut all: Vec<Sent> = taken().into_iter().chain(refused()).map(patch).collect();
    for body in ["", "garbage", "{}", r#"{"rrsets": "x"}"#, r#"{"rrsets": [7]}"#] {
        all.push(("PATCH", ZONE.into(), body.into()));
    }
    let get = |path: String| ("GET", path, String::new());
    for query in [
        "",
        "?rrset_name=z.example.&rrset_type=A",
        "?rrset_name=Z.example.&rrset_type=a",
        "?rrset_name=z.example",
        "?rrset_name=k.example.&rrset_type=A",
        "?rrset_name=off.example.&rrset_type=A",
        "?rrset_name=none.example.",
        "?rrset_type=A",
        "?rrsets=false",
    ] {
        all.push(get(format!("{ZONE}{query}")));
    }
    all.push(get(ZONE.trim_end_matches('.').into()));
    all.push(get(format!("{ZONES}/nope.")));
    all.push(get("/api/v1/servers/other/zones/example.".into()));
    all.push(get(ZONES.into()));
    all.push(("PATCH", format!("{ZONES}/nope."), json!({"rrsets": []}).to_string()));
    all.push(("POST", ZONE.into(), "{}".into()));
    for body in [
        json!({"name": "example.", "kind": "Native", "nameservers": []}),
        json!({"name": "other", "kind": "Native", "nameservers": []}),
        json!({"name": "other.", "nameservers": []}),
        json!({"kind": "Native"}),
        json!({"name": "other.", "kind": "Native", "nameservers": ["ns.other."]}),
    ] {
        all.push(("POST", ZONES.into(), body.to_string()));
    }
    all.push(get(format!("{ZONES}/other.")));
    all
}

/// Record sets that are taken, and what a write over them, beside them and a second delete do.
fn taken() -> Vec<Vec<Value>> {
    let mut all = Vec::new();
    let mut patch = |sets: Vec<Value>| all.push(sets);
    patch(vec![set("www.example.", "A", &["192.0.2.1"]), set("_gc-a.www.example.", "TXT", &["\"gc1:x:y\""])]);
    patch(vec![set("www.example.", "A", &["192.0.2.3", "192.0.2.2"])]);
    patch(vec![set("WWW.Example.", "AAAA", &["2A09:8280:0001::0007"])]);
    patch(vec![set("*.example.", "A", &["192.0.2.1"])]);
    patch(vec![set("c.example.", "CNAME", &["Target.Example."])]);
    patch(vec![set("t.example.", "TXT", &[r#""a\195\188" "b\"c""#])]);
    patch(vec![set("m.example.", "MX", &["10 mail.example."])]);
    patch(vec![delete("www.example.", "A"), delete("_gc-a.www.example.", "TXT")]);
    patch(vec![delete("www.example.", "A")]);
    patch(vec![delete("c.example.", "CNAME"), set("c.example.", "A", &["192.0.2.8"])]);
    patch(vec![with(set("z.example.", "a", &["192.0.2.8"]), "changetype", json!("replace"))]);
    patch(vec![set("m.example.", "MX", &[])]);
    patch(vec![]);
    // Comments, and records that are disabled.
    let comment = json!([{"content": "hi", "account": "me", "modified_at": 123}]);
    patch(vec![with(set("k.example.", "A", &["192.0.2.5"]), "comments", comment.clone())]);
    patch(vec![set("k.example.", "A", &["192.0.2.6"])]);
    patch(vec![with(set("l.example.", "A", &["192.0.2.5"]), "comments", comment)]);
    patch(vec![delete("l.example.", "A")]);
    let off = json!([{"content": "192.0.2.7", "disabled": true}]);
    patch(vec![with(set("off.example.", "A", &[]), "records", off)]);
    patch(vec![set("off.example.", "CNAME", &["x.example."])]);
    patch(vec![with(set("s.example.", "A", &["192.0.2.9"]), "ttl", json!("60"))]);
    all
}

/// Record sets that are refused.
fn refused() -> Vec<Vec<Value>> {
    let mut all = Vec::new();
    let mut patch = |sets: Vec<Value>| all.push(sets);
    patch(vec![set("www.example", "A", &["192.0.2.1"])]);
    patch(vec![set("www.other.", "A", &["192.0.2.1"])]);
    patch(vec![set("wwwexample.", "A", &["192.0.2.1"])]);
    patch(vec![set("a..example.", "A", &["192.0.2.1"])]);
    patch(vec![set("sp ace.example.", "A", &["192.0.2.1"])]);
    patch(vec![set(&format!("{}.example.", "a".repeat(64)), "A", &["192.0.2.1"])]);
    patch(vec![set("c.example.", "CNAME", &["x.example."])]);
    patch(vec![set("off.example.", "A", &["192.0.2.1"])]);
    patch(vec![set("example.", "CNAME", &["x.example."])]);
    patch(vec![set("at.example.", "A", &["192.0.2.9"]), set("at.example.", "CNAME", &["x.example."])]);
    patch(vec![set("at.example.", "A", &["192.0.2.9"]), set("at.example.", "TXT", &["bad"])]);
    patch(vec![set("at.example.", "A", &["192.0.2.9"]), set("at.example.", "A", &["192.0.2.8"])]);
    patch(vec![set("at.example.", "A", &["192.0.2.9", "192.0.2.9"])]);
    patch(vec![set("at.example.", "CNAME", &["a.example.", "b.example."])]);
    patch(vec![set("at.example.", "NOPE", &["x"])]);
    patch(vec![with(set("at.example.", "A", &["192.0.2.9"]), "changetype", json!("FROB"))]);
    for field in ["name", "type", "ttl", "records", "changetype"] {
        patch(vec![without(set("at.example.", "A", &["192.0.2.9"]), field)]);
    }
    patch(vec![with(set("at.example.", "A", &[]), "records", json!([{}]))]);
    let wrong = [
        ("A", "notip"),
        ("A", ""),
        ("A", "192.0.2"),
        ("A", "192.0.2."),
        ("A", "1.2..4"),
        ("A", "1.2.3.x"),
        ("A", "1.2.3.4.5"),
        ("A", "192.0.2.300"),
        ("A", "192.0.2.001"),
        ("A", "192.0.2.1 "),
        ("AAAA", "1.2.3.4"),
        ("AAAA", ""),
        ("CNAME", "x.example"),
        ("CNAME", ""),
        ("CNAME", "a..b."),
        ("CNAME", "a b."),
        ("TXT", "unquoted"),
        ("TXT", "\"open"),
        ("TXT", "\"a\\\""),
        ("TXT", "\"a\"  \"b\""),
        ("TXT", "\"a\" b"),
        ("TXT", "b \"a\""),
    ];
    for (kind, content) in wrong {
        patch(vec![set("at.example.", kind, &[content])]);
    }
    all
}

#[tokio::test]
async fn the_fake_answers_as_powerdns_does() {
    let Some(real) = PowerDns::start().await else { return };
    let fake = Dns::new(KEY, Arc::new(SystemClock));
    let fake = DnsServer::start(([127, 0, 0, 1], 0).into(), fake).await.unwrap();
    let zone = json!({"name": "example.", "kind": "Native", "nameservers": ["ns.example."]}).to_string();
    let first = [("POST", ZONES.to_owned(), zone)];
    let mut differences = String::new();
    for (method, path, body) in first.into_iter().chain(requests()) {
        // The right key comes first: a refused one must change nothing.
        for key in [&[("x-api-key", KEY)][..], &[("x-api-key", "wrong")], &[]] {
            let from_real = shape(&request(real.api, method, &path, key, body.clone()).await.unwrap());
            let from_fake =
                shape(&request(fake_addr(&fake), method, &path, key, body.clone()).await.unwrap());
            if from_fake != from_real {
                writeln!(
                    differences,
                    "{method} {path} {key:?} {body}\n  real {from_real:?}\n  fake {from_fake:?}"
                )
                .unwrap();
            }
        }
    }
    assert!(differences.is_empty(), "\n{differences}");
}

fn fake_addr(fake: &groundcrew_flysim::dns::DnsServerHandle) -> SocketAddr {
    fake.base_url().strip_prefix("http://").unwrap().parse().unwrap()
}

/// What is compared: status, media type, and the body without serials; the order of record sets and of
/// records within one is the backend's business.
fn shape(reply: &Reply) -> (u16, String, Value) {
    let kind = reply.headers.get("content-type").map_or("", |kind| kind.to_str().unwrap());
    let mut body = serde_json::from_str(&reply.text).unwrap_or_else(|_| json!(reply.text));
    if let Some(zones) = body.as_array_mut() {
        zones.iter_mut().for_each(normalise);
    } else {
        normalise(&mut body);
    }
    (reply.status, kind.to_owned(), body)
}

fn normalise(zone: &mut Value) {
    let Some(zone) = zone.as_object_mut() else { return };
    for serial in ["serial", "edited_serial"] {
        zone.entry(serial).and_modify(|serial| *serial = json!(serial.is_number()));
    }
    let Some(sets) = zone.get_mut("rrsets").and_then(Value::as_array_mut) else { return };
    for set in sets.iter_mut() {
        let soa = set["type"] == "SOA";
        let records = set["records"].as_array_mut().unwrap();
        for record in records.iter_mut().filter(|_| soa) {
            let content = record["content"].as_str().unwrap().to_owned();
            let words = content.split(' ').enumerate().map(|(n, word)| if n == 2 { "SERIAL" } else { word });
            record["content"] = words.collect::<Vec<_>>().join(" ").into();
        }
        records.sort_by_key(Value::to_string);
    }
    sets.sort_by_key(|set| format!("{}/{}", set["name"], set["type"]));
}

/// A real server with a database of its own.
struct PowerDns {
    child: Child,
    api: SocketAddr,
    _directory: tempfile::TempDir,
}

impl PowerDns {
    /// Starts it; says loudly that nothing is checked where it is not installed, or not of the version.
    async fn start() -> Option<Self> {
        let Ok(version) = Command::new("pdns_server").arg("--version").output() else {
            return not_checked("pdns_server is not installed (Debian: pdns-server, pdns-backend-sqlite3)");
        };
        let version =
            String::from_utf8_lossy(&version.stderr).into_owned() + &String::from_utf8_lossy(&version.stdout);
        if !version.contains(&format!("Server {VERSION}.")) {
            return not_checked(&format!("pdns_server is not of version {VERSION}"));
        }
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("pdns.sqlite3");
        let Ok(made) = Command::new("sqlite3").arg(&database).arg(format!(".read {SCHEMA}")).output() else {
            return not_checked("sqlite3 is not installed");
        };
        if !made.status.success() || !database.is_file() {
            return not_checked(&format!("{SCHEMA} cannot be read (Debian: pdns-backend-sqlite3)"));
        }
        let (api, port) = (free(), free());
        std::fs::write(
            directory.path().join("pdns.conf"),
            configuration(directory.path(), &database, api, port),
        )
        .unwrap();
        let child = Command::new("pdns_server")
            .arg(format!("--config-dir={}", directory.path().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, api, _directory: directory };
        server.ready().await;
        Some(server)
    }

    /// Waits until it listens, at most ten seconds.
    async fn ready(&self) {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        for _ in 0..500 {
            tick.tick().await;
            if tokio::net::TcpStream::connect(self.api).await.is_ok() {
                return;
            }
        }
        panic!("pdns_server does not listen within ten seconds");
    }
}

impl Drop for PowerDns {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn not_checked(why: &str) -> Option<PowerDns> {
    groundcrew_unchecked::not_checked("the fake of PowerDNS against the real one", why);
    None
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn configuration(directory: &Path, database: &Path, api: SocketAddr, dns: SocketAddr) -> String {
    format!(
        "launch=gsqlite3\ngsqlite3-database={}\nsocket-dir={}\ndaemon=no\nguardian=no\ndisable-syslog=yes\n\
         local-address=127.0.0.1\nlocal-port={}\napi=yes\napi-key={KEY}\nwebserver=yes\n\
         webserver-address=127.0.0.1\nwebserver-port={}\nwebserver-allow-from=127.0.0.1\n\
         cache-ttl=0\nquery-cache-ttl=0\nnegquery-cache-ttl=0\nzone-cache-refresh-interval=0\n",
        database.display(),
        directory.display(),
        dns.port(),
        api.port(),
    )
}

#[test]
fn the_log_says_what_took_effect_when() {
    use groundcrew_flysim::dns::DnsWhat;
    use groundcrew_flysim::{Fault, Late, Reply as Direct, Request};

    let clock = ManualClock::new(support::START_MS);
    let dns = Dns::new(KEY, Arc::new(clock.clone()));
    dns.add_zone("example.").unwrap();
    dns.write("example.", "mail.example.", "A", &["192.0.2.10"]).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("effects.ndjson");
    dns.log_to(&file).unwrap();
    let headers = [("X-API-Key".to_owned(), KEY.to_owned())];
    let patch = |sets: Value| {
        let body = json!({"rrsets": sets}).to_string();
        dns.call(&Request { method: "PATCH", target: ZONE, headers: &headers, body: body.as_bytes() })
    };
    let status = |reply: Direct| match reply {
        Direct::Answered(answered) => answered.status,
        Direct::Dropped => 0,
        Direct::Withheld => panic!("nothing is withheld here"),
    };
    assert_eq!(status(patch(json!([set("www.example.", "A", &["192.0.2.1"])]))), 204);
    assert_eq!(
        status(patch(json!([delete("www.example.", "A"), set("x.other.", "A", &["192.0.2.1"])]))),
        422
    );
    assert_eq!(status(patch(json!([delete("nobody.example.", "A")]))), 204);
    let fault = |after_effect| Fault { path: "/**".into(), after_effect, count: Some(1), ..Fault::default() };
    dns.turn(|knobs| knobs.faults = vec![fault(false), fault(true)]);
    let late =
        Late { path: "/**".into(), delay_ms: 5_000, status: Some(504), count: Some(1), ..Late::default() };
    dns.turn(|knobs| knobs.late = vec![late]);
    assert_eq!(status(patch(json!([delete("mail.example.", "A")]))), 0, "before its effect");
    assert_eq!(status(patch(json!([set("www.example.", "A", &["192.0.2.2"])]))), 504, "late");
    assert_eq!(status(patch(json!([set("www.example.", "A", &["192.0.2.3"])]))), 0, "after its effect");
    clock.advance(10_000);
    let log = dns.log();
    let told: Vec<_> =
        log.iter().map(|it| (it.at_ms - support::START_MS, it.what, it.contents.join(" "))).collect();
    let expected = [
        (0, DnsWhat::Created, "192.0.2.10"),
        (0, DnsWhat::Created, "192.0.2.1"),
        (0, DnsWhat::Replaced, "192.0.2.3"),
        (5_000, DnsWhat::Replaced, "192.0.2.2"),
    ];
    assert_eq!(told, expected.map(|(at, what, contents)| (at, what, contents.to_owned())));
    assert_eq!(log.iter().map(|it| it.answered).collect::<Vec<_>>(), [true, true, false, false]);
    assert_eq!(std::fs::read_to_string(file).unwrap().lines().count(), log.len());
}
