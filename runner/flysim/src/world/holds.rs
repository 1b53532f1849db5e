//! Answers that are withheld between their effect and their client.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{State, World};

/// What became of a withheld answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HoldStatus {
    /// The effect was taken; the answer waits.
    Waiting,
    /// The answer was released.
    Released,
    /// The client went away without the answer.
    Closed,
}

/// One answer that was withheld.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldAnswer {
    /// Counts the withheld answers, from one.
    pub seq: u64,
    /// When it was withheld, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// The call's method.
    pub method: String,
    /// The call's path.
    pub path: String,
    /// The call's `fly-request-id`, which its effects in the log carry too.
    pub request_id: String,
    /// The status of the withheld answer.
    pub answer: u16,
    /// What became of it.
    pub status: HoldStatus,
}

#[derive(Debug, Default)]
pub(crate) struct Holds {
    pub(crate) held: Vec<HeldAnswer>,
}

impl State {
    /// Ends a wait; a second end changes nothing.
    pub(crate) fn end_hold(&mut self, seq: u64, status: HoldStatus) {
        let Some(held) = self.holds.held.iter_mut().find(|held| held.seq == seq) else { return };
        if held.status != HoldStatus::Waiting {
            return;
        }
        held.status = status;
        let (subject, request_id) = (held.path.clone(), held.request_id.clone());
        let what = if status == HoldStatus::Closed { "hold.closed" } else { "hold.released" };
        let outer = self.context.request_id.replace(request_id);
        self.record(what, "", &subject, json!({"hold": seq}));
        self.context.request_id = outer;
    }
}

impl World {
    /// All answers that were withheld so far, oldest first.
    pub fn holds(&self) -> Vec<HeldAnswer> {
        self.peek(|state| state.holds.held.clone())
    }

    /// Releases one withheld answer, or all of them; returns how many waited.
    ///
    /// The rule that withheld them stays; turn [`Knobs::holds`](crate::Knobs::holds) off to
    /// let later ones pass.
    pub fn release_holds(&self, seq: Option<u64>) -> usize {
        self.with(|state| {
            let waiting: Vec<u64> = state
                .holds
                .held
                .iter()
                .filter(|held| held.status == HoldStatus::Waiting && seq.is_none_or(|seq| seq == held.seq))
                .map(|held| held.seq)
                .collect();
            for seq in &waiting {
                state.end_hold(*seq, HoldStatus::Released);
            }
            waiting.len()
        })
    }

    /// Waits until at least `reached` answers were withheld since the world was made.
    ///
    /// Returns all of them, or `None` when `limit` is over first. Cancel safe.
    pub async fn holds_reached(&self, reached: usize, limit: Duration) -> Option<Vec<HeldAnswer>> {
        let mut changes = self.changes();
        let wait = async {
            loop {
                changes.mark_unchanged();
                let held = self.peek(|state| state.holds.held.clone());
                if held.len() >= reached {
                    return held;
                }
                if changes.changed().await.is_err() {
                    return held;
                }
            }
        };
        tokio::time::timeout(limit, wait).await.ok()
    }
}
