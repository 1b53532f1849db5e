//! Secrets in every place that a stanza can put one, sent to services that echo them in every spelling: nothing that the
//! runner writes or says holds one.

use std::process::Command;

use crate::indiscreet::{Indiscreet, MARKER};
use crate::scene::Scene;
use crate::shipped::Shipped;
use crate::spelt::held;
use crate::told::{Told, holds};

const STANZAS: &str = r#"
[hook.router]
use    = "builtin:register"
config = { server = "http://$ROUTER", path = "apps/{app}", document = { plan = "pro" } }
gone   = "delete"
secret.TOKEN = { from = "PDNS", at = "header:authorization", to = "$ROUTER" }
allow  = ["GET,PUT,DELETE {config.server}/*"]

[hook.zone]
use    = "builtin:dns"
config = { server = "http://$ZONE", zone = "example", ttl = 60, records = [{ name = "{app}.example", type = "A", values = ["192.0.2.1"] }] }
gone   = "delete"
secret.API_TOKEN = { from = "PDNS", at = "header:x-api-key", to = "$ZONE" }
allow  = ["GET,PATCH http://$ZONE/api/v1/servers/localhost/zones/example*"]

[hook.bucket]
use    = "builtin:bucket"
config = { endpoint = "http://$BUCKETS", prefix = "acme-", names = "acme-{app}" }
gone   = "retain"
grace  = { gone = "1s", unwanted = "1s" }
secret.AWS = { from = "AWS", sign = "sigv4", region = "us-east-1", service = "s3", to = "$BUCKETS" }
allow  = ["GET {config.endpoint}/", "GET,PUT,POST,DELETE {config.endpoint}/{config.prefix}*"]

[hook.tell]
use    = "builtin:notify"
on     = ["app.*"]
config = { to = "standard-webhooks" }
secret.URL = { from = "TELL", at = "url" }
secret.KEY = { from = "EVENTS", sign = "standard-webhooks", to = "$RECEIVER" }

[hook.db]
use    = "builtin:fly-postgres"
config = { org = "acme", name = "{app}-db", region = "fra", plan = "basic" }
gone   = "delete"
grace  = { gone = "1s", unwanted = "1s" }
secret.FLY_TOKEN = { from = "FLY", at = "header:authorization", format = "fly", to = "{fly.api}" }
allow  = ["GET,POST,DELETE {fly.api}/v1/postgres*"]
"#;

/// Found nowhere else. The key of the zone is written for `Authorization`, too.
const FLY: &str = "fo1_canary-of-the-platform-1a2b3c";
const KEY: &str = "canary-of-the-zone/+\"4d5e6f";
const AWS: [&str; 2] = ["AKIACANARYOFTHESTORE", "canary/of+the/store+7a8b9c"];
const ADDRESS: [&str; 3] =
    ["canary-of-the-url-password", "canary-of-the-url-path", "canary-of-the-url-query"];
const SIGNS: &str = "Y2FuYXJ5LW9mLXRoZS1zaWduYXR1cmVz";
/// What nobody knows to be a secret.
const PLANTED: &str = "planted/and+told=-0c1d2e9f";

/// Everything, but for what compiles components.
const LOG: &str = "info,groundcrew=trace,groundcrew_core=trace,groundcrew_engine=trace,groundcrew_store=trace,guest=trace,\
                   hyper=trace,hyper_util=trace,reqwest=trace,h2=trace";

/// The services, each with what it tells.
struct Services {
    router: Indiscreet,
    zone: Indiscreet,
    buckets: Indiscreet,
    receiver: Indiscreet,
}

impl Services {
    fn start() -> Self {
        Self {
            router: Indiscreet::start(&[KEY, PLANTED]),
            zone: Indiscreet::start(&[KEY]),
            buckets: Indiscreet::start(&AWS),
            receiver: Indiscreet::start(&[ADDRESS[0], ADDRESS[1], ADDRESS[2], SIGNS]),
        }
    }

    fn stanzas(&self) -> String {
        STANZAS
            .replace("$ROUTER", &self.router.at)
            .replace("$ZONE", &self.zone.at)
            .replace("$BUCKETS", &self.buckets.at)
            .replace("$RECEIVER", &self.receiver.at)
    }

    /// The runner, with these secrets in its environment, and a log of all that it does.
    fn up(&self, scene: &Scene) -> Command {
        let [password, path, query] = ADDRESS;
        let mut command = scene.command(&Shipped::get().binary);
        command
            .env("E2E_FLY", FLY)
            .env("E2E_PDNS", KEY)
            .env("E2E_AWS", AWS.join(":"))
            .env("E2E_TELL", format!("http://user:{password}@{}/{path}?key={query}", self.receiver.at))
            .env("E2E_EVENTS", format!("whsec_{SIGNS}"))
            .env("GROUNDCREW_LOG", LOG);
        command
    }
}

/// Nothing of it holds a secret; what is none is found.
fn is_discreet(told: &[Told], handed_out: &str) {
    let canaries = [FLY, KEY, AWS[0], AWS[1], ADDRESS[0], ADDRESS[1], ADDRESS[2], SIGNS, handed_out];
    for (what, bytes) in told {
        let found = held(bytes, &canaries);
        assert!(found.is_empty(), "{what} holds {found:?}");
    }
    // The search is right: what a service said beside is where it must be.
    for place in ["groundcrew.db", "copy.db", "run r", ".json", "resources", "the log", "why"] {
        let mut of = told.iter().filter(|(what, _)| what.contains(place));
        assert!(of.any(|(_, bytes)| holds(bytes, MARKER)), "{place} holds {MARKER}");
    }
    let spellings =
        told.iter().flat_map(|(_, bytes)| held(bytes, &[PLANTED])).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(spellings.len(), crate::spelt::spellings(PLANTED).len(), "in every spelling: {spellings:?}");
}

#[test]
fn no_secret_is_in_anything_that_the_runner_writes_or_says() {
    let services = Services::start();
    let scene = Scene::with_apps(1);
    scene.configure(&services.stanzas());
    let up = scene.up_as(services.up(&scene));
    scene.until_ready();
    scene.create_app("cust-2");
    let got =
        |service: &Indiscreet, secret: &str| service.heard().iter().any(|request| request.contains(secret));
    let tried = |service: &Indiscreet| service.heard().len() >= 2;
    scene.until_so("each service was sent its secret, and has failed and answered", || {
        let Services { router, zone, buckets, receiver } = &services;
        got(router, &format!("Bearer {KEY}"))
            && got(zone, KEY)
            && got(buckets, &format!("Credential={}", AWS[0]))
            && got(receiver, ADDRESS[1])
            && got(receiver, "webhook-signature: v1,")
            && [router, zone, buckets, receiver].into_iter().all(tried)
    });
    let handed_out = scene.until("the cluster's password was sealed", || {
        let told = scene.list(&["resources", "--hook", "db"]);
        told.iter().any(|row| row["state"] == "present").then(|| scene.password())?
    });
    is_discreet(&scene.told(), &handed_out);
    // Killed, so that its write-ahead log is left.
    drop(up);
    is_discreet(&scene.told(), &handed_out);
}
