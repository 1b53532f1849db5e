//! Labels that an operator sets, over those of every other source.

use std::collections::BTreeMap;

use groundcrew_core::subject::Path;
use groundcrew_store::labels::LabelChange;
use serde_json::Value;

use super::{Desk, Done, Reason, Refusal, Result, subject};

/// The source that comes last.
const SET: &str = "set";

impl Desk<'_> {
    pub(super) async fn set_labels(&self, name: &str, values: &BTreeMap<String, Value>) -> Result {
        if let Some(bad) = values.keys().find(|key| !legal(key)) {
            let message = format!("`{bad}` is no label's name; letters, digits, `_`, `-` and `.` make one");
            return Err(Refusal::invalid(message));
        }
        let path = self.labelled(name)?;
        let keys: Vec<_> = values.keys().map(String::as_str).collect();
        let change = LabelChange::Set(values.clone().into_iter().collect());
        self.change_labels(&path, change, format!("set {} of {path}", keys.join(", "))).await
    }

    pub(super) async fn unset_labels(&self, name: &str, names: &[String]) -> Result {
        let path = self.labelled(name)?;
        let labels = self.store.label(&path, SET)?.unwrap_or_default();
        if let Some(missing) = names.iter().find(|name| !labels.contains_key(*name)) {
            let message = format!("label `{missing}` of {path} was not set by hand");
            return Err(Refusal::unknown(message).hint(format!("groundcrew label show {path}")));
        }
        let change = LabelChange::Unset(names.to_vec());
        self.change_labels(&path, change, format!("unset {} of {path}", names.join(", "))).await
    }

    async fn change_labels(&self, path: &Path, change: LabelChange, what: String) -> Result {
        let lanes = match self.store.subject_at(path)?.filter(|subject| subject.gone_at.is_none()) {
            Some(subject) => self.store.provisioner_lanes(subject.id)?,
            None => Vec::new(),
        };
        let count = lanes.len();
        let act = self.act(format!("label {what}"));
        let changed = self.store.change_label(path, SET, change, lanes, act, self.now).await?;
        if !changed {
            return Ok(Done { message: format!("{what}: as it was already"), changed: 0 });
        }
        Ok(Done { message: format!("{what}; {count} lanes look again"), changed: 1 })
    }

    /// The path that is meant; it may be one that was never seen, if it is written in full.
    fn labelled(&self, name: &str) -> Result<Path> {
        match subject(self.store, name) {
            Ok(found) => Ok(found.subject.path),
            Err(refusal) if refusal.reason == Reason::Unknown => name.parse().map_err(|_| {
                Refusal { hints: Vec::new(), ..refusal }
                    .hint("write fly/ORG/APP to label an app that does not exist yet")
            }),
            Err(refusal) => Err(refusal),
        }
    }
}

fn legal(key: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    !key.is_empty() && key.len() <= 64 && key.chars().all(word)
}
