//! A walk through every operation, checked against the vendor's document.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use groundcrew_flysim::{Contract, Fault, KNOBS};
use serde_json::{Value, json};
use support::{Sim, request};

/// Paths of a later copy of the document.
async fn walk_postgres(sim: &Sim) {
    let thing = json!({"kind": "postgres", "name": "main", "plan": "basic", "apps": ["web"]});
    let id = sim.act(json!({"do": "make_org_thing", "thing": thing}));
    let list = sim.get("/v1/postgres?org_slug=personal").await.json();
    assert_eq!((&list["data"][0]["id"], &list["data"][0]["attached_apps"][0]["name"]), (&id, &json!("web")));
    let shown = sim.get(&format!("/v1/postgres/{}", id.as_str().unwrap())).await.json();
    assert_eq!(shown["data"], list["data"][0]);
    assert_eq!(sim.get("/v1/postgres/nothing").await.status, 404);
    let new = json!({"name": "db", "org_slug": "personal", "region": "fra", "plan": "basic"});
    let made = sim.call("POST", "/v1/postgres", new).await;
    assert_eq!(made.status, 201);
    let one = format!("/v1/postgres/{}", made.json()["data"]["id"].as_str().unwrap());
    assert_eq!(sim.get(&format!("{one}/users/fly-user/credentials")).await.status, 200);
    for status in [201, 200] {
        let attached = sim.call("POST", &format!("{one}/attachments"), json!({"app_name": "web"})).await;
        assert_eq!(attached.status, status);
    }
    for status in [202, 410] {
        assert_eq!(sim.call("DELETE", &one, Value::Null).await.status, status);
    }
    for call in ["", "/users/fly-user/credentials"] {
        assert_eq!(sim.get(&format!("{one}{call}")).await.status, 410);
    }
    let late = sim.call("POST", &format!("{one}/attachments"), json!({"app_name": "web"})).await;
    assert_eq!(late.status, 410);
}

async fn walk_apps(sim: &Sim) {
    let created = sim.call("POST", "/v1/apps", json!({"name": "web", "org_slug": "personal"})).await;
    assert_eq!(created.status, 201);
    assert_eq!(created.json()["created_at"], support::START_MS);
    let other = json!({"app_name": "db", "org_slug": "acme", "network": "n"});
    let other = sim.call("POST", "/v1/apps?wait=true", other).await;
    assert_eq!(other.json()["organization"]["slug"], "acme", "the alias is never shown");
    let taken = sim.call("POST", "/v1/apps", json!({"name": "web", "org_slug": "acme"})).await;
    assert_eq!((taken.status, taken.json()["status"].as_str()), (422, Some("name_taken")));
    assert_eq!(sim.get("/v1/apps?org_slug=personal").await.json()["total_apps"], 2);
    assert_eq!(sim.get("/v1/apps").await.status, 404);
    assert_eq!(sim.get("/v1/apps/web").await.json()["id"], created.json()["id"]);
    assert_eq!(sim.get("/v1/apps/nothing").await.error(), "app not found");
    sim.call("POST", "/v1/apps/web/deploy_token", json!({})).await;
    assert_eq!(sim.call("DELETE", "/v1/apps/db", Value::Null).await.status, 202);
    assert_eq!(sim.get("/v1/apps/db").await.status, 404);
    assert_eq!(sim.call("POST", "/v1/apps", json!({"org_slug": "acme"})).await.status, 400);
}

async fn walk_machines(sim: &Sim) -> String {
    let base = "/v1/apps/web/machines";
    let config = json!({"image": "nginx", "env": null, "zebra": 1, "metadata": {"k": "v"}});
    let new = json!({"name": "m1", "region": "iad", "config": config, "lease_ttl": 1});
    let machine = sim.call("POST", base, new.clone()).await.json();
    let id = machine["id"].as_str().unwrap().to_owned();
    assert_eq!(machine["state"], "created");
    assert!(machine["nonce"].is_string());
    sim.rest();
    let twin = sim.call("POST", base, new).await;
    assert_eq!((twin.status, twin.error().contains(&id)), (409, true));
    assert_eq!(sim.get(&format!("{base}?metadata.k=v&region=iad")).await.json()[0]["state"], "started");
    assert_eq!(sim.get(&format!("{base}?summary=true&state=stopped")).await.json(), json!([]));
    assert!(sim.get(&format!("{base}?summary=true")).await.json()[0].get("config").is_none());
    let one = format!("{base}/{id}");
    for verb in ["stop", "start", "suspend", "start", "restart", "cordon", "uncordon"] {
        sim.rest();
        assert_eq!(sim.call("POST", &format!("{one}/{verb}"), json!({})).await.status, 200, "{verb}");
    }
    assert_eq!(sim.call("POST", &format!("{one}/signal"), json!({"signal": 9})).await.status, 200);
    assert_eq!(sim.call("POST", &format!("{one}/stop"), json!({"timeout": 3})).await.status, 400);
    sim.rest();
    let lease = sim.call("POST", &format!("{one}/lease?ttl=120"), json!({"description": "d"})).await;
    assert_eq!(lease.status, 201);
    assert_eq!(
        sim.get(&format!("{one}?include_leases=true")).await.json()["lease"]["nonce"],
        lease.json()["data"]["nonce"]
    );
    assert_eq!(sim.get(&format!("{one}/lease")).await.json()["status"], "success");
    assert_eq!(sim.call("POST", &format!("{one}/start"), json!({})).await.status, 409);
    sim.clock.advance(120_000);
    assert_eq!(sim.get(&format!("{one}/lease")).await.error(), "lease not found");
    let lease = sim.call("POST", &format!("{one}/lease"), json!({"ttl": 60})).await.json();
    let nonce = lease["data"]["nonce"].as_str().unwrap();
    let headers = [("authorization", "FlyV1 fm2_x"), ("fly-machine-lease-nonce", nonce)];
    let path = format!("{one}/lease");
    assert_eq!(sim.call("DELETE", &path, Value::Null).await.status, 409, "not without its nonce");
    let released = request(sim.server.addr(), "DELETE", &path, &headers, String::new()).await.unwrap();
    assert_eq!(released.status, 200);
    let updated = sim.call("POST", &one, json!({"config": {"image": "nginx:2"}})).await;
    assert_ne!(updated.json()["instance_id"], machine["instance_id"]);
    assert_eq!(sim.get(&format!("{one}/versions")).await.json().as_array().unwrap().len(), 2);
    assert_eq!(sim.get(&format!("{one}/events?limit=2")).await.json().as_array().unwrap().len(), 2);
    assert_eq!(sim.get(&format!("{one}/wait?state=started")).await.json()["ok"], true);
    assert_eq!(sim.get(&format!("{one}/wait?timeout=90")).await.status, 400);
    id
}

async fn walk_metadata(sim: &Sim, id: &str) {
    let one = format!("/v1/apps/web/machines/{id}/metadata");
    assert_eq!(sim.call("POST", &format!("{one}/a"), json!({"value": "1"})).await.status, 204);
    assert_eq!(sim.get(&format!("{one}/a")).await.json()["value"], "1");
    assert_eq!(sim.call("PATCH", &one, json!({"metadata": {"b": "2", "a": null}})).await.status, 204);
    assert_eq!(sim.get(&one).await.json(), json!({"b": "2"}));
    assert_eq!(sim.call("PUT", &one, json!({"metadata": {"c": "3"}})).await.status, 204);
    assert_eq!(sim.call("DELETE", &format!("{one}/c"), Value::Null).await.status, 204);
    assert_eq!(sim.get(&format!("{one}/c")).await.status, 404);
    let stale = json!({"metadata": {}, "machine_version": "old"});
    assert_eq!(sim.call("PUT", &one, stale).await.status, 412);
}

async fn walk_volumes(sim: &Sim) {
    let base = "/v1/apps/web/volumes";
    let first = sim.call("POST", base, json!({"name": "data", "size_gb": 1})).await.json();
    let second = sim.call("POST", base, json!({"name": "data", "size_gb": 1})).await.json();
    assert_ne!(first["id"], second["id"], "names are not unique");
    let id = first["id"].as_str().unwrap();
    let config = json!({"image": "x", "mounts": [{"volume": id, "path": "/d"}]});
    let machine = sim.call("POST", "/v1/apps/web/machines", json!({"config": config})).await.json();
    let machine = machine["id"].as_str().unwrap();
    assert_eq!(sim.get(base).await.json()[0]["attached_machine_id"], machine);
    let one = format!("{base}/{id}");
    assert_eq!(sim.get(&format!("{one}/snapshots")).await.json(), json!([]));
    assert_eq!(sim.call("PUT", &one, json!({"snapshot_retention": 7})).await.status, 200);
    assert_eq!(
        sim.call("PUT", &format!("{one}/extend"), json!({"size_gb": 2})).await.json()["needs_restart"],
        true
    );
    let bound = sim.call("DELETE", &one, Value::Null).await;
    assert_eq!((bound.status, bound.error().contains("currently bound to machine")), (412, true));
    let destroy = sim.call("DELETE", &format!("/v1/apps/web/machines/{machine}"), Value::Null).await;
    assert_eq!(destroy.status, 412, "a running machine needs force");
    let destroy =
        sim.call("DELETE", &format!("/v1/apps/web/machines/{machine}?force=true"), Value::Null).await;
    assert_eq!(destroy.json()["ok"], true);
    sim.rest();
    assert_eq!(sim.call("DELETE", &one, Value::Null).await.json()["state"], "pending_destroy");
    assert_eq!(sim.get(&one).await.status, 200, "softly deleted");
    assert_eq!(sim.get(&format!("/v1/apps/web/machines/{machine}")).await.json()["state"], "destroyed");
    assert_eq!(sim.get(&format!("{base}/vol_nothing")).await.error(), "volume not found");
}

async fn walk_ips_and_certs(sim: &Sim) {
    let ips = "/v1/apps/web/ip_assignments";
    let shared = sim.call("POST", ips, json!({"type": "shared_v4"})).await.json();
    assert_eq!(sim.call("POST", ips, json!({"type": "shared_v4"})).await.json()["ip"], shared["ip"]);
    sim.rest();
    let mut dedicated = Vec::new();
    for kind in ["v4", "v6", "v6"] {
        dedicated.push(sim.call("POST", ips, json!({"type": kind})).await.json()["ip"].clone());
    }
    assert_ne!(dedicated[1], dedicated[2], "each call allocates another one");
    sim.rest();
    assert_eq!(sim.call("POST", ips, json!({"type": "v6", "org_slug": "acme"})).await.status, 400);
    assert_eq!(sim.call("POST", ips, json!({"type": "private_v6", "org_slug": "acme"})).await.status, 200);
    assert_eq!(sim.get(ips).await.json()["ips"].as_array().unwrap().len(), 5);
    sim.world().turn(|knobs| knobs.egress_ips_listed = true);
    sim.act(json!({"do": "make_org_thing", "thing": {"kind": "egress", "app": "web"}}));
    assert_eq!(sim.get(ips).await.json()["ips"].as_array().unwrap().len(), 6);
    let one = format!("{ips}/{}", dedicated[1].as_str().unwrap());
    assert_eq!(sim.call("DELETE", &one, Value::Null).await.status, 204);
    assert_eq!(sim.call("DELETE", &one, Value::Null).await.status, 404);
    let certs = "/v1/apps/web/certificates";
    let created = sim.call("POST", &format!("{certs}/acme"), json!({"hostname": "*.x.example"})).await;
    assert_eq!((created.status, created.json()["status"].as_str()), (201, Some("pending_validation")));
    assert_eq!(created.json()["dns_requirements"]["a"][0], shared["ip"]);
    let again = sim.call("POST", &format!("{certs}/acme"), json!({"hostname": "*.x.example"})).await;
    assert_eq!(again.status, 422);
    let own = json!({"hostname": "y.example", "fullchain": "c", "private_key": "k"});
    assert_eq!(sim.call("POST", &format!("{certs}/custom"), own.clone()).await.status, 201);
    assert_eq!(sim.call("POST", &format!("{certs}/custom"), own).await.status, 422);
    let page = sim.get(&format!("{certs}?limit=1")).await.json();
    assert_eq!(page["total_count"], 2);
    let next = format!("{certs}?limit=1&cursor={}", page["next_cursor"].as_str().unwrap());
    assert_eq!(sim.get(&next).await.json()["certificates"][0]["hostname"], "y.example");
    let one = format!("{certs}/%2A.x.example");
    assert_eq!(sim.get(&one).await.json()["status"], "pending_validation");
    sim.act(json!({"do": "configure_dns", "hostname": "*.x.example", "configured": true}));
    let checked = sim.call("POST", &format!("{one}/check"), Value::Null).await.json();
    assert_eq!((checked["status"].as_str(), checked["configured"].as_bool()), (Some("active"), Some(true)));
    assert_eq!(sim.call("DELETE", &format!("{one}/acme"), Value::Null).await.status, 200);
    assert_eq!(sim.call("DELETE", &format!("{certs}/y.example/custom"), Value::Null).await.status, 200);
    assert_eq!(sim.call("DELETE", &one, Value::Null).await.status, 404);
    sim.rest();
    sim.call("POST", &format!("{certs}/acme"), json!({"hostname": "z.example"})).await;
    assert_eq!(sim.call("DELETE", &format!("{certs}/z.example"), Value::Null).await.status, 204);
}

async fn walk_the_rest(sim: &Sim) {
    let secrets = "/v1/apps/web/secrets";
    let set = sim.call("POST", secrets, json!({"values": {"A": "secret!", "B": null}})).await;
    assert_eq!(set.json()["version"], 1);
    assert_eq!(sim.call("POST", &format!("{secrets}/C"), json!({"value": "x"})).await.status, 201);
    assert_eq!(sim.get(secrets).await.json()["secrets"].as_array().unwrap().len(), 2);
    assert!(sim.get(&format!("{secrets}/A?show_secrets=true")).await.json().get("value").is_none());
    assert_eq!(sim.call("DELETE", &format!("{secrets}/A"), Value::Null).await.json()["version"], 3);
    assert_eq!(sim.call("DELETE", &format!("{secrets}/A"), Value::Null).await.status, 404);
    let everything = serde_json::to_string(&sim.world().log()).unwrap() + &sim.world().state().to_string();
    assert!(!everything.contains("secret!"), "values never come out");
    let machines = sim.get("/v1/orgs/personal/machines?include_deleted=true&limit=1").await.json();
    assert!(machines["next_cursor"].is_string() && machines["machines"][0]["app_name"] == "web");
    let volumes = sim.get("/v1/orgs/acme/volumes?include_deleted=true").await.json();
    assert_eq!(volumes["volumes"].as_array().unwrap().len(), 2);
    assert_eq!(sim.get("/v1/orgs/nobody/machines").await.status, 404);
    assert_eq!(sim.get("/v1/tokens/current").await.json()["tokens"][0]["org_slug"], "acme");
    assert!(sim.get("/v1/platform/regions").await.json()["regions"].as_array().unwrap().len() > 2);
    let without = |path| request(sim.server.addr(), "GET", path, &[], String::new());
    let refused = without("/v1/apps/web").await.unwrap();
    assert_eq!((refused.status, refused.error().as_str()), (401, "Authenticate: token validation error"));
    assert!(refused.headers.contains_key("fly-request-id"));
    assert_eq!(without("/v1/apps").await.unwrap().status, 404);
    assert_eq!(without("/v1/platform/regions").await.unwrap().status, 200);
}

async fn walk_failures(sim: &Sim, machine: &str) {
    for status in [400, 401, 403, 404, 409, 412, 422, 429, 500, 502, 503, 504] {
        sim.rest();
        for path in ["/v1/apps/web", "/v1/apps/web/machines"] {
            let fault = Fault { path: path.into(), status: Some(status), count: Some(1), ..Fault::default() };
            sim.world().turn(|knobs| knobs.faults = vec![fault]);
            assert_eq!(sim.get(path).await.status, status);
        }
    }
    sim.world().turn(|knobs| {
        knobs.token_orgs = Some(Vec::new());
        knobs.faults.clear();
    });
    assert_eq!(sim.get("/v1/apps/web").await.status, 403);
    sim.world().turn(|knobs| knobs.token_orgs = None);
    let wait = format!("/v1/apps/web/machines/{machine}/wait?state=suspended&timeout=1");
    sim.clock.advance(10_000);
    let (late, ()) = tokio::join!(sim.get(&wait), async {
        let mut seen = false;
        while !seen {
            seen = sim.world().stats().operations.get("Machines_wait").is_some_and(|count| *count > 2);
            tokio::task::yield_now().await;
        }
        sim.clock.advance(1_000);
    });
    assert_eq!(late.status, 408);
    assert!(late.error().starts_with("deadline_exceeded: machine failed to reach desired state, suspended"));
}

async fn walk() -> Sim {
    let sim = Sim::start().await;
    walk_apps(&sim).await;
    let machine = walk_machines(&sim).await;
    sim.rest();
    walk_metadata(&sim, &machine).await;
    sim.rest();
    walk_volumes(&sim).await;
    sim.rest();
    walk_ips_and_certs(&sim).await;
    walk_the_rest(&sim).await;
    walk_postgres(&sim).await;
    assert_eq!(sim.world().stats().too_many, 0, "the walk keeps to the limits");
    walk_failures(&sim, &machine).await;
    sim
}

/// Operations that the simulator does not have: it runs no processes and keeps no keys.
fn absent(operation: &str) -> bool {
    let absent = [
        "Machines_exec",
        "Machines_get_memory",
        "Machines_set_memory_limit",
        "Machines_reclaim_memory",
        "Machines_list_processes",
        "createVolumeSnapshot",
        "Platform_placements_post",
    ];
    let tokens = operation.starts_with("Tokens_");
    absent.contains(&operation) || tokens || operation.to_lowercase().starts_with("secretkey")
}

#[tokio::test]
async fn every_answer_is_as_the_document_says_and_every_deviation_is_needed() {
    let sim = walk().await;
    let exchanges = sim.world().exchanges();
    let contract = Contract::vendor().unwrap();
    for operation in contract.operations().iter().filter(|operation| !absent(operation)) {
        let seen = exchanges.iter().any(|e| e.operation.as_ref() == Some(operation) && e.status < 300);
        assert!(seen, "{operation} was never answered");
    }
    for (line, (operation, differs, source)) in contract.deviations().enumerate() {
        assert!(!differs.is_empty() && !source.is_empty());
        let mut strict = Contract::without(line).unwrap();
        let needed = exchanges.iter().any(|exchange| !strict.check(exchange).is_empty());
        assert!(needed, "no exchange needs: {operation}: {differs}");
    }
}

#[tokio::test]
async fn an_unknown_path_and_an_invented_field_are_violations() {
    let sim = Sim::start().await.that_may_lie();
    assert_eq!(sim.get("/v1/nothing").await.status, 404);
    let body = r#"{"id": "x", "invented": 1}"#.to_owned();
    let fault = Fault { path: "/v1/apps/a".into(), status: Some(200), body: Some(body), ..Fault::default() };
    sim.world().turn(|knobs| knobs.faults = vec![fault]);
    sim.get("/v1/apps/a").await;
    let problems: Vec<_> = sim.world().violations().into_iter().map(|v| v.problem).collect();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[1].contains("invented"), "{problems:?}");
}

#[test]
fn every_knob_says_what_it_does_and_where_that_was_seen() {
    for row in KNOBS {
        assert!(row.does.ends_with('.') && !row.source.is_empty(), "{}", row.name);
    }
}
