//! Machines' logs: what lies between two looks, and logs that are not answered.

use super::bench::{Bench, line, machine};
use crate::mirror::{Ask, LogEntry, MachineSeen, Outcome, Rules};

/// A machine that runs at both looks, and died four times between them, and the whole of its log.
fn crash_loop() -> (MachineSeen, Vec<LogEntry>) {
    let died = |second| [line("exit", "stopped", second), line("start", "started", second + 1)];
    let log: Vec<_> = [50, 52, 54, 56].into_iter().flat_map(died).collect();
    (MachineSeen { log: log[3..].to_vec(), ..machine("m1", "started", 57) }, log)
}

const DIED: [&str; 2] = ["machine.stopped machine:m1", "machine.started machine:m1"];

#[test]
fn a_machine_that_is_as_it_was_is_told_from_its_whole_log_where_lines_may_be_missing() {
    let (looping, log) = crash_loop();
    let mut bench = Bench::adopted(Rules::ALL);
    bench.own("web", std::slice::from_ref(&looping));
    let ask = Ask::Log { app: "web".to_owned(), machine: "m1".to_owned() };
    assert!(bench.story.is_empty() && bench.last.as_ref().unwrap().asks.contains(&ask));
    bench.log("m1", Outcome::Found(log));
    assert_eq!(bench.story, DIED.repeat(4));
    bench.own("web", std::slice::from_ref(&looping));
    assert!(!bench.last.as_ref().unwrap().asks.contains(&ask), "what is known is not asked for");
    assert_eq!(bench.story.len(), 8);

    // What comes with a look is told, if no more is to be had.
    for answer in [Outcome::Failed, Outcome::NotFound] {
        let mut bench = Bench::adopted(Rules::ALL);
        bench.own("web", std::slice::from_ref(&looping));
        bench.log("m1", answer);
        bench.pass(10);
        bench.control();
        assert_eq!(bench.story, DIED.repeat(2));
        bench.own("web", std::slice::from_ref(&looping));
        assert!(!bench.last.as_ref().unwrap().asks.contains(&ask));
    }
}

#[test]
fn a_log_that_is_not_answered_once_is_waited_for() {
    let mut bench = Bench::adopted(Rules::ALL);
    bench.org(&[machine("m1", "stopped", 60)]);
    bench.log("m1", Outcome::Failed);
    assert!(bench.story.is_empty(), "it is asked again");
    bench.pass(3);
    bench.log("m1", Outcome::Found(vec![line("exit", "stopped", 60)]));
    assert_eq!(bench.story, ["machine.stopped machine:m1"]);
    assert!(bench.last.as_ref().unwrap().events[0].reason.is_some());

    let mut bench = Bench::adopted(Rules::ALL);
    bench.org(&[machine("m1", "stopped", 60)]);
    for _ in 0..4 {
        bench.log("m1", Outcome::Failed);
        assert!(bench.story.is_empty());
        bench.pass(3);
    }
    bench.log("m1", Outcome::Failed);
    assert_eq!(bench.story, ["machine.stopped machine:m1"], "and not for ever");
}

/// What waits for its log goes on waiting, with its lines, where the organisation's list shows the machine meanwhile.
#[test]
fn what_waits_for_its_log_is_not_forgotten_for_a_sight_without_lines() {
    // As it was: the next list says so again.
    let (looping, _) = crash_loop();
    let mut bench = Bench::adopted(Rules::ALL);
    bench.own("web", std::slice::from_ref(&looping));
    bench.pass(5);
    bench.org(&[machine("m1", "started", 57)]);
    assert!(bench.story.is_empty());
    bench.pass(5);
    bench.control();
    assert_eq!(bench.story, DIED.repeat(2), "after ten seconds what came with the sight is told");

    // Otherwise than it was: the reason comes with the lines.
    let stopped = line("exit", "stopped", 58);
    let log = [&looping.log[1..], std::slice::from_ref(&stopped)].concat();
    let mut bench = Bench::adopted(Rules::ALL);
    bench.own("web", &[MachineSeen { log, ..machine("m1", "stopped", 58) }]);
    bench.pass(5);
    bench.org(&[machine("m1", "stopped", 58)]);
    bench.pass(5);
    bench.control();
    assert_eq!(bench.story, [DIED.as_slice(), &DIED, &DIED[..1]].concat());
    assert!(bench.last.as_ref().unwrap().events.last().unwrap().reason.is_some());
}

/// A log that is read after a sight knows better than the sight, whose time is in whole seconds.
#[test]
fn what_changes_in_the_second_of_a_sight_is_told_once_and_in_order() {
    let within = |kind, status, millis: i64| {
        let mut line = line(kind, status, 57);
        line.at = line.at + crate::duration::Millis::new(millis);
        line.id = Some(format!("01{kind}{millis}"));
        line
    };
    let (looping, log) = crash_loop();
    let seen = [&looping.log[1..4], &[within("start", "started", 200)]].concat();
    let seen = MachineSeen { log: [&[line("exit", "stopped", 40)], seen.as_slice()].concat(), ..looping };
    assert_eq!(seen.log.len(), 5);
    let mut bench = Bench::adopted(Rules::ALL);
    bench.own("web", std::slice::from_ref(&seen));
    assert!(bench.story.is_empty(), "it waits for its log");
    let mut log = log[..7].to_vec();
    log.extend([within("start", "started", 200), within("exit", "stopped", 500)]);
    bench.log("m1", Outcome::Found(log.clone()));
    assert_eq!(bench.story.last().unwrap(), "machine.stopped machine:m1", "{:?}", bench.story);
    let told = bench.story.len();
    log.push(within("start", "started", 800));
    bench.pass(5);
    bench.own("web", &[MachineSeen { log: log[log.len() - 5..].to_vec(), ..machine("m1", "started", 57) }]);
    assert_eq!(bench.story[told..], ["machine.started machine:m1"]);
}
