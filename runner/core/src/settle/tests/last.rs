//! The last look of a row whose creation was sent more than once.

use serde_json::json;

use super::*;

/// A row of this kind whose thing is gone, as two looks have shown; its creation was intended so long ago, and the
/// last one of it was over by ten seconds after this.
fn lost(class: Class, intended: i64, sent: i64) -> Case {
    let case = Case::new(class, row(State::Present));
    case.with(|row| {
        row.intended_at = Some(at(-intended));
        row.made_by = Some(at(10 - sent));
        row.absent_at = Some(at(-31));
    })
}

fn twin() -> Thing {
    thing("u", 1, Some(row_id(1).mark(HOME)))
}

fn others() -> [Thing; 2] {
    [strange(), earlier()].map(|thing| Thing { id: "x".to_owned(), ..thing })
}

/// As the look that the row ends with shows it.
fn shows(case: Case, things: impl IntoIterator<Item = Thing>) -> Case {
    let look = Look { began: NOW, at: Aim::Anything, things: things.into_iter().collect() };
    Case { look: Some(look), ..case }
}

#[test]
fn a_row_whose_creation_was_repeated_ends_with_a_look_for_the_other() {
    use Class::{Anonymous, Keyed, Marked, Natural};
    let removed = || {
        lost(Marked, 400, 300).unwanted().with(|row| {
            (row.state, row.removed_by) = (State::Deleting, Some(at(-60)));
        })
    };
    let held = || Case { held: vec!["u".to_owned()], ..lost(Marked, 400, 300) };
    check([
        ("sent once, it is simply gone", lost(Marked, 300, 300).sees([]), "gone, Lost"),
        ("sent twice, the other may be there", lost(Marked, 400, 300).sees([]), "look for Anything"),
        ("also where keys are remembered", lost(Keyed, 400, 300).sees([]), "look for Anything"),
        ("one place holds no second thing", lost(Natural, 400, 300).sees([]), "gone, Lost"),
        ("nothing tells which were ours", lost(Anonymous, 400, 300).sees([]), "gone, Lost"),
        ("also after our own removal", removed().sees([]), "look for Anything"),
        ("the other is there", shows(lost(Marked, 400, 300), [twin()]), "take u as created"),
        ("the other is there, and is to go", shows(removed(), [twin()]), "take u as created"),
        ("there is none", shows(lost(Marked, 400, 300), []), "gone, Lost"),
        ("what is there is not ours", shows(removed(), others()), "gone, Removed"),
        ("another row has it", shows(held(), [twin()]), "gone, Lost"),
    ]);
}

#[test]
fn what_is_taken_in_the_place_of_another_is_what_it_shows() {
    let written = json!({"v": 2, "fixed": 1});
    let mut sent = Row { spec: written.clone(), ..row(State::InDoubt) };
    sent.takes(&twin());
    assert_eq!((sent.spec, sent.thing.as_deref()), (written.clone(), Some("u")), "its creation made it");
    let mut changed = Row { spec: written.clone(), ..row(State::Updating) };
    changed.takes(&twin());
    assert_eq!((&changed.spec, changed.thing.as_deref()), (&twin().body, Some("u")), "it was never changed");
    // So it is brought to what is wanted, though foreign changes are only reported.
    changed.state = State::Present;
    let case = Case::new(Class::Marked, changed).wants(written);
    check([("what it shows is not wanted", case.sees([twin()]), "update")]);
}
