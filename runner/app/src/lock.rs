//! `groundcrew.lock`: what an operator approved of each hook, spelled out.
//!
//! The file lies beside the configuration and belongs into version control. It holds, per hook, the digest of
//! its component and every grant, secret and sealed output of its stanza; words that stand for the same of every owner are
//! filled in, so that `{config.server}` is the server that was approved. `groundcrew add` writes it; `groundcrew up` refuses
//! a hook that differs, so neither a changed component nor a changed line of configuration gains reach
//! unseen. A hook that may do less than was approved differs too: the file says what is true.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use groundcrew_core::hash::Digest;
use serde::{Deserialize, Serialize};

use crate::config::{Config, Format, Hook, Place, Position, SealedGrant, SecretGrant, Sign};

/// The version of the file's format.
const VERSION: u32 = 1;

const HEAD: &str = "# What was approved of each hook, by `groundcrew add`; `groundcrew up` refuses a hook that differs.\n\
    # Keep it in version control beside the configuration.\n\n";

/// What was approved, of all hooks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approvals(BTreeMap<String, Approval>);

/// What was approved of one hook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Where its component was, for people; the digest is what counts.
    #[serde(rename = "use")]
    pub component: String,
    /// The digest of its component.
    pub digest: String,
    /// The digest of its candidate, which may take that one's place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<String>,
    /// What it may reach.
    pub allow: BTreeSet<String>,
    /// Its secrets: `NAME = FROM at POSITION to HOST`.
    pub secrets: BTreeSet<String>,
    /// Sealed outputs that it may send: `HOOK.OUTPUT at PLACE to HOST`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub sealed: BTreeSet<String>,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read or written.
    #[error("cannot use {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no such file.
    #[error("{} cannot be read", path.display())]
    Shape {
        /// Which.
        path: PathBuf,
        /// Why, with line and caret.
        source: Box<toml::de::Error>,
    },
    /// It was written by a newer version.
    #[error("{} has format {found}; this program knows {VERSION}", path.display())]
    Newer {
        /// Which.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    #[serde(default)]
    hook: BTreeMap<String, Approval>,
}

/// How a hook differs from what was approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The hook.
    pub hook: String,
    /// Each difference, as a line that begins with `+` (now, not approved) or `-` (approved, no longer so).
    pub lines: Vec<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hook `{}` differs from what was approved", self.hook)?;
        self.lines.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

impl Approval {
    /// What approving this hook with this component and candidate would say.
    pub fn of(hook: &Hook, digest: Digest, candidate: Option<Digest>) -> Self {
        Self {
            component: hook.component.to_string(),
            digest: digest.to_string(),
            candidate: candidate.map(|digest| digest.to_string()),
            allow: hook.reach().collect(),
            secrets: hook.secrets.iter().map(|(name, grant)| secret_line(name, grant)).collect(),
            sealed: hook.sealed.iter().map(|(output, grant)| sealed_line(output, grant)).collect(),
        }
    }

    /// All that it says, a line each.
    pub fn lines(&self) -> Vec<String> {
        let digest = std::iter::once(format!("component {} {}", self.component, self.digest));
        let allow = self.allow.iter().map(|grant| format!("allow {grant}"));
        let candidate = self.candidate.iter().map(|digest| format!("candidate {digest}"));
        digest
            .chain(candidate)
            .chain(allow)
            .chain(self.secrets.iter().map(|secret| format!("secret {secret}")))
            .chain(self.sealed.iter().map(|sealed| format!("sealed {sealed}")))
            .collect()
    }

    /// How `now` differs from this.
    fn differing(&self, now: &Self) -> Vec<String> {
        // A component that moved with the same bytes is the same component.
        let digests = (self.digest != now.digest).then(|| {
            [
                format!("- component {} {}", self.component, self.digest),
                format!("+ component {} {}", now.component, now.digest),
            ]
        });
        let is_other = self.candidate != now.candidate;
        let line = |sign: char, it: &Self| Some(format!("{sign} candidate {}", it.candidate.as_ref()?));
        let candidates = is_other.then(|| [line('-', self), line('+', now)].into_iter().flatten());
        let sets = [
            ("allow", &self.allow, &now.allow),
            ("secret", &self.secrets, &now.secrets),
            ("sealed", &self.sealed, &now.sealed),
        ];
        let sets = sets.into_iter().flat_map(|(word, was, is)| {
            let lost = was.difference(is).map(move |line| format!("- {word} {line}"));
            lost.chain(is.difference(was).map(move |line| format!("+ {word} {line}")))
        });
        digests.into_iter().flatten().chain(candidates.into_iter().flatten()).chain(sets).collect()
    }
}

impl Approvals {
    /// Where the file of a configuration lies.
    pub fn path(config: &Path) -> PathBuf {
        config.with_file_name("groundcrew.lock")
    }

    /// Reads the file; one that is not there approves nothing.
    pub fn read(path: &Path) -> Result<Self, Error> {
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(Error::File { path: path.to_owned(), source }),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        let written: Written = toml::from_str(text)
            .map_err(|source| Error::Shape { path: path.to_owned(), source: Box::new(source) })?;
        if written.version > VERSION {
            return Err(Error::Newer { path: path.to_owned(), found: written.version });
        }
        Ok(Self(written.hook))
    }

    /// Writes the file as a whole: the old one stays until the new one is complete.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let written = Written { version: VERSION, hook: self.0.clone() };
        let body = toml::to_string_pretty(&written).expect("invariant: approvals are TOML");
        let fresh = path.with_extension("lock.new");
        let write = || {
            fs::write(&fresh, format!("{HEAD}{body}"))?;
            fs::File::open(&fresh)?.sync_all()?;
            fs::rename(&fresh, path)
        };
        write().map_err(|source| Error::File { path: path.to_owned(), source })
    }

    /// What was approved of a hook.
    pub fn of(&self, hook: &str) -> Option<&Approval> {
        self.0.get(hook)
    }

    /// Approves a hook; replaces what was approved of it before.
    pub fn approve(&mut self, hook: &str, approval: Approval) {
        self.0.insert(hook.to_owned(), approval);
    }

    /// Forgets hooks that the configuration no longer has; returns their names.
    pub fn forget_others(&mut self, config: &Config) -> Vec<String> {
        let gone: Vec<_> = self.0.keys().filter(|name| !config.hooks.contains_key(*name)).cloned().collect();
        self.0.retain(|name, _| config.hooks.contains_key(name));
        gone
    }

    /// How one hook differs from what was approved; none: it does not.
    pub fn difference(&self, hook: &Hook, digest: Digest, candidate: Option<Digest>) -> Option<Difference> {
        let now = Approval::of(hook, digest, candidate);
        let lines = match self.of(&hook.name) {
            Some(approved) => approved.differing(&now),
            None => now.lines().into_iter().map(|line| format!("+ {line}")).collect(),
        };
        (!lines.is_empty()).then(|| Difference { hook: hook.name.clone(), lines })
    }
}

fn secret_line(name: &str, grant: &SecretGrant) -> String {
    let at = match &grant.at {
        Position::Header(header) => format!("header:{header}"),
        Position::Url => "url".to_owned(),
    };
    let to = grant.to.as_ref().map(|to| format!(" to {to}")).unwrap_or_default();
    let format = match grant.format {
        Format::Plain => "",
        Format::Fly => " as fly",
    };
    let sign = match &grant.sign {
        None => String::new(),
        Some(Sign::StandardWebhooks) => " signing standard-webhooks".to_owned(),
        Some(Sign::Sigv4 { region, service }) => format!(" signing sigv4 {region}/{service}"),
    };
    format!("{name} = {} at {at}{to}{format}{sign}", grant.from)
}

fn sealed_line(output: &str, grant: &SealedGrant) -> String {
    let at = match &grant.at {
        Place::Header(header) => format!("header:{header}"),
        Place::Json(pointer) => format!("json:{pointer}"),
    };
    format!("{output} at {at} to {}", grant.to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approval(digest: &str, allow: &[&str]) -> Approval {
        Approval {
            component: "builtin:dns".to_owned(),
            digest: digest.to_owned(),
            candidate: None,
            allow: allow.iter().map(|line| (*line).to_owned()).collect(),
            secrets: BTreeSet::from(["API_TOKEN = PDNS at header:x-api-key to pdns:8081".to_owned()]),
            sealed: BTreeSet::new(),
        }
    }

    #[test]
    fn what_was_approved_is_read_back_and_differences_are_spelled_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = Approvals::path(&dir.path().join("groundcrew.toml"));
        assert_eq!(Approvals::read(&path).unwrap(), Approvals::default());
        let mut approvals = Approvals::default();
        approvals.approve("dns", approval("aa", &["GET https://a/", "PATCH https://a/*"]));
        let candidate = Approval { candidate: Some("cc".to_owned()), ..approval("aa", &[]) };
        approvals.approve("next", candidate.clone());
        approvals.write(&path).unwrap();
        assert_eq!(Approvals::read(&path).unwrap(), approvals);
        assert_eq!(approval("aa", &[]).differing(&candidate), ["+ candidate cc"]);
        assert_eq!(candidate.differing(&approval("aa", &[])), ["- candidate cc"]);
        let differing = approvals
            .of("dns")
            .unwrap()
            .differing(&approval("bb", &["GET https://a/", "DELETE https://a/*"]));
        let expected = [
            "- component builtin:dns aa",
            "+ component builtin:dns bb",
            "- allow PATCH https://a/*",
            "+ allow DELETE https://a/*",
        ];
        assert_eq!(differing, expected);
    }

    #[test]
    fn a_damaged_or_newer_file_is_refused() {
        let parse =
            |text: &str| Approvals::parse(Path::new("groundcrew.lock"), text).unwrap_err().to_string();
        assert!(parse("version = 2").contains("has format 2"));
        assert!(parse("version = 1\n[hook.x]\n").contains("cannot be read"));
    }
}
