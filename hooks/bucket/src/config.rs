//! The stanza's `config`, templates filled in.

use groundcrew_hook::{Failure, Result, Value};
use serde::Deserialize;

/// Whether buckets carry a mark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mark {
    /// As a tag of the bucket.
    #[default]
    Tag,
    /// Not at all: the store has no tags for buckets.
    None,
}

/// What becomes of objects in a bucket that is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "bool")]
pub(crate) enum Objects {
    /// They stay, and so does the bucket.
    Keep,
    /// They are deleted first.
    Delete,
}

impl From<bool> for Objects {
    fn from(empty: bool) -> Self {
        if empty { Self::Delete } else { Self::Keep }
    }
}

/// The whole table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Scheme, host and port; buckets are segments of its path.
    pub(crate) endpoint: String,
    /// How every name begins; nothing else is touched.
    pub(crate) prefix: String,
    /// What an owner should have. Null where templates cannot be filled: without an owner.
    pub(crate) names: Option<Value>,
    /// Where buckets are made.
    #[serde(default = "us_east_1")]
    pub(crate) region: String,
    /// Whether they carry a mark.
    #[serde(default)]
    pub(crate) mark: Mark,
    /// What becomes of what is in them: the field `empty`.
    #[serde(default = "keep", rename = "empty")]
    pub(crate) objects: Objects,
}

/// The region that S3 does not want to be named when a bucket is made.
pub(crate) const US_EAST_1: &str = "us-east-1";

fn us_east_1() -> String {
    US_EAST_1.to_owned()
}

const fn keep() -> Objects {
    Objects::Keep
}

impl Config {
    /// The names that an owner should have, sorted, each once.
    ///
    /// # Errors
    /// For what is no name of a bucket, and for names without the prefix.
    pub(crate) fn wanted(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        flat(self.names.as_ref().unwrap_or(&Value::Null), &mut names)?;
        names.sort();
        names.dedup();
        for name in &names {
            if !name.starts_with(&self.prefix) {
                let text = format!("bucket `{name}` does not begin with `{}`, as `prefix` says", self.prefix);
                return Err(Failure::lasting(text));
            }
            legal(name)?;
        }
        Ok(names)
    }
}

/// S3's rules for general purpose buckets (*Bucket naming rules*, Amazon S3 User Guide), without the reserved words.
fn legal(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let wrong = if !(3..=63).contains(&name.len()) {
        "it has not 3 to 63 characters"
    } else if !name.chars().all(|c| plain(c) || "-.".contains(c)) {
        "only a-z, 0-9, `-` and `.` may stand in it"
    } else if !(name.starts_with(plain) && name.ends_with(plain)) || name.contains("..") {
        "it begins and ends with a letter or digit, and has no two dots in a row"
    } else {
        return Ok(());
    };
    Err(Failure::lasting(format!("`{name}` is no name of a bucket: {wrong}")))
}

/// A name, a list of names, or a list with lists in it (a template that stands for a list).
fn flat(value: &Value, into: &mut Vec<String>) -> Result<()> {
    match value {
        Value::Null => Ok(()),
        Value::String(name) => {
            into.push(name.clone());
            Ok(())
        }
        Value::Array(values) => values.iter().try_for_each(|value| flat(value, into)),
        other => Err(Failure::lasting(format!("`names`: {other} is no name of a bucket"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_vendors_rules() {
        for good in ["abc", "acme-cust-7", "a.b-c", &"a".repeat(63)] {
            assert!(legal(good).is_ok(), "{good}");
        }
        for bad in ["ab", &"a".repeat(64), "Acme", "a_b", "-abc", "abc.", "a..b", "a/b", "a?b"] {
            assert!(legal(bad).is_err(), "{bad}");
        }
    }
}
