//! Hundreds of apps that are reported gone at once: a broken source, until they return or a person says otherwise.

use groundcrew_flysim::Fault;
use groundcrew_outside::What;

use crate::scene::{RECORDS, Scene};

const APPS: u32 = 400;

/// The ends of hundreds of apps are proven one by one, within one reading of the lists where that is slow enough.
const SLOWER: &str = "poll = \"2s\"\n";

/// Deletes are not capped here: nothing but the disbelief stands before the records.
const WIDE: &str =
    "limits = { parallel = 16, rate = \"1000/s\", deletes = { share = \"100%\", floor = 1000 } }\n";

#[test]
fn apps_reported_gone_delete_nothing_and_go_once_a_person_says_so() {
    let scene = Scene::with_apps(APPS);
    scene.configure(&format!("{SLOWER}{RECORDS}{WIDE}"));
    let mut up = scene.up();
    scene.until_records(1..=APPS);

    // The list is empty, each app is not found, and the token reaches all that it did.
    let nothing_found = Fault { path: "/v1/apps/*".to_owned(), status: Some(404), ..Fault::default() };
    scene.turn(|knobs| {
        knobs.apps_missing = vec!["*".to_owned()];
        knobs.faults = vec![nothing_found];
    });
    scene.until_so("the finding is there", || !scene.open_findings("source.vanish").is_empty());
    // Three more lists are six seconds: grace would be over by then.
    scene.until_listed(3);
    assert_eq!(scene.times(What::Deleted), 0);
    let said = scene.findings("source.vanish");
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(said[0]["message"].as_str().unwrap().starts_with("400 of 400 apps seem to be gone at once"));
    let why = scene.ask("/readyz").unwrap();
    assert!(why.0 == 503 && why.1.contains("400 apps"), "{why:?}");

    // They return: the finding ends by itself, a new app is served, and one that is deleted alone is believed.
    scene.turn(|knobs| (knobs.apps_missing, knobs.faults) = Default::default());
    scene.until_so("the finding is closed", || scene.open_findings("source.vanish").is_empty());
    scene.until_ready();
    assert_eq!((scene.times(What::Created), scene.times(What::Deleted)), (400, 0));
    scene.create_app("cust-401");
    scene.until_records(1..=401);
    scene.delete_app("cust-1");
    scene.until_records(2..=401);

    // Now they are really gone. Only the command that the finding names lets them go.
    for n in 2..=401 {
        scene.delete_app(&format!("cust-{n}"));
    }
    let finding = scene.until("the finding is open again", || scene.open_findings("source.vanish").pop());
    scene.until_listed(3);
    assert_eq!(scene.times(What::Deleted), 1);
    assert!(
        finding["remedy"].as_str().unwrap().contains("`groundcrew approve --source vanished`"),
        "{finding}"
    );
    scene.says(&["approve", "--source", "vanished", "--yes"]);
    scene.until_records([]);
    assert!(scene.open_findings("source.vanish").is_empty());
    scene.is_clean([]);
    up.end();
}

#[test]
fn apps_that_vanish_a_few_at_a_time_are_not_believed_either_and_come_back_as_they_were() {
    let scene = Scene::with_apps(100);
    // Five of a hundred are plausible; by the time that their grace is over, nobody believes it any more.
    scene.configure(&format!("{}{WIDE}", RECORDS.replace("gone = \"1s\"", "gone = \"5s\"")));
    let mut up = scene.up();
    scene.until_records(1..=100);
    // One really ends, just before: its grace ends while nobody is believed.
    scene.delete_app("cust-100");
    let listed = || scene.list(&["resources"]).iter().filter(|row| row["unwanted_since"].is_string()).count();
    scene.until_so("its end is believed", || listed() == 1);
    for gone in 1..=10 {
        let nothing_found =
            |n: u32| Fault { path: format!("/v1/apps/cust-{n}"), status: Some(404), ..Fault::default() };
        scene.turn(|knobs| {
            knobs.apps_missing = (1..=gone * 2).map(|n| format!("cust-{n}")).collect();
            knobs.faults = (1..=gone * 2).map(nothing_found).collect();
        });
        scene.until_listed(1);
    }
    scene.until_so("the finding is there", || !scene.open_findings("source.vanish").is_empty());
    scene.until_listed(14);
    assert_eq!(scene.times(What::Deleted), 0);
    assert_eq!(scene.findings("source.vanish").len(), 1);

    scene.turn(|knobs| (knobs.apps_missing, knobs.faults) = Default::default());
    scene.until_so("the finding is closed", || scene.open_findings("source.vanish").is_empty());
    scene.create_app("cust-101");
    scene.until_records((1..=99).chain([101]));
    scene.until_listed(14);
    assert_eq!((scene.times(What::Created), scene.times(What::Deleted)), (101, 1));
    // Ends that were believed count for ten minutes, so one more may be one too many, but for a person.
    scene.delete_app("cust-1");
    scene.until_so("its record is gone", || {
        if !scene.open_findings("source.vanish").is_empty() {
            scene.says(&["approve", "--source", "vanished", "--yes"]);
        }
        !scene.keys().contains("natural/cust-1")
    });
    scene.until_records((2..=99).chain([101]));
    scene.was_polite();
    up.end();
}
