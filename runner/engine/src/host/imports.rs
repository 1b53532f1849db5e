//! `groundcrew:hook`'s imports: http, config, log, fleet, kv.

use groundcrew_core::spec::Failure;
use groundcrew_core::subject::Path;
use serde_json::json;
use wasmtime::Result;

use super::{Host, RunEnds};
use crate::bindings::host::{config, fleet, http, kv, log, types};
use crate::convert;
use crate::egress::Refused;
use crate::gate::{Effect, Refusal, Reply};
use crate::journal::CallAccess;

type Told<T> = std::result::Result<T, types::Failure>;

impl types::Host for Host {}

impl http::Host for Host {
    async fn send(&mut self, request: http::Request) -> Result<Told<http::Response>> {
        if !request.seal.is_empty() {
            let text = "sealing of answers is not built yet: `seal` must be empty";
            return Ok(Err(convert::failure_out(Failure::final_(text))));
        }
        let answer = self.outgoing.send(convert::request(request)).await;
        match answer {
            Ok(response) => Ok(Ok(http::Response { status: response.status, headers: response.headers, body: response.body })),
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

impl Host {
    /// Takes a call that the host itself answers through the gate, so that a replay sees the same.
    async fn local<T, Fut>(&mut self, op: &str, ask: &serde_json::Value, answer: Fut) -> Result<Told<T>>
    where
        T: serde::Serialize + serde::de::DeserializeOwned,
        Fut: Future<Output = std::result::Result<T, Failure>> + Send,
    {
        if let Err(failure) = self.outgoing.open() {
            return Ok(Err(convert::failure_out(failure)));
        }
        let gate = self.with.gate.clone();
        let ends = |refusal: Refusal| {
            gate.end(refusal.clone());
            RunEnds(refusal)
        };
        let ticket = gate.ticket(gate.number().map_err(ends)?, op, CallAccess::Local, ask.to_string().into_bytes());
        let outside = || async {
            let bytes = serde_json::to_vec(&answer.await).expect("invariant: an answer is JSON");
            Reply { bytes, effect: Effect::Over }
        };
        let bytes = gate.pass(ticket, outside).await.map_err(ends)?;
        let told: std::result::Result<T, Failure> = serde_json::from_slice(&bytes)?;
        Ok(told.map_err(convert::failure_out))
    }
}

impl fleet::Host for Host {
    async fn get(&mut self, path: String) -> Result<Option<types::Subject>> {
        let Ok(path) = path.parse::<Path>() else { return Ok(None) };
        let memory = self.with.memory.clone();
        let asked = path.clone();
        let found = self.local("fleet.get", &json!(path), async move { memory.subject(&asked).await }).await?;
        Ok(found.ok().flatten().map(convert::subject_out))
    }

    async fn below(&mut self, path: String, cursor: Option<String>) -> Result<fleet::Page> {
        let memory = self.with.memory.clone();
        let ask = json!([path, cursor]);
        let found = self.local("fleet.below", &ask, async move { memory.below(&path, cursor.as_deref()).await }).await?;
        let (subjects, next) = found.unwrap_or_default();
        Ok(fleet::Page { subjects: subjects.into_iter().map(convert::subject_out).collect(), next })
    }
}

impl kv::Host for Host {
    async fn get(&mut self, key: String) -> Result<Told<Option<Vec<u8>>>> {
        if let Some(written) = self.written.get(&key) {
            return Ok(Ok(written.clone()));
        }
        let memory = self.with.memory.clone();
        self.local("kv.get", &json!(key), async move { memory.value(&key).await }).await
    }

    async fn set(&mut self, key: String, value: Vec<u8>) -> Result<Told<()>> {
        let max = self.with.limits.kv_value;
        if value.len() > max || key.len() > 256 {
            let text = format!("a key has at most 256 bytes and a value at most {max}");
            return Ok(Err(convert::failure_out(Failure::final_(text))));
        }
        self.written.insert(key, Some(value));
        Ok(Ok(()))
    }

    async fn delete(&mut self, key: String) -> Result<Told<()>> {
        self.written.insert(key, None);
        Ok(Ok(()))
    }
}
