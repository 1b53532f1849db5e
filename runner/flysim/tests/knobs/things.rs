//! Knobs of machines, certificates, addresses and volumes.

use serde_json::{Value, json};

use crate::support::Sim;

async fn machine(sim: &Sim, id: &str) -> Value {
    sim.get(&format!("/v1/apps/a/machines/{id}")).await.json()
}

pub(crate) async fn transition_ms(sim: &Sim) {
    sim.world().turn(|knobs| knobs.transition_ms = 3_000);
    let id = sim.app_with_machine("a");
    assert_eq!(machine(sim, &id).await["state"], "created");
    let early = sim.call("POST", &format!("/v1/apps/a/machines/{id}/start"), json!({})).await;
    let text = "failed_precondition: unable to start machine from current state: 'created'";
    assert_eq!((early.status, early.error().as_str()), (412, text));
    sim.clock.advance(3_000);
    assert_eq!(machine(sim, &id).await["state"], "started");
    sim.call("POST", &format!("/v1/apps/a/machines/{id}"), json!({"config": {"image": "y"}})).await;
    let replaced = sim.call("POST", &format!("/v1/apps/a/machines/{id}/start"), json!({})).await;
    assert_eq!(replaced.error(), "failed_precondition: machine getting replaced, refusing to start");
    sim.clock.advance(3_000);
    for (action, during, after) in [
        ("stop_machine", "stopping", "stopped"),
        ("start_machine", "starting", "started"),
        ("suspend_machine", "suspending", "suspended"),
        ("destroy_machine", "destroying", "destroyed"),
    ] {
        sim.act(json!({"do": action, "machine": id}));
        assert_eq!(machine(sim, &id).await["state"], during);
        sim.clock.advance(3_000);
        assert_eq!(machine(sim, &id).await["state"], after);
    }
}

pub(crate) async fn start_migrates(sim: &Sim) {
    let id = sim.app_with_machine("a");
    let start = format!("/v1/apps/a/machines/{id}/start");
    let log = async || {
        let events = sim.get(&format!("/v1/apps/a/machines/{id}/events")).await.json();
        let word = |event: &Value| {
            ["type", "status", "source"].map(|part| event[part].as_str().unwrap().to_owned()).join("/")
        };
        events
            .as_array()
            .unwrap()
            .iter()
            .map(word)
            .filter(|event| event.starts_with("launch/"))
            .collect::<Vec<_>>()
    };
    let here = json!({"previous_state": "stopped", "migrated": false, "new_host": ""});
    let there = json!({"previous_state": "stopped", "migrated": true, "new_host": "another"});
    sim.act(json!({"do": "stop_machine", "machine": id}));
    assert_eq!(sim.call("POST", &start, json!({})).await.json(), here);
    sim.world().turn(|knobs| knobs.start_migrates = true);
    sim.act(json!({"do": "stop_machine", "machine": id}));
    assert_eq!(sim.call("POST", &start, json!({})).await.json(), there);
    assert_eq!(log().await, ["launch/created/flyd", "launch/created/user"]);
}

pub(crate) async fn state_words(sim: &Sim) {
    let id = sim.app_with_machine("a");
    sim.world().turn(|knobs| knobs.state_words = [("suspended".into(), "hibernated".into())].into());
    assert_eq!(machine(sim, &id).await["state"], "started");
    sim.act(json!({"do": "suspend_machine", "machine": id}));
    assert_eq!(machine(sim, &id).await["state"], "hibernated");
    for (word, listed) in [("hibernated", 1), ("suspended", 0)] {
        let org = sim.get(&format!("/v1/orgs/acme/machines?state={word}")).await.json();
        assert_eq!(org["machines"].as_array().unwrap().len(), listed, "{word}");
        let own = sim.get(&format!("/v1/apps/a/machines?state={word}")).await.json();
        assert_eq!(own.as_array().unwrap().len(), listed, "{word}");
    }
    let started = sim.call("POST", &format!("/v1/apps/a/machines/{id}/start"), json!({})).await;
    assert_eq!(started.status, 200, "it is what it was");
}

pub(crate) async fn stale_machines_ms(sim: &Sim) {
    let before = sim.app_with_machine("a");
    sim.act(json!({"do": "delete_app", "app": "a"}));
    sim.clock.advance(1_000);
    let now = sim.app_with_machine("a");
    let shown = async || {
        let listed = sim.get("/v1/apps/a/machines").await.json();
        let one = |machine: &Value| (machine["id"].clone(), machine["state"].clone());
        listed.as_array().unwrap().iter().map(one).collect::<Vec<_>>()
    };
    let started = |id: &str| (json!(id), json!("started"));
    assert_eq!(shown().await, [started(&now)]);
    sim.world().turn(|knobs| knobs.stale_machines_ms = 5_000);
    assert_eq!(shown().await, [started(&now), started(&before)]);
    assert_eq!(sim.get(&format!("/v1/apps/a/machines/{before}")).await.status, 404);
    sim.clock.advance(4_000);
    assert_eq!(shown().await, [started(&now)]);
}

pub(crate) async fn events_unknown(sim: &Sim) {
    sim.world().turn(|knobs| knobs.events_unknown = true);
    let id = sim.app_with_machine("a");
    let events = sim.get(&format!("/v1/apps/a/machines/{id}/events")).await.json();
    let words = |event: &Value| [&event["type"], &event["status"]].map(|it| it.as_str().unwrap().to_owned());
    let told: Vec<_> = events.as_array().unwrap().iter().map(words).collect();
    let (start, launch, odd) = (["start", "started"], ["launch", "created"], ["checkpoint", "observed"]);
    assert_eq!(told, [start, odd, launch, odd]);
}

pub(crate) async fn destroying_after_wait_ms(sim: &Sim) {
    let id = sim.app_with_machine("a");
    sim.world().turn(|knobs| knobs.destroying_after_wait_ms = 2_000);
    sim.act(json!({"do": "destroy_machine", "machine": id}));
    let waited = sim.get(&format!("/v1/apps/a/machines/{id}/wait?state=destroyed")).await.json();
    assert_eq!(waited["state"], "destroyed");
    assert_eq!(machine(sim, &id).await["state"], "destroying");
    sim.clock.advance(2_000);
    assert_eq!(machine(sim, &id).await["state"], "destroyed");
}

pub(crate) async fn machine_prune_ms(sim: &Sim) {
    let id = sim.app_with_machine("a");
    sim.act(json!({"do": "destroy_machine", "machine": id}));
    assert_eq!(machine(sim, &id).await["state"], "destroyed");
    sim.world().turn(|knobs| knobs.machine_prune_ms = Some(1_000));
    sim.clock.advance(1_000);
    let gone = sim.get(&format!("/v1/apps/a/machines/{id}")).await;
    assert_eq!((gone.status, gone.error().as_str()), (404, "machine not found"));
    assert_eq!(sim.get("/v1/apps/a/machines?include_deleted=true").await.json(), json!([]));
    let org = sim.get("/v1/orgs/acme/machines?include_deleted=true").await.json();
    assert_eq!(org["machines"], json!([]));
}

pub(crate) async fn unreachable_regions(sim: &Sim) {
    let id = sim.app_with_machine("a");
    let volume = sim.act(json!({"do": "create_volume", "app": "a", "name": "d"}));
    sim.world().turn(|knobs| knobs.unreachable_regions = vec!["fra".into()]);
    let machine = machine(sim, &id).await;
    assert_eq!(machine["host_status"], "unreachable");
    assert!(machine.get("config").is_none() && machine["incomplete_config"].is_object());
    let volume = format!("/v1/apps/a/volumes/{}", volume["id"].as_str().unwrap());
    assert_eq!(sim.get(&volume).await.json()["host_status"], "unreachable");
}

pub(crate) async fn event_ids_absent(sim: &Sim) {
    let id = sim.app_with_machine("a");
    let events = format!("/v1/apps/a/machines/{id}/events");
    assert!(sim.get(&events).await.json()[0]["id"].is_string());
    sim.world().turn(|knobs| knobs.event_ids_absent = true);
    let event = sim.get(&events).await.json()[0].clone();
    assert!(event.get("id").is_none() && event["timestamp"].is_i64());
}

pub(crate) async fn monitor_events(sim: &Sim) {
    let id = sim.app_with_machine("a");
    sim.act(json!({"do": "exit_machine", "machine": id, "code": 137, "oom_killed": true}));
    let events = format!("/v1/apps/a/machines/{id}/events");
    let exit = sim.get(&events).await.json()[0]["request"]["exit_event"].clone();
    assert_eq!((&exit["exit_code"], &exit["guest_exit_code"]), (&json!(137), &json!(0)));
    assert_eq!((&exit["oom_killed"], &exit["requested_stop"]), (&json!(true), &json!(false)));
    sim.world().turn(|knobs| knobs.monitor_events = true);
    assert_eq!(sim.get(&events).await.json()[0]["request"]["MonitorEvent"]["exit_event"], exit);
}

pub(crate) async fn metadata_touches_updated_at(sim: &Sim) {
    let id = sim.app_with_machine("a");
    let before = machine(sim, &id).await["updated_at"].clone();
    let key = format!("/v1/apps/a/machines/{id}/metadata/k");
    sim.clock.advance(5_000);
    sim.call("POST", &key, json!({"value": "1"})).await;
    assert_eq!(machine(sim, &id).await["updated_at"], before);
    sim.world().turn(|knobs| knobs.metadata_touches_updated_at = true);
    sim.call("POST", &key, json!({"value": "2"})).await;
    assert_ne!(machine(sim, &id).await["updated_at"], before);
    let org = sim.get("/v1/orgs/acme/machines").await.json();
    assert_eq!(org["machines"][0]["config"]["metadata"]["k"], "2");
}

pub(crate) async fn cert_active_after_ms(sim: &Sim) {
    sim.act(json!({"do": "create_app", "name": "a"}));
    sim.act(json!({"do": "create_cert", "app": "a", "hostname": "never.example"}));
    sim.world().turn(|knobs| knobs.cert_active_after_ms = Some(1_000));
    sim.act(json!({"do": "create_cert", "app": "a", "hostname": "x.example"}));
    sim.clock.advance(500);
    sim.act(json!({"do": "delete_cert", "app": "a", "hostname": "x.example"}));
    sim.act(json!({"do": "create_cert", "app": "a", "hostname": "x.example"}));
    sim.clock.advance(500);
    let status = async |host: &str| {
        let cert = sim.get(&format!("/v1/apps/a/certificates/{host}")).await.json();
        cert["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(status("x.example").await, "pending_validation", "the first request is over");
    sim.clock.advance(500);
    assert_eq!(status("x.example").await, "active");
    sim.rest();
    assert_eq!(status("never.example").await, "pending_validation");
}

pub(crate) async fn shared_ip_repeat_status(sim: &Sim) {
    sim.act(json!({"do": "create_app", "name": "a"}));
    sim.world().turn(|knobs| knobs.shared_ip_repeat_status = Some(409));
    let post =
        async || sim.call("POST", "/v1/apps/a/ip_assignments", json!({"type": "shared_v4"})).await.status;
    assert_eq!([post().await, post().await], [200, 409]);
    assert_eq!(sim.effects("ip.allocated"), 1);
}

pub(crate) async fn v6_repeat_status(sim: &Sim) {
    sim.act(json!({"do": "create_app", "name": "a"}));
    sim.world().turn(|knobs| knobs.v6_repeat_status = Some(422));
    let ips = "/v1/apps/a/ip_assignments";
    let post = async |kind: &str| sim.call("POST", ips, json!({"type": kind})).await.status;
    assert_eq!([post("v6").await, post("v6").await, post("v4").await], [200, 422, 200]);
    assert_eq!(sim.effects("ip.allocated"), 2);
}

pub(crate) async fn egress_ips_listed(sim: &Sim) {
    sim.act(json!({"do": "create_app", "name": "a"}));
    let v4 = sim.act(json!({"do": "make_org_thing", "thing": {"kind": "egress", "app": "a"}}));
    let listed = async || sim.get("/v1/apps/a/ip_assignments").await.json()["ips"].clone();
    assert_eq!(listed().await, json!([]));
    sim.world().turn(|knobs| knobs.egress_ips_listed = true);
    let pair = listed().await[0].clone();
    assert_eq!((&pair["ip"], &pair["ip_pair"]["v4"], &pair["egress"]), (&Value::Null, &v4, &json!(true)));
    assert!(pair["ip_pair"]["v6"].as_str().unwrap().contains(':'));
}

/// Makes a volume, bound to a machine that is then destroyed; returns the volume's path.
fn orphan(sim: &Sim) -> String {
    sim.act(json!({"do": "create_app", "name": "a"}));
    let volume = sim.act(json!({"do": "create_volume", "app": "a", "name": "d"}));
    let config = json!({"image": "x", "mounts": [{"volume": volume["id"], "path": "/d"}]});
    let machine = sim.act(json!({"do": "create_machine", "app": "a", "config": config}));
    sim.act(json!({"do": "destroy_machine", "machine": machine["id"]}));
    format!("/v1/apps/a/volumes/{}", volume["id"].as_str().unwrap())
}

pub(crate) async fn volume_detach_ms(sim: &Sim) {
    sim.world().turn(|knobs| knobs.volume_detach_ms = 120_000);
    let volume = orphan(sim);
    sim.clock.advance(119_999);
    assert_eq!(sim.call("DELETE", &volume, Value::Null).await.status, 412, "its machine is gone long since");
    sim.clock.advance(1);
    assert_eq!(sim.get(&volume).await.json()["attached_machine_id"], Value::Null);
    assert_eq!(sim.call("DELETE", &volume, Value::Null).await.status, 200);
}

pub(crate) async fn volume_bound_409(sim: &Sim) {
    sim.world().turn(|knobs| {
        knobs.volume_bound_409 = true;
        knobs.volume_detach_ms = 1_000;
    });
    let volume = orphan(sim);
    assert_eq!(sim.call("DELETE", &volume, Value::Null).await.status, 409);
}

pub(crate) async fn volume_list_unattached(sim: &Sim) {
    sim.world().turn(|knobs| {
        knobs.volume_list_unattached = true;
        knobs.volume_detach_ms = 1_000;
    });
    let volume = orphan(sim);
    assert!(sim.get("/v1/apps/a/volumes").await.json()[0].get("attached_machine_id").is_none());
    assert!(sim.get(&volume).await.json()["attached_machine_id"].is_string(), "reading it alone tells");
}

pub(crate) async fn volume_going_state(sim: &Sim) {
    sim.act(json!({"do": "create_app", "name": "a"}));
    let volume = sim.act(json!({"do": "create_volume", "app": "a", "name": "d"}));
    let path = format!("/v1/apps/a/volumes/{}", volume["id"].as_str().unwrap());
    sim.world().turn(|knobs| knobs.volume_going_state = Some("waiting_for_detach".into()));
    assert_eq!(sim.get(&path).await.json()["state"], "created");
    sim.call("DELETE", &path, Value::Null).await;
    assert_eq!(sim.get(&path).await.json()["state"], "waiting_for_detach");
    let org = sim.get("/v1/orgs/acme/volumes").await.json();
    assert_eq!(org["volumes"][0]["state"], "waiting_for_detach");
}

pub(crate) async fn volume_prune_ms(sim: &Sim) {
    let volume = orphan(sim);
    sim.rest();
    assert_eq!(sim.call("DELETE", &volume, Value::Null).await.status, 200);
    sim.clock.advance(3_600_000);
    assert_eq!(sim.get(&volume).await.json()["state"], "pending_destroy", "kept for a day");
    sim.world().turn(|knobs| knobs.volume_prune_ms = Some(3_600_000));
    assert_eq!(sim.get(&volume).await.status, 404);
}

pub(crate) async fn cert_rate_limited_ms(sim: &Sim) {
    sim.world().turn(|knobs| knobs.cert_rate_limited_ms = 3_000);
    sim.act(json!({"do": "create_app", "name": "a"}));
    sim.act(json!({"do": "create_cert", "app": "a", "hostname": "x.example"}));
    sim.act(json!({"do": "configure_dns", "hostname": "x.example", "configured": true}));
    let cert = async || sim.get("/v1/apps/a/certificates/x.example").await.json();
    let limited = cert().await;
    assert_eq!((&limited["status"], &limited["configured"]), (&json!("pending_validation"), &json!(true)));
    assert!(limited["rate_limited_until"].is_string(), "{limited}");
    sim.clock.advance(3_000);
    // Its DNS may have been taken away meanwhile.
    sim.act(json!({"do": "create_cert", "app": "a", "hostname": "y.example"}));
    for configured in [true, false] {
        sim.act(json!({"do": "configure_dns", "hostname": "y.example", "configured": configured}));
    }
    sim.clock.advance(3_000);
    let other = sim.get("/v1/apps/a/certificates/y.example").await.json();
    assert_eq!((&other["status"], other.get("rate_limited_until")), (&json!("pending_validation"), None));
    let issued = cert().await;
    assert_eq!((&issued["status"], issued.get("rate_limited_until")), (&json!("active"), None));
}
