//! Audits: each auditor looks page by page, and what all of them saw is entered at once.
//!
//! Auditors read and never write: a write ends the look that asks for it, and does not leave. A look that ends
//! early is kept as *incomplete*: what it reported counts, and nothing is resolved by it.

use std::sync::Arc;

use groundcrew_core::duration::Millis;
use groundcrew_core::finding::{Coverage, Gathering};
use groundcrew_core::retry::Backoff;
use groundcrew_core::spec::{Event, Failure};
use groundcrew_core::time::Timestamp;
use groundcrew_engine::gate::{Answers, Refusal};
use groundcrew_engine::run::{Ended, MemoryHandle};
use groundcrew_store::SubjectId;
use groundcrew_store::audits::{AuditEnd, Changed, Saw};
use groundcrew_store::lanes::LaneId;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::handler::LaneMemory;
use super::installed::Installed;
use super::record::{About, RunStart};
use super::{Error, Runner, Surroundings};
use crate::config::Audit;

/// Attempts at one page.
const ATTEMPTS_MAX: u32 = 3;
/// The longest pause between two attempts at one page.
const PAUSE_MAX: Millis = Millis::seconds(30);

impl Runner {
    /// Lets all auditors of an audit look, and enters what they saw.
    ///
    /// # Cancel safety
    /// With `stop` it ends early and enters what was seen until then; if the future is dropped, nothing is.
    pub async fn audit(
        &self,
        audit: &Audit,
        tick: Option<Timestamp>,
        stop: &CancellationToken,
    ) -> Result<Changed, Error> {
        let run = self.store.begin_audit(&audit.name, tick, self.now()).await?;
        let (mut saw, mut wrong) = (Vec::new(), Vec::new());
        for name in &audit.hooks {
            let Some(installed) = self.registry().named(name).cloned() else {
                wrong.push(format!("{name}: it is not installed"));
                continue;
            };
            let mut gathering = Gathering::of(&installed.hook.manifest.reports);
            let looked = stop.run_until_cancelled(self.look_around(&installed, &mut gathering)).await;
            let coverage = match looked {
                Some(Ok(Ok(()))) => Coverage::Complete,
                Some(Ok(Err(failure))) => {
                    wrong.push(format!("{name}: {failure}"));
                    Coverage::Incomplete
                }
                Some(Err(error)) => return Err(error),
                None => {
                    wrong.push(format!("{name}: it was ended early"));
                    Coverage::Incomplete
                }
            };
            saw.push(Saw { hook: installed.id, findings: gathering.findings, coverage });
        }
        let outcome = if wrong.is_empty() { "ok".to_owned() } else { wrong.join("; ") };
        let now = self.now();
        let told = |kind: &str| {
            let (id, kind, data) = (String::new(), kind.to_owned(), Value::Null);
            self.registry().handlers(&Event { id, kind, time: now, subject: None, data })
        };
        let (on_opened, on_resolved) = (told("finding.opened"), told("finding.resolved"));
        let end = AuditEnd { run, tick, saw, outcome, on_opened, on_resolved, now };
        Ok(self.store.end_audit(end).await?)
    }

    /// Asks one auditor for all its pages.
    async fn look_around(
        &self,
        installed: &Arc<Installed>,
        gathering: &mut Gathering,
    ) -> Result<Result<(), Failure>, Error> {
        let mut cursor = None;
        for _ in 0..self.limits.audit_pages {
            match self.patient_page(installed, gathering, cursor.as_deref()).await? {
                Ok(Some(next)) => cursor = Some(next),
                Ok(None) => return Ok(Ok(())),
                Err(failure) => return Ok(Err(failure)),
            }
        }
        let most = self.limits.audit_pages;
        Ok(Err(Failure::final_(format!("it has more than {most} pages; more are not asked for"))))
    }

    /// Asks for one page, again if that may help.
    async fn patient_page(
        &self,
        installed: &Arc<Installed>,
        gathering: &mut Gathering,
        cursor: Option<&str>,
    ) -> Result<Result<Option<String>, Failure>, Error> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let failure = match self.page(installed, gathering, cursor).await? {
                Ok(next) => return Ok(Ok(next)),
                Err(failure) => failure,
            };
            if !failure.retry || attempts >= ATTEMPTS_MAX {
                return Ok(Err(failure));
            }
            let now = self.now();
            let again = Backoff::HANDLER.next(now, attempts, &failure, self.entropy.number());
            tokio::time::sleep(again.since(now).min(PAUSE_MAX).to_std()).await;
        }
    }

    async fn page(
        &self,
        installed: &Arc<Installed>,
        gathering: &mut Gathering,
        cursor: Option<&str>,
    ) -> Result<Result<Option<String>, Failure>, Error> {
        let lane = LaneId { hook: installed.id, subject: SubjectId::NONE };
        let start = RunStart { seed: self.entropy.seed(), started: self.now() };
        let opened = self.open_run(installed, lane, "audit", About::default(), &start);
        let surroundings = Surroundings {
            resource: None,
            answers: Answers::Observe,
            intents: opened.intents(&self.store),
            memory: MemoryHandle(Arc::new(LaneMemory::of(self.store.clone(), lane, installed.clone()))),
            seed: start.seed,
        };
        let config = Arc::new(installed.hook.config.clone());
        let context = self.context(installed, None, config, surroundings);
        let run = self.engine.audit(&installed.component, &context, cursor).await;
        let (record, calls) = opened.close(&context, &run, self.now());
        let answer = match run.outcome {
            Ok(page) => gathering.take(page),
            Err(Ended::Refused(Refusal::Observed(_))) => {
                Err(Failure::final_("it asked for a write, and an auditor may only look"))
            }
            Err(ended) => Err(ended.failure()),
        };
        let written = if answer.is_ok() { run.written } else { std::collections::BTreeMap::new() };
        self.store.save_looking(lane, record, calls, written).await?;
        Ok(answer)
    }
}
