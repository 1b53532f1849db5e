//! What the machine allows without us: a flush, a commit, a loop written by hand.

use std::io::Write as _;
use std::path::Path;

use rusqlite::{Connection, params};

use crate::bare::Bare;
use crate::clock::{micros, now};
use crate::samples::Samples;

/// How often each is measured.
const REPEATS: usize = 1_000;

/// Bytes of an event.
pub(crate) const EVENT_BYTES: usize = 400;

/// Owners whose runs may be in flight at once.
pub(crate) const IN_FLIGHT: usize = 64;

/// Appending 400 bytes and flushing them to the disk, in microseconds.
pub(crate) fn fdatasync(directory: &Path) -> anyhow::Result<Samples> {
    let mut file = std::fs::File::create(directory.join("appended"))?;
    let mut samples = Vec::with_capacity(REPEATS);
    for _ in 0..REPEATS {
        let began = now();
        file.write_all(&[b'x'; EVENT_BYTES])?;
        file.sync_data()?;
        samples.push(micros(began.elapsed()));
    }
    Ok(Samples::of(samples))
}

/// Committing one row of 400 bytes, WAL and `synchronous=FULL`, in microseconds.
pub(crate) fn commit(directory: &Path) -> anyhow::Result<Samples> {
    let directory = tempfile::tempdir_in(directory)?;
    let connection = open(&directory.path().join("commits.db"))?;
    let mut samples = Vec::with_capacity(REPEATS);
    for id in 0..REPEATS {
        let began = now();
        let text = "INSERT INTO event (seq, eid, data) VALUES (?1, ?2, ?3)";
        connection.prepare_cached(text)?.execute(params![
            id as i64,
            id.to_string(),
            "x".repeat(EVENT_BYTES)
        ])?;
        samples.push(micros(began.elapsed()));
    }
    Ok(Samples::of(samples))
}

/// Runs a second of the least that is durable: 64 events committed, 64 bare runs, 64 settlements committed.
///
/// One thread, no HTTP, no limits, no gate, no ordering, no retries, and no second process that feeds it.
pub(crate) async fn minimal_loop(directory: &Path, bare: &Bare, events: usize) -> anyhow::Result<f64> {
    let connection = open(&directory.join("loop.db"))?;
    let data = "x".repeat(EVENT_BYTES);
    let began = now();
    for batch in 0..events.div_ceil(IN_FLIGHT) {
        let ids = (batch * IN_FLIGHT) as i64..((batch + 1) * IN_FLIGHT) as i64;
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for id in ids.clone() {
            let text = "INSERT INTO event (seq, eid, data) VALUES (?1, ?2, ?3)";
            connection.prepare_cached(text)?.execute(params![id, id.to_string(), data])?;
            connection.prepare_cached("INSERT INTO delivery (seq) VALUES (?1)")?.execute([id])?;
        }
        connection.execute_batch("COMMIT")?;
        for _ in ids.clone() {
            bare.run().await?;
        }
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for id in ids {
            connection.prepare_cached("INSERT INTO run (seq, outcome) VALUES (?1, 'ok')")?.execute([id])?;
            connection.prepare_cached("DELETE FROM delivery WHERE seq = ?1")?.execute([id])?;
        }
        connection.execute_batch("COMMIT")?;
    }
    let settled: i64 = connection.query_row("SELECT count(*) FROM run", [], |row| row.get(0))?;
    Ok(settled as f64 / began.elapsed().as_secs_f64())
}

fn open(path: &Path) -> anyhow::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch(
        "CREATE TABLE event (seq INTEGER PRIMARY KEY, eid TEXT NOT NULL UNIQUE, data TEXT NOT NULL) STRICT;
        CREATE TABLE delivery (seq INTEGER PRIMARY KEY) STRICT;
        CREATE TABLE run (id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, outcome TEXT NOT NULL) STRICT;",
    )?;
    Ok(connection)
}
