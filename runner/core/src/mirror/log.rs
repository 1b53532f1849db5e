//! States, and the log in which a machine says what led to them.
//!
//! ```text
//!   sight with its log's end ────────────────► fold lines ──► settle
//!   sight of a change without log,
//!   or lines may be missing ──► hold, ask log ──► fold lines ──► settle
//!                                  └── no log within `reason_wait` ──► fold what came with the sight ──► settle
//! ```

use super::draft::{Draft, Write};
use super::row::Memory;
use super::rules::Rule;
use super::seen::{Ask, LogEntry, MachineSeen, Outcome};
use crate::duration::Millis;
use crate::subject::Uid;
use crate::time::Timestamp;

/// A sight that waits for the machine's log.
#[derive(Clone, Debug)]
pub(super) struct Held {
    machine: MachineSeen,
    since: Timestamp,
}

/// What a state means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// A state to stay in; also every word that is not known.
    Stays,
    /// On the way to another state.
    Transient,
    /// The end.
    Destroyed,
}

/// Lines of a log that are remembered; the platform shows 50.
const KNOWN_MAX: usize = 64;

/// Lines that come with a machine; with as many, older ones may be missing [measured by ampbase].
const EMBEDDED_MAX: usize = 5;

/// What a word of the platform means [docs machines/machine-states].
fn settled(state: &str) -> Settled {
    match state {
        "destroyed" => Settled::Destroyed,
        "creating" | "starting" | "stopping" | "restarting" | "suspending" | "destroying" | "updating"
        | "replacing" => Settled::Transient,
        _ => Settled::Stays,
    }
}

/// Whether anybody has documented the word.
fn is_documented(state: &str) -> bool {
    let stays =
        ["created", "started", "stopped", "suspended", "failed", "launch_failed", "replaced", "migrated"];
    stays.contains(&state) || settled(state) != Settled::Stays
}

/// The kind of event that tells of a state. `created` is told by first sight alone.
fn kind(state: &str) -> &'static str {
    match state {
        "started" => "machine.started",
        "stopped" => "machine.stopped",
        "suspended" => "machine.suspended",
        "failed" | "launch_failed" => "machine.failed",
        _ => "machine.updated",
    }
}

impl Draft<'_> {
    /// What a word of the platform means, by the rules in force.
    pub(super) fn settled(&self, state: &str) -> Settled {
        match settled(state) {
            Settled::Transient if state == "destroying" && !self.rule(Rule::DestroyingIsNoEnd) => {
                Settled::Destroyed
            }
            Settled::Transient if !self.rule(Rule::TransientIsNoState) => Settled::Stays,
            Settled::Stays if !is_documented(state) && !self.rule(Rule::UnknownStays) => Settled::Transient,
            settled => settled,
        }
    }

    /// Lets a machine be in the state in which it was seen, telling what lay between.
    pub(super) fn settle_state(&mut self, uid: &Uid, machine: &MachineSeen) {
        let Some(row) = self.row(uid) else { return };
        let changed = match self.settled(&machine.state) {
            Settled::Transient => false,
            Settled::Stays | Settled::Destroyed => row.state != machine.state,
        };
        // A machine that is as it was may have been otherwise in between, more often than its lines here tell.
        let gap = row.memory.has_gap(&machine.log);
        let held = self.pending.held.get(uid);
        // Rows of the organisation's list come without lines, and tell nothing of what an earlier sight waits for.
        let untold = gap || machine.log.is_empty() && (changed || held.is_some());
        if self.rule(Rule::LogFillsGaps) && untold {
            let machine = held.map_or_else(|| machine.clone(), |held| both(&held.machine, machine));
            let since = held.map_or(self.now(), |held| held.since);
            let updated_at = machine.updated_at;
            let app = row.path.app_name().to_owned();
            self.ask(Ask::Log { app, machine: machine.id.clone() });
            self.pending.held.insert(uid.clone(), Held { machine, since });
            // One that is as it was is taken in: older sights that come late do not take its place.
            if !changed {
                self.taken_in(uid, updated_at);
            }
            return;
        }
        self.pending.held.remove(uid);
        let told_until = self.fold(uid, &machine.log);
        self.conclude(uid, machine, told_until);
    }

    /// Takes in a machine's own log. One that was not answered is waited for: it is asked again.
    pub(super) fn log_read(&mut self, machine: &str, outcome: &Outcome<Vec<LogEntry>>) {
        let Ok(uid) = format!("machine:{machine}").parse::<Uid>() else { return };
        if matches!(outcome, Outcome::Failed) {
            return;
        }
        let held = self.pending.held.remove(&uid);
        // Lines that came with the sight may be later ones than the log's, or all that there is.
        let seen = held.iter().flat_map(|held| &held.machine.log);
        let read = if let Outcome::Found(entries) = outcome { entries.as_slice() } else { &[] };
        let lines: Vec<_> = read.iter().chain(seen.filter(|line| !read.contains(line))).cloned().collect();
        let told_until = self.fold(&uid, &lines);
        let Some(held) = held else { return };
        if is_past(&held.machine, &lines, told_until) {
            self.taken_in(&uid, held.machine.updated_at);
        } else {
            self.conclude(&uid, &held.machine, told_until);
        }
    }

    /// Stops waiting for logs that did not come in time.
    pub(super) fn release_held(&mut self) {
        let (now, wait) = (self.now(), self.config().reason_wait);
        let late: Vec<_> = self
            .pending
            .held
            .iter()
            .filter(|(_, held)| now.since(held.since) >= wait)
            .map(|(uid, held)| (uid.clone(), held.machine.clone()))
            .collect();
        for (uid, machine) in late {
            self.pending.held.remove(&uid);
            let told_until = self.fold(&uid, &machine.log);
            self.conclude(&uid, &machine, told_until);
        }
    }

    /// Tells the changes that new lines of a log speak of; returns the time of the last such line.
    fn fold(&mut self, uid: &Uid, entries: &[LogEntry]) -> Option<Timestamp> {
        let row = self.row(uid).filter(|row| row.gone_at.is_none())?;
        let mut new: Vec<_> = entries.iter().filter(|entry| !row.memory.knows(entry)).collect();
        if !self.rule(Rule::LineWithoutId) {
            new.retain(|entry| entry.id.is_some());
        }
        if new.is_empty() || !self.rule(Rule::LogFillsGaps) {
            return None;
        }
        new.sort_by_key(|entry| key(entry));
        let until = new.iter().filter(|entry| self.says_state(&entry.status)).map(|entry| entry.at).max();
        for entry in new {
            let mut row = self.row(uid).cloned().expect("invariant: the row was there a moment ago");
            row.memory.know_log(std::slice::from_ref(entry));
            row.seen_at = self.now();
            if self.is_told(&row.state, entry) {
                row.state.clone_from(&entry.status);
                let kind = if entry.status == "created" { "machine.created" } else { kind(&entry.status) };
                self.tell(row, kind, entry.at, entry.reason.as_ref());
            } else {
                self.put(row, Write::Quiet);
            }
        }
        until
    }

    /// Whether a line with this status says something of the state.
    fn says_state(&self, status: &str) -> bool {
        is_documented(status) || !self.rule(Rule::UnknownLineIsNoState)
    }

    /// Whether a line of the log speaks of a change to a state that machines stay in.
    fn is_told(&self, state: &str, entry: &LogEntry) -> bool {
        match entry.status.as_str() {
            "started" | "stopped" | "suspended" | "failed" => entry.status != state,
            "created" => !self.rule(Rule::CreatedByFirstSight) && state != "created",
            word => !is_documented(word) && self.says_state(word) && word != state,
        }
    }

    /// Lets the seen state be the last word, unless the log speaks of what came after.
    fn conclude(&mut self, uid: &Uid, machine: &MachineSeen, told_until: Option<Timestamp>) {
        let Some(mut row) = self.row(uid).filter(|row| row.gone_at.is_none()).cloned() else { return };
        let time = machine.updated_at.unwrap_or(self.look.at);
        match self.settled(&machine.state) {
            Settled::Destroyed => {
                row.memory.updated_at = machine.updated_at;
                row.show(&machine.raw);
                return self.end(row, "machine.destroyed", time);
            }
            Settled::Stays if row.state != machine.state && !is_newer(told_until, time) => {
                row.state.clone_from(&machine.state);
                row.show(&machine.raw);
                row.memory.know_log_until(time);
                row.seen_at = self.now();
                self.tell(row, kind(&machine.state), time, None);
            }
            Settled::Stays | Settled::Transient => {}
        }
        self.taken_in(uid, machine.updated_at);
    }
}

/// The newer one of two sights, with the lines of both.
fn both(before: &MachineSeen, after: &MachineSeen) -> MachineSeen {
    let (newer, older) = if before.updated_at > after.updated_at { (before, after) } else { (after, before) };
    let more = older.log.iter().filter(|line| !newer.log.contains(line)).cloned();
    MachineSeen { log: newer.log.iter().cloned().chain(more).collect(), ..newer.clone() }
}

/// Whether a log that was asked for after a sight tells of what was seen, in the second of the sight or later, and of
/// another state after that.
fn is_past(seen: &MachineSeen, lines: &[LogEntry], told_until: Option<Timestamp>) -> bool {
    let second = seen.updated_at.map(|at| Timestamp::from_millis(at.as_millis().div_euclid(1_000) * 1_000));
    let same = lines.iter().filter(|line| line.status == seen.state && Some(line.at) >= second);
    let last = same.map(|line| line.at).max();
    last.is_some_and(|last| told_until.is_some_and(|until| until > last))
}

/// Whether a log goes on beyond a sight, whose time is in whole seconds.
fn is_newer(told_until: Option<Timestamp>, sight: Timestamp) -> bool {
    told_until.is_some_and(|until| until > sight + Millis::new(999))
}

/// The place of a line in its log. Old records have no id: then kind and state stand in for it.
fn key(entry: &LogEntry) -> (Timestamp, String) {
    let id = entry.id.clone().unwrap_or_else(|| format!("{}/{}", entry.kind, entry.status));
    (entry.at, id)
}

impl Memory {
    /// Whether a line was taken in before.
    fn knows(&self, entry: &LogEntry) -> bool {
        entry.at <= self.log_floor || self.log_known.contains(&key(entry))
    }

    /// Remembers lines as taken in.
    pub(super) fn know_log(&mut self, entries: &[LogEntry]) {
        let new: Vec<_> = entries.iter().filter(|entry| !self.knows(entry)).map(key).collect();
        self.log_known.extend(new);
        self.log_known.sort();
        while self.log_known.len() > KNOWN_MAX {
            let (at, _) = self.log_known.remove(0);
            self.log_floor = self.log_floor.max(at);
        }
    }

    /// Remembers all lines up to the end of a second as taken in: `updated_at` is in whole seconds.
    pub(super) fn know_log_until(&mut self, at: Timestamp) {
        self.log_floor = self.log_floor.max(at + Millis::new(999));
        let floor = self.log_floor;
        self.log_known.retain(|(at, _)| *at > floor);
    }

    /// The second of the last line that is remembered.
    pub(super) fn log_until(&self) -> Option<Timestamp> {
        let (at, _) = self.log_known.last()?;
        Some(Timestamp::from_millis(at.as_millis().div_euclid(1_000) * 1_000))
    }

    /// Whether lines between what is known and what came with a machine may be missing.
    fn has_gap(&self, log: &[LogEntry]) -> bool {
        log.len() >= EMBEDDED_MAX && !log.iter().any(|entry| self.knows(entry))
    }
}
