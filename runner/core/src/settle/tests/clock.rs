//! Our clock is set.

use super::*;

/// Forward by an hour some seconds ago: what was sent just before looks as if it were long over.
#[test]
fn a_clock_that_is_set_forward_ends_no_wait() {
    let doubt = |class| Case::doubt(class, 3_600).set(5, -5);
    check([
        ("it may still take effect", doubt(Class::Marked).sees([]), "wait 7.5 s, Settling"),
        ("and be hidden", doubt(Class::Marked).set(39, -39).sees([]), "wait 1 s, Settling"),
        ("it is over", doubt(Class::Marked).set(40, -40).sees([]), "create, before: "),
        ("anonymous", doubt(Class::Anonymous).sees([]), "wait 7.5 s, Settling"),
        ("a key may be forgotten", doubt(Class::Keyed).sees([]), "wait 7.5 s, Settling"),
        ("a natural one is sent again at once", doubt(Class::Natural).sees([]), "create, before: "),
        ("unwanted", doubt(Class::Marked).unwanted().sees([]), "wait 7.5 s, Settling"),
        (
            "what was sent since is as old as it looks",
            Case::doubt(Class::Marked, 40).set(60, -60).sees([]),
            "create, before: ",
        ),
    ]);
    let occupied = |ago| doubt(Class::Anonymous).set(ago, -ago).occupies();
    assert!(occupied(50) && !occupied(51));
}

#[test]
fn a_clock_that_is_set_forward_makes_nothing_missing_or_removed() {
    let present = || Case::marked(State::Present).with(|row| row.look_at = Some(NOW)).set(5, -5);
    let deleting =
        || Case::marked(State::Deleting).unwanted().with(|row| row.removed_by = Some(at(-3_600))).set(5, -5);
    let absent = |row: &mut Row| row.absent_at = Some(at(-3_600));
    check([
        ("made just before", present().sees([]), "wait 35 s, Settling"),
        ("made long before", present().set(40, -40).sees([]), "note absent"),
        (
            "the first look was before",
            present().set(41, -41).with(absent).with(|row| row.made_by = None).sees([]),
            "gone, Lost",
        ),
        (
            "and just before",
            present().with(absent).with(|row| row.made_by = None).sees([]),
            "wait 25 s, Settling",
        ),
        ("the removal may not have come", deleting().sees([]), "wait 35 s, Settling"),
        (
            "a change waits for what was sent",
            present().wants(json!({"v": 2, "fixed": 1})).sees([mine(1)]),
            "wait 5.001 s, Settling",
        ),
    ]);
}

/// Back by an hour ten minutes ago: what is an hour old looks new.
#[test]
fn a_clock_that_is_set_back_makes_no_key_young() {
    let remembered = |row: &mut Row| row.before = vec!["a".to_owned()];
    let case = || Case::doubt(Class::Keyed, 20).with(remembered).set(600, 3_000);
    assert_eq!(case().sees([unmarked("b", 1, Some(-15))]).step(), "wait 7.5 s, Settling");
    let since = || case().set(600, -600);
    assert_eq!(since().sees([unmarked("b", 1, Some(-15))]).step(), "create, before: a");
}
