//! Posts every event as JSON to `{config.server}/events`, with the event's id as idempotency key.

use groundcrew_hook::{Event, Handler, Request, Result, config, json};
use serde::Deserialize;

/// The stanza's `config`, as hook.toml describes it.
#[derive(Deserialize)]
struct Config {
    server: String,
}

/// The hook. It holds nothing: every call is a fresh instance.
#[derive(Debug)]
pub struct Hook;

impl Handler for Hook {
    /// Told at least once, in order for each app and machine. An error is told again later, with the same id.
    fn handle(event: &Event) -> Result<()> {
        let config: Config = config()?;
        let about = event.subject.as_ref().map(|subject| &subject.path);
        let body = json!({ "id": event.id, "kind": event.kind, "time": event.time, "about": about });
        Request::post(format!("{}/events", config.server))
            // Whoever is told twice can know it by this.
            .header("idempotency-key", &event.id)
            .json(&body)
            .send()?
            // A status other than 2xx is an error that knows whether to try again.
            .success()?;
        Ok(())
    }
}

groundcrew_hook::export_handler!(Hook);
