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
    let all = [nightly(), Errand::Mend(7), Errand::Audit("weekly".to_owned()), Errand::Mend(8)];
    for errand in all.clone() {
        assert_eq!(bench.store.ask(errand, act(), at(1)).await.unwrap(), Kept::Yes);
    }
    let asked = bench.store.errands().unwrap();
    let errands: Vec<_> = asked.iter().map(|asked| asked.errand.clone()).collect();
    assert_eq!(errands, all);
    assert!(asked.iter().all(|asked| asked.who == "ann"));
    assert_eq!(bench.count("operator_act"), 4);

    let last = asked[3].id;
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
    let most = i64::from(ERRANDS_MAX);
    for finding in 0..most {
        bench.store.ask(Errand::Mend(finding), act(), at(1)).await.unwrap();
    }
    assert_eq!(bench.store.ask(Errand::Mend(most), act(), at(2)).await.unwrap(), Kept::Full);
    assert_eq!(
        (bench.count("errand"), bench.count("operator_act")),
        (ERRANDS_MAX.into(), ERRANDS_MAX.into())
    );
}

#[tokio::test]
async fn what_is_asked_for_again_before_it_begins_is_kept_once_even_where_no_more_is_taken() {
    let bench = Bench::new();
    let others = (1..i64::from(ERRANDS_MAX)).map(Errand::Mend);
    for errand in std::iter::once(Errand::Audit("nightly".to_owned())).chain(others) {
        bench.store.ask(errand, act(), at(1)).await.unwrap();
    }
    for errand in [Errand::Audit("nightly".to_owned()), Errand::Mend(7)] {
        assert_eq!(bench.store.ask(errand, act(), at(2)).await.unwrap(), Kept::Yes);
    }
    let most = i64::from(ERRANDS_MAX);
    assert_eq!(
        (bench.count("errand"), bench.count("operator_act")),
        (most, most + 2),
        "each time they asked"
    );
}

#[tokio::test]
async fn beginnings_of_an_errand_count_until_a_process_ends_in_order() {
    let bench = Bench::new();
    for finding in [7, 8] {
        bench.store.ask(Errand::Mend(finding), act(), at(1)).await.unwrap();
    }
    let begun = || bench.store.errands().unwrap().iter().map(|asked| asked.begun).collect::<Vec<_>>();
    assert_eq!(begun(), [0, 0]);
    let first = bench.store.errands().unwrap()[0].id;
    for _ in 0..2 {
        bench.store.begin_errand(first).await.unwrap();
    }
    assert_eq!(begun(), [2, 0]);
    // It may have looked by now, so whoever asks again is owed another look.
    bench.store.ask(Errand::Mend(7), act(), at(2)).await.unwrap();
    assert_eq!(begun(), [2, 0, 0]);
    bench.store.spare_errands().await.unwrap();
    assert_eq!(begun(), [0, 0, 0]);
}
