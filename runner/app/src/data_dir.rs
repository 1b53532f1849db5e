//! The data directory: its files, and the lock that says which process holds it.
//!
//! ```text
//!  DATA/groundcrew.db    the store
//!  DATA/key              the installation's key (0600)
//!  DATA/lock             held (flock) by the one process that writes; its text says who that is
//!  DATA/groundcrew.sock  the holder's HTTP API
//!  DATA/cache            compiled components
//!  DATA/components       components that ran, for replays
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use groundcrew_core::time::Timestamp;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

/// A data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDir {
    dir: PathBuf,
    database: PathBuf,
}

/// Who holds a data directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its process.
    pub pid: u32,
    /// What it does: `up`, or the command that writes for a moment.
    pub command: String,
    /// Its version.
    pub version: String,
    /// Since when.
    pub since: Timestamp,
}

/// The right to write in a data directory; given back when dropped.
#[derive(Debug)]
pub struct Lock {
    /// Closing it ends the lock, also when the process is killed.
    _file: File,
}

/// Why a data directory cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has it.
    #[error("{} is held by {}", dir.display(), holder.as_ref().map_or_else(|| "another process".to_owned(), ToString::to_string))]
    Held {
        /// Which.
        dir: PathBuf,
        /// By whom, if it said so.
        holder: Option<Holder>,
    },
    /// It cannot be made, or its lock cannot be opened.
    #[error("cannot use data directory {}", dir.display())]
    Unusable {
        /// Which.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "`groundcrew {}` {} (process {}, since {})",
            self.command, self.version, self.pid, self.since
        )
    }
}

impl DataDir {
    /// Names a directory; it need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let dir = path.into();
        Self { database: dir.join("groundcrew.db"), dir }
    }

    /// Names a directory whose database has another name, or lies elsewhere.
    pub fn with_database(path: impl Into<PathBuf>, database: impl Into<PathBuf>) -> Self {
        Self { dir: path.into(), database: database.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.database.clone()
    }

    /// The installation's key, with which names are made unguessable and what is handed out is sealed.
    pub fn key(&self) -> PathBuf {
        self.dir.join("key")
    }

    /// The socket of whoever holds it.
    pub fn socket(&self) -> PathBuf {
        self.dir.join("groundcrew.sock")
    }

    fn lock_file(&self) -> PathBuf {
        self.dir.join("lock")
    }

    /// Takes the lock, making the directory (0700) if it is not there.
    ///
    /// # Errors
    /// [`Error::Held`] at once if another process has it; this never waits.
    pub fn lock(&self, command: &str, now: Timestamp) -> Result<Lock, Error> {
        let unusable = |source| Error::Unusable { dir: self.dir.clone(), source };
        make(&self.dir).map_err(unusable)?;
        let path = self.lock_file();
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = open.map_err(unusable)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(Error::Held { dir: self.dir.clone(), holder: read(&mut file) });
            }
            Err(error) => return Err(unusable(error.into())),
        }
        let holder = Holder {
            pid: std::process::id(),
            command: command.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            since: now,
        };
        write(&mut file, &holder).map_err(unusable)?;
        Ok(Lock { _file: file })
    }

    /// Says who holds the lock, if anybody does; without disturbing them.
    pub fn holder(&self) -> Result<Held, Error> {
        let unusable = |source| Error::Unusable { dir: self.dir.clone(), source };
        let mut file = match File::open(self.lock_file()) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Held::No),
            Err(error) => return Err(unusable(error)),
        };
        // A shared lock for a moment: it is refused exactly while somebody has the exclusive one.
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(Held::No),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(Held::By(read(&mut file))),
            Err(error) => Err(unusable(error.into())),
        }
    }
}

/// Whether somebody holds a data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// Nobody does.
    No,
    /// Somebody does, and perhaps said who it is.
    By(Option<Holder>),
}

fn make(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    match fs::metadata(dir) {
        Ok(_) => Ok(()),
        Err(_) => fs::DirBuilder::new().recursive(true).mode(0o700).create(dir),
    }
}

fn read(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn write(file: &mut File, holder: &Holder) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", serde_json::to_string(holder)?)?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_it_and_the_next_is_told_who() {
        let place = tempfile::tempdir().unwrap();
        let dir = DataDir::new(place.path().join("data"));
        assert_eq!(dir.holder().unwrap(), Held::No);
        let lock = dir.lock("up", Timestamp::from_millis(7)).unwrap();
        let told = dir.lock("pause", Timestamp::from_millis(8)).unwrap_err().to_string();
        assert!(
            told.contains("is held by `groundcrew up`") && told.contains(&std::process::id().to_string()),
            "{told}"
        );
        assert!(matches!(dir.holder().unwrap(), Held::By(Some(holder)) if holder.command == "up"));
        drop(lock);
        assert_eq!(dir.holder().unwrap(), Held::No);
        dir.lock("up", Timestamp::from_millis(9)).unwrap();
    }
}
