//! What outlives an app: add-ons over GraphQL, Managed Postgres over REST, and what an app's end does to both.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use serde_json::{Value, json};
use support::Sim;

async fn graphql(sim: &Sim, query: &str, variables: Value) -> Value {
    sim.call("POST", "/graphql", json!({"query": query, "variables": variables})).await.json()
}

const CREATE: &str = "mutation($input: CreateAddOnInput!) {
    createAddOn(input: $input) { addOn { id name environment publicUrl status } } }";

const LIST: &str = "query ListOrganizationAddOns($orgSlug: String!, $addOnType: AddOnType) {
    organization(slug: $orgSlug) { addOns(type: $addOnType) { nodes {
      id name addOnProvider { name } app { name } environment publicUrl } } } }";

async fn create(sim: &Sim, kind: &str, app: Option<&str>) -> Value {
    let orgs = graphql(sim, "{ organization(slug: \"acme\") { id } }", Value::Null).await;
    let org = &orgs["data"]["organization"]["id"];
    let input = json!({"type": kind, "name": "assets", "organizationId": org, "appId": app});
    graphql(sim, CREATE, json!({ "input": input })).await
}

async fn list(sim: &Sim, kind: Option<&str>) -> Vec<Value> {
    let answer = graphql(sim, LIST, json!({"orgSlug": "acme", "addOnType": kind})).await;
    answer["data"]["organization"]["addOns"]["nodes"].as_array().unwrap().clone()
}

#[tokio::test]
async fn add_ons_outlive_their_app_and_go_by_id() {
    let sim = Sim::start().await;
    sim.act(json!({"do": "create_app", "name": "a"}));
    let bucket = create(&sim, "tigris", Some("a")).await;
    let bucket = &bucket["data"]["createAddOn"]["addOn"];
    assert!(bucket["environment"]["AWS_SECRET_ACCESS_KEY"].as_str().unwrap().starts_with("tsec_"));
    let twin = create(&sim, "tigris", None).await;
    assert_eq!(twin["errors"][0]["message"], "Validation failed: Name has already been taken");
    let cache = create(&sim, "upstash_redis", None).await;
    let cache = &cache["data"]["createAddOn"]["addOn"];

    let (all, buckets) = (list(&sim, None).await, list(&sim, Some("tigris")).await);
    assert_eq!((all.len(), buckets.len()), (2, 1));
    assert_eq!((&buckets[0]["app"]["name"], &buckets[0]["environment"]), (&json!("a"), &Value::Null));
    let caches = list(&sim, Some("upstash_redis")).await;
    assert_eq!(caches[0]["publicUrl"], cache["publicUrl"], "it can be read again");

    sim.act(json!({"do": "delete_app", "app": "a"}));
    assert_eq!(list(&sim, Some("tigris")).await[0]["app"], Value::Null, "an orphan");
    let delete = "mutation($input: DeleteAddOnInput!) { deleteAddOn(input: $input) { deletedAddOnName } }";
    let gone = graphql(&sim, delete, json!({"input": {"addOnId": bucket["id"]}})).await;
    assert_eq!(gone["data"]["deleteAddOn"]["deletedAddOnName"], "assets");
    let again = graphql(&sim, delete, json!({"input": {"addOnId": bucket["id"]}})).await;
    assert_eq!(again["errors"][0]["message"], "Could not find AddOn");
    assert_eq!(list(&sim, None).await.len(), 1, "the cache of the same name stays");
    assert_eq!((sim.effects("addon.created"), sim.effects("addon.deleted")), (2, 1));
}

#[tokio::test]
async fn a_cluster_is_made_attached_and_deleted() {
    let sim = Sim::start().await;
    sim.act(json!({"do": "create_app", "name": "a"}));
    let new = json!({"org_slug": "personal", "name": "db", "region": "fra", "plan": "basic"});
    let made = sim.call("POST", "/v1/postgres", new).await;
    let id = made.json()["data"]["id"].as_str().unwrap().to_owned();
    assert_eq!((made.status, &made.json()["data"]["organization"]["slug"]), (201, &json!("acme")));
    let attach = || sim.call("POST", "/v1/postgres/x/attachments", json!({"app_name": "a"}));
    assert_eq!(attach().await.status, 404);
    let attachments = format!("/v1/postgres/{id}/attachments");
    for status in [201, 200] {
        let attached = sim.call("POST", &attachments, json!({"app_name": "a"})).await;
        assert_eq!(attached.status, status);
    }
    let shown = sim.get(&format!("/v1/postgres/{id}")).await.json();
    assert_eq!(shown["data"]["attached_apps"], json!([{"name": "a"}]));
    sim.act(json!({"do": "delete_app", "app": "a"}));
    let listed = sim.get("/v1/postgres?org_slug=acme").await.json();
    assert_eq!(listed["data"][0]["attached_apps"], json!([]), "an orphan");
    assert_eq!(sim.call("DELETE", &format!("/v1/postgres/{id}"), Value::Null).await.status, 202);
    assert_eq!(sim.call("DELETE", &format!("/v1/postgres/{id}"), Value::Null).await.status, 410);
    assert_eq!(sim.get("/v1/postgres?org_slug=acme").await.json()["data"], json!([]));
    let deleted = sim.get("/v1/postgres?org_slug=acme&include_deleted=true").await.json();
    assert_eq!(deleted["data"][0]["status"], "deleted");
    assert_eq!(sim.get("/v1/postgres/nothing").await.status, 404);
}

#[tokio::test]
async fn a_secrets_value_is_for_the_apps_machines_only() {
    let sim = Sim::start().await;
    sim.act(json!({"do": "create_app", "name": "a"}));
    let set = sim.call("POST", "/v1/apps/a/secrets/KEY", json!({"value": "canary"})).await;
    assert_eq!(set.status, 201);
    assert_eq!(sim.world().secret("a", "KEY").as_deref(), Some("canary"));
    let everything = [set.text, sim.get("/v1/apps/a/secrets").await.text, sim.world().state().to_string()];
    assert!(!everything.concat().contains("canary"));
}
