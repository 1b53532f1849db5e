//! Audits: each hook looks page by page, what all of them saw is entered at once, and then what may be is mended.
//!
//! Auditors read and never write: a write ends the look that asks for it, and does not leave. A look that ends
//! early is kept as *incomplete*: what it reported counts, and nothing is resolved by it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use groundcrew_core::duration::Millis;
use groundcrew_core::finding::{Coverage, Gathering, Reported};
use groundcrew_core::retry::Backoff;
use groundcrew_core::spec::{Event, Failure};
use groundcrew_core::time::Timestamp;
use groundcrew_engine::gate::{Answers, Refusal};
use groundcrew_engine::run::{Ended, MemoryHandle};
use groundcrew_store::audits::{AuditEnd, Changed, Saw};
use groundcrew_store::lanes::LaneId;
use groundcrew_store::told::Listeners;
use groundcrew_store::{HookId, SubjectId};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::given::Asked;
use super::handler::LaneMemory;
use super::installed::Installed;
use super::inventory::Stock;
use super::record::{About, RunStart};
use super::{Error, Runner, Surroundings};
use crate::config::Audit;

/// Attempts at one page.
pub(crate) const ATTEMPTS_MAX: u32 = 3;
/// The longest pause between two attempts at one page.
const PAUSE_MAX: Millis = Millis::seconds(30);

/// What the audit of a recovery is called in the history.
const RECOVERY: &str = "recovery";

/// What came of an audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audited {
    /// What its looks changed.
    pub changed: Changed,
    /// How far its remedies came; without remedies, [`Remedied::Whole`].
    pub remedied: Remedied,
}

/// How far the remedies of an audit came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remedied {
    /// Each finding that may be mended was decided about, or as many were tried as one run tries.
    #[default]
    Whole,
    /// The audit was stopped, or the runner drained: what is left is for another run.
    EndedEarly,
}

/// What the hooks of an audit saw.
struct Around {
    end: AuditEnd,
    looks: Vec<(Arc<Installed>, Look)>,
    /// What each counted, for people.
    summary: Vec<String>,
}

/// What one hook saw.
struct Look {
    findings: Vec<Reported>,
    coverage: Coverage,
    /// What it counted, for people.
    summary: Option<String>,
    /// Why it did not see everything.
    wrong: Vec<String>,
    /// Whether it has nothing to list by.
    none: bool,
    /// Things that are too young to be judged.
    young: u32,
}

impl Look {
    fn of(Stock { findings, coverage, summary, wrong, none, young }: Stock) -> Self {
        Self { findings, coverage, summary: Some(summary), wrong, none, young }
    }

    /// Whether all that can be listed was, and judged.
    fn is_whole(&self) -> bool {
        let listed = self.coverage == Coverage::Complete || self.none && self.wrong.is_empty();
        listed && self.young == 0
    }

    /// The identities of what it reports.
    fn seen(&self) -> BTreeSet<(String, String)> {
        self.findings.iter().map(|finding| (finding.code.clone(), finding.about.clone())).collect()
    }
}

impl Runner {
    /// Lets all hooks of an audit look, enters what they saw, and mends what the audit mends. It begins once the components
    /// of its hooks are compiled, and begins no remedy any more once the runner drains.
    ///
    /// # Cancel safety
    /// With `stop` it ends early and enters what was seen until then; if the future is dropped, nothing is entered, or an attempt to mend something stays on record as cut off.
    pub async fn audit(
        &self,
        audit: &Audit,
        tick: Option<Timestamp>,
        stop: &CancellationToken,
    ) -> Result<Audited, Error> {
        let Around { end, looks, summary } =
            self.look_with_all(&audit.name, &audit.hooks, tick, stop).await?;
        let run = end.run;
        if audit.remedy.is_none() {
            return Ok(Audited { changed: self.store.end_audit(end).await?, remedied: Remedied::Whole });
        }
        let changed = self.store.enter_audit(end).await?;
        let mended = self.mend_seen(audit, run, &looks, summary, stop).await;
        let wrong = match &mended {
            Err(error) => Some(format!("its remedies: {error}")),
            Ok(Remedied::EndedEarly) => Some("its remedies were ended early".to_owned()),
            Ok(Remedied::Whole) => None,
        };
        self.store.finish_audit(run, wrong, self.now()).await?;
        Ok(Audited { changed, remedied: mended? })
    }

    /// Lists what all provisioners have, and reports what a ledger that was rebuilt does not know, or knows and
    /// is not there. Returns whether everything was listed and could be judged.
    pub(super) async fn list_inventories(&self, stop: &CancellationToken) -> Result<bool, Error> {
        let registry = self.registry();
        let listing = registry.provisioners().filter(|installed| installed.component.has_inventory());
        let names: Vec<_> = listing.map(|installed| installed.hook.name.clone()).collect();
        if names.is_empty() {
            return Ok(true);
        }
        let Around { end, looks, .. } = self.look_with_all(RECOVERY, &names, None, stop).await?;
        self.store.end_audit(end).await?;
        let all_work = registry.provisioners().all(|installed| installed.still().is_none());
        Ok(all_work && looks.iter().all(|(_, look)| look.is_whole()))
    }

    /// Lets hooks look, one after the other; nothing of it is entered yet.
    async fn look_with_all(
        &self,
        name: &str,
        hooks: &[String],
        tick: Option<Timestamp>,
        stop: &CancellationToken,
    ) -> Result<Around, Error> {
        self.wait_for(hooks, stop).await;
        let run = self.store.begin_audit(name, tick, self.now()).await?;
        let (mut looks, mut wrong, mut summary) = (Vec::new(), Vec::new(), Vec::new());
        for name in hooks {
            let Some(installed) = self.registry().named(name).cloned() else {
                wrong.push(format!("{name}: it is not installed"));
                continue;
            };
            if let Some(why) = installed.still() {
                wrong.push(format!("{name}: it stands still: {why}"));
                continue;
            }
            let look = self.look_with(&installed, stop).await?;
            wrong.extend(look.wrong.iter().map(|why| format!("{name}: {why}")));
            summary.extend(look.summary.as_ref().map(|counted| format!("{name}: {counted}")));
            looks.push((installed, look));
        }
        let outcome = if wrong.is_empty() { "ok".to_owned() } else { wrong.join("; ") };
        let saw = |(installed, look): &(Arc<Installed>, Look)| Saw {
            hook: installed.id,
            findings: look.findings.clone(),
            coverage: look.coverage,
        };
        let saw = looks.iter().map(saw).collect();
        let now = self.now();
        let (on_opened, on_resolved) = (self.told("finding.opened"), self.told("finding.resolved"));
        let told = (!summary.is_empty()).then(|| summary.join("; "));
        let end = AuditEnd { run, tick, saw, outcome, summary: told, on_opened, on_resolved, now };
        Ok(Around { end, looks, summary })
    }

    /// Waits until the components of these hooks are compiled. Who is held stands still for longer than anybody waits.
    async fn wait_for(&self, hooks: &[String], stop: &CancellationToken) {
        let registry = self.registry();
        let waits = |name: &String| registry.named(name).filter(|installed| installed.held().is_none());
        let compiled = async {
            for installed in hooks.iter().filter_map(waits) {
                installed.component.compiled().await;
            }
        };
        // Who is stopped while it waits finds that they stand still.
        stop.run_until_cancelled(compiled).await;
    }

    /// Mends what complete looks saw, hook by hook, and says so in the run's summary.
    async fn mend_seen(
        &self,
        audit: &Audit,
        run: i64,
        looks: &[(Arc<Installed>, Look)],
        mut summary: Vec<String>,
        stop: &CancellationToken,
    ) -> Result<Remedied, Error> {
        let mut remedied = Remedied::Whole;
        for (installed, look) in looks.iter().filter(|(installed, _)| installed.component.is_auditor()) {
            // A look that ended early may be one at a place that is broken: nothing is mended on its word.
            if look.coverage != Coverage::Complete {
                continue;
            }
            let tried = self.mend(audit, installed, &look.seen(), stop).await?;
            remedied = remedied.max(tried.remedied);
            if let Some(mended) = tried.summary() {
                summary.push(format!("{}: {mended}", installed.hook.name));
                self.store.summarize_audit(run, summary.join("; ")).await?;
            }
        }
        Ok(if stop.is_cancelled() { Remedied::EndedEarly } else { remedied })
    }

    /// Says who is told of the runner's own findings from now on: the handlers that are installed and listen.
    pub async fn tell_findings(&self) -> Result<(), groundcrew_store::Error> {
        let (opened, resolved) = (self.told("finding.opened"), self.told("finding.resolved"));
        self.store.tell_findings_to(Listeners { opened, resolved }).await
    }

    /// Handlers that are told of findings.
    fn told(&self, kind: &str) -> Vec<HookId> {
        let (id, kind, data) = (String::new(), kind.to_owned(), Value::Null);
        self.registry().handlers(&Event { id, kind, time: self.now(), subject: None, data })
    }

    /// Lets one hook look: an auditor at what it knows of, a provisioner at its inventory.
    async fn look_with(&self, installed: &Arc<Installed>, stop: &CancellationToken) -> Result<Look, Error> {
        let early = || vec!["it was ended early".to_owned()];
        if installed.hook.provisioner().is_some() {
            return Ok(match stop.run_until_cancelled(self.take_stock(installed)).await {
                Some(stock) => Look::of(stock?),
                None => Look {
                    findings: Vec::new(),
                    coverage: Coverage::Incomplete,
                    summary: None,
                    wrong: early(),
                    none: false,
                    young: 0,
                },
            });
        }
        let mut gathering = Gathering::of(&installed.hook.manifest.reports);
        let wrong = match stop.run_until_cancelled(self.look_around(installed, &mut gathering)).await {
            Some(looked) => looked?.err().map(|failure| failure.to_string()).into_iter().collect(),
            None => early(),
        };
        let coverage = if wrong.is_empty() { Coverage::Complete } else { Coverage::Incomplete };
        Ok(Look { findings: gathering.findings, coverage, summary: None, wrong, none: false, young: 0 })
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
            if !self.waits_for_again(attempts, &failure).await {
                return Ok(Err(failure));
            }
        }
    }

    /// Waits until a page may be asked for again; false: it is not.
    pub(super) async fn waits_for_again(&self, attempts: u32, failure: &Failure) -> bool {
        if !failure.retry || attempts >= ATTEMPTS_MAX {
            return false;
        }
        let now = self.now();
        let again = Backoff::HANDLER.next(now, attempts, failure, self.entropy.number());
        self.clock.sleep(again.since(now).min(PAUSE_MAX)).await;
        true
    }

    async fn page(
        &self,
        installed: &Arc<Installed>,
        gathering: &mut Gathering,
        cursor: Option<&str>,
    ) -> Result<Result<Option<String>, Failure>, Error> {
        let lane = LaneId { hook: installed.id, subject: SubjectId::NONE };
        let start = RunStart { seed: self.entropy.seed(), started: self.now() };
        let config = installed.own_config();
        let asked = Asked::Audit(cursor.map(Cow::Borrowed));
        let opened = self.open_run(installed, lane, About::default(), &start, &config, &asked);
        let surroundings = Surroundings {
            resource: None,
            answers: Answers::Observe,
            intents: opened.intents(&self.store),
            memory: MemoryHandle(Arc::new(LaneMemory::of(
                self.store.clone(),
                lane,
                installed.clone(),
                start.started,
            ))),
            start,
        };
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
