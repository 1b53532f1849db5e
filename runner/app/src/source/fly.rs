//! An organisation on Fly, polled.
//!
//! ```text
//!   Schedule::next ──► requests, several at once ──► answers, one at a time ──► Keeper::take ──► Schedule::done
//!         ▲                                                                        │
//!         └───────────── asks, hot apps, hints, back-off ◄──────────────────────────┘
//! ```
//!
//! # Guarantees
//! - No action is asked more often than its documented limit, and nothing is retried before its back-off is over.
//! - A commit that failed counts as a failed request: nothing is acknowledged, the mirror is read again, and the
//!   source waits like for an ailing platform.
//! - An answer that is none, or not a good one, is in the log with the platform's id of the request, and in [`Status`]; a
//!   request that goes on failing is logged every few minutes.
//!
//! # Cancel safety
//! [`FlySource::run`] ends at the token it is given; requests under way are only reads and are dropped, a commit
//! under way is finished first.

mod status;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use groundcrew_core::duration::Millis;
use groundcrew_core::mirror::{self, Ask, Look, Reach, Rules};
use groundcrew_core::poll::{Done, Fetch, Jitter, Schedule};
use groundcrew_core::subject::Uid;
use groundcrew_core::time::Timestamp;
use groundcrew_engine::egress::{Request, Transport};
use groundcrew_fly::{Answer, auth_header, tokens};
use groundcrew_store::{Error, Result, Store};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Surroundings;
use super::keeper::{Changed, Keeper, Taken, has_baseline};
use crate::config;
use crate::runner::Entropy;
use wire::{Question, Reading};

pub use status::{Belief, FRESH_WITHIN, FlyHandle, HintLost, Status};

/// How long one request of a poller may take.
pub const REQUEST_MAX: Millis = Millis::seconds(20);

/// How long it is not logged again that the same request failed.
const LOGGED_EVERY: Millis = Millis::minutes(5);

/// Commands that wait for the source; hints beyond it are lost, and polling finds what they were about.
const COMMANDS: usize = 1_024;

/// The name under which rows and cursor are kept.
const SOURCE: &str = "fly";

/// Whether the organisation's apps were ever listed as a whole: before that nobody knows the fleet.
pub(crate) fn was_listed(store: &Store) -> Result<bool> {
    has_baseline(SOURCE, store)
}

/// Polls an organisation and keeps the mirror of it.
#[derive(Debug)]
pub struct FlySource {
    org: String,
    /// The secret's name; what the token is called wherever its value must not be.
    token: String,
    base: String,
    around: Surroundings,
    keeper: Keeper,
    schedule: Schedule,
    commands: mpsc::Receiver<Command>,
    status: watch::Sender<Status>,
    /// What the token reached when it was last asked.
    reach: Option<Reach>,
    /// Requests that failed lately, and when that was logged.
    logged: BTreeMap<Ask, Timestamp>,
    /// Where back-offs draw their jitter from.
    entropy: Entropy,
}

/// What a handle asks of the source.
#[derive(Debug)]
enum Command {
    Hint(String),
    ApproveVanished(BTreeSet<Uid>, oneshot::Sender<Result<()>>),
    AcceptReach(oneshot::Sender<Result<()>>),
}

/// An answer on its way into the mirror.
#[derive(Debug)]
struct Answered {
    fetch: Fetch,
    question: Question,
    sent_at: Timestamp,
    answer: Result<Answer, String>,
}

impl FlySource {
    /// Makes the source of what was stored; nothing stored means a first start, which adopts silently.
    pub fn open(settings: &config::FlySource, around: Surroundings) -> Result<(Self, FlyHandle)> {
        Self::open_with(settings, Rules::ALL, around)
    }

    /// The same with some of the mirror's rules only; for tests, which show what each rule is for.
    pub fn open_with(
        settings: &config::FlySource,
        rules: Rules,
        around: Surroundings,
    ) -> Result<(Self, FlyHandle)> {
        let mut judging = mirror::Config::new(&settings.org);
        judging.vanish_max = settings.vanish_max;
        judging.rules = rules;
        let keeper = Keeper::open(SOURCE, judging, &around)?;
        let mut schedule = Schedule::new(settings.pace.clone());
        schedule.set_apps(keeper.mirror().app_names(), around.clock.now());
        let (commands, heard) = mpsc::channel(COMMANDS);
        let (status, seen) = watch::channel(Status { begun_at: around.clock.now(), ..Status::default() });
        let source = Self {
            org: settings.org.clone(),
            token: settings.token.clone(),
            base: settings.url.as_str().trim_end_matches('/').to_owned(),
            around,
            keeper,
            schedule,
            commands: heard,
            status,
            reach: None,
            logged: BTreeMap::new(),
            entropy: Entropy::of_system(),
        };
        source.say(None);
        Ok((source, FlyHandle::new(commands, seen)))
    }

    /// The same, with back-offs that a seed repeats; for simulations.
    #[must_use]
    pub fn with_entropy(self, entropy: Entropy) -> Self {
        Self { entropy, ..self }
    }

    /// Polls until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut requests = JoinSet::new();
        loop {
            for question in self.due() {
                requests.spawn(question);
            }
            let wait = self.wait();
            // Each arm only waits: a message that is not received, and an answer not taken, stay where they are.
            tokio::select! {
                () = shutdown.cancelled() => return,
                Some(answered) = requests.join_next() => {
                    let answered = answered.expect("invariant: a request does not panic, and nobody aborts it");
                    self.take(answered).await;
                }
                Some(command) = self.commands.recv() => self.heed(command).await,
                () = tokio::time::sleep(wait.to_std()) => {}
            }
        }
    }

    /// Does all that is due now, one after the other, and says when to come again.
    ///
    /// For whoever brings their own time, such as simulations; a service uses [`FlySource::run`].
    pub async fn turn(&mut self) -> Timestamp {
        while let Ok(command) = self.commands.try_recv() {
            self.heed(command).await;
        }
        for question in self.due() {
            let answered = question.await;
            self.take(answered).await;
        }
        self.schedule.wake_at(self.around.clock.now())
    }

    /// The requests to send now.
    fn due(&mut self) -> Vec<impl Future<Output = Answered> + Send + 'static + use<>> {
        // A mirror in doubt would ask for the wrong page; what cannot be read now is tried with the next answer.
        if let Err(error) = self.keeper.trust() {
            self.say(Some(error.to_string()));
        }
        let now = self.around.clock.now();
        let fetches = self.schedule.next(now);
        fetches.into_iter().map(|fetch| self.question(fetch, now)).collect()
    }

    fn question(
        &self,
        fetch: Fetch,
        sent_at: Timestamp,
    ) -> impl Future<Output = Answered> + Send + 'static + use<> {
        let mirror = self.keeper.mirror();
        let question = Question {
            ask: fetch.ask.clone(),
            org: self.org.clone(),
            real_org: mirror.cursor().org.as_ref().map(|org| org.slug.clone()),
            query: mirror.org_query(),
        };
        let asked = question.request();
        let url = format!("{}{}", self.base, asked.path_and_query);
        let method = asked.method.to_string();
        let token = (self.around.secret)(&self.token);
        let transport = Arc::clone(&self.around.transport);
        async move {
            let answer = match token {
                Ok(token) => exchange(&*transport, method, url, None, &token).await,
                Err(reason) => Err(reason),
            };
            Answered { fetch, question, sent_at, answer }
        }
    }

    /// How long to wait when nothing comes.
    fn wait(&self) -> Millis {
        let now = self.around.clock.now();
        self.schedule.wake_at(now).since(now).max(Millis::new(1))
    }

    /// Takes in one answer. What cannot be committed counts as not answered.
    async fn take(&mut self, answered: Answered) {
        let now = self.around.clock.now();
        let Answered { fetch, question, sent_at, answer } = answered;
        let Reading { observation, done, wrong } = question.read(answer.as_ref().ok(), now);
        if let Some(wrong) = &wrong {
            self.log(&fetch.ask, wrong, "not a good answer", now);
        }
        if let Err(error) = &answer {
            self.log(&fetch.ask, error, "no answer", now);
        }
        let wrong = answer.err().or(wrong);
        let look =
            Look { tick: fetch.tick, sent_at, at: now, token: self.token.clone(), wrong: wrong.clone() };
        if let mirror::Observation::Control { outcome: mirror::Outcome::Found(reach) } = &observation {
            self.reach = Some(reach.clone());
        }
        let (done, error) = match self.keeper.take(&look, &observation).await {
            Ok(taken) => {
                self.follow(taken, now);
                (done, wrong)
            }
            Err(error) => {
                tracing::error!(%error, ask = ?fetch.ask, "what the source saw could not be committed");
                // A row that the database refuses is refused again: it must not hold back all others.
                let done =
                    if matches!(error, Error::Refused(_)) { Done::Refused } else { Done::Failed(None) };
                (done, Some(error.to_string()))
            }
        };
        let jitter = Jitter::from_bits(self.entropy.number() as u16);
        self.schedule.done(&fetch, done, now, jitter);
        if fetch.ask == Ask::Apps && done == Done::Answered {
            self.status.send_modify(|status| status.listed_at = Some(now));
        }
        self.say(error);
    }

    /// Logs that a request failed, if that was not logged a moment ago.
    fn log(&mut self, ask: &Ask, error: &str, what: &str, now: Timestamp) {
        // Below zero the clock was set back.
        self.logged.retain(|_, at| (Millis::ZERO..LOGGED_EVERY).contains(&now.since(*at)));
        if self.logged.contains_key(ask) {
            tracing::debug!(%error, ?ask, "{what}");
        } else {
            self.logged.insert(ask.clone(), now);
            tracing::warn!(%error, ?ask, "{what}");
        }
    }

    /// Looks next at what the mirror asks for.
    fn follow(&mut self, taken: Taken, now: Timestamp) {
        if taken.apps == Changed::Yes {
            self.schedule.set_apps(self.keeper.mirror().app_names(), now);
        }
        for ask in taken.asks {
            self.schedule.ask(ask);
        }
        for app in taken.hot {
            if self.keeper.mirror().app(&app).is_some() {
                self.schedule.heat(&app, now);
            }
        }
    }

    async fn heed(&mut self, command: Command) {
        let now = self.around.clock.now();
        let tick = self.schedule.tick();
        let look = Look { tick, sent_at: now, at: now, token: self.token.clone(), wrong: None };
        let (reply, taken) = match command {
            Command::Hint(app) => return self.hint(&app, now),
            Command::ApproveVanished(shown, reply) => {
                (reply, self.keeper.approve_vanished(&look, &shown).await)
            }
            Command::AcceptReach(reply) => match self.reach.clone() {
                Some(reach) => (reply, self.keeper.accept_reach(&look, &reach).await),
                None => (reply, Err(Error::Missing("answer of the platform about the token yet"))),
            },
        };
        // Whoever asked may have gone; it is done all the same.
        drop(reply.send(taken.map(|taken| self.follow(taken, now))));
        self.say(None);
    }

    /// Something may have happened in an app: look at it, or at the list where it is not known yet.
    fn hint(&mut self, app: &str, now: Timestamp) {
        if self.keeper.mirror().app(app).is_some() {
            self.schedule.heat(app, now);
        } else {
            self.schedule.ask(Ask::Apps);
        }
    }

    /// Publishes how the source is.
    fn say(&self, error: Option<String>) {
        let now = self.around.clock.now();
        let mirror = self.keeper.mirror();
        let oldest = self.schedule.oldest_look(now).map(|age| now - age);
        self.status.send_modify(|status| {
            status.apps = mirror.app_names().count();
            status.belief = Belief::of(mirror.cursor());
            status.unseen = mirror.unseen().clone();
            status.oldest_look_at = oldest;
            status.error = error;
        });
    }
}

/// What the platform says of a token.
#[derive(Debug)]
pub(crate) enum Asked {
    /// What it reaches.
    Reaches(Reach),
    /// Something else: who uses it believes no app gone.
    Otherwise(String),
    /// Nothing.
    NoAnswer(String),
}

/// Asks what the source's token reaches, as the source does.
pub(crate) async fn ask_reach(settings: &config::FlySource, token: &str, transport: &dyn Transport) -> Asked {
    let call = tokens::current();
    let url = format!("{}{}", settings.url.as_str().trim_end_matches('/'), call.request.path_and_query);
    match exchange(transport, call.request.method.to_string(), url, None, token).await {
        Ok(answer) => match call.read(&answer) {
            Ok(tokens) => Asked::Reaches(wire::reach(&tokens)),
            Err(error) => Asked::Otherwise(wire::said(&error)),
        },
        Err(why) => Asked::NoAnswer(why),
    }
}

/// Sends one request to the platform. Nothing is repeated: whoever asks does that.
pub(crate) async fn exchange(
    transport: &dyn Transport,
    method: String,
    url: String,
    body: Option<String>,
    token: &str,
) -> Result<Answer, String> {
    let mut headers = vec![
        ("accept".to_owned(), "application/json".to_owned()),
        ("authorization".to_owned(), auth_header(token)),
    ];
    if body.is_some() {
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
    }
    // The operator wrote this URL, so it may be anywhere.
    let body = body.unwrap_or_default().into_bytes();
    let request = Request { method, url, headers, body, private: true };
    transport.admit(&request).await.map_err(|failure| failure.to_string())?;
    let response = transport.exchange(request, REQUEST_MAX).await.map_err(|error| error.to_string())?;
    Ok(Answer { status: response.status, headers: response.headers, body: response.body })
}
