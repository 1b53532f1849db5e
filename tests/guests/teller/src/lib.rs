//! A handler that is right, but for the mistake that its stanza asks for.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::{SystemTime, UNIX_EPOCH};

use groundcrew_hook::{Event, Handler, Request, Result, config, json};
use serde::Deserialize;

/// The hook.
#[derive(Debug)]
pub struct Teller;

#[derive(Deserialize)]
struct Config {
    server: String,
    mistake: Mistake,
}

/// What it does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mistake {
    /// Nothing.
    None,
    /// Each telling has an id of its own.
    OtherId,
    /// It tells when it tells, not when it happened.
    SaysNow,
    /// That it was not told is no error.
    Swallows,
}

impl Handler for Teller {
    fn handle(event: &Event) -> Result<()> {
        let Config { server, mistake } = config()?;
        let mut body = json!({ "id": event.id, "kind": event.kind, "time": event.time, "data": event.data });
        if mistake == Mistake::SaysNow {
            #[expect(clippy::disallowed_methods, reason = "that is its mistake")]
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            body["time"] = json!(now.as_nanos().to_string());
        }
        let id = if mistake == Mistake::OtherId { random() } else { event.id.clone() };
        let told =
            Request::post(format!("{server}/events")).header("idempotency-key", &id).json(&body).send();
        if mistake != Mistake::Swallows {
            told?.success()?;
        }
        Ok(())
    }
}

/// Sixteen characters that nobody can know.
fn random() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

groundcrew_hook::export_handler!(Teller);
