//! Whose turn it is: a tick that comes while the run of an earlier one is still under way.

use super::Overlap;
use crate::time::Timestamp;

/// The runs of one schedule: at most one under way, at most one that follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    running: Option<Timestamp>,
    queued: Option<Timestamp>,
}

/// What a tick means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// A run begins.
    Begin,
    /// It is left out, for a run is under way.
    Skip,
    /// A run follows the one that is under way.
    Wait,
    /// The run that is under way is ended, and another begins.
    Replace,
}

impl Turn {
    /// Says what a tick means, and takes it up.
    pub fn tick(&mut self, tick: Timestamp, overlap: Overlap) -> Move {
        match (self.running, overlap) {
            (None, _) => {
                self.running = Some(tick);
                Move::Begin
            }
            (Some(_), Overlap::Skip) => Move::Skip,
            (Some(_), Overlap::QueueOne) => {
                self.queued = Some(tick);
                Move::Wait
            }
            (Some(_), Overlap::Cancel) => {
                self.running = Some(tick);
                Move::Replace
            }
        }
    }

    /// The run that was under way ended; the tick whose run begins now, if one waited.
    pub fn ended(&mut self) -> Option<Timestamp> {
        self.running = self.queued.take();
        self.running
    }

    /// Whether a run is under way.
    pub const fn is_running(&self) -> bool {
        self.running.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_ticks_are_left_out_wait_as_one_or_replace() {
        let at = Timestamp::from_millis;
        let table = [
            (Overlap::Skip, [Move::Begin, Move::Skip, Move::Skip], None),
            (Overlap::QueueOne, [Move::Begin, Move::Wait, Move::Wait], Some(at(3))),
            (Overlap::Cancel, [Move::Begin, Move::Replace, Move::Replace], None),
        ];
        for (overlap, moves, follows) in table {
            let mut turn = Turn::default();
            assert_eq!([1, 2, 3].map(|tick| turn.tick(at(tick), overlap)), moves, "{overlap}");
            assert_eq!(turn.ended(), follows, "{overlap}");
            if follows.is_some() {
                assert!(turn.is_running() && turn.ended().is_none(), "{overlap}");
            }
            assert!(!turn.is_running());
            assert_eq!(turn.tick(at(9), overlap), Move::Begin);
        }
    }
}
