//! A handler that posts five times; each post says a number that chance gave the run, so that whoever is told knows
//! whether two posts are of one run.
//!
//! With `keyless` no post carries an idempotency key. `says` is in every post: another one makes it another guest.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use groundcrew_hook::{Event, Handler, Request, Result, config, json};
use serde::Deserialize;

/// The hook.
#[derive(Debug)]
pub struct Five;

#[derive(Deserialize)]
struct Config {
    server: String,
    #[serde(default)]
    keyless: bool,
    #[serde(default)]
    says: String,
}

impl Handler for Five {
    fn handle(event: &Event) -> Result<()> {
        let Config { server, keyless, says } = config()?;
        let chance = format!("{:016x}", RandomState::new().build_hasher().finish());
        for n in 1..=5 {
            let body = json!({ "event": event.id, "n": n, "chance": chance, "says": says });
            let post = Request::post(format!("{server}/events")).json(&body);
            let key = format!("{}-{n}", event.id);
            let post = if keyless { post } else { post.header("idempotency-key", &key) };
            post.send()?.success()?;
        }
        Ok(())
    }
}

groundcrew_hook::export_handler!(Five);
