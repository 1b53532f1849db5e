//! Stories about machines: what shows them, and when.

use std::time::Duration;

use groundcrew_core::duration::Millis;
use groundcrew_core::mirror::Rules;
use groundcrew_engine::egress::Request;
use groundcrew_flysim::Action;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::source_support::{Bench, Ground};
use super::{Story, Turn, before_and_after, ended, web};

/// How late one answer is, by the wall's clock: longer than it takes to read three others.
const LATENCY_MS: u64 = 3_000;

pub(super) async fn stale_row(rules: Rules) -> Story {
    let mut bench = web(rules).await;
    bench.world().turn(|knobs| knobs.org_list_lag_ms = 60_000);
    let machine = one(&bench);
    bench.act(json!({"do": "stop_machine", "machine": machine}));
    bench.handle.hint("web").unwrap();
    bench.pass(30).await;
    ended(&bench)
}

/// The app's own list does not show a machine that the organisation's list shows.
pub(super) async fn blind_list(rules: Rules) -> Story {
    let mut bench = web(rules).await;
    bench.world().turn(|knobs| knobs.blind_machines_ms = 30_000);
    bench.machine("web");
    bench.pass(60).await;
    ended(&bench)
}

pub(super) async fn unreachable(rules: Rules) -> Story {
    let mut bench = web(rules).await;
    bench.world().turn(|knobs| knobs.unreachable_regions = vec!["fra".to_owned()]);
    bench.handle.hint("web").unwrap();
    bench.pass(30).await;
    ended(&bench)
}

/// Metadata is written once more as it is already.
pub(super) async fn touched(rules: Rules) -> Story {
    let mut bench = web(rules).await;
    bench.world().turn(|knobs| knobs.metadata_touches_updated_at = true);
    let url = format!("{}/v1/apps/web/machines/{}/metadata/plan", bench.sim.base_url(), one(&bench));
    let headers = [("authorization", "Bearer x"), ("content-type", "application/json")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let body = json!({"value": "pro"}).to_string().into_bytes();
    let request = Request { method: "POST".to_owned(), url, headers, body, private: true };
    let answer = Ground::network().exchange(request, Millis::seconds(20)).await.unwrap();
    assert!(answer.status < 300, "{answer:?}");
    bench.pass(30).await;
    ended(&bench)
}

/// A machine stops and starts between two looks.
async fn between_looks(rules: Rules, turn: Turn) -> Story {
    let mut bench = web(rules).await;
    bench.world().turn(turn);
    stop_and_start(&mut bench).await;
    ended(&bench)
}

/// The machine of `web` ends with exit code 3 and starts again, between two looks.
pub(super) async fn stop_and_start(bench: &mut Bench) {
    let machine = one(bench);
    bench.act(json!({"do": "exit_machine", "machine": machine, "code": 3}));
    bench.ground.clock.advance(100);
    bench.act(json!({"do": "start_machine", "machine": machine}));
    bench.handle.hint("web").unwrap();
    bench.pass(30).await;
}

pub(super) async fn between_two_looks(rules: Rules) -> Story {
    between_looks(rules, |_| ()).await
}

pub(super) async fn old_records(rules: Rules) -> Story {
    between_looks(rules, |knobs| knobs.event_ids_absent = true).await
}

/// A machine that stopped starts again on another host.
pub(super) async fn migrated(rules: Rules) -> Story {
    between_looks(rules, |knobs| knobs.start_migrates = true).await
}

/// A state has another word than anybody knows.
pub(super) async fn reworded(rules: Rules) -> Story {
    let mut bench = web(rules).await;
    let words = [("suspended".to_owned(), "hibernated".to_owned())];
    bench.world().turn(|knobs| knobs.state_words = words.into());
    let machine = one(&bench);
    bench.act(json!({"do": "suspend_machine", "machine": machine}));
    bench.handle.hint("web").unwrap();
    bench.pass(30).await;
    ended(&bench)
}

/// A machine's log holds lines that nobody knows.
pub(super) async fn odd_lines(rules: Rules) -> Story {
    between_looks(rules, |knobs| knobs.events_unknown = true).await
}

/// Only the organisation's list shows a new machine; its app's list and a look at it do not know it yet.
pub(super) async fn hardly_there(rules: Rules) -> Story {
    let mut bench = web(rules).await;
    bench.world().turn(|knobs| (knobs.blind_machines_ms, knobs.blind_gets) = (30_000, true));
    bench.machine("web");
    bench.pass(60).await;
    ended(&bench)
}

/// Nobody shows a destroyed machine any more.
pub(super) async fn pruned(rules: Rules) -> Story {
    let mut bench = web(rules).await;
    bench.world().turn(|knobs| knobs.machine_prune_ms = Some(0));
    let machine = one(&bench);
    bench.act(json!({"do": "destroy_machine", "machine": machine}));
    bench.handle.hint("web").unwrap();
    bench.pass(60).await;
    ended(&bench)
}

/// A machine takes its time to stop.
pub(super) async fn stopping(rules: Rules) -> Story {
    let mut bench = web(rules).await;
    bench.world().turn(|knobs| knobs.transition_ms = 15_000);
    let machine = one(&bench);
    bench.act(json!({"do": "stop_machine", "machine": machine}));
    bench.handle.hint("web").unwrap();
    bench.pass(40).await;
    ended(&bench)
}

/// A look at a destroyed machine says `destroying` for a while, and no list says more.
pub(super) async fn destroying(rules: Rules) -> Story {
    let bench = web(rules).await;
    bench.world().turn(|knobs| {
        knobs.destroying_after_wait_ms = 20_000;
        knobs.org_list_lag_ms = 60_000;
    });
    let machine = one(&bench);
    bench.act(json!({"do": "destroy_machine", "machine": machine}));
    bench.handle.hint("web").unwrap();
    before_and_after(bench, 15).await
}

/// A machine stops, starts and stops within a second; an answer of before the last stop comes when all is known.
pub(super) async fn late_answer(rules: Rules) -> Story {
    let mut bench = web(rules).await;
    let machine = one(&bench);
    bench.pass(10).await;
    let second = bench.now().as_millis().div_euclid(1_000) + 1;
    bench.ground.clock.set(second * 1_000);
    bench.source.turn().await;
    let exit = json!({"do": "exit_machine", "machine": machine, "code": 3});
    bench.act(exit.clone());
    bench.ground.clock.advance(100);
    bench.act(json!({"do": "start_machine", "machine": machine}));
    bench.ground.clock.advance(100);
    bench.world().turn(|knobs| knobs.latency_ms = LATENCY_MS);
    let Bench { ground, sim, source, handle, .. } = bench;
    let looks = || sim.world().stats().operations["Machines_list"];
    let before = looks();
    let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
    tasks.spawn(source.run(stop.clone()));
    handle.hint("web").unwrap();
    happens("the look is answered, and the answer is under way", || looks() > before).await;
    sim.world().turn(|knobs| knobs.latency_ms = 0);
    ground.clock.advance(200);
    sim.world().act(serde_json::from_value::<Action>(exit).unwrap()).unwrap();
    // The next tick comes, and the hint makes the source see that it did.
    ground.clock.advance(5_000);
    handle.hint("web").unwrap();
    happens("all is told", || ground.story().len() == 3).await;
    assert_eq!(looks(), before + 1, "the answer was not late");
    happens("it came, and the next look is sent", || looks() > before + 1).await;
    stop.cancel();
    tasks.join_next().await.unwrap().unwrap();
    assert!(sim.world().violations().is_empty(), "{:#?}", sim.world().violations());
    ground.story()
}

/// The one machine of `web`.
pub(super) fn one(bench: &Bench) -> String {
    let app = bench.ground.subject("fly/acme/web").unwrap();
    let members = bench.ground.store.members(app.id).unwrap();
    members[0].subject.path.machine_id().unwrap().to_owned()
}

/// Waits for what a source that runs by itself does.
async fn happens(what: &str, holds: impl Fn() -> bool) {
    let seen = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(30), seen).await.is_ok(), "{what}");
}
