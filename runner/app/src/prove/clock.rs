//! Time that moves only when the harness or a request moves it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use groundcrew_core::duration::Millis;
use groundcrew_core::time::Timestamp;

/// When every scenario begins, in milliseconds since the Unix epoch.
pub const START: i64 = 1_800_000_000_000;

/// A virtual clock; a clone shows the same time.
#[derive(Clone, Debug)]
pub struct Clock(Arc<AtomicI64>);

impl Default for Clock {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(START)))
    }
}

impl Clock {
    /// The present, in milliseconds since the Unix epoch.
    pub fn millis(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Lets time pass.
    pub fn pass(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }

    /// Moves the time forward to `at`; never back.
    pub fn reach(&self, at: i64) {
        self.0.fetch_max(at, Ordering::SeqCst);
    }
}

impl groundcrew_engine::clock::Clock for Clock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.millis())
    }

    fn sleep(&self, time: Millis) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.pass(time.as_i64());
        Box::pin(std::future::ready(()))
    }
}
