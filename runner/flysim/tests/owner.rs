//! What the simulator's owner can do over HTTP, and the GraphQL part.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::sync::Arc;

use groundcrew_flysim::{KNOBS, Server, StartError, SystemClock, World};
use serde_json::{Value, json};
use support::Sim;

#[tokio::test]
async fn knobs_are_read_and_turned_over_http() {
    let sim = Sim::start().await;
    let all = sim.get("/_sim/knobs").await.json();
    assert_eq!(all["latency_ms"], 0);
    let patched = sim.call("PATCH", "/_sim/knobs", json!({"org_list_lag_ms": 5})).await.json();
    assert_eq!(patched["org_list_lag_ms"], 5);
    assert_eq!(sim.world().knobs().org_list_lag_ms, 5);
    let bad = sim.call("PATCH", "/_sim/knobs", json!({"latency": 5})).await;
    assert_eq!((bad.status, bad.error().contains("unknown field")), (400, true));
    assert_eq!(sim.call("PUT", "/_sim/knobs", json!({})).await.json()["org_list_lag_ms"], 0);
    let table = sim.get("/_sim/knobs/table").await.json();
    assert_eq!(table.as_array().unwrap().len(), KNOBS.len());
    assert_eq!(sim.get("/_sim/nothing").await.status, 404);
}

#[tokio::test]
async fn holds_are_awaited_and_released_over_http() {
    let sim = Sim::start().await;
    sim.act(json!({"do": "create_app", "name": "a"}));
    let rule = json!({"holds": [{"method": "POST", "path": "/v1/apps/a/certificates/acme", "count": 1}]});
    sim.call("PATCH", "/_sim/knobs", rule).await;
    assert_eq!(sim.get("/_sim/holds?reached=1&timeout_ms=1").await.json()["reached"], false);
    let (created, ()) = tokio::join!(
        sim.call("POST", "/v1/apps/a/certificates/acme", json!({"hostname": "x.example"})),
        async {
            let held = sim.get("/_sim/holds?reached=1&timeout_ms=20000").await.json();
            assert_eq!((&held["reached"], &held["holds"][0]["status"]), (&json!(true), &json!("waiting")));
            let released = sim.call("POST", "/_sim/holds/release", Value::Null).await.json();
            assert_eq!(released["released"], 1);
        }
    );
    assert_eq!(created.status, 201);
    let log = sim.get("/_sim/log?after=1").await.text;
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = lines.iter().map(|line| line["what"].as_str().unwrap()).collect();
    assert_eq!(told, ["cert.created", "hold.reached", "hold.released"]);
    assert_eq!(lines[0]["request_id"], lines[1]["request_id"]);
    assert_eq!(lines[0]["answered"], false);
}

#[tokio::test]
async fn the_owner_acts_as_the_platforms_users() {
    let sim = Sim::start().await;
    sim.call("POST", "/_sim/seed", json!({"apps": 3, "machines": 7})).await;
    let machine = sim.get("/v1/apps/cust-1/machines").await.json();
    assert_eq!(machine.as_array().unwrap().len(), 3);
    let act = json!({"do": "destroy_machine", "machine": machine[0]["id"]});
    assert_eq!(sim.call("POST", "/_sim/act", act).await.json()["state"], "destroying");
    assert_eq!(sim.call("POST", "/_sim/act", json!({"do": "fly"})).await.status, 400);
    let twice = sim.call("POST", "/_sim/act", json!({"do": "create_app", "name": "cust-1"})).await;
    assert_eq!(twice.status, 422);
    let state = sim.get("/_sim/state").await.json();
    assert_eq!(state["apps"].as_array().unwrap().len(), 3);
    let counted = sim.get("/_sim/stats").await.json();
    assert_eq!((&counted["requests"], &counted["operations"]["Machines_list"]), (&json!(1), &json!(1)));
    assert_eq!(sim.get("/_sim/violations").await.json(), json!([]));
}

#[tokio::test]
async fn it_listens_on_loopback_only_and_stops_when_told() {
    let world = || World::new(1, Arc::new(SystemClock));
    let refused = Server::start(([0, 0, 0, 0], 0).into(), world()).await.unwrap_err();
    assert!(matches!(refused, StartError::NotLoopback(_)));
    let server = Server::start(([127, 0, 0, 1], 0).into(), world()).await.unwrap();
    assert!(server.base_url().starts_with("http://127.0.0.1:"));
    let addr = server.addr();
    server.shutdown().await;
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
}

async fn query(sim: &Sim, query: &str, variables: Value) -> Value {
    let reply = sim.call("POST", "/graphql", json!({"query": query, "variables": variables})).await;
    assert_eq!(reply.status, 200, "errors come with 200 too");
    reply.json()
}

#[tokio::test]
async fn graphql_answers_what_is_asked_and_nothing_else() {
    let sim = Sim::start().await;
    let machine = sim.app_with_machine("a");
    let app =
        "query ($name: String!) { app(name: $name) { id organization { slug internalNumericId } zebra } }";
    let answer = query(&sim, app, json!({"name": "a"})).await;
    assert_eq!(answer["data"]["app"]["organization"]["slug"], "acme");
    assert!(answer["data"]["app"]["organization"]["internalNumericId"].is_string());
    assert_eq!(answer["data"]["app"].as_object().unwrap().len(), 3);
    let missing = query(&sim, app, json!({"name": "b"})).await;
    assert_eq!(missing["errors"][0]["message"], "Could not find App");
    let of = "query($m: String!) { machine(machineId: $m) { app { name } } }";
    assert_eq!(query(&sim, of, json!({"m": machine})).await["data"]["machine"]["app"]["name"], "a");
    let orgs = "{ organizations { nodes { id slug } } viewer { email } platform { regions { code } } }";
    assert_eq!(query(&sim, orgs, json!({})).await["data"]["organizations"]["nodes"][0]["slug"], "acme");
    let addons = "query ListOrganizationAddOns($orgSlug: String!, $addOnType: AddOnType) { organization(slug: $orgSlug) { addOns(type: $addOnType) { nodes { id } } } }";
    let none = query(&sim, addons, json!({"orgSlug": "personal"})).await;
    assert_eq!(none["data"]["organization"]["addOns"]["nodes"], json!([]));
    let unknown = query(&sim, "{ nothing }", json!({})).await;
    assert!(unknown["errors"][0]["message"].as_str().unwrap().contains("nothing"));
    assert_eq!(sim.world().stats().operations["graphql.app"], 2);
}

#[tokio::test]
async fn graphql_pages_apps_and_gives_and_takes_addresses() {
    let sim = Sim::start().await;
    sim.world().seed_fleet(5, 0).unwrap();
    let text = "query($n: Int, $after: String) { apps(type: \"container\", first: $n, after: $after) { pageInfo { hasNextPage endCursor } nodes { name } } }";
    let first = query(&sim, text, json!({"n": 3})).await["data"]["apps"].clone();
    assert_eq!(
        (first["nodes"].as_array().unwrap().len(), &first["pageInfo"]["hasNextPage"]),
        (3, &json!(true))
    );
    let rest = query(&sim, text, json!({"n": 3, "after": first["pageInfo"]["endCursor"]})).await;
    assert_eq!(rest["data"]["apps"]["nodes"].as_array().unwrap().len(), 2);
    let give = "mutation($input: AllocateIPAddressInput!) { allocateIpAddress(input: $input) { app { sharedIpAddress } ipAddress { id address type } } }";
    let v6 = query(&sim, give, json!({"input": {"appId": "cust-1", "type": "v6"}})).await;
    let ip = v6["data"]["allocateIpAddress"]["ipAddress"].clone();
    assert_eq!(ip["type"], "v6");
    let shared = query(&sim, give, json!({"input": {"appId": "cust-1", "type": "shared_v4"}})).await;
    assert!(shared["data"]["allocateIpAddress"]["app"]["sharedIpAddress"].is_string());
    assert_eq!(shared["data"]["allocateIpAddress"]["ipAddress"], Value::Null);
    let take = "mutation($input: ReleaseIPAddressInput!) { releaseIpAddress(input: $input) { app { ipAddresses { nodes { address } } } } }";
    let taken = query(&sim, take, json!({"input": {"appId": "cust-1", "ipAddressId": ip["id"]}})).await;
    assert_eq!(taken["data"]["releaseIpAddress"]["app"]["ipAddresses"]["nodes"], json!([]));
    let again = query(&sim, take, json!({"input": {"appId": "cust-1", "ip": ip["address"]}})).await;
    assert_eq!(again["errors"][0]["message"], "Could not find IPAddress");
    assert_eq!([sim.effects("ip.allocated"), sim.effects("ip.released")], [2, 1]);
}

#[tokio::test]
async fn what_the_organisation_has_outlives_its_apps() {
    let sim = Sim::start().await;
    sim.act(json!({"do": "create_app", "name": "web"}));
    let make = |thing: Value| sim.act(json!({"do": "make_org_thing", "thing": thing}));
    make(json!({"kind": "add_on", "name": "assets", "provider": "tigris", "app": "web"}));
    make(json!({"kind": "peer", "name": "laptop"}));
    let v4 = make(json!({"kind": "egress", "app": "web"}));
    let text = "query($slug: String!) { organization(slug: $slug) { addOns { nodes { name app { name } } } \
                wireGuardPeers { nodes { name } } } app(name: \"web\") { egressIpAddresses { nodes { ip version } } } }";
    let before = query(&sim, text, json!({"slug": "acme"})).await["data"].clone();
    assert_eq!(before["organization"]["addOns"]["nodes"][0]["app"]["name"], "web");
    assert_eq!(before["organization"]["wireGuardPeers"]["nodes"][0]["name"], "laptop");
    assert_eq!(before["app"]["egressIpAddresses"]["nodes"][0], json!({"ip": v4, "version": 4}));
    sim.act(json!({"do": "delete_app", "app": "web"}));
    let text = "{ organization(slug: \"acme\") { addOns { nodes { name app { name } } } } }";
    let after = query(&sim, text, json!({})).await;
    assert_eq!(after["data"]["organization"]["addOns"]["nodes"], json!([{"name": "assets", "app": null}]));
}
