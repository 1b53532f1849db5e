//! A database in memory, for processes that are only played.
//!
//! ```text
//!   Memory --open--> Store of a process
//!     |      open--> Store of the next one, after its death
//!     +- keep -----> Contents: every row, as it is now
//!     +- remember -> one Contents after each of the next commits
//!     +- put_back(Contents): the rows are again what they were then
//! ```
//!
//! # Guarantees
//! - It outlives the stores that are opened on it, as a file outlives processes: what was committed is there for the
//!   next one, what was not is gone.
//! - The same functions, SQL, moments and faults as on a file; each mutation is a commit of its own.
//! - What is put back cannot be told from what was kept: rows, and the numbers that the next ones get, are the same.
//!
//! It deliberately is durable against nothing: that a commit survives a loss of power is for a file.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::writer::{IN_MEMORY, Options};
use crate::{Result, Store, migrations, sql};

/// Prepared statements that are kept: all that there are.
const STATEMENTS: usize = 2_000;

/// A database in memory; a clone is the same one.
#[derive(Clone)]
pub struct Memory(Arc<Inner>);

struct Inner {
    connection: Mutex<Connection>,
    tables: Vec<Table>,
    /// What it was after each commit, if that is wanted.
    history: Mutex<Option<History>>,
}

/// What a database was after each of its next commits.
struct History {
    kept: Vec<Contents>,
    /// How many commits are kept at most.
    most: usize,
}

/// How one table is read, emptied and filled.
struct Table {
    select: String,
    delete: String,
    insert: String,
}

/// All rows of a database at one time, table by table; rows that do not change are shared by those of other times.
#[derive(Clone, Debug, PartialEq)]
pub struct Contents(Vec<Vec<Arc<[Value]>>>);

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").field("tables", &self.0.tables.len()).finish_non_exhaustive()
    }
}

impl Memory {
    /// An empty database of this version.
    pub fn new() -> Result<Self> {
        let mut connection = Connection::open_in_memory()?;
        sql::plan_once(&connection)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        migrations::migrate(&mut connection, IN_MEMORY.as_ref())?;
        let tables = tables(&connection)?;
        Ok(Self(Arc::new(Inner { connection: Mutex::new(connection), tables, history: Mutex::default() })))
    }

    /// Opens it, as a process that starts opens its file; of the options only faults matter.
    pub fn open(&self, options: Options) -> Result<Store> {
        Store::on(self, options)
    }

    /// All that is committed.
    pub fn keep(&self) -> Result<Contents> {
        self.contents(&self.connection(), None)
    }

    /// From now on keeps what it is after each commit, of so many.
    pub fn remember(&self, most: usize) -> Result<()> {
        let now = self.keep()?;
        *self.history() = Some(History { kept: vec![now], most });
        Ok(())
    }

    /// What it was when it began to remember, and after each commit that was to be kept; it remembers no longer.
    pub fn remembered(&self) -> Vec<Contents> {
        self.history().take().map_or_else(Vec::new, |history| history.kept)
    }

    /// Something was committed.
    pub(crate) fn committed(&self, connection: &Connection) -> Result<()> {
        if let Some(history) = self.history().as_mut().filter(|history| history.kept.len() <= history.most) {
            let now = self.contents(connection, history.kept.last())?;
            history.kept.push(now);
        }
        Ok(())
    }

    fn contents(&self, connection: &Connection, before: Option<&Contents>) -> Result<Contents> {
        let mut tables = Vec::with_capacity(self.0.tables.len());
        for (n, table) in self.0.tables.iter().enumerate() {
            let before = before.and_then(|before| before.0.get(n)).map_or(&[][..], Vec::as_slice);
            let mut statement = connection.prepare_cached(&table.select)?;
            let columns = statement.column_count();
            let mut rows = statement.query([])?;
            let mut kept = Vec::with_capacity(before.len());
            while let Some(row) = rows.next()? {
                let row =
                    (0..columns).map(|column| row.get(column)).collect::<rusqlite::Result<Arc<[Value]>>>()?;
                let same = before.get(kept.len()).filter(|before| **before == row);
                kept.push(same.cloned().unwrap_or(row));
            }
            tables.push(kept);
        }
        Ok(Contents(tables))
    }

    /// Makes it what it was when this was kept.
    pub fn put_back(&self, contents: &Contents) -> Result<()> {
        let connection = self.connection();
        let transaction = connection.unchecked_transaction()?;
        // What refers to others was made after them.
        for table in self.0.tables.iter().rev() {
            transaction.prepare_cached(&table.delete)?.execute([])?;
        }
        for (table, rows) in self.0.tables.iter().zip(&contents.0).filter(|(_, rows)| !rows.is_empty()) {
            // Filling the others has counted in the last one.
            transaction.prepare_cached(&table.delete)?.execute([])?;
            let mut insert = transaction.prepare_cached(&table.insert)?;
            for row in rows {
                insert.execute(params_from_iter(row.iter()))?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn history(&self) -> MutexGuard<'_, Option<History>> {
        self.0.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn connection(&self) -> MutexGuard<'_, Connection> {
        self.0.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every table, in the order in which they were made, and then the one that knows which numbers were given. Those without a
/// key of their own have none here.
fn tables(connection: &Connection) -> Result<Vec<Table>> {
    let text =
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND (name NOT LIKE 'sqlite_%' OR name = 'sqlite_sequence')
        ORDER BY name = 'sqlite_sequence', rowid";
    let mut statement = connection.prepare(text)?;
    let names = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    let table = |name: String| -> Result<Table> {
        let select = format!("SELECT * FROM {name}");
        let columns = connection.prepare(&select)?.column_count();
        let places = vec!["?"; columns].join(", ");
        let insert = format!("INSERT INTO {name} VALUES ({places})");
        Ok(Table { select, delete: format!("DELETE FROM {name}"), insert })
    };
    names.into_iter().map(table).collect()
}

/// A connection while it is written to: the writer's own, or one that is lent for this commit.
pub(crate) enum Hold<'a> {
    Own(Connection),
    Lent(MutexGuard<'a, Connection>),
}

impl Deref for Hold<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        match self {
            Self::Own(connection) => connection,
            Self::Lent(connection) => connection,
        }
    }
}

impl Hold<'_> {
    /// The writer's own, back.
    pub(crate) fn own(self) -> Option<Connection> {
        match self {
            Self::Own(connection) => Some(connection),
            Self::Lent(_) => None,
        }
    }

    /// Ends it with whatever it has not committed.
    pub(crate) fn give_up(self) {
        if let Self::Lent(connection) = self
            && !connection.is_autocommit()
            && let Err(error) = connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "a commit in memory could not be undone");
        }
    }
}
