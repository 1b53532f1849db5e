//! Requests that change what runs: the runner is put together anew.

use groundcrew_store::HookId;

use super::{Desk, Done, Refusal, Result};

impl Desk<'_> {
    /// Puts the configuration in force as it is now.
    pub(super) async fn reload(&self) -> Result {
        let nobody = || Refusal::conflict("no runner is up that could be reloaded").hint("groundcrew up");
        let done = self.hints.reload().ok_or_else(nobody)?.await?;
        self.store.touch(Vec::new(), self.act("reload".to_owned()), self.now).await?;
        Ok(done)
    }

    /// Lets what was just committed about a hook take effect; `what` says what that is, and `component` what it lets run.
    pub(super) async fn take_up(&self, hook: HookId, name: &str, component: &str, what: String) -> Result {
        let Some(reload) = self.hints.reload() else {
            let message = format!("{what}; no runner is up: groundcrew up begins with it");
            return Ok(Done { message, changed: 1 });
        };
        let reloaded = reload.await.map_err(|refusal| Refusal {
            message: format!("{what}, which is kept and not in force: {}", refusal.message),
            hints: [refusal.hints, vec!["groundcrew reload".to_owned()]].concat(),
            ..refusal
        })?;
        let upgrade = self.store.upgrade(hook)?;
        let end = if upgrade.active.is_some_and(|active| active.component == component) {
            ", and is in force".to_owned()
        } else if upgrade.waiting.is_some_and(|waiting| waiting.component == component) {
            format!("; it waits: groundcrew approve --upgrade {name}")
        } else {
            // The whole file counts, and somebody wrote into it meanwhile.
            ", and is not in force: the configuration names another component by now".to_owned()
        };
        Ok(Done { message: format!("{what}{end}\n{}", reloaded.message), changed: 1 })
    }
}
