//! Tells a chat channel or a service what happened.
//!
//! - `to = "slack"`: `{"text": ...}`, which Slack, Mattermost, Rocket.Chat and others take.
//! - `to = "standard-webhooks"`: the event as `{type, timestamp, data}` with `webhook-id`. Signature and
//!   `webhook-timestamp`, the time of the attempt, are the host's, as a property of the grant: the key never gets here.
//!
//! The address is a secret, since whoever knows it can write there. An event may be told twice, with the same id;
//! it is never lost.

mod slack;

use groundcrew_hook::{Event, Handler, Request, Result, config, json, secret};
use serde::Deserialize;

/// The hook.
#[derive(Debug)]
pub struct Notify;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    to: To,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum To {
    Slack,
    StandardWebhooks,
}

impl Handler for Notify {
    fn handle(event: &Event) -> Result<()> {
        let to = Request::post(secret("URL")?);
        let request = match config::<Config>()?.to {
            To::Slack => to.json(&json!({ "text": slack::text(event) })),
            To::StandardWebhooks => standard(to, event),
        };
        request.send()?.success()?;
        Ok(())
    }
}

/// The Standard Webhooks shape, but for what the host adds when it signs.
fn standard(to: Request, event: &Event) -> Request {
    let body = json!({
        "type": event.kind,
        "timestamp": event.time,
        "data": { "subject": event.subject, "data": event.data },
    });
    to.header("webhook-id", &event.id).json(&body)
}

groundcrew_hook::export_handler!(Notify);
