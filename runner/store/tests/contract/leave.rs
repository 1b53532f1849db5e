//! A delete's intent is allowed or refused by what is so within its own transaction.

use groundcrew_core::duration::Millis;
use groundcrew_core::may_delete::{Cause, Level, OnGone, Window};
use groundcrew_core::row::State;
use groundcrew_core::settle::Leave;
use groundcrew_store::hooks::{HookState, Old};
use groundcrew_store::lanes::LaneId;
use groundcrew_store::leave::{LeavePolicy, Scope, Verdict};
use groundcrew_store::ledger::{RowEffects, StoredRow};
use groundcrew_store::operators::OperatorAct;
use groundcrew_store::{Error, Result};

use crate::support::{Bench, at};

fn policy() -> LeavePolicy {
    LeavePolicy {
        on_gone: OnGone::Delete,
        on_gone_adopted: OnGone::Report,
        grace_gone: Some(Millis::seconds(10)),
        grace_unwanted: Some(Millis::seconds(10)),
        window: Window { share_percent: 0, floor: 1, within: Millis::hours(1) },
        reused: false,
        data: false,
        unread: None,
        teardown_wait: Millis::hours(1),
        level: Level::Enforce,
        frozen: None,
        scope: Scope::Within,
    }
}

/// A bench with things that became unwanted at second 2.
async fn unwanted(keys: &[&str]) -> (Bench, LaneId) {
    let bench = Bench::new();
    let hook = bench.hook("make").await;
    let lane = LaneId { hook, subject: bench.app("web", &[hook]).await };
    bench.want(lane, keys, at(1)).await;
    for key in keys {
        let mut row = bench.row(key);
        row.row.state = State::Present;
        bench.commit(row).await.unwrap();
    }
    bench.want(lane, &[], at(2)).await;
    (bench, lane)
}

async fn remove(bench: &Bench, key: &str, second: i64) -> Result<StoredRow> {
    let mut row = bench.row(key);
    row.row.state = State::Deleting;
    row.delete_at = Some(at(second));
    let effects = RowEffects { now: at(second), ..RowEffects::default() };
    bench.store.intend_remove(row, policy(), effects).await
}

#[tokio::test]
async fn a_removal_waits_for_grace_and_for_whoever_paused_or_protects() {
    let (bench, lane) = unwanted(&["a"]).await;
    let refused = async |second| matches!(remove(&bench, "a", second).await, Err(Error::Superseded(_)));
    assert!(refused(11).await, "grace");
    bench.store.pause(Some(lane.hook), None, Level::NoDeletes, "tester", at(12)).await.unwrap();
    assert!(refused(60).await, "paused");
    bench.store.unpause(Some(lane.hook), None, "tester", at(61)).await.unwrap();
    bench.store.protect(&bench.row("a"), true, "tester", at(62)).await.unwrap();
    assert!(refused(100).await, "protected");
    bench.store.protect(&bench.row("a"), false, "tester", at(101)).await.unwrap();
    assert_eq!(bench.row("a").row.state, State::Present, "a refusal changes nothing");
    remove(&bench, "a", 102).await.unwrap();
}

#[tokio::test]
async fn a_reader_that_nobody_works_for_is_waited_for() {
    let (bench, lane) = unwanted(&["a"]).await;
    let reader = bench.hook("reader").await;
    let (database, row) = (bench.database(), bench.row("a").id);
    bench.want(LaneId { hook: reader, subject: lane.subject }, &["b"], at(2)).await;
    let reads = "INSERT INTO reads (hook, subject, resource) VALUES (?1, ?2, ?3)";
    database.execute(reads, (reader.as_i64(), lane.subject.as_i64(), row)).unwrap();
    assert!(remove(&bench, "a", 3_000).await.is_err(), "it is waited for");
    bench.store.save_hook_state(reader, HookState::Detached, at(3_001)).await.unwrap();
    assert!(remove(&bench, "a", 4_000).await.is_err(), "for longer than it would be, while it has no stanza");
    bench.gone("b", at(4_001)).await;
    remove(&bench, "a", 4_002).await.unwrap();
}

#[tokio::test]
async fn what_is_wanted_again_is_not_removed_whatever_the_caller_read_before() {
    let (bench, lane) = unwanted(&["a"]).await;
    let stale = bench.row("a");
    bench.want(lane, &["a"], at(20)).await;
    let effects = RowEffects { now: at(60), ..RowEffects::default() };
    let refused = bench.store.intend_remove(stale, policy(), effects).await;
    assert!(matches!(refused, Err(Error::Superseded(_))));
}

#[tokio::test]
async fn the_whole_due_set_is_held_and_an_approval_is_of_one_row_and_one_day() {
    let (bench, _) = unwanted(&["a", "b"]).await;
    for key in ["a", "b"] {
        assert!(remove(&bench, key, 60).await.is_err(), "two are due, one is allowed: neither goes");
    }
    bench.store.approve(vec![bench.row("a")], "tester", at(61), at(100)).await.unwrap();
    assert!(remove(&bench, "b", 62).await.is_err());
    assert!(remove(&bench, "a", 101).await.is_err(), "the approval lapsed");
    bench.store.approve(vec![bench.row("a")], "tester", at(102), at(200)).await.unwrap();
    remove(&bench, "a", 103).await.unwrap();
}

#[tokio::test]
async fn grace_stands_still_from_the_pause_on_and_not_from_the_next_decision() {
    let (bench, lane) = unwanted(&["a"]).await;
    bench.app("other", &[]).await;
    let other = bench.store.subject_at(&crate::support::path("other")).unwrap().unwrap().id;
    bench.store.pause(None, Some(other), Level::NoDeletes, "tester", at(3)).await.unwrap();
    assert_eq!(bench.row("a").frozen_at, None, "it is laid over somebody else");
    bench.store.pause(Some(lane.hook), Some(lane.subject), Level::NoDeletes, "tester", at(5)).await.unwrap();
    assert_eq!(bench.row("a").frozen_at, Some(at(5)));
    bench.store.unpause(Some(lane.hook), Some(lane.subject), "tester", at(50)).await.unwrap();
    assert_eq!(bench.row("a").due_at, Some(at(50)), "it is decided again");
    assert!(remove(&bench, "a", 50).await.is_err(), "seven seconds of grace are left");
    let mut thawed = bench.row("a");
    (thawed.frozen_at, thawed.frozen_for) = (None, Millis::seconds(45));
    bench.commit(thawed).await.unwrap();
    assert!(remove(&bench, "a", 56).await.is_err());
    remove(&bench, "a", 57).await.unwrap();
}

#[tokio::test]
async fn grace_stands_still_from_the_beginning_of_every_freeze_on() {
    let web = || crate::support::path("web");
    for freeze in ["level", "source", "scope", "detached", "moved", "protected"] {
        let (bench, lane) = unwanted(&["a"]).await;
        let store = &bench.store;
        match freeze {
            "level" => store.freeze(Some(lane.hook), "level is no-deletes", at(5)).await.unwrap(),
            "source" => store.freeze(None, "the source is not believed", at(5)).await.unwrap(),
            "scope" => store.freeze_owners(lane.hook, vec![web()], "out of scope", at(5)).await.unwrap(),
            "detached" => store.save_hook_state(lane.hook, HookState::Detached, at(5)).await.unwrap(),
            "moved" => {
                let (who, what) = ("tester".to_owned(), "move".to_owned());
                store
                    .retarget(lane.hook, "before", Old::Kept, OperatorAct { who, what }, at(5))
                    .await
                    .unwrap();
            }
            _ => store.protect(&bench.row("a"), true, "tester", at(5)).await.unwrap(),
        }
        assert_eq!(bench.row("a").frozen_at, Some(at(5)), "{freeze}");
        if freeze == "protected" {
            store.protect(&bench.row("a"), false, "tester", at(50)).await.unwrap();
        } else {
            store.wake_waiting(at(50)).await.unwrap();
        }
        assert_eq!(bench.row("a").due_at, Some(at(50)), "{freeze}: it is decided again");
        assert!(remove(&bench, "a", 50).await.is_err(), "{freeze}: seven seconds of grace are left");
        let mut thawed = bench.row("a");
        (thawed.frozen_at, thawed.frozen_for) = (None, Millis::seconds(45));
        bench.commit(thawed).await.unwrap();
        assert!(remove(&bench, "a", 56).await.is_err(), "{freeze}");
        remove(&bench, "a", 57).await.unwrap();
    }
}

#[tokio::test]
async fn only_what_a_freeze_is_laid_over_stands_still() {
    let (bench, lane) = unwanted(&["a"]).await;
    let other = bench.hook("other").await;
    bench.store.freeze(Some(other), "level is no-deletes", at(5)).await.unwrap();
    let elsewhere = vec![crate::support::path("elsewhere")];
    bench.store.freeze_owners(lane.hook, elsewhere, "out of scope", at(5)).await.unwrap();
    bench.store.save_hook_state(other, HookState::Detached, at(5)).await.unwrap();
    assert_eq!(bench.row("a").frozen_at, None);
    bench.want(lane, &["a"], at(6)).await;
    bench.store.freeze(None, "the source is not believed", at(7)).await.unwrap();
    assert_eq!(bench.row("a").frozen_at, None, "it is wanted: it has no grace");
}

/// Marks a wanted thing as one that is to be made anew, as the driver does.
async fn replace(bench: &Bench, key: &str, since: i64) {
    let mut row = bench.row(key);
    row.unwanted = Some((at(since), Cause::Replacement));
    bench.commit(row).await.unwrap();
}

#[tokio::test]
async fn what_is_replaced_counts_beside_what_was_removed() {
    let (bench, lane) = unwanted(&["a", "b"]).await;
    bench.want(lane, &["b"], at(3)).await;
    remove(&bench, "a", 60).await.unwrap();
    replace(&bench, "b", 61).await;
    let refused = remove(&bench, "b", 75).await;
    assert!(matches!(refused, Err(Error::Superseded(_))), "one is allowed, and one went");
    let wider = LeavePolicy { window: Window { floor: 2, ..policy().window }, ..policy() };
    let effects = RowEffects { now: at(75), ..RowEffects::default() };
    bench.store.intend_remove(bench.row("b"), wider, effects).await.unwrap();
}

#[tokio::test]
async fn all_that_is_to_be_replaced_is_held_before_the_first_of_it_goes() {
    let (bench, lane) = unwanted(&["a", "b"]).await;
    bench.want(lane, &["a", "b"], at(3)).await;
    replace(&bench, "a", 40).await;
    replace(&bench, "b", 45).await;
    for key in ["a", "b"] {
        assert!(remove(&bench, key, 49).await.is_err(), "two are coming, one is allowed");
        assert!(remove(&bench, key, 60).await.is_err());
        let verdict = bench.store.leave(&bench.row(key), &policy(), at(60)).unwrap();
        assert!(matches!(verdict.leave, Leave::Held { .. }) && !verdict.withdrawn, "{key}: {verdict:?}");
    }
    bench.store.approve(vec![bench.row("a")], "tester", at(61), at(100)).await.unwrap();
    let verdict = bench.store.leave(&bench.row("a"), &policy(), at(62)).unwrap();
    assert_eq!(verdict, Verdict { leave: Leave::Remove, withdrawn: true });
    remove(&bench, "a", 62).await.unwrap();
}

#[tokio::test]
async fn what_is_replaced_stays_so_while_it_is_wanted_and_begins_anew_when_it_is_not() {
    let (bench, lane) = unwanted(&["a"]).await;
    bench.want(lane, &["a"], at(3)).await;
    assert_eq!(bench.row("a").unwanted, None);
    replace(&bench, "a", 40).await;
    bench.want(lane, &["a"], at(45)).await;
    let row = bench.row("a");
    assert_eq!(
        row.unwanted,
        Some((at(40), Cause::Replacement)),
        "being asked again does not begin its grace anew"
    );
    assert_eq!(row.due_at, Some(at(45)), "but it is looked at: it may be wanted as it is");
    bench.want(lane, &[], at(49)).await;
    assert_eq!(bench.row("a").unwanted, Some((at(49), Cause::ViewChanged)));
    assert!(remove(&bench, "a", 51).await.is_err(), "the grace of what nobody wants has begun");
    remove(&bench, "a", 60).await.unwrap();
}

#[tokio::test]
async fn what_another_clock_stood_still_for_is_no_time_of_the_owners_clock() {
    // At rest when its owner ends, and standing still.
    for stands in [false, true] {
        let (bench, lane) = unwanted(&["a"]).await;
        bench.store.freeze(Some(lane.hook), "level is no-deletes", at(5)).await.unwrap();
        if !stands {
            let mut thawed = bench.row("a");
            (thawed.frozen_at, thawed.frozen_for) = (None, Millis::seconds(1_000));
            bench.commit(thawed).await.unwrap();
        }
        bench.want_because(Cause::OwnerEnded, crate::support::TARGET, lane, &[], at(2_000)).await;
        let row = bench.row("a");
        assert_eq!(row.unwanted, Some((at(2_000), Cause::OwnerEnded)));
        assert_eq!((row.frozen_at, row.frozen_for), (stands.then_some(at(2_000)), Millis::ZERO));
    }
}
