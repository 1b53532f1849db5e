//! Keeps what later processes must know of this one's clock.

use std::sync::{Arc, Mutex, PoisonError};

use groundcrew_core::settle::{Occupied, Policy};
use groundcrew_core::steady::Era;
use groundcrew_engine::clock::Clock;
use groundcrew_store::{Result, Store};

/// The clock, and how much of it is kept.
pub(crate) struct ClockKeeper {
    clock: Arc<dyn Clock>,
    store: Store,
    kept: Mutex<Option<Era>>,
}

impl ClockKeeper {
    pub(crate) fn new(clock: Arc<dyn Clock>, store: Store) -> Arc<Self> {
        Arc::new(Self { clock, store, kept: Mutex::default() })
    }

    /// Which creations in doubt keep their listing at present.
    pub(crate) fn occupied(&self, policy: &Policy) -> Occupied {
        let (now, steady) = self.clock.steadily();
        Occupied::at(policy, steady, now)
    }

    /// Keeps the present era, if it is news; before anything is committed that is stamped with its time.
    ///
    /// Else a clock that is set twice, and back to what it was, with a crash in between would go unnoticed.
    pub(crate) async fn keep(&self) -> Result<()> {
        let Some(era) = self.clock.era() else { return Ok(()) };
        if self.kept().as_ref() == Some(&era) {
            return Ok(());
        }
        self.store.keep_clock(&era).await?;
        *self.kept() = Some(era);
        Ok(())
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Option<Era>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
