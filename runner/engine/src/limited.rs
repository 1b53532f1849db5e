//! Rate limits and circuit breakers around a transport.
//!
//! ```text
//!  admit:    breakers open? refused, with how long to wait
//!            bucket of the action and id (from outside), of the hook, of the host: waits for each in turn
//!  exchange: the answer opens and shuts breakers, and is counted
//! ```
//!
//! A host's breaker opens when several requests in a row had no answer (or 502, 503, 504: nobody behind the
//! gateway); it serves everybody. One of a hook at a host opens at the first 401: a hook whose token is refused
//! does not keep others from that host. What an API counts is counted for everybody here together, and is taken as used
//! up when a process begins after another one: how much that asked just before, nobody remembers. Waiting for limits and
//! open breakers happen before a write's intent is committed, so nothing is in doubt because of them.

mod breaker;
mod bucket;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use groundcrew_core::duration::Millis;
use groundcrew_core::poll::Rate;
use groundcrew_core::spec::Failure;
use groundcrew_core::time::Timestamp;
use url::Url;

pub use breaker::Breaking;
use breaker::{Breaker, Enough};
use bucket::Buckets;

use crate::clock::Clock;
use crate::egress::{Request, Response, Transport, TransportError, is_answered};

/// What an API limits a request by, beside its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// By what: all requests of one name share a bucket.
    pub by: String,
    /// How many.
    pub rate: Rate,
}

/// Knows the documented limits of APIs.
pub type Classify = Arc<dyn Fn(&Request) -> Option<Counted> + Send + Sync>;

/// What is allowed.
#[derive(Clone)]
pub struct Rules {
    /// Requests to one host, all hooks together.
    pub host: Rate,
    /// Limits that are finer than a host.
    pub classify: Classify,
    /// When breakers open.
    pub breaking: Breaking,
    /// Who would have to wait longer than this for one bucket is refused, with how long it would take.
    pub patience: Millis,
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules")
            .field("host", &self.host)
            .field("breaking", &self.breaking)
            .finish_non_exhaustive()
    }
}

/// How full a bucket was when this process began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Began {
    /// Full: nobody else counts it.
    Full,
    /// Perhaps empty: the API counts it, and whoever asked before may have used it up.
    Perhaps,
}

/// A transport that keeps to limits. Clones share them.
pub struct Limited<T> {
    shared: Arc<Shared<T>>,
    who: Who,
}

/// Who asks.
#[derive(Clone, Debug)]
enum Who {
    /// Nobody in particular: keeps to what all share.
    Anybody,
    /// A hook, with a rate and breakers of its own.
    Hook(Arc<str>, Rate),
    /// The runner itself, which has a schedule and a back-off of its own: only what an API counts holds it up.
    Runner,
}

struct Shared<T> {
    transport: T,
    rules: Rules,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

/// Between a hook and a host in the name of a breaker.
const AT: &str = " at ";

/// By how much the clock may seem to go back when several read it at once.
const TOGETHER: Millis = Millis::seconds(1);

#[derive(Default)]
struct State {
    buckets: Buckets,
    /// What an API counts was perhaps used up by then, by whoever asked before; none: nobody did.
    asked_until: Option<Timestamp>,
    /// When it was last asked.
    latest: Timestamp,
    breakers: BTreeMap<String, Breaker>,
    counts: Counts,
}

impl State {
    /// The clock was set back: what was to be free at a time that is hours ahead now would not be for hours.
    fn notice(&mut self, now: Timestamp) {
        if now + TOGETHER < self.latest {
            self.buckets = Buckets::default();
            self.breakers.clear();
            self.asked_until = Some(now);
        }
        self.latest = now;
    }

    /// Asks the breakers of a host and of a hook at it; says which is shut, and for how long.
    fn shut(
        &mut self,
        host: &str,
        own: &str,
        rules: Breaking,
        now: Timestamp,
    ) -> Option<(&'static str, Millis)> {
        let breakers = [(own, "its credentials were refused"), (host, "requests to it had no answer")];
        // Without a hook both are one, which is asked once: asking takes the one try.
        breakers.into_iter().skip(usize::from(own == host)).find_map(|(name, why)| {
            let wait = self.breakers.get_mut(name)?.admit(rules, now).err()?;
            Some((why, wait))
        })
    }
}

/// What happened since the start, and what waits now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that wait now, by the name of the limit: `hook:dns`, `host:api.machines.dev`.
    pub waiting: BTreeMap<String, u64>,
    /// Requests that were refused without being sent, by host.
    pub refused: BTreeMap<String, u64>,
    /// Requests that failed, by host: no answer, or one of 500 and above.
    pub failures: BTreeMap<String, u64>,
    /// Hosts whose breaker opened and that have not answered since, and since when everything fails there.
    pub unreachable: BTreeMap<String, Timestamp>,
}

impl<T> Clone for Limited<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), who: self.who.clone() }
    }
}

impl<T> std::fmt::Debug for Limited<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limited")
            .field("rules", &self.shared.rules)
            .field("who", &self.who)
            .finish_non_exhaustive()
    }
}

impl<T: Transport> Limited<T> {
    /// Puts limits around a transport. Until `asked_until` another process may have asked; none: there was none.
    pub fn new(transport: T, rules: Rules, clock: Arc<dyn Clock>, asked_until: Option<Timestamp>) -> Self {
        let state = Mutex::new(State { asked_until, ..State::default() });
        let shared = Shared { transport, rules, clock, state };
        Self { shared: Arc::new(shared), who: Who::Anybody }
    }

    /// The same transport as one hook sees it: with a rate and breakers of its own.
    #[must_use]
    pub fn of_hook(&self, hook: &str, rate: Rate) -> Self {
        Self { shared: self.shared.clone(), who: Who::Hook(hook.into(), rate) }
    }

    /// The same transport as the runner itself uses it: it waits for what an API counts as long as that takes, and
    /// neither asks nor moves a breaker.
    #[must_use]
    pub fn of_runner(&self) -> Self {
        Self { shared: self.shared.clone(), who: Who::Runner }
    }

    /// What happened so far, of all hooks.
    pub fn counts(&self) -> Counts {
        let state = self.state();
        let mut counts = state.counts.clone();
        counts.waiting.retain(|_, waiting| *waiting > 0);
        let hosts = state.breakers.iter().filter(|(name, _)| !name.contains(AT));
        counts.unreachable =
            hosts.filter_map(|(host, breaker)| Some((host.clone(), breaker.shut_since()?))).collect();
        counts
    }

    /// Open breakers: `HOST`, or `HOOK at HOST`, and until when nothing is asked.
    pub fn open(&self) -> Vec<(String, Timestamp)> {
        let now = self.shared.clock.now();
        let state = self.state();
        let open = state.breakers.iter().filter_map(|(name, it)| Some((name.clone(), it.open_until(now)?)));
        open.collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The breaker of this hook at a host; without a hook the host's own.
    fn own(&self, host: &str) -> String {
        match &self.who {
            Who::Hook(hook, _) => format!("{hook}{AT}{host}"),
            Who::Anybody | Who::Runner => host.to_owned(),
        }
    }

    async fn wait(&self, request: &Request) -> Result<(), Failure> {
        let host = host(&request.url);
        // One after the other: who waits for a narrow limit takes nothing from a wide one meanwhile.
        for (name, rate, began) in self.limits(request, &host) {
            self.take(&host, name, rate, began).await?;
        }
        if matches!(self.who, Who::Runner) {
            return Ok(());
        }
        // Asked last, so that whoever may try a broken host does so at once.
        self.pass_breakers(&host)
    }

    /// The limits that a request keeps to, the narrowest first.
    fn limits(&self, request: &Request, host: &str) -> Vec<(String, Rate, Began)> {
        let counted = (self.shared.rules.classify)(request);
        let mut limits: Vec<_> =
            counted.into_iter().map(|Counted { by, rate }| (by, rate, Began::Perhaps)).collect();
        let by_host = self.shared.rules.host;
        let by_host = match &self.who {
            Who::Hook(hook, rate) => {
                limits.push((format!("hook:{hook}"), *rate, Began::Full));
                // A hook that may ask more often than that may ask its hosts as often.
                if rate.every < by_host.every { *rate } else { by_host }
            }
            Who::Anybody => by_host,
            Who::Runner => return limits,
        };
        limits.push((format!("host:{host}"), by_host, Began::Full));
        limits
    }

    async fn take(&self, host: &str, name: String, rate: Rate, began: Began) -> Result<(), Failure> {
        let now = self.shared.clock.now();
        let taken = {
            let mut state = self.state();
            state.notice(now);
            let empty = state.asked_until.filter(|_| began == Began::Perhaps);
            state.buckets.take(&name, rate, now, self.patience(), empty)
        };
        let wait = taken.map_err(|wait| self.refuse(host, format!("the limit `{name}` is used up"), wait))?;
        if wait > Millis::ZERO {
            let _waiting = Waiting::begin(self, name);
            tokio::time::sleep(wait.to_std()).await;
        }
        Ok(())
    }

    /// How long to wait for one bucket. Whoever is refused asks again by itself, which the runner's sources would count
    /// as the platform's failure; and as hooks book no further ahead than they are patient, that is never long.
    fn patience(&self) -> Millis {
        match self.who {
            Who::Anybody | Who::Hook(..) => self.shared.rules.patience,
            Who::Runner => Millis::hours(1),
        }
    }

    fn pass_breakers(&self, host: &str) -> Result<(), Failure> {
        let shut =
            self.state().shut(host, &self.own(host), self.shared.rules.breaking, self.shared.clock.now());
        let Some((why, wait)) = shut else { return Ok(()) };
        Err(self.refuse(host, format!("{host} is not asked for now: {why}"), wait))
    }

    fn refuse(&self, host: &str, message: String, after: Millis) -> Failure {
        *self.state().counts.refused.entry(host.to_owned()).or_default() += 1;
        Failure { message, retry: true, after: Some(after) }
    }

    fn note(&self, host: &str, came: &Result<Response, TransportError>) {
        let now = self.shared.clock.now();
        let rules = self.shared.rules.breaking;
        let status = match came {
            // Too much was said, but somebody is there.
            Ok(Response { status, .. }) | Err(TransportError::TooLarge { status, .. }) => Some(*status),
            Err(TransportError::NotSent(_) | TransportError::NoAnswer(_)) => None,
        };
        let own = self.own(host);
        let mut state = self.state();
        if status.is_none_or(|status| status >= 500) {
            *state.counts.failures.entry(host.to_owned()).or_default() += 1;
        }
        // The sources have patience of their own, and what they meet shuts nobody else out.
        if matches!(self.who, Who::Runner) {
            return;
        }
        match status {
            Some(401) => {
                state.breakers.entry(own).or_default().fail(rules, now, Enough::Once);
                // Somebody is there.
                if let Some(breaker) = state.breakers.get_mut(host) {
                    breaker.succeed();
                }
            }
            _ if !is_answered(came) => {
                state.breakers.entry(host.to_owned()).or_default().fail(rules, now, Enough::Several);
            }
            _ => {
                for name in [host, &own] {
                    if let Some(breaker) = state.breakers.get_mut(name) {
                        breaker.succeed();
                    }
                }
            }
        }
    }
}

impl<T: Transport> Transport for Limited<T> {
    fn admit<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            self.wait(request).await?;
            self.shared.transport.admit(request).await
        })
    }

    fn away(&self, request: &Request) -> Option<Millis> {
        let (host, now) = (host(&request.url), self.shared.clock.now());
        let limits = self.limits(request, &host);
        let state = self.state();
        let shut = state.breakers.get(&host).and_then(|breaker| breaker.open_until(now));
        let waits = limits.iter().map(|(name, rate, began)| {
            let empty = state.asked_until.filter(|_| *began == Began::Perhaps);
            state.buckets.time_until(name, *rate, now, empty)
        });
        let longer = waits.filter(|wait| *wait > self.patience()).max();
        shut.map(|until| until.since(now)).max(longer)
    }

    fn exchange(
        &self,
        request: Request,
        deadline: Millis,
    ) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            let host = host(&request.url);
            let came = self.shared.transport.exchange(request, deadline).await;
            self.note(&host, &came);
            came
        })
    }
}

/// A request that waits; counted until it is dropped, also when its run was ended meanwhile.
struct Waiting<'a> {
    state: &'a Mutex<State>,
    name: String,
}

impl<'a> Waiting<'a> {
    fn begin<T: Transport>(limited: &'a Limited<T>, name: String) -> Self {
        *limited.state().counts.waiting.entry(name.clone()).or_default() += 1;
        Self { state: &limited.shared.state, name }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = state.counts.waiting.get_mut(&self.name) {
            *waiting -= 1;
            if *waiting == 0 {
                state.counts.waiting.remove(&self.name);
            }
        }
    }
}

/// The host of a URL, with its port where that is not the scheme's own.
fn host(url: &str) -> String {
    let Ok(url) = Url::parse(url) else { return String::new() };
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests;
