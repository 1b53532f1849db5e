//! How far a start has come: a component that is compiled takes seconds, one with an interpreter in it longer.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is compiled at present, for whoever asks meanwhile. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Mutex<Compiling>>);

#[derive(Debug, Default)]
struct Compiling {
    /// Hooks whose components are not done.
    hooks: BTreeSet<String>,
    /// Components, those that are done included.
    of: usize,
}

impl Progress {
    /// The components of these hooks are compiled now, each once.
    pub(super) fn begins(&self, hooks: impl Iterator<Item = String>) {
        let hooks: BTreeSet<_> = hooks.collect();
        *self.lock() = Compiling { of: hooks.len(), hooks };
    }

    /// The component of one is compiled, or is not going to be.
    pub(super) fn is_done(&self, hook: &str) {
        self.lock().hooks.remove(hook);
    }

    fn lock(&self) -> MutexGuard<'_, Compiling> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Display for Progress {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Compiling { hooks, of } = &*self.lock();
        if hooks.is_empty() {
            return f.write_str("the runner starts");
        }
        let names: Vec<_> = hooks.iter().map(String::as_str).collect();
        let (done, names) = (of - hooks.len(), names.join(", "));
        write!(f, "the runner starts: {done} of {of} new components are compiled; not yet: {names}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_is_compiled_and_how_much_of_it_is_done() {
        let progress = Progress::default();
        assert_eq!(progress.to_string(), "the runner starts");
        progress.begins(["records", "dns", "cdn"].map(str::to_owned).into_iter());
        progress.is_done("dns");
        let said = "the runner starts: 1 of 3 new components are compiled; not yet: cdn, records";
        assert_eq!(progress.to_string(), said);
        progress.is_done("cdn");
        progress.is_done("records");
        assert_eq!(progress.to_string(), "the runner starts");
    }
}
