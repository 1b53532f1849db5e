//! The disk of a play: a database in a file, as `up` has it; or in memory, where proofs go on from what a death leaves, and
//! the plays that follow use it again with its prepared statements.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use groundcrew_store::{Contents, Memory, Options, Reader, Result, Store};

/// The files of an empty database of this version: no play migrates one.
static EMPTY: LazyLock<Files> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("invariant: the machine has room for a folder");
    let path = folder.path().join("empty.db");
    let store = Store::open(&path, Options::default()).expect("invariant: an empty database can be made");
    let files = Files::read(&path).expect("invariant: a file that was written can be read");
    drop(store);
    files
});

/// Databases that no play uses at present, and what they are when they are empty.
static FREE: Mutex<Vec<(Memory, Arc<Contents>)>> = Mutex::new(Vec::new());

/// One disk; a clone is the same one.
#[derive(Clone, Debug)]
pub(super) enum Disk {
    /// What is committed is in memory.
    Memory(InMemory),
    /// It is in a file.
    File(Arc<OnFile>),
}

impl Disk {
    /// An empty one in memory.
    pub(super) fn empty() -> Self {
        Self::Memory(InMemory::empty())
    }

    /// A process opens it.
    pub(super) fn open(&self, options: Options) -> Result<Store> {
        match self {
            Self::Memory(disk) => disk.memory().open(options),
            // What could not be written is tried again at once: the time of plays is virtual.
            Self::File(disk) => {
                Store::open(&disk.database(), Options { reopen_after: Duration::ZERO, ..options })
            }
        }
    }

    /// Somebody looks into it.
    pub(super) fn reader(&self) -> Result<Store> {
        match self {
            Self::Memory(disk) => Ok(Reader::on(disk.memory())),
            Self::File(disk) => Reader::open(&disk.database()),
        }
    }

    /// Its process died just now: whatever it does from here on comes to nothing.
    pub(super) fn abandoned(&self) {
        if let Self::File(disk) = self {
            disk.abandoned().expect("invariant: a file that was written can be copied");
        }
    }
}

/// A database in a folder, as the files of the process that has it.
#[derive(Debug)]
pub(super) struct OnFile {
    folder: PathBuf,
    /// How many processes died on it.
    deaths: AtomicU32,
}

impl OnFile {
    /// An empty one, in a folder that is there and empty.
    pub(super) fn new(folder: &Path) -> std::io::Result<Self> {
        let disk = Self { folder: folder.to_owned(), deaths: AtomicU32::new(0) };
        EMPTY.write(&disk.database())?;
        Ok(disk)
    }

    fn database(&self) -> PathBuf {
        self.folder.join(format!("{}.db", self.deaths.load(Ordering::SeqCst)))
    }

    /// The next process finds what a killed one leaves: the database and its log as they are, not closed. What the dead
    /// one still does while it is taken apart, it does to its own.
    fn abandoned(&self) -> std::io::Result<()> {
        let left = Files::read(&self.database())?;
        self.deaths.fetch_add(1, Ordering::SeqCst);
        left.write(&self.database())
    }
}

/// What a killed process leaves of a database.
#[derive(Debug)]
struct Files {
    log: Option<Vec<u8>>,
    database: Vec<u8>,
}

impl Files {
    /// The log first: an earlier process that did not start may close the database just now, so that what is in its log
    /// goes into the database, and the log with it. What is in both is read once more, which changes nothing.
    fn read(path: &Path) -> std::io::Result<Self> {
        let log = match std::fs::read(Self::log(path)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            log => Some(log?),
        };
        Ok(Self { log, database: std::fs::read(path)? })
    }

    fn write(&self, path: &Path) -> std::io::Result<()> {
        if let Some(log) = &self.log {
            std::fs::write(Self::log(path), log)?;
        }
        std::fs::write(path, &self.database)
    }

    fn log(path: &Path) -> PathBuf {
        PathBuf::from(format!("{}-wal", path.display()))
    }
}

/// One in memory; a clone is the same one.
#[derive(Clone, Debug)]
pub(super) struct InMemory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    memory: Memory,
    empty: Arc<Contents>,
    /// What is put back when the disk forgets.
    kept: Mutex<Arc<Contents>>,
}

impl InMemory {
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
