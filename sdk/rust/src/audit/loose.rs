//! Volumes that nobody holds: whether somebody may use one after all, and how one goes.

use crate::fly::machines::Machine;
use crate::fly::volumes::{self, Volume};
use crate::fly::{Api, failure, is_gone};
use crate::{Outcome, Result, log};

/// Why a volume that was read alone is in use, or may be; none if it says itself that it is not.
pub fn held(volume: &Volume) -> Option<String> {
    if let Some(holder) = volume.holder() {
        return Some(format!("machine {holder} holds it"));
    }
    // Any other word may mean that something is being done with it.
    if volume.state != "created" {
        return Some(format!("its state is {}", volume.state));
    }
    let lost = volume.host_status.as_deref().is_some_and(|status| !matches!(status, "" | "ok"));
    lost.then(|| "its host does not answer, so nobody knows who holds it".to_owned())
}

/// Why a living machine uses a volume, or may; a configuration that was not given counts as one that mounts it.
pub fn mounted(volume: &Volume, machine: &Machine) -> Option<String> {
    match machine.mounts() {
        None => Some(format!("what machine {} mounts is not known", machine.id)),
        Some(mounts) if mounts.iter().any(|mount| *mount == volume.id || *mount == volume.name) => {
            Some(format!("machine {} mounts it", machine.id))
        }
        Some(_) => None,
    }
}

/// Deletes a volume as a remedy does; Fly keeps it for 24 hours to be restored [docs volumes/overview].
///
/// # Errors
/// Whatever the API answers but that the volume is gone (no longer true) or still bound (not now).
pub fn delete(api: &Api, app: &str, volume: &str) -> Result<Outcome> {
    let Err(error) = api.ask(&volumes::delete(app, volume))? else {
        log::info(format!("volume {volume} of app {app} is deleted; Fly keeps it for 24 h to be restored"));
        return Ok(Outcome::Fixed);
    };
    match error.refusal().map(|refusal| refusal.status) {
        _ if is_gone(&error) => Ok(Outcome::NoLongerTrue),
        // Bound after all, or still bound to a machine that was destroyed; or asked too often.
        Some(409 | 412 | 423 | 425 | 429) => Ok(Outcome::NotNow),
        _ => Err(failure(&error)),
    }
}
