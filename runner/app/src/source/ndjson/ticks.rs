//! Ticks of lines: what was read together, and what later.

use groundcrew_core::mirror::{Observation, Tick};

/// Gives lines their ticks. From one list of apps to the next they never fall: the mirror looks at no list that is
/// older than the last one.
///
/// What was recorded keeps its distances, so that an answer that came late stays late. A poller asks for the list of
/// apps once at a time, so a list that steps back is another recording's, and all of that comes after what was before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ticks {
    /// The highest that was given.
    last: Tick,
    /// Lists of a recording are above it.
    floor: Tick,
    /// What is added to the recording's ticks.
    shift: Tick,
    /// The recording's tick of its last list.
    listed: Tick,
}

impl Ticks {
    /// The tick of a line that brings none.
    pub(super) const fn own(&mut self) -> Tick {
        self.last = self.last.saturating_add(1);
        self.floor = self.last;
        self.last
    }

    /// The tick of an observation that brings the one in which it was recorded.
    pub(super) fn recorded(&mut self, tick: Tick, observation: &Observation) -> Tick {
        if matches!(observation, Observation::Apps { .. }) {
            if tick < self.listed {
                self.floor = self.last;
            }
            self.listed = tick;
            if tick.saturating_add(self.shift) <= self.floor {
                self.shift = self.last.saturating_add(1) - tick;
            }
        }
        let given = tick.saturating_add(self.shift);
        self.last = self.last.max(given);
        given
    }
}

#[cfg(test)]
mod tests {
    use groundcrew_core::mirror::Outcome;

    use super::*;

    fn list(ticks: &mut Ticks, tick: Tick) -> Tick {
        ticks.recorded(tick, &Observation::Apps { outcome: Outcome::Failed })
    }

    fn look(ticks: &mut Ticks, tick: Tick) -> Tick {
        ticks.recorded(tick, &Observation::Control { outcome: Outcome::Failed })
    }

    #[test]
    fn a_recording_keeps_what_belongs_together() {
        let mut ticks = Ticks::default();
        assert_eq!(
            [list(&mut ticks, 7), list(&mut ticks, 8), look(&mut ticks, 7), look(&mut ticks, 8)],
            [7, 8, 7, 8]
        );
    }

    #[test]
    fn what_follows_a_recording_is_later() {
        let mut ticks = Ticks::default();
        assert_eq!([list(&mut ticks, 1_000), ticks.own(), ticks.own()], [1_000, 1_001, 1_002]);
        assert_eq!([list(&mut ticks, 1), look(&mut ticks, 1), list(&mut ticks, 2)], [1_003, 1_003, 1_004]);
        assert_eq!([list(&mut ticks, 1), look(&mut ticks, 2)], [1_005, 1_006], "a third one");
    }

    #[test]
    fn a_recording_goes_on_after_lines_in_its_midst() {
        let mut ticks = Ticks::default();
        assert_eq!([list(&mut ticks, 1), ticks.own(), ticks.own(), ticks.own()], [1, 2, 3, 4]);
        assert_eq!([list(&mut ticks, 2), look(&mut ticks, 2), list(&mut ticks, 3)], [5, 5, 6]);
    }

    #[test]
    fn the_largest_number_is_no_end() {
        let mut ticks = Ticks::default();
        assert_eq!([list(&mut ticks, Tick::MAX), ticks.own(), list(&mut ticks, 1)], [Tick::MAX; 3]);
    }
}
