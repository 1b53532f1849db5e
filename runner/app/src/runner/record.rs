//! Turns what a run left behind into what is kept of it.

use std::sync::Arc;

use groundcrew_engine::gate::Refusal;
use groundcrew_engine::journal::{CallAccess, Recorded, Schedule};
use groundcrew_engine::run::{Context, Ended, Log, Run};
use groundcrew_store::because::Because;
use groundcrew_store::lanes::LaneId;
use groundcrew_store::runs::{CallRecord, RunRecord};
use groundcrew_store::{RunId, SubjectId};
use serde::Serialize;
use serde_json::{Value, json};

use super::Runner;
use super::given::{self, Asked};
use super::installed::Installed;
use crate::canary::Feed;

/// A run that has been numbered and may have begun to write, and where it is offered for comparison when it ends.
#[derive(Clone, Debug)]
pub(super) struct Opened(pub(super) RunRecord, Option<Arc<Feed>>);

impl Runner {
    /// Numbers a run.
    pub(super) fn open_run(
        &self,
        installed: &Installed,
        lane: LaneId,
        about: About,
        start: &RunStart,
        config: &Arc<Value>,
        asked: &Asked<'_>,
    ) -> Opened {
        let record = RunRecord {
            id: self.store.next_run(),
            hook: installed.id,
            subject: (lane.subject != SubjectId::NONE).then_some(lane.subject),
            seq: about.seq,
            resource: about.resource,
            op: asked.op().to_owned(),
            component: installed.component.digest,
            seed: start.seed,
            schedule: None,
            started: start.started,
            ended: None,
            outcome: None,
            log: None,
            settings: Some(installed.given(config)),
            input: asked.kept(),
            answer: None,
            resumes: about.resumes,
            because: about.because,
        };
        Opened(record, self.feed(installed.id).cloned())
    }
}

/// What a run is about.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct About {
    pub(super) seq: Option<i64>,
    pub(super) resource: Option<i64>,
    /// The run from which it goes on.
    pub(super) resumes: Option<RunId>,
    /// What made a provisioner's lane due.
    pub(super) because: Option<Because>,
}

/// Where a run begins: what its randomness and its time come from.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunStart {
    pub(super) seed: [u8; 32],
    pub(super) started: groundcrew_core::time::Timestamp,
}

impl Opened {
    /// Completes the record of a run that ended.
    pub(super) fn close<T: Serialize>(
        self,
        context: &Context,
        run: &Run<T>,
        now: groundcrew_core::time::Timestamp,
    ) -> (RunRecord, Vec<CallRecord>) {
        // What a journal that is resumed knows beyond this is not lost where the host ended the run before that came; a guest
        // that ended it, or went another way, never comes to it.
        let journal = match &run.outcome {
            Ok(_)
            | Err(
                Ended::Failure(_)
                | Ended::Trap(_)
                | Ended::Refused(Refusal::InDoubt(_) | Refusal::Diverged { .. }),
            ) => context.gate.journal(),
            Err(Ended::Deadline(_) | Ended::Refused(_) | Ended::NoExport(_) | Ended::Uncompiled) => {
                context.gate.known()
            }
        };
        let calls = journal.calls.iter().map(call).collect();
        say(self.0.id, &run.log);
        if let Some(feed) = &self.1 {
            feed.offer(self.0.id);
        }
        let outcome = match &run.outcome {
            Ok(_) => "ok".to_owned(),
            Err(ended) => ended.to_string(),
        };
        let schedule = kept_schedule(&journal.schedule);
        let said = speaks(run) || !run.stderr.is_empty();
        let log = said.then(|| {
            json!({"lines": run.log.lines, "dropped": run.log.dropped, "stderr": run.stderr}).to_string()
        });
        let answer = given::answer(run);
        (RunRecord { schedule, ended: Some(now), outcome: Some(outcome), log, answer, ..self.0 }, calls)
    }
}

/// A schedule as it is kept; that of a guest that never looked is not.
pub(super) fn kept_schedule(schedule: &Schedule) -> Option<String> {
    (*schedule != Schedule::default()).then(|| json!(schedule).to_string())
}

/// Whether a run logged anything.
pub(super) fn speaks<T>(run: &Run<T>) -> bool {
    !run.log.lines.is_empty() || run.log.dropped > 0
}

/// What a guest logged, as lines of the log; `GROUNDCREW_LOG=info,guest=off` keeps them to `groundcrew run`.
fn say(run: RunId, log: &Log) {
    for line in &log.lines {
        match line.level.as_str() {
            "error" => tracing::error!(target: "guest", %run, "{}", line.message),
            "warn" => tracing::warn!(target: "guest", %run, "{}", line.message),
            "info" => tracing::info!(target: "guest", %run, "{}", line.message),
            _ => tracing::debug!(target: "guest", %run, "{}", line.message),
        }
    }
    if log.dropped > 0 {
        tracing::warn!(target: "guest", %run, dropped = log.dropped, "it logged more than its limit");
    }
}

pub(super) fn call(recorded: &Recorded) -> CallRecord {
    let access = match recorded.access {
        CallAccess::Read => "read",
        CallAccess::Write => "write",
        CallAccess::Local => "local",
    };
    CallRecord {
        n: recorded.n,
        op: recorded.op.clone(),
        access: access.to_owned(),
        print: recorded.print,
        ask: recorded.ask.clone(),
        answer: recorded.answer.clone(),
        sent_at: recorded.sent_at,
        back_at: recorded.back_at,
    }
}
