//! What is done now and then beside the work: history, components, secrets, beliefs, acknowledgements, and looks at
//! everybody.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use groundcrew_core::duration::Millis;
use groundcrew_core::hash::Digest;
use groundcrew_core::time::Timestamp;
use groundcrew_engine::clock::Clock;
use groundcrew_store::Store;
use groundcrew_store::prune::Keep;
use tokio_util::sync::CancellationToken;

use super::CountsOf;
use super::live::doubt;
use crate::config::Config;
use crate::kept;
use crate::runner::Runner;
use crate::runner::unreachable::Unreachable;
use crate::source::FlyHandle;

/// Between two chunks of housekeeping.
const PRUNE_EVERY: Millis = Millis::minutes(10);
/// Between two looks at which components have runs.
const COMPONENTS_EVERY: Millis = Millis::hours(24);
/// Between two readings of secrets that may have changed.
pub(crate) const SECRETS_EVERY: Millis = Millis::seconds(30);
/// Between two looks at whether acknowledgements are over.
const LAPSE_EVERY: Millis = Millis::minutes(1);
/// Between two looks at whether everybody is to be looked at again, if that is not more often.
const BEAT: Millis = Millis::seconds(10);
/// Time that passed unseen for longer is a gap.
pub(crate) const GAP: Millis = Millis::minutes(5);

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

/// Components are kept for as long as runs of theirs are, and while they may run again.
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
        if let Err(error) = look_after(&runner.store, used, &directory, runs, now) {
            tracing::warn!(%error, "components that ran are not looked after: replays may lack one");
        }
        if stop.run_until_cancelled(tokio::time::sleep(COMPONENTS_EVERY.to_std())).await.is_none() {
            return;
        }
    }
}

/// Notes which components are in use, and forgets those that were not for longer than `runs`.
fn look_after(
    store: &Store,
    used: impl Iterator<Item = Digest>,
    directory: &Path,
    runs: Millis,
    now: Timestamp,
) -> io::Result<()> {
    for digest in may_run_again(store).map_err(io::Error::other)? {
        match kept::note(directory, digest, now) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            // What was never kept here has nothing to lose.
            Ok(()) | Err(_) => {}
        }
    }
    for digest in used {
        kept::note(directory, digest, now)?;
    }
    kept::forget(directory, now - runs).map(drop)
}

/// Components that may run again though no process loaded them: what was promoted and what it took the place of,
/// versions that wait, and what hooks ran with last or name.
fn may_run_again(store: &Store) -> groundcrew_store::Result<BTreeSet<Digest>> {
    let mut digests = BTreeSet::new();
    for promotion in store.promotions()? {
        digests.extend([promotion.component, promotion.instead_of]);
    }
    for hook in store.hooks()? {
        let upgrade = store.upgrade(hook.id)?;
        let versions =
            [upgrade.active.map(|active| active.component), upgrade.waiting.map(|it| it.component)];
        digests.extend(versions.into_iter().flatten().filter_map(|digest| digest.parse::<Digest>().ok()));
        digests.extend(upgrade.named);
        digests.insert(hook.component);
    }
    Ok(digests)
}

/// The runner's own findings whose acknowledgement is over are open again, and told.
pub(super) async fn lapse_acknowledgements(store: Store, clock: Arc<dyn Clock>, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(LAPSE_EVERY.to_std())).await.is_some() {
        match store.lapse_acknowledgements(clock.now()).await {
            Ok(0) => {}
            Ok(findings) => tracing::info!(findings, "their acknowledgement is over: they are open again"),
            Err(error) => tracing::warn!(%error, "acknowledgements that are over could not be taken back"),
        }
    }
}

/// People are told which hosts do not answer.
pub(super) async fn tell_unreachable(
    store: Store,
    clock: Arc<dyn Clock>,
    counts: CountsOf,
    stop: CancellationToken,
) -> groundcrew_store::Result<()> {
    let mut told = Unreachable::begun(&store, clock.now())?;
    while stop.run_until_cancelled(tokio::time::sleep(BEAT.to_std())).await.is_some() {
        if let Err(error) = told.tell(&counts().unreachable, &store, clock.now()).await {
            tracing::warn!(%error, "which hosts do not answer could not be told");
        }
    }
    Ok(())
}

/// Everybody looks again on schedule, and after time in which nobody could: the machine slept, or its clock jumped.
pub(super) async fn reconcile(runner: Arc<Runner>, every: Millis, stop: CancellationToken) {
    let mut beat = Beat::begun(runner.now());
    let pause = every.clamp(Millis::seconds(1), BEAT);
    while stop.run_until_cancelled(tokio::time::sleep(pause.to_std())).await.is_some() {
        if beat.is_due(every, runner.now())
            && let Err(error) = look_again(&runner).await
        {
            tracing::warn!(%error, "everybody could not be owed a look; it is tried again");
            beat.missed();
        }
    }
}

async fn look_again(runner: &Runner) -> groundcrew_store::Result<()> {
    runner.hasten_looks().await?;
    runner.store.reconcile(None, None, None, runner.now()).await?;
    Ok(())
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

/// When the list of apps was last read, and whether everybody is owed a look since it was out.
struct Readings {
    last: Timestamp,
    gap: Millis,
    owed: bool,
}

impl Readings {
    /// A start owes everybody a look; `every` is the time between two readings.
    fn begun(every: Millis, now: Timestamp) -> Self {
        Self { last: now, gap: GAP.max(every.times(2)), owed: false }
    }

    fn follow(&mut self, listed: Timestamp) {
        self.owed |= listed.since(self.last) > self.gap;
        self.last = listed;
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

/// While implausibly many apps vanished, or nobody knows who lives, nothing is removed, and nothing is made for whoever is
/// missed; everybody looks again after an outage of the source.
pub(super) async fn follow_belief(
    runner: Arc<Runner>,
    fly: FlyHandle,
    every: Millis,
    stop: CancellationToken,
) {
    let mut statuses = fly.statuses();
    let mut readings = Readings::begun(every, runner.now());
    loop {
        let status = statuses.borrow_and_update().clone();
        if let Some(listed) = status.listed_at {
            readings.follow(listed);
        }
        if readings.owed {
            match look_again(&runner).await {
                Ok(()) => readings.owed = false,
                Err(error) => {
                    tracing::warn!(%error, "everybody could not be owed a look after an outage; it is tried again");
                }
            }
        }
        runner.beliefs.set_unread(status.unread(runner.now()));
        if let Err(error) = runner.believe(doubt(&status.belief), status.unseen).await {
            tracing::warn!(%error, "what waited for the source could not be woken; the next start or reload does");
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
    use groundcrew_store::Options;
    use groundcrew_store::findings::{NewFinding, Severity};
    use groundcrew_store::operators::OperatorAct;
    use groundcrew_store::promotions::Promotion;
    use groundcrew_store::upgrades::{MORE, Version, Waiting};

    use super::*;

    #[tokio::test]
    async fn what_may_run_again_is_kept_though_nobody_loads_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("groundcrew.db"), Options::default()).unwrap();
        let at = |hours| Timestamp::from_millis(0) + Millis::hours(hours);
        let kept = |name: &str| {
            let digest = Digest::of(name.as_bytes());
            kept::keep(dir.path(), digest, name.as_bytes(), at(0)).unwrap();
            digest
        };
        let (promoted, replaced, waits, active, named) =
            (kept("promoted"), kept("replaced"), kept("waits"), kept("active"), kept("named"));
        let (stored, loaded, forgotten) = (kept("stored"), kept("loaded"), kept("forgotten"));
        let hook = store.save_hook("dns", stored, "dns", "{}").await.unwrap();

        let version = Version {
            component: active.to_string(),
            exports: BTreeSet::new(),
            manifest: serde_json::json!({}),
        };
        let waiting = Waiting { id: "x".to_owned(), component: waits.to_string(), more: Vec::new() };
        let finding = NewFinding {
            code: MORE.to_owned(),
            about: "dns".to_owned(),
            hook: Some(hook),
            severity: Severity::Warning,
            message: "it asks for more".to_owned(),
            remedy: None,
        };
        store.hold_version(hook, version, waiting, named, finding, at(1)).await.unwrap();
        let who = "ann".to_owned();
        let act = OperatorAct { who: who.clone(), what: "promote dns".to_owned() };
        let promotion = Promotion { hook, instead_of: replaced, component: promoted, at: at(1), who };
        store.promote(promotion, act, at(1)).await.unwrap();

        let month = Millis::hours(30 * 24);
        look_after(&store, [loaded].into_iter(), dir.path(), month, at(60 * 24)).unwrap();
        let left: BTreeSet<_> = kept::all(dir.path()).unwrap().into_iter().collect();
        assert_eq!(left, [promoted, replaced, waits, active, named, stored, loaded].into());
        assert_eq!(kept::read(dir.path(), forgotten).unwrap(), None);

        std::fs::remove_file(kept::path_of(dir.path(), waits)).unwrap();
        let again = || look_after(&store, [loaded].into_iter(), dir.path(), month, at(61 * 24));
        again().unwrap();
        std::fs::remove_file(kept::path_of(dir.path(), loaded)).unwrap();
        assert!(again().is_err(), "what is loaded is missed");
    }

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

    #[test]
    fn everybody_is_due_after_a_long_outage_of_the_source_and_not_after_a_short_one() {
        let at = |second: i64| Timestamp::from_millis(second * 1_000);
        let table: [(i64, &[i64], bool); 8] = [
            (5, &[5, 10, 310], false),
            (5, &[5, 10, 311], true),
            (5, &[301], true),
            (5, &[5, 311, 316], true),
            (5, &[5_000, 10], true),
            (5, &[10, 5], false),
            (600, &[600, 1_200, 2_400], false),
            (600, &[600, 1_801], true),
        ];
        for (every, readings, owed) in table {
            let mut read = Readings::begun(Millis::seconds(every), at(0));
            for second in readings {
                read.follow(at(*second));
            }
            assert_eq!(read.owed, owed, "every {every}: {readings:?}");
        }
    }
}
