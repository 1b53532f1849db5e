//! A fake outside, a fake store of intents, and a clock: what they see is one trace.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use groundcrew_core::duration::Millis;
use groundcrew_core::spec::Failure;
use groundcrew_core::time::Timestamp;
use groundcrew_engine::clock::Clock;
use groundcrew_engine::egress::{Request, Response, Transport, TransportError};
use groundcrew_engine::gate::{Intent, IntentError, Intents};
use groundcrew_engine::seal::{Sealed, Vault};
use tokio::sync::Semaphore;

type Reply = dyn Fn(&Request) -> Result<Response, TransportError> + Send + Sync;

/// What happened, in order.
pub(crate) type Trace = Vec<String>;

/// Answers requests and takes intents; never leaves the process.
pub(crate) struct Fake {
    reply: Box<Reply>,
    trace: Mutex<Trace>,
    /// Requests that may go on; each takes one.
    pub(crate) free: Semaphore,
}

impl Fake {
    /// One that answers with this function.
    pub(crate) fn new<F>(reply: F) -> Arc<Self>
    where
        F: Fn(&Request) -> Result<Response, TransportError> + Send + Sync + 'static,
    {
        Arc::new(Self { reply: Box::new(reply), trace: Mutex::default(), free: Semaphore::new(1_000_000) })
    }

    /// One that answers `200 {}` to everything.
    pub(crate) fn ok() -> Arc<Self> {
        Self::answering(200, "{}")
    }

    /// One that answers the same to everything.
    pub(crate) fn answering(status: u16, body: &str) -> Arc<Self> {
        let body = body.as_bytes().to_vec();
        Self::new(move |_| Ok(Response { status, headers: Vec::new(), body: body.clone() }))
    }

    /// One that must not be asked.
    pub(crate) fn unreachable() -> Arc<Self> {
        Self::new(|request| panic!("{} {} left", request.method, request.url))
    }

    /// One whose requests wait until [`Fake::free`] lets them go.
    pub(crate) fn waiting() -> Arc<Self> {
        let fake = Self::ok();
        fake.free.forget_permits(1_000_000);
        fake
    }

    /// What it saw.
    pub(crate) fn trace(&self) -> Trace {
        self.trace.lock().unwrap().clone()
    }

    pub(crate) fn note(&self, what: String) {
        self.trace.lock().unwrap().push(what);
    }
}

impl Transport for Fake {
    fn admit<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn exchange(&self, request: Request, _: Millis) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            self.note(format!("sent {} {}", request.method, request.url));
            self.free.acquire().await.unwrap().forget();
            let answer = (self.reply)(&request);
            self.note(format!("back {} {}", request.method, request.url));
            answer
        })
    }
}

impl Intents for Fake {
    fn intend<'a>(&'a self, intent: Intent<'a>) -> BoxFuture<'a, Result<(), IntentError>> {
        let earlier: Vec<_> = intent.earlier.iter().map(|call| call.n).collect();
        self.note(format!("intent {} after {earlier:?}", intent.call.n));
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Keeps what runs seal.
#[derive(Default)]
pub(crate) struct Kept(pub(crate) Mutex<Vec<Sealed>>);

impl Vault for Kept {
    fn keep(&self, sealed: Vec<Sealed>) -> BoxFuture<'_, Result<(), Failure>> {
        self.0.lock().unwrap().extend(sealed);
        Box::pin(std::future::ready(Ok(())))
    }
}

/// A clock that a test moves, and that moves by a millisecond with each reading.
#[derive(Debug)]
pub(crate) struct Ticking(AtomicI64);

impl Default for Ticking {
    fn default() -> Self {
        Self(AtomicI64::new(1_700_000_000_000))
    }
}

impl Ticking {
    /// Moves it forward.
    pub(crate) fn advance(&self, by: Millis) {
        self.0.fetch_add(by.as_i64(), Ordering::SeqCst);
    }
}

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.fetch_add(1, Ordering::SeqCst))
    }
}
