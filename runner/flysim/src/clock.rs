//! Where the simulator's time comes from.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Tells the time to a [`World`](crate::World).
///
/// Time that runs backwards is ignored: the world keeps the latest time that it saw.
pub trait Clock: Debug + Send + Sync {
    /// Milliseconds since the Unix epoch.
    fn now_ms(&self) -> i64;
}

/// Reads the machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        jiff::Timestamp::now().as_millisecond()
    }
}

/// Stands still until it is told to move; clones share one time.
#[derive(Debug, Clone)]
pub struct ManualClock {
    now_ms: Arc<AtomicI64>,
}

impl ManualClock {
    /// Makes a clock that stands at `now_ms` milliseconds since the Unix epoch.
    pub fn new(now_ms: i64) -> Self {
        Self { now_ms: Arc::new(AtomicI64::new(now_ms)) }
    }

    /// Sets the time, in milliseconds since the Unix epoch.
    pub fn set(&self, now_ms: i64) {
        self.now_ms.store(now_ms, Ordering::SeqCst);
    }

    /// Moves the time forward by `ms` milliseconds.
    pub fn advance(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::SeqCst)
    }
}

/// Formats milliseconds as the API does: RFC 3339 in UTC, whole seconds.
pub(crate) fn rfc3339(ms: i64) -> String {
    jiff::Timestamp::from_second(ms.div_euclid(1000))
        .map_or_else(|_| String::from("1970-01-01T00:00:00Z"), |at| at.to_string())
}

/// Reads an RFC 3339 time as milliseconds; `None` if it is none.
pub(crate) fn parse_rfc3339(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_whole_seconds_in_utc() {
        assert_eq!(rfc3339(1_774_937_288_802), "2026-03-31T06:08:08Z");
        assert_eq!(parse_rfc3339("2026-03-31T06:08:08Z"), Some(1_774_937_288_000));
        assert_eq!(parse_rfc3339("yesterday"), None);
    }

    #[test]
    fn clones_of_a_manual_clock_share_the_time() {
        let clock = ManualClock::new(5);
        let other = clock.clone();
        other.advance(3);
        assert_eq!(clock.now_ms(), 8);
        clock.set(100);
        assert_eq!(other.now_ms(), 100);
    }
}
