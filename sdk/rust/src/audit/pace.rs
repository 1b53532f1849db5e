//! Ends a page in time.

use crate::host::backend;

/// How long a page works before it hands over to the next one: well within a run's minute, of which one slow
/// request may take a quarter.
const LONG_ENOUGH_MS: i64 = 20_000;

/// Requests after which a page hands over: well within a run's thousand calls.
const MANY_ENOUGH: u32 = 400;

/// How much of a page is used up.
#[derive(Clone, Debug)]
pub struct Pace {
    started_ms: i64,
    steps: u32,
}

impl Pace {
    /// A page begins.
    pub fn start() -> Self {
        Self { started_ms: backend::now_ms(), steps: 0 }
    }

    /// Counts so many requests, and says whether the page should end here.
    pub fn is_over_after(&mut self, requests: u32) -> bool {
        self.steps = self.steps.saturating_add(requests);
        self.steps >= MANY_ENOUGH || backend::now_ms() - self.started_ms >= LONG_ENOUGH_MS
    }
}
