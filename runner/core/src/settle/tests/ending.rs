//! A thing that is to go, stays by policy, or is gone.

use super::*;

#[test]
fn what_is_unwanted_goes_as_may_delete_says() {
    let case = || Case::marked(State::Present).unwanted();
    let replaced = || Case::marked(State::Present).wants(json!({"v": 1, "fixed": 2}));
    let later = Leave::Later { until: at(60), why: "grace".to_owned() };
    let young = || case().with(|row| row.made_by = Some(at(-10)));
    check([
        ("read again first", case(), "look for Thing"),
        ("as we knew it", case().sees([mine(1)]), "remove"),
        ("not before", case().leave(later.clone()), "wait 60 s, Leaving(\"grace\")"),
        ("held", case().leave(Leave::Held { why: "window".to_owned() }), "wait, Held(\"window\")"),
        ("retained", case().leave(Leave::Retain { why: "policy".to_owned() }), "retain, policy"),
        ("changed by somebody", case().sees([mine(3)]), "changed: v, again in 3600 s"),
        ("it may be our own change", young().sees([mine(3)]), "wait 20 s, Settling"),
        ("somebody else's by now", case().sees([strange()]), "changed: mark, again in 3600 s"),
        ("never had a mark", case().with(|row| row.mark = None).sees([unmarked("t", 1, None)]), "remove"),
        ("on its way out", case().sees([in_state(ThingState::Removing, mine(1))]), "wait 5 s, Polling"),
        ("a replacement", replaced().sees([mine(1)]), "remove"),
        ("a replacement, not before", replaced().leave(later), "wait 60 s, Leaving(\"grace\")"),
    ]);
}

/// A removal page by page: each answer says when to ask for the next one.
#[test]
fn a_removal_that_asks_for_another_one_gets_it_when_it_said() {
    let case = |answered: i64, poll: i64| {
        let asked = |row: &mut Row| (row.removed_by, row.poll_at) = (Some(at(answered)), Some(at(poll)));
        Case::marked(State::Deleting).unwanted().with(asked)
    };
    check([
        ("not before", case(-1, 2), "wait 2 s, Polling"),
        ("it is read again", case(-1, 0), "look for Thing"),
        ("still there, and ours", case(-1, 0).sees([mine(1)]), "remove"),
        ("never answered", case(9, 0).sees([mine(1)]), "wait 2 s, Polling"),
        ("somebody else's by now", case(-60, 0).sees([strange()]), "changed: mark, again in 3600 s"),
        (
            "wanted again",
            case(-1, 0).wants(json!({"v": 1, "fixed": 1})).sees([mine(1)]),
            "wait 29 s, Settling",
        ),
    ]);
}

#[test]
fn gone_needs_a_look_later_than_all_that_was_sent() {
    let case =
        |ago: i64| Case::marked(State::Deleting).unwanted().with(|row| row.removed_by = Some(at(-ago)));
    let created = |ago: i64| case(ago).with(|row| row.made_by = Some(at(-10)));
    let natural = |ago: i64| Case::new(Class::Natural, Row { mark: None, ..case(ago).row }).unwanted();
    let again = |ago: i64| case(ago).wants(json!({"v": 1, "fixed": 1}));
    check([
        ("nothing is known", case(0), "look for Thing"),
        ("its poll is not due", case(0).with(|row| row.poll_at = Some(at(5))), "wait 5 s, Polling"),
        ("the removal may still come", case(-4).sees([]), "wait 4 s, Settling"),
        ("a late creation may still be hidden", created(0).sees([]), "wait 20 s, Settling"),
        ("gone", case(0).sees([]), "gone, Removed"),
        ("without marks the next row could take its shadow", natural(0).sees([]), "wait 30 s, Settling"),
        ("without marks, later", natural(30).sees([]), "gone, Removed"),
        ("still shown", case(10).sees([mine(1)]), "wait 2 s, Polling"),
        ("still there", case(30).sees([mine(1)]), "remove"),
        (
            "still there, but held by now",
            case(30).leave(Leave::Held { why: "pause".into() }).sees([mine(1)]),
            "wait, Held(\"pause\")",
        ),
        ("somebody else's in its place", case(30).sees([strange()]), "changed: mark, again in 3600 s"),
        ("on its way out", case(30).sees([in_state(ThingState::Removing, mine(1))]), "wait 5 s, Polling"),
        ("wanted again, but the removal may come", again(-5).sees([mine(1)]), "wait 30 s, Settling"),
        ("wanted again, and still there", again(30).sees([mine(1)]), "note"),
        ("wanted again, and somebody else's", again(30).sees([strange()]), "changed: mark, again in 3600 s"),
        (
            "wanted again in another shape",
            again(30).wants(json!({"v": 2, "fixed": 1})).sees([mine(1)]),
            "update",
        ),
        ("wanted again, and gone", again(0).sees([]), "gone, Removed"),
    ]);
}

#[test]
fn what_is_retained_stays_until_it_is_wanted_again() {
    let case = || Case::marked(State::Retained);
    let retain = Leave::Retain { why: "policy".to_owned() };
    check([
        ("unwanted", case().unwanted(), "wait, Settled"),
        ("wanted again", case(), "look for Thing"),
        ("wanted again and there", case().sees([mine(1)]), "note"),
        ("wanted again and somebody else's", case().sees([strange()]), "changed: mark, again in 3600 s"),
        ("wanted again and not there", case().sees([]), "note absent"),
        (
            "wanted in a shape that it cannot have",
            case().wants(json!({"fixed": 2})).leave(retain),
            "wait, Held(\"policy\")",
        ),
        ("the same, and it may go", case().wants(json!({"fixed": 2})).sees([mine(1)]), "remove"),
    ]);
}

#[test]
fn what_is_gone_stays_gone() {
    assert_eq!(Case::marked(State::Gone).step(), "wait, Settled");
}
