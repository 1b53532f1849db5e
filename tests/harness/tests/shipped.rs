//! What ships, struck at every point: `fly-ip`, `fly-cert`, `fly-addon` and `dns` against the Fly simulator and PowerDNS's API.

use groundcrew_flysim::{Action, Fault, Late};
use groundcrew_harness::{Pairs, Played, Scenario, Shipped, points};
use serde_json::json;

const GRACE: &str = "gone_adopted = \"delete\"\ngrace = { gone = \"30s\", unwanted = \"20s\" }";

/// One call of this method to these paths takes effect, and its answer is lost.
fn answer_lost(method: &str, path: &str) -> Vec<Fault> {
    let (method, path) = (Some(method.to_owned()), path.to_owned());
    vec![Fault { method, path, after_effect: true, count: Some(1), ..Fault::default() }]
}

/// One call of this method to these paths is answered 504, and takes effect nine seconds later.
fn late(method: &str, path: &str) -> Vec<Late> {
    let (method, path) = (Some(method.to_owned()), path.to_owned());
    vec![Late { method, path, delay_ms: 9_000, status: Some(504), count: Some(1), ..Late::default() }]
}

const IPS: &str = "/v1/apps/*/ip_assignments";
const CERTS: &str = "/v1/apps/*/certificates/**";
const ZONE: &str = "/api/v1/servers/localhost/zones/*";

#[test]
fn addresses_come_change_and_go() {
    let scenario = Scenario::new("fly-ip")
        .fly_ip("v4 = \"shared\", v6 = \"dedicated\", dedicated_v4_if = { plan = \"pro\" }", GRACE)
        .turn(0, |knobs| knobs.blind_ips_ms = 4_000)
        // Somebody allocated an address by hand before the runner came.
        .fly(0, Action::CreateApp { name: "cust-2".to_owned(), org: None })
        .fly(0, Action::AllocateIp { app: "cust-2".to_owned(), kind: "v6".to_owned() })
        .app(10_000, "cust-2", json!({}))
        .app(20_000, "cust-1", json!({"plan": "pro"}))
        .app(60_000, "cust-1", json!({"plan": "hobby"}))
        .app_ends(130_000, "cust-1", 1)
        .expects(&[("cust-2", "shared_v4"), ("cust-2", "v6")])
        .lasts(250_000);
    points::tried(&scenario, Pairs::Sample { count: 40, seed: 21 }, Played::is_right);
}

#[test]
fn addresses_whose_answers_are_lost_or_late_stay_single() {
    for (name, turn) in [
        (
            "fly-ip-lost",
            (|knobs| knobs.faults = answer_lost("POST", IPS)) as fn(&mut groundcrew_flysim::Knobs),
        ),
        ("fly-ip-late", |knobs| knobs.late = late("POST", IPS)),
    ] {
        let scenario = Scenario::new(name)
            .fly_ip("v4 = \"dedicated\", v6 = \"none\"", GRACE)
            .turn(0, |knobs| knobs.blind_ips_ms = 4_000)
            .turn(0, turn)
            .app(0, "cust-1", json!({}))
            .app(0, "cust-2", json!({}))
            .expects(&[("cust-1", "v4"), ("cust-2", "v4")])
            .lasts(200_000);
        points::tried(&scenario, Pairs::Sample { count: 40, seed: 22 }, Played::is_right);
    }
}

#[test]
fn certificates_come_wait_for_dns_and_go() {
    let scenario = Scenario::new("fly-cert")
        .fly_cert(GRACE)
        .turn(0, |knobs| (knobs.blind_certs_ms, knobs.blind_gets) = (4_000, true))
        .turn(0, |knobs| knobs.late = late("POST", CERTS))
        .app(0, "cust-1", json!({"names": ["a.cust-1.example", "b.cust-1.example"]}))
        .app(0, "cust-2", json!({"names": ["c.cust-2.example"]}))
        .fly(40_000, Action::ConfigureDns { hostname: "a.cust-1.example".to_owned(), configured: true })
        .fly(40_000, Action::ConfigureDns { hostname: "c.cust-2.example".to_owned(), configured: true })
        .app(90_000, "cust-1", json!({"names": ["a.cust-1.example"]}))
        .app_ends(150_000, "cust-2", 1)
        .expects(&[("cust-1", "certificate/a.cust-1.example")])
        .lasts(260_000);
    points::tried(&scenario, Pairs::Sample { count: 40, seed: 23 }, Played::is_right);
}

#[test]
fn add_ons_outlive_their_app_and_go_after_it() {
    let scenario = Scenario::new("fly-addon")
        .fly_addon("{ type = \"tigris\", name = \"{app}-assets\" }", GRACE)
        .turn(0, |knobs| knobs.blind_add_ons_ms = 4_000)
        .turn(0, |knobs| knobs.late = late("POST", "/graphql"))
        // Somebody else has one of that very name, and one like it.
        .fly(0, Action::CreateAddOn { provider: "tigris".into(), name: "cust-1-assets".into(), app: None })
        .fly(
            0,
            Action::CreateAddOn { provider: "tigris".into(), name: "cust-1-assets-old".into(), app: None },
        )
        .app(10_000, "cust-1", json!({}))
        .app(20_000, "cust-2", json!({}))
        .app_ends(130_000, "cust-1", 1)
        // One whose keys were lost with the answer to its creation is made anew; it may hold data by then.
        .approves(250_000)
        // So may be the keys of that one, if its answer is lost too.
        .approves(350_000)
        .may_be_remade("cust-2", "tigris/cust-2-assets")
        .expects(&[("cust-2", "tigris/cust-2-assets")])
        .lasts(500_000);
    points::tried(&scenario, Pairs::Sample { count: 40, seed: 27 }, |played| {
        played.is_right() && !played.is_open("resource.outputs-lost")
    });
}

#[test]
fn record_sets_come_change_hands_and_go() {
    let scenario = Scenario::new("dns")
        .dns("{ name = \"{labels.hosts}\", type = \"CNAME\", values = [\"{labels.to}\"] }", GRACE)
        .turn_dns(0, |knobs| knobs.faults = answer_lost("PATCH", ZONE))
        .foreign(0, "A", "mail.example.", &["192.0.2.10"])
        .foreign(0, "CNAME", "taken.example.", &["elsewhere.example."])
        .foreign(0, "TXT", "_gc-cname.other.example.", &["\"gc1:other:aaaaaaaaaaaaaaaaaaaaaaaaaa\""])
        .foreign(0, "CNAME", "other.example.", &["elsewhere.example."])
        .app(
            0,
            "cust-1",
            json!({"to": "one.fly.dev", "hosts": ["www.example", "shop.example", "taken.example"]}),
        )
        .app(0, "cust-2", json!({"to": "two.fly.dev", "hosts": ["shop.example", "other.example"]}))
        .app(60_000, "cust-1", json!({"to": "uno.fly.dev", "hosts": ["www.example"]}))
        .app_ends(120_000, "cust-1", 1)
        .expects_records(&["CNAME/shop.example"])
        .lasts(260_000);
    points::tried(&scenario, Pairs::Sample { count: 40, seed: 24 }, |played| {
        played.is_right()
            && played.says("CNAME/shop.example", "two.fly.dev.")
            && played.found("resource.conflict")
    });
}

#[test]
fn record_sets_that_somebody_disabled_stay_untouched() {
    let scenario = Scenario::new("dns-disabled")
        .dns("{ name = \"{labels.hosts}\", type = \"CNAME\", values = [\"{labels.to}\"] }", GRACE)
        .foreign_disabled(0, "CNAME", "parked.example.", &["one.fly.dev."])
        .foreign_disabled(
            0,
            "TXT",
            "_gc-cname.claimed.example.",
            &["\"gc1:other:aaaaaaaaaaaaaaaaaaaaaaaaaa\""],
        )
        .app(
            0,
            "cust-1",
            json!({"to": "one.fly.dev", "hosts": ["www.example", "parked.example", "claimed.example"]}),
        )
        .expects_records(&["CNAME/www.example"])
        .lasts(120_000);
    points::tried(&scenario, Pairs::Sample { count: 40, seed: 26 }, |played| {
        played.is_right() && played.found("resource.conflict")
    });
}

#[test]
fn record_sets_that_are_written_late_stay_ours() {
    let scenario = Scenario::new("dns-late")
        .dns("{ name = \"www.{app}.example\", type = \"CNAME\", values = [\"{labels.to}\"] }", GRACE)
        .turn_dns(0, |knobs| knobs.late = late("PATCH", ZONE))
        .app(0, "cust-1", json!({"to": "one.fly.dev"}))
        .app(3_000, "cust-1", json!({"to": "two.fly.dev"}))
        .app(100_000, "cust-2", json!({"to": "two.fly.dev"}))
        .turn_dns(150_000, |knobs| knobs.late = late("PATCH", ZONE))
        .app_ends(150_000, "cust-2", 1)
        .expects_records(&["CNAME/www.cust-1.example"])
        .lasts(400_000);
    points::tried(&scenario, Pairs::Sample { count: 40, seed: 25 }, |played| {
        played.is_right() && played.says("CNAME/www.cust-1.example", "two.fly.dev.")
    });
}
