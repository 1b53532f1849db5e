//! Which moments of a life are struck, and how.
//!
//! Moments are those of the gate (around every host call) and of the store (around every commit), counted
//! together in the order in which they come, over restarts. The same script meets the same moments up to the
//! first blow, so a number names a point.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use groundcrew_core::spec::Want;
use groundcrew_engine::gate::{self, Fault, Faults};
use groundcrew_engine::journal::{CallAccess, Recorded};
use groundcrew_store::{CommitFault, CommitFaults, CommitMoment};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::carrier::Wire;

/// One moment at which something may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Around a host call.
    Call(gate::Moment, CallAccess),
    /// Around a commit.
    Commit(CommitMoment),
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blow {
    /// The call fails as if the network had, the commit as if the disk had.
    Fail,
    /// The process dies.
    Crash,
}

/// A blow at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Strike {
    /// The moment's number.
    pub at: usize,
    /// What goes wrong there.
    pub blow: Blow,
}

impl Moment {
    /// What can go wrong at this moment.
    pub const fn blows(self) -> &'static [Blow] {
        match self {
            // What was recorded has been answered: it cannot fail any more.
            Self::Call(gate::Moment::AfterRecord, _) => &[Blow::Crash],
            Self::Call(..) | Self::Commit(_) => &[Blow::Fail, Blow::Crash],
        }
    }
}

impl Moment {
    /// What a blow at this moment of a call or commit is, in words.
    fn struck(self, blow: Blow, whose: &str) -> String {
        match (self, blow) {
            (Self::Call(gate::Moment::Before, _), Blow::Crash) => {
                format!("the runner died before {whose} left")
            }
            (Self::Call(gate::Moment::AfterEffect, _), Blow::Crash) => {
                format!("the runner died after {whose} took effect, before it knew the answer")
            }
            (Self::Call(gate::Moment::AfterRecord, _), Blow::Crash) => {
                format!("the runner died right after {whose} was answered")
            }
            (Self::Call(gate::Moment::Before, _), Blow::Fail) => format!("{whose} failed: it never left"),
            (Self::Call(..), Blow::Fail) => format!("{whose} took effect, and its answer was lost"),
            (Self::Commit(CommitMoment::Before), Blow::Crash) => "the runner died before a commit".to_owned(),
            (Self::Commit(_), Blow::Crash) => "the runner died right after a commit".to_owned(),
            (Self::Commit(_), Blow::Fail) => "a commit failed, as if the disk had".to_owned(),
        }
    }

    /// Whether the answer to a read has come; the moment before was that before it left.
    pub const fn is_answer_to_read(self) -> bool {
        matches!(self, Self::Call(gate::Moment::AfterEffect, CallAccess::Read))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(moment, access) => write!(f, "{access:?} call, {moment:?}"),
            Self::Commit(moment) => write!(f, "commit, {moment:?}"),
        }
    }
}

type Watcher = Box<dyn Fn(&Recorded) + Send + Sync>;
/// Told of a moment at which a death leaves something else than at the one before, with what would be met by then.
type Witness = Box<dyn Fn(usize, Met) + Send + Sync>;

/// The blows that one play is dealt, and the moments that it has met.
pub struct Schedule {
    strikes: Vec<Strike>,
    met: Mutex<Met>,
    crashed: Notify,
    /// Told of every write right before its intent is committed.
    before_write: Option<Watcher>,
    deaths: Option<Witness>,
    now: Box<dyn Fn() -> Stamp + Send + Sync>,
}

/// When a moment is: milliseconds, and how far the script is.
pub type Stamp = (i64, usize);

/// Moments further apart than this, in milliseconds, are different times for whoever is started after a crash; a
/// request takes less.
const APART: i64 = 20;

/// The moments that a play has met.
#[derive(Clone, Debug, Default)]
pub(super) struct Met {
    moments: Vec<Moment>,
    /// Of each moment, whether a crash there leaves something else than one at the moment before.
    fresh: Vec<bool>,
    last: Option<Stamp>,
    dead: bool,
    /// The blows that fell, in words.
    dealt: Vec<String>,
}

impl Met {
    /// Commits that were made.
    pub(super) fn commits(&self) -> usize {
        self.moments.iter().filter(|moment| **moment == Moment::Commit(CommitMoment::After)).count()
    }

    /// It dies at the moment that it met last.
    fn dies(&mut self, moment: Moment, whose: &str) {
        self.dealt.push(moment.struck(Blow::Crash, whose));
        self.dead = true;
    }

    /// A crash leaves the disk, the outside and the time. None of them has changed since the moment before, if
    /// nothing was committed, nothing but read, no time passed to speak of, and the script did not go on.
    fn is_fresh(&self, moment: Moment, now: Stamp) -> bool {
        let changed = match moment {
            Moment::Commit(CommitMoment::After) => true,
            Moment::Call(gate::Moment::AfterEffect, access) => access != CallAccess::Read,
            Moment::Call(..) | Moment::Commit(_) => false,
        };
        changed || self.last.is_none_or(|(at, script)| now.1 != script || now.0 - at > APART)
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schedule").field("strikes", &self.strikes).finish_non_exhaustive()
    }
}

impl Schedule {
    /// A schedule of these blows, in a play whose time this tells.
    pub fn new(strikes: &[Strike], now: impl Fn() -> Stamp + Send + Sync + 'static) -> Self {
        Self {
            strikes: strikes.to_vec(),
            met: Mutex::default(),
            crashed: Notify::new(),
            before_write: None,
            deaths: None,
            now: Box::new(now),
        }
    }

    /// Also tells somebody of every write, right before its intent is committed.
    #[must_use]
    pub fn telling(self, before_write: impl Fn(&Recorded) + Send + Sync + 'static) -> Self {
        Self { before_write: Some(Box::new(before_write)), ..self }
    }

    /// Also tells somebody of every moment at which a death leaves something of its own.
    #[must_use]
    pub(super) fn witnessed(self, deaths: impl Fn(usize, Met) + Send + Sync + 'static) -> Self {
        Self { deaths: Some(Box::new(deaths)), ..self }
    }

    /// Goes on after these moments.
    #[must_use]
    pub(super) fn after(self, met: Met) -> Self {
        Self { met: Mutex::new(met), ..self }
    }

    /// Waits until the process has died.
    pub async fn crash(&self) {
        self.crashed.notified().await;
    }

    /// The process is started again.
    pub fn revive(&self) {
        let mut met = self.met();
        (met.dead, met.last) = (false, None);
    }

    /// All moments so far.
    pub fn moments(&self) -> Vec<Moment> {
        self.met().moments.clone()
    }

    /// Of each moment so far, whether a crash there leaves something else than one at the moment before.
    pub fn fresh(&self) -> Vec<bool> {
        self.met().fresh.clone()
    }

    /// The blows that fell, in words.
    pub fn dealt(&self) -> Vec<String> {
        self.met().dealt.clone()
    }

    /// Meets a moment; `whose` says what it is a moment of.
    fn meet(&self, moment: Moment, whose: impl FnOnce() -> String) -> Option<Blow> {
        let mut met = self.met();
        if met.dead {
            return None;
        }
        let (at, now) = (met.moments.len(), (self.now)());
        // Who keeps copies of the disk before writes changes what a crash leaves.
        let kept = self.before_write.is_some() && matches!(moment, Moment::Call(_, CallAccess::Write));
        let fresh = kept || met.is_fresh(moment, now);
        met.moments.push(moment);
        met.fresh.push(fresh);
        met.last = Some(now);
        if let Some(deaths) = self.deaths.as_ref().filter(|_| fresh) {
            let mut dead = met.clone();
            dead.dies(moment, &whose());
            deaths(at, dead);
            return None;
        }
        let blow = self.strikes.iter().find(|strike| strike.at == at)?.blow;
        match blow {
            Blow::Fail => met.dealt.push(moment.struck(blow, &whose())),
            Blow::Crash => {
                met.dies(moment, &whose());
                self.crashed.notify_one();
            }
        }
        Some(blow)
    }

    fn met(&self) -> MutexGuard<'_, Met> {
        self.met.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The schedule as gate and store see it.
#[derive(Clone, Debug)]
pub(super) struct Laid {
    pub(super) schedule: Arc<Schedule>,
    pub(super) wire: Wire,
}

impl Faults for Laid {
    fn at(&self, moment: gate::Moment, call: &Recorded) -> Fault {
        let write = moment == gate::Moment::Before && call.access == CallAccess::Write;
        if let (true, Some(tell)) = (write, &self.schedule.before_write) {
            tell(call);
        }
        let whose = || self.wire.tells(call);
        match self.schedule.meet(Moment::Call(moment, call.access), whose) {
            None => Fault::None,
            Some(Blow::Fail) => Fault::Fail,
            Some(Blow::Crash) => Fault::Crash,
        }
    }

    fn begins(&self, about: Option<&Want>) {
        self.wire.speaks(about);
    }
}

impl CommitFaults for Laid {
    fn at(&self, moment: CommitMoment) -> CommitFault {
        match self.schedule.meet(Moment::Commit(moment), || "a commit".to_owned()) {
            None => CommitFault::None,
            Some(Blow::Fail) => CommitFault::Fail,
            Some(Blow::Crash) => CommitFault::Crash,
        }
    }
}
