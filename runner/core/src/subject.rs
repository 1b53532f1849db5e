//! Subjects: the apps and machines that things are made for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An address of an app or a machine: `fly/{org}/{app}` or `fly/{org}/{app}/{machine}`.
///
/// It may be reused: a re-created app has the old path and a new [`Uid`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Path(String);

/// The platform's id of one incarnation, `app:{id}` or `machine:{id}`; never reused.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Uid(String);

/// Why a text is no path or id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Not `platform/org/app[/machine]`.
    #[error("`{0}` is no path; write `fly/ORG/APP` or `fly/ORG/APP/MACHINE`")]
    Path(String),
    /// Not `app:ID` or `machine:ID` of at most 64 characters of `[A-Za-z0-9:_-]`.
    #[error("`{0}` is no id; `app:ID` or `machine:ID` with at most 64 of [A-Za-z0-9:_-] is expected")]
    Uid(String),
}

/// What a subject is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SubjectKind {
    /// An app.
    App,
    /// A machine of an app.
    Machine,
}

impl Path {
    /// The path of an app.
    pub fn app(org: &str, app: &str) -> Result<Self, ParseError> {
        format!("fly/{org}/{app}").parse()
    }

    /// The path of a machine of the app at this path.
    pub fn machine(&self, machine: &str) -> Result<Self, ParseError> {
        format!("{}/{machine}", self.app_path()).parse()
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this addresses an app or a machine.
    pub fn kind(&self) -> SubjectKind {
        if self.0.split('/').count() == 3 { SubjectKind::App } else { SubjectKind::Machine }
    }

    /// The organisation's slug.
    pub fn org(&self) -> &str {
        self.part(1)
    }

    /// The app's name.
    pub fn app_name(&self) -> &str {
        self.part(2)
    }

    /// The machine's id, if this addresses a machine.
    pub fn machine_id(&self) -> Option<&str> {
        self.0.split('/').nth(3)
    }

    /// The path of the app: of a machine its app's, of an app its own.
    #[must_use]
    pub fn app_path(&self) -> Self {
        Self(self.0.split('/').take(3).collect::<Vec<_>>().join("/"))
    }

    fn part(&self, at: usize) -> &str {
        self.0.split('/').nth(at).expect("invariant: a path has three or four parts")
    }
}

impl FromStr for Path {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let word = |part: &str| {
            part != "."
                && part != ".."
                && !part.is_empty()
                && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        };
        let parts: Vec<_> = text.split('/').collect();
        let fits = matches!(parts.len(), 3 | 4) && parts.iter().all(|part| word(part)) && text.len() <= 200;
        if fits { Ok(Self(text.to_owned())) } else { Err(ParseError::Path(text.to_owned())) }
    }
}

impl Uid {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is an app's or a machine's.
    pub fn kind(&self) -> SubjectKind {
        if self.0.starts_with("app:") { SubjectKind::App } else { SubjectKind::Machine }
    }

    /// The platform's own id, without our prefix.
    pub fn platform_id(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, id)| id)
    }
}

impl FromStr for Uid {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let id = text.strip_prefix("app:").or_else(|| text.strip_prefix("machine:"));
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-');
        match id {
            Some(id) if !id.is_empty() && text.len() <= 64 && id.chars().all(legal) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(ParseError::Uid(text.to_owned())),
        }
    }
}

macro_rules! text_newtype {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl TryFrom<String> for $name {
            type Error = ParseError;
            fn try_from(text: String) -> Result<Self, ParseError> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}
text_newtype!(Path);
text_newtype!(Uid);

/// An app or a machine as last seen; what hooks are shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Its address.
    pub path: Path,
    /// Its incarnation.
    pub uid: Uid,
    /// The platform's own word, open; `gone` once its end is confirmed.
    pub state: String,
    /// One JSON object, merged from all label sources.
    pub labels: serde_json::Map<String, serde_json::Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_knows_its_parts() {
        let app = Path::app("acme", "cust-7").unwrap();
        let machine = app.machine("148e445b").unwrap();
        assert_eq!((app.kind(), machine.kind()), (SubjectKind::App, SubjectKind::Machine));
        assert_eq!(
            (machine.org(), machine.app_name(), machine.machine_id()),
            ("acme", "cust-7", Some("148e445b"))
        );
        assert_eq!(machine.app_path(), app);
    }

    #[test]
    fn bad_paths_and_ids_are_refused() {
        for bad in ["", "fly", "fly/acme", "fly//x", "fly/a/b/c/d", "fly/a/b c", "fly/a/../b", "fly/a/é"] {
            let parsed = bad.parse::<Path>();
            assert!(parsed.is_err(), "{bad}");
        }
        for bad in ["", "app:", "volume:1", "app:a b", &format!("app:{}", "x".repeat(61))] {
            assert!(bad.parse::<Uid>().is_err(), "{bad}");
        }
    }
}
