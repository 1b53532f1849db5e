//! What is open about a hook that is called otherwise now.

use rusqlite::{Connection, params};

use crate::{HookId, Result};

/// Names a hook anew in the open findings of the runner itself about it: in what they concern, and in what mends them.
pub(crate) fn rename(connection: &Connection, hook: HookId, from: &str, to: &str) -> Result<()> {
    let text = "SELECT id, about, remedy FROM finding WHERE source = 0 AND hook = ?1 AND closed_at IS NULL";
    let open = connection
        .prepare_cached(text)?
        .query_map([hook.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<Vec<(i64, String, Option<String>)>>>()?;
    for (id, about, remedy) in open {
        let about = if about == from { to.to_owned() } else { about };
        let remedy = remedy.map(|remedy| renamed(&remedy, from, to));
        // A finding that is over may be about an earlier hook of the new name.
        let text = "UPDATE OR REPLACE finding SET about = ?2, remedy = ?3 WHERE id = ?1";
        connection.prepare_cached(text)?.execute(params![id, about, remedy])?;
    }
    Ok(())
}

/// A remedy whose commands and stanzas name a hook anew; words before its first command stay.
fn renamed(remedy: &str, from: &str, to: &str) -> String {
    let remedy = remedy.replace(&format!("[hook.{from}]"), &format!("[hook.{to}]"));
    let Some(at) = remedy.find("groundcrew ") else { return remedy };
    let (words, commands) = remedy.split_at(at);
    let word = |word: &str| match word.strip_prefix(from) {
        Some(rest) if rest.chars().all(|c| ";,".contains(c)) => format!("{to}{rest}"),
        _ => word.to_owned(),
    };
    let commands: Vec<_> = commands.split(' ').map(word).collect();
    format!("{words}{}", commands.join(" "))
}
