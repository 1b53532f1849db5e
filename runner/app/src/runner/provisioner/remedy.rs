//! Which command lets a held removal go: one that can be pasted, and works.

use groundcrew_core::may_delete::Level;

use super::super::{Error, Runner};
use super::row::Work;

impl Runner {
    /// What a person does about a removal that is held for this reason.
    pub(super) fn remedy(&self, work: &Work<'_>, why: &str) -> Result<String, Error> {
        let row = &work.row;
        if row.protected {
            return Ok(format!("groundcrew unprotect {}", row.row.id));
        }
        let Some(frozen) = why.strip_prefix("frozen: ") else {
            return Ok(format!("groundcrew approve {}", row.row.id));
        };
        let configured = self.level().min(work.installed.hook.level);
        Ok(if frozen.starts_with("level is") && configured == Level::Enforce {
            self.unpause(work)?
        } else if frozen.starts_with("level is") {
            "raise `level` in the configuration".to_owned()
        } else if work.installed.hook.covers(work.owner.subject.path.app_name()) {
            "groundcrew approve --source vanished".to_owned()
        } else {
            format!("widen the scope of hook {}", work.installed.hook.name)
        })
    }

    /// The commands that lift every pause over a row.
    fn unpause(&self, work: &Work<'_>) -> Result<String, Error> {
        let path = work.owner.subject.path.as_str();
        let hook = &work.installed.hook.name;
        let over_us = |over: &str| over == path || path.starts_with(&format!("{over}/"));
        let pauses = self.store.pauses()?;
        let ours = pauses.iter().filter(|pause| {
            pause.hook.as_ref().is_none_or(|over| over == hook) && pause.path.as_deref().is_none_or(over_us)
        });
        let command = |(hook, app): (&Option<String>, &Option<String>)| {
            let hook = hook.as_ref().map(|hook| format!(" --hook {hook}")).unwrap_or_default();
            let app = app.as_ref().map(|app| format!(" --app {app}")).unwrap_or_default();
            format!("groundcrew unpause{hook}{app}")
        };
        let mut commands: Vec<_> = ours.map(|pause| command((&pause.hook, &pause.path))).collect();
        commands.dedup();
        Ok(commands.join("; "))
    }
}
