//! `wasi:io/poll`, shadowed: what was ready is recorded, and a replay waits for exactly that.
//!
//! It is the only place where timing becomes visible to a guest; with it a replay is bit for bit the same,
//! concurrent requests included.

use wasmtime::Result;
use wasmtime::component::{HasData, Linker, Resource};
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi_io::bindings::wasi::io::poll::{self, HostPollable as _};

use super::Host;

impl Host {
    /// The guest looks at what is ready: answers that came meanwhile move its time, here and nowhere else.
    fn look(&self) {
        if let Some(to) = self.with.gate.look() {
            self.time.advance_to(to);
        }
    }
}

pub(super) struct Recorder<'a>(&'a mut Host);

struct Recording;

impl HasData for Recording {
    type Data<'a> = Recorder<'a>;
}

pub(super) fn add_to_linker(linker: &mut Linker<Host>) -> Result<()> {
    poll::add_to_linker::<Host, Recording>(linker, |host| Recorder(host))
}

impl poll::Host for Recorder<'_> {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> Result<Vec<u32>> {
        let host = &mut *self.0;
        let Some(recorded) = host.with.gate.recorded_poll() else {
            let ready = host.table.poll(pollables).await?;
            host.with.gate.note_poll(&ready);
            host.look();
            return Ok(ready);
        };
        for index in &recorded {
            let pollable =
                pollables.get(*index as usize).map(|pollable| Resource::new_borrow(pollable.rep()));
            let pollable = pollable
                .ok_or_else(|| wasmtime::Error::msg("the recorded schedule does not fit this run"))?;
            host.table.block(pollable).await?;
        }
        host.with.gate.note_poll(&recorded);
        host.look();
        Ok(recorded)
    }
}

impl poll::HostPollable for Recorder<'_> {
    async fn ready(&mut self, pollable: Resource<DynPollable>) -> Result<bool> {
        let host = &mut *self.0;
        let ready = match host.with.gate.recorded_ready() {
            Some(true) => {
                host.table.block(pollable).await?;
                true
            }
            Some(false) => false,
            None => host.table.ready(pollable).await?,
        };
        host.with.gate.note_ready(ready);
        host.look();
        Ok(ready)
    }

    async fn block(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        self.0.table.block(pollable).await?;
        self.0.look();
        Ok(())
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        self.0.table.drop(pollable)
    }
}
