//! What happened, in words: one line per act.

use std::fmt;

use groundcrew_core::row::Origin;

use crate::world::{Answer, Body, Shape, Tick, Write};

/// One act of the driver, the API, time, an owner or a stranger. The first field is the owner.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    Rests(u8),
    MakesRow(u8),
    Looks(u8, u8),
    Blinks(u8),
    Waits(u8, Option<Tick>),
    Reports(u8),
    Intends(u8, Write),
    TooLate(u8),
    Sends(u8, Write),
    Learns(u8, Answer),
    GivesUp(u8),
    Takes(u8, u8, Origin),
    Notes(u8, u8),
    Misses(u8),
    Forgets(u8),
    Retains(u8),
    TakesEffect(u8, Write),
    Passes(Tick),
    Sleeps,
    Crashes,
    ClockSet(Tick),
    Wants(u8, Option<Body>),
    MadeAgain(u8),
    LedgerLost,
    Rebuilt,
    Shows(u8),
    IsReady(u8),
    Vanishes(u8),
    Approves,
    StrangerMakes,
    StrangerRemoves(u8),
    StrangerChanges(u8),
    StrangerTakesOver(u8),
}

impl Act {
    /// Whether it may be counted on: troubles may come, but need not.
    pub(crate) fn fair(self) -> bool {
        !matches!(
            self,
            Self::Blinks(_)
                | Self::GivesUp(_)
                | Self::Sleeps
                | Self::Crashes
                | Self::ClockSet(_)
                | Self::Wants(..)
                | Self::MadeAgain(_)
                | Self::LedgerLost
                | Self::StrangerMakes
                | Self::StrangerRemoves(_)
                | Self::StrangerChanges(_)
                | Self::StrangerTakesOver(_)
        )
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rests(who) => write!(f, "{}: nothing to do", lane(*who)),
            Self::MakesRow(who) => write!(f, "{}: a row is made", lane(*who)),
            Self::Looks(who, 0) => write!(f, "{}: a look shows nothing", lane(*who)),
            Self::Looks(who, 1) => write!(f, "{}: a look shows one thing", lane(*who)),
            Self::Looks(who, some) => write!(f, "{}: a look shows {some} things", lane(*who)),
            Self::Blinks(who) => write!(f, "{}: a look misses what is there", lane(*who)),
            Self::Waits(who, None) => write!(f, "{}: waits for a change", lane(*who)),
            Self::Waits(who, Some(ticks)) => write!(f, "{}: waits for {} s", lane(*who), seconds(*ticks)),
            Self::Reports(who) => write!(f, "{}: reports a problem", lane(*who)),
            Self::Intends(who, what) => write!(f, "{}: commits the intent to {}", lane(*who), Words(what)),
            Self::TooLate(who) => write!(f, "{}: too late to send; the gate refuses", lane(*who)),
            Self::Sends(who, what) => write!(f, "{}: sends the request to {}", lane(*who), Words(what)),
            Self::Learns(who, Answer::Made(id, _)) => {
                write!(f, "{}: the answer comes, thing {id}; committed", lane(*who))
            }
            Self::Learns(who, Answer::Removed) => {
                write!(f, "{}: the answer comes, removed; committed", lane(*who))
            }
            Self::Learns(who, Answer::Removing) => {
                write!(f, "{}: the answer comes, on its way out; committed", lane(*who))
            }
            Self::Learns(who, Answer::Refused) => write!(f, "{}: the answer comes, refused", lane(*who)),
            Self::GivesUp(who) => write!(f, "{}: no answer comes; gives up waiting", lane(*who)),
            Self::Takes(who, id, origin) => write!(f, "{}: takes thing {id} as {origin}", lane(*who)),
            Self::Notes(who, id) => write!(f, "{}: thing {id} is noted as it is", lane(*who)),
            Self::Misses(who) => write!(f, "{}: notes that it is missing", lane(*who)),
            Self::Forgets(who) => write!(f, "{}: the row is gone", lane(*who)),
            Self::Retains(who) => write!(f, "{}: the thing is left where it is", lane(*who)),
            Self::TakesEffect(who, what) => {
                write!(f, "the API: the request of {} to {} takes effect", lane(*who), Words(what))
            }
            Self::Passes(ticks) => write!(f, "{} s pass", seconds(*ticks)),
            Self::Sleeps => f.write_str("the machine sleeps"),
            Self::Crashes => f.write_str("the runner crashes and starts again"),
            Self::ClockSet(by) => write!(f, "our clock is set by {} s", seconds(*by)),
            Self::Wants(who, None) => write!(f, "{} wants it no more", lane(*who)),
            Self::Wants(who, Some(body)) => write!(f, "{} wants it: {body:?}", lane(*who)),
            Self::MadeAgain(who) => {
                write!(f, "{} is deleted and made again; what was in it is gone", lane(*who))
            }
            Self::LedgerLost => f.write_str("the database is lost; somebody has it rebuilt"),
            Self::Rebuilt => f.write_str("all was looked for; somebody ends the rebuilding"),
            Self::Shows(who) => write!(f, "{}: what it would write is shown", lane(*who)),
            Self::IsReady(id) => write!(f, "thing {id} is ready"),
            Self::Vanishes(id) => write!(f, "thing {id}, on its way out, is gone"),
            Self::Approves => f.write_str("a person approves its removal"),
            Self::StrangerMakes => f.write_str("a stranger makes a thing"),
            Self::StrangerRemoves(id) => write!(f, "a stranger removes thing {id}"),
            Self::StrangerChanges(id) => write!(f, "a stranger changes thing {id}"),
            Self::StrangerTakesOver(id) => {
                write!(f, "a stranger puts a thing of its own in the place of thing {id}")
            }
        }
    }
}

fn lane(who: u8) -> char {
    char::from(b'A' + who)
}

fn seconds(ticks: Tick) -> Tick {
    ticks * 5
}

struct Words<'a>(&'a Write);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is = |shape: &Shape| shape.body;
        match self.0 {
            Write::Create { body } => write!(f, "create ({body:?})"),
            Write::Update { id, seen, body } => {
                write!(f, "change thing {id} from {:?} to {body:?}", is(seen))
            }
            Write::Remove { id, .. } => write!(f, "remove thing {id}"),
        }
    }
}
