//! Two runners of one installation at the same time, each with a configuration and a data directory of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;

use groundcrew_outside::What;
use serde_json::Value;

use crate::scene::{RECORDS, Said, Scene, Up, free_port};
use crate::shipped::Shipped;

/// What says that there are two.
const SECOND: &str = "installation.second";

/// A runner that somebody set up a second time, from a copy of the configuration.
struct Second<'a> {
    scene: &'a Scene,
    configuration: PathBuf,
}

impl<'a> Second<'a> {
    /// Copies the scene's configuration; only where data is kept and where it listens are another place.
    fn beside(scene: &'a Scene) -> Self {
        scene.is_shared.store(true, Ordering::Relaxed);
        let first = scene.directory.path();
        let directory = first.join("second");
        std::fs::create_dir(&directory).unwrap();
        let text = std::fs::read_to_string(first.join("groundcrew.toml")).unwrap();
        let elsewhere = |text: &str, here: &str, there: &str| {
            assert_eq!(text.matches(here).count(), 1, "{here} is one place of\n{text}");
            text.replace(here, there)
        };
        let data = |directory: &Path| format!("path = \"{}\"", directory.join("data").display());
        let text = elsewhere(&text, &data(first), &data(&directory));
        let text = elsewhere(&text, &scene.api, &format!("127.0.0.1:{}", free_port()));
        let configuration = directory.join("groundcrew.toml");
        std::fs::write(&configuration, text).unwrap();
        let second = Self { scene, configuration };
        let added = second.groundcrew(&["add", "--all", "--yes"]);
        assert_eq!(added.code, Some(0), "{}", added.err);
        second
    }

    fn command(&self) -> Command {
        let mut command = self.scene.command(&Shipped::get().binary);
        command.arg("--config").arg(&self.configuration);
        command
    }

    fn groundcrew(&self, arguments: &[&str]) -> Said {
        Said::of(&self.command().args(arguments).output().unwrap())
    }

    fn up(&self) -> Up {
        self.scene.up_as(self.command())
    }

    /// What it says of two runners, once it has a database.
    fn noticed(&self) -> Option<Value> {
        let said = self.groundcrew(&["--json", "findings"]);
        let findings: Vec<Value> = serde_json::from_str(&said.out).ok()?;
        findings.into_iter().find(|finding| finding["code"] == SECOND)
    }
}

/// What makes a record for one app only, and an audit of what there is.
const FOR_ONE: &str = r#"
[scope.one]
apps = ["cust-1"]

[audit.stock]
hooks = ["records"]
cron = "0 3 1 1 *"
"#;

#[test]
fn two_runners_for_different_apps_notice_each_other_in_a_listing() {
    let scene = Scene::with_apps(2);
    scene.configure(&(RECORDS.replace("gone = \"delete\"", "scope = \"one\"\ngone = \"delete\"") + FOR_ONE));
    let mut first_up = scene.up();
    scene.until_records(1..=1);
    let second = Second::beside(&scene);
    let text = std::fs::read_to_string(&second.configuration).unwrap();
    std::fs::write(&second.configuration, text.replace("cust-1", "cust-2")).unwrap();
    let mut second_up = second.up();
    scene.until_records(1..=2);
    second_up.end();
    assert!(
        scene.open_findings(SECOND).is_empty() && second.noticed().is_none(),
        "neither looks for the other's"
    );

    let orphan = scene.until("a listing shows what no row is about", || {
        scene.audited("stock");
        scene.open_findings("inventory.orphan").pop()
    });
    assert_eq!(orphan["about"], "natural/cust-2", "{orphan}");
    assert!(orphan["remedy"].as_str().unwrap().starts_with("groundcrew doctor"), "{orphan}");
    let finding = scene.open_findings(SECOND).pop().unwrap();
    assert_eq!(finding["severity"], "critical", "{finding}");
    let doctor = scene.groundcrew(&["doctor"]);
    assert_eq!(doctor.code, Some(1), "{}{}", doctor.out, doctor.err);
    assert!(doctor.out.contains("another runner has the same installation id"), "{}", doctor.out);
    first_up.end();
    assert_eq!((scene.times(What::Created), scene.times(What::Deleted)), (2, 0));
}

#[test]
fn two_runners_of_one_installation_notice_each_other_and_nothing_is_made_twice() {
    let scene = Scene::with_apps(1);
    scene.configure(RECORDS);
    let mut first_up = scene.up();
    scene.until_records(1..=1);
    scene.until_on_record(1);

    let second = Second::beside(&scene);
    let mut second_up = second.up();
    let finding = scene.until("the second notices whose thing it is", || second.noticed());
    assert_eq!(finding["severity"], "critical", "{finding}");
    assert!(scene.open_findings(SECOND).is_empty(), "what is there was made by the first");

    // The first rests, so that it is the second that makes the next one.
    scene.says(&["pause"]);
    scene.create_app("cust-2");
    scene.until_records(1..=2);
    scene.says(&["unpause"]);
    scene.until("the first notices it, too", || scene.open_findings(SECOND).pop());
    for doctor in [scene.groundcrew(&["doctor"]), second.groundcrew(&["doctor"])] {
        let says = |what: &str| doctor.out.contains(what);
        assert_eq!(doctor.code, Some(1), "{}{}", doctor.out, doctor.err);
        assert!(says("another runner has the same installation id"), "{}", doctor.out);
        assert!(says("stop the other runner"), "{}", doctor.out);
    }
    assert_eq!((scene.times(What::Created), scene.times(What::Deleted)), (2, 0), "nothing is made twice");

    // Both would remove it; it goes once, and what the other app has stays.
    scene.delete_app("cust-1");
    scene.until_records(2..=2);
    scene.until_listed(6);
    second_up.end();
    first_up.end();
    assert_eq!((scene.times(What::Created), scene.times(What::Deleted)), (2, 1));
    scene.is_left_with([("cust-2", "natural/cust-2")]);
}
