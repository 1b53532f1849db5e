//! The judge finds what went wrong, and only that.

use groundcrew_outside::judge::{Double, Told, judge, living, told};
use groundcrew_outside::{By, Effect, Purpose, Receipt, What};
use proptest::prelude::*;
use serde_json::Value;

fn effect(at: i64, id: &str, what: What, by: By, key: Option<&str>) -> Effect {
    Effect {
        at,
        collection: "/things".into(),
        id: id.into(),
        what,
        by,
        purpose: key.map(purpose),
        name: None,
        mark: None,
        body: Value::Null,
    }
}

fn purpose(key: &str) -> Purpose {
    Purpose::new("fly/acme/cust-7", key)
}

fn made(at: i64, id: &str, key: &str) -> Effect {
    effect(at, id, What::Created, By::Caller, Some(key))
}

fn gone(at: i64, id: &str) -> Effect {
    effect(at, id, What::Deleted, By::Caller, None)
}

#[test]
fn what_is_as_it_should_be_is_clean() {
    let log = [made(1, "t1", "a"), gone(2, "t1"), made(3, "t2", "a"), made(4, "t3", "b"), gone(5, "t3")];
    assert!(judge(&log, &[purpose("a")]).is_clean());
}

#[test]
fn a_double_of_a_moment_is_found() {
    let log = [made(1, "t1", "a"), made(2, "t2", "a"), made(3, "t3", "a"), gone(4, "t1"), gone(5, "t2")];
    let verdict = judge(&log, &[purpose("a")]);
    assert_eq!(verdict.doubled, [Double { purpose: purpose("a"), from: 2, until: Some(5), most: 3 }]);
    assert_eq!(verdict.to_string(), "lost 0 doubled 1 leaked 0 foreign 0");
}

#[test]
fn losses_and_leaks_are_told_apart() {
    let nameless = effect(3, "t3", What::Created, By::Caller, None);
    let log = [made(1, "t1", "a"), gone(2, "t1"), nameless, made(4, "t4", "old")];
    let verdict = judge(&log, &[purpose("a")]);
    assert_eq!(verdict.lost, [purpose("a")]);
    assert_eq!(verdict.leaked.iter().map(|thing| thing.id.as_str()).collect::<Vec<_>>(), ["t3", "t4"]);
}

#[test]
fn touching_what_strangers_made_is_found_and_their_own_doing_is_not() {
    let log = [
        effect(1, "t1", What::Created, By::Stranger, None),
        effect(2, "t1", What::Updated, By::Stranger, None),
        effect(3, "t1", What::Updated, By::Caller, Some("a")),
        made(4, "t2", "a"),
        effect(5, "t2", What::Deleted, By::Stranger, None),
    ];
    let verdict = judge(&log, &[]);
    assert_eq!(verdict.foreign, [log[2].clone()]);
    assert!(verdict.leaked.is_empty() && verdict.doubled.is_empty());
    assert_eq!(
        judge(&log, &[purpose("a")]).lost,
        [purpose("a")],
        "a stranger took it: it is missing all the same"
    );
}

#[test]
fn a_thing_that_is_handed_over_serves_its_new_owner() {
    let handed = effect(2, "t1", What::Updated, By::Caller, Some("b"));
    assert!(judge(&[made(1, "t1", "a"), handed.clone()], &[purpose("b")]).is_clean());
    let verdict = judge(&[made(1, "t1", "a"), made(1, "t2", "b"), handed], &[purpose("b")]);
    assert_eq!(verdict.doubled, [Double { purpose: purpose("b"), from: 2, until: None, most: 2 }]);
}

#[test]
fn what_goes_with_its_container_is_no_leak() {
    let log = [made(1, "t1", "a"), effect(2, "t1", What::Deleted, By::Container, None)];
    assert!(judge(&log, &[]).is_clean());
    assert!(living(&log).is_empty());
}

#[test]
fn receipts_must_be_complete_and_in_order_repeats_aside() {
    let receipt =
        |id: &str| Receipt { at: 0, path: "/events".into(), id: Some(id.into()), body: String::new() };
    let receipts: Vec<_> = ["a1", "b1", "a1", "a3", "a2", "b1"].into_iter().map(receipt).collect();
    let lane = |ids: &[&str]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let judged = told(&receipts, &[lane(&["a1", "a2", "a3"]), lane(&["b1", "b2"])]);
    assert_eq!(judged, Told { missing: vec!["b2".into()], early: vec!["a3".into()], otherwise: Vec::new() });
}

#[test]
fn what_is_told_again_under_its_id_is_the_same_as_json() {
    let receipt = |id: &str, body: &str| Receipt {
        at: 0,
        path: "/events".into(),
        id: Some(id.into()),
        body: body.into(),
    };
    let receipts =
        [("a", r#"{"n": 1, "m": 2}"#), ("b", "x"), ("a", r#"{"m":2,"n":1}"#), ("b", "y"), ("b", "x")];
    let judged = told(&receipts.map(|(id, body)| receipt(id, body)), &[]);
    assert_eq!(judged, Told { otherwise: vec!["b".into()], ..Told::default() });
}

proptest! {
    /// The judge's doubles against a count by hand, moment by moment.
    #[test]
    fn doubles_are_counted_at_every_moment(acts in proptest::collection::vec((0..2usize, 0..4usize, any::<bool>()), 0..40)) {
        let (mut log, mut alive) = (Vec::new(), [[false; 4]; 2]);
        let mut expected = 0;
        for (at, (key, id, up)) in acts.into_iter().enumerate() {
            let many = |alive: &[[bool; 4]; 2]| alive[key].iter().filter(|it| **it).count();
            if alive[key][id] == up {
                continue;
            }
            let before = many(&alive);
            alive[key][id] = up;
            expected += usize::from(before == 1 && many(&alive) == 2);
            let (name, key) = (format!("{key}-{id}"), key.to_string());
            log.push(if up { made(at as i64, &name, &key) } else { gone(at as i64, &name) });
        }
        prop_assert_eq!(judge(&log, &[]).doubled.len(), expected);
    }
}
