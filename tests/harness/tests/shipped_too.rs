//! What ships, struck at every point: `fly-secret` and `fly-postgres` against the Fly simulator, `bucket` against a small
//! S3, `register` against a registry that shows writes late.

use groundcrew_flysim::{Action, Fault, Late};
use groundcrew_harness::clock::START;
use groundcrew_harness::s3::{Act as Do, Erased, Op};
use groundcrew_harness::{Pairs, Played, Scenario, Shipped, points};
use groundcrew_outside::{self as outside, Act, ById};
use serde_json::json;

const GRACE: &str = "gone_adopted = \"delete\"\ngrace = { gone = \"30s\", unwanted = \"20s\" }";
const SECRETS: &str = "/v1/apps/*/secrets";

/// One call of this method to these paths takes effect, and its answer is lost.
fn answer_lost(method: &str, path: &str) -> Vec<Fault> {
    let (method, path) = (Some(method.to_owned()), path.to_owned());
    vec![Fault { method, path, after_effect: true, count: Some(1), ..Fault::default() }]
}

/// One call of this method to these paths is answered 504, and takes effect nine seconds later.
fn late(method: &str, path: &str) -> Vec<Late> {
    let (method, path) = (Some(method.to_owned()), path.to_owned());
    vec![Late { method, path, delay_ms: 9_000, status: Some(504), count: Some(1), ..Late::default() }]
}

fn create(app: &str) -> Action {
    Action::CreateApp { name: app.to_owned(), org: None }
}

#[test]
fn secrets_are_set_change_and_go_with_their_app() {
    let scenario = Scenario::new("fly-secret")
        .fly_secret("{ PLAN = \"{labels.plan}\", TOKEN = \"{labels.token}\" }", GRACE)
        .turn(0, |knobs| (knobs.blind_secrets_ms, knobs.blind_gets) = (4_000, true))
        .turn(0, |knobs| knobs.late = late("POST", SECRETS))
        // Somebody set one by hand before the runner came.
        .fly(0, create("cust-2"))
        .fly(
            0,
            Action::SetSecret { app: "cust-2".into(), name: "TOKEN".into(), value: Some("by hand".into()) },
        )
        .app(10_000, "cust-2", json!({"plan": "pro", "token": "two"}))
        .app(20_000, "cust-1", json!({"plan": "pro", "token": "one"}))
        .app(80_000, "cust-2", json!({"plan": "hobby", "token": "two"}))
        .app_ends(130_000, "cust-1", 1)
        .expects(&[("cust-2", "secret/PLAN")])
        .lasts(250_000);
    points::tried(&scenario, Pairs::Sample { count: 40, seed: 31 }, |played| {
        let kept = played.keeps("cust-2/PLAN", "hobby") && played.keeps("cust-2/TOKEN", "by hand");
        played.is_right() && kept && played.found("resource.conflict")
    });
}

#[test]
fn secrets_whose_answers_are_lost_get_their_last_value() {
    let scenario = Scenario::new("fly-secret-lost")
        .fly_secret("{ PLAN = \"{labels.plan}\" }", GRACE)
        .turn(0, |knobs| knobs.blind_secrets_ms = 4_000)
        .turn(0, |knobs| knobs.faults = answer_lost("POST", SECRETS))
        .app(0, "cust-1", json!({"plan": "pro"}))
        .turn(60_000, |knobs| knobs.faults = answer_lost("POST", SECRETS))
        .app(60_000, "cust-1", json!({"plan": "hobby"}))
        .app(61_000, "cust-1", json!({"plan": "free"}))
        .expects(&[("cust-1", "secret/PLAN")])
        .lasts(200_000);
    points::tried(&scenario, Pairs::Sample { count: 40, seed: 32 }, |played| {
        played.is_right() && played.keeps("cust-1/PLAN", "free")
    });
}

#[test]
fn clusters_are_made_once_and_go_after_their_app() {
    let scenario = Scenario::new("fly-postgres")
        .fly_postgres(GRACE)
        .turn(0, |knobs| (knobs.blind_postgres_ms, knobs.blind_gets) = (20_000, true))
        .turn(0, |knobs| (knobs.postgres_ready_ms, knobs.postgres_delete_ms) = (45_000, 10_000))
        .turn(0, |knobs| knobs.late = late("POST", "/v1/postgres"))
        // Somebody else has one of an app's plain name: it is left alone, and another is made beside it.
        .fly(0, Action::CreatePostgres { name: "cust-3-db".into(), app: None })
        .app(10_000, "cust-1", json!({"region": "fra"}))
        .app(20_000, "cust-2", json!({"region": "fra"}))
        .app(40_000, "cust-3", json!({"region": "fra"}))
        .app_ends(250_000, "cust-1", 1)
        .expects(&[("cust-2", "cluster/cust-2-db"), ("cust-3", "cluster/cust-3-db")])
        .lasts(600_000);
    points::tried(&scenario, Pairs::Sample { count: 40, seed: 33 }, Played::is_right);
}

/// A registry that shows what was written, and what was removed, four seconds later.
fn registry() -> outside::Knobs {
    outside::Knobs { lag_ms: 4_000, stale_ms: 4_000, by_id: ById::Lagging, ..outside::Knobs::natural() }
}

#[test]
fn documents_come_change_and_go() {
    let scenario = Scenario::new("register")
        .register("plan = \"{labels.plan}\"", registry(), GRACE)
        // Somebody else has the place of one of them.
        .act(
            0,
            "/registry",
            Act::Plant { name: Some("cust-3".into()), mark: None, body: json!({"plan": "x"}) },
        )
        .fault(0, 1, "PUT", outside::Fault::Late(9_000))
        .app(10_000, "cust-1", json!({"plan": "pro"}))
        .app(20_000, "cust-2", json!({"plan": "pro"}))
        .app(20_000, "cust-3", json!({"plan": "pro"}))
        .fault(60_000, 0, "PUT", outside::Fault::AnswerLost)
        .app(60_000, "cust-1", json!({"plan": "hobby"}))
        .fault(130_000, 0, "DELETE", outside::Fault::AnswerLost)
        .app_ends(130_000, "cust-2", 1)
        .expects(&[("cust-1", "document")])
        .lasts(300_000);
    points::tried(&scenario, Pairs::Sample { count: 40, seed: 34 }, |played| {
        let documents =
            played.registers("cust-1", "plan", "hobby") && played.registers("cust-3", "plan", "x");
        played.is_right() && documents && played.found("resource.conflict")
    });
}

#[test]
fn documents_that_are_written_late_are_there_once() {
    let scenario = Scenario::new("register-late")
        .register("plan = \"{labels.plan}\"", registry(), GRACE)
        .fault(0, 0, "PUT", outside::Fault::Late(9_000))
        .app(0, "cust-1", json!({"plan": "pro"}))
        .app(3_000, "cust-1", json!({"plan": "hobby"}))
        .app(100_000, "cust-2", json!({"plan": "pro"}))
        .fault(150_000, 0, "DELETE", outside::Fault::Late(9_000))
        .app_ends(150_000, "cust-2", 1)
        .expects(&[("cust-1", "document")])
        .lasts(400_000);
    points::tried(&scenario, Pairs::Sample { count: 40, seed: 35 }, |played| {
        played.is_right() && played.registers("cust-1", "plan", "hobby")
    });
}

#[test]
fn buckets_come_fill_and_are_emptied_before_they_go() {
    let scenario = Scenario::new("bucket")
        .bucket(GRACE)
        // Somebody made one of an app's very name before the runner came.
        .s3(0, Do::Make("acme-cust-3"))
        .s3(0, Do::Put("acme-cust-3", "precious"))
        .app(10_000, "cust-1", json!({}))
        .app(20_000, "cust-2", json!({}))
        .app(20_000, "cust-3", json!({}))
        .s3(60_000, Do::Put("acme-cust-1", "one"))
        .s3(60_000, Do::Put("acme-cust-1", "two"))
        .s3(60_000, Do::Put("acme-cust-1", "three"))
        .s3(60_000, Do::Put("acme-cust-2", "four"))
        .app_ends(130_000, "cust-1", 1)
        .approves(250_000)
        .expects(&[("cust-2", "bucket/acme-cust-2")])
        .lasts(500_000);
    points::tried(&scenario, Pairs::Sample { count: 40, seed: 36 }, |played| {
        let untouched = |bucket, objects| played.beside.objects.get(bucket) == Some(&objects);
        // Only what nobody wants any more is emptied, and not before its grace is over.
        let over = |erased: &Erased| erased.bucket == "acme-cust-1" && erased.at >= START + 160_000;
        played.is_right()
            && untouched("acme-cust-3", 1)
            && untouched("acme-cust-2", 1)
            && played.beside.erased.iter().all(over)
            && played.found("resource.conflict")
    });
}

#[test]
fn buckets_whose_answers_are_lost_or_late_are_tagged_in_the_end() {
    let scenario = Scenario::new("bucket-late")
        .bucket(GRACE)
        .s3(0, Do::Fault(Op::Create, outside::Fault::Late(9_000)))
        .s3(0, Do::Fault(Op::Tag, outside::Fault::Late(9_000)))
        .s3(0, Do::Fault(Op::Tag, outside::Fault::Refused(503)))
        .app(0, "cust-1", json!({}))
        .s3(100_000, Do::Fault(Op::Create, outside::Fault::AnswerLost))
        .app(100_000, "cust-2", json!({}))
        .s3(150_000, Do::Fault(Op::Delete, outside::Fault::Late(9_000)))
        .app_ends(150_000, "cust-2", 1)
        .approves(250_000)
        .expects(&[("cust-1", "bucket/acme-cust-1")])
        .lasts(500_000);
    points::tried(&scenario, Pairs::Sample { count: 40, seed: 37 }, |played| {
        played.is_right() && played.is_tagged("acme-cust-1")
    });
}
