//! What auditors of Fly have in common: time, ages, what was seen before, and what an app is doing.
//!
//! - [`now`] is the run's time: it stands where the run began, and moves with answered calls.
//! - [`Pace`] ends a page before the host ends the run; [`apps_after`] goes on where it stopped.
//! - [`FirstSeen`] remembers since when something is so, for what the API gives no date of.
//! - [`loose`] is about volumes that nobody holds.
//! - [`Activity`] says whether an app runs, or since when it does not.

mod activity;
mod apps;
pub mod loose;
mod pace;
mod seen;

use jiff::Timestamp;

use crate::host::backend;
use crate::{Failure, Result};

pub use activity::{Activity, is_quiet};
pub use apps::{apps_after, machines_of};
pub use jiff;
pub use pace::Pace;
pub use seen::{FirstSeen, shard_of};

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// The present, as far as a run is concerned: a replay sees the same.
pub fn now() -> Result<Timestamp> {
    Timestamp::from_millisecond(backend::now_ms())
        .map_err(|error| Failure::lasting(format!("the time: {error}")))
}

/// Reads a time of the API; none if it is absent, empty or no time.
pub fn time(text: Option<&str>) -> Option<Timestamp> {
    text?.parse().ok()
}

/// Whole days from then to now; none is negative.
pub fn days(now: Timestamp, then: Timestamp) -> i64 {
    (now.as_millisecond() - then.as_millisecond()).max(0) / DAY_MS
}

/// How long ago, for people: `9 d`, `5 h`, `3 min`.
pub fn ago(now: Timestamp, then: Timestamp) -> String {
    let minutes = (now.as_millisecond() - then.as_millisecond()).max(0) / 60_000;
    match minutes {
        0..60 => format!("{minutes} min"),
        60..2_880 => format!("{} h", minutes / 60),
        _ => format!("{} d", minutes / 1_440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_short_and_never_negative() {
        let at = |text| time(Some(text)).unwrap();
        let now = at("2026-11-21T12:00:00Z");
        for (then, told, whole) in [
            ("2026-11-21T13:00:00Z", "0 min", 0),
            ("2026-11-21T11:01:00Z", "59 min", 0),
            ("2026-11-19T12:01:00Z", "47 h", 1),
            ("2026-11-12T00:00:00Z", "9 d", 9),
        ] {
            assert_eq!((ago(now, at(then)).as_str(), days(now, at(then))), (told, whole));
        }
        assert_eq!((time(None), time(Some("")), time(Some("yesterday"))), (None, None, None));
    }
}
