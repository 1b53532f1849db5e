//! Bodies of old runs are dropped; what is kept of one is how long it was.
//!
//! It goes from run to run and notes how far it came, so that none is looked at twice. A run that is in use then keeps its
//! bodies, is noted as well, and is looked at again until nothing needs it any more.

use std::collections::VecDeque;

use groundcrew_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::prune::{CHUNK, IN_USE};
use crate::{Error, Result};

/// Under which key the database says up to which run bodies were dropped.
const DONE: &str = "pruned.bodies";
/// Under which key it says which of those runs have theirs still: numbers, as JSON, next to be looked at first.
const LEFT: &str = "pruned.bodies.left";

/// Empties the bodies of some runs that ended before this, of those that were not looked at yet or were in use; says how
/// many it came past.
pub(crate) fn drop_some(connection: &Connection, before: Timestamp) -> Result<usize> {
    let mut free = Vec::new();
    let mut left = left(connection)?;
    let were_left = left.clone();
    // What is younger has the number of one that was removed.
    let text = format!("SELECT {IN_USE} OR coalesce(ended, ?2) >= ?2 FROM run WHERE id = ?1");
    let mut statement = connection.prepare_cached(&text)?;
    for run in left.drain(..left.len().min(CHUNK as usize)).collect::<Vec<_>>() {
        match statement.query_row([run, before.as_millis()], |row| row.get(0)).optional()? {
            Some(true) => left.push_back(run),
            Some(false) => free.push(run),
            None => {}
        }
    }
    let old = old(connection, before)?;
    let came_past = free.len() + old.len();
    for (run, in_use) in &old {
        if *in_use {
            left.push_back(*run);
        } else {
            free.push(*run);
        }
    }
    empty(connection, &free)?;
    if left != were_left {
        note(connection, LEFT, &serde_json::json!(left).to_string())?;
    }
    if let Some((last, _)) = old.last() {
        note(connection, DONE, &last.to_string())?;
    }
    Ok(came_past)
}

/// The next runs that ended before this, and whether they are in use.
///
/// They wait for one that has not ended by then: later ones, which may have, wait with it.
fn old(connection: &Connection, before: Timestamp) -> Result<Vec<(i64, bool)>> {
    let text =
        "SELECT min(CAST(value AS INTEGER), (SELECT coalesce(max(id), 0) FROM run)) FROM meta WHERE key = ?1";
    let done = connection.prepare_cached(text)?.query_row([DONE], |row| row.get::<_, i64>(0)).optional()?;
    let text = format!("SELECT id, ended, {IN_USE} FROM run WHERE id > ?1 ORDER BY id LIMIT ?2");
    let mut statement = connection.prepare_cached(&text)?;
    let next = statement.query_map(params![done.unwrap_or(0), CHUNK], |row| {
        Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?, row.get(2)?))
    })?;
    let next = next.collect::<rusqlite::Result<Vec<_>>>()?;
    let over = |ended: Option<i64>| ended.is_some_and(|ended| ended < before.as_millis());
    let old = next.into_iter().take_while(|(_, ended, _)| over(*ended));
    Ok(old.map(|(run, _, in_use)| (run, in_use)).collect())
}

/// Runs that were passed while they were in use.
fn left(connection: &Connection) -> Result<VecDeque<i64>> {
    let text = "SELECT value FROM meta WHERE key = ?1";
    let left =
        connection.prepare_cached(text)?.query_row([LEFT], |row| row.get::<_, String>(0)).optional()?;
    let left = left.map(|left| serde_json::from_str(&left)).transpose();
    Ok(left.map_err(|error| Error::Foreign(format!("`{LEFT}`: {error}")))?.unwrap_or_default())
}

fn note(connection: &Connection, key: &str, value: &str) -> Result<()> {
    let text = "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    connection.prepare_cached(text)?.execute([key, value])?;
    Ok(())
}

fn empty(connection: &Connection, runs: &[i64]) -> Result<()> {
    for (part, body) in [("ask", "$.body"), ("answer", "$.response.body")] {
        let json = format!("CAST({part} AS TEXT)");
        let (said, coded) = (
            format!("json_extract({json}, '{body}.text')"),
            format!("json_extract({json}, '{body}.base64')"),
        );
        // In base64 four characters stand for three bytes, less what fills up the last of them.
        let size = format!(
            "coalesce(octet_length({said}), octet_length({coded}) / 4 * 3 - (octet_length({coded}) - octet_length(rtrim({coded}, '='))))"
        );
        let text = format!(
            "UPDATE call SET {part} = CAST(json_set({json}, '{body}', json_object('dropped', {size})) AS BLOB)
             WHERE run = ?1 AND op = 'http' AND json_valid({json}) AND coalesce({said}, {coded}) <> ''"
        );
        let mut statement = connection.prepare_cached(&text)?;
        for run in runs {
            statement.execute([run])?;
        }
    }
    let text =
        "UPDATE run SET input = NULL, answer = NULL WHERE id = ?1 AND coalesce(input, answer) IS NOT NULL";
    let mut statement = connection.prepare_cached(text)?;
    for run in runs {
        statement.execute([run])?;
    }
    Ok(())
}
