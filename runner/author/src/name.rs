//! Names of hooks: legal in the manifest and as a package of every language.

use std::fmt;
use std::str::FromStr;

/// A hook's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

/// Why a text is no name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Illegal {
    /// Other characters, too long, or empty.
    #[error(
        "`{0}` is no name; at most 40 characters of [a-z0-9-], a letter first and no `-` at the end, are expected"
    )]
    Shape(String),
    /// A word that some toolchain keeps for itself.
    #[error("`{0}` is a word of its own in Rust, Go or npm; take another, for example `{0}-hook`")]
    Taken(String),
}

/// Words that cannot name a package: keywords and crates of Rust, folders that toolchains pass over.
const TAKEN: [&str; 63] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "build",
    "const",
    "continue",
    "core",
    "crate",
    "deps",
    "do",
    "dyn",
    "else",
    "enum",
    "examples",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "hook",
    "if",
    "impl",
    "in",
    "incremental",
    "internal",
    "let",
    "loop",
    "macro",
    "main",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "vendor",
    "virtual",
    "where",
    "while",
    "yield",
];

impl Name {
    /// The name as it is.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as an identifier: `cdn_zone`.
    pub fn snake(&self) -> String {
        self.0.replace('-', "_")
    }
}

impl FromStr for Name {
    type Err = Illegal;

    fn from_str(text: &str) -> Result<Self, Illegal> {
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let shaped = text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.len() <= 40
            && text.chars().all(legal)
            && !text.ends_with('-')
            && !text.contains("--");
        if !shaped {
            return Err(Illegal::Shape(text.to_owned()));
        }
        if TAKEN.contains(&text) {
            return Err(Illegal::Taken(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_legal_in_every_language_or_refused() {
        assert_eq!("cdn-zone".parse::<Name>().unwrap().snake(), "cdn_zone");
        for bad in ["", "Zone", "9to5", "a_b", "-a", "a-", "a--b", "../a", "zür", &"a".repeat(41)] {
            assert!(matches!(bad.parse::<Name>(), Err(Illegal::Shape(_))), "{bad}");
        }
        for taken in ["fn", "std", "test", "internal", "yield", "hook"] {
            assert!(matches!(taken.parse::<Name>(), Err(Illegal::Taken(_))), "{taken}");
        }
    }
}
