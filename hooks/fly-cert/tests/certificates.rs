//! The hook against a small stateful double of an app's certificates.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use groundcrew_hook::testing::{Fake, answer, desired, life, view, want};
use groundcrew_hook::{Inventory, Provisioner, Request, Response, Result, State, Value, Want, json};
use hook_fly_cert::FlyCert;

const APP: &str = "https://fly.test/v1/apps/cust-7/certificates";

type Certificates = Rc<RefCell<BTreeMap<String, Value>>>;

fn detail(hostname: &str, status: &str) -> Value {
    json!({
        "hostname": hostname, "status": status, "configured": false,
        "dns_requirements": {
            "a": ["66.241.125.7"], "aaaa": [], "cname": "cust-7.fly.dev",
            "acme_challenge": { "name": format!("_acme-challenge.{hostname}"), "target": "x.flydns.net" },
            "ownership": { "name": format!("_fly-ownership.{hostname}"), "app_value": "app-1", "org_value": "org-1" },
        },
    })
}

fn fly(certificates: &Certificates) -> impl FnMut(&Request) -> Result<Response> + 'static {
    let certificates = Rc::clone(certificates);
    move |request| {
        let mut certificates = certificates.borrow_mut();
        let Some(rest) = request.url.strip_prefix(APP) else {
            return answer(404, &json!({ "message": "app not found" }));
        };
        let name = rest.trim_start_matches('/').replace("%2A", "*");
        match request.method.as_str() {
            "GET" if rest.starts_with('/') => match certificates.get(&name) {
                Some(found) => answer(200, found),
                None => answer(404, &json!({ "message": "not found" })),
            },
            "GET" => {
                let all: Vec<_> = certificates.values().collect();
                answer(200, &json!({ "certificates": all, "next_cursor": "" }))
            }
            "POST" => {
                let asked: Value = serde_json::from_slice(&request.body)?;
                let hostname = asked["hostname"].as_str().unwrap();
                let made = detail(hostname, "pending_validation");
                certificates.insert(hostname.to_owned(), made.clone());
                answer(201, &made)
            }
            _ => match certificates.remove(&name) {
                Some(_) => answer(204, &()),
                None => answer(404, &json!({ "message": "not found" })),
            },
        }
    }
}

fn fake(certificates: &Certificates, names: &Value) -> Fake {
    let config = json!({ "api": "https://fly.test/", "names": names });
    Fake::new().config(config).secret("FLY_TOKEN").http(fly(certificates))
}

fn wild() -> Want {
    want("certificate", "*.acme.app", json!({ "hostname": "*.acme.app" }))
}

#[test]
fn a_wildcard_lives_and_goes() {
    let made = life::<FlyCert>(&fake(&Certificates::default(), &json!([])), &wild());
    assert_eq!((made.id.as_str(), made.state, made.poll_ms), ("*.acme.app", State::Pending, Some(15_000)));
}

#[test]
fn a_pending_certificate_says_what_dns_needs() {
    let made = fake(&Certificates::default(), &json!([])).run(|| FlyCert::create(&wild())).unwrap();
    let output =
        |name: &str| made.outputs.iter().find(|it| it.name == name).map(|it| it.value.clone()).unwrap();
    let records: Value = serde_json::from_str(&output("records")).unwrap();
    let expected = json!([
        { "name": "_acme-challenge.*.acme.app", "type": "CNAME", "values": ["x.flydns.net"] },
        { "name": "_fly-ownership.*.acme.app", "type": "TXT", "values": ["app-1"] },
    ]);
    assert_eq!(records, expected);
    assert_eq!((output("acme_target"), output("ownership_value")), ("x.flydns.net".into(), "app-1".into()));
}

#[test]
fn an_active_one_is_ready_and_a_troubled_one_says_why() {
    let certificates = Certificates::default();
    let fake = fake(&certificates, &json!([]));
    let find = || fake.run(|| FlyCert::find(&wild())).unwrap().remove(0);
    certificates.borrow_mut().insert("*.acme.app".into(), detail("*.acme.app", "active"));
    assert_eq!((find().state, find().note), (State::Ready, None));

    let mut troubled = detail("*.acme.app", "pending_ownership");
    troubled["validation_errors"] = json!([{ "code": "x", "message": "no TXT record" }]);
    troubled["rate_limited_until"] = json!("2026-11-22T00:00:00Z");
    certificates.borrow_mut().insert("*.acme.app".into(), troubled);
    let note = "pending ownership; no TXT record; rate limited until 2026-11-22T00:00:00Z";
    assert_eq!((find().state, find().note.as_deref()), (State::Pending, Some(note)));
}

#[test]
fn a_missing_app_is_no_empty_list() {
    let fake = fake(&Certificates::default(), &json!([]));
    let mut want = wild();
    assert_eq!(fake.run(|| FlyCert::find(&want)).unwrap(), []);
    want.owner.path = "fly/acme/gone".into();
    assert!(fake.run(|| FlyCert::find(&want)).unwrap_err().message.contains("app not found"));
}

#[test]
fn names_are_flat_lower_case_and_each_once() {
    let names = json!(["cust-7.acme.app", ["Shop.example.", "cust-7.acme.app"]]);
    let specs = desired::<FlyCert>(&fake(&Certificates::default(), &names), &view("cust-7")).unwrap();
    assert_eq!(
        specs.iter().map(|spec| spec.key.as_str()).collect::<Vec<_>>(),
        ["cust-7.acme.app", "shop.example"]
    );
}

#[test]
fn a_scan_lists_host_names() {
    let certificates = Certificates::default();
    certificates.borrow_mut().insert("a.example".into(), detail("a.example", "active"));
    let page = fake(&certificates, &json!([])).run(|| FlyCert::scan(Some(&wild().owner), None)).unwrap();
    assert_eq!((page.things[0].key.as_deref(), page.next), (Some("a.example"), None));
}
