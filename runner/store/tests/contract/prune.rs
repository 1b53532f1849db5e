//! History goes after its time; what is owed, and what is not gone, never does.

use groundcrew_core::duration::Millis;
use groundcrew_store::deliveries::{Ending, Turn};
use groundcrew_store::findings::{NewFinding, Severity};
use groundcrew_store::lanes::LaneId;
use groundcrew_store::prune::Keep;

use crate::support::{Bench, at};

const DAY: i64 = 86_400;

#[tokio::test]
async fn history_goes_and_what_is_owed_stays() {
    let bench = Bench::new();
    let (tell, make) = (bench.hook("tell").await, bench.hook("make").await);
    let subject = bench.app("web", &[make]).await;
    let (told, maker) = (LaneId { hook: tell, subject }, LaneId { hook: make, subject });
    bench.tell("told", "web", &[tell], at(1)).await;
    bench.tell("owed", "web", &[tell], at(1)).await;
    let head = bench.store.delivery_head(told).unwrap().unwrap();
    let run = bench.run(told, Some(head.seq), at(2));
    let ending = Ending::Told { written: [("seen".to_owned(), Some(b"1".to_vec()))].into() };
    bench.store.settle_delivery(told, head.seq, run, Vec::new(), ending, Turn::Ends, at(2)).await.unwrap();
    bench.want(maker, &["gone", "there"], at(1)).await;
    bench.gone("gone", at(3)).await;
    for (code, closed) in [("a.closed", true), ("a.open", false)] {
        let finding = NewFinding {
            code: code.to_owned(),
            about: "x".to_owned(),
            hook: None,
            severity: Severity::Info,
            message: String::new(),
            remedy: None,
        };
        bench.store.open_finding(finding, at(4)).await.unwrap();
        if closed {
            bench.store.close_finding(code, "x", at(5)).await.unwrap();
        }
    }
    let counts = || ["run", "event", "delivery", "resource", "finding", "kv"].map(|table| bench.count(table));
    let keep = Keep { runs: Millis::hours(24), gone: Millis::hours(48) };
    assert!(!bench.store.prune(keep, at(DAY / 2)).await.unwrap());
    assert_eq!(counts(), [1, 2, 1, 2, 2, 1]);
    while bench.store.prune(keep, at(DAY + 10)).await.unwrap() {}
    assert_eq!(counts(), [0, 1, 1, 2, 1, 1], "what is gone is kept for longer");
    while bench.store.prune(keep, at(2 * DAY + 10)).await.unwrap() {}
    assert_eq!(counts(), [0, 1, 1, 1, 1, 1]);
    assert_eq!(bench.row("there").key, "there");
}
