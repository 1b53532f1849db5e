//! Listings of everything at a provisioner's target, page by page, each thing beside what the ledger says of it.
//!
//! Each page is a run of its own, which may only look. Kinds that live in their owner are listed owner by owner, the
//! others once. No more than a page is held; the ledger is asked by its indexes, after the page was read.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use groundcrew_core::duration::Millis;
use groundcrew_core::inventory::{self, Cursors};
use groundcrew_core::manifest::Lives;
use groundcrew_core::spec::{Failure, Listed, Owner};
use groundcrew_core::template;
use groundcrew_core::time::Timestamp;
use groundcrew_engine::gate::{Answers, Refusal, Unrecorded};
use groundcrew_engine::run::{Ended, MemoryHandle};
use groundcrew_store::SubjectId;
use groundcrew_store::inventory::KnownThing;
use groundcrew_store::lanes::LaneId;
use groundcrew_store::subjects::StoredSubject;
use serde_json::Value;

use super::given::Asked;
use super::installed::Installed;
use super::record::{About, RunStart};
use super::{Error, Runner, Surroundings};

/// A listing under way.
pub(super) struct Scan<'a> {
    runner: &'a Runner,
    installed: &'a Arc<Installed>,
    /// Whose things are listed next; none: those that live in nobody.
    left: VecDeque<Option<SubjectId>>,
    at: Option<Place>,
    /// When it began.
    pub(super) began: Timestamp,
}

/// How far the listing for one owner, or for none, is.
struct Place {
    owner: Option<StoredSubject>,
    cursors: Cursors,
    cursor: Option<String>,
}

/// A page, or why there is none.
pub(super) enum Turned {
    /// A page.
    Page(Page),
    /// An owner's things, or those that live in nobody, could not be listed to their end.
    Failed(String),
    /// With this configuration there is nothing to list them by; why. The hook is one without an inventory then.
    None(String),
}

/// One page of a listing.
pub(super) struct Page {
    /// Whose things these are; none: those that live in nobody.
    pub(super) owner: Option<StoredSubject>,
    /// What was listed.
    pub(super) things: Vec<KnownThing>,
    /// Whether nothing follows for this owner.
    pub(super) is_last: bool,
}

/// What one page's run answered.
type Answer = (Vec<Listed>, Option<String>);

impl Runner {
    /// Begins to list everything at a provisioner's target.
    pub(super) fn scan<'a>(&'a self, installed: &'a Arc<Installed>) -> Result<Scan<'a>, Error> {
        let manifest = &installed.hook.manifest;
        let has = |lives: Lives| manifest.kind.values().any(|kind| kind.lives == lives);
        let mut left: VecDeque<_> = has(Lives::Outside).then_some(None).into_iter().collect();
        if has(Lives::InOwner) {
            left.extend(self.store.living(manifest.owner)?.into_iter().map(Some));
        }
        Ok(Scan { runner: self, installed, left, at: None, began: self.now() })
    }

    /// Asks for one page.
    async fn list_page(
        &self,
        installed: &Arc<Installed>,
        owner: Option<&StoredSubject>,
        cursor: Option<&str>,
    ) -> Result<Result<Answer, Failure>, Error> {
        let lane = LaneId { hook: installed.id, subject: owner.map_or(SubjectId::NONE, |owner| owner.id) };
        let start = RunStart { seed: self.entropy.seed(), started: self.now() };
        let config = self.scan_config(installed, owner)?;
        let path = owner.map(|owner| &owner.subject.path);
        let whose =
            owner.map(|owner| Owner { path: owner.subject.path.clone(), uid: owner.subject.uid.clone() });
        let asked = Asked::Scan(whose.clone(), cursor.map(Cow::Borrowed));
        let opened = self.open_run(installed, lane, About::default(), &start, &config, &asked);
        let surroundings = Surroundings {
            resource: None,
            answers: Answers::Observe,
            intents: Arc::new(Unrecorded),
            memory: MemoryHandle::absent(),
            start,
        };
        let context = self.context(installed, path, config, surroundings);
        let run = self.engine.scan(&installed.component, &context, whose.as_ref(), cursor).await;
        let (record, calls) = opened.close(&context, &run, self.now());
        self.store.save_run(record, calls).await?;
        Ok(match run.outcome {
            Ok((things, next)) => fitting(installed, owner, things).map(|things| (things, next)),
            Err(Ended::Refused(Refusal::Observed(_))) => {
                Err(Failure::final_("it asked for a write, and `scan` may only look"))
            }
            Err(ended) => Err(ended.failure()),
        })
    }

    /// The stanza's configuration, filled in for an owner; fields whose words have no value are null.
    fn scan_config(&self, installed: &Installed, owner: Option<&StoredSubject>) -> Result<Arc<Value>, Error> {
        let blank = || Arc::new(template::without_owner(&installed.hook.config));
        let Some(owner) = owner else { return Ok(blank()) };
        Ok(self.question(installed, owner)?.map_or_else(|_| blank(), |question| question.config))
    }
}

impl Scan<'_> {
    /// Turns to the next page; none: that was all.
    pub(super) async fn turn(&mut self) -> Result<Option<Turned>, Error> {
        loop {
            let Some(mut place) = self.at.take() else {
                let Some(owner) = self.left.pop_front() else { return Ok(None) };
                self.at = self.begin(owner)?;
                continue;
            };
            let answer = self.patient_page(&place).await?;
            let (things, next) = match answer {
                Ok((things, next)) => (things, next),
                Err(_) if self.is_gone(&place)? => continue,
                Err(failure) if place.cursor.is_none() && inventory::none(&failure).is_some() => {
                    self.installed.has_none_to_list();
                    return Ok(inventory::none(&failure).map(|why| Turned::None(why.to_owned())));
                }
                Err(failure) => return Ok(Some(Turned::Failed(told(&place, &failure)))),
            };
            let next = next.map(|next| place.cursors.take(next, self.runner.limits.scan_pages)).transpose();
            let next = match next {
                Ok(next) => next,
                Err(failure) => return Ok(Some(Turned::Failed(told(&place, &failure)))),
            };
            let (target, installation) = (&self.installed.hook.target, &self.runner.installation);
            let things = self.runner.store.known_things(target, installation, things)?;
            let page = Page { owner: place.owner.clone(), things, is_last: next.is_none() };
            if next.is_some() {
                place.cursor = next;
                self.at = Some(place);
            }
            return Ok(Some(Turned::Page(page)));
        }
    }

    /// An owner that is gone, or out of the hook's scope, is left out.
    fn begin(&self, owner: Option<SubjectId>) -> Result<Option<Place>, Error> {
        let place = |owner| Some(Place { owner, cursors: Cursors::default(), cursor: None });
        let Some(id) = owner else { return Ok(place(None)) };
        let subject = self.runner.store.subject(id)?.filter(|subject| {
            subject.gone_at.is_none() && self.installed.hook.covers(subject.subject.path.app_name())
        });
        Ok(subject.and_then(|subject| place(Some(subject))))
    }

    /// Whether the owner went meanwhile, so that its things could not be listed.
    fn is_gone(&self, place: &Place) -> Result<bool, Error> {
        let Some(owner) = &place.owner else { return Ok(false) };
        Ok(self.runner.store.subject(owner.id)?.is_none_or(|now| now.gone_at.is_some()))
    }

    async fn patient_page(&self, place: &Place) -> Result<Result<Answer, Failure>, Error> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let (owner, cursor) = (place.owner.as_ref(), place.cursor.as_deref());
            match self.runner.list_page(self.installed, owner, cursor).await? {
                Err(failure) if self.runner.waits_for_again(attempts, &failure).await => {}
                answer => return Ok(answer),
            }
        }
    }
}

impl Page {
    /// How long the API may hide things of a kind.
    pub(super) fn settle(installed: &Installed, kind: &str) -> Millis {
        installed.hook.policy(kind, Millis::ZERO).map_or(Millis::ZERO, |policy| policy.settle)
    }
}

/// Whose things could not be listed, and why.
fn told(place: &Place, failure: &Failure) -> String {
    match &place.owner {
        Some(owner) => format!("{}: {failure}", owner.subject.path),
        None => failure.to_string(),
    }
}

/// Refuses what the manifest does not know, or what lives elsewhere.
fn fitting(
    installed: &Installed,
    owner: Option<&StoredSubject>,
    things: Vec<Listed>,
) -> Result<Vec<Listed>, Failure> {
    let expected = if owner.is_some() { Lives::InOwner } else { Lives::Outside };
    let fits = |listed: &Listed| {
        installed.hook.manifest.kind.get(&listed.kind).is_some_and(|kind| kind.lives == expected)
    };
    match things.iter().find(|listed| !fits(listed)) {
        None => Ok(things),
        Some(listed) => {
            let whose = if owner.is_some() { "in their owner" } else { "in nobody" };
            let text = format!("its manifest has no kind `{}` whose things live {whose}", listed.kind);
            Err(Failure::final_(format!("the hook's answer does not fit: {text}")))
        }
    }
}
