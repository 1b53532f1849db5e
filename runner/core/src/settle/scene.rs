//! What the halves of settling ask of a scene: whose a thing is, when a write is over, what differs.

use serde_json::Value;

use super::{Aim, Look, Policy, Row, Rule, Scene, Step, Waiting};
use crate::duration::Millis;
use crate::row::{State, Whose, whose};
use crate::spec::{Thing, canonical, differing};
use crate::steady::Steady;
use crate::time::Timestamp;

/// Whether a thing must be replaced to be as it is wanted: a field that cannot change is to be different.
pub fn needs_replacement(row: &Row, policy: &Policy, wanted: &Value) -> bool {
    let fixed = |name: &String| {
        let (wanted, made) = (wanted.get(name.as_str()), row.spec.get(name.as_str()));
        wanted.map(canonical) != made.map(canonical)
    };
    policy.immutable.iter().any(fixed)
}

impl Scene<'_> {
    pub(super) fn holds(&self, rule: Rule) -> bool {
        self.rules.hold(rule)
    }

    pub(super) fn whose(&self, thing: &Thing) -> Whose {
        whose(thing.mark.as_deref(), &self.row.id, self.installation)
    }

    /// Whether the thing at the row's id does not carry what it carried when we last looked, and nothing of ours.
    pub(super) fn estranged(&self, thing: &Thing) -> bool {
        match self.whose(thing) {
            Whose::Mine | Whose::Earlier => false,
            // What cannot carry a mark never had one, and what was imported keeps its own.
            Whose::Sibling | Whose::Foreign | Whose::Unmarked => thing.mark != self.row.mark,
        }
    }

    pub(super) fn held_by_another(&self, thing: &Thing) -> bool {
        self.holds(Rule::HeldIds) && self.held.contains(&thing.id)
    }

    /// The look, if it was about this.
    pub(super) fn looked(&self, at: Aim) -> Option<&Look> {
        self.look.filter(|look| look.at == at)
    }

    /// When every write of ours that made or changed the thing must be visible.
    pub(super) fn settled_by(&self) -> Timestamp {
        self.row.made_by.map_or(Steady::ALWAYS.since, |by| self.bound(by) + self.policy.settle)
    }

    /// When what was to be over by then is over, whatever our clock was set to since.
    pub(super) fn bound(&self, by: Timestamp) -> Timestamp {
        if self.holds(Rule::SteadyTime) { self.steady.bound(by, self.policy.window) } else { by }
    }

    /// When a second look may confirm what the first one missed.
    pub(super) fn confirmed_at(&self) -> Option<Timestamp> {
        let steady = if self.holds(Rule::SteadyTime) { self.steady } else { Steady::ALWAYS };
        self.row.absent_at.map(|first| steady.bound(first, Millis::ZERO) + self.policy.settle)
    }

    /// Whether the thing must be replaced: a field that cannot change is to be different.
    pub(super) fn needs_replacement(&self, wanted: &Value) -> bool {
        needs_replacement(self.row, self.policy, wanted)
    }

    /// Fields of what is wanted that the thing differs in: as it shows them, or as it shows that others changed them.
    pub(super) fn differs<'a>(&'a self, wanted: &'a Value, thing: &Thing) -> Vec<&'a str> {
        let mut differs = differing(wanted, &thing.body);
        let hidden = self.policy.shown_as.iter().filter(|(name, _)| wanted.get(name.as_str()).is_some());
        differs.extend(
            hidden
                .filter(|(name, shown)| self.hidden_differs(wanted, thing, name, shown))
                .map(|(name, _)| name.as_str()),
        );
        differs
    }

    pub(super) fn hidden_differs(&self, wanted: &Value, thing: &Thing, name: &str, shown: &str) -> bool {
        // Whether a change that was never answered took place cannot be seen.
        let unknown = self.row.state == State::Updating;
        let rewritten = wanted.get(name).map(canonical) != self.row.spec.get(name).map(canonical);
        let before = self.row.observed.as_ref().and_then(|observed| observed.get(shown));
        let changed = before.zip(thing.body.get(shown)).is_some_and(|(before, now)| before != now);
        unknown || rewritten || changed
    }

    pub(super) fn wait(until: Timestamp, why: Waiting) -> Step {
        Step::Wait { until: Some(until), why }
    }
}

/// Whether a thing is as a body says, in the fields that both name.
pub(super) fn equals(thing: &Thing, body: &Value) -> bool {
    differing(body, &thing.body).is_empty()
}
