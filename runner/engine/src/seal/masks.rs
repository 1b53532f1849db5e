//! Masks of sealed values, built once for each set of them.
//!
//! A mask looks for each value in some forty spellings, which takes longer to build than most runs take; and nearly every
//! run of an owner has the same values as the one before it. What a mask is kept under are the values' tokens, which are
//! digests under the installation's key.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use groundcrew_core::hash::Digest;

use crate::mask::Mask;

/// So many masks are kept; of more, those that were made first go.
const KEPT: usize = 64;

/// The masks of what one sealer opened, shared by all clones.
#[derive(Clone, Default)]
pub(super) struct Masks(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    by_tokens: BTreeMap<Digest, Mask>,
    /// Oldest first.
    order: VecDeque<Digest>,
    #[cfg(test)]
    built: usize,
}

impl Masks {
    /// The mask of these values, by their tokens.
    pub(super) fn of(&self, values: &BTreeMap<String, Arc<str>>) -> Mask {
        if values.is_empty() {
            return Mask::default();
        }
        let key = Digest::of_parts(values.keys().map(String::as_bytes));
        if let Some(mask) = self.kept().by_tokens.get(&key) {
            return mask.clone();
        }
        // Not under the lock: other runs go on meanwhile.
        let mask = Mask::of(values.values().map(|value| &**value));
        self.kept().keep(key, mask.clone());
        mask
    }

    /// How often one was built.
    #[cfg(test)]
    pub(super) fn built(&self) -> usize {
        self.kept().built
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn keep(&mut self, key: Digest, mask: Mask) {
        #[cfg(test)]
        {
            self.built += 1;
        }
        if self.by_tokens.insert(key, mask).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_tokens.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(names: &[usize]) -> BTreeMap<String, Arc<str>> {
        names.iter().map(|n| (format!("token-{n}"), format!("value-of-{n}").into())).collect()
    }

    #[test]
    fn an_unchanged_set_is_not_built_again_and_another_one_is() {
        let masks = Masks::default();
        for _ in 0..3 {
            assert_eq!(masks.clone().of(&values(&[1, 2])).text("<value-of-2>".to_owned()), "<***>");
        }
        assert_eq!(masks.built(), 1);
        assert_eq!(masks.of(&values(&[1])).text("<value-of-2>".to_owned()), "<value-of-2>");
        assert_eq!(masks.built(), 2);
        assert_eq!(masks.of(&values(&[])).text("<value-of-2>".to_owned()), "<value-of-2>");
        assert_eq!(masks.built(), 2, "nothing to look for, nothing to build");
    }

    #[test]
    fn no_more_are_kept_than_that() {
        let masks = Masks::default();
        for n in 0..=KEPT {
            masks.of(&values(&[n]));
        }
        let many = |kept: &Kept| (kept.by_tokens.len(), kept.order.len());
        assert_eq!(many(&masks.kept()), (KEPT, KEPT));
        masks.of(&values(&[KEPT]));
        assert_eq!(masks.built(), KEPT + 1, "the last one is kept");
        masks.of(&values(&[0]));
        assert_eq!(masks.built(), KEPT + 2, "the first one was let go of");
    }
}
