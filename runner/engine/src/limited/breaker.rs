//! A circuit breaker: what fails again and again is left alone for a while, then tried once.

use groundcrew_core::duration::Millis;
use groundcrew_core::time::Timestamp;

/// When breakers open, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaking {
    /// Failures in a row that open one.
    pub failures: u32,
    /// How long it stays open first; doubled each time a try fails.
    pub first: Millis,
    /// How long it stays open at most.
    pub longest: Millis,
    /// How long a try may take before another is allowed.
    pub probe: Millis,
}

impl Default for Breaking {
    fn default() -> Self {
        Self {
            failures: 5,
            first: Millis::seconds(5),
            longest: Millis::minutes(5),
            probe: Millis::seconds(20),
        }
    }
}

/// One breaker.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failed: u32,
    opened: u32,
    /// Nothing is let through before this time; after it one try.
    shut_until: Option<Timestamp>,
    /// When the first of these failures was.
    since: Option<Timestamp>,
}

impl Breaker {
    /// Lets a request through, or says for how long not to ask.
    pub(super) fn admit(&mut self, rules: Breaking, now: Timestamp) -> Result<(), Millis> {
        match self.shut_until {
            None => Ok(()),
            Some(until) if now < until => Err(until.since(now)),
            Some(_) => {
                // This one is the try. If nothing is heard of it (its run was ended), there will be another.
                self.shut_until = Some(now + rules.probe);
                Ok(())
            }
        }
    }

    /// Notes an answer.
    pub(super) fn succeed(&mut self) {
        *self = Self::default();
    }

    /// Notes a failure; `enough` opens it at once.
    pub(super) fn fail(&mut self, rules: Breaking, now: Timestamp, enough: Enough) {
        self.failed = self.failed.saturating_add(1);
        self.since.get_or_insert(now);
        if enough == Enough::Once || self.failed >= rules.failures {
            let doubled = rules.first.times(1_i64 << self.opened.min(16));
            self.shut_until = Some(now + doubled.min(rules.longest));
            self.opened += 1;
        }
    }

    /// Since when everything failed, if it was shut since and nothing succeeded.
    pub(super) fn shut_since(&self) -> Option<Timestamp> {
        self.shut_until.and(self.since)
    }

    /// Until when it is open, if it is.
    pub(super) fn open_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.shut_until.filter(|until| *until > now)
    }
}

/// How many failures open a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Enough {
    /// As many as the rules say.
    Several,
    /// One.
    Once,
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn a_breaker_opens_after_failures_in_a_row_and_lets_one_try_through() {
        let rules = Breaking { failures: 2, ..Breaking::default() };
        let mut breaker = Breaker::default();
        breaker.fail(rules, at(0), Enough::Several);
        breaker.succeed();
        breaker.fail(rules, at(0), Enough::Several);
        assert_eq!(breaker.admit(rules, at(0)), Ok(()), "not in a row");
        breaker.fail(rules, at(0), Enough::Several);
        assert_eq!(breaker.admit(rules, at(1)), Err(Millis::seconds(4)));
        assert_eq!(breaker.admit(rules, at(5)), Ok(()), "the try");
        assert_eq!(breaker.admit(rules, at(5)), Err(rules.probe), "one only");
        breaker.fail(rules, at(6), Enough::Several);
        assert_eq!(breaker.admit(rules, at(6)), Err(Millis::seconds(10)), "twice as long");
        assert_eq!(breaker.admit(rules, at(16)), Ok(()));
        breaker.succeed();
        assert_eq!((breaker.admit(rules, at(16)), breaker.open_until(at(16))), (Ok(()), None));
    }

    #[test]
    fn a_try_that_nobody_heard_of_again_does_not_keep_it_shut() {
        let rules = Breaking::default();
        let mut breaker = Breaker::default();
        breaker.fail(rules, at(0), Enough::Once);
        assert_eq!(breaker.admit(rules, at(5)), Ok(()));
        assert_eq!(breaker.admit(rules, at(25)), Ok(()));
    }
}
