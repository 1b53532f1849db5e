//! What is drawn from the seed: a stream for the acts, and one for each kill.
//!
//! What a kill hits depends on the machine's scheduler. So nothing that is hit or missed may change what is drawn next:
//! the seed alone says what users do, after which of it each kill comes, what it aims at and how long it waits.

use std::time::Duration;

use super::LAG_MS;

/// SplitMix64: small, and the same everywhere.
#[derive(Debug)]
pub(super) struct Random(u64);

/// When a kill hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Moment {
    /// After the effect of a creation, before its answer.
    Answer,
    /// In the first 200 ms after a start.
    Start,
    /// After one commit, before the next.
    Commit,
    /// Whenever it came.
    Any,
}

/// What one kill aims at, and what is drawn for it whether or not it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Aim {
    pub(super) moment: Moment,
    /// Creations whose answers are let through before one is held.
    pub(super) skip: u64,
    /// How long after its start the runner is killed again.
    pub(super) delay: Duration,
    /// How many commits are waited for.
    pub(super) commits: u64,
    /// Says which living app goes, so that a creation comes.
    pub(super) whose: u64,
    /// How long listings lag from then on, in milliseconds.
    pub(super) lag_ms: u64,
}

/// A turn of kills: three of four aim at a chosen moment, so that half of all hit one even where some miss.
const TURN: [Moment; 4] = [Moment::Answer, Moment::Start, Moment::Commit, Moment::Any];

impl Random {
    /// What users do.
    pub(super) fn of_acts(seed: u64) -> Self {
        Self::stream(seed, 0)
    }

    fn stream(seed: u64, stream: u64) -> Self {
        Self(mixed(seed) ^ mixed(stream.wrapping_add(0x6a09_e667_f3bc_c908)))
    }

    /// A number below the limit; zero if there is none.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0) % limit.max(1)
    }
}

fn mixed(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

impl Aim {
    /// That of one kill; kills count from zero.
    pub(super) fn of(seed: u64, kill: u32) -> Self {
        let turn = TURN.len() as u32;
        let mut order = TURN;
        let mut shuffle = Random::stream(seed, 1 << 32 | u64::from(kill / turn));
        for last in (1..order.len()).rev() {
            order.swap(last, shuffle.below(last as u64 + 1) as usize);
        }
        let mut random = Random::stream(seed, 2 << 32 | u64::from(kill));
        Self {
            moment: order[(kill % turn) as usize],
            skip: random.below(2),
            delay: Duration::from_millis(random.below(200)),
            commits: 1 + random.below(6),
            whose: random.below(u64::MAX),
            lag_ms: random.below(LAG_MS + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_of_four_kills_aim_at_a_chosen_moment_in_an_order_of_the_seed() {
        let moments = |seed| (0..100).map(|kill| Aim::of(seed, kill).moment).collect::<Vec<_>>();
        for turn in moments(1).chunks(4) {
            let mut sorted = turn.to_vec();
            sorted.sort_unstable();
            assert_eq!(sorted, TURN);
        }
        assert_ne!(moments(1), moments(2));
    }

    #[test]
    fn every_kill_has_a_stream_of_its_own() {
        let aims: Vec<_> = (0..100).map(|kill| Aim::of(1, kill)).collect();
        assert_eq!(aims, (0..100).map(|kill| Aim::of(1, kill)).collect::<Vec<_>>());
        let whose: std::collections::BTreeSet<_> = aims.iter().map(|aim| aim.whose).collect();
        assert_eq!(whose.len(), 100);
        assert_ne!(Random::of_acts(1).below(u64::MAX), Random::of_acts(2).below(u64::MAX));
    }
}
