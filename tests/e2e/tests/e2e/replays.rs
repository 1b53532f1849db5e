//! Runs that are played again: nothing is asked of anybody, and everything is as it was.

use std::process::Command;

use serde_json::Value;

use crate::scene::{RECORDS, Said, Scene, TELL};
use crate::shipped::Shipped;

#[test]
fn every_run_is_the_same_again_and_another_version_says_where_it_is_not() {
    let scene = Scene::with_apps(2);
    scene.configure(&format!("{RECORDS}{TELL}"));
    let mut up = scene.up();
    scene.until_records(1..=2);
    scene.create_app("cust-3");
    scene.until_records(1..=3);
    scene.delete_app("cust-1");
    scene.until_records(2..=3);
    let of = |hook: &str| scene.list(&["runs", "--hook", hook, "--limit", "200"]);
    scene.until_so("both events were told", || of("tell").len() >= 2);
    up.end();

    let runs = [of("records"), of("tell")].concat();
    let ops: Vec<_> = runs.iter().filter_map(|run| run["op"].as_str()).collect();
    for op in ["find", "create", "remove", "handle"] {
        assert!(ops.contains(&op), "{op}: {ops:?}");
    }
    let names: Vec<_> = runs.iter().filter_map(|run| run["run"].as_str()).collect();
    let before = (scene.outside.log().len(), scene.world().stats());
    let again = scene.list(&[&["replay"], &names[..]].concat());
    assert_eq!(again.len(), names.len());
    for replayed in &again {
        assert_eq!(replayed["verdict"], "same", "{replayed}");
    }
    assert_eq!((scene.outside.log().len(), scene.world().stats()), before, "nobody was asked anything");

    // Another version says what it does differently first.
    // The first look of all is for the key; later ones are for the thing that is known.
    let find = runs.iter().rfind(|run| run["op"] == "find").unwrap();
    let find = find["run"].as_str().unwrap();
    let elsewhere = Shipped::get().elsewhere.display().to_string();
    let said = scene.groundcrew(&["replay", find, "--component", &elsewhere]);
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    assert!(said.out.contains("call 0 differs") && said.out.contains("-elsewhere"), "{}", said.out);
    let same = scene.groundcrew(&["replay", find]);
    assert!(same.out.contains("same: 1 call, same bytes, same answer"), "{}{}", same.out, same.err);

    // So does a backtest, of all runs at once.
    let said = scene.groundcrew(&["--json", "backtest", "records", "--component", &elsewhere]);
    let tally: Value = serde_json::from_str(&said.out).unwrap();
    let groups = tally["differs"].as_array().unwrap();
    let counts: Vec<_> = groups.iter().map(|group| (group["op"].as_str(), group["count"].as_u64())).collect();
    assert_eq!(said.code, Some(1), "{tally}");
    assert_eq!(groups.len(), 2, "looks for a key and creations, each alike: {tally}");
    assert!(counts.contains(&(Some("create"), Some(3))), "one for each of three apps: {tally}");
    assert_eq!(tally["runs"].as_u64(), Some(of("records").len() as u64), "{tally}");
    let things = Shipped::get().things.display().to_string();
    let said = scene.says(&["--json", "backtest", "records", "--component", &things]);
    let tally: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&tally["same"], tally["differs"].as_array().unwrap().len()), (&tally["runs"], 0), "{tally}");
    let desired = &tally["fleet"]["desired"];
    assert_eq!((desired["asked"].as_u64(), desired["changed"].as_u64()), (Some(2), Some(0)), "{tally}");

    // A version that does the same and wants more shows it in the fleet alone.
    let next = Shipped::get().next.display().to_string();
    let said = scene.groundcrew(&["--json", "backtest", "records", "--component", &next]);
    let tally: Value = serde_json::from_str(&said.out).unwrap();
    let desired = &tally["fleet"]["desired"];
    assert_eq!(said.code, Some(1), "{tally}");
    assert_eq!((desired["changed"].as_u64(), desired["creates"].as_u64()), (Some(2), Some(2)), "{tally}");

    exported(&scene, names[names.len() - 1]);
    exported(&scene, find);
}

/// A run is carried elsewhere, where there is nothing else.
fn exported(scene: &Scene, run: &str) {
    let file = scene.directory.path().join(format!("{run}.json"));
    let file = file.display().to_string();
    scene.says(&["replay", run, "--export", &file]);
    let refused = scene.groundcrew(&["replay", run, "--export", &file]);
    assert!(refused.code == Some(1) && refused.err.contains("choose another name"), "{}", refused.err);
    let text = std::fs::read_to_string(&file).unwrap();
    for secret in ["fo1_e2e", "/told"] {
        assert!(!text.contains(secret), "{secret} is in {file}");
    }
    let alone = tempfile::tempdir().unwrap();
    let replay = |file: &str| {
        let mut command = Command::new(&Shipped::get().binary);
        Said::of(&command.current_dir(alone.path()).args(["--json", "replay", file]).output().unwrap())
    };
    let said = replay(&file);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    let shown: Vec<Value> = serde_json::from_str(&said.out).unwrap();
    assert_eq!(shown[0]["verdict"], "same", "{}", said.out);

    // What somebody changed in it is noticed.
    let mut whole: Value = serde_json::from_str(&text).unwrap();
    whole["answer"] = Value::from("{\"ok\":1}");
    let changed = alone.path().join("changed.json");
    std::fs::write(&changed, whole.to_string()).unwrap();
    let said = replay(&changed.display().to_string());
    assert!(said.code == Some(1) && said.out.contains("differs"), "{}{}", said.out, said.err);
    whole["groundcrew_run"] = Value::from(99);
    std::fs::write(&changed, whole.to_string()).unwrap();
    let said = replay(&changed.display().to_string());
    assert!(said.code == Some(1) && said.err.contains("newer groundcrew"), "{}{}", said.out, said.err);
}
