//! The rule: a volume may go only if all of it holds (after Kilo-Org/cloud#3403).
//!
//! 1. Its owner is destroyed: the machine that its name tells, or all machines of its app, of which one must be shown. A
//!    machine that the API shows no more counts only where the name tells its id: any other word may never have been one's.
//! 2. Its name matches a pattern of the stanza, whole.
//! 3. Nobody holds it, read alone; its host answers, else who holds it is not known.
//! 4. It is not being removed already.
//! 5. No living machine's configuration mounts it; a configuration that is not given counts as one that does.
//! 6. All of that for `days`, as far as this audit saw, and nothing about it changed since.
//! 7. One after the other, each looked at again right before, and each with a permission of the host (`remedy =
//!    "enforce"`, its grace, its window). That part is not decided here.
//!
//! What is needed of it is named in [`Point`], so that each can be taken out in tests.

use groundcrew_hook::audit::jiff::Timestamp;
use groundcrew_hook::audit::{days, loose, time};
use groundcrew_hook::fly::machines::Machine;
use groundcrew_hook::fly::volumes::Volume;

use crate::name::{End, Owner};
use crate::points::{Point, Points};

/// What was read about one suspect.
#[derive(Clone, Debug)]
pub(crate) struct Suspect {
    /// The volume, read alone.
    pub(crate) volume: Volume,
    /// Whose it is.
    pub(crate) owner: Owner,
    /// All machines of its app, destroyed ones included.
    pub(crate) machines: Vec<Machine>,
}

/// What the rule says of one volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All points hold.
    Reapable,
    /// Points 1 to 5 do not all hold: it is used, or may be.
    InUse(String),
    /// It is being removed.
    Going,
    /// All but the sixth hold: something about it changed then.
    Young(Timestamp),
}

/// Decides about a suspect that this audit knows since then.
pub(crate) fn verdict(
    points: Points,
    suspect: &Suspect,
    since: Timestamp,
    now: Timestamp,
    days_min: i64,
) -> Verdict {
    let Suspect { volume, owner, machines } = suspect;
    if volume.is_going() && points.hold(Point::Staying) {
        return Verdict::Going;
    }
    if let Some(why) = used(points, suspect) {
        return Verdict::InUse(why);
    }
    // Nothing is concluded from an owner whose end has no date: then only what this audit saw counts.
    let ends = machines.iter().filter(|machine| owner.is(&machine.id, &machine.name));
    let ends = ends.filter_map(|machine| time(machine.updated_at.as_deref()));
    let dates = ends.chain(time(volume.created_at.as_deref())).chain(time(volume.updated_at.as_deref()));
    let youngest = dates.fold(since, Timestamp::max);
    let quiet = days(now, youngest) >= days_min || !points.hold(Point::Quiet);
    if quiet { Verdict::Reapable } else { Verdict::Young(youngest) }
}

/// Why a volume is in use, or may be.
fn used(points: Points, suspect: &Suspect) -> Option<String> {
    let Suspect { volume, owner, machines } = suspect;
    if let Some(why) = loose::held(volume).filter(|_| points.hold(Point::Unheld)) {
        return Some(why);
    }
    let mut living = machines.iter().filter(|machine| machine.state != "destroyed");
    let used = living.find_map(|machine| {
        if owner.is(&machine.id, &machine.name) && points.hold(Point::OwnerGone) {
            return Some(format!("its owner, machine {}, is {}", machine.id, machine.state));
        }
        loose::mounted(volume, machine).filter(|_| points.hold(Point::Unmounted))
    });
    used.or_else(|| never_seen(suspect).filter(|_| points.hold(Point::OwnerGone)))
}

/// Why nothing is known of an owner's end.
fn never_seen(suspect: &Suspect) -> Option<String> {
    let Suspect { owner, machines, .. } = suspect;
    match (owner, owner.end(machines)) {
        (Owner::Machine(word), End::Unknown) => Some(format!("no machine `{word}` was ever seen")),
        // One that is made before its app's first machine has no owner that could be gone.
        (Owner::App, End::Unknown) => Some("no machine of the app is shown, living or destroyed".to_owned()),
        _ => None,
    }
}
