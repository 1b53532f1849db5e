//! The Fly source against the simulator, over HTTP and with a real store, in virtual time.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod source_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use groundcrew::source::{Belief, FlySource, platform_object};
use groundcrew_core::duration::Millis;
use groundcrew_core::mirror::Rules;
use groundcrew_engine::clock::SystemClock;
use groundcrew_flysim::Fault;
use groundcrew_store::findings::ClosedToo;
use groundcrew_store::{CommitFault, CommitFaults, CommitMoment, Options};
use serde_json::json;
use source_support::{Bench, Ground};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn the_first_start_is_silent_and_owes_everybody_a_look() {
    let mut bench = Bench::new().await;
    bench.world().seed_fleet(12, 40).unwrap();
    assert_eq!(bench.handle.status().belief, Belief::Starting);
    bench.until(30, "40 machines", |bench| bench.ground.store.mirror_rows().unwrap().len() == 52).await;
    bench.pass(30).await;
    assert!(bench.ground.story().is_empty());
    let status = bench.handle.status();
    assert_eq!((status.apps, status.belief, status.error), (12, Belief::Believed, None));
    let app = bench.ground.subject("fly/acme/cust-1").unwrap();
    assert_eq!(bench.ground.store.lanes_of(app.id).unwrap(), [bench.ground.routes.provisioner]);
    assert_eq!(platform_object(&app)["name"], "cust-1");
    assert_eq!(bench.ground.store.members(app.id).unwrap().len(), 4);
    bench.honest();
}

#[tokio::test]
async fn apps_and_machines_are_seen_to_come_and_go_although_the_list_lags() {
    let mut bench = Bench::adopted(Rules::ALL, "acme", |bench| bench.app("old")).await;
    bench.world().turn(|knobs| knobs.org_list_lag_ms = 120_000);
    bench.app("web");
    let machine = bench.machine("web");
    let mut story = vec!["app.created web", "machine.created web/*", "machine.started web/*"];
    let took = bench.tells(20, &story).await;
    assert!(took <= Millis::seconds(10), "{took}");
    bench.act(json!({"do": "exit_machine", "machine": machine, "code": 137, "oom_killed": true}));
    story.push("machine.stopped web/*");
    bench.tells(10, &story).await;
    let path = format!("fly/acme/web/{machine}").parse().unwrap();
    let stored = bench.ground.store.subject_at(&path).unwrap().unwrap();
    assert_eq!(stored.subject.state, "stopped");
    bench.act(json!({"do": "destroy_machine", "machine": machine}));
    story.push("machine.destroyed web/*");
    bench.tells(20, &story).await;
    bench.delete("web");
    story.push("app.deleted web");
    bench.tells(20, &story).await;
    bench.pass(300).await;
    assert_eq!(bench.ground.story(), story, "what the lagging list still shows changes nothing");
    bench.honest();
}

#[tokio::test]
async fn an_app_that_is_made_again_is_another_one() {
    let mut bench = Bench::adopted(Rules::ALL, "acme", |bench| {
        bench.app("web");
        bench.machine("web");
    })
    .await;
    let before = bench.ground.subject("fly/acme/web").unwrap();
    let machine = bench.ground.store.members(before.id).unwrap().remove(0);
    bench.delete("web");
    bench.app("web");
    let mut story = vec!["machine.destroyed web/*", "app.deleted web", "app.created web"];
    bench.tells(30, &story).await;
    // Nobody showed the machine at its end: it is told, and kept, as it was stored.
    let object = platform_object(&machine);
    assert!(object["id"].is_string() && object["config"].is_object(), "{object}");
    let destroyed = bench.ground.store.event(1).unwrap().unwrap();
    assert_eq!((destroyed.kind.as_str(), &destroyed.data), ("machine.destroyed", &object));
    let ended = bench.ground.store.subject(machine.id).unwrap().unwrap();
    assert!(ended.gone_at.is_some() && platform_object(&ended) == object);
    bench.machine("web");
    story.extend(["machine.created web/*", "machine.started web/*"]);
    bench.tells(30, &story).await;
    let after = bench.ground.subject("fly/acme/web").unwrap();
    assert_ne!(before.subject.uid, after.subject.uid);
    let ended = bench.ground.store.subject(before.id).unwrap().unwrap();
    assert!(ended.gone_at.is_some() && after.gone_at.is_none());
    let members = bench.ground.store.members(after.id).unwrap();
    assert_eq!(members.len(), 1);
    assert!(bench.ground.store.members(before.id).unwrap().is_empty());
    bench.honest();
}

#[tokio::test]
async fn a_restart_goes_on_where_it_was() {
    let mut bench = Bench::adopted(Rules::ALL, "acme", |bench| {
        bench.app("web");
        bench.machine("web");
        bench.app("shop");
    })
    .await;
    bench.app("new");
    bench.delete("shop");
    bench.restart();
    bench.tells(30, &["app.created new", "app.deleted shop"]).await;
    bench.restart();
    bench.pass(60).await;
    assert_eq!(bench.ground.story().len(), 2, "nothing is told twice");
    bench.honest();
}

/// Fails commits while there are any left to fail.
#[derive(Debug, Default)]
struct Failing {
    before: AtomicU32,
    after: AtomicU32,
}

impl CommitFaults for Failing {
    fn at(&self, moment: CommitMoment) -> CommitFault {
        let left = match moment {
            CommitMoment::Before => &self.before,
            CommitMoment::After => &self.after,
            CommitMoment::Checkpoint => return CommitFault::None,
        };
        let taken = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if taken.is_ok() { CommitFault::Fail } else { CommitFault::None }
    }
}

#[tokio::test]
async fn a_failed_commit_acknowledges_nothing_and_is_made_good() {
    let faults = Arc::new(Failing::default());
    let ground = Ground::with(Options { faults: Some(faults.clone()), ..Options::default() }).await;
    let mut bench = Bench::with(ground, Rules::ALL, "acme").await;
    bench.app("web");
    let machine = bench.machine("web");
    bench.pass(30).await;
    for (round, left) in [&faults.before, &faults.after].into_iter().enumerate() {
        let app = format!("new-{round}");
        bench.app(&app);
        bench.act(json!({"do": "stop_machine", "machine": machine}));
        left.store(3, Ordering::SeqCst);
        bench.until(120, "three failed commits", |_| left.load(Ordering::SeqCst) == 0).await;
        bench.act(json!({"do": "start_machine", "machine": machine}));
        bench.pass(400).await;
        assert_eq!(bench.handle.status().error, None);
        let path = format!("fly/acme/web/{machine}").parse().unwrap();
        assert_eq!(bench.ground.store.subject_at(&path).unwrap().unwrap().subject.state, "started");
        let story = bench.ground.story();
        let count = |event: &str| story.iter().filter(|told| *told == event).count();
        assert_eq!(count(&format!("app.created {app}")), 1, "{story:#?}");
        assert_eq!(count("machine.stopped web/*"), round + 1, "{story:#?}");
        assert_eq!(count("machine.started web/*"), round + 1, "{story:#?}");
    }
    bench.honest();
}

#[tokio::test]
async fn four_hundred_apps_that_vanish_are_believed_by_nobody_and_said_once() {
    let mut bench = Bench::new().await;
    bench.world().seed_fleet(400, 400).unwrap();
    bench.until(120, "the fleet", |bench| bench.ground.store.mirror_rows().unwrap().len() == 800).await;
    bench.pass(30).await;
    let gone = Fault { path: "/v1/apps/*".to_owned(), status: Some(404), ..Fault::default() };
    bench.world().turn(|knobs| {
        knobs.apps_missing = vec!["*".to_owned()];
        knobs.faults = vec![gone];
    });
    bench.until(30, "held", |bench| bench.handle.status().belief != Belief::Believed).await;
    bench.pass(90).await;
    assert_eq!(bench.handle.status().belief, Belief::Held { apps: 400, machines: 0 });
    assert_eq!(bench.ground.findings(), ["source.vanish apps"]);
    bench.restart();
    bench.pass(60).await;
    assert!(bench.ground.story().is_empty());
    bench.world().turn(|knobs| (knobs.apps_missing, knobs.faults) = (Vec::new(), Vec::new()));
    bench.until(60, "believed", |bench| bench.handle.status().belief == Belief::Believed).await;
    bench.pass(30).await;
    assert_eq!(bench.ground.story(), Vec::<String>::new());
    assert_eq!(bench.ground.findings(), Vec::<String>::new());
    bench.honest();
}

#[tokio::test]
async fn an_operator_may_believe_a_vanished_fleet() {
    let mut bench =
        Bench::adopted(Rules::ALL, "acme", |bench| bench.world().seed_fleet(20, 0).unwrap()).await;
    for n in 1..=10 {
        bench.delete(&format!("cust-{n}"));
    }
    bench.until(30, "held", |bench| bench.handle.status().belief != Belief::Believed).await;
    bench.pass(30).await;
    assert!(bench.ground.story().is_empty());
    let handle = bench.handle.clone();
    let mut asking = JoinSet::new();
    let shown = groundcrew::source::vanished(&bench.ground.store).unwrap();
    assert_eq!(shown.len(), 10);
    asking.spawn(async move { handle.approve_vanished(shown).await });
    bench.until(60, "ten ends", |bench| bench.ground.story().len() == 10).await;
    asking.join_next().await.unwrap().unwrap().unwrap();
    assert!(bench.ground.story().iter().all(|told| told.starts_with("app.deleted cust-")));
    assert_eq!(bench.handle.status().apps, 10);
    bench.honest();
}

#[tokio::test]
async fn a_quiet_fleet_costs_little_and_is_seen_in_time() {
    let mut bench = Bench::new().await;
    bench.world().seed_fleet(400, 400).unwrap();
    bench.until(120, "the fleet", |bench| bench.ground.store.mirror_rows().unwrap().len() == 800).await;
    bench.pass(600).await;
    let before = bench.world().stats().requests;
    let mut oldest = Millis::ZERO;
    for _ in 0..60 {
        bench.pass(10).await;
        let since = bench.handle.status().oldest_look_at.unwrap();
        oldest = oldest.max(bench.now().since(since));
    }
    let requests = bench.world().stats().requests - before;
    assert!(requests < 2 * 600, "{requests} requests in ten minutes");
    assert!(oldest < Millis::minutes(5), "an app was unseen for {oldest}");
    bench.honest();
}

#[tokio::test]
async fn a_hint_makes_a_cold_app_hot() {
    let mut bench =
        Bench::adopted(Rules::ALL, "acme", |bench| bench.world().seed_fleet(50, 50).unwrap()).await;
    bench.world().turn(|knobs| knobs.org_list_lag_ms = 600_000);
    bench.pass(200).await;
    let subject = bench
        .ground
        .store
        .mirror_rows()
        .unwrap()
        .into_iter()
        .find(|row| row.subject.path.app_name() == "cust-7" && row.parent.is_some());
    let machine = subject.unwrap().subject.path.machine_id().unwrap().to_owned();
    bench.act(json!({"do": "stop_machine", "machine": machine}));
    bench.handle.hint("cust-7").unwrap();
    bench.until(5, "the stop", |bench| bench.ground.story() == ["machine.stopped cust-7/*"]).await;
    bench.act(json!({"do": "start_machine", "machine": machine}));
    bench.until(5, "the start, for the app is hot", |bench| bench.ground.story().len() == 2).await;
    bench.app("unheard-of");
    bench.handle.hint("unheard-of").unwrap();
    bench.until(5, "the new app", |bench| bench.ground.story().len() == 3).await;
    bench.honest();
}

#[tokio::test]
async fn a_list_that_cannot_be_read_is_told_with_its_request_until_it_can() {
    let begin = |bench: &Bench| ["web", "shop"].into_iter().for_each(|app| bench.app(app));
    let mut bench = Bench::adopted(Rules::ALL, "acme", begin).await;
    let odd = Fault {
        path: "/v1/apps/web/machines".to_owned(),
        status: Some(200),
        body: Some(r#"[{"id": "148e445b", "state": 7}]"#.to_owned()),
        ..Fault::default()
    };
    bench.world().turn(|knobs| knobs.faults = vec![odd]);
    bench.handle.hint("web").unwrap();
    let says = |text: &str| {
        text.contains("answer 200 of the API cannot be read (request ")
            && text.contains("-sim)")
            && text.contains("expected a string")
    };
    let said = |bench: &Bench| bench.handle.status().error.is_some_and(|error| says(&error));
    bench.until(300, "the status says it", said).await;
    bench.until(600, "the finding", |bench| !bench.ground.findings().is_empty()).await;
    let uid = bench.ground.subject("fly/acme/web").unwrap().subject.uid;
    assert_eq!(bench.ground.findings(), [format!("source.unread {uid}")]);
    let found = bench.ground.store.findings(ClosedToo::No).unwrap().remove(0);
    assert!(says(&found.message) && found.remedy.is_some(), "{found:?}");
    bench.world().turn(|knobs| knobs.faults.clear());
    bench.until(300, "the finding is closed", |bench| bench.ground.findings().is_empty()).await;
}

#[tokio::test]
async fn a_token_that_is_never_told_what_it_reaches_is_told_and_ends_nobody() {
    let mut bench = Bench::new().await;
    let refused = Fault { path: "/v1/tokens/current".to_owned(), status: Some(403), ..Fault::default() };
    bench.world().turn(|knobs| knobs.faults = vec![refused]);
    bench.app("web");
    bench.until(300, "the finding", |bench| bench.ground.findings() == ["source.control token"]).await;
    bench.delete("web");
    bench.pass(120).await;
    assert_eq!(bench.ground.story(), Vec::<String>::new());
    bench.world().turn(|knobs| knobs.faults.clear());
    bench.until(300, "it is believed", |bench| bench.ground.story() == ["app.deleted web"]).await;
    assert_eq!(bench.ground.findings(), Vec::<String>::new());
    bench.honest();
}

#[tokio::test]
async fn a_machine_that_ended_long_ago_and_is_listed_still_is_nobody_new() {
    let mut bench = Bench::adopted(Rules::ALL, "acme", |bench| bench.app("web")).await;
    let machine = bench.machine("web");
    let mut story = vec!["machine.created web/*", "machine.started web/*"];
    bench.tells(30, &story).await;
    bench.act(json!({"do": "destroy_machine", "machine": machine}));
    story.push("machine.destroyed web/*");
    bench.tells(30, &story).await;
    for restart in [false, true] {
        bench.ground.clock.advance(25 * 3_600_000);
        if restart {
            bench.restart();
        }
        bench.pass(60).await;
        assert_eq!(bench.ground.story(), story, "restarted: {restart}");
    }
    bench.honest();
}

#[tokio::test]
async fn it_runs_by_itself_and_ends_when_told() {
    let bench = Bench::new().await;
    let world = groundcrew_flysim::World::new(9, Arc::new(groundcrew_flysim::SystemClock));
    let sim = groundcrew_flysim::Server::start(([127, 0, 0, 1], 0).into(), world.clone()).await.unwrap();
    world.seed_fleet(3, 3).unwrap();
    let mut around = bench.ground.around(Ground::network());
    around.clock = Arc::new(SystemClock);
    let settings = groundcrew::config::FlySource {
        org: "acme".to_owned(),
        token: "FLY".to_owned(),
        retire_token: None,
        url: sim.base_url().parse().unwrap(),
        pace: groundcrew_core::poll::Pace {
            tick: Millis::seconds(1),
            ..groundcrew_core::poll::Pace::default()
        },
        vanish_max: groundcrew_core::mirror::VanishMax::default(),
    };
    let (source, handle) = FlySource::open(&settings, around).unwrap();
    let shutdown = CancellationToken::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(source.run(shutdown.clone()));
    let mut statuses = handle.statuses();
    let limit = std::time::Duration::from_mins(1);
    let three = statuses.wait_for(|status| status.apps == 3 && status.belief == Belief::Believed);
    tokio::time::timeout(limit, three).await.unwrap().unwrap();
    world.act(groundcrew_flysim::Action::CreateApp { name: "web".to_owned(), org: None }).unwrap();
    handle.hint("web").unwrap();
    tokio::time::timeout(limit, statuses.wait_for(|status| status.apps == 4)).await.unwrap().unwrap();
    assert_eq!(bench.ground.story(), ["app.created web"]);
    shutdown.cancel();
    tokio::time::timeout(limit, tasks.join_next()).await.unwrap().unwrap().unwrap();
    assert_eq!(world.stats().too_many, 0);
    assert!(world.violations().is_empty());
}
