//! What the root fields answer, in full; the selection is taken out of it later.

use serde_json::{Value, json};

use crate::clock::rfc3339;
use crate::refusal::Refusal;
use crate::world::ips::{Ip, IpKind, NewIp};
use crate::world::{App, Egress, Org, State};

impl State {
    /// Answers one root field with its arguments.
    pub(crate) fn graphql_field(&mut self, name: &str, given: &Value) -> Result<Value, Refusal> {
        let input = &given["input"];
        match name {
            "app" | "appcompact" | "appbasic" => {
                let app = self.named_app(&given["name"])?;
                Ok(self.app_node(app))
            }
            "apps" => self.app_nodes(given),
            "machine" => self.machine_node(&given["machineId"]),
            "organization" => {
                let org = self.named_org(&given["slug"])?;
                Ok(self.org_node(org))
            }
            "organizations" => Ok(connection(&self.org_nodes())),
            "viewer" => Ok(json!({
                "id": "viewer", "email": "sim@example.com", "name": "Simulator", "__typename": "User",
                "organizations": connection(&self.org_nodes()),
            })),
            "platform" => Ok(platform()),
            "allocateIpAddress" => self.allocate(input),
            "releaseIpAddress" => self.release(input),
            "setSecrets" => self.write_secrets(input, "secrets"),
            "unsetSecrets" => self.write_secrets(input, "keys"),
            "addOn" => self.add_on_field(given),
            "addOns" => Ok(self.add_on_nodes(None)),
            "createAddOn" => self.create_add_on_field(input),
            "deleteAddOn" => self.delete_add_on_field(input),
            "__typename" => Ok(json!("Queries")),
            _ => Err(Refusal::bad_request(format!("Field '{name}' doesn't exist on type 'Queries'"))),
        }
    }

    /// GraphQL's word for an app that is not there or out of reach [flyctl].
    pub(super) fn named_app(&self, name: &Value) -> Result<&App, Refusal> {
        let wanted = name.as_str().unwrap_or_default();
        let by_id = self.apps.get(wanted).map(|app| app.name.as_str());
        self.read_app(by_id.unwrap_or(wanted)).map_err(|_| Refusal::new(404, "Could not find App"))
    }

    fn named_org(&self, slug: &Value) -> Result<&Org, Refusal> {
        let org = self.org(slug.as_str().unwrap_or_default());
        org.filter(|org| self.org_in_reach(&org.slug))
            .ok_or_else(|| Refusal::new(404, "Could not find Organization"))
    }

    fn app_nodes(&self, given: &Value) -> Result<Value, Refusal> {
        let wanted = given["organizationId"].as_str();
        let orgs = self.orgs.iter().filter(|org| self.org_in_reach(&org.slug));
        let orgs = orgs.filter(|org| wanted.is_none_or(|id| id == org.id || id == org.slug));
        let all: Vec<&App> = orgs.flat_map(|org| self.listed_apps(&org.slug)).collect();
        let first = given["first"].as_u64().unwrap_or(200).clamp(1, 200) as usize;
        let after = match given["after"].as_str().filter(|after| !after.is_empty()) {
            None => 0,
            Some(after) => after.parse().map_err(|_| Refusal::bad_request("invalid cursor"))?,
        };
        let page: Vec<_> = all.iter().skip(after).take(first).map(|app| self.app_node(app)).collect();
        let end = (after + first).min(all.len());
        let mut body = connection(&page);
        body["pageInfo"] = json!({"hasNextPage": end < all.len(), "endCursor": end.to_string()});
        Ok(body)
    }

    fn app_node(&self, app: &App) -> Value {
        let ips = self.listed_ips(&app.id);
        let shared = ips.iter().find(|ip| ip.kind == IpKind::SharedV4).map(|ip| &ip.address);
        let own: Vec<_> = ips.iter().filter(|ip| ip.kind != IpKind::SharedV4).map(|ip| ip_node(ip)).collect();
        json!({
            "id": app.name,
            // An integer here and text on organisations (fly-go types).
            "internalNumericId": app.numeric_id,
            "name": app.name,
            "status": self.app_status(app),
            "deployed": self.living_machines(app) > 0,
            "hostname": format!("{}.fly.dev", app.name),
            "appUrl": format!("https://{}.fly.dev", app.name),
            "network": app.network,
            "platformVersion": "machines",
            "createdAt": rfc3339(app.created_ms),
            "organization": self.org(&app.org).map(|org| self.org_node(org)),
            "ipAddresses": connection(&own),
            "sharedIpAddress": shared,
            "egressIpAddresses": connection(&app.egress.iter().map(Egress::node).collect::<Vec<_>>()),
            "currentRelease": null,
        })
    }

    fn machine_node(&self, id: &Value) -> Result<Value, Refusal> {
        let machine = self.machines.get(id.as_str().unwrap_or_default());
        let machine = machine.filter(|machine| !self.is_pruned(machine));
        let app = machine.and_then(|machine| self.apps.get(&machine.app_id));
        match (machine, app.filter(|app| self.in_reach(app) && app.gone_ms.is_none())) {
            (Some(machine), Some(app)) => Ok(json!({
                "id": machine.id, "name": machine.name, "state": self.state_word(machine.state),
                "region": machine.region, "app": self.app_node(app),
            })),
            _ => Err(Refusal::new(404, "Could not find Machine")),
        }
    }

    fn org_nodes(&self) -> Vec<Value> {
        self.orgs.iter().filter(|org| self.org_in_reach(&org.slug)).map(|org| self.org_node(org)).collect()
    }

    /// An organisation with all that it has.
    fn org_node(&self, org: &Org) -> Value {
        json!({
            "id": org.id,
            "internalNumericId": org.numeric_id.to_string(),
            "slug": org.slug,
            "rawSlug": org.slug,
            "name": org.name,
            "type": "SHARED",
            "viewerRole": "admin",
            "paidPlan": false,
            "billable": false,
            "addOns": self.add_on_nodes(Some(&org.slug)),
            "wireGuardPeers": connection(&self.peer_nodes(&org.slug)),
        })
    }

    fn allocate(&mut self, input: &Value) -> Result<Value, Refusal> {
        let kind = input["type"].as_str().and_then(IpKind::parse);
        let kind = kind.ok_or_else(|| Refusal::bad_request("type is invalid"))?;
        let id = self.named_app(&input["appId"])?.id.clone();
        let region = input["region"].as_str().filter(|region| !region.is_empty()).map(str::to_owned);
        let ip = self.allocate_ip(&id, NewIp { kind, region, service_name: None })?;
        let app = self.apps.get(&id).map(|app| self.app_node(app));
        let shared = ip.kind == IpKind::SharedV4;
        let node = if shared { Value::Null } else { ip_node(&ip) };
        Ok(json!({"ipAddress": node, "app": app, "clientMutationId": null}))
    }

    fn release(&mut self, input: &Value) -> Result<Value, Refusal> {
        let wanted = input["ipAddressId"].as_str().or(input["ip"].as_str()).unwrap_or_default().to_owned();
        let id = if input["appId"].is_null() {
            let has = |app: &&App| app.ips.iter().any(|ip| ip.id == wanted || ip.address == wanted);
            let app = self.apps.values().filter(|app| self.in_reach(app)).find(has);
            app.ok_or_else(|| Refusal::new(404, "Could not find IPAddress"))?.id.clone()
        } else {
            self.named_app(&input["appId"])?.id.clone()
        };
        self.release_ip(&id, &wanted).map_err(|_| Refusal::new(404, "Could not find IPAddress"))?;
        let app = self.apps.get(&id).map(|app| self.app_node(app));
        Ok(json!({"app": app, "clientMutationId": null}))
    }

    fn write_secrets(&mut self, input: &Value, list: &str) -> Result<Value, Refusal> {
        let id = self.named_app(&input["appId"])?.id.clone();
        let rows = input[list].as_array().map(Vec::as_slice).unwrap_or_default();
        let values = rows.iter().map(|row| match row.as_str() {
            Some(key) => (key.to_owned(), None),
            None => {
                (row["key"].as_str().unwrap_or_default().to_owned(), row["value"].as_str().map(str::to_owned))
            }
        });
        self.set_secrets(&id, values.collect())?;
        Ok(json!({"release": null, "app": self.apps.get(&id).map(|app| self.app_node(app))}))
    }
}

fn ip_node(ip: &Ip) -> Value {
    json!({
        "id": ip.id, "address": ip.address, "type": ip.kind.as_str(), "region": ip.region,
        "createdAt": rfc3339(ip.created_ms), "serviceName": ip.service_name,
    })
}

pub(super) fn connection(nodes: &[Value]) -> Value {
    let edges: Vec<_> = nodes.iter().map(|node| json!({"node": node})).collect();
    json!({
        "totalCount": nodes.len(), "nodes": nodes, "edges": edges,
        "pageInfo": {"hasNextPage": false, "endCursor": null},
    })
}

fn platform() -> Value {
    let row = |(code, name, latitude, longitude): &(&str, &str, f64, f64)| {
        json!({
            "code": code, "name": name, "latitude": latitude, "longitude": longitude,
            "gatewayAvailable": true, "requiresPaidPlan": false, "deprecated": false,
        })
    };
    let regions: Value = crate::http::REGIONS.iter().map(row).collect();
    json!({"requestRegion": "fra", "regions": regions, "vmSizes": []})
}
