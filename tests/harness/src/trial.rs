//! Tries every point of a scenario: fails it, crashes there, and strikes again in the restart that follows.

use std::fmt;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::faults::{Blow, Moment, Strike};
use crate::hooks::PLAYS;
use crate::play::{Played, play};
use crate::scenario::Scenario;

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
pub struct Trial {
    /// The scenario's name.
    pub name: &'static str,
    /// Host calls' and commits' moments of the undisturbed play.
    pub moments: usize,
    /// Single blows that were tried.
    pub points: usize,
    /// Pairs of blows that were tried.
    pub pairs: usize,
    /// The undisturbed play.
    pub whole: Played,
    /// Plays that went wrong, the undisturbed one among them.
    pub wrong: Vec<Played>,
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, moments, points, pairs, wrong, .. } = self;
        write!(
            f,
            "{name}: {moments} moments, {points} points and {pairs} pairs tried, {} wrong",
            wrong.len()
        )?;
        for played in wrong.iter().take(TOLD_MAX) {
            write!(f, "\n{played}")?;
        }
        Ok(())
    }
}

/// Tries every point of a scenario; `right` says of one play whether it went as it should.
pub fn explore(scenario: &Scenario, pairs: Pairs, right: impl Fn(&Played) -> bool + Sync) -> Trial {
    let whole = play(scenario, &[]);
    let moments = whole.moments.clone();
    let mut wrong: Vec<_> = (!right(&whole)).then(|| whole.clone()).into_iter().collect();
    let singles: Vec<_> = blows(&moments, 0).map(|strike| vec![strike]).collect();
    let tried = play_all(scenario, &singles);
    let seconds: Vec<_> = tried.iter().flat_map(seconds).collect();
    wrong.extend(tried.into_iter().filter(|played| !right(played)));
    let seconds = chosen(seconds, pairs);
    wrong.extend(play_all(scenario, &seconds).into_iter().filter(|played| !right(played)));
    Trial {
        name: scenario.name,
        moments: moments.len(),
        points: singles.len(),
        pairs: seconds.len(),
        whole,
        wrong,
    }
}

/// Every blow that can be dealt from a moment on.
fn blows(moments: &[Moment], from: usize) -> impl Iterator<Item = Strike> {
    let numbered = moments.iter().enumerate().skip(from);
    numbered.flat_map(|(at, moment)| moment.blows().iter().map(move |blow| Strike { at, blow: *blow }))
}

/// Every second blow after a play that was crashed once.
fn seconds(played: &Played) -> Vec<Vec<Strike>> {
    match played.strikes[..] {
        [first] if first.blow == Blow::Crash => {
            blows(&played.moments, first.at + 1).map(|second| vec![first, second]).collect()
        }
        _ => Vec::new(),
    }
}

fn chosen(mut all: Vec<Vec<Strike>>, pairs: Pairs) -> Vec<Vec<Strike>> {
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

/// Plays all of these, several at once; plays sleep more than they compute.
fn play_all(scenario: &Scenario, all: &[Vec<Strike>]) -> Vec<Played> {
    let (next, played) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(all.len())));
    let work = || {
        while let Some(strikes) = all.get(next.fetch_add(1, Ordering::SeqCst)) {
            let one = Played { strikes: strikes.clone(), ..play(scenario, strikes) };
            played.lock().unwrap_or_else(PoisonError::into_inner).push(one);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..PLAYS.min(all.len()) {
            scope.spawn(work);
        }
    });
    let mut played = played.into_inner().unwrap_or_else(PoisonError::into_inner);
    played.sort_by_key(|played| {
        played.strikes.iter().map(|strike| (strike.at, strike.blow == Blow::Crash)).collect::<Vec<_>>()
    });
    played
}

/// Processors of this machine; for who plans how much to try.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}
