//! How long machines ran: closed times by app, month and size, and since when the others run.
//!
//! What a mirror notes is kept in the transaction of its rows, so that nothing of it is counted twice or lost. What
//! goes on is reckoned when it is asked for: nothing is written while nothing changes.

use groundcrew_core::duration::Millis;
use groundcrew_core::running::{Month, Noted, Size, Total, by_month, within};
use groundcrew_core::spec::canonical;
use groundcrew_core::subject::Uid;
use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, params};

use crate::{Result, Store, SubjectId, sql, subjects};

/// Months that are kept beside the present one.
pub(crate) const MONTHS_KEPT: i32 = 12;

/// Whether nobody saw it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Yes,
    No,
}

/// Keeps what a mirror noted; of subjects that are on record by now.
pub(crate) fn note(connection: &Connection, noted: &Noted) -> Result<()> {
    match noted {
        Noted::Begun { machine, size, since } => {
            let Some(machine) = subjects::id_of(connection, machine)? else { return Ok(()) };
            let text = "INSERT INTO running (machine, size, since) VALUES (?1, ?2, ?3)
                ON CONFLICT (machine) DO UPDATE SET size = excluded.size, since = excluded.since";
            connection.prepare_cached(text)?.execute(params![machine.0, text_of(size), since.as_millis()])?;
            Ok(())
        }
        Noted::Ended { machine, app, size, since, until } => {
            if let Some(machine) = subjects::id_of(connection, machine)? {
                connection.prepare_cached("DELETE FROM running WHERE machine = ?1")?.execute([machine.0])?;
            }
            add(connection, app, size, (*since, *until), Seen::Yes)
        }
        Noted::Unseen { app, size, since, until } => add(connection, app, size, (*since, *until), Seen::No),
    }
}

fn add(
    connection: &Connection,
    app: &Uid,
    size: &Size,
    (since, until): (Timestamp, Timestamp),
    seen: Seen,
) -> Result<()> {
    let Some(app) = subjects::id_of(connection, app)? else { return Ok(()) };
    let text = "INSERT INTO ran (app, month, size, ms, unseen_ms) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (app, month, size) DO UPDATE SET ms = ms + excluded.ms, unseen_ms = unseen_ms + excluded.unseen_ms";
    let mut statement = connection.prepare_cached(text)?;
    for (month, time) in by_month(since, until) {
        let (ran, unseen) = match seen {
            Seen::Yes => (time, Millis::ZERO),
            Seen::No => (Millis::ZERO, time),
        };
        let params = params![app.0, month.as_i32(), text_of(size), ran.as_i64(), unseen.as_i64()];
        statement.execute(params)?;
    }
    Ok(())
}

/// The same text for the same size: it is a key.
fn text_of(size: &Size) -> String {
    let size = serde_json::to_value(size).expect("invariant: a size is JSON");
    canonical(&size)
}

impl Store {
    /// How long an app's machines ran in a month, those that are gone as well, by size; who runs, runs until now.
    pub fn ran(&self, app: SubjectId, month: Month, now: Timestamp) -> Result<Vec<Total>> {
        self.read_at_once(|connection| {
            let mut totals: Vec<Total> = Vec::new();
            let text = "SELECT size, ms, unseen_ms FROM ran WHERE app = ?1 AND month = ?2 ORDER BY size";
            let mut statement = connection.prepare_cached(text)?;
            let mut rows = statement.query(params![app.0, month.as_i32()])?;
            while let Some(row) = rows.next()? {
                let (ran, unseen) = (Millis::new(row.get(1)?), Millis::new(row.get(2)?));
                totals.push(Total { size: sql::json(row, 0)?, ran, unseen });
            }
            let text = "SELECT running.size, since FROM subject JOIN running ON running.machine = subject.id
                WHERE subject.parent = ?1 ORDER BY running.size";
            let mut statement = connection.prepare_cached(text)?;
            let mut rows = statement.query([app.0])?;
            while let Some(row) = rows.next()? {
                let (size, since): (Size, _) = (sql::json(row, 0)?, sql::time(row, 1)?);
                let ran = within(month, since, now);
                match totals.iter_mut().find(|total| total.size == size) {
                    Some(total) => total.ran = total.ran + ran,
                    None if ran > Millis::ZERO => totals.push(Total { size, ran, unseen: Millis::ZERO }),
                    None => {}
                }
            }
            Ok(totals)
        })
    }
}
