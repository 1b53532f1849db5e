//! Labels from an operator's endpoint, and those set by hand over them.

use groundcrew_outside::{Act, Knobs, Pick};
use serde_json::json;

use crate::scene::Scene;

/// What an app has comes from its label, and that from the endpoint.
const LABELLED: &str = r#"
[labels.crm]
url = "$SHOP/crm/{app}"
secret.EVENTS = "header:x-key"
values = { plan = "string", id = "string", name = "string", state = "string", created_at = "string" }
every = "1s"

[hook.records]
$THINGS
config = { server = "$SHOP", things = [{ kind = "natural", key = "{labels.plan}", value = 1 }] }
gone = "delete"
grace = { gone = "1s", unwanted = "1s" }
allow = ["GET,POST,PUT,DELETE {config.server}/*"]
"#;

#[test]
fn an_endpoint_says_what_apps_have_and_what_is_set_by_hand_wins() {
    let scene = Scene::with_apps(2);
    scene.outside.open("/crm", Knobs::natural());
    let says = |act| scene.outside.script(0, "/crm", act);
    says(Act::Plant { name: Some("cust-1".into()), mark: None, body: json!({"plan": "basic"}) });
    scene.configure(LABELLED);
    let mut up = scene.up();
    let has = |key: &str| scene.keys() == [format!("natural/{key}")].into();
    scene.until_so("what it says is there", || has("basic"));
    let shown = scene.says(&["label", "show", "cust-1"]);
    assert!(shown.contains("basic"), "{shown}");
    says(Act::Change(Pick::Name("cust-1".into()), json!({"plan": "pro"})));
    scene.until_so("what it says later is there", || has("pro"));

    // An endpoint that no longer knows an app has not said that it should have nothing.
    says(Act::Vanish);
    let lost = scene.until("it is said", || scene.open_findings("labels.lost").pop());
    assert!(lost["about"].as_str().is_some_and(|about| about.contains("cust-1")), "{lost}");
    scene.until_listed(8);
    assert!(has("pro"), "{:?}", scene.keys());
    says(Act::Appear);
    scene.until_so("and it is well again", || scene.open_findings("labels.lost").is_empty());

    scene.says(&["label", "set", "cust-1", "plan=free"]);
    scene.until_so("a person's word wins", || has("free"));
    scene.says(&["label", "unset", "cust-1", "plan"]);
    scene.until_so("until it is taken back", || has("pro"));
    assert_eq!(scene.open_findings("labels.mistyped").len(), 0);
    up.end();
}
