//! What a plan says of each way in which a stanza may change, and what the runner then does of itself.

use groundcrew_outside::What;
use serde_json::{Value, json};

use crate::scene::{Scene, free_port};

/// Of each app its record, and one whose shape cannot change; of the next version one thing more.
const BEFORE: &str = r#"
[hook.records]
$NEXT
config = { server = "$SHOP", things = [
  { kind = "natural", key = "{app}", value = 1 },
  { kind = "natural", key = "{app}-fixed", value = 1, shape = "a" },
] }
gone = "delete"
grace = { gone = "1s", unwanted = "1s" }
allow = ["GET,POST,PUT,DELETE {config.server}/*"]
"#;

/// Two apps with all that [`BEFORE`] wants for them; nobody runs any more.
fn before() -> Scene {
    let scene = Scene::with_apps(2);
    scene.configure(BEFORE);
    let mut up = scene.up();
    scene.until_so("six things are there", || scene.keys().len() == 6);
    scene.until_so("and known", || scene.states() == [(6, "present".to_owned())]);
    up.end();
    scene
}

impl Scene {
    /// How many rows are in each state.
    fn states(&self) -> Vec<(usize, String)> {
        let rows = self.list(&["resources"]);
        let mut all: Vec<_> = rows.iter().map(|row| row["state"].as_str().unwrap().to_owned()).collect();
        all.sort();
        all.chunk_by(|one, other| one == other).map(|same| (same.len(), same[0].clone())).collect()
    }

    /// Runs with other stanzas until so much waits for approval, and a while longer: nothing is removed.
    fn holds(&self, stanzas: &str, held: usize) {
        self.configure(stanzas);
        let mut up = self.up();
        self.until_so(&format!("{held} are held"), || self.list(&["approve"]).len() == held);
        self.until_listed(6);
        assert_eq!(self.times(What::Deleted), 0);
        up.end();
    }
}

#[test]
fn a_narrowed_scope_plans_nothing_for_who_is_left_out() {
    let scene = before();
    let narrow = BEFORE.replace("gone = \"delete\"", "scope = \"one\"\ngone = \"delete\"")
        + "[scope.one]\napps = [\"cust-1\"]\n";
    scene.configure(&narrow);
    scene.golden("plan-scope.txt", "plan");
    let mut up = scene.up();
    scene.until("a finding says so", || scene.open_findings("hook.scope").pop());
    scene.delete_app("cust-2");
    scene.until_listed(8);
    assert_eq!(scene.times(What::Deleted), 0, "grace has passed, and it is frozen");
    up.end();
}

#[test]
fn another_target_is_refused_before_anything_is_planned() {
    let scene = before();
    scene.configure(&BEFORE.replace("$SHOP", "http://127.0.0.1:9"));
    scene.golden("plan-target.txt", "plan");
    let refused = scene.groundcrew(&["up"]);
    assert!(refused.code != Some(0) && refused.err.contains("hook retarget"), "{refused:?}");
    assert_eq!((scene.outside.log().len(), scene.states()), (6, vec![(6, "present".to_owned())]));
}

#[test]
fn a_renamed_stanza_has_nothing_to_do() {
    let scene = before();
    let renamed = BEFORE.replace("[hook.records]", "[hook.entries]");
    scene.configure(&renamed);
    scene.golden("plan-renamed.txt", "plan");
    let mut up = scene.up();
    scene.until_ready();
    scene.until_listed(6);
    let rows = scene.list(&["resources"]);
    assert!(rows.iter().all(|row| row["hook"] == "entries" && row["state"] == "present"), "{rows:?}");
    assert_eq!(scene.outside.log().len(), 6, "nothing was changed");
    up.end();
}

#[test]
fn what_another_configuration_changes_for_all_is_planned_and_its_removals_held() {
    let scene = before();
    let other = BEFORE
        .replace("{ kind = \"natural\", key = \"{app}\", value = 1 },", "")
        .replace("value = 1, shape", "value = 2, shape");
    scene.configure(&other);
    scene.golden("plan-configuration.txt", "plan");
    scene.holds(&other, 2);
    assert_eq!(scene.times(What::Updated), 2, "what removes nothing waits for nobody");
}

#[test]
fn what_another_component_changes_for_all_is_planned_and_its_removals_held() {
    let scene = before();
    let other = BEFORE.replace("$NEXT", "$THINGS");
    scene.configure(&other);
    scene.golden("plan-component.txt", "plan");
    scene.holds(&other, 2);
    assert_eq!(scene.outside.log().len(), 6, "nothing else was changed");
}

#[test]
fn what_cannot_be_reached_is_said_and_nothing_is_planned_for_it() {
    let mut scene = Scene::with_apps(1);
    scene.shop = format!("http://127.0.0.1:{}", free_port());
    scene.configure(&BEFORE.replace("[hook.records]", "[hook.records]\nlevel = \"observe\""));
    let mut up = scene.up();
    scene.until_ready();
    scene.until_so("its app is known", || scene.list(&["resources"]).len() == 3);
    up.end();
    let plan: Value = serde_json::from_str(&scene.says(&["plan", "--json"])).unwrap();
    assert_eq!((&plan["items"], &plan["unchanged"]), (&json!([]), &json!(0)));
    // The first requests are refused; then the host is left alone for a while.
    let why = |waits: &Value, key: &str| {
        let said =
            waits["why"].as_str().unwrap().strip_prefix(&format!("natural/{key} could not be looked at: "));
        said.is_some_and(|why| why.contains("Connection refused") || why.contains("is not asked for now"))
    };
    let waits = plan["waits"].as_array().unwrap();
    for (waits, key) in waits.iter().zip(["cust-1", "cust-1-fixed", "cust-1-extra"]) {
        assert!(why(waits, key) && waits["frozen"] == false, "{waits}");
    }
    assert_eq!(waits.len(), 3);
    let said = scene.says(&["plan"]);
    for part in [
        "not known yet: records for fly/acme/cust-1: natural/cust-1-fixed could",
        "nothing can be planned; 0",
    ] {
        assert!(said.contains(part), "{said}");
    }
}

/// What an app has comes from its label; equal things that nobody marked are taken over.
const LABELLED: &str = r#"
[hook.records]
$THINGS
config = { server = "$SHOP" }
gone = "delete"
grace = { gone = "30d", unwanted = "1s" }
adopt = "exact"
allow = ["GET,POST,PUT,DELETE {config.server}/*"]
"#;

#[test]
fn what_exists_already_what_changes_hands_and_what_cannot_change_are_planned_as_such() {
    let scene = Scene::with_apps(4);
    scene.configure(LABELLED);
    let mut up = scene.up();
    scene.until_ready();
    let wants = |app: &str, things: &[(&str, &str)]| {
        let thing =
            |(key, shape): &(&str, &str)| json!({"kind": "natural", "key": key, "value": 1, "shape": shape});
        let things: Vec<_> = things.iter().map(thing).collect();
        scene.says(&["label", "set", app, &format!("things={}", json!(things))]);
    };
    // A thing with our mark whose row, and label, went with the database.
    wants("cust-4", &[("kept", "a")]);
    scene.until_so("it is there", || scene.keys().len() == 1);
    up.end();
    scene.lose_database();
    let mut up = scene.up();
    scene.until_ready();
    wants("cust-1", &[("shared", "a"), ("own", "a")]);
    scene.until_so("the first has both", || scene.keys().len() == 3);
    wants("cust-2", &[("shared", "a")]);
    wants("cust-3", &[("fixed", "a")]);
    scene.until_so("they are answered", || scene.keys().len() == 4);
    scene.until("the second is told", || scene.open_findings("resource.conflict").pop());
    up.end();

    wants("cust-1", &[("own", "a")]);
    wants("cust-3", &[("fixed", "b")]);
    // Of two that are there already one is equal, and one carries the mark.
    wants("cust-4", &[("found", "a"), ("kept", "a")]);
    scene.somebody("PUT", "/natural/found", &json!({"value": 1, "shape": "a"}));
    let effects = scene.outside.log().len();
    scene.golden("plan-hands.txt", "plan");
    assert_eq!(scene.outside.log().len(), effects, "a plan changes nothing");

    let mut up = scene.up();
    scene.until_so("it is so", || {
        let mut rows = scene.list(&["resources"]);
        rows.retain(|row| {
            row["state"] == "present" && row["waiting"].is_null() && row["unwanted_since"].is_null()
        });
        let is = |key: &str, owner: &str| {
            rows.iter().any(|row| row["key"] == key && row["owner"].as_str().unwrap().ends_with(owner))
        };
        rows.len() == 5 && is("shared", "cust-2") && is("found", "cust-4") && is("fixed", "cust-3")
    });
    // Only what was replaced went.
    assert_eq!((scene.times(What::Deleted), scene.times(What::Updated)), (1, 0));
    up.end();
}

/// An address, and a record that says it.
const NEW_APP: &str = r#"
[hook.ip]
use = "builtin:fly-ip"
level = "observe"
config = { v6 = "none" }
gone = "delete"
secret.FLY_TOKEN = { from = "FLY", at = "header:authorization", format = "fly", to = "{fly.api}" }
allow = ["GET,POST,DELETE {fly.api}/v1/apps/{app}/ip_assignments*"]

[hook.dns]
use = "builtin:dns"
reads = ["ip"]
config = { server = "$SHOP", zone = "example", records = [
  { name = "{app}.example", type = "A", values = ["{ip.shared-v4.address}"] },
] }
gone = "delete"
secret.API_TOKEN = { from = "PDNS", at = "header:x-api-key", to = "$SHOP" }
allow = ["GET,PATCH $SHOP/api/v1/servers/localhost/zones/example*"]
"#;

#[test]
fn of_a_new_app_the_first_round_is_planned_and_said_to_be_no_more() {
    let scene = Scene::with_apps(1);
    scene.configure(NEW_APP);
    let mut up = scene.up();
    scene.until_ready();
    scene.until_so("the app is known", || scene.list(&["resources"]).len() == 1);
    up.end();
    scene.golden("plan-new-app.txt", "plan");
}
