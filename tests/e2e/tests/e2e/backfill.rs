//! A handler that came later, and is told of everybody who lives.

use std::collections::BTreeSet;

use groundcrew_flysim::Action;
use serde_json::Value;

use crate::scene::Scene;

const LATER: &str = r#"
[hook.tell]
use = "builtin:notify"
on = ["app.*"]
config = { to = "standard-webhooks" }
secret.URL = { from = "TELL", at = "url" }
limits = { rate = "1000/s" }
"#;

/// Of whom it was told, with the events' ids.
fn told(scene: &Scene) -> Vec<(String, String, String)> {
    let receipts = scene.outside.receipts().into_iter();
    let all = receipts.map(|receipt| {
        let body: Value = serde_json::from_str(&receipt.body).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&body["type"]), text(&body["data"]["subject"]["path"]), receipt.id.unwrap_or_default())
    });
    all.collect()
}

#[test]
fn a_handler_that_came_later_hears_of_all_who_live_once_each_across_a_kill() {
    let scene = Scene::with_apps(20);
    scene.configure(LATER);
    let mut up = scene.up();
    scene.until_ready();
    scene.until_listed(2);
    assert!(told(&scene).is_empty(), "a first start adopts without a word");
    scene.delete_app("cust-20");
    scene.until_so("its end is told", || told(&scene).len() == 1);

    let planned = scene.groundcrew(&["backfill", "tell"]);
    assert!(
        planned.code == Some(5) && planned.err.contains("tell is told of 19 apps and 0 machines"),
        "{planned:?}"
    );
    assert_eq!(told(&scene).len(), 1, "a plan tells nobody");
    scene.says(&["backfill", "tell", "--rate", "8/s", "--yes"]);
    scene.until_so("some are told", || told(&scene).len() > 4);
    drop(up);
    let before = scene.list(&["backfill", "list"]).remove(0);
    assert_eq!(before["under_way"], true, "{before}");
    up = scene.up();
    scene.until_so("it is over", || scene.list(&["backfill", "list"])[0]["outcome"] == "told of 19");
    let present = || told(&scene).into_iter().filter(|(kind, ..)| kind == "app.present").collect::<Vec<_>>();
    let paths = || present().into_iter().map(|(_, path, _)| path).collect::<BTreeSet<_>>();
    scene.until_so("all are told", || paths().len() == 19);
    let ids: BTreeSet<_> = present().into_iter().map(|(.., id)| id).collect();
    assert_eq!(ids.len(), 19, "told twice at most under the same id");
    assert!(!paths().contains("fly/acme/cust-20"));

    // One that is cancelled tells of nobody else.
    scene.says(&["backfill", "tell", "--rate", "1/m", "--yes"]);
    let again = scene.groundcrew(&["backfill", "tell", "--yes"]);
    assert!(again.code == Some(1) && again.err.contains("backfill cancel tell"), "{again:?}");
    scene.says(&["backfill", "cancel", "tell"]);
    assert_eq!(scene.list(&["backfill", "list"])[0]["outcome"], "cancelled");
    up.end();
}

#[test]
fn a_handler_of_machines_that_came_later_hears_of_all_that_live() {
    let scene = Scene::with_apps(2);
    let machine = |app: &str| {
        let create = Action::CreateMachine { app: app.to_owned(), name: None, region: None, config: None };
        scene.world().act(create).unwrap()["id"].as_str().unwrap().to_owned()
    };
    let [kept, other, gone] = ["cust-1", "cust-2", "cust-2"].map(machine);
    scene.world().act(Action::DestroyMachine { machine: gone }).unwrap();
    scene.configure(&LATER.replace("app.*", "machine.*"));
    let mut up = scene.up();
    scene.until_ready();
    scene.until_listed(2);
    assert!(told(&scene).is_empty(), "a first start adopts without a word");
    let planned = scene.groundcrew(&["backfill", "tell"]);
    assert!(planned.err.contains("tell is told of 0 apps and 2 machines"), "{planned:?}");
    scene.says(&["backfill", "tell", "--rate", "100/s", "--yes"]);
    scene.until_so("it is over", || scene.list(&["backfill", "list"])[0]["outcome"] == "told of 2");
    scene.until_so("both are told", || told(&scene).len() == 2);
    let mut what: Vec<_> = told(&scene).into_iter().map(|(kind, path, _)| (kind, path)).collect();
    what.sort();
    let present = |app: &str, id: &str| ("machine.present".to_owned(), format!("fly/acme/{app}/{id}"));
    assert_eq!(what, [present("cust-1", &kept), present("cust-2", &other)]);
    up.end();
}
