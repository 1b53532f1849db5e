//! `wasi:clocks/monotonic-clock`, shadowed: a sleep moves the guest's time, and a replay does not sleep.

use std::time::Duration;

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

/// A moment of the guest's time that can be waited for.
struct Moment {
    until: u64,
    time: GuestTime,
    sleep: Option<std::pin::Pin<Box<tokio::time::Sleep>>>,
}

#[wasmtime_wasi::async_trait]
impl Pollable for Moment {
    async fn ready(&mut self) {
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
        let nanos = until.saturating_sub(host.time.read_nanos());
        let sleeps = nanos > 0 && host.sleeps();
        // A guest that asks for longer than a day is ended by its deadline long before.
        let nanos = nanos.min(86_400_000_000_000);
        let sleep = sleeps.then(|| Box::pin(tokio::time::sleep(Duration::from_nanos(nanos))));
        let moment = host.table.push(Moment { until, time: host.time.clone(), sleep })?;
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
