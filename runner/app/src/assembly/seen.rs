//! What components were when they were approved.

use std::collections::BTreeMap;

use groundcrew_core::hash::Digest;

use crate::config::Component;

/// Digests of components by where they are, as somebody looked at them; where nobody looked, anything may be.
///
/// Between the look and the start a file can be written anew: what runs is what was approved, or nothing is started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen(BTreeMap<String, Digest>);

impl Seen {
    /// It was this.
    pub fn note(&mut self, component: &Component, digest: Digest) {
        self.0.insert(component.to_string(), digest);
    }

    /// Whether it was something else.
    pub(super) fn differs(&self, component: &Component, digest: Digest) -> bool {
        self.0.get(&component.to_string()).is_some_and(|seen| *seen != digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_looked_at_has_to_be_the_same_and_what_was_not_may_be_anything() {
        let mut seen = Seen::default();
        let file = |path: &str| Component::File(path.into());
        seen.note(&file("a.wasm"), Digest::of(b"one"));
        assert!(!seen.differs(&file("a.wasm"), Digest::of(b"one")));
        assert!(seen.differs(&file("a.wasm"), Digest::of(b"two")));
        assert!(!seen.differs(&file("b.wasm"), Digest::of(b"two")));
    }
}
