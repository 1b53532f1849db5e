use serde_json::json;

use super::*;
use crate::row::{Origin, Place, named};

const NOW: Timestamp = Timestamp::from_millis(10_000_000);
const SETTLE: Millis = Millis::seconds(30);

fn row_id(key: &str, random: u8) -> RowId {
    let at = Place { installation: "acme", target: "dns zone=a", kind: "record", key, inside: "" };
    RowId::new(&at, [random; 10])
}

fn thing(mark: Option<&str>) -> Thing {
    Thing {
        id: "t-1".to_owned(),
        state: ThingState::Ready,
        note: None,
        poll: None,
        body: json!({"ttl": 60}),
        mark: mark.map(str::to_owned),
        outputs: vec![Output { name: "name".to_owned(), value: "a".to_owned() }],
        made: Some(NOW - Millis::hours(1)),
    }
}

fn judged(change: impl FnOnce(&mut Thing, &mut Record)) -> Verdict {
    let (mut thing, mut record) = (thing(Some(&row_id("a", 1).mark("acme"))), Record::default());
    change(&mut thing, &mut record);
    judge(&thing, &record, "acme", SETTLE, NOW)
}

#[test]
fn a_thing_is_ours_an_orphan_a_twin_or_none_of_our_business() {
    let at = |thing: Option<&str>| AtPlace { row: row_id("a", 2), thing: thing.map(str::to_owned) };
    assert_eq!(judged(|_, _| {}), Verdict::Orphan);
    assert_eq!(judged(|_, record| record.claimed = true), Verdict::Ours);
    assert_eq!(judged(|thing, _| thing.mark = None), Verdict::Unmarked);
    assert_eq!(
        judged(|thing, record| (thing.mark, record.claimed) = (None, true)),
        Verdict::Ours,
        "what cannot carry a mark is known by its id"
    );
    assert_eq!(judged(|thing, _| thing.mark = Some(row_id("a", 1).mark("staging"))), Verdict::Foreign);
    assert_eq!(judged(|thing, _| thing.mark = Some("heritage=other".to_owned())), Verdict::Foreign);
    assert_eq!(judged(|thing, _| thing.mark = Some(named(&row_id("a", 1)))), Verdict::Foreign, "a mere name");
    assert_eq!(judged(|_, record| record.place = Some(at(Some("t-2")))), Verdict::Twin(at(Some("t-2"))));
    assert_eq!(judged(|_, record| record.place = Some(at(None))), Verdict::Settling, "under way");
}

#[test]
fn what_was_made_or_removed_within_settle_does_not_count() {
    let edge = NOW - SETTLE - SKEW;
    for (at, expected) in [(edge + Millis::new(1), Verdict::Settling), (edge, Verdict::Orphan)] {
        assert_eq!(judged(|thing, _| thing.made = Some(at)), expected, "made");
        assert_eq!(judged(|_, record| record.ended_at = Some(at)), expected, "removed");
    }
    assert_eq!(judged(|thing, _| thing.made = None), Verdict::Orphan, "its age is not known");
    assert_eq!(judged(|thing, _| thing.state = ThingState::Removing), Verdict::Settling);
}

fn row() -> Row {
    Row {
        id: row_id("a", 1),
        state: State::Present,
        origin: Origin::Created,
        spec: json!({"ttl": 60}),
        thing: Some("t-1".to_owned()),
        observed: Some(json!({"ttl": 60})),
        mark: Some(row_id("a", 1).mark("acme")),
        before: Vec::new(),
        intended_at: None,
        made_by: Some(NOW - SETTLE - SKEW),
        removed_by: None,
        absent_at: None,
        poll_at: None,
        look_at: None,
        inherited_at: None,
        repairs: Vec::new(),
    }
}

#[test]
fn only_what_exists_and_is_settled_can_be_missing() {
    assert!(should_show(&row(), SETTLE, NOW));
    assert!(!should_show(&row(), SETTLE, NOW - Millis::new(1)), "the listing may still hide it");
    assert!(should_show(&Row { made_by: None, ..row() }, SETTLE, NOW), "it was adopted");
    assert!(!should_show(&Row { thing: None, ..row() }, SETTLE, NOW));
    for state in [State::Creating, State::InDoubt, State::Deleting, State::Retained, State::Gone] {
        assert!(!should_show(&Row { state, ..row() }, SETTLE, NOW), "{state}");
    }
}

#[test]
fn a_listing_is_the_same_says_less_or_differs() {
    let compared = |change: &dyn Fn(&mut Thing)| {
        let row = row();
        let mut thing = thing(row.mark.as_deref());
        change(&mut thing);
        compare(&row, &[Output { name: "name".to_owned(), value: "a".to_owned() }], &thing)
    };
    assert_eq!(compared(&|_| {}), Compared::Same);
    assert_eq!(compared(&|thing| thing.body = json!({"ttl": 60, "etag": "x"})), Compared::Same);
    assert_eq!(compared(&|thing| thing.outputs.clear()), Compared::Same);
    assert_eq!(compared(&|thing| thing.body = json!({})), Compared::SaysLess);
    assert_eq!(compared(&|thing| thing.body = json!({"ttl": 30})), Compared::Differs);
    assert_eq!(compared(&|thing| thing.mark = None), Compared::Differs);
    assert_eq!(compared(&|thing| thing.state = ThingState::Failed), Compared::Differs);
    assert_eq!(compared(&|thing| thing.outputs[0].value = "b".to_owned()), Compared::Differs);
    let unseen = Row { observed: None, ..row() };
    assert_eq!(compare(&unseen, &[], &thing(unseen.mark.as_deref())), Compared::Differs);
}

#[test]
fn a_listing_that_would_never_end_is_refused() {
    let mut cursors = Cursors::default();
    assert_eq!(cursors.take("a".to_owned(), 3).unwrap(), "a");
    assert!(cursors.take("a".to_owned(), 3).unwrap_err().message.contains("comes again"));
    assert_eq!(cursors.take("b".to_owned(), 3).unwrap(), "b");
    assert!(cursors.take("c".to_owned(), 3).unwrap_err().message.contains("more than 3 pages"));
}

#[test]
fn only_a_lasting_failure_with_the_word_says_that_there_is_none() {
    let why = |failure: Failure| none(&failure).map(str::to_owned);
    assert_eq!(why(Failure::final_("inventory.none: no `list`")).as_deref(), Some("no `list`"));
    assert_eq!(why(Failure::final_("inventory.none")).as_deref(), Some("it did not say why"));
    assert_eq!(why(Failure::again("inventory.none: no `list`")), None, "it may have one later");
    for other in ["inventory.nonesuch: x", "status 404: inventory.none: x", ""] {
        assert_eq!(why(Failure::final_(other)), None, "{other}");
    }
}
