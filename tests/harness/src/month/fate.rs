//! When the disk fails and the process dies.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use groundcrew_engine::gate::{self, Fault, Faults};
use groundcrew_engine::journal::Recorded;
use groundcrew_store::{CommitFault, CommitFaults, CommitMoment};
use tokio::sync::Notify;

use super::act::Disk;

/// What outlives the processes of one month; a clone is the same one.
#[derive(Clone, Debug, Default)]
pub(super) struct Fate(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    now: Mutex<Now>,
    crashed: Notify,
}

#[derive(Debug, Default)]
struct Now {
    disk: Disk,
    /// Moments until the process dies.
    dies_after: Option<u32>,
    dead: bool,
    crashes: u32,
}

enum Blow {
    None,
    Fail,
    Crash,
}

impl Fate {
    pub(super) fn set_disk(&self, disk: Disk) {
        self.now().disk = disk;
    }

    pub(super) fn disk(&self) -> Disk {
        self.now().disk
    }

    /// Lets the process die after so many more moments of calls and commits.
    pub(super) fn dies_after(&self, moments: u32) {
        self.now().dies_after = Some(moments);
    }

    /// Nobody dies any more.
    pub(super) fn spare(&self) {
        self.now().dies_after = None;
    }

    /// Waits until the process has died.
    pub(super) async fn crash(&self) {
        self.0.crashed.notified().await;
    }

    /// The process is started again.
    pub(super) fn revive(&self) {
        self.now().dead = false;
    }

    pub(super) fn crashes(&self) -> u32 {
        self.now().crashes
    }

    fn meet(&self, commit: bool) -> Blow {
        let mut now = self.now();
        if now.dead {
            return Blow::None;
        }
        match now.dies_after {
            Some(0) => {
                now.dies_after = None;
                now.dead = true;
                now.crashes += 1;
                self.0.crashed.notify_one();
                return Blow::Crash;
            }
            Some(moments) => now.dies_after = Some(moments - 1),
            None => {}
        }
        if commit && now.disk == Disk::Full { Blow::Fail } else { Blow::None }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.0.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Faults for Fate {
    fn at(&self, _: gate::Moment, _: &Recorded) -> Fault {
        match self.meet(false) {
            Blow::None | Blow::Fail => Fault::None,
            Blow::Crash => Fault::Crash,
        }
    }
}

impl CommitFaults for Fate {
    fn at(&self, moment: CommitMoment) -> CommitFault {
        match self.meet(moment == CommitMoment::Before) {
            Blow::None => CommitFault::None,
            Blow::Fail => CommitFault::Fail,
            Blow::Crash => CommitFault::Crash,
        }
    }
}
