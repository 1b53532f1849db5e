//! A trait per kind of hook.
//!
//! The functions have no `self`: every call is a run in a fresh instance, so there is nothing to keep.

use crate::{
    Event, Failure, Finding, FindingPage, Outcome, Owner, Result, Spec, Thing, ThingPage, View, Want,
};

/// Tells somebody that something happened.
///
/// *Guarantees.* Each event at least once, per subject in order of acceptance, with the same id when repeated.
pub trait Handler {
    /// Tells it. A failure with `retry` is tried again later; one without makes the delivery dead at once.
    fn handle(event: &Event) -> Result<()>;
}

/// Says what should exist for an owner, and how to find, make, change and remove *one* such thing.
///
/// *Guarantees of the host.* `find` comes before every first create; a write whose outcome is unknown is settled
/// by finds, never blindly repeated; each call may be repeated at any time.
pub trait Provisioner {
    /// What should exist for this owner.
    ///
    /// Pure: configuration, secrets' tokens and log work, all else fails. The host remembers the answer per
    /// view. A failure changes nothing; an empty list means *nothing should exist*.
    fn desired(view: &View) -> Result<Vec<Spec>>;

    /// Looks, and only looks. With `want.id`: that thing or none; without: everything that could be it,
    /// whoever's it is. Empty means *looked and not there*: a missing zone, bucket or account is a failure.
    fn find(want: &Want) -> Result<Vec<Thing>>;

    /// Makes it, with name or mark in the same request. If this fails after a write has left, the host looks
    /// again and decides.
    fn create(want: &Want) -> Result<Thing>;

    /// Changes it; `now` was found moments ago. Fields that the manifest calls immutable never come here, so a
    /// hook whose kinds change nothing else may leave this out.
    fn update(want: &Want, _now: &Thing) -> Result<Thing> {
        Err(Failure::lasting(format!("{}/{} cannot be changed", want.kind, want.key)))
    }

    /// Removes it. None: it is gone, also when it was gone before. Some: it is on its way out.
    fn remove(want: &Want, now: &Thing) -> Result<Option<Thing>>;
}

/// Lists everything of a provisioner's kinds at its target: for orphan audits, import and recovery.
pub trait Inventory {
    /// One page, ours or not. Reads only. Kinds that live in their owner are scanned owner by owner, the others
    /// once, without one.
    ///
    /// # Errors
    /// [`Failure::no_inventory`] where the configuration names nothing to list by.
    fn scan(owner: Option<&Owner>, cursor: Option<&str>) -> Result<ThingPage>;
}

/// A scheduled look.
pub trait Auditor {
    /// One page of findings; `cursor` is none at the start. Reads only.
    fn run(cursor: Option<&str>) -> Result<FindingPage>;
}

/// Mends what an [`Auditor`] found.
pub trait Remedy {
    /// Mends one finding. Must look again before it acts.
    fn fix(finding: &Finding) -> Result<Outcome>;
}
