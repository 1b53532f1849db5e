//! What the sources make of the fleet at present: whether they are believed, whether it is known who lives, and who is
//! missed.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError, RwLock};

use groundcrew_core::may_make::{Facts, Make, may_make};
use groundcrew_core::mirror::UnseenBy;
use groundcrew_core::subject::{Path, Uid};
use groundcrew_store::leave::LeavePolicy;

use super::{Error, Runner};

/// Why nothing may be removed at present, if so, and for whom nothing may be made; asked again in each write's intent.
#[derive(Debug, Default)]
pub struct Beliefs {
    doubt: RwLock<Option<String>>,
    unread: RwLock<Option<String>>,
    unseen: RwLock<UnseenBy>,
    /// Rows that sleep until their owner is seen, each with its owner.
    asleep: Mutex<BTreeMap<i64, Whose>>,
}

/// For whom something is made, and, of a machine, its app.
#[derive(Clone, Debug)]
pub(super) struct Whose {
    pub(super) path: Path,
    pub(super) owner: Uid,
    pub(super) app: Option<Uid>,
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

    /// Says who is missed: nothing is made for them. Rows that sleep for their sake are woken by [`Runner::believe`].
    pub fn set_unseen(&self, unseen: UnseenBy) {
        *self.unseen.write().unwrap_or_else(PoisonError::into_inner) = unseen;
    }

    /// Writes into a policy what holds now.
    pub fn tell(&self, policy: &mut LeavePolicy) {
        policy.frozen = self.doubt();
        policy.unread.clone_from(&self.unread.read().unwrap_or_else(PoisonError::into_inner));
    }

    /// Whether anything may be made or changed for an owner now.
    pub(super) fn may_make(&self, whose: &Whose) -> Make {
        let all = self.unseen.read().unwrap_or_else(PoisonError::into_inner);
        let unseen = |uid: &Uid| all.get(uid).copied();
        let app_unseen = whose.app.as_ref().and_then(unseen);
        may_make(&Facts { owner: &whose.path, unseen: unseen(&whose.owner), app_unseen })
    }

    /// A row sleeps until its owner is seen. Said once that is stored, or whoever wakes it finds it awake.
    pub(super) fn sleeps(&self, row: i64, whose: Whose) {
        self.asleep.lock().unwrap_or_else(PoisonError::into_inner).insert(row, whose);
    }

    /// Rows that sleep, and whose owner nobody misses any more.
    fn slept_out(&self) -> Vec<i64> {
        let asleep = self.asleep.lock().unwrap_or_else(PoisonError::into_inner);
        let out = asleep.iter().filter(|(_, whose)| self.may_make(whose) == Make::Now);
        out.map(|(row, _)| *row).collect()
    }

    fn woken(&self, rows: &[i64]) {
        self.asleep.lock().unwrap_or_else(PoisonError::into_inner).retain(|row, _| !rows.contains(row));
    }
}

impl Runner {
    /// Takes over what a source says of the fleet, and wakes what only that kept waiting.
    ///
    /// # Errors
    /// The store's. What could not be woken for whoever is seen again is woken at the next call.
    pub async fn believe(&self, doubt: Option<String>, unseen: UnseenBy) -> Result<(), Error> {
        self.beliefs.set_unseen(unseen);
        let believed = doubt.is_none();
        let before = self.beliefs.set_doubt(doubt);
        if before.is_some() && believed {
            // What was frozen for the doubt's sake has nobody else to wake it.
            self.store.wake_waiting(self.now()).await?;
        }
        self.wake_seen().await
    }

    /// Wakes the rows that sleep for the sake of somebody whom nobody misses any more.
    pub(super) async fn wake_seen(&self) -> Result<(), Error> {
        let rows = self.beliefs.slept_out();
        if !rows.is_empty() {
            self.store.wake_sleeping(rows.clone(), self.now()).await?;
            self.beliefs.woken(&rows);
        }
        Ok(())
    }
}
