//! Brings subjects and events to the store, as sources do: rows, events, deliveries and looks in one commit.

use std::sync::PoisonError;

use groundcrew_core::spec::Event;
use groundcrew_core::subject::{Path, Subject, Uid};
use groundcrew_core::time::Timestamp;
use groundcrew_store::events::{Intake, NewEvent};
use groundcrew_store::subjects::SubjectChange;
use serde_json::Value;

use super::beside::Beside;
use super::play::Stage;
use super::scene::Sighting;
use crate::runner::Runner;

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
    let event = Event { id: id.clone(), kind, time: now, subject: Some(subject.clone()), data: Value::Null };
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
        let mut events = stage.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.entry(subject.uid.to_string()).or_default().push(id);
    }
    Ok(())
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
