//! What becomes of a row whose call failed: it is tried again, and a person is told when that was often.

use groundcrew_core::duration::Millis;
use groundcrew_core::retry::{Backoff, after_away};
use groundcrew_core::row::State;
use groundcrew_core::spec::Failure;
use groundcrew_engine::gate::Writes;
use groundcrew_engine::run::Ended;
use groundcrew_store::findings::Severity;
use groundcrew_store::ledger::RowEffects;

use super::super::{Error, Runner};
use super::STUCK_AFTER;
use super::row::Work;
use super::tell::finding;

impl Runner {
    /// A read failed, or a write that never left. While nobody gets through to whom it asked (`away`: for how long) that
    /// was no attempt: the row waits, and whom it waits for is told of once for all who do.
    pub(super) async fn failed(
        &self,
        work: &mut Work<'_>,
        failure: &Failure,
        away: Option<Millis>,
    ) -> Result<(), Error> {
        let now = self.now();
        let row = &mut work.row;
        if let Some(away) = away.filter(|_| failure.retry) {
            row.error = Some(failure.message.clone());
            row.due_at = Some(after_away(now, away, self.entropy.number()));
            tracing::debug!(row = %row.row.id, error = %failure.message, "nobody gets through: it waits");
            return self.commit(work, RowEffects { now, ..RowEffects::default() }).await;
        }
        row.attempts += 1;
        row.error = Some(failure.message.clone());
        row.due_at = Some(Backoff::PROVISIONER.next(now, row.attempts, failure, self.entropy.number()));
        let run = work.runs.last().map(|ran| tracing::field::display(ran.0.id));
        let (attempts, again) = (work.row.attempts, work.row.due_at.map(|at| at.to_string()));
        tracing::warn!(run, attempts, error = %failure.message, again, "failed, and is tried again");
        let mut effects = RowEffects { now, ..RowEffects::default() };
        if work.row.attempts >= STUCK_AFTER || !failure.retry {
            let message = format!("failed {} times, still tried: {}", work.row.attempts, failure.message);
            let remedy = Some(format!("groundcrew why {}", work.row.row.id));
            effects.open.push(finding(work, "resource.stuck", Severity::Warning, message, remedy));
        }
        self.commit(work, effects).await
    }

    /// A writing run failed; whether something left is in the row already.
    pub(super) async fn failed_write(
        &self,
        work: &mut Work<'_>,
        ended: &Ended,
        answered: Writes,
        away: Option<Millis>,
    ) -> Result<bool, Error> {
        if let Writes::Sent { effect_by } = answered {
            match work.row.row.state {
                State::Deleting => work.row.row.removed_by = Some(effect_by),
                _ => work.row.row.made_by = Some(effect_by),
            }
        }
        self.failed(work, &ended.failure(), away).await.map(|()| false)
    }
}
