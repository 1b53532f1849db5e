//! A thing that exists and is wanted.

use super::*;

#[test]
fn a_present_thing_is_kept_as_it_is_wanted() {
    let case = || Case::marked(State::Present);
    let due = || case().with(|row| row.look_at = Some(NOW));
    let with = |drift| due().policy(|policy| policy.drift = drift);
    let young = || due().with(|row| row.made_by = Some(at(-10)));
    let newer = || case().wants(json!({"v": 2, "fixed": 1}));
    let reverted =
        |ago: i64| case().with(|row| (row.spec, row.made_by) = (json!({"v": 2, "fixed": 1}), Some(at(-ago))));
    let fought = |ago: &[i64]| {
        let repairs = ago.iter().map(|ago| at(-*ago)).collect();
        with(Drift::Repair).with(|row| row.repairs = repairs).sees([mine(3)])
    };
    check([
        ("nothing is due", case(), "wait 3600 s, Settled"),
        ("a look is due", due(), "look for Thing"),
        ("its id is not known", case().with(|row| row.thing = None), "look for Thing"),
        ("as wanted", due().sees([mine(1)]), "note"),
        ("something else is wanted", newer(), "look for Thing"),
        ("something else is wanted", newer().sees([mine(1)]), "update"),
        (
            "an earlier write may still land",
            newer().with(|row| row.made_by = Some(at(3))).sees([mine(1)]),
            "wait 3.001 s, Settling",
        ),
        ("what is wanted is there already", newer().sees([mine(2)]), "note"),
        ("what was before may only be shown still", reverted(10).sees([mine(1)]), "wait 20 s, Settling"),
        ("what was before is there", reverted(30).sees([mine(1)]), "note"),
        ("somebody changed it", due().sees([mine(3)]), "note, drifted: v"),
        ("somebody changed it: repair", with(Drift::Repair).sees([mine(3)]), "update"),
        ("somebody changes it back each time", fought(&[900, 300, 0]), "fought over v, again in 3600 s"),
        ("the last of three repairs was long before", fought(&[3_601, 300, 0]), "update"),
        ("two repairs are no fight", fought(&[300, 0]), "update"),
        ("fought over, and as wanted", fought(&[900, 300, 0]).sees([mine(1)]), "note"),
        ("somebody changed it: accept", with(Drift::Accept).sees([mine(3)]), "note"),
        ("our own change is not visible yet", young().sees([mine(3)]), "wait 20 s, Settling"),
        ("not ready, and half visible", young().sees([in_state(ThingState::Pending, mine(3))]), "note"),
        ("somebody else's mark", due().sees([strange()]), "changed: mark, again in 3600 s"),
        (
            "somebody else's mark, something else is wanted",
            newer().sees([strange()]),
            "changed: mark, again in 3600 s",
        ),
        ("the mark is lost", due().sees([unmarked("t", 1, None)]), "changed: mark, again in 3600 s"),
        ("the mark may not be visible yet", young().sees([unmarked("t", 1, None)]), "wait 20 s, Settling"),
        (
            "imported, with its own mark",
            due().with(|row| row.mark = strange().mark).sees([strange()]),
            "note",
        ),
        ("on its way out", newer().sees([in_state(ThingState::Removing, mine(1))]), "note"),
    ]);
}

#[test]
fn a_field_that_is_never_shown_is_compared_with_what_was_written() {
    let digest = |digest: &str| {
        let mut thing = mine(1);
        thing.body = json!({"fixed": 1, "digest": digest});
        thing
    };
    let case = |state: State, want: &str| {
        let spec = json!({"fixed": 1, "value": "one"});
        let row = Row { spec, observed: Some(digest("a").body), look_at: Some(NOW), ..row(state) };
        let case = Case::new(Class::Natural, row).wants(json!({"fixed": 1, "value": want}));
        case.policy(|policy| policy.shown_as = [("value".to_owned(), "digest".to_owned())].into())
    };
    let present = |want: &str| case(State::Present, want);
    let with = |drift| present("one").policy(|policy| policy.drift = drift);
    check([
        ("as it was left", present("one").sees([digest("a")]), "note"),
        ("another is wanted, though it looks the same", present("two").sees([digest("a")]), "update"),
        ("somebody changed it", present("one").sees([digest("b")]), "note, drifted: value"),
        ("somebody changed it: repair", with(Drift::Repair).sees([digest("b")]), "update"),
        ("somebody changed it: accept", with(Drift::Accept).sees([digest("b")]), "note"),
        (
            "our change may have come or not: sent again",
            case(State::Updating, "one").sees([digest("b")]),
            "update",
        ),
        (
            "somebody changed it before it was to go",
            present("one").unwanted().sees([digest("b")]),
            "changed: digest, again in 3600 s",
        ),
    ]);
}

#[test]
fn an_update_in_doubt_is_judged_after_settle() {
    let newer = json!({"v": 2, "fixed": 1});
    let case = |ago: i64| {
        let row = Row { spec: newer.clone(), made_by: Some(at(10 - ago)), ..row(State::Updating) };
        Case::new(Class::Marked, row).wants(newer.clone())
    };
    check([
        ("nothing is known", case(5), "look for Thing"),
        ("no effect yet", case(5).sees([mine(1)]), "wait 35 s, Settling"),
        ("an effect, but whose", case(5).sees([mine(2)]), "wait 35 s, Settling"),
        ("no effect", case(40).sees([mine(1)]), "update"),
        ("an effect", case(40).sees([mine(2)]), "note"),
        (
            "the old shape is wanted again",
            case(5).wants(json!({"v": 1, "fixed": 1})).sees([mine(1)]),
            "wait 35 s, Settling",
        ),
        ("unwanted: either shape is ours", case(5).unwanted().sees([mine(1)]), "remove"),
        ("unwanted: either shape is ours", case(5).unwanted().sees([mine(2)]), "remove"),
    ]);
}

#[test]
fn a_pending_thing_is_asked_again() {
    let case = |poll: i64| Case::marked(State::Pending).with(|row| row.poll_at = Some(at(poll)));
    check([
        ("not yet", case(5), "wait 5 s, Polling"),
        ("due", case(0), "look for Thing"),
        ("ready", case(0).sees([mine(1)]), "note"),
    ]);
}

#[test]
fn what_is_wanted_and_on_its_way_out_is_asked_again() {
    let case = |poll: i64| Case::marked(State::Present).with(|row| row.poll_at = Some(at(poll)));
    check([
        ("not yet", case(5), "wait 5 s, Polling"),
        ("due", case(0), "look for Thing"),
        ("overdue", case(-60), "look for Thing"),
        ("still there", case(0).sees([in_state(ThingState::Removing, mine(1))]), "note"),
        ("not shown any more", case(0).sees([]), "note absent"),
    ]);
}

#[test]
fn missing_needs_two_looks_settle_apart() {
    let case = |absent: Option<i64>| {
        Case::marked(State::Present)
            .with(|row| (row.absent_at, row.look_at) = (absent.map(at), Some(at(3_600))))
    };
    let young = case(None).with(|row| row.made_by = Some(at(-10)));
    check([
        ("our own write may be hidden", young.sees([]), "wait 20 s, Settling"),
        ("the first", case(None).sees([]), "note absent"),
        ("not yet", case(Some(-10)), "wait 20 s, Settling"),
        ("due", case(Some(-30)), "look for Thing"),
        ("too soon", case(Some(-10)).sees([]), "wait 20 s, Settling"),
        ("the second", case(Some(-30)).sees([]), "gone, Lost"),
        ("unwanted: the first", case(None).unwanted().sees([]), "note absent"),
        ("unwanted: the second", case(Some(-30)).unwanted().sees([]), "gone, Lost"),
    ]);
}

#[test]
fn a_thing_says_when_it_is_to_be_asked_again() {
    let slow = Thing { poll: Some(Millis::minutes(2)), ..in_state(ThingState::Pending, mine(1)) };
    let eager = Thing { poll: Some(Millis::ZERO), ..slow.clone() };
    assert_eq!(poll_after(&slow), Some(Millis::minutes(2)));
    assert_eq!(poll_after(&eager), Some(Millis::new(100)));
    assert_eq!(poll_after(&in_state(ThingState::Removing, mine(1))), Some(Millis::seconds(5)));
    assert_eq!(poll_after(&in_state(ThingState::Failed, mine(1))), None);
}
