//! Asks `desired` when its view changed, and commits the answer.

use std::borrow::Cow;
use std::sync::Arc;

use groundcrew_core::manifest::Lives;
use groundcrew_core::may_delete::{Cause, Level};
use groundcrew_core::retry::Backoff;
use groundcrew_core::spec::{Failure, Spec};
use groundcrew_core::time::Timestamp;
use groundcrew_engine::gate::{Answers, Unrecorded};
use groundcrew_engine::run::MemoryHandle;
use groundcrew_store::findings::{NewFinding, Severity};
use groundcrew_store::lanes::{Lane, LaneId};
use groundcrew_store::recover::OUT_OF_SCOPE;
use groundcrew_store::subjects::StoredSubject;
use groundcrew_store::wants::{NewWants, Place};

use super::super::given;
use super::super::installed::Installed;
use super::super::record::{About, RunStart};
use super::super::view::Question;
use super::super::{Error, Runner, Surroundings, TIMELESS};
use super::Asking;
use super::answer::check;

/// What came of asking an owner.
pub(super) enum Asked {
    /// Its wants are those of its view, now or already.
    Answered,
    /// It cannot be asked yet; without a time, something will wake it.
    Postponed { why: String, until: Option<Timestamp> },
    /// `desired` failed; the old wants stand.
    Failed { why: String, until: Timestamp },
}

/// The finding about a `desired` that fails.
const FAILED: &str = "hook.desired";

/// View hash of an owner whose end is confirmed.
const ENDED: &str = "ended";

impl Runner {
    pub(super) async fn ask(&self, asking: &Asking<'_>, lane: LaneId, now: &Lane) -> Result<Asked, Error> {
        let Asking { installed, owner, .. } = *asking;
        if owner.gone_at.is_some() {
            return self.ask_nobody(installed, owner, lane, now).await;
        }
        if now.ending_at.is_some() {
            // A person ended the hook: its wants are none, and went with that.
            return Ok(Asked::Answered);
        }
        if !installed.hook.covers(owner.subject.path.app_name()) {
            let why = format!("{OUT_OF_SCOPE}: its rows are frozen");
            return Ok(Asked::Postponed { why, until: None });
        }
        if self.paused(lane)? == Level::Observe && now.view_hash.is_none() && self.level() > Level::Observe {
            return Ok(Asked::Postponed { why: "paused".to_owned(), until: None });
        }
        // Sources are asked about apps; what they say of one counts for its machines, too.
        let answered = self.store.label_sources(&owner.subject.path.app_path())?;
        if let Some(missing) = self.label_sources.iter().find(|name| !answered.contains(name)) {
            let why = format!("label source `{missing}` has not answered yet");
            return Ok(Asked::Postponed { why, until: None });
        }
        let question = match self.question(installed, owner)? {
            Ok(question) => question,
            Err(missing) => return Ok(Asked::Postponed { why: missing.to_string(), until: None }),
        };
        asking.keep(question.config.clone());
        if now.view_hash.as_deref() == Some(question.hash.as_str()) {
            if now.error.is_some() {
                // What could not be answered is not asked any more.
                self.store.close_finding(FAILED, &about(installed, owner), self.now()).await?;
            }
            return Ok(Asked::Answered);
        }
        self.ask_hook(installed, owner, lane, now, question).await
    }

    /// The level that operators and configuration leave to a lane.
    pub(super) fn paused(&self, lane: LaneId) -> Result<Level, Error> {
        let laid = self.store.paused(lane.hook, lane.subject)?;
        Ok(laid.map_or(self.level(), |level| level.min(self.level())))
    }

    /// Nobody is left to want anything.
    async fn ask_nobody(
        &self,
        installed: &Installed,
        owner: &StoredSubject,
        lane: LaneId,
        now: &Lane,
    ) -> Result<Asked, Error> {
        if now.view_hash.as_deref() != Some(ENDED) {
            let wants = self.new_wants(installed, owner, lane, now, Vec::new(), ENDED.to_owned(), Vec::new());
            let close = vec![(FAILED.to_owned(), about(installed, owner))];
            self.store.save_wants(NewWants { cause: Cause::OwnerEnded, close, ..wants }).await?;
        }
        for row in self.store.lane_rows(lane)? {
            if !row.inside.is_empty() {
                self.end_with_owner(row).await?;
            }
        }
        Ok(Asked::Answered)
    }

    async fn ask_hook(
        &self,
        installed: &Installed,
        owner: &StoredSubject,
        lane: LaneId,
        now: &Lane,
        question: Question,
    ) -> Result<Asked, Error> {
        // The seed is the question's own: the same view is always answered the same.
        let seed = *groundcrew_core::hash::Digest::of(question.hash.as_bytes()).as_bytes();
        let surroundings = Surroundings {
            answers: Answers::Outside,
            intents: Arc::new(Unrecorded),
            memory: MemoryHandle::absent(),
            start: RunStart { seed, started: TIMELESS },
            resource: None,
        };
        let context =
            self.context(installed, Some(&owner.subject.path), question.config.clone(), surroundings);
        let start = RunStart { seed, started: self.now() };
        let asked = given::Asked::Desired(Cow::Borrowed(&question.view));
        let due = About { because: now.because, ..About::default() };
        let opened = self.open_run(installed, lane, due, &start, &question.config, &asked);
        let run = self.engine.desired(&installed.component, &context, question.view).await;
        let (record, calls) = opened.close(&context, &run, self.now());
        let specs = match run.outcome {
            Ok(specs) => check(installed, specs),
            Err(ended) => Err(ended.failure()),
        };
        match specs {
            Ok(specs) => {
                if self.feed(installed.id).is_some() {
                    // What it answered is in the ledger; to compare it with a candidate's, it is kept as a run, too.
                    self.store.save_run(record, calls).await?;
                }
                let wants = self.new_wants(installed, owner, lane, now, specs, question.hash, question.reads);
                let close = vec![(FAILED.to_owned(), about(installed, owner))];
                self.store.save_wants(NewWants { close, ..wants }).await?;
                Ok(Asked::Answered)
            }
            Err(failure) => {
                self.store.save_run(record, calls).await?;
                self.failed_to_ask(installed, owner, now, &failure).await
            }
        }
    }

    async fn failed_to_ask(
        &self,
        installed: &Installed,
        owner: &StoredSubject,
        now: &Lane,
        failure: &Failure,
    ) -> Result<Asked, Error> {
        let attempts = now.attempts + 1;
        if !failure.retry || attempts >= super::STUCK_AFTER {
            let finding = NewFinding {
                code: FAILED.to_owned(),
                about: about(installed, owner),
                hook: Some(installed.id),
                severity: Severity::Warning,
                message: format!("`desired` failed {attempts} times: {}", failure.message),
                remedy: Some(format!("groundcrew runs --hook {}", installed.hook.name)),
            };
            self.store.open_finding(finding, self.now()).await?;
        }
        let until = Backoff::PROVISIONER.next(self.now(), attempts, failure, self.entropy.number());
        Ok(Asked::Failed { why: failure.message.clone(), until })
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one record, used in two places")]
    fn new_wants(
        &self,
        installed: &Installed,
        owner: &StoredSubject,
        lane: LaneId,
        now: &Lane,
        specs: Vec<Spec>,
        view_hash: String,
        reads: Vec<i64>,
    ) -> NewWants {
        let settings = installed.settings().to_owned();
        let place = |spec: &Spec| {
            let kind = &installed.hook.manifest.kind[&spec.kind];
            let inside = match kind.lives {
                Lives::InOwner => owner.subject.uid.to_string(),
                Lives::Outside => String::new(),
            };
            Place { inside, class: kind.create }
        };
        NewWants {
            lane,
            seen: now.dirty,
            target: installed.hook.target.clone(),
            random: self.entropy.bytes(10 * specs.len()),
            specs: specs
                .into_iter()
                .map(|spec| {
                    let place = place(&spec);
                    (spec, place)
                })
                .collect(),
            view_hash,
            cause: cause(now.settings.as_deref(), &settings),
            settings,
            component: installed.component.digest,
            reads,
            close: Vec::new(),
            now: self.now(),
        }
    }
}

/// Why the answer changed: where component or configuration did, they are the cause.
fn cause(before: Option<&str>, now: &str) -> Cause {
    let Some((before, now)) = before.and_then(|before| before.split_once(':')).zip(now.split_once(':'))
    else {
        return Cause::ViewChanged;
    };
    if before.0 != now.0 {
        Cause::ComponentChanged
    } else if before.1 != now.1 {
        Cause::ConfigurationChanged
    } else {
        Cause::ViewChanged
    }
}

fn about(installed: &Installed, owner: &StoredSubject) -> String {
    format!("{} {}", installed.hook.name, owner.subject.path)
}
