//! Which machines were suspended for being over a ceiling, so that exactly those are resumed.
//!
//! ```text
//!  a look sees an app over its ceiling --> planned: kept before anything is done
//!  the remedy cordons, then suspends   --> done
//!  somebody starts it by hand          --> theirs: left alone for the rest of the month, and after
//! ```
//!
//! What the remedy notes is kept only if it succeeds. Cut off in between, it leaves machines that are planned,
//! cordoned and suspended: those are its own as well.

use std::collections::BTreeMap;

use groundcrew_hook::audit::is_quiet;
use groundcrew_hook::fly::machines::Machine;
use groundcrew_hook::{Result, Value, kv};
use serde::{Deserialize, Serialize};

/// What is noted of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Note {
    /// It is to be suspended.
    Planned,
    /// The remedy suspended it.
    Done,
    /// Somebody started it again.
    Theirs,
}

/// An app's machines that are held, or are to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held(pub(crate) BTreeMap<String, Note>);

impl Held {
    /// Of an app, by its id: a re-created app holds nothing.
    pub(crate) fn of(app_id: &str) -> Result<Self> {
        let kept = kv::read(&key(app_id))?.map(|kept| serde_json::from_slice(&kept)).transpose()?;
        Ok(kept.unwrap_or_default())
    }

    /// Keeps it, with the success of this run.
    pub(crate) fn save(&self, app_id: &str) -> Result<()> {
        if self.0.is_empty() {
            kv::forget(&key(app_id))
        } else {
            kv::write(&key(app_id), &serde_json::to_vec(self)?)
        }
    }

    /// While the app is over: plans what runs, and sees what somebody started again.
    pub(crate) fn over(&mut self, machines: &[Machine]) {
        self.forget_gone(machines);
        for machine in machines.iter().filter(|machine| !is_quiet(&machine.state)) {
            let note = self.0.entry(machine.id.clone()).or_insert(Note::Planned);
            if *note == Note::Done {
                *note = Note::Theirs;
            }
        }
    }

    /// Once the app is not over any more: keeps only what the remedy suspended and is suspended still.
    pub(crate) fn under(&mut self, machines: &[Machine]) {
        self.forget_gone(machines);
        let suspended =
            |id: &str| machines.iter().any(|machine| machine.id == id && machine.state == "suspended");
        self.0.retain(|id, note| *note == Note::Done && suspended(id));
    }

    fn forget_gone(&mut self, machines: &[Machine]) {
        self.0
            .retain(|id, _| machines.iter().any(|machine| machine.id == *id && machine.state != "destroyed"));
    }
}

/// Whether a machine is, or may be, cordoned; older answers do not say.
pub(crate) fn may_be_cordoned(machine: &Machine) -> bool {
    machine.rest.get("cordoned").and_then(Value::as_bool) != Some(false)
}

fn key(app_id: &str) -> String {
    format!("held.{app_id}")
}
