//! What a plan says of each way in which a stanza may change, and what the runner then does of itself.

use groundcrew_outside::What;

use crate::scene::Scene;

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
