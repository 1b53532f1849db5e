//! The ways of the API that are no knobs: they always hold.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use groundcrew_flysim::{Actor, HOME_ORG};
use serde_json::{Value, json};
use support::{Sim, request};

#[tokio::test]
async fn a_deleted_and_recreated_app_has_another_id_and_nothing_of_the_old_one() {
    let sim = Sim::start().await;
    sim.app_with_machine("a");
    sim.act(json!({"do": "allocate_ip", "app": "a", "type": "v6"}));
    sim.act(json!({"do": "create_cert", "app": "a", "hostname": "x.example"}));
    sim.act(json!({"do": "create_volume", "app": "a", "name": "d"}));
    sim.act(json!({"do": "set_secret", "app": "a", "name": "S", "value": "v"}));
    let first = sim.get("/v1/apps/a").await.json();
    assert_eq!((&first["machine_count"], &first["volume_count"]), (&json!(1), &json!(1)));
    assert_eq!(sim.call("DELETE", "/v1/apps/a", Value::Null).await.status, 202);
    sim.act(json!({"do": "create_app", "name": "a"}));
    let second = sim.get("/v1/apps/a").await.json();
    assert_ne!(first["id"], second["id"]);
    assert_eq!(second["machine_count"], 0);
    assert_eq!(sim.get("/v1/apps/a/ip_assignments").await.json()["ips"], json!([]));
    let gone = [
        "machine.destroyed",
        "ip.released",
        "cert.deleted",
        "volume.destroyed",
        "secret.unset",
        "app.deleted",
    ];
    for what in gone {
        let log = sim.world().log();
        let effect = log.iter().find(|effect| effect.what == what).unwrap();
        assert_eq!(
            (effect.app_id.as_str(), effect.app.as_str()),
            (first["id"].as_str().unwrap(), "a"),
            "{what}"
        );
        assert_eq!(effect.by, Actor::Platform);
    }
}

#[tokio::test]
async fn a_destroyed_machines_name_is_free_again() {
    let sim = Sim::start().await;
    sim.act(json!({"do": "create_app", "name": "a"}));
    let new = json!({"do": "create_machine", "app": "a", "name": "m"});
    let first = sim.act(new.clone());
    let twin = sim.call("POST", "/v1/apps/a/machines", json!({"name": "m"})).await;
    let id = first["id"].as_str().unwrap();
    let text = format!(
        "already_exists: unique machine name violation, machine ID {id} already exists with name \"m\""
    );
    assert_eq!((twin.status, twin.error()), (409, text));
    sim.act(json!({"do": "destroy_machine", "machine": id}));
    assert_ne!(sim.act(new)["id"], first["id"]);
    let all = sim.get("/v1/apps/a/machines?include_deleted=true").await.json();
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert_eq!(sim.get("/v1/apps/a/machines").await.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn events_come_newest_first_five_in_the_machine_and_fifty_at_most() {
    let sim = Sim::start().await;
    let id = sim.app_with_machine("a");
    for _ in 0..20 {
        sim.act(json!({"do": "exit_machine", "machine": id, "code": 1}));
        sim.act(json!({"do": "start_machine", "machine": id}));
        sim.clock.advance(1_000);
    }
    let machine = format!("/v1/apps/a/machines/{id}");
    assert_eq!(sim.get(&machine).await.json()["events"].as_array().unwrap().len(), 5);
    let count = async |query: &str| {
        sim.rest();
        let events = sim.get(&format!("{machine}/events{query}")).await.json();
        let ids: Vec<_> = events.as_array().unwrap().iter().map(|e| e["id"].to_string()).collect();
        assert!(ids.is_sorted_by(|a, b| a > b), "newest first");
        ids.len()
    };
    assert_eq!([count("").await, count("?limit=7").await, count("?limit=500").await], [20, 7, 50]);
}

#[tokio::test]
async fn an_auto_destroyed_machine_goes_when_it_fails_and_wait_stopped_misses_it() {
    let sim = Sim::start().await;
    sim.act(json!({"do": "create_app", "name": "a"}));
    let config = json!({"image": "x", "auto_destroy": true});
    let machine = sim.act(json!({"do": "create_machine", "app": "a", "config": config}));
    let id = machine["id"].as_str().unwrap();
    sim.act(json!({"do": "exit_machine", "machine": id, "code": 3}));
    let one = format!("/v1/apps/a/machines/{id}");
    assert_eq!(sim.get(&one).await.json()["state"], "destroyed");
    assert_eq!(sim.get(&format!("{one}/wait?state=stopped")).await.status, 404);
    assert_eq!(sim.get(&format!("{one}/wait?state=stopped,destroyed")).await.json()["state"], "destroyed");
}

#[tokio::test]
async fn wait_hears_of_a_change_that_comes_while_it_waits() {
    let sim = Sim::start().await;
    let id = sim.app_with_machine("a");
    let path = format!("/v1/apps/a/machines/{id}");
    let seen = sim.get(&path).await.json()["events"][0]["id"].clone();
    let wait = format!("{path}/wait?state=started&from_event_id={}", seen.as_str().unwrap());
    let (waited, ()) = tokio::join!(sim.get(&wait), async {
        while !sim.world().stats().operations.contains_key("Machines_wait") {
            tokio::task::yield_now().await;
        }
        sim.act(json!({"do": "stop_machine", "machine": id}));
        sim.act(json!({"do": "start_machine", "machine": id}));
    });
    assert_eq!(waited.json()["state"], "started");
    assert_ne!(waited.json()["event_id"], seen, "not the start that was known already");
}

#[tokio::test]
async fn leases_guard_commands_and_not_metadata() {
    let sim = Sim::start().await;
    let id = sim.app_with_machine("a");
    let one = format!("/v1/apps/a/machines/{id}");
    let lease = sim.call("POST", &format!("{one}/lease?ttl=60"), Value::Null).await.json();
    let nonce = lease["data"]["nonce"].as_str().unwrap().to_owned();
    assert_eq!(lease["data"]["expires_at"], support::START_MS / 1000 + 60, "unix seconds");
    let again = sim.call("POST", &format!("{one}/lease"), Value::Null).await;
    assert_eq!((again.status, again.error().starts_with("lease currently held by")), (409, true));
    let destroy = format!("{one}?kill=true");
    assert_eq!(sim.call("DELETE", &destroy, Value::Null).await.status, 409);
    assert_eq!(sim.call("POST", &format!("{one}/metadata/k"), json!({"value": "v"})).await.status, 204);
    let headers = [("authorization", "FlyV1 fm2_a,fm2_b"), ("fly-machine-lease-nonce", nonce.as_str())];
    let mine = async |method: &str, path: &str| {
        request(sim.server.addr(), method, path, &headers, String::new()).await.unwrap()
    };
    assert_eq!(mine("POST", &format!("{one}/lease?ttl=90")).await.json()["data"]["nonce"], nonce.as_str());
    assert_eq!(mine("DELETE", &destroy).await.status, 200);
    assert_eq!(mine("DELETE", &format!("{one}/lease")).await.error(), "lease not found");
}

#[tokio::test]
async fn a_rerun_with_the_same_seed_gives_the_same_ids_and_log() {
    let log = async || {
        let sim = Sim::start().await;
        sim.world().seed_fleet(4, 10).unwrap();
        sim.clock.advance(1_000);
        sim.call("POST", "/v1/apps/cust-1/ip_assignments", json!({"type": "v4"})).await;
        sim.act(json!({"do": "delete_app", "app": "cust-2"}));
        sim.world().log()
    };
    let (first, second) = (log().await, log().await);
    assert!(first.len() > 25);
    assert_eq!(first, second);
    let seqs: Vec<_> = first.iter().map(|effect| effect.seq).collect();
    assert_eq!(seqs, (1..=first.len() as u64).collect::<Vec<_>>(), "no gaps");
}

#[tokio::test]
async fn the_log_goes_to_a_file_line_by_line() {
    let sim = Sim::start().await;
    sim.act(json!({"do": "create_app", "name": "before"}));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "{\"subject\": \"of another day\", \"by\": \"owner\"}\n").unwrap();
    sim.world().log_to(file.path()).unwrap();
    sim.call("POST", "/v1/apps", json!({"name": "after", "org_slug": HOME_ORG})).await;
    let text = std::fs::read_to_string(file.path()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let apps: Vec<_> = lines.iter().map(|line| line["subject"].as_str().unwrap()).collect();
    assert_eq!(apps, ["of another day", "before", "after"], "what was there stays");
    assert_eq!((&lines[1]["by"], &lines[2]["by"]), (&json!("owner"), &json!("client")));
    assert!(lines[1]["request_id"].is_null() && lines[2]["request_id"].is_string());
}

#[tokio::test]
async fn a_quiet_world_still_lets_things_happen_in_time() {
    let sim = Sim::start().await;
    sim.world().turn(|knobs| knobs.app_delete_ms = 1_000);
    sim.act(json!({"do": "create_app", "name": "a"}));
    sim.act(json!({"do": "delete_app", "app": "a"}));
    let file = tempfile::NamedTempFile::new().unwrap();
    sim.world().log_to(file.path()).unwrap();
    sim.clock.advance(1_000);
    // Nobody calls: the server itself looks for what is due.
    while !std::fs::read_to_string(file.path()).unwrap().contains("app.deleted") {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_transition_that_was_overtaken_never_lands() {
    let sim = Sim::start().await;
    let id = sim.app_with_machine("a");
    sim.act(json!({"do": "stop_machine", "machine": id}));
    sim.world().turn(|knobs| knobs.transition_ms = 1_000);
    sim.act(json!({"do": "start_machine", "machine": id}));
    sim.clock.advance(500);
    let started = sim.effects("machine.started");
    sim.act(json!({"do": "stop_machine", "machine": id}));
    sim.clock.advance(5_000);
    assert_eq!(sim.get(&format!("/v1/apps/a/machines/{id}")).await.json()["state"], "stopped");
    assert_eq!(sim.effects("machine.started"), started, "the start was called off");
}

#[tokio::test]
async fn each_machine_and_each_app_has_its_own_limit() {
    let sim = Sim::start().await;
    sim.world().seed_fleet(5, 0).unwrap();
    let path = |id: &Value| format!("/v1/apps/cust-1/machines/{}/stop", id.as_str().unwrap());
    let machines: Vec<_> =
        (0..5).map(|_| path(&sim.act(json!({"do": "create_machine", "app": "cust-1"}))["id"])).collect();
    for machine in &machines {
        assert_eq!(sim.call("POST", machine, json!({})).await.status, 200);
    }
    for app in 1..=5 {
        assert_eq!(sim.get(&format!("/v1/apps/cust-{app}/ip_assignments")).await.status, 200);
    }
    assert_eq!(sim.world().stats().too_many, 0);
}
