//! Telling a handler that came later of everybody who lives: `app.present`, `machine.present`.
//!
//! A first start adopts what is there without a word: nothing *happened*. So a handler learns of the living only
//! when somebody asks for it, by events that say just that: they are there. The words are the runner's own, like all
//! that begin with `app.` and `machine.`, and no pattern has to name them: who is asked for is told.

use serde::{Deserialize, Serialize};

use crate::hash::Digest;
use crate::row::words;
use crate::subject::{SubjectKind, Uid};

words! {
    /// Of whom a handler is told.
    Kinds {
        /// Of apps.
        App = "app",
        /// Of machines.
        Machine = "machine",
        /// Of both.
        Both = "both",
    }
}

impl Kinds {
    /// Those that a handler listens to by its patterns; none: of neither.
    pub fn of_patterns<'a>(on: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let (mut app, mut machine) = (false, false);
        for pattern in on {
            let meets = |start: &str| match pattern.strip_suffix('*') {
                Some(beginning) => start.starts_with(beginning) || beginning.starts_with(start),
                None => pattern.starts_with(start),
            };
            app |= meets("app.");
            machine |= meets("machine.");
        }
        match (app, machine) {
            (true, true) => Some(Self::Both),
            (true, false) => Some(Self::App),
            (false, true) => Some(Self::Machine),
            (false, false) => None,
        }
    }

    /// Whether subjects of a kind are among them.
    pub fn has(self, kind: SubjectKind) -> bool {
        match self {
            Self::Both => true,
            Self::App => kind == SubjectKind::App,
            Self::Machine => kind == SubjectKind::Machine,
        }
    }
}

/// The kind of event that says that somebody is there.
pub const fn event_kind(kind: SubjectKind) -> &'static str {
    match kind {
        SubjectKind::App => "app.present",
        SubjectKind::Machine => "machine.present",
    }
}

/// The id of the event about one subject: the same however often it is told.
pub fn event_id(backfill: i64, hook: i64, uid: &Uid) -> Digest {
    Digest::of_parts([
        b"present".as_slice(),
        &backfill.to_le_bytes(),
        &hook.to_le_bytes(),
        uid.as_str().as_bytes(),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_say_of_whom_a_handler_wants_to_hear() {
        for (on, expected) in [
            (&["app.created"][..], Some(Kinds::App)),
            (&["app.*", "finding.*"], Some(Kinds::App)),
            (&["machine.st*"], Some(Kinds::Machine)),
            (&["app.deleted", "machine.*"], Some(Kinds::Both)),
            (&["*"], Some(Kinds::Both)),
            (&["a*"], Some(Kinds::App)),
            (&["finding.opened", "tick"], None),
            (&[], None),
        ] {
            assert_eq!(Kinds::of_patterns(on.iter().copied()), expected, "{on:?}");
        }
    }

    #[test]
    fn an_event_is_one_subjects_of_one_backfill_of_one_hook() {
        let uid = |text: &str| text.parse::<Uid>().unwrap();
        let one = event_id(1, 2, &uid("app:a"));
        assert_eq!(one, event_id(1, 2, &uid("app:a")));
        for other in
            [event_id(2, 2, &uid("app:a")), event_id(1, 3, &uid("app:a")), event_id(1, 2, &uid("app:b"))]
        {
            assert_ne!(one, other);
        }
    }
}
