//! Labels of a source: who changes some of them leaves the others as they are, and who is renamed takes them along.

use groundcrew_store::events::Intake;
use groundcrew_store::labels::LabelChange;
use groundcrew_store::lanes::LaneId;
use groundcrew_store::operators::OperatorAct;
use groundcrew_store::subjects::SubjectChange;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use crate::support::{Bench, at, change, path, uid};

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

fn labels(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

/// An app under a name.
fn named(id: &str, name: &str) -> SubjectChange {
    SubjectChange { path: path(name), version: 2, ..change(id) }
}

impl Bench {
    async fn seen(&self, subjects: Vec<SubjectChange>) {
        self.store.accept(Intake { subjects, now: at(5), ..Intake::default() }).await.unwrap();
    }

    async fn says(&self, source: &str, name: &str, value: &Value) {
        let saved = self.store.save_label(&path(name), source, labels(value), Vec::new(), None, at(1)).await;
        assert!(saved.unwrap());
    }

    fn said_of(&self, name: &str) -> Value {
        json!(self.store.labels_by_source(&path(name)).unwrap())
    }
}

#[tokio::test]
async fn an_app_that_is_renamed_takes_its_labels_along() {
    let bench = Bench::new();
    bench.app("web", &[]).await;
    bench.says("crm", "web", &json!({"plan": "pro"})).await;
    bench.says("set", "web", &json!({"seats": 3})).await;
    let renamed = [named("web", "shop")];
    let after = |id: &str, name: &str| bench.store.labels_after(&renamed, &uid(id), &path(name)).unwrap();
    assert_eq!(after("web", "shop"), labels(&json!({"plan": "pro", "seats": 3})));
    assert_eq!(after("next", "web"), Map::new(), "whoever has the name next has no labels");

    bench.seen(renamed.to_vec()).await;
    assert_eq!(bench.said_of("shop"), json!([["crm", {"plan": "pro"}], ["set", {"seats": 3}]]));
    assert_eq!(bench.said_of("web"), json!([]));
    let shop = bench.store.subject_at(&path("shop")).unwrap().unwrap();
    assert_eq!(shop.subject.labels, labels(&json!({"plan": "pro", "seats": 3})));
    bench.seen(vec![named("web", "shop")]).await;
    assert_eq!(bench.said_of("shop"), json!([["crm", {"plan": "pro"}], ["set", {"seats": 3}]]), "at rest");
}

#[tokio::test]
async fn what_a_person_set_at_the_new_path_wins_and_what_an_endpoint_said_there_goes() {
    let bench = Bench::new();
    bench.app("web", &[]).await;
    bench.says("crm", "web", &json!({"plan": "pro"})).await;
    bench.says("set", "web", &json!({"seats": 3, "region": "fra"})).await;
    bench.says("crm", "shop", &json!({"plan": "old", "domains": ["shop.example"]})).await;
    bench.says("billing", "shop", &json!({"paid": true})).await;
    bench.says("set", "shop", &json!({"seats": 9, "tier": 1})).await;
    let expected = json!([["crm", {"plan": "pro"}], ["set", {"region": "fra", "seats": 9, "tier": 1}]]);
    let after = bench.store.labels_after(&[named("web", "shop")], &uid("web"), &path("shop")).unwrap();
    assert_eq!(after, labels(&json!({"plan": "pro", "region": "fra", "seats": 9, "tier": 1})));
    bench.seen(vec![named("web", "shop")]).await;
    assert_eq!((bench.said_of("shop"), bench.said_of("web")), (expected, json!([])));
}

#[tokio::test]
async fn labels_of_whoever_came_after_stay_where_they_are() {
    let bench = Bench::new();
    bench.app("web", &[]).await;
    let ended = SubjectChange { gone_at: Some(at(2)), ..named("web", "web") };
    bench.seen(vec![ended, named("next", "web")]).await;
    bench.says("set", "web", &json!({"seats": 3})).await;
    // It was believed gone, and is there under another name.
    bench.seen(vec![named("web", "shop")]).await;
    assert_eq!((bench.said_of("web"), bench.said_of("shop")), (json!([["set", {"seats": 3}]]), json!([])));
}
