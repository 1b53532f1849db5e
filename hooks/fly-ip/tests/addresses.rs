//! The hook against a small stateful double of `ip_assignments`.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::cell::RefCell;
use std::rc::Rc;

use groundcrew_hook::testing::{Fake, answer, desired, life, view, want};
use groundcrew_hook::{Inventory, Provisioner, Request, Response, Result, Value, Want, json};
use hook_fly_ip::FlyIp;

const LIST: &str = "https://fly.test/v1/apps/cust-7/ip_assignments";

type Ips = Rc<RefCell<Vec<Value>>>;

fn fly(ips: &Ips) -> impl FnMut(&Request) -> Result<Response> + 'static {
    let ips = Rc::clone(ips);
    move |request| {
        assert!(request.headers.contains(&("authorization".into(), Fake::token("FLY_TOKEN"))));
        let mut ips = ips.borrow_mut();
        let Some(rest) = request.url.strip_prefix(LIST) else {
            return answer(400, &json!({ "error": "could not find app" }));
        };
        match request.method.as_str() {
            "GET" => answer(200, &json!({ "ips": *ips })),
            "POST" => {
                let asked: Value = serde_json::from_slice(&request.body)?;
                let (n, kind) = (ips.len(), asked["type"].as_str().unwrap_or_default());
                let ip = if kind.ends_with("v6") {
                    format!("2a09:8280:1::{n}")
                } else {
                    format!("66.241.125.{n}")
                };
                let made = json!({ "ip": ip, "region": asked["region"], "shared": kind == "shared_v4",
                                   "created_at": "2026-11-21T12:00:00Z" });
                ips.push(made.clone());
                answer(200, &made)
            }
            _ => {
                let before = ips.len();
                ips.retain(|ip| {
                    rest.trim_start_matches('/').replace("%3A", ":") != ip["ip"].as_str().unwrap()
                });
                if ips.len() < before {
                    answer(204, &Value::Null)
                } else {
                    answer(404, &json!({ "error": "not found" }))
                }
            }
        }
    }
}

fn fake(ips: &Ips, config: Value) -> Fake {
    let mut config = config;
    config["api"] = json!("https://fly.test");
    Fake::new().config(config).secret("FLY_TOKEN").http(fly(ips))
}

#[test]
fn every_kind_lives_and_goes() {
    for (kind, id, output) in [
        ("shared-v4", "cust-7/66.241.125.1", "v4"),
        ("v4", "66.241.125.1", "v4"),
        ("v6", "2a09:8280:1::1", "v6"),
    ] {
        let stranger = json!({ "ip": "fdaa:0:1::3", "region": "global", "shared": false });
        let ips = Ips::new(RefCell::new(vec![stranger]));
        let made = life::<FlyIp>(&fake(&ips, json!({})), &want(kind, "global", json!({})));
        assert_eq!((made.id.as_str(), made.outputs[0].name.as_str()), (id, output));
        assert_eq!(made.made.as_deref(), Some("2026-11-21T12:00:00Z"));
        assert_eq!(ips.borrow().len(), 1, "what others made is left");
    }
}

#[test]
fn find_shows_every_address_that_could_be_it() {
    let ip = |ip: &str, region: Value| json!({ "ip": ip, "region": region, "shared": false });
    let ips = Ips::new(RefCell::new(vec![
        ip("2a09::1", json!("ams")),
        ip("2a09::2", Value::Null),
        ip("2a09::3", json!("fra")),
        ip("192.0.2.1", json!("fra")),
    ]));
    let found = |want: &Want| {
        let things = fake(&ips, json!({})).run(|| FlyIp::find(want)).unwrap();
        things.into_iter().map(|thing| thing.id).collect::<Vec<_>>()
    };
    assert_eq!(found(&want("v6", "fra", json!({ "region": "fra" }))), ["2a09::2", "2a09::3"]);
    assert_eq!(found(&want("v6", "global", json!({}))).len(), 3);
    let known = Want { id: Some("2a09::1".to_owned()), ..want("v6", "fra", json!({ "region": "fra" })) };
    assert_eq!(
        found(&known),
        ["2a09::1"],
        "what is known is found by its id, whatever region it is shown in"
    );
}

#[test]
fn global_is_no_region() {
    let stored = json!({ "ip": "2a09::1", "region": "global", "shared": false });
    let fake = fake(&Ips::new(RefCell::new(vec![stored])), json!({ "region": "global", "v4": "none" }));
    let specs = desired::<FlyIp>(&fake, &view("cust-7")).unwrap();
    assert_eq!((specs[0].key.as_str(), &specs[0].body), ("global", &json!({})));
    let found = fake.run(|| FlyIp::find(&want("v6", "fra", json!({ "region": "fra" })))).unwrap();
    assert_eq!((found.len(), &found[0].body), (1, &json!({})), "it could be in any region");
}

#[test]
fn addresses_that_machines_call_from_are_none_of_ours() {
    let ips = Ips::new(RefCell::new(vec![
        json!({ "ip": null, "ip_pair": { "v4": "137.66.1.2", "v6": "2a09::2" }, "egress": true }),
        json!({ "ip": "", "region": "fra" }),
        json!({ "ip": "137.66.1.3", "egress": true }),
        json!({ "ip": "137.66.1.4", "shared": false }),
    ]));
    let (fake, want) = (fake(&ips, json!({})), want("v4", "global", json!({})));
    let ids = |things: Vec<groundcrew_hook::Thing>| things.into_iter().map(|it| it.id).collect::<Vec<_>>();
    assert_eq!(ids(fake.run(|| FlyIp::find(&want)).unwrap()), ["137.66.1.4"]);
    let page = fake.run(|| FlyIp::scan(Some(&want.owner), None)).unwrap();
    assert_eq!(ids(page.things.into_iter().map(|it| it.thing).collect()), ["137.66.1.4"]);
}

#[test]
fn a_missing_app_fails_a_find_and_ends_a_remove() {
    let fake = fake(&Ips::default(), json!({}));
    let mut want = want("v6", "global", json!({}));
    want.owner.path = "fly/acme/gone".into();
    let failure = fake.run(|| FlyIp::find(&want)).unwrap_err();
    assert!(failure.message.contains("could not find app"), "{failure}");
    let now = groundcrew_hook::Thing::new("2a09::1", json!({}));
    assert_eq!(fake.run(|| FlyIp::remove(&want, &now)).unwrap(), None);
}

#[test]
fn labels_earn_a_dedicated_address() {
    let fake = fake(&Ips::default(), json!({ "dedicated_v4_if": { "plan": "pro" }, "private_v6": true }));
    let kinds = |plan: &str| {
        let mut view = view("cust-7");
        view.owner.labels = json!({ "plan": plan });
        desired::<FlyIp>(&fake, &view).unwrap().into_iter().map(|spec| spec.kind).collect::<Vec<_>>()
    };
    assert_eq!(kinds("free"), ["shared-v4", "v6", "private-v6"]);
    assert_eq!(kinds("pro"), ["v4", "v6", "private-v6"]);
}

#[test]
fn a_scan_lists_one_apps_addresses() {
    let ips = Ips::new(RefCell::new(vec![json!({ "ip": "66.241.125.9", "shared": true })]));
    let owner = want("v4", "global", json!({})).owner;
    let page = fake(&ips, json!({})).run(|| FlyIp::scan(Some(&owner), None)).unwrap();
    assert_eq!((page.things[0].kind.as_str(), page.things[0].key.as_deref()), ("shared-v4", Some("shared")));
}
