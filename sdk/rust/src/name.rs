//! Names that only the host makes, for things that can carry no other mark: `KEY-WORD`.
//!
//! The word is the host's own for one creation, [`Want::name`]: nobody else chooses it, and it tells which
//! installation made it for which key. So whatever carries it can be told from everybody else's, also by a runner
//! that lost its ledger.

use crate::Want;

/// Characters of the host's own words.
const WORD: usize = 26;

/// How many of them say what a word was made for: installation, target, kind and key.
const PLACE: usize = 10;

/// A name, taken apart.
///
/// ```
/// use groundcrew_hook::Named;
///
/// let name = "cust-7-db-abcdefghijklmnopqrstuvwxyz";
/// assert_eq!(Named::of(name), Named { key: "cust-7-db", word: Some("abcdefghijklmnopqrstuvwxyz") });
/// assert_eq!(Named::of("cust-7-db"), Named { key: "cust-7-db", word: None });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named<'a> {
    /// What stands before the word; without one, all of it.
    pub key: &'a str,
    /// The host's word, whichever host's.
    pub word: Option<&'a str>,
}

impl<'a> Named<'a> {
    /// Takes a name apart.
    pub fn of(name: &'a str) -> Self {
        let is_word = |word: &str| {
            word.len() == WORD && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        };
        match name.rsplit_once('-').filter(|(_, end)| is_word(end)) {
            Some((key, word)) => Self { key, word: Some(word) },
            None => Self { key: name, word: None },
        }
    }

    /// What a `scan` says for a mark: the host knows whether the word is one of its own.
    pub fn mark(&self) -> Option<String> {
        self.word.map(|word| format!("gc1::{word}"))
    }
}

impl Want {
    /// The name that only this creation has.
    pub fn own_name(&self) -> String {
        format!("{}-{}", self.key, self.name)
    }

    /// The mark that a name stands for: this creation's, or an earlier one's of this installation for the same key.
    ///
    /// The host tells the two apart. None for what somebody else named, another installation included.
    pub fn mark_in(&self, name: &str) -> Option<String> {
        let Named { key, word } = Named::of(name);
        let word = word.filter(|word| key == self.key && word.get(..PLACE) == self.name.get(..PLACE))?;
        Some(format!("{}{word}", self.mark.strip_suffix(&self.name)?))
    }

    /// Whether a name could be this thing's: its own, an earlier creation's, or the bare key, which is somebody else's.
    pub fn could_be_named(&self, name: &str) -> bool {
        name == self.key || self.mark_in(name).is_some()
    }
}

#[cfg(test)]
mod tests {
    use crate::json;
    use crate::testing::want;

    #[test]
    fn a_name_stands_for_the_mark_of_the_creation_that_it_was_made_for() {
        let want = want("cluster", "cust-7-db", json!({}));
        assert_eq!(want.mark_in(&want.own_name()), Some(want.mark.clone()));
        let earlier = format!("{}{}", &want.name[..10], "x".repeat(16));
        let mark = want.mark_in(&format!("cust-7-db-{earlier}"));
        assert_eq!(mark, Some(format!("gc1:test:{earlier}")));
        let others =
            ["cust-7-db".to_owned(), format!("cust-7-db-{}", "x".repeat(26)), format!("web-{earlier}")];
        assert!(others.iter().all(|name| want.mark_in(name).is_none()));
        assert_eq!(others.map(|name| want.could_be_named(&name)), [true, false, false]);
    }
}
