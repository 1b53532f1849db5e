//! Labels of a source: who changes some of them leaves the others as they are.

use groundcrew_store::labels::LabelChange;
use groundcrew_store::lanes::LaneId;
use groundcrew_store::operators::OperatorAct;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use crate::support::{Bench, at, path};

fn act() -> OperatorAct {
    OperatorAct { who: "ann".to_owned(), what: "label".to_owned() }
}

fn set(name: &str, value: u32) -> LabelChange {
    LabelChange::Set(Map::from_iter([(name.to_owned(), json!(value))]))
}

#[tokio::test]
async fn of_many_that_change_labels_at_once_nobody_loses_what_was_acknowledged() {
    let bench = Bench::new();
    let mut all = JoinSet::new();
    bench.store.change_label(&path("web"), "set", set("old", 0), Vec::new(), act(), at(1)).await.unwrap();
    for number in 0..50 {
        let store = bench.store.clone();
        all.spawn(async move {
            let change = set(&format!("l{number}"), number);
            store.change_label(&path("web"), "set", change, Vec::new(), act(), at(2)).await
        });
    }
    let store = bench.store.clone();
    all.spawn(async move {
        let change = LabelChange::Unset(vec!["old".to_owned()]);
        store.change_label(&path("web"), "set", change, Vec::new(), act(), at(2)).await
    });
    while let Some(changed) = all.join_next().await {
        assert!(changed.unwrap().unwrap());
    }
    let expected: Map<_, _> = (0..50).map(|number| (format!("l{number}"), json!(number))).collect();
    assert_eq!(bench.store.label(&path("web"), "set").unwrap(), Some(expected));
    assert_eq!(bench.count("operator_act"), 52);
}

#[tokio::test]
async fn a_change_that_changes_nothing_owes_nobody_a_look_and_is_not_kept() {
    let bench = Bench::new();
    let hook = bench.hook("make").await;
    let lane = LaneId { hook, subject: bench.app("web", &[hook]).await };
    let changes = async |change: LabelChange| {
        bench.store.change_label(&path("web"), "set", change, vec![lane], act(), at(1)).await.unwrap()
    };
    let dirty = || bench.store.lane(lane).unwrap().unwrap().dirty;
    let before = dirty();
    assert!(changes(set("seats", 3)).await);
    let after = dirty();
    assert!(after > before);
    assert!(!changes(set("seats", 3)).await);
    assert!(!changes(LabelChange::Unset(vec!["plan".to_owned()])).await);
    assert_eq!((dirty(), bench.count("operator_act")), (after, 1));
}

#[tokio::test]
async fn the_values_of_all_sources_come_in_the_order_in_which_they_win() {
    let bench = Bench::new();
    bench.store.change_label(&path("web"), "set", set("seats", 3), Vec::new(), act(), at(1)).await.unwrap();
    let plan: Map<String, Value> = Map::from_iter([("seats".to_owned(), json!(1))]);
    bench.store.save_label(&path("web"), "tenants", plan.clone(), Vec::new(), None, at(2)).await.unwrap();
    let by_source = bench.store.labels_by_source(&path("web")).unwrap();
    let set = Map::from_iter([("seats".to_owned(), json!(3))]);
    assert_eq!(by_source, [("tenants".to_owned(), plan), ("set".to_owned(), set)]);
}
