//! CNAMEs that lead nowhere are told, and only those.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../../orphans/tests/support/mod.rs"]
mod support;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use groundcrew_flysim::dns::Dns;
use groundcrew_flysim::{Fault, Reply, Request as SimRequest};
use groundcrew_hook::testing::Fake;
use groundcrew_hook::{Auditor, Finding, Outcome, Response, Severity, Value, json};
use hook_dangling::Dangling;
use support::{Sim, answerer, told};

const MANIFEST: &str = include_str!("../hook.toml");
const SERVER: &str = "https://dns.test";

fn zone(names: &[(&str, &str, &str)]) -> Sim {
    zone_and_dns(names).0
}

fn zone_and_dns(names: &[(&str, &str, &str)]) -> (Sim, Dns) {
    let sim = Sim::new(json!({ "server": SERVER, "zone": "acme.example" }));
    let dns = Dns::new("key", Arc::new(sim.clock.clone()));
    let server = dns.clone();
    dns.add_zone("acme.example.").unwrap();
    for (name, kind, content) in names {
        dns.write("acme.example.", &format!("{name}.acme.example."), kind, &[content]).unwrap();
    }
    let mut fly = answerer(sim.world.clone(), Rc::new(RefCell::default()));
    drop(sim.fake.clone().secret("API_TOKEN").http(move |request| {
        let Some(target) = request.url.strip_prefix(SERVER) else { return fly(request) };
        assert!(request.headers.contains(&("x-api-key".to_owned(), Fake::token("API_TOKEN"))));
        let headers = [("x-api-key".to_owned(), "key".to_owned())];
        let Reply::Answered(answer) = server.call(&SimRequest {
            method: &request.method,
            target,
            headers: &headers,
            body: &request.body,
        }) else {
            panic!("the server answers")
        };
        Ok(Response { status: answer.status, headers: answer.headers, body: answer.body })
    }));
    (sim, dns)
}

/// A zone with a dangling CNAME, a good one and a host, and a stanza that may remove.
fn removable() -> (Sim, Dns, Finding) {
    let names =
        [("shop", "CNAME", "gone.fly.dev."), ("www", "CNAME", "web.fly.dev."), ("host", "A", "192.0.2.1")];
    let (sim, dns) = zone_and_dns(&names);
    sim.app("web", Value::Null);
    sim.config(json!({ "server": SERVER, "zone": "acme.example", "remove": true }));
    let finding = look(&sim).remove(0);
    (sim, dns, finding)
}

/// The sets of the zone, as `name type`, without what every zone has.
fn sets(dns: &Dns) -> Vec<String> {
    let headers = [("x-api-key".to_owned(), "key".to_owned())];
    let target = "/api/v1/servers/localhost/zones/acme.example.";
    let Reply::Answered(answer) =
        dns.call(&SimRequest { method: "GET", target, headers: &headers, body: &[] })
    else {
        panic!("the server answers")
    };
    let zone: Value = serde_json::from_slice(&answer.body).unwrap();
    let of = |set: &Value| {
        let name = set["name"].as_str().unwrap().trim_end_matches(".acme.example.");
        format!("{name} {}", set["type"].as_str().unwrap())
    };
    let mut all: Vec<_> = zone["rrsets"].as_array().unwrap().iter().map(of).collect();
    all.retain(|set| !set.ends_with("SOA") && !set.ends_with("NS"));
    all.sort();
    all
}

fn look(sim: &Sim) -> Vec<Finding> {
    sim.look::<Dangling>(MANIFEST)
}

#[test]
fn only_cnames_to_names_without_an_app_are_told() {
    let sim = zone(&[
        ("shop", "CNAME", "gone.fly.dev."),
        ("www", "CNAME", "web.fly.dev."),
        ("deep", "CNAME", "a.b.fly.dev."),
        ("mail", "CNAME", "mail.other.example."),
        ("fake", "CNAME", "evilfly.dev."),
        ("host", "A", "192.0.2.1"),
    ]);
    sim.app("web", Value::Null);
    let found = look(&sim);
    assert_eq!(told(&found), [("dns.dangling-cname".into(), "cname/shop.acme.example".into())]);
    assert_eq!(found[0].severity, Severity::Critical);
    assert_eq!(
        found[0].message,
        "shop.acme.example leads to gone.fly.dev, and no app has that name: it may be free for anyone"
    );
    sim.app("gone", Value::Null);
    assert_eq!(look(&sim), []);
}

#[test]
fn a_destroyed_app_is_told_whatever_word_the_api_has_for_it() {
    let sim = zone(&[("www", "CNAME", "web.fly.dev.")]);
    sim.app("web", Value::Null);
    assert_eq!(look(&sim), []);
    sim.act(json!({ "do": "delete_app", "app": "web" }));
    for bad_request in [false, true] {
        sim.world.turn(|knobs| knobs.destroyed_app_400 = bad_request);
        assert_eq!(look(&sim)[0].code, "dns.dangling-cname");
    }
}

#[test]
fn an_app_of_somebody_else_is_told_apart() {
    let sim = zone(&[("www", "CNAME", "theirs.fly.dev.")]);
    sim.world.add_org("other", "Other");
    sim.act(json!({ "do": "create_app", "name": "theirs", "org": "other" }));
    let found = look(&sim);
    assert_eq!((found[0].code.as_str(), found[0].severity), ("dns.foreign-cname", Severity::Warning));
    sim.config(json!({ "server": SERVER, "zone": "acme.example", "foreign": false }));
    assert_eq!(look(&sim), []);
}

#[test]
fn nothing_is_concluded_from_what_cannot_be_read() {
    let sim = zone(&[("shop", "CNAME", "gone.fly.dev.")]);
    let fails = |path: &str, status| {
        let fault = Fault { path: path.into(), status: Some(status), ..Fault::default() };
        sim.world.turn(|knobs| knobs.faults = vec![fault]);
        sim.try_look::<Dangling>(MANIFEST).unwrap_err()
    };
    // A token that is not taken makes 404 of some calls: the list of apps is read first.
    fails("/v1/apps", 404);
    fails("/v1/apps", 401);
    fails("/v1/apps/gone", 401);
    fails("/v1/apps/gone", 500);
    sim.world.turn(|knobs| knobs.faults.clear());
    sim.config(json!({ "server": SERVER, "zone": "absent.example" }));
    assert!(sim.try_look::<Dangling>(MANIFEST).unwrap_err().message.contains("zone absent.example"));
}

#[test]
fn a_dangling_cname_is_deleted_and_nothing_else() {
    let (sim, dns, finding) = removable();
    assert_eq!(sim.fix::<Dangling>(&finding), Outcome::Fixed);
    assert_eq!(sets(&dns), ["host A", "www CNAME"]);
    assert_eq!(look(&sim), []);
    assert_eq!(sim.fix::<Dangling>(&finding), Outcome::NoLongerTrue);
}

#[test]
fn what_changed_since_the_look_is_left_alone() {
    let (sim, dns, finding) = removable();
    dns.write("acme.example.", "shop.acme.example.", "CNAME", &["other.fly.dev."]).unwrap();
    assert_eq!(sim.fix::<Dangling>(&finding), Outcome::NoLongerTrue, "it leads elsewhere");

    let (sim, _dns, finding) = removable();
    sim.app("gone", Value::Null);
    assert_eq!(sim.fix::<Dangling>(&finding), Outcome::NoLongerTrue, "it is one of our apps");

    let (sim, _dns, finding) = removable();
    sim.world.add_org("other", "Other");
    sim.act(json!({ "do": "create_app", "name": "gone", "org": "other" }));
    assert_eq!(sim.fix::<Dangling>(&finding), Outcome::NoLongerTrue, "somebody has the name");
    assert_eq!(sets(&dns), ["host A", "shop CNAME", "www CNAME"]);
}

#[test]
fn what_is_kept_by_a_hook_or_cannot_be_looked_at_is_not_deleted() {
    for (name, beside) in [("shop", "_gc-cname.shop"), ("*.shop", "_gc-cname-any.shop")] {
        let (sim, dns) = zone_and_dns(&[(name, "CNAME", "gone.fly.dev.")]);
        sim.config(json!({ "server": SERVER, "zone": "acme.example", "remove": true }));
        let finding = look(&sim).remove(0);
        let mark = "\"gc1:prod:aaaaaaaaaaaaaaaaaaaaaaaaaa\"";
        dns.write("acme.example.", &format!("{beside}.acme.example."), "TXT", &[mark]).unwrap();
        let refused = sim.try_fix::<Dangling>(&finding).unwrap_err();
        assert!(!refused.retry && refused.message.contains("gc1:prod:"), "{refused:?}");
    }

    let (sim, dns, finding) = removable();
    for (path, status) in [("/v1/apps", 401), ("/v1/apps", 404), ("/v1/apps/gone", 500)] {
        let fault = Fault { path: path.into(), status: Some(status), ..Fault::default() };
        sim.world.turn(|knobs| knobs.faults = vec![fault]);
        sim.try_fix::<Dangling>(&finding).unwrap_err();
    }
    assert_eq!(sets(&dns), ["host A", "shop CNAME", "www CNAME"]);
}

#[test]
fn nothing_is_deleted_without_a_word_in_the_stanza_and_no_other_finding_is_mended() {
    let (sim, dns, mut finding) = removable();
    sim.config(json!({ "server": SERVER, "zone": "acme.example" }));
    assert!(sim.try_fix::<Dangling>(&finding).unwrap_err().message.contains("`remove = true`"));
    sim.config(json!({ "server": SERVER, "zone": "acme.example", "remove": true }));
    finding.code = "dns.foreign-cname".into();
    assert!(!sim.try_fix::<Dangling>(&finding).unwrap_err().retry);
    assert_eq!(sets(&dns), ["host A", "shop CNAME", "www CNAME"]);
}

#[test]
fn a_zone_of_many_strangers_is_walked_page_by_page() {
    let names: Vec<_> = (0..600).map(|n| (format!("n{n:03}"), format!("gone-{n:03}.fly.dev."))).collect();
    let names: Vec<_> = names.iter().map(|(name, app)| (name.as_str(), "CNAME", app.as_str())).collect();
    let sim = zone(&names);
    let first = sim.fake.run(|| Dangling::run(None)).unwrap();
    let cursor = first.next.expect("more than one page");
    let calls = sim.fake.calls().len();
    assert!(calls < 1_000, "a run has a thousand calls: {calls}");
    assert!(first.findings.len() < 600 && first.findings.last().unwrap().data["app"] == cursor.as_str());
    // The walk refuses what is told twice.
    assert_eq!(look(&sim).len(), 600);
}
