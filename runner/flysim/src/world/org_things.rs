//! What belongs to an organisation and outlives its apps: add-ons, Managed Postgres, WireGuard peers. And static
//! egress addresses, of which only GraphQL tells.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{HOME_ORG, State};
use crate::clock::rfc3339;
use crate::refusal::Refusal;

/// An add-on; it stays when its app goes [docs about/cost-management].
#[derive(Debug, Clone)]
pub(crate) struct AddOn {
    pub(crate) id: String,
    org: String,
    name: String,
    provider: String,
    app_id: Option<String>,
    created_ms: i64,
}

/// A Managed Postgres cluster; it stays when its apps go [docs about/cost-management].
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    pub(crate) id: String,
    pub(crate) org: String,
    name: String,
    plan: String,
    disk_gb: u64,
    app_ids: Vec<String>,
    created_ms: i64,
}

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
                self.add_ons.push(AddOn { id: id.clone(), org, name, provider, app_id, created_ms });
            }
            OrgThing::Postgres { name, plan, apps } => {
                let app_ids = apps.iter().map(|app| app_id(self, app)).collect::<Result<_, _>>()?;
                let disk_gb = 10;
                self.clusters.push(Cluster { id: id.clone(), org, name, plan, disk_gb, app_ids, created_ms });
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

    /// An organisation's add-ons as GraphQL shows them. What its app's end makes of `app` was not seen; null is
    /// what its type allows.
    pub(crate) fn add_on_nodes(&self, org: &str) -> Vec<Value> {
        let node = |add_on: &AddOn| {
            let app = add_on.app_id.as_deref().and_then(|id| self.living_name(id));
            let app = app.map(|name| json!({"id": name, "name": name}));
            let apps: Vec<_> = app.iter().cloned().collect();
            json!({
                "id": add_on.id,
                "name": add_on.name,
                "status": "ready",
                "createdAt": rfc3339(add_on.created_ms),
                "updatedAt": rfc3339(add_on.created_ms),
                "addOnProvider": {"name": add_on.provider},
                "addOnPlan": {"displayName": "Pay as you go", "description": ""},
                "app": app,
                "apps": {"nodes": apps},
                "primaryRegion": "fra",
                "options": {},
            })
        };
        self.add_ons.iter().filter(|add_on| add_on.org == org).map(node).collect()
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

    /// A cluster as REST shows it [fly-go managed_postgres.go].
    pub(crate) fn cluster_json(&self, cluster: &Cluster) -> Value {
        let apps = cluster.app_ids.iter().filter_map(|id| self.living_name(id));
        json!({
            "id": cluster.id,
            "name": cluster.name,
            "status": "ready",
            "region": "fra",
            "plan": cluster.plan,
            "disk_size_gb": cluster.disk_gb,
            "created_at": rfc3339(cluster.created_ms),
            "attached_apps": apps.map(|name| json!({"name": name})).collect::<Vec<_>>(),
        })
    }

    fn living_name(&self, app_id: &str) -> Option<&str> {
        let app = self.apps.get(app_id).filter(|app| app.gone_ms.is_none());
        app.map(|app| app.name.as_str())
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
