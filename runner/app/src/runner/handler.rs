//! Handlers: one delivery of a lane, told at least once.

use std::borrow::Cow;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use groundcrew_core::duration::Millis;
use groundcrew_core::may_delete::Level;
use groundcrew_core::retry::Backoff;
use groundcrew_core::running::{Month, Total};
use groundcrew_core::spec::Failure;
use groundcrew_core::subject::{Path, Subject};
use groundcrew_core::time::Timestamp;
use groundcrew_engine::gate::{Answers, Intent, IntentError, Intents, Refusal};
use groundcrew_engine::memory::Memory;
use groundcrew_engine::run::{Ended, MemoryHandle};
use groundcrew_store::deliveries::{Delivery, Doubt, Ending, Turn};
use groundcrew_store::lanes::LaneId;
use groundcrew_store::runs::RunRecord;
use groundcrew_store::{RunId, Store};

use super::given::Asked;
use super::installed::Installed;
use super::record::{self, About, Opened, RunStart};
use super::resume::Lost;
use super::{Error, Runner, Surroundings};

/// Attempts after which a delivery is dead.
pub const ATTEMPTS_MAX: u32 = 20;

/// What a hook itself says may succeed later is tried for so long, however many attempts that takes: an outage of the
/// receiver lasts for hours, and loses no event.
pub const TRIED_FOR: Millis = Millis::hours(72);

/// An app's end is told to handlers after its machines' ends, but no later than this.
pub const APP_DELETE_WAIT: Millis = Millis::minutes(10);

/// A machine's end may still be under way.
const WAIT: Millis = Millis::seconds(2);
/// A pause is looked at again after this; its end wakes the lane.
pub const PAUSED: Millis = Millis::minutes(1);

/// Deliveries that one claim of a lane tells at most, before lanes that are due longer get its place.
const IN_A_ROW: usize = 16;

impl Runner {
    /// Tells the head of a handler's lane, and what comes after it while all goes well.
    pub async fn deliver(&self, installed: &Arc<Installed>, lane: LaneId) -> Result<(), Error> {
        let mut head = self.store.delivery_head(lane)?;
        if head.is_none() {
            return Ok(self.store.idle(lane).await?);
        }
        for told in 1..=IN_A_ROW {
            let Some(delivery) = head else { break };
            // Its lane stays due as of when it was claimed: the next runner tells it.
            if self.draining().is_cancelled() {
                break;
            }
            // What only removals wait for keeps nobody from being told.
            if delivery.paused == Some(Level::Observe) {
                let now = self.now();
                return Ok(self.store.postpone_paused(lane, now + PAUSED, now).await?);
            }
            if self.waits(&delivery, lane)? {
                return Ok(self.store.postpone_delivery(lane, self.now() + WAIT).await?);
            }
            let turn = if told < IN_A_ROW { Turn::GoesOn } else { Turn::Ends };
            head = self.tell(installed, lane, delivery, turn).await?;
        }
        Ok(())
    }

    /// Whether the end of an app is not told yet, for those of its machines are not.
    fn waits(&self, delivery: &Delivery, lane: LaneId) -> Result<bool, Error> {
        Ok(delivery.event.kind == "app.deleted"
            && self.now() < delivery.event.time + APP_DELETE_WAIT
            && self.store.app_has_open_machine_lanes(lane.subject, lane.hook)?)
    }

    async fn tell(
        &self,
        installed: &Arc<Installed>,
        lane: LaneId,
        delivery: Delivery,
        turn: Turn,
    ) -> Result<Option<Delivery>, Error> {
        let earlier = match self.earlier(&delivery)? {
            Ok(earlier) => earlier,
            Err(lost) => return self.give_up(installed, lane, delivery, lost).await,
        };
        let observing = installed.hook.level == Level::Observe;
        // Nothing is sent while observing, and what is in doubt would be forgotten.
        if let Some(lost) = observing.then(|| earlier.doubt()).flatten() {
            return self.give_up(installed, lane, delivery, lost).await;
        }
        let start = earlier.start(self.now(), || self.entropy.seed());
        let about = About { seq: Some(delivery.seq), resumes: earlier.resumed(), ..About::default() };
        let config = installed.own_config();
        let asked = Asked::Handle(Cow::Borrowed(&delivery.event));
        let opened = self.open_run(installed, lane, about, &start, &config, &asked);
        let surroundings = Surroundings {
            answers: if observing { Answers::Observe } else { earlier.answers() },
            intents: opened.intents(&self.store),
            memory: MemoryHandle(Arc::new(LaneMemory::of(
                self.store.clone(),
                lane,
                installed.clone(),
                start.started,
            ))),
            start,
            resource: None,
        };
        let owner = delivery.owner.as_ref().map(|owner| &owner.subject.path);
        let context = self.context(installed, owner, config, surroundings);
        let attempts = delivery.attempts + 1;
        let app = owner.map(|owner| owner.app_name().to_owned());
        let (event, happened) = (delivery.event.id.clone(), delivery.event.time);
        let run = self.engine.handle(&installed.component, &context, delivery.event).await;
        let now = self.now();
        let (record, calls, ending) = {
            // Most runs have nothing to tell, and pay for no span.
            let tells = run.outcome.is_err() || record::speaks(&run);
            let span =
                tells.then(|| tracing::info_span!("delivery", %event, hook = %installed.hook.name, app));
            let _entered = span.as_ref().map(tracing::Span::enter);
            let (record, calls) = opened.close(&context, &run, now);
            let strayed = earlier.astray(&run.outcome, &context.gate, record.id, now);
            let ending = match (strayed, run.outcome) {
                (Some(ending), _) => ending,
                (None, Ok(())) => Ending::Told { written: run.written },
                // With `observe` a run ends at its first write, which is shown, and the delivery is done.
                (None, Err(Ended::Refused(Refusal::Observed(_)))) => {
                    Ending::Told { written: std::collections::BTreeMap::new() }
                }
                (None, Err(ended)) => {
                    let left = earlier.left(record.id, &ended, &context.gate.known());
                    if gives_up(&ended, attempts, now.since(happened)) {
                        dead(&ended, left.unknown)
                    } else {
                        // What was sent before the hook observed is not forgotten by observing.
                        let resumes = if observing { delivery.resumes } else { left.resumes };
                        self.again(&ended.failure(), attempts, resumes, left.doubts)
                    }
                }
            };
            say(&record, &ending, attempts);
            (record, calls, ending)
        };
        Ok(self.store.settle_delivery(lane, delivery.seq, record, calls, ending, turn, now).await?)
    }

    fn again(&self, failure: &Failure, attempts: u32, resumes: Option<RunId>, doubts: Vec<Doubt>) -> Ending {
        let at = Backoff::HANDLER.next(self.now(), attempts, failure, self.entropy.number());
        Ending::Again { at, error: failure.message.clone(), resumes, doubts }
    }

    /// Ends a delivery that nobody can go on with, without running anything.
    async fn give_up(
        &self,
        installed: &Installed,
        lane: LaneId,
        delivery: Delivery,
        Lost { run, error }: Lost,
    ) -> Result<Option<Delivery>, Error> {
        let now = self.now();
        let start = RunStart { seed: self.entropy.seed(), started: now };
        let about = About { seq: Some(delivery.seq), resumes: delivery.resumes, ..About::default() };
        let asked = Asked::Handle(Cow::Borrowed(&delivery.event));
        let opened = self.open_run(installed, lane, about, &start, &installed.own_config(), &asked);
        let record = RunRecord { ended: Some(now), outcome: Some(error.clone()), ..opened.0 };
        let ending = Ending::Dead { error, in_doubt: Some(run) };
        say(&record, &ending, delivery.attempts + 1);
        Ok(self
            .store
            .settle_delivery(lane, delivery.seq, record, Vec::new(), ending, Turn::Ends, now)
            .await?)
    }
}

/// How a delivery ends that is not tried again.
fn dead(ended: &Ended, unknown: Option<Lost>) -> Ending {
    let Failure { message, .. } = ended.failure();
    match unknown {
        None => Ending::Dead { error: message, in_doubt: None },
        Some(Lost { run, error }) => {
            Ending::Dead { error: format!("{message}; {error}"), in_doubt: Some(run) }
        }
    }
}

/// One line of the log for what was not told.
fn say(run: &RunRecord, ending: &Ending, attempts: u32) {
    let run = run.id;
    match ending {
        Ending::Told { .. } => {}
        Ending::Again { at, error, .. } => tracing::warn!(%run, attempts, %error, again = %at, "not told"),
        Ending::Dead { error, .. } => {
            tracing::error!(%run, attempts, %error, "given up: see `groundcrew dead list`");
        }
    }
}

/// Whether a delivery that ended so, at the so many-th attempt and so long after its event, is not tried again.
fn gives_up(ended: &Ended, attempts: u32, age: Millis) -> bool {
    let said_so = matches!(ended, Ended::Failure(_));
    !ended.failure().retry || attempts >= ATTEMPTS_MAX && (!said_so || age >= TRIED_FOR)
}

/// Keeps a handler's writes with its run.
struct RunIntents {
    store: Store,
    run: RunRecord,
}

impl Intents for RunIntents {
    fn intend<'a>(&'a self, intent: Intent<'a>) -> BoxFuture<'a, Result<(), IntentError>> {
        Box::pin(async move {
            let mut calls: Vec<_> = intent.earlier.iter().map(record::call).collect();
            calls.push(record::call(intent.call));
            let schedule = record::kept_schedule(intent.schedule);
            let saved = self.store.save_intent(RunRecord { schedule, ..self.run.clone() }, calls).await;
            saved.map_err(|error| match error {
                groundcrew_store::Error::Over(_) => IntentError::Refused(error.to_string()),
                other => IntentError::Store(other.to_string()),
            })
        })
    }
}

impl Opened {
    /// Keeps the run's writes with it.
    pub(super) fn intents(&self, store: &Store) -> Arc<dyn Intents> {
        Arc::new(RunIntents { store: store.clone(), run: self.0.clone() })
    }
}

/// What a handler or auditor may look up.
pub(super) struct LaneMemory {
    store: Store,
    lane: LaneId,
    installed: Arc<Installed>,
    /// When its run began: time stands still for what it looks up.
    now: Timestamp,
}

/// Subjects on one page.
const PAGE: usize = 500;

impl Memory for LaneMemory {
    fn subject<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, Result<Option<Subject>, Failure>> {
        let found = self.store.subject_at(path).map_err(|error| Failure::again(error.to_string()));
        let found = found.map(|found| {
            found.filter(|s| s.gone_at.is_none() && self.installed.hook.covers(path.app_name()))
        });
        Box::pin(std::future::ready(found.map(|found| found.map(|stored| stored.subject))))
    }

    fn below<'a>(
        &'a self,
        path: &'a str,
        cursor: Option<&'a str>,
    ) -> BoxFuture<'a, Result<(Vec<Subject>, Option<String>), Failure>> {
        Box::pin(std::future::ready(
            self.page(path, cursor).map_err(|error| Failure::again(error.to_string())),
        ))
    }

    fn running<'a>(&'a self, app: &'a Path, month: Month) -> BoxFuture<'a, Result<Vec<Total>, Failure>> {
        let totals = self.totals(app, month).map_err(|error| Failure::again(error.to_string()));
        Box::pin(std::future::ready(totals))
    }

    fn value<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, Failure>> {
        let value = self.store.kv(self.lane, key).map_err(|error| Failure::again(error.to_string()));
        Box::pin(std::future::ready(value))
    }
}

impl LaneMemory {
    /// The memory of a lane, and the fleet within its hook's scope.
    pub(super) const fn of(store: Store, lane: LaneId, installed: Arc<Installed>, now: Timestamp) -> Self {
        Self { store, lane, installed, now }
    }

    /// How long the machines of a living app within the hook's scope ran.
    fn totals(&self, app: &Path, month: Month) -> groundcrew_store::Result<Vec<Total>> {
        if !self.installed.hook.covers(app.app_name()) {
            return Ok(Vec::new());
        }
        match self.store.subject_at(&app.app_path())? {
            Some(found) if found.gone_at.is_none() => self.store.ran(found.id, month, self.now),
            _ => Ok(Vec::new()),
        }
    }

    fn page(
        &self,
        path: &str,
        cursor: Option<&str>,
    ) -> groundcrew_store::Result<(Vec<Subject>, Option<String>)> {
        let below = match path.parse::<Path>() {
            Ok(app) => match self.store.subject_at(&app)? {
                Some(app) => self.store.members(app.id)?,
                None => Vec::new(),
            },
            Err(_) => self.store.living_apps()?,
        };
        let after = |subject: &Subject| {
            is_below(subject.path.as_str(), path)
                && self.installed.hook.covers(subject.path.app_name())
                && cursor.is_none_or(|cursor| subject.path.as_str() > cursor)
        };
        let mut page: Vec<_> = below.into_iter().map(|stored| stored.subject).filter(after).collect();
        let next = (page.len() > PAGE).then(|| page[PAGE - 1].path.to_string());
        page.truncate(PAGE);
        Ok((page, next))
    }
}

/// Whether a path is another one, or lies below it: `fly/acme` is not above `fly/acme-staging/web`.
fn is_below(path: &str, above: &str) -> bool {
    let rest = path.strip_prefix(above.trim_end_matches('/'));
    rest.is_some_and(|rest| above.is_empty() || rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_begins_alike_is_not_below() {
        assert!(is_below("fly/acme/web", "fly/acme") && is_below("fly/acme/web", "fly/acme/"));
        assert!(is_below("fly/acme/web/m1", "fly/acme/web") && is_below("fly/acme", "fly/acme"));
        assert!(!is_below("fly/acme-staging/web", "fly/acme"));
        assert!(is_below("fly/acme/web", ""));
    }

    #[test]
    fn an_outage_of_hours_loses_no_event_and_a_poisoned_one_does_not_block_for_days() {
        let (out, young, old) = (Ended::Failure(Failure::again("no answer")), Millis::hours(8), TRIED_FOR);
        assert!(!gives_up(&out, 100, young));
        assert!(!gives_up(&out, ATTEMPTS_MAX - 1, old));
        assert!(gives_up(&out, ATTEMPTS_MAX, old));
        let trap = Ended::Trap("unreachable".to_owned());
        assert!(!gives_up(&trap, ATTEMPTS_MAX - 1, old));
        assert!(gives_up(&trap, ATTEMPTS_MAX, young));
        assert!(gives_up(&Ended::Failure(Failure::final_("400")), 1, Millis::ZERO));
    }
}
