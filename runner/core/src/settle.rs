//! What is to be done next about one thing: the deciding half of *settle*.
//!
//! [`decide`] is a function of the ledger row, the want, what a look just showed, and the time. It sends
//! nothing; the driver performs its [`Step`]s one by one, commits what it learnt, and asks again. Everything
//! that may crash lies between two calls of it, so it must be right from every state that a crash can leave.
//!
//! ```text
//!            wanted                 intent committed            answered, or found as ours
//!  (no row) --------> creating --------------------> in-doubt ----------------------------> present <-> updating
//!                        |  unwanted: nothing exists     |  found late as ours                 |  (pending until ready)
//!                        v                               v                                     v  unwanted, may_delete
//!                      gone <------- gone <--- found nothing, unwanted, watched --- gone <-- deleting
//! ```
//!
//! Guarantees, explored exhaustively in `tests/model` for all four classes, with two crashes anywhere, an effect after
//! its sender gave up, a stranger and a want that goes and returns, all at once: at every moment at most one
//! thing of ours exists per want, nothing foreign is touched, and the end is reachable from every state. The
//! conditions: the API shows a write within `settle` of its taking effect; a stranger does not step between
//! our look and our write where the API lets the last writer win; and nobody makes an anonymous thing of the
//! same kind at the very time of our own creation whose answer was lost. Clocks are no condition of *never doubled*:
//! ours may be set while we wait ([`Steady`] says what is known of it), and an API that says by another clock than ours
//! when things were made only makes a person be asked. It is one of *nothing foreign is claimed*: whose an anonymous
//! thing is can be told by its time alone.
//!
//! # What the driver owes
//!
//! The decisions are right only if the driver keeps its part; the model also shows what each of these is for:
//!
//! - The intent is committed before the request leaves, and the request does not leave later than `send_within` after it.
//!   That of an anonymous creation is committed within [`SKEW`] of the decision's `now`, or decided again, for what it
//!   makes is told by its time; that of a key that is sent again only if it [`is_remembered`] then. Of the other classes a
//!   thing is told by its key or mark, however late it is sent within its run's deadline.
//! - A creation in doubt is sent again with the row's own `spec`, not with what is wanted by then.
//! - A thing is taken by [`Row::takes`]: in the place of another, it is not what was written to that one.
//! - An answer ends the request that it answers, not those of the same row that were never answered: after it
//!   `made_by` (or `removed_by`) is the later of the answer's time and of what it was before the intent.
//! - A look's `began` is read before the look's first byte leaves, and one look serves one decision.
//! - A look is taken again if our clock was set since it began, and what is to be known of the clock is kept before
//!   anything is stamped with what it shows; the present and what is known of it are read together.
//! - What an intent rests on is checked again in its transaction: `may_delete`, [`occupies_listing`], and that
//!   no other row holds the thing.

mod doubt;
mod ending;
mod first;
mod living;
mod rules;
mod scene;

pub use doubt::is_remembered;
pub use living::{DRIFT_EVERY, POLL, poll_after};
pub use rules::{Rule, Rules};
pub use scene::needs_replacement;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::duration::Millis;
use crate::manifest::{Class, Lives};
use crate::row::{Origin, RowId, State};
use crate::spec::Thing;
use crate::steady::Steady;
use crate::time::Timestamp;

/// Clocks of the API and ours may differ by this much.
pub const SKEW: Millis = Millis::seconds(5);

/// How long a given-up creation is watched for a late effect.
pub const WATCHED: Millis = Millis::hours(24);

/// Repairs of one thing within [`QUIET`] after which somebody else must be changing it back.
pub const REPAIRS_MAX: usize = 3;

/// What a person must settle before anything can be made is looked at again after this.
pub const BLOCKED: Millis = Millis::minutes(5);

/// What is left standing for a person to decide is looked at again after this.
pub const LEFT: Millis = Millis::hours(1);

/// How long a thing must have been left alone for its repairs to be forgotten.
pub const QUIET: Millis = Millis::hours(1);

/// Adoption of things that were there before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Adopt {
    /// Never, not even what carries our own earlier mark.
    Never,
    /// What carries our installation's mark of the same key.
    #[default]
    Marked,
    /// Also what is unmarked and equal.
    Exact,
    /// While a lost or old ledger is rebuilt: what carries our mark, and what is unmarked and equal, of whatever
    /// class; where several fit, a person decides. No stanza says this.
    Recover,
}

/// What is done about a thing that somebody else changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Drift {
    /// It is changed back.
    Repair,
    /// It is reported.
    #[default]
    Report,
    /// It is taken as it is.
    Accept,
}

/// What a kind and a stanza say about how things are settled.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// How the API tells one creation from the next.
    pub class: Class,
    /// How long the API may hide what it made.
    pub settle: Millis,
    /// How long after its intent a write may still take effect: `send_within` and the request's deadline.
    pub window: Millis,
    /// How long an idempotency key holds.
    pub remembers: Option<Millis>,
    /// Where the thing lives.
    pub lives: Lives,
    /// Fields whose change means replacement.
    pub immutable: Vec<String>,
    /// Fields that the API never shows, each with the field that it shows instead: a digest, a version.
    ///
    /// What is wanted of such a field is compared with what was last written, and the other with what was last seen;
    /// a change whose answer was lost is sent again.
    pub shown_as: BTreeMap<String, String>,
    /// What is taken over.
    pub adopt: Adopt,
    /// While a lost or old ledger is rebuilt: until when something may have been sent that is on nobody's record.
    pub lost_at: Option<Timestamp>,
    /// What is done about foreign changes.
    pub drift: Drift,
}

/// The ledger row, as far as settling looks at it.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its id.
    pub id: RowId,
    /// How far it is.
    pub state: State,
    /// How it came to be ours.
    pub origin: Origin,
    /// The body of the write under way, or of the last one that succeeded; of a creation in doubt, what each of
    /// its repetitions sends.
    pub spec: Value,
    /// The thing's own id, once known.
    pub thing: Option<String>,
    /// The thing's body when we last looked.
    pub observed: Option<Value>,
    /// The mark it carried when we last looked.
    pub mark: Option<String>,
    /// Ids that were there before our creation.
    pub before: Vec<String>,
    /// When the intent of the first creation under this id was committed; repetitions keep it.
    pub intended_at: Option<Timestamp>,
    /// Until when any create or update of ours may still take effect: not before any bound that it had and that
    /// no answer has ended.
    pub made_by: Option<Timestamp>,
    /// Until when any remove of ours may still take effect, likewise.
    pub removed_by: Option<Timestamp>,
    /// When the first of the two looks began that *missing* needs.
    pub absent_at: Option<Timestamp>,
    /// When a pending or removing thing is looked at again.
    pub poll_at: Option<Timestamp>,
    /// When a thing is looked at again for drift or twins.
    pub look_at: Option<Timestamp>,
    /// Since when it is settled for the present incarnation of its owner, though sent for an earlier one. Its
    /// idempotency key may then name what died with that one, so it is not sent again as it is.
    pub inherited_at: Option<Timestamp>,
    /// When its last repairs were intended, oldest first; at most [`REPAIRS_MAX`], none of before a quiet hour.
    pub repairs: Vec<Timestamp>,
}

impl Row {
    /// Whether somebody else changes the thing back as often as we do: it is not repaired any more.
    pub fn is_fought(&self) -> bool {
        let first = self.repairs.len().checked_sub(REPAIRS_MAX).map(|at| self.repairs[at]);
        first.zip(self.repairs.last()).is_some_and(|(first, last)| last.since(first) <= QUIET)
    }

    /// A thing was found, and is the row's from here on; of what was written to it is known what it shows.
    ///
    /// Where nothing was ever sent it is taken over: what it is otherwise than wanted, others made it. A creation whose
    /// answer was lost may have been cut off half-way, and if the thing is found in the place of another, the last write
    /// went to that one: what it shows otherwise counts as not written, so that it is brought to what is wanted and is
    /// nobody else's change. Of what cannot change, what was sent stays, and of what is only shown as something else, if
    /// that is shown.
    pub fn takes(&mut self, thing: &Thing, policy: &Policy) {
        if let Value::Object(spec) = &mut self.spec
            && self.state != State::Creating
        {
            spec.retain(|name, sent| match (policy.shown_as.get(name), thing.body.get(name)) {
                _ if policy.immutable.contains(name) => true,
                (Some(instead), _) => thing.body.get(instead).is_some_and(|it| !it.is_null()),
                (None, Some(shown)) => {
                    sent.clone_from(shown);
                    true
                }
                (None, None) => false,
            });
        }
        self.thing = Some(thing.id.clone());
    }

    /// A repair is about to be sent.
    pub fn repairs_at(&mut self, at: Timestamp) {
        self.repairs.push(at);
        self.repairs.drain(..self.repairs.len().saturating_sub(REPAIRS_MAX));
    }

    /// It was seen as it is wanted: repairs of long ago are forgotten.
    pub fn is_quiet(&mut self, now: Timestamp) {
        if self.repairs.last().is_some_and(|last| *last + QUIET <= now) {
            self.repairs.clear();
        }
    }
}

/// A look at the outside that **succeeded**.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// When it began: what it shows is at least as new as this, give or take the API's lag.
    pub began: Timestamp,
    /// What it was about.
    pub at: Aim,
    /// What it showed, whoever's.
    pub things: Vec<Thing>,
}

/// What a look is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Aim {
    /// The thing whose id the row knows.
    Thing,
    /// Everything that could be it.
    Anything,
}

/// What becomes of a thing that nobody wants (any more, or not in this shape); from `may_delete`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leave {
    /// It may be removed now.
    Remove,
    /// It stays, by policy; `why` is for the finding.
    Retain {
        /// Why it is not removed.
        why: String,
    },
    /// Not before this.
    Later {
        /// When to ask again.
        until: Timestamp,
        /// What is waited for.
        why: String,
    },
    /// Not until a person says so.
    Held {
        /// What must be approved or lifted.
        why: String,
    },
}

/// Everything that a decision is a function of.
#[derive(Clone, Debug)]
pub struct Scene<'a> {
    /// The row.
    pub row: &'a Row,
    /// The body that is wanted; none: nobody living wants it.
    pub want: Option<&'a Value>,
    /// What becomes of it while it is unwanted, or wanted in a shape that needs a replacement.
    pub leave: &'a Leave,
    /// The look that the driver just took, if it did.
    pub look: Option<&'a Look>,
    /// Ids that other rows of this target and kind claim.
    pub held: &'a [String],
    /// Whether another creation is under way or in doubt in the same listing ([`Occupied`]).
    pub listing_busy: bool,
    /// How such things are settled.
    pub policy: &'a Policy,
    /// This installation, as in marks.
    pub installation: &'a str,
    /// The present.
    pub now: Timestamp,
    /// Since when our clock has run evenly.
    pub steady: Steady,
    /// The rules that hold; all of them but in tests.
    pub rules: Rules,
}

/// What the driver does next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Look, then decide again with what was seen.
    Look(Aim),
    /// Nothing until then (or until something changes, if there is no time).
    Wait {
        /// When to decide again.
        until: Option<Timestamp>,
        /// What is waited for, for people.
        why: Waiting,
    },
    /// Commit the intent with this pre-image, then create: what is wanted, or, in doubt, the row's own `spec`.
    Create {
        /// The ids that were there before anything of ours can have been.
        before: Vec<String>,
    },
    /// Record that this thing is the row's.
    Take {
        /// The thing.
        thing: Thing,
        /// How it came to be ours.
        origin: Origin,
    },
    /// Record what the thing is like now; it stays (or is again) the row's. If nothing drifted, what is wanted
    /// becomes the row's `spec`.
    Note {
        /// The thing.
        thing: Thing,
        /// Fields that somebody else changed, to be reported.
        drifted: Vec<String>,
    },
    /// Commit the intent, then change the thing that was just seen.
    Update {
        /// As just seen.
        thing: Thing,
    },
    /// Commit the intent (`may_delete` is asked again there), then remove the thing that was just seen.
    Remove {
        /// As just seen.
        thing: Thing,
    },
    /// Record that a look did not show it; a second one decides.
    NoteAbsent,
    /// Record that it does not exist. If it is still wanted, a new row is made for it.
    Gone {
        /// How we know.
        how: Gone,
    },
    /// Record that it stays where it is.
    Retain {
        /// Why.
        why: String,
    },
    /// Report something that a person should see, and go on after `until`.
    Report {
        /// What.
        problem: Problem,
        /// When to decide again.
        until: Timestamp,
    },
}

/// Why a row is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gone {
    /// It was never sent.
    NeverMade,
    /// A creation was given up: unwanted, and no look has shown it for a day.
    NeverSeen,
    /// It was removed, and a look showed that.
    Removed,
    /// Somebody else removed it; two looks showed that.
    Lost,
}

/// What a row waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Nothing: all is as it should be.
    Settled,
    /// The time in which the API may still hide a write.
    Settling,
    /// The thing is not ready, or on its way out.
    Polling,
    /// Another anonymous creation in the same listing.
    Turn,
    /// A late effect of a creation that was given up.
    Watching,
    /// Grace, a reader, a window.
    Leaving(String),
    /// Approval, or the end of a freeze.
    Held(String),
    /// A sight of its owner, or its owner's end: see [`may_make`](crate::may_make).
    Owner(String),
}

/// What a person should see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Somebody else's thing has the key.
    Conflict {
        /// Its id.
        thing: String,
    },
    /// Several things could be ours, or it cannot be known.
    Ambiguous {
        /// Their ids.
        things: Vec<String>,
    },
    /// A second thing of ours turned up.
    Twin {
        /// Its id.
        thing: String,
    },
    /// Somebody else changes it back as often as we do.
    Fought {
        /// Its id.
        thing: String,
        /// The fields that they change.
        fields: Vec<String>,
    },
    /// The thing that was to be removed is not the one we knew.
    Changed {
        /// Its id.
        thing: String,
        /// What differs: fields, or `mark`.
        fields: Vec<String>,
    },
}

/// Says what is to be done next about one thing.
pub fn decide(scene: &Scene<'_>) -> Step {
    if let Some(last) = ending::last(scene) {
        return last;
    }
    match scene.row.state {
        State::Creating => first::decide(scene),
        State::InDoubt => doubt::decide(scene),
        State::Pending | State::Present | State::Updating => living::decide(scene),
        State::Deleting => ending::deleting(scene),
        State::Retained => ending::retained(scene),
        State::Gone => Step::Wait { until: None, why: Waiting::Settled },
    }
}

/// Whether a row's creation keeps other anonymous creations in its listing waiting.
///
/// Asked for every other row of the listing before a creation is decided, and again in the transaction of
/// its intent. A row that was only just made does not; one that was given up does not once nothing of it can
/// appear any more, or it would keep the others waiting for a day.
pub fn occupies_listing(row: &Row, occupied: Occupied) -> bool {
    row.state == State::InDoubt && row.made_by.is_none_or(|by| occupied.by(by))
}

/// Which creations in doubt keep their listing: those of which something may still appear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occupied {
    /// Those that were to be over then, or later.
    pub since: Timestamp,
    /// And those that were to be over by then: their age is unknown, and our clock was set not long ago.
    pub unknown: Option<Timestamp>,
}

impl Occupied {
    /// Of a kind, at present.
    pub fn at(policy: &Policy, steady: Steady, now: Timestamp) -> Self {
        let since = match policy.class {
            // Keys may be sent side by side, and once they are forgotten nothing tells whose a thing is, however old.
            Class::Keyed => Steady::ALWAYS.since,
            Class::Natural | Class::Marked | Class::Anonymous => now - policy.settle - SKEW.times(2),
        };
        let lately = steady.since + policy.window >= since;
        Self { since, unknown: lately.then_some(steady.beyond + policy.window) }
    }

    /// Whether a creation that was to be over by then is one of them.
    pub fn by(self, made_by: Timestamp) -> bool {
        made_by >= self.since || self.unknown.is_some_and(|unknown| made_by <= unknown)
    }
}

#[cfg(test)]
mod tests;
