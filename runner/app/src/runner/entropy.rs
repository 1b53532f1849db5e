//! Randomness for seeds, row ids and jitter; seeded from the system, or by a test.

use std::sync::{Mutex, PoisonError};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha12Rng;

/// A shared source of random numbers.
#[derive(Debug)]
pub struct Entropy(Mutex<ChaCha12Rng>);

impl Entropy {
    /// Seeded by the operating system.
    ///
    /// # Panics
    /// If the system has no randomness to give.
    pub fn of_system() -> Self {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).expect("invariant: the operating system gives random bytes");
        Self::seeded(seed)
    }

    /// Seeded by a test, which it then repeats.
    pub fn seeded(seed: [u8; 32]) -> Self {
        Self(Mutex::new(ChaCha12Rng::from_seed(seed)))
    }

    /// A seed for a run.
    pub fn seed(&self) -> [u8; 32] {
        self.rng().random()
    }

    /// Any number.
    pub fn number(&self) -> u64 {
        self.rng().random()
    }

    /// So many bytes.
    pub fn bytes(&self, count: usize) -> Vec<u8> {
        let mut rng = self.rng();
        (0..count).map(|_| rng.random()).collect()
    }

    fn rng(&self) -> std::sync::MutexGuard<'_, ChaCha12Rng> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
