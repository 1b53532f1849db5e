//! A month of spending: told near the ceiling, suspended above it, resumed in the next month, and exactly those.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../../orphans/tests/support/mod.rs"]
mod support;

use groundcrew_flysim::Fault;
use groundcrew_hook::{Finding, Outcome, Value, json};
use hook_budget::Budget;
use support::{Sim, told};

const MANIFEST: &str = include_str!("../hook.toml");

/// What runs by itself: a shared CPU with 256 MB in `fra`, 2.5318 $ for thirty days, 0.0844 $ a day.
fn sim(usd: f64) -> Sim {
    Sim::new(json!({ "ceilings": [{ "usd": usd }] }))
}

fn look(sim: &Sim) -> Vec<Finding> {
    sim.look::<Budget>(MANIFEST)
}

fn codes(sim: &Sim) -> Vec<String> {
    told(&look(sim)).into_iter().map(|(code, _)| code).collect()
}

fn only(sim: &Sim, code: &str) -> Finding {
    let found = look(sim);
    assert_eq!(found.iter().map(|it| it.code.as_str()).collect::<Vec<_>>(), [code]);
    found[0].clone()
}

/// Looks once a day, as a schedule would.
fn daily(sim: &Sim, days: i64) {
    for _ in 0..days {
        sim.days(1);
        look(sim);
    }
}

#[test]
fn spending_is_told_near_the_ceiling_and_above_it() {
    let sim = sim(1.0);
    sim.app("web", Value::Null);
    daily(&sim, 9);
    assert_eq!(codes(&sim), [""; 0], "76 %");
    sim.days(1);
    let near = only(&sim, "budget.nearing");
    assert_eq!(near.message, "machines of app web ran for $0.84 this month, of $1.00");
    assert_eq!((near.cost_cents, near.remedy), (Some(84), None));
    daily(&sim, 1);
    sim.days(1);
    let over = only(&sim, "budget.exceeded");
    assert_eq!(over.message, "machines of app web ran for $1.01 this month, of $1.00");
    assert_eq!(over.subject.as_ref().unwrap().path, "fly/acme/web");
    assert_eq!(sim.world.log().iter().filter(|effect| effect.what.starts_with("machine.s")).count(), 1);
}

#[test]
fn it_does_not_matter_how_often_one_looks() {
    let (often, seldom) = (sim(100.0), sim(100.0));
    for sim in [&often, &seldom] {
        sim.config(json!({ "ceilings": [{ "usd": 1.2 }], "warn": 0.0 }));
        sim.app("web", Value::Null);
    }
    daily(&often, 10);
    seldom.days(10);
    assert_eq!(only(&often, "budget.nearing").cost_cents, only(&seldom, "budget.nearing").cost_cents);
}

#[test]
fn stopped_time_costs_nothing() {
    let sim = sim(1.0);
    let machine = sim.app("web", Value::Null);
    sim.config(json!({ "ceilings": [{ "usd": 1.0 }], "warn": 0.0 }));
    daily(&sim, 2);
    sim.hours(12);
    sim.machine_do("stop", &machine);
    daily(&sim, 5);
    assert_eq!(only(&sim, "budget.nearing").cost_cents, Some(21), "two and a half days");
    sim.machine_do("start", &machine);
    daily(&sim, 1);
    sim.machine_do("destroy", &machine);
    daily(&sim, 2);
    assert_eq!(only(&sim, "budget.nearing").cost_cents, Some(30), "what is gone was paid for");
}

#[test]
fn what_nobody_saw_is_said_and_counts_nothing() {
    let sim = sim(1.0);
    sim.app("web", Value::Null);
    sim.config(json!({ "ceilings": [{ "usd": 1.0 }], "warn": 0.0 }));
    sim.days(1);
    sim.unseen(5 * 3_600 - 60);
    let told = only(&sim, "budget.nearing");
    assert_eq!(told.cost_cents, Some(8));
    let words = "machines of app web ran for $0.08 this month, of $1.00; 5 h were not seen and count nothing";
    assert_eq!(told.message, words);
}

#[test]
fn a_new_month_begins_at_nothing() {
    let sim = sim(1.0);
    sim.app("web", Value::Null);
    daily(&sim, 30);
    assert_eq!(codes(&sim), ["budget.exceeded"]);
    // The first of April is a day away.
    sim.days(2);
    sim.config(json!({ "ceilings": [{ "usd": 1.0 }], "warn": 0.0 }));
    assert_eq!(only(&sim, "budget.nearing").cost_cents, Some(8), "one day of it");
}

/// An app above its ceiling with two machines that run and one that an operator stopped.
fn over() -> (Sim, [String; 3], Finding) {
    let sim = sim(1.0);
    let machines =
        [sim.app("web", Value::Null), sim.machine("web", Value::Null), sim.machine("web", Value::Null)];
    sim.machine_do("stop", &machines[2]);
    daily(&sim, 6);
    let finding = only(&sim, "budget.exceeded");
    (sim, machines, finding)
}

fn states(sim: &Sim, machines: &[String; 3]) -> [String; 3] {
    machines.each_ref().map(|machine| sim.state_of(machine))
}

#[test]
fn an_app_above_its_ceiling_is_suspended_and_exactly_that_is_resumed_next_month() {
    let (sim, machines, finding) = over();
    assert_eq!(sim.fix::<Budget>(&finding), Outcome::Fixed);
    assert_eq!(states(&sim, &machines), ["suspended", "suspended", "stopped"]);
    let log: Vec<_> = sim.world.log().into_iter().map(|effect| effect.what).collect();
    let first = |what: &str| log.iter().position(|it| it == what);
    assert!(first("machine.cordoned") < first("machine.suspended"), "{log:?}");
    // The rest of March, with a look a day: nothing is touched again.
    let writes = sim.world.log().len();
    daily(&sim, 24);
    assert_eq!(codes(&sim), ["budget.exceeded"]);
    assert_eq!(sim.fix::<Budget>(&finding), Outcome::NoLongerTrue, "nothing is left to do");
    assert_eq!(sim.world.log().len(), writes);
    sim.days(2);
    let resume = only(&sim, "budget.resume");
    assert_eq!(sim.fix::<Budget>(&finding), Outcome::NoLongerTrue, "it is a new month");
    assert_eq!(sim.fix::<Budget>(&resume), Outcome::Fixed);
    assert_eq!(states(&sim, &machines), ["started", "started", "stopped"]);
    assert_eq!(sim.effects("machine.uncordoned"), 2);
    assert_eq!(sim.fix::<Budget>(&resume), Outcome::NoLongerTrue);
    assert_eq!(codes(&sim), [""; 0]);
}

#[test]
fn what_an_operator_starts_by_hand_is_left_alone_for_good() {
    let (sim, machines, finding) = over();
    sim.fix::<Budget>(&finding);
    sim.machine_do("start", &machines[0]);
    sim.days(1);
    let still = only(&sim, "budget.exceeded");
    assert!(
        still.message.ends_with("1 machines were started again by hand and are left alone"),
        "{}",
        still.message
    );
    assert_eq!(sim.fix::<Budget>(&still), Outcome::NoLongerTrue);
    assert_eq!(states(&sim, &machines), ["started", "suspended", "stopped"]);
    // They suspend it again themselves; next month it is not ours to start.
    sim.machine_do("suspend", &machines[0]);
    daily(&sim, 26);
    let resume = only(&sim, "budget.resume");
    assert!(resume.message.starts_with("1 machines of app web"), "{}", resume.message);
    assert_eq!(sim.fix::<Budget>(&resume), Outcome::Fixed);
    assert_eq!(states(&sim, &machines), ["suspended", "started", "stopped"]);
}

#[test]
fn what_an_operator_stops_or_destroys_meanwhile_is_not_started() {
    let (sim, machines, finding) = over();
    sim.fix::<Budget>(&finding);
    sim.machine_do("destroy", &machines[0]);
    sim.machine_do("start", &machines[1]);
    sim.machine_do("stop", &machines[1]);
    daily(&sim, 27);
    assert_eq!(codes(&sim), [""; 0]);
    assert_eq!(states(&sim, &machines), ["destroyed", "stopped", "stopped"]);
}

#[test]
fn without_the_remedy_nothing_is_done_and_nothing_is_resumed() {
    let (sim, machines, _) = over();
    // The platform, or a person, suspends one that was planned.
    sim.machine_do("suspend", &machines[0]);
    daily(&sim, 27);
    assert_eq!(codes(&sim), [""; 0]);
    assert_eq!(states(&sim, &machines), ["suspended", "started", "stopped"]);
}

/// Every command of this kind to this machine fails so.
fn failing(sim: &Sim, machine: &str, verb: &str, status: u16) {
    let path = format!("/v1/apps/web/machines/{machine}/{verb}");
    sim.world.turn(|knobs| knobs.faults = vec![Fault { path, status: Some(status), ..Fault::default() }]);
}

#[test]
fn a_failure_of_one_machine_stops_neither_the_others_nor_what_is_noted() {
    for which in [0, 1] {
        let (sim, machines, finding) = over();
        failing(&sim, &machines[which], "suspend", 500);
        assert_eq!(sim.fix::<Budget>(&finding), Outcome::NotNow);
        assert_eq!(sim.effects("machine.suspended"), 1);
        // Next month it may not be tried again: what was done, and what may have been, is undone.
        sim.world.turn(|knobs| knobs.faults.clear());
        daily(&sim, 27);
        let resume = only(&sim, "budget.resume");
        assert!(resume.message.starts_with("2 machines of app web"), "{}", resume.message);
        assert_eq!(sim.fix::<Budget>(&resume), Outcome::Fixed);
        assert_eq!(states(&sim, &machines), ["started", "started", "stopped"]);
        assert_eq!(sim.effects("machine.uncordoned"), 2, "{which}");
        assert_eq!(codes(&sim), [""; 0]);
    }
}

#[test]
fn a_failure_is_told_where_nothing_was_done() {
    let (sim, machines, finding) = over();
    let path = "/v1/apps/web/machines/*/cordon".to_owned();
    sim.world.turn(|knobs| knobs.faults = vec![Fault { path, status: Some(403), ..Fault::default() }]);
    sim.try_fix::<Budget>(&finding).unwrap_err();
    sim.world.turn(|knobs| knobs.faults.clear());
    assert_eq!(sim.fix::<Budget>(&finding), Outcome::Fixed);
    assert_eq!(states(&sim, &machines), ["suspended", "suspended", "stopped"]);
}

#[test]
fn what_may_not_be_suspended_serves_on() {
    let (sim, machines, finding) = over();
    failing(&sim, &machines[0], "suspend", 412);
    assert_eq!(sim.fix::<Budget>(&finding), Outcome::NotNow);
    assert_eq!(states(&sim, &machines), ["started", "suspended", "stopped"]);
    let log = sim.world.log();
    let mut cordons = log.iter().filter(|effect| effect.what.ends_with("cordoned"));
    let last = cordons.rfind(|effect| format!("{effect:?}").contains(&machines[0])).unwrap();
    assert_eq!(last.what, "machine.uncordoned");
}

#[test]
fn a_resumption_goes_on_where_it_was() {
    let (sim, machines, finding) = over();
    sim.fix::<Budget>(&finding);
    daily(&sim, 27);
    let resume = only(&sim, "budget.resume");
    failing(&sim, &machines[0], "start", 500);
    assert_eq!(sim.fix::<Budget>(&resume), Outcome::NotNow);
    assert_eq!(states(&sim, &machines), ["suspended", "started", "stopped"]);
    sim.world.turn(|knobs| knobs.faults.clear());
    let writes = sim.world.log().len();
    assert_eq!(sim.fix::<Budget>(&resume), Outcome::Fixed);
    assert_eq!(states(&sim, &machines), ["started", "started", "stopped"]);
    assert!(sim.world.log()[writes..].iter().all(|effect| !format!("{effect:?}").contains(&machines[1])));
}

#[test]
fn a_leased_machine_waits() {
    let (sim, machines, finding) = over();
    let path = format!("/v1/apps/web/machines/{}/cordon", machines[0]);
    sim.world.turn(|knobs| knobs.faults = vec![Fault { path, status: Some(409), ..Fault::default() }]);
    assert_eq!(sim.fix::<Budget>(&finding), Outcome::NotNow);
    assert_eq!(states(&sim, &machines), ["started", "suspended", "stopped"]);
    sim.world.turn(|knobs| knobs.faults.clear());
    assert_eq!(sim.fix::<Budget>(&finding), Outcome::Fixed);
    assert_eq!(states(&sim, &machines), ["suspended", "suspended", "stopped"]);
}

#[test]
fn a_ceiling_can_be_shared_by_all_apps_with_a_label() {
    let ceilings =
        json!([{ "label": "team=blue", "usd": 1.0, "of": "all" }, { "apps": "small-*", "usd": 0.3 }]);
    let sim = Sim::new(json!({ "ceilings": ceilings }));
    for app in ["one", "two", "small-3"] {
        sim.app(app, Value::Null);
    }
    sim.days(4);
    let found = look(&sim);
    let exceeded: Vec<_> = found.iter().map(|it| (it.code.as_str(), it.about.as_str())).collect();
    let code = "budget.exceeded";
    assert_eq!(exceeded, [(code, "fly/acme/one"), (code, "fly/acme/small-3"), (code, "fly/acme/two")]);
    assert!(found[0].message.contains("shares a ceiling ran for $1.01"), "{}", found[0].message);
    assert!(found[1].message.ends_with("ran for $0.34 this month, of $0.30"), "{}", found[1].message);
    sim.config(json!({ "ceilings": [{ "label": "team=red", "usd": 0.01 }] }));
    assert_eq!(look(&sim), []);
}

#[test]
fn a_price_that_is_not_known_is_said() {
    let sim = sim(1.0);
    sim.act(json!({ "do": "create_app", "name": "web" }));
    sim.act(json!({ "do": "create_machine", "app": "web", "region": "moon" }));
    sim.days(20);
    let found = only(&sim, "budget.unpriced");
    assert_eq!(
        found.message,
        "machines of app web ran for 480 h at a price that is not known, which counts nothing"
    );
}

#[test]
fn a_re_created_app_is_not_mended_for_its_predecessor() {
    let (sim, _, finding) = over();
    sim.act(json!({ "do": "delete_app", "app": "web" }));
    let machine = sim.app("web", Value::Null);
    assert_eq!(sim.fix::<Budget>(&finding), Outcome::NoLongerTrue);
    assert_eq!(sim.state_of(&machine), "started");
}

#[test]
fn all_apps_of_a_large_organisation_are_reckoned_page_by_page() {
    let sim = sim(0.01);
    for n in 0..510 {
        sim.app(&format!("app-{n:03}"), Value::Null);
    }
    sim.days(2);
    let found = look(&sim);
    assert_eq!(found.len(), 510);
    assert!(
        found.iter().all(|it| it.code == "budget.exceeded" && it.cost_cents == Some(17)),
        "{:?}",
        found[0]
    );
}
