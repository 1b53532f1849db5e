//! Addresses: shared ones are natural, dedicated ones anonymous and never the same twice.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::State;
use crate::clock::rfc3339;
use crate::refusal::Refusal;

/// A type of address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IpKind {
    V4,
    V6,
    SharedV4,
    PrivateV6,
}

impl IpKind {
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "v4" => Self::V4,
            "v6" => Self::V6,
            "shared_v4" => Self::SharedV4,
            "private_v6" => Self::PrivateV6,
            _ => return None,
        })
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::V4 => "v4",
            Self::V6 => "v6",
            Self::SharedV4 => "shared_v4",
            Self::PrivateV6 => "private_v6",
        }
    }
}

/// An address of an app.
#[derive(Debug, Clone)]
pub(crate) struct Ip {
    /// The id that only GraphQL shows.
    pub(crate) id: String,
    pub(crate) address: String,
    pub(crate) kind: IpKind,
    pub(crate) region: String,
    pub(crate) service_name: String,
    pub(crate) created_ms: i64,
}

/// What an allocation asks for.
#[derive(Debug)]
pub(crate) struct NewIp {
    pub(crate) kind: IpKind,
    pub(crate) region: Option<String>,
    pub(crate) service_name: Option<String>,
}

impl State {
    /// Allocates an address; a shared one only once per app.
    pub(crate) fn allocate_ip(&mut self, app_id: &str, new: NewIp) -> Result<Ip, Refusal> {
        let app = self.apps.get(app_id).ok_or_else(Refusal::app_not_found)?;
        if new.kind == IpKind::SharedV4
            && let Some(first) = app.ips.iter().find(|ip| ip.kind == IpKind::SharedV4)
        {
            return match self.knobs.shared_ip_repeat_status {
                // The text was not seen; the statuses were.
                Some(status) => Err(Refusal::new(status, "app already has a shared IPv4 address")),
                None => Ok(first.clone()),
            };
        }
        if new.kind == IpKind::V6
            && let Some(status) = self.knobs.v6_repeat_status
            && app.ips.iter().any(|ip| ip.kind == IpKind::V6)
        {
            // As above.
            return Err(Refusal::new(status, "app already has an IPv6 address"));
        }
        let serial = self.ids.serial();
        let ip = Ip {
            id: format!("ip_{}", self.ids.nonce()),
            address: address(new.kind, serial),
            kind: new.kind,
            region: new.region.unwrap_or_else(|| "global".into()),
            service_name: new.service_name.unwrap_or_default(),
            created_ms: self.now,
        };
        if let Some(app) = self.apps.get_mut(app_id) {
            app.ips.push(ip.clone());
        }
        self.record("ip.allocated", app_id, &ip.address, json!({"type": ip.kind.as_str()}));
        Ok(ip)
    }

    /// Releases an address, given as text or as GraphQL's id.
    ///
    /// # Errors
    /// 404 if the app does not have it.
    pub(crate) fn release_ip(&mut self, app_id: &str, wanted: &str) -> Result<(), Refusal> {
        let app = self.apps.get_mut(app_id).ok_or_else(Refusal::app_not_found)?;
        let place = app.ips.iter().position(|ip| ip.address == wanted || ip.id == wanted);
        let place = place.ok_or_else(|| Refusal::new(404, "ip address not found"))?;
        let ip = app.ips.remove(place);
        self.record("ip.released", app_id, &ip.address, json!({"type": ip.kind.as_str()}));
        Ok(())
    }

    /// The addresses of an app, as a list shows them.
    pub(crate) fn listed_ips(&self, app_id: &str) -> Vec<&Ip> {
        let ips = self.apps.get(app_id).map(|app| app.ips.as_slice()).unwrap_or_default();
        ips.iter().filter(|ip| !self.blind(ip.created_ms, self.knobs.blind_ips_ms)).collect()
    }

    /// The address as the API shows it: no id, no type.
    #[expect(clippy::unused_self, reason = "as all other views; a knob may come")]
    pub(crate) fn ip_json(&self, ip: &Ip) -> Value {
        json!({
            "ip": ip.address,
            "region": ip.region,
            "service_name": ip.service_name,
            "shared": ip.kind == IpKind::SharedV4,
            "created_at": rfc3339(ip.created_ms),
        })
    }
}

/// An address of the ranges that the platform's look like.
///
/// Dedicated ones carry the world's counter and are never given twice; shared ones repeat,
/// as an app shares them with others.
fn address(kind: IpKind, serial: u64) -> String {
    match kind {
        IpKind::SharedV4 => format!("66.241.125.{}", serial % 254 + 1),
        IpKind::V4 => {
            let n = serial as u32;
            format!("{}.{}.{}.{}", 37 + (n >> 24), n >> 16 & 255, n >> 8 & 255, n & 255)
        }
        IpKind::V6 => format!("2a09:8280:1::{:x}:{:x}", serial >> 16 & 0xffff, serial & 0xffff),
        IpKind::PrivateV6 => format!("fdaa:0:18:0:1::{:x}:{:x}", serial >> 16 & 0xffff, serial & 0xffff),
    }
}
