//! An app that is deleted, seen to be gone, and made again under its name.

use std::net::Ipv6Addr;

use groundcrew_flysim::Effect;
use groundcrew_outside::What;

use crate::powerdns::PowerDns;
use crate::scene::Scene;

/// Addresses, a DNS record that points to one, a thing outside, and a handler that tells of apps.
const STANZAS: &str = r#"
[hook.ip]
use = "builtin:fly-ip"
config = { api = "{fly.api}", v4 = "shared", v6 = "dedicated" }
gone = "delete"
secret.FLY_TOKEN = { from = "FLY", at = "header:authorization", format = "fly", to = "{fly.api}" }
allow = ["GET,POST,DELETE {fly.api}/v1/apps/{app}/ip_assignments*"]

[hook.dns]
use = "builtin:dns"
reads = ["ip"]
config = { server = "$DNS", zone = "example", ttl = 60, records = [
  { name = "www.{app}.example", type = "AAAA", values = ["{ip.v6}"] },
] }
gone = "delete"
grace = { gone = "1m", unwanted = "1m" }
secret.API_TOKEN = { from = "PDNS", at = "header:x-api-key", to = "$DNS" }
allow = ["GET,PATCH $DNS/api/v1/servers/localhost/zones/example*"]

[hook.things]
$THINGS
config = { server = "$SHOP", things = [{ kind = "marked", key = "{app}", value = 1 }] }
gone = "delete"
grace = { gone = "1m", unwanted = "1m" }
allow = ["GET,POST,PUT,DELETE {config.server}/*"]

[hook.tell]
use = "builtin:notify"
on = ["app.*"]
config = { to = "standard-webhooks" }
secret.URL = { from = "TELL", at = "url" }
"#;

/// The dedicated addresses of apps of a name, by the id of the incarnation, in the order of allocation.
fn addresses(scene: &Scene, app: &str) -> Vec<(String, Ipv6Addr)> {
    let of_app =
        |effect: &Effect| effect.what == "ip.allocated" && effect.app == app && effect.subject.contains(':');
    let log = scene.world().log();
    log.into_iter().filter(of_app).map(|effect| (effect.app_id, same(&effect.subject))).collect()
}

/// An address, however it is written.
fn same(address: &str) -> Ipv6Addr {
    address.parse().unwrap()
}

#[test]
fn a_re_created_app_keeps_its_records_and_gets_new_addresses() {
    let scene = Scene::with_apps(2);
    let Some(dns) = PowerDns::start(&scene) else { return };
    scene.configure(&STANZAS.replace("$DNS", &dns.api));
    let mut up = scene.up();
    let points_at = |app: &str| {
        dns.contents(&format!("www.{app}.example"), "AAAA").iter().map(|ip| same(ip)).collect::<Vec<_>>()
    };
    for app in ["cust-1", "cust-2"] {
        scene.until_so("its record points at its address", || {
            addresses(&scene, app).first().is_some_and(|(_, address)| points_at(app) == [*address])
        });
    }
    scene.until_so("things outside", || scene.keys().len() == 2);

    scene.delete_app("cust-1");
    let told_of = |kind: &str| {
        let receipts = scene.outside.receipts();
        receipts.iter().any(|told| told.body.contains(kind) && told.body.contains("fly/acme/cust-1"))
    };
    scene.until_so("its end was seen", || told_of("\"app.deleted\""));
    assert_eq!(points_at("cust-1").len(), 1, "its record outlives it");

    scene.create_app("cust-1");
    let second = scene.until("the second one has an address", || addresses(&scene, "cust-1").get(1).cloned());
    scene.until_so("its record points at the new address", || points_at("cust-1") == [second.1]);
    if let Some(told) = dns.looked_up("www.cust-1.example", "AAAA") {
        assert_eq!(told.iter().map(|ip| same(ip)).collect::<Vec<_>>(), [second.1]);
    }
    let both = addresses(&scene, "cust-1");
    assert_eq!(both.len(), 2, "{both:?}");
    assert!(both[0].0 != both[1].0 && both[0].1 != both[1].1, "{both:?}");
    // The record was changed, the thing outside kept: neither was ever removed or made again.
    scene.until_listed(4);
    assert_eq!((scene.times(What::Created), scene.times(What::Deleted)), (2, 0));
    scene.is_clean([("cust-1", "marked/cust-1"), ("cust-2", "marked/cust-2")]);
    up.end();
}
