//! Add-ons (extensions): an organisation's buckets and caches, which outlive the app that they were made for.
//!
//! Fields and mutations as in superfly/fly-go's `schema.graphql` (2026-08). A name is one per provider: clients look
//! add-ons up by name and provider, and one name was seen with two providers (superfly/flyctl#4467). The credentials
//! of a bucket come with the answer to its creation only; a cache's URL with its password can be read again.

use serde_json::{Value, json};

use super::State;
use crate::clock::rfc3339;
use crate::refusal::Refusal;

/// The providers that can be provisioned here [schema: `AddOnType`].
const PROVIDERS: [&str; 2] = ["tigris", "upstash_redis"];

/// One add-on.
#[derive(Debug, Clone)]
pub(crate) struct AddOn {
    pub(crate) id: String,
    pub(crate) provider: String,
    pub(crate) name: String,
    /// The organisation's slug.
    pub(crate) org: String,
    /// The app that it is attached to, by id; it may be gone.
    pub(crate) app_id: Option<String>,
    pub(crate) plan: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) read_regions: Vec<String>,
    pub(crate) options: Value,
    pub(crate) metadata: Value,
    pub(crate) created_ms: i64,
    /// What its password is made of.
    word: String,
}

/// What a creation asks for.
#[derive(Debug, Default)]
pub(crate) struct NewAddOn {
    pub(crate) provider: String,
    pub(crate) name: Option<String>,
    pub(crate) org: String,
    pub(crate) app_id: Option<String>,
    pub(crate) plan: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) read_regions: Vec<String>,
    pub(crate) options: Value,
}

impl State {
    /// Provisions an add-on.
    ///
    /// # Errors
    /// 422 for a provider that is not simulated, and for a name that this provider has already.
    pub(crate) fn create_add_on(&mut self, new: NewAddOn) -> Result<String, Refusal> {
        if !PROVIDERS.contains(&new.provider.as_str()) {
            return Err(Refusal::new(422, format!("Unknown add-on type {}", new.provider)));
        }
        let serial = self.ids.serial();
        let name =
            new.name.filter(|name| !name.is_empty()).unwrap_or_else(|| format!("quiet-sound-{serial}"));
        if self.add_ons.values().any(|other| other.provider == new.provider && other.name == name) {
            return Err(Refusal::new(422, "Validation failed: Name has already been taken"));
        }
        let id = self.ids.app();
        let add_on = AddOn {
            id: id.clone(),
            provider: new.provider,
            name,
            org: new.org,
            app_id: new.app_id,
            plan: new.plan,
            region: new.region,
            read_regions: new.read_regions,
            options: new.options,
            metadata: Value::Null,
            created_ms: self.now,
            word: self.ids.nonce() + &self.ids.nonce(),
        };
        let detail = json!({"name": add_on.name, "provider": add_on.provider, "org": add_on.org});
        let app_id = add_on.app_id.clone().unwrap_or_default();
        self.add_ons.insert(id.clone(), add_on);
        self.record("addon.created", &app_id, &id, detail);
        Ok(id)
    }

    /// Destroys the add-on that is meant: by id, or by name and, if given, provider.
    ///
    /// By name alone it is the first of that name, whatever provider it is of, as superfly/flyctl#4467 found out.
    ///
    /// # Errors
    /// 404 if there is none.
    pub(crate) fn delete_add_on(
        &mut self,
        id: Option<&str>,
        name: Option<&str>,
        provider: Option<&str>,
    ) -> Result<String, Refusal> {
        let id = self.find_add_on(id, name, provider)?.id.clone();
        let Some(add_on) = self.add_ons.remove(&id) else { return Err(not_found()) };
        let detail = json!({"name": add_on.name, "provider": add_on.provider, "org": add_on.org});
        self.record("addon.deleted", add_on.app_id.as_deref().unwrap_or_default(), &id, detail);
        Ok(add_on.name)
    }

    /// Finds an add-on as a reader does.
    pub(crate) fn find_add_on(
        &self,
        id: Option<&str>,
        name: Option<&str>,
        provider: Option<&str>,
    ) -> Result<&AddOn, Refusal> {
        let meant = |add_on: &&AddOn| match (id, name) {
            (Some(id), _) => add_on.id == id,
            (None, Some(name)) => {
                add_on.name == name && provider.is_none_or(|wanted| add_on.provider == wanted)
            }
            (None, None) => false,
        };
        let hidden = |add_on: &&AddOn| {
            self.knobs.blind_gets && self.blind(add_on.created_ms, self.knobs.blind_add_ons_ms)
        };
        let seen = self.add_ons.values().filter(|add_on| self.org_in_reach(&add_on.org));
        seen.filter(|add_on| !hidden(add_on)).find(meant).ok_or_else(not_found)
    }

    /// The add-ons that a list shows, of one organisation or of all in reach.
    pub(crate) fn listed_add_ons(&self, org: Option<&str>) -> Vec<&AddOn> {
        let seen = self.add_ons.values().filter(|add_on| self.org_in_reach(&add_on.org));
        seen.filter(|add_on| org.is_none_or(|org| add_on.org == org))
            .filter(|add_on| !self.blind(add_on.created_ms, self.knobs.blind_add_ons_ms))
            .collect()
    }

    /// Everything of an add-on but its organisation and app, for the state's dump as well.
    pub(crate) fn add_on_json(&self, add_on: &AddOn) -> Value {
        let ready = self.now - add_on.created_ms >= self.knobs.add_on_ready_ms as i64;
        let url = (add_on.provider == "upstash_redis").then(|| add_on.url());
        json!({
            "id": add_on.id,
            "name": add_on.name,
            "status": if ready { "ready" } else { "pending" },
            "errorMessage": null,
            "addOnProvider": {"id": add_on.provider, "name": add_on.provider, "displayName": add_on.provider},
            "addOnPlan": add_on.plan.as_ref().map(|plan| json!({"id": plan, "name": plan, "displayName": plan})),
            "addOnPlanName": add_on.plan,
            "primaryRegion": add_on.region,
            "readRegions": add_on.read_regions,
            "options": add_on.options,
            "metadata": add_on.metadata,
            "publicUrl": url,
            "password": url.is_some().then_some(&add_on.word),
            "privateIp": null,
            "environment": null,
            "createdAt": rfc3339(add_on.created_ms),
            "updatedAt": rfc3339(add_on.created_ms),
        })
    }
}

impl AddOn {
    /// A cache's address with its password [flyctl redis attach].
    fn url(&self) -> String {
        format!("redis://default:{}@fly-{}.upstash.io:6379", self.word, self.name)
    }

    /// The variables that an app would get, in the answer to the creation only [docs: Tigris on Fly].
    pub(crate) fn environment(&self) -> Value {
        match self.provider.as_str() {
            "tigris" => json!({
                "AWS_ACCESS_KEY_ID": format!("tid_{}", self.id),
                "AWS_SECRET_ACCESS_KEY": format!("tsec_{}", self.word),
                "AWS_ENDPOINT_URL_S3": "https://fly.storage.tigris.dev",
                "AWS_REGION": "auto",
                "BUCKET_NAME": self.name,
            }),
            _ => Value::Null,
        }
    }
}

fn not_found() -> Refusal {
    Refusal::new(404, "Could not find AddOn")
}
