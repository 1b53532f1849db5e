//! Everybody is owed a look, in chunks; looks that find nothing are noted together, and lose nothing.

#![expect(clippy::unwrap_used, reason = "a failing fixture is a failing test")]

use groundcrew_core::hash::Digest;
use groundcrew_core::subject::{Path, SubjectKind};
use groundcrew_core::time::Timestamp;
use groundcrew_store::events::Intake;
use groundcrew_store::hooks::HookState;
use groundcrew_store::lanes::{Cause, LaneId, LaneLook, Rows};
use groundcrew_store::operators::OperatorAct;
use groundcrew_store::reconcile::Quiet;
use groundcrew_store::subjects::SubjectChange;
use groundcrew_store::{HookId, Options, Store, SubjectId};
use serde_json::{Map, Value};

/// More than one commit makes dirty.
const APPS: u32 = 4_500;

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(second * 1_000)
}

fn app(n: u32) -> SubjectChange {
    SubjectChange {
        path: Path::app("acme", &format!("app-{n}")).unwrap(),
        uid: format!("app:{n}").parse().unwrap(),
        parent: None,
        state: "deployed".to_owned(),
        version: 1,
        labels: Map::new(),
        raw: Value::Null,
        seen_at: at(0),
        gone_at: None,
    }
}

async fn fleet(directory: &std::path::Path) -> (Store, HookId) {
    let store = Store::open(&directory.join("store.db"), Options::default()).unwrap();
    let hook = store.save_hook("make", Digest::of(b"component"), "t", "{}").await.unwrap();
    let subjects = (0..APPS).map(app).collect();
    store.accept(Intake { subjects, now: at(0), ..Intake::default() }).await.unwrap();
    (store, hook)
}

#[tokio::test]
async fn everybody_of_a_kind_is_owed_a_look_and_quiet_ones_are_done_in_one_commit() {
    let directory = tempfile::tempdir().unwrap();
    let (store, hook) = fleet(directory.path()).await;
    assert_eq!(store.dirty_everybody(hook, SubjectKind::Machine, at(1)).await.unwrap(), 0);
    assert_eq!(store.dirty_everybody(hook, SubjectKind::App, at(1)).await.unwrap(), APPS);
    let due = store.due_lanes_of(hook, Cause::Sweep, at(1), 10_000).unwrap();
    assert_eq!(due.len(), APPS as usize);
    let quiet = |lane: &LaneId| {
        let rest = store.rest(*lane, at(2)).unwrap().unwrap();
        Quiet { lane: *lane, seen: rest.seen, next: rest.next }
    };
    let looks: Vec<_> = due.iter().map(quiet).collect();
    // What changes between a look and its commit is looked at again.
    store.dirty_lanes(vec![due[7]], at(3)).await.unwrap();
    let commits = *store.commits().borrow();
    store.finish_quiet(looks).await.unwrap();
    assert_eq!(*store.commits().borrow(), commits + 1);
    assert_eq!(store.due_lanes_of(hook, Cause::Event, at(9), 10_000).unwrap(), [due[7]]);
}

#[tokio::test]
async fn reconciling_owes_looks_to_whom_was_looked_at_before_and_is_on_record() {
    let directory = tempfile::tempdir().unwrap();
    let (store, hook) = fleet(directory.path()).await;
    let other = store.save_hook("other", Digest::of(b"component"), "t", "{}").await.unwrap();
    store.dirty_everybody(hook, SubjectKind::App, at(1)).await.unwrap();
    let due = store.due_lanes_of(hook, Cause::Sweep, at(1), 10_000).unwrap();
    let owners: Vec<SubjectId> = due.iter().map(|lane| lane.subject).collect();
    for lane in &due[..3] {
        store
            .finish_look(LaneLook { lane: *lane, seen: 1, rows: Rows::Behind, next: None, now: at(0) })
            .await
            .unwrap();
    }
    let act = || Some(OperatorAct { who: "tester".to_owned(), what: "reconcile".to_owned() });
    let some = Some(owners[..2].to_vec());
    assert_eq!(store.reconcile(None, some, act(), at(5)).await.unwrap(), 2);
    assert_eq!(store.due_lanes_of(hook, Cause::Event, at(5), 10_000).unwrap(), due[..2]);
    assert_eq!(store.reconcile(Some(other), None, None, at(6)).await.unwrap(), 0);
    assert_eq!(store.reconcile(None, None, act(), at(6)).await.unwrap(), APPS);
    assert_eq!(store.acts(9).unwrap().len(), 2);

    // Of who is gone nothing is left, and nobody works for a hook without a stanza.
    let gone = due[2];
    store
        .finish_look(LaneLook { lane: gone, seen: i64::MAX, rows: Rows::Follow, next: None, now: at(0) })
        .await
        .unwrap();
    let subject = store.subject(gone.subject).unwrap().unwrap().subject;
    let number = subject.uid.to_string().trim_start_matches("app:").parse().unwrap();
    let ended = SubjectChange { gone_at: Some(at(7)), version: 2, ..app(number) };
    store.accept(Intake { subjects: vec![ended], now: at(7), ..Intake::default() }).await.unwrap();
    assert_eq!(store.reconcile(None, None, None, at(8)).await.unwrap(), APPS - 1);
    store.save_hook_state(hook, HookState::Removed, at(8)).await.unwrap();
    assert_eq!(store.reconcile(None, None, None, at(9)).await.unwrap(), 0);
}

#[tokio::test]
async fn what_happens_is_handed_out_before_what_a_sweep_made_due() {
    let directory = tempfile::tempdir().unwrap();
    let (store, hook) = fleet(directory.path()).await;
    store.dirty_everybody(hook, SubjectKind::App, at(1)).await.unwrap();
    let due = |cause| store.due_lanes_of(hook, cause, at(60), 10_000).unwrap();
    let all = due(Cause::Sweep);
    assert_eq!((all.len(), due(Cause::Event).len()), (APPS as usize, 0));
    let touched = all[4_000];
    store.dirty_lanes(vec![touched], at(9)).await.unwrap();
    assert_eq!(due(Cause::Event), [touched]);
    assert!(!due(Cause::Sweep).contains(&touched), "once");
    assert_eq!(store.next_due(at(0)).unwrap(), Some(at(1)), "whatever made it due");

    // Another sweep puts nothing back that waits for its turn.
    store.reconcile(None, None, None, at(10)).await.unwrap();
    assert_eq!(due(Cause::Event), [touched]);
    // What its look names is a time of its own, until everybody is owed a look again.
    let seen = store.lane(touched).unwrap().unwrap().dirty;
    let look = LaneLook { lane: touched, seen, rows: Rows::Behind, next: Some(at(50)), now: at(11) };
    store.finish_look(look).await.unwrap();
    assert_eq!(due(Cause::Event), [touched]);
    assert_eq!(store.next_due(at(20)).unwrap(), Some(at(50)));
    store.reconcile(None, None, None, at(12)).await.unwrap();
    assert_eq!((due(Cause::Event).len(), due(Cause::Sweep).len()), (0, APPS as usize));
    // What became dirty during a look of a sweep keeps its place among events.
    let seen = store.lane(touched).unwrap().unwrap().dirty;
    store.dirty_lanes(vec![touched], at(13)).await.unwrap();
    store.finish_look(LaneLook { seen, ..look }).await.unwrap();
    assert_eq!(due(Cause::Event), [touched]);
}
