//! Whether an app runs, or since when it does not.

use jiff::Timestamp;

use super::{machines_of, time};
use crate::fly::{Api, failure, is_gone, machines};
use crate::{Result, Subject};

/// What an app is doing.
#[derive(Clone, Debug, PartialEq)]
pub enum Activity {
    /// A machine runs, or is on its way there.
    Busy,
    /// None does.
    Idle {
        /// When the last change of any machine was, destroyed ones included while the API shows them. None: the app
        /// has no machine, or one without a date.
        since: Option<Timestamp>,
        /// The machines that are not destroyed.
        machines: Vec<machines::Machine>,
    },
    /// The app is not there (any more).
    Gone,
}

/// Whether a machine in this state neither runs nor is about to. Unknown words count as running.
pub fn is_quiet(state: &str) -> bool {
    matches!(
        state,
        "created"
            | "stopped"
            | "suspended"
            | "failed"
            | "launch_failed"
            | "destroying"
            | "destroyed"
            | "replaced"
            | "migrated"
    )
}

impl Activity {
    /// Looks at an app: first into the mirror, and only where that shows nothing running at the API as well.
    ///
    /// The app's own list is asked, which does not lag \[live\].
    pub fn of(app: &Subject, api: &Api) -> Result<Self> {
        if machines_of(app)?.iter().any(|machine| !is_quiet(&machine.state)) {
            return Ok(Self::Busy);
        }
        let all = match api.ask(&machines::list_with(app.app()?, machines::Deleted::Included))? {
            Ok(all) => all,
            Err(error) if is_gone(&error) => return Ok(Self::Gone),
            Err(error) => return Err(failure(&error).context(&app.path)),
        };
        if all.iter().any(|machine| !is_quiet(&machine.state)) {
            return Ok(Self::Busy);
        }
        let changes = all.iter().map(|machine| time(machine.updated_at.as_deref()));
        // One machine without a date may have run a moment ago.
        let since = changes.collect::<Option<Vec<_>>>().and_then(|changes| changes.into_iter().max());
        let machines = all.into_iter().filter(|machine| machine.state != "destroyed").collect();
        Ok(Self::Idle { since, machines })
    }
}
