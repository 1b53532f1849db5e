//! Buckets: how often something may be asked.

use std::collections::BTreeMap;

use groundcrew_core::duration::Millis;
use groundcrew_core::poll::Rate;
use groundcrew_core::time::Timestamp;

/// Buckets beyond which full ones are forgotten.
const PRUNE_AT: usize = 4_096;

/// Buckets by name, each kept as the time at which it will be full again.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    full_at: BTreeMap<String, Timestamp>,
}

impl Buckets {
    /// Takes one if it is there within `patience`, and says how long to wait for it; else how long it would take.
    ///
    /// A bucket that was `empty` once is filled from then on, if nobody has taken from it here.
    pub(super) fn take(
        &mut self,
        name: &str,
        rate: Rate,
        now: Timestamp,
        patience: Millis,
        empty: Option<Timestamp>,
    ) -> Result<Millis, Millis> {
        let (wait, full) = Self::wait(self.full_at.get(name), rate, now, empty);
        if wait > patience {
            return Err(wait);
        }
        self.full_at.insert(name.to_owned(), full + rate.every);
        if self.full_at.len() > PRUNE_AT {
            self.full_at.retain(|_, full| *full > now);
        }
        Ok(wait)
    }

    /// How long it would take until there is one, without taking it.
    pub(super) fn time_until(
        &self,
        name: &str,
        rate: Rate,
        now: Timestamp,
        empty: Option<Timestamp>,
    ) -> Millis {
        Self::wait(self.full_at.get(name), rate, now, empty).0
    }

    /// How long to wait for one, and when the bucket is full if it is not taken.
    fn wait(
        full: Option<&Timestamp>,
        rate: Rate,
        now: Timestamp,
        empty: Option<Timestamp>,
    ) -> (Millis, Timestamp) {
        let filled = empty.map(|empty| empty + rate.every.times(i64::from(rate.burst.max(1))));
        let full = full.copied().or(filled).map_or(now, |full| now.max(full));
        // With `burst - 1` still missing, one is left.
        let slack = rate.every.times(i64::from(rate.burst.max(1)) - 1);
        ((full - slack).since(now).max(Millis::ZERO), full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_at_once_and_then_one_by_one() {
        let rate = Rate { burst: 2, every: Millis::seconds(1) };
        let mut buckets = Buckets::default();
        let now = Timestamp::from_millis(0);
        let mut take = |now| buckets.take("a", rate, now, Millis::new(1_500), None).map_err(Millis::as_i64);
        assert_eq!(take(now), Ok(Millis::ZERO));
        assert_eq!(take(now), Ok(Millis::ZERO));
        assert_eq!(take(now), Ok(Millis::seconds(1)));
        assert_eq!(take(now), Err(2_000), "beyond patience nothing is taken");
        assert_eq!(take(Timestamp::from_millis(5_000)), Ok(Millis::ZERO));
    }

    #[test]
    fn an_empty_bucket_fills_from_the_time_when_it_was_empty() {
        let rate = Rate { burst: 2, every: Millis::seconds(1) };
        let empty = Timestamp::from_millis(0);
        let patience = Millis::seconds(9);
        let wait = |at: &[i64]| {
            let mut buckets = Buckets::default();
            let take = |at: &i64| buckets.take("a", rate, Timestamp::from_millis(*at), patience, Some(empty));
            at.iter().map(take).last()
        };
        assert_eq!(wait(&[0]), Some(Ok(Millis::seconds(1))));
        assert_eq!(wait(&[0, 0]), Some(Ok(Millis::seconds(2))));
        assert_eq!(wait(&[1_000]), Some(Ok(Millis::ZERO)));
        assert_eq!(wait(&[2_000, 2_000]), Some(Ok(Millis::ZERO)), "by then it is full");
        assert_eq!(wait(&[2_000, 2_000, 2_000]), Some(Ok(Millis::seconds(1))));
    }
}
