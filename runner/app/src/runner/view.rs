//! Builds what `desired` is shown: only what the manifest watches, so that it changes only when the hook cares.

use std::sync::Arc;

use groundcrew_core::hash::Digest;
use groundcrew_core::manifest::Watch;
use groundcrew_core::row::State;
use groundcrew_core::spec::{Input, View, canonical};
use groundcrew_core::subject::{Subject, SubjectKind};
use groundcrew_core::template::{Missing, Words};
use groundcrew_store::Result;
use groundcrew_store::ledger::StoredRow;
use groundcrew_store::subjects::StoredSubject;
use serde_json::{Map, Value};

use super::Runner;
use super::installed::Installed;

/// What one owner's `desired` is asked with.
pub(super) struct Question {
    pub(super) view: View,
    pub(super) config: Arc<Value>,
    /// Ledger rows whose outputs are in the view.
    pub(super) reads: Vec<i64>,
    /// Digest of component, settings and view.
    pub(super) hash: String,
}

impl Runner {
    /// Builds the question, or says which word of the configuration has no value yet.
    pub(super) fn question(
        &self,
        installed: &Installed,
        owner: &StoredSubject,
    ) -> Result<Result<Question, Missing>> {
        let manifest = &installed.hook.manifest;
        let watches = |watch: Watch| manifest.watches.contains(&watch);
        let app = match owner.parent {
            Some(parent) => self.store.subject(parent)?,
            None => None,
        };
        let (inputs, reads) = self.inputs(installed, owner, app.as_ref())?;
        let members = match (watches(Watch::Members), owner.subject.path.kind()) {
            (true, SubjectKind::App) => self.store.members(owner.id)?,
            _ => Vec::new(),
        };
        // Templates see everything; the hook sees what it watches, and what its own configuration names.
        let whole = View {
            owner: owner.subject.clone(),
            app: app.map(|app| app.subject),
            members: members.into_iter().map(|member| member.subject).collect(),
            inputs,
        };
        let config = match Words::of(&whole).fill(&installed.hook.config) {
            Ok(config) => config,
            Err(missing) => return Ok(Err(missing)),
        };
        let shown = |subject: Subject| Subject {
            labels: if watches(Watch::Labels) { subject.labels } else { Map::new() },
            state: if watches(Watch::State) { subject.state } else { String::new() },
            ..subject
        };
        let view = View {
            owner: shown(whole.owner),
            app: whole.app.map(shown),
            members: whole.members.into_iter().map(shown).collect(),
            inputs: if watches(Watch::Inputs) { whole.inputs } else { Vec::new() },
        };
        let shown = serde_json::to_value(&view).expect("invariant: a view is JSON");
        let (shown, filled) = (canonical(&shown), canonical(&config));
        let parts = [installed.settings(), shown.as_str(), filled.as_str()];
        let hash = Digest::of_parts(parts.map(str::as_bytes)).to_string();
        Ok(Ok(Question { view, config: Arc::new(config), reads, hash }))
    }

    /// The outputs of what a hook reads, for its owner and, of a machine, its app's; things that are about to go show none.
    fn inputs(
        &self,
        installed: &Installed,
        owner: &StoredSubject,
        app: Option<&StoredSubject>,
    ) -> Result<(Vec<Input>, Vec<i64>)> {
        let (mut inputs, mut reads) = (Vec::new(), Vec::new());
        if installed.hook.reads().is_empty() {
            return Ok((inputs, reads));
        }
        let registry = self.registry();
        for subject in std::iter::once(owner).chain(app) {
            let mut rows = self.store.subject_rows(subject.id)?;
            rows.retain(shows_outputs);
            rows.sort_by(|one, other| (&one.kind, &one.key).cmp(&(&other.kind, &other.key)));
            for name in installed.hook.reads() {
                let Some(read) = registry.named(name) else { continue };
                for row in rows.iter().filter(|row| row.hook == read.id) {
                    reads.push(row.id);
                    inputs.extend(row.outputs.iter().map(|output| Input {
                        owner: subject.subject.path.to_string(),
                        hook: name.clone(),
                        kind: row.kind.clone(),
                        key: row.key.clone(),
                        output: output.clone(),
                    }));
                }
            }
        }
        Ok((inputs, reads))
    }
}

fn shows_outputs(row: &StoredRow) -> bool {
    let exists = matches!(row.row.state, State::Pending | State::Present | State::Updating);
    exists && !row.withdrawn && !row.outputs.is_empty()
}
