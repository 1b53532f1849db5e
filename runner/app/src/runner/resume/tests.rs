use std::sync::Arc;
use std::time::Duration;

use groundcrew_core::duration::Millis;
use groundcrew_core::hash::Digest;
use groundcrew_core::spec::Failure;
use groundcrew_engine::clock::{Clock as _, SystemClock};
use groundcrew_engine::gate::{Outside, Reply, Unrecorded};
use groundcrew_engine::journal::Schedule;
use groundcrew_engine::limits::Limits;

use super::*;

const PUT: &str = r#"{"method":"PUT","url":"http://a.example/1","headers":[],"body":{"text":""}}"#;
const OTHER: &str = r#"{"method":"PUT","url":"http://a.example/3","headers":[],"body":{"text":""}}"#;
const POST: &str = r#"{"method":"POST","url":"http://a.example/2","headers":[],"body":{"text":""}}"#;

/// A write that was sent a minute ago.
fn write(n: u32, ask: &str, answer: Option<&str>) -> Recorded {
    Recorded {
        n,
        op: "http".to_owned(),
        access: CallAccess::Write,
        print: Digest::of_parts([b"http".as_slice(), ask.as_bytes()]),
        ask: ask.as_bytes().to_vec(),
        answer: answer.map(|answer| answer.as_bytes().to_vec()),
        sent_at: SystemClock.now() - Millis::minutes(1),
        back_at: None,
    }
}

fn journal(calls: Vec<Recorded>) -> Journal {
    Journal { calls, schedule: Schedule::default() }
}

/// What is known after a run that its host ended in this state.
fn interrupted(journal: Journal) -> Earlier {
    let start = RunStart { seed: [0; 32], started: Timestamp::from_millis(0) };
    Earlier { interrupted: Some(Interrupted { run: RunId(1), start, journal }), ..Earlier::default() }
}

/// What is known after runs that left these in doubt.
fn doubted(writes: &[(i64, Recorded)]) -> Earlier {
    let doubts = writes.iter().flat_map(|(run, write)| own(&journal(vec![write.clone()]), RunId(*run), None));
    Earlier { doubts: doubts.collect(), seed: Some([0; 32]), ..Earlier::default() }
}

fn doubts(left: &Left) -> Vec<(i64, u32)> {
    left.doubts.iter().map(|doubt| (doubt.run.0, doubt.call)).collect()
}

/// Lets a call leave, and never answers it.
struct Silent;

impl Outside for Silent {
    async fn admit(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    async fn exchange(self) -> Reply {
        std::future::pending().await
    }

    fn told(failure: Failure) -> Vec<u8> {
        failure.message.into_bytes()
    }
}

#[tokio::test]
async fn what_is_in_doubt_is_shown_where_it_was_sent_last() {
    let before = interrupted(journal(vec![write(0, PUT, None), write(1, POST, Some("{}"))]));
    let gate = || {
        let (intents, clock) = (Arc::new(Unrecorded), Arc::new(SystemClock));
        Gate::new(before.answers(), intents, None, clock, &Limits::default())
    };
    // The guest ends before it came as far as the last time.
    let ending =
        |gate: &Gate, now| before.astray(&Ok::<(), Ended>(()), gate, RunId(2), now).expect("it went astray");
    let later = SystemClock.now() + AGAIN_WITHIN;
    let in_doubt = |gate: &Gate| match (ending(gate, SystemClock.now()), ending(gate, later)) {
        (Ending::Again { resumes: None, doubts, .. }, Ending::Dead { in_doubt, .. }) => {
            (doubts.into_iter().map(|doubt| doubt.run).collect::<Vec<_>>(), in_doubt)
        }
        other => panic!("{other:?}"),
    };
    let run = |n| (vec![RunId(n)], Some(RunId(n)));
    assert_eq!(in_doubt(&gate()), run(1), "it was not sent again");
    let again = gate();
    let n = again.number().unwrap();
    let ticket = again.ticket(n, "http", CallAccess::Write, PUT.into()).again(Twice::Harmless);
    tokio::select! {
        biased;
        passed = again.pass(ticket, Silent) => panic!("{passed:?}"),
        () = std::future::ready(()) => {}
    }
    // It was sent a moment ago, so its hours are not over when those of the first time are.
    let later = later + Millis::minutes(1);
    match (ending(&again, SystemClock.now()), ending(&again, later)) {
        (Ending::Again { doubts, .. }, Ending::Dead { in_doubt, .. }) => {
            assert_eq!(
                (doubts[0].run, in_doubt),
                (RunId(2), Some(RunId(2))),
                "it was sent again, and not answered"
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_goes_another_way_begins_anew_only_if_all_that_is_in_doubt_may_be_sent_again() {
    let gate = |before: &Earlier| {
        let (intents, clock) = (Arc::new(Unrecorded), Arc::new(SystemClock));
        Gate::new(before.answers(), intents, None, clock, &Limits::default())
    };
    let diverged = || {
        let (recorded, asked) = (String::new(), String::new());
        Err::<(), _>(Ended::Refused(Refusal::Diverged { n: 0, recorded, asked }))
    };
    let ending =
        |before: &Earlier| before.astray(&diverged(), &gate(before), RunId(3), SystemClock.now()).unwrap();
    let mut before = interrupted(journal(vec![write(0, PUT, None)]));
    before.doubts = doubted(&[(0, write(7, OTHER, None))]).doubts;
    match ending(&before) {
        Ending::Again { resumes: None, doubts, .. } => {
            let doubts: Vec<_> = doubts.iter().map(|doubt| (doubt.run.0, doubt.call)).collect();
            assert_eq!(doubts, [(0, 7), (1, 0)], "and forgets none");
        }
        other => panic!("{other:?}"),
    }
    let unkeyed = interrupted(journal(vec![write(0, PUT, None), write(1, POST, None)]));
    match ending(&unkeyed) {
        Ending::Dead { error, in_doubt } => {
            assert!(in_doubt == Some(RunId(1)) && error.contains("POST http://a.example/2"), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_run_is_gone_on_from_if_it_came_further_than_the_one_before_it() {
    let known = |answers: u32, looks: u32, asked: usize| Journal {
        calls: (0..answers).map(|n| write(n, PUT, Some("{}"))).collect(),
        schedule: Schedule { looks, ready: vec![false; asked], ..Schedule::default() },
    };
    let goes_on = |before: &Earlier, known: &Journal| {
        before.left(RunId(2), &Ended::Deadline(Duration::ZERO), known).resumes == Some(RunId(2))
    };
    let first = Earlier::default();
    assert!(goes_on(&first, &known(1, 0, 0)) && goes_on(&first, &known(0, 3, 0)), "an answer, or some sleep");
    assert!(!goes_on(&first, &known(0, 3, 3)), "it only asked whether it was time");
    let before = interrupted(known(1, 3, 0));
    assert!(!goes_on(&before, &known(1, 3, 0)));
    assert!(goes_on(&before, &known(2, 3, 0)) && goes_on(&before, &known(1, 4, 0)));
    let failed = doubted(&[(1, write(9, PUT, None))]);
    assert!(goes_on(&failed, &known(1, 3, 0)), "it did not go on from that one");
}

#[test]
fn what_runs_left_unanswered_is_known_until_each_is_answered() {
    let trap = Ended::Trap("unreachable".to_owned());
    let left = |before: &Earlier, run, calls| before.left(RunId(run), &trap, &journal(calls));
    let none = left(&Earlier::default(), 2, vec![write(0, PUT, Some("{}"))]);
    assert!(none.resumes.is_none() && none.doubts.is_empty() && none.unknown.is_none());
    let two = left(&Earlier::default(), 2, vec![write(0, PUT, None), write(1, POST, None)]);
    assert_eq!((two.resumes, doubts(&two)), (None, vec![(2, 0), (2, 1)]));
    let unknown = two.unknown.unwrap();
    assert!(
        unknown.run == RunId(2) && unknown.error.contains("POST http://a.example/2"),
        "rather what doubles"
    );

    let first = doubted(&[(1, write(0, PUT, None))]);
    assert_eq!(doubts(&left(&first, 2, vec![])), [(1, 0)], "it failed before it came to it");
    assert_eq!(doubts(&left(&first, 2, vec![write(3, PUT, Some("{}"))])), []);
    let another = left(&first, 2, vec![write(3, OTHER, None)]);
    assert_eq!(doubts(&another), [(1, 0), (2, 3)], "one that it left itself hides nothing");
    let again = left(&first, 2, vec![write(0, PUT, None)]);
    assert_eq!(doubts(&again), [(1, 0)], "its hours are those of the first time");
    let deadline =
        first.left(RunId(2), &Ended::Deadline(Duration::ZERO), &journal(vec![write(3, OTHER, None)]));
    assert_eq!(
        (deadline.resumes, doubts(&deadline)),
        (Some(RunId(2)), vec![(1, 0)]),
        "its own are in its journal"
    );
}

#[test]
fn only_what_comes_to_the_same_is_sent_again_and_none_of_all_after_half_a_day() {
    let now = SystemClock.now();
    let checked = |earlier: Earlier, now| earlier.checked(now).map(|earlier| earlier.doubts.len());
    let two = || doubted(&[(1, write(0, PUT, None)), (2, write(0, OTHER, None))]);
    assert_eq!(checked(two(), now), Ok(2));
    assert_eq!(checked(two(), now + AGAIN_WITHIN).unwrap_err().run, RunId(1));
    assert_eq!(
        checked(doubted(&[(1, write(0, PUT, None)), (2, write(0, POST, None))]), now).unwrap_err().run,
        RunId(2)
    );

    let mut resumed = interrupted(journal(vec![write(4, PUT, Some("{}"))]));
    resumed.doubts = two().doubts;
    assert_eq!(checked(resumed, now), Ok(1), "the run that is gone on from was answered");
}
