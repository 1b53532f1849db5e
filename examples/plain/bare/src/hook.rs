//! The component.
#![expect(unsafe_code, reason = "the bindings' macro exports a function by name")]

use bindings::exports::groundcrew::hook::handler::{Event, Guest};
use bindings::groundcrew::hook::types::Failure;
use bindings::groundcrew::hook::{config, http};
use serde_json::{Value, json};

#[allow(missing_docs, unreachable_pub, clippy::pedantic, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({ path: "../../../wit", world: "hook" });
}

struct Hook;

bindings::export!(Hook with_types_in bindings);

impl Guest for Hook {
    fn handle(event: Event) -> Result<(), Failure> {
        let config: Value = serde_json::from_str(&config::get()).unwrap_or_default();
        let body = json!({ "id": event.id, "kind": event.kind, "time": event.time });
        let answer = http::send(&http::Request {
            method: "POST".to_owned(),
            url: format!("{}/events", config["server"].as_str().unwrap_or_default()),
            headers: vec![
                ("content-type".to_owned(), "application/json".to_owned()),
                // Whoever is told twice can know it by the key.
                ("idempotency-key".to_owned(), event.id),
            ],
            body: body.to_string().into_bytes(),
            seal: Vec::new(),
        })?;
        if (200..300).contains(&answer.status) {
            return Ok(());
        }
        // Told again later, with the same id.
        Err(Failure { message: format!("status {}", answer.status), retry: true, after_ms: None })
    }
}
