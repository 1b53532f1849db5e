//! Takes one row as far as it goes: decide, perform, decide again.

use std::sync::Arc;

use groundcrew_core::duration::Millis;
use groundcrew_core::may_delete::{Cause, Level};
use groundcrew_core::plan::{Action, is_update, print, updates};
use groundcrew_core::row::State;
use groundcrew_core::settle::{
    Adopt, Leave, Look, Occupied, Policy, Scene, Step, Waiting, decide, needs_replacement,
};
use groundcrew_core::spec::Thing;
use groundcrew_core::steady::Steady;
use groundcrew_store::because::Because;
use groundcrew_store::findings::{NewFinding, Severity};
use groundcrew_store::leave::{LeavePolicy, Scope, Verdict};
use groundcrew_store::ledger::{RowEffects, StoredRow};
use groundcrew_store::runs::Ran;
use groundcrew_store::subjects::StoredSubject;
use groundcrew_store::wants::StoredWant;
use serde_json::Value;

use super::super::beliefs::Whose;
use super::super::installed::Installed;
use super::super::rehearsal::Noted;
use super::super::{Error, Runner};
use super::Asking;
use super::learn::{Learnt, UNKNOWN, Unkept, lost_outputs};
use super::order::{exists, may_wait_for_order, waits_for_order};
use super::twins::ids;

/// Steps of one row in one look; more means that something does not settle.
const STEPS: usize = 12;

/// One row being worked on.
pub(super) struct Work<'a> {
    pub(super) installed: &'a Installed,
    pub(super) owner: &'a StoredSubject,
    pub(super) whose: Whose,
    pub(super) row: StoredRow,
    pub(super) want: Option<&'a StoredWant>,
    pub(super) policy: Policy,
    pub(super) config: Arc<Value>,
    /// What made the lane due.
    pub(super) because: Option<Because>,
    /// Whether a source was doubted when it was decided what becomes of a thing that is to go.
    pub(super) doubted: bool,
    /// Runs that are not stored yet.
    pub(super) runs: Vec<Ran>,
    /// What was learnt and is not stored yet: with a wait that follows at once it is one commit.
    pub(super) unkept: Option<Unkept>,
}

impl Runner {
    /// Takes a due row as far as it goes. Returns whether its state changed.
    pub(super) async fn settle_row(
        &self,
        asking: &Asking<'_>,
        row: StoredRow,
        wants: &[StoredWant],
    ) -> Result<bool, Error> {
        let Asking { installed, owner, because, .. } = *asking;
        let window = self.limits.send_within + self.limits.request;
        let Some(policy) = installed.hook.policy(&row.kind, window) else {
            return self.unknown(installed, row).await;
        };
        let policy = match self.recovering_since() {
            Some(since) => Policy { adopt: Adopt::Recover, lost_at: Some(since), ..policy },
            None => policy,
        };
        let want = wants.iter().find(|want| row.is_wanted() && want.kind == row.kind && want.key == row.key);
        let config = self.row_config(asking)?;
        let before = row.row.state;
        let (whose, doubted, runs) = (self.whose(owner)?, false, Vec::new());
        let unkept = None;
        let mut work =
            Work { installed, owner, whose, row, want, policy, config, because, doubted, runs, unkept };
        match self.steps(&mut work).await {
            Ok(()) => Ok(work.row.row.state != before),
            // Somebody else changed the row: what was learnt is looked up again at the next look. What was asked was asked.
            Err(Error::Store(groundcrew_store::Error::Superseded(_))) => {
                for ran in std::mem::take(&mut work.runs) {
                    let (run, calls) = Arc::unwrap_or_clone(ran);
                    self.store.save_run(run, calls).await?;
                }
                Ok(true)
            }
            Err(other) => Err(other),
        }
    }

    /// The component does not know a row's kind any more: it rests, and a person is told. Each start looks again.
    async fn unknown(&self, installed: &Installed, mut row: StoredRow) -> Result<bool, Error> {
        let why = format!("the component knows no kind `{}`", row.kind);
        let remedy = format!(
            "install a version that knows it, or let go of it: groundcrew resources release {}",
            row.row.id
        );
        let finding = NewFinding {
            code: UNKNOWN.to_owned(),
            about: row.about(),
            hook: Some(installed.id),
            severity: Severity::Warning,
            message: format!("{why}: nothing looks after it, and nothing removes it"),
            remedy: Some(remedy),
        };
        (row.due_at, row.waiting) = (None, Some(why));
        let effects = RowEffects { open: vec![finding], now: self.now(), ..RowEffects::default() };
        self.store.commit_row(row, effects).await?;
        Ok(false)
    }

    /// The stanza's configuration for calls about a thing; words that have no value now stay as they are.
    pub(super) fn row_config(&self, asking: &Asking<'_>) -> Result<Arc<Value>, Error> {
        if let Some(config) = asking.config.get() {
            return Ok(config.clone());
        }
        Ok(match self.question(asking.installed, asking.owner)? {
            Ok(question) => {
                asking.keep(question.config.clone());
                question.config
            }
            Err(_) => Arc::new(asking.installed.hook.config.clone()),
        })
    }

    async fn steps(&self, work: &mut Work<'_>) -> Result<(), Error> {
        let mut look = None;
        for _ in 0..STEPS {
            let leave = match self.leave(work).await {
                Ok(leave) => leave,
                Err(error) => return self.keep(work).await.and(Err(error)),
            };
            let step = match self.decide(work, &leave, look.as_ref()) {
                Ok(step) => step,
                // What is known of the row is kept all the same.
                Err(error) => return self.keep(work).await.and(Err(error)),
            };
            let waits = self.waits_for_owner(work, &step);
            let step = waits.map_or(step, |why| Step::Wait { until: None, why });
            if !matches!(step, Step::Wait { .. }) {
                self.keep(work).await?;
            }
            match step {
                Step::Look(at) => {
                    let (_, steady) = self.clock.steadily();
                    let Some(seen) = self.find(work, at).await? else { return Ok(()) };
                    look = Some((seen, steady));
                }
                step => {
                    self.rehearse(work, &step);
                    if !self.perform(work, step, look.take().map(|(look, _)| look)).await? {
                        return Ok(());
                    }
                }
            }
        }
        self.keep(work).await?;
        tracing::warn!(row = %work.row.row.id, state = %work.row.row.state, "a row did not come to rest within a look");
        self.wait(work, Some(self.now() + Millis::seconds(1)), &Waiting::Settling).await
    }

    /// Writes a step down, if this is a rehearsal.
    fn rehearse(&self, work: &Work<'_>, step: &Step) {
        let Some(rehearsal) = &self.rehearsal else { return };
        rehearsal.note(&Noted {
            hook: &work.installed.hook.name,
            owner: work.owner,
            row: &work.row,
            want: work.want,
            immutable: &work.policy.immutable,
            step,
        });
    }

    /// What becomes of the thing if it is to go; notes first whether it is, and whether its outputs are shown.
    async fn leave(&self, work: &mut Work<'_>) -> Result<Leave, Error> {
        self.replaced(work).await?;
        let verdict = if work.want.is_some() && !work.row.is_replaced() {
            Verdict { leave: Leave::Held { why: "it is wanted".to_owned() }, withdrawn: false }
        } else {
            let policy = self.leave_policy(work);
            work.doubted = policy.frozen.is_some();
            self.store.leave(&work.row, &policy, self.now())?
        };
        if exists(&work.row) && work.row.withdrawn != verdict.withdrawn {
            work.row.withdrawn = verdict.withdrawn;
            let readers = self.readers(work)?;
            self.commit(work, RowEffects { readers, now: self.now(), ..RowEffects::default() }).await?;
        }
        Ok(verdict.leave)
    }

    /// Notes since when a thing is to be made anew, for its want asks for what cannot be changed, or that it is not.
    async fn replaced(&self, work: &mut Work<'_>) -> Result<(), Error> {
        let Some(want) = work.want else { return Ok(()) };
        // Of what was never sent there is nothing to replace, and what is in doubt is settled as it was sent.
        let made = !matches!(work.row.row.state, State::Creating | State::InDoubt);
        let mute = || work.row.is_replaced() && !lost_outputs(work).is_empty();
        let replaced = made && (needs_replacement(&work.row.row, &work.policy, &want.body) || mute());
        if replaced == work.row.is_replaced() {
            return Ok(());
        }
        let now = self.now();
        work.row.unwanted = replaced.then_some((now, Cause::Replacement));
        (work.row.frozen_at, work.row.frozen_why, work.row.frozen_for) = (None, None, Millis::ZERO);
        work.row.row.look_at = Some(now);
        self.commit(work, RowEffects { now, ..RowEffects::default() }).await
    }

    /// `look` is what was seen, and what was known of our clock when the look began.
    fn decide(&self, work: &Work<'_>, leave: &Leave, look: Option<&(Look, Steady)>) -> Result<Step, Error> {
        let row = &work.row;
        let (now, steady) = self.clock.steadily();
        // When a look began says nothing by a clock that was set since: it is taken again.
        let look = look.filter(|(_, then)| *then == steady).map(|(look, _)| look);
        let lost = |other: &StoredRow| self.is_lost(work.installed, other);
        if may_wait_for_order(row, work.want)
            && let Some(waits) = waits_for_order(row, work.want, &self.store.lane_rows(row.lane())?, lost)
        {
            return Ok(Step::Wait { until: None, why: waits });
        }
        let (held, listing_busy) = self.store.claims(
            row,
            look.into_iter().flat_map(ids),
            Occupied::at(&work.policy, steady, now),
        )?;
        Ok(decide(&Scene {
            row: &row.row,
            // What is to be made anew is wanted by nobody as it is.
            want: work.want.filter(|_| !row.is_replaced()).map(|want| &want.body),
            leave,
            look,
            held: &held,
            listing_busy,
            policy: &work.policy,
            installation: &self.installation,
            now,
            steady,
            rules: self.rules,
        }))
    }

    /// Whether a creation can no longer show anything but by a late effect.
    pub(super) fn is_lost(&self, installed: &Installed, row: &StoredRow) -> bool {
        let policy = installed.hook.policy(&row.kind, self.limits.send_within + self.limits.request);
        let (now, steady) = self.clock.steadily();
        let over = policy.zip(row.row.made_by);
        let over = over.map(|(policy, by)| steady.bound(by, policy.window) + policy.settle);
        row.row.state == State::InDoubt && over.is_some_and(|over| over < now)
    }

    pub(super) fn leave_policy(&self, work: &Work<'_>) -> LeavePolicy {
        let mut policy = work.installed.leave_policy(&work.row.kind, self.level());
        if policy.level < Level::Enforce && self.is_applied(work, &[Action::Delete, Action::Replace], None) {
            policy.level = Level::Enforce;
        }
        self.beliefs.tell(&mut policy);
        if !work.installed.hook.covers(work.owner.subject.path.app_name()) {
            policy.scope = Scope::Narrowed;
        }
        policy
    }

    /// Whether a step is no write, or one that is allowed: by the level, or by an operator who applied it.
    fn may_write(&self, work: &Work<'_>, step: &Step) -> Result<bool, Error> {
        let (applied, seen): (&[Action], _) = match step {
            Step::Create { .. } => (&[Action::Create, Action::Replace], None),
            Step::Update { thing } => (&[Action::Update], Some(thing)),
            Step::Remove { .. } => (&[Action::Delete, Action::Replace], None),
            _ => return Ok(true),
        };
        if self.rehearsal.is_some() {
            return Ok(false);
        }
        let lane = work.row.lane();
        // A pause is laid over everything, also over what was applied.
        if self.store.paused(lane.hook, lane.subject)? == Some(Level::Observe) {
            return Ok(false);
        }
        let level = self.level().min(work.installed.hook.level);
        Ok(level > Level::Observe || self.is_applied(work, applied, seen))
    }

    /// Whether an operator applied one of these actions to what would be done now, and an update to the thing as it was
    /// seen; never while a ledger is rebuilt, for what was applied was applied to what was known before.
    fn is_applied(&self, work: &Work<'_>, actions: &[Action], seen: Option<&Thing>) -> bool {
        if self.is_recovering() {
            return false;
        }
        let row = &work.row;
        let applied =
            self.store.applied(row.lane(), &row.kind, &row.key, self.now()).unwrap_or_else(|error| {
                tracing::error!(%error, "what was applied cannot be read");
                None
            });
        let body = work.want.map_or(&row.row.spec, |want| &want.body);
        let thing = row.row.thing.as_deref();
        applied.is_some_and(|applied| {
            let same = match seen {
                Some(seen) => {
                    let changes = updates(&seen.body, &row.row.spec, body);
                    is_update(&applied.print, thing, body, &changes, row.row.state == State::Updating)
                }
                None => applied.print == print(applied.action, thing, body),
            };
            actions.contains(&applied.action) && same
        })
    }

    /// Performs a step. Returns whether there is more to decide now.
    async fn perform(&self, work: &mut Work<'_>, step: Step, look: Option<Look>) -> Result<bool, Error> {
        if !self.may_write(work, &step)? {
            return self.observed(work, &step).await.map(|()| false);
        }
        match step {
            Step::Look(_) => Ok(true),
            Step::Wait { until, why } => {
                self.wait(work, until, &why).await?;
                if matches!(why, Waiting::Owner(_)) {
                    self.sleeps(work).await?;
                }
                Ok(false)
            }
            Step::Create { before } => self.create(work, before).await,
            Step::Update { thing } => self.update(work, &thing).await,
            Step::Remove { thing } => self.remove(work, &thing).await,
            Step::Take { thing, origin } => self.learn(work, Learnt::Taken { thing, origin }).await,
            Step::Note { thing, drifted } => match self.twins(work).await? {
                Some(twins) => self.learn(work, Learnt::Seen { thing, drifted, twins }).await,
                None => Ok(false),
            },
            Step::NoteAbsent => {
                let at = look.map_or_else(|| self.now(), |look| look.began);
                self.learn(work, Learnt::Absent { at }).await
            }
            Step::Gone { how } => self.learn(work, Learnt::Gone { how }).await,
            Step::Retain { why } => self.learn(work, Learnt::Retained { why }).await,
            Step::Report { problem, until } => self.report(work, &problem, until).await.map(|()| false),
        }
    }
}
