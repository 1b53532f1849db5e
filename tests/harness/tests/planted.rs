//! Mistakes that people made in public, planted in a hook: each is seen, with no more going wrong than it takes.
//!
//! The same calls without the mistake pass the same proof.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;

use groundcrew::prove::loaded::Loaded;
use groundcrew::prove::proof::{Extent, Proof, Watch, prove, replay};
use groundcrew::prove::scenario::Scenario;
use groundcrew::prove::{Pairs, play};
use groundcrew_harness::hooks;
use serde_json::{Value, json};

/// A mistake, and how it is told.
struct Planted {
    mistake: &'static str,
    /// Where people made it.
    seen: &'static str,
    scenario: &'static str,
    /// How many things must go wrong before it shows.
    takes: usize,
    /// How many steps of the scenario, those between that it does without left out.
    steps: usize,
    /// What is wrong in the end.
    wrong: &'static str,
    /// Why, in words.
    why: &'static str,
}

/// One app wants one thing.
const MARKED: &str = r#"
[outside.collection."/marked"]
like = "marked"
lag  = "2s"
[[step]]
at = "1s"
app = "a"
labels = { things = ["marked/x=1"] }
[expect]
lives = ["a marked/x"]
"#;

/// The same of what is made under an idempotency key.
const KEYED: &str = r#"
[outside.collection."/keyed"]
like = "keyed"
[[step]]
at = "1s"
app = "a"
labels = { things = ["keyed/x=1"] }
[expect]
lives = ["a keyed/x"]
"#;

/// The same of what lies at its name.
const NATURAL: &str = r#"
[outside.collection."/natural"]
like = "natural"
[[step]]
at = "1s"
app = "a"
labels = { things = ["natural/x=1"] }
[expect]
lives = ["a natural/x"]
"#;

/// A name may be taken twice.
const FREE: &str = r#"
[outside.collection."/natural"]
names = "free"
[[step]]
at = "1s"
app = "a"
labels = { things = ["natural/x=1"] }
[expect]
lives = ["a natural/x"]
"#;

/// The same, and listings do not show it for a while.
const FREE_LATE: &str = r#"
[outside.collection."/natural"]
names = "free"
lag   = "2s"
[[step]]
at = "1s"
app = "a"
labels = { things = ["natural/x=1"] }
[expect]
lives = ["a natural/x"]
"#;

/// Somebody else's things come first in the listing, one on a page.
const PAGES: &str = r#"
[outside.collection."/marked"]
like = "marked"
page = 1
[[step]]
at = "0s"
stranger = "makes"
in = "/marked"
name = "other"
[[step]]
at = "1s"
app = "a"
labels = { things = ["marked/x=1"] }
[expect]
lives = ["a marked/x"]
"#;

/// Somebody else has the name.
const TAKEN: &str = r#"
[outside.collection."/natural"]
like = "natural"
[[step]]
at = "0s"
stranger = "makes"
in = "/natural"
name = "x"
[[step]]
at = "1s"
app = "a"
labels = { things = ["natural/x=1"] }
[[step]]
at = "1m"
app = "a"
gone = true
"#;

/// It changes, and goes with its app; another app has one that is called almost the same.
const LIFE: &str = r#"
[outside.collection."/marked"]
like = "marked"
[[step]]
at = "1s"
app = "b"
labels = { things = ["marked/x2=1"] }
[[step]]
at = "2s"
app = "a"
labels = { things = ["marked/x=1"] }
[[step]]
at = "1m"
app = "a"
labels = { things = ["marked/x=2"] }
[[step]]
at = "2m"
app = "a"
gone = true
[expect]
lives = ["b marked/x2"]
"#;

const PLANTED: &[Planted] = &[
    Planted {
        mistake: "marks-later",
        seen: "crossplane-runtime/277: made, and written down in a second step that may never come",
        scenario: MARKED,
        takes: 1,
        steps: 1,
        wrong: "doubled",
        why: "carried no mark",
    },
    Planted {
        mistake: "no-mark",
        seen: "terraform/14487, provider-aws/18051: cut off in between, and nothing leads back to what was made",
        scenario: MARKED,
        takes: 1,
        steps: 1,
        wrong: "doubled",
        why: "carried no mark",
    },
    Planted {
        mistake: "sends-again",
        seen: "dbos/742, golem#3749: the code that recovers runs twice",
        scenario: MARKED,
        takes: 1,
        steps: 1,
        wrong: "doubled",
        why: "twice in one call",
    },
    Planted {
        mistake: "errors-are-absence",
        seen: "dbos/761: a check that failed for a moment counted as an answer for ever",
        scenario: MARKED,
        takes: 1,
        steps: 1,
        wrong: "doubled",
        why: "an error must stay an error",
    },
    Planted {
        mistake: "first-page",
        seen: "policy-server/716, adm-controller/1950: an inventory too large for memory comes by page, and all pages count",
        scenario: PAGES,
        takes: 1,
        steps: 2,
        wrong: "doubled",
        why: "first page",
    },
    Planted {
        mistake: "other-name",
        seen: "crossplane/3037, crossplane-runtime/340: a name that is another at each attempt, so that nobody can look for it",
        scenario: NATURAL,
        takes: 1,
        steps: 1,
        wrong: "doubled",
        why: "find",
    },
    Planted {
        mistake: "other-key",
        seen: "dbos/742: what was pending runs a second time, and only its key could tell",
        scenario: KEYED,
        takes: 1,
        steps: 1,
        wrong: "doubled",
        why: "want.once",
    },
    Planted {
        mistake: "filters-by-mark",
        seen: "external-dns/2036: what carries another owner's id is not seen",
        scenario: TAKEN,
        takes: 0,
        steps: 2,
        wrong: "foreign",
        why: "wrote over",
    },
    Planted {
        mistake: "random-desire",
        seen: "external-dns/2178: an id that changes, and everything is lost with it",
        scenario: MARKED,
        takes: 0,
        steps: 1,
        wrong: "unsteady",
        why: "`desired` is pure",
    },
    Planted {
        mistake: "update-makes",
        seen: "azurerm/32230: what is made where no record expects it is left when it is cut off",
        scenario: LIFE,
        takes: 0,
        steps: 2,
        wrong: "doubled",
        why: "`update` made a new thing",
    },
    Planted {
        mistake: "removes-by-prefix",
        seen: "modernisation-platform/12887: deletion that takes more than anybody meant",
        scenario: LIFE,
        takes: 0,
        steps: 4,
        wrong: "missing",
        why: "went with DELETE",
    },
    Planted {
        mistake: "never-removes",
        seen: "custodian/48, custodian/7856, external-dns/1503: leftovers of the tool itself",
        scenario: LIFE,
        takes: 0,
        steps: 2,
        wrong: "left over",
        why: "was gone and sent nothing",
    },
    Planted {
        mistake: "claims-any",
        seen: "external-dns/5993: a migration took every record of a shared zone for its own",
        scenario: TAKEN,
        takes: 0,
        steps: 3,
        wrong: "foreign",
        why: "a stranger's thing",
    },
    Planted {
        mistake: "posts-names",
        seen: "dbos/742: what was asked for once is done twice",
        scenario: FREE,
        takes: 1,
        steps: 1,
        wrong: "doubled",
        why: "arrived twice: hook.toml says that a natural is `natural`",
    },
    Planted {
        mistake: "posts-names",
        seen: "terraform/14487, provider-aws/18051: what was in flight is made again under the same name",
        scenario: FREE_LATE,
        takes: 1,
        steps: 1,
        wrong: "doubled",
        why: "was created again because hook.toml says that a natural is `natural`",
    },
];

struct Nobody;

impl Watch for Nobody {
    fn expects(&self, _: usize) {}
    fn played(&self) {}
}

fn load(component: &[u8]) -> Loaded {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("planted");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(Loaded::new(component, &folder)).unwrap()
}

fn loaded() -> &'static Loaded {
    static LOADED: OnceLock<Loaded> = OnceLock::new();
    LOADED.get_or_init(|| load(&hooks::wrong()))
}

fn scene(text: &str, mistake: &str) -> groundcrew::prove::Scene<groundcrew::prove::Nobody> {
    let stanza = format!(
        "[stanza]\ngrace = {{ gone = \"30s\", unwanted = \"20s\" }}\n\
         config = {{ server = \"https://api.example\", mistake = \"{mistake}\" }}\n"
    );
    let scenario = Scenario::parse(Path::new("scenarios/planted.toml"), &(stanza + text)).unwrap();
    scenario.scene(loaded()).unwrap()
}

fn proof(text: &str, mistake: &str) -> Proof {
    let extent = Extent { pairs: Pairs::Sample { count: 20, seed: 1 }, lives: 2, seed: 1 };
    prove(&scene(text, mistake), extent, &Nobody)
}

#[test]
fn every_planted_mistake_is_seen_in_its_shortest_form() {
    let mut unseen = Vec::new();
    for Planted { mistake, seen, scenario, takes, steps, wrong, why } in PLANTED {
        let Some(failure) = proof(scenario, mistake).failure else {
            unseen.push(format!("{mistake} ({seen}): nothing goes wrong"));
            continue;
        };
        let told = [failure.wrong.join("; "), failure.why.join("; ")];
        let all = scenario.matches("[[step]]").count();
        let happened = failure.ordeal.steps.unwrap_or(all) - failure.ordeal.without.len();
        let is_steps = happened == *steps;
        let is_told = told[0].starts_with(wrong) && told[1].contains(why);
        if failure.ordeal.len() != *takes || !is_steps || !is_told {
            unseen.push(format!("{mistake} ({seen}): {failure:#?}"));
        }
        // What was found is found again.
        assert!(replay(&scene(scenario, mistake), &failure.ordeal).failure.is_some(), "{mistake}");
    }
    assert!(unseen.is_empty(), "{}", unseen.join("\n"));
}

#[test]
fn the_same_hook_without_a_mistake_passes_wherever_one_is_planted() {
    let twins: BTreeSet<_> = PLANTED.iter().map(|planted| twin(planted.scenario)).collect();
    for text in twins {
        let proof = proof(&text, "none");
        assert!(proof.failure.is_none(), "{text}\n{:#?}", proof.failure);
        assert!(proof.points > 20 && proof.pairs == 20 && proof.faults >= 3, "{proof:?}");
        // Where somebody else has the name, nothing is written, and nothing is in doubt.
        assert_eq!(proof.outages > 0, proof.things > 0, "{proof:?}");
    }
}

/// The scenario for who makes no mistake. Where a name may be taken twice, the mistake is the kind's class: the same
/// thing, told by its mark.
fn twin(scenario: &str) -> String {
    let is_free = scenario.contains("names = \"free\"");
    if is_free { scenario.replace("natural", "marked") } else { scenario.to_owned() }
}

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

/// What is idle is reported, and deleted after an hour; one thing becomes idle later, and one is used again.
const IDLE: &str = r#"
[audit]
remedy = "enforce"
codes  = ["thing.idle"]
grace  = "1h"
[outside.collection."/things"]
page = 1
[outside.collection."/snapshots"]
[[step]]
at = "0s"
stranger = "makes"
in = "/things"
name = "old"
body = { value = "idle" }
[[step]]
at = "0s"
stranger = "makes"
in = "/things"
name = "used"
body = { value = "in use" }
[[step]]
at = "0s"
stranger = "makes"
in = "/things"
name = "spare"
body = { value = "idle" }
[[step]]
at = "1s"
audit = true
[[step]]
at = "30m"
stranger = "changes"
in = "/things"
name = "spare"
body = { value = "in use" }
[[step]]
at = "2h"
audit = true
[[step]]
at = "3h"
stranger = "makes"
in = "/things"
name = "late"
body = { value = "idle" }
[[step]]
at = "3h"
audit = true
[expect]
findings = ["thing.idle"]
"#;

/// The same where nothing is mended; what is open at the end is written down.
const REPORTED: &str = r#"
[outside.collection."/things"]
page = 1
[[step]]
at = "0s"
stranger = "makes"
in = "/things"
name = "used"
body = { value = "in use" }
[[step]]
at = "0s"
stranger = "makes"
in = "/things"
name = "old"
body = { value = "idle" }
[[step]]
at = "1s"
audit = true
[expect]
open = ["thing.idle thing/old"]
"#;

/// Mistakes of auditors: what it takes, and how it is told.
const OF_AUDITORS: [(&str, &str, usize, &str, &str); 6] = [
    ("swallows", IDLE, 1, "unreported", "an error must be an error"),
    ("first-page", REPORTED, 0, "unreported", ""),
    ("acts", REPORTED, 0, "incomplete", "`run` looks, and `fix` acts"),
    ("stamped", REPORTED, 0, "un", "neither a time nor a number"),
    ("only-news", REPORTED, 0, "unreported", ""),
    ("unnamed", IDLE, 1, "doubled", ""),
];

#[test]
fn mistakes_of_auditors_are_seen_and_the_same_auditor_without_one_passes() {
    let loaded = load(&hooks::looker());
    let scene = |text: &str, mistake: &str| {
        let stanza =
            format!("[stanza]\nconfig = {{ server = \"https://api.example\", mistake = \"{mistake}\" }}\n");
        let scenario = Scenario::parse(Path::new("scenarios/planted.toml"), &(stanza + text)).unwrap();
        scenario.scene(&loaded).unwrap()
    };
    let extent = Extent { pairs: Pairs::Sample { count: 60, seed: 1 }, lives: 0, seed: 1 };
    let mut unseen = Vec::new();
    for (mistake, text, takes, wrong, why) in OF_AUDITORS {
        let Some(failure) = prove(&scene(text, mistake), extent, &Nobody).failure else {
            unseen.push(format!("{mistake}: nothing goes wrong"));
            continue;
        };
        let is_wrong = failure.wrong.iter().any(|line| line.starts_with(wrong));
        let is_told = is_wrong && failure.why.join("; ").contains(why);
        if failure.ordeal.len() != takes || !is_told {
            unseen.push(format!("{mistake}: {failure:#?}"));
        }
        assert!(replay(&scene(text, mistake), &failure.ordeal).failure.is_some(), "{mistake}");
    }
    assert!(unseen.is_empty(), "{}", unseen.join("\n"));
    for text in [IDLE, REPORTED] {
        let right = prove(&scene(text, "none"), extent, &Nobody);
        assert!(right.failure.is_none() && right.points > 20 && right.pairs == 60, "{right:#?}");
        assert!(right.looks >= 5, "{right:?}");
    }
}
