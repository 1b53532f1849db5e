//! What people ask a runner for is on record, in order, until it is over.

use groundcrew_store::errands::{ERRANDS_MAX, Errand, Kept};
use groundcrew_store::operators::OperatorAct;

use crate::support::{Bench, at};

fn act() -> OperatorAct {
    OperatorAct { who: "ann".to_owned(), what: "audit run nightly".to_owned() }
}

#[tokio::test]
async fn what_is_asked_for_is_kept_in_order_until_it_is_over() {
    let bench = Bench::new();
    let nightly = || Errand::Audit("nightly".to_owned());
    for errand in [nightly(), Errand::Mend(7), nightly()] {
        assert_eq!(bench.store.ask(errand, act(), at(1)).await.unwrap(), Kept::Yes);
    }
    let asked = bench.store.errands().unwrap();
    let errands: Vec<_> = asked.iter().map(|asked| asked.errand.clone()).collect();
    assert_eq!(errands, [nightly(), Errand::Mend(7), nightly()]);
    assert!(asked.iter().all(|asked| asked.who == "ann"));
    assert_eq!(bench.count("operator_act"), 3);

    let last = asked[2].id;
    for asked in &asked {
        bench.store.end_errand(asked.id).await.unwrap();
    }
    assert!(bench.store.errands().unwrap().is_empty());
    bench.store.ask(nightly(), act(), at(2)).await.unwrap();
    assert!(
        bench.store.errands().unwrap()[0].id > last,
        "whoever took the last one does not take this for it"
    );
}

#[tokio::test]
async fn more_than_a_runner_takes_is_refused_and_not_on_record() {
    let bench = Bench::new();
    for finding in 0..i64::from(ERRANDS_MAX) {
        bench.store.ask(Errand::Mend(finding), act(), at(1)).await.unwrap();
    }
    assert_eq!(bench.store.ask(Errand::Mend(99), act(), at(2)).await.unwrap(), Kept::Full);
    assert_eq!(
        (bench.count("errand"), bench.count("operator_act")),
        (ERRANDS_MAX.into(), ERRANDS_MAX.into())
    );
}
