//! SIGKILLs, three of four aimed at a chosen moment; counted is what was hit, not what was aimed at.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use serde_json::json;

use super::draws::{Aim, Moment};
use super::fleet::{Fleet, Outside};
use crate::demo::Stage;
use crate::demo::runner::{Runner, Tell};
use crate::demo::simulator::Simulator;

/// How long a kill waits for a creation to be held: the platform is looked at every few seconds.
const HELD_WITHIN: Duration = Duration::from_secs(15);
/// How long a kill waits for commits.
const COMMITS_WITHIN: Duration = Duration::from_secs(5);
/// Pause between two looks at the write-ahead log.
const AGAIN: Duration = Duration::from_micros(50);

/// The chosen moments. One of them is hit for certain.
const PLACED: [Moment; 3] = [Moment::Answer, Moment::Start, Moment::Commit];

/// How often each moment was hit.
#[derive(Debug, Default)]
pub(super) struct Kills {
    hit: BTreeMap<Moment, u32>,
}

impl Kills {
    /// All of them.
    pub(super) fn all(&self) -> u32 {
        self.hit.values().sum()
    }

    /// Those that hit a chosen moment.
    fn placed(&self) -> u32 {
        PLACED.iter().map(|moment| self.at(*moment)).sum()
    }

    fn at(&self, moment: Moment) -> u32 {
        self.hit.get(&moment).copied().unwrap_or_default()
    }

    /// Whether at least half of them hit a chosen moment, and each such moment was hit where there were enough.
    pub(super) fn are_placed(&self) -> bool {
        let each = PLACED.iter().all(|moment| self.at(*moment) > 0);
        self.placed() * 2 >= self.all() && (each || self.all() < 8)
    }

    /// Counts one.
    pub(super) fn note(&mut self, hit: Moment) {
        *self.hit.entry(hit).or_default() += 1;
    }

    /// Kills the runner, starts it again, and has listings lag otherwise from then on.
    pub(super) fn kill(
        &mut self,
        outside: &Outside<'_>,
        fleet: &mut Fleet<'_, Outside<'_>>,
        runner: Runner,
        aim: &Aim,
    ) -> anyhow::Result<Runner> {
        let Outside { stage, simulator } = outside;
        let hit = match aim.moment {
            Moment::Answer => before_answer(simulator, fleet, runner, aim)?,
            Moment::Start => {
                runner.kill()?;
                let again = Runner::start(stage, Tell::Nothing)?;
                std::thread::sleep(aim.delay);
                again.kill()?;
                Moment::Start
            }
            Moment::Commit => {
                fleet.beside(aim)?;
                let written = after_commits(stage, aim.commits);
                runner.kill()?;
                written
            }
            Moment::Any => {
                runner.kill()?;
                Moment::Any
            }
        };
        self.note(hit);
        simulator.turn(&json!({"blind_ips_ms": aim.lag_ms}))?;
        Runner::start(stage, Tell::Nothing)
    }
}

impl fmt::Display for Kills {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |moment| self.at(moment);
        write!(f, "{} of {} kills placed: ", self.placed(), self.all())?;
        write!(f, "{} after an effect and before its answer, ", at(Moment::Answer))?;
        write!(f, "{} in the first 200 ms, {} between commits", at(Moment::Start), at(Moment::Commit))
    }
}

/// Kills while the platform holds the answer to a creation that took effect.
fn before_answer(
    simulator: &Simulator,
    fleet: &mut Fleet<'_, Outside<'_>>,
    runner: Runner,
    aim: &Aim,
) -> anyhow::Result<Moment> {
    let before = simulator.holds()?.len();
    let hold = json!([{"method": "POST", "path": "/v1/apps/*/ip_assignments", "skip": aim.skip, "count": 1}]);
    simulator.turn(&json!({"holds": hold}))?;
    fleet.beside(aim)?;
    let reached = simulator.held_beyond(before, HELD_WITHIN)?;
    runner.kill()?;
    simulator.turn(&json!({"holds": []}))?;
    simulator.release()?;
    let took = reached.is_some_and(|held| held["answer"].as_u64().is_some_and(|status| status < 300));
    Ok(if took { Moment::Answer } else { Moment::Any })
}

/// Waits until the runner has written so many commits; it may have nothing to write.
fn after_commits(stage: &Stage, commits: u64) -> Moment {
    // Every commit is appended to the write-ahead log, so its time of change moves.
    let log = stage.directory.join("data/groundcrew.db-wal");
    let changed = || std::fs::metadata(&log).and_then(|log| log.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut seen = (changed(), 0);
    for _ in 0..COMMITS_WITHIN.as_micros() / AGAIN.as_micros() {
        let now = changed();
        if now != seen.0 {
            seen = (now, seen.1 + 1);
        }
        if seen.1 == commits {
            return Moment::Commit;
        }
        std::thread::sleep(AGAIN);
    }
    Moment::Any
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kills so many times as a seed has it; of those that wait for something, every so many-th waits in vain.
    fn killed(times: u32, misses: u32) -> Kills {
        let (mut kills, mut waited) = (Kills::default(), 0);
        for kill in 0..times {
            let aim = Aim::of(1, kill).moment;
            let waits = matches!(aim, Moment::Answer | Moment::Commit);
            waited += u32::from(waits);
            let miss = waits && misses > 0 && waited % misses == 0;
            kills.note(if miss { Moment::Any } else { aim });
        }
        kills
    }

    #[test]
    fn half_of_the_kills_are_placed_also_when_some_miss() {
        for times in [8, 12, 100] {
            for misses in [0, 2, 3] {
                let kills = killed(times, misses);
                assert!(kills.placed() * 2 >= times, "{times}, misses {misses}: {kills}");
            }
        }
    }

    #[test]
    fn kills_that_all_miss_are_not_placed() {
        assert!(!killed(100, 1).are_placed(), "no answer was held and no commit was waited for");
        let chance = Kills { hit: [(Moment::Any, 7), (Moment::Start, 1)].into() };
        assert!(!chance.are_placed());
    }
}
