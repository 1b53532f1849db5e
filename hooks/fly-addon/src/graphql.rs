//! Fly's GraphQL API, as far as add-ons need it.
//!
//! Documents as flyctl sends them, fields as in superfly/fly-go `schema.graphql` (both 2026-08). The vendor promises
//! no stability of it. Errors come with status 200.

use groundcrew_hook::fly::TOKEN;
use groundcrew_hook::{Failure, Request, Result, Value, json, secret};
use serde::Deserialize;

use crate::config::{Config, Kind};

const LIST: &str = "query ListOrganizationAddOns($orgSlug: String!, $addOnType: AddOnType, $after: String) {
  organization(slug: $orgSlug) { id addOns(type: $addOnType, first: 100, after: $after) {
    nodes { id name status errorMessage primaryRegion createdAt addOnPlan { id } } pageInfo { hasNextPage endCursor } } } }";

const URL: &str = "query GetAddOn($id: ID) { addOn(id: $id) { id publicUrl } }";

/// Of a bucket, whose credentials are variables.
const CREATE_BUCKET: &str = "mutation CreateAddOn($input: CreateAddOnInput!) { createAddOn(input: $input) {
  addOn { id name status errorMessage primaryRegion createdAt addOnPlan { id } environment } } }";

/// Of a database, whose credentials are its address. Variables are not asked for: they would show it again.
const CREATE_DATABASE: &str = "mutation CreateAddOn($input: CreateAddOnInput!) { createAddOn(input: $input) {
  addOn { id name status errorMessage primaryRegion createdAt addOnPlan { id } publicUrl } } }";

const DELETE: &str =
    "mutation DeleteAddOn($input: DeleteAddOnInput!) { deleteAddOn(input: $input) { deletedAddOnName } }";

/// A creation, and what holds a credential in its answer.
const fn creation(kind: Kind) -> (&'static str, &'static [&'static str]) {
    match kind {
        Kind::Tigris => {
            (CREATE_BUCKET, &["environment/AWS_ACCESS_KEY_ID", "environment/AWS_SECRET_ACCESS_KEY"])
        }
        Kind::UpstashRedis => (CREATE_DATABASE, &["publicUrl"]),
    }
}

/// The API with the granted token.
pub(crate) struct Api {
    config: Config,
    token: String,
}

/// An add-on as it is shown.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AddOn {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) status: Option<String>,
    pub(crate) error_message: Option<String>,
    pub(crate) primary_region: Option<String>,
    pub(crate) created_at: Option<String>,
    #[serde(rename = "addOnPlan")]
    pub(crate) plan: Option<Plan>,
    /// A token.
    pub(crate) public_url: Option<String>,
    /// Credentials are tokens.
    pub(crate) environment: Option<Value>,
}

/// What is paid for.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Plan {
    pub(crate) id: String,
}

/// What is to be made.
pub(crate) struct NewAddOn<'a> {
    pub(crate) kind: Kind,
    pub(crate) name: &'a str,
    pub(crate) app: &'a str,
    pub(crate) region: Option<&'a str>,
    pub(crate) plan: Option<&'a str>,
}

impl Api {
    /// The stanza's API. Nothing is sent.
    pub(crate) fn open() -> Result<Self> {
        Ok(Self { config: groundcrew_hook::config()?, token: secret(TOKEN)? })
    }

    /// The organisation's add-ons of a type.
    pub(crate) fn list(&self, kind: Kind) -> Result<Vec<AddOn>> {
        let (mut all, mut after) = (Vec::new(), None::<String>);
        loop {
            let organization = self.organization(kind, after.as_deref())?;
            let add_ons = &organization["addOns"];
            all.extend(Vec::<AddOn>::deserialize(&add_ons["nodes"])?);
            let next = add_ons["pageInfo"]["endCursor"].as_str().filter(|next| !next.is_empty());
            match (add_ons["pageInfo"]["hasNextPage"].as_bool(), next) {
                (Some(false), _) => return Ok(all),
                (Some(true), Some(next)) if after.as_deref() != Some(next) => after = Some(next.to_owned()),
                // What was listed so far would pass for everything, and the rest for gone.
                _ => return Err(Failure::passing("the list of add-ons stops before its end")),
            }
        }
    }

    fn organization(&self, kind: Kind, after: Option<&str>) -> Result<Value> {
        let variables = json!({ "orgSlug": self.config.org, "addOnType": kind.provider(), "after": after });
        let mut data = self.ask(LIST, &variables, &[])?;
        match data["organization"].take() {
            Value::Null => Err(Failure::lasting(format!("organisation `{}` is not there", self.config.org))),
            organization => Ok(organization),
        }
    }

    /// Where an add-on is reached, credentials included: a token. None once it is gone.
    pub(crate) fn url(&self, id: &str) -> Result<Option<String>> {
        let data = self.ask(URL, &json!({ "id": id }), &["/data/addOn/publicUrl".to_owned()]);
        let data = absent(data)?;
        Ok(data.and_then(|data| Some(data["addOn"]["publicUrl"].as_str()?.to_owned())))
    }

    /// Makes one, attached to its app.
    pub(crate) fn create(&self, new: &NewAddOn<'_>) -> Result<AddOn> {
        let organization = self.organization(new.kind, None)?;
        let input = json!({
            "organizationId": organization["id"], "appId": new.app, "type": new.kind.provider(), "name": new.name,
            "primaryRegion": new.region, "planId": new.plan, "options": {},
        });
        let (document, sealed) = creation(new.kind);
        let sealed: Vec<_> = sealed.iter().map(|field| format!("/data/createAddOn/addOn/{field}")).collect();
        let data = self.ask(document, &json!({ "input": input }), &sealed)?;
        Ok(AddOn::deserialize(&data["createAddOn"]["addOn"])?)
    }

    /// Destroys one, by its id: by name another provider's can be meant (superfly/flyctl#4467). Fine if it is gone.
    pub(crate) fn delete(&self, id: &str) -> Result<()> {
        absent(self.ask(DELETE, &json!({ "input": { "addOnId": id } }), &[])).map(drop)
    }

    fn ask(&self, query: &str, variables: &Value, sealed: &[String]) -> Result<Value> {
        let request = Request::post(&self.config.graphql).header("authorization", &self.token);
        let request = request.json(&json!({ "query": query, "variables": variables }));
        let request = sealed.iter().fold(request, |request, pointer| request.seal(pointer));
        let mut answer: Value = request.send()?.success()?.json()?;
        let words = answer["errors"].as_array().filter(|errors| !errors.is_empty()).map(|errors| {
            let words: Vec<_> = errors.iter().filter_map(|error| error["message"].as_str()).collect();
            words.join("; ")
        });
        match words {
            None => Ok(answer["data"].take()),
            // Its name is ours alone, so whoever has it is looked at first.
            Some(words) if words.contains("already been taken") => Err(Failure::passing(words)),
            Some(words) => Err(Failure::lasting(words)),
        }
    }
}

/// None where the API says that there is no such add-on.
fn absent(answer: Result<Value>) -> Result<Option<Value>> {
    match answer {
        Err(failure) if failure.message.contains("Could not find AddOn") => Ok(None),
        other => other.map(Some),
    }
}
