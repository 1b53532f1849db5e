//! Ticks of handlers, and listings for drift.

use groundcrew_store::SubjectId;
use groundcrew_store::lanes::LaneId;

use super::*;

const TICKS: [&str; 3] = ["2026-06-02T06:00:00.000Z", "2026-06-02T07:00:00.000Z", "2026-06-02T08:00:00.000Z"];

impl Stage {
    /// A handler that is told each hour.
    async fn told_hourly(overlap: Overlap, missed: Missed, now: &str) -> (Self, LaneId) {
        let mut stage = Self::new("0 3 * * *", Overlap::Skip, Missed::Skip, now);
        let component = Digest::of(b"component");
        let id = stage.store.save_hook("digest", component, "digest", "{}").await.unwrap();
        let schedule = Schedule::parse("0 * * * *", "UTC").unwrap();
        let timing = Timing { schedule, jitter: Millis::ZERO, overlap, missed };
        stage.jobs = vec![Job::Tick { hook: "digest".to_owned(), id, timing }];
        (stage, LaneId { hook: id, subject: SubjectId::NONE })
    }

    /// Ticks that the handler is owed, oldest first.
    fn owed(&self, lane: LaneId) -> Vec<String> {
        let database = groundcrew_store::Connection::open(self.store.path()).unwrap();
        let text = "SELECT data, at, eid FROM event JOIN delivery ON delivery.seq = event.seq
            WHERE kind = 'tick' AND delivery.hook = ?1 ORDER BY event.seq";
        let mut statement = database.prepare(text).unwrap();
        let tick = |row: &groundcrew_store::Row<'_>| row.get(1).map(Timestamp::from_millis);
        let owed = statement.query_map([lane.hook.as_i64()], tick).unwrap();
        owed.map(|tick| tick.unwrap().to_string()).collect()
    }
}

#[tokio::test]
async fn a_handler_is_told_once_that_it_is_time() {
    let (stage, lane) = Stage::told_hourly(Overlap::QueueOne, SIX_HOURS, "2026-06-02T05:30:00Z").await;
    let (mut scheduler, asking) = stage.start().await;
    assert!(asking.names().is_empty(), "nobody asks for a tick by hand");
    stage.when(&mut scheduler, "2026-06-02T05:59:59Z").await;
    assert!(stage.owed(lane).is_empty());
    stage.when(&mut scheduler, TICKS[0]).await;
    stage.when(&mut scheduler, "2026-06-02T06:00:30Z").await;
    assert_eq!(stage.owed(lane), [TICKS[0]]);
    let event = stage.store.delivery_head(lane).unwrap().unwrap().event;
    assert_eq!((event.kind.as_str(), event.subject.is_none()), ("tick", true));
    assert_eq!(event.data, json!({ "hook": "digest", "cron": "0 * * * * UTC" }));
    // Whatever the schedule forgets: the same tick is the same event.
    let database = groundcrew_store::Connection::open(stage.store.path()).unwrap();
    database.execute("UPDATE schedule SET last_at = last_at - 3600000", []).unwrap();
    let (mut scheduler, _asking) = stage.start().await;
    stage.when(&mut scheduler, "2026-06-02T06:10:00Z").await;
    assert_eq!(stage.owed(lane), [TICKS[0]]);
    assert_eq!(stage.store.last_tick("tick:digest").unwrap(), Some(at(TICKS[0])));
}

#[tokio::test]
async fn a_tick_that_the_store_does_not_take_is_told_later() {
    let (stage, lane) = Stage::told_hourly(Overlap::QueueOne, Missed::Skip, "2026-06-02T05:30:00Z").await;
    let (mut scheduler, _asking) = stage.start().await;
    stage.disk.0.store(true, Ordering::SeqCst);
    stage.clock.0.store(at(TICKS[0]).as_millis(), Ordering::SeqCst);
    scheduler.step().await;
    stage.disk.0.store(false, Ordering::SeqCst);
    while stage.store.save_tick("-", Timestamp::from_millis(0)).await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    assert!(stage.owed(lane).is_empty());
    // Longer than what counts as missed.
    stage.when(&mut scheduler, "2026-06-02T06:10:00Z").await;
    assert_eq!(stage.owed(lane), [TICKS[0]]);
    assert_eq!(stage.store.last_tick("tick:digest").unwrap(), Some(at(TICKS[0])));
}

#[tokio::test]
async fn ticks_that_were_not_told_overlap_as_the_stanza_says() {
    for (overlap, owed) in
        [(Overlap::Skip, &TICKS[..1]), (Overlap::QueueOne, &TICKS[..2]), (Overlap::Cancel, &TICKS[2..])]
    {
        let (stage, lane) = Stage::told_hourly(overlap, Missed::Skip, "2026-06-02T05:30:00Z").await;
        let (mut scheduler, _asking) = stage.start().await;
        for tick in TICKS {
            stage.when(&mut scheduler, tick).await;
        }
        assert_eq!(stage.owed(lane), owed, "{overlap}");
    }
}

#[tokio::test]
async fn a_tick_that_was_missed_is_made_up_for_as_the_stanza_says() {
    for (missed, owed) in [(Missed::Skip, &[][..]), (SIX_HOURS, &TICKS[2..])] {
        let (stage, lane) = Stage::told_hourly(Overlap::Skip, missed, "2026-06-02T05:30:00Z").await;
        let (scheduler, _asking) = stage.start().await;
        drop(scheduler);
        stage.clock.0.store(at("2026-06-02T08:30:00Z").as_millis(), Ordering::SeqCst);
        let (mut scheduler, _asking) = stage.start().await;
        stage.when(&mut scheduler, "2026-06-02T08:30:00Z").await;
        assert_eq!(stage.owed(lane), owed, "{missed:?}");
    }
}

#[tokio::test]
async fn what_is_listed_for_drift_is_listed_again_after_its_time_and_after_being_cut_off() {
    let mut stage = Stage::new("0 3 * * *", Overlap::Skip, Missed::Skip, "2026-06-02T05:00:00Z");
    stage.jobs = vec![Job::Drift { hook: "dns".to_owned(), every: Millis::hours(6) }];
    let (mut scheduler, _asking) = stage.start().await;
    let listed = |stage: &Stage| {
        let listed = stage.work.listed.lock().unwrap().drain(..).collect::<Vec<_>>();
        listed.into_iter().map(|(hook, at)| format!("{hook} {at}")).collect::<Vec<_>>()
    };
    stage.when(&mut scheduler, "2026-06-02T10:59:59Z").await;
    assert!(listed(&stage).is_empty());
    stage.when(&mut scheduler, "2026-06-02T11:00:00Z").await;
    assert_eq!(listed(&stage), ["dns 2026-06-02T11:00:00.000Z"]);
    // One that a restart cut off comes again.
    scheduler.running.shutdown().await;
    let (mut scheduler, _asking) = stage.start().await;
    stage.when(&mut scheduler, "2026-06-02T11:01:00Z").await;
    assert_eq!(listed(&stage), ["dns 2026-06-02T11:01:00.000Z"]);
    stage.finish(&mut scheduler).await;
    stage.when(&mut scheduler, "2026-06-02T17:00:59Z").await;
    assert!(listed(&stage).is_empty());
    // A clock that is put back by hours, and by a month.
    for (now, before, after) in [
        ("2026-06-02T04:00:00.000Z", "2026-06-02T09:59:59Z", "2026-06-02T10:00:00.000Z"),
        ("2026-05-02T04:00:00.000Z", "2026-05-02T09:59:59Z", "2026-05-02T10:00:00.000Z"),
    ] {
        stage.when(&mut scheduler, now).await;
        assert_eq!(listed(&stage), [format!("dns {now}")], "nobody knows how long ago it was");
        stage.finish(&mut scheduler).await;
        stage.when(&mut scheduler, before).await;
        assert!(listed(&stage).is_empty());
        stage.when(&mut scheduler, after).await;
        assert_eq!(listed(&stage), [format!("dns {after}")]);
        stage.finish(&mut scheduler).await;
    }
}

#[tokio::test]
async fn a_handler_is_told_the_time_again_once_a_clock_far_ahead_is_put_right() {
    let (stage, lane) = Stage::told_hourly(Overlap::QueueOne, Missed::Skip, "2026-07-02T05:30:00Z").await;
    let (mut scheduler, _asking) = stage.start().await;
    let ahead = "2026-07-02T06:00:00.000Z";
    stage.when(&mut scheduler, ahead).await;
    stage.when(&mut scheduler, "2026-06-02T05:30:00Z").await;
    assert_eq!(stage.owed(lane), [ahead]);
    stage.when(&mut scheduler, TICKS[0]).await;
    assert_eq!(stage.owed(lane), [ahead, TICKS[0]]);
}
