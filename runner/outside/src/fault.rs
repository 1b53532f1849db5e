//! What may happen to a request and its answer on the way.

use serde::{Deserialize, Serialize};

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Answered with this status; nothing took effect. 423, 425 and 429 say when to come back: in a second.
    Refused(u16),
    /// It took effect, and no answer comes: the connection ends.
    AnswerLost,
    /// It took effect, and the answer is 504.
    Timeout,
    /// It took effect, and the answer is 200 with half a body.
    Garbled,
    /// It took effect; the answer is withheld until [`release`](crate::Outside::release).
    Held,
    /// Nothing takes effect, and no answer comes until [`release`](crate::Outside::release): a 503.
    Stalled,
    /// The answer is 504, and it takes effect so many milliseconds later.
    Late(i64),
    /// No answer comes, and nothing took effect.
    NeverArrived,
    /// It arrives twice, one right after the other; the answer is that to the second.
    Twice,
}

/// Faults by chance, the same for the same seed and the same order of requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weather {
    /// Decides everything.
    pub seed: u64,
    /// Of a thousand requests, so many meet a fault.
    pub per_mille: u16,
    /// One of these, each as likely.
    pub faults: Vec<Fault>,
}

impl Weather {
    /// What happens to the n-th request.
    pub(crate) fn at(&self, n: u64) -> Option<Fault> {
        let dice = splitmix(self.seed ^ splitmix(n));
        let hit = dice % 1_000 < u64::from(self.per_mille) && !self.faults.is_empty();
        hit.then(|| self.faults[(dice / 1_000) as usize % self.faults.len()])
    }
}

/// SplitMix64: a well mixed number of each number.
const fn splitmix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weather_keeps_to_its_share_and_its_seed() {
        let weather = Weather { seed: 7, per_mille: 200, faults: vec![Fault::Timeout, Fault::AnswerLost] };
        let hits: Vec<_> = (0..10_000).filter_map(|n| weather.at(n)).collect();
        assert!((1_800..2_200).contains(&hits.len()), "{}", hits.len());
        assert!((800..1_200).contains(&hits.iter().filter(|fault| **fault == Fault::Timeout).count()));
        assert_eq!(hits, (0..10_000).filter_map(|n| weather.at(n)).collect::<Vec<_>>());
        assert_ne!(
            hits,
            (0..10_000).filter_map(|n| Weather { seed: 8, ..weather.clone() }.at(n)).collect::<Vec<_>>()
        );
    }
}
