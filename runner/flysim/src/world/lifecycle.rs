//! What is done to machines: creation, commands, updates, destruction.
//!
//! ```text
//! created -> started <-> stopping -> stopped       replacing -> started (update)
//!               |  \--> suspending -> suspended     any -> destroying -> destroyed
//! ```

use serde_json::{Value, json};

use super::due::Step;
use super::machines::complete;
use super::{Machine, State};
use crate::clock::rfc3339;
use crate::refusal::Refusal;

/// How a machine's process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exit {
    pub(crate) code: i64,
    pub(crate) oom_killed: bool,
    pub(crate) requested: bool,
}

impl Exit {
    pub(crate) const REQUESTED: Self = Self { code: 0, oom_killed: false, requested: true };

    /// As in `request.exit_event` [fly-go machine_types.go]; a guest that the kernel killed
    /// has `guest_exit_code` 0 [ampbase machine_exit.go].
    pub(crate) fn json(self, at_ms: i64) -> Value {
        json!({
            "exit_code": self.code,
            "guest_exit_code": if self.oom_killed { 0 } else { self.code },
            "guest_signal": -1,
            "signal": -1,
            "oom_killed": self.oom_killed,
            "requested_stop": self.requested,
            "restarting": false,
            "exited_at": rfc3339(at_ms),
        })
    }
}

/// A new machine, as the create call describes it.
#[derive(Debug, Default)]
pub(crate) struct NewMachine {
    pub(crate) name: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) config: Option<Value>,
    pub(crate) skip_launch: bool,
}

/// A command without arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Start,
    Stop,
    Suspend,
    Restart,
    Cordon,
    Uncordon,
}

impl State {
    /// Creates a machine.
    ///
    /// # Errors
    /// 409 naming the machine that has this name, if a living one of the app does.
    pub(crate) fn create_machine(&mut self, app_id: &str, new: NewMachine) -> Result<String, Refusal> {
        let app = self.apps.get(app_id).ok_or_else(Refusal::app_not_found)?;
        let mut living = app.machines.iter().filter_map(|id| self.machines.get(id));
        let twin = living.find(|m| !m.is_destroyed() && Some(&m.name) == new.name.as_ref());
        if let Some(twin) = twin {
            let text = format!(
                "already_exists: unique machine name violation, machine ID {} already exists with name \"{}\"",
                twin.id, twin.name
            );
            return Err(Refusal::new(409, text));
        }
        let config = complete(new.config);
        let id = self.ids.machine();
        self.bind_volumes(app_id, &id, &config)?;
        let name = new.name.unwrap_or_else(|| format!("sim-{}", &id[..6]));
        let region = new.region.unwrap_or_else(|| "fra".into());
        self.insert_machine(app_id, &id, (name, region), config, new.skip_launch);
        if !new.skip_launch {
            self.transition(&id, "created", Step::Started);
        }
        Ok(id)
    }

    fn insert_machine(
        &mut self,
        app_id: &str,
        id: &str,
        (name, region): (String, String),
        config: Value,
        skip_launch: bool,
    ) {
        let instance_id = self.ids.ulid(self.now);
        let host = self.ids.serial();
        let detail = json!({"name": name, "region": region});
        let machine = Machine {
            id: id.to_owned(),
            app_id: app_id.to_owned(),
            name,
            state: "created",
            region,
            private_ip: format!("fdaa:0:18:a7b:16b:{host:x}:0:2"),
            created_ms: self.now,
            updated_ms: self.now,
            destroyed_ms: None,
            versions: vec![(instance_id.clone(), config.clone())],
            instance_id,
            config,
            skip_launch,
            cordoned: false,
            events: Vec::new(),
            lease: None,
            epoch: 0,
            rows: Vec::new(),
        };
        self.machines.insert(id.to_owned(), machine);
        if let Some(app) = self.apps.get_mut(app_id) {
            app.machines.push(id.to_owned());
        }
        self.push_event(id, "launch", "created", "user");
        self.machine_changed(id);
        self.record("machine.created", app_id, id, detail);
    }

    /// Obeys a command; returns the state that it found.
    pub(crate) fn command(&mut self, id: &str, verb: Verb) -> Result<&'static str, Refusal> {
        let machine = self.machines.get_mut(id).ok_or_else(Refusal::machine_not_found)?;
        let found = machine.state;
        let done = match verb {
            Verb::Cordon | Verb::Uncordon => {
                machine.cordoned = verb == Verb::Cordon;
                let what = if machine.cordoned { "machine.cordoned" } else { "machine.uncordoned" };
                let app_id = machine.app_id.clone();
                self.record(what, &app_id, id, Value::Null);
                return Ok(found);
            }
            Verb::Start => matches!(found, "started" | "starting"),
            Verb::Stop => matches!(found, "stopped" | "stopping" | "suspended"),
            Verb::Suspend => matches!(found, "suspended" | "suspending"),
            Verb::Restart => found == "restarting",
        };
        if done {
            return Ok(found);
        }
        self.obey(id, verb, found)?;
        Ok(found)
    }

    /// Whether a machine that is started in this state starts on another host.
    pub(crate) fn starts_elsewhere(&self, found: &str) -> bool {
        self.knobs.start_migrates && matches!(found, "stopped" | "suspended" | "failed")
    }

    fn obey(&mut self, id: &str, verb: Verb, found: &'static str) -> Result<(), Refusal> {
        let launching = found == "created" && self.machines.get(id).is_some_and(Machine::is_transient);
        match (verb, found) {
            (Verb::Start, "replacing") => {
                return Err(Refusal::precondition("machine getting replaced, refusing to start"));
            }
            (Verb::Start, "stopped" | "suspended" | "created" | "failed") if !launching => {
                if self.starts_elsewhere(found) {
                    self.push_event(id, "launch", "created", "flyd");
                }
                self.push_event(id, "start", "starting", "user");
                self.transition(id, "starting", Step::Started);
            }
            (Verb::Stop, "started" | "starting") => {
                self.transition(id, "stopping", Step::Stopped(Exit::REQUESTED));
            }
            (Verb::Suspend, "started") => self.transition(id, "suspending", Step::Suspended),
            (Verb::Restart, "started" | "stopped" | "suspended") => {
                self.push_event(id, "restart", "stopping", "user");
                self.transition(id, "restarting", Step::Restarted);
            }
            _ => {
                let word = match verb {
                    Verb::Start => "start",
                    Verb::Stop => "stop",
                    Verb::Suspend => "suspend",
                    _ => "restart",
                };
                let text = format!("unable to {word} machine from current state: '{found}'");
                return Err(Refusal::precondition(&text));
            }
        }
        Ok(())
    }

    /// Replaces a machine's configuration; it gets a new version.
    pub(crate) fn update_machine(&mut self, id: &str, new: NewMachine) -> Result<(), Refusal> {
        let instance_id = self.ids.ulid(self.now);
        let machine = self.machines.get(id).ok_or_else(Refusal::machine_not_found)?;
        if machine.is_destroyed() || machine.state == "destroying" {
            let text = format!("unable to update machine from current state: '{}'", machine.state);
            return Err(Refusal::precondition(&text));
        }
        let app_id = machine.app_id.clone();
        let config = new.config.map_or_else(|| machine.config.clone(), |config| complete(Some(config)));
        self.bind_volumes(&app_id, id, &config)?;
        let machine = self.machines.get_mut(id).ok_or_else(Refusal::machine_not_found)?;
        machine.instance_id.clone_from(&instance_id);
        machine.versions.push((instance_id.clone(), config.clone()));
        machine.config = config;
        machine.skip_launch = new.skip_launch;
        if let Some(name) = new.name {
            machine.name = name;
        }
        self.push_event(id, "update", "replacing", "user");
        self.record("machine.updated", &app_id, id, json!({"version": instance_id}));
        let step = if new.skip_launch { Step::Stopped(Exit::REQUESTED) } else { Step::Started };
        self.transition(id, "replacing", step);
        Ok(())
    }

    /// Ends a machine's process, as its own guest or the kernel would.
    pub(crate) fn exit_machine(&mut self, id: &str, exit: Exit) -> Result<(), Refusal> {
        let machine = self.machines.get(id).ok_or_else(Refusal::machine_not_found)?;
        if machine.state != "started" {
            return Err(Refusal::precondition("machine is not started"));
        }
        let epoch = self.next_epoch(id);
        self.machine_reaches(id, epoch, Step::Stopped(exit));
        Ok(())
    }

    /// Starts the destruction of a machine.
    ///
    /// # Errors
    /// 412 if it runs and `force` is not given; 404 if it is destroyed.
    pub(crate) fn destroy_machine(&mut self, id: &str, force: Force) -> Result<(), Refusal> {
        let machine = self.machines.get(id).ok_or_else(Refusal::machine_not_found)?;
        if machine.is_destroyed() {
            return Err(Refusal::machine_not_found());
        }
        if machine.state == "destroying" {
            return Ok(());
        }
        if force == Force::No && !matches!(machine.state, "stopped" | "suspended" | "failed" | "created") {
            let text = format!("unable to destroy machine from current state: '{}'", machine.state);
            return Err(Refusal::precondition(&text));
        }
        self.push_event(id, "destroy", "destroying", "user");
        self.transition(id, "destroying", Step::Destroyed);
        Ok(())
    }
}

/// Whether a running machine may be destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Force {
    Yes,
    No,
}
