//! Outputs that others read: records follow addresses and certificates, and go before them.
//!
//! Addresses are given to others afterwards, so at no moment may a record say one that its app does not have, as
//! far as the runner has it in hand: see `groundcrew_harness::pointing`.

use groundcrew_flysim::{Action, Fault};
use groundcrew_harness::clock::START;
use groundcrew_harness::{Pairs, Played, Scenario, Shipped, points, s3};
use groundcrew_outside::{self as outside, Effect, What};
use serde_json::json;

const GRACE: &str = "gone_adopted = \"delete\"\ngrace = { gone = \"30s\", unwanted = \"20s\" }";

/// Whether a record says exactly the address of this type that an app has at the end.
fn follows(played: &Played, record: &str, app: &str, kind: &str) -> bool {
    played.address(app, kind).is_some_and(|address| played.says(record, &address))
}

/// `dns` that reads `ip`, both with short graces.
fn reading(name: &'static str, ip: &str) -> Scenario {
    let reads = format!("reads = [\"ip\"]\n{GRACE}");
    Scenario::new(name)
        .fly_ip(ip, GRACE)
        .dns("{ name = \"www.{app}.example\", type = \"A\", values = [\"{ip.v4}\"] }", &reads)
}

/// An app whose dedicated address is let go of for a shared one.
fn downgraded(name: &'static str) -> Scenario {
    reading(name, "v4 = \"shared\", v6 = \"none\", dedicated_v4_if = { plan = \"pro\" }")
        .turn(0, |knobs| knobs.blind_ips_ms = 4_000)
        .app(0, "cust-1", json!({"plan": "pro"}))
        .expects(&[("cust-1", "shared_v4")])
        .expects_records(&["A/www.cust-1.example"])
        .lasts(300_000)
}

#[test]
fn an_address_outlives_the_record_that_a_broken_name_server_keeps() {
    let scenario = downgraded("reads-broken")
        // The record cannot be changed for longer than the address's grace lasts.
        .turn_dns(95_000, |knobs| knobs.faults = broken())
        .app(100_000, "cust-1", json!({"plan": "hobby"}))
        .turn_dns(140_000, |knobs| knobs.faults.clear());
    points::tried(&scenario, Pairs::Sample { count: 40, seed: 31 }, |played| {
        played.is_right() && follows(played, "A/www.cust-1.example", "cust-1", "shared_v4")
    });
}

/// The manifest of `builtin:fly-cert` watches labels only; its stanza reads an output all the same.
#[test]
fn whoever_reads_by_a_template_alone_is_woken_when_it_has_a_value() {
    let scenario = Scenario::new("reads-template")
        .bucket(GRACE)
        .fly_cert_of("[\"{bucket.name}.example\"]", &format!("reads = [\"bucket\"]\n{GRACE}"))
        .s3(0, s3::Act::Fault(s3::Op::Create, outside::Fault::Refused(503)))
        .app(0, "cust-1", json!({}))
        .expects(&[("cust-1", "bucket/acme-cust-1"), ("cust-1", "certificate/acme-cust-1.example")])
        .lasts(300_000);
    points::tried(&scenario, Pairs::Sample { count: 40, seed: 38 }, Played::is_right);
}

/// Every change is refused, without any effect.
fn broken() -> Vec<Fault> {
    let method = Some("PATCH".to_owned());
    vec![Fault { method, path: "/**".to_owned(), status: Some(503), ..Fault::default() }]
}

#[test]
fn an_address_outlives_the_record_of_a_paused_reader() {
    let scenario = downgraded("reads-paused")
        .pauses(95_000, "dns")
        .app(100_000, "cust-1", json!({"plan": "hobby"}))
        .unpauses(140_000, "dns");
    points::tried(&scenario, Pairs::Sample { count: 40, seed: 35 }, |played| {
        played.is_right() && follows(played, "A/www.cust-1.example", "cust-1", "shared_v4")
    });
}

#[test]
fn records_go_after_their_app_and_come_back_with_it() {
    let scenario = reading("reads-re-created", "v4 = \"dedicated\", v6 = \"none\"")
        .turn(0, |knobs| knobs.blind_ips_ms = 4_000)
        .app(0, "cust-1", json!({}))
        .app(0, "cust-2", json!({}))
        .app_ends(100_000, "cust-1", 1)
        .app_ends(103_000, "cust-2", 1)
        // Within the grace of its record: that stays, and says its new address.
        .app_again(115_000, "cust-1", 2, json!({}))
        .expects(&[("cust-1", "v4")])
        .expects_records(&["A/www.cust-1.example"])
        .lasts(300_000);
    let kept = |played: &Played| {
        let record = |effect: &&Effect| effect.id == "A/www.cust-1.example";
        !played.log.iter().filter(record).any(|effect| effect.what == What::Deleted)
    };
    points::tried(&scenario, Pairs::Sample { count: 40, seed: 32 }, |played| {
        played.is_right() && kept(played) && follows(played, "A/www.cust-1.example", "cust-1", "v4")
    });
}

#[test]
fn an_address_that_somebody_released_is_replaced_and_followed() {
    let repair = format!("drift = \"repair\"\n{GRACE}");
    let reads = format!("reads = [\"ip\"]\n{GRACE}");
    // The first address that the simulator gives, as its log says.
    let first = "37.0.0.9";
    let scenario = Scenario::new("reads-replaced")
        .fly_ip("v4 = \"dedicated\", v6 = \"none\"", &repair)
        .dns("{ name = \"www.{app}.example\", type = \"A\", values = [\"{ip.v4}\"] }", &reads)
        .app(0, "cust-1", json!({}))
        .fly(600_000, Action::ReleaseIp { app: "cust-1".to_owned(), ip: first.to_owned() })
        .expects(&[("cust-1", "v4")])
        .expects_records(&["A/www.cust-1.example"])
        .lasts(200_000_000);
    points::tried(&scenario, Pairs::Sample { count: 40, seed: 33 }, |played| {
        played.is_right() && follows(played, "A/www.cust-1.example", "cust-1", "v4")
    });
}

#[test]
fn what_is_read_is_replaced_once_a_person_agreed_and_followed() {
    let reads = format!("reads = [\"store\"]\n{GRACE}");
    let add_on = "{ type = \"upstash_redis\", name = \"{app}-cache\", region = \"{labels.region}\" }";
    let record = "TXT/cache.cust-1.example";
    let scenario = Scenario::new("reads-reshaped")
        .fly_addon(add_on, GRACE)
        .dns("{ name = \"cache.{app}.example\", type = \"TXT\", values = [\"{store.name}\"] }", &reads)
        .app(0, "cust-1", json!({"region": "ams"}))
        // It cannot be moved, and it holds data.
        .app(160_000, "cust-1", json!({"region": "fra"}))
        .approves(260_000)
        .expects(&[("cust-1", "upstash_redis/cust-1-cache")])
        .expects_records(&[record])
        .lasts(560_000);
    let is_store = |effect: &Effect| effect.collection.ends_with("/add-ons");
    let renamed = |played: &Played| {
        let said =
            played.log.iter().filter(|effect| effect.id == record).filter_map(|effect| effect.name.clone());
        said.collect::<std::collections::BTreeSet<_>>().len() == 2
    };
    points::tried(&scenario, Pairs::Sample { count: 40, seed: 36 }, |played| {
        let of_store = |what: What| {
            let effects = played.log.iter().filter(|effect| is_store(effect) && effect.what == what);
            effects.map(|effect| effect.at - START).collect::<Vec<_>>()
        };
        let (made, removed) = (of_store(What::Created), of_store(What::Deleted));
        let in_order =
            made.len() == 2 && removed.len() == 1 && removed[0] >= 260_000 && removed[0] <= made[1];
        played.is_right() && in_order && renamed(played) && played.found("resource.held")
    });
}

#[test]
fn what_a_certificate_needs_is_there_while_it_is_wanted() {
    let reads = format!("reads = [\"ip\", \"cert\"]\n{GRACE}");
    let scenario = Scenario::new("reads-cert")
        .fly_ip("v4 = \"none\", v6 = \"dedicated\"", GRACE)
        .fly_cert(GRACE)
        .dns("{ name = \"www.{app}.example\", type = \"AAAA\", values = [\"{ip.v6}\"] }", &reads)
        .app(0, "cust-1", json!({"names": ["www.cust-1.example"]}))
        .fly(40_000, Action::ConfigureDns { hostname: "www.cust-1.example".to_owned(), configured: true })
        .app(150_000, "cust-1", json!({"names": []}))
        .expects(&[("cust-1", "v6")])
        .expects_records(&["AAAA/www.cust-1.example"])
        .lasts(400_000);
    // What the certificate needs goes before it.
    let at = |played: &Played, id: &str, what: What| {
        played.log.iter().position(|effect| effect.id == id && effect.what == what)
    };
    let in_order = |played: &Played| {
        let (host, challenge) = ("www.cust-1.example", "CNAME/_acme-challenge.www.cust-1.example");
        at(played, challenge, What::Created).is_some()
            && at(played, challenge, What::Deleted) < at(played, host, What::Deleted)
    };
    points::tried(&scenario, Pairs::Sample { count: 40, seed: 34 }, |played| {
        played.is_right() && in_order(played)
    });
}

#[test]
fn what_is_read_waits_for_a_reader_that_fails_as_long_as_it_is_told_to() {
    let host = "www.cust-1.example";
    let removed = |wait: &str| {
        let scenario = Scenario::new("reads-teardown")
            .fly_cert(&format!("{GRACE}\nteardown_wait = \"{wait}\""))
            .dns(
                "{ name = \"txt.{app}.example\", type = \"TXT\", values = [\"here\"] }",
                &format!("reads = [\"cert\"]\n{GRACE}"),
            )
            .app(0, "cust-1", json!({"names": [host]}))
            // What the certificate needed cannot be removed for five minutes.
            .turn_dns(95_000, |knobs| knobs.faults = broken())
            .app(100_000, "cust-1", json!({"names": []}))
            .turn_dns(400_000, |knobs| knobs.faults.clear())
            .expects_records(&["TXT/txt.cust-1.example"])
            .lasts(1_500_000);
        let played = groundcrew_harness::play(&scenario, &[]);
        assert!(played.is_right(), "{wait}: {played}");
        let begun = played.log.first().map_or(0, |effect| effect.at);
        let is_it = |effect: &&Effect| effect.id == host && effect.what == What::Deleted;
        played.log.iter().find(is_it).map(|effect| effect.at - begun).expect("it goes in the end")
    };
    let (short, long) = (removed("60s"), removed("1h"));
    assert!((155_000..300_000).contains(&short), "a minute after nobody wanted it: {short}");
    assert!(long > 400_000, "after the records: {long}");
}
