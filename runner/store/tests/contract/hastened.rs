//! What a clock that was ahead postponed has its turn once that is put right.

use groundcrew_core::may_delete::Cause;
use groundcrew_core::row::State;
use groundcrew_core::time::Timestamp;
use groundcrew_store::SubjectId;
use groundcrew_store::deliveries::{Ending, Turn};
use groundcrew_store::lanes::LaneId;

use crate::support::{Bench, at};

const LATEST: i64 = 2_000;

#[tokio::test]
async fn a_row_that_is_looked_at_later_than_any_is_looked_at_now() {
    let bench = Bench::new();
    let hook = bench.hook("things").await;
    let lane = LaneId { hook, subject: bench.app("web", &[hook]).await };
    bench.want(lane, &["far", "near", "graced"], at(0)).await;
    for (key, look) in [("far", 9_000), ("near", LATEST), ("graced", 9_000)] {
        let mut row = bench.row(key);
        row.row.state = State::Present;
        row.row.thing = Some(format!("id-{key}"));
        row.row.look_at = Some(at(look));
        row.due_at = Some(at(look));
        row.unwanted = (key == "graced").then_some((at(1), Cause::ViewChanged));
        bench.commit(row).await.unwrap();
    }
    let looks = || {
        let times = |key: &str| (bench.row(key).row.look_at.unwrap(), bench.row(key).due_at.unwrap());
        ["far", "near", "graced"].map(times)
    };
    let both = |second: i64| -> (Timestamp, Timestamp) { (at(second), at(second)) };
    assert_eq!(bench.store.hasten(hook, at(LATEST), at(10)).await.unwrap(), 1);
    assert_eq!(looks(), [both(10), both(LATEST), both(9_000)], "the end of a grace is waited for");
    assert_eq!(bench.store.hasten(hook, at(LATEST), at(20)).await.unwrap(), 0);
    assert_eq!(looks()[0], both(10));
}

#[tokio::test]
async fn a_delivery_that_is_tried_later_than_any_is_tried_now() {
    let bench = Bench::new();
    let (ops, other) = (bench.hook("ops").await, bench.hook("other").await);
    let subject: SubjectId = bench.app("web", &[]).await;
    for (hook, id) in [(ops, "e1"), (other, "e2")] {
        bench.tell(id, "web", &[hook], at(1)).await;
        let lane = LaneId { hook, subject };
        let head = bench.store.delivery_head(lane).unwrap().unwrap();
        let run = bench.run(lane, Some(head.seq), at(1));
        let ending =
            Ending::Again { at: at(9_000), error: "503".to_owned(), resumes: None, doubts: Vec::new() };
        bench
            .store
            .settle_delivery(lane, head.seq, run, Vec::new(), ending, Turn::Ends, at(1))
            .await
            .unwrap();
    }
    assert!(bench.store.due_lanes(at(10), 9).unwrap().is_empty());
    assert_eq!(bench.store.hasten(ops, at(LATEST), at(10)).await.unwrap(), 1);
    let due = bench.store.due_lanes(at(10), 9).unwrap();
    assert_eq!(due, [LaneId { hook: ops, subject }], "of this hook");
}
