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
fn what_is_taken_is_what_it_shows() {
    let written = json!({"v": 2, "fixed": 7, "later": true, "secret": "x", "unset": "y"});
    let shown_as = [("secret", "digest"), ("unset", "other")];
    let twin = || {
        let mut twin = twin();
        twin.body["digest"] = json!("d");
        twin
    };
    let policy = Policy {
        immutable: vec!["fixed".to_owned()],
        shown_as: shown_as.map(|(name, instead)| (name.to_owned(), instead.to_owned())).into(),
        ..Case::new(Class::Marked, row(State::Present)).policy
    };
    let mut adopted = Row { spec: written.clone(), ..row(State::Creating) };
    adopted.takes(&twin(), &policy);
    assert_eq!(adopted.spec, written, "what it is otherwise, others made it");
    for state in [State::InDoubt, State::Updating] {
        let mut taken = Row { spec: written.clone(), ..row(state) };
        taken.takes(&twin(), &policy);
        let known = json!({"v": 1, "fixed": 7, "secret": "x"});
        assert_eq!((&taken.spec, taken.thing.as_deref()), (&known, Some("u")), "{state:?}");
        // So it is brought to what is wanted, though foreign changes are only reported.
        taken.state = State::Present;
        let case = Case::new(Class::Marked, taken).wants(json!({"v": 2, "fixed": 7}));
        check([("what it shows is not wanted", case.sees([twin()]), "update")]);
    }
}
