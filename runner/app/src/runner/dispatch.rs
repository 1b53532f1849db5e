//! Claims lanes that are due and works on them, many at once, never two runs of one lane.
//!
//! What an event made due goes before what a sweep did, so that a fleet that looks again delays nobody to whom
//! something happens; after four of them one of the others has its turn, so that neither starves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use groundcrew_core::duration::Millis;
use groundcrew_core::time::Timestamp;
use groundcrew_store::HookId;
use groundcrew_store::lanes::{Cause, LaneId};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::installed::Installed;
use super::sweep::SWEPT;
use super::{Error, Runner};

/// Lanes worked on at once, over all hooks.
const IN_FLIGHT: usize = 256;
/// Due lanes of a provisioner that are swept together; fewer are looked at one by one.
const MANY: usize = 32;
/// Lanes that events made due, of one hook, that go before one that waits since a sweep.
const IN_A_ROW: u32 = 4;
/// The longest pause between two reads of what is due.
const PAUSE: Millis = Millis::seconds(1);
/// A lane whose hook is not installed, or whose work failed for reasons of ours, is looked at again after this.
const LATER: Millis = Millis::seconds(30);

impl Runner {
    /// Works on one lane: a handler's delivery, or a provisioner's look.
    pub async fn work(&self, lane: LaneId) -> Result<(), Error> {
        let installed =
            self.registry().hook(lane.hook).filter(|installed| installed.still().is_none()).cloned();
        let Some(installed) = installed else {
            // A detached hook, or one that stands still: its rows are frozen, its deliveries wait for its return.
            return Ok(self.store.postpone_delivery(lane, self.now() + LATER).await?);
        };
        if installed.component.is_provisioner() && installed.hook.provisioner().is_some() {
            self.look(&installed, lane).await
        } else {
            self.deliver(&installed, lane).await
        }
    }

    /// Works until told to stop; runs in flight are then cut off, which is always safe. Once the runner drains, nothing new
    /// begins, and it ends with what is under way.
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
                () = self.draining().cancelled() => break,
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
        let last = async {
            while let Some(ended) = running.join_next().await {
                claims.release(ended);
            }
        };
        // Whatever is not over when it is told to stop is cut off.
        stop.run_until_cancelled(last).await;
        running.shutdown().await;
    }

    fn claim(self: &Arc<Self>, claims: &mut Claims, running: &mut JoinSet<Done>) {
        let now = self.now();
        let registry = self.registry();
        let works = |hook: &&Arc<Installed>| hook.still().is_none() && self.is_foreseen(hook.id);
        let mut hooks: Vec<_> = registry.all().filter(works).collect();
        // Each time another hook is the first: together they may want more than there is room for.
        claims.turn = claims.turn.wrapping_add(1);
        let first = claims.turn % hooks.len().max(1);
        hooks.rotate_left(first);
        for installed in hooks {
            let parallel = installed.hook.parallel;
            let sweeps = if installed.hook.provisioner().is_some() { Sweeps::Many } else { Sweeps::Never };
            let wanted = claims.wanted(installed.id, parallel, sweeps);
            if wanted == 0 {
                continue;
            }
            let (swept, lanes) = match self.choose(claims, installed, wanted, sweeps, now) {
                Ok(chosen) => chosen,
                Err(error) => return tracing::error!(%error, "due lanes cannot be read"),
            };
            if let Some(swept) = swept {
                let (runner, installed) = (self.clone(), installed.clone());
                running.spawn(async move {
                    let hook = installed.id;
                    let left = runner.sweep(installed, swept.clone()).await.unwrap_or_else(|error| {
                        tracing::warn!(%error, hook = hook.as_i64(), "lanes could not be swept");
                        swept
                    });
                    Done::Swept(hook, left)
                });
            }
            for lane in lanes {
                let runner = self.clone();
                running.spawn(async move {
                    runner.work_or_postpone(lane).await;
                    Done::Worked(lane)
                });
            }
        }
    }

    /// Which due lanes of a hook are swept now, and which are worked on.
    fn choose(
        &self,
        claims: &mut Claims,
        installed: &Installed,
        wanted: u32,
        sweeps: Sweeps,
        now: Timestamp,
    ) -> Result<(Option<Vec<LaneId>>, Vec<LaneId>), groundcrew_store::Error> {
        let (hook, parallel) = (installed.id, installed.hook.parallel);
        // Those that are worked on are still due; as many others as there is room for come with them.
        let owed = self.store.due_lanes_of(hook, Cause::Event, now, wanted)?;
        let others = self.store.due_lanes_of(hook, Cause::Sweep, now, wanted)?;
        Ok(claims.choose(hook, owed, others, parallel, sweeps))
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

/// What a task of the dispatcher did.
enum Done {
    /// Worked on a lane.
    Worked(LaneId),
    /// Swept lanes of a hook; these want a look.
    Swept(HookId, Vec<LaneId>),
}

/// Whether a hook's lanes are swept when many are due.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sweeps {
    /// A provisioner's are.
    Many,
    /// A handler's are owed events: there is nothing to sweep.
    Never,
}

/// Which lanes are worked on.
#[derive(Default)]
struct Claims {
    lanes: BTreeSet<LaneId>,
    by_hook: BTreeMap<HookId, u32>,
    sweeps: BTreeMap<HookId, Sweep>,
    /// Lanes of a hook that went before those that wait since a sweep.
    ahead: BTreeMap<HookId, u32>,
    turn: usize,
}

/// How far the sweeping of a hook's lanes is.
#[derive(Default)]
struct Sweep {
    /// Lanes that are swept now.
    under_way: BTreeSet<LaneId>,
    /// Lanes that were swept, and want a look.
    left: BTreeSet<LaneId>,
}

impl Claims {
    fn has_room(&self, hook: HookId, parallel: u32) -> bool {
        self.lanes.len() < IN_FLIGHT && self.running(hook) < parallel
    }

    fn running(&self, hook: HookId) -> u32 {
        self.by_hook.get(&hook).copied().unwrap_or_default()
    }

    /// How many due lanes of a hook are worth reading, oldest first.
    fn wanted(&self, hook: HookId, parallel: u32, sweeps: Sweeps) -> u32 {
        let known = self.sweeps.get(&hook).map_or(0, |sweep| sweep.under_way.len() + sweep.left.len()) as u32;
        let may_sweep = sweeps == Sweeps::Many && known < SWEPT;
        match (self.has_room(hook, parallel), may_sweep) {
            (false, false) => 0,
            (true, false) => parallel + known,
            (_, true) => self.running(hook).max(parallel) + known + SWEPT,
        }
    }

    /// Which of a hook's due lanes are swept now, and which are taken: what happened first, then `others`.
    fn choose(
        &mut self,
        hook: HookId,
        owed: Vec<LaneId>,
        mut others: Vec<LaneId>,
        parallel: u32,
        sweeps: Sweeps,
    ) -> (Option<Vec<LaneId>>, Vec<LaneId>) {
        // What happened changes something most of the time: it is looked at, and not held up by being swept first.
        let under_way = self.sweeps.get(&hook).map(|sweep| &sweep.under_way);
        let swept_now = |lane: &LaneId| under_way.is_some_and(|swept| swept.contains(lane));
        let owed: Vec<_> = owed.into_iter().filter(|lane| !swept_now(lane)).collect();
        let swept = if sweeps == Sweeps::Many { self.sweep(hook, &mut others) } else { None };
        (swept, self.take_in_turn(hook, owed, others, parallel))
    }

    /// Takes lanes for which there is room: those of events, and now and then one of the others.
    fn take_in_turn(
        &mut self,
        hook: HookId,
        mut owed: Vec<LaneId>,
        mut others: Vec<LaneId>,
        parallel: u32,
    ) -> Vec<LaneId> {
        for lanes in [&mut owed, &mut others] {
            lanes.retain(|lane| !self.lanes.contains(lane));
            lanes.reverse();
        }
        let mut taken = Vec::new();
        while self.has_room(hook, parallel) {
            let ahead = self.ahead.entry(hook).or_default();
            let turn_of_others = owed.is_empty() || *ahead >= IN_A_ROW && !others.is_empty();
            let Some(lane) = (if turn_of_others { others.pop() } else { owed.pop() }) else { break };
            *ahead = if turn_of_others || others.is_empty() { 0 } else { *ahead + 1 };
            if self.take(lane, parallel) {
                taken.push(lane);
            }
        }
        taken
    }

    /// Which of these lanes are swept now. Afterwards `due` holds those that may be worked on.
    ///
    /// A few are not worth it: a look at each is sooner done.
    fn sweep(&mut self, hook: HookId, due: &mut Vec<LaneId>) -> Option<Vec<LaneId>> {
        let sweep = self.sweeps.entry(hook).or_default();
        let still: BTreeSet<_> = due.iter().copied().collect();
        sweep.left.retain(|lane| still.contains(lane));
        let known = |lane: &LaneId| self.lanes.contains(lane) || sweep.left.contains(lane);
        let fresh: Vec<_> = due.iter().copied().filter(|lane| !known(lane)).collect();
        if sweep.under_way.is_empty() && fresh.len() < MANY {
            return None;
        }
        due.retain(|lane| sweep.left.contains(lane));
        if !sweep.under_way.is_empty() || sweep.left.len() >= SWEPT as usize {
            return None;
        }
        sweep.under_way = fresh.into_iter().take(SWEPT as usize).collect();
        Some(sweep.under_way.iter().copied().collect())
    }

    fn take(&mut self, lane: LaneId, parallel: u32) -> bool {
        let running = self.by_hook.entry(lane.hook).or_default();
        if self.lanes.len() >= IN_FLIGHT || *running >= parallel || !self.lanes.insert(lane) {
            return false;
        }
        *running += 1;
        if let Some(sweep) = self.sweeps.get_mut(&lane.hook) {
            sweep.left.remove(&lane);
        }
        true
    }

    fn release(&mut self, ended: Result<Done, tokio::task::JoinError>) {
        match ended {
            Ok(Done::Worked(lane)) => {
                self.lanes.remove(&lane);
                if let Some(running) = self.by_hook.get_mut(&lane.hook) {
                    *running -= 1;
                }
            }
            Ok(Done::Swept(hook, left)) => {
                let sweep = self.sweeps.entry(hook).or_default();
                sweep.under_way.clear();
                sweep.left.extend(left);
            }
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

#[cfg(test)]
mod tests {
    use groundcrew_core::hash::Digest;
    use groundcrew_core::subject::{Path, SubjectKind};
    use groundcrew_store::events::Intake;
    use groundcrew_store::subjects::SubjectChange;
    use groundcrew_store::{Options, Store, SubjectId};

    use super::*;

    /// So many lanes of one hook, as a store numbers them.
    async fn lanes(count: u32) -> Vec<LaneId> {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("store.db"), Options::default()).unwrap();
        let mut lanes = Vec::new();
        for n in 0..count {
            let name = format!("hook-{n}");
            let hook = store.save_hook(&name, Digest::of(b"component"), "t", "{}").await.unwrap();
            lanes.push(LaneId { hook, subject: SubjectId::NONE });
        }
        lanes
    }

    /// Lanes of one hook, for so many apps.
    async fn apps(count: u32) -> Vec<LaneId> {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("store.db"), Options::default()).unwrap();
        let hook = store.save_hook("busy", Digest::of(b"component"), "t", "{}").await.unwrap();
        let now = Timestamp::from_millis(1);
        let app = |n: u32| SubjectChange {
            path: Path::app("acme", &format!("app-{n}")).unwrap(),
            uid: format!("app:{n}").parse().unwrap(),
            parent: None,
            state: "deployed".to_owned(),
            version: 1,
            labels: serde_json::Map::new(),
            raw: serde_json::Value::Null,
            seen_at: now,
            gone_at: None,
        };
        let subjects = (0..count).map(app).collect();
        store.accept(Intake { subjects, now, ..Intake::default() }).await.unwrap();
        let living = store.living(SubjectKind::App).unwrap();
        living.into_iter().map(|subject| LaneId { hook, subject }).collect()
    }

    #[tokio::test]
    async fn a_hook_works_on_no_more_lanes_than_its_parallel_and_all_on_no_more_than_there_is_room_for() {
        let busy = apps(IN_FLIGHT as u32 + 8).await;
        let hook = busy[0].hook;
        let mut claims = Claims::default();
        let taken = busy.iter().filter(|lane| claims.take(**lane, 2)).count();
        assert_eq!((taken, claims.wanted(hook, 2, Sweeps::Never)), (2, 0), "nothing more of it is read");
        claims.release(Ok(Done::Worked(busy[0])));
        assert!(claims.take(busy[2], 2) && !claims.take(busy[3], 2));
        let most = busy.iter().filter(|lane| claims.take(**lane, u32::MAX)).count();
        assert_eq!(most, IN_FLIGHT - 2, "however many its hook may have");
    }

    #[tokio::test]
    async fn many_are_swept_and_what_a_sweep_leaves_is_worked_on() {
        let all = lanes(MANY as u32 + 8).await;
        let hook = all[0].hook;
        let mut claims = Claims::default();
        let mut few = all[..MANY - 1].to_vec();
        assert!(claims.sweep(hook, &mut few).is_none(), "a look at each is sooner done");
        assert_eq!(few.len(), MANY - 1);
        let mut due = all.clone();
        assert_eq!(claims.sweep(hook, &mut due).unwrap(), all);
        assert!(due.is_empty(), "nobody works on what is swept");
        let mut again = all.clone();
        assert!(claims.sweep(hook, &mut again).is_none() && again.is_empty(), "one sweep at a time");
        claims.release(Ok(Done::Swept(hook, all[..2].to_vec())));
        let mut left = all[..2].to_vec();
        assert!(claims.sweep(hook, &mut left).is_none());
        assert_eq!(left, all[..2], "what it left may be worked on");
        assert!(claims.take(left[0], 4) && !claims.take(left[0], 4), "once");
        claims.release(Ok(Done::Worked(left[0])));
        assert!(claims.take(left[0], 4), "what is due again is worked on again");
    }

    #[tokio::test]
    async fn what_happens_goes_before_what_a_sweep_made_due_and_neither_starves() {
        let all = apps(MANY as u32 + 64).await;
        let hook = all[0].hook;
        let (swept, events) = all.split_at(MANY + 8);
        let mut claims = Claims::default();
        let choose = |claims: &mut Claims, owed: &[LaneId], others: &[LaneId]| {
            claims.choose(hook, owed.to_vec(), others.to_vec(), 1, Sweeps::Many)
        };
        let (sweeping, taken) = choose(&mut claims, &events[..1], swept);
        assert_eq!(
            (sweeping.unwrap().len(), taken),
            (swept.len(), events[..1].to_vec()),
            "while others are swept"
        );
        assert_eq!(
            choose(&mut claims, &swept[..1], &swept[1..]).1,
            [],
            "nobody works on what is being swept"
        );
        claims.release(Ok(Done::Worked(events[0])));
        claims.release(Ok(Done::Swept(hook, swept.to_vec())));
        let mut order = Vec::new();
        for n in 0..2 * (IN_A_ROW as usize + 1) {
            let (_, taken) = choose(&mut claims, &events[n..], swept);
            assert_eq!(taken.len(), 1);
            claims.release(Ok(Done::Worked(taken[0])));
            order.push(swept.contains(&taken[0]));
        }
        assert_eq!(order.iter().filter(|swept| **swept).count(), 2, "{order:?}");
        assert_eq!((order[0], order[IN_A_ROW as usize]), (false, true), "{order:?}");
        assert_eq!(choose(&mut claims, &[], &swept[3..]).1, [swept[3]], "nothing happened");
    }
}
