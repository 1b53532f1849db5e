//! What is asked again and again in vain. Nothing is concluded from it, but a person should know.

use super::draft::Draft;
use super::seen::Tick;

/// Failures in a row after which a person is told that a list of machines cannot be read.
pub const UNREAD_AFTER: u32 = 8;

/// Failures in a row after which a person is told that nobody knows what the token reaches.
pub const UNCONTROLLED_AFTER: u32 = 5;

/// How often in a row something was asked in vain.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Failures {
    count: u32,
    /// The tick of the list of apps that had come before the last one of them.
    listed: Tick,
}

impl Draft<'_> {
    /// Counts a failure, and opens its finding once they are so many in a row.
    ///
    /// It counts if the list of apps came since the last one: while nothing is answered, it is not this that fails.
    pub(super) fn in_vain(&mut self, kind: &'static str, about: &str, after: u32, what: &str) {
        let (look, listed) = (self.look, self.pending.apps_tick);
        let failures = self.pending.in_vain.entry((kind, about.to_owned())).or_default();
        if failures.listed < listed {
            *failures = Failures { count: failures.count + 1, listed };
        }
        let count = failures.count;
        if count >= after {
            let why = look.wrong.as_deref().unwrap_or("no answer");
            self.open(kind, about, format!("{what}; {count} times in a row: {why}"));
        }
    }

    /// Something was asked, and not in vain; or nobody asks it any more.
    pub(super) fn not_in_vain(&mut self, kind: &'static str, about: &str) {
        self.pending.in_vain.remove(&(kind, about.to_owned()));
        self.resolve(kind, about);
    }

    /// Whether the last time that something was asked was in vain, as far as is known.
    pub(super) fn is_in_vain(&self, kind: &'static str, about: &str) -> bool {
        self.is_open(kind, about) || self.pending.in_vain.contains_key(&(kind, about.to_owned()))
    }
}
