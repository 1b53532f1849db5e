//! A small month goes right, the same month goes the same way, and without a rule the judge finds what went wrong.

use groundcrew_core::{mirror, settle};
use groundcrew_harness::month::{KINDS, Month, Outcome, play, shrink};

/// All kinds of disturbance but these.
fn only(kinds: &[&str]) -> Vec<String> {
    KINDS.iter().filter(|kind| !kinds.contains(kind)).map(|kind| (*kind).to_owned()).collect()
}

/// Some of the first months go wrong like this.
fn goes_wrong(month: impl Fn(u64) -> Month, wrong: impl Fn(&Outcome) -> bool) -> Outcome {
    let mut outcomes = (1..=8).map(month).map(|month| play(&month));
    let found = outcomes.find(wrong);
    found.expect("without the rule something goes wrong")
}

#[test]
fn a_small_month_goes_right_and_the_same_way_again() {
    let month = Month::new(7, 12, 4);
    let first = play(&month);
    println!("{}", first.line());
    assert!(first.is_right(), "{first}{}", first.line());
    let again = play(&month);
    assert_eq!(first.line(), again.line());
    assert_eq!(first.effects(), again.effects(), "each at its time, with its id");
    let other = play(&Month { seed: 8, ..month });
    assert_ne!(first.effects(), other.effects(), "another seed is another month");
}

/// In this one clocks are set while creations are in doubt, and the API's are apart from ours.
#[test]
fn a_month_in_which_clocks_are_set_goes_right() {
    let outcome = play(&Month::new(2, 40, 10));
    assert!(outcome.is_right(), "{outcome}{}", outcome.line());
}

/// In this one an app ends while so many vanished that none of it is believed, and the runner starts anew.
#[test]
fn a_month_in_which_an_app_ends_while_the_fleet_is_doubted_goes_right() {
    let outcome = play(&Month::new(7, 93, 6));
    assert!(outcome.is_right(), "{outcome}{}", outcome.line());
}

#[test]
fn without_the_settle_wait_the_judge_finds_doubles_and_makes_the_month_small() {
    let whole =
        |seed| Month { without: only(&["weather"]), faults_per_mille: 150, ..Month::new(seed, 10, 2) };
    let without = |seed| Month { rules: settle::Rules::without(settle::Rule::SettleWait), ..whole(seed) };
    let outcome = goes_wrong(without, |outcome| !outcome.verdict.doubled.is_empty());
    let right = play(&whole(outcome.month.seed));
    assert!(right.is_right(), "{right}{}", right.line());
    let small = shrink(outcome, 6);
    assert!(small.month.apps < 10, "{}", small.line());
    assert!(small.to_string().contains("doubled: "), "{small}");
}

#[test]
fn without_confirmed_ends_the_judge_finds_things_torn_from_the_living() {
    let whole = |seed| Month { without: only(&["troubles"]), ..Month::new(seed, 12, 4) };
    let without =
        |seed| Month { mirror: mirror::Rules::ALL.without(mirror::Rule::ConfirmAppEnd), ..whole(seed) };
    let outcome = goes_wrong(without, |outcome| !outcome.torn.is_empty());
    let right = play(&whole(outcome.month.seed));
    assert!(right.is_right(), "{right}{}", right.line());
}
