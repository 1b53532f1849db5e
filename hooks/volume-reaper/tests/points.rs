//! Each point of the rule, and the story in which a volume is told of, deleted or left otherwise without it.
//!
//! Knobs that no provisioner and no source meets have their row here; `tests/harness/tests/settle_knobs.rs` adds all
//! tables up. Sentences are those of the vendor's documents and of other people's clients.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../../orphans/tests/support/mod.rs"]
mod support;

use groundcrew_flysim::{Fault, KNOBS};
use groundcrew_hook::{Finding, Value, json};
use hook_volume_reaper::{Point, Points, fix, run};
use support::Sim;

const MANIFEST: &str = include_str!("../hook.toml");
const DAY_MS: u64 = 86_400_000;
/// A word that looks like a machine's id, of one that nobody shows any more.
const FORGOTTEN: &str = "data_148e0000000abc";

/// One point, the knob that makes it needed, and how its story ends with it and without.
struct Row {
    /// None: the platform as it is needs it.
    knob: Option<&'static str>,
    sentence: &'static str,
    point: Point,
    play: fn(Points) -> Vec<String>,
    right: &'static [&'static str],
    wrong: &'static [&'static str],
}

const TABLE: &[Row] = &[
    Row {
        knob: Some("volume_list_unattached"),
        sentence: "read the single volume before deleting: the list once stopped telling attachments",
        point: Point::ReadAlone,
        play: held_and_not_listed_so,
        right: &[],
        wrong: &["volume.reapable", "NoLongerTrue"],
    },
    Row {
        knob: Some("volume_detach_ms"),
        sentence: "a volume stays bound for a while after its machine was destroyed",
        point: Point::Unheld,
        play: still_bound,
        right: &[],
        wrong: &["volume.reapable", "NotNow"],
    },
    Row {
        knob: Some("volume_bound_409"),
        sentence: "deleting a bound volume is 412, and 409 to others: to be tried later",
        point: Point::BoundIsLater,
        play: bound_after_all,
        right: &["volume.reapable", "NotNow"],
        wrong: &["volume.reapable", "failed"],
    },
    Row {
        knob: Some("volume_prune_ms"),
        sentence: "a deleted volume is kept for a day: then 404",
        point: Point::ForgottenIsGone,
        play: deleted_and_forgotten,
        right: &["volume.reapable", "deleted", "NoLongerTrue"],
        wrong: &["volume.reapable", "deleted", "failed"],
    },
    Row {
        knob: Some("unreachable_regions"),
        sentence: "incomplete_config is given instead of config when the host does not answer",
        point: Point::Unmounted,
        play: mounts_unknown,
        right: &["volume.withheld"],
        wrong: &["volume.reapable", "deleted"],
    },
    Row {
        knob: Some("volume_going_state"),
        sentence: "waiting_for_detach and others: a deleted volume is still 200",
        point: Point::Staying,
        play: on_its_way_out,
        right: &[],
        wrong: &["volume.withheld", "volume.withheld"],
    },
    Row {
        knob: None,
        sentence: "a stopped machine is started again, and wants its data",
        point: Point::OwnerGone,
        play: owner_stopped,
        right: &["volume.withheld"],
        wrong: &["volume.reapable", "deleted"],
    },
    Row {
        knob: None,
        sentence: "a volume stays, unattached, when its machine is destroyed, on purpose too",
        point: Point::WholeName,
        play: kept_on_purpose,
        right: &[],
        wrong: &["volume.reapable", "deleted"],
    },
    Row {
        knob: None,
        sentence: "between two machines of a deployment nobody holds it",
        point: Point::Quiet,
        play: just_let_go,
        right: &["volume.withheld"],
        wrong: &["volume.reapable", "deleted"],
    },
    Row {
        knob: None,
        sentence: "what is told now is mended after its grace",
        point: Point::LookAgain,
        play: used_in_between,
        right: &["volume.reapable", "NotNow"],
        wrong: &["volume.reapable", "deleted"],
    },
];

fn named(names: &[&str]) -> Sim {
    let sim = Sim::new(json!({ "names": names }));
    sim.act(json!({ "do": "create_app", "name": "web" }));
    sim
}

fn mounting(volume: &str) -> Value {
    json!({ "mounts": [{ "volume": volume, "path": "/d" }] })
}

/// The volume `name`, whose machine is destroyed.
fn left(sim: &Sim, name: &str) -> String {
    let volume = sim.volume("web", name);
    let machine = sim.machine("web", mounting(&volume));
    sim.machine_do("destroy", &machine);
    sim.hours(1);
    volume
}

fn look(sim: &Sim, points: Points) -> Vec<Finding> {
    sim.try_look_by(MANIFEST, |cursor| run(points, cursor)).unwrap()
}

/// Looks now and after eight days; what is told then.
fn week(sim: &Sim, points: Points) -> Vec<Finding> {
    look(sim, points);
    sim.days(8);
    look(sim, points)
}

/// What became of a finding that is to be mended; `deleted` if that took effect.
fn mended(sim: &Sim, points: Points, finding: &Finding) -> String {
    let before = sim.effects("volume.pending_destroy");
    let outcome = sim.try_fix_by(|| fix(points, finding));
    match outcome {
        _ if sim.effects("volume.pending_destroy") > before => "deleted".to_owned(),
        Ok(outcome) => format!("{outcome:?}"),
        Err(_) => "failed".to_owned(),
    }
}

/// What was told, and what became of it where it was to be mended.
fn told_and_mended(sim: &Sim, points: Points, found: &[Finding]) -> Vec<String> {
    let told = found.iter().map(|finding| finding.code.clone());
    let mendable = found.iter().filter(|finding| finding.remedy.is_some());
    told.chain(mendable.map(|finding| mended(sim, points, finding))).collect()
}

/// The API shows a volume like this, read alone.
fn shown_as(sim: &Sim, volume: &str, state: &str) {
    let body = json!({ "id": volume, "name": "cache_web", "state": state, "region": "fra", "size_gb": 1 });
    let path = format!("/v1/apps/web/volumes/{volume}");
    let (method, body) = (Some("GET".to_owned()), Some(body.to_string()));
    let fault = Fault { method, path, status: Some(200), body, ..Fault::default() };
    sim.world.turn(|knobs| knobs.faults = vec![fault]);
}

fn held_and_not_listed_so(points: Points) -> Vec<String> {
    let sim = named(&["data_<machine>"]);
    sim.world.turn(|knobs| {
        knobs.volume_list_unattached = true;
        // Nor is the machine listed that holds it.
        knobs.blind_machines_ms = 30 * DAY_MS;
    });
    let volume = sim.volume("web", FORGOTTEN);
    sim.machine("web", mounting(&volume));
    told_and_mended(&sim, points, &week(&sim, points))
}

fn still_bound(points: Points) -> Vec<String> {
    let sim = named(&["cache_<app>"]);
    sim.world.turn(|knobs| knobs.volume_detach_ms = 30 * DAY_MS);
    left(&sim, "cache_web");
    told_and_mended(&sim, points, &week(&sim, points))
}

fn bound_after_all(points: Points) -> Vec<String> {
    let sim = named(&["cache_<app>"]);
    sim.world.turn(|knobs| {
        (knobs.volume_bound_409, knobs.volume_list_unattached) = (true, true);
        knobs.volume_detach_ms = 30 * DAY_MS;
    });
    let volume = left(&sim, "cache_web");
    // Nothing says that it is bound but the refusal.
    shown_as(&sim, &volume, "created");
    told_and_mended(&sim, points, &week(&sim, points))
}

fn deleted_and_forgotten(points: Points) -> Vec<String> {
    let sim = named(&["cache_<app>"]);
    sim.world.turn(|knobs| knobs.volume_prune_ms = Some(DAY_MS / 24));
    left(&sim, "cache_web");
    let found = week(&sim, points);
    let mut story = told_and_mended(&sim, points, &found);
    // The answer was lost, and it is asked for once more.
    sim.hours(2);
    story.push(mended(&sim, points, &found[0]));
    story
}

fn mounts_unknown(points: Points) -> Vec<String> {
    let sim = named(&["data_<machine>"]);
    sim.world.turn(|knobs| knobs.unreachable_regions = vec!["ams".to_owned()]);
    sim.volume("web", FORGOTTEN);
    sim.act(json!({ "do": "create_machine", "app": "web", "region": "ams" }));
    told_and_mended(&sim, points, &week(&sim, points))
}

/// The list shows it so; and then only the look at it does.
fn on_its_way_out(points: Points) -> Vec<String> {
    let sim = named(&["cache_<app>"]);
    let volume = left(&sim, "cache_web");
    sim.world.turn(|knobs| {
        knobs.volume_going_state = Some("waiting_for_detach".to_owned());
        knobs.volume_prune_ms = Some(30 * DAY_MS);
    });
    sim.act(json!({ "do": "delete_volume", "volume": volume }));
    let mut told = told_and_mended(&sim, points, &week(&sim, points));
    let sim = named(&["cache_<app>"]);
    let volume = left(&sim, "cache_web");
    shown_as(&sim, &volume, "waiting_for_detach");
    told.extend(told_and_mended(&sim, points, &week(&sim, points)));
    told
}

fn owner_stopped(points: Points) -> Vec<String> {
    let sim = named(&["data_<machine>"]);
    let machine = sim.machine("web", Value::Null);
    sim.volume("web", &format!("data_{machine}"));
    sim.machine_do("stop", &machine);
    told_and_mended(&sim, points, &week(&sim, points))
}

fn kept_on_purpose(points: Points) -> Vec<String> {
    let sim = named(&["cache_<app>"]);
    left(&sim, "precious");
    told_and_mended(&sim, points, &week(&sim, points))
}

fn just_let_go(points: Points) -> Vec<String> {
    let sim = named(&["cache_<app>"]);
    left(&sim, "cache_web");
    told_and_mended(&sim, points, &look(&sim, points))
}

fn used_in_between(points: Points) -> Vec<String> {
    let sim = named(&["cache_<app>"]);
    let volume = left(&sim, "cache_web");
    let found = week(&sim, points);
    let machine = sim.machine("web", mounting(&volume));
    sim.machine_do("destroy", &machine);
    sim.hours(1);
    told_and_mended(&sim, points, &found)
}

#[test]
fn every_point_is_needed_by_its_story() {
    for Row { sentence, point, play, right, wrong, .. } in TABLE {
        assert_eq!(play(Points::ALL), *right, "{point:?}, {sentence}");
        assert_eq!(play(Points::without(*point)), *wrong, "without {point:?}, {sentence}");
        assert_ne!(right, wrong, "{point:?} is not needed");
    }
}

#[test]
fn every_point_has_its_row_and_every_knob_is_one() {
    for point in Point::ALL {
        let rows = TABLE.iter().filter(|row| row.point == point).count();
        assert_eq!(rows, 1, "{point:?} has its story");
    }
    for knob in TABLE.iter().filter_map(|row| row.knob) {
        assert!(KNOBS.iter().any(|known| known.name == knob), "{knob} is no knob");
    }
}
