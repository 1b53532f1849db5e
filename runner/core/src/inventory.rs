//! What a listing of a provisioner's target says, one thing at a time, beside what the ledger says of it.
//!
//! A listing shows everything at the target, whoever's. What carries our installation's mark and is in no living
//! row is an *orphan*, or a *twin* if a living row of its place has another thing. What a row says and a complete
//! listing does not show is *missing*. Nothing of it is a reason to remove or make anything: those who act look
//! again, at one thing.

use std::collections::BTreeSet;

use crate::duration::Millis;
use crate::row::{Place, RowId, State, marked_by, our_row};
use crate::settle::{Row, SKEW};
use crate::spec::{Failure, Listed, Output, Thing, ThingState, differing};
use crate::time::Timestamp;

/// How the message of a lasting failure begins by which `scan` says that with this configuration nothing can be listed.
///
/// The exports of a component are fixed, and what a stanza configures is not. A convention, for the WIT's `failure` has
/// no codes: `inventory.none: WHY`.
pub const NONE: &str = "inventory.none";

/// Why nothing can be listed with this configuration, if that is what a failure of `scan` says.
pub fn none(failure: &Failure) -> Option<&str> {
    let why = failure.message.strip_prefix(NONE).filter(|_| !failure.retry)?;
    if why.is_empty() { Some("it did not say why") } else { why.strip_prefix(": ") }
}

/// What the ledger knows of a listed thing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Whether a living row claims its id.
    pub claimed: bool,
    /// The living row of the place that its mark names.
    pub place: Option<AtPlace>,
    /// When the row that its mark names was gone.
    pub ended_at: Option<Timestamp>,
}

/// A living row of a place: the same target, kind, key and incarnation.
#[derive(Clone, Debug, PartialEq)]
pub struct AtPlace {
    /// The row.
    pub row: RowId,
    /// Its thing's id, once known.
    pub thing: Option<String>,
}

/// What a listed thing is to us.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// A living row's.
    Ours,
    /// Made, or on its way out, so lately that the ledger or the API may still change its mind.
    Settling,
    /// A second thing for a living row's place.
    Twin(AtPlace),
    /// Ours by its mark, and of no living row.
    Orphan,
    /// Another installation's, or marked by somebody else.
    Foreign,
    /// It carries no mark.
    Unmarked,
}

/// The row whose host-made name is all that a listed thing carries, if it carries one.
pub fn named_by(listed: &Listed) -> Option<RowId> {
    let (installation, row) = marked_by(listed.thing.mark.as_deref()?)?;
    installation.is_empty().then_some(row)
}

/// Whether a host-made name is one that this installation makes for things of such a kind and key.
///
/// It is, though its row be of a ledger that was lost. Only things that live in nobody are told by their names.
pub fn makes_name(listed: &Listed, row: &RowId, target: &str, installation: &str) -> bool {
    let Some(key) = listed.key.as_deref() else { return false };
    row.is_at(&Place { installation, target, kind: &listed.kind, key, inside: "" })
}

/// Says what a listed thing is to us.
///
/// `settle` is how long the API may hide what was made, or show what was removed. The ledger must have been read
/// after the listing: a row is there before its thing.
pub fn judge(thing: &Thing, record: &Record, installation: &str, settle: Millis, now: Timestamp) -> Verdict {
    if record.claimed {
        return Verdict::Ours;
    }
    match (&thing.mark, our_row(thing.mark.as_deref(), installation)) {
        (None, _) => return Verdict::Unmarked,
        (Some(_), None) => return Verdict::Foreign,
        (Some(_), Some(_)) => {}
    }
    let lately = |at: Option<Timestamp>| at.is_some_and(|at| now < at + settle + SKEW);
    if lately(thing.made) || lately(record.ended_at) || thing.state == ThingState::Removing {
        return Verdict::Settling;
    }
    match &record.place {
        // A creation is under way there; settling it decides whose this is.
        Some(place) if place.thing.is_none() => Verdict::Settling,
        Some(place) => Verdict::Twin(place.clone()),
        None => Verdict::Orphan,
    }
}

/// Whether a row's thing should have been in a complete listing that began then.
pub fn should_show(row: &Row, settle: Millis, began: Timestamp) -> bool {
    let exists = matches!(row.state, State::Pending | State::Present | State::Updating);
    exists && row.thing.is_some() && row.made_by.is_none_or(|by| by + settle + SKEW <= began)
}

/// How a listed thing compares with what a row's last look showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// It is as it was, in everything that the look showed.
    Same,
    /// It is as it was, as far as the listing says; a look of its own says more.
    SaysLess,
    /// It is not as it was.
    Differs,
}

/// Compares a listed thing with what its row's last look showed.
pub fn compare(row: &Row, outputs: &[Output], thing: &Thing) -> Compared {
    let Some(observed) = &row.observed else { return Compared::Differs };
    let other = |output: &Output| {
        outputs.iter().any(|known| known.name == output.name && known.value != output.value)
    };
    let is = thing.state == ThingState::Ready && thing.mark == row.mark;
    if !is || !differing(observed, &thing.body).is_empty() || thing.outputs.iter().any(other) {
        return Compared::Differs;
    }
    let shown = |name: &String| thing.body.get(name).is_some();
    match observed.as_object() {
        Some(fields) if fields.keys().all(shown) => Compared::Same,
        Some(_) => Compared::SaysLess,
        None if *observed == thing.body => Compared::Same,
        None => Compared::Differs,
    }
}

/// The cursors of one listing so far.
#[derive(Clone, Debug, Default)]
pub struct Cursors {
    known: BTreeSet<String>,
}

impl Cursors {
    /// Takes the cursor of the next page.
    ///
    /// # Errors
    /// One that was there before: with it the listing would never end. Or one too many.
    pub fn take(&mut self, next: String, most: u32) -> Result<String, Failure> {
        if self.known.contains(&next) {
            let text = format!("the cursor `{next}` comes again, so the pages would never end");
            return Err(Failure::final_(format!("the hook's answer does not fit: {text}")));
        }
        if self.known.len() + 1 >= most as usize {
            return Err(Failure::final_(format!("it has more than {most} pages; more are not asked for")));
        }
        self.known.insert(next.clone());
        Ok(next)
    }
}

#[cfg(test)]
mod tests;
