//! How long machines ran: by the platform's own times, across gaps, and what nobody saw is said.

use serde_json::json;

use super::bench::{Bench, app, at, line, machine};
use crate::mirror::{Config, MachineSeen, Mirror, Outcome, Rules};
use crate::running::Noted;

/// A machine of a size.
fn sized(state: &str, updated: i64, cpus: u32) -> MachineSeen {
    let raw = json!({"id": "m2", "state": state, "config": {"guest": {"cpu_kind": "shared", "cpus": cpus}}});
    let created_at = Some(at(100));
    MachineSeen { raw, created_at, instance: Some(format!("v{cpus}")), ..machine("m2", state, updated) }
}

/// What was noted, as short words; times in seconds.
fn noted(bench: &mut Bench) -> Vec<String> {
    let second = |time: crate::time::Timestamp| time.since(at(0)).as_i64() / 1_000;
    let words = |noted: &Noted| match noted {
        Noted::Begun { size, since, .. } => format!("begun {} as {}", second(*since), size.guest["cpus"]),
        Noted::Ended { size, since, until, .. } => {
            format!("ran {}..{} as {}", second(*since), second(*until), size.guest["cpus"])
        }
        Noted::Unseen { since, until, .. } => format!("unseen {}..{}", second(*since), second(*until)),
    };
    std::mem::take(&mut bench.noted).iter().map(words).collect()
}

/// A bench that saw `m2` start at 120, made at 100.
fn started() -> Bench {
    let mut bench = Bench::adopted(Rules::ALL);
    noted(&mut bench);
    bench.pass(130);
    let log = vec![line("launch", "created", 100), line("start", "started", 120)];
    bench.own("web", &[machine("m1", "started", 10), MachineSeen { log, ..sized("started", 120, 1) }]);
    bench
}

#[test]
fn times_are_the_platforms_own_whenever_one_looks() {
    let mut bench = started();
    assert_eq!(noted(&mut bench), ["begun 120 as 1"]);
    bench.own("web", &[sized("started", 120, 1)]);
    assert_eq!(noted(&mut bench), [""; 0], "the same again is nothing");
    bench.pass(5_000);
    let log = vec![line("exit", "stopped", 200), line("start", "started", 300), line("exit", "stopped", 400)];
    bench.own("web", &[MachineSeen { log, ..sized("stopped", 400, 1) }]);
    assert_eq!(noted(&mut bench), ["ran 120..200 as 1", "begun 300 as 1", "ran 300..400 as 1"]);
}

#[test]
fn another_size_is_another_time() {
    let mut bench = started();
    noted(&mut bench);
    bench.own("web", &[sized("started", 500, 4)]);
    assert_eq!(noted(&mut bench), ["ran 120..500 as 1", "begun 500 as 4"]);
    // A listing without the configuration says nothing about it.
    let bare = MachineSeen { raw: json!({"id": "m2"}), metadata: None, ..sized("started", 600, 5) };
    bench.own("web", &[bare]);
    assert_eq!(noted(&mut bench), [""; 0]);
    bench.own("web", &[sized("destroyed", 700, 4)]);
    bench.log("m2", Outcome::NotFound);
    assert_eq!(noted(&mut bench), ["ran 500..700 as 4"]);
}

#[test]
fn a_machine_that_was_wrongly_believed_gone_is_not_counted_twice() {
    let mut bench = started();
    bench.pass(300);
    bench.own("web", &[machine("m1", "started", 10)]);
    bench.shown("m2", Outcome::NotFound);
    let ended = noted(&mut bench);
    assert!(ended[1].starts_with("ran 120..") && ended[2].starts_with("unseen"), "{ended:?}");
    let until = ended[1].trim_start_matches("ran 120..").split(' ').next().unwrap().to_owned();
    bench.own("web", &[machine("m1", "started", 10), sized("started", 120, 1)]);
    bench.shown("m2", Outcome::Found(sized("started", 120, 1)));
    bench.log("m2", Outcome::NotFound);
    assert_eq!(noted(&mut bench), [format!("begun {until} as 1")], "{:?}", bench.story);
}

#[test]
fn a_restart_forgets_nothing_and_begins_nothing_twice() {
    let mut bench = started();
    let rows: Vec<_> = bench.mirror.rows().cloned().collect();
    let text = serde_json::to_string(&rows).unwrap();
    let cursor = Some(bench.mirror.cursor().clone());
    noted(&mut bench);
    bench.mirror =
        Mirror::from_rows(Config::new("acme"), serde_json::from_str::<Vec<_>>(&text).unwrap(), cursor);
    bench.pass(1_000);
    bench.own("web", &[sized("started", 120, 1)]);
    assert_eq!(noted(&mut bench), [""; 0]);
    bench.own("web", &[sized("stopped", 900, 1)]);
    bench.log("m2", Outcome::NotFound);
    assert_eq!(noted(&mut bench), ["ran 120..900 as 1"]);

    // What an older program stored has no clock: it begins with the last change, and what was before is unseen.
    let mut rows: Vec<crate::mirror::Row> = serde_json::from_str(&text).unwrap();
    for row in &mut rows {
        row.memory.clock = None;
    }
    bench.mirror = Mirror::from_rows(Config::new("acme"), rows, Some(bench.mirror.cursor().clone()));
    for _ in 0..2 {
        bench.own("web", &[sized("started", 120, 1)]);
    }
    assert_eq!(noted(&mut bench), ["unseen 100..120", "begun 120 as 1"]);
}

#[test]
fn who_was_there_before_counts_from_its_last_change_and_the_rest_is_unseen() {
    let mut bench = Bench::empty(Config::new("acme"));
    bench.pass(1_000);
    bench.apps(&[app("a1", "web")]);
    bench.control();
    bench.own("web", &[sized("started", 600, 1)]);
    assert_eq!(noted(&mut bench), ["unseen 100..600", "begun 600 as 1"]);
}

/// What is noted of a machine that is older than whoever sees it at 1,000 with this log.
fn first_seen(seen: MachineSeen) -> Vec<String> {
    let mut bench = Bench::empty(Config::new("acme"));
    bench.pass(1_000);
    bench.apps(&[app("a1", "web")]);
    bench.control();
    bench.own("web", &[seen]);
    noted(&mut bench)
}

#[test]
fn who_was_there_before_ran_as_its_own_log_tells() {
    let with = |state, updated, log: &[_]| MachineSeen { log: log.to_vec(), ..sized(state, updated, 1) };
    let (launch, start) = (line("launch", "created", 100), line("start", "started", 120));
    let (exit, again) = (line("exit", "stopped", 300), line("start", "started", 400));
    // Something else was changed at 600: that is when it was last changed, not when it began to run.
    let whole = [launch, start.clone(), exit.clone(), again.clone()];
    assert_eq!(first_seen(with("started", 600, &whole)), ["ran 120..300 as 1", "begun 400 as 1"]);
    assert_eq!(
        first_seen(with("stopped", 300, &whole[..3])),
        ["ran 120..300 as 1"],
        "it does not run, and did"
    );
    // The list embeds the newest lines alone, in any order.
    let newest = [again.clone(), exit.clone()];
    assert_eq!(first_seen(with("started", 400, &newest)), ["unseen 100..300", "begun 400 as 1"]);
    let starting = [start.clone(), line("start", "starting", 390), again.clone()];
    assert_eq!(
        first_seen(with("started", 400, &starting)),
        ["unseen 100..120", "begun 120 as 1"],
        "a line on the way to a state is none, and two of one state are one"
    );
}

#[test]
fn a_log_of_before_counts_only_for_the_present_size_and_where_it_agrees() {
    let with = |state, updated, log: &[_]| MachineSeen { log: log.to_vec(), ..sized(state, updated, 4) };
    let (start, exit) = (line("start", "started", 120), line("exit", "stopped", 300));
    let updated = [start.clone(), line("update", "replacing", 200), line("start", "started", 210)];
    assert_eq!(
        first_seen(with("started", 210, &updated)),
        ["unseen 100..210", "begun 210 as 4"],
        "what it ran on before is not known"
    );
    assert_eq!(
        first_seen(with("started", 600, &[start.clone(), exit])),
        ["unseen 100..600", "begun 600 as 4"],
        "it runs, and its log says that it does not"
    );
    let only_update = [line("update", "replacing", 200)];
    assert_eq!(first_seen(with("started", 600, &only_update)), ["unseen 100..600", "begun 600 as 4"]);
}

#[test]
fn who_vanishes_without_a_word_ran_until_it_was_last_seen() {
    let mut bench = started();
    noted(&mut bench);
    bench.pass(300);
    bench.own("web", &[machine("m1", "started", 10), sized("started", 120, 1)]);
    let seen = bench.look.at.since(at(0)).as_i64() / 1_000;
    bench.pass(1_000);
    bench.own("web", &[machine("m1", "started", 10)]);
    bench.shown("m2", Outcome::NotFound);
    let gone = bench.look.at.since(at(0)).as_i64() / 1_000;
    assert!(gone > seen + 900);
    assert_eq!(noted(&mut bench), [format!("ran 120..{seen} as 1"), format!("unseen {seen}..{gone}")]);
}
