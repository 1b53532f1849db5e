//! The hook against moto's Route 53, over HTTP.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "doubles/moto.rs"]
mod double;

use double::{Moto, sent};
use groundcrew_hook::testing::{Fake, life, want};
use groundcrew_hook::{Inventory, Provisioner, Request, Response, Value, Want, json};
use hook_dns::Dns;

const WHAT: &str = "the dns hook against moto's Route 53";

fn fake(moto: &Moto) -> Fake {
    fake_of(moto, &moto.zone)
}

fn fake_of(moto: &Moto, zone: &str) -> Fake {
    let config = json!({
        "dialect": "route53", "server": format!("http://{}/", moto.at), "zone": "acme.app", "zone_id": zone,
    });
    let at = moto.at.clone();
    Fake::new().config(config).http(move |request| sent(&at, request))
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
    let Some(moto) = Moto::start(WHAT) else { return };
    for want in [
        www(),
        set("*.acme.app", "A", &["192.0.2.7"]),
        set("acme.app", "AAAA", &["2a09:8280:1::7"]),
        set("a.acme.app", "CNAME", &["cust-7.fly.dev"]),
        set("b.acme.app", "TXT", &["v=spf1 \"-all\" <&>"]),
    ] {
        let fake = fake(&moto);
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
    let Some(moto) = Moto::start(WHAT) else { return };
    let fake = fake(&moto);
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
    let Some(moto) = Moto::start(WHAT) else { return };
    let fake = fake(&moto);
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
    let Some(moto) = Moto::start(WHAT) else { return };
    let fake = fake(&moto);
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
    let Some(moto) = Moto::start(WHAT) else { return };
    let failure = fake_of(&moto, "Z0").run(|| Dns::find(&www())).unwrap_err();
    assert!(!failure.retry && failure.message.contains("NoSuchHostedZone"), "{failure}");
    let known = Want { id: Some("A/www.acme.app".into()), ..www() };
    assert!(
        fake_of(&moto, "Z0")
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
