//! Since when a machine runs, and as what.
//!
//! ```text
//!   started ───────────────────────► the clock begins, at the platform's own time
//!   another size, or region ───────► one time ends, the next begins
//!   stopped, destroyed ────────────► it ends, at the platform's own time
//!   absent, with no word of its end► it ends at the last sight; from there on it is unseen
//!   first seen, older than that ───► what its own log tells is so; before that, or without one until its last
//!                                    change, it is unseen
//! ```

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::draft::{Draft, Write};
use super::row::{GONE, Row};
use super::seen::{LogEntry, MachineSeen};
use crate::running::{Month, Noted, Size};
use crate::subject::{SubjectKind, Uid};
use crate::time::Timestamp;

/// A machine's running that goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clock {
    /// Since when.
    pub since: Timestamp,
    /// As what.
    pub size: Size,
}

/// Whether a machine in this state runs. Words that are not known count as running: somebody pays for them.
fn runs(state: &str) -> bool {
    !matches!(
        state,
        "created"
            | "stopped"
            | "suspended"
            | "failed"
            | "launch_failed"
            | "destroying"
            | "destroyed"
            | "replaced"
            | "migrated"
            | GONE
    )
}

fn size(row: &Row) -> Size {
    let guest = row.memory.guest.as_deref().and_then(|guest| serde_json::from_str(guest).ok());
    let guest = guest.unwrap_or(Value::Null);
    let region = row.labels.get("region").and_then(Value::as_str).unwrap_or_default().to_owned();
    Size { guest, region }
}

/// When a machine began to run and when it did not any more, as far as lines of its log tell of its present size.
fn told(log: &[LogEntry]) -> Vec<(Timestamp, bool)> {
    let mut lines: Vec<_> = log.iter().collect();
    lines.sort_by_key(|line| line.at);
    // What it ran on before it was updated, nobody knows.
    let updated = lines.iter().rposition(|line| line.kind == "update");
    lines.drain(..updated.map_or(0, |at| at + 1));
    let stays = |line: &&&LogEntry| {
        matches!(line.status.as_str(), "created" | "started" | "stopped" | "suspended" | "failed")
    };
    let mut told: Vec<_> = lines.iter().filter(stays).map(|line| (line.at, runs(&line.status))).collect();
    told.dedup_by_key(|(_, runs)| *runs);
    told
}

impl Draft<'_> {
    /// Lets a machine's clock follow what its row says, as of a time; of an app there is none.
    pub(super) fn wind(&mut self, row: &mut Row, at: Timestamp) {
        let Some(app) = row.parent.clone().filter(|_| row.uid.kind() == SubjectKind::Machine) else { return };
        let runs = row.gone_at.is_none() && runs(&row.state);
        let now = size(row);
        // A sight without the configuration says nothing about the size.
        let now = if now.guest.is_null() {
            let guest = row.memory.clock.as_ref().map_or(Value::Null, |clock| clock.size.guest.clone());
            Size { guest, ..now }
        } else {
            now
        };
        if let Some(Clock { since, size }) = row.memory.clock.take_if(|clock| !runs || clock.size != now) {
            let (machine, until) = (row.uid.clone(), at.max(since));
            row.memory.ran_until = Some(until);
            self.noted.push(Noted::Ended { machine, app, size, since, until });
        }
        if runs && row.memory.clock.is_none() {
            // Whoever returns from a wrongly believed end may say that it began before that.
            let since = at.max(row.memory.ran_until.unwrap_or(at));
            self.noted.push(Noted::Begun { machine: row.uid.clone(), size: now.clone(), since });
            row.memory.clock = Some(Clock { since, size: now });
        }
    }

    /// Begins with a machine that was there before it was seen: what it did this month before the oldest line that came
    /// with it, or without one until its last change, is unseen.
    pub(super) fn wind_late(&mut self, row: &mut Row, machine: &MachineSeen) {
        let changed = machine.updated_at.unwrap_or_else(|| self.now());
        let month = Month::of(self.now()).start();
        let since = machine.created_at.unwrap_or(changed).max(month);
        let told = told(&machine.log);
        // A log that ends otherwise than the machine is seen says nothing certain of it.
        let agrees = told.last().is_some_and(|(_, ran)| *ran == runs(&row.state));
        let (from, last) = match (told.first(), told.last()) {
            (Some((first, _)), Some((last, _))) if agrees => (*first, *last),
            _ => (changed, changed),
        };
        if let Some(app) = row.parent.clone() {
            let (machine, size) = (row.uid.clone(), size(row));
            if since < from {
                let (app, size) = (app.clone(), size.clone());
                self.noted.push(Noted::Unseen { app, size, since, until: from });
            }
            // What was counted before, or is of earlier months, is not counted again.
            let since = since.max(row.memory.ran_until.unwrap_or(since));
            let ran =
                told.windows(2).filter(|two| agrees && two[0].1).map(|two| (two[0].0.max(since), two[1].0));
            for (since, until) in ran.filter(|(since, until)| since < until) {
                let (machine, app, size) = (machine.clone(), app.clone(), size.clone());
                self.noted.push(Noted::Ended { machine, app, size, since, until });
            }
        }
        self.wind(row, last);
    }

    /// Ends the clock of a machine that vanished without a word: nobody saw until when it ran.
    pub(super) fn wind_down(&mut self, row: &mut Row) {
        let Some(app) = row.parent.clone() else { return };
        let Some(Clock { since, size }) = row.memory.clock.take() else { return };
        let (now, machine) = (self.now(), row.uid.clone());
        let seen = row.seen_at.min(now).max(since);
        row.memory.ran_until = Some(seen);
        self.noted.push(Noted::Ended { machine, app: app.clone(), size: size.clone(), since, until: seen });
        if seen < now {
            self.noted.push(Noted::Unseen { app, size, since: seen, until: now });
        }
    }

    /// Begins the clock of a machine that was stored by a program that kept none.
    pub(super) fn wind_up(&mut self, uid: &Uid, machine: &MachineSeen) {
        let stopped = |row: &&Row| row.memory.clock.is_none() && row.gone_at.is_none() && runs(&row.state);
        let Some(mut row) = self.row(uid).filter(stopped).cloned() else { return };
        self.wind_late(&mut row, machine);
        self.put(row, Write::Store);
    }
}
