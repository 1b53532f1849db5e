//! The ledger row about one thing: its states, its names, and what they mean.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::hash::{Digest, base32};

/// A row's id: 10 characters of hash(installation, target, kind, key, inside), then 16 random ones.
///
/// Name, idempotency key and mark are derived from it: the same in every repetition of one creation,
/// different for the next. The installation is part of the hash because a thing may carry nothing but the name:
/// what another installation made for the same key must not look like this one's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RowId(String);

/// What a row is about, whichever row it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// Whose ledger.
    pub installation: &'a str,
    /// Where the hook's things live.
    pub target: &'a str,
    /// The thing's kind.
    pub kind: &'a str,
    /// The thing's key.
    pub key: &'a str,
    /// Empty, or the id of the owner that it dies with.
    pub inside: &'a str,
}

impl Place<'_> {
    fn hash(&self) -> String {
        let Self { installation, target, kind, key, inside } = self;
        let parts = [installation, target, kind, key, inside].map(|part| part.as_bytes());
        base32(Digest::of_parts(parts).as_bytes(), PLACE_LEN)
    }
}

const PLACE_LEN: usize = 10;
const ROW_LEN: usize = 26;

/// Longest installation id: with it a mark stays within 64 characters.
pub const INSTALLATION_MAX: usize = 32;

/// The text is no row id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no row; 26 characters of [a-z0-9] are expected")]
pub struct ParseError(String);

impl RowId {
    /// Makes the id of a new row from 10 random bytes.
    pub fn new(at: &Place<'_>, random: [u8; 10]) -> Self {
        Self(format!("{}{}", at.hash(), base32(&random, ROW_LEN - PLACE_LEN)))
    }

    /// The text; also the thing's host-made name and its idempotency key.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The mark of this row's thing.
    pub fn mark(&self, installation: &str) -> String {
        format!("gc1:{installation}:{}", self.0)
    }

    /// What it shares with every row of the same place.
    pub fn place(&self) -> &str {
        &self.0[..PLACE_LEN]
    }

    /// Whether it was made for a place.
    pub fn is_at(&self, place: &Place<'_>) -> bool {
        self.place() == place.hash()
    }

    /// Whether another row is about the same place.
    pub fn same_place(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl FromStr for RowId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if text.len() == ROW_LEN && text.chars().all(legal) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseError(text.to_owned()))
        }
    }
}

impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for RowId {
    type Error = ParseError;
    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<RowId> for String {
    fn from(row: RowId) -> Self {
        row.0
    }
}

/// Whose a mark is, seen from one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Whose {
    /// This row's.
    Mine,
    /// An earlier row's of the same place in this installation.
    Earlier,
    /// Another row's of this installation.
    Sibling,
    /// Another installation's, or no mark of ours at all.
    Foreign,
    /// The thing carries none.
    Unmarked,
}

/// What a thing is given for a mark that carries nothing but a host-made name.
///
/// The name says no installation; [`Place`] tells whether this one made it.
pub fn named(row: &RowId) -> String {
    row.mark("")
}

/// The installation and the row that a mark names; none if it is not of our making.
///
/// The installation is empty where the thing carries only a name.
pub fn marked_by(mark: &str) -> Option<(&str, RowId)> {
    let (installation, row) = mark.strip_prefix("gc1:")?.rsplit_once(':')?;
    Some((installation, row.parse().ok()?))
}

/// Says whose a mark is.
pub fn whose(mark: Option<&str>, row: &RowId, installation: &str) -> Whose {
    let Some(mark) = mark else { return Whose::Unmarked };
    match our_row(Some(mark), installation) {
        Some(id) if id == *row => Whose::Mine,
        Some(id) if id.same_place(row) => Whose::Earlier,
        Some(_) => Whose::Sibling,
        None => Whose::Foreign,
    }
}

/// The row that a mark names, if it is this installation's.
pub fn our_row(mark: Option<&str>, installation: &str) -> Option<RowId> {
    marked_by(mark?).filter(|(whose, _)| *whose == installation).map(|(_, row)| row)
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// The word in the store, in JSON and for people.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
        }

        impl std::str::FromStr for $name {
            type Err = $crate::row::UnknownWord;
            fn from_str(text: &str) -> Result<Self, $crate::row::UnknownWord> {
                match text { $($word => Ok(Self::$variant),)* _ => Err($crate::row::UnknownWord(text.to_owned())) }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use words;

/// A word that is not one of a closed set; a stored one means another version's database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown word `{0}`")]
pub struct UnknownWord(pub String);

words! {
    /// How far a thing is, as far as the ledger knows.
    State {
        /// Wanted; no creation has left yet, so nothing of ours exists.
        Creating = "creating",
        /// A creation has left, or is about to, and its outcome is not known.
        InDoubt = "in-doubt",
        /// It exists and is not ready yet.
        Pending = "pending",
        /// It exists.
        Present = "present",
        /// A change has left, or is about to, and its outcome is not known.
        Updating = "updating",
        /// A removal has left, or is about to; the next looks decide.
        Deleting = "deleting",
        /// Unwanted and left where it is, by policy.
        Retained = "retained",
        /// It does not exist; a successful look said so.
        Gone = "gone",
    }
}

words! {
    /// How a thing came to be ours.
    Origin {
        /// We made it.
        Created = "created",
        /// We made an anonymous thing, lost its answer, and this must be it.
        Presumed = "presumed",
        /// It was there, unmarked and equal, and policy took it over.
        Adopted = "adopted",
        /// An operator said that it is ours.
        Imported = "imported",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str, random: u8) -> RowId {
        let installation = "acme";
        let at = Place { installation, target: "dns zone=a", kind: "record", key, inside: "" };
        RowId::new(&at, [random; 10])
    }

    #[test]
    fn names_are_the_same_for_one_creation_and_differ_for_the_next() {
        assert_eq!(row("A/x", 1), row("A/x", 1));
        assert_ne!(row("A/x", 1), row("A/x", 2));
        assert!(row("A/x", 1).same_place(&row("A/x", 2)) && !row("A/x", 1).same_place(&row("A/y", 1)));
        assert_eq!(row("A/x", 1).to_string().parse::<RowId>().unwrap(), row("A/x", 1));
    }

    #[test]
    fn a_name_tells_the_installation_that_made_it() {
        let at =
            |installation, key| Place { installation, target: "dns zone=a", kind: "record", key, inside: "" };
        assert!(row("A/x", 1).is_at(&at("acme", "A/x")));
        assert!(!row("A/x", 1).is_at(&at("staging", "A/x")) && !row("A/x", 1).is_at(&at("acme", "A/y")));
    }

    #[test]
    fn a_mark_says_whose_a_thing_is() {
        let mine = row("A/x", 1);
        let judge = |mark: &str| whose(Some(mark), &mine, "acme");
        assert_eq!(judge(&mine.mark("acme")), Whose::Mine);
        assert_eq!(judge(&row("A/x", 9).mark("acme")), Whose::Earlier);
        assert_eq!(judge(&row("A/y", 1).mark("acme")), Whose::Sibling);
        assert_eq!(judge(&mine.mark("staging")), Whose::Foreign);
        assert_eq!(judge("heritage=external-dns"), Whose::Foreign);
        assert_eq!(whose(None, &mine, "acme"), Whose::Unmarked);
        assert!(mine.mark(&"i".repeat(INSTALLATION_MAX)).len() <= 64);
    }
}
