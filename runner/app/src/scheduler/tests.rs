//! Schedules under a simulated clock, on a real store.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use groundcrew_core::schedule::{Missed, Overlap, Schedule};
use groundcrew_store::audits::AuditEnd;
use groundcrew_store::errands::{Errand, Kept};
use groundcrew_store::operators::OperatorAct;
use groundcrew_store::{CommitFault, CommitFaults, CommitMoment, Options, Store};

use super::*;

/// A clock that stands still until it is moved.
#[derive(Debug)]
struct Still(AtomicI64);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn sleep(&self, _: Millis) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(std::time::Duration::from_millis(1)))
    }
}

/// A disk that is full while somebody says so.
#[derive(Clone, Default)]
struct Disk(Arc<AtomicBool>);

impl CommitFaults for Disk {
    fn at(&self, _: CommitMoment) -> CommitFault {
        if self.0.load(Ordering::SeqCst) { CommitFault::Fail } else { CommitFault::None }
    }
}

/// Audits that take until they are let go.
struct Double {
    store: Store,
    clock: Arc<Still>,
    begun: Mutex<VecDeque<Option<Timestamp>>>,
    listed: Mutex<Vec<(String, Timestamp)>>,
    mended: Mutex<Vec<(i64, String)>>,
    let_go: Notify,
    /// How far remedies of audits come.
    remedied: Mutex<Remedied>,
    /// So many remedies fail first.
    failing: AtomicI64,
    /// Is full from a remedy on.
    filled: Mutex<Option<Disk>>,
}

impl Auditing for Double {
    fn audit<'a>(
        &'a self,
        audit: &'a Audit,
        tick: Option<Timestamp>,
        stop: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<Audited, runner::Error>> {
        Box::pin(async move {
            let run = self.store.begin_audit(&audit.name, tick, self.clock.now()).await?;
            self.begun.lock().unwrap().push_back(tick);
            let whole = stop.run_until_cancelled(self.let_go.notified()).await.is_some();
            let outcome = if whole { "ok" } else { "ended early" }.to_owned();
            let (saw, on_opened, on_resolved, now) = (vec![], vec![], vec![], self.clock.now());
            let end = AuditEnd { run, tick, saw, outcome, summary: None, on_opened, on_resolved, now };
            let changed = self.store.end_audit(end).await?;
            Ok(Audited { changed, remedied: *self.remedied.lock().unwrap() })
        })
    }

    fn drift<'a>(&'a self, hook: &'a str) -> BoxFuture<'a, Result<Drifted, runner::Error>> {
        Box::pin(async move {
            self.listed.lock().unwrap().push((hook.to_owned(), self.clock.now()));
            self.let_go.notified().await;
            Ok(Drifted::default())
        })
    }

    fn mend<'a>(
        &'a self,
        finding: i64,
        who: &'a str,
    ) -> BoxFuture<'a, Result<Option<Mended>, runner::Error>> {
        Box::pin(async move {
            if self.failing.fetch_sub(1, Ordering::SeqCst) > 0 {
                return Err(groundcrew_store::Error::Missing("finding").into());
            }
            self.mended.lock().unwrap().push((finding, who.to_owned()));
            if let Some(disk) = self.filled.lock().unwrap().as_ref() {
                disk.0.store(true, Ordering::SeqCst);
            }
            Ok(Some(Mended::Tried("fixed".to_owned())))
        })
    }
}

struct Stage {
    _dir: tempfile::TempDir,
    store: Store,
    disk: Disk,
    clock: Arc<Still>,
    work: Arc<Double>,
    jobs: Vec<Job>,
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

impl Stage {
    fn new(cron: &str, overlap: Overlap, missed: Missed, now: &str) -> Self {
        Self::in_zone("Europe/Zurich", cron, overlap, missed, now)
    }

    fn in_zone(zone: &str, cron: &str, overlap: Overlap, missed: Missed, now: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk::default();
        let reopen_after = std::time::Duration::from_millis(1);
        let options = Options { faults: Some(Arc::new(disk.clone())), reopen_after, ..Options::default() };
        let store = Store::open(&dir.path().join("groundcrew.db"), options).unwrap();
        let clock = Arc::new(Still(AtomicI64::new(at(now).as_millis())));
        let (begun, listed, mended, let_go) =
            (Mutex::default(), Mutex::default(), Mutex::default(), Notify::new());
        let (remedied, failing, filled) = (Mutex::default(), AtomicI64::new(0), Mutex::default());
        let work = Arc::new(Double {
            store: store.clone(),
            clock: clock.clone(),
            begun,
            listed,
            mended,
            let_go,
            remedied,
            failing,
            filled,
        });
        let schedule = Schedule::parse(cron, zone).unwrap();
        let (name, hooks) = ("nightly".to_owned(), vec!["orphans".to_owned()]);
        let timing = Timing { schedule, jitter: Millis::ZERO, overlap, missed };
        let jobs = vec![Job::Audit(Arc::new(Audit { name, hooks, timing, remedy: None }))];
        Self { _dir: dir, store, disk, clock, work, jobs }
    }

    async fn start(&self) -> (Scheduler, Asking) {
        let jobs = self.jobs.clone();
        Scheduler::open(jobs, self.store.clone(), self.clock.clone(), self.work.clone()).await.unwrap()
    }

    /// Moves the clock, lets the scheduler look, and says for which ticks runs began.
    async fn when(&self, scheduler: &mut Scheduler, now: &str) -> Vec<String> {
        self.clock.0.store(at(now).as_millis(), Ordering::SeqCst);
        scheduler.step().await;
        self.settle().await;
        self.begun()
    }

    fn begun(&self) -> Vec<String> {
        let begun = self.work.begun.lock().unwrap().drain(..).collect::<Vec<_>>();
        begun.into_iter().map(|tick| tick.map_or("by hand".to_owned(), |tick| tick.to_string())).collect()
    }

    /// Until every run that was begun is in the store.
    async fn settle(&self) {
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        // Writes of the store are acknowledged in order: what was begun before is in.
        self.store.save_tick("-", Timestamp::from_millis(0)).await.unwrap();
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    }

    /// Lets the run that is under way end, and the scheduler notice.
    async fn finish(&self, scheduler: &mut Scheduler) {
        self.work.let_go.notify_one();
        let run = scheduler.entries[0].run;
        while scheduler.entries[0].turn.is_running() && scheduler.entries[0].run == run {
            let ended = scheduler.running.join_next().await.unwrap();
            scheduler.end(ended);
        }
        self.settle().await;
    }

    fn outcomes(&self) -> Vec<String> {
        let runs = self.store.audit_runs(None, 10).unwrap();
        runs.into_iter().rev().map(|run| run.outcome.unwrap_or("under way".to_owned())).collect()
    }
}

const SIX_HOURS: Missed = Missed::Once(Millis::hours(6));

#[tokio::test]
async fn a_tick_begins_one_run_and_a_new_schedule_makes_up_for_nothing() {
    let stage = Stage::new("0 3 * * *", Overlap::Skip, SIX_HOURS, "2026-06-02T05:00:00Z");
    let (mut scheduler, _asking) = stage.start().await;
    assert!(stage.when(&mut scheduler, "2026-06-02T05:00:01Z").await.is_empty());
    assert!(stage.when(&mut scheduler, "2026-06-03T00:59:59Z").await.is_empty());
    assert_eq!(stage.when(&mut scheduler, "2026-06-03T01:00:00Z").await, ["2026-06-03T01:00:00.000Z"]);
    stage.finish(&mut scheduler).await;
    assert!(stage.when(&mut scheduler, "2026-06-03T01:00:30Z").await.is_empty());
    assert_eq!(stage.store.last_tick("nightly").unwrap(), Some(at("2026-06-03T01:00:00Z")));
}

#[tokio::test]
async fn a_restart_in_the_middle_runs_again_within_the_window_only() {
    for (missed, back_at, again) in [
        (SIX_HOURS, "2026-06-03T04:00:00Z", true),
        (SIX_HOURS, "2026-06-03T08:00:00Z", false),
        (Missed::Skip, "2026-06-03T04:00:00Z", false),
    ] {
        let stage = Stage::new("0 3 * * *", Overlap::Skip, missed, "2026-06-02T05:00:00Z");
        let (mut scheduler, _asking) = stage.start().await;
        let tick = "2026-06-03T01:00:00.000Z";
        assert_eq!(stage.when(&mut scheduler, tick).await, [tick]);
        scheduler.running.shutdown().await;
        drop(scheduler);
        stage.clock.0.store(at(back_at).as_millis(), Ordering::SeqCst);
        let (mut scheduler, _asking) = stage.start().await;
        assert_eq!(stage.outcomes(), ["the runner ended first"]);
        let expected: &[&str] = if again { &[tick] } else { &[] };
        assert_eq!(stage.when(&mut scheduler, back_at).await, expected, "{missed:?} {back_at}");
    }
}

#[tokio::test]
async fn a_run_whose_end_is_not_taken_is_run_again() {
    let stage = Stage::new("0 3 * * *", Overlap::Skip, Missed::Skip, "2026-06-02T05:00:00Z");
    let (mut scheduler, _asking) = stage.start().await;
    let tick = "2026-06-03T01:00:00.000Z";
    assert_eq!(stage.when(&mut scheduler, tick).await, [tick]);
    stage.disk.0.store(true, Ordering::SeqCst);
    stage.work.let_go.notify_one();
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert!(stage.begun().is_empty() && scheduler.entries[0].turn.is_running());
    stage.disk.0.store(false, Ordering::SeqCst);
    while stage.work.begun.lock().unwrap().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    assert_eq!(stage.begun(), [tick], "however late");
    stage.finish(&mut scheduler).await;
    assert_eq!(stage.outcomes(), ["the store did not take its end", "ok"]);
    assert_eq!(stage.store.last_tick("nightly").unwrap(), Some(at(tick)));
}

#[tokio::test]
async fn a_clock_that_is_put_back_runs_nothing_twice_and_one_put_forward_misses() {
    let stage = Stage::new("0 * * * *", Overlap::Skip, Missed::Skip, "2026-06-02T05:30:00Z");
    let (mut scheduler, _asking) = stage.start().await;
    assert_eq!(stage.when(&mut scheduler, "2026-06-02T06:00:02Z").await.len(), 1);
    stage.finish(&mut scheduler).await;
    assert!(stage.when(&mut scheduler, "2026-06-02T04:10:00Z").await.is_empty(), "put back");
    assert!(stage.when(&mut scheduler, "2026-06-02T06:00:00Z").await.is_empty(), "there again");
    assert_eq!(stage.when(&mut scheduler, "2026-06-02T07:00:00Z").await.len(), 1);
    stage.finish(&mut scheduler).await;
    assert!(stage.when(&mut scheduler, "2026-06-09T12:30:00Z").await.is_empty(), "put forward");
    assert_eq!(stage.when(&mut scheduler, "2026-06-09T13:00:00Z").await.len(), 1);
}

#[tokio::test]
async fn a_schedule_that_a_clock_far_ahead_took_up_begins_anew_once_that_is_put_right() {
    for restarts in [false, true] {
        let stage = Stage::new("0 * * * *", Overlap::Skip, Missed::Skip, "2026-07-02T05:30:00Z");
        let (mut scheduler, _asking) = stage.start().await;
        assert_eq!(stage.when(&mut scheduler, "2026-07-02T06:00:00Z").await.len(), 1);
        stage.finish(&mut scheduler).await;
        if restarts {
            stage.clock.0.store(at("2026-06-02T06:20:00Z").as_millis(), Ordering::SeqCst);
            (scheduler, _) = stage.start().await;
        }
        assert!(stage.when(&mut scheduler, "2026-06-02T06:30:00Z").await.is_empty(), "{restarts}");
        let tick = "2026-06-02T07:00:00.000Z";
        assert_eq!(stage.when(&mut scheduler, tick).await, [tick], "{restarts}");
        stage.finish(&mut scheduler).await;
        assert_eq!(stage.store.schedules().unwrap()[1], ("nightly".to_owned(), at(tick)), "{restarts}");
    }
}

#[tokio::test]
async fn on_both_days_on_which_clocks_change_there_is_one_run() {
    // A time that is jumped over is run at the jump; one that is there twice, the first time.
    for (zone, cron, before, expected) in [
        ("Europe/Zurich", "30 2 * * *", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00.000Z"),
        ("Europe/Zurich", "30 2 * * *", "2026-10-25T00:00:00Z", "2026-10-25T00:30:00.000Z"),
        ("America/New_York", "30 2 * * *", "2026-03-08T05:00:00Z", "2026-03-08T07:00:00.000Z"),
        ("America/New_York", "30 1 * * *", "2026-11-01T04:00:00Z", "2026-11-01T05:30:00.000Z"),
        // Its clock changes by half an hour.
        ("Australia/Lord_Howe", "10 2 * * *", "2026-10-03T13:00:00Z", "2026-10-03T15:30:00.000Z"),
        ("Australia/Lord_Howe", "45 1 * * *", "2026-04-04T13:00:00Z", "2026-04-04T14:45:00.000Z"),
    ] {
        let stage = Stage::in_zone(zone, cron, Overlap::Skip, Missed::Skip, before);
        let (mut scheduler, _asking) = stage.start().await;
        let mut begun = Vec::new();
        for minute in 0..240 {
            let now = at(before) + Millis::minutes(minute);
            let new = stage.when(&mut scheduler, &now.to_string()).await;
            if !new.is_empty() {
                stage.finish(&mut scheduler).await;
            }
            begun.extend(new);
        }
        assert_eq!(begun, [expected], "{cron} in {zone} after {before}");
    }
}

#[tokio::test]
async fn overlapping_ticks_do_as_the_policy_says() {
    let ticks = ["2026-06-02T06:00:00.000Z", "2026-06-02T07:00:00.000Z", "2026-06-02T08:00:00.000Z"];
    for (overlap, begun, follows, outcomes) in [
        (Overlap::Skip, vec![ticks[0]], vec![], vec!["ok"]),
        (Overlap::QueueOne, vec![ticks[0]], vec![ticks[2]], vec!["ok", "under way"]),
        (Overlap::Cancel, ticks.to_vec(), vec![], vec!["ended early", "ended early", "ok"]),
    ] {
        let stage = Stage::new("0 * * * *", overlap, Missed::Skip, "2026-06-02T05:30:00Z");
        let (mut scheduler, _asking) = stage.start().await;
        let mut all = Vec::new();
        for tick in ticks {
            all.extend(stage.when(&mut scheduler, tick).await);
        }
        assert_eq!(all, begun, "{overlap}");
        stage.finish(&mut scheduler).await;
        assert_eq!(stage.begun(), follows, "{overlap}");
        assert_eq!(stage.outcomes(), outcomes, "{overlap}");
        let last = stage.store.last_tick("nightly").unwrap();
        let expected = if overlap == Overlap::QueueOne { ticks[0] } else { ticks[2] };
        assert_eq!(last, Some(at(expected)), "{overlap}");
    }
}

fn audit(name: &str) -> Errand {
    Errand::Audit(name.to_owned())
}

impl Stage {
    async fn asks(&self, errand: Errand) {
        let act = OperatorAct { who: "ann".to_owned(), what: "it".to_owned() };
        assert_eq!(self.store.ask(errand, act, self.clock.now()).await.unwrap(), Kept::Yes);
    }

    /// Lets the scheduler begin what was asked for, and says which audits that were.
    async fn goes_on(&self, scheduler: &mut Scheduler) -> Vec<String> {
        scheduler.step().await;
        self.settle().await;
        self.begun()
    }

    /// What was asked for and is not over, once what has ended is in the store.
    async fn asked(&self, scheduler: &mut Scheduler) -> Vec<Errand> {
        self.settle().await;
        scheduler.step().await;
        self.left()
    }

    /// What is on record as asked for.
    fn left(&self) -> Vec<Errand> {
        self.store.errands().unwrap().into_iter().map(|asked| asked.errand).collect()
    }
}

const ASKED_AT: &str = "2026-06-02T05:00:00Z";

#[tokio::test]
async fn what_is_asked_for_by_hand_begins_once_and_takes_no_tick_up() {
    let stage = Stage::new("0 3 * * *", Overlap::Skip, Missed::Skip, ASKED_AT);
    let (mut scheduler, asking) = stage.start().await;
    assert_eq!(asking.names(), ["nightly"]);
    for name in ["nightly", "nightly", "weekly"] {
        stage.asks(audit(name)).await;
    }
    assert_eq!(stage.goes_on(&mut scheduler).await, ["by hand"]);
    assert!(stage.goes_on(&mut scheduler).await.is_empty(), "it is under way");
    assert_eq!(stage.asked(&mut scheduler).await, [audit("nightly")], "the other is in no configuration");
    stage.finish(&mut scheduler).await;
    assert_eq!(stage.asked(&mut scheduler).await, []);
    assert_eq!(stage.store.last_tick("nightly").unwrap(), Some(at(ASKED_AT)));
    stage.asks(audit("nightly")).await;
    assert_eq!(stage.goes_on(&mut scheduler).await, ["by hand"], "it is asked for again");
}

#[tokio::test]
async fn what_was_asked_for_and_not_begun_or_cut_off_is_done_by_the_next_runner() {
    let stage = Stage::new("0 3 * * *", Overlap::Skip, Missed::Skip, ASKED_AT);
    let (scheduler, _asking) = stage.start().await;
    stage.asks(audit("nightly")).await;
    stage.asks(Errand::Mend(7)).await;
    drop(scheduler);

    let (mut scheduler, _asking) = stage.start().await;
    assert_eq!(stage.goes_on(&mut scheduler).await, ["by hand"]);
    assert_eq!(*stage.work.mended.lock().unwrap(), [(7, "ann".to_owned())]);
    assert_eq!(stage.asked(&mut scheduler).await, [audit("nightly")], "the audit is under way, and cut off");
    drop(scheduler);

    let (mut scheduler, _asking) = stage.start().await;
    assert_eq!(stage.goes_on(&mut scheduler).await, ["by hand"]);
    stage.finish(&mut scheduler).await;
    assert_eq!(stage.asked(&mut scheduler).await, []);
    assert_eq!(stage.work.mended.lock().unwrap().len(), 1, "what is over is not done again");
}

#[tokio::test]
async fn who_drains_begins_nothing_that_is_asked_for_and_ends_with_what_is_under_way() {
    let stage = Stage::new("0 3 * * *", Overlap::Skip, Missed::Skip, ASKED_AT);
    let (mut scheduler, asking) = stage.start().await;
    stage.asks(audit("nightly")).await;
    assert_eq!(stage.goes_on(&mut scheduler).await, ["by hand"]);
    let drain = CancellationToken::new();
    drain.cancel();
    let meanwhile = async {
        stage.settle().await;
        stage.asks(Errand::Mend(7)).await;
        asking.wake();
        stage.work.let_go.notify_one();
    };
    let both = async { tokio::join!(scheduler.run(drain, CancellationToken::new()), meanwhile) };
    tokio::time::timeout(std::time::Duration::from_mins(1), both).await.expect("it ends by itself");
    assert_eq!((stage.begun(), stage.outcomes()), (vec![], vec!["ok".to_owned()]));
    assert_eq!(stage.left(), [Errand::Mend(7)], "for the next runner");
    assert!(stage.work.mended.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_audit_that_was_asked_for_and_whose_remedies_a_drain_ended_early_is_for_the_next_runner() {
    let stage = Stage::new("0 3 * * *", Overlap::Skip, Missed::Skip, ASKED_AT);
    let (mut scheduler, _asking) = stage.start().await;
    stage.asks(audit("nightly")).await;
    assert_eq!(stage.goes_on(&mut scheduler).await, ["by hand"]);
    *stage.work.remedied.lock().unwrap() = Remedied::EndedEarly;
    stage.work.let_go.notify_one();
    let drain = CancellationToken::new();
    drain.cancel();
    let ends = scheduler.run(drain, CancellationToken::new());
    tokio::time::timeout(std::time::Duration::from_mins(1), ends).await.expect("it ends by itself");
    assert_eq!((stage.outcomes(), stage.left()), (vec!["ok".to_owned()], vec![audit("nightly")]));
}

#[tokio::test]
async fn a_remedy_whose_beginning_or_end_the_store_does_not_take_is_not_left_on_record_for_good() {
    let stage = Stage::new("0 3 * * *", Overlap::Skip, Missed::Skip, ASKED_AT);
    let (mut scheduler, _asking) = stage.start().await;
    stage.asks(Errand::Mend(7)).await;
    stage.disk.0.store(true, Ordering::SeqCst);
    scheduler.step().await;
    assert!(scheduler.running.is_empty(), "what it may do to the process is not on record");
    stage.disk.0.store(false, Ordering::SeqCst);

    stage.work.failing.store(2, Ordering::SeqCst);
    *stage.work.filled.lock().unwrap() = Some(stage.disk.clone());
    let done = async {
        while stage.work.mended.lock().unwrap().is_empty() {
            // It is taken up as soon as the store is there again.
            scheduler.step().await;
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert_eq!(stage.left(), [Errand::Mend(7)], "the disk is full");
        stage.disk.0.store(false, Ordering::SeqCst);
        while !stage.left().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_mins(1), done).await.expect("it is over some time");
    assert_eq!(*stage.work.mended.lock().unwrap(), [(7, "ann".to_owned())]);
}

#[tokio::test]
async fn what_processes_die_of_is_given_up_and_what_is_cut_off_in_order_is_not() {
    let stage = Stage::new("0 3 * * *", Overlap::Skip, Missed::Skip, ASKED_AT);
    stage.asks(audit("nightly")).await;
    for _ in 0..2 * errands::BEGINNINGS_MAX {
        let (mut scheduler, _asking) = stage.start().await;
        assert_eq!(stage.goes_on(&mut scheduler).await, ["by hand"]);
        let stop = CancellationToken::new();
        stop.cancel();
        scheduler.run(CancellationToken::new(), stop).await;
    }
    for _ in 0..errands::BEGINNINGS_MAX {
        let (mut scheduler, _asking) = stage.start().await;
        assert_eq!(stage.goes_on(&mut scheduler).await, ["by hand"]);
        drop(scheduler);
    }
    let (mut scheduler, _asking) = stage.start().await;
    assert!(stage.goes_on(&mut scheduler).await.is_empty());
    assert_eq!(stage.asked(&mut scheduler).await, []);
}

mod jobs;
