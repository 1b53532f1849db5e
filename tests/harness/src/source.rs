//! Brings subjects and events to the store, as sources do: rows, events, deliveries and looks in one commit.

use std::sync::PoisonError;

use groundcrew::runner::Runner;
use groundcrew_core::spec::Event;
use groundcrew_core::subject::{Path, Subject, Uid};
use groundcrew_core::time::Timestamp;
use groundcrew_store::events::{Intake, NewEvent};
use groundcrew_store::subjects::SubjectChange;
use serde_json::{Map, Value};

use crate::play::Stage;
use crate::scenario::Doing;

/// Tells the store what a source saw; the same again if it was refused.
pub(crate) async fn tell(
    stage: &Stage<'_>,
    runner: &Runner,
    doing: &Doing,
    version: u64,
) -> Result<(), groundcrew_store::Error> {
    let now = Timestamp::from_millis(stage.clock.millis());
    let Some(seen) = Seen::of(doing) else { return Ok(()) };
    let subject = Subject {
        path: seen.path,
        uid: seen.uid,
        state: if seen.ended { "gone" } else { "deployed" }.to_owned(),
        labels: seen.labels,
    };
    let kind = if seen.ended { "app.deleted" } else { "app.changed" };
    let id = format!("{}.{version}", subject.uid);
    let event = Event {
        id: id.clone(),
        kind: kind.to_owned(),
        time: now,
        subject: Some(subject.clone()),
        data: Value::Null,
    };
    let registry = runner.registry();
    let change = SubjectChange {
        path: subject.path.clone(),
        uid: subject.uid.clone(),
        parent: None,
        state: subject.state.clone(),
        version,
        labels: subject.labels.clone(),
        raw: Value::Null,
        seen_at: now,
        gone_at: seen.ended.then_some(now),
    };
    let handlers = registry.handlers(&event);
    let intake = Intake {
        subjects: vec![change],
        events: vec![NewEvent { event, handlers }],
        dirty: registry.lanes(&subject, None),
        cursor: Some(("script".to_owned(), version.to_string())),
        findings: Vec::new(),
        now,
    };
    runner.store.accept(intake).await?;
    let mut events = stage.events.lock().unwrap_or_else(PoisonError::into_inner);
    events.entry(subject.uid.to_string()).or_default().push(id);
    Ok(())
}

struct Seen {
    path: Path,
    uid: Uid,
    labels: Map<String, Value>,
    ended: bool,
}

impl Seen {
    fn of(doing: &Doing) -> Option<Self> {
        let (app, incarnation, things) = match doing {
            Doing::Wants { app, incarnation, things } => (app, incarnation, Some(things)),
            Doing::Ends { app, incarnation } => (app, incarnation, None),
            Doing::Act { .. } | Doing::Open { .. } | Doing::Fault { .. } => return None,
        };
        let mut labels = Map::new();
        labels.extend(things.map(|things| ("things".to_owned(), things.clone())));
        Some(Self {
            path: Path::app("acme", app).expect("invariant: scripts name apps rightly"),
            uid: format!("app:{app}-{incarnation}").parse().expect("invariant: scripts name apps rightly"),
            labels,
            ended: things.is_none(),
        })
    }
}
