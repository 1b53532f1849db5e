//! What is remembered of a machine, and the document that comes of it.

use groundcrew_hook::{Event, Subject, Value, json};
use serde::{Deserialize, Serialize};

/// Events that are kept; the oldest go first.
const EVENTS_MAX: usize = 20;
/// The memory holds 64 KiB; a configuration beyond this is left out, and the document says so.
const CONFIG_MAX: usize = 32 << 10;
/// Fields that the list of an organisation has; whoever shows more was asked himself.
const NARROW: [&str; 3] = ["guest", "image", "metadata"];

/// What is remembered of a machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// The last events, oldest first.
    events: Vec<Value>,
    /// How its process ended last.
    exit: Option<Value>,
    /// Its configuration, as fully as it was shown.
    config: Option<Value>,
}

impl Record {
    /// Takes in an event. One that is known already is not noted twice.
    pub fn note(&mut self, event: &Event) {
        if self.events.iter().any(|known| known["id"] == event.id.as_str()) {
            return;
        }
        let state = event.subject.as_ref().map(|subject| subject.state.as_str());
        let reason = event.data.get("reason").filter(|reason| reason.is_object());
        let mut noted = json!({"id": event.id, "type": event.kind, "time": event.time, "state": state});
        if let Some(reason) = reason {
            noted["reason"] = reason.clone();
        }
        if let Some(exit) = reason.cloned().or_else(|| embedded(&event.data)) {
            self.exit = Some(exit);
        }
        self.events.push(noted);
        if self.events.len() > EVENTS_MAX {
            self.events.remove(0);
        }
        if let Some(config) = event.data.get("config").filter(|config| config.is_object()) {
            let fuller = is_full(config) || self.config.as_ref().is_none_or(|known| !is_full(known));
            if fuller {
                self.config = Some(shortened(config));
            }
        }
    }

    /// The record for the host's memory.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The document about a machine that was destroyed.
    pub fn document(&self, event: &Event, subject: &Subject) -> Value {
        json!({
            "format": 1,
            "machine": subject.path,
            "id": subject.id,
            "labels": subject.labels,
            "destroyed": event.time,
            "exit": self.exit,
            "events": self.events,
            "config": self.config,
        })
    }
}

fn is_full(config: &Value) -> bool {
    config.as_object().is_some_and(|fields| fields.keys().any(|field| !NARROW.contains(&field.as_str())))
}

fn shortened(config: &Value) -> Value {
    if config.to_string().len() > CONFIG_MAX {
        json!({"left out": "it is too large"})
    } else {
        config.clone()
    }
}

/// How the process ended, out of the platform's own log within its object, newest first.
fn embedded(object: &Value) -> Option<Value> {
    let log = object.get("events")?.as_array()?;
    let exit = |entry: &Value| {
        let request = entry.get("request")?;
        let exit = request.pointer("/MonitorEvent/exit_event").or_else(|| request.get("exit_event"))?;
        exit.is_object().then(|| exit.clone())
    };
    log.iter().find_map(exit)
}
