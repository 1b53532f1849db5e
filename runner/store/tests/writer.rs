//! What the writer thread promises: acknowledged means durable and visible.

use groundcrew_core::hash::Digest;
use groundcrew_core::time::Timestamp;
use groundcrew_store::prune::Keep;
use groundcrew_store::{Options, Reader, Store};

#[tokio::test]
async fn what_is_acknowledged_is_seen_by_everybody_before_and_after_pruning() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    let store = Store::open(&path, Options::default()).unwrap();
    let digest = Digest::of(b"component");
    store.save_hook("one", digest, "t", "{}").await.unwrap();
    assert_eq!(Reader::open(&path).unwrap().hooks().unwrap().len(), 1);
    store.prune(Keep::DEFAULT, Timestamp::from_millis(1)).await.unwrap();
    store.save_hook("two", digest, "t", "{}").await.unwrap();
    assert_eq!(Reader::open(&path).unwrap().hooks().unwrap().len(), 2);
    assert_eq!(store.hooks().unwrap().len(), 2);
}
