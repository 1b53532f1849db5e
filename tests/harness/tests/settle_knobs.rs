//! Knobs of the simulator that settling answers: what the platform says, the rule, and what happens without it.
//!
//! The other half of the table of knobs, about the source and its mirror, is `runner/app/tests/source_knobs/main.rs`; what
//! it leaves out has a row here. Sentences are those of the vendor's documents and of its client.

use std::collections::BTreeSet;

use groundcrew_core::settle::{Rule, Rules};
use groundcrew_flysim::{Fault, Hold, Knobs, Late};
use groundcrew_harness::{Played, Scenario, play};
use serde_json::json;

const GRACE: &str = "gone_adopted = \"delete\"\ngrace = { gone = \"30s\", unwanted = \"20s\" }";
const IPS: &str = "/v1/apps/*/ip_assignments";

/// One knob, where it comes from, and the rule without which its story goes wrong.
struct Row {
    knob: &'static str,
    sentence: &'static str,
    rule: Rule,
    story: fn() -> Scenario,
    /// How it goes wrong.
    wrong: fn(&Played) -> bool,
}

const TABLE: &[Row] = &[
    Row {
        knob: "blind_ips_ms",
        sentence: "ip_assignments are not idempotent: every POST of a dedicated type allocates another address",
        rule: Rule::JudgeLate,
        story: address_lost,
        wrong: doubled,
    },
    Row {
        knob: "holds",
        sentence: "a POST that timed out may have taken effect; fly-go retries none but on 502 and 503",
        rule: Rule::JudgeLate,
        story: address_held,
        wrong: doubled,
    },
    Row {
        knob: "late",
        sentence: "5xx are errors of the servers and say nothing about the effect",
        rule: Rule::WatchGivenUp,
        story: certificate_late,
        wrong: leaked,
    },
    Row {
        knob: "blind_certs_ms",
        sentence: "the answer to a repeated ACME hostname is not documented: GET first",
        rule: Rule::WatchGivenUp,
        story: certificate_unwanted,
        wrong: leaked,
    },
    Row {
        knob: "blind_add_ons_ms",
        sentence: "add-ons are the organisation's: they stay, and cost, when their app goes",
        rule: Rule::WatchGivenUp,
        story: add_on_outlives,
        wrong: leaked,
    },
    Row {
        knob: "blind_postgres_ms",
        sentence: "POST /postgres is 201 and asynchronous; nothing says that a name is unique",
        rule: Rule::SettleWait,
        story: cluster_lost,
        wrong: doubled,
    },
];

/// Knobs that no rule of settling answers, and why.
const NO_RULE: &[(&str, &str)] = &[
    ("blind_secrets_ms", "a secret's name is its place: setting it again makes no second one"),
    ("add_on_ready_ms", "what is pending is there: it is asked again until it is ready"),
    ("postgres_ready_ms", "what is pending is there: it is asked again until it is ready"),
    ("postgres_delete_ms", "what is being removed is there: it is asked again until it is gone"),
    ("cert_active_after_ms", "what is pending is there: it is asked again until it is active"),
    ("token_read_only", "403 is a refusal: nothing took effect, and nothing is in doubt"),
    (
        "shared_ip_repeat_status",
        "a shared address is natural: what is refused as there is found by the next look",
    ),
    ("blind_volumes_ms", "no first-party hook settles volumes; remedies are about what was seen"),
    ("volume_detach_ms", "no first-party hook settles volumes; remedies ask again"),
    ("volume_bound_409", "no first-party hook settles volumes; remedies take both refusals"),
    ("volume_list_unattached", "no first-party hook settles volumes; remedies read one before it goes"),
    ("volume_prune_ms", "no first-party hook settles volumes; what is forgotten is gone"),
];

fn doubled(played: &Played) -> bool {
    !played.verdict.doubled.is_empty()
}

fn leaked(played: &Played) -> bool {
    !played.verdict.leaked.is_empty()
}

/// One call of this method to these paths, after so many, takes effect, and its answer is lost.
fn answer_lost(knobs: &mut Knobs, method: &str, path: &str, skip: u32) {
    let (method, path) = (Some(method.to_owned()), path.to_owned());
    knobs.faults = vec![Fault { method, path, after_effect: true, skip, count: Some(1), ..Fault::default() }];
}

fn dedicated(name: &'static str) -> Scenario {
    // A withheld answer is waited for longer than the manifest's `settle`.
    let lines = format!("{GRACE}\nsettle = \"25s\"");
    let scenario = Scenario::new(name).fly_ip("v4 = \"dedicated\", v6 = \"none\"", &lines);
    scenario.app(0, "cust-1", json!({})).expects(&[("cust-1", "v4")]).lasts(200_000)
}

fn address_lost() -> Scenario {
    dedicated("an address is not listed after its answer was lost").turn(0, |knobs| {
        knobs.blind_ips_ms = 4_000;
        answer_lost(knobs, "POST", IPS, 0);
    })
}

fn address_held() -> Scenario {
    dedicated("an address whose answer is withheld is not listed for longer").turn(0, |knobs| {
        let (method, path) = (Some("POST".to_owned()), IPS.to_owned());
        knobs.holds = vec![Hold { method, path, count: Some(1), ..Hold::default() }];
        // Longer than an answer is waited for, and shorter than `settle`.
        knobs.blind_ips_ms = 20_000;
    })
}

fn certificate_late() -> Scenario {
    Scenario::new("a certificate is made when nobody wants it any more")
        .fly_cert(GRACE)
        .turn(0, |knobs| {
            let (method, path) = (Some("POST".to_owned()), "/v1/apps/*/certificates/**".to_owned());
            let status = Some(504);
            knobs.late =
                vec![Late { method, path, delay_ms: 9_000, status, count: Some(1), ..Late::default() }];
        })
        .app(0, "cust-1", json!({"names": ["a.cust-1.example"]}))
        // Before the request for it is repeated.
        .app(100, "cust-1", json!({"names": []}))
        .lasts(400_000)
}

fn certificate_unwanted() -> Scenario {
    Scenario::new("a certificate is not shown while it is given up")
        .fly_cert(GRACE)
        .turn(0, |knobs| {
            (knobs.blind_certs_ms, knobs.blind_gets) = (4_000, true);
            answer_lost(knobs, "POST", "/v1/apps/*/certificates/**", 0);
        })
        .app(0, "cust-1", json!({"names": ["a.cust-1.example"]}))
        // Before the request for it is repeated.
        .app(100, "cust-1", json!({"names": []}))
        .lasts(400_000)
}

fn add_on_outlives() -> Scenario {
    Scenario::new("an add-on is not listed when its app goes")
        .fly_addon("{ type = \"tigris\", name = \"{app}-assets\" }", GRACE)
        .turn(0, |knobs| {
            knobs.blind_add_ons_ms = 10_000;
            // The first two calls are the look.
            answer_lost(knobs, "POST", "/graphql", 2);
        })
        .app(0, "cust-1", json!({}))
        .app_ends(1_000, "cust-1", 1)
        .lasts(400_000)
}

fn cluster_lost() -> Scenario {
    Scenario::new("a cluster is not listed after its answer was lost")
        .fly_postgres(GRACE)
        .turn(0, |knobs| {
            (knobs.blind_postgres_ms, knobs.blind_gets) = (20_000, true);
            answer_lost(knobs, "POST", "/v1/postgres", 0);
        })
        .app(0, "cust-1", json!({"region": "fra"}))
        .expects(&[("cust-1", "cluster/cust-1-db")])
        .lasts(400_000)
}

#[test]
fn every_rule_is_needed_by_its_story() {
    for Row { knob, sentence, rule, story, wrong } in TABLE {
        let right = play(&story(), &[]);
        assert!(right.is_right(), "{knob}, {sentence}: {right}");
        let without = play(&story().rules(Rules::without(*rule)), &[]);
        assert!(wrong(&without), "{knob}: {rule:?} is not needed: {without}");
    }
}

#[test]
fn every_knob_that_is_not_the_sources_has_its_row() {
    let other = include_str!("../../../runner/app/tests/source_knobs/main.rs");
    let list = other.split_once("const NOT_THE_SOURCES: &[&str] = &[").map(|(_, rest)| rest);
    let list = list.and_then(|rest| rest.split_once("];")).map(|(list, _)| list);
    let named: BTreeSet<_> = list.unwrap_or_default().split('"').skip(1).step_by(2).collect();
    assert!(!named.is_empty(), "the other table has no list of what it leaves out");
    let rows = TABLE.iter().map(|row| row.knob).chain(NO_RULE.iter().map(|(knob, _)| *knob));
    let rows: Vec<_> = rows.collect();
    assert_eq!(named, rows.iter().copied().collect(), "the two tables do not add up");
    assert_eq!(named.len(), rows.len(), "a knob has two rows");
}
