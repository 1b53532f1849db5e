//! When something that failed is tried again: exponential back-off with jitter.

use crate::duration::Millis;
use crate::spec::Failure;
use crate::time::Timestamp;

/// How failures are repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest first pause.
    pub first: Millis,
    /// The longest pause at all.
    pub longest: Millis,
}

impl Backoff {
    /// Handlers: from a second to a quarter of an hour.
    pub const HANDLER: Self = Self { first: Millis::seconds(1), longest: Millis::minutes(15) };
    /// Provisioners never give up: from a second to an hour.
    pub const PROVISIONER: Self = Self { first: Millis::seconds(1), longest: Millis::hours(1) };

    /// When the `attempts`-th failure (from 1) is followed by another attempt.
    ///
    /// The pause is drawn evenly from the upper half of what the exponential allows (`jitter` is any random
    /// number), and is never shorter than what the failure asks for.
    pub fn next(self, now: Timestamp, attempts: u32, failure: &Failure, jitter: u64) -> Timestamp {
        let doubled = self.first.times(1_i64 << attempts.saturating_sub(1).min(30));
        let ceiling = doubled.min(self.longest).as_i64().max(2);
        let half = ceiling / 2;
        let pause = half + (jitter % (half as u64 + 1)) as i64;
        let asked = failure.after.unwrap_or(Millis::ZERO).min(Millis::hours(24));
        now + Millis::new(pause).max(asked)
    }
}

/// When what failed because nobody gets through is tried again: between once and twice as long as that stays so, drawn
/// evenly (`jitter` is any random number), so that not all who wait come at once.
pub fn after_away(now: Timestamp, away: Millis, jitter: u64) -> Timestamp {
    let spread = away.as_i64().max(0);
    now + away + Millis::new((jitter % (spread as u64 + 1)) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_ceiling_and_keep_to_retry_after() {
        let at = |attempts, jitter, failure: &Failure| {
            Backoff::PROVISIONER.next(Timestamp::from_millis(0), attempts, failure, jitter).as_millis()
        };
        let plain = Failure::again("x");
        for (attempts, ceiling) in [(1, 1_000), (2, 2_000), (5, 16_000), (13, 3_600_000), (400, 3_600_000)] {
            for jitter in [0, 1, 12_345, u64::MAX] {
                let pause = at(attempts, jitter, &plain);
                assert!((ceiling / 2..=ceiling).contains(&pause), "{attempts} {jitter} {pause}");
            }
        }
        let asked = Failure { after: Some(Millis::seconds(90)), ..plain };
        assert_eq!(at(1, 0, &asked), 90_000);
    }

    #[test]
    fn who_waits_for_a_host_comes_between_once_and_twice_as_late() {
        let at = |away, jitter| after_away(Timestamp::from_millis(0), Millis::new(away), jitter).as_millis();
        assert_eq!((at(5_000, 0), at(5_000, 5_000), at(5_000, 5_001)), (5_000, 10_000, 5_000));
        assert_eq!(at(0, u64::MAX), 0);
    }
}
