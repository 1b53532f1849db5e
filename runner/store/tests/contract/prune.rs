//! History goes after its time; what is owed, and what is not gone, never does.

use groundcrew_core::backfill::Kinds;
use groundcrew_core::duration::Millis;
use groundcrew_core::hash::Digest;
use groundcrew_core::may_delete::Level;
use groundcrew_core::retire::{Ending as Leaving, Patience, Step};
use groundcrew_store::deliveries::{Ending, Turn};
use groundcrew_store::findings::{NewFinding, Severity};
use groundcrew_store::lanes::{LaneId, LaneLook, Rows};
use groundcrew_store::operators::OperatorAct;
use groundcrew_store::prune::Keep;
use groundcrew_store::retirements::{NewRetirement, Progress};
use groundcrew_store::runs::{CallRecord, RunRecord, Settings};

use crate::support::{Bench, at, path};

const DAY: i64 = 86_400;

#[tokio::test]
async fn history_goes_and_what_is_owed_stays() {
    let bench = Bench::new();
    let (tell, make) = (bench.hook("tell").await, bench.hook("make").await);
    let subject = bench.app("web", &[make]).await;
    let (told, maker) = (LaneId { hook: tell, subject }, LaneId { hook: make, subject });
    bench.tell("told", "web", &[tell], at(1)).await;
    bench.tell("owed", "web", &[tell], at(1)).await;
    let head = bench.store.delivery_head(told).unwrap().unwrap();
    let run = bench.run(told, Some(head.seq), at(2));
    let ending = Ending::Told { written: [("seen".to_owned(), Some(b"1".to_vec()))].into() };
    bench.store.settle_delivery(told, head.seq, run, Vec::new(), ending, Turn::Ends, at(2)).await.unwrap();
    bench.want(maker, &["gone", "there"], at(1)).await;
    bench.gone("gone", at(3)).await;
    for (code, closed) in [("a.closed", true), ("a.open", false)] {
        let finding = NewFinding {
            code: code.to_owned(),
            about: "x".to_owned(),
            hook: None,
            severity: Severity::Info,
            message: String::new(),
            remedy: None,
        };
        bench.store.open_finding(finding, at(4)).await.unwrap();
        if closed {
            bench.store.close_finding(code, "x", at(5)).await.unwrap();
        }
    }
    let counts = || ["run", "event", "delivery", "resource", "finding", "kv"].map(|table| bench.count(table));
    let keep = Keep { runs: Millis::hours(24), bodies: Millis::hours(24), gone: Millis::hours(48) };
    assert!(!bench.store.prune(keep, at(DAY / 2)).await.unwrap());
    assert_eq!(counts(), [1, 2, 1, 2, 2, 1]);
    while bench.store.prune(keep, at(DAY + 10)).await.unwrap() {}
    assert_eq!(counts(), [0, 1, 1, 2, 1, 1], "what is gone is kept for longer");
    while bench.store.prune(keep, at(2 * DAY + 10)).await.unwrap() {}
    assert_eq!(counts(), [0, 1, 1, 1, 1, 1]);
    assert_eq!(bench.row("there").key, "there");
}

#[tokio::test]
async fn bodies_go_before_their_runs_and_their_lengths_stay() {
    let bench = Bench::new();
    let tell = bench.hook("tell").await;
    let lane = LaneId { hook: tell, subject: bench.app("web", &[]).await };
    bench.tell("told", "web", &[tell], at(1)).await;
    let head = bench.store.delivery_head(lane).unwrap().unwrap();
    let run = bench.run(lane, Some(head.seq), at(2));
    let run = RunRecord { input: Some("{}".to_owned()), answer: Some("[]".to_owned()), ..run };
    let call = |n, ask: &str, answer: Option<&str>| CallRecord {
        n,
        op: if n == 2 { "kv".to_owned() } else { "http".to_owned() },
        access: "read".to_owned(),
        print: Digest::of(b"print"),
        ask: ask.as_bytes().to_vec(),
        answer: answer.map(|answer| answer.as_bytes().to_vec()),
        sent_at: at(2),
        back_at: None,
    };
    let asked = r#"{"method":"POST","url":"https://a.example/x","headers":[],"body":{"text":"héllo"}}"#;
    let calls = vec![
        call(0, asked, Some(r#"{"response":{"status":200,"headers":[],"body":{"base64":"/wA="}}}"#)),
        call(1, &asked.replace("héllo", ""), Some(r#"{"failure":{"message":"no answer"}}"#)),
        call(2, r#"{"body":{"text":"not of a request"}}"#, None),
    ];
    let ending = Ending::Told { written: [].into() };
    let id = run.id;
    bench.store.settle_delivery(lane, head.seq, run, calls, ending, Turn::Ends, at(2)).await.unwrap();
    let kept = || {
        let (_, calls) = bench.store.run(id).unwrap().unwrap();
        let text = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
        let of = |call: &CallRecord| (text(&call.ask), call.answer.as_deref().map(text));
        calls.iter().map(of).collect::<Vec<_>>()
    };
    let given = || {
        let (run, _) = bench.store.run(id).unwrap().unwrap();
        (run.input, run.answer)
    };
    assert!(given().0.is_some() && given().1.is_some());
    let before = kept();
    let keep = Keep { runs: Millis::hours(48), bodies: Millis::hours(24), gone: Millis::hours(48) };
    assert!(!bench.store.prune(keep, at(DAY / 2)).await.unwrap());
    assert_eq!(kept(), before);
    while bench.store.prune(keep, at(DAY + 10)).await.unwrap() {}
    let after = kept();
    assert_eq!(after[0].0["body"], serde_json::json!({ "dropped": 6 }));
    assert_eq!(after[0].0["url"], "https://a.example/x");
    let answer = after[0].1.as_ref().unwrap();
    assert_eq!(
        answer["response"],
        serde_json::json!({ "status": 200, "headers": [], "body": { "dropped": 2 } })
    );
    assert_eq!(after[1..], before[1..], "nothing that is no body, or has no length");
    assert_eq!(given(), (None, None), "nor what it was given, and said");
}

#[tokio::test]
async fn what_a_delivery_goes_on_from_or_shows_is_kept_for_as_long_as_it_does() {
    let bench = Bench::new();
    let tell = bench.hook("tell").await;
    let lane = LaneId { hook: tell, subject: bench.app("web", &[]).await };
    bench.tell("e1", "web", &[tell], at(1)).await;
    let seq = bench.store.delivery_head(lane).unwrap().unwrap().seq;
    let open = RunRecord { ended: None, outcome: None, ..bench.run(lane, Some(seq), at(2)) };
    let asked = r#"{"method":"PUT","url":"https://a.example/x","headers":[],"body":{"text":"hello"}}"#;
    let call = CallRecord {
        n: 0,
        op: "http".to_owned(),
        access: "write".to_owned(),
        print: Digest::of(b"print"),
        ask: asked.as_bytes().to_vec(),
        answer: None,
        sent_at: at(2),
        back_at: None,
    };
    bench.store.save_intent(open.clone(), vec![call]).await.unwrap();
    bench.store.close_broken_runs(at(3)).await.unwrap();
    let body = || {
        let (_, calls) = bench.store.run(open.id).unwrap()?;
        Some(serde_json::from_slice::<serde_json::Value>(&calls[0].ask).unwrap()["body"].clone())
    };
    let whole = Some(serde_json::json!({ "text": "hello" }));
    let keep = Keep { runs: Millis::hours(48), bodies: Millis::hours(24), gone: Millis::hours(48) };
    while bench.store.prune(keep, at(9 * DAY)).await.unwrap() {}
    assert_eq!(body(), whole, "a delivery goes on from it");

    let next = bench.run(lane, Some(seq), at(4));
    let dead = Ending::Dead { error: "unknown outcome".to_owned(), in_doubt: Some(open.id) };
    bench.store.settle_delivery(lane, seq, next.clone(), Vec::new(), dead, Turn::Ends, at(4)).await.unwrap();
    while bench.store.prune(keep, at(9 * DAY)).await.unwrap() {}
    assert_eq!(body(), whole, "a dead one shows it");
    assert_eq!(bench.store.run(next.id).unwrap(), None, "that one is like any other");

    let act = OperatorAct { who: "ann".to_owned(), what: "it".to_owned() };
    bench.store.discard_dead(tell, seq, act, at(5)).await.unwrap();
    let longer = Keep { runs: Millis::hours(24 * 30), ..keep };
    while bench.store.prune(longer, at(9 * DAY)).await.unwrap() {}
    assert_eq!(body(), Some(serde_json::json!({ "dropped": 5 })), "nobody needs it any more");
    while bench.store.prune(keep, at(9 * DAY)).await.unwrap() {}
    assert_eq!((body(), bench.count("call")), (None, 0));
}

#[tokio::test]
async fn settings_are_kept_once_and_go_after_the_last_run_that_has_them() {
    let bench = Bench::new();
    let lane = LaneId { hook: bench.hook("tell").await, subject: bench.app("web", &[]).await };
    let (mine, others) = (Settings::new(r#"{"config":1}"#), Settings::new(r#"{"config":2}"#));
    let run = |settings: &Settings, now| RunRecord {
        settings: Some(settings.clone()),
        ..bench.run(lane, None, now)
    };
    let runs = [run(&mine, at(1)), run(&others, at(1)), run(&mine, at(4 * DAY)), run(&mine, at(4 * DAY + 1))];
    for run in &runs {
        bench.store.save_run(run.clone(), Vec::new()).await.unwrap();
    }
    // A run is written before its writes leave and again when it ended.
    bench.store.save_run(runs[0].clone(), Vec::new()).await.unwrap();
    assert_eq!(bench.count("settings"), 2);
    for run in &runs {
        assert_eq!(bench.store.run(run.id).unwrap().unwrap().0, *run);
    }
    let keep = Keep { runs: Millis::hours(24), bodies: Millis::hours(24), gone: Millis::hours(24) };
    while bench.store.prune(keep, at(4 * DAY)).await.unwrap() {}
    assert_eq!((bench.count("settings"), bench.count("run")), (1, 2));
    let kept = bench.store.run(runs[3].id).unwrap().unwrap().0;
    assert_eq!(kept.settings.as_ref().map(Settings::body), Some(mine.body()));
    while bench.store.prune(keep, at(9 * DAY)).await.unwrap() {}
    assert_eq!((bench.count("settings"), bench.count("run")), (0, 0));
}

#[tokio::test]
async fn what_people_did_goes_after_its_own_time_and_what_is_under_way_stays() {
    let bench = Bench::new();
    let act = || OperatorAct { who: "ann".to_owned(), what: "it".to_owned() };
    let hooks = [bench.hook("over").await, bench.hook("goes-on").await];
    for hook in hooks {
        bench.store.start_backfill(hook, Kinds::Both, Millis::ZERO, act(), at(1)).await.unwrap();
    }
    bench.store.cancel_backfill(hooks[0], act(), at(1)).await.unwrap();
    for name in ["over", "goes-on"] {
        let subject = bench.app(name, &[]).await;
        let (timeout, ending, patience) = (Millis::ZERO, Leaving::Stop, Patience::None);
        let new = NewRetirement { subject, timeout, ending, patience };
        let retirement = bench.store.retire(new, act(), at(1)).await.unwrap();
        if name == "over" {
            let over = Progress::At { step: Step::Done, outcome: Some("done".to_owned()) };
            bench.store.move_retirement(&retirement, over, at(2)).await.unwrap();
        }
    }
    bench.store.pause(None, None, Level::Observe, "ann", at(DAY)).await.unwrap();
    let counts = || ["operator_act", "retirement", "backfill", "pause"].map(|table| bench.count(table));
    let keep = Millis::hours(24);
    assert!(!bench.store.prune_acts(keep, at(DAY)).await.unwrap());
    assert_eq!(counts(), [6, 2, 2, 1]);
    while bench.store.prune_acts(keep, at(DAY + 3)).await.unwrap() {}
    assert_eq!(counts(), [1, 1, 1, 1], "the last act, and what is under way");
    while bench.store.prune_acts(keep, at(3 * DAY)).await.unwrap() {}
    assert_eq!(counts(), [0, 1, 1, 1], "a pause holds until it is lifted");
}

#[tokio::test]
async fn whoever_ended_long_ago_is_forgotten_once_nothing_speaks_of_them() {
    let bench = Bench::new();
    let (make, tell) = (bench.hook("make").await, bench.hook("tell").await);
    for app in ["lives", "owns", "owed", "spoken-of", "free"] {
        bench.app(app, &[make]).await;
    }
    let lane = |app: &str, hook| {
        let subject = bench.store.subject_at(&path(app)).unwrap().unwrap().id;
        LaneId { hook, subject }
    };
    let lanes = ["lives", "owns", "owed", "spoken-of", "free"].map(|app| lane(app, make));
    bench.want(lanes[1], &["thing"], at(1)).await;
    bench.tell("told", "spoken-of", &[tell], at(1)).await;
    for lane in lanes {
        let dirty = bench.store.lane(lane).unwrap().unwrap().dirty;
        if lane != lanes[2] {
            let look = LaneLook { lane, seen: dirty, rows: Rows::Behind, next: None, now: at(2) };
            bench.store.finish_look(look).await.unwrap();
        }
    }
    let ended =
        "UPDATE subject SET gone_at = 3000 + (SELECT min(seen_at) FROM subject) WHERE path NOT LIKE '%lives'";
    bench.database().execute_batch(ended).unwrap();
    let keep = Millis::hours(48);
    assert!(!bench.store.prune_subjects(keep, at(DAY)).await.unwrap(), "not yet");
    assert!(bench.store.prune_subjects(keep, at(3 * DAY)).await.unwrap());
    assert!(!bench.store.prune_subjects(keep, at(3 * DAY)).await.unwrap());
    let left = lanes.map(|lane| bench.store.subject(lane.subject).unwrap().is_some());
    assert_eq!(left, [true, true, true, true, false]);
    assert!(bench.store.lane(lanes[4]).unwrap().is_none());
    assert!(bench.store.lane(lanes[0]).unwrap().is_some());
}
