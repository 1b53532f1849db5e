//! Calls as they go out, answers as they come in.

use std::collections::BTreeMap;

use groundcrew_fly::{Answer, Class, Method, apps, certificates, ips, machines, secrets, tokens, volumes};
use serde_json::json;

fn answer(body: &serde_json::Value) -> Answer {
    Answer::new(200, body.to_string().as_bytes())
}

#[test]
fn an_app_keeps_what_is_unknown_and_its_list_says_whether_it_is_whole() {
    let body = json!({"total_apps": 2, "apps": [{"id": "z4", "name": "web", "status": "unheard-of", "cname_target": "x",
        "organization": {"slug": "jane-doe", "internal_numeric_id": 7, "name": "Jane"}}]});
    let list = apps::list("personal").read(&answer(&body)).unwrap();
    assert!(!list.is_whole());
    let app = &list.apps[0];
    assert_eq!(app.status.as_deref(), Some("unheard-of"));
    assert_eq!(app.organization.as_ref().unwrap().internal_numeric_id, Some(7));
    assert_eq!(serde_json::to_value(app).unwrap(), body["apps"][0]);
    assert_eq!(apps::list("a b").request.path_and_query, "/v1/apps?org_slug=a%20b");
}

#[test]
fn a_created_app_may_have_a_number_for_a_date() {
    let call = apps::create(&apps::NewApp { name: "web", org_slug: "acme", network: Some("blue") });
    assert_eq!(call.request.method, Method::Post);
    assert_eq!(
        call.request.body,
        Some(json!({"name": "web", "app_name": "web", "org_slug": "acme", "network": "blue"}))
    );
    let app = call.read(&answer(&json!({"id": "z4", "created_at": 1_708_631_799_000_i64}))).unwrap();
    assert_eq!((app.id.as_str(), app.name.as_str()), ("z4", ""));
    assert!(apps::delete("web").read(&Answer::new(202, b"")).is_ok());
}

#[test]
fn a_machine_reads_with_nulls_and_unknown_words() {
    let body = json!([{"id": "14", "state": "levitating", "region": null, "events": null, "instance_id": "01A",
        "config": {"image": "nginx", "metadata": null, "env": null}, "host_status": "ok", "new": [1]}]);
    let list = machines::list("web").read(&answer(&body)).unwrap();
    assert_eq!((list[0].state.as_str(), list[0].region.as_str()), ("levitating", ""));
    assert_eq!((list[0].version_id(), list[0].image()), (Some("01A"), Some("nginx")));
    assert_eq!(list[0].metadata(), Some(serde_json::Map::new()));
    assert_eq!(list[0].rest["new"], json!([1]));
    assert_eq!(machines::list("web").read(&Answer::new(200, b"null")).unwrap(), []);
    let unreachable = json!({"id": "14", "state": "started", "incomplete_config": {"image": "nginx"}});
    assert_eq!(machines::show("web", "14").read(&answer(&unreachable)).unwrap().metadata(), None);
}

#[test]
fn exits_are_read_from_both_nestings_and_the_monitor_wins() {
    let body = json!([
        {"id": "3", "type": "exit", "status": "stopped", "source": "flyd", "timestamp": 1_774_937_288_802_i64,
         "request": {"exit_event": {"exit_code": 1}, "MonitorEvent": {"exit_event": {"exit_code": 137, "oom_killed": true}}}},
        {"type": "exit", "timestamp": 2, "request": {"exit_event": {"exit_code": 0, "requested_stop": true, "signal": -1}}},
        {"type": "exit", "timestamp": 1, "request": {"MonitorEvent": null, "restart_count": 2}},
    ]);
    let call = machines::events("web", "14");
    assert_eq!(call.request.path_and_query, "/v1/apps/web/machines/14/events?limit=50");
    let events = call.read(&answer(&body)).unwrap();
    assert_eq!(events[0].timestamp, 1_774_937_288_802);
    let exit = events[0].exit().unwrap();
    assert!(exit.oom_killed && exit.exit_code == Some(137));
    assert!(events[1].exit().unwrap().requested_stop);
    assert_eq!(events[2].exit(), None);
}

#[test]
fn a_page_of_an_organisation_may_be_empty_and_go_on() {
    let page = machines::OrgPage {
        updated_after: Some("2026-11-21T02:00:00Z"),
        cursor: None,
        deleted: machines::Deleted::Included,
    };
    let call = machines::org_page("acme", &page);
    assert_eq!(
        call.request.path_and_query,
        "/v1/orgs/acme/machines?include_deleted=true&updated_after=2026-11-21T02%3A00%3A00Z"
    );
    let read = call
        .read(&answer(&json!({"machines": null, "next_cursor": "c2", "error_regions": ["fra"]})))
        .unwrap();
    assert_eq!((read.machines.len(), read.next_cursor.as_deref()), (0, Some("c2")));
    assert_eq!(read.error_regions, ["fra"]);
}

#[test]
fn the_kind_of_an_address_is_told_from_the_address() {
    let body = json!({"ips": [{"ip": "fdaa:0:1::3"}, {"ip": "2a09:8280:1::7"}, {"ip": "66.241.125.7", "shared": true},
        {"ip": "137.66.1.2", "service_name": "x"}]});
    let list = ips::list("web").read(&answer(&body)).unwrap();
    let kinds: Vec<_> = list.ips.iter().map(ips::Ip::kind).collect();
    assert_eq!(kinds, [ips::IpKind::PrivateV6, ips::IpKind::V6, ips::IpKind::SharedV4, ips::IpKind::V4]);
    for egress in [
        json!({"ip": "137.66.1.2", "egress": true}),
        json!({"ip": "2a09:8280:1::8", "egress": {"version": 6}}),
        json!({"ip": null, "ip_pair": {"v4": "137.66.1.2", "v6": "2a09:8280:1::8"}}),
        json!({"ip": ""}),
    ] {
        let list = ips::list("web").read(&answer(&json!({ "ips": [egress] }))).unwrap();
        assert_eq!(list.ips[0].kind(), ips::IpKind::Egress, "{egress}");
    }
    let inbound = ips::list("web").read(&answer(&json!({"ips": [{"ip": "137.66.1.2", "egress": false}]})));
    assert_eq!(inbound.unwrap().ips[0].kind(), ips::IpKind::V4);
    let new = ips::NewIp { kind: ips::IpKind::SharedV4, region: Some("fra"), network: None };
    assert_eq!(ips::allocate("web", new).request.body, Some(json!({"type": "shared_v4", "region": "fra"})));
    assert!(!ips::IpKind::SharedV4.is_anonymous() && ips::IpKind::V6.is_anonymous());
    assert_eq!(
        ips::release("web", "2a09:8280:1::7").request.path_and_query,
        "/v1/apps/web/ip_assignments/2a09%3A8280%3A1%3A%3A7"
    );
}

#[test]
fn a_certificate_tells_what_dns_must_say() {
    let body = json!({"hostname": "www.acme.example", "status": "pending_validation", "configured": false,
        "dns_requirements": {"a": ["66.241.125.7"], "aaaa": null, "cname": "web.fly.dev",
            "acme_challenge": {"name": "_acme-challenge.www", "target": "x.flydns.net"},
            "ownership": {"name": "_fly-ownership.www", "app_value": "app-1", "org_value": "org-1"}},
        "validation_errors": [{"code": "x", "message": "no", "remediation": "do"}], "certificates": []});
    let certificate = certificates::show("web", "www.acme.example").read(&answer(&body)).unwrap();
    let needs = certificate.dns_requirements.unwrap();
    assert_eq!((needs.a.len(), needs.aaaa.len(), needs.cname.as_str()), (1, 0, "web.fly.dev"));
    assert_eq!(needs.ownership.unwrap().app_value, "app-1");
    let gone =
        certificates::show("web", "x").read(&Answer::new(404, br#"{"message": "not found"}"#)).unwrap_err();
    assert_eq!(gone.class(), Class::Gone);
    let wild = certificates::check("web", "*.acme.example").request;
    assert_eq!(wild.path_and_query, "/v1/apps/web/certificates/%2A.acme.example/check");
    assert!(certificates::delete("web", "a.b").read(&Answer::new(204, b"")).is_ok());
}

#[test]
fn secrets_are_set_and_unset_in_one_request() {
    let values = BTreeMap::from([("KEY", Some("v")), ("OLD", None)]);
    let call = secrets::set("web", &values);
    assert_eq!(call.request.body, Some(json!({"values": {"KEY": "v", "OLD": null}})));
    let read =
        call.read(&answer(&json!({"secrets": [{"name": "KEY", "digest": "d"}], "Version": 3}))).unwrap();
    assert_eq!((read.version, read.secrets[0].digest.as_str()), (Some(3), "d"));
}

#[test]
fn volumes_and_tokens_read() {
    let list =
        volumes::list("web").read(&answer(&json!([{"id": "vol_1", "attached_machine_id": null}]))).unwrap();
    assert_eq!(list[0].attached_machine_id, None);
    let body = json!({"tokens": [{"token_id": "1", "org_slug": "acme", "organization": "7", "apps": null}]});
    let tokens = tokens::current().read(&answer(&body)).unwrap();
    assert_eq!((tokens.tokens[0].org_slug.as_str(), tokens.tokens[0].apps.len()), ("acme", 0));
}
