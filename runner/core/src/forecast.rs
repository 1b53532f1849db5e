//! What another component or configuration would change of what owners want: counted before anything is done.
//!
//! It compares answers of `desired`, which is pure: nothing outside is asked, so it says what is *wanted* otherwise and
//! not how things are by now. That is for a plan.

use std::fmt::{self, Display};

use serde::Serialize;
use serde_json::Value;

use crate::spec::{Spec, canonical, differing};

/// What an owner wants at present.
#[derive(Clone, Copy, Debug)]
pub struct Had<'a> {
    /// Its kind.
    pub kind: &'a str,
    /// Its key.
    pub key: &'a str,
    /// Its body.
    pub body: &'a Value,
    /// Whether something was made for it, or may have been.
    pub exists: bool,
}

/// How much of a fleet would change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// Living owners that were answered before.
    pub owners: u32,
    /// Those of them that were asked.
    pub asked: u32,
    /// Those that could not be asked, or had no answer.
    pub unknown: u32,
    /// Those that want something else.
    pub changed: u32,
    /// Things that are wanted and were not.
    pub creates: u32,
    /// Things that are wanted otherwise.
    pub updates: u32,
    /// Things of which a field is wanted otherwise that cannot be changed in place.
    pub replaces: u32,
    /// Things that exist and are not wanted any more.
    pub drops: u32,
}

impl Forecast {
    /// Adds an owner that was asked; `immutable` says which fields of a kind cannot be changed in place.
    pub fn count<'k>(&mut self, had: &[Had<'_>], wants: &[Spec], immutable: impl Fn(&str) -> &'k [String]) {
        self.asked += 1;
        let before = *self;
        for want in wants {
            match had.iter().find(|had| had.kind == want.kind && had.key == want.key) {
                None => self.creates += 1,
                Some(had) if canonical(had.body) == canonical(&want.body) => {}
                // It is not there yet, and is made as it is wanted then.
                Some(had) if !had.exists => self.creates += 1,
                Some(had) => {
                    let fixed = immutable(&want.kind);
                    let differ = differing(&want.body, had.body);
                    let replaced = differ.iter().any(|field| fixed.iter().any(|fixed| fixed == field));
                    *(if replaced { &mut self.replaces } else { &mut self.updates }) += 1;
                }
            }
        }
        let wanted = |had: &&Had<'_>| wants.iter().any(|want| want.kind == had.kind && want.key == had.key);
        self.drops += had.iter().filter(|had| had.exists && !wanted(had)).count() as u32;
        self.changed += u32::from(*self != before);
    }

    /// Whether nothing is wanted otherwise, as far as that is known.
    pub const fn is_nothing(&self) -> bool {
        self.changed == 0
    }

    /// Whether something that exists would go.
    pub const fn removes(&self) -> bool {
        self.replaces > 0 || self.drops > 0
    }
}

/// Such as `changes 380 of 400 owners: makes 3 things, changes 377, replaces 3, asks for 12 no more`.
impl Display for Forecast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { owners, asked, unknown, changed, creates, updates, replaces, drops } = self;
        if asked + unknown < *owners {
            write!(f, "of {owners} owners the first {} were asked in time: ", asked + unknown)?;
        }
        write!(
            f,
            "changes {changed} of {} owners: makes {creates} things, changes {updates}, ",
            asked + unknown
        )?;
        write!(f, "replaces {replaces}, asks for {drops} no more")?;
        if *unknown > 0 {
            write!(f, "; {unknown} could not be asked")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(key: &str, body: Value) -> Spec {
        Spec { kind: "record".to_owned(), key: key.to_owned(), body, after: Vec::new() }
    }

    /// An owner that has `a` and `b`, and would have `c`.
    fn counted(wants: &[Spec]) -> Forecast {
        let body = json!({"ttl": 60, "type": "A"});
        let had = |key, exists| Had { kind: "record", key, body: &body, exists };
        let fixed = ["type".to_owned()];
        let mut forecast = Forecast { owners: 1, ..Forecast::default() };
        forecast.count(&[had("a", true), had("b", true), had("c", false)], wants, |_| &fixed);
        forecast
    }

    #[test]
    fn every_difference_counts_as_what_would_be_done() {
        let same = || json!({"type": "A", "ttl": 60});
        let all = |bodies: [Value; 3]| {
            let keys = ["a", "b", "c"];
            keys.into_iter().zip(bodies).map(|(key, body)| spec(key, body)).collect::<Vec<_>>()
        };
        let none = Forecast { owners: 1, asked: 1, ..Forecast::default() };
        let one = Forecast { changed: 1, ..none };
        let (otherwise, replaced) = (json!({"ttl": 300, "type": "A"}), json!({"ttl": 300, "type": "AAAA"}));
        let more = [all([same(), same(), same()]), vec![spec("d", same())]].concat();
        let table = [
            ("nothing", all([same(), same(), same()]), none),
            ("one more", more, Forecast { creates: 1, ..one }),
            ("a field", all([otherwise.clone(), same(), same()]), Forecast { updates: 1, ..one }),
            ("a fixed field", all([same(), replaced, same()]), Forecast { replaces: 1, ..one }),
            ("not made yet", all([same(), same(), otherwise.clone()]), Forecast { creates: 1, ..one }),
            ("one less", all([same(), same(), same()])[1..].to_vec(), Forecast { drops: 1, ..one }),
            ("nothing at all", vec![], Forecast { drops: 2, ..one }),
        ];
        for (name, wants, expected) in table {
            assert_eq!(counted(&wants), expected, "{name}");
        }
    }

    #[test]
    fn only_what_would_go_is_a_removal() {
        let one = Forecast { changed: 1, ..Forecast::default() };
        assert!(Forecast::default().is_nothing() && !one.is_nothing());
        assert!(!Forecast { creates: 3, updates: 3, ..one }.removes());
        assert!(Forecast { replaces: 1, ..one }.removes() && Forecast { drops: 1, ..one }.removes());
    }

    #[test]
    fn it_says_how_many_of_whom_and_what_is_not_known() {
        let all = Forecast {
            owners: 400,
            asked: 396,
            unknown: 4,
            changed: 380,
            creates: 1,
            updates: 377,
            replaces: 3,
            drops: 12,
        };
        assert_eq!(
            all.to_string(),
            "changes 380 of 400 owners: makes 1 things, changes 377, replaces 3, asks for 12 no more; 4 could not be asked"
        );
        let some = Forecast { owners: 9_000, unknown: 0, ..all };
        assert!(some.to_string().starts_with(
            "of 9000 owners the first 396 were asked in time: changes 380 of 396 owners: makes"
        ));
    }
}
