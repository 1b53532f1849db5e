//! Lengths of time, as people write them in configuration: `250ms`, `30s`, `5m`, `24h`, `30d`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A length of time in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(i64);

/// The text is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no length of time; write a number and a unit, such as `250ms`, `30s`, `5m`, `24h`, `30d`"
)]
pub struct ParseError {
    text: String,
}

const UNITS: [(&str, i64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

impl Millis {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// Makes one from milliseconds.
    pub const fn new(millis: i64) -> Self {
        Self(millis)
    }

    /// Makes one from seconds.
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds * 1_000)
    }

    /// Makes one from minutes.
    pub const fn minutes(minutes: i64) -> Self {
        Self(minutes * 60_000)
    }

    /// Makes one from hours.
    pub const fn hours(hours: i64) -> Self {
        Self(hours * 3_600_000)
    }

    /// Milliseconds.
    pub const fn as_i64(self) -> i64 {
        self.0
    }

    /// The same length for `std`; negative lengths become zero.
    pub const fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_millis(if self.0 < 0 { 0 } else { self.0 as u64 })
    }

    /// This length `times` over, saturating.
    #[must_use]
    pub const fn times(self, times: i64) -> Self {
        Self(self.0.saturating_mul(times))
    }
}

impl std::ops::Add for Millis {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl FromStr for Millis {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let bad = || ParseError { text: text.to_owned() };
        let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let number: i64 = text[..digits].parse().map_err(|_| bad())?;
        let (_, scale) = UNITS.iter().find(|(unit, _)| *unit == &text[digits..]).ok_or_else(bad)?;
        number.checked_mul(*scale).map(Self).ok_or_else(bad)
    }
}

impl fmt::Display for Millis {
    /// The largest unit that divides it: `90s` stays `90s`, `120s` is `2m`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fitting = UNITS.iter().rev().find(|(_, scale)| self.0 != 0 && self.0 % scale == 0);
        match fitting {
            Some((unit, scale)) => write!(f, "{}{unit}", self.0 / scale),
            None => write!(f, "{}s", self.0 / 1_000),
        }
    }
}

impl Serialize for Millis {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for (text, millis) in [
            ("250ms", 250),
            ("30s", 30_000),
            ("5m", 300_000),
            ("24h", 86_400_000 / 24 * 24),
            ("30d", 2_592_000_000),
        ] {
            let parsed: Millis = text.parse().unwrap();
            assert_eq!(parsed.as_i64(), millis, "{text}");
            assert_eq!(parsed.to_string().parse::<Millis>().unwrap(), parsed);
        }
        assert_eq!(Millis::seconds(90).to_string(), "90s");
        assert_eq!(Millis::ZERO.to_string(), "0s");
    }

    #[test]
    fn bad_text_is_refused_with_a_remedy() {
        for text in ["", "5", "m", "5 m", "-5s", "1w", "99999999999999d"] {
            let error = text.parse::<Millis>().unwrap_err();
            assert!(error.to_string().contains("write a number and a unit"), "{text}");
        }
    }
}
