//! Wants: the oldest living one has the row; it is handed over when that one goes.

use groundcrew_core::row::State;
use groundcrew_store::findings::ClosedToo;
use groundcrew_store::lanes::LaneId;

use crate::support::{Bench, at};

#[tokio::test]
async fn the_older_want_has_it_and_the_younger_gets_it_when_that_goes() {
    let bench = Bench::new();
    let hook = bench.hook("make").await;
    let old = LaneId { hook, subject: bench.app("old", &[hook]).await };
    let young = LaneId { hook, subject: bench.app("young", &[hook]).await };
    bench.want(old, &["a"], at(1)).await;
    bench.want(young, &["a"], at(2)).await;
    assert_eq!(bench.row("a").lane(), old);
    let open = || bench.store.findings(ClosedToo::No).unwrap();
    assert_eq!(open().iter().map(|finding| finding.code.as_str()).collect::<Vec<_>>(), ["resource.conflict"]);
    let id = bench.row("a").row.id.clone();
    bench.want(old, &[], at(3)).await;
    let row = bench.row("a");
    assert_eq!((row.lane(), row.row.id, row.unwanted), (young, id, None), "the same row");
    assert_eq!(row.row.look_at, Some(at(3)), "and it is looked at again first");
    assert!(open().is_empty());
    assert!(bench.store.lane(young).unwrap().unwrap().dirty > 0);
}

#[tokio::test]
async fn what_nobody_wants_says_since_when_and_what_is_wanted_again_does_not() {
    let bench = Bench::new();
    let hook = bench.hook("make").await;
    let lane = LaneId { hook, subject: bench.app("web", &[hook]).await };
    bench.want(lane, &["a"], at(1)).await;
    bench.want(lane, &[], at(2)).await;
    assert_eq!(bench.row("a").unwanted.map(|(since, _)| since), Some(at(2)));
    bench.want(lane, &[], at(3)).await;
    assert_eq!(bench.row("a").unwanted.map(|(since, _)| since), Some(at(2)), "the clock is not set anew");
    bench.want(lane, &["a"], at(4)).await;
    assert_eq!(bench.row("a").unwanted, None);
}

#[tokio::test]
async fn a_key_gets_a_new_row_only_once_the_last_is_gone() {
    let bench = Bench::new();
    let hook = bench.hook("make").await;
    let lane = LaneId { hook, subject: bench.app("web", &[hook]).await };
    bench.want(lane, &["a"], at(1)).await;
    let first = bench.row("a").row.id.clone();
    bench.gone("a", at(2)).await;
    assert_eq!(
        bench.store.lane(lane).unwrap().unwrap().view_hash,
        None,
        "whoever wants its place is asked again"
    );
    bench.want(lane, &["a"], at(3)).await;
    assert_ne!(bench.row("a").row.id, first);
    assert_eq!(bench.row("a").row.state, State::Creating);
}
