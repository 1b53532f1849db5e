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

fn ended(by: By, journal: Journal) -> Interrupted {
    let start = RunStart { seed: [0; 32], started: Timestamp::from_millis(0) };
    Interrupted { run: RunId(1), start, journal, by }
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
    let before = ended(By::Host, journal(vec![write(0, PUT, None), write(1, POST, Some("{}"))]));
    let gate = || {
        let (intents, clock) = (Arc::new(Unrecorded), Arc::new(SystemClock));
        Gate::new(before.answers(), intents, None, clock, &Limits::default())
    };
    // The guest ends before it came as far as the last time.
    let in_doubt = |gate: &Gate| match before.ending(&Ok::<(), Ended>(()), gate, RunId(2), SystemClock.now())
    {
        Some(Ending::Dead { in_doubt, .. }) => in_doubt,
        other => panic!("{other:?}"),
    };
    assert_eq!(in_doubt(&gate()), Some(RunId(1)), "it was not sent again");
    let again = gate();
    let n = again.number().unwrap();
    let ticket = again.ticket(n, "http", CallAccess::Write, PUT.into()).again(Twice::Harmless);
    tokio::select! {
        biased;
        passed = again.pass(ticket, Silent) => panic!("{passed:?}"),
        () = std::future::ready(()) => {}
    }
    assert_eq!(in_doubt(&again), Some(RunId(2)), "it was sent again, and not answered");
}

#[test]
fn a_run_is_gone_on_from_if_it_came_further_than_the_one_before_it() {
    let known = |answers: u32, looks: u32, asked: usize| Journal {
        calls: (0..answers).map(|n| write(n, PUT, Some("{}"))).collect(),
        schedule: Schedule { looks, ready: vec![false; asked], ..Schedule::default() },
    };
    let goes_on = |before: Option<&Interrupted>, known: &Journal| {
        let left = left(RunId(2), &Ended::Deadline(Duration::ZERO), known, before);
        left.is_some_and(|left| left.run == RunId(2))
    };
    assert!(goes_on(None, &known(1, 0, 0)) && goes_on(None, &known(0, 3, 0)), "an answer, or some sleep");
    assert!(!goes_on(None, &known(0, 3, 3)), "it only asked whether it was time");
    let before = ended(By::Host, known(1, 3, 0));
    assert!(!goes_on(Some(&before), &known(1, 3, 0)));
    assert!(goes_on(Some(&before), &known(2, 3, 0)) && goes_on(Some(&before), &known(1, 4, 0)));
    let failed = ended(By::Itself, known(1, 3, 0));
    assert!(goes_on(Some(&failed), &known(1, 3, 0)), "it did not go on from that one");
}

#[test]
fn what_a_failed_run_left_unanswered_is_known_until_it_is_answered() {
    let trap = Ended::Trap("unreachable".to_owned());
    let left = |known: &Journal, before: Option<&Interrupted>| {
        left(RunId(2), &trap, known, before).map(|left| (left.run, left.doubt.unwrap()))
    };
    assert_eq!(left(&journal(vec![write(0, PUT, Some("{}"))]), None), None);
    let (run, doubt) = left(&journal(vec![write(0, PUT, None), write(1, POST, None)]), None).unwrap();
    assert!(run == RunId(2) && doubt.contains("POST http://a.example/2"), "rather what doubles: {doubt}");

    let before = ended(By::Itself, journal(vec![write(0, PUT, None)]));
    let (run, doubt) = left(&Journal::default(), Some(&before)).unwrap();
    assert!(run == RunId(1) && doubt.contains("PUT"), "it failed before it came to it: {doubt}");
    assert_eq!(left(&journal(vec![write(3, PUT, Some("{}"))]), Some(&before)), None);
}

#[test]
fn only_what_comes_to_the_same_is_sent_again_and_not_after_half_a_day() {
    let now = SystemClock.now();
    assert!(may_be_sent_again(&write(0, PUT, None), now));
    assert!(!may_be_sent_again(&write(0, PUT, None), now + AGAIN_WITHIN));
    assert!(!may_be_sent_again(&write(0, POST, None), now));
}
