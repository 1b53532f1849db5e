//! The hook against a small stateful double of Cloudflare's API, after its published reference.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "doubles/cloudflare.rs"]
mod double;

use double::{Shared, cloudflare};
use groundcrew_hook::testing::{Fake, life, want};
use groundcrew_hook::{Inventory, Provisioner, Value, Want, json};
use hook_dns::Dns;

fn fake(zone: &Shared) -> Fake {
    let config = json!({
        "dialect": "cloudflare", "server": "https://api.cloudflare.com", "zone": "acme.app", "zone_id": "z1",
    });
    Fake::new().config(config).secret("API_TOKEN").http(cloudflare(zone))
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
    let zone = Shared::default();
    let text = "v=spf1 \"-all\"; \u{fc}";
    for want in [
        www(),
        set("*.acme.app", "A", &["192.0.2.7"]),
        set("acme.app", "AAAA", &["2a09:8280:1::7"]),
        set("a.acme.app", "CNAME", &["cust-7.fly.dev"]),
        set("b.acme.app", "TXT", &[text]),
    ] {
        let made = life::<Dns>(&fake(&zone), &want);
        assert_eq!((made.id, made.body), (want.key, want.body));
        assert_eq!(zone.borrow().records.len(), 0, "neither set nor mark is left");
    }
}

#[test]
fn every_value_is_a_record_and_only_what_differs_is_written() {
    let zone = Shared::default();
    let fake = fake(&zone);
    let made = fake.run(|| Dns::create(&www())).unwrap();
    assert_eq!((zone.borrow().records.len(), fake.writes().len()), (3, 1));
    let kept = zone.borrow().records.iter().find(|it| it["content"] == "192.0.2.8").unwrap()["id"].clone();

    let moved = set("www.acme.app", "A", &["192.0.2.8", "192.0.2.9"]);
    fake.run(|| Dns::update(&moved, &made)).unwrap();
    let batch: Value = serde_json::from_slice(&fake.writes()[1].body).unwrap();
    assert_eq!(
        (batch["deletes"].as_array().unwrap().len(), batch["posts"].as_array().unwrap().len()),
        (1, 1)
    );
    assert!(zone.borrow().records.iter().any(|it| it["id"] == kept), "what fits keeps its record");
    assert_eq!(fake.run(|| Dns::find(&moved)).unwrap()[0].body, moved.body);

    // Somebody puts the proxy before it: its ttl is `automatic` then.
    for record in zone.borrow_mut().records.iter_mut().filter(|it| it["content"] == "192.0.2.9") {
        (record["proxied"], record["ttl"]) = (json!(true), json!(1));
    }
    let now = fake.run(|| Dns::find(&moved)).unwrap().remove(0);
    assert_eq!(now.body["ttl"], 1);
    fake.run(|| Dns::update(&moved, &now)).unwrap();
    assert_eq!(fake.run(|| Dns::find(&moved)).unwrap()[0].body, moved.body);
}

#[test]
fn what_somebody_made_meanwhile_is_not_added_to() {
    let zone = Shared::default();
    let theirs =
        json!({ "name": "www.acme.app", "type": "A", "ttl": 300, "content": "192.0.2.99", "proxied": false });
    zone.borrow_mut().post(&theirs).unwrap();
    let fake = fake(&zone);
    let failure = fake.run(|| Dns::create(&www())).unwrap_err();
    assert!(failure.retry && failure.message.contains("made by somebody else"), "{failure}");
    assert_eq!((fake.writes().len(), zone.borrow().records.len()), (0, 1));
    let found = fake.run(|| Dns::find(&www())).unwrap();
    assert_eq!((&found[0].mark, &found[0].body["values"]), (&None, &json!(["192.0.2.99"])));
}

#[test]
fn a_foreign_mark_claims_the_name() {
    let zone = Shared::default();
    let fake = fake(&zone);
    fake.run(|| Dns::create(&Want { mark: "gc1:staging:x".into(), ..www() })).unwrap();
    zone.borrow_mut().records.retain(|record| record["type"] == "TXT");
    assert_eq!(fake.run(|| Dns::find(&www())).unwrap()[0].mark.as_deref(), Some("gc1:staging:x"));
    assert!(fake.run(|| Dns::create(&www())).is_err());
}

#[test]
fn a_scan_reads_every_page() {
    let zone = Shared::default();
    for number in 0..1_200 {
        let record =
            json!({ "name": format!("n{number}.acme.app"), "type": "A", "ttl": 60, "content": "192.0.2.1" });
        zone.borrow_mut().post(&record).unwrap();
    }
    let mx = json!({ "name": "acme.app", "type": "MX", "ttl": 60, "content": "mx.acme.app", "priority": 10 });
    zone.borrow_mut().post(&mx).unwrap();
    let fake = fake(&zone);
    // An API that gives fewer at once than it is asked for is read to its end as well.
    for page_max in [None, Some(100)] {
        zone.borrow_mut().page_max = page_max;
        let first = fake.run(|| Dns::scan(None, None)).unwrap();
        let second = fake.run(|| Dns::scan(None, first.next.as_deref())).unwrap();
        assert_eq!(
            (first.things.len(), second.things.len(), second.next),
            (1_000, 200, None),
            "{page_max:?}"
        );
    }
    // What is removed between two pages hides nothing of what comes after.
    let first = fake.run(|| Dns::scan(None, None)).unwrap();
    zone.borrow_mut().records.retain(|record| record["name"] != "n0.acme.app");
    let second = fake.run(|| Dns::scan(None, first.next.as_deref())).unwrap();
    assert_eq!((first.things.len(), second.things.len()), (1_000, 200));
    assert!(fake.writes().is_empty());
}

#[test]
fn a_zone_that_is_not_there_is_a_failure() {
    let config = json!({
        "dialect": "cloudflare", "server": "https://api.cloudflare.com", "zone": "acme.app", "zone_id": "z9",
    });
    let fake = Fake::new().config(config).secret("API_TOKEN").http(cloudflare(&Shared::default()));
    let failure = fake.run(|| Dns::find(&www())).unwrap_err();
    assert!(failure.message.starts_with("zone acme.app: status 404"), "{failure}");
    let config = json!({ "dialect": "cloudflare", "server": "https://x", "zone": "acme.app" });
    let none = Fake::new().config(config).secret("API_TOKEN");
    assert!(none.run(|| Dns::find(&www())).unwrap_err().message.starts_with("`zone_id` is required"));
}
