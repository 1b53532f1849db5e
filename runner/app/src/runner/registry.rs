//! The installed hooks, and who is told or looks again when something happens.

use std::collections::BTreeMap;
use std::sync::Arc;

use groundcrew_core::kind::matches;
use groundcrew_core::manifest::Watch;
use groundcrew_core::spec::Event;
use groundcrew_core::subject::{Subject, SubjectKind, Uid};
use groundcrew_store::HookId;
use groundcrew_store::lanes::LaneId;
use groundcrew_store::subjects::StoredSubject;
use groundcrew_store::{Result, Store};

use super::installed::Installed;
use crate::config::Work;
use crate::source::Routes;

/// All installed hooks.
#[derive(Debug, Default)]
pub struct Registry {
    by_id: BTreeMap<HookId, Arc<Installed>>,
}

impl Routes for Registry {
    fn handlers(&self, event: &Event) -> Vec<HookId> {
        self.handlers(event)
    }

    fn lanes(&self, subject: &Subject, parent: Option<&Uid>) -> Vec<(HookId, Uid)> {
        self.lanes(subject, parent)
    }
}

impl Registry {
    /// Registers hooks.
    pub fn new(hooks: impl IntoIterator<Item = Installed>) -> Self {
        Self { by_id: hooks.into_iter().map(|hook| (hook.id, Arc::new(hook))).collect() }
    }

    /// One hook.
    pub fn hook(&self, id: HookId) -> Option<&Arc<Installed>> {
        self.by_id.get(&id)
    }

    /// The hook of this stanza.
    pub fn named(&self, name: &str) -> Option<&Arc<Installed>> {
        self.by_id.values().find(|installed| installed.hook.name == name)
    }

    /// The hook of this stanza, unless it stands still.
    pub fn working(&self, name: &str) -> Option<&Arc<Installed>> {
        self.named(name).filter(|installed| installed.still().is_none())
    }

    /// All hooks, also those that stand still: to them events are owed.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Installed>> {
        self.by_id.values()
    }

    /// All provisioners.
    pub fn provisioners(&self) -> impl Iterator<Item = &Arc<Installed>> {
        self.all().filter(|installed| installed.hook.provisioner().is_some())
    }

    /// Handlers that want an event.
    pub fn handlers(&self, event: &Event) -> Vec<HookId> {
        let wants = |installed: &&Arc<Installed>| match &installed.hook.work {
            Work::Handler { on, .. } => {
                let covered = event.subject.as_ref().is_none_or(|s| installed.hook.covers(s.path.app_name()));
                covered && on.iter().any(|pattern| matches(pattern, &event.kind))
            }
            Work::Provisioner(_) | Work::Auditor => false,
        };
        self.all().filter(wants).map(|installed| installed.id).collect()
    }

    /// Provisioners' lanes that are owed a look because this subject changed.
    pub fn lanes(&self, subject: &Subject, parent: Option<&Uid>) -> Vec<(HookId, Uid)> {
        let kind = subject.path.kind();
        let mut lanes = Vec::new();
        for installed in self.provisioners() {
            let manifest = &installed.hook.manifest;
            if manifest.owner == kind {
                lanes.push((installed.id, subject.uid.clone()));
            } else if let (SubjectKind::App, Some(app)) = (manifest.owner, parent)
                && manifest.watches.contains(&Watch::Members)
            {
                lanes.push((installed.id, app.clone()));
            }
        }
        lanes
    }

    /// Lanes that look again when outputs of this hook's things for this owner change.
    pub fn readers(&self, store: &Store, hook: &Installed, owner: &StoredSubject) -> Result<Vec<LaneId>> {
        let reads = |reader: &&Arc<Installed>| reader.hook.reads().contains(&hook.hook.name);
        let mut lanes = Vec::new();
        for reader in self.all().filter(reads) {
            match (reader.hook.manifest.owner, owner.subject.path.kind()) {
                (SubjectKind::Machine, SubjectKind::App) => {
                    let members = store.members(owner.id)?;
                    lanes.extend(
                        members.into_iter().map(|member| LaneId { hook: reader.id, subject: member.id }),
                    );
                }
                (SubjectKind::App, SubjectKind::Machine) => {}
                _ => lanes.push(LaneId { hook: reader.id, subject: owner.id }),
            }
        }
        Ok(lanes)
    }
}
