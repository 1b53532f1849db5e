//! Mistakes of handlers, and what a scenario says that they are told.

use std::path::Path;

use groundcrew::prove::loaded::Loaded;
use groundcrew::prove::proof::{Extent, prove};
use groundcrew::prove::scenario::Scenario;
use groundcrew::prove::{Pairs, play};
use groundcrew_harness::hooks;
use serde_json::{Value, json};

use crate::{Nobody, load, loaded};

/// Mistakes of handlers: what it takes, and how it is told.
const OF_HANDLERS: [(&str, usize, &str, &str); 3] = [
    ("other-id", 0, "untold", "whoever is told twice cannot know it"),
    ("says-now", 1, "told otherwise", "not from a clock or chance"),
    ("swallows", 1, "untold", "an error must be an error"),
];

#[test]
fn mistakes_of_handlers_are_seen_and_the_same_handler_without_one_passes() {
    let loaded = load(&hooks::teller());
    let scene = |mistake: &str| {
        let text = format!(
            "[stanza]\nconfig = {{ server = \"https://api.example\", mistake = \"{mistake}\" }}\n\
             [[step]]\nat = \"1s\"\napp = \"a\"\n[[step]]\nat = \"1m\"\napp = \"a\"\ngone = true\n"
        );
        Scenario::parse(Path::new("scenarios/planted.toml"), &text).unwrap().scene(&loaded).unwrap()
    };
    let extent = Extent { pairs: Pairs::Sample { count: 20, seed: 1 }, lives: 2, seed: 1 };
    for (mistake, takes, wrong, why) in OF_HANDLERS {
        let failure = prove(&scene(mistake), extent, &Nobody).failure.unwrap_or_else(|| panic!("{mistake}"));
        assert_eq!(failure.ordeal.len(), takes, "{mistake}: {failure:#?}");
        assert!(failure.wrong[0].starts_with(wrong), "{mistake}: {failure:#?}");
        assert!(failure.why.join("; ").contains(why), "{mistake}: {failure:#?}");
    }
    let right = prove(&scene("none"), extent, &Nobody);
    assert!(right.failure.is_none() && right.points > 20, "{right:#?}");
}

/// A handler with a schedule hears of an app, of what happened elsewhere, of a finding, and of the time.
const TOLD: &str = r#"
[stanza]
on     = ["app.created", "app.deleted", "com.example.*", "finding.opened"]
cron   = "0 3 * * *"
config = { server = "https://api.example", mistake = "none" }
[[step]]
at    = "1s"
event = "com.example.early"
about = "a"
[[step]]
at   = "2s"
app  = "a"
data = { from = "nowhere" }
[[step]]
at     = "3s"
app    = "a"
labels = { plan = "pro" }
[[step]]
at    = "4s"
event = "com.example.paid"
about = "a"
data  = { amount = 12 }
[[step]]
at    = "5s"
event = "org.example.unheard"
[[step]]
at    = "6s"
event = "finding.opened"
data  = { code = "thing.idle" }
[[step]]
at   = "1h"
tick = true
[[step]]
at   = "2h"
tick = true
[[step]]
at   = "3h"
app  = "a"
gone = true
data = { to = "nowhere" }
[expect]
told = [
    "com.example.early a", "app.created a", "com.example.paid a", "finding.opened", "tick", "tick", "app.deleted a",
]
"#;

#[test]
fn what_handlers_are_told_is_what_a_scenario_says() {
    let loaded = load(&hooks::teller());
    let scene = |text: &str| {
        Scenario::parse(Path::new("scenarios/planted.toml"), text).unwrap().scene(&loaded).unwrap()
    };
    let scene_as_told = scene(TOLD);
    let played = play(&scene_as_told, &[]);
    assert!(played.is_right(), "{played}\n{:?}", played.otherwise);
    assert_eq!(Some(&played.happenings), scene_as_told.told.as_ref());
    let bodies = played.receipts.iter().map(|receipt| serde_json::from_str::<Value>(&receipt.body).unwrap());
    let data: Vec<_> = bodies.map(|body| body["data"].clone()).collect();
    let tick = json!({ "hook": "teller", "cron": "0 3 * * * UTC" });
    let expected = [
        Value::Null,
        json!({ "from": "nowhere" }),
        json!({ "amount": 12 }),
        json!({ "code": "thing.idle" }),
        tick.clone(),
        tick,
        json!({ "to": "nowhere" }),
    ];
    assert_eq!(data, expected);

    let extent = Extent { pairs: Pairs::Sample { count: 20, seed: 1 }, lives: 2, seed: 1 };
    let right = prove(&scene_as_told, extent, &Nobody);
    assert!(right.failure.is_none() && right.points > 50, "{right:#?}");
    for (from, to, wrong) in [
        ("\"tick\", \"tick\"", "\"tick\"", "told too much: `tick` is not in `told`"),
        (
            "\"finding.opened\", \"tick\"",
            "\"finding.opened\", \"app.updated a\", \"tick\"",
            "untold: `app.updated a` was never told",
        ),
    ] {
        let failure = prove(&scene(&TOLD.replace(from, to)), extent, &Nobody).failure.expect(wrong);
        assert_eq!((failure.wrong, failure.ordeal.len()), (vec![wrong.to_owned()], 0));
    }
    // What lets an event fall is seen although the scenario says what is told.
    let swallows = TOLD.replace("mistake = \"none\"", "mistake = \"swallows\"");
    let failure = prove(&scene(&swallows), extent, &Nobody).failure.expect("an event is lost");
    assert!(failure.wrong[0].starts_with("untold: ") && failure.ordeal.len() == 1, "{failure:#?}");
    assert!(failure.why.join("; ").contains("an error must be an error"), "{failure:#?}");
}

#[test]
fn what_only_handlers_are_told_is_refused_of_others_and_ticks_need_a_schedule() {
    let (teller, wrong) = (load(&hooks::teller()), loaded());
    let refused = |loaded: &Loaded, text: &str| {
        let scenario = Scenario::parse(Path::new("scenarios/planted.toml"), text).unwrap();
        scenario.scene(loaded).map(drop).unwrap_err().to_string()
    };
    for (text, what) in [
        ("[[step]]\nat = \"1s\"\ntick = true\n", "`tick = true`"),
        ("[[step]]\nat = \"1s\"\nevent = \"com.example.paid\"\n", "`event` without `app`"),
        ("[expect]\ntold = []\n", "`told`"),
    ] {
        let told = refused(wrong, text);
        assert_eq!(told, format!("scenarios/planted.toml: {what} is for handlers, and wrong is none"));
    }
    let told = refused(&teller, "[[step]]\nat = \"1s\"\ntick = true\n");
    assert!(told.starts_with("scenarios/planted.toml: `tick = true`") && told.contains("cron = "), "{told}");
}
