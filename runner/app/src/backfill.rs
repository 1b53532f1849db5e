//! Tells handlers that came later of everybody who lives, slowly, and each of them once.
//!
//! # Guarantees
//! - What is told and how far that is are one transaction: a crash repeats nothing under another id, and nobody who
//!   lived when it was asked for, and still lives at their turn, is left out.
//! - A handler that is paused is told nothing meanwhile.

use std::sync::Arc;

use groundcrew_core::backfill::{event_id, event_kind};
use groundcrew_core::duration::Millis;
use groundcrew_core::spec::Event;
use groundcrew_core::time::Timestamp;
use groundcrew_store::backfills::{Backfill, Stride};
use groundcrew_store::events::NewEvent;
use groundcrew_store::subjects::StoredSubject;
use groundcrew_store::{Error, Result, SubjectId};
use tokio_util::sync::CancellationToken;

use crate::config::Work;
use crate::runner::Runner;
use crate::runner::installed::Installed;
use crate::source::platform_object;

/// Between two transactions at most; a fast backfill tells of several subjects in each.
const STRIDE: Millis = Millis::new(250);
/// Subjects of one transaction.
const SUBJECTS: i64 = 250;
/// The longest pause between two looks at what is due.
const PAUSE: Millis = Millis::seconds(5);
/// While its handler is paused, or not installed.
const LATER: Millis = Millis::seconds(10);

/// Works on backfills until told to stop.
pub async fn run(runner: Arc<Runner>, stop: CancellationToken) {
    let mut commits = runner.store.commits();
    loop {
        let work = async {
            turn(&runner).await;
            let next = runner.store.next_backfill().ok().flatten();
            let pause = next.map_or(PAUSE, |next| next.since(runner.now()).max(Millis::new(1))).min(PAUSE);
            let pause = tokio::time::sleep(pause.to_std());
            tokio::select! {
                // Both arms only notice that time has come. With one under way its own time says when.
                Ok(()) = commits.changed(), if next.is_none() => {}
                () = pause => {}
            }
        };
        if stop.run_until_cancelled(work).await.is_none() {
            return;
        }
    }
}

async fn turn(runner: &Runner) {
    let due = match runner.store.due_backfills(runner.now()) {
        Ok(due) => due,
        Err(error) => return tracing::error!(%error, "due backfills cannot be read"),
    };
    for backfill in due {
        match stride(runner, &backfill).await {
            // Somebody cancelled it: it is not due any more.
            Ok(()) | Err(Error::Superseded(_)) => {}
            Err(error) => tracing::warn!(%error, hook = %backfill.name, "a backfill did not go on"),
        }
    }
}

/// Tells of the next subjects.
pub async fn stride(runner: &Runner, backfill: &Backfill) -> Result<()> {
    let now = runner.now();
    let stays = |due_at, outcome| Stride { events: Vec::new(), last: backfill.last, due_at, outcome };
    let registry = runner.registry();
    let Some(installed) = registry.hook(backfill.hook) else {
        return runner.store.stride_backfill(backfill, stays(Some(now + LATER), None), now).await;
    };
    if !matches!(installed.hook.work, Work::Handler { .. }) {
        let ended = stays(None, Some("it is no handler any more".to_owned()));
        return runner.store.stride_backfill(backfill, ended, now).await;
    }
    if runner.store.paused(backfill.hook, SubjectId::NONE)?.is_some() {
        return runner.store.stride_backfill(backfill, stays(Some(now + LATER), None), now).await;
    }
    let every = backfill.every.as_i64().max(1);
    let count = (STRIDE.as_i64() / every).clamp(1, SUBJECTS);
    let next = runner.store.backfill_next(backfill, count as u32)?;
    let Some(last) = next.last() else {
        let told = backfill.told;
        return runner
            .store
            .stride_backfill(backfill, stays(None, Some(format!("told of {told}"))), now)
            .await;
    };
    let last = last.id.as_i64();
    let events: Vec<_> = next.iter().filter_map(|subject| event(backfill, installed, subject, now)).collect();
    let pause = Millis::new(every).times(events.len() as i64);
    let stride = Stride { events, last, due_at: Some(now + pause), outcome: None };
    runner.store.stride_backfill(backfill, stride, now).await
}

/// What the handler is told of a subject; none if that is out of its scope.
fn event(
    backfill: &Backfill,
    installed: &Installed,
    stored: &StoredSubject,
    now: Timestamp,
) -> Option<NewEvent> {
    let subject = &stored.subject;
    if !installed.hook.covers(subject.path.app_name()) {
        return None;
    }
    let event = Event {
        id: event_id(backfill.id, backfill.hook.as_i64(), &subject.uid).to_string(),
        kind: event_kind(subject.path.kind()).to_owned(),
        time: now,
        subject: Some(subject.clone()),
        data: platform_object(stored),
    };
    Some(NewEvent { event, handlers: vec![backfill.hook] })
}
