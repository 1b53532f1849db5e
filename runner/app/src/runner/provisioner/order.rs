//! In which order the rows of a lane are made and go.

use groundcrew_core::row::State;
use groundcrew_core::settle::Waiting;
use groundcrew_store::ledger::StoredRow;
use groundcrew_store::wants::StoredWant;

/// Whether it matters what the other rows of its lane are like.
pub(super) fn may_wait_for_order(row: &StoredRow, want: Option<&StoredWant>) -> bool {
    match want {
        Some(_) => row.row.state == State::Creating && !row.after.is_empty(),
        None => exists(row),
    }
}

/// Whether a thing of the row is there, as far as the ledger knows.
pub(super) fn exists(row: &StoredRow) -> bool {
    matches!(row.row.state, State::Present | State::Pending | State::Updating)
}

/// A wanted thing waits for what it comes after; an unwanted one for what comes after it.
///
/// `lost` says of a creation that was given up whether it is only watched for a day: nothing waits for that.
pub(super) fn waits_for_order(
    row: &StoredRow,
    want: Option<&StoredWant>,
    rows: &[StoredRow],
    lost: impl Fn(&StoredRow) -> bool,
) -> Option<Waiting> {
    let name = |other: &StoredRow| format!("{}/{}", other.kind, other.key);
    if row.row.state == State::Creating && want.is_some() {
        let ready = |first: &String| {
            rows.iter().any(|other| {
                name(other) == *first && other.unwanted.is_none() && other.row.state == State::Present
            })
        };
        let missing = row.after.iter().find(|first| !ready(first))?;
        return Some(Waiting::Leaving(format!("{missing} must be ready first")));
    }
    if want.is_none() && exists(row) {
        let later = rows.iter().find(|other| {
            other.unwanted.is_some()
                && other.after.contains(&name(row))
                && !matches!(other.row.state, State::Retained)
                && !lost(other)
        })?;
        return Some(Waiting::Leaving(format!("{} must go first", name(later))));
    }
    None
}
