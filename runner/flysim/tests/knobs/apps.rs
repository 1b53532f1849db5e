//! Knobs of apps and of the token that reads them.

use serde_json::{Value, json};

use crate::support::Sim;

async fn listed(sim: &Sim) -> Vec<String> {
    let list = sim.get("/v1/apps?org_slug=acme").await;
    assert_eq!(list.status, 200);
    let list = list.json();
    let apps = list["apps"].as_array().unwrap();
    apps.iter().map(|app| app["name"].as_str().unwrap().to_owned()).collect()
}

fn two_apps(sim: &Sim) {
    sim.act(json!({"do": "create_app", "name": "a"}));
    sim.act(json!({"do": "create_app", "name": "b"}));
}

pub(crate) async fn app_401_after_create_ms(sim: &Sim) {
    sim.world().turn(|knobs| knobs.app_401_after_create_ms = 1_000);
    two_apps(sim);
    assert_eq!(sim.get("/v1/apps/a").await.status, 401);
    assert_eq!(listed(sim).await, ["a", "b"], "other calls are good");
    sim.clock.advance(1_000);
    assert_eq!(sim.get("/v1/apps/a").await.status, 200);
}

pub(crate) async fn app_404_after_create_ms(sim: &Sim) {
    sim.world().turn(|knobs| knobs.app_404_after_create_ms = 1_000);
    two_apps(sim);
    assert_eq!(sim.get("/v1/apps/a").await.status, 404);
    sim.clock.advance(1_000);
    assert_eq!(sim.get("/v1/apps/a").await.status, 200);
}

pub(crate) async fn apps_missing(sim: &Sim) {
    two_apps(sim);
    sim.world().turn(|knobs| knobs.apps_missing = vec!["a*".into()]);
    assert_eq!(listed(sim).await, ["b"]);
    assert_eq!(sim.get("/v1/apps/a").await.status, 200, "it is there all the same");
    sim.world().turn(|knobs| knobs.apps_missing = vec!["*".into()]);
    assert!(listed(sim).await.is_empty());
}

pub(crate) async fn total_apps_more(sim: &Sim) {
    two_apps(sim);
    sim.world().turn(|knobs| knobs.total_apps_more = 3);
    assert_eq!(sim.get("/v1/apps?org_slug=acme").await.json()["total_apps"], 5);
    assert_eq!(listed(sim).await, ["a", "b"]);
}

pub(crate) async fn token_invalid(sim: &Sim) {
    two_apps(sim);
    sim.world().turn(|knobs| knobs.token_invalid = true);
    let refused = sim.get("/v1/apps/a").await;
    assert_eq!((refused.status, refused.error().as_str()), (401, "Authenticate: token validation error"));
    assert_eq!(sim.get("/v1/apps?org_slug=acme").await.status, 401);
}

pub(crate) async fn token_read_only(sim: &Sim) {
    two_apps(sim);
    sim.world().turn(|knobs| knobs.token_read_only = true);
    assert_eq!(sim.get("/v1/apps/a").await.status, 200);
    assert_eq!(sim.call("DELETE", "/v1/apps/a", Value::Null).await.status, 403);
    let mutation =
        json!({"query": "mutation { allocateIpAddress(input: {appId: \"a\", type: v6}) { app { id } } }"});
    assert_eq!(sim.call("POST", "/graphql", mutation).await.status, 403);
    let query = json!({"query": "{ app(name: \"a\") { id } }"});
    assert_eq!(sim.call("POST", "/graphql", query).await.json()["data"]["app"]["id"], "a");
    assert_eq!(sim.effects("app.deleted") + sim.effects("ip.allocated"), 0);
}

pub(crate) async fn token_orgs(sim: &Sim) {
    sim.app_with_machine("a");
    sim.world().add_org("other", "Other");
    sim.act(json!({"do": "create_app", "name": "theirs", "org": "other"}));
    assert_eq!(sim.get("/v1/apps/theirs").await.status, 403, "exists in another organisation");
    sim.world().turn(|knobs| knobs.token_orgs = Some(vec!["other".into()]));
    assert_eq!(sim.get("/v1/apps/theirs").await.status, 200);
    assert_eq!(sim.get("/v1/apps/a").await.status, 403);
    assert_eq!(sim.get("/v1/apps/a/machines").await.status, 403);
    assert_eq!(sim.get("/v1/apps?org_slug=acme").await.status, 404);
    assert_eq!(sim.get("/v1/orgs/acme/machines").await.status, 404);
    assert_eq!(sim.get("/v1/tokens/current").await.json()["tokens"][0]["org_slug"], "other");
}

pub(crate) async fn token_apps(sim: &Sim) {
    two_apps(sim);
    sim.act(json!({"do": "create_machine", "app": "a"}));
    sim.world().turn(|knobs| knobs.token_apps = Some(vec!["b".into()]));
    assert_eq!(listed(sim).await, ["b"], "fewer apps, and no error");
    assert_eq!(sim.get("/v1/apps/a").await.status, 403);
    assert_eq!(sim.get("/v1/orgs/acme/machines").await.json()["machines"], json!([]));
    assert_eq!(sim.get("/v1/tokens/current").await.json()["tokens"][0]["apps"], json!(["b"]));
}

pub(crate) async fn moved_apps(sim: &Sim) {
    two_apps(sim);
    sim.world().turn(|knobs| knobs.moved_apps = vec!["a".into()]);
    assert_eq!(sim.get("/v1/apps/a").await.status, 403);
    assert_eq!(listed(sim).await, ["b"]);
    sim.world().turn(|knobs| knobs.moved_apps.clear());
    sim.world().add_org("other", "Other");
    sim.act(json!({"do": "move_app", "app": "a", "org": "other"}));
    assert_eq!(sim.get("/v1/apps/a").await.status, 403, "a real move answers the same");
}

pub(crate) async fn destroyed_app_400(sim: &Sim) {
    two_apps(sim);
    sim.act(json!({"do": "delete_app", "app": "a"}));
    assert_eq!(sim.get("/v1/apps/a").await.status, 404);
    sim.world().turn(|knobs| knobs.destroyed_app_400 = true);
    for path in ["/v1/apps/a", "/v1/apps/a/machines", "/v1/apps/a/ip_assignments"] {
        let refused = sim.get(path).await;
        assert_eq!((refused.status, refused.error().as_str()), (400, "could not find app"));
    }
    assert_eq!(sim.get("/v1/apps/never").await.status, 404, "a name that never was");
}

pub(crate) async fn app_delete_ms(sim: &Sim) {
    sim.app_with_machine("a");
    sim.world().turn(|knobs| knobs.app_delete_ms = 5_000);
    assert_eq!(sim.call("DELETE", "/v1/apps/a", Value::Null).await.status, 202);
    sim.clock.advance(4_999);
    assert_eq!(sim.get("/v1/apps/a").await.status, 200);
    let name = json!({"name": "a", "org_slug": "acme"});
    assert_eq!(sim.call("POST", "/v1/apps", name).await.status, 422, "the name is not free yet");
    sim.clock.advance(1);
    assert_eq!(sim.get("/v1/apps/a").await.status, 404);
    assert_eq!(sim.effects("app.deleted"), 1);
}
