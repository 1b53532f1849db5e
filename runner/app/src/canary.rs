//! A candidate in the place of a hook's component, without being there: it plays each run that ended, from its journal.
//!
//! ```text
//!   a run of the hook ends --number--> queue --> stored? --> replay with the candidate --> counted in the store
//!                            (full: skipped)                 offline, one at a time
//! ```
//!
//! It is [`mod@crate::replay`]: nothing leaves, and no secret is read. A candidate has an engine of its own, with room
//! for one run, so it takes no place of a run that is real.
//!
//! # Guarantees
//! - Whoever runs hooks never waits for a comparison: what finds the queue full is counted as skipped.
//! - Each comparison is counted when it was made; a crash loses those that waited.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use groundcrew_core::duration::Millis;
use groundcrew_core::hash::Digest;
use groundcrew_core::manifest::Manifest;
use groundcrew_core::time::Timestamp;
use groundcrew_engine::cache::{Cache, Compiler};
use groundcrew_store::canary::{Compared, Comparison, Pair};
use groundcrew_store::findings::{ClosedToo, NewFinding, Severity};
use groundcrew_store::{HookId, RunId, Store};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::config::Candidate;
use crate::prove::loaded::{self, Loaded};
use crate::reload::Reloads;
use crate::replay::{Recording, Verdict, replay, sign};
use crate::runner::Runner;
use crate::{components, kept, key};

/// Runs of one hook that wait to be compared, twice: on their way, and until they are stored.
const QUEUE: usize = 256;
/// How long a run may take to be stored after it ended.
const STORED_WITHIN: Millis = Millis::minutes(15);
/// Between two looks at whether what waits is stored.
const LOOK_EVERY: Millis = Millis::new(50);
/// How long after the store did not take something it is tried again.
const PAUSE: Millis = Millis::seconds(1);
/// Longest difference that is kept, in bytes of JSON; of a longer one the run tells.
const DIFFERENCE_MAX: usize = 64 << 10;

/// The finding about a candidate that cannot be played.
pub const REFUSED: &str = "hook.candidate-refused";

/// Where runs of hooks with a candidate are offered.
pub type Feeds = BTreeMap<HookId, Arc<Feed>>;

/// Where runs of one hook are offered.
#[derive(Debug)]
pub struct Feed {
    /// The candidate.
    pub candidate: Digest,
    runs: mpsc::Sender<RunId>,
    skipped: AtomicU32,
}

impl Feed {
    /// Offers a run that ended and is about to be stored; at once, whatever becomes of it.
    pub fn offer(&self, run: RunId) {
        if self.runs.try_send(run).is_err() {
            self.skipped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Why no candidate is compared.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store.
    #[error(transparent)]
    Store(#[from] groundcrew_store::Error),
    /// A candidate cannot be read.
    #[error("the candidate of hook `{hook}`")]
    Component {
        /// Whose.
        hook: String,
        /// Why.
        source: components::Error,
    },
}

/// Compares the runs of one hook with its candidate, until it is stopped.
#[derive(Debug)]
pub struct Comparer {
    store: Store,
    runner: Arc<Runner>,
    directory: PathBuf,
    compiler: Compiler,
    hook: String,
    pair: Pair,
    bytes: Vec<u8>,
    manifest: Manifest,
    promote_after: Option<u32>,
    feed: Arc<Feed>,
    offered: mpsc::Receiver<RunId>,
    reloads: Reloads,
}

/// Puts up all candidates of a runner; from here on runs are offered to them.
///
/// # Errors
/// If the store does not take it, or a component cannot be read.
pub async fn put_up(
    runner: &Arc<Runner>,
    directory: &Path,
    compiler: &Compiler,
    reloads: &Reloads,
) -> Result<Vec<Comparer>, Error> {
    let mut comparers = Vec::new();
    for installed in runner.registry().all() {
        let Some(Candidate { hook, promote_after }) = &installed.hook.candidate else { continue };
        let unreadable = |source| Error::Component { hook: hook.name.clone(), source };
        let bytes = components::read(&hook.component).map_err(unreadable)?;
        let (current, candidate) = (installed.component.digest, Digest::of(&bytes));
        if current == candidate {
            tracing::info!(hook = %hook.name, "its candidate is what runs: `candidate` can be taken out");
            continue;
        }
        if let Err(error) = kept::keep(directory, candidate, &bytes, runner.now()) {
            tracing::warn!(%error, hook = %hook.name, "its candidate cannot be kept");
        }
        let (runs, offered) = mpsc::channel(QUEUE);
        comparers.push(Comparer {
            store: runner.store.clone(),
            runner: runner.clone(),
            directory: directory.to_owned(),
            compiler: compiler.clone(),
            hook: hook.name.clone(),
            pair: Pair { hook: installed.id, current, candidate },
            bytes,
            manifest: hook.manifest.clone(),
            promote_after: *promote_after,
            feed: Arc::new(Feed { candidate, runs, skipped: AtomicU32::new(0) }),
            offered,
            reloads: reloads.clone(),
        });
    }
    // Each start tries again, and says so if it is still in vain.
    let open = runner.store.findings(ClosedToo::No)?;
    for refused in open.iter().filter(|finding| finding.code == REFUSED) {
        runner.store.close_finding(REFUSED, &refused.about, runner.now()).await?;
    }
    let pairs = comparers.iter().map(|comparer| comparer.pair).collect();
    runner.store.begin_canaries(pairs, runner.now()).await?;
    if !comparers.is_empty() {
        runner.offer_to(comparers.iter().map(|it| (it.pair.hook, it.feed.clone())).collect());
    }
    Ok(comparers)
}

/// Why a candidate cannot be played.
#[derive(Debug, thiserror::Error)]
enum Unplayable {
    /// The key that compiled components are kept under.
    #[error(transparent)]
    Key(#[from] key::Error),
    /// It does not compile or link.
    #[error(transparent)]
    Loaded(#[from] loaded::Error),
}

impl Comparer {
    /// Compares what is offered. What the store does not take is said and counts as skipped.
    pub async fn run(mut self, stop: CancellationToken) {
        let loaded = match stop.run_until_cancelled(self.load()).await {
            Some(Ok(loaded)) => loaded,
            Some(Err(error)) => return self.refuse(&error).await,
            None => return,
        };
        tracing::info!(hook = %self.hook, candidate = %self.pair.candidate.short(), "compared with a candidate");
        let mut waiting = VecDeque::new();
        while !stop.is_cancelled() {
            let worked = stop.run_until_cancelled(self.turn(&loaded, &mut waiting)).await;
            if let Some(Err(error)) = worked {
                tracing::warn!(%error, hook = %self.hook, "a run could not be compared");
                self.feed.skipped.fetch_add(1, Ordering::Relaxed);
                let _ = stop.run_until_cancelled(tokio::time::sleep(PAUSE.to_std())).await;
            }
        }
        let left = waiting.len() + self.offered.len();
        self.feed.skipped.fetch_add(left as u32, Ordering::Relaxed);
        if let Err(error) = self.tell_skipped().await {
            tracing::warn!(%error, hook = %self.hook, "what was not compared could not be counted");
        }
    }

    /// Compiles the candidate; its bytes are not needed any more then.
    async fn load(&mut self) -> Result<Loaded, Unplayable> {
        let key = key::read_or_make(&self.directory)?;
        let cache = Cache::new(self.directory.join("cache"), key, self.compiler.clone());
        let bytes = std::mem::take(&mut self.bytes);
        Ok(Loaded::sized(&bytes, Some(self.manifest.clone()), cache, 1).await?)
    }

    /// A candidate that cannot be played harms nobody: what runs goes on, and a finding says why.
    async fn refuse(&self, error: &Unplayable) {
        let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
        tracing::error!(%error, hook = %self.hook, "its candidate cannot be played");
        let finding = NewFinding {
            code: REFUSED.to_owned(),
            about: self.hook.clone(),
            hook: Some(self.pair.hook),
            severity: Severity::Warning,
            message: format!(
                "its candidate {} cannot be played: {error}{cause}",
                self.pair.candidate.short()
            ),
            remedy: Some(format!(
                "groundcrew inspect {}",
                kept::path_of(&self.directory, self.pair.candidate).display()
            )),
        };
        if let Err(error) = self.store.open_finding(finding, self.runner.now()).await {
            tracing::warn!(%error, hook = %self.hook, "nor could that be noted");
        }
    }

    /// Compares one run that is stored, or waits for one.
    async fn turn(
        &mut self,
        loaded: &Loaded,
        waiting: &mut VecDeque<(RunId, Timestamp)>,
    ) -> groundcrew_store::Result<()> {
        while waiting.len() < QUEUE
            && let Ok(run) = self.offered.try_recv()
        {
            waiting.push_back((run, self.runner.now()));
        }
        let runs: Vec<_> = waiting.iter().map(|(run, _)| *run).collect();
        let ended = if runs.is_empty() { Vec::new() } else { self.store.ended_runs(&runs)? };
        for run in &ended {
            // Taken out first: one that cannot be read would else be tried for ever.
            waiting.retain(|(other, _)| other != run);
            self.compare(loaded, *run).await?;
        }
        self.give_up(waiting).await?;
        self.tell_skipped().await?;
        if ended.is_empty() {
            let is_empty = waiting.is_empty();
            tokio::select! {
                // What is offered is not lost when time wins.
                offered = self.offered.recv(), if waiting.len() < QUEUE => {
                    waiting.extend(offered.map(|run| (run, self.runner.now())));
                }
                () = tokio::time::sleep(LOOK_EVERY.to_std()), if !is_empty => {}
            }
        }
        Ok(())
    }

    /// Runs whose end was never stored: the store refused it.
    async fn give_up(&self, waiting: &mut VecDeque<(RunId, Timestamp)>) -> groundcrew_store::Result<()> {
        let since = self.runner.now() - STORED_WITHIN;
        while let Some((run, _)) = waiting.front().copied().filter(|(_, at)| *at < since) {
            let why = "its end was not stored".to_owned();
            let result = Compared::CannotTell { why };
            self.count(Comparison { run, op: String::new(), wrote: false, result }).await?;
            waiting.pop_front();
        }
        Ok(())
    }

    async fn compare(&self, loaded: &Loaded, run: RunId) -> groundcrew_store::Result<()> {
        // Pruned by now, perhaps; then there is nothing to compare.
        let Some((record, calls)) = self.store.run(run)? else { return Ok(()) };
        if record.component != self.pair.current {
            return Ok(());
        }
        let result = match Recording::of(&self.store, &self.hook, &record, &calls)? {
            Ok(recording) => compared(&replay(loaded, &recording).await.verdict),
            Err(why) => Compared::CannotTell { why: why.to_string() },
        };
        let wrote = calls.iter().any(|call| call.access == "write");
        self.count(Comparison { run, op: record.op, wrote, result }).await
    }

    async fn count(&self, comparison: Comparison) -> groundcrew_store::Result<()> {
        let (pair, now) = (self.pair, self.runner.now());
        let run = comparison.run;
        if matches!(comparison.result, Compared::Differs { .. }) {
            tracing::info!(hook = %self.hook, %run, "its candidate does this differently");
        }
        if let Some(promoted) = self.store.count_comparison(pair, comparison, self.promote_after, now).await?
        {
            let (hook, after) = (&self.hook, self.promote_after);
            tracing::warn!(%hook, component = %promoted.component.short(), after,
                "promoted: it was equal for long enough");
            self.reloads.nudge("promote_after");
        }
        Ok(())
    }

    async fn tell_skipped(&self) -> groundcrew_store::Result<()> {
        let skipped = self.feed.skipped.swap(0, Ordering::Relaxed);
        if skipped == 0 { Ok(()) } else { self.store.count_skipped(self.pair, skipped).await }
    }
}

fn compared(verdict: &Verdict) -> Compared {
    match verdict {
        Verdict::Same => Compared::Equal,
        Verdict::CutShort { .. } => Compared::CutShort,
        Verdict::Differs(difference) => {
            let whole = serde_json::to_string(difference).expect("invariant: a difference is JSON");
            Compared::Differs {
                sign: sign(difference),
                difference: (whole.len() <= DIFFERENCE_MAX).then_some(whole),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::Difference;

    #[test]
    fn what_finds_the_queue_full_is_skipped_and_nobody_waits() {
        let (runs, mut offered) = mpsc::channel(2);
        let feed = Feed { candidate: Digest::of(b"next"), runs, skipped: AtomicU32::new(0) };
        (1..=5).for_each(|run| feed.offer(RunId(run)));
        assert_eq!(feed.skipped.load(Ordering::Relaxed), 3);
        assert_eq!([offered.try_recv(), offered.try_recv()], [Ok(RunId(1)), Ok(RunId(2))]);
    }

    #[test]
    fn a_difference_that_is_too_long_is_counted_by_its_kind() {
        let differs = |now: String| {
            let difference = Difference::Answer { recorded: "1".to_owned(), now };
            compared(&Verdict::Differs(difference))
        };
        let Compared::Differs { difference: Some(kept), .. } = differs("2".to_owned()) else {
            panic!("kept")
        };
        assert!(kept.contains(r#""in":"answer""#), "{kept}");
        let Compared::Differs { sign, difference: None } = differs("x".repeat(DIFFERENCE_MAX)) else {
            panic!("only its kind")
        };
        assert!(sign.starts_with("its answer differs"), "{sign}");
        assert_eq!(compared(&Verdict::CutShort { outcome: "late".to_owned() }), Compared::CutShort);
    }
}
