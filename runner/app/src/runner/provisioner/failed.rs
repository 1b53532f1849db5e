//! What becomes of a row whose call failed: it is tried again, and a person is told when that was often.

use groundcrew_core::duration::Millis;
use groundcrew_core::retry::{Backoff, after_away};
use groundcrew_core::row::State;
use groundcrew_core::spec::{Failure, Thing};
use groundcrew_engine::gate::Writes;
use groundcrew_engine::run::Ended;
use groundcrew_store::findings::Severity;
use groundcrew_store::ledger::{RowEffects, StoredRow};

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
        self.failed_with(work, failure, RowEffects { now, ..RowEffects::default() }).await
    }

    /// An attempt failed: it is tried again later, and with this much more to tell.
    async fn failed_with(
        &self,
        work: &mut Work<'_>,
        failure: &Failure,
        mut effects: RowEffects,
    ) -> Result<(), Error> {
        let (row, now) = (&mut work.row, effects.now);
        row.attempts += 1;
        row.error = Some(failure.message.clone());
        row.due_at = Some(Backoff::PROVISIONER.next(now, row.attempts, failure, self.entropy.number()));
        let run = work.runs.last().map(|ran| tracing::field::display(ran.0.id));
        let (attempts, again) = (work.row.attempts, work.row.due_at.map(|at| at.to_string()));
        tracing::warn!(run, attempts, error = %failure.message, again, "failed, and is tried again");
        if work.row.attempts >= STUCK_AFTER || !failure.retry {
            let message = format!("failed {} times, still tried: {}", work.row.attempts, failure.message);
            let remedy = Some(format!("groundcrew why {}", work.row.row.id));
            effects.open.push(finding(work, "resource.stuck", Severity::Warning, message, remedy));
        }
        self.commit(work, effects).await
    }

    /// A creation was answered with what another row has: its API makes nothing that is equal to what is there. Nothing of
    /// the row's is there, and a person is told whose it is. Where nothing was in doubt before and every write was answered
    /// for good (`settled`), nothing is in doubt now: what comes to be there later is not taken for the row's.
    pub(super) async fn held_by(
        &self,
        work: &mut Work<'_>,
        thing: &Thing,
        holder: &StoredRow,
        (answered, settled): (Writes, bool),
    ) -> Result<bool, Error> {
        if settled {
            let row = &mut work.row.row;
            (row.state, row.intended_at, row.made_by) = (State::Creating, None, None);
            row.before.clear();
        } else {
            wrote(work, answered);
        }
        let (id, other) = (&thing.id, &holder.row.id);
        let message =
            format!("its API answered the creation with `{id}`, which is {} already", holder.about());
        let remedy = format!("let the two differ, or want it once; it is: groundcrew why {other}");
        let told = finding(work, "resource.conflict", Severity::Warning, message.clone(), Some(remedy));
        let effects = RowEffects { open: vec![told], now: self.now(), ..RowEffects::default() };
        self.failed_with(work, &Failure::again(message), effects).await.map(|()| false)
    }

    /// A writing run failed; whether something left is in the row already.
    pub(super) async fn failed_write(
        &self,
        work: &mut Work<'_>,
        ended: &Ended,
        answered: Writes,
        away: Option<Millis>,
    ) -> Result<bool, Error> {
        wrote(work, answered);
        self.failed(work, &ended.failure(), away).await.map(|()| false)
    }
}

/// Until when what a writing run sent may take effect is known to its row.
fn wrote(work: &mut Work<'_>, answered: Writes) {
    let Writes::Sent { effect_by } = answered else { return };
    match work.row.row.state {
        State::Deleting => work.row.row.removed_by = Some(effect_by),
        _ => work.row.row.made_by = Some(effect_by),
    }
}
