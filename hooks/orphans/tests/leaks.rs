//! Every leak is told, and what looks like one and is none is not.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use groundcrew_flysim::Fault;
use groundcrew_hook::{Finding, Outcome, Severity, Value, json};
use hook_orphans::Orphans;
use support::{GRAPHQL, Sim, told};

const MANIFEST: &str = include_str!("../hook.toml");

fn sim(mut config: Value) -> Sim {
    config["graphql"] = json!(GRAPHQL);
    Sim::new(config)
}

/// Only one check.
fn only(check: &str) -> Sim {
    let all = ["volumes", "addresses", "egress", "builders", "certificates", "addons", "postgres", "peers"];
    let checks: serde_json::Map<_, _> =
        all.iter().map(|name| ((*name).to_owned(), json!(*name == check))).collect();
    sim(json!({ "checks": checks }))
}

fn look(sim: &Sim) -> Vec<Finding> {
    sim.look::<Orphans>(MANIFEST)
}

fn abouts(sim: &Sim) -> Vec<String> {
    told(&look(sim)).into_iter().map(|(_, about)| about).collect()
}

#[test]
fn an_unattached_volume_is_told_with_its_price_and_an_attached_one_is_not() {
    let sim = only("volumes");
    sim.act(json!({ "do": "create_app", "name": "web" }));
    let (loose, held, gone) =
        (sim.volume("web", "data"), sim.volume("web", "data"), sim.volume("web", "data"));
    sim.machine("web", json!({ "mounts": [{ "volume": held, "path": "/d" }] }));
    sim.act(json!({ "do": "delete_volume", "volume": gone }));
    assert_eq!(look(&sim), [], "it is a moment old");
    sim.days(2);
    let found = look(&sim);
    assert_eq!(told(&found), [("volume.unattached".into(), format!("volume/{loose}"))]);
    assert_eq!((found[0].cost_cents, found[0].severity), (Some(15), Severity::Warning));
    assert_eq!(found[0].message, "volume `data` of 1 GB of app web: unattached, and unchanged for 2 d");
    assert_eq!(found[0].subject.as_ref().unwrap().path, "fly/acme/web");
}

#[test]
fn a_list_that_lost_its_attachments_makes_no_finding() {
    let sim = only("volumes");
    sim.act(json!({ "do": "create_app", "name": "web" }));
    let held = sim.volume("web", "data");
    sim.machine("web", json!({ "mounts": [{ "volume": held, "path": "/d" }] }));
    sim.days(2);
    sim.world.turn(|knobs| knobs.volume_list_unattached = true);
    assert_eq!(look(&sim), []);
}

#[test]
fn volumes_are_found_behind_empty_and_short_pages() {
    let sim = only("volumes");
    sim.act(json!({ "do": "create_app", "name": "web" }));
    let mut made: Vec<_> = (0..5).map(|_| format!("volume/{}", sim.volume("web", "data"))).collect();
    made.sort();
    sim.days(2);
    sim.world.turn(|knobs| (knobs.org_list_page_max, knobs.org_list_empty_pages) = (Some(2), 2));
    assert_eq!(abouts(&sim), made);
}

#[test]
fn a_volume_on_a_lost_host_is_told_with_doubt() {
    let sim = only("volumes");
    sim.act(json!({ "do": "create_app", "name": "web" }));
    sim.volume("web", "data");
    sim.days(2);
    sim.world.turn(|knobs| knobs.unreachable_regions = vec!["fra".into()]);
    let found = look(&sim);
    assert_eq!(found[0].severity, Severity::Info);
    assert!(found[0].message.contains("its host is unreachable"), "{}", found[0].message);
}

#[test]
fn addresses_of_idle_apps_are_told_and_those_of_running_ones_are_not() {
    let sim = sim(json!({ "checks": { "certificates": false }, "idle_days": 10 }));
    let (busy, quiet) = (sim.app("busy", Value::Null), sim.app("quiet", Value::Null));
    for app in ["busy", "quiet"] {
        for kind in ["v4", "v6", "shared_v4"] {
            sim.act(json!({ "do": "allocate_ip", "app": app, "type": kind }));
        }
    }
    let egress = sim.make(json!({ "kind": "egress", "app": "quiet" }));
    sim.make(json!({ "kind": "egress", "app": "busy" }));
    sim.machine_do("stop", &quiet);
    sim.days(9);
    assert_eq!(look(&sim), [], "it ran nine days ago");
    sim.days(2);
    let found = look(&sim);
    let costs: Vec<_> = found.iter().map(|it| (it.code.as_str(), it.cost_cents)).collect();
    assert_eq!(costs, [("address.idle", Some(200)), ("egress.idle", Some(360))]);
    assert_eq!(found[1].about, format!("egress/{egress}"));
    assert!(found[0].message.ends_with("of an app in which nothing ran for 11 d"), "{}", found[0].message);
    sim.machine_do("stop", &busy);
    sim.machine_do("start", &quiet);
    assert_eq!(look(&sim), [], "one has just stopped, the other runs");
}

#[test]
fn an_app_without_machines_is_idle_since_it_was_first_seen_so() {
    let sim = only("addresses");
    sim.act(json!({ "do": "create_app", "name": "empty" }));
    sim.act(json!({ "do": "allocate_ip", "app": "empty", "type": "v4" }));
    sim.days(30);
    assert_eq!(look(&sim), [], "nobody knows since when");
    sim.days(14);
    assert_eq!(look(&sim).len(), 1);
    let machine = sim.machine("empty", Value::Null);
    assert_eq!(look(&sim), []);
    sim.world.turn(|knobs| knobs.machine_prune_ms = Some(0));
    sim.machine_do("destroy", &machine);
    assert_eq!(look(&sim), [], "the memory began anew");
}

#[test]
fn an_idle_builder_is_told_with_its_volumes() {
    let sim = only("builders");
    for app in ["fly-builder-old", "worker"] {
        let machine = sim.app(app, Value::Null);
        sim.volume(app, "cache");
        sim.machine_do("stop", &machine);
    }
    sim.days(20);
    let found = look(&sim);
    assert_eq!(told(&found), [("builder.idle".into(), "fly/acme/fly-builder-old".into())]);
    assert_eq!(found[0].cost_cents, Some(15));
}

#[test]
fn a_certificate_whose_name_leads_elsewhere_is_told() {
    let sim = only("certificates");
    sim.app("web", Value::Null);
    for (name, configured) in [("here.example", true), ("left.example", true), ("*.wild.example", false)] {
        sim.act(json!({ "do": "configure_dns", "hostname": name, "configured": configured }));
        sim.act(json!({ "do": "create_cert", "app": "web", "hostname": name }));
    }
    assert_eq!(look(&sim), [], "too young");
    sim.days(8);
    sim.act(json!({ "do": "configure_dns", "hostname": "left.example", "configured": false }));
    let found = look(&sim);
    let costs: Vec<_> = found.iter().map(|it| (it.about.as_str(), it.cost_cents)).collect();
    assert_eq!(
        costs,
        [("certificate/web/*.wild.example", Some(100)), ("certificate/web/left.example", None)],
        "ten single names are free"
    );
}

#[test]
fn add_ons_without_an_app_are_told_and_static_files_of_living_apps_are_not() {
    let sim = only("addons");
    for app in ["web", "site", "old"] {
        sim.act(json!({ "do": "create_app", "name": app }));
    }
    let add_on = |name: &str, app: Value| {
        format!(
            "addon/{}",
            sim.make(json!({ "kind": "add_on", "name": name, "provider": "tigris", "app": app }))
        )
    };
    let (left, alone) = (add_on("left", json!("old")), add_on("alone", Value::Null));
    let (used, statics) = (add_on("used", json!("web")), add_on("site-statics-red-sun", Value::Null));
    let gone = add_on("old-statics-blue-sea", Value::Null);
    sim.days(2);
    let mut expected = vec![alone.clone()];
    assert_eq!(abouts(&sim), expected);
    sim.act(json!({ "do": "delete_app", "app": "old" }));
    expected.extend([left, gone]);
    expected.sort();
    let found = look(&sim);
    assert_eq!(abouts(&sim), expected);
    assert!(found.iter().all(|it| it.cost_cents.is_none() && it.about != used && it.about != statics));
    let text = found.iter().find(|it| it.about == alone).unwrap();
    assert_eq!(text.message, "tigris `alone` belongs to no app, and is unchanged for 2 d");
    assert!(text.remedy.as_ref().unwrap().starts_with("by hand, it holds data"));
}

#[test]
fn a_cluster_without_a_living_app_is_told_with_its_price() {
    let sim = only("postgres");
    sim.act(json!({ "do": "create_app", "name": "web" }));
    let cluster = |plan: &str, apps: Value| {
        sim.make(json!({ "kind": "postgres", "name": plan, "plan": plan, "apps": apps }))
    };
    let (used, alone) = (cluster("basic", json!(["web"])), cluster("launch", json!([])));
    sim.days(2);
    let found = look(&sim);
    assert_eq!(told(&found), [("postgres.orphan".into(), format!("postgres/{alone}"))]);
    assert_eq!(found[0].cost_cents, Some(28_480));
    sim.act(json!({ "do": "delete_app", "app": "web" }));
    assert!(abouts(&sim).contains(&format!("postgres/{used}")));
}

#[test]
fn a_peer_is_told_once_it_was_seen_for_long() {
    let sim = only("peers");
    let peer = sim.make(json!({ "kind": "peer", "name": "laptop" }));
    assert_eq!(look(&sim), []);
    sim.days(60);
    sim.make(json!({ "kind": "peer", "name": "young" }));
    assert_eq!(look(&sim), []);
    sim.days(31);
    let found = look(&sim);
    assert_eq!(told(&found), [("peer.old".into(), format!("peer/{peer}"))]);
    assert_eq!(found[0].message, "WireGuard peer `laptop` (fra) is there for at least 91 d");
}

#[test]
fn prices_of_the_stanza_win() {
    let sim = sim(json!({ "prices": { "volume_gb_month": 1.0 } }));
    sim.act(json!({ "do": "create_app", "name": "web" }));
    sim.volume("web", "data");
    sim.days(2);
    assert_eq!(look(&sim)[0].cost_cents, Some(100));
    sim.config(json!({ "graphql": GRAPHQL, "prices": { "volume": 1.0 } }));
    assert!(sim.try_look::<Orphans>(MANIFEST).unwrap_err().message.contains("no price `volume`"));
}

#[test]
fn a_check_that_fails_fails_the_look() {
    let sim = sim(json!({}));
    let machine = sim.app("web", Value::Null);
    sim.machine_do("stop", &machine);
    sim.make(json!({ "kind": "postgres", "name": "x", "plan": "basic" }));
    sim.days(30);
    for path in [
        "/v1/orgs/acme/volumes",
        "/v1/apps/web/machines",
        "/v1/apps/web/ip_assignments",
        "/v1/apps/web/certificates",
        "/v1/postgres",
        "/graphql",
    ] {
        for status in [403, 500] {
            let fault = Fault { path: path.into(), status: Some(status), ..Fault::default() };
            sim.world.turn(|knobs| knobs.faults = vec![fault]);
            sim.try_look::<Orphans>(MANIFEST).unwrap_err();
        }
    }
    sim.world.turn(|knobs| knobs.faults.clear());
    sim.look::<Orphans>(MANIFEST);
}

#[test]
fn a_large_fleet_is_looked_at_in_pages_that_end_in_time() {
    let sim = only("addresses");
    for n in 0..300 {
        let app = format!("app-{n:03}");
        let machine = sim.app(&app, Value::Null);
        sim.act(json!({ "do": "allocate_ip", "app": app, "type": "v4" }));
        sim.machine_do("stop", &machine);
    }
    sim.days(20);
    assert_eq!(look(&sim).len(), 300);
}

/// A stanza that may delete volumes, and the finding of a loose one.
fn removable() -> (Sim, Finding) {
    let sim = sim(json!({ "remove_volumes": true, "days": { "volume": 0 } }));
    sim.app("web", Value::Null);
    sim.volume("web", "data");
    let finding = look(&sim).remove(0);
    assert_eq!((finding.code.as_str(), finding.cost_cents), ("volume.unattached", Some(15)));
    assert!(finding.remedy.as_ref().unwrap().starts_with("delete it, if nobody misses its data"));
    (sim, finding)
}

fn deleted(sim: &Sim) -> usize {
    sim.effects("volume.pending_destroy")
}

#[test]
fn an_unattached_volume_is_deleted_once() {
    let (sim, finding) = removable();
    assert_eq!(sim.fix::<Orphans>(&finding), Outcome::Fixed);
    assert_eq!((deleted(&sim), look(&sim)), (1, vec![]));
    assert_eq!(sim.fix::<Orphans>(&finding), Outcome::NoLongerTrue, "it is going");
    sim.days(2);
    assert_eq!(sim.fix::<Orphans>(&finding), Outcome::NoLongerTrue, "404");
    assert_eq!(deleted(&sim), 1);
}

#[test]
fn a_volume_that_is_used_by_now_or_may_be_is_not_deleted() {
    let (sim, finding) = removable();
    let id = finding.about.trim_start_matches("volume/");
    sim.machine("web", json!({ "mounts": [{ "volume": id, "path": "/d" }] }));
    assert_eq!(sim.fix::<Orphans>(&finding), Outcome::NoLongerTrue, "a machine holds it");

    let (sim, finding) = removable();
    let id = finding.about.trim_start_matches("volume/");
    let machine = |config: Value| json!([{ "id": "m1", "name": "m1", "state": "stopped", "config": config }]);
    let mounts = |volume: &str| machine(json!({ "mounts": [{ "volume": volume, "path": "/d" }] }));
    for machines in [mounts(id), mounts("data"), machine(Value::Null)] {
        let path = "/v1/apps/web/machines".into();
        let fault = Fault { path, status: Some(200), body: Some(machines.to_string()), ..Fault::default() };
        sim.world.turn(|knobs| knobs.faults = vec![fault]);
        assert_eq!(sim.fix::<Orphans>(&finding), Outcome::NotNow, "{machines}");
    }
    let fails = Fault { path: "/v1/apps/web/machines".into(), status: Some(500), ..Fault::default() };
    sim.world.turn(|knobs| knobs.faults = vec![fails]);
    sim.try_fix::<Orphans>(&finding).unwrap_err();
    sim.world.turn(|knobs| {
        knobs.faults.clear();
        knobs.unreachable_regions = vec!["fra".into()];
    });
    assert_eq!(sim.fix::<Orphans>(&finding), Outcome::NotNow, "its host does not answer");
    assert_eq!(deleted(&sim), 0);
}

#[test]
fn nothing_is_deleted_without_a_word_in_the_stanza_and_no_other_finding_is_mended() {
    let (sim, mut finding) = removable();
    let without = |config: Value| {
        let mut config = config;
        config["graphql"] = json!(GRAPHQL);
        sim.config(config);
    };
    without(json!({}));
    assert!(sim.try_fix::<Orphans>(&finding).unwrap_err().message.contains("`remove_volumes = true`"));
    without(json!({ "remove_volumes": true }));
    finding.code = "address.idle".into();
    assert!(!sim.try_fix::<Orphans>(&finding).unwrap_err().retry);
    assert_eq!(deleted(&sim), 0);
}
