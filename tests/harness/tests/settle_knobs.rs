//! Knobs of the simulator that settling answers: what the platform says, the rule, and what happens without it.
//!
//! The table of knobs has two other parts: `runner/app/tests/source_knobs/main.rs` is about the source and its mirror, and
//! `hooks/volume-reaper/tests/points.rs` about volumes, which no provisioner makes. What the first leaves out has a row here
//! or there. Sentences are those of the vendor's documents and of its client.

use std::collections::BTreeSet;

use groundcrew::prove::{Records, Scene};
use groundcrew_core::row::State;
use groundcrew_core::settle::{Rule, Rules};
use groundcrew_flysim::{Action, Fault, Hold, Knobs, Late, OrgThing};
use groundcrew_harness::{Played, Scenario};
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
    Row {
        knob: "blind_secrets_ms",
        sentence: "what is set may be listed later: a reader may have to ask for a version",
        rule: Rule::WatchGivenUp,
        story: secret_unwanted,
        wrong: leaked,
    },
    Row {
        knob: "postgres_ready_ms",
        sentence: "a cluster is asked for until it is ready, for a quarter of an hour by flyctl",
        rule: Rule::PendingAgain,
        story: cluster_read,
        wrong: lost,
    },
    Row {
        knob: "add_on_ready_ms",
        sentence: "some providers provision asynchronously",
        rule: Rule::PendingAgain,
        story: add_on_ready,
        wrong: said_pending,
    },
    Row {
        knob: "cert_active_after_ms",
        sentence: "a certificate is pending until it was validated, which nobody is told",
        rule: Rule::PendingAgain,
        story: certificate_active,
        wrong: said_pending,
    },
    Row {
        knob: "cert_rate_limited_ms",
        sentence: "rate_limited_until: until then nobody issues it",
        rule: Rule::PendingAgain,
        story: certificate_limited,
        wrong: said_pending,
    },
    Row {
        knob: "postgres_delete_ms",
        sentence: "DELETE is 202, and the cluster is shown as deleting until it is gone",
        rule: Rule::RemovingIsThere,
        story: cluster_returns,
        wrong: doubled,
    },
    Row {
        knob: "token_read_only",
        sentence: "403 is a refusal: nothing took effect",
        rule: Rule::RemoveAgain,
        story: removal_refused,
        wrong: leaked,
    },
    Row {
        knob: "shared_ip_repeat_status",
        sentence: "409 and 422 on a shared address mean that it is there already",
        rule: Rule::AppearedIsOurs,
        story: shared_address_repeated,
        wrong: in_conflict,
    },
    Row {
        knob: "v6_repeat_status",
        sentence: "409 and 422 on a v6 address mean that there is one already, and do not say whose",
        rule: Rule::PreImage,
        story: address_refused,
        wrong: claimed,
    },
];

/// Knobs that no rule of settling answers, but how an answer is read; each has a test of its own below.
const READ: &[&str] = &["egress_ips_listed"];

fn doubled(played: &Played) -> bool {
    !played.verdict.doubled.is_empty()
}

fn leaked(played: &Played) -> bool {
    !played.verdict.leaked.is_empty()
}

fn lost(played: &Played) -> bool {
    !played.verdict.lost.is_empty()
}

/// Whether the ledger says that something is not ready at the end.
fn said_pending(played: &Played) -> bool {
    let kept = played.kept.as_ref().expect("it was asked for");
    kept.ledger.iter().any(|booked| booked.state == State::Pending)
}

/// Whether a person is told at the end that somebody else has what is ours.
fn in_conflict(played: &Played) -> bool {
    played.is_open("resource.conflict")
}

/// Whether something is on record as ours at the end.
fn claimed(played: &Played) -> bool {
    let kept = played.kept.as_ref().expect("it was asked for");
    kept.ledger.iter().any(|booked| booked.thing.is_some())
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

fn secret_unwanted() -> Scenario {
    Scenario::new("a secret is not listed while it is given up")
        .fly_secret("\"{labels.values}\"", GRACE)
        .turn(0, |knobs| {
            knobs.blind_secrets_ms = 4_000;
            answer_lost(knobs, "POST", "/v1/apps/*/secrets", 0);
        })
        .app(0, "cust-1", json!({"values": {"PLAN": "pro"}}))
        // Before the request for it is repeated.
        .app(100, "cust-1", json!({"values": {}}))
        .lasts(400_000)
}

fn cluster_read() -> Scenario {
    Scenario::new("a record says where a cluster is once it is ready")
        .fly_postgres(GRACE)
        .dns(
            "{ name = \"db.{app}.example\", type = \"TXT\", values = [\"{db.host}\"] }",
            &format!("reads = [\"db\"]\n{GRACE}"),
        )
        // Later than the first look for twins, and the end is before the second.
        .turn(0, |knobs| knobs.postgres_ready_ms = 150_000)
        .app(0, "cust-1", json!({"region": "fra"}))
        .expects(&[("cust-1", "cluster/cust-1-db")])
        .expects_records(&["TXT/db.cust-1.example"])
        .lasts(400_000)
}

fn add_on_ready() -> Scenario {
    Scenario::new("an add-on is said to be ready when it is")
        .fly_addon("{ type = \"upstash_redis\", name = \"{app}-cache\", region = \"fra\" }", GRACE)
        // Between the two looks for twins, as above.
        .turn(0, |knobs| knobs.add_on_ready_ms = 90_000)
        .app(0, "cust-1", json!({}))
        .expects(&[("cust-1", "upstash_redis/cust-1-cache")])
        .lasts(250_000)
}

fn certificate_active() -> Scenario {
    Scenario::new("a certificate is said to be active when it is")
        .fly_cert(GRACE)
        // Between the two looks for twins, as above.
        .turn(0, |knobs| knobs.cert_active_after_ms = Some(90_000))
        .app(0, "cust-1", json!({"names": ["a.cust-1.example"]}))
        .expects(&[("cust-1", "certificate/a.cust-1.example")])
        .lasts(250_000)
}

fn certificate_limited() -> Scenario {
    Scenario::new("a certificate is said to be active when its limit is over")
        .fly_cert(GRACE)
        .turn(0, |knobs| {
            (knobs.cert_active_after_ms, knobs.cert_rate_limited_ms) = (Some(1_000), 90_000);
        })
        .app(0, "cust-1", json!({"names": ["a.cust-1.example"]}))
        .expects(&[("cust-1", "certificate/a.cust-1.example")])
        .lasts(250_000)
}

fn cluster_returns() -> Scenario {
    Scenario::new("a cluster is wanted again while it is being deleted")
        // What is on its way out is not taken over, either.
        .fly_postgres(&format!("{GRACE}\nadopt = \"never\""))
        .turn(0, |knobs| knobs.postgres_delete_ms = 60_000)
        .app(0, "cust-1", json!({"region": "fra"}))
        .app_ends(100_000, "cust-1", 1)
        // Its grace is over by then, and its deletion is not.
        .app_again(155_000, "cust-1", 2, json!({"region": "fra"}))
        .expects(&[("cust-1", "cluster/cust-1-db")])
        .lasts(400_000)
}

fn removal_refused() -> Scenario {
    Scenario::new("a token may only read for a while")
        .fly_cert(GRACE)
        .app(0, "cust-1", json!({"names": ["a.cust-1.example"]}))
        .turn(50_000, |knobs| knobs.token_read_only = true)
        .app(60_000, "cust-1", json!({"names": []}))
        .turn(150_000, |knobs| knobs.token_read_only = false)
        .lasts(400_000)
}

fn shared_address_repeated() -> Scenario {
    Scenario::new("a shared address is asked for again before it is listed")
        .fly_ip("v4 = \"shared\", v6 = \"none\"", GRACE)
        .turn(0, |knobs| {
            (knobs.blind_ips_ms, knobs.shared_ip_repeat_status) = (4_000, Some(409));
            answer_lost(knobs, "POST", IPS, 0);
        })
        .app(0, "cust-1", json!({}))
        .expects(&[("cust-1", "shared_v4")])
        .lasts(200_000)
}

fn address_refused() -> Scenario {
    Scenario::new("an app has an address that somebody allocated, and is refused another one")
        .fly_ip("v4 = \"none\", v6 = \"dedicated\"", GRACE)
        .turn(0, |knobs| knobs.v6_repeat_status = Some(409))
        .fly(0, Action::CreateApp { name: "cust-1".to_owned(), org: None })
        .fly(0, Action::AllocateIp { app: "cust-1".to_owned(), kind: "v6".to_owned() })
        .app(0, "cust-1", json!({}))
        .lasts(120_000)
}

/// Somebody makes something while the answer to the creation of an address is lost.
fn meanwhile(by: Action) -> Scenario {
    dedicated("somebody makes addresses while an answer is lost")
        .turn(0, |knobs| {
            (knobs.blind_ips_ms, knobs.egress_ips_listed) = (4_000, true);
            answer_lost(knobs, "POST", IPS, 0);
        })
        .fly(1_000, by)
}

/// Plays a story with these rules; its ledger is kept.
fn played(story: fn() -> Scenario, rules: Rules) -> Played {
    groundcrew::prove::play(&Scene { records: Records::All, ..story().rules(rules).scene() }, &[])
}

#[test]
fn every_rule_is_needed_by_its_story() {
    for Row { knob, sentence, rule, story, wrong } in TABLE {
        let right = played(*story, Rules::ALL);
        assert!(right.is_right() && !wrong(&right), "{knob}, {sentence}: {right}");
        let without = played(*story, Rules::without(*rule));
        assert!(wrong(&without), "{knob}: {rule:?} is not needed: {without}");
    }
}

/// Nobody reaches an app by what its machines call from, so it is never taken for the address that was asked for.
#[test]
fn egress_addresses_are_no_candidates_and_others_are() {
    let app = || "cust-1".to_owned();
    let play = |by| groundcrew_harness::play(&meanwhile(by), &[]);
    let egress = play(Action::MakeOrgThing { thing: OrgThing::Egress { app: app() } });
    assert!(egress.is_right() && !egress.is_open("resource.ambiguous"), "`egress_ips_listed`: {egress}");
    let other = play(Action::AllocateIp { app: app(), kind: "v4".to_owned() });
    assert!(other.is_open("resource.ambiguous"), "{other}");
}

/// The texts in quotes between two marks of a file.
fn quoted(file: &str, from: &str, to: &str) -> Vec<String> {
    let list = file.split_once(from).and_then(|(_, rest)| rest.split_once(to));
    let list = list.map_or("", |(list, _)| list);
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_knob_that_is_not_the_sources_has_its_row() {
    let sources = include_str!("../../../runner/app/tests/source_knobs/main.rs");
    let named = quoted(sources, "const NOT_THE_SOURCES: &[&str] = &[", "];");
    assert!(!named.is_empty(), "the source's table has no list of what it leaves out");
    let volumes = include_str!("../../../hooks/volume-reaper/tests/points.rs");
    let of_volumes = volumes.split("knob: Some(\"").skip(1).filter_map(|rest| rest.split_once('"'));
    // It has rows for knobs that the source meets, too.
    let of_volumes = of_volumes.map(|(knob, _)| knob).filter(|knob| named.iter().any(|it| it == knob));
    let rows: Vec<_> =
        TABLE.iter().map(|row| row.knob).chain(READ.iter().copied()).chain(of_volumes).collect();
    let known: BTreeSet<_> = named.iter().map(String::as_str).collect();
    assert_eq!(known, rows.iter().copied().collect(), "the tables do not add up");
    assert_eq!(named.len(), rows.len(), "a knob has two rows");
}
