//! Posts every event as JSON to `{config.server}/events`, with the event's id as idempotency key.

use groundcrew_hook::{Event, Handler, Request, Result, Value, config, json};

/// The hook.
#[derive(Debug)]
pub struct Tell;

impl Handler for Tell {
    fn handle(event: &Event) -> Result<()> {
        let server = config::<Value>()?["server"].as_str().unwrap_or_default().to_owned();
        let about = event.subject.as_ref().map(|subject| subject.path.as_str());
        let body = json!({ "id": event.id, "kind": event.kind, "time": event.time, "about": about });
        Request::post(format!("{server}/events"))
            .header("idempotency-key", &event.id)
            .json(&body)
            .send()?
            .success()?;
        Ok(())
    }
}

groundcrew_hook::export_handler!(Tell);
