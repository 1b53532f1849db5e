//! Databases of an older schema, as readers see them: a copy that was migrated.
//!
//! A new program's `plan` is for the time before it is started, and an older one may still be writing then. So
//! what only reads leaves the database as it is, and reads a copy of one moment, which stands still from then on:
//! whoever waits for something opens the database again.
//!
//! The copy is made for the first query, lies in a directory of its own that only its owner reads, and goes with
//! the last clone of the [`Store`](crate::Store). A process that is killed leaves it in the directory for temporary
//! files.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tempfile::TempDir;

use crate::reader::open_reader;
use crate::{Error, Result, migrations};

/// A database that is read from a copy.
#[derive(Debug)]
pub(crate) struct Older {
    /// Its schema when it was opened.
    found: u32,
    copy: Mutex<Option<Copied>>,
}

#[derive(Debug)]
struct Copied {
    file: Arc<Path>,
    /// Removed with this.
    _directory: TempDir,
}

impl Older {
    pub(crate) const fn new(found: u32) -> Self {
        Self { found, copy: Mutex::new(None) }
    }

    /// The copy of the database at `path`; the first call makes it.
    ///
    /// # Errors
    /// [`Error::Older`] if it cannot be made: there is no room for it, or what is there cannot be migrated.
    pub(crate) fn copy_of(&self, path: &Path) -> Result<Arc<Path>> {
        let mut copy = self.copy.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(copied) = &*copy {
            return Ok(copied.file.clone());
        }
        let copied = Copied::of(path).map_err(|why| Error::Older {
            path: path.to_owned(),
            found: self.found,
            known: migrations::KNOWN,
            why: Box::new(why),
        })?;
        Ok(copy.insert(copied).file.clone())
    }
}

impl Copied {
    fn of(path: &Path) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("groundcrew-").tempdir();
        let directory = directory.map_err(|error| Error::Unavailable(error.to_string()))?;
        let file = directory.path().join("migrated.db");
        copy_into(&open_reader(path)?, &file)?;
        let mut connection = Connection::open(&file)?;
        // Nobody reads it again once this process is gone.
        connection.pragma_update(None, "synchronous", "OFF")?;
        connection.pragma_update(None, "journal_mode", "MEMORY")?;
        migrations::migrate(&mut connection, path)?;
        Ok(Self { file: file.into(), _directory: directory })
    }
}

/// Writes what one read sees into a file that is not there, or empty; whoever else writes is not stopped.
pub(crate) fn copy_into(from: &Connection, file: &Path) -> Result<()> {
    from.execute("VACUUM INTO ?1", [file.to_string_lossy()])?;
    Ok(())
}
