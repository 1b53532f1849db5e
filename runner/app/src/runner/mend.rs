//! Findings that are mended: by an audit that enforces, or by hand.
//!
//! ```text
//!  audit --end_audit--> findings --begin_remedy (may_fix, one transaction)--> fix: looks again, acts --end_remedy-->
//!                                                 |                             each write: its intent first
//!                                                 +--> waits for grace, held, never
//! ```
//!
//! An attempt is on record before its run begins. One that was cut off may have changed something: it counts, and the
//! next one, of a later audit that still reports the finding, is begun only when nothing of it can take effect any
//! more. It looks again like every other.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use groundcrew_core::duration::Millis;
use groundcrew_core::remedy::{Asked, Outcome, Verdict};
use groundcrew_engine::gate::{Answers, Writes};
use groundcrew_engine::run::{Ended, MemoryHandle};
use groundcrew_store::SubjectId;
use groundcrew_store::lanes::LaneId;
use groundcrew_store::remedies::{Begun, Mendable, RemedyEnd, Wish};
use tokio_util::sync::CancellationToken;

use super::audit::Remedied;
use super::given;
use super::handler::LaneMemory;
use super::installed::Installed;
use super::record::{About, RunStart};
use super::{Error, Runner, Surroundings};
use crate::config::{Audit, Enforcement};

/// Attempts of one run of an audit; what is left is tried by the next.
pub(crate) const ATTEMPTS_MAX: u32 = 1_000;

/// What became of the findings of one run: all are decided about, so many are tried.
#[derive(Debug, Default)]
pub(super) struct Tried {
    /// Whether what is left waits for another run.
    pub(super) remedied: Remedied,
    attempts: u32,
    counts: BTreeMap<&'static str, u32>,
}

impl Tried {
    const fn is_over(&self) -> bool {
        self.attempts >= ATTEMPTS_MAX
    }

    fn note(&mut self, mended: &Mended) {
        let counted = match mended {
            Mended::Tried(outcome) => {
                self.attempts += 1;
                known_word(outcome)
            }
            Mended::Not(Verdict::Held { .. }) => "held",
            Mended::Not(Verdict::Later { .. }) => "waiting",
            Mended::Not(Verdict::Never { .. } | Verdict::Fix) => return,
        };
        *self.counts.entry(counted).or_default() += 1;
    }

    /// For people; none if there is nothing to tell.
    pub(super) fn summary(&self) -> Option<String> {
        let counts: Vec<_> = self.counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
        (!counts.is_empty()).then(|| counts.join(", "))
    }
}

/// What became of one finding.
#[derive(Clone, Debug, PartialEq)]
pub enum Mended {
    /// It was tried: the word of what mends, or what went wrong.
    Tried(String),
    /// It was not.
    Not(Verdict),
}

impl Runner {
    /// Mends what an audit just saw, as far as it may, until it is stopped or the runner drains; says what became of it.
    pub(super) async fn mend(
        &self,
        audit: &Audit,
        installed: &Arc<Installed>,
        seen: &BTreeSet<(String, String)>,
        stop: &CancellationToken,
    ) -> Result<Tried, Error> {
        let mut tried = Tried::default();
        let Some(enforcement) = &audit.remedy else { return Ok(tried) };
        let found = self.store.mendable(installed.id, &enforcement.codes)?;
        let is_seen =
            |found: &Mendable| seen.contains(&(found.finding.code.clone(), found.finding.about.clone()));
        for found in found.into_iter().filter(is_seen) {
            if stop.is_cancelled() || self.draining().is_cancelled() {
                tried.remedied = Remedied::EndedEarly;
                break;
            }
            if tried.is_over() {
                break;
            }
            let wish = self.wish(installed, &found, Asked::ByAudit, &audit.name, enforcement.clone());
            tried.note(&self.mend_one(installed, found, wish).await?);
        }
        Ok(tried)
    }

    /// Mends one finding because a person says so, once the component is compiled; none if no auditor reports it.
    pub async fn mend_by_hand(&self, finding: i64, who: &str) -> Result<Option<Mended>, Error> {
        let Some((installed, ..)) = self.wish_by_hand(finding, who)? else { return Ok(None) };
        installed.component.compiled().await;
        // The finding, and the time, may be others by now.
        let Some((installed, found, wish)) = self.wish_by_hand(finding, who)? else { return Ok(None) };
        Ok(Some(self.mend_one(&installed, found, wish).await?))
    }

    /// Whether a finding may be mended now because a person says so; none if no auditor reports it.
    pub fn may_mend_by_hand(&self, finding: i64, who: &str) -> Result<Option<Verdict>, Error> {
        let Some((_, _, wish)) = self.wish_by_hand(finding, who)? else { return Ok(None) };
        Ok(Some(self.store.would_mend(&wish)?))
    }

    fn wish_by_hand(
        &self,
        finding: i64,
        who: &str,
    ) -> Result<Option<(Arc<Installed>, Mendable, Wish)>, Error> {
        let Some(found) = self.store.mendable_by_id(finding)? else { return Ok(None) };
        let installed = self.registry().hook(found.hook).filter(|hook| hook.held().is_none()).cloned();
        let Some(installed) = installed else { return Ok(None) };
        let window = groundcrew_core::may_delete::Window::DEFAULT;
        let enforcement = Enforcement { codes: Vec::new(), grace: Millis::ZERO, window };
        let wish = self.wish(&installed, &found, Asked::ByHand, who, enforcement);
        Ok(Some((installed, found, wish)))
    }

    fn wish(
        &self,
        installed: &Installed,
        found: &Mendable,
        asked: Asked,
        asked_by: &str,
        enforcement: Enforcement,
    ) -> Wish {
        let limits = &self.limits;
        let deadline = Millis::new(limits.deadline.as_millis() as i64);
        Wish {
            finding: found.id,
            asked,
            asked_by: asked_by.to_owned(),
            enforcement,
            harmless: installed.hook.manifest.harmless.clone(),
            level: self.level().min(installed.hook.level),
            frozen: self.frozen(installed, found),
            effect_within: deadline + limits.send_within + limits.request,
            now: self.now(),
        }
    }

    /// What beside levels and pauses forbids it for now.
    fn frozen(&self, installed: &Installed, found: &Mendable) -> Option<String> {
        if !installed.component.can_mend() {
            return Some("the component does not export `remedy`".to_owned());
        }
        match &found.finding.subject {
            Some(owner) if !installed.hook.covers(owner.path.app_name()) => {
                Some("its subject is out of the hook's scope".to_owned())
            }
            Some(owner) if found.subject.is_none() => Some(format!("{} was never seen here", owner.path)),
            _ => self.beliefs.doubt(),
        }
    }

    async fn mend_one(
        &self,
        installed: &Arc<Installed>,
        found: Mendable,
        wish: Wish,
    ) -> Result<Mended, Error> {
        let attempt = match self.store.begin_remedy(wish).await? {
            Begun::Yes(attempt) => attempt,
            Begun::No(verdict) => return Ok(Mended::Not(verdict)),
        };
        let memory = LaneId { hook: installed.id, subject: SubjectId::NONE };
        let lane = LaneId { subject: found.subject.unwrap_or(SubjectId::NONE), ..memory };
        let start = RunStart { seed: self.entropy.seed(), started: self.now() };
        let config = installed.own_config();
        let asked = given::Asked::Fix(Cow::Borrowed(&found.finding));
        let opened = self.open_run(installed, lane, About::default(), &start, &config, &asked);
        let surroundings = Surroundings {
            resource: None,
            answers: Answers::Outside,
            intents: opened.intents(&self.store),
            memory: MemoryHandle(Arc::new(LaneMemory::of(
                self.store.clone(),
                memory,
                installed.clone(),
                start.started,
            ))),
            start,
        };
        let subject = found.finding.subject.as_ref().map(|owner| &owner.path);
        let context = self.context(installed, subject, config, surroundings);
        let run = self.engine.fix(&installed.component, &context, &found.finding).await;
        let now = self.now();
        let (record, calls) = opened.close(&context, &run, now);
        let (wrote, effect_by) = match run.writes {
            Writes::Sent { effect_by } => (true, effect_by),
            Writes::None => (false, now),
        };
        let (outcome, acted, written) = match run.outcome {
            Ok(outcome) => (outcome.to_string(), outcome.counts(), run.written),
            // Who says when to come back has nothing against the remedy.
            Err(Ended::Failure(failure)) if failure.retry && failure.after.is_some() => {
                tracing::warn!(hook = %installed.hook.name, why = %failure.message, "a remedy is tried again");
                (Outcome::NotNow.to_string(), false, BTreeMap::new())
            }
            Err(ended) => (ended.failure().message, false, BTreeMap::new()),
        };
        let end = RemedyEnd {
            attempt,
            outcome: outcome.clone(),
            counts: acted || wrote,
            effect_by,
            lane: memory,
            run: record,
            calls,
            written,
            now,
        };
        self.store.end_remedy(end).await?;
        let (code, about) = (&found.finding.code, &found.finding.about);
        tracing::info!(hook = %installed.hook.name, %code, %about, %outcome, "a finding was to be mended");
        Ok(Mended::Tried(outcome))
    }
}

/// The word of an outcome; whatever else went wrong is a failure.
fn known_word(outcome: &str) -> &'static str {
    let known = outcome.parse::<Outcome>();
    known.map_or("failed", Outcome::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_bounded_and_verdicts_are_not() {
        let never = Mended::Not(Verdict::Never { why: String::new() });
        let held = Mended::Not(Verdict::Held { why: String::new() });
        let mut tried = Tried::default();
        for _ in 0..2 * ATTEMPTS_MAX {
            tried.note(&never);
            tried.note(&held);
        }
        assert!(!tried.is_over(), "what may not be mended keeps nobody from being tried");
        for _ in 1..ATTEMPTS_MAX {
            tried.note(&Mended::Tried("fixed".to_owned()));
        }
        assert!(!tried.is_over());
        tried.note(&Mended::Tried("no answer".to_owned()));
        assert!(tried.is_over());
        assert_eq!(tried.summary().as_deref(), Some("1 failed, 999 fixed, 2000 held"));
    }
}
