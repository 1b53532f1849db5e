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
