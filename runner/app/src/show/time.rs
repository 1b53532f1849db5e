//! Lengths of time for people: one number, one unit.

use groundcrew_core::duration::Millis;
use groundcrew_core::time::Timestamp;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Writes a length of time: `41 ms`, `9 s`, `90 min`, `47 h`, `9 d`.
///
/// The unit changes only where the number would become large, so that two of them compare at a glance.
pub fn length(time: Millis) -> String {
    let millis = time.as_i64();
    let (number, unit) = match millis.abs() {
        under if under < 2 * SECOND => (millis, "ms"),
        under if under < 2 * MINUTE => (millis / SECOND, "s"),
        under if under < 2 * HOUR => (millis / MINUTE, "min"),
        under if under < 2 * DAY => (millis / HOUR, "h"),
        _ => (millis / DAY, "d"),
    };
    format!("{number} {unit}")
}

/// Writes how long ago something was; what lies ahead is `in 5 s`.
pub fn age(at: Timestamp, now: Timestamp) -> String {
    let since = now.since(at);
    if since < Millis::ZERO { format!("in {}", length(Millis::new(-since.as_i64()))) } else { length(since) }
}

/// Writes how long ago something was, as part of a sentence: `9 d ago`, `in 5 s`.
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    let age = age(at, now);
    if age.starts_with("in ") { age } else { format!("{age} ago") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_one_number_and_one_unit() {
        for (millis, text) in [
            (0, "0 ms"),
            (41, "41 ms"),
            (1_999, "1999 ms"),
            (9 * SECOND, "9 s"),
            (90 * MINUTE, "90 min"),
            (47 * HOUR, "47 h"),
            (9 * DAY + 5 * HOUR, "9 d"),
        ] {
            assert_eq!(length(Millis::new(millis)), text);
        }
    }

    #[test]
    fn ages_know_past_and_future() {
        let now = Timestamp::from_millis(10 * DAY);
        assert_eq!(ago(Timestamp::from_millis(DAY), now), "9 d ago");
        assert_eq!(ago(now + Millis::seconds(5), now), "in 5 s");
    }
}
