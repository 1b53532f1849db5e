//! The writer: group commit, savepoints, reopening after I/O errors and after a mutation that panicked.
//!
//! Of a file it is a thread. A database in memory is written where that is asked for, one mutation a commit.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};
use tokio::sync::{mpsc, oneshot, watch};

use crate::faults::{CommitFault, CommitFaults, CommitMoment};
use crate::log::{Bounds, Log};
use crate::memory::{Hold, Memory};
use crate::reader::Readers;
use crate::{Error, Result, RunId, migrations, sql};

/// Mutations in one commit, at most.
pub const BATCH_MAX: usize = 1_024;
/// Bytes of runs and their calls in one commit, at most; a single run may be larger.
pub const BATCH_BYTES_MAX: usize = 4 << 20;
/// Mutations that may wait before callers do.
pub const QUEUE_MAX: usize = 4_096;
/// Pause before a broken database is opened again.
const REOPEN: Duration = Duration::from_millis(250);
/// How long a statement waits for another process's lock.
pub(crate) const BUSY: Duration = Duration::from_secs(5);

/// What the path of a database in memory is called.
pub(crate) const IN_MEMORY: &str = ":memory:";

/// How a store is opened.
#[derive(Clone)]
pub struct Options {
    /// Faults laid over commits; for tests.
    pub faults: Option<Arc<dyn CommitFaults>>,
    /// Pause before a broken database is opened again; a quarter of a second, but where time is simulated.
    pub reopen_after: Duration,
    /// How large the write-ahead log becomes.
    pub log: Bounds,
}

impl Default for Options {
    fn default() -> Self {
        Self { faults: None, reopen_after: REOPEN, log: Bounds::default() }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("faults", &self.faults.is_some())
            .field("reopen_after", &self.reopen_after)
            .field("log", &self.log)
            .finish()
    }
}

/// Whether the store can be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It can.
    Good,
    /// It cannot, for this reason; it is tried again.
    Broken(String),
}

type Ack = Box<dyn FnOnce(Result<()>) + Send>;
type Work = Box<dyn FnOnce(&Connection) -> (Outcome, Ack) + Send>;

/// A mutation that waits.
struct Job {
    /// What its runs take, roughly; nothing else that is written is large and comes often.
    bytes: usize,
    work: Work,
}

enum Outcome {
    Kept,
    Undone,
    Broken(String),
}

/// Who runs mutations.
#[derive(Clone)]
enum Queue {
    /// The writer's thread.
    Thread(mpsc::Sender<Job>),
    /// Whoever asks.
    Here(Arc<Mutex<Writer>>),
}

/// The store. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    queue: Queue,
    readers: Readers,
    health: watch::Receiver<Health>,
    commits: watch::Receiver<u64>,
    runs: Arc<AtomicI64>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.path()).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens a database for writing, making or migrating it, and starts its writer thread.
    ///
    /// The thread ends when the last clone is dropped; what was queued before is written.
    pub fn open(path: &Path, options: Options) -> Result<Self> {
        let connection = open_writer(path)?;
        let last = last_run(&connection)?;
        let (queue, jobs) = mpsc::channel(QUEUE_MAX);
        let (say, health) = watch::channel(Health::Good);
        let (count, commits) = watch::channel(0);
        let writer = Writer {
            connection: Some(connection),
            memory: None,
            log: Some(Log::new(path, options.log, options.faults.clone())),
            path: path.to_owned(),
            faults: options.faults,
            reopen_after: options.reopen_after,
            health: say,
            commits: count,
            untold: None,
        };
        let thread = std::thread::Builder::new().name("store-writer".to_owned());
        thread.spawn(move || writer.run(jobs)).map_err(|error| Error::Unavailable(error.to_string()))?;
        Ok(Self {
            queue: Queue::Thread(queue),
            readers: Readers::of_file(path),
            health,
            commits,
            runs: Arc::new(AtomicI64::new(last)),
        })
    }

    /// Opens a database in memory. There is no thread, and of the options only faults matter.
    pub(crate) fn on(memory: &Memory, options: Options) -> Result<Self> {
        let last = last_run(&memory.connection())?;
        let (say, health) = watch::channel(Health::Good);
        let (count, commits) = watch::channel(0);
        let path = Path::new(IN_MEMORY);
        let writer = Writer {
            connection: None,
            memory: Some(memory.clone()),
            log: None,
            path: path.to_owned(),
            faults: options.faults,
            reopen_after: Duration::ZERO,
            health: say,
            commits: count,
            untold: None,
        };
        Ok(Self {
            queue: Queue::Here(Arc::new(Mutex::new(writer))),
            readers: Readers::of_memory(memory),
            health,
            commits,
            runs: Arc::new(AtomicI64::new(last)),
        })
    }

    /// One that only reads: every write answers [`Error::Closed`].
    pub(crate) fn read_only(readers: Readers) -> Self {
        let (queue, _) = mpsc::channel(1);
        let (_, health) = watch::channel(Health::Good);
        let (_, commits) = watch::channel(0);
        Self { queue: Queue::Thread(queue), readers, health, commits, runs: Arc::default() }
    }

    /// Runs one mutation; when this returns, it is durable.
    pub(crate) async fn write<T, F>(&self, mutate: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.write_much(0, mutate).await
    }

    /// The same of one whose runs take so many bytes.
    pub(crate) async fn write_much<T, F>(&self, bytes: usize, mutate: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let in_thread = matches!(self.queue, Queue::Thread(_));
        let work: Work = Box::new(move |connection| {
            // A mutation that panics must not take the writer with it; whoever writes here takes it with themselves.
            let answer = if in_thread { or_panicked(|| mutate(connection)) } else { mutate(connection) };
            let outcome = match &answer {
                Ok(_) => Outcome::Kept,
                Err(Error::Unavailable(why)) => Outcome::Broken(why.clone()),
                Err(Error::Refused(error)) if is_broken(error) => Outcome::Broken(error.to_string()),
                Err(error) => {
                    tracing::debug!(%error, "a mutation was undone");
                    Outcome::Undone
                }
            };
            // A caller that went away needs no answer.
            let ack: Ack = Box::new(move |committed| drop(tell.send(committed.and(answer))));
            (outcome, ack)
        });
        match &self.queue {
            Queue::Thread(queue) => queue.send(Job { bytes, work }).await.map_err(|_| Error::Closed)?,
            Queue::Here(writer) => writer.lock().unwrap_or_else(PoisonError::into_inner).commit_one(work),
        }
        told.await.map_err(|_| Error::Closed)?
    }

    /// Reads with a read-only connection; sees what was committed.
    pub(crate) fn read<T>(&self, query: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.readers.read(query)
    }

    /// Reads the file itself, whatever its schema is.
    pub(crate) fn read_as_it_is<T>(&self, query: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.readers.read_as_it_is(query)
    }

    /// Whether the file is what it should be, as SQLite's `quick_check` says.
    pub fn check(&self) -> Result<()> {
        self.read_as_it_is(|connection| {
            let said: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
            if said == "ok" { Ok(()) } else { Err(Error::Unavailable(said)) }
        })
    }

    /// Reads with several queries: all see one commit, and what they share is fetched once.
    pub(crate) fn read_at_once<T>(&self, query: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.read(|connection| {
            let transaction = connection.unchecked_transaction()?;
            let answer = query(&transaction)?;
            transaction.commit()?;
            Ok(answer)
        })
    }

    /// Whether it can be written, and why not.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    /// Counts commits; whoever waits for work waits for its change.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.commits.clone()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.readers.path()
    }

    /// The next run's number; unused ones are skipped.
    pub fn next_run(&self) -> RunId {
        RunId(self.runs.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// The last run that was stored.
fn last_run(connection: &Connection) -> Result<i64> {
    let mut statement = connection.prepare_cached("SELECT coalesce(max(id), 0) FROM run")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

fn open_writer(path: &Path) -> Result<Connection> {
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY)?;
        sql::plan_once(&connection)?;
        // Before the first table, or history can never be given back to the disk.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        // The log is moved into the database elsewhere; savepoints would else write what they may undo to a file.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "cache_size", -8_000)?;
        connection.set_prepared_statement_cache_capacity(200);
        Ok(connection)
    };
    let mut connection = open().map_err(|source| Error::Open { path: path.to_owned(), source })?;
    migrations::migrate(&mut connection, path)?;
    Ok(connection)
}

/// Whether an error says something about the disk rather than about the statement.
fn is_broken(error: &rusqlite::Error) -> bool {
    let codes = [
        ErrorCode::DiskFull,
        ErrorCode::SystemIoFailure,
        ErrorCode::CannotOpen,
        ErrorCode::DatabaseCorrupt,
        ErrorCode::ReadOnly,
        ErrorCode::DatabaseBusy,
        ErrorCode::NotADatabase,
    ];
    error.sqlite_error_code().is_some_and(|code| codes.contains(&code))
}

/// The first of those that wait, as many as one commit takes; of several commits each is on its own.
fn next_batch(waiting: &mut VecDeque<Job>) -> Vec<Work> {
    let mut bytes = 0_usize;
    let fits = |job: &&Job| {
        let first = bytes == 0;
        // What is not told counts a little, so that only the first can have counted nothing.
        bytes = bytes.saturating_add(job.bytes.max(1));
        first || bytes <= BATCH_BYTES_MAX
    };
    let count = waiting.iter().take_while(fits).count();
    waiting.drain(..count).map(|job| job.work).collect()
}

struct Writer {
    connection: Option<Connection>,
    /// What is written instead of a file.
    memory: Option<Memory>,
    /// That of a file.
    log: Option<Log>,
    path: PathBuf,
    faults: Option<Arc<dyn CommitFaults>>,
    reopen_after: Duration,
    health: watch::Sender<Health>,
    commits: watch::Sender<u64>,
    /// Who is never told, after a death; of a database in memory.
    untold: Option<Vec<Ack>>,
}

impl Writer {
    /// Commits one mutation, on the thread that asks for it.
    fn commit_one(&mut self, work: Work) {
        // A dead process tells nobody anything.
        if let Some(untold) = &mut self.untold {
            untold.push(work(&scratch()).1);
            return;
        }
        match self.commit(vec![work]) {
            Ok(()) | Err(Stop::Broken(_)) => {}
            Err(Stop::Crashed(untold)) => self.untold = Some(untold),
        }
    }

    fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut gathered = Vec::with_capacity(BATCH_MAX);
        let mut waiting = VecDeque::with_capacity(BATCH_MAX);
        while jobs.blocking_recv_many(&mut gathered, BATCH_MAX) > 0 {
            waiting.extend(gathered.drain(..));
            while !waiting.is_empty() {
                match self.commit(next_batch(&mut waiting)) {
                    Ok(()) => {}
                    Err(Stop::Broken(why)) => {
                        // Nobody waits for as many attempts as there are commits before theirs.
                        let scratch = scratch();
                        refuse(waiting.drain(..).map(|job| (job.work)(&scratch).1), &why);
                        std::thread::sleep(self.reopen_after);
                    }
                    Err(Stop::Crashed(mut untold)) => {
                        // A dead process tells nobody anything: keep every acknowledgement until all callers left.
                        self.connection = None;
                        let scratch = scratch();
                        while let Some(job) = waiting.pop_front().or_else(|| jobs.blocking_recv()) {
                            untold.push((job.work)(&scratch).1);
                        }
                        return;
                    }
                }
                // What came meanwhile fills a commit that would be small.
                while !waiting.is_empty()
                    && waiting.len() < BATCH_MAX
                    && let Ok(job) = jobs.try_recv()
                {
                    waiting.push_back(job);
                }
            }
        }
    }

    fn commit(&mut self, batch: Vec<Work>) -> Result<(), Stop> {
        let memory = self.memory.clone();
        let connection = match &memory {
            Some(memory) => Ok(Hold::Lent(memory.connection())),
            None => self.connection.take().map_or_else(|| open_writer(&self.path), Ok).map(Hold::Own),
        };
        let connection = match connection {
            Ok(connection) => connection,
            Err(error) => {
                let why = whole(&error);
                self.say(Health::Broken(why.clone()));
                let scratch = scratch();
                refuse(batch.into_iter().map(|work| work(&scratch).1), &why);
                return Err(Stop::Broken(why));
            }
        };
        let mut acks = Vec::with_capacity(batch.len());
        let room = self.log.as_mut().map_or(Ok(()), |log| log.make_room(&connection));
        let room = room.map_err(|error| Failed::Broken(whole(&error)));
        let committed = self.transact(&connection, room, batch, &mut acks);
        match committed {
            Ok(()) => {
                self.say(Health::Good);
                // Counted first: whoever is told that it is durable finds it counted.
                self.commits.send_modify(|count| *count += 1);
                for ack in acks {
                    ack(Ok(()));
                }
                // What fails here was tried after the commit: it is told when there is no room for another.
                if let Some(Err(error)) = self.log.as_mut().map(|log| log.tend(&connection)) {
                    tracing::warn!(error = whole(&error), "the database's log could not be tended");
                }
                if let Some(Err(error)) = memory.as_ref().map(|memory| memory.committed(&connection)) {
                    tracing::error!(error = whole(&error), "what was committed could not be kept");
                }
                self.connection = connection.own();
                Ok(())
            }
            Err(Failed::Crashed) => {
                connection.give_up();
                Err(Stop::Crashed(acks))
            }
            Err(Failed::Broken(why)) => {
                // The transaction may be durable all the same: the connection is thrown away, and whoever
                // asked reads again what became of it.
                connection.give_up();
                self.say(Health::Broken(why.clone()));
                refuse(acks.into_iter(), &why);
                Err(Stop::Broken(why))
            }
        }
    }

    fn transact(
        &self,
        connection: &Connection,
        room: Result<(), Failed>,
        batch: Vec<Work>,
        acks: &mut Vec<Ack>,
    ) -> Result<(), Failed> {
        let execute = |text: &str| -> Result<(), Failed> {
            let mut statement = connection.prepare_cached(text).map_err(|error| Failed::of(&error))?;
            statement.execute([]).map(drop).map_err(|error| Failed::of(&error))
        };
        let mut broken = room.and_then(|()| execute("BEGIN IMMEDIATE")).err();
        for work in batch {
            let savepoint = if broken.is_none() { execute("SAVEPOINT one") } else { Ok(()) };
            broken = broken.or(savepoint.err());
            if broken.is_some() {
                // After such an error there may be no transaction any more: what ran here would be kept piecemeal.
                acks.push(work(&scratch()).1);
                continue;
            }
            let (outcome, ack) = work(connection);
            acks.push(ack);
            let undo = match outcome {
                Outcome::Kept => Ok(()),
                Outcome::Undone => execute("ROLLBACK TO one"),
                Outcome::Broken(why) => Err(Failed::Broken(why)),
            };
            broken = undo.and_then(|()| execute("RELEASE one")).err();
        }
        if let Some(broken) = broken {
            return Err(broken);
        }
        self.fault(CommitMoment::Before)?;
        execute("COMMIT")?;
        self.fault(CommitMoment::After)
    }

    fn fault(&self, moment: CommitMoment) -> Result<(), Failed> {
        match self.faults.as_ref().map_or(CommitFault::None, |faults| faults.at(moment)) {
            CommitFault::None => Ok(()),
            CommitFault::Fail => Err(Failed::Broken("the disk failed (injected)".to_owned())),
            CommitFault::Crash => Err(Failed::Crashed),
        }
    }

    fn say(&self, health: Health) {
        self.health.send_if_modified(|now| {
            let changed = *now != health;
            if changed {
                match &health {
                    Health::Good => tracing::info!("the database can be written again"),
                    Health::Broken(why) => tracing::error!(%why, "the database cannot be written"),
                }
                *now = health;
            }
            changed
        });
    }
}

/// What a mutation answers; that it panicked is an error like one of the disk: nobody knows what it left half done.
fn or_panicked<T>(mutate: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(mutate)).unwrap_or_else(|panic| {
        let text = text_of(&*panic);
        Err(Error::Unavailable(format!("a write panicked, which is a mistake of this program: {text}")))
    })
}

/// What a panic said.
fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}

/// An error with everything that it came from: people must see that the disk is full, not only which file.
fn whole(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// Where mutations run that must come to nothing: only their acknowledgement is wanted.
fn scratch() -> Connection {
    Connection::open_in_memory().expect("invariant: memory can be had")
}

fn refuse(acks: impl Iterator<Item = Ack>, why: &str) {
    acks.for_each(|ack| ack(Err(Error::Unavailable(why.to_owned()))));
}

enum Stop {
    Broken(String),
    Crashed(Vec<Ack>),
}

enum Failed {
    Broken(String),
    Crashed,
}

impl Failed {
    fn of(error: &rusqlite::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(store: &Store) -> i64 {
        store
            .read(|connection| Ok(connection.query_row("SELECT count(*) FROM hook", [], |row| row.get(0))?))
            .unwrap()
    }

    fn insert(connection: &Connection, name: &str) -> Result<()> {
        let text =
            "INSERT INTO hook (name, component, target, stanza, state) VALUES (?1, '', '', '', 'active')";
        connection.execute(text, [name])?;
        Ok(())
    }

    #[tokio::test]
    async fn a_write_that_panics_is_not_kept_and_says_so_and_others_are_written_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { reopen_after: Duration::from_millis(1), ..Options::default() };
        let store = Store::open(&folder.path().join("groundcrew.db"), options).unwrap();
        let mut health = store.health();
        let panics = |connection: &Connection| -> Result<()> {
            insert(connection, "half")?;
            panic!("seven of six");
        };
        let refused = store.write(panics).await.unwrap_err().to_string();
        assert!(refused.contains("panicked") && refused.contains("seven of six"), "{refused}");
        health.changed().await.unwrap();
        store.write(|connection| insert(connection, "whole")).await.unwrap();
        assert_eq!(*health.borrow_and_update(), Health::Good);
        assert_eq!(count(&store), 1);
    }
}
