//! Brings subjects and events to the store, as sources do: rows, events, deliveries and looks in one commit.

use std::sync::{MutexGuard, PoisonError};

use groundcrew_core::kind::is_reserved;
use groundcrew_core::schedule::Overlap;
use groundcrew_core::spec::Event;
use groundcrew_core::subject::{Path, Subject, Uid};
use groundcrew_core::time::Timestamp;
use groundcrew_store::events::{Intake, NewEvent};
use groundcrew_store::subjects::SubjectChange;
use serde_json::Value;

use super::beside::Beside;
use super::calls::short;
use super::happening::{Happening, Owed};
use super::play::Stage;
use super::scene::{Heard, Sighting};
use crate::runner::Runner;
use crate::scheduler::{self, Job};
use crate::source::{self, Refusal};

/// Tells the store what a source saw; the same again if it was refused.
pub(super) async fn tell<B: Beside>(
    stage: &Stage<'_, B>,
    runner: &Runner,
    sighting: &Sighting,
    version: u64,
) -> Result<(), groundcrew_store::Error> {
    let now = Timestamp::from_millis(stage.clock.millis());
    let ended = sighting.labels.is_none();
    let subject = subject(sighting);
    let word = if sighting.machine.is_some() { "machine" } else { "app" };
    let happened = || if ended { format!("{word}.deleted") } else { format!("{word}.changed") };
    let kind = sighting.event.clone().unwrap_or_else(happened);
    let id = format!("{}.{version}", subject.uid);
    let event = Event {
        id: id.clone(),
        kind,
        time: now,
        subject: Some(subject.clone()),
        data: sighting.data.clone(),
    };
    let what = Happening { kind: event.kind.clone(), about: Some(short(subject.path.as_str())) };
    let registry = runner.registry();
    let parent = sighting
        .machine
        .as_ref()
        .map(|_| uid("app", &sighting.app, stage.app_before(&sighting.app, version)));
    let change = SubjectChange {
        path: subject.path.clone(),
        uid: subject.uid.clone(),
        parent: parent.clone(),
        state: subject.state.clone(),
        version,
        labels: subject.labels.clone(),
        raw: Value::Null,
        seen_at: now,
        gone_at: ended.then_some(now),
    };
    let handlers = registry.handlers(&event);
    let owed = !handlers.is_empty();
    let intake = Intake {
        subjects: vec![change],
        events: vec![NewEvent { event, handlers }],
        dirty: registry.lanes(&subject, parent.as_ref()),
        cursor: Some(("script".to_owned(), version.to_string())),
        findings: Vec::new(),
        noted: Vec::new(),
        now,
    };
    runner.store.accept(intake).await?;
    if owed {
        owing(stage).owes(subject.uid.as_str(), id, what);
    }
    Ok(())
}

/// Tells the store of an event that changes nobody; the same again if it was refused.
pub(super) async fn hear<B: Beside>(
    stage: &Stage<'_, B>,
    runner: &Runner,
    heard: &Heard,
    version: u64,
) -> Result<(), groundcrew_store::Error> {
    let now = Timestamp::from_millis(stage.clock.millis());
    let registry = runner.registry();
    let own = is_reserved(&heard.what.kind);
    let new = if own {
        let (kind, data) = (heard.what.kind.clone(), heard.data.clone());
        let event = Event { id: format!("{kind}.{version}"), kind, time: now, subject: None, data };
        NewEvent { handlers: registry.handlers(&event), event }
    } else {
        match source::brought(heard.cloudevent(&version.to_string()), &*registry, &runner.store, now) {
            Ok(new) => new,
            Err(Refusal::Store(error)) => return Err(error),
            Err(refusal) => unreachable!("invariant: the scenario was read, and {refusal}"),
        }
    };
    let (id, owed) = (new.event.id.clone(), !new.handlers.is_empty());
    let lane = new.event.subject.as_ref().map(|subject| subject.uid.to_string()).unwrap_or_default();
    runner.store.accept(Intake { events: vec![new], now, ..Intake::default() }).await?;
    if owed {
        owing(stage).owes(&lane, id, heard.what.clone());
    }
    Ok(())
}

/// Tells every handler with a schedule that it is time, as the scheduler does: a tick that was taken up before the
/// process died is not taken up again.
pub(super) async fn tick<B: Beside>(
    stage: &Stage<'_, B>,
    runner: &Runner,
    at: Timestamp,
) -> Result<(), groundcrew_store::Error> {
    for job in Job::all(&stage.scene.cast.config, &runner.registry()) {
        let Job::Tick { hook, id, timing } = &job else { continue };
        let tick = scheduler::ticked(&job.name(), hook, *id, timing, at);
        let event = tick.event.id.clone();
        let what = Happening { kind: tick.event.kind.clone(), about: None };
        if runner.store.last_tick(&tick.schedule)?.is_none_or(|last| last < at) {
            let now = Timestamp::from_millis(stage.clock.millis());
            runner.store.accept_tick(tick, now).await?;
        }
        let is_owed = runner.store.has_event(&event)?;
        let mut owing = owing(stage);
        if !is_owed {
            owing.leaves_out(what);
            continue;
        }
        if timing.overlap == Overlap::Cancel {
            owing.replaces(NOBODY, &what.kind, &stage.outside.receipts());
        }
        owing.owes(NOBODY, event, what);
    }
    Ok(())
}

/// The lane of what is about no owner.
const NOBODY: &str = "";

fn owing<'a, B: Beside>(stage: &'a Stage<'_, B>) -> MutexGuard<'a, Owed> {
    stage.owed.lock().unwrap_or_else(PoisonError::into_inner)
}

fn subject(sighting: &Sighting) -> Subject {
    let Sighting { app, machine, incarnation, labels, .. } = sighting;
    let right = "invariant: scripts name subjects rightly";
    let path = Path::app("acme", app).expect(right);
    let (path, uid) = match machine {
        None => (path, uid("app", app, *incarnation)),
        Some(machine) => (path.machine(machine).expect(right), uid("machine", machine, *incarnation)),
    };
    Subject {
        path,
        uid,
        state: if labels.is_none() { "gone" } else { "deployed" }.to_owned(),
        labels: labels.as_ref().and_then(Value::as_object).cloned().unwrap_or_default(),
    }
}

fn uid(kind: &str, name: &str, incarnation: u32) -> Uid {
    format!("{kind}:{name}-{incarnation}").parse().expect("invariant: scripts name subjects rightly")
}
