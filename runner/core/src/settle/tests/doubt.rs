//! A creation of which nobody knows what became, by class.

use super::*;

#[test]
fn a_natural_creation_in_doubt_is_sent_again_at_once() {
    let case = |ago| Case::doubt(Class::Natural, ago);
    let in_pre_image = case(5).with(|row| row.before = vec!["t".to_owned()]);
    check([
        ("nothing is known", case(5), "look for Anything"),
        ("not there", case(5).sees([]), "create, before: "),
        ("with our mark", case(5).sees([mine(1)]), "take t as created"),
        ("without marks: exactly our spec", case(5).sees([unmarked("t", 1, None)]), "take t as created"),
        (
            "without marks: not our spec",
            case(50).sees([unmarked("t", 2, None)]),
            "conflict with t, again in 300 s",
        ),
        (
            "without marks, and it was there before",
            in_pre_image.sees([unmarked("t", 1, None)]),
            "wait 7.5 s, Settling",
        ),
        ("somebody else's, ours may be hidden behind it", case(5).sees([strange()]), "wait 7.5 s, Settling"),
        ("somebody else's", case(50).sees([strange()]), "conflict with t, again in 300 s"),
    ]);
}

#[test]
fn a_marked_creation_in_doubt_waits_for_settle() {
    let case = |ago| Case::doubt(Class::Marked, ago);
    check([
        ("not there, it may be hidden", case(5).sees([]), "wait 7.5 s, Settling"),
        ("the last look is at the end of settle", case(35).sees([]), "wait 5 s, Settling"),
        ("a look from before the end of settle", case(50).saw(-11, []), "wait 0 s, Settling"),
        ("not there", case(40).sees([]), "create, before: "),
        ("others are noted", case(40).sees([strange()]), "create, before: t"),
        ("ours, early", case(1).sees([mine(1)]), "take t as created"),
        ("only an earlier row's", case(40).sees([earlier()]), "create, before: t"),
    ]);
}

#[test]
fn a_key_is_sent_again_while_the_api_remembers_it() {
    let case = |ago| Case::doubt(Class::Keyed, ago).with(|row| row.before = vec!["a".to_owned()]);
    let (old, new) = (unmarked("a", 1, Some(-90)), unmarked("b", 1, Some(-65)));
    check([
        ("remembered; the pre-image stays", case(5).sees([unmarked("b", 1, None)]), "create, before: a"),
        ("ours by its mark", case(5).sees([mine(1)]), "take t as created"),
        ("forgotten when it would take effect", case(45).sees([strange()]), "create, before: a t"),
        ("forgotten, with marks: ours", case(70).sees([mine(1)]), "take t as created"),
        ("forgotten, without marks", case(70).sees([old.clone(), new]), "take b as presumed"),
        ("forgotten, without marks, and not there", case(70).sees([old]), "create, before: a"),
    ]);
}

#[test]
fn a_creation_is_not_repeated_whatever_the_api_takes_for_the_time() {
    let doubt = || Case::doubt(Class::Anonymous, 60).with(|row| row.before = vec!["old".to_owned()]);
    // Ours, if the clocks are apart by so much; somebody else's, if not.
    for seconds in [-36_000, -3_600, -75, -66, -44, 0, 75, 3_600, 36_000] {
        let case = doubt().sees([unmarked("old", 1, Some(seconds)), unmarked("a", 1, Some(seconds))]);
        assert_eq!(case.step(), "ambiguous: a, again in 300 s", "{seconds} s");
    }
    let beside = doubt().sees([unmarked("a", 1, Some(-59)), unmarked("b", 1, Some(3_600))]);
    assert_eq!(beside.step(), "ambiguous: a b, again in 300 s", "one of them is");
    let watched = doubt().unwanted().sees([unmarked("a", 1, Some(3_600))]);
    assert_eq!(watched.step(), "ambiguous: a, again in 3600 s");
}

#[test]
fn an_anonymous_creation_in_doubt_is_judged_late_and_once() {
    let case = |ago| Case::doubt(Class::Anonymous, ago).with(|row| row.before = vec!["old".to_owned()]);
    let at = |id, made| unmarked(id, 1, Some(made));
    let held = Case { held: vec!["b".to_owned()], ..case(40) };
    let theirs = |id, made| Thing { mark: Some(row_id(1).mark("staging")), ..at(id, made) };
    let tagged = |id, made| Thing { mark: Some("by hand".to_owned()), ..at(id, made) };
    check([
        ("too early, whatever is there", case(5).sees([at("a", -4)]), "wait 7.5 s, Settling"),
        ("the only new one", case(40).sees([at("old", -40), at("a", -38)]), "take a as presumed"),
        ("give or take the clocks: too early", case(40).sees([at("a", -46)]), "ambiguous: a, again in 300 s"),
        ("give or take the clocks: just not", case(40).sees([at("a", -45)]), "take a as presumed"),
        ("give or take the clocks: just not", case(40).sees([at("a", -25)]), "take a as presumed"),
        ("give or take the clocks: too late", case(40).sees([at("a", -24)]), "ambiguous: a, again in 300 s"),
        ("two could be ours", case(40).sees([at("a", -38), at("b", -37)]), "ambiguous: a b, again in 300 s"),
        ("one of them is another row's", held.sees([at("a", -38), at("b", -37)]), "take a as presumed"),
        (
            "one of them is another installation's",
            case(40).sees([at("a", -38), theirs("b", -37)]),
            "take a as presumed",
        ),
        ("all of them are", case(40).sees([theirs("b", -37)]), "create, before: b old"),
        ("a mark that is nobody's", case(40).sees([tagged("a", -38)]), "take a as presumed"),
        (
            "the API does not say when",
            case(40).sees([unmarked("a", 1, None)]),
            "ambiguous: a, again in 300 s",
        ),
        ("nothing new", case(40).sees([at("old", -40)]), "create, before: old"),
        ("unwanted and there", case(40).unwanted().sees([at("a", -38)]), "take a as presumed"),
        (
            "unwanted, and it cannot be known",
            case(40).unwanted().sees([unmarked("a", 1, None)]),
            "ambiguous: a, again in 3600 s",
        ),
        ("unwanted and not there", case(40).unwanted().sees([at("old", -40)]), "wait 30 s, Watching"),
    ]);
}

#[test]
fn a_creation_whose_want_went_is_watched_for_a_day() {
    const DAY: i64 = 86_400;
    let case = |ago| Case::doubt(Class::Marked, ago).unwanted();
    check([
        ("it may still take effect", case(5).sees([]), "wait 7.5 s, Settling"),
        ("it should be visible by now", case(40).sees([]), "wait 30 s, Watching"),
        ("seldomer the longer it stays away", case(640).sees([]), "wait 600 s, Watching"),
        ("the last look is at the end", case(40 + DAY - 60).sees([]), "wait 60 s, Watching"),
        ("a day is over", case(40 + DAY).sees([]), "gone, NeverSeen"),
        ("it turns up late", case(640).sees([mine(1)]), "take t as created"),
        ("wanted again", case(640).wants(json!({"v": 2})).sees([]), "create, before: "),
    ]);
}

#[test]
fn a_creation_keeps_its_listing_only_while_something_of_it_can_appear() {
    let occupied = |case: &Case| case.occupies();
    let doubt = |ago| Case::doubt(Class::Anonymous, ago);
    assert!(occupied(&doubt(0)) && occupied(&doubt(50)));
    assert!(!occupied(&doubt(51)), "nothing of it can appear any more");
    assert!(
        !occupied(&Case::new(Class::Anonymous, row(State::Creating))),
        "two new rows would wait for each other"
    );
    assert!(!occupied(&Case::new(Class::Anonymous, row(State::Present))));
    assert!(occupied(&doubt(0).with(|row| row.made_by = None)), "unknown is not over");
}

#[test]
fn what_was_sent_for_an_earlier_incarnation_is_looked_for_and_never_sent_again() {
    let case = |class, ago| Case::doubt(class, ago).with(|row| row.inherited_at = Some(NOW));
    for class in [Class::Keyed, Class::Marked, Class::Anonymous] {
        assert_eq!(case(class, 20).sees([]).step(), "wait 7.5 s, Settling", "{class:?}");
        assert_eq!(case(class, 50).sees([]).step(), "gone, NeverSeen", "{class:?}");
    }
    let answered = case(Class::Anonymous, 50).with(|row| row.thing = Some("t".to_owned()));
    assert_eq!(answered.sees([unmarked("t", 1, None)]).step(), "take t as created");
    let natural = case(Class::Natural, 20).with(|row| row.thing = Some("t".to_owned()));
    assert_eq!(natural.sees([]).step(), "create, before: ");
}
