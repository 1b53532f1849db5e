//! The runner's clock, which somebody may set, and its way out, which may be interrupted.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use groundcrew::prove::carrier::Carrier;
use groundcrew::prove::clock::{Clock, START};
use groundcrew_core::duration::Millis;
use groundcrew_core::spec::Failure;
use groundcrew_core::steady::{Era, Reading, Steady};
use groundcrew_core::time::Timestamp;
use groundcrew_engine::clock::{Clock as _, Dial, EvenClock};
use groundcrew_engine::egress::{Request, Response, Transport, TransportError};
use serde_json::json;

use super::act::{Neighbour, Outage, Wish};
use crate::neighbours::{FLY, Neighbours, PDNS};
use crate::scenario::SERVER;

/// Where the label endpoint is.
pub(super) const LABELS: &str = "http://labels.example";

/// The clock of the machine that the runner is on: the true time, and how far it is off.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) truth: Clock,
    off: Arc<AtomicI64>,
}

impl Watch {
    pub(super) fn new(truth: Clock) -> Self {
        Self { truth, off: Arc::default() }
    }

    /// Somebody sets it forward, or back.
    pub(super) fn step(&self, by: i64) {
        self.off.fetch_add(by, Ordering::SeqCst);
    }

    /// When it truly is, once it shows this.
    pub(super) fn truly(&self, shown: Timestamp) -> i64 {
        shown.as_millis() - self.off.load(Ordering::SeqCst)
    }
}

impl groundcrew_engine::clock::Clock for Watch {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.truth.millis() + self.off.load(Ordering::SeqCst))
    }
}

/// The clocks of the machine that one process runs on, and which start of it this is.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) watch: Watch,
    pub(super) boot: u32,
}

impl Dial for Machine {
    fn read(&self) -> Reading {
        let uptime = Millis::new(self.watch.truth.millis() - START);
        Reading { uptime, wall: self.watch.now() }
    }

    fn boot(&self) -> Option<String> {
        Some(self.boot.to_string())
    }
}

/// The clock of one process: whoever sleeps by it lets the time pass.
#[derive(Debug)]
pub(super) struct Paced {
    even: EvenClock<Machine>,
    truth: Clock,
}

impl Paced {
    /// Goes on where the last process left off, if it can; `latest` is the latest stamp that is kept anywhere.
    pub(super) fn starting(machine: Machine, kept: Option<&Era>, latest: Option<Timestamp>) -> Self {
        let truth = machine.watch.truth.clone();
        Self { even: EvenClock::starting(machine, kept, latest), truth }
    }
}

impl groundcrew_engine::clock::Clock for Paced {
    fn now(&self) -> Timestamp {
        self.even.now()
    }

    fn steadily(&self) -> (Timestamp, Steady) {
        self.even.steadily()
    }

    fn era(&self) -> Option<Era> {
        self.even.era()
    }

    fn sleep(&self, time: Millis) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.truth.sleep(time)
    }
}

/// What the label endpoint says, by app; those that it does not know are answered with 404.
pub(super) type Labels = BTreeMap<String, Vec<Wish>>;

/// The way to all neighbours; a clone is the same one.
#[derive(Clone, Debug)]
pub(super) struct Ways {
    carrier: Arc<Carrier<Neighbours>>,
    clock: Clock,
    out: Arc<Mutex<BTreeMap<Neighbour, Outage>>>,
    labels: Arc<Mutex<Labels>>,
}

impl Ways {
    pub(super) fn new(carrier: Carrier<Neighbours>, clock: Clock) -> Self {
        Self { carrier: Arc::new(carrier), clock, out: Arc::default(), labels: Arc::default() }
    }

    pub(super) fn labels(&self) -> MutexGuard<'_, Labels> {
        self.labels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn out(&self) -> MutexGuard<'_, BTreeMap<Neighbour, Outage>> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn go(&self, request: Request, deadline: Millis) -> Result<Response, TransportError> {
        let outage = whose(&request.url).and_then(|whom| self.out().get(&whom).copied());
        match outage {
            Some(Outage::Refused) => Err(TransportError::NotSent("connection refused".to_owned())),
            Some(Outage::Silent) => {
                self.clock.pass(deadline.as_i64());
                Err(TransportError::NoAnswer(format!("no answer within {deadline}")))
            }
            Some(Outage::Broken) => Ok(Response { status: 503, headers: Vec::new(), body: Vec::new() }),
            None => match request.url.strip_prefix(LABELS) {
                Some(path) => Ok(self.say(path)),
                None => self.carrier.exchange(request, deadline).await,
            },
        }
    }

    /// What the label endpoint answers at `/ORG/APP`.
    fn say(&self, path: &str) -> Response {
        let app = path.rsplit('/').next().unwrap_or_default();
        let texts = |wishes: &Vec<Wish>| {
            let text = |Wish { kind, key, value }: &Wish| format!("{kind}/{key}={value}");
            wishes.iter().map(text).collect::<Vec<_>>()
        };
        let told = self.labels().get(app).map(texts);
        let body = told.as_ref().map_or_else(|| json!({}), |wants| json!({ "wants": wants }));
        let status = if told.is_some() { 200 } else { 404 };
        Response { status, headers: Vec::new(), body: body.to_string().into_bytes() }
    }
}

/// Who is asked. Events are told at the tests' outside, so they wait while that is out.
fn whose(url: &str) -> Option<Neighbour> {
    let hosts = [
        (SERVER, Neighbour::Outside),
        (FLY, Neighbour::Fly),
        (LABELS, Neighbour::Labels),
        (PDNS, Neighbour::Dns),
    ];
    hosts.into_iter().find(|(host, _)| url.starts_with(host)).map(|(_, whom)| whom)
}

impl Transport for Ways {
    fn admit<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn exchange(
        &self,
        request: Request,
        deadline: Millis,
    ) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(self.go(request, deadline))
    }
}
