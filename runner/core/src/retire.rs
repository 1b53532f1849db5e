//! A machine that leaves in order: the hook before shutdown that the platform does not have.
//!
//! ```text
//!   cordon ──► tell ──► stop ──► destroy ──► done
//!     │          │        │         │
//!     └──────────┴────────┴─────────┴── cancel ──► uncordon ──► cancelled
//! ```
//!
//! # Guarantees
//! - Each step looks at the machine first and may be taken again: what a crash left is decided by the next look.
//! - A machine is stopped only when every handler was told of it, or the deadline has passed. A handler that
//!   *refused* for good holds it beyond the deadline: a deadline bounds how long an answer may take, and a refusal
//!   is an answer. A person says that it may go all the same.

use serde::{Deserialize, Serialize};

use crate::row::words;
use crate::time::Timestamp;

words! {
    /// How far a retirement is.
    Step {
        /// No new traffic is to reach the machine.
        Cordon = "cordon",
        /// Handlers are told, and waited for.
        Tell = "tell",
        /// Its process is to end.
        Stop = "stop",
        /// It is to be destroyed.
        Destroy = "destroy",
        /// It was cancelled: traffic is to reach the machine again.
        Uncordon = "uncordon",
        /// It has left, as asked.
        Done = "done",
        /// It stays.
        Cancelled = "cancelled",
    }
}

words! {
    /// What is asked for at the end.
    Ending {
        /// The machine is destroyed.
        Destroy = "destroy",
        /// The machine stays, stopped and cordoned.
        Stop = "stop",
    }
}

words! {
    /// Whether handlers are waited for.
    Patience {
        /// Until the deadline, and where one refused, until a person decides.
        Wait = "wait",
        /// No.
        None = "none",
    }
}

impl Step {
    /// Whether nothing is left to do.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Cancelled)
    }
}

/// What the platform shows of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen<'a> {
    /// It does not exist any more.
    Gone,
    /// It is in this state; the words are the platform's, and open.
    In(&'a str),
}

/// A call that changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// No new traffic.
    Cordon,
    /// Traffic again.
    Uncordon,
    /// End its process.
    Stop,
    /// Destroy it, only if it does not run.
    Destroy,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Send it; with its success the retirement is at this step.
    Send(Command, Step),
    /// Nothing is to be sent; it is at this step.
    Next(Step),
    /// Look again soon.
    Wait,
}

/// Decides what a look at the machine means for a step other than [`Step::Tell`].
pub fn decide(step: Step, ending: Ending, seen: Seen<'_>) -> Move {
    let Seen::In(state) = seen else {
        return Move::Next(if step == Step::Uncordon { Step::Cancelled } else { Step::Done });
    };
    match (step, rest(state)) {
        (Step::Cordon, _) => Move::Send(Command::Cordon, Step::Tell),
        (Step::Uncordon, _) => Move::Send(Command::Uncordon, Step::Cancelled),
        (Step::Stop, Rest::Running) => Move::Send(Command::Stop, Step::Stop),
        (Step::Stop, Rest::Resting) => Move::Next(match ending {
            Ending::Destroy => Step::Destroy,
            Ending::Stop => Step::Done,
        }),
        (Step::Destroy, Rest::Resting) => Move::Send(Command::Destroy, Step::Destroy),
        // Somebody started it again; handlers were told that it stops.
        (Step::Destroy, Rest::Running) => Move::Next(Step::Stop),
        (Step::Stop | Step::Destroy, Rest::Moving) | (Step::Tell | Step::Done | Step::Cancelled, _) => {
            Move::Wait
        }
    }
}

/// How a state stands to being stopped [docs machines/machine-states].
enum Rest {
    Running,
    Moving,
    Resting,
}

fn rest(state: &str) -> Rest {
    match state {
        "created" | "stopped" | "suspended" | "failed" | "launch_failed" => Rest::Resting,
        "stopping" | "suspending" | "destroying" | "creating" | "updating" | "replacing" | "restarting" => {
            Rest::Moving
        }
        // A word that is not known may be one of a machine that runs: stopping it does no harm.
        _ => Rest::Running,
    }
}

/// What became of telling one handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Heard {
    /// It took it.
    Told,
    /// It is still told.
    Owed,
    /// It refused for good.
    Refused,
}

/// Whether the machine may be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Go,
    /// Not yet.
    Wait,
    /// Not before a person decides: a handler refused for good.
    Hold,
}

/// Decides whether handlers have been waited for long enough.
pub fn waited(
    heard: impl IntoIterator<Item = Heard>,
    patience: Patience,
    until: Timestamp,
    now: Timestamp,
) -> Verdict {
    let (mut owed, mut refused) = (false, false);
    for heard in heard {
        owed |= heard == Heard::Owed;
        refused |= heard == Heard::Refused;
    }
    match patience {
        Patience::Wait if owed && now < until => Verdict::Wait,
        Patience::Wait if refused => Verdict::Hold,
        Patience::None | Patience::Wait => Verdict::Go,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_look_leads_on_and_none_leads_astray() {
        let destroy = |step, state| decide(step, Ending::Destroy, Seen::In(state));
        for (step, state, expected) in [
            (Step::Cordon, "started", Move::Send(Command::Cordon, Step::Tell)),
            (Step::Stop, "started", Move::Send(Command::Stop, Step::Stop)),
            (Step::Stop, "a word of tomorrow", Move::Send(Command::Stop, Step::Stop)),
            (Step::Stop, "stopping", Move::Wait),
            (Step::Stop, "stopped", Move::Next(Step::Destroy)),
            (Step::Stop, "suspended", Move::Next(Step::Destroy)),
            (Step::Destroy, "stopped", Move::Send(Command::Destroy, Step::Destroy)),
            (Step::Destroy, "destroying", Move::Wait),
            (Step::Destroy, "started", Move::Next(Step::Stop)),
            (Step::Uncordon, "started", Move::Send(Command::Uncordon, Step::Cancelled)),
        ] {
            assert_eq!(destroy(step, state), expected, "{step} {state}");
        }
        assert_eq!(decide(Step::Stop, Ending::Stop, Seen::In("stopped")), Move::Next(Step::Done));
    }

    #[test]
    fn who_is_gone_has_left_and_only_a_machine_that_rests_is_destroyed() {
        for step in Step::ALL.iter().copied().filter(|step| !step.is_over()) {
            let over = if step == Step::Uncordon { Step::Cancelled } else { Step::Done };
            assert_eq!(decide(step, Ending::Destroy, Seen::Gone), Move::Next(over));
            for state in ["started", "starting", "stopping", "replacing", "unheard-of"] {
                let decided = decide(step, Ending::Destroy, Seen::In(state));
                assert!(!matches!(decided, Move::Send(Command::Destroy, _)), "{step} {state}");
            }
            let stopped = decide(step, Ending::Stop, Seen::In("stopped"));
            assert!(step == Step::Destroy || !matches!(stopped, Move::Send(Command::Destroy, _)));
        }
    }

    #[test]
    fn a_deadline_bounds_waiting_and_a_refusal_holds_beyond_it() {
        let at = Timestamp::from_millis;
        let before = |heard: &[Heard]| waited(heard.iter().copied(), Patience::Wait, at(10), at(9));
        let after = |heard: &[Heard]| waited(heard.iter().copied(), Patience::Wait, at(10), at(10));
        for (heard, early, late) in [
            (&[][..], Verdict::Go, Verdict::Go),
            (&[Heard::Told], Verdict::Go, Verdict::Go),
            (&[Heard::Told, Heard::Owed], Verdict::Wait, Verdict::Go),
            (&[Heard::Refused], Verdict::Hold, Verdict::Hold),
            (&[Heard::Owed, Heard::Refused], Verdict::Wait, Verdict::Hold),
        ] {
            assert_eq!((before(heard), after(heard)), (early, late), "{heard:?}");
            assert_eq!(waited(heard.iter().copied(), Patience::None, at(10), at(9)), Verdict::Go);
        }
    }
}
