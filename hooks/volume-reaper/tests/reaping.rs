//! The rule point by point, and the remedy that looks again.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../../orphans/tests/support/mod.rs"]
mod support;

use groundcrew_flysim::Fault;
use groundcrew_hook::{Finding, Outcome, Value, json};
use hook_volume_reaper::VolumeReaper;
use support::{Sim, told};

const MANIFEST: &str = include_str!("../hook.toml");

/// An app with a volume that a destroyed machine had, seen loose for eight days.
struct Reapable {
    sim: Sim,
    volume: String,
    finding: Finding,
}

fn look(sim: &Sim) -> Vec<Finding> {
    sim.look::<VolumeReaper>(MANIFEST)
}

fn withheld(sim: &Sim) -> String {
    let found = look(sim);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!((found[0].code.as_str(), &found[0].remedy), ("volume.withheld", &None));
    found[0].message.clone()
}

/// An app with a loose volume `cache_web`; its one machine is destroyed.
fn loose() -> (Sim, String) {
    let sim = Sim::new(json!({ "names": ["data_<machine>", "cache_<app>"] }));
    sim.act(json!({ "do": "create_app", "name": "web" }));
    let volume = sim.volume("web", "cache_web");
    let machine = sim.machine("web", json!({ "mounts": [{ "volume": volume, "path": "/d" }] }));
    assert_eq!(look(&sim), [], "a machine holds it");
    sim.machine_do("destroy", &machine);
    (sim, volume)
}

fn reapable() -> Reapable {
    let (sim, volume) = loose();
    look(&sim);
    sim.days(8);
    let found = look(&sim);
    assert_eq!(told(&found), [("volume.reapable".into(), format!("volume/{volume}"))]);
    Reapable { finding: found[0].clone(), sim, volume }
}

#[test]
fn a_volume_whose_machine_is_gone_is_told_and_deleted() {
    let Reapable { sim, volume, finding } = reapable();
    assert_eq!(finding.cost_cents, Some(15));
    assert_eq!(
        finding.message,
        "volume `cache_web` of app web: all machines are destroyed, nobody holds it for 8 d"
    );
    assert!(finding.remedy.as_ref().unwrap().contains("24 h"));
    assert_eq!(sim.fix::<VolumeReaper>(&finding), Outcome::Fixed);
    assert_eq!(sim.effects("volume.pending_destroy"), 1);
    assert_eq!(look(&sim), [], "it is on its way out: {volume}");
    assert_eq!(sim.fix::<VolumeReaper>(&finding), Outcome::NoLongerTrue);
    sim.days(2);
    assert_eq!(sim.fix::<VolumeReaper>(&finding), Outcome::NoLongerTrue, "404");
    assert_eq!(sim.effects("volume.pending_destroy"), 1);
}

#[test]
fn grace_counts_from_what_this_audit_saw() {
    let (sim, _) = loose();
    sim.days(30);
    assert!(withheld(&sim).ends_with("stays: unchanged and loose for 0 min only, 7 d are wanted"));
    sim.days(6);
    withheld(&sim);
    sim.days(1);
    assert_eq!(look(&sim)[0].code, "volume.reapable");
}

#[test]
fn grace_begins_anew_when_somebody_used_it_in_between() {
    let (sim, volume) = loose();
    look(&sim);
    sim.days(6);
    let machine = sim.machine("web", json!({ "mounts": [{ "volume": volume, "path": "/d" }] }));
    sim.machine_do("destroy", &machine);
    sim.days(2);
    assert!(withheld(&sim).contains("for 2 d only"), "nobody looked while it was held, but its dates tell");
}

#[test]
fn other_names_are_not_even_suspects() {
    let sim = Sim::new(json!({ "names": ["data_<machine>", "cache_<app>"] }));
    sim.act(json!({ "do": "create_app", "name": "web" }));
    for name in ["cache_other", "cache_web2", "precious", "data_"] {
        sim.volume("web", name);
    }
    look(&sim);
    sim.days(30);
    assert_eq!(look(&sim), []);
}

#[test]
fn the_owner_in_the_name_must_be_gone_and_others_do_not_matter() {
    let sim = Sim::new(json!({ "names": ["data_<machine>"] }));
    let (gone, lives) = (sim.app("web", Value::Null), sim.machine("web", Value::Null));
    let (of_gone, of_living) =
        (sim.volume("web", &format!("data_{gone}")), sim.volume("web", &format!("data_{lives}")));
    sim.machine_do("destroy", &gone);
    sim.machine_do("stop", &lives);
    look(&sim);
    sim.days(8);
    let found = look(&sim);
    let expected = [
        ("volume.reapable".into(), format!("volume/{of_gone}")),
        ("volume.withheld".into(), format!("volume/{of_living}")),
    ];
    assert_eq!(told(&found), expected);
    assert!(
        found
            .iter()
            .any(|it| it.message.ends_with(&format!("stays: its owner, machine {lives}, is stopped")))
    );
}

#[test]
fn a_word_that_never_was_a_machine_is_no_owner_that_is_gone() {
    let sim = Sim::new(json!({ "names": ["data_<machine>"] }));
    let machine = sim.app("web", Value::Null);
    let [backup, time, forgotten, seen] = ["backup", "20240101120000", "148e0000000abc", &machine]
        .map(|word| sim.volume("web", &format!("data_{word}")));
    sim.machine_do("destroy", &machine);
    look(&sim);
    sim.days(8);
    let found = look(&sim);
    let told = |volume: &str| {
        let found = found.iter().find(|it| it.about == format!("volume/{volume}")).unwrap();
        (found.code.as_str(), found.message.split_once(": ").map_or("", |(_, why)| why))
    };
    assert_eq!(told(&backup).0, "volume.withheld");
    assert!(told(&backup).1.ends_with("no machine `backup` was ever seen"), "{:?}", told(&backup));
    assert_eq!(told(&time).0, "volume.withheld");
    assert_eq!(
        told(&forgotten),
        ("volume.reapable", "machine 148e0000000abc is not shown any more, nobody holds it for 8 d")
    );
    let why = format!("machine {machine} is destroyed, nobody holds it for 8 d");
    assert_eq!(told(&seen), ("volume.reapable", why.as_str()));
}

#[test]
fn a_volume_that_waits_for_its_apps_first_machine_stays() {
    let sim = Sim::new(json!({ "names": ["cache_<app>"] }));
    sim.act(json!({ "do": "create_app", "name": "web" }));
    sim.volume("web", "cache_web");
    look(&sim);
    sim.days(30);
    assert!(withheld(&sim).contains("no machine of the app is shown"));
}

#[test]
fn a_living_machine_that_mounts_it_withholds_it() {
    let sim = Sim::new(json!({ "names": ["data_<machine>"] }));
    sim.act(json!({ "do": "create_app", "name": "web" }));
    let volume = sim.volume("web", "data_148e0000000abc");
    look(&sim);
    sim.days(8);
    for (mounted, code) in [
        ("vol_x", "volume.reapable"),
        (volume.as_str(), "volume.withheld"),
        ("data_148e0000000abc", "volume.withheld"),
    ] {
        let config = json!({ "mounts": [{ "volume": mounted, "path": "/d" }] });
        let body = json!([{ "id": "m1", "name": "m1", "state": "stopped", "config": config }]).to_string();
        let path = "/v1/apps/web/machines".into();
        let fault = Fault { path, status: Some(200), body: Some(body), ..Fault::default() };
        sim.world.turn(|knobs| knobs.faults = vec![fault]);
        assert_eq!(look(&sim)[0].code, code, "{mounted}");
    }
}

#[test]
fn what_cannot_be_known_withholds_it() {
    let (sim, _) = loose();
    look(&sim);
    sim.days(8);
    sim.world.turn(|knobs| knobs.unreachable_regions = vec!["fra".into()]);
    assert!(withheld(&sim).contains("its host does not answer"));
    sim.world.turn(|knobs| knobs.unreachable_regions.clear());
    sim.world.turn(|knobs| {
        let body =
            json!([{ "id": "m1", "name": "m1", "state": "started", "incomplete_config": {} }]).to_string();
        let path = "/v1/apps/web/machines".into();
        knobs.faults = vec![Fault { path, status: Some(200), body: Some(body), ..Fault::default() }];
    });
    sim.config(json!({ "names": ["cache_web"] }));
    let found = sim.try_look::<VolumeReaper>(MANIFEST);
    // The owner of a name without a machine is every machine, so this one is told first.
    assert!(found.unwrap()[0].message.contains("machine m1"));
}

#[test]
fn the_remedy_looks_again_and_leaves_what_is_used_by_then() {
    let Reapable { sim, volume, finding } = reapable();
    sim.machine("web", json!({ "mounts": [{ "volume": volume, "path": "/d" }] }));
    assert_eq!(sim.fix::<VolumeReaper>(&finding), Outcome::NoLongerTrue);
    // Also if only the volume tells that somebody holds it.
    let path = "/v1/apps/web/machines".into();
    let fault = Fault { path, status: Some(200), body: Some("[]".into()), ..Fault::default() };
    sim.world.turn(|knobs| knobs.faults = vec![fault]);
    assert_eq!(sim.fix::<VolumeReaper>(&finding), Outcome::NoLongerTrue);

    let Reapable { sim, finding, .. } = reapable();
    sim.act(json!({ "do": "delete_app", "app": "web" }));
    assert_eq!(sim.fix::<VolumeReaper>(&finding), Outcome::NoLongerTrue);

    let Reapable { sim, finding, .. } = reapable();
    sim.config(json!({ "names": ["other"] }));
    assert_eq!(sim.fix::<VolumeReaper>(&finding), Outcome::NoLongerTrue, "the stanza changed");
    assert_eq!(sim.effects("volume.pending_destroy"), 0);
}

#[test]
fn the_remedy_waits_where_somebody_used_it_since_it_was_told() {
    let sim = Sim::new(json!({ "names": ["data_<machine>"] }));
    let gone = sim.app("web", Value::Null);
    let volume = sim.volume("web", &format!("data_{gone}"));
    sim.machine_do("destroy", &gone);
    look(&sim);
    sim.days(8);
    let finding = look(&sim).remove(0);
    assert_eq!(finding.code, "volume.reapable");
    // Another machine than its owner: only the list tells that the volume changed.
    let other = sim.machine("web", json!({ "mounts": [{ "volume": volume, "path": "/d" }] }));
    sim.machine_do("destroy", &other);
    assert_eq!(sim.fix::<VolumeReaper>(&finding), Outcome::NotNow);
    assert_eq!(sim.effects("volume.pending_destroy"), 0);
    sim.days(8);
    assert_eq!(sim.fix::<VolumeReaper>(&finding), Outcome::Fixed);
}

#[test]
fn a_volume_that_is_still_bound_waits_and_a_failing_api_is_told() {
    for (status, outcome) in [
        (412, Some(Outcome::NotNow)),
        (409, Some(Outcome::NotNow)),
        (404, Some(Outcome::NoLongerTrue)),
        (500, None),
    ] {
        let Reapable { sim, finding, .. } = reapable();
        let fault = Fault {
            path: "/v1/apps/web/volumes/*".into(),
            method: Some("DELETE".into()),
            status: Some(status),
            ..Fault::default()
        };
        sim.world.turn(|knobs| knobs.faults = vec![fault]);
        assert_eq!(sim.try_fix::<VolumeReaper>(&finding).ok(), outcome, "{status}");
        assert_eq!(sim.effects("volume.pending_destroy"), 0);
    }
}

#[test]
fn no_other_finding_is_mended() {
    let Reapable { sim, mut finding, .. } = reapable();
    finding.code = "volume.withheld".into();
    assert!(!sim.try_fix::<VolumeReaper>(&finding).unwrap_err().retry);
    assert_eq!(sim.effects("volume.pending_destroy"), 0);
}

#[test]
fn withheld_ones_can_be_left_untold() {
    let (sim, _) = loose();
    sim.config(json!({ "names": ["cache_<app>"], "withheld": false }));
    assert_eq!(look(&sim), []);
    sim.days(8);
    assert_eq!(look(&sim).len(), 1);
}
