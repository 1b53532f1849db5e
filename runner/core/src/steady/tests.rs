//! A clock that is set, in a process and between two of them.

use super::*;

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const WINDOW: Millis = Millis::seconds(17);

/// The machine has been up for so long, and its clock is off by so much.
fn reading(uptime: i64, off: i64) -> Reading {
    Reading { uptime: Millis::seconds(uptime), wall: at(uptime + off) }
}

fn at(seconds: i64) -> Timestamp {
    START + Millis::seconds(seconds)
}

fn boot(name: &str) -> String {
    name.to_owned()
}

fn fresh() -> Even {
    Even::starting(reading(0, 0), Some(boot("a")), None, None)
}

#[test]
fn a_new_ledger_has_no_stamps_of_unknown_age() {
    let mut clock = fresh();
    assert_eq!(clock.read(reading(5, 0)), (at(5), Steady::ALWAYS));
    assert_eq!(Steady::ALWAYS.bound(at(3), WINDOW), at(3));
    assert!(Steady::ALWAYS.tells_age(at(-1_000_000)));
}

#[test]
fn small_differences_change_nothing_and_do_not_add_up() {
    let mut clock = fresh();
    let wall = |millis| at(10) + Millis::new(millis);
    for off in [-1_000, 1_000] {
        let near = Reading { uptime: Millis::seconds(10), wall: wall(off) };
        assert_eq!(clock.read(near), (at(10), Steady::ALWAYS));
    }
    let far = Reading { uptime: Millis::seconds(10), wall: wall(1_001) };
    assert_eq!(clock.read(far).0, wall(1_001));
}

#[test]
fn a_step_forward_makes_nothing_older() {
    let mut clock = fresh();
    let (now, steady) = clock.read(reading(10, 3_600));
    assert_eq!(now, at(3_610));
    // Sent a second before the step: it looks an hour old, and may take effect for as long as any.
    assert_eq!(steady.bound(at(26), WINDOW), at(3_610 + 17));
    assert!(!steady.tells_age(at(9)) && !steady.tells_age(at(3_610)));
    // Sent a minute after it.
    assert_eq!(steady.bound(at(3_670 + 17), WINDOW), at(3_670 + 17));
    assert!(steady.tells_age(at(3_611)));
    assert_eq!(clock.read(reading(70, 3_600)), (at(3_670), steady));
}

#[test]
fn a_step_back_makes_nothing_younger() {
    let mut clock = fresh();
    let (now, steady) = clock.read(reading(7_200, -3_600));
    assert_eq!((now, steady), (at(3_600), Steady { since: at(3_600), beyond: at(7_200) }));
    // From before; it could also be of half an hour from now.
    assert_eq!(steady.bound(at(5_400), WINDOW), at(5_400));
    assert!(!steady.tells_age(at(5_400)), "a key of that age may be forgotten");
    assert!(steady.tells_age(at(7_201)));
    // Back again: what the clock showed in between is of unknown age as well.
    let (now, steady) = clock.read(reading(7_260, 0));
    assert_eq!((now, steady), (at(7_260), Steady { since: at(7_260), beyond: at(7_260) }));
    assert_eq!(steady.bound(at(3_650), WINDOW), at(7_277));
}

#[test]
fn a_process_goes_on_where_the_last_one_left_off() {
    let mut clock = fresh();
    let (_, steady) = clock.read(reading(10, 60));
    let era = clock.era().unwrap();
    let again = |at, name| Even::starting(at, Some(boot(name)), Some(&era), Some(START));
    assert_eq!(again(reading(500, 60), "a").read(reading(500, 60)), (at(560), steady));
    // The clock was set meanwhile, or nobody can tell.
    let begun = |at: Reading| (at.wall, Steady { since: at.wall, beyond: at.wall.max(steady.beyond) });
    for (at, name) in [(reading(500, 0), "a"), (reading(500, 7_200), "a"), (reading(1, 559), "b")] {
        assert_eq!(again(at, name).read(at), begun(at), "{at:?}");
    }
    let unknown = Even::starting(reading(500, 60), None, Some(&era), Some(START));
    assert_eq!(unknown.era(), None);
    assert_eq!(unknown.steady.since, at(560));
}

#[test]
fn what_the_ledger_says_of_the_future_is_of_before() {
    let clock = Even::starting(reading(0, 0), Some(boot("b")), None, Some(at(10_800)));
    assert_eq!(clock.steady, Steady { since: at(0), beyond: at(10_800) });
}
