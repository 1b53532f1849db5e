//! Which unkindness of the platform needs which rule of the mirror, each shown by a source without that rule.
//!
//! | part of the table | says |
//! |---|---|
//! | [`TABLE`] | knob of the simulator, rule (whose `fact` is the sentence about the platform), story |
//! | [`ALWAYS`] | rules that the platform's plain behaviour needs already |
//! | [`NO_RULE`] | knobs that the source bears without a rule that could be taken out: a whole life is told right |
//! | [`OWN_TESTS`] | knobs whose story is a test of its own: what is told is right in any case, and more is at stake |
//! | [`NOT_THE_SOURCES`] | knobs about things that the source never asks for |
//! | [`ELSEWHERE`] | rules whose trap the simulator cannot set; `core` shows what each is for |

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod source_support;

use futures_util::future::BoxFuture;
use groundcrew_core::duration::Millis;
use groundcrew_core::mirror::{Rule, Rules};
use groundcrew_core::poll::{Pace, Rate};
use groundcrew_engine::egress::Request;
use groundcrew_flysim::{Fault, KNOBS, Knobs, RateLimits, RetryAfter};
use serde_json::json;
use source_support::{Bench, Ground};

/// Turns a knob.
type Turn = fn(&mut Knobs);

/// How a story ends.
type Story = Vec<String>;

/// A story, played by a source with these rules.
type Play = fn(Rules) -> BoxFuture<'static, Story>;

struct Row {
    knob: &'static str,
    rule: Rule,
    play: Play,
    right: &'static [&'static str],
}

const fn row(knob: &'static str, rule: Rule, play: Play, right: &'static [&'static str]) -> Row {
    Row { knob, rule, play, right }
}

const BORN: &[&str] = &["machine.created web/*", "machine.started web/*"];

const TABLE: &[Row] = &[
    row(
        "org_list_lag_ms",
        Rule::LaggingOrgList,
        |rules| Box::pin(stale_row(rules)),
        &["machine.stopped web/*"],
    ),
    row(
        "token_apps",
        Rule::Overlap,
        |rules| Box::pin(late_row(rules)),
        &["machine.created web/*", "machine.started web/*"],
    ),
    row("org_list_empty_pages", Rule::EmptyPages, |rules| Box::pin(empty_pages(rules)), BORN),
    row("error_regions", Rule::ErrorRegions, |rules| Box::pin(silent_region(rules)), BORN),
    row("blind_machines_ms", Rule::ConfirmMachineEnd, |rules| Box::pin(blind_list(rules)), BORN),
    row("apps_missing", Rule::ConfirmAppEnd, |rules| Box::pin(partial_list(rules)), &[]),
    row("apps_missing", Rule::VanishGuard, |rules| Box::pin(fleet_vanishes(rules)), &[]),
    row("moved_apps", Rule::ForbiddenIsNoEnd, |rules| Box::pin(moved(rules)), &[]),
    row("token_orgs", Rule::ForbiddenIsNoEnd, |rules| Box::pin(other_org(rules)), &[]),
    row(
        "app_401_after_create_ms",
        Rule::UnauthorizedIsNoEnd,
        |rules| Box::pin(young(rules)),
        &["app.created web"],
    ),
    row(
        "destroyed_app_400",
        Rule::NoSuchAppIsGone,
        |rules| Box::pin(no_such_app(rules)),
        &["app.deleted web"],
    ),
    row("faults", Rule::ControlRead, |rules| Box::pin(token_lost(rules)), &[]),
    row("unreachable_regions", Rule::AbsentConfig, |rules| Box::pin(unreachable(rules)), &[]),
    row("metadata_touches_updated_at", Rule::QuietTouch, |rules| Box::pin(touched(rules)), &[]),
    row("monitor_events", Rule::LogFillsGaps, |rules| Box::pin(nested_exits(rules)), BETWEEN),
    row("event_ids_absent", Rule::LogFillsGaps, |rules| Box::pin(old_records(rules)), BETWEEN),
];

const BETWEEN: &[&str] = &["machine.stopped web/*", "machine.started web/*"];

const ALWAYS: &[Row] = &[
    row("", Rule::AppsById, |rules| Box::pin(made_again(rules)), &["app.deleted web", "app.created web"]),
    row("", Rule::PersonalAlias, |rules| Box::pin(personal(rules)), &["app.created new"]),
    row("", Rule::SilentBaseline, |rules| Box::pin(first_start(rules)), &[]),
];

/// Knobs, how they are turned, and why no rule is theirs.
const NO_RULE: &[(&str, Turn, &str)] = &[
    (
        "org_list_page_max",
        |knobs| knobs.org_list_page_max = Some(1),
        "pages are followed by their cursor alone",
    ),
    ("org_list_unsorted", |knobs| knobs.org_list_unsorted = true, "the newest of all pages counts"),
    ("blind_apps_ms", |knobs| knobs.blind_apps_ms = 8_000, "an app is told when it is listed"),
    ("blind_gets", |knobs| knobs.blind_gets = true, "counts only beside a blind list"),
    ("app_404_after_create_ms", |knobs| knobs.app_404_after_create_ms = 8_000, "a listed app is not missing"),
    ("latency_ms", |knobs| knobs.latency_ms = 2, "an answer counts as of when it was asked for"),
    ("app_delete_ms", |knobs| knobs.app_delete_ms = 4_000, "an end is told when it is proven"),
    ("transition_ms", |knobs| knobs.transition_ms = 700, "states on the way to others are not told"),
    ("destroying_after_wait_ms", |knobs| knobs.destroying_after_wait_ms = 4_000, "`destroying` is no end"),
    ("machine_prune_ms", |knobs| knobs.machine_prune_ms = Some(0), "absent from its list and 404: gone"),
];

/// Knobs about calls that the source never makes; `tests/harness/tests/settle_knobs.rs` has a row for each.
const NOT_THE_SOURCES: &[&str] = &[
    "blind_ips_ms",
    "blind_certs_ms",
    "blind_volumes_ms",
    "blind_secrets_ms",
    "blind_add_ons_ms",
    "blind_postgres_ms",
    "add_on_ready_ms",
    "postgres_ready_ms",
    "postgres_delete_ms",
    "holds",
    "late",
    "token_read_only",
    "cert_active_after_ms",
    "shared_ip_repeat_status",
    "volume_detach_ms",
    "volume_bound_409",
    "volume_list_unattached",
    "volume_prune_ms",
];

/// Knobs whose story is a test of its own, below.
const OWN_TESTS: &[&str] = &["token_invalid", "rate_limits", "retry_after"];

/// Rules whose trap the simulator cannot set, and what would set it; `mirror::tests::rules` does.
const ELSEWHERE: &[(Rule, &str)] = &[
    (Rule::ParentFixed, "an app that is renamed while another takes its name"),
    (Rule::CreatedByFirstSight, "a migration, which writes `launch/created` into the log of an old machine"),
];

#[tokio::test]
async fn every_rule_is_needed_by_its_story() {
    for Row { knob, rule, play, right } in TABLE.iter().chain(ALWAYS) {
        assert_eq!(play(Rules::ALL).await, *right, "{knob} {rule:?}: {}", rule.fact());
        let without = play(Rules::ALL.without(*rule)).await;
        assert_ne!(without, *right, "{knob} {rule:?}: a source without it does as well");
    }
}

#[tokio::test]
async fn other_knobs_do_no_harm() {
    for (knob, turn, why) in NO_RULE {
        let mut bench = Bench::adopted(Rules::ALL, "acme", |bench| bench.app("old")).await;
        bench.world().turn(turn);
        life(&mut bench, &format!("{knob}: {why}")).await;
        bench.honest();
    }
}

#[tokio::test]
async fn a_refused_token_ends_nobody_and_is_said() {
    let mut bench = web(Rules::ALL).await;
    bench.world().turn(|knobs| knobs.token_invalid = true);
    bench.pass(90).await;
    assert!(bench.ground.findings().contains(&"source.unauthorized apps".to_owned()));
    bench.world().turn(|knobs| knobs.token_invalid = false);
    let closed = |bench: &Bench| bench.ground.findings().is_empty();
    bench.until(90, "the finding is closed", closed).await;
    assert!(bench.ground.story().is_empty());
    bench.honest();
}

#[tokio::test]
async fn a_source_that_keeps_to_limits_meets_none_and_another_does() {
    assert_eq!(hinted(Pace::default(), |_| ()).await.refused, 0);
    let met = hinted(hasty(), |_| ()).await;
    assert!(met.refused > 10, "`rate_limits`: a source without a pace does as well");
    let unlimited = hinted(hasty(), |knobs| knobs.rate_limits = RateLimits::Off).await;
    assert_eq!(unlimited.refused, 0);
    assert!(unlimited.answered > met.answered + 10, "{unlimited:?} {met:?}");
}

/// Whoever is told when to come again is not refused twice in a row, and who is told nothing is.
#[tokio::test]
async fn a_source_that_is_refused_comes_again_when_the_platform_says() {
    let told = hinted(hasty(), |knobs| knobs.retry_after = RetryAfter::Seconds).await;
    assert!(told.refused > 10 && told.refused <= told.answered, "{told:?}");
    let untold = hinted(hasty(), |knobs| knobs.retry_after = RetryAfter::Absent).await;
    assert!(untold.refused > untold.answered, "`retry_after`: {untold:?}");
}

#[tokio::test]
async fn a_finding_that_cannot_be_kept_with_its_cursor_is_found_again() {
    let mut bench = web(Rules::ALL).await;
    let full =
        "CREATE TRIGGER full BEFORE UPDATE ON cursor BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";
    let database = groundcrew_store::Connection::open(bench.ground.store.path()).unwrap();
    database.execute_batch(full).unwrap();
    bench.world().turn(|knobs| knobs.token_invalid = true);
    bench.pass(30).await;
    assert!(bench.ground.all_findings().is_empty(), "neither is kept without the other");
    database.execute_batch("DROP TRIGGER full").unwrap();
    let open = |bench: &Bench| bench.ground.findings().contains(&"source.unauthorized apps".to_owned());
    bench.until(90, "the finding is opened", open).await;
}

#[test]
fn every_knob_and_every_rule_has_its_row() {
    let told = TABLE.iter().map(|row| row.knob).chain(NO_RULE.iter().map(|(knob, ..)| *knob));
    let known: Vec<_> =
        told.chain(NOT_THE_SOURCES.iter().copied()).chain(OWN_TESTS.iter().copied()).collect();
    for knob in KNOBS {
        assert!(known.contains(&knob.name), "{} has no row: {}", knob.name, knob.does);
    }
    for name in known {
        assert!(KNOBS.iter().any(|knob| knob.name == name), "{name} is no knob");
    }
    let rows = TABLE.iter().chain(ALWAYS).map(|row| row.rule);
    let ruled: Vec<_> = rows.chain(ELSEWHERE.iter().map(|(rule, _)| *rule)).collect();
    for rule in Rule::ALL {
        assert!(ruled.contains(&rule), "{rule:?} has no row: {}", rule.fact());
    }
}

/// A source that knows `web` with one machine, and `shop` with none.
async fn web(rules: Rules) -> Bench {
    Bench::adopted(rules, "acme", |bench| {
        bench.app("web");
        bench.app("shop");
        bench.act(json!({"do": "create_machine", "app": "web", "config": {"image": "nginx", "metadata": {"plan": "pro"}}}));
    })
    .await
}

/// The one machine of `web`.
fn machine(bench: &Bench) -> String {
    let app = bench.ground.subject("fly/acme/web").unwrap();
    let members = bench.ground.store.members(app.id).unwrap();
    members[0].subject.path.machine_id().unwrap().to_owned()
}

/// A pace that knows no limit of the platform.
fn hasty() -> Pace {
    Pace { general: Rate { burst: 1_000, every: Millis::new(1) }, ..Pace::default() }
}

/// What became of a source's questions for one app's machines.
#[derive(Debug)]
struct Hinted {
    answered: u64,
    refused: u64,
}

/// A minute in which somebody says ten times a second that something happened in `web`.
async fn hinted(pace: Pace, turn: Turn) -> Hinted {
    let mut bench = Bench::paced(Ground::new().await, Rules::ALL, "acme", pace).await;
    bench.app("web");
    bench.world().turn(turn);
    bench.until(40, "the app is known", |bench| bench.ground.subject("fly/acme/web").is_some()).await;
    for _ in 0..600 {
        bench.handle.hint("web").unwrap();
        bench.source.turn().await;
        bench.ground.clock.advance(100);
    }
    let stats = bench.world().stats();
    Hinted { answered: stats.operations["Machines_list"] - stats.too_many, refused: stats.too_many }
}

/// What is told of `web`, after the simulator was asked whether all was in order.
fn ended(bench: &Bench) -> Story {
    bench.honest();
    bench.ground.story().into_iter().filter(|told| told.contains(" web")).collect()
}

async fn life(bench: &mut Bench, what: &str) {
    bench.app("web");
    let machine = bench.machine("web");
    bench.until(60, what, |bench| bench.ground.story().len() == 3).await;
    bench.act(json!({"do": "exit_machine", "machine": machine, "code": 1}));
    bench.until(30, what, |bench| bench.ground.story().len() == 4).await;
    bench.act(json!({"do": "destroy_machine", "machine": machine}));
    bench.until(60, what, |bench| bench.ground.story().len() == 5).await;
    bench.delete("web");
    bench.until(60, what, |bench| bench.ground.story().len() == 6).await;
    bench.pass(30).await;
    let story = [
        "app.created web",
        "machine.created web/*",
        "machine.started web/*",
        "machine.stopped web/*",
        "machine.destroyed web/*",
        "app.deleted web",
    ];
    assert_eq!(bench.ground.story(), story, "{what}");
}

async fn stale_row(rules: Rules) -> Story {
    let mut bench = web(rules).await;
    bench.world().turn(|knobs| knobs.org_list_lag_ms = 60_000);
    let machine = machine(&bench);
    bench.act(json!({"do": "stop_machine", "machine": machine}));
    bench.handle.hint("web").unwrap();
    bench.pass(30).await;
    ended(&bench)
}

/// `web` cannot be seen while a machine comes, and is listed again after later changes were.
async fn late_row(rules: Rules) -> Story {
    let mut bench = web(rules).await;
    bench.world().turn(|knobs| knobs.token_apps = Some(vec!["shop".to_owned()]));
    bench.pass(5).await;
    bench.machine("web");
    bench.pass(10).await;
    bench.machine("shop");
    bench.until(60, "the later change", |bench| !bench.ground.story().is_empty()).await;
    bench.world().turn(|knobs| knobs.token_apps = None);
    bench.pass(30).await;
    ended(&bench)
}

/// Only the organisation's list shows a cold app's new machine within a minute.
async fn empty_pages(rules: Rules) -> Story {
    let mut bench = web(rules).await;
    bench.world().turn(|knobs| knobs.org_list_empty_pages = 2);
    bench.machine("web");
    bench.pass(60).await;
    ended(&bench)
}

/// A region is silent for longer than the overlap, and the app's own list does not help.
async fn silent_region(rules: Rules) -> Story {
    let mut bench = web(rules).await;
    let deaf = Fault { path: "/v1/apps/web/machines".to_owned(), status: Some(404), ..Fault::default() };
    bench.world().turn(|knobs| {
        knobs.error_regions = vec!["syd".to_owned()];
        knobs.faults = vec![deaf];
    });
    bench.act(json!({"do": "create_machine", "app": "web", "region": "syd"}));
    bench.pass(16 * 60).await;
    bench.machine("shop");
    bench.pass(30).await;
    bench.world().turn(|knobs| knobs.error_regions.clear());
    bench.pass(60).await;
    ended(&bench)
}

/// The app's own list does not show a machine that the organisation's list shows.
async fn blind_list(rules: Rules) -> Story {
    let mut bench = web(rules).await;
    bench.world().turn(|knobs| knobs.blind_machines_ms = 30_000);
    bench.machine("web");
    bench.pass(60).await;
    ended(&bench)
}

async fn partial_list(rules: Rules) -> Story {
    let mut bench = web(rules).await;
    bench.world().turn(|knobs| knobs.apps_missing = vec!["web".to_owned()]);
    bench.pass(30).await;
    ended(&bench)
}

async fn fleet_vanishes(rules: Rules) -> Story {
    let begin = |bench: &Bench| bench.world().seed_fleet(12, 0).unwrap();
    let mut bench = Bench::adopted(rules, "acme", begin).await;
    let gone = Fault { path: "/v1/apps/*".to_owned(), status: Some(404), ..Fault::default() };
    bench.world().turn(|knobs| {
        knobs.apps_missing = vec!["cust-*".to_owned()];
        knobs.faults = vec![gone];
    });
    bench.pass(30).await;
    bench.honest();
    bench.ground.story()
}

async fn moved(rules: Rules) -> Story {
    let mut bench = web(rules).await;
    bench.world().turn(|knobs| knobs.moved_apps = vec!["web".to_owned()]);
    bench.pass(30).await;
    ended(&bench)
}

/// The app moves to an organisation that the token does not see.
async fn other_org(rules: Rules) -> Story {
    let mut bench = web(rules).await;
    bench.world().add_org("other", "Other");
    bench.world().turn(|knobs| knobs.token_orgs = Some(vec!["acme".to_owned()]));
    bench.act(json!({"do": "move_app", "app": "web", "org": "other"}));
    bench.pass(30).await;
    ended(&bench)
}

/// A new app is refused for a while, and a list lacks it.
async fn young(rules: Rules) -> Story {
    let mut bench = Bench::adopted(rules, "acme", |bench| bench.app("shop")).await;
    bench.world().turn(|knobs| knobs.app_401_after_create_ms = 40_000);
    bench.app("web");
    bench.until(20, "the new app", |bench| !bench.ground.story().is_empty()).await;
    bench.world().turn(|knobs| knobs.apps_missing = vec!["web".to_owned()]);
    bench.pass(20).await;
    bench.world().turn(|knobs| knobs.apps_missing.clear());
    bench.pass(60).await;
    ended(&bench)
}

async fn no_such_app(rules: Rules) -> Story {
    let mut bench = Bench::adopted(rules, "acme", |bench| bench.app("web")).await;
    bench.world().turn(|knobs| knobs.destroyed_app_400 = true);
    bench.delete("web");
    bench.pass(30).await;
    ended(&bench)
}

/// The token is confined to another app, and says 404 of this one.
async fn token_lost(rules: Rules) -> Story {
    let mut bench = web(rules).await;
    let gone = Fault { path: "/v1/apps/web".to_owned(), status: Some(404), ..Fault::default() };
    bench.world().turn(|knobs| {
        knobs.token_apps = Some(vec!["shop".to_owned()]);
        knobs.faults = vec![gone];
    });
    bench.pass(30).await;
    ended(&bench)
}

async fn unreachable(rules: Rules) -> Story {
    let mut bench = web(rules).await;
    bench.world().turn(|knobs| knobs.unreachable_regions = vec!["fra".to_owned()]);
    bench.handle.hint("web").unwrap();
    bench.pass(30).await;
    ended(&bench)
}

/// Metadata is written once more as it is already.
async fn touched(rules: Rules) -> Story {
    let mut bench = web(rules).await;
    bench.world().turn(|knobs| knobs.metadata_touches_updated_at = true);
    let url = format!("{}/v1/apps/web/machines/{}/metadata/plan", bench.sim.base_url(), machine(&bench));
    let headers = [("authorization", "Bearer x"), ("content-type", "application/json")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let body = json!({"value": "pro"}).to_string().into_bytes();
    let request = Request { method: "POST".to_owned(), url, headers, body, private: true };
    let answer = Ground::network().exchange(request, Millis::seconds(20)).await.unwrap();
    assert!(answer.status < 300, "{answer:?}");
    bench.pass(30).await;
    ended(&bench)
}

/// A machine stops and starts between two looks.
async fn between_looks(rules: Rules, turn: Turn) -> Story {
    let mut bench = web(rules).await;
    bench.world().turn(turn);
    let machine = machine(&bench);
    bench.act(json!({"do": "exit_machine", "machine": machine, "code": 3}));
    bench.ground.clock.advance(100);
    bench.act(json!({"do": "start_machine", "machine": machine}));
    bench.handle.hint("web").unwrap();
    bench.pass(30).await;
    ended(&bench)
}

async fn nested_exits(rules: Rules) -> Story {
    between_looks(rules, |knobs| knobs.monitor_events = true).await
}

async fn old_records(rules: Rules) -> Story {
    between_looks(rules, |knobs| knobs.event_ids_absent = true).await
}

async fn made_again(rules: Rules) -> Story {
    let mut bench = Bench::adopted(rules, "acme", |bench| bench.app("web")).await;
    bench.delete("web");
    bench.app("web");
    bench.pass(30).await;
    ended(&bench)
}

async fn personal(rules: Rules) -> Story {
    let mut bench = Bench::adopted(rules, "personal", |bench| bench.app("web")).await;
    bench.app("new");
    bench.pass(30).await;
    bench.honest();
    bench.ground.story()
}

async fn first_start(rules: Rules) -> Story {
    ended(&web(rules).await)
}
