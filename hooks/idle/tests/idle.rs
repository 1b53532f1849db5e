//! Idle apps are told with what they cost; running and excepted ones are not.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../../orphans/tests/support/mod.rs"]
mod support;

use groundcrew_flysim::Fault;
use groundcrew_hook::{Finding, Value, json};
use hook_idle::Idle;
use support::{Sim, told};

const MANIFEST: &str = include_str!("../hook.toml");

fn look(sim: &Sim) -> Vec<Finding> {
    sim.look::<Idle>(MANIFEST)
}

#[test]
fn an_idle_app_is_told_with_what_it_costs_all_the_same() {
    let sim = Sim::new(json!({ "days": 7 }));
    let (quiet, busy) = (sim.app("quiet", Value::Null), sim.app("busy", Value::Null));
    for _ in 0..2 {
        sim.volume("quiet", "data");
    }
    sim.act(json!({ "do": "allocate_ip", "app": "quiet", "type": "v4" }));
    sim.act(json!({ "do": "allocate_ip", "app": "quiet", "type": "shared_v4" }));
    sim.machine_do("suspend", &quiet);
    sim.days(6);
    assert_eq!(look(&sim), []);
    sim.days(2);
    let found = look(&sim);
    assert_eq!(told(&found), [("app.idle".into(), "fly/acme/quiet".into())]);
    assert_eq!(found[0].cost_cents, Some(230));
    assert_eq!(
        found[0].message,
        "nothing ran in app quiet for at least 8 d; it has 2 GB of volumes, 1 dedicated IPv4, the root file systems \
         of 1 machines, which are not in the cost"
    );
    sim.machine_do("start", &quiet);
    sim.machine_do("destroy", &busy);
    assert_eq!(look(&sim), [], "one runs, the other ran a moment ago");
    sim.days(8);
    let found = look(&sim);
    assert_eq!((found[0].about.as_str(), found[0].cost_cents), ("fly/acme/busy", Some(0)));
    assert!(found[0].message.ends_with("it has nothing that costs"));
}

#[test]
fn builders_and_other_exceptions_stay_untold() {
    let sim = Sim::new(json!({}));
    for app in ["fly-builder-x", "cold", "cold-2"] {
        let machine = sim.app(app, Value::Null);
        sim.machine_do("stop", &machine);
    }
    sim.days(20);
    let abouts = || told(&look(&sim)).into_iter().map(|(_, about)| about).collect::<Vec<_>>();
    assert_eq!(abouts(), ["fly/acme/cold", "fly/acme/cold-2"]);
    sim.config(json!({ "except": ["cold"] }));
    assert_eq!(abouts(), ["fly/acme/cold-2", "fly/acme/fly-builder-x"]);
}

#[test]
fn an_unknown_state_counts_as_running_and_a_failing_call_fails_the_look() {
    let sim = Sim::new(json!({}));
    let machine = sim.app("web", Value::Null);
    sim.machine_do("stop", &machine);
    sim.days(20);
    let rule = |status, body: Option<Value>| {
        let body = body.map(|body| body.to_string());
        let fault =
            Fault { path: "/v1/apps/web/machines".into(), status: Some(status), body, ..Fault::default() };
        sim.world.turn(|knobs| knobs.faults = vec![fault]);
    };
    let old = "2026-01-01T00:00:00Z";
    rule(403, None);
    sim.try_look::<Idle>(MANIFEST).unwrap_err();
    rule(200, Some(json!([{ "id": "m", "state": "stopped", "updated_at": old }])));
    assert_eq!(look(&sim).len(), 1);
    rule(200, Some(json!([{ "id": "m", "state": "levitating", "updated_at": old }])));
    assert_eq!(look(&sim), []);
}
