//! Volumes: names are not unique, deletion is soft, and a bound one cannot be deleted.

use serde_json::{Value, json};

use super::{App, State};
use crate::clock::rfc3339;
use crate::refusal::Refusal;

/// A volume, a softly deleted one included.
#[derive(Debug, Clone)]
pub(crate) struct Volume {
    pub(crate) id: String,
    pub(crate) app_id: String,
    pub(crate) name: String,
    pub(crate) region: String,
    pub(crate) size_gb: u64,
    pub(crate) encrypted: bool,
    pub(crate) state: &'static str,
    pub(crate) machine_id: Option<String>,
    pub(crate) created_ms: i64,
    pub(crate) updated_ms: i64,
    pub(crate) deleted_ms: Option<i64>,
}

/// How long a deleted volume is kept [docs volumes/overview]: a day.
const KEPT_MS: u64 = 86_400_000;

/// A new volume, as the create call describes it.
#[derive(Debug)]
pub(crate) struct NewVolume {
    pub(crate) name: String,
    pub(crate) region: Option<String>,
    pub(crate) size_gb: u64,
    pub(crate) encrypted: bool,
}

impl State {
    /// Creates a volume; the same name again gives another one.
    pub(crate) fn create_volume(&mut self, app_id: &str, new: NewVolume) -> Result<String, Refusal> {
        if new.name.is_empty() {
            return Err(Refusal::bad_request("invalid_argument: name is required"));
        }
        let id = self.ids.volume();
        let app = self.apps.get_mut(app_id).ok_or_else(Refusal::app_not_found)?;
        app.volumes.push(id.clone());
        let volume = Volume {
            id: id.clone(),
            app_id: app_id.to_owned(),
            name: new.name,
            region: new.region.unwrap_or_else(|| "fra".into()),
            size_gb: new.size_gb,
            encrypted: new.encrypted,
            state: "created",
            machine_id: None,
            created_ms: self.now,
            updated_ms: self.now,
            deleted_ms: None,
        };
        let detail = json!({"name": volume.name, "size_gb": volume.size_gb});
        self.volumes.insert(id.clone(), volume);
        self.record("volume.created", app_id, &id, detail);
        Ok(id)
    }

    /// Makes a volume larger.
    pub(crate) fn extend_volume(&mut self, id: &str, size_gb: u64) -> Result<(), Refusal> {
        let now = self.now;
        let volume = self.volumes.get_mut(id).ok_or_else(Refusal::volume_not_found)?;
        if size_gb < volume.size_gb {
            return Err(Refusal::bad_request("invalid_argument: volumes can only grow"));
        }
        volume.size_gb = size_gb;
        volume.updated_ms = now;
        let app_id = volume.app_id.clone();
        self.record("volume.extended", &app_id, id, json!({"size_gb": size_gb}));
        Ok(())
    }

    /// Deletes a volume softly.
    ///
    /// # Errors
    /// 412 (or 409, by a knob) while a machine holds it.
    pub(crate) fn delete_volume(&mut self, id: &str) -> Result<(), Refusal> {
        let now = self.now;
        let status = if self.knobs.volume_bound_409 { 409 } else { 412 };
        let volume = self.volumes.get_mut(id).ok_or_else(Refusal::volume_not_found)?;
        if let Some(machine) = &volume.machine_id {
            let text = format!("failed_precondition: volume is currently bound to machine: {machine}");
            return Err(Refusal::new(status, text));
        }
        if volume.deleted_ms.is_some() {
            return Ok(());
        }
        volume.state = "pending_destroy";
        volume.deleted_ms = Some(now);
        volume.updated_ms = now;
        let app_id = volume.app_id.clone();
        self.record("volume.pending_destroy", &app_id, id, Value::Null);
        Ok(())
    }

    /// Binds the volumes that a configuration mounts to a machine.
    ///
    /// # Errors
    /// 404 for a volume that the app does not have, 412 for one that another machine holds.
    pub(crate) fn bind_volumes(
        &mut self,
        app_id: &str,
        machine: &str,
        config: &Value,
    ) -> Result<(), Refusal> {
        let mounts = config["mounts"].as_array().map(Vec::as_slice).unwrap_or_default();
        let wanted: Vec<&str> = mounts.iter().filter_map(|mount| mount["volume"].as_str()).collect();
        for id in &wanted {
            let volume = self.volume(app_id, id)?;
            if let Some(holder) = volume.machine_id.as_deref().filter(|holder| *holder != machine) {
                let text = format!("volume is currently bound to machine: {holder}");
                return Err(Refusal::precondition(&text));
            }
        }
        for id in wanted {
            if let Some(volume) = self.volumes.get_mut(id) {
                volume.machine_id = Some(machine.to_owned());
                volume.updated_ms = self.now;
            }
        }
        Ok(())
    }

    /// Lets a volume go, if that machine still holds it.
    pub(crate) fn volume_detached(&mut self, id: &str, machine: &str) {
        let now = self.now;
        let Some(volume) = self.volumes.get_mut(id) else { return };
        if volume.machine_id.as_deref() == Some(machine) {
            volume.machine_id = None;
            volume.updated_ms = now;
            let app_id = volume.app_id.clone();
            self.record("volume.detached", &app_id, id, json!({"machine": machine}));
        }
    }

    /// Finds a volume of an app as a reader does.
    pub(crate) fn volume(&self, app_id: &str, id: &str) -> Result<&Volume, Refusal> {
        let found = self.volumes.get(id).filter(|v| v.app_id == app_id && !self.volume_is_pruned(v));
        found.ok_or_else(Refusal::volume_not_found)
    }

    /// The volumes of an app, as a list shows them: deleted ones too, while they are kept.
    pub(crate) fn listed_volumes(&self, app: &App) -> Vec<&Volume> {
        let all = app.volumes.iter().filter_map(|id| self.volumes.get(id));
        all.filter(|v| !self.volume_is_pruned(v)).collect()
    }

    /// Whether a deleted volume was forgotten.
    pub(crate) fn volume_is_pruned(&self, volume: &Volume) -> bool {
        let kept = self.knobs.volume_prune_ms.unwrap_or(KEPT_MS) as i64;
        volume.deleted_ms.is_some_and(|at| self.now - at >= kept)
    }

    /// The state that a reader sees.
    pub(crate) fn volume_state<'a>(&'a self, volume: &Volume) -> &'a str {
        let going = self.knobs.volume_going_state.as_deref().filter(|_| volume.deleted_ms.is_some());
        going.unwrap_or(volume.state)
    }

    /// The volume as the API shows it.
    pub(crate) fn volume_json(&self, volume: &Volume) -> Value {
        let lost = self.knobs.unreachable_regions.contains(&volume.region);
        json!({
            "id": volume.id,
            "name": volume.name,
            "state": self.volume_state(volume),
            "region": volume.region,
            "zone": "a1b2",
            "size_gb": volume.size_gb,
            "encrypted": volume.encrypted,
            "fstype": "ext4",
            "auto_backup_enabled": true,
            "snapshot_retention": 5,
            "host_status": if lost { "unreachable" } else { "ok" },
            "attached_machine_id": volume.machine_id,
            "attached_alloc_id": null,
            "created_at": rfc3339(volume.created_ms),
        })
    }

    /// The volume as a list shows it.
    pub(crate) fn volume_in_list(&self, volume: &Volume) -> Value {
        let mut body = self.volume_json(volume);
        if self.knobs.volume_list_unattached
            && let Some(body) = body.as_object_mut()
        {
            body.remove("attached_machine_id");
        }
        body
    }
}
