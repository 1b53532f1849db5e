//! The stanza's `config`, templates filled in.

use groundcrew_hook::{Failure, Result, Spec, json};
use serde::Deserialize;

/// Characters that a name may have besides what the hook adds to it: a bucket's has 63 (S3's rule).
const NAME_MAX: usize = 36;

/// What Fly calls the type of an add-on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A Tigris bucket.
    Tigris,
    /// An Upstash Redis database.
    UpstashRedis,
}

impl Kind {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Tigris, Self::UpstashRedis];

    /// Of the manifest's word.
    pub(crate) fn of(word: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|kind| kind.word() == word);
        known.ok_or_else(|| Failure::lasting(format!("`{word}` is no kind of add-on")))
    }

    /// The manifest's word.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Tigris => "tigris",
            Self::UpstashRedis => "upstash-redis",
        }
    }

    /// Fly's word.
    pub(crate) const fn provider(self) -> &'static str {
        match self {
            Self::Tigris => "tigris",
            Self::UpstashRedis => "upstash_redis",
        }
    }
}

/// The whole table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The address of the GraphQL API.
    pub(crate) graphql: String,
    /// The organisation's slug.
    pub(crate) org: String,
    /// What an owner should have. Null where templates cannot be filled: without an owner.
    #[serde(default)]
    pub(crate) add_ons: Option<Vec<Entry>>,
}

/// An add-on that an owner should have.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    r#type: Kind,
    name: String,
    #[serde(default)]
    region: Option<String>,
    #[serde(default)]
    plan: Option<String>,
}

impl Entry {
    /// What is wanted.
    pub(crate) fn spec(&self) -> Result<Spec> {
        let Self { r#type: kind, name, region, plan } = self;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(plain) || name.starts_with('-') {
            let text =
                format!("`{name}` is no name of an add-on: 1 to {NAME_MAX} characters of a-z, 0-9 and `-`");
            return Err(Failure::lasting(text));
        }
        if *kind == Kind::Tigris && (region.is_some() || plan.is_some()) {
            return Err(Failure::lasting(format!("`{name}`: a Tigris bucket has neither region nor plan")));
        }
        let mut body = json!({ "name": name });
        for (field, value) in [("region", region), ("plan", plan)] {
            if let Some(value) = value {
                body[field] = json!(value);
            }
        }
        Ok(Spec::new(kind.word(), name, body))
    }
}
