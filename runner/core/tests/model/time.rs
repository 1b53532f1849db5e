//! Time in the model: it passes, and what no longer makes a difference is forgotten, so that the worlds are few.

use groundcrew_core::row::State;

use crate::world::{
    DAY, Lane, Leaving, Ledger, Object, Phase, QUIET, REMEMBERS, SETTLE, Tick, WINDOW, World,
};

/// Stamps that are so much older than the oldest look differ in nothing any more.
const OLD: Tick = -(SETTLE + 3);
/// Stamps that are further apart than this may as well be this far apart; no constant but one is longer.
const FAR: Tick = REMEMBERS + WINDOW + 2;

impl World {
    /// Lets time pass and forgets what no longer makes a difference.
    pub(crate) fn pass(&mut self, ticks: Tick) {
        for object in &mut self.objects {
            object.past.iter_mut().for_each(|(_, until)| *until -= ticks);
            object.past.retain(|(_, until)| *until > 0);
        }
        self.flights.iter_mut().for_each(|flight| flight.by = (flight.by - ticks).max(-1));
        self.flights.retain(|flight| flight.by >= 0 || flight.waited);
        self.keys.iter_mut().for_each(|key| key.until -= ticks);
        self.keys.retain(|key| key.until > 0);
        if let Leaving::In(ticks_left) = &mut self.leaving {
            *ticks_left = (*ticks_left - ticks).max(0);
        }
        for lane in &mut self.lanes {
            lane.due = lane.due.map(|due| (due - ticks).max(0));
            if let Some(at) = lane.row.as_mut().and_then(|row| row.look_at.as_mut()) {
                *at = (*at - ticks).max(0);
            }
            if let Phase::Intended { sends_by, by, .. } = &mut lane.phase {
                (*sends_by, *by) = ((*sends_by - ticks).max(-1), (*by - ticks).max(-1));
            }
        }
        self.stamps().into_iter().for_each(|at| *at -= ticks);
        self.forget();
        self.tidy();
    }

    /// Everything that is compared with the present or with each other.
    fn stamps(&mut self) -> Vec<&mut Tick> {
        let mut all: Vec<_> = self.objects.iter_mut().filter_map(|object| object.made.as_mut()).collect();
        for lane in &mut self.lanes {
            match &mut lane.phase {
                Phase::Looked(seen) => {
                    all.push(&mut seen.began);
                    all.extend(seen.things.iter_mut().filter_map(|thing| thing.2.as_mut()));
                }
                Phase::Intended { earlier, .. } | Phase::Sent { earlier } => all.extend(earlier),
                Phase::Idle => {}
            }
            all.extend(lane.row.iter_mut().flat_map(row_stamps));
        }
        all.extend(self.steady.iter_mut().flat_map(|(since, beyond)| [since, beyond]));
        all.extend(&mut self.rebuilt);
        all
    }

    /// What we stamped with our own clock, and remember, of what was sent.
    pub(crate) fn ours(&mut self) -> Vec<&mut Tick> {
        let mut all = Vec::new();
        for lane in &mut self.lanes {
            if let Phase::Intended { earlier, .. } | Phase::Sent { earlier } = &mut lane.phase {
                all.extend(earlier);
            }
            all.extend(lane.row.iter_mut().flat_map(row_stamps));
        }
        all.extend(&mut self.rebuilt);
        all
    }

    /// Moves stamps together where the distance between them makes no difference.
    fn forget(&mut self) {
        let began = |lane: &Lane| if let Phase::Looked(seen) = &lane.phase { seen.began } else { 0 };
        let oldest = self.lanes.iter().map(began).min().unwrap_or(0) + OLD;
        let doubtful = |lane: &Lane| lane.row.as_ref().is_some_and(|row| row.state == State::InDoubt);
        for row in self.lanes.iter_mut().filter(|lane| !doubtful(lane)).filter_map(|lane| lane.row.as_mut()) {
            let stamps = [&mut row.made_by, &mut row.removed_by, &mut row.absent_at, &mut row.poll_at];
            stamps.into_iter().flatten().for_each(|at| *at = (*at).max(oldest));
        }
        if self.left.steps == 0 {
            // What is due is due, for however long; nobody sets the clock that says so.
            for lane in &mut self.lanes {
                let began = began(lane);
                let poll_at = lane.row.as_mut().and_then(|row| row.poll_at.as_mut());
                if let Some(at) = poll_at {
                    *at = (*at).max(began);
                }
            }
        }
        if !self.lanes.iter().any(doubtful) {
            let made = self.objects.iter_mut().filter_map(|object| object.made.as_mut());
            made.for_each(|at| *at = (*at).max(oldest));
        }
        // What was sent before must show by then.
        self.rebuilt = self.rebuilt.map(|since| since.max(oldest - WINDOW));
        // What is of unknown age, and what lies before the oldest look, are the same by now.
        let rests = self.lanes.iter().all(|lane| lane.row.is_none());
        let past = |(since, beyond): &(Tick, Tick)| *since < oldest && *beyond < oldest;
        if rests || !self.lanes.iter().any(doubtful) && self.steady.as_ref().is_some_and(past) {
            self.steady = None;
        }
        // A creation that was given up is watched for much longer than any other time that matters.
        let watched = self.lanes.iter().any(|lane| doubtful(lane) && lane.want.is_none());
        let fought =
            self.lanes.iter().any(|lane| lane.row.as_ref().is_some_and(|row| !row.repairs.is_empty()));
        let longest = if watched {
            DAY
        } else if fought {
            QUIET
        } else {
            0
        };
        let far = longest + FAR;
        let mut past: Vec<Tick> = self.stamps().into_iter().map(|at| *at).filter(|at| *at < 0).collect();
        past.sort_unstable_by(|one, other| other.cmp(one));
        past.dedup();
        let (mut from, mut to) = (0, 0);
        let moved: Vec<_> = past
            .into_iter()
            .map(|at| {
                to -= (from - at).min(far);
                from = at;
                (at, to)
            })
            .collect();
        for at in self.stamps() {
            if let Some((_, to)) = moved.iter().find(|(from, _)| from == at) {
                *at = *to;
            }
        }
    }

    /// Drops what nothing can tell any more.
    pub(crate) fn tidy(&mut self) {
        self.flights.retain(|flight| flight.waited || flight.answer.is_none());
        self.flights.sort_by_key(|flight| (flight.row, flight.write, flight.by, flight.waited));
        self.flights.dedup();
        let gone = |object: &Object| object.now.is_none() && object.past.is_empty();
        self.objects.retain(|object| !gone(object));
        for lane in &mut self.lanes {
            // Only a creation in doubt is judged by when it was intended and by what was there before.
            match lane.row.as_mut() {
                Some(row) if row.state == State::InDoubt => row.poll_at = None,
                Some(row) => {
                    row.intended_at = None;
                    row.before.clear();
                    // What is on its way out, or left where it is, is not looked at for drift.
                    row.look_at =
                        row.look_at.filter(|_| !matches!(row.state, State::Deleting | State::Retained));
                }
                None => {}
            }
        }
    }
}

fn row_stamps(row: &mut Ledger) -> impl Iterator<Item = &mut Tick> {
    let Ledger { intended_at, made_by, removed_by, absent_at, poll_at, repairs, .. } = row;
    [intended_at, made_by, removed_by, absent_at, poll_at].into_iter().flatten().chain(repairs)
}
