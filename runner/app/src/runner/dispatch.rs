//! Claims lanes that are due and works on them, many at once, never two runs of one lane.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use groundcrew_core::duration::Millis;
use groundcrew_store::HookId;
use groundcrew_store::lanes::LaneId;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Error, Runner};

/// Lanes worked on at once, over all hooks.
const IN_FLIGHT: usize = 256;
/// The longest pause between two reads of what is due.
const PAUSE: Millis = Millis::seconds(1);
/// A lane whose hook is not installed, or whose work failed for reasons of ours, is looked at again after this.
const LATER: Millis = Millis::seconds(30);

impl Runner {
    /// Works on one lane: a handler's delivery, or a provisioner's look.
    pub async fn work(&self, lane: LaneId) -> Result<(), Error> {
        let Some(installed) = self.registry().hook(lane.hook).cloned() else {
            // A detached hook: its rows are frozen, its deliveries wait for its return.
            return Ok(self.store.postpone_delivery(lane, self.now() + LATER).await?);
        };
        if installed.component.is_provisioner() && installed.hook.provisioner().is_some() {
            self.look(&installed, lane).await
        } else {
            self.deliver(&installed, lane).await
        }
    }

    /// Works until told to stop; runs in flight are then cut off, which is always safe.
    pub async fn dispatch(self: Arc<Self>, stop: CancellationToken) {
        let mut commits = self.store.commits();
        let mut claims = Claims::default();
        let mut running = JoinSet::new();
        loop {
            self.claim(&mut claims, &mut running);
            let pause = tokio::time::sleep(self.pause().to_std());
            tokio::select! {
                // Each arm only notices something; nothing is lost if another one wins.
                () = stop.cancelled() => break,
                // The store is there as long as this runner is.
                Ok(()) = commits.changed() => {}
                () = pause => {}
                Some(ended) = running.join_next() => {
                    claims.release(ended);
                    while let Some(ended) = running.try_join_next() {
                        claims.release(ended);
                    }
                }
            }
        }
        running.shutdown().await;
    }

    fn claim(self: &Arc<Self>, claims: &mut Claims, running: &mut JoinSet<LaneId>) {
        let now = self.now();
        let registry = self.registry();
        let mut hooks: Vec<_> = registry.all().collect();
        // Each time another hook is the first: together they may want more than there is room for.
        claims.turn = claims.turn.wrapping_add(1);
        let first = claims.turn % hooks.len().max(1);
        hooks.rotate_left(first);
        for installed in hooks {
            let parallel = installed.hook.parallel;
            if !claims.has_room(installed.id, parallel) {
                continue;
            }
            // Those that are worked on are still due; as many others as there is room for come with them.
            let due = match self.store.due_lanes_of(installed.id, now, parallel) {
                Ok(due) => due,
                Err(error) => return tracing::error!(%error, "due lanes cannot be read"),
            };
            for lane in due.into_iter().filter(|lane| claims.take(*lane, parallel)).collect::<Vec<_>>() {
                let runner = self.clone();
                running.spawn(async move {
                    runner.work_or_postpone(lane).await;
                    lane
                });
            }
        }
    }

    async fn work_or_postpone(&self, lane: LaneId) {
        let Err(error) = self.work(lane).await else { return };
        tracing::warn!(%error, hook = lane.hook.as_i64(), subject = lane.subject.as_i64(), "a lane could not be worked on");
        if let Err(error) = self.store.postpone_delivery(lane, self.now() + PAUSE).await {
            tracing::warn!(%error, "nor postponed");
        }
    }

    /// How long until something is due, at most [`PAUSE`].
    fn pause(&self) -> Millis {
        let now = self.now();
        let next = self.store.next_due(now).ok().flatten();
        next.map_or(PAUSE, |next| next.since(now).max(Millis::new(1))).min(PAUSE)
    }
}

/// Which lanes are worked on.
#[derive(Default)]
struct Claims {
    lanes: BTreeSet<LaneId>,
    by_hook: BTreeMap<HookId, u32>,
    turn: usize,
}

impl Claims {
    fn has_room(&self, hook: HookId, parallel: u32) -> bool {
        self.lanes.len() < IN_FLIGHT && self.by_hook.get(&hook).copied().unwrap_or_default() < parallel
    }

    fn take(&mut self, lane: LaneId, parallel: u32) -> bool {
        let running = self.by_hook.entry(lane.hook).or_default();
        if self.lanes.len() >= IN_FLIGHT || *running >= parallel || !self.lanes.insert(lane) {
            return false;
        }
        *running += 1;
        true
    }

    fn release(&mut self, ended: Result<LaneId, tokio::task::JoinError>) {
        match ended {
            Ok(lane) => {
                self.lanes.remove(&lane);
                if let Some(running) = self.by_hook.get_mut(&lane.hook) {
                    *running -= 1;
                }
            }
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}
