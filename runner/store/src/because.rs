//! What makes a provisioner's lane due, as its runs remember it.
//!
//! The reconciler does the same whatever the reason: it is kept for people alone. A lane has the last one since it was
//! looked at; those before it are not kept. One that this program does not know is read as none.

use std::fmt;
use std::str::FromStr;

/// Why a provisioner's lane is owed a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// An event of its owner, or of a machine of it; its place in the inbox.
    Event(i64),
    /// A source sees its owner otherwise, and has no event of that.
    Seen,
    /// Labels of its owner changed.
    Labels,
    /// What it reads changed, or is read no more.
    Reads,
    /// Things changed hands, or a place became free.
    Ledger,
    /// A listing shows a thing otherwise than it should be.
    Listing,
    /// A person asked for it.
    Person,
    /// Everybody is owed a look.
    Sweep,
}

impl Because {
    /// All but events.
    const WORDS: [Self; 7] =
        [Self::Seen, Self::Labels, Self::Reads, Self::Ledger, Self::Listing, Self::Person, Self::Sweep];
}

/// As it is kept: `e12`, or a word.
impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Event(seq) => return write!(f, "e{seq}"),
            Self::Seen => "seen",
            Self::Labels => "labels",
            Self::Reads => "reads",
            Self::Ledger => "ledger",
            Self::Listing => "listing",
            Self::Person => "person",
            Self::Sweep => "sweep",
        })
    }
}

/// It is no reason that this program knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no reason for a look")]
pub struct Unknown(String);

impl FromStr for Because {
    type Err = Unknown;

    fn from_str(text: &str) -> Result<Self, Unknown> {
        let event = text.strip_prefix('e').and_then(|seq| seq.parse().ok()).map(Self::Event);
        let word = || Self::WORDS.into_iter().find(|word| word.to_string() == text);
        event.or_else(word).ok_or_else(|| Unknown(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_back() {
        for because in Because::WORDS.into_iter().chain([Because::Event(12)]) {
            assert_eq!(because.to_string().parse(), Ok(because));
        }
        assert_eq!("e12".parse(), Ok(Because::Event(12)));
        for text in ["", "e", "12", "ex", "Person"] {
            assert_eq!(text.parse::<Because>(), Err(Unknown(text.to_owned())));
        }
    }
}
