//! Lost and old databases: what exists is taken up again, nothing is made twice, nothing is removed.

use std::path::Path;

use groundcrew_outside::{Act, Knobs, What};
use serde_json::json;

use crate::scene::{RECORDS, Scene, Up};

/// What an app has comes from its label.
const LABELLED: &str = r#"
[hook.records]
$THINGS
config = { server = "$SHOP" }
gone = "delete"
grace = { gone = "1s", unwanted = "1s" }
allow = ["GET,POST,PUT,DELETE {config.server}/*"]
"#;

/// One thing of each class, told apart by a value where nothing else does.
///
/// What is `inner` lives in its app, and ends with it.
const CLASSES: [&str; 5] = ["natural", "keyed", "marked", "anonymous", "inner"];

/// One thing of a kind whose listing hides what is new for long.
const HIDDEN: &str = r#"
[hook.records]
$THINGS
settle = "20s"
config = { server = "$SHOP", things = [{ kind = "marked", key = "{app}", value = 1 }] }
gone = "delete"
grace = { gone = "1s", unwanted = "1s" }
allow = ["GET,POST,PUT,DELETE {config.server}/*"]
"#;

/// What costs most: a cluster, a cache and a bucket, told by nothing but their names.
const PAID: &str = r#"
[hook.db]
use = "builtin:fly-postgres"
config = { org = "acme", name = "{app}-db", region = "fra", plan = "basic" }
gone = "delete"
grace = { gone = "1s", unwanted = "1s" }
secret.FLY_TOKEN = { from = "FLY", at = "header:authorization", format = "fly", to = "{fly.api}" }
allow = ["GET,POST,DELETE {fly.api}/v1/postgres*"]

[hook.store]
use = "builtin:fly-addon"
gone = "delete"
grace = { gone = "1s", unwanted = "1s" }
secret.FLY_TOKEN = { from = "FLY", at = "header:authorization", format = "fly", to = "$FLY" }
allow = ["GRAPHQL POST $FLY/graphql"]
[hook.store.config]
graphql = "$FLY/graphql"
org = "acme"
add_ons = [{ type = "tigris", name = "{app}-assets" }, { type = "upstash_redis", name = "{app}-cache", region = "fra" }]
"#;

fn keys(app: u32) -> Vec<(String, String)> {
    CLASSES.iter().map(|class| (format!("cust-{app}"), format!("{class}/{class}-{app}"))).collect()
}

impl Scene {
    /// A scene whose two apps may have one thing of each class.
    fn with_classes() -> Self {
        let scene = Self::with_apps(2);
        for app in 1..=2 {
            scene.outside.open(&inner(app), Knobs::anonymous());
        }
        scene.configure(LABELLED);
        scene
    }

    fn label(&self, app: u32) {
        let things =
            CLASSES.map(|class| format!(r#"{{"kind":"{class}","key":"{class}-{app}","value":{app}}}"#));
        let things = format!("things=[{}]", things.join(","));
        self.says(&["label", "set", &format!("cust-{app}"), &things]);
    }

    fn until_complete(&self, found: u64) -> serde_json::Value {
        self.until("everything was looked for", || {
            let said = self.groundcrew(&["recover", "--json"]);
            let recovery: serde_json::Value = serde_json::from_str(&said.out).ok()?;
            let complete = said.code == Some(0) && recovery["complete"] == true;
            (complete && recovery["found"] == found).then_some(recovery)
        })
    }

    /// Ends it; that is refused in a moment in which something is due to be looked at again.
    fn finish(&self) {
        self.until_so("it is finished", || self.groundcrew(&["recover", "--finish"]).code == Some(0));
    }

    fn started(&self) -> Up {
        let up = self.up();
        self.until_ready();
        up
    }

    /// How often the platform did something.
    fn took_effect(&self, what: &str) -> usize {
        self.world().log().iter().filter(|effect| effect.what == what).count()
    }

    /// Takes the database away, as a broken disk does.
    pub(crate) fn lose_database(&self) {
        for suffix in ["", "-wal", "-shm"] {
            let file = self.directory.path().join(format!("data/groundcrew.db{suffix}"));
            if file.exists() {
                std::fs::remove_file(file).unwrap();
            }
        }
    }
}

/// Where the things are that end with an app.
fn inner(app: u32) -> String {
    format!("/apps/cust-{app}/inner")
}

fn pairs(apps: &[Vec<(String, String)>]) -> Vec<(&str, &str)> {
    apps.iter().flatten().map(|(app, key)| (app.as_str(), key.as_str())).collect()
}

#[test]
fn after_a_lost_database_everything_is_taken_up_and_nothing_made_twice() {
    let scene = Scene::with_classes();
    let mut up = scene.started();
    for app in 1..=2 {
        scene.label(app);
    }
    scene.until_so("all is there", || scene.keys().len() == 10);
    up.end();

    // Something of an app that ended while nobody looked: no hook is asked for it any more.
    let mark = Some(format!("gc1:e2e:{}", "a".repeat(26)));
    let left = Act::Plant { name: Some("left".to_owned()), mark, body: json!({"value": 7}) };
    scene.outside.script(scene.now_ms(), "/marked", left);
    scene.lose_database();
    let said = scene.says(&["recover"]);
    assert!(said.contains("there was no database"), "{said}");
    let mut up = scene.started();
    // What an operator said was lost, too.
    for app in 1..=2 {
        scene.label(app);
    }
    let recovery = scene.until_complete(10);
    for nothing in ["to_create", "to_change", "unwanted", "unclear"] {
        assert_eq!(recovery[nothing], 0, "{recovery}");
    }
    // What is wanted by nobody any more is found by listing everything, before anything is written.
    assert_eq!((&recovery["listed"], &recovery["astray"]), (&json!(true), &json!(1)), "{recovery}");
    assert_eq!(scene.open_findings("inventory.orphan").len(), 1);
    scene.finish();
    assert_ne!(scene.groundcrew(&["recover", "--finish"]).code, Some(0), "it has ended");
    scene.until_listed(6);
    assert_eq!((scene.times(What::Created), scene.times(What::Deleted)), (10, 0));
    let (one, two) = (keys(1), keys(2));
    scene.is_clean(pairs(&[one, two.clone()]));

    // What carries our mark goes with its owner; what was only presumed stays, and is reported, but for what ended.
    scene.outside.script(scene.now_ms(), &inner(1), Act::End);
    scene.delete_app("cust-1");
    scene.until_so("the marked are gone", || scene.times(What::Deleted) == 3);
    scene.until_so("the others are reported", || scene.open_findings("resource.retained").len() == 2);
    up.end();
}

#[test]
fn after_a_lost_database_what_only_has_a_name_is_not_made_and_paid_twice() {
    let scene = Scene::with_apps(1);
    scene.configure(PAID);
    let made = || (scene.took_effect("postgres.created"), scene.took_effect("addon.created"));
    let mut up = scene.started();
    scene.until_so("all is there", || made() == (1, 2));
    let ready = |row: &serde_json::Value| row["state"] == "present";
    scene
        .until_so("all is ready", || scene.list(&["resources"]).iter().filter(|row| ready(row)).count() == 3);
    up.end();

    scene.lose_database();
    scene.says(&["recover"]);
    let mut up = scene.started();
    let recovery = scene.until_complete(3);
    for nothing in ["to_create", "unclear"] {
        assert_eq!(recovery[nothing], 0, "{recovery}");
    }
    scene.finish();
    scene.until_listed(6);
    assert_eq!(made(), (1, 2), "nothing is made twice");

    // They are ours, not presumed: they go with their app.
    scene.delete_app("cust-1");
    scene.until_so("all is gone", || {
        (scene.took_effect("postgres.deleted"), scene.took_effect("addon.deleted")) == (1, 2)
    });
    up.end();
}

#[test]
fn what_does_not_show_yet_when_the_database_is_lost_is_waited_for_and_not_made_twice() {
    let scene = Scene::with_apps(1);
    scene.outside.open("/marked", Knobs { lag_ms: 15_000, ..Knobs::marked() });
    // Kinds that live in an app are listed app by app.
    scene.outside.open(&inner(1), Knobs::anonymous());
    scene.configure(HIDDEN);
    let mut up = scene.started();
    scene.until_so("it is there", || scene.keys().len() == 1);
    up.end();

    scene.lose_database();
    scene.says(&["recover"]);
    let mut up = scene.started();
    let recovery = scene.until_complete(1);
    assert_eq!(recovery["to_create"], 0, "{recovery}");
    scene.finish();
    scene.until_listed(6);
    assert_eq!((scene.times(What::Created), scene.times(What::Deleted)), (1, 0));
    scene.is_clean([("cust-1", "marked/cust-1")]);
    up.end();
}

#[test]
fn an_old_database_takes_up_what_came_after_it() {
    let scene = Scene::with_classes();
    let mut up = scene.started();
    scene.label(1);
    scene.until_so("the first is there", || scene.keys().len() == 5);
    scene.says(&["backup", "b.db"]);
    let again = scene.groundcrew(&["backup", "b.db"]);
    assert!(again.code != Some(0) && again.err.contains("--replace"), "{}", again.err);
    scene.label(2);
    scene.until_so("both are there", || scene.keys().len() == 10);
    let refused = scene.groundcrew(&["recover", "--from", "b.db"]);
    assert!(refused.code != Some(0) && refused.err.contains("stop `groundcrew up` first"), "{}", refused.err);
    up.end();

    let said = scene.says(&["recover", "--from", "b.db"]);
    assert!(said.contains("is kept as") && said.contains("b.db is in its place"), "{said}");
    let mut up = scene.started();
    scene.label(2);
    let recovery = scene.until_complete(10);
    assert_eq!((&recovery["to_create"], &recovery["unclear"]), (&0.into(), &0.into()), "{recovery}");
    scene.finish();
    scene.until_listed(6);
    assert_eq!((scene.times(What::Created), scene.times(What::Deleted)), (10, 0));
    scene.is_clean(pairs(&[keys(1), keys(2)]));
    up.end();
    assert_eq!(mode(&scene.directory.path().join("b.db.key")), 0o600);
    assert_eq!(mode(&scene.directory.path().join("b.db")), 0o600);
}

#[test]
fn a_second_runner_or_a_lost_database_is_noticed() {
    let scene = Scene::with_apps(1);
    scene.configure(RECORDS);
    let mut up = scene.started();
    scene.until_records(1..=1);
    assert!(scene.open_findings("installation.second").is_empty());
    up.end();
    scene.lose_database();
    let mut up = scene.started();
    let finding = scene.until("it is noticed", || scene.open_findings("installation.second").pop());
    assert_eq!(finding["severity"], "critical");
    let doctor = scene.groundcrew(&["doctor"]);
    assert!(doctor.code == Some(1) && doctor.out.contains("groundcrew recover"), "{}", doctor.out);
    assert_eq!((scene.times(What::Created), scene.times(What::Deleted)), (1, 0));
    up.end();
}

#[test]
fn another_installation_is_noticed_by_its_mark_and_left_alone() {
    let scene = Scene::with_apps(1);
    scene.configure(RECORDS);
    let mut up = scene.started();
    scene.until_records(1..=1);
    let ours = scene.outside.log()[0].mark.clone().unwrap();
    let theirs = ours.replace("gc1:e2e:", "gc1:staging:");
    assert_ne!(ours, theirs);
    scene.somebody("PUT", "/natural/cust-2", &json!({"value": 7, "mark": theirs}));
    let effects = scene.outside.log().len();
    assert!(!scene.groundcrew(&["doctor"]).out.contains("staging"));
    scene.create_app("cust-2");
    let finding = scene.until("it is noticed", || scene.open_findings("installation.other").pop());
    let message = finding["message"].as_str().unwrap();
    assert!(
        message.contains("natural `cust-2`") && message.contains("installation `staging`'s"),
        "{message}"
    );
    assert_eq!((&finding["severity"], &finding["about"]), (&json!("info"), &json!("e2e")));
    let doctor = scene.groundcrew(&["doctor"]).out;
    let line = doctor.lines().find(|line| line.contains("installations")).unwrap_or_default();
    assert!(line.contains("it is left alone"), "{doctor}");
    assert!(scene.open_findings("installation.second").is_empty());
    scene.until("its key is taken", || scene.open_findings("resource.conflict").pop());
    scene.until_listed(4);
    assert_eq!(scene.outside.log().len(), effects, "nothing is written over it");
    up.end();
}

fn mode(file: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(file).unwrap().permissions().mode() & 0o777
}

#[test]
fn an_old_copy_put_back_by_hand_is_noticed_and_nothing_is_made_twice_or_removed() {
    let scene = Scene::with_apps(1);
    scene.configure(RECORDS);
    let mut up = scene.started();
    scene.until_records(1..=1);
    scene.until_on_record(1);
    scene.says(&["backup", "b.db"]);
    scene.create_app("cust-2");
    scene.until_records(1..=2);
    scene.until_on_record(2);
    up.end();
    scene.lose_database();
    let data = scene.directory.path().join("data");
    for (from, to) in [("b.db", "groundcrew.db"), ("b.db.key", "key")] {
        std::fs::copy(scene.directory.path().join(from), data.join(to)).unwrap();
    }
    let mut up = scene.started();
    // Who was there when it was copied is there; who came since comes anew.
    scene.until_on_record(2);
    let finding = scene.until("it is noticed", || scene.open_findings("installation.second").pop());
    assert!(finding["remedy"].as_str().unwrap().contains("groundcrew recover"), "{finding}");
    scene.until_listed(6);
    assert_eq!((scene.times(What::Created), scene.times(What::Deleted)), (2, 0));
    scene.is_clean([("cust-1", "natural/cust-1"), ("cust-2", "natural/cust-2")]);
    // And it goes on: what is made and removed from here on is as ever.
    scene.delete_app("cust-1");
    scene.create_app("cust-3");
    scene.until_records(2..=3);
    up.end();
}
