//! Events become deliveries once, in order, in one transaction with everything that came with them.

use groundcrew_core::may_delete::Level;
use groundcrew_store::Error;
use groundcrew_store::deliveries::{Doubt, Ending, Turn};
use groundcrew_store::events::Intake;
use groundcrew_store::findings::{ClosedToo, FindingChange, NewFinding, Severity};
use groundcrew_store::lanes::LaneId;
use groundcrew_store::operators::OperatorAct;
use groundcrew_store::runs::RunRecord;

use crate::support::{Bench, at, change};

fn act() -> OperatorAct {
    OperatorAct { who: "tester".to_owned(), what: "dead".to_owned() }
}

#[tokio::test]
async fn an_event_that_was_accepted_before_changes_nothing() {
    let bench = Bench::new();
    let hook = bench.hook("tell").await;
    bench.app("web", &[]).await;
    assert_eq!(bench.tell("e1", "web", &[hook], at(1)).await, 1);
    assert_eq!(bench.tell("e1", "web", &[hook], at(2)).await, 0);
    assert_eq!((bench.count("event"), bench.count("delivery")), (1, 1));
}

#[tokio::test]
async fn an_intake_is_accepted_as_a_whole_or_not_at_all() {
    let bench = Bench::new();
    bench
        .database()
        .execute_batch("CREATE TRIGGER no BEFORE INSERT ON cursor BEGIN SELECT RAISE(ABORT, 'no'); END")
        .unwrap();
    let finding = NewFinding {
        code: "source.partial".to_owned(),
        about: "x".to_owned(),
        hook: None,
        severity: Severity::Warning,
        message: "x".to_owned(),
        remedy: None,
    };
    let intake = Intake {
        subjects: vec![change("web")],
        findings: vec![FindingChange::Open(finding)],
        cursor: Some(("fly".to_owned(), "{}".to_owned())),
        now: at(0),
        ..Intake::default()
    };
    assert!(matches!(bench.store.accept(intake.clone()).await, Err(Error::Refused(_))));
    assert_eq!((bench.count("subject"), bench.count("finding")), (0, 0));
    bench.database().execute_batch("DROP TRIGGER no").unwrap();
    bench.store.accept(intake).await.unwrap();
    assert_eq!(bench.store.findings(ClosedToo::No).unwrap().len(), 1);
    assert_eq!(bench.store.cursor("fly").unwrap().as_deref(), Some("{}"));
}

#[tokio::test]
async fn the_head_is_told_first_and_a_dead_one_leaves_the_lane() {
    let bench = Bench::new();
    let hook = bench.hook("tell").await;
    let lane = LaneId { hook, subject: bench.app("web", &[]).await };
    for id in ["e1", "e2"] {
        bench.tell(id, "web", &[hook], at(1)).await;
    }
    let head = bench.store.delivery_head(lane).unwrap().unwrap();
    assert_eq!((head.event.id.as_str(), head.attempts), ("e1", 0));
    let again = Ending::Again { at: at(60), error: "later".to_owned(), resumes: None, doubts: Vec::new() };
    let run = bench.run(lane, Some(head.seq), at(2));
    bench.store.settle_delivery(lane, head.seq, run, Vec::new(), again, Turn::Ends, at(2)).await.unwrap();
    assert!(bench.store.due_lanes(at(59), 9).unwrap().is_empty(), "nothing overtakes a head that backs off");
    bench.tell("e3", "web", &[hook], at(3)).await;
    assert!(bench.store.due_lanes(at(59), 9).unwrap().is_empty());
    let dead = Ending::Dead { error: "no".to_owned(), in_doubt: None };
    let run = bench.run(lane, Some(head.seq), at(60));
    bench.store.settle_delivery(lane, head.seq, run, Vec::new(), dead, Turn::Ends, at(60)).await.unwrap();
    assert_eq!(bench.store.delivery_head(lane).unwrap().unwrap().event.id, "e2");
    assert_eq!(bench.store.due_lanes(at(60), 9).unwrap(), [lane]);
    let [dead] = &bench.store.dead().unwrap()[..] else { panic!("one is dead") };
    assert_eq!((dead.id.as_str(), dead.attempts, dead.error.as_str()), ("tell/1", 2, "no"));
    bench.store.retry_dead(hook, head.seq, act(), at(61)).await.unwrap();
    assert_eq!(bench.store.delivery_head(lane).unwrap().unwrap().event.id, "e1", "it is the oldest again");
    assert!(matches!(bench.store.discard_dead(hook, head.seq, act(), at(62)).await, Err(Error::Missing(_))));
    assert_eq!(bench.store.acts(9).unwrap().len(), 1, "what was refused is not on record");
}

#[tokio::test]
async fn a_write_names_the_run_from_which_its_delivery_goes_on_until_that_ends() {
    let bench = Bench::new();
    let hook = bench.hook("tell").await;
    let lane = LaneId { hook, subject: bench.app("web", &[]).await };
    bench.tell("e1", "web", &[hook], at(1)).await;
    let head = || bench.store.delivery_head(lane).unwrap().unwrap();
    assert_eq!(head().resumes, None);
    let run = bench.run(lane, Some(head().seq), at(2));
    let open = RunRecord { ended: None, outcome: None, ..run.clone() };
    bench.store.save_intent(open.clone(), Vec::new()).await.unwrap();
    assert_eq!(head().resumes, Some(run.id), "nobody says how it ended");
    bench.store.close_broken_runs(at(3)).await.unwrap();
    assert_eq!(head().resumes, Some(run.id), "nor does its end");

    let next = RunRecord { id: bench.store.next_run(), resumes: Some(run.id), ..open };
    bench.store.save_intent(next.clone(), Vec::new()).await.unwrap();
    assert_eq!(head().resumes, Some(next.id), "the last one knows what those before it knew");
    assert_eq!(bench.store.run(next.id).unwrap().unwrap().0.resumes, Some(run.id));
    let settle = async |ending: Ending| {
        let run = RunRecord { ended: Some(at(4)), ..next.clone() };
        let seq = head().seq;
        bench.store.settle_delivery(lane, seq, run, Vec::new(), ending, Turn::Ends, at(4)).await.unwrap();
    };
    let again = |resumes, doubts: &[Doubt]| Ending::Again {
        at: at(60),
        error: "later".to_owned(),
        resumes,
        doubts: doubts.to_vec(),
    };
    settle(again(Some(next.id), &[])).await;
    assert_eq!((head().resumes, head().doubts), (Some(next.id), vec![]), "a deadline");
    let doubts = [Doubt { run: run.id, call: 3 }, Doubt { run: next.id, call: 0 }];
    settle(again(None, &doubts)).await;
    assert_eq!((head().resumes, &head().doubts[..]), (None, &doubts[..]), "it said itself that it failed");
    bench
        .store
        .save_intent(RunRecord { id: bench.store.next_run(), ..next.clone() }, Vec::new())
        .await
        .unwrap();
    assert!(head().resumes.is_some());
    assert_eq!(head().doubts, doubts, "what is sent next settles nothing before");
    settle(again(None, &doubts[..1])).await;
    assert_eq!(head().doubts, doubts[..1], "one of them is over");
    settle(Ending::Dead { error: "unknown".to_owned(), in_doubt: Some(next.id) }).await;
    assert_eq!(bench.store.dead().unwrap()[0].in_doubt, Some(next.id));
    bench.store.retry_dead(hook, 1, act(), at(61)).await.unwrap();
    assert_eq!((head().resumes, head().doubts), (None, vec![]), "it begins anew");
}

#[tokio::test]
async fn an_intent_of_a_run_that_has_ended_is_refused_and_leaves_nothing() {
    let bench = Bench::new();
    let hook = bench.hook("tell").await;
    let lane = LaneId { hook, subject: bench.app("web", &[]).await };
    bench.tell("e1", "web", &[hook], at(1)).await;
    let head = || bench.store.delivery_head(lane).unwrap().unwrap();
    let run = bench.run(lane, Some(head().seq), at(2));
    let again = Ending::Again { at: at(60), error: "later".to_owned(), resumes: None, doubts: Vec::new() };
    bench
        .store
        .settle_delivery(lane, head().seq, run.clone(), Vec::new(), again, Turn::Ends, at(3))
        .await
        .unwrap();
    let intended = RunRecord { ended: None, outcome: None, ..run.clone() };
    let refused = bench.store.save_intent(intended, Vec::new()).await;
    assert!(matches!(refused, Err(Error::Over(id)) if id == run.id), "{refused:?}");
    assert_eq!(head().resumes, None, "the next run begins anew: nothing left");
    assert_eq!(bench.store.run(run.id).unwrap().unwrap().0, run, "it has ended, as it was said");
}

#[tokio::test]
async fn a_pause_that_ended_meanwhile_keeps_no_delivery_waiting() {
    let bench = Bench::new();
    let hook = bench.hook("tell").await;
    let subject = bench.app("web", &[]).await;
    let lane = LaneId { hook, subject };
    bench.tell("told", "web", &[hook], at(1)).await;
    bench.store.pause(Some(hook), None, Level::Observe, "tester", at(2)).await.unwrap();
    bench.store.postpone_paused(lane, at(63), at(3)).await.unwrap();
    assert_eq!(bench.store.lane(lane).unwrap().unwrap().due_at, Some(at(63)));
    bench.store.unpause(Some(hook), None, "tester", at(4)).await.unwrap();
    // Whoever had read the pause before it ended comes too late.
    bench.store.postpone_paused(lane, at(64), at(5)).await.unwrap();
    assert_eq!(bench.store.lane(lane).unwrap().unwrap().due_at, Some(at(5)));
}
