//! Carries requests to the fakes in process; exchanges take virtual time.
//!
//! Whom a write is for is said here, in the header that the fake's judge reads, so that hooks need not know of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use groundcrew_core::duration::Millis;
use groundcrew_core::spec::{Failure, Want};
use groundcrew_engine::egress::{Ask, Request, Response, Transport, TransportError};
use groundcrew_engine::journal::Recorded;
use groundcrew_outside::{Outside, Reply};

use super::beside::Beside;
use super::calls::short;
use super::clock::Clock;

/// The header in which the fake is told what a write is for.
const FOR: &str = "x-for";

/// How long a request is on its way, and as long its answer, in milliseconds.
const WAY: i64 = 7;

/// Who is speaking, and what was sent so far; a clone is the same one.
#[derive(Clone, Debug, Default)]
pub struct Wire(Arc<Mutex<Spoken>>);

#[derive(Clone, Debug, Default)]
struct Spoken {
    purpose: Option<String>,
    sent: Vec<Sent>,
}

/// A request that reached the fakes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// When, in milliseconds of the clock.
    pub at: i64,
    /// Upper case.
    pub method: String,
    /// Absolute.
    pub url: String,
    /// `OWNER KIND/KEY`; none: of no thing of an owner.
    pub purpose: Option<String>,
}

impl Wire {
    /// From now on, what is sent is for this.
    pub(super) fn speaks(&self, want: Option<&Want>) {
        let purpose = want.map(|want| format!("{} {}/{}", want.owner.path, want.kind, want.key));
        self.spoken().purpose = purpose;
    }

    /// What a call is, in words: `POST /things for cust-7 thing/cust-7`.
    pub(super) fn tells(&self, call: &Recorded) -> String {
        let ask: Option<Ask> = serde_json::from_slice(&call.ask).ok();
        let what = ask.map_or_else(|| call.op.clone(), |ask| format!("{} {}", ask.method, path_of(&ask.url)));
        match &self.spoken().purpose {
            Some(purpose) => format!("{what} for {}", short(purpose)),
            None => what,
        }
    }

    /// Another one, with all that was sent so far.
    pub(super) fn twin(&self) -> Self {
        Self(Arc::new(Mutex::new(self.spoken().clone())))
    }

    /// Everything that was sent, in order.
    pub fn sent(&self) -> Vec<Sent> {
        self.spoken().sent.clone()
    }

    fn spoken(&self) -> MutexGuard<'_, Spoken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A URL without where it goes.
pub(super) fn path_of(url: &str) -> &str {
    let after = url.find("://").map_or(0, |at| at + 3);
    url[after..].find('/').map_or("/", |at| &url[after + at..])
}

/// The way to the fakes.
#[derive(Debug)]
pub struct Carrier<B> {
    outside: Outside,
    /// Where the fake is, without a slash at its end.
    server: Arc<str>,
    beside: B,
    clock: Clock,
    wire: Wire,
}

impl<B: Beside> Carrier<B> {
    /// Carries to the fake at this address, and to what is beside it.
    pub fn new(outside: Outside, server: impl Into<Arc<str>>, beside: B, clock: Clock) -> Self {
        Self { outside, server: server.into(), beside, clock, wire: Wire::default() }
    }

    /// Says whom requests are for, and keeps what was sent.
    #[must_use]
    pub fn with_wire(self, wire: Wire) -> Self {
        Self { wire, ..self }
    }

    fn carry(&self, mut request: Request, deadline: Millis) -> Result<Response, TransportError> {
        self.clock.pass(WAY);
        let reply = self.reply(&mut request)?;
        self.clock.pass(WAY);
        match reply {
            Reply::Answer(answer) => {
                let target = request.url.strip_prefix(&*self.server);
                self.clock.pass(target.map_or(0, |target| self.outside.answers_in(target)));
                Ok(Response { status: answer.status, headers: answer.headers, body: answer.body })
            }
            Reply::Lost => Err(TransportError::NoAnswer("the connection ended".to_owned())),
            Reply::Held(_) => {
                self.clock.pass(deadline.as_i64());
                Err(TransportError::NoAnswer(format!("no answer within {deadline}")))
            }
        }
    }

    fn reply(&self, request: &mut Request) -> Result<Reply, TransportError> {
        let purpose = self.note(request);
        if let Some(reply) = self.beside.answer(request) {
            return Ok(reply);
        }
        let Request { method, url, headers, body, .. } = request;
        let Some(target) = url.strip_prefix(&*self.server) else {
            return Err(TransportError::NotSent(format!("nobody is at {url}")));
        };
        // Who says so itself knows it better.
        if let Some(purpose) = purpose.filter(|_| !headers.iter().any(|(name, _)| name == FOR)) {
            headers.push((FOR.to_owned(), purpose));
        }
        Ok(self.outside.handle(method, target, headers, body))
    }

    fn note(&self, request: &Request) -> Option<String> {
        let mut spoken = self.wire.spoken();
        let purpose = spoken.purpose.clone();
        let (method, url) = (request.method.clone(), request.url.clone());
        spoken.sent.push(Sent { at: self.clock.millis(), method, url, purpose: purpose.clone() });
        purpose
    }
}

impl<B: Beside> Transport for Carrier<B> {
    fn admit<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn exchange(
        &self,
        request: Request,
        deadline: Millis,
    ) -> BoxFuture<'_, Result<Response, TransportError>> {
        let answer = self.carry(request, deadline);
        Box::pin(std::future::ready(answer))
    }
}
