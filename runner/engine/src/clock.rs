//! Time for the runner, and the derived time that guests see.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use groundcrew_core::time::Timestamp;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

/// Where the runner reads the time.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The present.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp::from_millis(since.map_or(0, |since| since.as_millis() as i64))
    }
}

/// A guest's time: the run's start, moved forward by answered calls and sleeps, and by a microsecond a read.
///
/// It is derived, not read, so that a replay sees the same; the microsecond ends loops that wait for time.
#[derive(Clone, Debug)]
pub(crate) struct GuestTime(Arc<AtomicU64>);

const READ_NANOS: u64 = 1_000;

impl GuestTime {
    pub(crate) fn starting(at: Timestamp) -> Self {
        Self(Arc::new(AtomicU64::new(at.as_millis().max(0) as u64 * 1_000_000)))
    }

    /// Moves the time forward to `at`; never back.
    pub(crate) fn advance_to(&self, at: Timestamp) {
        self.0.fetch_max(at.as_millis().max(0) as u64 * 1_000_000, Ordering::Relaxed);
    }

    /// Moves the time forward to a reading of this clock in nanoseconds; never back.
    pub(crate) fn advance_to_nanos(&self, nanos: u64) {
        self.0.fetch_max(nanos, Ordering::Relaxed);
    }

    pub(crate) fn read_nanos(&self) -> u64 {
        self.0.fetch_add(READ_NANOS, Ordering::Relaxed)
    }
}

impl HostWallClock for GuestTime {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(READ_NANOS)
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(self.read_nanos())
    }
}

impl HostMonotonicClock for GuestTime {
    fn resolution(&self) -> u64 {
        READ_NANOS
    }

    fn now(&self) -> u64 {
        self.read_nanos()
    }
}
