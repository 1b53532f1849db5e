//! Rows: fenced by version, unique in key and thing.

use groundcrew_core::duration::Millis;
use groundcrew_core::manifest::Class;
use groundcrew_core::row::State;
use groundcrew_core::settle::Occupied;
use groundcrew_store::Error;
use groundcrew_store::hooks::{HookState, Old};
use groundcrew_store::lanes::LaneId;
use groundcrew_store::ledger::RowEffects;
use groundcrew_store::operators::OperatorAct;

use crate::support::{Bench, at};

async fn bench(keys: &[&str]) -> (Bench, LaneId) {
    let bench = Bench::new();
    let hook = bench.hook("make").await;
    let lane = LaneId { hook, subject: bench.app("web", &[hook]).await };
    bench.want(lane, keys, at(1)).await;
    (bench, lane)
}

#[tokio::test]
async fn whoever_read_an_older_version_is_superseded() {
    let (bench, _) = bench(&["a"]).await;
    let stale = bench.row("a");
    let mut first = stale.clone();
    first.note = Some("first".to_owned());
    assert_eq!(bench.commit(first).await.unwrap().version, stale.version + 1);
    let mut second = stale;
    second.note = Some("second".to_owned());
    assert!(matches!(bench.commit(second).await, Err(Error::Superseded(_))));
    assert_eq!(bench.row("a").note.as_deref(), Some("first"));
}

#[tokio::test]
async fn no_two_living_rows_claim_one_thing() {
    let (bench, _) = bench(&["a", "b"]).await;
    let claim = async |key: &str| {
        let mut row = bench.row(key);
        row.row.state = State::Present;
        row.row.thing = Some("thing-1".to_owned());
        bench.commit(row).await
    };
    claim("a").await.unwrap();
    assert!(matches!(claim("b").await, Err(Error::Refused(_))));
    assert_eq!(bench.row("b").row.state, State::Creating, "nothing of it was kept");
    bench.gone("a", at(2)).await;
    claim("b").await.unwrap();
}

#[tokio::test]
async fn what_is_refused_harms_nothing_that_is_committed_with_it() {
    let (bench, _) = bench(&["a", "b", "c", "d"]).await;
    let claim = async |key: &str, thing: &str| {
        let mut row = bench.row(key);
        row.row.thing = Some(thing.to_owned());
        bench.commit(row).await
    };
    let commits = bench.store.commits();
    let before = *commits.borrow();
    // While somebody else has the database, what comes waits, and is committed together afterwards.
    let other = bench.database();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (first, good, refused, after, ()) = tokio::join!(
        claim("a", "thing-1"),
        claim("b", "thing-2"),
        claim("c", "thing-1"),
        claim("d", "thing-4"),
        async { other.execute_batch("ROLLBACK").unwrap() },
    );
    assert!(first.is_ok() && good.is_ok() && after.is_ok());
    assert!(matches!(refused, Err(Error::Refused(_))));
    assert!(*commits.borrow() - before <= 2, "it shared its transaction with others");
    let things = ["a", "b", "c", "d"].map(|key| bench.row(key).row.thing);
    let thing = |name: &str| Some(name.to_owned());
    assert_eq!(things, [thing("thing-1"), thing("thing-2"), None, thing("thing-4")]);
}

#[tokio::test]
async fn one_anonymous_creation_at_a_time_in_a_listing() {
    let (bench, _) = bench(&["a", "b"]).await;
    let intend = async |key: &str, now, unknown| {
        let mut row = bench.row(key);
        row.class = Class::Anonymous;
        row.row.state = State::InDoubt;
        row.row.made_by = Some(now + Millis::seconds(12));
        let effects = RowEffects { now, ..RowEffects::default() };
        let occupied = Occupied { since: now - Millis::seconds(40), unknown };
        bench.store.intend_create(row, occupied, effects).await
    };
    intend("a", at(1), None).await.unwrap();
    assert!(matches!(intend("b", at(2), None).await, Err(Error::Superseded(_))));
    let set_lately = Some(at(60));
    assert!(matches!(intend("b", at(600), set_lately).await, Err(Error::Superseded(_))), "of unknown age");
    intend("b", at(600), None).await.unwrap();
}

#[tokio::test]
async fn a_hook_that_moves_lets_go_of_nothing_that_is_in_doubt() {
    let (bench, lane) = bench(&["a", "b"]).await;
    let act = || OperatorAct { who: "tester".to_owned(), what: "retarget".to_owned() };
    let mut row = bench.row("a");
    row.row.state = State::InDoubt;
    let doubted = bench.commit(row).await.unwrap();
    let refused = bench.store.retarget(lane.hook, "before", Old::Retained, act(), at(2)).await;
    assert!(matches!(refused, Err(Error::Superseded(_))));
    assert_eq!(bench.store.hooks().unwrap()[0].name, "make");
    let mut present = doubted;
    present.row.state = State::Present;
    bench.commit(present).await.unwrap();
    assert_eq!(bench.store.retarget(lane.hook, "before", Old::Retained, act(), at(3)).await.unwrap(), 1);
    assert_eq!((bench.row("a").row.state, bench.row("b").row.state), (State::Retained, State::Gone));
    assert_eq!(bench.store.hooks().unwrap()[0].state, HookState::Removed);
    assert_eq!((bench.count("want"), bench.store.due_lanes(at(9), 9).unwrap().len()), (0, 0));
}

#[tokio::test]
async fn whoever_waited_for_an_owner_is_woken_and_nobody_who_is_awake_or_has_no_reason_to_sleep() {
    let (bench, lane) = bench(&["sleeps", "awake", "rests", "gone"]).await;
    let put = async |key: &str, state: State, due_at: Option<i64>, waiting: Option<&str>| {
        let mut row = bench.row(key);
        (row.row.state, row.due_at, row.waiting) = (state, due_at.map(at), waiting.map(str::to_owned));
        bench.commit(row).await.unwrap()
    };
    let rows = [
        put("sleeps", State::Creating, None, Some("fly/acme/web is not listed")).await,
        put("awake", State::Creating, Some(9), Some("fly/acme/web is not listed")).await,
        put("rests", State::Present, None, None).await,
        put("gone", State::Gone, None, Some("fly/acme/web is not listed")).await,
    ];
    let before = bench.store.lane(lane).unwrap().unwrap().dirty;
    bench.store.wake_sleeping(rows.iter().map(|row| row.id).collect(), at(50)).await.unwrap();
    let now: Vec<_> = rows.iter().map(|row| bench.store.row(row.id).unwrap().unwrap()).collect();
    assert_eq!((now[0].due_at, now[0].version), (Some(at(50)), rows[0].version + 1));
    assert_eq!(now[1..], rows[1..], "a write that is under way is not superseded");
    assert_eq!(bench.store.lane(lane).unwrap().unwrap().dirty, before + 1);
}
