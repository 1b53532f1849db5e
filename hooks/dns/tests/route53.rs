//! The hook against moto's Route 53, over HTTP.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use groundcrew_hook::testing::{Fake, life, want};
use groundcrew_hook::{Failure, Inventory, Provisioner, Request, Response, Result, Value, Want, json};
use groundcrew_unchecked::not_checked;
use hook_dns::Dns;

/// Who moto takes the caller for; it reads the scope and checks no signature.
const CALLER: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/route53/aws4_request, SignedHeaders=host, Signature=0";

/// A moto of its own with one hosted zone; it ends with this value.
struct Moto {
    child: Child,
    at: String,
    zone: String,
}

impl Drop for Moto {
    fn drop(&mut self) {
        // Ended already is as good.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

impl Moto {
    /// None, and loudly so, where `cargo xtask setup` could not install it.
    fn start() -> Option<Self> {
        let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("moto/bin/python");
        if !python.is_file() {
            not_checked("the dns hook against moto's Route 53", "cargo xtask setup installs it");
            return None;
        }
        // Port 0 would not be told: werkzeug says which port it took.
        let mut child = Command::new(python)
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let at = lines
            .find_map(|line| line.unwrap().split_once("Running on http://").map(|(_, at)| at.to_owned()));
        let at = at.expect("moto says where it listens").trim().to_owned();
        // Whoever reads no further would stop it once the pipe is full.
        std::thread::spawn(move || lines.for_each(drop));
        let mut moto = Self { child, at, zone: String::new() };
        let body = "<CreateHostedZoneRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Name>acme.app</Name><CallerReference>x</CallerReference></CreateHostedZoneRequest>";
        let made = moto.does("POST", "2013-04-01/hostedzone", body);
        let (_, rest) = made.split_once("<Id>/hostedzone/").unwrap();
        rest.split_once('<').unwrap().0.clone_into(&mut moto.zone);
        Some(moto)
    }

    fn fake(&self) -> Fake {
        self.fake_of(&self.zone)
    }

    fn fake_of(&self, zone: &str) -> Fake {
        let config = json!({
            "dialect": "route53", "server": format!("http://{}/", self.at), "zone": "acme.app", "zone_id": zone,
        });
        let at = self.at.clone();
        Fake::new().config(config).http(move |request| sent(&at, request))
    }

    fn does(&self, method: &str, rest: &str, body: &str) -> String {
        let request = Request::new(method, format!("http://{}/{rest}", self.at)).bytes(body);
        let response = sent(&self.at, &request).unwrap();
        assert!(response.is_success(), "{method} {rest}: {}", response.text());
        response.text()
    }

    /// Somebody else writes a record set.
    fn write(&self, set: &str) {
        let change = format!(
            "<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeBatch><Changes><Change><Action>UPSERT</Action><ResourceRecordSet>{set}</ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
        );
        self.does("POST", &format!("2013-04-01/hostedzone/{}/rrset", self.zone), &change);
    }
}

/// One exchange over a connection of its own.
fn sent(at: &str, request: &Request) -> Result<Response> {
    let rest =
        request.url.strip_prefix(&format!("http://{at}")).ok_or_else(|| Failure::lasting("elsewhere"))?;
    let mut stream = TcpStream::connect(at)?;
    let header = |(name, value): &(String, String)| format!("{name}: {value}\r\n");
    let headers = request.headers.iter().map(header).collect::<Vec<_>>().concat();
    let length = request.body.len();
    write!(
        stream,
        "{} {rest} HTTP/1.1\r\nhost: {at}\r\nauthorization: {CALLER}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n",
        request.method
    )?;
    stream.write_all(&request.body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let status = std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap();
    Ok(Response { status, headers: Vec::new(), body: answer[head + 4..].to_vec() })
}

fn set(name: &str, kind: &str, values: &[&str]) -> Want {
    let body = json!({ "name": name, "type": kind, "ttl": 60, "values": values });
    want("record", &format!("{kind}/{name}"), body)
}

fn www() -> Want {
    set("www.acme.app", "A", &["192.0.2.7", "192.0.2.8"])
}

#[test]
fn sets_of_every_type_live_and_go_with_their_mark() {
    let Some(moto) = Moto::start() else { return };
    for want in [
        www(),
        set("*.acme.app", "A", &["192.0.2.7"]),
        set("acme.app", "AAAA", &["2a09:8280:1::7"]),
        set("a.acme.app", "CNAME", &["cust-7.fly.dev"]),
        set("b.acme.app", "TXT", &["v=spf1 \"-all\" <&>"]),
    ] {
        let fake = moto.fake();
        let made = life::<Dns>(&fake, &want);
        assert_eq!((made.id.as_str(), &made.body), (want.key.as_str(), &want.body));
        assert_eq!(
            fake.writes().len(),
            2,
            "set and mark in one request each time, and none for what is gone"
        );
        let left = fake.run(|| Dns::scan(None, None)).unwrap().things;
        assert_eq!(left, [], "neither set nor mark is left");
    }
}

#[test]
fn a_set_is_changed_and_never_written_over_by_a_creation() {
    let Some(moto) = Moto::start() else { return };
    let fake = moto.fake();
    let made = fake.run(|| Dns::create(&www())).unwrap();
    let moved = set("www.acme.app", "A", &["192.0.2.9"]);
    fake.run(|| Dns::update(&moved, &made)).unwrap();
    let found = fake.run(|| Dns::find(&moved)).unwrap();
    assert_eq!((found.len(), &found[0].body, &found[0].mark), (1, &moved.body, &Some(www().mark)));

    let failure = fake.run(|| Dns::create(&Want { mark: "gc1:other:x".into(), ..www() })).unwrap_err();
    assert!(failure.retry && failure.message.contains("already exists"), "{failure}");
    assert_eq!(fake.run(|| Dns::find(&moved)).unwrap(), found, "neither set nor mark was touched");
}

#[test]
fn aliases_and_weighted_sets_are_shown_and_left_alone() {
    let Some(moto) = Moto::start() else { return };
    let fake = moto.fake();
    moto.write("<Name>www.acme.app.</Name><Type>A</Type><AliasTarget><HostedZoneId>Z2</HostedZoneId><DNSName>lb.example.</DNSName><EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget>");
    let found = fake.run(|| Dns::find(&www())).unwrap().remove(0);
    assert_eq!((&found.mark, &found.body["values"]), (&None, &json!([])));
    assert_eq!(found.body["disabled"], json!(["alias of lb.example."]));
    for weight in ["one", "two"] {
        moto.write(&format!("<Name>w.acme.app.</Name><Type>A</Type><SetIdentifier>{weight}</SetIdentifier><Weight>1</Weight><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.1</Value></ResourceRecord></ResourceRecords>"));
    }
    let weighted = set("w.acme.app", "A", &["192.0.2.1"]);
    let found = fake.run(|| Dns::find(&weighted)).unwrap().remove(0);
    assert_eq!(
        (found.body["values"].clone(), found.body["disabled"].as_array().unwrap().len()),
        (json!([]), 4)
    );
    let failure = fake.run(|| Dns::remove(&weighted, &found)).unwrap_err();
    assert!(!failure.retry && failure.message.contains("`one` of several is not removed"), "{failure}");
    assert!(fake.writes().is_empty());
}

#[test]
fn a_scan_pairs_sets_with_their_marks_over_many_pages() {
    let Some(moto) = Moto::start() else { return };
    let fake = moto.fake();
    for number in 0..210 {
        let want = set(&format!("n{number}.acme.app"), "A", &["192.0.2.1"]);
        fake.run(|| Dns::create(&want)).unwrap();
    }
    let reads = fake.calls().len();
    let page = fake.run(|| Dns::scan(None, None)).unwrap();
    assert!(fake.calls().len() > reads + 1, "the zone has more than one page");
    let marked = page.things.iter().filter(|it| it.thing.mark.is_some()).count();
    assert_eq!((page.things.len(), marked, page.next), (210, 210, None));
}

#[test]
fn a_zone_that_is_not_there_is_a_failure() {
    let Some(moto) = Moto::start() else { return };
    let failure = moto.fake_of("Z0").run(|| Dns::find(&www())).unwrap_err();
    assert!(!failure.retry && failure.message.contains("NoSuchHostedZone"), "{failure}");
    let known = Want { id: Some("A/www.acme.app".into()), ..www() };
    assert!(
        moto.fake_of("Z0")
            .run(|| Dns::remove(&known, &groundcrew_hook::Thing::new("x", Value::Null)))
            .is_err()
    );
}

#[test]
fn a_listing_that_stops_before_its_end_is_a_failure() {
    let page = |more: &str| {
        let text = format!(
            "<ListResourceRecordSetsResponse><ResourceRecordSets/>{more}</ListResourceRecordSetsResponse>"
        );
        let config =
            json!({ "dialect": "route53", "server": "http://a.test", "zone": "acme.app", "zone_id": "Z1" });
        let answer = move |_: &Request| {
            Ok(Response { status: 200, headers: Vec::new(), body: text.clone().into_bytes() })
        };
        Fake::new().config(config).http(answer).run(|| Dns::scan(None, None))
    };
    let truncated = "<IsTruncated>true</IsTruncated>";
    let same =
        format!("{truncated}<NextRecordName>a.acme.app.</NextRecordName><NextRecordType>A</NextRecordType>");
    for early in ["", truncated, &same] {
        let failure = page(early).unwrap_err();
        assert!(failure.retry && failure.message.contains("stops before its end"), "{early}: {failure}");
    }
    assert_eq!(page("<IsTruncated>false</IsTruncated>").unwrap().things, []);
}
