//! Commits what a step taught about a row.

use groundcrew_core::duration::Millis;
use groundcrew_core::may_delete::Cause;
use groundcrew_core::row::{Origin, State};
use groundcrew_core::settle::{Gone, Problem, Step, Waiting, poll_after};
use groundcrew_core::spec::{Thing, ThingState, differing};
use groundcrew_core::time::Timestamp;
use groundcrew_engine::gate::Writes;
use groundcrew_store::findings::Severity;
use groundcrew_store::lanes::LaneId;
use groundcrew_store::ledger::{RowEffects, StoredRow};
use groundcrew_store::recover::SETTLING;
use groundcrew_store::wants::StoredWant;

use super::super::drift::look_every;
use super::super::{Error, Runner};
use super::row::Work;
use super::tell::{describe, finding, news, say};
use super::twins::Twins;

/// What a step taught.
pub(super) enum Learnt {
    /// A creation was answered.
    Made { thing: Thing, spec: serde_json::Value, answered: Writes },
    /// A thing that was found is the row's.
    Taken { thing: Thing, origin: Origin },
    /// The thing is like this now.
    Seen { thing: Thing, drifted: Vec<String>, twins: Twins },
    /// A change was answered.
    Changed { thing: Thing, answered: Writes },
    /// A removal was answered.
    Removed { left: Option<Thing>, answered: Writes },
    /// A look did not show it.
    Absent { at: Timestamp },
    /// It does not exist.
    Gone { how: Gone },
    /// It stays where it is.
    Retained { why: String },
}

/// What was learnt about a row and is not stored yet.
pub(super) struct Unkept {
    effects: RowEffects,
    /// What is told to people once it is stored.
    news: Option<&'static str>,
}

/// Findings that end when a thing is seen in good order.
const MENDED: [&str; 6] = [
    "resource.stuck",
    "resource.conflict",
    "resource.ambiguous",
    "resource.changed",
    "resource.failed",
    UNKNOWN,
];
/// The finding about a thing whose kind the component does not know any more.
pub(super) const UNKNOWN: &str = "resource.unknown-kind";

/// The finding of a thing whose outputs cannot be read again and were never told.
const OUTPUTS_LOST: &str = "resource.outputs-lost";

/// The finding of a removal that a person must allow.
const HELD: &str = "resource.held";

/// How a row's `waiting` begins when a write of it was only shown.
const OBSERVED: &str = "observe: ";

impl Runner {
    /// Commits what was learnt. Returns whether there is more to decide now.
    pub(super) async fn learn(&self, work: &mut Work<'_>, learnt: Learnt) -> Result<bool, Error> {
        let now = self.now();
        let outputs = work.row.outputs.clone();
        let mut effects = RowEffects { now, ..RowEffects::default() };
        work.row.due_at = Some(now);
        work.row.waiting = None;
        let before = work.row.row.state;
        let news = news(&learnt, before);
        match learnt {
            Learnt::Made { thing, spec, answered } => {
                work.row.row.made_by = effect_by(answered).or(work.row.row.made_by).or(Some(now));
                work.row.row.spec = spec;
                self.own(work, &thing, Origin::Created, &mut effects);
            }
            Learnt::Taken { thing, origin } => {
                // Nothing was ever sent, and what was wanted when the row was made may be wanted no more.
                if let Some(want) = work.want.filter(|_| work.row.row.state == State::Creating) {
                    work.row.row.spec.clone_from(&want.body);
                }
                work.row.row.takes(&thing, &work.policy);
                self.own(work, &thing, origin, &mut effects);
            }
            Learnt::Seen { thing, drifted, twins } => {
                let before = work.row.row.observed.clone();
                self.see(work, &thing, &mut effects);
                remember(work, before.as_ref(), &drifted);
                work.row.row.look_at = Some(next_look(work, now));
                report_twins(work, twins, &mut effects);
                let fits =
                    |want: &&StoredWant| drifted.is_empty() && differing(&want.body, &thing.body).is_empty();
                if let Some(want) = work.want.filter(fits) {
                    // It is as it is wanted, whoever made it so.
                    work.row.row.spec.clone_from(&want.body);
                }
                drift(work, &drifted, now, &mut effects);
            }
            Learnt::Changed { thing, answered } => {
                work.row.row.made_by = effect_by(answered).or(work.row.row.made_by);
                self.see(work, &thing, &mut effects);
                effects.close.push("resource.drift".to_owned());
            }
            Learnt::Removed { left, answered } => {
                work.row.row.state = State::Deleting;
                work.row.row.removed_by = effect_by(answered).or(work.row.row.removed_by).or(Some(now));
                work.row.row.poll_at = left.as_ref().and_then(poll_after).map(|pause| now + pause);
                work.row.attempts = 0;
                work.row.error = None;
            }
            Learnt::Absent { at } => {
                work.row.row.absent_at = Some(at);
                work.row.row.poll_at = Some(at + work.policy.settle);
            }
            Learnt::Gone { how } => gone(work, how, now, &mut effects),
            Learnt::Retained { why } => {
                work.row.row.state = State::Retained;
                freeze(work, None, now);
                effects.close.push(HELD.to_owned());
                work.row.outputs.clear();
                work.row.due_at = None;
                let remedy = Some(format!("groundcrew why {}", work.row.row.id));
                effects.open.push(finding(
                    work,
                    "resource.retained",
                    Severity::Info,
                    format!("it stays: {why}"),
                    remedy,
                ));
                work.row.waiting = Some(why);
            }
        }
        if matches!(before, State::InDoubt | State::Pending) && work.row.unwanted.is_none() {
            self.replace_if_mute(work, now);
        }
        if outputs != work.row.outputs {
            effects.readers = self.readers(work)?;
        }
        work.unkept = Some(Unkept { effects, news });
        let more = work.row.row.state != State::Gone && work.row.due_at.is_some();
        // A thing that is there and wanted mostly waits next; any other step is taken from what is kept.
        if !(more && work.want.is_some() && matches!(work.row.row.state, State::Present | State::Pending)) {
            self.keep(work).await?;
        }
        Ok(more)
    }

    /// A thing that was made, and whose answer was lost with outputs that cannot be read again, is made anew.
    ///
    /// Not what a rebuilt ledger found: somebody may have its outputs.
    fn replace_if_mute(&self, work: &mut Work<'_>, now: Timestamp) {
        let ours = matches!(work.row.row.origin, Origin::Created | Origin::Presumed);
        let mute = work.row.row.state == State::Present && !lost_outputs(work).is_empty();
        if work.want.is_some() && ours && mute && !self.is_recovering() {
            work.row.unwanted = Some((now, Cause::Replacement));
        }
    }

    /// The lanes that are shown a row's outputs.
    pub(super) fn readers(&self, work: &Work<'_>) -> Result<Vec<LaneId>, Error> {
        let mut readers = self.registry().readers(&self.store, work.installed, work.owner)?;
        // A hook may read its own things, too.
        let own = work.installed.hook.reads().contains(&work.installed.hook.name);
        readers.extend(own.then(|| work.row.lane()));
        Ok(readers)
    }

    /// Commits what was learnt and is not kept yet.
    pub(super) async fn keep(&self, work: &mut Work<'_>) -> Result<(), Error> {
        if work.unkept.is_none() {
            return Ok(());
        }
        let now = self.now();
        self.commit(work, RowEffects { now, ..RowEffects::default() }).await
    }

    /// Commits the row as it is now, with what was learnt just before. Runs that were not kept by that are still the
    /// work's.
    pub(super) async fn commit(&self, work: &mut Work<'_>, effects: RowEffects) -> Result<(), Error> {
        self.keeper.keep().await?;
        let unkept = work.unkept.take();
        let (earlier, news) = unkept.map_or((None, None), |it| (Some(it.effects), it.news));
        let mut effects = earlier.unwrap_or_default().followed_by(effects);
        effects.runs = std::mem::take(&mut work.runs);
        let (run, runs) = (effects.runs.last().map(|ran| ran.0.id), effects.runs.clone());
        match self.store.commit_row(work.row.clone(), effects).await {
            Ok(row) => work.row = row,
            Err(error) => {
                work.runs = runs;
                return Err(error.into());
            }
        }
        if let Some(what) = news {
            say(work, run, what);
        }
        let ended = matches!(work.row.row.state, State::Gone | State::Retained);
        if ended && !work.installed.hook.covers(work.owner.subject.path.app_name()) {
            self.tell_of_scope(work.installed, self.now()).await?;
        }
        Ok(())
    }

    /// The row has a thing from here on.
    fn own(&self, work: &mut Work<'_>, thing: &Thing, origin: Origin, effects: &mut RowEffects) {
        let now = self.now();
        work.row.row.thing = Some(thing.id.clone());
        work.row.row.origin = origin;
        work.row.row.inherited_at = None;
        work.row.made_at.get_or_insert(now);
        // A twin of a creation that was in doubt may still turn up.
        work.row.row.look_at = Some(now + work.policy.settle.times(2));
        self.see(work, thing, effects);
    }

    /// The thing is like this now.
    fn see(&self, work: &mut Work<'_>, thing: &Thing, effects: &mut RowEffects) {
        let now = self.now();
        work.row.row.state = if thing.state == ThingState::Pending { State::Pending } else { State::Present };
        work.row.row.observed = Some(thing.body.clone());
        work.row.row.mark.clone_from(&thing.mark);
        work.row.row.absent_at = None;
        work.row.row.removed_by = None;
        work.row.row.poll_at = poll_after(thing).map(|pause| now + pause);
        take_outputs(work, thing, effects);
        work.row.note.clone_from(&thing.note);
        work.row.attempts = 0;
        work.row.error = None;
        if thing.state == ThingState::Failed {
            let note = thing.note.clone().unwrap_or_else(|| "its API says so".to_owned());
            effects.open.push(finding(
                work,
                "resource.failed",
                Severity::Warning,
                format!("it exists and does not work: {note}"),
                None,
            ));
            effects
                .close
                .extend(MENDED.iter().filter(|code| **code != "resource.failed").map(ToString::to_string));
        } else {
            effects.close.extend(MENDED.map(str::to_owned));
        }
    }

    /// Waits, and says for what; commits only if that is news.
    pub(super) async fn wait(
        &self,
        work: &mut Work<'_>,
        until: Option<Timestamp>,
        why: &Waiting,
    ) -> Result<(), Error> {
        let now = self.now();
        let (text, frozen) = match why {
            Waiting::Settled => (None, None),
            Waiting::Settling => (Some(SETTLING.to_owned()), None),
            Waiting::Polling => {
                (Some(format!("not ready: {}", work.row.note.as_deref().unwrap_or("asked again soon"))), None)
            }
            Waiting::Turn => (Some("another creation in the same listing is under way".to_owned()), None),
            Waiting::Watching => (Some("given up; watched for a late effect".to_owned()), None),
            Waiting::Leaving(why) | Waiting::Owner(why) => (Some(why.clone()), None),
            Waiting::Held(why) => (Some(why.clone()), Some(why.clone())),
        };
        let before = work.row.clone();
        let mut effects = RowEffects { now, ..RowEffects::default() };
        freeze(work, frozen.as_deref(), now);
        if let Some(why) = &frozen {
            let remedy = Some(self.remedy(work, why)?);
            effects.open.push(finding(
                work,
                HELD,
                Severity::Warning,
                format!("its removal is held: {why}"),
                remedy,
            ));
        } else {
            // Also if the row does not say that it was held: whoever wants it again has forgotten that.
            effects.close.push(HELD.to_owned());
        }
        work.row.due_at = until;
        work.row.waiting = text;
        if work.row == before && work.runs.is_empty() && work.unkept.is_none() {
            return Ok(());
        }
        self.commit(work, effects).await?;
        if frozen.is_some() && work.doubted && self.beliefs.doubt().is_none() {
            // The doubt ended while this was decided, and who it had frozen by then is awake already.
            self.store.wake_waiting(now).await?;
        }
        Ok(())
    }

    /// With `observe` a write is not sent, and shown instead.
    pub(super) async fn observed(&self, work: &mut Work<'_>, step: &Step) -> Result<(), Error> {
        let would = match step {
            Step::Create { .. } => "would be created",
            Step::Update { .. } => "would be changed",
            _ => "would be removed",
        };
        work.row.due_at = None;
        work.row.waiting = Some(format!("{OBSERVED}{would}"));
        let now = self.now();
        self.commit(work, RowEffects { now, ..RowEffects::default() }).await
    }

    /// Opens a finding that a person should see.
    pub(super) async fn report(
        &self,
        work: &mut Work<'_>,
        problem: &Problem,
        until: Timestamp,
    ) -> Result<(), Error> {
        let (code, severity, message, remedy) = describe(problem, work);
        let now = self.now();
        let open = vec![finding(work, code, severity, message.clone(), remedy)];
        work.row.due_at = Some(until);
        work.row.waiting = Some(message);
        // What could not be done was allowed.
        freeze(work, None, now);
        let close = vec![HELD.to_owned()];
        self.commit(work, RowEffects { open, close, now, ..RowEffects::default() }).await
    }
}

/// Whether a row sleeps since a write of it was only shown. It is taken up again as soon as the level allows, whatever
/// raised it: the end of a pause, or another configuration.
pub(super) fn is_observed(row: &StoredRow) -> bool {
    row.due_at.is_none() && row.waiting.as_deref().is_some_and(|why| why.starts_with(OBSERVED))
}

fn effect_by(writes: Writes) -> Option<Timestamp> {
    match writes {
        Writes::None => None,
        Writes::Sent { effect_by } => Some(effect_by),
    }
}

fn gone(work: &mut Work<'_>, how: Gone, now: Timestamp, effects: &mut RowEffects) {
    let how = match how {
        Gone::NeverMade => "never made",
        Gone::NeverSeen => "given up and never seen",
        Gone::Removed => "removed",
        Gone::Lost => "somebody else removed it",
    };
    let row = &mut work.row;
    row.row.state = State::Gone;
    row.gone_at = Some(now);
    row.gone_how = Some(how.to_owned());
    row.due_at = None;
    row.outputs.clear();
    row.error = None;
    row.attempts = 0;
    row.frozen_why = None;
    effects.close.push("resource.*".to_owned());
}

/// A thing is looked at twice soon after it was made, for twins, and then now and then.
fn next_look(work: &Work<'_>, now: Timestamp) -> Timestamp {
    // What is not ready is looked at more often, and its twins are not looked for then.
    let soon = |times| work.row.made_at.map(|made| made + work.policy.settle.times(times));
    [2, 10]
        .into_iter()
        .filter_map(soon)
        .find(|at| *at > now)
        .unwrap_or_else(|| now + look_every(work.installed))
}

fn report_twins(work: &Work<'_>, twins: Twins, effects: &mut RowEffects) {
    let Twins::Seen(twins) = twins else { return };
    let Some(thing) = twins.into_iter().next() else {
        effects.close.push("resource.twin".to_owned());
        return;
    };
    let (code, severity, message, remedy) = describe(&Problem::Twin { thing }, work);
    effects.open.push(finding(work, code, severity, message, remedy));
}

/// Its outputs; of those that cannot be read again, the ones that its creation told are kept.
fn take_outputs(work: &mut Work<'_>, thing: &Thing, effects: &mut RowEffects) {
    let told = std::mem::replace(&mut work.row.outputs, thing.outputs.clone());
    let once = lost_outputs(work);
    work.row.outputs.extend(told.into_iter().filter(|output| once.contains(&output.name)));
    let lost = lost_outputs(work);
    // What is still being made may tell them yet.
    if lost.is_empty() || thing.state == ThingState::Pending {
        effects.close.push(OUTPUTS_LOST.to_owned());
        return;
    }
    let lost = lost.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let message = format!(
        "the answer to its creation was lost, and with it {lost}, which cannot be read again: it works for nobody until it is made anew"
    );
    let remedy = Some(format!("groundcrew why {}", work.row.row.id));
    effects.open.push(finding(work, OUTPUTS_LOST, Severity::Warning, message, remedy));
}

/// Outputs that cannot be read again, and that the row lacks.
pub(super) fn lost_outputs(work: &Work<'_>) -> Vec<String> {
    let kind = work.installed.hook.manifest.kind.get(&work.row.kind);
    let once = kind.map_or(&[][..], |kind| &kind.outputs_once);
    let has = |name: &String| work.row.outputs.iter().any(|output| output.name == *name);
    once.iter().filter(|name| !has(name)).cloned().collect()
}

/// What tells of a hidden field that somebody changed is remembered as it was, so that the drift is not forgotten.
fn remember(work: &mut Work<'_>, before: Option<&serde_json::Value>, drifted: &[String]) {
    let shown = work.policy.shown_as.iter().filter(|(hidden, _)| drifted.contains(hidden));
    for (_, shown) in shown {
        let old = before.and_then(|before| before.get(shown)).cloned();
        if let (Some(old), Some(observed)) = (old, work.row.row.observed.as_mut()) {
            observed[shown.as_str()] = old;
        }
    }
}

/// Keeps the clock of freezes: time spent frozen is no grace.
fn freeze(work: &mut Work<'_>, why: Option<&str>, now: Timestamp) {
    let row = &mut work.row;
    let frozen = why.is_some_and(|why| why.starts_with("frozen"));
    match (row.frozen_at, frozen) {
        (None, true) => row.frozen_at = Some(now),
        (Some(since), false) => {
            row.frozen_for = Millis::new(row.frozen_for.as_i64() + now.since(since).as_i64());
            row.frozen_at = None;
        }
        (None, false) | (Some(_), true) => {}
    }
    row.frozen_why = why.map(str::to_owned);
}

fn drift(work: &mut Work<'_>, drifted: &[String], now: Timestamp, effects: &mut RowEffects) {
    if drifted.is_empty() {
        effects.close.push("resource.drift".to_owned());
        work.row.row.is_quiet(now);
        if !work.row.row.is_fought() {
            effects.close.push("resource.fought".to_owned());
        }
        return;
    }
    let message = format!("somebody else changed: {}", drifted.join(", "));
    let remedy = Some("set `drift = \"repair\"` in the stanza, or change it back".to_owned());
    effects.open.push(finding(work, "resource.drift", Severity::Warning, message, remedy));
}
