//! An hour of looking, in virtual time.

use std::collections::{BTreeMap, BTreeSet};

use super::{Done, Fetch, Jitter, Pace, Schedule};
use crate::duration::Millis;
use crate::mirror::Ask;
use crate::time::Timestamp;

/// Time that a request takes.
const LATENCY: Millis = Millis::new(80);

/// A schedule, with a platform that answers after a while and counts.
struct Run {
    schedule: Schedule,
    now: Timestamp,
    /// Answers to come, by time.
    coming: Vec<(Timestamp, Fetch)>,
    sent: Vec<(Timestamp, Fetch)>,
    outcome: fn(&Ask, Timestamp) -> Done,
    oldest: Millis,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(1_795_000_000_000 + second * 1_000)
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("cust-{n}")).collect()
}

impl Run {
    fn new(apps: usize) -> Self {
        let mut schedule = Schedule::new(Pace::default());
        schedule.set_apps(names(apps).iter().map(String::as_str), at(0));
        let outcome = |_: &Ask, _| Done::Answered;
        Self { schedule, now: at(0), coming: Vec::new(), sent: Vec::new(), outcome, oldest: Millis::ZERO }
    }

    /// Runs until a time, waking when the schedule or an answer wants it.
    fn until(&mut self, end: Timestamp) {
        while self.now < end {
            let (arrived, coming) =
                std::mem::take(&mut self.coming).into_iter().partition(|(at, _)| *at <= self.now);
            self.coming = coming;
            let arrived: Vec<(Timestamp, Fetch)> = arrived;
            for (_, fetch) in arrived {
                let done = (self.outcome)(&fetch.ask, self.now);
                self.schedule.done(&fetch, done, self.now, Jitter::from_bits(40_000));
            }
            for fetch in self.schedule.next(self.now) {
                self.sent.push((self.now, fetch.clone()));
                self.coming.push((self.now + LATENCY, fetch));
            }
            self.oldest = self.oldest.max(self.schedule.oldest_look(self.now).unwrap_or(Millis::ZERO));
            let answer = self.coming.iter().map(|(at, _)| *at).min().unwrap_or(end);
            let wake = self.schedule.wake_at(self.now).min(answer).min(end);
            self.now = wake.max(self.now + Millis::new(1));
        }
    }

    fn count(&self, from: Timestamp, which: impl Fn(&Ask) -> bool) -> usize {
        self.sent.iter().filter(|(at, fetch)| *at >= from && which(&fetch.ask)).count()
    }

    /// The documented limits hold in every window: `burst` at once, and never more than the rate beyond it.
    fn assert_limits(&self) {
        let mut sent: BTreeMap<&Ask, Vec<i64>> = BTreeMap::new();
        for (at, fetch) in &self.sent {
            sent.entry(&fetch.ask).or_default().push(at.as_millis());
        }
        for (ask, times) in sent {
            let (burst, every) = if matches!(ask, Ask::Machine { .. }) { (10, 200) } else { (3, 1_000) };
            for (first, from) in times.iter().enumerate() {
                for (last, until) in times.iter().enumerate().skip(first) {
                    let most = burst + (until - from) / every;
                    assert!((last - first + 1) as i64 <= most, "{ask:?} {from}..{until}");
                    if until - from > 20_000 {
                        break;
                    }
                }
            }
        }
    }
}

#[test]
fn four_hundred_quiet_apps_cost_less_than_two_requests_a_second() {
    let mut run = Run::new(400);
    run.until(at(600));
    run.oldest = Millis::ZERO;
    run.until(at(3_600));
    let rate = run.count(at(600), |_| true) as f64 / 3_000.0;
    assert!(rate < 2.0, "{rate} requests a second");
    assert!(run.oldest <= Millis::minutes(5), "{}", run.oldest);
    run.assert_limits();
}

#[test]
fn the_first_round_is_done_within_five_minutes_under_the_cap() {
    let mut run = Run::new(400);
    run.until(at(299));
    let looks = run.sent.iter().filter(|(_, fetch)| matches!(fetch.ask, Ask::Machines { .. }));
    let seen: BTreeSet<_> = looks.map(|(_, fetch)| &fetch.ask).collect();
    assert_eq!(seen.len(), 400);
    assert!(run.oldest <= Millis::minutes(5));
}

#[test]
fn fifteen_hundred_apps_keep_the_cap_and_say_how_old_the_oldest_look_is() {
    let mut run = Run::new(1_500);
    run.until(at(3_600));
    let looks = run.count(at(0), |ask| matches!(ask, Ask::Machines { .. }));
    assert!(looks <= 2 * 3_600 + 2, "{looks}");
    assert!(looks > 7_000, "the cap is used: {looks}");
    assert!(run.oldest > Millis::minutes(5) && run.oldest < Millis::minutes(14), "{}", run.oldest);
    run.assert_limits();
}

#[test]
fn hot_apps_are_seen_within_five_seconds_beside_the_rotation() {
    let mut run = Run::new(400);
    run.until(at(1_000));
    for n in 0..20 {
        run.schedule.heat(&format!("cust-{n}"), at(1_000));
    }
    run.until(at(1_110));
    for n in 0..20 {
        let app = format!("cust-{n}");
        let looks = run.sent.iter().filter(|(_, fetch)| fetch.ask == Ask::Machines { app: app.clone() });
        let times: Vec<_> = looks.map(|(at, _)| *at).filter(|sent| *sent >= at(1_000)).collect();
        let gaps = std::iter::once(at(1_000)).chain(times.iter().copied()).zip(times.iter().copied());
        let widest = gaps.map(|(from, to)| (to + LATENCY).since(from)).max().unwrap();
        assert!(widest <= Millis::seconds(5), "{app}: {widest}");
        assert!(times.last().unwrap().since(at(1_000)) > Millis::seconds(100), "{app} stays hot for a while");
    }
    run.until(at(1_400));
    run.oldest = Millis::ZERO;
    run.until(at(2_000));
    let rate = run.count(at(1_400), |_| true) as f64 / 600.0;
    assert!(rate < 2.0 && run.oldest <= Millis::minutes(5), "cold again: {rate} {}", run.oldest);
    run.assert_limits();
}

#[test]
fn a_look_at_an_app_has_a_control_read_in_its_tick() {
    let mut run = Run::new(3);
    run.until(at(20));
    for n in 0..3 {
        run.schedule.ask(Ask::App { app: format!("cust-{n}") });
    }
    run.until(at(60));
    for (_, fetch) in run.sent.iter().filter(|(_, fetch)| matches!(fetch.ask, Ask::App { .. })) {
        let controls =
            run.sent.iter().filter(|(_, other)| other.ask == Ask::Control && other.tick == fetch.tick);
        assert_eq!(controls.count(), 1);
    }
    assert_eq!(run.count(at(0), |ask| matches!(ask, Ask::App { .. })), 3);
}

#[test]
fn asking_again_and_again_stays_within_the_limits() {
    let mut run = Run::new(1);
    let machine = || Ask::Machine { app: "cust-0".to_owned(), machine: "m1".to_owned() };
    let log = || Ask::Log { app: "cust-0".to_owned(), machine: "m1".to_owned() };
    for tenth in 1..300 {
        run.schedule.ask(machine());
        run.schedule.ask(log());
        run.schedule.ask(Ask::OrgMachines);
        run.schedule.heat("cust-0", run.now);
        run.until(Timestamp::from_millis(at(0).as_millis() + tenth * 100));
    }
    run.assert_limits();
    assert!(run.count(at(0), |ask| *ask == machine()) > 100);
    assert!(run.count(at(0), |ask| *ask == log()) > 25);
}

#[test]
fn a_retry_after_is_kept_for_the_one_thing_and_the_others_go_on() {
    let mut run = Run::new(10);
    let limited = Ask::Machines { app: "cust-3".to_owned() };
    run.outcome = |ask, _| match ask {
        Ask::Machines { app } if app == "cust-3" => Done::Later(Some(Millis::seconds(30))),
        _ => Done::Answered,
    };
    run.until(at(300));
    let times: Vec<_> =
        run.sent.iter().filter(|(_, fetch)| fetch.ask == limited).map(|(at, _)| *at).collect();
    assert!(times.len() > 3, "{}", times.len());
    assert!(times.windows(2).all(|pair| pair[1].since(pair[0]) >= Millis::seconds(30)));
    assert_eq!(run.count(at(0), |ask| *ask == Ask::Machines { app: "cust-4".to_owned() }), 2);
    assert!(run.count(at(0), |ask| *ask == Ask::Apps) >= 59);
}

#[test]
fn an_ailing_platform_is_spared_and_looked_at_again_soon() {
    let mut run = Run::new(400);
    run.outcome = |_, now| if now < at(600) { Done::Failed(None) } else { Done::Answered };
    run.until(at(600));
    let tries = run.count(at(60), |_| true);
    assert!(tries < 600, "{tries} requests in nine minutes of outage");
    run.until(at(700));
    assert!(run.count(at(665), |ask| *ask == Ask::Apps) > 5, "back within the longest back-off");
    run.until(at(1_000));
    run.oldest = Millis::ZERO;
    run.until(at(1_600));
    assert!(run.oldest <= Millis::minutes(5), "{}", run.oldest);
    run.assert_limits();
}

#[test]
fn a_refused_app_is_not_hammered() {
    let mut run = Run::new(2);
    run.outcome = |ask, _| if matches!(ask, Ask::Machines { .. }) { Done::Refused } else { Done::Answered };
    run.until(at(600));
    let looks = run.count(at(0), |ask| matches!(ask, Ask::Machines { .. }));
    assert!((10..60).contains(&looks), "{looks}");
    assert!(
        run.schedule.oldest_look(at(600)).unwrap() >= Millis::seconds(600),
        "it says that it never saw them"
    );
}

#[test]
fn apps_that_were_looked_at_together_are_not_late_together() {
    let mut run = Run::new(400);
    for n in 0..400 {
        run.schedule.ask(Ask::Machines { app: format!("cust-{n}") });
    }
    run.until(at(1_200));
    assert!(run.oldest <= Millis::minutes(5), "{}", run.oldest);
    run.assert_limits();
}

#[test]
fn a_clock_that_is_set_back_by_hours_stops_no_looking() {
    let mut run = Run::new(20);
    run.until(at(600));
    let back = Millis::hours(3);
    run.now = run.now - back;
    for (arrives, _) in &mut run.coming {
        *arrives = *arrives - back;
    }
    let (from, before) = (run.now, run.sent.len());
    run.until(from + Millis::minutes(5));
    let since = |which: fn(&Ask) -> bool| run.sent[before..].iter().filter(|(_, it)| which(&it.ask)).count();
    assert!(since(|ask| *ask == Ask::Apps) >= 55, "the list of apps is read every five seconds");
    assert!(since(|ask| matches!(ask, Ask::Machines { .. })) >= 20, "every app comes round");
}

#[test]
fn a_look_at_an_app_that_waits_costs_no_control_reads() {
    let mut run = Run::new(3);
    run.outcome = |ask, _| if matches!(ask, Ask::App { .. }) { Done::Refused } else { Done::Answered };
    for second in 1..600 {
        run.schedule.ask(Ask::App { app: "cust-0".to_owned() });
        run.until(at(second));
    }
    let looks = run.count(at(0), |ask| matches!(ask, Ask::App { .. }));
    let controls = run.count(at(0), |ask| *ask == Ask::Control);
    assert!((10..60).contains(&looks), "{looks}");
    assert!(controls <= looks, "{controls} beside {looks} looks");
    for (_, fetch) in run.sent.iter().filter(|(_, fetch)| matches!(fetch.ask, Ask::App { .. })) {
        let beside = |other: &Fetch| other.ask == Ask::Control && other.tick == fetch.tick;
        assert!(run.sent.iter().any(|(_, other)| beside(other)), "{fetch:?}");
    }
}

#[test]
fn machines_that_were_not_found_are_forgotten_although_no_app_comes_or_goes() {
    let mut run = Run::new(3);
    run.outcome = |ask, _| if matches!(ask, Ask::Machine { .. }) { Done::Refused } else { Done::Answered };
    for n in 0..50 {
        run.schedule.ask(Ask::Machine { app: "cust-0".to_owned(), machine: format!("m{n}") });
    }
    run.until(at(10));
    assert_eq!(run.schedule.failing(), 50);
    run.until(at(1_000));
    assert_eq!(run.schedule.failing(), 0);
}
