//! Knobs of what outlives apps: add-ons and Managed Postgres.

use serde_json::{Value, json};

use crate::support::Sim;

async fn add_ons(sim: &Sim) -> Vec<Value> {
    let query = r"query ListOrganizationAddOns($orgSlug: String!) {
        organization(slug: $orgSlug) { addOns { nodes { id status } } } }";
    let body = json!({"query": query, "variables": {"orgSlug": "acme"}});
    let answer = sim.call("POST", "/graphql", body).await.json();
    answer["data"]["organization"]["addOns"]["nodes"].as_array().unwrap().clone()
}

fn add_on(sim: &Sim) -> Value {
    sim.act(json!({"do": "create_add_on", "type": "tigris", "name": "b"}))
}

fn cluster(sim: &Sim) -> String {
    let made = sim.act(json!({"do": "create_postgres", "name": "db"}));
    made["id"].as_str().unwrap().to_owned()
}

pub(crate) async fn blind_add_ons_ms(sim: &Sim) {
    sim.world().turn(|knobs| knobs.blind_add_ons_ms = 5_000);
    add_on(sim);
    assert_eq!(add_ons(sim).await.len(), 0);
    sim.clock.advance(5_000);
    assert_eq!(add_ons(sim).await.len(), 1);
}

pub(crate) async fn add_on_ready_ms(sim: &Sim) {
    sim.world().turn(|knobs| knobs.add_on_ready_ms = 5_000);
    add_on(sim);
    assert_eq!(add_ons(sim).await[0]["status"], "pending");
    sim.clock.advance(5_000);
    assert_eq!(add_ons(sim).await[0]["status"], "ready");
}

pub(crate) async fn blind_postgres_ms(sim: &Sim) {
    sim.world().turn(|knobs| knobs.blind_postgres_ms = 5_000);
    cluster(sim);
    assert_eq!(sim.get("/v1/postgres?org_slug=acme").await.json(), json!({"data": []}));
    sim.clock.advance(5_000);
    assert_eq!(sim.get("/v1/postgres?org_slug=acme").await.json()["data"][0]["name"], "db");
}

pub(crate) async fn postgres_ready_ms(sim: &Sim) {
    sim.world().turn(|knobs| knobs.postgres_ready_ms = 5_000);
    let id = cluster(sim);
    let credentials = format!("/v1/postgres/{id}/users/fly-user/credentials");
    assert_eq!(sim.get(&format!("/v1/postgres/{id}")).await.json()["data"]["status"], "initializing");
    assert_eq!(sim.get(&credentials).await.status, 404, "nobody can log in yet");
    sim.clock.advance(5_000);
    assert_eq!(sim.get(&format!("/v1/postgres/{id}")).await.json()["data"]["status"], "ready");
    assert_eq!(sim.get(&credentials).await.json()["data"]["username"], "fly-user");
}

pub(crate) async fn postgres_delete_ms(sim: &Sim) {
    sim.world().turn(|knobs| knobs.postgres_delete_ms = 5_000);
    let id = cluster(sim);
    let one = format!("/v1/postgres/{id}");
    assert_eq!(sim.call("DELETE", &one, Value::Null).await.status, 202);
    assert_eq!(sim.get(&one).await.json()["data"]["status"], "deleting");
    let again = sim.call("DELETE", &one, Value::Null).await;
    assert_eq!((again.status, again.error().as_str()), (410, "cluster is being deleted"));
    sim.clock.advance(5_000);
    assert_eq!(sim.get(&one).await.status, 410);
}
