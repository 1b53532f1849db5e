//! A machine's events: ULIDs, open words, exit details in two nestings.

use serde_json::{Map, Value, json};

use super::{Exit, State};

/// One event of a machine.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) kind: &'static str,
    pub(crate) status: &'static str,
    pub(crate) source: &'static str,
    pub(crate) at_ms: i64,
    pub(crate) exit: Option<Exit>,
}

/// How many events the array inside of a machine holds (ampbase: the five most recent ones).
pub(crate) const EMBEDDED_MAX: usize = 5;
/// How many events `/events` gives when it is not asked for a number.
pub(crate) const LISTED_DEFAULT: usize = 20;
/// How many events `/events` gives at most.
pub(crate) const LISTED_MAX: usize = 50;

impl State {
    /// Appends an event to a machine; returns nothing if there is no such machine.
    pub(crate) fn push_event(
        &mut self,
        id: &str,
        kind: &'static str,
        status: &'static str,
        source: &'static str,
    ) {
        self.push_exit_event(id, (kind, status, source), None);
    }

    pub(crate) fn push_exit_event(
        &mut self,
        id: &str,
        (kind, status, source): (&'static str, &'static str, &'static str),
        exit: Option<Exit>,
    ) {
        let mut lines = vec![((kind, status, source), exit)];
        if self.knobs.events_unknown {
            lines.insert(0, (("checkpoint", "observed", "flyd"), None));
        }
        for ((kind, status, source), exit) in lines {
            let event = Event { id: self.ids.ulid(self.now), kind, status, source, at_ms: self.now, exit };
            if let Some(machine) = self.machines.get_mut(id) {
                machine.events.push(event);
            }
        }
    }

    /// The newest `max` events of a machine, newest first.
    pub(crate) fn events_json(&self, events: &[Event], max: usize) -> Vec<Value> {
        events.iter().rev().take(max).map(|event| self.event_json(event)).collect()
    }

    fn event_json(&self, event: &Event) -> Value {
        let mut body = Map::new();
        if !self.knobs.event_ids_absent {
            body.insert("id".into(), json!(event.id));
        }
        body.insert("type".into(), json!(event.kind));
        body.insert("status".into(), json!(self.state_word(event.status)));
        body.insert("source".into(), json!(event.source));
        body.insert("timestamp".into(), json!(event.at_ms));
        if let Some(exit) = event.exit {
            let exit = json!({"exit_event": exit.json(event.at_ms)});
            let request = if self.knobs.monitor_events { json!({"MonitorEvent": exit}) } else { exit };
            body.insert("request".into(), request);
        }
        Value::Object(body)
    }
}
