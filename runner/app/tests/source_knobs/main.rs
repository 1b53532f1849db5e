//! Which unkindness of the platform needs which rule of the mirror, each shown by a source without that rule.
//!
//! | part of the table | says |
//! |---|---|
//! | [`TABLE`] | knob of the simulator, rule (whose `fact` is the sentence about the platform), story |
//! | [`ALWAYS`] | rules that the platform's plain behaviour needs already |
//! | [`OWN_TESTS`] | knobs without a rule, whose story is a test of its own: what they do is answered where answers are read, or by the source's pace |
//! | [`NOT_THE_SOURCES`] | knobs about things that the source never asks for |
//! | [`ELSEWHERE`] | rules whose trap the simulator cannot set; `core` shows what each is for |

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod apps;
mod machines;
mod pages;
#[path = "../source_support/mod.rs"]
mod source_support;

use futures_util::future::BoxFuture;
use groundcrew_core::duration::Millis;
use groundcrew_core::mirror::{Rule, Rules};
use groundcrew_core::poll::{Pace, Rate};
use groundcrew_flysim::{Fault, KNOBS, Knobs, RateLimits, RetryAfter};
use serde_json::{Value, json};
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

/// In a story of something that takes its time: it is over.
const OVER: &str = "over";

const BORN: &[&str] = &["machine.created web/*", "machine.started web/*"];

const TABLE: &[Row] = &[
    row(
        "org_list_lag_ms",
        Rule::LaggingOrgList,
        |rules| Box::pin(machines::stale_row(rules)),
        &["machine.stopped web/*"],
    ),
    row(
        "token_apps",
        Rule::Overlap,
        |rules| Box::pin(pages::late_row(rules)),
        &["machine.created web/*", "machine.started web/*"],
    ),
    row("org_list_empty_pages", Rule::EmptyPages, |rules| Box::pin(pages::empty_pages(rules)), BORN),
    row("org_list_page_max", Rule::ShortPages, |rules| Box::pin(pages::short_pages(rules)), BORN),
    row("org_list_unsorted", Rule::UnsortedPages, |rules| Box::pin(pages::newest_first(rules)), BORN),
    row("error_regions", Rule::ErrorRegions, |rules| Box::pin(pages::silent_region(rules)), BORN),
    row("blind_machines_ms", Rule::ConfirmMachineEnd, |rules| Box::pin(machines::blind_list(rules)), BORN),
    row("blind_gets", Rule::YoungIsNoEnd, |rules| Box::pin(machines::hardly_there(rules)), BORN),
    row(
        "machine_prune_ms",
        Rule::PrunedIsGone,
        |rules| Box::pin(machines::pruned(rules)),
        &["machine.destroyed web/*"],
    ),
    row(
        "destroying_after_wait_ms",
        Rule::DestroyingIsNoEnd,
        |rules| Box::pin(machines::destroying(rules)),
        &[OVER, "machine.destroyed web/*"],
    ),
    row(
        "app_delete_ms",
        Rule::ConfirmAppEnd,
        |rules| Box::pin(apps::deleting(rules)),
        &[OVER, "app.deleted web"],
    ),
    row(
        "blind_apps_ms",
        Rule::AppFirst,
        |rules| Box::pin(apps::unlisted(rules)),
        &["app.created web", "machine.created web/*", "machine.started web/*"],
    ),
    row(
        "app_404_after_create_ms",
        Rule::ListedIsThere,
        |rules| Box::pin(apps::listed_and_not_found(rules)),
        &["app.created web"],
    ),
    row("apps_missing", Rule::ConfirmAppEnd, |rules| Box::pin(apps::partial_list(rules)), &[]),
    row("apps_missing", Rule::VanishGuard, |rules| Box::pin(apps::fleet_vanishes(rules)), &[]),
    row("moved_apps", Rule::ForbiddenIsNoEnd, |rules| Box::pin(apps::moved(rules)), &[]),
    row("token_orgs", Rule::ForbiddenIsNoEnd, |rules| Box::pin(apps::other_org(rules)), &[]),
    row(
        "app_404_after_create_ms",
        Rule::YoungIsNoEnd,
        |rules| Box::pin(apps::young(rules)),
        &["app.created web"],
    ),
    row(
        "app_401_after_create_ms",
        Rule::UnauthorizedIsNoEnd,
        |rules| Box::pin(apps::refused(rules)),
        &["app.created web"],
    ),
    row(
        "destroyed_app_400",
        Rule::NoSuchAppIsGone,
        |rules| Box::pin(apps::no_such_app(rules)),
        &["app.deleted web"],
    ),
    row("faults", Rule::ControlRead, |rules| Box::pin(apps::token_lost(rules)), &[]),
    row("unreachable_regions", Rule::AbsentConfig, |rules| Box::pin(machines::unreachable(rules)), &[]),
    row("metadata_touches_updated_at", Rule::QuietTouch, |rules| Box::pin(machines::touched(rules)), &[]),
    row("latency_ms", Rule::AsOfAsking, |rules| Box::pin(machines::late_answer(rules)), AGAIN),
    row(
        "transition_ms",
        Rule::TransientIsNoState,
        |rules| Box::pin(machines::stopping(rules)),
        &["machine.stopped web/*"],
    ),
    row("start_migrates", Rule::CreatedByFirstSight, |rules| Box::pin(machines::migrated(rules)), BETWEEN),
    row(
        "state_words",
        Rule::UnknownStays,
        |rules| Box::pin(machines::reworded(rules)),
        &["machine.updated web/*"],
    ),
    row("events_unknown", Rule::UnknownLineIsNoState, |rules| Box::pin(machines::odd_lines(rules)), BETWEEN),
    row(
        "stale_machines_ms",
        Rule::ListedAfterEnd,
        |rules| Box::pin(apps::made_again_and_stale(rules)),
        &["machine.destroyed web/*", "app.deleted web", "app.created web"],
    ),
    row("event_ids_absent", Rule::LineWithoutId, |rules| Box::pin(machines::old_records(rules)), BETWEEN),
];

const BETWEEN: &[&str] = &["machine.stopped web/*", "machine.started web/*"];

const AGAIN: &[&str] = &["machine.stopped web/*", "machine.started web/*", "machine.stopped web/*"];

const ALWAYS: &[Row] = &[
    row(
        "",
        Rule::AppsById,
        |rules| Box::pin(apps::made_again(rules)),
        &["app.deleted web", "app.created web"],
    ),
    row("", Rule::LogFillsGaps, |rules| Box::pin(machines::between_two_looks(rules)), BETWEEN),
    row("", Rule::PersonalAlias, |rules| Box::pin(apps::personal(rules)), &["app.created new"]),
    row("", Rule::SilentBaseline, |rules| Box::pin(apps::first_start(rules)), &[]),
];

/// Knobs about calls that the source never makes; `tests/harness/tests/settle_knobs.rs` says where each has its row.
const NOT_THE_SOURCES: &[&str] = &[
    "blind_ips_ms",
    "blind_certs_ms",
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
    "cert_rate_limited_ms",
    "shared_ip_repeat_status",
    "v6_repeat_status",
    "egress_ips_listed",
    "volume_detach_ms",
    "volume_bound_409",
    "volume_list_unattached",
    "volume_going_state",
    "volume_prune_ms",
];

/// Knobs whose story is a test of its own, below.
const OWN_TESTS: &[&str] = &[
    "token_invalid",
    "rate_limits",
    "retry_after",
    "total_apps_more",
    "org_list_instance_absent",
    "monitor_events",
];

/// Rules whose trap the simulator cannot set, and what would set it; `mirror::tests::rules` does.
const ELSEWHERE: &[(Rule, &str)] =
    &[(Rule::ParentFixed, "an app that is renamed while another takes its name")];

#[tokio::test]
async fn every_rule_is_needed_by_its_story() {
    for Row { knob, rule, play, right } in TABLE.iter().chain(ALWAYS) {
        assert_eq!(play(Rules::ALL).await, *right, "{knob} {rule:?}: {}", rule.fact());
        let without = play(Rules::ALL.without(*rule)).await;
        assert_ne!(without, *right, "{knob} {rule:?}: a source without it does as well");
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
async fn a_list_that_says_it_is_not_the_whole_ends_nobody() {
    let missed = async |more| {
        let mut bench = web(Rules::ALL).await;
        let gone = Fault { path: "/v1/apps/web".to_owned(), status: Some(404), ..Fault::default() };
        bench.world().turn(|knobs| {
            knobs.apps_missing = vec!["web".to_owned()];
            knobs.faults = vec![gone];
            knobs.total_apps_more = more;
        });
        bench.pass(60).await;
        ended(&bench)
    };
    assert_eq!(missed(0).await, ["machine.destroyed web/*", "app.deleted web"]);
    assert!(missed(1).await.is_empty(), "`total_apps_more`");
}

#[tokio::test]
async fn a_new_version_is_seen_by_whichever_name_it_is_listed() {
    let config = json!({"image": "nginx", "metadata": {"plan": "pro"}, "env": {"A": "1"}});
    let updated = async |turn: Turn| {
        let mut bench = web(Rules::ALL).await;
        bench.world().turn(turn);
        bench.act(json!({"do": "update_machine", "machine": machines::one(&bench), "config": config}));
        bench.pass(30).await;
        ended(&bench)
    };
    let told = updated(|_| ()).await;
    assert!(told.contains(&"machine.updated web/*".to_owned()), "{told:?}");
    let knob = "org_list_instance_absent";
    assert_eq!(updated(|knobs| knobs.org_list_instance_absent = true).await, told, "`{knob}`");
}

/// Only the log says how a process ended, in either of two places.
#[tokio::test]
async fn how_a_machine_ended_is_told_wherever_it_is_written() {
    for nested in [false, true] {
        let mut bench = web(Rules::ALL).await;
        bench.world().turn(|knobs| knobs.monitor_events = nested);
        machines::stop_and_start(&mut bench).await;
        assert_eq!(ended(&bench), BETWEEN);
        let reasons = bench.ground.reasons();
        let told = |code: &Value| reasons.iter().any(|reason| reason["exit_code"] == *code);
        assert!(told(&json!(3)), "`monitor_events`: {reasons:?}");
    }
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
    let told = TABLE.iter().map(|row| row.knob);
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

/// What is told of `web` in so many seconds, and in the minute after them.
async fn before_and_after(mut bench: Bench, seconds: i64) -> Story {
    bench.pass(seconds).await;
    let mut story = ended(&bench);
    let before = story.len();
    bench.pass(60).await;
    story.push(OVER.to_owned());
    story.extend(ended(&bench).split_off(before));
    story
}

/// The own list of `web`'s machines does not answer.
fn deaf() -> Fault {
    Fault { path: "/v1/apps/web/machines".to_owned(), status: Some(404), ..Fault::default() }
}
