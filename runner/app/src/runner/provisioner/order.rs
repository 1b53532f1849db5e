//! In which order the rows of a lane are made and go.

use std::collections::{BTreeMap, BTreeSet};

use groundcrew_core::row::State;
use groundcrew_core::settle::Waiting;
use groundcrew_store::ledger::StoredRow;
use groundcrew_store::wants::StoredWant;

/// How many come before each, one after the other, of things by what they come after; those in a circle, and behind one, have
/// no depth. What comes after something unknown comes after one.
pub(super) fn depths(things: &BTreeMap<String, &[String]>) -> BTreeMap<String, usize> {
    let mut behind: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    // For how many it still waits, and how deep it is by those for which it does not wait any more.
    let mut waits: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (name, after) in things {
        let known: BTreeSet<_> = after.iter().filter(|first| things.contains_key(*first)).collect();
        waits.insert(name, (known.len(), usize::from(!after.is_empty())));
        for first in known {
            behind.entry(first).or_default().push(name);
        }
    }
    let mut free: Vec<_> = waits.iter().filter(|(_, (left, _))| *left == 0).map(|(name, _)| *name).collect();
    let mut depths = BTreeMap::new();
    while let Some(name) = free.pop() {
        let depth = waits[name].1;
        depths.insert(name.to_owned(), depth);
        for next in behind.get(name).into_iter().flatten() {
            let (left, deepest) = waits.get_mut(next).expect("invariant: who waits is known");
            *left -= 1;
            *deepest = depth.saturating_add(1).max(*deepest);
            if *left == 0 {
                free.push(next);
            }
        }
    }
    depths
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depths_are_those_of_the_longest_way_however_many_ways_there_are() {
        let all: Vec<String> = (0..1_000).map(|n| format!("a/{n:04}")).collect();
        let dense = (0..1_000).map(|n| (all[n].clone(), &all[..n])).collect();
        assert!(depths(&dense).into_values().eq(0..1_000));
        let (unknown, first) = (["b/gone".to_owned()], ["a/x".to_owned()]);
        let (y, z) = (["a/y".to_owned()], ["a/z".to_owned()]);
        let few = [("a/x", &unknown[..]), ("a/y", &z), ("a/z", &y), ("a/after", &y), ("a/next", &first)];
        let few = few.into_iter().map(|(name, after)| (name.to_owned(), after)).collect();
        assert_eq!(depths(&few), [("a/x".to_owned(), 1), ("a/next".to_owned(), 2)].into());
    }
}
