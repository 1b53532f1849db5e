//! Knobs of lists: lag, pages, blindness.

use serde_json::{Value, json};

use crate::support::Sim;

const ORG: &str = "/v1/orgs/acme/machines";

fn ids(list: &Value) -> Vec<String> {
    let rows = list["machines"].as_array().unwrap();
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

/// Follows the cursors to the end; returns the pages.
async fn pages(sim: &Sim, query: &str) -> Vec<Value> {
    let mut pages = vec![sim.get(&format!("{ORG}?{query}")).await.json()];
    while let Some(cursor) = pages.last().unwrap()["next_cursor"].as_str() {
        let next = sim.get(&format!("{ORG}?{query}&cursor={cursor}")).await.json();
        pages.push(next);
        sim.rest();
    }
    pages
}

fn fleet(sim: &Sim, machines: usize) -> Vec<String> {
    sim.act(json!({"do": "create_app", "name": "a"}));
    (0..machines)
        .map(|_| {
            sim.clock.advance(1_000);
            let machine = sim.act(json!({"do": "create_machine", "app": "a"}));
            machine["id"].as_str().unwrap().to_owned()
        })
        .collect()
}

pub(crate) async fn org_list_lag_ms(sim: &Sim) {
    let id = sim.app_with_machine("a");
    sim.world().turn(|knobs| knobs.org_list_lag_ms = 120_000);
    assert!(ids(&sim.get(ORG).await.json()).is_empty(), "absent for minutes");
    assert_eq!(sim.get("/v1/apps/a/machines").await.json()[0]["id"], id.as_str(), "its own list is not late");
    let born = sim.get(&format!("/v1/apps/a/machines/{id}")).await.json()["updated_at"].clone();
    sim.clock.advance(120_000);
    let row = sim.get(ORG).await.json()["machines"][0].clone();
    assert_eq!((&row["id"], &row["updated_at"]), (&json!(id), &born), "late, with its old time");
    let late = format!("{ORG}?updated_after=2026-03-31T06:09:00Z");
    assert!(ids(&sim.get(&late).await.json()).is_empty(), "a short overlap misses it for good");
    sim.act(json!({"do": "destroy_machine", "machine": id}));
    let all = format!("{ORG}?include_deleted=true");
    assert_eq!(sim.get(&all).await.json()["machines"][0]["state"], "started", "still as it was");
    sim.clock.advance(120_000);
    assert_eq!(sim.get(&all).await.json()["machines"][0]["state"], "destroyed");
}

pub(crate) async fn org_list_empty_pages(sim: &Sim) {
    let made = fleet(sim, 3);
    sim.world().turn(|knobs| knobs.org_list_empty_pages = 2);
    let pages = pages(sim, "limit=2").await;
    let sizes: Vec<_> = pages.iter().map(|page| ids(page).len()).collect();
    assert_eq!(sizes, [0, 0, 2, 0, 0, 1], "an empty page is not the end");
    assert_eq!(pages.iter().flat_map(ids).collect::<Vec<_>>(), made);
}

pub(crate) async fn org_list_page_max(sim: &Sim) {
    let made = fleet(sim, 3);
    sim.world().turn(|knobs| knobs.org_list_page_max = Some(1));
    let pages = pages(sim, "limit=1000").await;
    assert_eq!(pages.iter().map(|page| ids(page).len()).collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(pages.iter().flat_map(ids).collect::<Vec<_>>(), made);
}

pub(crate) async fn org_list_unsorted(sim: &Sim) {
    let mut made = fleet(sim, 5);
    sim.world().turn(|knobs| knobs.org_list_unsorted = true);
    let pages = pages(sim, "limit=2").await;
    let times: Vec<_> =
        pages.iter().filter_map(|page| page["last_updated_at"].as_str()).map(str::to_owned).collect();
    assert!(!times.is_sorted(), "{times:?}");
    let mut seen: Vec<_> = pages.iter().flat_map(ids).collect();
    made.sort();
    seen.sort();
    assert_eq!(seen, made, "all of them, once each");
}

pub(crate) async fn org_list_instance_absent(sim: &Sim) {
    let id = sim.app_with_machine("a");
    sim.world().turn(|knobs| knobs.org_list_instance_absent = true);
    let row = sim.get(ORG).await.json()["machines"][0].clone();
    let own = sim.get(&format!("/v1/apps/a/machines/{id}")).await.json();
    assert_eq!((row.get("instance_id"), &row["version"]), (None, &own["instance_id"]));
}

pub(crate) async fn error_regions(sim: &Sim) {
    sim.app_with_machine("a");
    sim.act(json!({"do": "create_machine", "app": "a", "region": "syd"}));
    sim.world().turn(|knobs| knobs.error_regions = vec!["syd".into()]);
    let list = sim.get(ORG).await.json();
    assert_eq!(list["error_regions"], json!(["syd"]));
    assert_eq!(ids(&list).len(), 1, "its machines are left out");
    sim.world().turn(|knobs| knobs.error_regions.clear());
    assert_eq!(ids(&sim.get(ORG).await.json()).len(), 2);
}

/// Lists something right after its creation, and again when the blindness is over.
async fn blind(sim: &Sim, path: &str, rows: &str) {
    let count = async || sim.get(path).await.json().pointer(rows).unwrap().as_array().unwrap().len();
    assert_eq!(count().await, 0, "{path} is blind");
    sim.clock.advance(1_999);
    assert_eq!(count().await, 0, "{path} is still blind");
    sim.clock.advance(1);
    assert_eq!(count().await, 1, "{path} sees it");
}

pub(crate) async fn blind_apps_ms(sim: &Sim) {
    sim.world().turn(|knobs| knobs.blind_apps_ms = 2_000);
    sim.act(json!({"do": "create_app", "name": "a"}));
    assert_eq!(sim.get("/v1/apps/a").await.status, 200, "reading it works");
    blind(sim, "/v1/apps?org_slug=acme", "/apps").await;
}

pub(crate) async fn blind_machines_ms(sim: &Sim) {
    sim.world().turn(|knobs| knobs.blind_machines_ms = 2_000);
    let id = sim.app_with_machine("a");
    assert_eq!(sim.get(&format!("/v1/apps/a/machines/{id}")).await.status, 200);
    blind(sim, "/v1/apps/a/machines", "").await;
}

pub(crate) async fn blind_ips_ms(sim: &Sim) {
    sim.world().turn(|knobs| knobs.blind_ips_ms = 2_000);
    sim.act(json!({"do": "create_app", "name": "a"}));
    sim.call("POST", "/v1/apps/a/ip_assignments", json!({"type": "v6"})).await;
    blind(sim, "/v1/apps/a/ip_assignments", "/ips").await;
}

pub(crate) async fn blind_certs_ms(sim: &Sim) {
    sim.world().turn(|knobs| knobs.blind_certs_ms = 2_000);
    sim.act(json!({"do": "create_app", "name": "a"}));
    sim.act(json!({"do": "create_cert", "app": "a", "hostname": "x.example"}));
    assert_eq!(sim.get("/v1/apps/a/certificates/x.example").await.status, 200);
    blind(sim, "/v1/apps/a/certificates", "/certificates").await;
}

pub(crate) async fn blind_secrets_ms(sim: &Sim) {
    sim.world().turn(|knobs| knobs.blind_secrets_ms = 2_000);
    sim.act(json!({"do": "create_app", "name": "a"}));
    sim.act(json!({"do": "set_secret", "app": "a", "name": "S", "value": "v"}));
    blind(sim, "/v1/apps/a/secrets", "/secrets").await;
}

pub(crate) async fn blind_gets(sim: &Sim) {
    sim.world().turn(|knobs| {
        knobs.blind_gets = true;
        knobs.blind_apps_ms = 500;
        knobs.blind_machines_ms = 2_000;
        knobs.blind_certs_ms = 2_000;
        knobs.blind_secrets_ms = 2_000;
    });
    let machine = sim.app_with_machine("a");
    sim.act(json!({"do": "create_cert", "app": "a", "hostname": "x.example"}));
    sim.act(json!({"do": "set_secret", "app": "a", "name": "S", "value": "v"}));
    assert_eq!(sim.get("/v1/apps/a").await.status, 404);
    let paths = [
        format!("/v1/apps/a/machines/{machine}"),
        "/v1/apps/a/certificates/x.example".to_owned(),
        "/v1/apps/a/secrets/S".to_owned(),
    ];
    for path in &paths {
        assert_eq!(sim.get(path).await.status, 404, "{path}");
    }
    sim.clock.advance(2_000);
    for path in &paths {
        assert_eq!(sim.get(path).await.status, 200, "{path}");
    }
    assert_eq!(sim.get("/v1/apps/a").await.status, 200);
}
