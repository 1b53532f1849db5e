//! A password that one hook's API hands out reaches the app's secrets, and nothing else of the runner's.

use serde_json::Value;

use crate::scene::{Scene, agent};
use crate::told::holds;

/// A database for each app, and its connection string among the app's secrets.
const STANZAS: &str = r#"
[hook.db]
use = "builtin:fly-postgres"
config = { org = "acme", name = "{app}-db", region = "fra", plan = "basic" }
gone = "delete"
grace = { gone = "1s", unwanted = "1s" }
secret.FLY_TOKEN = { from = "FLY", at = "header:authorization", format = "fly", to = "{fly.api}" }
allow = ["GET,POST,DELETE {fly.api}/v1/postgres*"]

[hook.secrets]
use = "builtin:fly-secret"
reads = ["db"]
config = { values = { DATABASE_URL = "{db.url}", PLAN = "{labels.plan}" } }
drift = "repair"
gone = "delete"
secret.FLY_TOKEN = { from = "FLY", at = "header:authorization", format = "fly", to = "{fly.api}" }
sealed."db.url" = { at = "json:/values/DATABASE_URL", to = "{fly.api}" }
allow = ["GET,POST {fly.api}/v1/apps/{app}/secrets*"]
"#;

const APP: &str = "cust-1";

impl Scene {
    /// The password of the only cluster, as the platform would tell it to its user.
    pub(crate) fn password(&self) -> Option<String> {
        let id = self.world().state()["postgres"][0]["id"].as_str()?.to_owned();
        let url = format!("{}/v1/postgres/{id}/users/fly-user/credentials", self.platform.base_url());
        let answer: Value =
            agent().get(url).header("authorization", "Bearer x").call().ok()?.body_mut().read_json().ok()?;
        Some(answer["data"]["password"].as_str()?.to_owned())
    }
}

#[test]
fn a_password_goes_from_one_api_to_another_and_nowhere_else() {
    let scene = Scene::with_apps(1);
    scene.configure(STANZAS);
    let mut up = scene.up();
    scene.until_ready();
    scene.says(&["label", "set", APP, "plan=pro"]);
    let secret = |name: &str| scene.world().secret(APP, name);
    let url = scene.until("the secret is set", || secret("DATABASE_URL"));
    let password = scene.password().unwrap();
    assert!(
        url.starts_with("postgresql://fly-user:") && url.contains(&password),
        "the app gets the value itself"
    );
    scene.until_so("the other one is set", || secret("PLAN").as_deref() == Some("pro"));

    // What is wanted of a value that is never shown changes: it is written again.
    scene.says(&["label", "set", APP, "plan=free"]);
    scene.until_so("the new value is written", || secret("PLAN").as_deref() == Some("free"));

    let told = scene.told();
    assert!(told.iter().any(|(what, bytes)| what.contains("groundcrew.db") && holds(bytes, "fly-user")));
    for (what, bytes) in &told {
        assert!(!holds(bytes, &password), "{what} holds the password");
    }

    // The cluster outlives its app until the hook removes it.
    scene.delete_app(APP);
    scene.until_so("the cluster is gone", || {
        scene.world().log().iter().any(|it| it.what == "postgres.deleted")
    });
    up.end();
}
