//! Labels from operators' endpoints: what the platform does not know about an app.
//!
//! ```text
//!   app, source ──► due? ──► GET url ──► judge against the declared types ──► Store::save_label ──► lanes owed a look
//! ```
//!
//! # Guarantees
//! - An outage never looks like an answer: without one, or with one that cannot be read, what was last known stays.
//!   So does a value whose type is not the declared one, and everything when an endpoint that knew an app answers 404.
//! - An app that the endpoint never knew (404 to the first question) has answered with nothing, `{}`, so its owner
//!   is not kept waiting for ever. One that it knew under an earlier name is none of these: labels follow their app.
//! - A new app is asked about within seconds; each app again after the source's `every`, or after a back-off.
//!
//! # Cancel safety
//! [`LabelSources::run`] ends at the token it is given; requests under way are dropped, and asked again next time.

mod judge;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use groundcrew_core::duration::Millis;
use groundcrew_core::subject::{Path, Uid};
use groundcrew_core::time::Timestamp;
use groundcrew_engine::egress::{Request, Response, Transport};
use groundcrew_store::findings::{ClosedToo, NewFinding, Severity};
use groundcrew_store::lanes::LaneId;
use groundcrew_store::subjects::StoredSubject;
use groundcrew_store::{Result, SubjectId};
use serde_json::{Map, Value};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Surroundings;
use crate::config::{LabelSource, Position};
use judge::{Judged, judge};

/// Requests under way at once, over all sources.
pub const IN_FLIGHT_MAX: usize = 8;

/// How often new apps are looked for.
const LOOK_EVERY: Millis = Millis::seconds(1);

/// The first wait after a failure; it doubles up to the source's `every`.
const AGAIN: Millis = Millis::seconds(2);

/// Failures in a row of one source after which a person should know.
pub(crate) const OUTAGE_AFTER: u32 = 3;

/// Polls all label sources for all living apps.
#[derive(Debug)]
pub struct LabelSources {
    sources: Vec<Arc<LabelSource>>,
    around: Surroundings,
    /// When each (source, path) is asked again, and how often it has failed in a row.
    plan: BTreeMap<(usize, Path), Due>,
    /// Failures in a row, by source.
    failures: Vec<u32>,
    /// The apps that live, once they were read.
    living: Option<BTreeSet<Path>>,
    /// Those that lived when findings of all others were last closed.
    told_of: Option<BTreeSet<Path>>,
    /// When the apps were last read.
    looked_at: Option<Timestamp>,
    /// Who was due then and has not been asked since, those who wait longest first.
    waiting: VecDeque<(usize, StoredSubject)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Due {
    at: Timestamp,
    failures: u32,
    under_way: UnderWay,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum UnderWay {
    #[default]
    No,
    Yes,
}

/// An answer of one source about one app; the error is for people.
#[derive(Debug)]
struct Answered {
    source: usize,
    app: StoredSubject,
    response: std::result::Result<Response, String>,
}

impl LabelSources {
    /// Makes the poller of these sources.
    pub fn new(sources: Vec<LabelSource>, around: Surroundings) -> Self {
        let failures = vec![0; sources.len()];
        let sources = sources.into_iter().map(Arc::new).collect();
        Self {
            sources,
            around,
            plan: BTreeMap::new(),
            failures,
            living: None,
            told_of: None,
            looked_at: None,
            waiting: VecDeque::new(),
        }
    }

    /// Polls until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut requests = JoinSet::new();
        loop {
            let now = self.around.clock.now();
            // All of them are read now and then, and not for each answer. Below zero the clock was set back.
            let is_fresh = |at: Timestamp| (Millis::ZERO..LOOK_EVERY).contains(&now.since(at));
            if !self.looked_at.is_some_and(is_fresh) {
                self.look(now);
                self.forget_ended().await;
            }
            for question in self.due(IN_FLIGHT_MAX - requests.len()) {
                requests.spawn(question);
            }
            // Each arm only waits: an answer that is not taken stays where it is.
            tokio::select! {
                () = shutdown.cancelled() => return,
                Some(answered) = requests.join_next() => {
                    self.take(answered.expect("invariant: a request does not panic, and nobody aborts it")).await;
                }
                () = tokio::time::sleep(LOOK_EVERY.to_std()) => {}
            }
        }
    }

    /// Asks whatever is due now, one after the other; for whoever brings their own time.
    pub async fn turn(&mut self) {
        self.look(self.around.clock.now());
        for question in self.due(usize::MAX) {
            let answered = question.await;
            self.take(answered).await;
        }
        self.forget_ended().await;
    }

    /// Closes what was found of apps that are no more, and of sources that are no longer asked.
    async fn forget_ended(&mut self) {
        if self.living.is_none() && !self.sources.is_empty()
            || self.living == self.told_of && self.told_of.is_some()
        {
            return;
        }
        match self.close_ended().await {
            Ok(()) => self.told_of = Some(self.living.clone().unwrap_or_default()),
            Err(error) => {
                tracing::error!(%error, "findings about labels of apps that ended could not be closed");
            }
        }
    }

    async fn close_ended(&self) -> Result<()> {
        let store = &self.around.store;
        let lives = |path: &str| self.living.iter().flatten().any(|living| living.as_str() == path);
        let is_asked = |name: &str| self.sources.iter().any(|source| source.name == name);
        let holds = |about: &str| match about.split_once(' ') {
            Some((source, path)) => is_asked(source) && lives(path),
            None => is_asked(about),
        };
        let findings = store.findings(ClosedToo::No)?;
        let ours = findings.iter().filter(|it| it.auditor.is_none() && it.code.starts_with("labels."));
        for ended in ours.filter(|it| !holds(&it.about)) {
            store.close_finding(&ended.code, &ended.about, self.around.clock.now()).await?;
        }
        Ok(())
    }

    /// Reads which apps live, and who is due.
    fn look(&mut self, now: Timestamp) {
        self.looked_at = Some(now);
        if self.sources.is_empty() {
            return;
        }
        let apps = match self.around.store.living_apps() {
            Ok(apps) => apps,
            Err(error) => {
                tracing::error!(%error, "the apps to ask labels for cannot be read");
                return;
            }
        };
        let living: BTreeSet<_> = apps.iter().map(|app| app.subject.path.clone()).collect();
        self.plan.retain(|(_, path), due| due.under_way == UnderWay::Yes || living.contains(path));
        self.living = Some(living);
        let mut waiting = Vec::new();
        for (source, app) in
            (0..self.sources.len()).flat_map(|source| apps.iter().map(move |app| (source, app)))
        {
            let due = self.plan.entry((source, app.subject.path.clone())).or_default();
            // Nobody is made to wait longer than this, so beyond it the clock was set back.
            let latest = now + self.sources[source].every.max(AGAIN);
            if due.under_way == UnderWay::No && (due.at <= now || due.at > latest) {
                // Whom the clock would keep waiting is due for longer than anybody knows.
                let since = if due.at > latest { Timestamp::from_millis(0) } else { due.at };
                waiting.push((since, source, app));
            }
        }
        // Who is due longest comes first: whatever there are more of than can be asked, everybody is asked.
        waiting.sort_by_key(|(since, ..)| *since);
        self.waiting = waiting.into_iter().map(|(_, source, app)| (source, app.clone())).collect();
    }

    /// The requests to send now, at most `most`.
    fn due(&mut self, most: usize) -> Vec<impl Future<Output = Answered> + Send + 'static + use<>> {
        let asked: Vec<_> = self.waiting.drain(..most.min(self.waiting.len())).collect();
        for (source, app) in &asked {
            self.plan.entry((*source, app.subject.path.clone())).or_default().under_way = UnderWay::Yes;
        }
        asked.into_iter().map(|(source, app)| self.question(source, app)).collect()
    }

    fn question(
        &self,
        source: usize,
        app: StoredSubject,
    ) -> impl Future<Output = Answered> + Send + 'static + use<> {
        let settings = Arc::clone(&self.sources[source]);
        let request = self.request(&settings, &app.subject.path);
        let transport = Arc::clone(&self.around.transport);
        async move {
            let response = match request {
                Ok(request) => exchange(&*transport, request, settings.timeout).await,
                Err(reason) => Err(reason),
            };
            Answered { source, app, response }
        }
    }

    fn request(&self, source: &LabelSource, path: &Path) -> std::result::Result<Request, String> {
        let mut template = source.url.clone();
        let mut headers = vec![("accept".to_owned(), "application/json".to_owned())];
        for (name, position) in &source.secrets {
            let value = (self.around.secret)(name)?;
            match position {
                Position::Header(header) => headers.push((header.clone(), value.to_string())),
                Position::Url => template = value.to_string(),
            }
        }
        let url = template.replace("{app}", path.app_name()).replace("{org}", path.org());
        // The operator wrote this URL, so it may be anywhere.
        Ok(Request { method: "GET".to_owned(), url, headers, body: Vec::new(), private: true })
    }

    /// Takes in one answer.
    async fn take(&mut self, answered: Answered) {
        let now = self.around.clock.now();
        let Answered { source, app, response } = answered;
        let settings = Arc::clone(&self.sources[source]);
        let path = app.subject.path.clone();
        if self.has_left(&app) {
            // It ended, or got another name, while it was asked about.
            self.plan.remove(&(source, path));
            return;
        }
        let outcome = match self.judged(&settings, &path, response) {
            Ok(judged) => self.keep(&settings, &app, judged, now).await,
            Err(reason) => Err(reason),
        };
        let due = self.plan.entry((source, path.clone())).or_default();
        due.under_way = UnderWay::No;
        match &outcome {
            Ok(()) => {
                (due.failures, due.at) = (0, now + settings.every);
                self.failures[source] = 0;
            }
            Err(reason) => {
                due.failures += 1;
                due.at = now + AGAIN.times(1 << due.failures.min(12)).min(settings.every.max(AGAIN));
                self.failures[source] += 1;
                tracing::warn!(source = %settings.name, %path, %reason, "no labels");
            }
        }
        if let Err(error) = self.tell(source, outcome.err(), now).await {
            tracing::error!(%error, "a finding about labels could not be stored");
        }
    }

    /// Whether an app ended, or has another path than when it was asked about: what was answered is about whoever is
    /// there next.
    fn has_left(&self, app: &StoredSubject) -> bool {
        let now = self.around.store.subject(app.id);
        let left = |now: StoredSubject| now.gone_at.is_some() || now.subject.path != app.subject.path;
        now.is_ok_and(|now| now.is_some_and(left))
    }

    fn judged(
        &self,
        settings: &LabelSource,
        path: &Path,
        response: std::result::Result<Response, String>,
    ) -> std::result::Result<Judged, String> {
        let known = self.around.store.label(path, &settings.name).map_err(|error| error.to_string())?;
        judge(&settings.values, &response?, known)
    }

    /// Stores what is to be kept, with the findings about it.
    async fn keep(
        &self,
        settings: &LabelSource,
        app: &StoredSubject,
        judged: Judged,
        now: Timestamp,
    ) -> std::result::Result<(), String> {
        let stored = self.store(settings, app, judged, now).await;
        stored.map_err(|error| error.to_string())
    }

    async fn store(
        &self,
        settings: &LabelSource,
        app: &StoredSubject,
        judged: Judged,
        now: Timestamp,
    ) -> Result<()> {
        let path = &app.subject.path;
        let about = format!("{} {path}", settings.name);
        self.doubt("labels.mistyped", &about, judged.mistyped, now).await?;
        self.doubt("labels.lost", &about, judged.lost, now).await?;
        let Some(value) = judged.value else { return Ok(()) };
        let lanes = self.lanes(app, &settings.name, &value)?;
        self.around.store.save_label(path, &settings.name, value, lanes, None, now).await?;
        Ok(())
    }

    /// Opens a finding, or closes it where there is nothing to say.
    async fn doubt(&self, code: &str, about: &str, text: Option<String>, now: Timestamp) -> Result<()> {
        let Some(message) = text else { return self.around.store.close_finding(code, about, now).await };
        self.around.store.open_finding(warning(code, about, message), now).await
    }

    /// The lanes that are owed a look: the app's, and those of its machines, whose views show the app.
    fn lanes(&self, app: &StoredSubject, source: &str, value: &Map<String, Value>) -> Result<Vec<LaneId>> {
        let before = self.around.store.label(&app.subject.path, source)?;
        if before.as_ref() == Some(value) {
            return Ok(Vec::new());
        }
        let members = self.around.store.members(app.id)?;
        let routes = &self.around.routes;
        let mut owed = routes.lanes(&app.subject, None);
        for member in &members {
            owed.extend(routes.lanes(&member.subject, Some(&app.subject.uid)));
        }
        let numbers: BTreeMap<&Uid, SubjectId> =
            members.iter().chain([app]).map(|subject| (&subject.subject.uid, subject.id)).collect();
        let mut lanes: Vec<_> = owed
            .iter()
            .filter_map(|(hook, uid)| Some(LaneId { hook: *hook, subject: *numbers.get(uid)? }))
            .collect();
        lanes.sort_unstable();
        lanes.dedup();
        Ok(lanes)
    }

    /// Says that a source is out, or no longer.
    async fn tell(&self, source: usize, reason: Option<String>, now: Timestamp) -> Result<()> {
        let name = &self.sources[source].name;
        match reason {
            None => self.around.store.close_finding("labels.outage", name, now).await,
            Some(reason) if self.failures[source] >= OUTAGE_AFTER => {
                let message =
                    format!("the label source {name} does not answer; what was last known is used: {reason}");
                self.around.store.open_finding(warning("labels.outage", name, message), now).await
            }
            Some(_) => Ok(()),
        }
    }
}

fn warning(code: &str, about: &str, message: String) -> NewFinding {
    NewFinding {
        code: code.to_owned(),
        about: about.to_owned(),
        hook: None,
        severity: Severity::Warning,
        message,
        remedy: None,
    }
}

async fn exchange(
    transport: &dyn Transport,
    request: Request,
    timeout: Millis,
) -> std::result::Result<Response, String> {
    transport.admit(&request).await.map_err(|failure| failure.to_string())?;
    transport.exchange(request, timeout).await.map_err(|error| error.to_string())
}
