//! The write-ahead log is moved into the database while work goes on, and never grows beyond its bounds.

#![expect(clippy::unwrap_used, reason = "a failing fixture is a failing test")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use groundcrew_store::{
    Bounds, CommitFault, CommitFaults, CommitMoment, Connection, Error, Health, Options, Store,
};

/// A frame of the log: a page and its header [https://sqlite.org/fileformat2.html#walformat].
const FRAME: u64 = 4_096 + 24;
const BOUNDS: Bounds = Bounds { copy: 64, full: 128 };
/// Pages that one of these commits changes, at most.
const COMMIT: u64 = 16;

/// A disk on which checkpoints fail, and which counts them.
#[derive(Default)]
struct Disk {
    fails: AtomicBool,
    asked: AtomicU32,
}

impl CommitFaults for Disk {
    fn at(&self, moment: CommitMoment) -> CommitFault {
        if moment != CommitMoment::Checkpoint {
            return CommitFault::None;
        }
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.fails.load(Ordering::SeqCst) { CommitFault::Fail } else { CommitFault::None }
    }
}

fn open(path: &Path) -> (Store, Arc<Disk>) {
    let disk = Arc::new(Disk::default());
    let faults = Some(disk.clone() as Arc<dyn CommitFaults>);
    (Store::open(path, Options { faults, log: BOUNDS, ..Options::default() }).unwrap(), disk)
}

fn log_bytes(path: &Path) -> u64 {
    std::fs::metadata(path.with_extension("db-wal")).map_or(0, |log| log.len())
}

async fn write(store: &Store, n: u32) -> Result<(), Error> {
    store.claim_meta(&format!("key-{n}"), &"x".repeat(2_000)).await.map(drop)
}

fn kept(path: &Path) -> u32 {
    let connection = Connection::open(path).unwrap();
    connection.query_row("SELECT count(*) FROM meta WHERE key LIKE 'key-%'", [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn the_log_keeps_within_its_bounds_while_others_read_and_write() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    let (store, disk) = open(&path);
    let mut most = 0;
    for n in 0..1_000 {
        write(&store, n).await.unwrap();
        assert!(store.meta(&format!("key-{n}")).unwrap().is_some(), "what is acknowledged can be read");
        most = most.max(log_bytes(&path));
    }
    assert!(most <= (u64::from(BOUNDS.full) + COMMIT) * FRAME, "{} pages", most / FRAME);
    assert!(disk.asked.load(Ordering::SeqCst) > 10, "it was moved many times");
    assert_eq!(kept(&path), 1_000);
}

#[tokio::test]
async fn a_log_that_cannot_be_moved_stops_commits_before_it_grows() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    let (store, disk) = open(&path);
    disk.fails.store(true, Ordering::SeqCst);
    let mut written = 0;
    let refused = loop {
        assert!(written < 1_000, "nothing stopped");
        match write(&store, written).await {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, Error::Unavailable(_)), "{refused}");
    assert!(refused.to_string().contains("the disk failed"), "{refused}");
    assert!(matches!(&*store.health().borrow(), Health::Broken(why) if why.contains("the disk failed")));
    for _ in 0..3 {
        assert!(write(&store, written).await.is_err(), "it stays so");
    }
    assert!(log_bytes(&path) <= (u64::from(BOUNDS.full) + COMMIT) * FRAME);
    assert_eq!(kept(&path), written, "what was acknowledged, and nothing else");
    disk.fails.store(false, Ordering::SeqCst);
    for n in written..written + 300 {
        write(&store, n).await.unwrap();
    }
    assert_eq!(*store.health().borrow(), Health::Good);
    assert!(log_bytes(&path) <= (u64::from(BOUNDS.full) + COMMIT) * FRAME);
}

#[tokio::test]
async fn a_reader_that_stays_stops_nobody_and_the_log_is_used_again_when_it_has_gone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    let (store, _disk) = open(&path);
    let reader = Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM meta").unwrap();
    for n in 0..300 {
        write(&store, n).await.unwrap();
    }
    reader.execute_batch("COMMIT").unwrap();
    let grown = log_bytes(&path);
    for n in 300..900 {
        write(&store, n).await.unwrap();
    }
    assert!(log_bytes(&path) <= grown + (u64::from(BOUNDS.copy) / 4 + COMMIT) * FRAME, "it does not grow on");
    assert_eq!(kept(&path), 900);
}
