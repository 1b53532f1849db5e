//! Ends a page in time.

use crate::host::backend;

/// How long a page works before it hands over to the next one: well within a run's minute, of which one slow
/// request may take a quarter.
const LONG_ENOUGH_MS: i64 = 20_000;

/// Calls of the host after which a page hands over: well within a run's thousand.
const MANY_ENOUGH: u32 = 700;

/// How much of a page is used up.
#[derive(Clone, Debug)]
pub struct Pace {
    started_ms: i64,
    calls: u32,
}

impl Pace {
    /// A page begins.
    pub fn start() -> Self {
        Self { started_ms: backend::now_ms(), calls: 0 }
    }

    /// Counts so many calls of the host: requests, looks into the mirror or the memory.
    pub fn spend(&mut self, calls: u32) {
        self.calls = self.calls.saturating_add(calls);
    }

    /// Counts so many calls, and says whether the page should end here.
    pub fn is_over_after(&mut self, calls: u32) -> bool {
        self.spend(calls);
        self.calls >= MANY_ENOUGH || backend::now_ms() - self.started_ms >= LONG_ENOUGH_MS
    }
}
