//! Record sets in one canonical shape: lower-case names without the last dot, sorted values without quotes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use groundcrew_hook::{Failure, Result, Thing, json};
use serde::{Deserialize, Serialize};

/// The longest name, in characters without the last dot (RFC 1035).
const NAME_MAX: usize = 253;

/// What stands for `*` in a mark's name.
const WILDCARD: &str = "-any";

/// A record type that this hook makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Kind {
    /// An IPv4 address.
    A,
    /// An IPv6 address.
    Aaaa,
    /// Another name.
    Cname,
    /// Text.
    Txt,
}

impl Kind {
    /// A value of this type in its canonical shape.
    fn canonical(self, value: &str) -> Result<String> {
        let wrong = |what: &str| Failure::lasting(format!("`{value}` is no {what}"));
        match self {
            Self::A => value.parse::<Ipv4Addr>().map(|ip| ip.to_string()).map_err(|_| wrong("IPv4 address")),
            Self::Aaaa => {
                value.parse::<Ipv6Addr>().map(|ip| ip.to_string()).map_err(|_| wrong("IPv6 address"))
            }
            Self::Cname => Ok(canonical_name(value)),
            Self::Txt => Ok(value.to_owned()),
        }
    }
}

impl Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Cname => "CNAME",
            Self::Txt => "TXT",
        })
    }
}

impl FromStr for Kind {
    type Err = Failure;
    fn from_str(word: &str) -> Result<Self> {
        match word {
            "A" => Ok(Self::A),
            "AAAA" => Ok(Self::Aaaa),
            "CNAME" => Ok(Self::Cname),
            "TXT" => Ok(Self::Txt),
            other => {
                Err(Failure::lasting(format!("record type `{other}`: A, AAAA, CNAME or TXT are made here")))
            }
        }
    }
}

/// A name in lower case and without the last dot.
pub fn canonical_name(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// One record set. Also the shape of the thing's body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordSet {
    /// Canonical.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Seconds.
    pub ttl: u32,
    /// Canonical, each once. Empty of what is found: all its values are switched off.
    pub values: BTreeSet<String>,
    /// What the set holds besides: what is switched off, what is told to some resolvers only. Shown, never wished for.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub disabled: BTreeSet<String>,
    /// The values among `disabled` that are told to some resolvers all the same; no part of the body.
    #[serde(skip)]
    pub special: BTreeSet<String>,
}

impl RecordSet {
    /// A set in its canonical shape, if it is one that a name server takes.
    ///
    /// # Errors
    /// Says what is wrong with which value.
    pub fn new(kind: Kind, name: &str, ttl: u32, values: &[String]) -> Result<Self> {
        let values = values.iter().map(|value| kind.canonical(value)).collect::<Result<_>>();
        let name = canonical_name(name);
        let values = values.map_err(|failure: Failure| failure.context(format!("{kind}/{name}")))?;
        Self::checked(Self { name, kind, ttl, values, disabled: BTreeSet::new(), special: BTreeSet::new() })
    }

    /// The same, checked: one value for a CNAME, and room for the mark's name.
    ///
    /// # Errors
    /// Says which of them it breaks.
    pub fn checked(set: Self) -> Result<Self> {
        if set.kind == Kind::Cname && set.values.len() > 1 {
            let values: Vec<_> = set.values.iter().map(String::as_str).collect();
            return Err(Failure::lasting(format!(
                "{}: a CNAME has one target, not {}",
                set.key(),
                values.join(", ")
            )));
        }
        if set.mark_name().len() > NAME_MAX {
            return Err(Failure::lasting(format!(
                "{}: no room for its mark's name in {NAME_MAX} characters",
                set.key()
            )));
        }
        Ok(set)
    }

    /// The set that a key names, without values.
    ///
    /// # Errors
    /// A key is `TYPE/name`, of a type that is made here.
    pub fn of_key(key: &str) -> Result<Self> {
        let (kind, name) =
            key.split_once('/').ok_or_else(|| Failure::lasting(format!("`{key}` is no TYPE/name")))?;
        let (name, kind) = (canonical_name(name), kind.parse()?);
        Ok(Self::empty(name, kind))
    }

    /// A set without values.
    pub(crate) const fn empty(name: String, kind: Kind) -> Self {
        Self {
            name,
            kind,
            ttl: 0,
            values: BTreeSet::new(),
            disabled: BTreeSet::new(),
            special: BTreeSet::new(),
        }
    }

    /// `A/www.cust-7.example`: the thing's key and id.
    pub fn key(&self) -> String {
        format!("{}/{}", self.kind, self.name)
    }

    /// Where its ownership mark lies. PowerDNS takes `*` as the first label only, hence the word for it.
    pub fn mark_name(&self) -> String {
        let kind = self.kind.to_string().to_ascii_lowercase();
        match self.name.strip_prefix("*.") {
            Some(rest) => format!("_gc-{kind}{WILDCARD}.{rest}"),
            None => format!("_gc-{kind}.{}", self.name),
        }
    }
}

/// The key of the set that a mark's name belongs to.
fn marked_key(mark_name: &str) -> Option<String> {
    let (kind, name) = mark_name.strip_prefix("_gc-")?.split_once('.')?;
    let (kind, star) = kind.strip_suffix(WILDCARD).map_or((kind, ""), |kind| (kind, "*."));
    let kind = Kind::from_str(&kind.to_ascii_uppercase()).ok()?;
    Some(format!("{kind}/{star}{name}"))
}

/// What a look showed at one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The key.
    pub key: String,
    /// The set, if there is one.
    pub set: Option<RecordSet>,
    /// The mark, if there is one.
    pub mark: Option<String>,
}

impl Found {
    /// The thing that this is: also a mark alone is one, with no values, since somebody claims the name.
    pub fn thing(self) -> Option<Thing> {
        let body = match (&self.set, &self.mark) {
            (None, None) => return None,
            (Some(set), _) => serde_json::to_value(set).expect("invariant: a record set is JSON"),
            (None, Some(_)) => json!({ "values": [] }),
        };
        let thing = Thing::new(self.key, body).mark(self.mark);
        let Some(set) = self.set else { return Some(thing) };
        Some(thing.output("name", set.name))
    }
}

/// The mark that a TXT set holds: its first value that looks like one. Switched off, it claims the name as well.
pub(crate) fn mark_in(set: RecordSet) -> Option<String> {
    set.values.into_iter().chain(set.disabled).find(|value| value.starts_with("gc1:"))
}

/// A zone's sets, each with its mark; a mark alone counts as well.
pub(crate) fn paired(sets: Vec<RecordSet>) -> Vec<Found> {
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    let empty = |key: &str| Found { key: key.to_owned(), set: None, mark: None };
    for set in sets {
        let marked = marked_key(&set.name).filter(|_| set.kind == Kind::Txt);
        let key = marked.clone().unwrap_or_else(|| set.key());
        let found = found.entry(key.clone()).or_insert_with(|| empty(&key));
        match marked {
            Some(_) => found.mark = mark_in(set),
            None => found.set = Some(set),
        }
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(kind: Kind, name: &str, values: &[&str]) -> Result<RecordSet> {
        let values: Vec<_> = values.iter().map(ToString::to_string).collect();
        RecordSet::new(kind, name, 60, &values)
    }

    #[test]
    fn values_and_names_have_one_shape() {
        let aaaa = set(Kind::Aaaa, "WWW.Acme.App.", &["2A09:8280:0001::0007"]).unwrap();
        assert_eq!(
            (aaaa.key().as_str(), aaaa.values),
            ("AAAA/www.acme.app", ["2a09:8280:1::7".to_owned()].into())
        );
        let cname = set(Kind::Cname, "a.x", &["Target.Fly.dev."]).unwrap();
        assert_eq!(cname.values, ["target.fly.dev".to_owned()].into());
    }

    #[test]
    fn what_no_name_server_takes_is_refused() {
        let said = |result: Result<RecordSet>| result.unwrap_err().message;
        assert_eq!(said(set(Kind::A, "a.x", &["::1"])), "A/a.x: `::1` is no IPv4 address");
        assert_eq!(
            said(set(Kind::Cname, "a.x", &["b.x", "c.x"])),
            "CNAME/a.x: a CNAME has one target, not b.x, c.x"
        );
        assert!(said(set(Kind::A, &"a.".repeat(125), &[])).contains("no room for its mark's name"));
    }

    #[test]
    fn a_marks_name_leads_back_to_its_key() {
        let wildcard = set(Kind::A, "*.acme.app", &["192.0.2.1"]).unwrap();
        assert_eq!(wildcard.mark_name(), "_gc-a-any.acme.app");
        assert_eq!(marked_key("_gc-a-any.acme.app").as_deref(), Some("A/*.acme.app"));
        assert_eq!(marked_key("_gc-a.acme.app").as_deref(), Some("A/acme.app"));
        assert_eq!((marked_key("_acme-challenge.acme.app"), marked_key("_gc-mx.acme.app")), (None, None));
    }
}
