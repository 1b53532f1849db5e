//! What is sealed stays encrypted, is held for its owner alone, and goes with its row.

use groundcrew_core::duration::Millis;
use groundcrew_core::spec::Output;
use groundcrew_store::lanes::LaneId;
use groundcrew_store::prune::Keep;
use groundcrew_store::sealed::StoredSealed;

use crate::support::{Bench, at};

const TOKEN: &str = "gcs_0123456789012345678901234567890123456789";

async fn bench() -> (Bench, i64) {
    let bench = Bench::new();
    let make = bench.hook("bucket").await;
    for app in ["web", "other"] {
        let subject = bench.app(app, &[make]).await;
        bench.want(LaneId { hook: make, subject }, &[app], at(1)).await;
    }
    let mut row = bench.row("web");
    let output = |name: &str, value: String| Output { name: name.to_owned(), value };
    row.outputs = vec![
        output("key", TOKEN.to_owned()),
        output("url", format!("s3://{TOKEN}@x")),
        output("id", "1".to_owned()),
    ];
    let id = bench.commit(row).await.unwrap().id;
    (bench, id)
}

#[tokio::test]
async fn a_token_is_held_by_the_outputs_of_its_owner() {
    let (bench, row) = bench().await;
    assert_eq!(bench.store.sealed("fly/acme/web", "fly/acme/web").unwrap(), []);
    let sealed = vec![(TOKEN.to_owned(), b"cipher".to_vec())];
    bench.store.keep_sealed(row, sealed.clone()).await.unwrap();
    bench.store.keep_sealed(row, sealed).await.unwrap();
    let outputs = vec!["bucket.key".to_owned(), "bucket.url".to_owned()];
    let held = [StoredSealed { token: TOKEN.to_owned(), cipher: b"cipher".to_vec(), outputs }];
    assert_eq!(bench.store.sealed("fly/acme/web", "fly/acme/web").unwrap(), held);
    assert_eq!(bench.store.sealed("fly/acme/web/m1", "fly/acme/web").unwrap(), held, "also for its machines");
    assert_eq!(bench.store.sealed("fly/acme/other", "fly/acme/other").unwrap(), []);
}

#[tokio::test]
async fn what_is_sealed_goes_with_its_row() {
    let (bench, row) = bench().await;
    bench.store.keep_sealed(row, vec![(TOKEN.to_owned(), b"cipher".to_vec())]).await.unwrap();
    let keep = Keep { runs: Millis::hours(1), bodies: Millis::hours(1), gone: Millis::hours(1) };
    while bench.store.prune(keep, at(1_000_000)).await.unwrap() {}
    assert_eq!(bench.count("sealed"), 1, "a row that lives keeps it");
    bench.gone("web", at(3)).await;
    while bench.store.prune(keep, at(4)).await.unwrap() {}
    assert_eq!(bench.count("sealed"), 1, "so does one that is not pruned yet");
    while bench.store.prune(keep, at(1_000_000)).await.unwrap() {}
    assert_eq!((bench.count("sealed"), bench.count("resource")), (0, 1));
}
