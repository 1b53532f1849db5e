//! Lanes are claimed hook by hook.

use groundcrew_core::hash::Digest;
use groundcrew_core::time::Timestamp;
use groundcrew_store::lanes::{Cause, LaneId};
use groundcrew_store::{Options, Store, SubjectId};

#[tokio::test]
async fn a_hook_that_is_far_behind_hides_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("store.db"), Options::default()).unwrap();
    let hook = async |name| store.save_hook(name, Digest::of(b"component"), "t", "{}").await.unwrap();
    let (behind, other) = (hook("behind").await, hook("other").await);
    let at = Timestamp::from_millis;
    // The subject is that of foreign events without one: a lane needs no more.
    let lane = |hook| LaneId { hook, subject: SubjectId::NONE };
    store.dirty_lanes(vec![lane(behind)], at(1)).await.unwrap();
    store.dirty_lanes(vec![lane(other)], at(5)).await.unwrap();
    assert_eq!(store.due_lanes(at(9), 1).unwrap(), [lane(behind)]);
    assert_eq!(store.due_lanes_of(other, Cause::Event, at(9), 1).unwrap(), [lane(other)]);
    assert_eq!(store.due_lanes_of(other, Cause::Event, at(4), 1).unwrap(), []);
    assert_eq!(store.due_lanes_of(behind, Cause::Event, at(9), 0).unwrap(), []);
}
