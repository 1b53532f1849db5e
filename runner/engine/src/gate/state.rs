//! What a gate knows of its run so far.

use std::collections::BTreeMap;

use groundcrew_core::duration::Millis;
use groundcrew_core::time::Timestamp;

use super::{Effect, Refusal, Writes};
use crate::journal::{CallAccess, Journal, Recorded, Schedule};

#[derive(Default)]
pub(super) struct State {
    calls: Vec<Slot>,
    /// How many calls were numbered; those beyond are known from the journal that is resumed.
    numbered: u32,
    ended: Option<Refusal>,
    closed: bool,
    pub(super) schedule: Schedule,
    /// That of the journal that is resumed: what the guest has seen of it so far is its beginning.
    resumed: Schedule,
    /// Until when each write that left may take effect, by number.
    effects: BTreeMap<u32, Timestamp>,
    /// The latest answer that came to a call which the guest did not wait in.
    arrived: Option<Timestamp>,
    /// The first call to which the journal had no answer.
    astray: Option<Recorded>,
    /// For how long nobody gets through to whom it asked last.
    pub(super) away: Option<Millis>,
}

/// A numbered call. It stays empty if it was refused before it came to the gate.
#[derive(Default)]
struct Slot {
    call: Option<Recorded>,
    stored: bool,
    /// It is one of the journal that is resumed.
    resumed: bool,
}

impl State {
    /// The state of a run that goes on where a journal ends.
    pub(super) fn resuming(journal: &Journal) -> Self {
        let mut state = Self { resumed: journal.schedule.clone(), ..Self::default() };
        for call in &journal.calls {
            state.calls.resize_with(state.calls.len().max(call.n as usize + 1), Slot::default);
            *state.slot(call.n) = Slot { call: Some(call.clone()), stored: false, resumed: true };
        }
        state
    }

    /// Takes the next number, if there are fewer calls than `max`.
    pub(super) fn number(&mut self, max: u32) -> Option<u32> {
        let n = self.numbered;
        (n < max).then(|| {
            self.numbered += 1;
            if self.calls.len() < self.numbered as usize {
                self.calls.push(Slot::default());
            }
            n
        })
    }

    /// Notes that a call leaves, unless the run is over: from here on it may take effect.
    pub(super) fn leave(&mut self, call: &Recorded, effect_by: Option<Timestamp>) -> Result<(), Refusal> {
        if self.closed {
            return Err(Refusal::Closed);
        }
        if let Some(effect_by) = effect_by {
            self.effects.insert(call.n, effect_by);
        }
        self.slot(call.n).call = Some(call.clone());
        Ok(())
    }

    /// Notes an answer.
    pub(super) fn answer(&mut self, call: Recorded, effect: Effect) {
        let n = call.n;
        if effect == Effect::Over
            && let (Some(effect_by), Some(back_at)) = (self.effects.get_mut(&n), call.back_at)
        {
            *effect_by = back_at;
        }
        self.slot(n).call = Some(call);
    }

    /// Notes a call that the journal answered.
    pub(super) fn repeat(&mut self, call: Recorded) {
        let n = call.n;
        self.slot(n).call = Some(call);
    }

    /// Notes a call to which the journal has no answer.
    pub(super) fn strays(&mut self, call: &Recorded) {
        self.astray.get_or_insert_with(|| call.clone());
    }

    pub(super) fn astray(&self) -> Option<Recorded> {
        self.astray.clone()
    }

    /// Calls but this one that no intent has carried to the store yet, as far as they were answered or are those of the journal that
    /// is resumed, and the schedule that is known.
    pub(super) fn unstored(&self, but: u32) -> (Vec<Recorded>, Schedule) {
        let unstored = self.calls.iter().filter(|slot| !slot.stored);
        let known = |slot: &Slot| slot.call.clone().filter(|call| slot.resumed || call.answer.is_some());
        (
            unstored.filter_map(known).filter(|call| call.n != but).collect(),
            self.schedule.clone().or_longer(&self.resumed),
        )
    }

    /// Notes that these calls are stored; one without an answer is stored again when it has one.
    pub(super) fn store(&mut self, calls: &[Recorded]) {
        for call in calls.iter().filter(|call| call.answer.is_some()) {
            self.slot(call.n).stored = true;
        }
    }

    /// Ends the run; what it had come to before stays.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// Ends the run for a reason, unless it is over already.
    pub(super) fn end(&mut self, refusal: Refusal) {
        if !self.closed {
            self.ended = Some(refusal);
            self.closed = true;
        }
    }

    pub(super) const fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn ended(&self) -> Option<Refusal> {
        self.ended.clone()
    }

    pub(super) fn writes(&self) -> Writes {
        self.effects.values().max().map_or(Writes::None, |effect_by| Writes::Sent { effect_by: *effect_by })
    }

    pub(super) fn journal(&self) -> Journal {
        let reached = self.calls.iter().take(self.numbered as usize);
        let calls = reached.filter_map(|slot| slot.call.clone()).collect();
        Journal { calls, schedule: self.schedule.clone() }
    }

    /// The journal with what is known to come of the one that is resumed.
    pub(super) fn known(&self) -> Journal {
        let calls = self.calls.iter().filter_map(|slot| slot.call.clone()).collect();
        Journal { calls, schedule: self.schedule.clone().or_longer(&self.resumed) }
    }

    /// When a call was answered, if it was.
    pub(super) fn answered_at(&self, n: u32) -> Option<Timestamp> {
        self.calls.get(n as usize)?.call.as_ref()?.back_at
    }

    /// Notes that an answer came while the guest was elsewhere; it learns of it at its next look.
    pub(super) fn arrive(&mut self, n: u32) {
        self.arrived = self.arrived.max(self.answered_at(n));
    }

    /// Counts a look of the guest at readiness. Returns what its time becomes with it, if that moves.
    pub(super) fn look(&mut self, recorded: Option<&Schedule>) -> Option<Timestamp> {
        let at = self.schedule.looks;
        self.schedule.looks += 1;
        let moved = match recorded.filter(|recorded| at < recorded.looks) {
            Some(recorded) => recorded.moved.iter().find(|(look, _)| *look == at).map(|(_, to)| *to),
            None => self.arrived.take(),
        };
        if let Some(to) = moved {
            self.schedule.moved.push((at, to));
        }
        moved
    }

    fn slot(&mut self, n: u32) -> &mut Slot {
        &mut self.calls[n as usize]
    }
}

/// A call that a journal has.
pub(super) enum Found<'a> {
    Answered(&'a Recorded),
    /// A write left and nobody knows what became of it.
    InDoubt(&'a Recorded),
    Nothing,
}

/// Looks up a call, which must ask what the recorded one did.
pub(super) fn look_up<'a>(journal: &'a Journal, call: &Recorded) -> Result<Found<'a>, Refusal> {
    let Ok(at) = journal.calls.binary_search_by_key(&call.n, |recorded| recorded.n) else {
        return Ok(Found::Nothing);
    };
    let recorded = &journal.calls[at];
    if recorded.print != call.print {
        let (recorded, asked) = (text(&recorded.ask), text(&call.ask));
        return Err(Refusal::Diverged { n: call.n, recorded, asked });
    }
    Ok(match (&recorded.answer, recorded.access) {
        (Some(_), _) => Found::Answered(recorded),
        (None, CallAccess::Write) => Found::InDoubt(recorded),
        (None, CallAccess::Read | CallAccess::Local) => Found::Nothing,
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(200).collect()
}
