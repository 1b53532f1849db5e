//! The past, tied together: events, who told them, and the runs of each version.

use groundcrew_core::duration::Millis;
use groundcrew_core::hash::Digest;
use groundcrew_store::deliveries::{Ending, Turn};
use groundcrew_store::findings::{NewFinding, Severity};
use groundcrew_store::history::Standing;
use groundcrew_store::lanes::LaneId;
use groundcrew_store::runs::{CallRecord, RunRecord};
use groundcrew_store::{RunId, SubjectId};

use crate::support::{Bench, at};

#[tokio::test]
async fn an_event_is_found_by_place_by_id_and_by_its_subject() {
    let bench = Bench::new();
    let hook = bench.hook("tell").await;
    let (app, other) = (bench.app("web", &[]).await, bench.app("other", &[]).await);
    for (id, of, second) in [("one", "web", 1), ("two", "other", 2), ("three", "web", 3)] {
        bench.tell(id, of, &[hook], at(second)).await;
    }
    let store = &bench.store;
    let one = store.happened(1).unwrap().unwrap();
    assert_eq!((one.id.as_str(), one.subject, one.at), ("one", Some(app), at(1)));
    assert_eq!(one.path.as_deref(), Some("fly/acme/web"));
    assert_eq!(store.happened_as("two").unwrap().unwrap().subject, Some(other));
    assert_eq!((store.happened(9).unwrap(), store.happened_as("nine").unwrap()), (None, None));
    assert_eq!(store.happened_before(app, at(2)).unwrap().unwrap().id, "one", "two is another's");
    assert_eq!(store.happened_before(app, at(0)).unwrap(), None);
    assert_eq!(store.happened_after(app, 1).unwrap().unwrap().id, "three");
    assert_eq!(store.happened_after(app, 3).unwrap(), None);
    let ids = |subject: SubjectId| {
        store.happened_to(subject, 9).unwrap().into_iter().map(|event| event.id).collect::<Vec<_>>()
    };
    assert_eq!((ids(app), ids(other)), (vec!["three".to_owned(), "one".to_owned()], vec!["two".to_owned()]));
}

#[tokio::test]
async fn what_became_of_an_event_is_who_told_it_and_who_did_not() {
    let bench = Bench::new();
    let (tell, page, mail) = (bench.hook("tell").await, bench.hook("page").await, bench.hook("mail").await);
    let app = bench.app("web", &[]).await;
    bench.tell("one", "web", &[tell, page, mail], at(1)).await;
    let again =
        || Ending::Again { at: at(60), error: "no answer".to_owned(), resumes: None, doubts: Vec::new() };
    for (hook, ending) in [
        (tell, again()),
        (tell, Ending::Told { written: std::collections::BTreeMap::new() }),
        (page, again()),
        (mail, Ending::Dead { error: "410".to_owned(), in_doubt: None }),
    ] {
        let lane = LaneId { hook, subject: app };
        let run = bench.run(lane, Some(1), at(2));
        bench.store.settle_delivery(lane, 1, run, Vec::new(), ending, Turn::Ends, at(2)).await.unwrap();
    }
    let untold: Vec<_> = bench
        .store
        .untold(1)
        .unwrap()
        .into_iter()
        .map(|one| (one.hook, one.standing, one.attempts))
        .collect();
    let owed = Standing::Owed { due_at: Some(at(60)) };
    assert_eq!(untold, [(page, owed, 1), (mail, Standing::Dead, 1)]);
    let event = bench.store.happened(1).unwrap().unwrap();
    let telling = bench.store.telling(&event, 9).unwrap();
    let hooks: Vec<_> = telling.runs.iter().map(|run| run.hook).collect();
    assert_eq!((hooks, telling.cut), (vec![mail, page, tell, tell], false));
    assert_eq!(bench.store.telling(&event, 1).unwrap().runs.len(), 1);
    assert_eq!(bench.store.dead_events(mail).unwrap(), [1]);
    assert!(bench.store.dead_events(tell).unwrap().is_empty());
}

#[tokio::test]
async fn an_event_of_nobody_has_the_runs_of_nobody() {
    let bench = Bench::new();
    let (hook, app) = (bench.hook("tell").await, bench.app("web", &[]).await);
    bench.tell("one", "nobody", &[hook], at(1)).await;
    let lane = LaneId { hook, subject: SubjectId::NONE };
    let run = RunRecord { subject: None, ..bench.run(lane, Some(1), at(2)) };
    bench.store.save_run(run.clone(), Vec::new()).await.unwrap();
    // A run of somebody who has the same number in another inbox would be another's.
    let other = bench.run(LaneId { hook, subject: app }, Some(1), at(2));
    bench.store.save_run(other, Vec::new()).await.unwrap();
    let event = bench.store.happened(1).unwrap().unwrap();
    assert_eq!((event.subject, event.path.as_deref()), (None, None));
    let told: Vec<_> = bench.store.telling(&event, 9).unwrap().runs.iter().map(|run| run.id).collect();
    assert_eq!(told, [run.id]);
}

#[tokio::test]
async fn a_run_has_neighbours_and_a_time() {
    let bench = Bench::new();
    let (hook, app) = (bench.hook("things").await, bench.app("web", &[]).await);
    let lane = LaneId { hook, subject: app };
    for (op, resource, second) in [("find", 1, 1), ("create", 1, 2), ("find", 2, 3), ("find", 1, 4)] {
        let run =
            RunRecord { op: op.to_owned(), resource: Some(resource), ..bench.run(lane, None, at(second)) };
        bench.store.save_run(run, Vec::new()).await.unwrap();
    }
    let beside = |run| bench.store.runs_beside(1, RunId(run)).unwrap();
    assert_eq!(beside(2), (Some(RunId(1)), Some(RunId(4))));
    assert_eq!((beside(1).0, beside(4).1), (None, None));
    let between = bench.store.runs_between(app, at(2), at(4), 9).unwrap();
    assert_eq!(between.iter().map(|run| run.id.0).collect::<Vec<_>>(), [3, 2], "from, and not until");
    let made = bench.store.runs_that_did(1, "create", 9).unwrap();
    assert_eq!(made.iter().map(|run| run.id.0).collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn runs_are_counted_with_their_calls_from_the_newest_back() {
    let bench = Bench::new();
    let (hook, app) = (bench.hook("things").await, bench.app("web", &[]).await);
    let call = |n| CallRecord {
        n,
        op: "http".to_owned(),
        access: "read".to_owned(),
        print: Digest::of(b"print"),
        ask: b"{}".to_vec(),
        answer: None,
        sent_at: at(1),
        back_at: None,
    };
    for calls in [0, 1, 3] {
        let run = bench.run(LaneId { hook, subject: app }, None, at(1));
        bench.store.save_run(run, (0..calls).map(call).collect()).await.unwrap();
    }
    let counted = |before, limit| {
        let runs = bench.store.brief_runs(hook, RunId(before), limit).unwrap();
        runs.into_iter().map(|run| (run.id.0, run.calls)).collect::<Vec<_>>()
    };
    assert_eq!(counted(i64::MAX, 2), [(3, 3), (2, 1)]);
    assert_eq!(counted(2, 2), [(1, 0)]);
    let run = bench.store.brief_runs(hook, RunId(2), 1).unwrap().remove(0);
    assert_eq!(run.ended.map(|ended| ended.since(run.started)), Some(Millis::new(5)));
}

#[tokio::test]
async fn rows_that_fail_so_often_are_stuck() {
    let bench = Bench::new();
    let (hook, app) = (bench.hook("things").await, bench.app("web", &[]).await);
    bench.want(LaneId { hook, subject: app }, &["a", "b", "c"], at(1)).await;
    for (key, attempts) in [("a", 8), ("b", 7), ("c", 9)] {
        let mut row = bench.row(key);
        row.attempts = attempts;
        bench.commit(row).await.unwrap();
    }
    bench.gone("c", at(2)).await;
    assert_eq!(bench.store.stuck_rows(hook, 8).unwrap(), [bench.row("a").id]);
}

#[tokio::test]
async fn findings_about_one_thing_are_all_of_its_own() {
    let bench = Bench::new();
    assert!(bench.store.findings_about("thing/a").unwrap().is_empty(), "of an empty store nothing is said");
    for (second, code, about) in [
        (3, "resource.stuck", "thing/a"),
        (1, "resource.drift", "thing/a"),
        (2, "resource.drift", "thing/b"),
        (2, "source.vanish", "thing/a of app:x"),
        (4, "zone.odd", "thing/a"),
    ] {
        let (code, about) = (code.to_owned(), about.to_owned());
        let (severity, message) = (Severity::Warning, "it is so".to_owned());
        let finding = NewFinding { code, about, hook: None, severity, message, remedy: None };
        bench.store.open_finding(finding, at(second)).await.unwrap();
    }
    // Another source has codes of its own.
    bench.database().execute("UPDATE finding SET source = 7 WHERE code = 'zone.odd'", []).unwrap();
    bench.store.close_finding("resource.drift", "thing/a", at(9)).await.unwrap();
    let found = bench.store.findings_about("thing/a").unwrap();
    let found: Vec<_> = found.iter().map(|one| (one.code.as_str(), one.closed.is_some())).collect();
    assert_eq!(found, [("resource.drift", true), ("resource.stuck", false), ("zone.odd", false)]);
}
