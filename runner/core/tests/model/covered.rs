//! Which words of a decision came up: what it was asked about, and what it answered.

use std::collections::BTreeSet;

use groundcrew_core::row::State;
use groundcrew_core::settle::{Aim, Gone, Problem, Step, Waiting};

use crate::world::{Ledger, Life, Seen};

/// All that may come up.
pub(crate) const WORDS: [&str; 37] = [
    "row: creating",
    "row: in doubt",
    "row: pending",
    "row: present",
    "row: updating",
    "row: deleting",
    "row: retained",
    "no look",
    "seen: nothing",
    "seen: pending",
    "seen: ready",
    "seen: removing",
    "look: thing",
    "look: anything",
    "wait: settled",
    "wait: settling",
    "wait: polling",
    "wait: turn",
    "wait: watching",
    "wait: leaving",
    "wait: held",
    "create",
    "take",
    "note",
    "note: drifted",
    "update",
    "remove",
    "note absent",
    "gone: never made",
    "gone: never seen",
    "gone: removed",
    "gone: lost",
    "retain",
    "report: conflict",
    "report: ambiguous",
    "report: changed",
    "report: fought",
];

/// Notes what a question was about, and its answer.
pub(crate) fn cover(covered: &mut BTreeSet<&'static str>, row: &Ledger, seen: Option<&Seen>, step: &Step) {
    covered.insert(state(row.state));
    match seen.map(|seen| &seen.things[..]) {
        None => {
            covered.insert("no look");
        }
        Some([]) => {
            covered.insert("seen: nothing");
        }
        Some(things) => covered.extend(things.iter().map(|(_, shape, _)| life(shape.life))),
    }
    covered.insert(answer(step));
}

fn state(state: State) -> &'static str {
    match state {
        State::Creating => "row: creating",
        State::InDoubt => "row: in doubt",
        State::Pending => "row: pending",
        State::Present => "row: present",
        State::Updating => "row: updating",
        State::Deleting => "row: deleting",
        State::Retained => "row: retained",
        State::Gone => unreachable!("nobody asks about a row that is gone"),
    }
}

fn life(life: Life) -> &'static str {
    match life {
        Life::Pending => "seen: pending",
        Life::Ready => "seen: ready",
        Life::Removing => "seen: removing",
    }
}

fn answer(step: &Step) -> &'static str {
    match step {
        Step::Look(Aim::Thing) => "look: thing",
        Step::Look(Aim::Anything) => "look: anything",
        Step::Wait { why, .. } => waiting(why),
        Step::Create { .. } => "create",
        Step::Take { .. } => "take",
        Step::Note { drifted, .. } if drifted.is_empty() => "note",
        Step::Note { .. } => "note: drifted",
        Step::Update { .. } => "update",
        Step::Remove { .. } => "remove",
        Step::NoteAbsent => "note absent",
        Step::Gone { how: Gone::NeverMade } => "gone: never made",
        Step::Gone { how: Gone::NeverSeen } => "gone: never seen",
        Step::Gone { how: Gone::Removed } => "gone: removed",
        Step::Gone { how: Gone::Lost } => "gone: lost",
        Step::Retain { .. } => "retain",
        Step::Report { problem, .. } => problem_word(problem),
    }
}

fn waiting(why: &Waiting) -> &'static str {
    match why {
        Waiting::Settled => "wait: settled",
        Waiting::Settling => "wait: settling",
        Waiting::Polling => "wait: polling",
        Waiting::Turn => "wait: turn",
        Waiting::Watching => "wait: watching",
        Waiting::Leaving(_) => "wait: leaving",
        Waiting::Held(_) => "wait: held",
        // The driver says it, where settle would make something for who may not be there.
        Waiting::Owner(_) => unreachable!("settle knows nothing of owners"),
    }
}

fn problem_word(problem: &Problem) -> &'static str {
    match problem {
        Problem::Conflict { .. } => "report: conflict",
        Problem::Ambiguous { .. } => "report: ambiguous",
        Problem::Changed { .. } => "report: changed",
        Problem::Fought { .. } => "report: fought",
        // The driver reports it, from looks of its own; settle never does.
        Problem::Twin { .. } => unreachable!("settle reports no twin"),
    }
}
