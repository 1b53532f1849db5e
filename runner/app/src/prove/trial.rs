//! Tries every point of a scenario: fails it, crashes there, and strikes again in the restart that follows.

use std::fmt;
use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use groundcrew_outside::judge::unlike;

use super::beside::{Beside, Seen};
use super::faults::{Blow, Strike};
use super::play::{Played, play_within};
use super::scene::Scene;

/// Plays at once in one process, at most.
pub const PLAYS: usize = 8;

/// Plays that went wrong are told in full up to this many.
const TOLD_MAX: usize = 3;

/// How many pairs of blows are tried beside single ones.
#[derive(Clone, Copy, Debug)]
pub enum Pairs {
    /// None.
    None,
    /// Every second blow after every crash.
    All,
    /// So many of them, chosen by a seed.
    Sample {
        /// How many.
        count: usize,
        /// Which.
        seed: u64,
    },
}

/// What was tried, and what went wrong.
#[derive(Debug)]
pub struct Trial<S> {
    /// The scenario's name.
    pub name: String,
    /// Host calls' and commits' moments of the undisturbed play.
    pub moments: usize,
    /// Single blows that were tried, those included that leave the same as one that was played.
    pub points: usize,
    /// Pairs of blows that were tried, in the same way.
    pub pairs: usize,
    /// How often the scenario was played.
    pub plays: usize,
    /// The undisturbed play.
    pub whole: Played<S>,
    /// Plays that went wrong, the undisturbed one among them.
    pub wrong: Vec<Played<S>>,
}

impl<S: Seen> fmt::Display for Trial<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, moments, points, pairs, plays, wrong, .. } = self;
        write!(
            f,
            "{name}: {moments} moments, {points} points and {pairs} pairs tried in {plays} plays, {} wrong",
            wrong.len()
        )?;
        for played in wrong.iter().take(TOLD_MAX) {
            write!(f, "\n{played}")?;
        }
        Ok(())
    }
}

/// Tries every point of a scenario; `right` says of one play whether it went as it should.
///
/// Crashes that leave the same disk, the same outside and the same time are played once: see [`Played::fresh`]. So is
/// a read that fails before it leaves and after its answer has come. Each is played as [`play_within`] does. What is torn
/// down more often, or is otherwise in the end, than in the undisturbed play is wrong.
///
/// # Panics
/// If the machine has no room there.
pub fn explore<B: Beside>(
    scene: &Scene<B>,
    pairs: Pairs,
    folder: &Path,
    right: impl Fn(&Played<B::Seen>) -> bool + Sync,
) -> Trial<B::Seen> {
    let whole = play_within(scene, &[], folder);
    let play_one = |strikes: &[Strike]| {
        let mut played = play_within(scene, strikes, folder);
        let mut unlike = unlike(&played.log, &whole.log);
        unlike.torn.retain(|purpose| !scene.remade.contains(purpose));
        played.otherwise.extend(unlike.lines());
        played
    };
    // One on each processor. In the order in which they were given.
    let play_all = |all: &[Blows]| in_parallel(all.len(), |n| play_one(&all[n].strikes));
    let mut wrong: Vec<_> = (!right(&whole)).then(|| whole.clone()).into_iter().collect();
    let singles = blows(&whole, &[], 1);
    let tried = play_all(&singles);
    let seconds: Vec<_> = tried.iter().zip(&singles).flat_map(seconds).collect();
    wrong.extend(tried.into_iter().filter(|played| !right(played)));
    let seconds = chosen(seconds, pairs);
    wrong.extend(play_all(&seconds).into_iter().filter(|played| !right(played)));
    let stand_for = |all: &[Blows]| all.iter().map(|blows| blows.stand_for).sum();
    Trial {
        name: scene.name.clone(),
        moments: whole.moments.len(),
        points: stand_for(&singles),
        // Of a sample, each stands for itself.
        pairs: if matches!(pairs, Pairs::All) { stand_for(&seconds) } else { seconds.len() },
        plays: 1 + singles.len() + seconds.len(),
        whole,
        wrong,
    }
}

/// The blows of one play.
#[derive(Clone, Debug)]
pub(super) struct Blows {
    pub(super) strikes: Vec<Strike>,
    /// How many different ones leave the same.
    pub(super) stand_for: usize,
}

/// Every blow that can be dealt after these ones, which stand for so many.
pub(super) fn blows<S>(played: &Played<S>, before: &[Strike], stand_for: usize) -> Vec<Blows> {
    let from = before.last().map_or(0, |last| last.at + 1);
    let mut all: Vec<Blows> = Vec::new();
    let (mut fail, mut crash) = (None, None);
    for (at, moment) in played.moments.iter().enumerate().skip(from) {
        for blow in moment.blows() {
            let (last, again) = match blow {
                // A read that fails is told so in the same words, whether it left or not.
                Blow::Fail => (&mut fail, at > from && moment.is_answer_to_read()),
                Blow::Crash => (&mut crash, !played.fresh[at]),
            };
            if let Some(same) = last.and_then(|same: usize| all.get_mut(same)).filter(|_| again) {
                same.stand_for += stand_for;
                continue;
            }
            *last = Some(all.len());
            let strikes = before.iter().copied().chain([Strike { at, blow: *blow }]);
            all.push(Blows { strikes: strikes.collect(), stand_for });
        }
    }
    all
}

/// Every second blow after a play that was crashed once.
pub(super) fn seconds<S>((played, first): (&Played<S>, &Blows)) -> Vec<Blows> {
    match first.strikes[..] {
        [Strike { blow: Blow::Crash, .. }] => blows(played, &first.strikes, first.stand_for),
        _ => Vec::new(),
    }
}

pub(super) fn chosen(mut all: Vec<Blows>, pairs: Pairs) -> Vec<Blows> {
    match pairs {
        Pairs::None => Vec::new(),
        Pairs::All => all,
        Pairs::Sample { count, mut seed } => {
            let count = count.min(all.len());
            for place in 0..count {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let left = all.len() - place;
                all.swap(place, place + (seed >> 33) as usize % left);
            }
            all.truncate(count);
            all
        }
    }
}

/// Does something for every number below this one, several at once; what came of it is in the order of the numbers.
pub(super) fn in_parallel<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(count)));
    let works = || {
        loop {
            let at = next.fetch_add(1, Ordering::SeqCst);
            if at >= count {
                return;
            }
            let one = work(at);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((at, one));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..PLAYS.min(processors()).min(count) {
            scope.spawn(works);
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, one)| one).collect()
}

/// Processors of this machine; for who plans how much to try.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}
