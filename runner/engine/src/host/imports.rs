//! `groundcrew:hook`'s imports: http, config, log, fleet, kv.

use groundcrew_core::pointer::Pointer;
use groundcrew_core::running::{Month, Total};
use groundcrew_core::spec::Failure;
use groundcrew_core::subject::Path;
use serde_json::json;
use wasmtime::Result;

use super::{Host, RunEnds};
use crate::bindings::host::{config, fleet, http, kv, log, types};
use crate::convert;
use crate::egress::{Refused, Response};
use crate::gate::{Effect, Outside, Refusal, Reply};
use crate::journal::CallAccess;
use crate::limits::{KV_KEY_MAX, Limits};

type Told<T> = std::result::Result<T, types::Failure>;

impl types::Host for Host {}

impl http::Host for Host {
    async fn send(&mut self, request: http::Request) -> Result<Told<http::Response>> {
        let seal =
            request.seal.iter().map(|pointer| pointer.parse()).collect::<std::result::Result<Vec<_>, _>>();
        let seal: Vec<Pointer> = match seal {
            Ok(seal) => seal,
            Err(error) => return Ok(Err(convert::failure_out(Failure::final_(error.to_string())))),
        };
        let answer = self.outgoing.send(convert::request(request), &seal).await;
        match answer {
            Ok(Response { status, headers, body }) => Ok(Ok(http::Response { status, headers, body })),
            Err(Refused::Told(failure)) => Ok(Err(convert::failure_out(failure))),
            Err(Refused::Ends(refusal)) => Err(RunEnds(refusal).into()),
        }
    }
}

impl config::Host for Host {
    async fn get(&mut self) -> Result<String> {
        Ok(self.with.config.to_string())
    }

    async fn secret(&mut self, name: String) -> Result<Told<String>> {
        let token = self.with.egress.secrets().token(&name);
        Ok(token.map_err(convert::failure_out))
    }
}

impl log::Host for Host {
    async fn log(&mut self, level: log::Level, message: String) -> Result<()> {
        let level = match level {
            log::Level::Debug => "debug",
            log::Level::Info => "info",
            log::Level::Warn => "warn",
            log::Level::Error => "error",
        };
        let message = self.mask(message);
        let limits = self.with.limits.clone();
        self.kept_log().note(&limits, level, message);
        Ok(())
    }
}

/// A call that the host itself answers.
struct Local<Fut>(Fut);

impl<T, Fut> Outside for Local<Fut>
where
    T: serde::Serialize,
    Fut: Future<Output = std::result::Result<T, Failure>> + Send,
{
    async fn admit(&mut self) -> std::result::Result<(), Failure> {
        Ok(())
    }

    async fn exchange(self) -> Reply {
        let bytes = serde_json::to_vec(&self.0.await).expect("invariant: an answer is JSON");
        Reply { bytes, effect: Effect::Over, away: None }
    }

    fn told(failure: Failure) -> Vec<u8> {
        serde_json::to_vec(&Err::<(), _>(failure)).expect("invariant: a failure is JSON")
    }
}

impl Host {
    /// Takes a call that the host itself answers through the gate, so that a replay sees the same.
    async fn local<T, Fut>(
        &mut self,
        op: &str,
        ask: &serde_json::Value,
        answer: Fut,
    ) -> Result<std::result::Result<T, Failure>>
    where
        T: serde::Serialize + serde::de::DeserializeOwned,
        Fut: Future<Output = std::result::Result<T, Failure>> + Send,
    {
        if let Err(failure) = self.outgoing.open() {
            return Ok(Err(failure));
        }
        let gate = self.with.gate.clone();
        let ends = |refusal: Refusal| {
            gate.end(refusal.clone());
            RunEnds(refusal)
        };
        let n = gate.number().map_err(ends)?;
        let ticket = gate.ticket(n, op, CallAccess::Local, ask.to_string().into_bytes());
        let bytes = gate.pass(ticket, Local(answer)).await.map_err(ends)?;
        Ok(serde_json::from_slice(&bytes)?)
    }
}

/// The fleet has no word for a failure, and silence would look like an empty fleet.
fn fleet_failed(failure: &Failure) -> wasmtime::Error {
    wasmtime::Error::msg(format!("the fleet could not be read: {failure}"))
}

impl fleet::Host for Host {
    async fn get(&mut self, path: String) -> Result<Option<types::Subject>> {
        let Ok(path) = path.parse::<Path>() else { return Ok(None) };
        let memory = self.with.memory.clone();
        let asked = path.clone();
        let found =
            self.local("fleet.get", &json!(path), async move { memory.subject(&asked).await }).await?;
        Ok(found.map_err(|failure| fleet_failed(&failure))?.map(convert::subject_out))
    }

    async fn below(&mut self, path: String, cursor: Option<String>) -> Result<fleet::Page> {
        let memory = self.with.memory.clone();
        let ask = json!([path, cursor]);
        let page = async move { memory.below(&path, cursor.as_deref()).await };
        let found = self.local("fleet.below", &ask, page).await?;
        let (subjects, next) = found.map_err(|failure| fleet_failed(&failure))?;
        Ok(fleet::Page { subjects: subjects.into_iter().map(convert::subject_out).collect(), next })
    }

    async fn running(&mut self, app: String, month: String) -> Result<Vec<fleet::RunningTime>> {
        let (Ok(path), Ok(asked)) = (app.parse::<Path>(), month.parse::<Month>()) else {
            return Ok(Vec::new());
        };
        let memory = self.with.memory.clone();
        let ask = json!([app, month]);
        let totals = async move { memory.running(&path, asked).await };
        let found = self.local("fleet.running", &ask, totals).await?;
        let totals: Vec<Total> = found.map_err(|failure| fleet_failed(&failure))?;
        Ok(totals.into_iter().map(convert::running_time_out).collect())
    }
}

impl Host {
    /// Writes to `kv`: seen at once by this run, durable with its success.
    fn write(&mut self, key: String, value: Option<Vec<u8>>) -> Told<()> {
        self.outgoing.open().map_err(convert::failure_out)?;
        if let Some(refusal) = self.with.memory.refusal() {
            return Err(convert::failure_out(refusal));
        }
        let Limits { kv_value, kv_keys, .. } = *self.with.limits;
        let refused = |text: String| Err(convert::failure_out(Failure::final_(text)));
        if key.len() > KV_KEY_MAX || value.as_ref().is_some_and(|value| value.len() > kv_value) {
            return refused(format!("a key has at most {KV_KEY_MAX} bytes and a value at most {kv_value}"));
        }
        if self.written.len() >= kv_keys && !self.written.contains_key(&key) {
            return refused(format!("a run writes at most {kv_keys} keys"));
        }
        self.written.insert(key, value);
        Ok(())
    }
}

impl kv::Host for Host {
    async fn get(&mut self, key: String) -> Result<Told<Option<Vec<u8>>>> {
        if let Some(written) = self.written.get(&key) {
            return Ok(Ok(written.clone()));
        }
        let memory = self.with.memory.clone();
        let found = self.local("kv.get", &json!(key), async move { memory.value(&key).await }).await?;
        Ok(found.map_err(convert::failure_out))
    }

    async fn set(&mut self, key: String, value: Vec<u8>) -> Result<Told<()>> {
        Ok(self.write(key, Some(value)))
    }

    async fn delete(&mut self, key: String) -> Result<Told<()>> {
        Ok(self.write(key, None))
    }
}
