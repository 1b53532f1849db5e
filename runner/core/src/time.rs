//! Points in time, as milliseconds since the Unix epoch.

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

use crate::duration::Millis;

/// A point in time: milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Makes one from milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Time from `earlier` to this; negative if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Millis {
        Millis::new(self.0 - earlier.0)
    }

    /// Reads RFC 3339 text, as APIs and guests write it.
    ///
    /// # Errors
    /// None if the text is no RFC 3339 time; callers say where it came from.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|at| Self(at.as_millisecond()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) => write!(f, "{at:.3}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

impl Add<Millis> for Timestamp {
    type Output = Self;
    fn add(self, by: Millis) -> Self {
        Self(self.0.saturating_add(by.as_i64()))
    }
}

impl Sub<Millis> for Timestamp {
    type Output = Self;
    fn sub(self, by: Millis) -> Self {
        Self(self.0.saturating_sub(by.as_i64()))
    }
}

/// Times in files that people read: `#[serde(with = "rfc3339")]`.
pub mod rfc3339 {
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    use super::Timestamp;

    /// Writes RFC 3339 text.
    pub fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(at)
    }

    /// Reads RFC 3339 text.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        Timestamp::parse_rfc3339(&text)
            .ok_or_else(|| de::Error::invalid_value(de::Unexpected::Str(&text), &"an RFC 3339 time"))
    }

    /// The same of what need not be there.
    pub mod option {
        use serde::{Deserialize as _, Deserializer, Serializer, de};

        use super::super::Timestamp;

        /// Writes RFC 3339 text, or null.
        pub fn serialize<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
            match at {
                Some(at) => super::serialize(at, serializer),
                None => serializer.serialize_none(),
            }
        }

        /// Reads RFC 3339 text, or null.
        pub fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Timestamp>, D::Error> {
            let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
            let wrong = || de::Error::invalid_value(de::Unexpected::Str(&text), &"an RFC 3339 time");
            Timestamp::parse_rfc3339(&text).map(Some).ok_or_else(wrong)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_round_trip() {
        let at = Timestamp::parse_rfc3339("2026-11-21T02:39:56.123Z").unwrap();
        assert_eq!(at.as_millis(), 1_795_228_796_123);
        assert_eq!(at.to_string(), "2026-11-21T02:39:56.123Z");
        assert_eq!(Timestamp::parse_rfc3339("yesterday"), None);
    }
}
