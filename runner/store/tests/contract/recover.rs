//! A recovery outlives restarts, looks at everything anew, and ends once.

use groundcrew_core::row::State;
use groundcrew_store::findings::{NewFinding, Severity};
use groundcrew_store::hooks::HookState;
use groundcrew_store::lanes::{LaneId, LaneLook, Rows};
use groundcrew_store::operators::OperatorAct;
use groundcrew_store::recover::SETTLING;
use groundcrew_store::{Error, Options, Store};

use crate::support::{Bench, at};

fn act(what: &str) -> OperatorAct {
    OperatorAct { who: "ann".to_owned(), what: what.to_owned() }
}

#[tokio::test]
async fn everything_is_looked_at_anew_and_counted() {
    let bench = Bench::new();
    let hook = bench.hook("dns").await;
    let lane = LaneId { hook, subject: bench.app("web", &[hook]).await };
    bench.want(lane, &["a", "b"], at(1)).await;
    let mut row = bench.row("a");
    (row.row.state, row.row.thing, row.due_at) = (State::Present, Some("t".to_owned()), Some(at(9_000)));
    bench.commit(row).await.unwrap();
    let store = &bench.store;
    let seen = store.lane(lane).unwrap().unwrap().dirty;
    store
        .finish_look(LaneLook { lane, seen, rows: Rows::Follow, next: Some(at(9_000)), now: at(0) })
        .await
        .unwrap();
    let version = store.mirror_rows().unwrap()[0].version;
    assert_eq!(store.recovery(at(2)).unwrap(), None);

    store.begin_recovery(act("recover"), at(2)).await.unwrap();
    let begun = store.recovery(at(2)).unwrap().unwrap();
    assert_eq!((begun.since, begun.unasked, begun.looking, begun.found), (at(2), 1, 2, 0));
    assert!(!begun.is_complete());
    assert!(store.mirror_rows().unwrap()[0].version > version + 1_000, "no event gets an old event's id");
    assert_eq!(store.lane(lane).unwrap().unwrap().view_hash, None, "it is asked again");

    // Beginning again is nothing new, and neither is opening the database again.
    let versions = store.mirror_rows().unwrap()[0].version;
    store.begin_recovery(act("recover"), at(3)).await.unwrap();
    let again = Store::open(store.path(), Options::default()).unwrap();
    assert!(again.is_recovering().unwrap());
    assert_eq!((again.mirror_rows().unwrap()[0].version, again.acts(9).unwrap().len()), (versions, 1));

    bench.want(lane, &["a", "b"], at(4)).await;
    store
        .finish_look(LaneLook {
            lane,
            seen: store.lane(lane).unwrap().unwrap().dirty,
            rows: Rows::Follow,
            next: None,
            now: at(0),
        })
        .await
        .unwrap();
    let mut found = bench.row("a");
    found.due_at = Some(at(9_000));
    bench.commit(found).await.unwrap();
    let mut hidden = bench.row("b");
    (hidden.due_at, hidden.waiting) = (Some(at(9_000)), Some(SETTLING.to_owned()));
    bench.commit(hidden).await.unwrap();
    let now = store.recovery(at(5)).unwrap().unwrap();
    assert_eq!((now.looking, now.to_create), (1, 0), "it may have been sent, and does not show yet");
    let mut missing = bench.row("b");
    (missing.due_at, missing.waiting) = (None, Some("observe: would be created".to_owned()));
    bench.commit(missing).await.unwrap();
    let now = store.recovery(at(5)).unwrap().unwrap();
    assert_eq!((now.unasked, now.looking, now.found, now.to_create), (0, 0, 1, 1));
    assert!(now.is_looked_for() && !now.is_complete(), "nobody has listed what else there is");
    store.recovery_listed(store.on_record().unwrap(), vec!["router".to_owned()]).await.unwrap();
    let listed = store.recovery(at(5)).unwrap().unwrap();
    assert!(listed.is_complete() && listed.unlisted == ["router"], "{listed:?}");
    let mut more = bench.row("b");
    (more.row.state, more.waiting, more.due_at) = (State::Pending, None, Some(at(9_000)));
    bench.commit(more).await.unwrap();
    assert!(!store.recovery(at(5)).unwrap().unwrap().listed, "more was taken up since");
    let mut less = bench.row("b");
    (less.row.state, less.due_at, less.waiting) =
        (State::Creating, None, Some("observe: would be created".to_owned()));
    bench.commit(less).await.unwrap();

    store.end_recovery(act("recover --finish"), at(6)).await.unwrap();
    assert!(!store.is_recovering().unwrap());
    assert_eq!(bench.row("b").due_at, Some(at(6)), "what was only shown is decided again");
    let ended = store.end_recovery(act("recover --finish"), at(7)).await;
    assert!(matches!(ended, Err(Error::Missing("recovery"))), "{ended:?}");
}

#[tokio::test]
async fn a_hook_that_nobody_runs_keeps_no_recovery_open_and_what_is_ambiguous_does() {
    let bench = Bench::new();
    let (runs, removed) = (bench.hook("dns").await, bench.hook("old").await);
    let subject = bench.app("web", &[runs, removed]).await;
    let lane = LaneId { hook: removed, subject };
    bench.want(lane, &["left"], at(1)).await;
    let store = &bench.store;
    store.save_hook_state(removed, HookState::Removed, at(2)).await.unwrap();
    store.begin_recovery(act("recover"), at(2)).await.unwrap();
    let begun = store.recovery(at(2)).unwrap().unwrap();
    assert_eq!((begun.unasked, begun.looking), (1, 0), "nobody asks for the removed one");
    let lane = LaneId { hook: runs, subject };
    store
        .finish_look(LaneLook {
            lane,
            seen: store.lane(lane).unwrap().unwrap().dirty,
            rows: Rows::Follow,
            next: None,
            now: at(0),
        })
        .await
        .unwrap();
    assert!(store.recovery(at(3)).unwrap().unwrap().is_looked_for());
    let finding = NewFinding {
        code: "resource.ambiguous".to_owned(),
        about: "thing/a".to_owned(),
        hook: Some(runs),
        severity: Severity::Warning,
        message: "two fit".to_owned(),
        remedy: None,
    };
    store.open_finding(finding, at(4)).await.unwrap();
    assert!(!store.recovery(at(5)).unwrap().unwrap().is_looked_for());
}
