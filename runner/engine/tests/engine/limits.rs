//! Guests that misbehave reach their limits, and nothing else.

use std::time::Duration;

use groundcrew_engine::limits::Limits;
use groundcrew_engine::run::Ended;
use serde_json::json;

use crate::support::{Fake, Setup, component, load, logged};

async fn unruly(setup: Setup) -> groundcrew_engine::run::Run<()> {
    setup.handle(&load(&component("guest-unruly")).await).await
}

fn within(millis: u64, setup: Setup) -> Setup {
    Setup { limits: Limits { deadline: Duration::from_millis(millis), ..Limits::default() }, ..setup }
}

#[tokio::test]
async fn the_deadline_ends_loops_sleeps_and_floods() {
    for does in ["loop", "wait", "log", "stderr"] {
        let run = unruly(within(300, Setup::does(does))).await;
        assert_eq!(run.outcome, Err(Ended::Deadline(Duration::from_millis(300))), "{does}");
        let limits = Limits::default();
        assert!(run.log.lines.len() <= limits.log_lines && run.stderr.len() <= limits.stderr_bytes, "{does}");
        match does {
            "log" => assert!(run.log.dropped > 0, "what is not kept is counted"),
            "stderr" => assert!(run.stderr.ends_with("over and over again\n"), "its end is kept"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_component_that_misbehaves_at_its_start_is_ended_like_any_other() {
    let looping = load(&component("guest-loop-at-start")).await;
    let run = within(300, Setup::does("nothing")).handle(&looping).await;
    assert_eq!(run.outcome, Err(Ended::Deadline(Duration::from_millis(300))));

    let trapping = load(&component("guest-trap-at-start")).await;
    let run = Setup::does("nothing").handle(&trapping).await;
    assert!(
        matches!(&run.outcome, Err(Ended::Trap(text)) if text.contains("unreachable")),
        "{:?}",
        run.outcome
    );

    let calling = load(&component("guest-call-at-start")).await;
    let grants = vec!["POST http://early.example/"];
    let setup = Setup { grants, fake: Fake::unreachable(), ..Setup::does("nothing") };
    let run = setup.handle(&calling).await;
    assert_eq!((run.outcome, run.journal.calls.len()), (Ok(()), 0), "its call failed, and nothing left");
}

#[tokio::test]
async fn memory_and_stack_end_in_a_trap() {
    let run = unruly(Setup::does("memory")).await;
    assert!(matches!(&run.outcome, Err(Ended::Trap(text)) if text.contains("memory")), "{:?}", run.outcome);
    let run = unruly(Setup::does("stack")).await;
    // A Rust guest's own stack lies below its data: it runs out of memory's lower end.
    let out = |text: &str| text.contains("stack") || text.contains("out of bounds memory access");
    assert!(matches!(&run.outcome, Err(Ended::Trap(text)) if out(text)), "{:?}", run.outcome);
    let run = unruly(Setup::does("exit")).await;
    assert!(matches!(&run.outcome, Err(Ended::Trap(text)) if text.contains('3')), "{:?}", run.outcome);
}

#[tokio::test]
async fn what_is_too_much_is_refused_and_said() {
    for (does, said) in [
        ("big-body", "the request's body is over 4194304 bytes"),
        ("remember", "a value at most 65536"),
        ("remember-much", "a run writes at most 100 keys"),
    ] {
        let run = unruly(Setup { fake: Fake::unreachable(), ..Setup::does(does) }).await;
        let Err(Ended::Failure(failure)) = run.outcome else { panic!("{does}: {:?}", run.outcome) };
        assert!(failure.message.contains(said) && !failure.retry, "{does}: {failure}");
    }
    let run = unruly(Setup::does("log-wide")).await;
    assert_eq!((run.outcome, run.log.lines.len(), run.log.dropped), (Ok(()), 0, 1));
    let Err(Ended::Failure(failure)) = unruly(Setup::does("fail")).await.outcome else {
        panic!("it succeeded")
    };
    assert_eq!(failure.message.len(), 4 << 10);
    let run = unruly(Setup::does("fetch-all")).await;
    assert_eq!(run.outcome.unwrap_err().to_string(), "more than 1000 host calls in one run");
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_a_failure() {
    let setup = Setup { fake: Fake::answering(200, &"x".repeat(5 << 20)), ..Setup::does("fetch") };
    let Err(Ended::Failure(failure)) = unruly(setup).await.outcome else { panic!("it succeeded") };
    assert_eq!(failure.message, "the answer (200) is over 4194304 bytes");
}

#[tokio::test]
async fn a_body_that_is_streamed_has_the_same_limit() {
    let hook = load(&component("guest-fetches")).await;
    let config = json!({ "does": "flood", "authority": "a.example", "paths": ["/"] });
    let setup = Setup { fake: Fake::unreachable(), ..Setup::new(config) };
    let run = setup.handle(&hook).await;
    let Err(Ended::Failure(failure)) = &run.outcome else { panic!("{:?}", run.outcome) };
    assert!(failure.message.contains("the request's body is over 4194304 bytes"), "{failure}");
}

#[tokio::test]
async fn there_is_no_other_way_out() {
    let run = unruly(Setup { fake: Fake::unreachable(), ..Setup::does("look-around") }).await;
    assert_eq!(run.outcome, Ok(()));
    let none = ["read fails", "write fails", "tcp fails", "udp fails", "names fails", "environment 0"];
    assert_eq!(logged(&run), none);
}

#[tokio::test]
async fn what_is_not_granted_is_refused_with_the_line_that_would_grant_it() {
    for about in ["http://b.example/", "https://a.example/", "http://a.example:8080/"] {
        let setup =
            Setup { fake: Fake::unreachable(), ..Setup::new(json!({ "does": "fetch", "about": about })) };
        let Err(Ended::Failure(failure)) = unruly(setup).await.outcome else {
            panic!("{about}: it succeeded")
        };
        assert!(failure.message.contains(&format!("\"GET {about}\"")) && !failure.retry, "{failure}");
    }
    let hook = load(&component("guest-fetches")).await;
    let config = json!({ "does": "fetch", "authority": "b.example", "paths": ["/"] });
    let run = Setup { fake: Fake::unreachable(), ..Setup::new(config) }.handle(&hook).await;
    assert!(logged(&run)[0].contains("GET http://b.example/"), "{:?}", logged(&run));
}
