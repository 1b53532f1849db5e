//! What deaths leave: a play in which the process dies goes on from there, and what came before is played once for all.
//!
//! Up to its first blow every play of a scene is the undisturbed one, and a death takes along whatever the process knew.
//! What goes on is the disk, the fake, the time, how far the script is, and what was counted: that is kept at every
//! moment at which it is something new, while the scene is played once.
//!
//! A call or commit that *fails* leaves the process alive, with all that it knows: such a play is played from the
//! beginning.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use groundcrew_outside::Outside;
use groundcrew_store::Contents;

use super::audited::Looked;
use super::beside::Nobody;
use super::carrier::Wire;
use super::clock::START;
use super::disk::{Disk, InMemory};
use super::faults::{Blow, Met, Strike};
use super::happening::Owed;
use super::play::{Begins, Lasting, Played, Stage, play, schedule};
use super::scene::{Records, Scene};

/// Moments whose deaths are kept of one scene: each with a copy of the fake as it was. Later ones are played from the
/// beginning.
const LEFTS_MAX: usize = 2_000;

/// What the deaths of one scene leave.
#[derive(Debug)]
pub struct Deaths {
    /// By the moment.
    lefts: BTreeMap<usize, Left>,
    /// By the number of commits before.
    disks: Vec<Contents>,
}

/// What one death leaves, beside the disk.
#[derive(Debug)]
struct Left {
    at: i64,
    outside: Outside,
    /// How far the script is.
    next: usize,
    works: usize,
    starts: u32,
    owed: Owed,
    looked: BTreeMap<usize, Looked>,
    wire: Wire,
    met: Met,
}

impl Deaths {
    /// Plays a scene undisturbed, and keeps what a death would leave.
    ///
    /// # Panics
    /// As [`play()`].
    pub fn of(scene: &Scene<Nobody>) -> Self {
        Self::first(scene, LEFTS_MAX)
    }

    /// The same of the first moments only, so many at most; deaths at later ones are played from the beginning.
    ///
    /// # Panics
    /// As [`play()`].
    pub fn first(scene: &Scene<Nobody>, most: usize) -> Self {
        let scene = &Scene { records: Records::None, ..scene.clone() };
        let disk = InMemory::empty();
        let mut stage = Stage::new(scene, &[], Disk::Memory(disk.clone()));
        let lefts = Arc::new(Mutex::new(BTreeMap::new()));
        let (kept, lasting) = (lefts.clone(), stage.lasting());
        let witness = move |moment, met| {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() < most {
                kept.insert(moment, Left::of(&lasting, met));
            }
        };
        stage.schedule = Arc::new(schedule(&[], &stage.clock, &stage.next).witnessed(witness));
        // Each commit is such a moment, so none that is kept comes after more of them.
        disk.remember(most);
        stage.run(&[]);
        let lefts = std::mem::take(&mut *lefts.lock().unwrap_or_else(PoisonError::into_inner));
        Self { lefts, disks: disk.memory().remembered() }
    }

    /// How many moments are kept at which a death leaves something of its own.
    pub fn count(&self) -> usize {
        self.lefts.len()
    }

    /// Plays that scene under these blows; from its first death on, if that comes before all of them.
    ///
    /// # Panics
    /// As [`play()`].
    pub fn play(&self, scene: &Scene<Nobody>, strikes: &[Strike]) -> Played<()> {
        let first = strikes.iter().min_by_key(|strike| strike.at).filter(|it| it.blow == Blow::Crash);
        let left = first.and_then(|first| self.lefts.get(&first.at));
        let Some(left) = left else { return play(scene, strikes) };
        let disk =
            self.disks.get(left.met.commits()).expect("invariant: the disk is kept of each death that is");
        left.stage(scene, strikes, disk).run(strikes)
    }
}

impl Left {
    fn of(lasting: &Lasting, met: Met) -> Self {
        Self {
            at: lasting.clock.millis(),
            // Nothing moves in it until it has a clock again.
            outside: lasting.outside.twin(Arc::new(|| START)),
            next: lasting.next.load(Ordering::SeqCst),
            works: lasting.works.load(Ordering::SeqCst),
            starts: lasting.starts.load(Ordering::SeqCst),
            owed: lasting.owed.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            looked: lasting.looked.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            wire: lasting.wire.twin(),
            met,
        }
    }

    /// The stage on which it goes on.
    fn stage<'a>(&self, scene: &'a Scene<Nobody>, strikes: &[Strike], disk: &Contents) -> Stage<'a, Nobody> {
        let mut stage = Stage::new(scene, strikes, Disk::Memory(InMemory::holding(disk)));
        stage.clock.reach(self.at);
        let shown = stage.clock.clone();
        stage.outside = self.outside.twin(Arc::new(move || shown.millis()));
        stage.next.store(self.next, Ordering::SeqCst);
        stage.works.store(self.works, Ordering::SeqCst);
        stage.starts.store(self.starts, Ordering::SeqCst);
        stage.owed = Arc::new(Mutex::new(self.owed.clone()));
        stage.looked = Arc::new(Mutex::new(self.looked.clone()));
        stage.wire = self.wire.twin();
        let schedule = schedule(strikes, &stage.clock, &stage.next).after(self.met.clone());
        stage.schedule = Arc::new(schedule);
        stage.begins = Begins::Dead;
        stage
    }
}
