//! What belongs to an organisation and outlives its apps: add-ons, Managed Postgres, WireGuard peers. And static
//! egress addresses, of which only GraphQL tells unless a knob lets the list of addresses do so, too.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::addons::NewAddOn;
use super::postgres::NewCluster;
use super::{HOME_ORG, State};
use crate::clock::rfc3339;
use crate::refusal::Refusal;

/// A WireGuard peer.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    id: String,
    org: String,
    name: String,
    serial: u64,
}

/// A static egress address of an app.
#[derive(Debug, Clone)]
pub(crate) struct Egress {
    id: String,
    address: String,
    version: u8,
    region: String,
    created_ms: i64,
}

/// What the simulator's owner makes of these, in [`HOME_ORG`]; the simulated API has no calls for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum OrgThing {
    /// An add-on.
    AddOn {
        /// The name.
        name: String,
        /// `tigris`, `upstash_redis`, ...
        provider: String,
        /// The app it is for.
        #[serde(default)]
        app: Option<String>,
    },
    /// A Managed Postgres cluster with ten gigabytes.
    Postgres {
        /// The name.
        name: String,
        /// `basic`, `starter`, ...
        plan: String,
        /// The apps it is attached to.
        #[serde(default)]
        apps: Vec<String>,
    },
    /// A WireGuard peer.
    Peer {
        /// The name.
        name: String,
    },
    /// A static egress IPv4 address of an app, and the IPv6 address that comes with it.
    Egress {
        /// The app's name.
        app: String,
    },
}

impl State {
    /// Makes one; returns its id (an address's pair: the IPv4 address).
    pub(crate) fn make_org_thing(&mut self, thing: OrgThing) -> Result<Value, Refusal> {
        let (org, created_ms) = (HOME_ORG.to_owned(), self.now);
        let id = self.ids.app();
        let app_id =
            |state: &Self, name: &str| state.names.get(name).cloned().ok_or_else(Refusal::app_not_found);
        match thing {
            OrgThing::AddOn { name, provider, app } => {
                let app_id = app.map(|app| app_id(self, &app)).transpose()?;
                let new = NewAddOn { provider, name: Some(name), org, app_id, ..NewAddOn::default() };
                return Ok(json!(self.create_add_on(new)?));
            }
            OrgThing::Postgres { name, plan, apps } => {
                let app_ids: Vec<_> = apps.iter().map(|app| app_id(self, app)).collect::<Result<_, _>>()?;
                let (region, version) = ("fra".to_owned(), "16".to_owned());
                let id = self.create_cluster(NewCluster {
                    name: Some(name),
                    org,
                    region,
                    plan,
                    disk_gb: 10,
                    version,
                });
                for app_id in app_ids {
                    self.attach_cluster(&id, &app_id)?;
                }
                return Ok(json!(id));
            }
            OrgThing::Peer { name } => {
                let serial = self.ids.serial();
                self.peers.push(Peer { id: id.clone(), org, name, serial });
            }
            OrgThing::Egress { app } => {
                let app_id = app_id(self, &app)?;
                let serial = self.ids.serial();
                let app = self.apps.get_mut(&app_id).ok_or_else(Refusal::app_not_found)?;
                let one = |version, address: String| Egress {
                    id: format!("{id}-{version}"),
                    address,
                    version,
                    region: "fra".into(),
                    created_ms,
                };
                let v4 = format!("209.71.{}.{}", serial >> 8 & 255, serial & 255);
                app.egress.push(one(4, v4.clone()));
                app.egress.push(one(6, format!("2605:4c40::{serial:x}")));
                return Ok(json!(v4));
            }
        }
        Ok(json!(id))
    }

    /// An app's egress addresses as the list of its addresses may show them, in pairs.
    pub(crate) fn egress_pairs(&self, app_id: &str) -> Vec<Value> {
        let shown = self.apps.get(app_id).filter(|_| self.knobs.egress_ips_listed);
        let all = shown.map(|app| app.egress.as_slice()).unwrap_or_default();
        let pair = |pair: &[Egress]| {
            json!({
                "ip": null,
                "ip_pair": {"v4": pair[0].address, "v6": pair[1].address},
                "region": pair[0].region,
                "service_name": "",
                "shared": false,
                "egress": true,
                "created_at": rfc3339(pair[0].created_ms),
            })
        };
        all.chunks_exact(2).map(pair).collect()
    }

    /// An organisation's peers as GraphQL shows them: without any date.
    pub(crate) fn peer_nodes(&self, org: &str) -> Vec<Value> {
        let node = |peer: &Peer| {
            json!({
                "id": peer.id, "name": peer.name, "pubkey": format!("key{}", peer.serial), "region": "fra",
                "peerip": format!("fdaa:0:18:a7b:{:x}:0:a:2", peer.serial), "network": null,
            })
        };
        self.peers.iter().filter(|peer| peer.org == org).map(node).collect()
    }
}

impl Egress {
    /// The address as GraphQL shows it.
    pub(crate) fn node(&self) -> Value {
        json!({
            "id": self.id, "ip": self.address, "version": self.version, "region": self.region,
            "updatedAt": rfc3339(self.created_ms),
        })
    }
}
