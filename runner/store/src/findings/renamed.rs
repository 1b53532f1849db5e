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

/// The program, as commands name it.
const PROGRAM: &str = "groundcrew";

/// Commands that have commands of their own, and these.
pub const SUBCOMMANDS: &[(&str, &[&str])] = &[
    ("resources", &["release", "delete", "export", "import"]),
    ("findings", &["fix", "ack"]),
    ("audit", &["list", "run", "history"]),
    ("dead", &["list", "show", "retry", "discard"]),
    ("retire", &["list", "cancel"]),
    ("backfill", &["list", "cancel"]),
    ("label", &["show", "set", "unset"]),
    ("hook", &["list", "remove", "retarget"]),
];

/// What may stand at a word's end, and is not of it.
const ENDS: [char; 4] = [';', ',', '`', ':'];

/// A remedy whose commands and stanzas name a hook anew; words before its first command stay, and so do the commands'
/// own words, whatever a hook is called.
fn renamed(remedy: &str, from: &str, to: &str) -> String {
    let remedy = remedy.replace(&format!("[hook.{from}]"), &format!("[hook.{to}]"));
    let Some(at) = remedy.find("groundcrew ") else { return remedy };
    let (before, commands) = remedy.split_at(at);
    let words: Vec<_> = commands.split(' ').collect();
    let word = |(at, word): (usize, &&str)| match word.strip_prefix(from) {
        Some(rest) if rest.chars().all(|c| ENDS.contains(&c)) && !is_own(&words, at) => format!("{to}{rest}"),
        _ => (*word).to_owned(),
    };
    let commands: Vec<_> = words.iter().enumerate().map(word).collect();
    format!("{before}{}", commands.join(" "))
}

/// Whether a word is the command's own: the program, what it is to do, and to that what belongs to it.
fn is_own(words: &[&str], at: usize) -> bool {
    let back = |by: usize| {
        let word = at.checked_sub(by).and_then(|at| words.get(at));
        word.map_or("", |word| word.trim_matches(ENDS))
    };
    let (word, one, two) = (back(0), back(1), back(2));
    let belongs = || SUBCOMMANDS.iter().any(|(group, own)| *group == one && own.contains(&word));
    word == PROGRAM || one == PROGRAM || (two == PROGRAM && belongs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_that_is_called_as_a_command_leaves_the_command_as_it_is() {
        for (from, remedy, expected) in [
            ("dns", "groundcrew approve --upgrade dns", "groundcrew approve --upgrade new"),
            ("approve", "groundcrew approve --upgrade approve", "groundcrew approve --upgrade new"),
            ("dead", "groundcrew dead list --hook dead", "groundcrew dead list --hook new"),
            ("list", "groundcrew dead list --hook list", "groundcrew dead list --hook new"),
            ("list", "groundcrew add list", "groundcrew add new"),
            ("diff", "groundcrew diff diff next.wasm", "groundcrew diff new next.wasm"),
            ("remove", "groundcrew hook remove remove --retain", "groundcrew hook remove new --retain"),
            (
                "runs",
                "runs: groundcrew runs --hook runs, or else",
                "runs: groundcrew runs --hook new, or else",
            ),
            (
                "retire",
                "`groundcrew promote retire`; `groundcrew retire list`",
                "`groundcrew promote new`; `groundcrew retire list`",
            ),
            ("up", "write [hook.up] again: `groundcrew up`", "write [hook.new] again: `groundcrew up`"),
        ] {
            assert_eq!(renamed(remedy, from, "new"), expected, "{from}");
        }
    }
}
