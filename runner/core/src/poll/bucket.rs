//! Buckets: how often something may be done.

use std::collections::BTreeMap;

use crate::duration::Millis;
use crate::time::Timestamp;

/// So many at once, refilled one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// At once.
    pub burst: u32,
    /// Time until one more is allowed.
    pub every: Millis,
}

impl Rate {
    /// The platform's general limit: one a second per action and id, three at once
    /// [docs working-with-machines-api].
    pub const GENERAL: Self = Self { burst: 3, every: Millis::new(1_000) };
    /// Getting a machine: five a second, ten at once [docs working-with-machines-api].
    pub const MACHINE_GET: Self = Self { burst: 10, every: Millis::new(200) };

    /// A tenth slower: two requests that leave a second apart may arrive a little closer.
    #[must_use]
    pub const fn careful(self) -> Self {
        let every = self.every.as_i64();
        Self { burst: self.burst, every: Millis::new(every + every / 10) }
    }
}

/// Buckets by key. A bucket is kept as the time at which it will be full again, and forgotten once it is.
#[derive(Clone, Debug)]
pub(super) struct Buckets<K> {
    full_at: BTreeMap<K, Timestamp>,
}

impl<K: Ord + Clone> Buckets<K> {
    pub(super) const fn new() -> Self {
        Self { full_at: BTreeMap::new() }
    }

    /// When the next one is allowed: `now`, or later.
    pub(super) fn free_at(&self, key: &K, rate: Rate, now: Timestamp) -> Timestamp {
        // With `burst - 1` still missing, one is left.
        let slack = rate.every.times(i64::from(rate.burst) - 1);
        self.full_at.get(key).map_or(now, |full| now.max(*full - slack))
    }

    /// Takes one.
    pub(super) fn take(&mut self, key: &K, rate: Rate, now: Timestamp) {
        let full = self.full_at.get(key).map_or(now, |full| now.max(*full));
        self.full_at.insert(key.clone(), full + rate.every);
        if self.full_at.len() > PRUNE_AT {
            self.full_at.retain(|_, full| *full > now);
        }
    }
}

/// Keys beyond which full buckets are forgotten.
const PRUNE_AT: usize = 4_096;
