//! How machines change by themselves: the ends of transient states.
//!
//! Every command gives a machine a new epoch; a transition of an older one is dropped.

use serde_json::Value;

use super::due::Step;
use super::{Due, Exit, State};

impl State {
    /// Enters a transient state and schedules its end.
    pub(crate) fn transition(&mut self, id: &str, state: &'static str, step: Step) {
        let epoch = self.next_epoch(id);
        self.set_state(id, state);
        self.schedule(self.knobs.transition_ms, Due::Machine { id: id.to_owned(), epoch, step });
    }

    pub(crate) fn next_epoch(&mut self, id: &str) -> u64 {
        self.machines.get_mut(id).map_or(0, |machine| {
            machine.epoch += 1;
            machine.epoch
        })
    }

    /// Ends a transient state, unless another command came since.
    pub(crate) fn machine_reaches(&mut self, id: &str, epoch: u64, step: Step) {
        let Some(machine) = self.machines.get(id) else { return };
        if machine.epoch != epoch || machine.is_destroyed() {
            return;
        }
        match step {
            Step::Started => {
                self.push_event(id, "start", "started", "flyd");
                self.settle(id, "started");
            }
            Step::Restarted => {
                self.push_exit_event(id, ("exit", "stopped", "flyd"), Some(Exit::REQUESTED));
                self.push_event(id, "restart", "starting", "flyd");
                self.push_event(id, "start", "started", "flyd");
                self.settle(id, "started");
            }
            Step::Stopped(exit) => {
                let auto_destroy = machine.config["auto_destroy"] == true;
                self.push_exit_event(id, ("exit", "stopped", "flyd"), Some(exit));
                self.settle(id, "stopped");
                if auto_destroy {
                    self.machine_destroyed(id);
                }
            }
            Step::Suspended => {
                // The vendor's word for this event was not seen anywhere; it is read openly.
                self.push_event(id, "suspend", "suspended", "flyd");
                self.settle(id, "suspended");
            }
            Step::Destroyed => self.machine_destroyed(id),
        }
    }

    /// Ends a machine for good; its volumes stay, bound for a while yet.
    pub(crate) fn machine_destroyed(&mut self, id: &str) {
        let Some(machine) = self.machines.get_mut(id) else { return };
        if machine.is_destroyed() {
            return;
        }
        machine.destroyed_ms = Some(self.now);
        machine.lease = None;
        let mounts = machine.mounts();
        self.push_event(id, "destroy", "destroyed", "flyd");
        self.settle(id, "destroyed");
        for volume in mounts {
            let due = Due::VolumeDetached { id: volume, machine_id: id.to_owned() };
            self.schedule(self.knobs.volume_detach_ms, due);
        }
    }

    fn settle(&mut self, id: &str, state: &'static str) {
        self.set_state(id, state);
        if let Some(machine) = self.machines.get(id) {
            let app_id = machine.app_id.clone();
            self.record(&format!("machine.{state}"), &app_id, id, Value::Null);
        }
    }

    fn set_state(&mut self, id: &str, state: &'static str) {
        if let Some(machine) = self.machines.get_mut(id) {
            machine.state = state;
            machine.updated_ms = self.now;
        }
        self.machine_changed(id);
    }
}
