//! The hook against a small stateful double of PowerDNS's HTTP API.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use groundcrew_hook::testing::{Fake, desired, life, view, want};
use groundcrew_hook::{Input, Inventory, Output, Provisioner, Request, Response, Result, Value, Want, json};
use hook_dns::Dns;

const ZONE: &str = "https://pdns:8081/api/v1/servers/localhost/zones/acme.app.";

/// (name, type) -> rrset as PowerDNS 4.7 holds it: a read by name goes past disabled records.
type Zone = Rc<RefCell<BTreeMap<(String, String), Value>>>;

fn pdns(zone: &Zone) -> impl FnMut(&Request) -> Result<Response> + 'static {
    let zone = Rc::clone(zone);
    move |request| {
        assert!(request.headers.contains(&("x-api-key".into(), Fake::token("API_TOKEN"))));
        let (url, query) = request.url.split_once('?').unwrap_or((&request.url, ""));
        if url != ZONE {
            return Ok(Response { status: 404, body: b"Not Found".to_vec(), ..Response::default() });
        }
        let mut zone = zone.borrow_mut();
        if request.method == "GET" {
            let fits = |name: &str, kind: &str| {
                query.is_empty() || query == format!("rrset_name={name}&rrset_type={kind}")
            };
            let told = |set: &&Value| query.is_empty() || set["records"][0]["disabled"] != true;
            let fitting = zone.iter().filter(|((name, kind), _)| fits(name, kind));
            let shown: Vec<_> = fitting.map(|(_, set)| set).filter(told).collect();
            let body = json!({ "rrsets": shown }).to_string().into_bytes();
            return Ok(Response { status: 200, body, ..Response::default() });
        }
        let patch: Value = serde_json::from_slice(&request.body)?;
        for set in patch["rrsets"].as_array().unwrap() {
            let key = (set["name"].as_str().unwrap().to_owned(), set["type"].as_str().unwrap().to_owned());
            match set["changetype"].as_str() {
                Some("REPLACE") => drop(zone.insert(key, set.clone())),
                Some("DELETE") => drop(zone.remove(&key)),
                other => panic!("{other:?}"),
            }
        }
        Ok(Response { status: 204, ..Response::default() })
    }
}

fn fake(zone: &Zone, records: &Value) -> Fake {
    let config = json!({ "server": "https://pdns:8081", "zone": "acme.app", "ttl": 60, "records": records });
    Fake::new().config(config).secret("API_TOKEN").http(pdns(zone))
}

fn www() -> Want {
    let body = json!({ "name": "www.acme.app", "type": "A", "ttl": 60, "values": ["192.0.2.7"] });
    want("record", "A/www.acme.app", body)
}

#[test]
fn a_record_set_lives_and_goes_with_its_mark() {
    let zone = Zone::default();
    let made = life::<Dns>(&fake(&zone, &json!([])), &www());
    assert_eq!((made.id.as_str(), made.body), ("A/www.acme.app", www().body));
    assert!(zone.borrow().is_empty(), "neither set nor mark is left");
}

#[test]
fn set_and_mark_are_written_in_one_request() {
    let zone = Zone::default();
    let fake = fake(&zone, &json!([]));
    fake.run(|| Dns::create(&www())).unwrap();
    assert_eq!(fake.writes().len(), 1);
    let mark = ("_gc-a.www.acme.app.".to_owned(), "TXT".to_owned());
    assert_eq!(zone.borrow()[&mark]["records"][0]["content"], format!("\"{}\"", www().mark));
}

#[test]
fn foreign_sets_are_shown_with_their_mark_or_none() {
    let zone = Zone::default();
    let fake = fake(&zone, &json!([]));
    let foreign = Want { mark: "gc1:staging:x".into(), ..www() };
    fake.run(|| Dns::create(&foreign)).unwrap();
    let found = fake.run(|| Dns::find(&www())).unwrap();
    assert_eq!(found[0].mark.as_deref(), Some("gc1:staging:x"));

    zone.borrow_mut().remove(&("_gc-a.www.acme.app.".to_owned(), "TXT".to_owned()));
    let found = fake.run(|| Dns::find(&www())).unwrap();
    assert_eq!((found.len(), &found[0].mark), (1, &None));
}

#[test]
fn a_mark_without_its_set_is_a_claim_unless_it_is_ours() {
    let zone = Zone::default();
    let fake = fake(&zone, &json!([]));
    fake.run(|| Dns::create(&www())).unwrap();
    zone.borrow_mut().remove(&("www.acme.app.".to_owned(), "A".to_owned()));
    assert_eq!(fake.run(|| Dns::find(&www())).unwrap(), [], "ours: it is missing and may be made again");
    let other = Want { mark: "gc1:test:other".into(), ..www() };
    assert_eq!(fake.run(|| Dns::find(&other)).unwrap()[0].mark, Some(www().mark));
}

#[test]
fn what_somebody_switched_off_is_found_and_as_no_wish_is() {
    let zone = Zone::default();
    let fake = fake(&zone, &json!([]));
    let off = |name: &str, kind: &str, content: &str| {
        let records = json!([{ "content": content, "disabled": true }]);
        let set = json!({ "name": name, "type": kind, "ttl": 60, "records": records });
        zone.borrow_mut().insert((name.to_owned(), kind.to_owned()), set);
    };
    off("www.acme.app.", "A", "192.0.2.7");
    let found = fake.run(|| Dns::find(&www())).unwrap();
    let body =
        json!({ "name": "www.acme.app", "type": "A", "ttl": 60, "values": [], "disabled": ["192.0.2.7"] });
    assert_eq!((found.len(), &found[0].body, &found[0].mark), (1, &body, &None));
    let page = fake.run(|| Dns::scan(None, None)).unwrap();
    assert_eq!(page.things[0].thing.body, body);

    off("_gc-a.www.acme.app.", "TXT", "\"gc1:staging:x\"");
    let found = fake.run(|| Dns::find(&www())).unwrap();
    assert_eq!(found[0].mark.as_deref(), Some("gc1:staging:x"), "a mark that is switched off still claims");
    assert_eq!(fake.writes().len(), 0);
}

#[test]
fn a_missing_zone_is_a_failure_not_an_empty_list() {
    let config = json!({ "server": "https://pdns:8081", "zone": "gone.app" });
    let fake = Fake::new().config(config).secret("API_TOKEN").http(pdns(&Zone::default()));
    let failure = fake.run(|| Dns::find(&www())).unwrap_err();
    assert_eq!(failure.message, "zone gone.app is not there: Not Found");
}

#[test]
fn desire_comes_from_the_stanza_and_from_inputs() {
    let records = json!([
        { "name": ["cust-7.acme.app", ["www.cust-7.example", "Shop.acme.app"]], "type": "A", "values": ["192.0.2.7"] },
        { "name": "cust-7.acme.app", "type": "A", "values": "192.0.2.8", "ttl": 30 },
        { "name": "cust-7.acme.app", "type": "AAAA", "values": [] },
    ]);
    let mut view = view("cust-7");
    let asked =
        json!([{ "name": "_acme-challenge.shop.acme.app", "type": "CNAME", "values": ["x.flydns.net."] }]);
    let output = Output { name: "records".into(), value: asked.to_string() };
    let (owner, hook, kind, key) =
        (view.owner.path.clone(), "cert".into(), "certificate".into(), "shop".into());
    view.inputs.push(Input { owner, hook, kind, key, output });

    let fake = fake(&Zone::default(), &records);
    let specs = desired::<Dns>(&fake, &view).unwrap();
    let keys: Vec<_> = specs.iter().map(|spec| spec.key.as_str()).collect();
    assert_eq!(keys, ["A/cust-7.acme.app", "A/shop.acme.app", "CNAME/_acme-challenge.shop.acme.app"]);
    let body =
        json!({ "name": "cust-7.acme.app", "type": "A", "ttl": 30, "values": ["192.0.2.7", "192.0.2.8"] });
    assert_eq!(specs[0].body, body);
    assert!(fake.notes()[0].1.starts_with("www.cust-7.example lies outside zone acme.app"));
}

#[test]
fn a_scan_pairs_sets_with_their_marks() {
    let zone = Zone::default();
    let fake = fake(&zone, &Value::Null);
    fake.run(|| Dns::create(&www())).unwrap();
    let mx = json!({ "name": "acme.app.", "type": "MX", "ttl": 60, "records": [{ "content": "10 mx.acme.app." }] });
    let txt = json!({ "name": "acme.app.", "type": "TXT", "ttl": 60, "records": [{ "content": "\"v=spf1 -all\"" }] });
    zone.borrow_mut().insert(("acme.app.".into(), "MX".into()), mx);
    zone.borrow_mut().insert(("acme.app.".into(), "TXT".into()), txt);
    let page = fake.run(|| Dns::scan(None, None)).unwrap();
    let shown: Vec<_> =
        page.things.iter().map(|it| (it.thing.id.as_str(), it.thing.mark.is_some())).collect();
    assert_eq!((shown, page.next), (vec![("A/www.acme.app", true), ("TXT/acme.app", false)], None));
}
