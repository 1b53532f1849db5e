//! Effects that come later: transitions, deletions, and calls that were answered too early.

use super::{Context, Exit, State};
use crate::http::Call;
use crate::log::Actor;

/// Something that takes effect at a set time.
#[derive(Debug)]
pub(crate) enum Due {
    /// A deleted app goes.
    AppGone { app_id: String },
    /// A machine's transient state ends, unless something else happened to it since.
    Machine { id: String, epoch: u64, step: Step },
    /// A certificate becomes active by itself, or is not limited any more.
    CertActive { app_id: String, hostname: String, created_ms: i64 },
    /// A volume lets go of a destroyed machine.
    VolumeDetached { id: String, machine_id: String },
    /// A deleted cluster goes.
    ClusterGone { id: String },
    /// A call takes effect long after it was answered.
    Late { call: Box<Call> },
}

/// What ends a machine's transient state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Started,
    Stopped(Exit),
    Suspended,
    Restarted,
    Destroyed,
}

impl State {
    /// Schedules an effect; things due at one time keep their order.
    pub(crate) fn schedule(&mut self, delay_ms: u64, due: Due) {
        let key = (self.now.saturating_add_unsigned(delay_ms), self.ids.serial());
        self.due.insert(key, due);
    }

    /// Lets everything take effect that is due by `now`, each at its own time.
    pub(crate) fn catch_up(&mut self, now: i64) {
        let now = now.max(self.now);
        while let Some(entry) = self.due.first_entry()
            && entry.key().0 <= now
        {
            let ((at, _), due) = entry.remove_entry();
            self.now = self.now.max(at);
            let outer = std::mem::replace(&mut self.context, Context::platform());
            self.take_effect(due);
            self.context = outer;
        }
        self.now = now;
    }

    fn take_effect(&mut self, due: Due) {
        match due {
            Due::AppGone { app_id } => self.app_gone(&app_id),
            Due::Machine { id, epoch, step } => self.machine_reaches(&id, epoch, step),
            Due::ClusterGone { id } => self.cluster_gone(&id),
            Due::CertActive { app_id, hostname, created_ms } => {
                self.cert_due(&app_id, &hostname, created_ms);
            }
            Due::VolumeDetached { id, machine_id } => self.volume_detached(&id, &machine_id),
            Due::Late { call } => {
                self.context =
                    Context { by: Actor::Client, request_id: Some(call.request_id.clone()), answered: false };
                // Nobody is there to be told what came of it.
                let _unheard = self.run(&call);
            }
        }
    }
}
