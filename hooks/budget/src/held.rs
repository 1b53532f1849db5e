//! Which machines were suspended for being over a ceiling, so that exactly those are resumed.
//!
//! ```text
//!  a look sees an app over its ceiling --> planned: kept before anything is done
//!  the remedy cordons, then suspends   --> done; tried, if no answer told
//!  somebody starts it by hand          --> theirs: left alone for the rest of the month, and after
//! ```
//!
//! What the remedy notes is kept only if its run is. Cut off in between, it leaves machines that are planned,
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
    /// The remedy cordoned it, and whether it is suspended was not answered.
    Tried,
    /// The remedy suspended it.
    Done,
    /// Somebody started it again.
    Theirs,
}

/// An app's machines that are held, or are to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held(pub(crate) BTreeMap<String, Note>);

impl Note {
    /// Whether the remedy has something to do about it.
    pub(crate) const fn is_to_do(self) -> bool {
        matches!(self, Self::Planned | Self::Tried)
    }
}

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

    /// Once the app is not over any more: keeps only what the remedy suspended, or may have, and is so still.
    pub(crate) fn under(&mut self, machines: &[Machine]) {
        self.0.retain(|id, note| {
            let found = machines.iter().find(|machine| machine.id == *id);
            found.is_some_and(|machine| {
                let suspended = machine.state == "suspended";
                match note {
                    Note::Done => suspended,
                    // A try whose notes were lost suspended it: what others suspend they do not cordon.
                    Note::Planned => suspended && cordoned(machine) == Some(true),
                    Note::Tried => may_be_cordoned(machine) && (suspended || !is_quiet(&machine.state)),
                    Note::Theirs => false,
                }
            })
        });
    }

    fn forget_gone(&mut self, machines: &[Machine]) {
        self.0
            .retain(|id, _| machines.iter().any(|machine| machine.id == *id && machine.state != "destroyed"));
    }
}

/// Whether a machine is, or may be, cordoned; older answers do not say.
pub(crate) fn may_be_cordoned(machine: &Machine) -> bool {
    cordoned(machine) != Some(false)
}

fn cordoned(machine: &Machine) -> Option<bool> {
    machine.rest.get("cordoned").and_then(Value::as_bool)
}

fn key(app_id: &str) -> String {
    format!("held.{app_id}")
}

#[cfg(test)]
mod tests {
    use groundcrew_hook::json;

    use super::*;

    /// What is left of one machine's note once its app is below its ceiling.
    fn left(note: Note, state: &str, cordoned: Option<bool>) -> Option<Note> {
        let mut shown = json!({ "id": "m", "name": "m", "state": state, "region": "fra" });
        if let Some(cordoned) = cordoned {
            shown["cordoned"] = json!(cordoned);
        }
        let mut held = Held(BTreeMap::from([("m".to_owned(), note)]));
        held.under(&[serde_json::from_value(shown).expect("a machine")]);
        held.0.remove("m")
    }

    #[test]
    fn what_an_attempt_suspended_is_resumed_even_if_its_notes_were_lost() {
        for (note, state, cordoned, kept) in [
            (Note::Done, "suspended", None, true),
            (Note::Done, "started", None, false),
            (Note::Planned, "suspended", Some(true), true),
            (Note::Planned, "suspended", Some(false), false),
            (Note::Planned, "suspended", None, false),
            (Note::Planned, "started", Some(true), false),
            (Note::Tried, "suspended", None, true),
            (Note::Tried, "started", Some(true), true),
            (Note::Tried, "started", Some(false), false),
            (Note::Tried, "stopped", Some(true), false),
            (Note::Theirs, "suspended", Some(true), false),
        ] {
            assert_eq!(left(note, state, cordoned).is_some(), kept, "{note:?} {state} {cordoned:?}");
        }
    }
}
