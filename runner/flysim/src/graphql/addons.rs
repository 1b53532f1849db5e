//! Add-ons in GraphQL.

use serde_json::{Value, json};

use super::answer::connection;
use crate::refusal::Refusal;
use crate::world::State;
use crate::world::addons::{AddOn, NewAddOn};

impl State {
    /// An add-on of this id, or of this name and provider.
    pub(super) fn add_on_field(&self, given: &Value) -> Result<Value, Refusal> {
        let add_on =
            self.find_add_on(given["id"].as_str(), given["name"].as_str(), given["provider"].as_str())?;
        Ok(self.add_on_node(add_on))
    }

    /// The add-ons of an organisation, or of all in reach.
    pub(super) fn add_on_nodes(&self, org: Option<&str>) -> Value {
        let nodes: Vec<_> = self.listed_add_ons(org).into_iter().map(|it| self.add_on_node(it)).collect();
        connection(&nodes)
    }

    fn add_on_node(&self, add_on: &AddOn) -> Value {
        let mut node = self.add_on_json(add_on);
        let app = add_on.app_id.as_ref().and_then(|id| self.apps.get(id));
        let app = app.filter(|app| app.gone_ms.is_none());
        let app = app.map(|app| json!({"id": app.name, "name": app.name}));
        node["apps"] = connection(app.as_slice());
        node["app"] = app.into();
        let org = self.org(&add_on.org);
        node["organization"] =
            json!(org.map(|org| json!({"id": org.id, "slug": org.slug, "name": org.name})));
        node
    }

    /// Makes one; only this answer has a bucket's credentials.
    pub(super) fn create_add_on_field(&mut self, input: &Value) -> Result<Value, Refusal> {
        let text = |name: &str| input[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let app = match &input["appId"] {
            Value::Null => None,
            app => Some(self.named_app(app)?),
        };
        let app = app.map(|app| (app.id.clone(), app.org.clone()));
        let by_id = text("organizationId").and_then(|id| self.orgs.iter().find(|org| org.id == id));
        let by_id = by_id.filter(|org| self.org_in_reach(&org.slug)).map(|org| org.slug.clone());
        let org = by_id.or_else(|| app.as_ref().map(|(_, org)| org.clone()));
        let id = self.create_add_on(NewAddOn {
            provider: text("type").unwrap_or_default(),
            name: text("name"),
            org: org.ok_or_else(|| Refusal::new(404, "Could not find Organization"))?,
            app_id: app.map(|(id, _)| id),
            plan: text("planId"),
            region: text("primaryRegion"),
            read_regions: texts(&input["readRegions"]),
            options: input["options"].clone(),
        })?;
        let add_on = &self.add_ons[&id];
        let mut node = self.add_on_node(add_on);
        node["environment"] = add_on.environment();
        Ok(json!({"addOn": node, "clientMutationId": input["clientMutationId"]}))
    }

    /// Destroys one.
    pub(super) fn delete_add_on_field(&mut self, input: &Value) -> Result<Value, Refusal> {
        let (id, name) = (input["addOnId"].as_str(), input["name"].as_str());
        let name = self.delete_add_on(id, name, input["provider"].as_str())?;
        Ok(json!({"deletedAddOnName": name, "clientMutationId": input["clientMutationId"]}))
    }
}

/// The nodes of one type, where a list of add-ons is asked for it.
pub(super) fn of_type(list: &Value, arguments: &Value) -> Value {
    let Some(wanted) = arguments["type"].as_str() else { return list.clone() };
    let nodes = list["nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let fits = |node: &&Value| node["addOnProvider"]["name"] == wanted;
    connection(&nodes.iter().filter(fits).cloned().collect::<Vec<_>>())
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}
