//! A hook whose scope was narrowed: things of apps that it no longer works for stay as they are, and it says so.

use groundcrew_core::time::Timestamp;
use groundcrew_store::findings::{NewFinding, Severity};

use super::Runner;
use super::installed::Installed;

/// The finding's code; it is about the hook.
pub const NARROWED: &str = "hook.scope";

impl Runner {
    /// The same at a start: with another configuration than before, the grace of what is out of scope stands still.
    pub async fn keep_to_scope(&self, installed: &Installed, now: Timestamp) -> groundcrew_store::Result<()> {
        let owners = self.store.owners(installed.id)?;
        let out = owners.into_iter().map(|(path, _)| path);
        let out: Vec<_> = out.filter(|path| !installed.hook.covers(path.app_name())).collect();
        if !out.is_empty() {
            self.store.freeze_owners(installed.id, out, "its owner is out of the hook's scope", now).await?;
        }
        self.tell_of_scope(installed, now).await
    }

    /// Opens or closes a hook's finding about things that are out of its scope; with the two commands that end it.
    pub async fn tell_of_scope(&self, installed: &Installed, now: Timestamp) -> groundcrew_store::Result<()> {
        let (id, hook) = (installed.id, &installed.hook);
        let owners = self.store.owners(id)?;
        let out: u32 =
            owners.iter().filter(|(path, _)| !hook.covers(path.app_name())).map(|(_, things)| things).sum();
        if out == 0 {
            return self.store.close_finding(NARROWED, &hook.name, now).await;
        }
        let finding = NewFinding {
            code: NARROWED.to_owned(),
            about: hook.name.clone(),
            hook: Some(id),
            severity: Severity::Warning,
            message: format!(
                "{out} of its things are for apps out of its scope: nothing looks after them or removes them"
            ),
            remedy: Some(format!(
                "widen its scope again, or: groundcrew resources release --hook {name}; groundcrew resources delete --hook {name}",
                name = hook.name
            )),
        };
        self.store.open_finding(finding, now).await
    }
}
