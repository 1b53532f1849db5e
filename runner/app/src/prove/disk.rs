//! The disk of a play: a database in memory, which the plays that follow use again with its prepared statements.

use std::sync::{Arc, Mutex, PoisonError};

use groundcrew_store::{Contents, Memory};

/// Databases that no play uses at present, and what they are when they are empty.
static FREE: Mutex<Vec<(Memory, Arc<Contents>)>> = Mutex::new(Vec::new());

/// One disk; a clone is the same one.
#[derive(Clone, Debug)]
pub(super) struct Disk(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    memory: Memory,
    empty: Arc<Contents>,
    /// What is put back when the disk forgets.
    kept: Mutex<Arc<Contents>>,
}

impl Disk {
    /// One with an empty database of this version.
    pub(super) fn empty() -> Self {
        let disk = Self::free();
        disk.put_back(&disk.0.empty);
        disk
    }

    /// One that holds this.
    pub(super) fn holding(contents: &Contents) -> Self {
        let disk = Self::free();
        disk.put_back(contents);
        disk
    }

    /// One that nobody uses, whatever it holds.
    fn free() -> Self {
        let free = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let (memory, empty) = free.unwrap_or_else(|| {
            let memory = Memory::new().expect("invariant: the machine has room");
            let empty = Arc::new(memory.keep().expect("invariant: an empty database can be read"));
            (memory, empty)
        });
        Self(Arc::new(Inner { memory, kept: Mutex::new(empty.clone()), empty }))
    }

    /// The database.
    pub(super) fn memory(&self) -> &Memory {
        &self.0.memory
    }

    /// From now on it keeps what it is after each commit, of so many.
    pub(super) fn remember(&self, most: usize) {
        self.0.memory.remember(most).expect("invariant: a database that is written can be read");
    }

    /// Notes what it is now.
    pub(super) fn keep(&self) {
        let contents = self.0.memory.keep().expect("invariant: what a process wrote can be read");
        *self.0.kept.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(contents);
    }

    /// It comes back as it was when that was noted; empty, if it never was.
    pub(super) fn forget(&self) {
        let kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.put_back(&kept);
    }

    /// It is this now.
    fn put_back(&self, contents: &Contents) {
        self.0.memory.put_back(contents).expect("invariant: what was read can be written");
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // What panicked may have left it in the middle of something.
        if !std::thread::panicking() {
            let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
            free.push((self.memory.clone(), self.empty.clone()));
        }
    }
}
