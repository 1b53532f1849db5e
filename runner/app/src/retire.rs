//! Lets machines leave in order: cordon, tell handlers, wait for them, stop, destroy.
//!
//! ```text
//!  groundcrew retire ──► store: retirement ──► each step: look at the machine ──► decide ──► one call ──► commit
//!                              ▲                                                                │
//!                              └──────────────── after a crash: the same look ◄─────────────────┘
//! ```
//!
//! # Guarantees
//! - A step is committed after its call was answered, and every call may be repeated; so whatever crashes, the
//!   next look at the machine says what is left to do. Handlers are told in the transaction that says so.
//! - It takes no lease: a lease would keep everybody else from the machine for as long as handlers are waited
//!   for, and its nonce would be lost with a crash. Somebody else's lease (409) is waited for.

use std::sync::Arc;

use futures_util::StreamExt as _;
use groundcrew_core::duration::Millis;
use groundcrew_core::may_delete::Level;
use groundcrew_core::retire::{Command, Heard, Move, Seen, Step, Verdict, decide, waited};
use groundcrew_core::retry::Backoff;
use groundcrew_core::spec::Failure;
use groundcrew_core::time::Timestamp;
use groundcrew_engine::egress::Transport;
use groundcrew_fly::{Answer, ApiError, Class, Request, machines};
use groundcrew_store::findings::{NewFinding, Severity};
use groundcrew_store::retirements::{Progress, Retirement, Telling};
use groundcrew_store::{Error, Result};
use tokio_util::sync::CancellationToken;

use crate::runner::Runner;
use crate::source::{self, FlyHandle, ReadSecret};

/// Between two looks at a machine that is on its way; the API allows one stop a second.
const LOOK: Millis = Millis::seconds(1);
/// The longest pause between two looks at what is due.
const PAUSE: Millis = Millis::seconds(5);
/// Commits come many at once; what they mean for retirements is looked at no more often.
const BREATH: Millis = Millis::new(100);
/// While something that only a person can change holds a retirement.
const HELD: Millis = Millis::minutes(1);
/// Machines that are worked on at once.
const IN_FLIGHT: usize = 16;
/// How `waiting` begins while nothing may be done: under a pause, and at a level.
const KEPT: [&str; 2] = ["paused", "the level of the installation"];
/// The finding about a machine that a handler's refusal holds.
const CODE: &str = "retire.held";

/// Where the platform's API is, and what opens it.
#[derive(Clone)]
pub struct Api {
    /// The way out.
    pub transport: Arc<dyn Transport>,
    /// The base of all URLs, without a slash at its end.
    pub base: String,
    /// The name of the secret with the token.
    pub token: String,
    /// Reads it.
    pub secret: ReadSecret,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("base", &self.base).finish_non_exhaustive()
    }
}

/// Works on retirements.
#[derive(Debug)]
pub struct Retirer {
    /// The runner, whose handlers are told.
    pub runner: Arc<Runner>,
    /// The platform.
    pub api: Api,
    /// The source, which should look at what changed.
    pub fly: Option<FlyHandle>,
}

/// Why a call did not do what was asked.
enum Refused {
    /// There is no such machine.
    Gone,
    /// The token may not.
    Denied(String),
    /// Something else; it is tried again.
    Later(Failure),
}

impl Retirer {
    /// Works until told to stop; what is cut off then is decided by the next look.
    ///
    /// # Errors
    /// The store's, at the start.
    pub async fn run(self, stop: CancellationToken) -> Result<()> {
        self.runner.store.renew_retirements(None, self.runner.now()).await?;
        let mut commits = self.runner.store.commits();
        loop {
            let work = async {
                self.turn().await;
                let pause = tokio::time::sleep(self.pause().to_std());
                tokio::select! {
                    // Both arms only notice that time has come.
                    Ok(()) = commits.changed() => {}
                    () = pause => {}
                }
                tokio::time::sleep(BREATH.to_std()).await;
            };
            if stop.run_until_cancelled(work).await.is_none() {
                return Ok(());
            }
        }
    }

    fn pause(&self) -> Millis {
        let next = self.runner.store.next_retirement().ok().flatten();
        next.map_or(PAUSE, |next| next.since(self.runner.now()).max(Millis::ZERO)).min(PAUSE)
    }

    async fn turn(&self) {
        let due = match self.runner.store.due_retirements(self.runner.now()) {
            Ok(due) => due,
            Err(error) => return tracing::error!(%error, "due retirements cannot be read"),
        };
        let work = futures_util::stream::iter(due).for_each_concurrent(IN_FLIGHT, |retirement| async move {
            match self.step(&retirement).await {
                // Somebody else moved it: it is read again.
                Ok(()) | Err(Error::Superseded(_)) => {}
                Err(error) => tracing::warn!(%error, path = %retirement.path, "a retirement did not go on"),
            }
        });
        work.await;
    }

    /// Takes a retirement one step on, as far as that is possible now.
    pub async fn step(&self, retirement: &Retirement) -> Result<()> {
        let now = self.runner.now();
        if let Some(why) = self.kept(retirement)? {
            return self.say(retirement, why, now + HELD).await;
        }
        if retirement.step == Step::Tell {
            if was_kept(retirement) {
                // Meanwhile nobody could be told: the time for that begins again.
                return self.runner.store.renew_retirements(Some(retirement.id), now).await;
            }
            return self.hear(retirement).await;
        }
        let (app, machine) = names(retirement);
        let shown = self.call(machines::show(app, machine)).await;
        let state = match &shown {
            Ok(machine) if machine.state == "destroyed" => None,
            Ok(machine) => Some(machine.state.as_str()),
            Err(Refused::Gone) => None,
            Err(refused) => return self.failed(retirement, refused).await,
        };
        match decide(retirement.step, retirement.ending, state.map_or(Seen::Gone, Seen::In)) {
            Move::Wait => self.wait(retirement, format!("it is {}", state.unwrap_or("gone")), LOOK).await,
            Move::Next(step) => self.at(retirement, step, state).await,
            Move::Send(command, step) => {
                let call = match command {
                    Command::Cordon => machines::cordon(app, machine),
                    Command::Uncordon => machines::uncordon(app, machine),
                    Command::Stop => machines::stop(app, machine),
                    Command::Destroy => machines::destroy(app, machine),
                };
                match self.call(call).await {
                    Ok(()) if step == Step::Tell => self.tell(retirement).await,
                    Ok(()) if step == retirement.step => {
                        self.wait(retirement, format!("{command:?} was sent").to_lowercase(), LOOK).await
                    }
                    Ok(()) => self.at(retirement, step, state).await,
                    // The next look says so, and for whom.
                    Err(Refused::Gone) => self.wait(retirement, "it is gone".to_owned(), Millis::ZERO).await,
                    Err(refused) => self.failed(retirement, &refused).await,
                }
            }
        }
    }

    /// Why nothing may be done at present: the installation's level, or a pause.
    fn kept(&self, retirement: &Retirement) -> Result<Option<String>> {
        let laid = self.runner.store.paused_over(retirement.subject)?;
        let level = laid.map_or(self.runner.level(), |laid| laid.min(self.runner.level()));
        let kept = match level {
            Level::Observe => true,
            Level::NoDeletes => retirement.step == Step::Destroy,
            Level::Enforce => false,
        };
        let by = KEPT[usize::from(laid.is_none())];
        if kept || retirement.step != Step::Tell {
            return Ok(kept.then(|| format!("{by}: {level}")));
        }
        // Whatever its level, a pause over a handler keeps it from being told.
        for telling in self.runner.store.retirement_told(retirement)? {
            let registry = self.runner.registry();
            let (Heard::Owed, Some(installed)) = (telling.heard, registry.named(&telling.hook)) else {
                continue;
            };
            if let Some(level) = self.runner.store.paused(installed.id, retirement.subject)? {
                return Ok(Some(format!("{}: {level}, and {} waits", KEPT[0], telling.hook)));
            }
        }
        Ok(None)
    }

    /// Tells handlers, in the transaction that says that they are told.
    async fn tell(&self, retirement: &Retirement) -> Result<()> {
        let Some(stored) = self.runner.store.subject(retirement.subject)? else { return Ok(()) };
        let now = self.runner.now();
        let event = retirement.event(stored.subject.clone(), &source::platform_object(&stored), now);
        let handlers = self.runner.registry().handlers(&event);
        self.hint(retirement);
        self.runner.store.tell_retirement(retirement, event, handlers, now).await
    }

    /// Waits for handlers.
    async fn hear(&self, retirement: &Retirement) -> Result<()> {
        let now = self.runner.now();
        if retirement.gone_at.is_some() {
            return self.at(retirement, Step::Done, None).await;
        }
        let told = self.runner.store.retirement_told(retirement)?;
        let until = retirement.until.unwrap_or(now);
        match waited(told.iter().map(|telling| telling.heard), retirement.patience, until, now) {
            Verdict::Go => {
                let (step, outcome) = (Step::Stop, Some(said(&told)).filter(|said| !said.is_empty()));
                self.runner.store.move_retirement(retirement, Progress::At { step, outcome }, now).await?;
                self.runner.store.close_finding(CODE, retirement.path.as_str(), now).await
            }
            Verdict::Wait => {
                let owed: Vec<_> = of(&told, Heard::Owed).map(named).collect();
                self.say(retirement, format!("waits for {}", owed.join(", ")), until).await
            }
            Verdict::Hold => {
                let refused: Vec<_> = of(&told, Heard::Refused).map(named).collect();
                let why = format!("held: {} refused for good", refused.join(", "));
                if retirement.waiting.as_ref() != Some(&why) {
                    self.runner.store.open_finding(held(retirement, &why), now).await?;
                }
                self.say(retirement, why, now + HELD).await
            }
        }
    }

    /// Comes to a step; where that is the last, says how it ended.
    async fn at(&self, retirement: &Retirement, step: Step, state: Option<&str>) -> Result<()> {
        let now = self.runner.now();
        let ended = match (step, state) {
            (Step::Done, None) if retirement.step == Step::Destroy => Some("destroyed".to_owned()),
            (Step::Done, None) => Some("it was gone before it was destroyed here".to_owned()),
            (Step::Done, Some(state)) => Some(format!("{state} and cordoned")),
            (Step::Cancelled, None) => Some("cancelled; it is gone".to_owned()),
            (Step::Cancelled, Some(state)) => Some(format!("cancelled; it is {state} and takes traffic")),
            _ => None,
        };
        let outcome = match (&retirement.outcome, ended) {
            (Some(said), Some(ended)) => Some(format!("{ended}; {said}")),
            (said, ended) => ended.or_else(|| said.clone()),
        };
        self.runner.store.move_retirement(retirement, Progress::At { step, outcome }, now).await?;
        if step.is_over() {
            self.runner.store.close_finding(CODE, retirement.path.as_str(), now).await?;
        }
        self.hint(retirement);
        Ok(())
    }

    async fn failed(&self, retirement: &Retirement, refused: &Refused) -> Result<()> {
        let attempts = retirement.attempts + 1;
        let (why, pause) = match refused {
            Refused::Gone => return Ok(()),
            Refused::Denied(why) => (format!("the token of `source.fly.retire_token` may not: {why}"), HELD),
            Refused::Later(failure) => {
                let jitter = self.runner.entropy.number();
                let next = Backoff::HANDLER.next(self.runner.now(), attempts, failure, jitter);
                (failure.message.clone(), next.since(self.runner.now()).min(HELD))
            }
        };
        let due_at = self.runner.now() + pause;
        let progress = Progress::Waits { why: Some(why), due_at, attempts };
        self.runner.store.move_retirement(retirement, progress, self.runner.now()).await
    }

    async fn wait(&self, retirement: &Retirement, why: String, pause: Millis) -> Result<()> {
        let progress = Progress::Waits { why: Some(why), due_at: self.runner.now() + pause, attempts: 0 };
        self.runner.store.move_retirement(retirement, progress, self.runner.now()).await
    }

    /// Says what is waited for, if that is news: commits wake whoever waits for handlers.
    async fn say(&self, retirement: &Retirement, why: String, due_at: Timestamp) -> Result<()> {
        if retirement.waiting.as_ref() == Some(&why) && retirement.due_at > Some(self.runner.now()) {
            return Ok(());
        }
        let progress = Progress::Waits { why: Some(why), due_at, attempts: 0 };
        self.runner.store.move_retirement(retirement, progress, self.runner.now()).await
    }

    fn hint(&self, retirement: &Retirement) {
        if let Some(fly) = &self.fly {
            // A lost hint costs time only: polling finds what it was about.
            fly.hint(retirement.path.app_name()).ok();
        }
    }

    async fn call<T>(&self, call: groundcrew_fly::Call<T>) -> Result<T, Refused> {
        let answer = self.api.send(&call.request).await.map_err(|why| Refused::Later(Failure::again(why)))?;
        call.read(&answer).map_err(|error| refused(&error, self.runner.now()))
    }
}

impl Api {
    async fn send(&self, request: &Request) -> Result<Answer, String> {
        let token = (self.secret)(&self.token)?;
        let url = format!("{}{}", self.base, request.path_and_query);
        let body = request.body.as_ref().map(serde_json::Value::to_string);
        source::exchange(&*self.transport, request.method.to_string(), url, body, &token).await
    }
}

fn refused(error: &ApiError, now: Timestamp) -> Refused {
    let ApiError::Refused(refusal) = error else { return Refused::Later(Failure::again(error.to_string())) };
    match refusal.class() {
        Class::Gone => Refused::Gone,
        Class::Denied => Refused::Denied(refusal.to_string()),
        Class::Later | Class::Invalid => {
            let after = refusal.retry_after.map(|after| after.delay_ms(now.as_millis()));
            let after = after.map(|after| Millis::new(i64::try_from(after).unwrap_or(i64::MAX)));
            Refused::Later(Failure { after, ..Failure::again(refusal.to_string()) })
        }
    }
}

/// Whether it was told last that nothing may be done.
fn was_kept(retirement: &Retirement) -> bool {
    let waiting = retirement.waiting.as_deref().unwrap_or_default();
    KEPT.iter().any(|by| waiting.starts_with(by))
}

/// The app's name and the machine's id, as the API wants them.
fn names(retirement: &Retirement) -> (&str, &str) {
    (retirement.path.app_name(), retirement.uid.platform_id())
}

fn of(told: &[Telling], heard: Heard) -> impl Iterator<Item = &Telling> {
    told.iter().filter(move |telling| telling.heard == heard)
}

/// A handler, with why it is not told.
fn named(telling: &Telling) -> String {
    match &telling.error {
        Some(error) => format!("{} (tried {} times: {error})", telling.hook, telling.attempts),
        None => telling.hook.clone(),
    }
}

/// What became of telling handlers, for the record.
fn said(told: &[Telling]) -> String {
    let parts = [
        (Heard::Told, "told"),
        (Heard::Owed, "not waited for any longer"),
        (Heard::Refused, "refused, and overruled"),
    ];
    let part = |(heard, word): (Heard, &str)| {
        let names: Vec<_> = of(told, heard).map(named).collect();
        (!names.is_empty()).then(|| format!("{word}: {}", names.join(", ")))
    };
    parts.into_iter().filter_map(part).collect::<Vec<_>>().join("; ")
}

fn held(retirement: &Retirement, why: &str) -> NewFinding {
    let id = retirement.uid.platform_id();
    NewFinding {
        code: CODE.to_owned(),
        about: retirement.path.to_string(),
        hook: None,
        severity: Severity::Warning,
        message: format!("it is cordoned and still runs; its retirement is {why}"),
        remedy: Some(format!("groundcrew retire {id} --force, or groundcrew retire cancel {id}")),
    }
}
