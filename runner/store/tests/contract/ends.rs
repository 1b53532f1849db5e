//! What people end or move.

use groundcrew_core::duration::Millis;
use groundcrew_core::may_delete::{Cause, Level, OnGone, Window};
use groundcrew_core::row::{Origin, State};
use groundcrew_core::settle::Leave;
use groundcrew_core::time::Timestamp;
use groundcrew_store::ends::{Imported, Planned};
use groundcrew_store::hooks::HookState;
use groundcrew_store::lanes::LaneId;
use groundcrew_store::leave::{LeavePolicy, Scope};
use groundcrew_store::operators::OperatorAct;
use groundcrew_store::{Error, HookId};
use serde_json::json;

use crate::support::{Bench, at};

fn act(what: &str) -> OperatorAct {
    OperatorAct { who: "tester".to_owned(), what: what.to_owned() }
}

/// A stanza that keeps everything, of a hook that does not work for the owner any more.
fn policy() -> LeavePolicy {
    LeavePolicy {
        on_gone: OnGone::Report,
        on_gone_adopted: OnGone::Report,
        grace_gone: Some(Millis::seconds(10)),
        grace_unwanted: Some(Millis::seconds(10)),
        window: Window { share_percent: 0, floor: 0, within: Millis::hours(1) },
        reused: false,
        data: false,
        unread: None,
        teardown_wait: Millis::hours(1),
        level: Level::Enforce,
        frozen: None,
        scope: Scope::Narrowed,
    }
}

/// A bench with things that are there and wanted.
async fn there(keys: &[&str]) -> (Bench, LaneId) {
    let bench = Bench::new();
    let hook = bench.hook("make").await;
    let lane = LaneId { hook, subject: bench.app("web", &[hook]).await };
    bench.want(lane, keys, at(1)).await;
    for key in keys {
        let mut row = bench.row(key);
        row.row.state = State::Present;
        row.row.thing = Some((*key).to_owned());
        bench.commit(row).await.unwrap();
    }
    (bench, lane)
}

impl Bench {
    fn leave(&self, key: &str, now: Timestamp) -> Leave {
        self.store.leave(&self.row(key), &policy(), now).unwrap().leave
    }

    fn held(&self, key: &str, now: Timestamp, why: &str) -> bool {
        matches!(self.leave(key, now), Leave::Held { why: held } if held.contains(why))
    }

    fn state_of(&self, hook: HookId) -> (HookState, Option<u32>) {
        let hooks = self.store.hooks().unwrap();
        let hook = hooks.into_iter().find(|it| it.id == hook).unwrap();
        (hook.state, hook.ending.map(|ending| ending.of))
    }

    fn planned(&self, keys: &[&str]) -> Vec<Planned> {
        keys.iter().map(|key| Planned::of(&self.row(key))).collect()
    }

    fn last_act(&self) -> String {
        self.store.acts(1).unwrap().remove(0).1.what
    }
}

#[tokio::test]
async fn what_is_released_is_retained_and_wanted_by_nobody() {
    let (bench, lane) = there(&["a", "b"]).await;
    bench.store.release_rows(vec![bench.row("a").id], act("release a"), at(5)).await.unwrap();
    let row = bench.row("a");
    assert_eq!((row.row.state, row.unwanted), (State::Retained, Some((at(5), Cause::Asked))));
    assert_eq!(bench.row("b").row.state, State::Present);
    assert_eq!(bench.store.lane_ledger(lane).unwrap().0.len(), 1);
    assert_eq!(bench.last_act(), "release a");
    // Should it be wanted again, it is its owner's again.
    bench.want(lane, &["a", "b"], at(6)).await;
    assert_eq!(bench.row("a").unwanted, None);
}

#[tokio::test]
async fn nothing_is_released_while_it_is_in_doubt_and_then_nothing_of_it_is_kept() {
    let (bench, lane) = there(&["a", "b"]).await;
    let mut row = bench.row("b");
    row.row.state = State::InDoubt;
    bench.commit(row).await.unwrap();
    let both = vec![bench.row("a").id, bench.row("b").id];
    let refused = bench.store.release_rows(both, act("release"), at(5)).await;
    assert!(matches!(refused, Err(Error::Superseded(_))));
    assert_eq!(
        (bench.row("a").row.state, bench.store.lane_ledger(lane).unwrap().0.len()),
        (State::Present, 2)
    );
    assert!(bench.store.acts(5).unwrap().is_empty());
}

#[tokio::test]
async fn an_asked_removal_lifts_scope_policy_and_window_for_the_row_as_it_was() {
    let (bench, _) = there(&["a", "b"]).await;
    for (key, origin) in [("a", Origin::Created), ("b", Origin::Imported)] {
        let mut row = bench.row(key);
        row.row.origin = origin;
        bench.commit(row).await.unwrap();
        assert!(bench.held(key, at(4), "wants it"));
    }
    bench.store.ask_removal(bench.planned(&["a", "b"]), act("delete"), at(5)).await.unwrap();
    assert!(matches!(bench.leave("a", at(14)), Leave::Later { .. }), "grace");
    assert_eq!((bench.leave("a", at(15)), bench.leave("b", at(15))), (Leave::Remove, Leave::Remove));
    assert_eq!(bench.leave("a", at(15 + 86_400)), Leave::Remove);
    assert!(bench.held("a", at(16 + 86_400), "out of the hook's scope"), "it lapsed");

    // A pause and a protection hold it all the same.
    bench.store.protect(&bench.row("b"), true, "tester", at(15)).await.unwrap();
    assert!(bench.held("b", at(15), "protected"));
    bench.store.pause(None, None, Level::NoDeletes, "tester", at(15)).await.unwrap();
    assert!(bench.held("a", at(15), "level is"));
    bench.store.unpause(None, None, "tester", at(15)).await.unwrap();

    let mut row = bench.row("a");
    row.row.spec = json!({"value": 2});
    bench.commit(row).await.unwrap();
    assert!(bench.held("a", at(15), "out of the hook's scope"), "another spec was not asked for");
}

#[tokio::test]
async fn what_was_asked_for_ends_when_somebody_wants_it_again_and_is_refused_if_it_changed() {
    let (bench, lane) = there(&["a"]).await;
    let planned = bench.planned(&["a"]);
    bench.store.ask_removal(planned.clone(), act("delete"), at(5)).await.unwrap();
    assert_eq!(bench.count("asked"), 1);
    bench.want(lane, &["a"], at(6)).await;
    assert_eq!((bench.row("a").unwanted, bench.count("asked")), (None, 0));
    assert!(bench.held("a", at(30), "wants it"));
    let mut row = bench.row("a");
    row.row.thing = Some("another".to_owned());
    bench.commit(row).await.unwrap();
    let refused = bench.store.ask_removal(planned, act("delete"), at(7)).await;
    assert!(matches!(refused, Err(Error::Superseded(_))));
    assert_eq!(bench.row("a").unwanted, None);
}

#[tokio::test]
async fn what_was_let_go_of_can_be_asked_for_and_what_was_asked_for_restored() {
    let (bench, _) = there(&["a"]).await;
    bench.store.release_rows(vec![bench.row("a").id], act("release"), at(5)).await.unwrap();
    bench.store.ask_removal(bench.planned(&["a"]), act("delete"), at(6)).await.unwrap();
    assert_eq!((bench.row("a").row.state, bench.leave("a", at(20))), (State::Present, Leave::Remove));
    bench.store.restore(bench.row("a").id, act("restore"), at(21)).await.unwrap();
    assert!(bench.row("a").protected && bench.count("asked") == 0);
    assert!(bench.held("a", at(30), "protected"));
    bench.store.protect(&bench.row("a"), false, "tester", at(31)).await.unwrap();
    assert!(bench.held("a", at(32), "out of the hook's scope"));
    let mut row = bench.row("a");
    row.row.state = State::Deleting;
    bench.commit(row).await.unwrap();
    assert!(bench.store.restore(bench.row("a").id, act("restore"), at(33)).await.is_err(), "it has left");
}

#[tokio::test]
async fn an_ending_hook_wants_nothing_and_is_removed_with_its_last_thing() {
    let (bench, lane) = there(&["a", "b"]).await;
    let mut row = bench.row("b");
    row.row.origin = Origin::Adopted;
    bench.commit(row).await.unwrap();
    let planned = bench.planned(&["a", "b"]);
    assert_eq!(bench.store.end_hook(lane.hook, planned, act("remove"), at(5)).await.unwrap(), 2);
    assert_eq!(bench.state_of(lane.hook), (HookState::Active, Some(2)));
    // A look that was under way does not want it again, nor does a new app; nor does another start.
    bench.want(lane, &["a", "b", "c"], at(6)).await;
    let newcomer = LaneId { subject: bench.app("new", &[lane.hook]).await, ..lane };
    bench.want(newcomer, &["d"], at(6)).await;
    bench.store.save_hook_state(lane.hook, HookState::Detached, at(6)).await.unwrap();
    assert_eq!(bench.hook("make").await, lane.hook);
    assert_eq!(
        bench.state_of(lane.hook),
        (HookState::Active, Some(2)),
        "its stanza is back, and it goes on ending"
    );
    assert!(
        bench.store.lane_ledger(lane).unwrap().0.is_empty()
            && bench.store.rows_named("c").unwrap().is_empty()
    );
    assert!(bench.store.lane(newcomer).unwrap().unwrap().ending_at.is_some());
    // It was frozen for as long as it had no stanza, which was no time at all.
    let mut thawed = bench.row("a");
    assert_eq!(thawed.frozen_at.take(), Some(at(6)));
    bench.commit(thawed).await.unwrap();
    // What it made goes, what it took over is left.
    assert_eq!(bench.leave("a", at(20)), Leave::Remove);
    assert!(matches!(bench.leave("b", at(20)), Leave::Retain { .. }));
    bench.gone("a", at(21)).await;
    assert_eq!(bench.state_of(lane.hook).0, HookState::Active);
    let mut row = bench.row("b");
    row.row.state = State::Retained;
    bench.commit(row).await.unwrap();
    assert_eq!(bench.state_of(lane.hook), (HookState::Removed, Some(2)));
    // Its stanza is still there: it does not begin anew. Once it was gone, it does.
    bench.hook("make").await;
    assert_eq!(bench.state_of(lane.hook).0, HookState::Removed);
    bench.store.forget_ending(lane.hook).await.unwrap();
    bench.hook("make").await;
    assert_eq!(bench.state_of(lane.hook), (HookState::Active, None));
}

#[tokio::test]
async fn an_aborted_end_asks_everybody_again() {
    let (bench, lane) = there(&["a"]).await;
    bench.store.end_hook(lane.hook, bench.planned(&["a"]), act("remove"), at(5)).await.unwrap();
    let again = bench.store.end_hook(lane.hook, Vec::new(), act("remove"), at(6)).await;
    assert!(matches!(again, Err(Error::Superseded(_))));
    bench.store.abort_ending(lane.hook, act("abort"), at(7)).await.unwrap();
    let owed = bench.store.lane(lane).unwrap().unwrap();
    assert!(owed.view_hash.is_none() && owed.dirty > owed.done && owed.ending_at.is_none());
    assert!(bench.held("a", at(30), "out of the hook's scope") && bench.count("asked") == 0);
    bench.want(lane, &["a"], at(31)).await;
    assert_eq!(bench.row("a").unwanted, None);
    assert!(bench.store.abort_ending(lane.hook, act("abort"), at(32)).await.is_err());
}

#[tokio::test]
async fn a_retained_hook_leaves_everything_and_a_transferred_one_gives_it_away() {
    let (bench, lane) = there(&["a"]).await;
    let other = bench.hook("other").await;
    assert_eq!(bench.store.transfer(lane.hook, other, act("transfer"), at(5)).await.unwrap(), 1);
    assert_eq!(bench.state_of(lane.hook), (HookState::Removed, Some(1)));
    let moved = LaneId { hook: other, ..lane };
    assert_eq!((bench.row("a").hook, bench.row("a").unwanted), (other, None));
    assert_eq!(bench.store.lane_ledger(moved).unwrap().0.len(), 1);
    let owed = bench.store.lane(moved).unwrap().unwrap();
    assert!(owed.dirty > owed.done && owed.settings.as_deref() == Some("settings"));

    assert_eq!(bench.store.end_hook_retaining(other, act("retain"), at(6)).await.unwrap(), 1);
    assert_eq!(bench.row("a").row.state, State::Retained);
    assert_eq!(bench.state_of(other), (HookState::Removed, Some(1)));
    assert_eq!(bench.last_act(), "retain");
}

#[tokio::test]
async fn an_imported_thing_is_taken_only_where_nothing_was_sent_and_by_one_row() {
    let (bench, lane) = there(&["a"]).await;
    bench.want(lane, &["a", "b", "c"], at(2)).await;
    let import = async |key: &str, thing: &str| {
        let all = vec![Imported { id: bench.row(key).id, thing: thing.to_owned(), mark: None }];
        bench.store.import(all, act("import"), at(3)).await
    };
    import("b", "theirs").await.unwrap();
    let row = bench.row("b");
    assert_eq!(row.row.look_at, Some(at(3)), "it is looked at next");
    assert_eq!(
        (row.row.state, row.row.origin, row.row.thing.as_deref()),
        (State::Present, Origin::Imported, Some("theirs"))
    );
    assert!(matches!(import("c", "theirs").await, Err(Error::Refused(_))), "one row a thing");
    assert!(matches!(import("a", "x").await, Err(Error::Superseded(_))), "it has one already");
}

#[tokio::test]
async fn what_a_person_asked_to_be_removed_does_not_wait_for_its_hooks_scope() {
    let (bench, lane) = there(&["a", "b"]).await;
    bench.want(lane, &[], at(3)).await;
    bench.store.ask_removal(bench.planned(&["a"]), act("delete"), at(4)).await.unwrap();
    let web = vec![crate::support::path("web")];
    bench.store.freeze_owners(lane.hook, web, "out of scope", at(5)).await.unwrap();
    assert_eq!((bench.row("a").frozen_at, bench.row("b").frozen_at), (None, Some(at(5))));
}
