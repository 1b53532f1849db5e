//! Machines as rows: what they are and how the API shows them.

use serde_json::{Map, Value, json};

use super::events::{EMBEDDED_MAX, Event};
use super::{App, Lease, State};
use crate::clock::rfc3339;
use crate::refusal::Refusal;

/// A machine, a destroyed one included.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub(crate) id: String,
    pub(crate) app_id: String,
    pub(crate) name: String,
    pub(crate) state: &'static str,
    pub(crate) region: String,
    pub(crate) instance_id: String,
    pub(crate) private_ip: String,
    pub(crate) created_ms: i64,
    pub(crate) updated_ms: i64,
    pub(crate) destroyed_ms: Option<i64>,
    pub(crate) config: Value,
    pub(crate) skip_launch: bool,
    pub(crate) cordoned: bool,
    pub(crate) events: Vec<Event>,
    pub(crate) lease: Option<Lease>,
    /// Version and configuration, oldest first.
    pub(crate) versions: Vec<(String, Value)>,
    /// Grows with every command, so that a transition that was overtaken is dropped.
    pub(crate) epoch: u64,
    /// What the organisation-wide list may show, oldest first.
    pub(crate) rows: Vec<super::org_list::Row>,
}

impl Machine {
    pub(crate) fn is_destroyed(&self) -> bool {
        self.destroyed_ms.is_some()
    }

    /// Whether the state is one that passes by itself [docs machines/machine-states].
    pub(crate) fn is_transient(&self) -> bool {
        matches!(
            self.state,
            "creating" | "starting" | "stopping" | "restarting" | "suspending" | "destroying" | "replacing"
        ) || (self.state == "created" && !self.skip_launch)
    }

    /// As it was when its app went and took it along.
    fn before(&self, gone: i64) -> Option<Self> {
        let last = self.rows.iter().rfind(|row| !matches!(row.state, "destroyed" | "destroying"));
        let last = last.filter(|_| self.destroyed_ms == Some(gone))?;
        let events = self.events.iter().filter(|event| event.kind != "destroy").cloned().collect();
        let (state, updated_ms) = (last.state, last.updated_ms);
        Some(Self { state, updated_ms, destroyed_ms: None, events, ..self.clone() })
    }

    pub(crate) fn metadata(&self, key: &str) -> Option<&str> {
        self.config["metadata"][key].as_str()
    }

    /// The volumes that it mounts.
    pub(crate) fn mounts(&self) -> Vec<String> {
        let mounts = self.config["mounts"].as_array().map(Vec::as_slice).unwrap_or_default();
        mounts.iter().filter_map(|mount| mount["volume"].as_str()).map(str::to_owned).collect()
    }
}

/// What a list of machines is asked for.
#[derive(Debug, Default)]
pub(crate) struct MachineFilter {
    pub(crate) include_deleted: bool,
    pub(crate) region: Option<String>,
    pub(crate) states: Vec<String>,
    pub(crate) metadata: Vec<(String, String)>,
}

impl MachineFilter {
    /// Whether it asks for what is in this state, shown by this word, and in this region.
    pub(crate) fn fits_row(&self, state: &str, word: &str, region: &str) -> bool {
        (self.include_deleted || state != "destroyed")
            && self.region.as_deref().is_none_or(|want| want == region)
            && (self.states.is_empty() || self.states.iter().any(|want| want == word))
    }

    fn fits(&self, machine: &Machine, word: &str) -> bool {
        let metadata = |(key, value): &(String, String)| machine.metadata(key) == Some(value);
        self.fits_row(machine.state, word, &machine.region) && self.metadata.iter().all(metadata)
    }
}

impl State {
    /// The machines of an app, as its own list shows them.
    pub(crate) fn listed_machines(&self, app: &App, filter: &MachineFilter) -> Vec<&Machine> {
        app.machines
            .iter()
            .filter_map(|id| self.machines.get(id))
            .filter(|machine| {
                filter.fits(machine, self.state_word(machine.state)) && !self.is_pruned(machine)
            })
            .filter(|machine| !self.blind(machine.created_ms, self.knobs.blind_machines_ms))
            .collect()
    }

    /// Finds a machine of an app, a destroyed one included while it is retained.
    pub(crate) fn machine(&self, app_id: &str, id: &str) -> Result<&Machine, Refusal> {
        let found = self.machines.get(id).filter(|m| m.app_id == app_id && !self.is_pruned(m));
        let hidden =
            |m: &&Machine| !(self.knobs.blind_gets && self.blind(m.created_ms, self.knobs.blind_machines_ms));
        found.filter(hidden).ok_or_else(Refusal::machine_not_found)
    }

    /// Whether a destroyed machine was forgotten.
    pub(crate) fn is_pruned(&self, machine: &Machine) -> bool {
        match (machine.destroyed_ms, self.knobs.machine_prune_ms) {
            (Some(at), Some(kept)) => self.now - at >= kept as i64,
            _ => false,
        }
    }

    /// The state that a reader sees.
    fn shown_state(&self, machine: &Machine) -> &str {
        match machine.destroyed_ms {
            Some(at) if self.now - at < self.knobs.destroying_after_wait_ms as i64 => {
                self.state_word("destroying")
            }
            _ => self.state_word(machine.state),
        }
    }

    /// The word by which a state is shown.
    pub(crate) fn state_word<'a>(&'a self, state: &'a str) -> &'a str {
        self.knobs.state_words.get(state).map_or(state, String::as_str)
    }

    /// The machines of those who had this app's name before, as its own list may still show them.
    pub(crate) fn stale_machines(&self, app: &App, filter: &MachineFilter) -> Vec<Machine> {
        let lately = |gone: i64| self.now - gone < self.knobs.stale_machines_ms as i64;
        let before = self.apps.values().filter(|other| other.name == app.name && other.id != app.id);
        let gone =
            before.filter_map(|other| other.gone_ms.filter(|gone| lately(*gone)).map(|gone| (other, gone)));
        let machines = gone.flat_map(|(other, gone)| {
            let all = other.machines.iter().filter_map(|id| self.machines.get(id));
            all.filter(|machine| !self.is_pruned(machine)).filter_map(move |machine| machine.before(gone))
        });
        machines.filter(|machine| filter.fits(machine, self.state_word(machine.state))).collect()
    }

    /// The machine as the API shows it.
    pub(crate) fn machine_json(&self, machine: &Machine) -> Value {
        let Value::Object(mut body) = self.machine_summary(machine) else { return Value::Null };
        let lost = self.knobs.unreachable_regions.contains(&machine.region);
        let config = if lost { "incomplete_config" } else { "config" };
        body.insert(config.into(), machine.config.clone());
        body.insert("host_status".into(), json!(if lost { "unreachable" } else { "ok" }));
        body.insert("events".into(), json!(self.events_json(&machine.events, EMBEDDED_MAX)));
        Value::Object(body)
    }

    /// The machine without configuration, checks, events, `host_status` and nonce.
    pub(crate) fn machine_summary(&self, machine: &Machine) -> Value {
        json!({
            "id": machine.id,
            "name": machine.name,
            "state": self.shown_state(machine),
            "region": machine.region,
            "instance_id": machine.instance_id,
            "private_ip": machine.private_ip,
            "created_at": rfc3339(machine.created_ms),
            "updated_at": rfc3339(machine.updated_ms),
            "image_ref": image_ref(machine.config["image"].as_str().unwrap_or_default()),
        })
    }
}

/// Completes a configuration as the platform does: a guest, and no nulls at the top.
///
/// Unknown keys are kept; other clients send `env: null`.
pub(crate) fn complete(config: Option<Value>) -> Value {
    let mut config = match config {
        Some(Value::Object(config)) => config,
        _ => Map::new(),
    };
    config.retain(|_, value| !value.is_null());
    config.entry("image").or_insert_with(|| json!("registry.fly.io/sim:latest"));
    let guest = json!({"cpu_kind": "shared", "cpus": 1, "memory_mb": 256});
    config.entry("guest").or_insert(guest);
    Value::Object(config)
}

fn image_ref(image: &str) -> Value {
    let (registry, rest) = match image.split_once('/') {
        Some((host, rest)) if host.contains('.') || host.contains(':') => (host, rest),
        _ => ("docker-hub-mirror.fly.io", image),
    };
    let rest = rest.split_once('@').map_or(rest, |(name, _)| name);
    let (repository, tag) = rest.rsplit_once(':').unwrap_or((rest, "latest"));
    let digest = format!("sha256:{}", crate::ids::digest(image).repeat(4));
    json!({"registry": registry, "repository": repository, "tag": tag, "digest": digest})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_taken_apart() {
        let parts = |image| {
            let image = image_ref(image);
            ["registry", "repository", "tag"].map(|k| image[k].as_str().unwrap_or_default().to_owned())
        };
        assert_eq!(parts("registry.fly.io/a/b:v1"), ["registry.fly.io", "a/b", "v1"]);
        assert_eq!(parts("nginx"), ["docker-hub-mirror.fly.io", "nginx", "latest"]);
        assert_eq!(parts("ghcr.io/x@sha256:00"), ["ghcr.io", "x", "latest"]);
    }

    #[test]
    fn configurations_keep_unknown_keys_and_lose_nulls() {
        let config = complete(Some(json!({"env": null, "zebra": 1})));
        assert_eq!(config["zebra"], 1);
        assert!(config.get("env").is_none());
        assert_eq!(config["guest"]["cpus"], 1);
    }
}
