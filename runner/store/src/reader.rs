//! Read-only connections, and databases that another process may be writing.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};

use crate::memory::Memory;
use crate::older::Older;
use crate::writer::{BUSY, IN_MEMORY};
use crate::{Error, Result, Store, migrations, sql};

/// The connections of a store that only read. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Readers {
    /// Those that nobody uses now.
    idle: Arc<Mutex<Vec<Connection>>>,
    /// What is read instead of a file.
    memory: Option<Memory>,
    path: Arc<Path>,
    /// Of a database that has an older schema.
    older: Option<Arc<Older>>,
}

impl Readers {
    pub(crate) fn of_file(path: &Path) -> Self {
        Self { idle: Arc::default(), memory: None, path: path.into(), older: None }
    }

    pub(crate) fn of_memory(memory: &Memory) -> Self {
        Self { memory: Some(memory.clone()), ..Self::of_file(Path::new(IN_MEMORY)) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads what was committed.
    pub(crate) fn read<T>(&self, query: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        if let Some(memory) = &self.memory {
            return query(&memory.connection());
        }
        let pooled = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match (pooled, &self.older) {
            (Some(pooled), _) => pooled,
            (None, None) => open_reader(&self.path)?,
            (None, Some(older)) => open_reader(&older.copy_of(&self.path)?)?,
        };
        let answer = query(&connection);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        answer
    }

    /// Reads the file itself, whatever its schema is.
    pub(crate) fn read_as_it_is<T>(&self, query: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        match &self.older {
            None => self.read(query),
            Some(_) => query(&open_reader(&self.path)?),
        }
    }
}

/// Opens a database of a schema that this program knows, or an older one, for reading.
pub(crate) fn open_reader(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY)?;
        sql::plan_once(&connection)?;
        connection.set_prepared_statement_cache_capacity(100);
        Ok(connection)
    };
    let connection = open().map_err(|source| Error::Open { path: path.to_owned(), source })?;
    let found = migrations::found(&connection)?;
    if found > migrations::KNOWN {
        return Err(Error::Newer { path: path.to_owned(), found, known: migrations::KNOWN });
    }
    Ok(connection)
}

/// Reads a database that another process may be writing.
#[derive(Debug)]
pub struct Reader(());

impl Reader {
    /// Opens a store that only reads; every write answers [`Error::Closed`].
    ///
    /// Of a database with an older schema it reads a migrated copy, which the first query makes; the database stays
    /// as it is, and what is written to it from then on is not seen.
    ///
    /// # Errors
    /// [`Error::Open`] if there is none, [`Error::Newer`] if a newer version wrote it.
    pub fn open(path: &Path) -> Result<Store> {
        let connection = open_reader(path)?;
        let found = migrations::found(&connection)?;
        let (idle, older) = if found < migrations::KNOWN {
            (Vec::new(), Some(Arc::new(Older::new(found))))
        } else {
            (vec![connection], None)
        };
        let idle = Arc::new(Mutex::new(idle));
        Ok(Store::read_only(Readers { idle, older, ..Readers::of_file(path) }))
    }

    /// The same of a database in memory.
    pub fn on(memory: &Memory) -> Store {
        Store::read_only(Readers::of_memory(memory))
    }
}
