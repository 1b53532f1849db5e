//! Mistakes that people made in public, planted in a hook: each is seen, with no more going wrong than it takes.
//!
//! The same calls without the mistake pass the same proof.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod auditors;
mod handlers;
mod lives;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;

use groundcrew::prove::Pairs;
use groundcrew::prove::loaded::Loaded;
use groundcrew::prove::proof::{Extent, Proof, Watch, prove, replay};
use groundcrew::prove::scenario::Scenario;
use groundcrew_harness::hooks;

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
    runtime.block_on(Loaded::new(component, &folder, &mut |_| {})).unwrap()
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
