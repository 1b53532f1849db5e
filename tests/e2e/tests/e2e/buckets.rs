//! What the runner keeps in a store of objects: buckets of apps, and the last words of machines.

use groundcrew_flysim::Action;
use serde_json::{Value, json};

use crate::moto::Moto;
use crate::scene::Scene;

/// A bucket for each app; what becomes of it is the test's.
const BUCKET: &str = r#"
[hook.bucket]
use = "builtin:bucket"
config = { endpoint = "http://$MOTO", prefix = "acme-", names = "acme-{app}", empty = $EMPTY }
gone = "$GONE"
grace = { gone = "1s", unwanted = "1s" }
secret.AWS = { from = "AWS", sign = "sigv4", region = "us-east-1", service = "s3", to = "$MOTO" }
allow = ["GET {config.endpoint}/", "GET,PUT,POST,DELETE {config.endpoint}/{config.prefix}*"]
"#;

/// A document for each machine that was destroyed.
const ARCHIVE: &str = r#"
[hook.archive]
use = "builtin:archive"
on = ["machine.*"]
config = { server = "http://$MOTO", path = "/acme-archive/{org}/{app}/{machine}.json" }
secret.AWS = { from = "AWS", sign = "sigv4", region = "us-east-1", service = "s3", to = "$MOTO" }
allow = ["PUT {config.server}/*"]
"#;

/// Stands in a machine's environment, which nobody is told.
const CANARY: &str = "canary-5d1e77";

impl Scene {
    /// A scene whose app `cust-1` has its bucket.
    fn with_bucket(moto: &Moto, gone: &str, empty: &str) -> (Self, crate::scene::Up) {
        let scene = Self::with_apps(1);
        let stanza = BUCKET.replace("$MOTO", &moto.at).replace("$GONE", gone).replace("$EMPTY", empty);
        scene.configure(&stanza);
        let up = scene.up();
        let tags = scene.until("the bucket is there", || moto.get("acme-cust-1?tagging"));
        assert!(tags.contains("<Value>gc1:e2e:"), "it is marked: {tags}");
        (scene, up)
    }

    fn state_of_bucket(&self) -> Value {
        let rows = self.list(&["resources", "--all"]);
        rows.into_iter()
            .find(|row| row["key"] == "acme-cust-1")
            .map_or(Value::Null, |row| row["state"].clone())
    }
}

#[test]
fn a_bucket_comes_with_its_app_and_is_emptied_page_by_page_when_that_goes() {
    let Some(moto) = Moto::start() else { return };
    let (scene, mut up) = Scene::with_bucket(&moto, "delete", "true");
    moto.put(
        "acme-cust-1?versioning",
        "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
    );
    for number in 0..1_001 {
        moto.put(&format!("acme-cust-1/{number}"), "x");
    }
    moto.put("other-bucket", "");
    scene.delete_app("cust-1");
    scene.until_so("the bucket is gone", || moto.get("acme-cust-1?tagging").is_none());
    assert!(moto.get("other-bucket?versioning").is_some(), "nobody else's goes");
    scene.until_so("and the ledger says so", || scene.state_of_bucket() == "gone");
    let runs = scene.list(&["runs", "--hook", "bucket", "--limit", "1000"]);
    let removals = runs.iter().filter(|run| run["op"] == "remove").count();
    assert!(removals >= 3, "a thousand versions, one more, and the bucket: {removals}");
    // The next page is asked for when the hook said, not only once the last write has settled, 30 s later.
    let began = |run: &&Value| run["started"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let removals = || runs.iter().filter(|run| run["op"] == "remove");
    let took =
        removals().map(|run| began(&run)).max().unwrap() - removals().map(|run| began(&run)).min().unwrap();
    assert!(took.total(jiff::Unit::Second).unwrap() < 30.0, "{took}");
    up.end();
}

#[test]
fn a_bucket_that_is_retained_stays_with_all_that_is_in_it() {
    let Some(moto) = Moto::start() else { return };
    let (scene, mut up) = Scene::with_bucket(&moto, "retain", "true");
    moto.put("acme-cust-1/precious", "x");
    scene.delete_app("cust-1");
    scene.until_so("it is let go of", || scene.state_of_bucket() == "retained");
    assert_eq!(moto.get("acme-cust-1/precious").as_deref(), Some("x"));
    let runs = scene.list(&["runs", "--hook", "bucket", "--limit", "1000"]);
    assert!(runs.iter().all(|run| run["op"] != "remove"), "{runs:?}");
    up.end();
}

#[test]
fn a_bucket_that_holds_something_stays_unless_it_may_be_emptied() {
    let Some(moto) = Moto::start() else { return };
    let (scene, mut up) = Scene::with_bucket(&moto, "delete", "false");
    moto.put("acme-cust-1/precious", "x");
    scene.delete_app("cust-1");
    let failed = scene.until("its removal is refused", || {
        let rows = scene.list(&["resources", "--all"]);
        let text = rows.into_iter().find(|row| row["key"] == "acme-cust-1")?.to_string();
        text.contains("is not empty").then_some(text)
    });
    assert!(failed.contains("empty = true"), "it says how: {failed}");
    assert_eq!(moto.get("acme-cust-1/precious").as_deref(), Some("x"));
    up.end();
}

#[test]
fn the_last_words_of_a_machine_are_archived_and_told_by_an_autopsy() {
    let Some(moto) = Moto::start() else { return };
    moto.put("acme-archive", "");
    let scene = Scene::with_apps(1);
    scene.configure(&ARCHIVE.replace("$MOTO", &moto.at));
    let mut up = scene.up();
    scene.until_ready();
    let config = json!({ "image": "registry.example/web:41", "env": { "PASSWORD": CANARY } });
    let create = json!({ "do": "create_machine", "app": "cust-1", "config": config });
    let machine = scene.world().act(serde_json::from_value::<Action>(create).unwrap()).unwrap()["id"].clone();
    let machine = machine.as_str().unwrap();
    scene.until_so("the machine is known", || scene.groundcrew(&["app", machine]).code == Some(0));
    scene.world().act(Action::DestroyMachine { machine: machine.to_owned() }).unwrap();
    let kept =
        scene.until("it is archived", || moto.get(&format!("acme-archive/acme/cust-1/{machine}.json")));
    let document: Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(
        (&document["format"], &document["machine"]),
        (&json!(1), &json!(format!("fly/acme/cust-1/{machine}")))
    );
    let kinds = |events: &Value, field: &str| -> std::collections::BTreeSet<String> {
        events.as_array().unwrap().iter().map(|event| event[field].as_str().unwrap().to_owned()).collect()
    };
    assert!(kinds(&document["events"], "type").contains("machine.destroyed"), "{document}");
    let told = scene.says(&["--json", "autopsy", machine]);
    let autopsy: Value = serde_json::from_str(&told).unwrap();
    assert!(autopsy["gone_at"].is_string(), "{autopsy}");
    assert_eq!(kinds(&autopsy["events"], "kind"), kinds(&document["events"], "type"));
    assert_eq!(document["config"]["image"], "registry.example/web:41");
    assert_eq!(autopsy["config"], document["config"]);
    assert!(!kept.contains(CANARY) && !told.contains(CANARY), "the environment is nobody's business");
    up.end();
}
