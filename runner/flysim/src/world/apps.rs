//! Apps: one global namespace of names, opaque ids that are never reused.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::certs::Cert;
use super::ips::Ip;
use super::secrets::Secret;
use super::{Due, Egress, State};
use crate::refusal::{Refusal, stock};
use crate::rules::name_matches;

/// An app and what belongs to it alone.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) org: String,
    pub(crate) numeric_id: u64,
    pub(crate) network: String,
    pub(crate) created_ms: i64,
    pub(crate) deleting: bool,
    pub(crate) gone_ms: Option<i64>,
    /// In the order of their creation, destroyed ones included.
    pub(crate) machines: Vec<String>,
    pub(crate) volumes: Vec<String>,
    pub(crate) ips: Vec<Ip>,
    pub(crate) egress: Vec<Egress>,
    pub(crate) certs: BTreeMap<String, Cert>,
    pub(crate) secrets: BTreeMap<String, Secret>,
    pub(crate) secrets_version: u64,
}

impl State {
    /// Creates an app.
    ///
    /// # Errors
    /// 404 for an organisation that is not there, 400 or 422 for a bad name, and 422
    /// `name_taken` for one that any organisation has.
    pub(crate) fn create_app(
        &mut self,
        name: &str,
        org: &str,
        network: Option<&str>,
    ) -> Result<String, Refusal> {
        let org = self.org(org).map(|org| org.slug.clone());
        let org = org.ok_or_else(|| Refusal::new(404, "organization not found"))?;
        if name.is_empty() {
            return Err(Refusal::bad_request("invalid_argument: name is required"));
        }
        // The text is the API's own (superfly/flyctl#4292).
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.len() > 63 || !name.chars().all(fits) {
            let text = "Validation failed: Name under 63 chars using numbers, lowercase letters and dashes";
            return Err(Refusal::new(422, text));
        }
        if self.names.contains_key(name) {
            return Err(Refusal::name_taken());
        }
        let id = self.ids.app();
        let numeric_id = self.ids.serial();
        let app = App {
            id: id.clone(),
            name: name.to_owned(),
            org: org.clone(),
            numeric_id,
            network: network.unwrap_or("default").to_owned(),
            created_ms: self.now,
            deleting: false,
            gone_ms: None,
            machines: Vec::new(),
            volumes: Vec::new(),
            ips: Vec::new(),
            egress: Vec::new(),
            certs: BTreeMap::new(),
            secrets: BTreeMap::new(),
            secrets_version: 0,
        };
        self.names.insert(name.to_owned(), id.clone());
        self.past_names.insert(name.to_owned());
        self.apps.insert(id.clone(), app);
        self.record("app.created", &id, name, json!({"org": org}));
        Ok(id)
    }

    /// Accepts the deletion of an app; it goes later.
    pub(crate) fn delete_app(&mut self, app_id: &str) {
        let Some(app) = self.apps.get_mut(app_id) else { return };
        if app.deleting {
            return;
        }
        app.deleting = true;
        let name = app.name.clone();
        self.record("app.delete_accepted", app_id, &name, Value::Null);
        self.schedule(self.knobs.app_delete_ms, Due::AppGone { app_id: app_id.to_owned() });
    }

    /// Lets an app go, and with it its machines, volumes, addresses, certificates, secrets
    /// [docs apps/delete].
    pub(crate) fn app_gone(&mut self, app_id: &str) {
        let Some(app) = self.apps.get_mut(app_id) else { return };
        let machines = app.machines.clone();
        let volumes = std::mem::take(&mut app.volumes);
        let ips = std::mem::take(&mut app.ips);
        let certs = std::mem::take(&mut app.certs);
        let secrets = std::mem::take(&mut app.secrets);
        app.gone_ms = Some(self.now);
        let name = app.name.clone();
        for id in machines {
            self.machine_destroyed(&id);
        }
        for id in volumes {
            self.volumes.remove(&id);
            self.record("volume.destroyed", app_id, &id, Value::Null);
        }
        for ip in ips {
            self.record("ip.released", app_id, &ip.address, json!({"type": ip.kind.as_str()}));
        }
        for hostname in certs.into_keys() {
            self.record("cert.deleted", app_id, &hostname, Value::Null);
        }
        for secret in secrets.into_keys() {
            self.record("secret.unset", app_id, &secret, Value::Null);
        }
        self.names.remove(&name);
        self.record("app.deleted", app_id, &name, Value::Null);
    }

    /// Moves an app to another organisation.
    pub(crate) fn move_app(&mut self, app_id: &str, org: &str) -> Result<(), Refusal> {
        let org = self.org(org).map(|org| org.slug.clone());
        let org = org.ok_or_else(|| Refusal::new(404, "organization not found"))?;
        let app = self.apps.get_mut(app_id).ok_or_else(Refusal::app_not_found)?;
        app.org.clone_from(&org);
        let name = app.name.clone();
        self.record("app.moved", app_id, &name, json!({"org": org}));
        Ok(())
    }

    /// Finds a living app by name, as the token may see it.
    ///
    /// # Errors
    /// 404 (or 400, by a knob) if there is none; 403 if it is out of the token's reach.
    pub(crate) fn visible_app(&self, name: &str) -> Result<&App, Refusal> {
        let Some(app) = self.names.get(name).and_then(|id| self.apps.get(id)) else {
            let destroyed = self.knobs.destroyed_app_400 && self.past_names.contains(name);
            return Err(if destroyed { stock(400) } else { Refusal::app_not_found() });
        };
        if self.in_reach(app) { Ok(app) } else { Err(stock(403)) }
    }

    /// Whether the token sees the app.
    pub(crate) fn in_reach(&self, app: &App) -> bool {
        self.org_in_reach(&app.org)
            && self.knobs.token_apps.as_ref().is_none_or(|apps| apps.contains(&app.name))
            && !self.knobs.moved_apps.contains(&app.name)
    }

    /// Whether the token sees the organisation.
    pub(crate) fn org_in_reach(&self, slug: &str) -> bool {
        match &self.knobs.token_orgs {
            Some(orgs) => orgs.iter().any(|org| org == slug),
            None => slug == super::HOME_ORG,
        }
    }

    /// Reads an app as `GET /v1/apps/{app}` does, with the transients of a fresh one.
    pub(crate) fn read_app(&self, name: &str) -> Result<&App, Refusal> {
        let app = self.visible_app(name)?;
        let age = self.now - app.created_ms;
        let knobs = &self.knobs;
        if age < knobs.app_401_after_create_ms as i64 {
            return Err(stock(401));
        }
        let blind = knobs.blind_gets && self.blind(app.created_ms, knobs.blind_apps_ms);
        if age < knobs.app_404_after_create_ms as i64 || blind {
            return Err(Refusal::app_not_found());
        }
        Ok(app)
    }

    /// The apps of an organisation, as a list shows them.
    pub(crate) fn listed_apps(&self, org: &str) -> Vec<&App> {
        let missing = |name: &str| self.knobs.apps_missing.iter().any(|p| name_matches(p, name));
        self.names
            .values()
            .filter_map(|id| self.apps.get(id))
            .filter(|app| app.org == org && self.in_reach(app) && !missing(&app.name))
            .filter(|app| !self.blind(app.created_ms, self.knobs.blind_apps_ms))
            .collect()
    }

    /// Whether something this young is hidden by a blind list.
    pub(crate) fn blind(&self, created_ms: i64, blind_ms: u64) -> bool {
        self.now - created_ms < blind_ms as i64
    }

    /// How many machines of the app are not destroyed.
    pub(crate) fn living_machines(&self, app: &App) -> usize {
        app.machines.iter().filter_map(|id| self.machines.get(id)).filter(|m| !m.is_destroyed()).count()
    }

    /// The word that the API has for an app's state (fly-admin app.ts).
    pub(crate) fn app_status(&self, app: &App) -> &'static str {
        let mut machines = app.machines.iter().filter_map(|id| self.machines.get(id)).peekable();
        if machines.peek().is_none() {
            "pending"
        } else if machines.any(|machine| machine.state == "started") {
            "deployed"
        } else {
            "suspended"
        }
    }

    /// The app as the API shows it.
    pub(crate) fn app_json(&self, app: &App) -> Value {
        let org = self.org(&app.org);
        json!({
            "id": app.id,
            "internal_numeric_id": app.numeric_id,
            "name": app.name,
            "status": self.app_status(app),
            "network": app.network,
            "machine_count": self.living_machines(app),
            "volume_count": app.volumes.len(),
            "organization": {
                "name": org.map(|org| &org.name),
                "slug": app.org,
                "internal_numeric_id": org.map(|org| org.numeric_id),
            },
        })
    }

    /// Everything of an app, for the state's dump.
    pub(crate) fn dump_app(&self, app: &App) -> Value {
        let machines: Vec<_> = app.machines.iter().filter_map(|id| self.machines.get(id)).collect();
        json!({
            "id": app.id,
            "name": app.name,
            "org": app.org,
            "created_ms": app.created_ms,
            "deleting": app.deleting,
            "gone_ms": app.gone_ms,
            "machines": machines.iter().map(|m| self.machine_json(m)).collect::<Vec<_>>(),
            "volumes": app.volumes.iter().filter_map(|id| self.volumes.get(id))
                .map(|v| self.volume_json(v)).collect::<Vec<_>>(),
            "ips": app.ips.iter().map(|ip| self.ip_json(ip)).collect::<Vec<_>>(),
            "certificates": app.certs.values().map(|c| self.cert_json(app, c)).collect::<Vec<_>>(),
            "secrets": app.secrets.keys().collect::<Vec<_>>(),
        })
    }
}
