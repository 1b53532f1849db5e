//! What the sources make of the fleet at present: whether they are believed, and whether it is known who lives.

use std::sync::{PoisonError, RwLock};

use groundcrew_store::leave::LeavePolicy;

/// Why nothing may be removed at present, if so; asked again in each removal's intent.
#[derive(Debug, Default)]
pub struct Beliefs {
    doubt: RwLock<Option<String>>,
    unread: RwLock<Option<String>>,
}

impl Beliefs {
    /// Why a source is not believed.
    pub fn doubt(&self) -> Option<String> {
        self.doubt.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says why a source is not believed, or that it is; returns what was said before.
    pub fn set_doubt(&self, why: Option<String>) -> Option<String> {
        std::mem::replace(&mut *self.doubt.write().unwrap_or_else(PoisonError::into_inner), why)
    }

    /// Says why it is not known who lives, or that it is.
    pub fn set_unread(&self, why: Option<String>) {
        *self.unread.write().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// Writes into a policy what holds now.
    pub fn tell(&self, policy: &mut LeavePolicy) {
        policy.frozen = self.doubt();
        policy.unread.clone_from(&self.unread.read().unwrap_or_else(PoisonError::into_inner));
    }
}
