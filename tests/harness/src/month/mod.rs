//! A month of a fleet in simulated time, drawn from a seed.
//!
//! ```text
//!   seed ──► story: apps, machines, labels │ outages, crashes, clock │ configuration, operator │ strangers
//!              │
//!              ▼                             the real source over the Fly simulator ──► store ──► runner
//!   virtual time, one process after another: the real label sources                                │
//!              │                             the hooks that ship, and the tests' own of all classes ▼
//!              └──► the truth: who wants what, when ─────────► verdict ◄──── logs of the fakes ◄─ outside
//! ```
//!
//! *Guarantees.* The same month goes the same way: nothing but the virtual clock tells time. Every app's life and
//! every kind of disturbance is drawn from a stream of its own, so a month can be [made small](shrink()). The verdict
//! reads the fakes' logs and what the story itself knows; of the ledger it only asks which events there were, what
//! audits report, and whether anything is left open.
//!
//! Changed hooks go through their gates, what they would remove is held until the operator's round, and everybody who is
//! owed a look by a sweep is swept first.
//!
//! *What it leaves out.* The dispatcher's claims (lanes are worked on one after the other), limits of requests (waiting
//! for them takes real time; breakers are played), listings for drift, the HTTP API, history's pruning. Times are those of a
//! configuration that polls seldom: a month at five seconds would be half a million listings.

mod act;
mod draw;
mod edition;
mod fate;
mod fleet;
mod life;
mod lookout;
mod missed;
mod outage;
mod shrink;
mod stage;
mod up;
mod verdict;
mod ways;

use groundcrew_core::mirror;
use groundcrew_core::settle::Rules;

use crate::hooks::Shop;

pub use lookout::Seen;
pub use missed::{GONE, LIVES, Missed, READABLE, WRITABLE, day_with};
pub use outage::{Outage, Sighted, day_without};
pub use shrink::{KINDS, shrink};
pub use verdict::Outcome;

/// Which month is played.
#[derive(Clone, Debug)]
pub struct Month {
    /// Decides everything.
    pub seed: u64,
    /// How many lives of apps there are; each may be several apps, one after the other.
    pub apps: u32,
    /// Over how many days what happens is spread.
    pub days: u32,
    /// When everything ends, in thousandths of the days.
    pub until: i64,
    /// How often the platform and the labels are asked.
    pub pace: Pace,
    /// Of a thousand requests to the tests' outside, so many meet a fault.
    pub faults_per_mille: u16,
    /// Kinds of disturbance that do not happen: [`KINDS`].
    pub without: Vec<String>,
    /// The rules of settling that hold.
    pub rules: Rules,
    /// The rules by which listings are read.
    pub mirror: mirror::Rules,
}

/// How often the platform and the labels are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As it ships: every few seconds.
    Shipped,
    /// Every ten minutes, and labels twice a day.
    Seldom,
}

/// What happened, in numbers.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    /// Events that the source's mirror concluded.
    pub events: usize,
    /// Times that the process died.
    pub crashes: usize,
    /// Neighbours that were out, and disks that were full.
    pub outages: usize,
}

impl Month {
    /// A whole one, with everything.
    pub fn new(seed: u64, apps: u32, days: u32) -> Self {
        Self {
            seed,
            apps,
            days,
            until: 1_000,
            pace: Pace::Seldom,
            faults_per_mille: 10,
            without: Vec::new(),
            rules: Rules::ALL,
            mirror: mirror::Rules::ALL,
        }
    }

    fn is_without(&self, kind: &str) -> bool {
        self.without.iter().any(|without| without == kind)
    }

    /// Over how many milliseconds what happens is spread.
    fn span(&self) -> i64 {
        i64::from(self.days) * act::DAY
    }

    /// When nothing happens any more, in milliseconds after the beginning.
    fn until(&self) -> i64 {
        self.span() / 1_000 * self.until
    }

    /// How long all is quiet before it is judged, in milliseconds: more than any grace and any back-off, and, where
    /// strangers write over things, than the time to the next look for drift.
    const fn quiet(&self) -> i64 {
        match self.pace {
            Pace::Seldom => 60 * act::HOUR,
            Pace::Shipped => 6 * act::HOUR,
        }
    }

    /// Looks and deliveries; more means that something never comes to rest.
    fn works_max(&self) -> u64 {
        20_000 + u64::from(self.apps) * u64::from(self.days + 3) * 200
    }
}

/// Plays a month and judges it.
///
/// # Panics
/// If the machine has no room for a database or a thread: then nothing can be said.
pub fn play(month: &Month) -> Outcome {
    let (stage, rested) = on_stage(stage::Stage::new(month));
    verdict::outcome(&stage, rested).expect("invariant: the database can be read")
}

/// Plays what is prepared; false: it did not come to rest.
fn on_stage(stage: stage::Stage) -> (stage::Stage, bool) {
    // Components are compiled before a runtime is entered.
    Shop::of_process();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("invariant: a runtime can be made");
    let rested = runtime.block_on(life::play(&stage));
    (stage, rested)
}
