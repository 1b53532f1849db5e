//! How long machines ran, month by month: what a mirror notes of it, and how it is added up.
//!
//! It deliberately knows no prices: what a size costs is said by whoever asks.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::duration::Millis;
use crate::subject::Uid;
use crate::time::Timestamp;

/// A calendar month (UTC), written `2026-11`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Month(i32);

/// A text that is no month.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no month, such as 2026-11")]
pub struct NoMonth(String);

/// What a machine runs on, and where: what it is charged by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Size {
    /// The platform's `guest`: CPU kind, CPUs, memory; null where it is not told.
    pub guest: Value,
    /// The platform's word; empty where it is not told.
    pub region: String,
}

/// What a mirror notes of a machine's running.
#[derive(Clone, Debug, PartialEq)]
pub enum Noted {
    /// It runs since then.
    Begun {
        /// Which.
        machine: Uid,
        /// As what.
        size: Size,
        /// Since when.
        since: Timestamp,
    },
    /// It does not any more, or not as this.
    Ended {
        /// Which.
        machine: Uid,
        /// Whose it is.
        app: Uid,
        /// As what it ran.
        size: Size,
        /// Since when it ran.
        since: Timestamp,
        /// Until when; never before `since`.
        until: Timestamp,
    },
    /// Nobody knows whether it ran.
    Unseen {
        /// Whose it is.
        app: Uid,
        /// What it would have run as.
        size: Size,
        /// Since when.
        since: Timestamp,
        /// Until when; never before `since`.
        until: Timestamp,
    },
}

/// How long an app's machines of one size ran in a month.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Total {
    /// What they ran on.
    pub size: Size,
    /// How long, all together.
    pub ran: Millis,
    /// How long nobody knows whether they did.
    pub unseen: Millis,
}

impl Month {
    /// The month in which a time lies.
    pub fn of(at: Timestamp) -> Self {
        // Beyond what a calendar has there is no month: then the nearest that it has.
        let at = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
        let day = at.to_zoned(TimeZone::UTC).date();
        Self(i32::from(day.year()) * 12 + i32::from(day.month()) - 1)
    }

    /// When it began.
    pub fn start(self) -> Timestamp {
        let start = self.first_day().to_zoned(TimeZone::UTC);
        start.map_or_else(|_| Timestamp::default(), |start| millis(start.timestamp()))
    }

    /// So many months earlier.
    #[must_use]
    pub const fn before(self, months: i32) -> Self {
        Self(self.0 - months)
    }

    /// The number under which it is stored: months since the year 0.
    pub const fn as_i32(self) -> i32 {
        self.0
    }

    const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    fn first_day(self) -> Date {
        let year = i16::try_from(self.0.div_euclid(12)).unwrap_or(i16::MAX).clamp(-9_999, 9_999);
        date(year, self.0.rem_euclid(12) as i8 + 1, 1)
    }
}

fn millis(at: jiff::Timestamp) -> Timestamp {
    Timestamp::from_millis(at.as_millisecond())
}

impl FromStr for Month {
    type Err = NoMonth;

    fn from_str(text: &str) -> Result<Self, NoMonth> {
        let none = || NoMonth(text.to_owned());
        let (year, month) = text.split_once('-').ok_or_else(none)?;
        let digits = |part: &str, many: usize| part.len() == many && part.bytes().all(|c| c.is_ascii_digit());
        if !digits(year, 4) || !digits(month, 2) {
            return Err(none());
        }
        match (year.parse::<i32>(), month.parse::<i32>()) {
            (Ok(year), Ok(month @ 1..=12)) => Ok(Self(year * 12 + month - 1)),
            _ => Err(none()),
        }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0.div_euclid(12), self.0.rem_euclid(12) + 1)
    }
}

/// Parts a time at the beginnings of months; nothing if it ends before it begins.
pub fn by_month(since: Timestamp, until: Timestamp) -> Vec<(Month, Millis)> {
    let (mut parts, mut from) = (Vec::new(), since);
    while from < until {
        let month = Month::of(from);
        let end = month.next().start().min(until);
        if end <= from {
            break;
        }
        parts.push((month, end.since(from)));
        from = end;
    }
    parts
}

/// How much of a time lies within a month.
pub fn within(month: Month, since: Timestamp, until: Timestamp) -> Millis {
    let (from, to) = (since.max(month.start()), until.min(month.next().start()));
    to.since(from).max(Millis::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn months_are_read_written_and_begin_at_midnight() {
        for (time, month, start) in [
            ("2026-11-30T23:59:59.999Z", "2026-11", "2026-11-01T00:00:00Z"),
            ("2026-12-01T00:00:00Z", "2026-12", "2026-12-01T00:00:00Z"),
            ("2024-02-29T12:00:00Z", "2024-02", "2024-02-01T00:00:00Z"),
        ] {
            let of = Month::of(at(time));
            assert_eq!((of.to_string().as_str(), of.start()), (month, at(start)));
            assert_eq!(month.parse(), Ok(of));
        }
        assert_eq!("2026-01".parse::<Month>().unwrap().before(1).to_string(), "2025-12");
        for wrong in ["2026", "2026-13", "2026-00", "26-01", "2026-1", "2026-01-01", "", "+026-01"] {
            wrong.parse::<Month>().unwrap_err();
        }
    }

    #[test]
    fn a_time_is_parted_where_months_begin() {
        let parted = |since: &str, until: &str| {
            let parts = by_month(at(since), at(until)).into_iter();
            parts.map(|(month, ran)| (month.to_string(), ran.as_i64() / 3_600_000)).collect::<Vec<_>>()
        };
        let hours = |month: &str, hours: i64| (month.to_owned(), hours);
        assert_eq!(parted("2026-11-02T00:00:00Z", "2026-11-02T05:00:00Z"), [hours("2026-11", 5)]);
        assert_eq!(
            parted("2026-11-30T22:00:00Z", "2027-01-01T01:00:00Z"),
            [hours("2026-11", 2), hours("2026-12", 31 * 24), hours("2027-01", 1)]
        );
        assert_eq!(parted("2026-11-02T05:00:00Z", "2026-11-02T00:00:00Z"), []);
        let whole =
            within("2026-12".parse().unwrap(), at("2026-11-30T22:00:00Z"), at("2027-01-01T01:00:00Z"));
        assert_eq!(whole, Millis::hours(31 * 24));
        let none = within("2027-02".parse().unwrap(), at("2026-11-30T22:00:00Z"), at("2027-01-01T01:00:00Z"));
        assert_eq!(none, Millis::ZERO);
    }
}
