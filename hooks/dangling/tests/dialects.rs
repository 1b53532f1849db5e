//! The same at other name servers: Cloudflare's double and moto's Route 53, those that the hook `dns` is tested with.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../../dns/tests/doubles/cloudflare.rs"]
mod cloudflare;
#[path = "../../dns/tests/doubles/moto.rs"]
mod moto;
#[path = "../../orphans/tests/support/mod.rs"]
mod support;

use std::cell::RefCell;
use std::rc::Rc;

use groundcrew_hook::{Outcome, Request, Response, Result, Value, json};
use hook_dangling::Dangling;
use moto::Moto;
use support::{FLY, Sim, answerer, told};

const MANIFEST: &str = include_str!("../hook.toml");

/// A simulated platform beside a name server; `web` is one of our apps.
fn beside(config: Value, mut server: impl FnMut(&Request) -> Result<Response> + 'static) -> Sim {
    let sim = Sim::new(config);
    let mut fly = answerer(sim.world.clone(), Rc::new(RefCell::default()));
    let both =
        move |request: &Request| if request.url.starts_with(FLY) { fly(request) } else { server(request) };
    drop(sim.fake.clone().secret("API_TOKEN").http(both));
    sim.app("web", Value::Null);
    sim
}

/// What is told of a zone, and what becomes of the dangling name `shop` and of one that a hook keeps.
fn told_and_mended(sim: &Sim, kept: impl FnOnce(), names: impl Fn() -> Vec<String>) {
    let found = sim.look::<Dangling>(MANIFEST);
    assert_eq!(told(&found), [("dns.dangling-cname".into(), "cname/shop.acme.app".into())]);
    let before = names();
    assert_eq!(sim.fix::<Dangling>(&found[0]), Outcome::Fixed);
    let after: Vec<_> = before.into_iter().filter(|name| name != "CNAME shop.acme.app").collect();
    assert_eq!(names(), after, "nothing else went");
    assert_eq!(sim.look::<Dangling>(MANIFEST), []);
    assert_eq!(sim.fix::<Dangling>(&found[0]), Outcome::NoLongerTrue);

    kept();
    let found = sim.look::<Dangling>(MANIFEST);
    let refused = sim.try_fix::<Dangling>(&found[0]).unwrap_err();
    assert!(!refused.retry && refused.message.contains("gc1:prod:"), "{refused:?}");
}

#[test]
fn cnames_at_cloudflare_are_told_and_deleted() {
    let zone = cloudflare::Shared::default();
    let config = json!({
        "dialect": "cloudflare", "server": "https://api.cloudflare.com", "zone": "acme.app", "zone_id": "z1",
        "remove": true,
    });
    let post = |name: &str, kind: &str, content: &str| {
        let name = format!("{name}.acme.app");
        let record = json!({ "name": name, "type": kind, "ttl": 60, "content": content, "proxied": false });
        zone.borrow_mut().post(&record).unwrap();
    };
    post("shop", "CNAME", "gone.fly.dev");
    post("www", "CNAME", "web.fly.dev");
    post("mail", "CNAME", "mail.other.example");
    post("host", "A", "192.0.2.1");
    // Somebody's text where a mark would lie is no mark, and stays.
    post("_gc-cname.shop", "TXT", "\"hello\"");
    let sim = beside(config, cloudflare::cloudflare(&zone));
    let names = || {
        let zone = zone.borrow();
        let name = |record: &Value| {
            format!("{} {}", record["type"].as_str().unwrap(), record["name"].as_str().unwrap())
        };
        zone.records.iter().map(name).collect()
    };
    let kept = || {
        post("kept", "CNAME", "gone.fly.dev");
        post("_gc-cname.kept", "TXT", "\"gc1:prod:aaaaaaaaaaaaaaaaaaaaaaaaaa\"");
    };
    told_and_mended(&sim, kept, names);
}

#[test]
fn cnames_at_route_53_are_told_and_deleted_and_weighted_ones_are_told() {
    let Some(moto) = Moto::start("the hook dangling against moto's Route 53") else { return };
    let config = json!({
        "dialect": "route53", "server": format!("http://{}", moto.at), "zone": "acme.app", "zone_id": moto.zone,
        "remove": true,
    });
    let set = |name: &str, kind: &str, more: &str, value: &str| {
        moto.write(&format!(
            "<Name>{name}.acme.app.</Name><Type>{kind}</Type>{more}<TTL>60</TTL><ResourceRecords><ResourceRecord>\
             <Value>{value}</Value></ResourceRecord></ResourceRecords>"
        ));
    };
    set("shop", "CNAME", "", "gone.fly.dev.");
    set("www", "CNAME", "", "web.fly.dev.");
    set("mail", "CNAME", "", "mail.other.example");
    set("host", "A", "", "192.0.2.1");
    set("_gc-cname.shop", "TXT", "", "&quot;hello&quot;");
    let at = moto.at.clone();
    let sim = beside(config, move |request| moto::sent(&at, request));
    let names = || {
        let url = format!("http://{}/2013-04-01/hostedzone/{}/rrset", moto.at, moto.zone);
        let text = moto::sent(&moto.at, &Request::get(url)).unwrap().text();
        let part = |set: &str, tag: &str| {
            let (_, rest) = set.split_once(&format!("<{tag}>")).unwrap();
            rest.split_once('<').unwrap().0.trim_end_matches('.').to_owned()
        };
        let sets = text.split("<ResourceRecordSet>").skip(1);
        sets.map(|set| format!("{} {}", part(set, "Type"), part(set, "Name"))).collect()
    };
    let kept = || {
        set("kept", "CNAME", "", "gone.fly.dev");
        set("_gc-cname.kept", "TXT", "", "&quot;gc1:prod:aaaaaaaaaaaaaaaaaaaaaaaaaa&quot;");
    };
    told_and_mended(&sim, kept, names);

    // One of several leads to a free name: it is told, and a person's to delete.
    for (identifier, target) in [("one", "web.fly.dev"), ("two", "lost.fly.dev")] {
        let more = format!("<SetIdentifier>{identifier}</SetIdentifier><Weight>1</Weight>");
        set("w", "CNAME", &more, target);
    }
    let found = sim.look::<Dangling>(MANIFEST);
    let weighted = found.iter().find(|finding| finding.about == "cname/w.acme.app").unwrap();
    assert_eq!(weighted.data["app"], "lost");
    let refused = sim.try_fix::<Dangling>(weighted).unwrap_err();
    assert!(!refused.retry && refused.message.contains("is not removed"), "{refused:?}");
}

#[test]
fn a_zone_that_cannot_be_read_is_a_failure() {
    for (dialect, words) in [("cloudflare", "status 404"), ("route53", "status 404")] {
        let config =
            json!({ "dialect": dialect, "server": "https://dns.test", "zone": "acme.app", "zone_id": "z9" });
        let answer =
            |_: &Request| Ok(Response { status: 404, headers: Vec::new(), body: b"<Error/>".to_vec() });
        let failure = beside(config, answer).try_look::<Dangling>(MANIFEST).unwrap_err();
        assert!(failure.message.contains("zone acme.app") && failure.message.contains(words), "{failure:?}");
    }
}
