//! A version that asks for more than the one before waits for a person, whatever its stanza grants.

use std::path::PathBuf;

use groundcrew_outside::What;

use crate::plan::planned;
use crate::scene::{RECORDS, Scene};
use crate::shipped::Shipped;

/// The guest's manifest, changed, in a file of the scene.
fn manifest(scene: &Scene, name: &str, changes: &[(&str, &str)]) -> PathBuf {
    let mut text = std::fs::read_to_string(&Shipped::get().manifest).unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let file = scene.directory.path().join(name);
    std::fs::write(&file, text).unwrap();
    file
}

const ASKED: &str = "allow = [\"GET,POST,PUT,DELETE {config.server}/*\"]";
const MORE: &str = "allow = [\"GET,POST,PUT,DELETE {config.server}/*\", \"GET https://status.example/*\"]";

/// The next version, which wants one thing more for each app, with a manifest that asks for one more host; granted.
fn asking(scene: &Scene) -> String {
    let asking = manifest(scene, "more.toml", &[(ASKED, MORE)]);
    let component = Shipped::get().next.display();
    let uses = format!("use = \"{component}\"\nmanifest = \"{}\"", asking.display());
    RECORDS.replace("$THINGS", &uses).replace(ASKED, MORE)
}

#[test]
fn the_version_before_goes_on_until_the_one_that_asks_for_more_is_approved() {
    let scene = Scene::with_apps(2);
    scene.configure(RECORDS);
    let mut up = scene.up();
    scene.until_records(1..=2);
    scene.until_on_record(2);
    up.end();

    scene.configure(&asking(&scene));
    let mut up = scene.up();
    let finding = scene.until("it waits", || scene.open_findings("hook.asks-more").pop());
    let message = finding["message"].as_str().unwrap();
    assert!(message.contains("one more host, https://status.example"), "{message}");
    assert!(message.ends_with("the one before goes on"), "{message}");
    assert!(
        finding["remedy"].as_str().unwrap().contains("groundcrew approve --upgrade records"),
        "{finding}"
    );
    assert_eq!(scene.list(&["approve"])[0]["hook"], "records");
    assert!(scene.says(&["approve"]).contains("groundcrew approve --upgrade records"));
    scene.create_app("cust-3");
    scene.until_records(1..=3);
    scene.until_listed(6);
    assert_eq!(scene.times(What::Created), 3, "the next version would have made one more for each");
    let said = scene.groundcrew(&["diff", "records", &message[16..28]]);
    assert!(said.code == Some(1) && said.out.contains("1 wider"), "{said:?}");
    up.end();

    // It waits over a restart and a reload, too; an approval is in force at once, and after restarts.
    let mut up = scene.up();
    scene.until_ready();
    scene.until_listed(4);
    assert_eq!((scene.times(What::Created), scene.open_findings("hook.asks-more").len()), (3, 1));
    let held = scene.says(&["reload"]);
    assert!(held.contains("! hook records: its new version waits: groundcrew approve --upgrade"), "{held}");
    let asked = scene.groundcrew(&["approve", "--upgrade", "records"]);
    assert!(asked.code == Some(5) && asked.err.contains("records asks for one more host"), "{asked:?}");
    let said = scene.says(&["approve", "--upgrade", "records", "--yes"]);
    assert!(
        said.contains("is approved, and is in force\nreloaded: 1 change\n  ~ hook records: component"),
        "{said}"
    );
    assert!(scene.open_findings("hook.asks-more").is_empty());
    let again = scene.groundcrew(&["approve", "--upgrade", "records", "--yes"]);
    assert!(again.code == Some(1) && again.err.contains("no version of records waits"), "{again:?}");
    scene.until_so("the new version makes what it wants", || scene.keys().len() == 6);
    up.end();
    let mut up = scene.up();
    scene.until_ready();
    scene.create_app("cust-4");
    scene.until_so("it is still the new one", || scene.keys().len() == 8);
    assert!(scene.open_findings("hook.asks-more").is_empty());
    up.end();
    assert_eq!(scene.times(What::Deleted), 0);
}

#[test]
fn where_the_version_before_cannot_go_on_the_hook_stands_still_and_misses_nothing() {
    let scene = Scene::with_apps(1);
    let before = manifest(&scene, "before.toml", &[("suffix = { type = \"string\" }\n", "")]);
    let uses = format!("use = \"{}\"\nmanifest = \"{}\"", Shipped::get().things.display(), before.display());
    scene.configure(&RECORDS.replace("$THINGS", &uses));
    let mut up = scene.up();
    scene.until_records(1..=1);
    scene.until_on_record(1);
    up.end();

    // The stanza says what the version before refuses.
    let next = asking(&scene).replace("things = [", "suffix = \"\", things = [");
    scene.configure(&next);
    let mut up = scene.up();
    let finding = scene.until("it waits", || scene.open_findings("hook.asks-more").pop());
    let message = finding["message"].as_str().unwrap();
    assert!(
        message.contains("the stanza does not fit it") && message.ends_with("the hook stands still"),
        "{message}"
    );
    assert_eq!(finding["severity"], "critical");
    scene.create_app("cust-2");
    scene.delete_app("cust-1");
    scene.until_listed(8);
    assert_eq!((scene.times(What::Created), scene.times(What::Deleted)), (1, 0));
    scene.says(&["approve", "--upgrade", "records", "--yes"]);
    scene.until_so("what was owed meanwhile is done", || {
        scene.keys().into_iter().eq(["natural/cust-2".to_owned(), "natural/cust-2-extra".to_owned()])
    });
    up.end();
}

#[test]
fn a_first_version_and_one_that_asks_for_less_need_nobody() {
    let scene = Scene::with_apps(1);
    scene.configure(&asking(&scene));
    let mut up = scene.up();
    scene.until_so("it works", || scene.keys().len() == 2);
    up.end();
    scene.configure(&RECORDS.replace("$THINGS", "$NEXT"));
    let mut up = scene.up();
    scene.until_ready();
    scene.create_app("cust-2");
    scene.until_so("it works on", || scene.keys().len() == 4);
    up.end();

    // Nor does who goes back to the one that asks for more: it was active before.
    scene.configure(&asking(&scene));
    let mut up = scene.up();
    scene.until_ready();
    scene.create_app("cust-3");
    scene.until_so("it works on, too", || scene.keys().len() == 6);
    assert!(scene.findings("hook.asks-more").is_empty());
    up.end();
}

#[test]
fn a_plan_is_applied_while_a_version_waits() {
    let scene = Scene::with_apps(2);
    scene.configure(RECORDS);
    let mut up = scene.up();
    scene.until_records(1..=2);
    scene.until_on_record(2);
    up.end();

    // At this level nothing is written but what is applied.
    let observing = asking(&scene).replace("[hook.records]", "[hook.records]\nlevel = \"observe\"");
    scene.configure(&observing.replace("value = 1", "value = 2"));
    let mut up = scene.up();
    scene.until("it waits", || scene.open_findings("hook.asks-more").pop());
    scene.until_ready();
    let both = ["update cust-1", "update cust-2"];
    scene.until_so("the one before would update both", || planned(&scene, &[]) == both);
    scene.says(&["plan", "--out", "both.json"]);
    scene.says(&["plan", "--app", "cust-2", "--out", "one.json"]);
    scene.says(&["apply", "one.json", "--yes"]);
    scene.until_so("one is updated", || scene.times(What::Updated) == 1);
    scene.until_so("and on record", || planned(&scene, &[]) == ["update cust-1"]);

    // What was planned with the one before is not applied once another one is let in.
    scene.says(&["approve", "--upgrade", "records", "--yes"]);
    let refused = scene.groundcrew(&["apply", "both.json", "--yes"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.err.contains("hook `records` is another one by now"), "{}", refused.err);
    assert_eq!((scene.times(What::Created), scene.times(What::Updated)), (2, 1));
    up.end();
}

#[test]
fn a_renamed_hook_keeps_its_things_while_a_version_waits() {
    let scene = Scene::with_apps(1);
    scene.configure(RECORDS);
    let mut up = scene.up();
    scene.until_records(1..=1);
    scene.until_on_record(1);
    up.end();
    let next = asking(&scene);
    scene.configure(&next);
    let mut up = scene.up();
    scene.until("it waits", || scene.open_findings("hook.asks-more").pop());
    up.end();

    scene.configure(&next.replace("[hook.records]", "[hook.entries]"));
    let mut up = scene.up();
    scene.until_ready();
    let waiting: Vec<_> =
        scene.open_findings("hook.asks-more").into_iter().map(|found| found["about"].clone()).collect();
    assert_eq!(waiting, ["entries"]);
    let hooks = scene.list(&["hook", "list"]);
    assert!(hooks.len() == 1 && hooks[0]["name"] == "entries", "{hooks:?}");
    assert_eq!(hooks[0]["waiting"]["approve"], "groundcrew approve --upgrade entries");
    scene.create_app("cust-2");
    scene.until_records(1..=2);
    scene.until_on_record(2);
    assert!(scene.list(&["resources"]).iter().all(|row| row["hook"] == "entries"));
    scene.says(&["approve", "--upgrade", "entries", "--yes"]);
    up.end();
    let mut up = scene.up();
    scene.until_so("the new version makes what it wants", || scene.keys().len() == 4);
    up.end();
    assert_eq!((scene.times(What::Created), scene.times(What::Deleted)), (4, 0));
}
