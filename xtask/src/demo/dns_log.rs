//! What the name server did when: the fake keeps a log of its own, and PowerDNS is given one.
//!
//! PowerDNS keeps none. Its database is the play's own, so triggers there write every row down that is added or
//! removed, whoever asked for it. A `REPLACE` removes all rows of a set and adds the new ones at once, also if they are the
//! same: so each rewriting shows, and a set whose last row is followed by a new one in the next line was not gone. Between
//! two requests there is at least the line of the zone's serial.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde_json::Value;

use groundcrew_verdict::Change;

/// The log and what writes it. Readers never wait for the server, nor it for them: its log is written ahead.
pub(super) const SCHEMA: &str = "
PRAGMA journal_mode = WAL;
CREATE TABLE written (seq INTEGER PRIMARY KEY, name TEXT, type TEXT, content TEXT, what TEXT);
CREATE TRIGGER written_added AFTER INSERT ON records BEGIN
  INSERT INTO written (name, type, content, what) VALUES (new.name, new.type, new.content, 'added');
END;
CREATE TRIGGER written_removed AFTER DELETE ON records BEGIN
  INSERT INTO written (name, type, content, what) VALUES (old.name, old.type, old.content, 'removed');
END;
CREATE TRIGGER written_changed AFTER UPDATE OF name, type, content, ttl, prio, disabled ON records BEGIN
  INSERT INTO written (name, type, content, what) VALUES (old.name, old.type, old.content, 'removed');
  INSERT INTO written (name, type, content, what) VALUES (new.name, new.type, new.content, 'added');
END;
";

/// One line of that log.
#[derive(Debug, Deserialize)]
struct Row {
    seq: u64,
    name: String,
    /// None: a name that is there only because others end so.
    #[serde(rename = "type")]
    kind: Option<String>,
    content: Option<String>,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum What {
    Added,
    Removed,
}

/// Reads PowerDNS's log: each change with its number.
pub(super) fn of_powerdns(database: &Path) -> anyhow::Result<Vec<(u64, Change)>> {
    let mut sqlite = Command::new("sqlite3");
    sqlite.args(["-json", "-cmd", ".timeout 5000"]).arg(database).arg("SELECT * FROM written ORDER BY seq");
    let output = sqlite.output().context("sqlite3")?;
    ensure!(output.status.success(), "PowerDNS's log: {}", String::from_utf8_lossy(&output.stderr));
    // Nothing at all is printed for no rows.
    let rows = if output.stdout.is_empty() { b"[]".as_slice() } else { &output.stdout };
    Ok(by_set(serde_json::from_slice(rows).context("PowerDNS's log")?))
}

/// Record sets as they were after each row.
fn by_set(rows: Vec<Row>) -> Vec<(u64, Change)> {
    let mut sets: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    let mut changes = Vec::new();
    let rows: Vec<_> = rows.into_iter().filter(|row| row.kind.is_some() && row.content.is_some()).collect();
    let is_replaced = |at: usize| {
        let (row, next) = (&rows[at], rows.get(at + 1));
        let same = |next: &Row| next.name == row.name && next.kind == row.kind;
        row.what == What::Removed && next.is_some_and(|next| next.what == What::Added && same(next))
    };
    let replaced: Vec<_> = (0..rows.len()).map(is_replaced).collect();
    for (Row { seq, name, kind, content, what }, replaced) in rows.into_iter().zip(replaced) {
        let (Some(kind), Some(content)) = (kind, content) else { continue };
        let name = name + ".";
        let contents = sets.entry((name.clone(), kind.clone())).or_default();
        match what {
            What::Added => contents.push(content),
            What::Removed => {
                if let Some(at) = contents.iter().position(|one| *one == content) {
                    contents.remove(at);
                }
            }
        }
        if !(replaced && contents.is_empty()) {
            changes.push((seq, Change { name, kind, contents: contents.clone() }));
        }
    }
    changes
}

/// Reads the fake's log: one record set that was written or deleted a line.
pub(super) fn of_fake(api: &str) -> anyhow::Result<Vec<(u64, Change)>> {
    let text = ureq::get(format!("{api}/_dns/log")).call()?.body_mut().read_to_string()?;
    let change = |line: &str| {
        let effect: Value = serde_json::from_str(line).context("the fake's log")?;
        let text = |field: &str| effect[field].as_str().map(str::to_owned).with_context(|| line.to_owned());
        let contents = effect["contents"].as_array().with_context(|| line.to_owned())?;
        let contents = contents.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let seq = effect["seq"].as_u64().with_context(|| line.to_owned())?;
        Ok((seq, Change { name: text("name")?, kind: text("type")?, contents }))
    };
    text.lines().map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_add_up_to_sets() {
        let row = |(seq, content, what): (u64, &str, What)| Row {
            seq,
            name: "www.example".to_owned(),
            kind: Some("A".to_owned()),
            content: Some(content.to_owned()),
            what,
        };
        let rows = [(1, "1.1.1.1", What::Added), (2, "1.1.1.1", What::Removed), (3, "2.2.2.2", What::Added)];
        let nameless = Row { kind: None, ..row((4, "", What::Added)) };
        let rows = rows.map(row).into_iter().chain([nameless, row((5, "3.3.3.3", What::Added))]).collect();
        let seen: Vec<_> = by_set(rows).into_iter().map(|(seq, change)| (seq, change.contents)).collect();
        let set = |contents: &[&str]| contents.iter().map(ToString::to_string).collect::<Vec<_>>();
        let expected = [(1, set(&["1.1.1.1"])), (3, set(&["2.2.2.2"])), (5, set(&["2.2.2.2", "3.3.3.3"]))];
        assert_eq!(seen, expected);

        // Two requests, with the serial of the zone between them: it was gone.
        let soa = Row { kind: Some("SOA".to_owned()), ..row((3, "ns. 2", What::Added)) };
        let rows = [row((1, "1.1.1.1", What::Added)), row((2, "1.1.1.1", What::Removed)), soa];
        let rows = rows.into_iter().chain([row((4, "1.1.1.1", What::Added))]).collect();
        let seen: Vec<_> = by_set(rows).into_iter().map(|(_, change)| change.contents.len()).collect();
        assert_eq!(seen, [1, 0, 1, 1]);
    }
}
