//! Makes the intent of a write on a ledger row durable, before the write leaves.

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use groundcrew_core::duration::Millis;
use groundcrew_core::manifest::Class;
use groundcrew_core::may_delete::Level;
use groundcrew_core::may_make::Make;
use groundcrew_core::row::State;
use groundcrew_core::settle::{Policy, SKEW, is_remembered};
use groundcrew_core::spec::canonical;
use groundcrew_core::time::Timestamp;
use groundcrew_engine::gate::{Intent, IntentError, Intents};
use groundcrew_store::Store;
use groundcrew_store::leave::LeavePolicy;
use groundcrew_store::ledger::{RowEffects, StoredRow};
use groundcrew_store::runs::{Ran, RunRecord};

use super::super::beliefs::{Beliefs, Whose};
use super::super::keeper::ClockKeeper;
use super::super::record;

/// Which write is intended.
#[derive(Clone, Debug)]
pub(super) enum Purpose {
    /// A creation, with the ids that the look before it showed; a repeated one keeps the spec of the first.
    Create { spec: serde_json::Value, before: Vec<String>, policy: Box<Policy> },
    /// A change.
    Update { spec: serde_json::Value },
    /// A removal, if it still may be; a thing that is replaced is made anew afterwards.
    Remove { policy: Box<LeavePolicy>, replaces: bool },
}

impl Purpose {
    /// Whether something is made or changed for the owner, or removed to be made anew.
    const fn makes(&self) -> bool {
        matches!(self, Self::Create { .. } | Self::Update { .. } | Self::Remove { replaces: true, .. })
    }
}

/// What intents are kept in, and what they are checked against when they are.
pub(super) struct Keepers {
    pub(super) store: Store,
    pub(super) clock: Arc<ClockKeeper>,
    pub(super) beliefs: Arc<Beliefs>,
    pub(super) whose: Whose,
}

/// The intents of one run about one row.
pub(super) struct RowIntents {
    kept: Keepers,
    purpose: Purpose,
    run: RunRecord,
    /// When the write was decided.
    decided_at: Timestamp,
    /// Until when a write of the same sort that was sent before this run may still take effect.
    earlier_by: Option<Timestamp>,
    /// One intent at a time: each rests on what the one before it left, and a guest may write side by side.
    turn: tokio::sync::Mutex<Taken>,
    state: Mutex<Progress>,
}

/// What a writing run left of its intents.
pub(super) struct Outcome {
    pub(super) row: StoredRow,
    pub(super) earlier_runs: Vec<Ran>,
    pub(super) earlier_by: Option<Timestamp>,
    pub(super) intended_by: Option<Timestamp>,
}

/// Whether intents are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Taken {
    #[default]
    Yes,
    /// The run has ended.
    No,
}

struct Progress {
    row: StoredRow,
    /// Runs that were about the row before this one and are not stored yet.
    earlier_runs: Vec<Ran>,
    intended: bool,
}

impl RowIntents {
    pub(super) fn new(
        kept: Keepers,
        purpose: Purpose,
        row: StoredRow,
        run: RunRecord,
        earlier_runs: Vec<Ran>,
    ) -> Arc<Self> {
        let decided_at = run.started;
        let earlier_by = match purpose {
            Purpose::Create { .. } | Purpose::Update { .. } => row.row.made_by,
            Purpose::Remove { .. } => row.row.removed_by,
        };
        let state = Mutex::new(Progress { row, earlier_runs, intended: false });
        Arc::new(Self {
            kept,
            purpose,
            run,
            decided_at,
            earlier_by,
            turn: tokio::sync::Mutex::default(),
            state,
        })
    }

    /// Takes no intent any more; one that is being kept is waited for. What a guest has left under way when its run ended
    /// would otherwise change the row behind the back of what the run learnt.
    pub(super) async fn close(&self) {
        *self.turn.lock().await = Taken::No;
    }

    /// The row as last committed, the runs that are still to be stored, and until when writes of ours may take
    /// effect, this run's not counted and counted; none if no intent was committed.
    pub(super) fn outcome(&self) -> Outcome {
        let mut state = self.state();
        let by = match self.purpose {
            Purpose::Create { .. } | Purpose::Update { .. } => state.row.row.made_by,
            Purpose::Remove { .. } => state.row.row.removed_by,
        };
        Outcome {
            row: state.row.clone(),
            earlier_runs: std::mem::take(&mut state.earlier_runs),
            earlier_by: self.earlier_by,
            intended_by: by.filter(|_| state.intended),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The row as it is while the write is under way.
    fn intended(&self, row: &StoredRow, intent: &Intent<'_>) -> StoredRow {
        let (mut row, at) = (row.clone(), intent.call.sent_at);
        // Whatever it slept for: whoever comes next looks at what became of the write.
        row.due_at = Some(at);
        match &self.purpose {
            Purpose::Create { spec, before, .. } => {
                row.row.state = State::InDoubt;
                row.row.spec = spec.clone();
                row.row.before.clone_from(before);
                // The first intent: what was made since then could be ours.
                row.row.intended_at.get_or_insert(at);
                row.row.made_by = Some(self.by(row.row.made_by, intent));
                row.component = self.run.component;
            }
            Purpose::Update { spec } => {
                if row.row.state == State::Present && canonical(spec) == canonical(&row.row.spec) {
                    // What is wanted was there: somebody else changed it.
                    row.row.repairs_at(at);
                }
                row.row.state = State::Updating;
                row.row.spec = spec.clone();
                row.row.made_by = Some(self.by(row.row.made_by, intent));
            }
            Purpose::Remove { .. } => {
                row.row.state = State::Deleting;
                row.row.removed_by = Some(self.by(row.row.removed_by, intent));
                row.delete_at = Some(at);
            }
        }
        row
    }

    /// Until when this run's writes may take effect: the latest of them, once there is one.
    fn by(&self, before: Option<Timestamp>, intent: &Intent<'_>) -> Timestamp {
        let before = before.filter(|_| self.state().intended);
        before.map_or(intent.effect_by, |before| before.max(intent.effect_by))
    }

    /// Whether a creation comes too late after it was decided: what an anonymous one makes is told by its time and by what
    /// was there before, and so is that of a key which is forgotten; one that was remembered then is to be so now.
    fn is_late(&self, row: &StoredRow, at: Timestamp) -> bool {
        let Purpose::Create { policy, .. } = &self.purpose else { return false };
        let remembered = |at| is_remembered(row.row.intended_at, policy, at);
        match policy.class {
            Class::Keyed if remembered(self.decided_at) => !remembered(at),
            // A clock that was set back in between tells nothing, so that counts as late, too.
            Class::Anonymous | Class::Keyed => !(Millis::ZERO..=SKEW).contains(&at.since(self.decided_at)),
            Class::Natural | Class::Marked => false,
        }
    }

    async fn commit(&self, intent: Intent<'_>) -> Result<(), IntentError> {
        let turn = self.turn.lock().await;
        if *turn == Taken::No {
            return Err(IntentError::Refused("the run has ended".to_owned()));
        }
        let (before, mut runs, again) = {
            let state = self.state();
            (state.row.clone(), state.earlier_runs.clone(), state.intended)
        };
        if !again && self.is_late(&before, intent.call.sent_at) {
            let took = intent.call.sent_at.since(self.decided_at);
            return Err(IntentError::Refused(format!(
                "the creation was to be sent within {SKEW} of what was seen before it, and {took} passed: ask for less before the first write"
            )));
        }
        if !again && self.purpose.makes() && self.kept.beliefs.may_make(&self.kept.whose) != Make::Now {
            return Err(superseded("what is known of its owner"));
        }
        let row = self.intended(&before, &intent);
        let mut calls: Vec<_> = intent.earlier.iter().map(record::call).collect();
        calls.push(record::call(intent.call));
        runs.push(Arc::new((self.run.clone(), calls)));
        let effects = RowEffects { runs, now: intent.call.sent_at, ..RowEffects::default() };
        let committed = self.keep(row, again, effects).await.map_err(|error| match error {
            groundcrew_store::Error::Superseded(what) => superseded(what),
            other => IntentError::Store(other.to_string()),
        })?;
        let mut state = self.state();
        state.row = committed;
        state.earlier_runs.clear();
        state.intended = true;
        Ok(())
    }

    /// Commits a row with an intent, if what it rests on is still so.
    async fn keep(
        &self,
        row: StoredRow,
        again: bool,
        effects: RowEffects,
    ) -> Result<StoredRow, groundcrew_store::Error> {
        self.kept.clock.keep().await?;
        match &self.purpose {
            Purpose::Create { policy, .. } if !again => {
                self.kept.store.intend_create(row, self.kept.clock.occupied(policy), effects).await
            }
            Purpose::Remove { policy, .. } if !again => {
                // Whoever is believed may have changed since the hook began to look.
                let mut policy = policy.as_ref().clone();
                self.kept.beliefs.tell(&mut policy);
                self.kept.store.intend_remove(row, policy, effects).await
            }
            Purpose::Create { .. } | Purpose::Update { .. } => {
                self.kept.store.intend_more(row, Level::NoDeletes, effects).await
            }
            Purpose::Remove { .. } => self.kept.store.intend_more(row, Level::Enforce, effects).await,
        }
    }
}

impl Intents for RowIntents {
    fn intend<'a>(&'a self, intent: Intent<'a>) -> BoxFuture<'a, Result<(), IntentError>> {
        Box::pin(self.commit(intent))
    }
}

fn superseded(what: &str) -> IntentError {
    IntentError::Refused(format!("{what} changed meanwhile"))
}
