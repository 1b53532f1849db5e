//! The write-ahead log: moved into the database off the writer's thread, and kept within bounds.
//!
//! ```text
//!   writer       commit commit commit ... commit | fold | commit (at the log's beginning)
//!   checkpoints            copies what was there when it began |
//! ```
//!
//! A thread with a connection of its own copies pages while commits go on (a *passive* checkpoint stops nobody).
//! What was appended meanwhile is little; the writer *folds* it: copies the rest and begins the log anew.
//!
//! # Guarantees
//! - Nothing here decides what is durable: a commit is in the log, flushed, before anybody is told. A checkpoint
//!   that fails leaves the log as it is.
//! - The log holds at most [`Bounds::full`] pages and one commit. Beyond, nothing is committed until it was
//!   folded; if that fails (the disk, not a reader), nobody is acknowledged. A reader that stays in one read for
//!   long is the exception: nothing can be reused that somebody still reads, so the log grows behind it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

use rusqlite::Connection;

use crate::faults::{CommitFault, CommitFaults, CommitMoment};
use crate::writer::BUSY;
use crate::{Error, Result};

/// How long the writer waits for readers when it folds the log; one that reads for longer puts it off.
const READERS: Duration = Duration::from_millis(20);
/// How long a checkpoint waits for whoever else makes one.
const OTHERS: Duration = Duration::from_secs(5);

/// How large the log becomes, in pages of 4 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// From here on pages are copied into the database.
    pub copy: u32,
    /// From here on the writer waits for that.
    pub full: u32,
}

impl Default for Bounds {
    /// 32 and 64 MiB.
    fn default() -> Self {
        Self { copy: 8_192, full: 16_384 }
    }
}

/// The log as the writer sees it.
pub(crate) struct Log {
    path: PathBuf,
    bounds: Bounds,
    faults: Option<Arc<dyn CommitFaults>>,
    copying: Option<Copying>,
    /// Whether a pass is under way.
    passing: bool,
    /// Pages in it when last looked at.
    pages: u32,
    /// Pages at which it is tried next.
    next: u32,
}

/// The thread that copies.
struct Copying {
    ask: SyncSender<()>,
    done: Receiver<Result<(), String>>,
}

impl Log {
    pub(crate) fn new(path: &Path, bounds: Bounds, faults: Option<Arc<dyn CommitFaults>>) -> Self {
        let (path, next) = (path.to_owned(), bounds.copy);
        Self { path, bounds, faults, copying: None, passing: false, pages: 0, next }
    }

    /// Sees to it that there is room for another commit.
    ///
    /// # Errors
    /// The log is full and cannot be moved into the database.
    pub(crate) fn make_room(&mut self, connection: &Connection) -> Result<()> {
        if self.pages < self.bounds.full || self.pages < self.next {
            return Ok(());
        }
        if let (true, Some(copying)) = (self.passing, &self.copying) {
            // What it could not do is tried again right here, and says why.
            drop(copying.done.recv());
            self.passing = false;
        }
        self.fold(connection)
    }

    /// Notes how large it has become, after a commit; asks for a pass, or folds what one has left.
    pub(crate) fn tend(&mut self, connection: &Connection) -> Result<()> {
        self.pages = look(connection)?;
        match self.passed() {
            Some(Ok(())) => self.fold(connection),
            Some(Err(why)) => {
                tracing::warn!(%why, "the database's log could not be moved into it; it is tried again");
                self.next = (self.pages + self.bounds.copy / 8).min(self.bounds.full);
                Ok(())
            }
            None => {
                if self.pages >= self.next && !self.passing {
                    self.ask()?;
                }
                Ok(())
            }
        }
    }

    /// What the pass that was under way came to, if it has ended.
    fn passed(&mut self) -> Option<Result<(), String>> {
        let copying = self.copying.as_ref().filter(|_| self.passing)?;
        let outcome = match copying.done.try_recv() {
            Ok(outcome) => outcome,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => {
                self.copying = None;
                Err("the thread that moves it ended".to_owned())
            }
        };
        self.passing = false;
        Some(outcome)
    }

    fn ask(&mut self) -> Result<()> {
        let copying = match self.copying.take() {
            Some(copying) => copying,
            None => start(self.path.clone(), self.faults.clone())?,
        };
        self.passing = copying.ask.try_send(()).is_ok();
        self.copying = Some(copying);
        Ok(())
    }

    /// Copies the rest and begins the log anew, unless somebody reads what is in it.
    fn fold(&mut self, connection: &Connection) -> Result<()> {
        allowed(self.faults.as_ref())?;
        connection.busy_timeout(READERS)?;
        let folded = checkpoint(connection, "RESTART");
        connection.busy_timeout(BUSY)?;
        if folded? {
            (self.pages, self.next) = (0, self.bounds.copy);
        } else {
            // Somebody reads: it is tried again when a little has come on top.
            self.next = self.pages + self.bounds.copy / 8;
        }
        Ok(())
    }
}

fn start(path: PathBuf, faults: Option<Arc<dyn CommitFaults>>) -> Result<Copying> {
    let (ask, asked) = sync_channel(1);
    let (tell, done) = sync_channel(1);
    let thread = std::thread::Builder::new().name("store-checkpoints".to_owned());
    let copy = move || {
        let mut connection = None;
        while asked.recv().is_ok() {
            let passed = allowed(faults.as_ref()).and_then(|()| Ok(pass(&mut connection, &path)?));
            let outcome = passed.map_err(|error| error.to_string());
            if outcome.is_err() {
                connection = None;
            }
            if tell.send(outcome).is_err() {
                return;
            }
        }
    };
    thread.spawn(copy).map_err(|error| Error::Unavailable(error.to_string()))?;
    Ok(Copying { ask, done })
}

/// A test's disk may fail here, too.
fn allowed(faults: Option<&Arc<dyn CommitFaults>>) -> Result<()> {
    match faults.map_or(CommitFault::None, |faults| faults.at(CommitMoment::Checkpoint)) {
        CommitFault::None => Ok(()),
        CommitFault::Fail | CommitFault::Crash => {
            Err(Error::Unavailable("the disk failed (injected)".to_owned()))
        }
    }
}

/// Copies what the log has, twice: the second time what came while the first lasted.
fn pass(connection: &mut Option<Connection>, path: &Path) -> rusqlite::Result<()> {
    if connection.is_none() {
        let opened = Connection::open(path)?;
        opened.busy_timeout(OTHERS)?;
        opened.pragma_update(None, "synchronous", "FULL")?;
        opened.pragma_update(None, "wal_autocheckpoint", 0)?;
        *connection = Some(opened);
    }
    let Some(connection) = connection else { return Ok(()) };
    for _ in 0..2 {
        checkpoint(connection, "PASSIVE")?;
    }
    Ok(())
}

/// Makes a checkpoint; returns whether all of it was done.
fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?;
    statement.query_row([], |row| Ok(row.get::<_, i64>(0)? == 0))
}

/// How many pages the log has; nothing is done to it.
fn look(connection: &Connection) -> rusqlite::Result<u32> {
    let mut statement = connection.prepare_cached("PRAGMA wal_checkpoint(NOOP)")?;
    // A log that does not exist has -1.
    statement.query_row([], |row| Ok(row.get::<_, i64>(1)?.max(0) as u32))
}
