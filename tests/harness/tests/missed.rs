//! Nothing is made for an app that is gone, though its end is not believed or not known; whoever lives waits no longer
//! than that takes.

use groundcrew::prove::clock::START;
use groundcrew_harness::month::{GONE, LIVES, Missed, Outcome, READABLE, WRITABLE, day_with};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// When the record of an app was first written, in milliseconds after the beginning.
fn written(outcome: &Outcome, app: &str) -> Option<i64> {
    let key = format!("AAAA/www.{app}.example");
    let of = |effect: &&groundcrew_outside::Effect| effect.purpose.as_ref().is_some_and(|it| it.key == key);
    outcome.effects().iter().find(of).map(|effect| effect.at - START)
}

fn play(missed: Missed) -> Outcome {
    let outcome = day_with(missed);
    assert!(outcome.is_right(), "{outcome}{}", outcome.line());
    assert_eq!(outcome.counted.crashes, 1, "it knows of the fleet what was stored");
    assert!(written(&outcome, "app-11").is_some_and(|at| at < HOUR), "records are written at all");
    assert_eq!(written(&outcome, GONE), None);
    outcome
}

#[test]
fn while_a_fleet_is_doubted_nothing_is_made_for_whoever_is_missed_and_all_for_whoever_is_listed() {
    let outcome = play(Missed::Doubted);
    let at = written(&outcome, LIVES).expect("it lives and is listed");
    // The longest back-off of whatever failed before.
    assert!((WRITABLE..WRITABLE + HOUR + MINUTE).contains(&at), "{} min", (at - WRITABLE) / MINUTE);
}

#[test]
fn after_a_start_nothing_is_made_for_anybody_until_the_platform_shows_them() {
    let outcome = play(Missed::Unread);
    let at = written(&outcome, LIVES).expect("it lives, and is shown in the end");
    // The longest back-off of a source.
    assert!((READABLE..READABLE + 15 * MINUTE).contains(&at), "{} min", (at - READABLE) / MINUTE);
}
