//! Lanes: nothing that becomes dirty during a look is lost. Labels and runs: what goes with them.

use groundcrew_core::duration::Millis;
use groundcrew_core::spec::Event;
use groundcrew_core::subject::{Subject, SubjectKind};
use groundcrew_store::because::Because;
use groundcrew_store::events::{Intake, NewEvent};
use groundcrew_store::lanes::{Failed, LaneId, LaneLook, Rows};
use groundcrew_store::operators::OperatorAct;
use groundcrew_store::runs::CallRecord;
use groundcrew_store::subjects::SubjectChange;
use serde_json::{Map, json};

use crate::support::{Bench, at, change, path, uid};

async fn bench() -> (Bench, LaneId) {
    let bench = Bench::new();
    let hook = bench.hook("make").await;
    let lane = LaneId { hook, subject: bench.app("web", &[hook]).await };
    (bench, lane)
}

#[tokio::test]
async fn what_becomes_dirty_during_a_look_is_looked_at_again() {
    let (bench, id) = bench().await;
    let lane = || bench.store.lane(id).unwrap().unwrap();
    let seen = lane().dirty;
    bench.store.dirty_lanes(vec![id], at(5)).await.unwrap();
    bench
        .store
        .finish_look(LaneLook { lane: id, seen, rows: Rows::Behind, next: None, now: at(0) })
        .await
        .unwrap();
    assert!(lane().dirty > lane().done && bench.store.due_lanes(at(5), 9).unwrap() == [id]);
    bench
        .store
        .finish_look(LaneLook { lane: id, seen: lane().dirty, rows: Rows::Behind, next: None, now: at(0) })
        .await
        .unwrap();
    assert!(bench.store.due_lanes(at(1_000), 9).unwrap().is_empty());
    bench.store.dirty_lanes(vec![id], at(9)).await.unwrap();
    for (failed, attempts) in [(Failed::No, 0), (Failed::Yes, 1)] {
        bench
            .store
            .postpone_look(
                LaneLook { lane: id, seen: lane().dirty, rows: Rows::Behind, next: Some(at(60)), now: at(0) },
                "later",
                failed,
            )
            .await
            .unwrap();
        assert_eq!((lane().attempts, lane().due_at), (attempts, Some(at(60))));
    }
    let seen = lane().dirty;
    bench.store.dirty_lanes(vec![id], at(10)).await.unwrap();
    bench
        .store
        .postpone_look(
            LaneLook { lane: id, seen, rows: Rows::Behind, next: Some(at(60)), now: at(0) },
            "later",
            Failed::No,
        )
        .await
        .unwrap();
    assert_eq!(lane().due_at, Some(at(10)), "what it waited for may have come meanwhile");
}

/// A source sees an app, or a machine of it, otherwise, and may have an event of that.
async fn sees(bench: &Bench, id: LaneId, change: SubjectChange, event: Option<&str>) {
    let subject = Subject {
        path: change.path.clone(),
        uid: change.uid.clone(),
        state: change.state.clone(),
        labels: Map::new(),
    };
    let event = event.map(|id| NewEvent {
        event: Event {
            id: id.to_owned(),
            kind: "seen".to_owned(),
            time: at(1),
            subject: Some(subject),
            data: json!({}),
        },
        handlers: Vec::new(),
    });
    let intake = Intake {
        subjects: vec![change],
        events: event.into_iter().collect(),
        dirty: vec![(id.hook, uid("web"))],
        now: at(1),
        ..Intake::default()
    };
    bench.store.accept(intake).await.unwrap();
}

#[tokio::test]
async fn a_lane_that_is_owed_a_look_says_what_was_the_last_reason_and_a_sweep_takes_none_away() {
    let (bench, id) = bench().await;
    let because = || bench.store.lane(id).unwrap().unwrap().because;
    let look = async || {
        let seen = bench.store.lane(id).unwrap().unwrap().dirty;
        let look = LaneLook { lane: id, seen, rows: Rows::Behind, next: None, now: at(2) };
        bench.store.finish_look(look).await.unwrap();
    };
    assert_eq!(because(), Some(Because::Seen), "it was seen for the first time, without an event");
    sees(&bench, id, change("web"), Some("one")).await;
    assert_eq!(because(), Some(Because::Event(1)));
    let machine = SubjectChange {
        path: path("web").machine("m1").unwrap(),
        uid: "machine:m1".parse().unwrap(),
        parent: Some(uid("web")),
        ..change("web")
    };
    sees(&bench, id, machine.clone(), Some("two")).await;
    assert_eq!(because(), Some(Because::Event(2)), "of its machine");
    sees(&bench, id, machine, Some("two")).await;
    assert_eq!(because(), Some(Because::Seen), "the event was known");
    let lasting = async |reason: Because| {
        assert_eq!(because(), Some(reason));
        bench.store.reconcile(None, None, None, at(3)).await.unwrap();
        assert_eq!(because(), Some(reason), "a sweep comes for everybody");
        look().await;
        assert_eq!(because(), None, "it was looked at");
    };
    lasting(Because::Seen).await;
    bench.store.reconcile(None, None, None, at(3)).await.unwrap();
    lasting(Because::Sweep).await;
    let plan = Map::from_iter([("plan".to_owned(), json!("pro"))]);
    bench.store.save_label(&path("web"), "billing", plan, vec![id], None, at(3)).await.unwrap();
    lasting(Because::Labels).await;
    let act = || OperatorAct { who: "anna".to_owned(), what: "touch web".to_owned() };
    bench.store.touch(vec![id], act(), at(3)).await.unwrap();
    lasting(Because::Person).await;
    bench.store.reconcile(None, Some(vec![id.subject]), Some(act()), at(3)).await.unwrap();
    lasting(Because::Person).await;
    bench.store.dirty_everybody(id.hook, SubjectKind::App, at(3)).await.unwrap();
    lasting(Because::Sweep).await;
    let statuses = || bench.store.lane_statuses(id.subject).unwrap().remove(0).lane;
    bench.store.touch(vec![id], act(), at(4)).await.unwrap();
    assert_eq!((statuses().because, statuses().dirty > statuses().done), (Some(Because::Person), true));
}

#[tokio::test]
async fn what_waited_is_woken_by_a_person_only_if_one_did_it() {
    let (bench, id) = bench().await;
    let other = bench.hook("other").await;
    bench.want(id, &["a.example"], at(1)).await;
    let because = || bench.store.lane(id).unwrap().unwrap().because;
    let look = async || {
        let seen = bench.store.lane(id).unwrap().unwrap().dirty;
        let look = LaneLook { lane: id, seen, rows: Rows::Behind, next: None, now: at(2) };
        bench.store.finish_look(look).await.unwrap();
        assert_eq!(because(), None, "it was looked at");
    };
    look().await;
    bench.store.wake_waiting(at(3)).await.unwrap();
    assert_eq!(because(), Some(Because::Sweep), "a belief, a level or a scope changed");
    look().await;
    bench.store.unpause(Some(other), None, "anna", at(4)).await.unwrap();
    assert_eq!(because(), Some(Because::Person));
}

#[tokio::test]
async fn a_reason_that_a_newer_program_wrote_is_read_as_none() {
    let (bench, id) = bench().await;
    bench.store.save_run(bench.run(id, None, at(1)), Vec::new()).await.unwrap();
    let words = "UPDATE lane SET because = 'moonlight'; UPDATE run SET because = 'moonlight'";
    bench.database().execute_batch(words).unwrap();
    let lane = bench.store.lane(id).unwrap().unwrap();
    assert_eq!((lane.because, lane.dirty > lane.done), (None, true));
    assert_eq!(bench.store.lane_statuses(id.subject).unwrap().remove(0).lane.because, None);
    let runs = bench.store.runs_of_lane(id.hook, id.subject, 9).unwrap();
    assert_eq!(runs.iter().map(|run| run.because).collect::<Vec<_>>(), [None]);
}

#[tokio::test]
async fn a_label_that_changes_owes_a_look_and_one_that_does_not_owes_none() {
    let (bench, id) = bench().await;
    let dirty = || bench.store.lane(id).unwrap().unwrap().dirty;
    let save = async |plan: &str| {
        let value = Map::from_iter([("plan".to_owned(), json!(plan))]);
        bench.store.save_label(&path("web"), "billing", value, vec![id], None, at(1)).await.unwrap()
    };
    let before = dirty();
    assert!(save("pro").await);
    assert!(!save("pro").await);
    assert_eq!(dirty(), before + 1);
    assert_eq!(bench.store.label_sources(&path("web")).unwrap(), ["billing"]);
    assert_eq!(bench.store.subject_at(&path("web")).unwrap().unwrap().subject.labels["plan"], "pro");
}

#[tokio::test]
async fn a_run_is_completed_in_place_and_one_that_a_dead_process_left_is_closed() {
    let (bench, id) = bench().await;
    let call = |answer: Option<&[u8]>| CallRecord {
        n: 0,
        op: "http".to_owned(),
        access: "write".to_owned(),
        print: groundcrew_core::hash::Digest::of(b"print"),
        ask: b"{}".to_vec(),
        answer: answer.map(<[u8]>::to_vec),
        sent_at: at(1),
        back_at: answer.map(|_| at(1) + Millis::new(5)),
    };
    let done = bench.run(id, None, at(1));
    let begun = groundcrew_store::runs::RunRecord { ended: None, outcome: None, ..done.clone() };
    bench.store.save_run(begun.clone(), vec![call(None)]).await.unwrap();
    bench.store.save_run(done.clone(), vec![call(Some(b"ok"))]).await.unwrap();
    assert_eq!(bench.store.run(done.id).unwrap().unwrap(), (done, vec![call(Some(b"ok"))]));
    let left = groundcrew_store::runs::RunRecord { id: bench.store.next_run(), ..begun };
    bench.store.save_run(left.clone(), vec![call(None)]).await.unwrap();
    assert_eq!(bench.store.close_broken_runs(at(9)).await.unwrap(), 1);
    let (closed, calls) = bench.store.run(left.id).unwrap().unwrap();
    assert!(closed.ended == Some(at(9)) && closed.outcome.is_some(), "{closed:?}");
    assert_eq!(calls, [call(None)], "what left without an answer stays so");
}
