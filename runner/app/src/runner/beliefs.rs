//! What the sources make of the fleet at present: whether they are believed, whether it is known who lives, and who is
//! missed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

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
    asleep: Mutex<Asleep>,
    /// Whether the grace of what nobody wants was made to stand still for the doubt's sake.
    stands: AtomicBool,
    /// What a doubt froze is not woken yet, though it is over.
    owes_wake: AtomicBool,
}

/// Rows that sleep until their owner is seen.
#[derive(Debug, Default)]
struct Asleep {
    /// Each with the number of its sleep, and its owner.
    rows: BTreeMap<i64, (u64, Whose)>,
    /// How often one fell asleep.
    sleeps: u64,
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
        may_make(&facts(&self.unseen.read().unwrap_or_else(PoisonError::into_inner), whose))
    }

    /// Whether it may not.
    pub(super) fn misses(&self, whose: &Whose) -> bool {
        !facts(&self.unseen.read().unwrap_or_else(PoisonError::into_inner), whose).is_there()
    }

    /// A row sleeps until its owner is seen. Said once that is stored, or whoever wakes it finds it awake.
    pub(super) fn sleeps(&self, row: i64, whose: Whose) {
        let mut asleep = self.asleep();
        asleep.sleeps += 1;
        let sleep = asleep.sleeps;
        asleep.rows.insert(row, (sleep, whose));
    }

    /// Rows that sleep, and whose owner nobody misses any more, each with the number of its sleep.
    fn slept_out(&self) -> BTreeMap<i64, u64> {
        let all = self.unseen.read().unwrap_or_else(PoisonError::into_inner);
        let asleep = self.asleep();
        let out = asleep.rows.iter().filter(|(_, (_, whose))| facts(&all, whose).is_there());
        out.map(|(row, (sleep, _))| (*row, *sleep)).collect()
    }

    /// These sleeps have ended; a row may have fallen asleep again meanwhile.
    fn woken(&self, out: &BTreeMap<i64, u64>) {
        let mut asleep = self.asleep();
        for (row, sleep) in out {
            if asleep.rows.get(row).is_some_and(|(last, _)| last == sleep) {
                asleep.rows.remove(row);
            }
        }
    }

    fn asleep(&self) -> MutexGuard<'_, Asleep> {
        self.asleep.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What speaks against the being there of an owner, and of its app.
fn facts<'a>(all: &UnseenBy, whose: &'a Whose) -> Facts<'a> {
    let unseen = |uid: &Uid| all.get(uid).copied();
    let app_unseen = whose.app.as_ref().and_then(unseen);
    Facts { owner: &whose.path, unseen: unseen(&whose.owner), app_unseen }
}

impl Runner {
    /// Takes over what a source says of the fleet, and wakes what only that kept waiting. While it is not believed, grace
    /// stands still.
    ///
    /// # Errors
    /// The store's. What could not be woken for whoever is seen again, or made to stand still, is at the next call.
    pub async fn believe(&self, doubt: Option<String>, unseen: UnseenBy) -> Result<(), Error> {
        self.beliefs.set_unseen(unseen);
        let before = self.beliefs.set_doubt(doubt.clone());
        let (stands, owes_wake) = (&self.beliefs.stands, &self.beliefs.owes_wake);
        if before.is_some() && doubt.is_none() {
            owes_wake.store(true, Ordering::SeqCst);
        }
        match doubt {
            Some(why) if !stands.load(Ordering::SeqCst) => {
                self.store.freeze(None, &why, self.now()).await?;
                stands.store(true, Ordering::SeqCst);
            }
            None if owes_wake.load(Ordering::SeqCst) => {
                stands.store(false, Ordering::SeqCst);
                // What was frozen for the doubt's sake has nobody else to wake it.
                self.store.wake_waiting(self.now()).await?;
                owes_wake.store(false, Ordering::SeqCst);
            }
            Some(_) | None => {}
        }
        self.wake_seen().await
    }

    /// Wakes the rows that sleep for the sake of somebody whom nobody misses any more.
    pub(super) async fn wake_seen(&self) -> Result<(), Error> {
        let out = self.beliefs.slept_out();
        if !out.is_empty() {
            self.store.wake_sleeping(out.keys().copied().collect(), self.now()).await?;
            self.beliefs.woken(&out);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use groundcrew_core::may_make::Unseen;

    use super::*;

    fn uid(text: &str) -> Uid {
        text.parse().unwrap()
    }

    fn machine() -> Whose {
        Whose { path: "fly/acme/web/m1".parse().unwrap(), owner: uid("machine:m1"), app: Some(uid("app:a1")) }
    }

    fn missed(beliefs: &Beliefs, who: &[&str]) {
        beliefs.set_unseen(Arc::new(who.iter().map(|who| (uid(who), Unseen::Unread)).collect()));
    }

    #[test]
    fn a_row_sleeps_until_neither_its_owner_nor_the_app_of_it_is_missed() {
        let beliefs = Beliefs::default();
        beliefs.sleeps(7, machine());
        for who in [&["machine:m1"][..], &["app:a1"], &["app:a1", "machine:m1"]] {
            missed(&beliefs, who);
            assert!(beliefs.misses(&machine()) && beliefs.may_make(&machine()) != Make::Now, "{who:?}");
            assert!(beliefs.slept_out().is_empty(), "{who:?}");
        }
        missed(&beliefs, &["app:a2", "machine:m2"]);
        assert!(!beliefs.misses(&machine()) && beliefs.may_make(&machine()) == Make::Now);
        assert_eq!(beliefs.slept_out().into_keys().collect::<Vec<_>>(), [7]);
    }

    #[test]
    fn whoever_woke_a_row_does_not_end_the_sleep_that_it_fell_into_since() {
        let beliefs = Beliefs::default();
        beliefs.sleeps(7, machine());
        // Two who wake what has slept out find the same row, and one of them is slow.
        let (first, slow) = (beliefs.slept_out(), beliefs.slept_out());
        beliefs.woken(&first);
        assert!(beliefs.slept_out().is_empty());
        missed(&beliefs, &["machine:m1"]);
        beliefs.sleeps(7, machine());
        beliefs.woken(&slow);
        missed(&beliefs, &[]);
        assert_eq!(beliefs.slept_out().into_keys().collect::<Vec<_>>(), [7]);
    }
}
