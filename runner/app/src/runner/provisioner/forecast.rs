//! What a changed hook changes of the whole fleet, counted and told before any of its lanes is looked at.
//!
//! Every living owner that has an answer is asked `desired` as the changed hook would, and the answers are compared with
//! those that the ledger holds. `desired` is pure, so nothing outside is called: an API that is down delays nothing. It
//! deliberately does not look at things; `groundcrew plan` does. No other hook waits for it.

use std::sync::Arc;

use groundcrew_core::duration::Millis;
use groundcrew_core::forecast::{Forecast, Had};
use groundcrew_core::may_delete::OnGone;
use groundcrew_core::row::State;
use groundcrew_engine::gate::{Answers, Unrecorded};
use groundcrew_engine::run::MemoryHandle;
use groundcrew_store::findings::{ClosedToo, NewFinding, Severity};
use groundcrew_store::lanes::LaneId;
use groundcrew_store::ledger::StoredRow;
use groundcrew_store::{Result, SubjectId};

use super::super::installed::Installed;
use super::super::record::RunStart;
use super::super::{Runner, Surroundings, TIMELESS};
use super::answer;
use super::sight::Gate;

/// The finding about what a changed hook changes.
pub(super) const CHANGED: &str = "hook.changed";
/// How long a fleet is asked at most: 200,000 owners that take four milliseconds each, as hooks in Python do. Of a larger one
/// it is said how many were.
pub(crate) const BUDGET: Millis = Millis::minutes(15);
/// How often it is said how far that is.
const SAID_EVERY: Millis = Millis::seconds(30);

/// What came of asking an owner.
enum Foreseen {
    /// It is none of this hook's any more, or the hook is being ended.
    NotConcerned,
    /// It cannot be asked, or had no answer.
    Unknown,
    /// It was counted.
    Counted,
}

impl Runner {
    /// Counts what a changed hook changes of everybody, tells it, and lets its lanes be looked at.
    pub(super) async fn foresee(&self, installed: &Installed) -> Result<()> {
        let forecast = self.forecast(installed).await?;
        let (name, settings) = (&installed.hook.name, installed.settings());
        let what = if self.is_another_component(installed)? { "component" } else { "configuration" };
        tracing::info!(hook = %name, %forecast, "another {what}, planned for the whole fleet");
        let told = (!forecast.is_nothing()).then(|| finding(installed, &forecast, what));
        self.store.foresee(installed.id, settings.to_owned(), told, self.now()).await?;
        self.gates().insert(installed.id, Gate::Closed);
        Ok(())
    }

    /// Ends what was told of a change once everybody follows it and nothing of it waits for approval.
    pub(super) async fn follow(&self, installed: &Installed) -> Result<()> {
        if self.store.has_followers_left(installed.id, self.now())? {
            return Ok(());
        }
        self.store.close_finding(CHANGED, &installed.hook.name, self.now()).await?;
        self.store.forget_foreseen(installed.id).await?;
        self.gates().remove(&installed.id);
        Ok(())
    }

    /// Whether it is still told what a change of a hook changes.
    pub(super) fn tells_of_change(&self, hook: &str) -> Result<bool> {
        let open = self.store.findings(ClosedToo::No)?;
        Ok(open.iter().any(|finding| finding.code == CHANGED && finding.about == hook))
    }

    /// How much a changed hook would want otherwise; nothing is told and nothing done.
    pub(crate) async fn forecast(&self, installed: &Installed) -> Result<Forecast> {
        let (owners, end) = (self.store.answered_owners(installed.id)?, self.now() + BUDGET);
        let mut forecast = Forecast { owners: owners.len() as u32, ..Forecast::default() };
        let mut said = self.now();
        for (asked, owner) in owners.into_iter().enumerate() {
            let now = self.now();
            if now >= end {
                break;
            }
            if now.since(said) >= SAID_EVERY {
                said = now;
                let (hook, owners) = (&installed.hook.name, forecast.owners);
                tracing::info!(%hook, asked, owners, "what it changes is counted before it begins");
            }
            match self.foresee_one(installed, owner, &mut forecast).await? {
                Foreseen::NotConcerned => forecast.owners -= 1,
                Foreseen::Unknown => forecast.unknown += 1,
                Foreseen::Counted => {}
            }
        }
        Ok(forecast)
    }

    async fn foresee_one(
        &self,
        installed: &Installed,
        owner: SubjectId,
        forecast: &mut Forecast,
    ) -> Result<Foreseen> {
        let lane = LaneId { hook: installed.id, subject: owner };
        let (Some(owner), Some(now)) = (self.store.subject(owner)?, self.store.lane(lane)?) else {
            return Ok(Foreseen::NotConcerned);
        };
        let path = &owner.subject.path;
        if now.ending_at.is_some() || !installed.hook.covers(path.app_name()) {
            return Ok(Foreseen::NotConcerned);
        }
        let Ok(question) = self.question(installed, &owner)? else { return Ok(Foreseen::Unknown) };
        // As the look will ask it: the same view is always answered the same.
        let surroundings = Surroundings {
            answers: Answers::Outside,
            intents: Arc::new(Unrecorded),
            memory: MemoryHandle::absent(),
            start: RunStart {
                seed: *groundcrew_core::hash::Digest::of(question.hash.as_bytes()).as_bytes(),
                started: TIMELESS,
            },
            resource: None,
        };
        let context = self.context(installed, Some(path), question.config, surroundings);
        let run = self.engine.desired(&installed.component, &context, question.view).await;
        // What the look will refuse changes nothing.
        let Some(Ok(wants)) = run.outcome.ok().map(|specs| answer::check(installed, specs)) else {
            return Ok(Foreseen::Unknown);
        };
        let (before, rows) = self.store.lane_ledger(lane)?;
        let had = before.iter().map(|want| {
            let exists = rows.iter().any(|row| row.kind == want.kind && row.key == want.key && is_made(row));
            Had { kind: &want.kind, key: &want.key, body: &want.body, exists }
        });
        let kinds = &installed.hook.manifest.kind;
        forecast.count(&had.collect::<Vec<_>>(), &wants, |kind| {
            kinds.get(kind).map_or(&[], |kind| kind.immutable.as_slice())
        });
        Ok(Foreseen::Counted)
    }

    /// Whether it is the component that changed, or only what it is given.
    pub(super) fn is_another_component(&self, installed: &Installed) -> Result<bool> {
        let component = |settings: &str| settings.split(':').next().map(str::to_owned);
        let before = self.store.sight(installed.id)?.and_then(|sight| component(&sight.settings));
        Ok(before != component(installed.settings()))
    }
}

/// Whether something was made for a row, or may have been.
fn is_made(row: &StoredRow) -> bool {
    row.row.state != State::Creating && row.row.state != State::Gone
}

fn finding(installed: &Installed, forecast: &Forecast, what: &str) -> NewFinding {
    let name = &installed.hook.name;
    let gone = installed.hook.provisioner().map(|provisioner| provisioner.gone);
    let held = match (forecast.removes(), gone) {
        (false, _) => "",
        (true, Some(OnGone::Delete) | None) => ": what goes is held for approval",
        (true, Some(OnGone::Retain | OnGone::Report)) => {
            ": what is replaced is held for approval, what is asked for no more stays"
        }
    };
    NewFinding {
        code: CHANGED.to_owned(),
        about: name.clone(),
        hook: Some(installed.id),
        severity: if forecast.removes() { Severity::Warning } else { Severity::Info },
        message: format!("another {what} {forecast}{held}"),
        remedy: forecast.removes().then(|| format!("groundcrew approve --hook {name}")),
    }
}
