//! Back-off after a failure.

use crate::duration::Millis;

/// A random fraction of one, drawn by the caller; spreads those who would otherwise come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jitter(u16);

impl Jitter {
    /// Takes 16 random bits.
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// This fraction of a length of time.
    pub(super) const fn of(self, whole: Millis) -> Millis {
        Millis::new(whole.as_i64() * self.0 as i64 / u16::MAX as i64)
    }
}

/// Its first ceiling.
pub const FIRST: Millis = Millis::seconds(1);
/// Its last ceiling.
pub const LONGEST: Millis = Millis::minutes(1);

/// How long to wait after so many failures in a row: full jitter under a doubling ceiling, never less than the
/// platform asked for.
pub(super) fn wait(failures: u32, after: Option<Millis>, jitter: Jitter) -> Millis {
    let ceiling = FIRST.times(1 << failures.saturating_sub(1).min(6)).min(LONGEST);
    let asked = after.unwrap_or(Millis::ZERO);
    Millis::new(asked.as_i64().saturating_add(jitter.of(ceiling).as_i64()))
}
