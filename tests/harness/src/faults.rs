//! Which moments of a life are struck, and how.
//!
//! Moments are those of the gate (around every host call) and of the store (around every commit), counted
//! together in the order in which they come, over restarts. The same script meets the same moments up to the
//! first blow, so a number names a point.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use groundcrew_engine::gate::{self, Fault, Faults};
use groundcrew_engine::journal::{CallAccess, Recorded};
use groundcrew_store::{CommitFault, CommitFaults, CommitMoment};
use tokio::sync::Notify;

/// One moment at which something may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Around a host call.
    Call(gate::Moment, CallAccess),
    /// Around a commit.
    Commit(CommitMoment),
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blow {
    /// The call fails as if the network had, the commit as if the disk had.
    Fail,
    /// The process dies.
    Crash,
}

/// A blow at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(moment, access) => write!(f, "{access:?} call, {moment:?}"),
            Self::Commit(moment) => write!(f, "commit, {moment:?}"),
        }
    }
}

type Watcher = Box<dyn Fn(&Recorded) + Send + Sync>;

/// The blows that one play is dealt, and the moments that it has met.
pub struct Schedule {
    strikes: Vec<Strike>,
    met: Mutex<Met>,
    crashed: Notify,
    /// Told of every write right before its intent is committed.
    before_write: Option<Watcher>,
}

#[derive(Default)]
struct Met {
    moments: Vec<Moment>,
    dead: bool,
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schedule").field("strikes", &self.strikes).finish_non_exhaustive()
    }
}

impl Schedule {
    /// A schedule of these blows.
    pub fn new(strikes: &[Strike]) -> Self {
        Self { strikes: strikes.to_vec(), met: Mutex::default(), crashed: Notify::new(), before_write: None }
    }

    /// Also tells somebody of every write, right before its intent is committed.
    #[must_use]
    pub fn telling(self, before_write: impl Fn(&Recorded) + Send + Sync + 'static) -> Self {
        Self { before_write: Some(Box::new(before_write)), ..self }
    }

    /// Waits until the process has died.
    pub async fn crash(&self) {
        self.crashed.notified().await;
    }

    /// The process is started again.
    pub fn revive(&self) {
        self.met().dead = false;
    }

    /// All moments so far.
    pub fn moments(&self) -> Vec<Moment> {
        self.met().moments.clone()
    }

    /// How many moments there were so far.
    pub fn count(&self) -> usize {
        self.met().moments.len()
    }

    fn meet(&self, moment: Moment) -> Option<Blow> {
        let mut met = self.met();
        if met.dead {
            return None;
        }
        let at = met.moments.len();
        met.moments.push(moment);
        let blow = self.strikes.iter().find(|strike| strike.at == at)?.blow;
        if blow == Blow::Crash {
            met.dead = true;
            self.crashed.notify_one();
        }
        Some(blow)
    }

    fn met(&self) -> MutexGuard<'_, Met> {
        self.met.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The schedule as gate and store see it.
#[derive(Clone, Debug)]
pub(crate) struct Laid(pub(crate) Arc<Schedule>);

impl Faults for Laid {
    fn at(&self, moment: gate::Moment, call: &Recorded) -> Fault {
        let write = moment == gate::Moment::Before && call.access == CallAccess::Write;
        if let (true, Some(tell)) = (write, &self.0.before_write) {
            tell(call);
        }
        match self.0.meet(Moment::Call(moment, call.access)) {
            None => Fault::None,
            Some(Blow::Fail) => Fault::Fail,
            Some(Blow::Crash) => Fault::Crash,
        }
    }
}

impl CommitFaults for Laid {
    fn at(&self, moment: CommitMoment) -> CommitFault {
        match self.0.meet(Moment::Commit(moment)) {
            None => CommitFault::None,
            Some(Blow::Fail) => CommitFault::Fail,
            Some(Blow::Crash) => CommitFault::Crash,
        }
    }
}
