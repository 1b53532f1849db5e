//! Golden next times, the two days on which clocks change, missed ticks, clock jumps.

use super::*;

const SPRING: &str = "2026-03-29T00:00:00Z";
const AUTUMN: &str = "2026-10-25T00:00:00Z";
const NEW_YORK: &str = "America/New_York";
/// Its clock changes by half an hour.
const LORD_HOWE: &str = "Australia/Lord_Howe";

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn zurich(text: &str) -> Schedule {
    Schedule::parse(text, "Europe/Zurich").unwrap()
}

/// Next ticks as wall-clock times with their offsets.
fn ticks(text: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let schedule = Schedule::parse(text, zone).unwrap();
    let shown = |tick: Timestamp| {
        let at = jiff::Timestamp::from_millisecond(tick.as_millis()).unwrap();
        at.to_zoned(schedule.zone.clone()).strftime("%a %d %b %H:%M %:z").to_string()
    };
    schedule.ticks_after(at(after)).take(count).map(shown).collect()
}

/// The expected times were counted minute by minute with another implementation and its own database of zones.
#[test]
fn ten_expressions_in_three_zones() {
    let zones = ["Europe/Zurich", NEW_YORK, "Asia/Kolkata"];
    let table = [
        (
            "0 3 * * *",
            [
                ["Sun 01 Mar 03:00 +01:00", "Mon 02 Mar 03:00 +01:00"],
                ["Sun 01 Mar 03:00 -05:00", "Mon 02 Mar 03:00 -05:00"],
                ["Mon 02 Mar 03:00 +05:30", "Tue 03 Mar 03:00 +05:30"],
            ],
        ),
        (
            "*/15 * * * *",
            [
                ["Sun 01 Mar 01:15 +01:00", "Sun 01 Mar 01:30 +01:00"],
                ["Sat 28 Feb 19:15 -05:00", "Sat 28 Feb 19:30 -05:00"],
                ["Sun 01 Mar 05:45 +05:30", "Sun 01 Mar 06:00 +05:30"],
            ],
        ),
        (
            "5,35 9-17/4 * * *",
            [
                ["Sun 01 Mar 09:05 +01:00", "Sun 01 Mar 09:35 +01:00"],
                ["Sun 01 Mar 09:05 -05:00", "Sun 01 Mar 09:35 -05:00"],
                ["Sun 01 Mar 09:05 +05:30", "Sun 01 Mar 09:35 +05:30"],
            ],
        ),
        (
            "0 0 * * 0",
            [
                ["Sun 08 Mar 00:00 +01:00", "Sun 15 Mar 00:00 +01:00"],
                ["Sun 01 Mar 00:00 -05:00", "Sun 08 Mar 00:00 -05:00"],
                ["Sun 08 Mar 00:00 +05:30", "Sun 15 Mar 00:00 +05:30"],
            ],
        ),
        (
            "0 0 * * 7",
            [
                ["Sun 08 Mar 00:00 +01:00", "Sun 15 Mar 00:00 +01:00"],
                ["Sun 01 Mar 00:00 -05:00", "Sun 08 Mar 00:00 -05:00"],
                ["Sun 08 Mar 00:00 +05:30", "Sun 15 Mar 00:00 +05:30"],
            ],
        ),
        (
            "30 8 * * mon-fri",
            [
                ["Mon 02 Mar 08:30 +01:00", "Tue 03 Mar 08:30 +01:00"],
                ["Mon 02 Mar 08:30 -05:00", "Tue 03 Mar 08:30 -05:00"],
                ["Mon 02 Mar 08:30 +05:30", "Tue 03 Mar 08:30 +05:30"],
            ],
        ),
        (
            "0 12 13 * 5",
            [
                ["Fri 06 Mar 12:00 +01:00", "Fri 13 Mar 12:00 +01:00"],
                ["Fri 06 Mar 12:00 -05:00", "Fri 13 Mar 12:00 -04:00"],
                ["Fri 06 Mar 12:00 +05:30", "Fri 13 Mar 12:00 +05:30"],
            ],
        ),
        (
            "0 0 29 2 *",
            [
                ["Tue 29 Feb 00:00 +01:00", "Sun 29 Feb 00:00 +01:00"],
                ["Tue 29 Feb 00:00 -05:00", "Sun 29 Feb 00:00 -05:00"],
                ["Tue 29 Feb 00:00 +05:30", "Sun 29 Feb 00:00 +05:30"],
            ],
        ),
        (
            "0 6 1 jan,jul *",
            [
                ["Wed 01 Jul 06:00 +02:00", "Fri 01 Jan 06:00 +01:00"],
                ["Wed 01 Jul 06:00 -04:00", "Fri 01 Jan 06:00 -05:00"],
                ["Wed 01 Jul 06:00 +05:30", "Fri 01 Jan 06:00 +05:30"],
            ],
        ),
        (
            "@weekly",
            [
                ["Sun 08 Mar 00:00 +01:00", "Sun 15 Mar 00:00 +01:00"],
                ["Sun 01 Mar 00:00 -05:00", "Sun 08 Mar 00:00 -05:00"],
                ["Sun 08 Mar 00:00 +05:30", "Sun 15 Mar 00:00 +05:30"],
            ],
        ),
    ];
    for (text, by_zone) in table {
        for (zone, expected) in zones.iter().zip(by_zone) {
            assert_eq!(ticks(text, zone, "2026-03-01T00:00:00Z", 2), expected, "{text} in {zone}");
        }
    }
}

#[test]
fn either_day_counts_where_both_are_restricted() {
    let days = ticks("0 0 1,15 * 3", "Europe/Zurich", "2026-03-01T12:00:00Z", 4);
    let expected = [
        "Wed 04 Mar 00:00 +01:00",
        "Wed 11 Mar 00:00 +01:00",
        "Sun 15 Mar 00:00 +01:00",
        "Wed 18 Mar 00:00 +01:00",
    ];
    assert_eq!(days, expected);
}

#[test]
fn a_time_that_the_clock_jumps_over_is_ticked_once_at_the_jump() {
    let expected = ["Sun 29 Mar 03:00 +02:00", "Mon 30 Mar 02:30 +02:00"];
    assert_eq!(ticks("30 2 * * *", "Europe/Zurich", SPRING, 2), expected);
    // Two times within the gap are one moment, and one tick.
    let expected = ["Sun 29 Mar 03:00 +02:00", "Mon 30 Mar 02:10 +02:00", "Mon 30 Mar 02:50 +02:00"];
    assert_eq!(ticks("10,50 2 * * *", "Europe/Zurich", SPRING, 3), expected);
}

#[test]
fn a_time_that_the_clock_shows_twice_is_ticked_once() {
    let expected = ["Sun 25 Oct 02:30 +02:00", "Mon 26 Oct 02:30 +01:00"];
    assert_eq!(ticks("30 2 * * *", "Europe/Zurich", AUTUMN, 2), expected);
}

#[test]
fn a_wildcard_hour_goes_by_elapsed_time() {
    let spring = ["Sun 29 Mar 01:30 +01:00", "Sun 29 Mar 03:00 +02:00", "Sun 29 Mar 03:30 +02:00"];
    assert_eq!(ticks("*/30 * * * *", "Europe/Zurich", SPRING, 3), spring);
    let autumn = [
        "Sun 25 Oct 02:30 +02:00",
        "Sun 25 Oct 02:00 +01:00",
        "Sun 25 Oct 02:30 +01:00",
        "Sun 25 Oct 03:00 +01:00",
    ];
    assert_eq!(ticks("*/30 * * * *", "Europe/Zurich", AUTUMN, 4), autumn);
}

/// Where the clock changes at another hour, and where it changes by half an hour.
#[test]
fn clocks_that_change_at_other_times_and_by_other_amounts_tick_as_often() {
    let table = [
        // Jumped over: once, at the jump.
        (
            "30 2 * * *",
            NEW_YORK,
            "2026-03-08T05:00:00Z",
            &["Sun 08 Mar 03:00 -04:00", "Mon 09 Mar 02:30 -04:00"][..],
        ),
        (
            "10,50 2 * * *",
            NEW_YORK,
            "2026-03-08T05:00:00Z",
            &["Sun 08 Mar 03:00 -04:00", "Mon 09 Mar 02:10 -04:00", "Mon 09 Mar 02:50 -04:00"][..],
        ),
        (
            "10 2 * * *",
            LORD_HOWE,
            "2026-10-03T13:00:00Z",
            &["Sun 04 Oct 02:30 +11:00", "Mon 05 Oct 02:10 +11:00"][..],
        ),
        (
            "10,20,40 2 * * *",
            LORD_HOWE,
            "2026-10-03T13:00:00Z",
            &[
                "Sun 04 Oct 02:30 +11:00",
                "Sun 04 Oct 02:40 +11:00",
                "Mon 05 Oct 02:10 +11:00",
                "Mon 05 Oct 02:20 +11:00",
            ][..],
        ),
        // Shown twice: the first time.
        (
            "30 1 * * *",
            NEW_YORK,
            "2026-11-01T04:00:00Z",
            &["Sun 01 Nov 01:30 -04:00", "Mon 02 Nov 01:30 -05:00"][..],
        ),
        (
            "45 1 * * *",
            LORD_HOWE,
            "2026-04-04T12:00:00Z",
            &["Sun 05 Apr 01:45 +11:00", "Mon 06 Apr 01:45 +10:30"][..],
        ),
        // A wildcard hour goes by elapsed time.
        (
            "*/30 * * * *",
            NEW_YORK,
            "2026-03-08T06:00:00Z",
            &["Sun 08 Mar 01:30 -05:00", "Sun 08 Mar 03:00 -04:00", "Sun 08 Mar 03:30 -04:00"][..],
        ),
        (
            "*/30 * * * *",
            NEW_YORK,
            "2026-11-01T05:00:00Z",
            &[
                "Sun 01 Nov 01:30 -04:00",
                "Sun 01 Nov 01:00 -05:00",
                "Sun 01 Nov 01:30 -05:00",
                "Sun 01 Nov 02:00 -05:00",
            ][..],
        ),
        (
            "*/15 * * * *",
            LORD_HOWE,
            "2026-10-03T15:00:00Z",
            &[
                "Sun 04 Oct 01:45 +10:30",
                "Sun 04 Oct 02:30 +11:00",
                "Sun 04 Oct 02:45 +11:00",
                "Sun 04 Oct 03:00 +11:00",
            ][..],
        ),
        (
            "*/15 * * * *",
            LORD_HOWE,
            "2026-04-04T14:15:00Z",
            &[
                "Sun 05 Apr 01:30 +11:00",
                "Sun 05 Apr 01:45 +11:00",
                "Sun 05 Apr 01:30 +10:30",
                "Sun 05 Apr 01:45 +10:30",
                "Sun 05 Apr 02:00 +10:30",
                "Sun 05 Apr 02:15 +10:30",
            ][..],
        ),
    ];
    for (text, zone, after, expected) in table {
        assert_eq!(ticks(text, zone, after, expected.len()), expected, "{text} in {zone}");
    }
}

#[test]
fn what_is_no_schedule_says_why() {
    let table = [
        ("0 3 * *", "4 fields; crontab(5) has five"),
        ("0 0 3 * * *", "6 fields"),
        ("61 3 * * *", "`61` is no minute"),
        ("0 25 * * *", "`25` is no hour"),
        ("0 3 ? * *", "`?` is no day of month"),
        ("0 3 * 13 *", "`13` is no month"),
        ("0 3 * * 8", "0 to 7 (0 and 7 are Sunday)"),
        ("0 3 * * fri-mon", "a range goes upwards"),
        ("0 3 31 2 *", "no such time ever comes"),
        ("@reboot", "`@reboot` is none of @hourly"),
    ];
    for (text, expected) in table {
        let error = Schedule::parse(text, "UTC").unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let error = Schedule::parse("0 3 * * *", "Europe/Zuerich").unwrap_err();
    assert!(error.to_string().contains("no time zone `Europe/Zuerich`"));
}

#[test]
fn a_tick_is_taken_up_once_and_a_new_schedule_makes_up_for_nothing() {
    let nightly = zurich("0 3 * * *");
    let tick = at("2026-06-02T01:00:00Z");
    let (yesterday, next) = (at("2026-06-01T01:00:00Z"), at("2026-06-03T01:00:00Z"));
    let now = tick + Millis::seconds(2);
    assert_eq!(nightly.due(None, Missed::Once(Millis::hours(6)), now), Due { tick: None, next });
    assert_eq!(nightly.due(Some(yesterday), Missed::Skip, now), Due { tick: Some(tick), next });
    assert_eq!(nightly.due(Some(tick), Missed::Skip, now), Due { tick: None, next });
}

#[test]
fn of_missed_ticks_the_last_is_made_up_for_within_its_window() {
    let hourly = zurich("0 * * * *");
    let last = at("2026-06-01T00:00:00Z");
    let now = at("2026-06-02T03:20:00Z");
    let due = |missed| hourly.due(Some(last), missed, now).tick;
    assert_eq!(due(Missed::Skip), None);
    assert_eq!(due(Missed::Once(Millis::minutes(30))), Some(at("2026-06-02T03:00:00Z")));
    assert_eq!(due(Missed::Once(Millis::minutes(10))), None);
    let yearly = zurich("0 0 1 1 *");
    let due = yearly.due(Some(at("2020-06-01T00:00:00Z")), Missed::Once(Millis::hours(24 * 365)), now).tick;
    assert_eq!(due, Some(at("2025-12-31T23:00:00Z")));
}

#[test]
fn a_clock_that_is_put_back_asks_for_nothing_twice() {
    let nightly = zurich("0 3 * * *");
    let taken = at("2026-06-02T01:00:00Z");
    let back = taken - Millis::hours(2);
    let due = nightly.due(Some(taken), Missed::Once(Millis::hours(6)), back);
    assert_eq!(due, Due { tick: None, next: taken });
    let due = nightly.due(Some(taken), Missed::Once(Millis::hours(6)), taken + Millis::seconds(1));
    assert_eq!(due.tick, None);
}

#[test]
fn jitter_is_the_same_for_one_tick_and_differs_between_ticks() {
    let (one, other) = (at("2026-06-02T01:00:00Z"), at("2026-06-03T01:00:00Z"));
    let most = Millis::minutes(10);
    assert_eq!(jitter("acme", "nightly", one, most), jitter("acme", "nightly", one, most));
    assert_ne!(jitter("acme", "nightly", one, most), jitter("acme", "nightly", other, most));
    assert_ne!(jitter("acme", "nightly", one, most), jitter("acme", "weekly", one, most));
    assert_ne!(jitter("acme", "nightly", one, most), jitter("other", "nightly", one, most));
    assert!(
        jitter("acme", "nightly", one, most) < most
            && jitter("acme", "nightly", one, Millis::ZERO) == Millis::ZERO
    );
}

#[test]
fn a_tick_with_jitter_waits_for_its_delay_and_is_not_late_by_it() {
    let hourly = zurich("0 * * * *");
    let (last, tick) = (at("2026-06-02T01:00:00Z"), at("2026-06-02T02:00:00Z"));
    let delay = Millis::minutes(10);
    let due = |now| hourly.due_delayed(Some(last), Missed::Skip, now, |_| delay);
    let next = at("2026-06-02T03:10:00Z");
    assert_eq!(due(tick - Millis::minutes(1)), Due { tick: None, next: tick + delay });
    assert_eq!(due(tick + Millis::minutes(9)), Due { tick: None, next: tick + delay });
    assert_eq!(due(tick + delay), Due { tick: Some(tick), next });
    assert_eq!(due(tick + delay + Millis::minutes(2)), Due { tick: None, next });
    assert_eq!(hourly.gap(last), Millis::hours(1));
}
