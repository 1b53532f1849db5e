//! Whether anything may be made or changed for an owner: one pure function, asked before a creation begins, before
//! each run that makes or changes something, or removes it to make it anew, and again in the intent of its first write.
//!
//! What a runner knows of an owner may be older than the owner's end: it is gone, and that is not believed yet, or
//! nobody has looked since the start. What is made for it then is made for nobody, and what is removed cannot be made
//! again. So nothing is made until the owner is seen again, or its end is believed; removals are
//! [`may_delete`](crate::may_delete)'s.
//!
//! Somebody who was never missed needs no proof: a new app, and one that nobody lists for a while because the
//! platform is out, go on at once.

use crate::subject::Path;
use crate::time::Timestamp;

/// Why it is not known that somebody is there, who has not ended as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// What was known was read from the store, and no list and no look has shown it since.
    Unread,
    /// A whole list lacks it.
    Unlisted {
        /// When that was noticed.
        since: Timestamp,
    },
    /// A look at it found nobody, or another incarnation.
    NotFound {
        /// When that was noticed.
        since: Timestamp,
    },
    /// A look at it was refused: it is in another organisation, or the token does not reach it any more.
    Refused {
        /// When that was noticed.
        since: Timestamp,
    },
}

/// Everything that the verdict is a function of.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The owner's address.
    pub owner: &'a Path,
    /// What speaks against its being there.
    pub unseen: Option<Unseen>,
    /// Of a machine: what speaks against its app's being there.
    pub app_unseen: Option<Unseen>,
}

impl Facts<'_> {
    /// Whether nothing speaks against the being there of either: [`may_make`] then says [`Make::Now`].
    pub const fn is_there(&self) -> bool {
        self.unseen.is_none() && self.app_unseen.is_none()
    }
}

/// Whether something may be made or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Make {
    /// It may.
    Now,
    /// Not until who was missed is seen, or its end is believed.
    Later {
        /// What is waited for.
        why: String,
    },
}

/// Says whether anything may be made or changed for an owner now.
///
/// # Guarantees
/// [`Make::Now`] only if nothing speaks against the owner's being there, nor, of a machine, against its app's.
pub fn may_make(facts: &Facts<'_>) -> Make {
    let app = facts.app_unseen.map(|unseen| (facts.owner.app_path(), unseen));
    // An app that is missed takes its machines with it, so it is what a person looks for.
    let missed = app.or_else(|| facts.unseen.map(|unseen| (facts.owner.clone(), unseen)));
    match missed {
        None => Make::Now,
        Some((who, unseen)) => Make::Later { why: why(&who, unseen) },
    }
}

fn why(who: &Path, unseen: Unseen) -> String {
    let (what, until) = match unseen {
        Unseen::Unread => {
            (format!("{who} was not seen since the start"), "it is seen, or its end is believed")
        }
        Unseen::Unlisted { since } => (format!("{who} is not listed since {since}"), BACK),
        Unseen::NotFound { since } => (format!("{who} is not found since {since}"), BACK),
        Unseen::Refused { since } => (format!("a look at {who} is refused since {since}"), BACK),
    };
    format!("{what}: nothing is made for it until {until}")
}

const BACK: &str = "it is back, or its end is believed";

#[cfg(test)]
mod tests {
    use super::*;

    const SINCE: Timestamp = Timestamp::from_millis(1_795_000_000_000);

    fn verdict(owner: &str, unseen: Option<Unseen>, app_unseen: Option<Unseen>) -> Make {
        may_make(&Facts { owner: &owner.parse().unwrap(), unseen, app_unseen })
    }

    #[test]
    fn every_condition_alone_stops_what_is_made_and_says_for_whom() {
        let at = SINCE.to_string();
        let table = [
            (Unseen::Unread, "was not seen since the start".to_owned()),
            (Unseen::Unlisted { since: SINCE }, format!("is not listed since {at}")),
            (Unseen::NotFound { since: SINCE }, format!("is not found since {at}")),
            (Unseen::Refused { since: SINCE }, format!("is refused since {at}")),
        ];
        for owner in ["fly/acme/web", "fly/acme/web/m1"] {
            assert_eq!(verdict(owner, None, None), Make::Now);
        }
        for (unseen, says) in table {
            for (whose, owner, verdict) in [
                ("fly/acme/web", "app", verdict("fly/acme/web", Some(unseen), None)),
                ("fly/acme/web/m1", "machine", verdict("fly/acme/web/m1", Some(unseen), None)),
                ("fly/acme/web", "its app", verdict("fly/acme/web/m1", None, Some(unseen))),
            ] {
                let Make::Later { why } = verdict else {
                    panic!("{owner}: something is made, though {says}")
                };
                let named = format!("{whose} ");
                assert!(why.contains(&says) && why.contains(&named), "{owner}: {why}");
                assert!(why.contains(": nothing is made for it until it is "), "{owner}: {why}");
            }
        }
    }

    #[test]
    fn of_a_machine_whose_app_is_missed_too_the_app_is_told() {
        let both = verdict("fly/acme/web/m1", Some(Unseen::Unread), Some(Unseen::NotFound { since: SINCE }));
        let Make::Later { why } = both else { panic!("something is made") };
        assert!(why.starts_with("fly/acme/web is not found"), "{why}");
    }
}
