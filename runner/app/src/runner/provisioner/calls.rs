//! A row's calls of its component: looks, and writes under an intent.

use std::borrow::Cow;
use std::sync::Arc;

use groundcrew_core::row::State;
use groundcrew_core::settle::{Aim, Look};
use groundcrew_core::spec::{Owner, Thing, Want};
use groundcrew_engine::egress::Answer;
use groundcrew_engine::gate::{Answers, Unrecorded, Writes};
use groundcrew_engine::journal::{CallAccess, Journal};
use groundcrew_engine::run::{Context, Ended, MemoryHandle, Run};
use serde::Serialize;

use super::super::given::Asked;
use super::super::record::{About, Opened, RunStart};
use super::super::{Error, Runner, Surroundings};
use super::intents::{Keepers, Purpose, RowIntents};
use super::learn::Learnt;
use super::row::Work;

impl Runner {
    pub(super) async fn find(&self, work: &mut Work<'_>, at: Aim) -> Result<Option<Look>, Error> {
        let want = self.want(work, if at == Aim::Thing { work.row.row.thing.clone() } else { None });
        let began = self.now();
        let (context, opened) = self.begin_look(work, &want);
        let run = self.engine.find(&work.installed.component, &context, &want).await;
        work.runs.push(Arc::new(opened.close(&context, &run, self.now())));
        match run.outcome {
            Ok(things) => {
                self.note_marks(work, &things).await?;
                Ok(Some(Look { began, at, things }))
            }
            Err(ended) => self.failed(work, &ended.failure(), context.gate.away()).await.map(|()| None),
        }
    }

    pub(super) async fn create(&self, work: &mut Work<'_>, before: Vec<String>) -> Result<bool, Error> {
        let Some(wanted) = work.want else { return Ok(false) };
        // A creation in doubt is settled with its own spec, and changed to the newest afterwards.
        let settling = work.row.row.state == State::InDoubt;
        let spec = if settling { work.row.row.spec.clone() } else { wanted.body.clone() };
        let purpose = Purpose::Create { spec: spec.clone(), before, policy: Box::new(work.policy.clone()) };
        let want = self.want(work, None);
        let asked = Asked::Create(Cow::Borrowed(&want));
        let (context, opened, intents) = self.begin_write(work, &asked, purpose);
        let run = self.engine.create(&work.installed.component, &context, &want).await;
        let settled = !settling && answered_for_good(&run.journal);
        let (outcome, answered) = self.ended(work, &context, run, opened, &intents).await;
        match outcome {
            Ok(thing) => match self.store.holder(&work.row, &thing.id)? {
                Some(holder) => self.held_by(work, &thing, &holder, (answered, settled)).await,
                None => self.learn(work, Learnt::Made { thing, spec, answered }).await,
            },
            Err(ended) => self.failed_write(work, &ended, answered, context.gate.away()).await,
        }
    }

    pub(super) async fn update(&self, work: &mut Work<'_>, now: &Thing) -> Result<bool, Error> {
        let Some(wanted) = work.want else { return Ok(false) };
        let purpose = Purpose::Update { spec: wanted.body.clone() };
        let want = self.want(work, Some(now.id.clone()));
        let asked = Asked::Update(Cow::Borrowed(&want), Cow::Borrowed(now));
        let (context, opened, intents) = self.begin_write(work, &asked, purpose);
        let run = self.engine.update(&work.installed.component, &context, &want, now).await;
        let (outcome, answered) = self.ended(work, &context, run, opened, &intents).await;
        match outcome {
            Ok(thing) => self.learn(work, Learnt::Changed { thing, answered }).await,
            Err(ended) => self.failed_write(work, &ended, answered, context.gate.away()).await,
        }
    }

    pub(super) async fn remove(&self, work: &mut Work<'_>, now: &Thing) -> Result<bool, Error> {
        let (policy, replaces) = (Box::new(self.leave_policy(work)), work.want.is_some());
        let purpose = Purpose::Remove { policy, replaces };
        let want = self.want(work, Some(now.id.clone()));
        let asked = Asked::Remove(Cow::Borrowed(&want), Cow::Borrowed(now));
        let (context, opened, intents) = self.begin_write(work, &asked, purpose);
        let run = self.engine.remove(&work.installed.component, &context, &want, now).await;
        let (outcome, answered) = self.ended(work, &context, run, opened, &intents).await;
        match outcome {
            Ok(left) => self.learn(work, Learnt::Removed { left, answered }).await,
            Err(ended) => self.failed_write(work, &ended, answered, context.gate.away()).await,
        }
    }

    /// What the row knows after a writing run, and until when its writes may take effect.
    async fn ended<T: Serialize>(
        &self,
        work: &mut Work<'_>,
        context: &Context,
        run: Run<T>,
        opened: Opened,
        intents: &RowIntents,
    ) -> (Result<T, Ended>, Writes) {
        intents.close().await;
        let outcome = intents.outcome();
        let answered = match (run.writes, outcome.intended_by) {
            (Writes::Sent { effect_by }, Some(_)) if answered_for_good(&run.journal) => Some(effect_by),
            // An answer such as 504 says nothing about when the write takes effect.
            (Writes::Sent { .. }, intended_by) => intended_by,
            (Writes::None, _) => None,
        };
        let writes = match answered {
            // A write that was sent before this one, and never answered, may still come after it.
            Some(by) => Writes::Sent { effect_by: outcome.earlier_by.map_or(by, |earlier| earlier.max(by)) },
            None => Writes::None,
        };
        work.row = outcome.row;
        work.runs = outcome.earlier_runs;
        work.runs.push(Arc::new(opened.close(context, &run, self.now())));
        (run.outcome, writes)
    }

    pub(super) fn begin_look(&self, work: &Work<'_>, want: &Want) -> (Context, Opened) {
        let start = RunStart { seed: self.entropy.seed(), started: self.now() };
        let about = About { resource: Some(work.row.id), because: work.because, ..About::default() };
        let asked = Asked::Find(Cow::Borrowed(want));
        let opened = self.open_run(work.installed, work.row.lane(), about, &start, &work.config, &asked);
        let surroundings = Surroundings {
            answers: Answers::Observe,
            intents: Arc::new(Unrecorded),
            memory: MemoryHandle::absent(),
            start,
            resource: Some(work.row.id),
        };
        let context =
            self.context(work.installed, Some(&work.owner.subject.path), work.config.clone(), surroundings);
        (context, opened)
    }

    fn begin_write(
        &self,
        work: &mut Work<'_>,
        asked: &Asked<'_>,
        purpose: Purpose,
    ) -> (Context, Opened, Arc<RowIntents>) {
        let start = RunStart { seed: self.entropy.seed(), started: self.now() };
        let about = About { resource: Some(work.row.id), because: work.because, ..About::default() };
        let opened = self.open_run(work.installed, work.row.lane(), about, &start, &work.config, asked);
        let earlier = std::mem::take(&mut work.runs);
        let intents = RowIntents::new(
            Keepers {
                store: self.store.clone(),
                clock: self.keeper.clone(),
                beliefs: self.beliefs.clone(),
                whose: work.whose.clone(),
            },
            purpose,
            work.row.clone(),
            opened.0.clone(),
            earlier,
        );
        let surroundings = Surroundings {
            answers: Answers::Outside,
            intents: intents.clone(),
            memory: MemoryHandle::absent(),
            start,
            resource: Some(work.row.id),
        };
        let context =
            self.context(work.installed, Some(&work.owner.subject.path), work.config.clone(), surroundings);
        (context, opened, intents)
    }

    pub(super) fn want(&self, work: &Work<'_>, id: Option<String>) -> Want {
        let row = &work.row;
        // A creation in doubt is settled with its own spec, then changed to the newest.
        let settling = row.row.state == State::InDoubt;
        let body = work.want.filter(|_| !settling).map_or(&row.row.spec, |want| &want.body);
        Want {
            owner: Owner { path: work.owner.subject.path.clone(), uid: work.owner.subject.uid.clone() },
            kind: row.kind.clone(),
            key: row.key.clone(),
            body: body.clone(),
            name: row.row.id.to_string(),
            once: row.row.id.to_string(),
            mark: row.row.id.mark(&self.installation),
            id,
        }
    }
}

/// Whether every write of a run was answered by whoever carries it out.
///
/// A server error or a time-out (RFC 9110, sections 15.5.9 and 15.6) may come from something in between, while
/// the write is still on its way.
fn answered_for_good(journal: &Journal) -> bool {
    let writes = journal.calls.iter().filter(|call| call.access == CallAccess::Write);
    writes.filter_map(|call| call.answer.as_deref()).all(|answer| {
        let status = serde_json::from_slice(answer).ok().and_then(|answer| match answer {
            Answer::Response { status, .. } => Some(status),
            Answer::Failure(_) => None,
        });
        status.is_some_and(|status| status != 408 && status < 500)
    })
}
