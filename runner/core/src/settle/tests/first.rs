//! A row whose creation has not left yet.

use super::*;

#[test]
fn before_the_first_creation_there_is_a_look() {
    use Class::{Anonymous, Keyed, Marked, Natural};
    let case = |class| Case::new(class, row(State::Creating));
    let busy = |class| Case { busy: true, ..case(class) };
    let adopting = |adopt| case(Natural).policy(|policy| policy.adopt = adopt);
    let recovering = |class| case(class).policy(|policy| policy.adopt = Adopt::Recover);
    let held = Case { held: vec!["t".to_owned()], ..case(Marked) };
    check([
        ("unwanted before it was sent", case(Marked).unwanted(), "gone, NeverMade"),
        ("nothing is known", case(Natural), "look for Anything"),
        ("nothing is there", case(Natural).sees([]), "create, before: "),
        ("ours, from a ledger that was restored", case(Marked).sees([mine(1)]), "take t as created"),
        ("an earlier row's", case(Marked).sees([earlier()]), "take t as created"),
        ("an earlier row's that another row holds", held.sees([earlier()]), "create, before: t"),
        (
            "an earlier row's, never adopted",
            adopting(Adopt::Never).sees([earlier()]),
            "conflict with t, again in 300 s",
        ),
        ("somebody else has the key", case(Natural).sees([strange()]), "conflict with t, again in 300 s"),
        ("others do not matter where marks tell", case(Marked).sees([strange()]), "create, before: t"),
        (
            "others do not matter where keys tell",
            case(Keyed).sees([unmarked("a", 1, None)]),
            "create, before: a",
        ),
        (
            "equal, but marks are asked for",
            case(Natural).sees([unmarked("a", 1, None)]),
            "conflict with a, again in 300 s",
        ),
        ("equal", adopting(Adopt::Exact).sees([unmarked("a", 1, None)]), "take a as adopted"),
        (
            "different",
            adopting(Adopt::Exact).sees([unmarked("a", 2, None)]),
            "conflict with a, again in 300 s",
        ),
        ("equal, and marked", adopting(Adopt::Exact).sees([strange()]), "conflict with t, again in 300 s"),
        ("recovering: equal", adopting(Adopt::Recover).sees([unmarked("a", 1, None)]), "take a as presumed"),
        ("recovering: an earlier row's", adopting(Adopt::Recover).sees([earlier()]), "take t as created"),
        (
            "recovering: different",
            adopting(Adopt::Recover).sees([unmarked("a", 2, None)]),
            "conflict with a, again in 300 s",
        ),
        (
            "recovering: one of an anonymous kind",
            recovering(Anonymous).sees([unmarked("a", 1, None), unmarked("b", 2, None)]),
            "take a as presumed",
        ),
        (
            "recovering: one of an anonymous kind that another row holds",
            Case { held: vec!["a".to_owned()], ..recovering(Anonymous) }.sees([unmarked("a", 1, None)]),
            "create, before: a",
        ),
        (
            "recovering: two that fit",
            recovering(Anonymous).sees([unmarked("a", 1, None), unmarked("b", 1, None)]),
            "ambiguous: a b, again in 300 s",
        ),
        (
            "recovering: a key is as good as forgotten",
            recovering(Keyed).sees([unmarked("a", 1, None)]),
            "take a as presumed",
        ),
        (
            "recovering: what is always marked, and is not",
            recovering(Marked).sees([unmarked("a", 1, None)]),
            "create, before: a",
        ),
        ("anonymous: the pre-image", case(Anonymous).sees([unmarked("a", 1, None)]), "create, before: a"),
        ("anonymous: one at a time", busy(Anonymous).sees([]), "wait 1 s, Turn"),
        ("the others need not wait", busy(Marked).sees([]), "create, before: "),
    ]);
}

#[test]
fn while_a_ledger_is_rebuilt_nothing_is_missing_before_it_must_show() {
    use Class::{Anonymous, Keyed, Marked, Natural};
    let lost = |class, ago: i64| {
        Case::new(class, row(State::Creating)).policy(|policy| {
            (policy.adopt, policy.lost_at) = (Adopt::Recover, Some(at(-ago)));
        })
    };
    check([
        ("it may have been sent, and be hidden", lost(Marked, 0).sees([]), "wait 7.5 s, Settling"),
        ("of whatever class", lost(Anonymous, 0).sees([]), "wait 7.5 s, Settling"),
        ("it must show in a second", lost(Keyed, 39).sees([]), "wait 1 s, Settling"),
        ("it would show", lost(Marked, 40).sees([]), "create, before: "),
        ("a look that began before it must", lost(Marked, 40).saw(-1, []), "wait 0 s, Settling"),
        ("what shows is taken at once", lost(Marked, 0).sees([mine(1)]), "take t as created"),
        (
            "what is otherwise may show as it was before a change",
            lost(Natural, 0).sees([unmarked("a", 2, None)]),
            "wait 7.5 s, Settling",
        ),
        (
            "and by then is somebody else's",
            lost(Natural, 40).sees([unmarked("a", 2, None)]),
            "conflict with a, again in 300 s",
        ),
        ("our clock was set since", lost(Marked, 1_000).set(5, 100).sees([]), "wait 7.5 s, Settling"),
    ]);
}
