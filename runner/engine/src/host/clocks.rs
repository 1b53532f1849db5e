//! `wasi:clocks/monotonic-clock`, shadowed: a sleep moves the guest's time, and what is played from a journal does not
//! sleep.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::Sleep;
use wasmtime::Result;
use wasmtime::component::{HasData, Linker, Resource};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

use super::Host;
use crate::clock::GuestTime;

pub(super) struct Time<'a>(&'a mut Host);

struct Sleeping;

impl HasData for Sleeping {
    type Data<'a> = Time<'a>;
}

pub(super) fn add_to_linker(linker: &mut Linker<Host>) -> Result<()> {
    monotonic_clock::add_to_linker::<Host, Sleeping>(linker, |host| Time(host))
}

/// A sleep is no longer than this: a guest that asks for more is ended by its deadline long before.
const DAY_NANOS: u64 = 86_400_000_000_000;

/// A moment of the guest's time that can be waited for.
struct Moment {
    until: u64,
    time: GuestTime,
    /// Whether what waits for it now sleeps in fact.
    sleeps: Sleeps,
    /// The sleep until then, once it has begun.
    sleep: Option<Pin<Box<Sleep>>>,
}

/// Says whether a guest that sleeps now sleeps in fact.
type Sleeps = Box<dyn Fn() -> bool + Send + Sync>;

impl Moment {
    /// Begins to sleep, unless that is begun, over, or nothing that is done in fact.
    ///
    /// A moment that was asked for while a journal was played, and is waited for after its end, begins here: the guest's
    /// time has come as far as that knows, and what is left of it is slept.
    fn begin(&mut self) {
        let nanos = self.time.nanos_until(self.until).min(DAY_NANOS);
        if self.sleep.is_none() && nanos > 0 && (self.sleeps)() {
            self.sleep = Some(Box::pin(tokio::time::sleep(Duration::from_nanos(nanos))));
        }
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Moment {
    async fn ready(&mut self) {
        self.begin();
        if let Some(sleep) = &mut self.sleep {
            sleep.as_mut().await;
        }
        self.time.advance_to_nanos(self.until);
        self.sleep = None;
    }
}

impl Time<'_> {
    fn moment(&mut self, until: u64) -> Result<Resource<DynPollable>> {
        let host = &mut *self.0;
        host.time.read_nanos();
        let mut moment = Moment { until, time: host.time.clone(), sleeps: host.sleeps(), sleep: None };
        moment.begin();
        let moment = host.table.push(moment)?;
        subscribe(&mut host.table, moment)
    }
}

impl monotonic_clock::Host for Time<'_> {
    fn now(&mut self) -> Result<u64> {
        Ok(self.0.time.read_nanos())
    }

    fn resolution(&mut self) -> Result<u64> {
        Ok(1_000)
    }

    fn subscribe_instant(&mut self, when: u64) -> Result<Resource<DynPollable>> {
        self.moment(when)
    }

    fn subscribe_duration(&mut self, nanos: u64) -> Result<Resource<DynPollable>> {
        let until = self.0.time.read_nanos().saturating_add(nanos);
        self.moment(until)
    }
}
