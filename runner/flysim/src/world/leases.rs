//! Leases: one holder of a machine at a time.

use serde_json::{Value, json};

use super::{Machine, State};
use crate::clock::rfc3339;
use crate::refusal::Refusal;

/// A lease on a machine.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    pub(crate) nonce: String,
    pub(crate) expires_ms: i64,
    pub(crate) owner: String,
    pub(crate) description: String,
}

/// The holder that the simulator names, for want of users.
const OWNER: &str = "sim@example.com";

impl Machine {
    /// The lease, if it has one that is not over.
    pub(crate) fn live_lease(&self, now: i64) -> Option<&Lease> {
        self.lease.as_ref().filter(|lease| lease.expires_ms > now)
    }

    /// Refuses if somebody else holds the machine (409 [docs, fly-go]).
    pub(crate) fn guard(&self, nonce: Option<&str>, now: i64) -> Result<(), Refusal> {
        match self.live_lease(now) {
            Some(lease) if nonce != Some(lease.nonce.as_str()) => Err(Refusal::new(
                409,
                format!("lease currently held by {}, expires at {}", lease.owner, rfc3339(lease.expires_ms)),
            )),
            _ => Ok(()),
        }
    }

    /// The lease as the API shows it, without the envelope.
    pub(crate) fn lease_json(&self, lease: &Lease) -> Value {
        json!({
            "nonce": lease.nonce,
            "expires_at": lease.expires_ms.div_euclid(1000),
            "owner": lease.owner,
            "description": lease.description,
            "version": self.instance_id,
        })
    }

    fn enveloped(&self, lease: &Lease) -> Value {
        json!({"status": "success", "data": self.lease_json(lease)})
    }
}

impl State {
    /// Takes a lease, or refreshes it with its nonce; 201 with the envelope.
    pub(crate) fn take_lease(
        &mut self,
        id: &str,
        ttl_s: u64,
        description: &str,
        nonce: Option<&str>,
    ) -> Result<Value, Refusal> {
        let now = self.now;
        let machine = self.machines.get(id).ok_or_else(Refusal::machine_not_found)?;
        machine.guard(nonce, now)?;
        let app_id = machine.app_id.clone();
        let kept = machine.live_lease(now).map(|lease| lease.nonce.clone());
        let nonce = kept.unwrap_or_else(|| self.ids.nonce());
        let expires_ms = now.saturating_add_unsigned(ttl_s.saturating_mul(1000));
        let lease = Lease { nonce, expires_ms, owner: OWNER.into(), description: description.into() };
        let machine = self.machines.get_mut(id).ok_or_else(Refusal::machine_not_found)?;
        machine.lease = Some(lease.clone());
        let answer = machine.enveloped(&lease);
        self.record("lease.taken", &app_id, id, json!({"expires_ms": expires_ms}));
        Ok(answer)
    }

    /// Shows the lease.
    pub(crate) fn show_lease(&self, id: &str) -> Result<Value, Refusal> {
        let machine = self.machines.get(id).ok_or_else(Refusal::machine_not_found)?;
        let lease = machine.live_lease(self.now).ok_or_else(lease_not_found)?;
        Ok(machine.enveloped(lease))
    }

    /// Gives the lease back.
    pub(crate) fn release_lease(&mut self, id: &str, nonce: Option<&str>) -> Result<(), Refusal> {
        let now = self.now;
        let machine = self.machines.get_mut(id).ok_or_else(Refusal::machine_not_found)?;
        machine.live_lease(now).ok_or_else(lease_not_found)?;
        machine.guard(nonce, now)?;
        machine.lease = None;
        let app_id = machine.app_id.clone();
        self.record("lease.released", &app_id, id, Value::Null);
        Ok(())
    }
}

fn lease_not_found() -> Refusal {
    Refusal::new(404, "lease not found")
}
