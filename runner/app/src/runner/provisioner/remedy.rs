//! Which command lets a held removal go: one that can be pasted, and works.

use groundcrew_core::may_delete::Level;

use super::super::{Error, Runner};
use super::row::Work;
use crate::control;

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
        let hook = &work.installed.hook.name;
        Ok(if frozen.starts_with("level is") && configured == Level::Enforce {
            control::unpause(&self.store, hook, work.owner.subject.path.as_str())?
        } else if frozen.starts_with("level is") {
            "raise `level` in the configuration".to_owned()
        } else if work.installed.hook.covers(work.owner.subject.path.app_name()) {
            "groundcrew approve --source vanished".to_owned()
        } else {
            format!(
                "widen the scope of hook {hook}, or: groundcrew resources release {row}; groundcrew resources delete {row}",
                row = row.row.id
            )
        })
    }
}
