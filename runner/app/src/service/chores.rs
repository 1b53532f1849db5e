//! What is done now and then beside the work: history, components, secrets, beliefs, and looks at everybody.

use std::path::PathBuf;
use std::sync::Arc;

use groundcrew_core::duration::Millis;
use groundcrew_core::time::Timestamp;
use groundcrew_engine::clock::Clock;
use groundcrew_store::Store;
use groundcrew_store::prune::Keep;
use tokio_util::sync::CancellationToken;

use super::live::doubt;
use crate::config::Config;
use crate::kept;
use crate::runner::Runner;
use crate::source::FlyHandle;

/// Between two chunks of housekeeping.
const PRUNE_EVERY: Millis = Millis::minutes(10);
/// Between two looks at which components have runs.
const COMPONENTS_EVERY: Millis = Millis::hours(24);
/// Between two readings of secrets that may have changed.
const SECRETS_EVERY: Millis = Millis::seconds(30);
/// Between two looks at whether everybody is to be looked at again.
const BEAT: Millis = Millis::seconds(10);
/// Time that passed unseen for longer is a gap.
const GAP: Millis = Millis::minutes(5);

/// History is pruned, as far as it is not kept.
pub(super) async fn prune(
    store: Store,
    clock: Arc<dyn Clock>,
    keep: Keep,
    acts: Millis,
    stop: CancellationToken,
) {
    loop {
        let history = store.prune(keep, clock.now()).await;
        let acts = store.prune_acts(acts, clock.now()).await;
        let subjects = store.prune_subjects(keep.gone, clock.now()).await;
        let mut more = false;
        for pruned in [history, acts, subjects] {
            match pruned {
                Ok(left) => more |= left,
                Err(error) => tracing::warn!(%error, "history could not be pruned"),
            }
        }
        let pause = if more { Millis::seconds(1) } else { PRUNE_EVERY };
        if stop.run_until_cancelled(tokio::time::sleep(pause.to_std())).await.is_none() {
            return;
        }
    }
}

/// Components are kept for as long as runs of theirs are.
pub(super) async fn keep_components(
    runner: Arc<Runner>,
    directory: PathBuf,
    runs: Millis,
    stop: CancellationToken,
) {
    loop {
        let now = runner.now();
        let registry = runner.registry();
        let used = registry.all().map(|used| used.component.digest);
        let used = used.chain(runner.feeds().map(|feed| feed.candidate));
        let noted = used.into_iter().try_for_each(|used| kept::note(&directory, used, now));
        if let Err(error) = noted.and_then(|()| kept::forget(&directory, now - runs)) {
            tracing::warn!(%error, "components that ran are not looked after: replays may lack one");
        }
        if stop.run_until_cancelled(tokio::time::sleep(COMPONENTS_EVERY.to_std())).await.is_none() {
            return;
        }
    }
}

/// Everybody looks again on schedule, and after time in which nobody could: the machine slept, or its clock jumped.
pub(super) async fn reconcile(runner: Arc<Runner>, every: Millis, stop: CancellationToken) {
    let mut beat = Beat::begun(runner.now());
    while stop.run_until_cancelled(tokio::time::sleep(BEAT.to_std())).await.is_some() {
        if beat.is_due(every, runner.now())
            && let Err(error) = runner.store.reconcile(None, None, None, runner.now()).await
        {
            tracing::warn!(%error, "everybody could not be owed a look; it is tried again");
            beat.missed();
        }
    }
}

/// When everybody was owed a look, and whether time passed unseen since.
struct Beat {
    last: Option<Timestamp>,
    seen: Timestamp,
}

impl Beat {
    /// A start owes everybody a look.
    const fn begun(now: Timestamp) -> Self {
        Self { last: Some(now), seen: now }
    }

    fn is_due(&mut self, every: Millis, now: Timestamp) -> bool {
        let passed = now.since(std::mem::replace(&mut self.seen, now));
        let jumped = passed > GAP || passed < Millis::ZERO;
        let due = jumped || self.last.is_none_or(|last| now.since(last) >= every);
        if due {
            self.last = Some(now);
        }
        due
    }

    const fn missed(&mut self) {
        self.last = None;
    }
}

/// Files of secrets are read again; a hook whose secrets cannot be read keeps those that it had.
pub(super) async fn refresh_secrets(runner: Arc<Runner>, config: Arc<Config>, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(SECRETS_EVERY.to_std())).await.is_some() {
        for installed in runner.registry().all() {
            if let Err(error) = installed.refresh(&config.secrets) {
                tracing::warn!(%error, hook = %installed.hook.name, "its secrets could not be read again");
            }
        }
    }
}

/// While implausibly many apps vanished, or nobody knows who lives, nothing is removed.
pub(super) async fn follow_belief(runner: Arc<Runner>, fly: FlyHandle, stop: CancellationToken) {
    let mut statuses = fly.statuses();
    loop {
        let status = statuses.borrow_and_update().clone();
        runner.beliefs.set_unread(status.unread(runner.now()));
        let doubt = doubt(&status.belief);
        let believed = doubt.is_none();
        let before = runner.beliefs.set_doubt(doubt);
        if before.is_some() && believed {
            // What was frozen for the doubt's sake has nobody else to wake it.
            if let Err(error) = runner.store.wake_waiting(runner.now()).await {
                tracing::warn!(%error, "what waited for the source could not be woken; the next start or reload does");
            }
        }
        // A source that falls silent says nothing of it.
        match stop.run_until_cancelled(tokio::time::timeout(BEAT.to_std(), statuses.changed())).await {
            Some(Ok(Ok(())) | Err(_)) => {}
            Some(Ok(Err(_))) | None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_due_on_schedule_and_after_time_that_nobody_saw() {
        let at = |second: i64| Timestamp::from_millis(second * 1_000);
        let every = Millis::minutes(10);
        let mut beat = Beat::begun(at(0));
        let due: Vec<_> =
            (1..=130).map(|n| n * 10).filter(|second| beat.is_due(every, at(*second))).collect();
        assert_eq!(due, [600, 1_200], "on schedule, and no oftener");
        assert!(beat.is_due(every, at(1_300 + 301)), "five minutes were missed");
        assert!(!beat.is_due(every, at(1_611)));
        assert!(beat.is_due(every, at(900)), "the clock was set back");
        beat.missed();
        assert!(beat.is_due(every, at(910)), "it failed, and is tried again");
    }
}
