//! Explores every way in which settling can go, over the real deciding function.
//!
//! The model is a small world (see [`world`]): an API of one class that hides its writes for a while, requests
//! that take effect late or never, crashes between any two parts of a step, an owner that goes and returns, and
//! a stranger. In every state it asks [`groundcrew_core::settle::decide`] what is to be done, does it in the
//! parts that a crash can part, and goes on with everything else that could happen at that moment.
//!
//! ```text
//!   the promises, in each state:   at most one thing of ours per want; nothing of a stranger's is touched
//!                                  or claimed; and from it, without further trouble, the end is reached
//!   the rules, one by one:         without it some promise is broken, and the story is printed
//! ```
//!
//! Explored is the whole product of two crashes anywhere, an answer that comes too late, a stranger and two changes of
//! what is wanted, per kind of API, where `cargo xtask model --full` asks for it; and parts of it in every test run,
//! together with troubles that the product leaves out: missed looks, sleeps, owners that end, clocks that are set,
//! things that take their time, and the loss of the database.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the report and the stories are what a search is for"
)]

mod acts;
mod asking;
mod covered;
mod driver;
mod goal;
mod packed;
mod report;
mod search;
mod story;
mod time;
mod world;
mod worlds;

use std::collections::BTreeSet;

use groundcrew_core::settle::{Rule, Rules};

use covered::WORDS;
use report::Report;
use search::{Explored, explore};
use world::{Driver, Setup};
use worlds::{
    LOST, SEEN_TOO_LATE, TROUBLES, all_slow, all_two_owners, anonymous, fought, held, keyed, lost, marked,
    natural, telling, troubles, worlds_that_need,
};

/// Explores each; says how much it was, and the first story if a promise is broken.
fn holds(setups: impl IntoIterator<Item = Setup>) {
    let mut states = 0;
    for setup in setups {
        let mut report = Report::on(&setup);
        let Explored { states: visited, story, .. } = explore(&setup, &mut |at| report.is_at(at));
        report.ends(visited);
        states += visited;
        if let Some(story) = story {
            panic!("{}, {}:\n{story}", setup.name, setup.budget);
        }
    }
    println!("{states} states in all");
}

#[test]
fn natural_things_keep_every_promise() {
    holds(troubles().into_iter().flat_map(natural));
}

#[test]
fn keyed_things_keep_every_promise() {
    holds(troubles().into_iter().flat_map(keyed));
}

#[test]
fn marked_things_keep_every_promise() {
    holds(troubles().into_iter().flat_map(marked));
}

#[test]
fn anonymous_things_keep_every_promise() {
    holds(troubles().into_iter().flat_map(anonymous));
}

#[test]
fn two_owners_of_one_listing_keep_every_promise() {
    holds(all_two_owners());
}

#[test]
fn slow_things_keep_every_promise() {
    holds(all_slow());
}

#[test]
fn things_held_and_things_fought_over_keep_every_promise() {
    holds(held().into_iter().chain(fought()));
}

#[test]
fn things_of_a_lost_ledger_keep_every_promise() {
    holds(lost());
}

/// The first story that a change of the setup makes possible.
fn story_with(setups: Vec<Setup>, change: impl Fn(&mut Setup), what: &str) -> bool {
    for mut setup in setups {
        change(&mut setup);
        if let Some(story) = explore(&setup, &mut |_| ()).story {
            println!("{what}: {}, {}, {} acts:\n{story}\n", setup.name, setup.budget, story.acts.len());
            return true;
        }
    }
    println!("{what}: every promise holds all the same");
    false
}

#[test]
fn every_word_of_a_decision_comes_up() {
    let mut covered = BTreeSet::new();
    for setup in telling() {
        covered.extend(explore(&setup, &mut |_| ()).covered);
    }
    println!("{} words of decisions came up", covered.len());
    let missed: Vec<_> = WORDS.into_iter().filter(|word| !covered.contains(word)).collect();
    assert!(missed.is_empty(), "never asked about, or never answered: {missed:?}");
    let unknown: Vec<_> = covered.into_iter().filter(|word| !WORDS.contains(word)).collect();
    assert!(unknown.is_empty(), "not in the list of words: {unknown:?}");
}

#[test]
fn without_any_rule_a_promise_is_broken() {
    let needed = |rule: &Rule| {
        let without = |setup: &mut Setup| setup.rules = Rules::without(*rule);
        story_with(worlds_that_need(*rule), without, &format!("without {rule:?}"))
    };
    let superfluous: Vec<_> = Rule::ALL.into_iter().filter(|rule| !needed(rule)).collect();
    assert!(superfluous.is_empty(), "not needed in any world: {superfluous:?}");
}

#[test]
fn without_any_duty_of_the_driver_a_promise_is_broken() {
    let [_, lost_and_want, _, _, sleep, _, made_again, _, _, _, set_twice, ..] = TROUBLES;
    let lapses = [
        (Driver::SendsLate, natural(sleep)),
        (Driver::ForgetsEarlierSends, natural(lost_and_want)),
        (Driver::RepeatsWithNewest, natural(lost_and_want)),
        (Driver::BeginsAnew, anonymous(made_again)),
        (Driver::BeginsAnew, marked(made_again)),
        (Driver::KeepsLooks, marked(set_twice)),
        (Driver::KeepsSpec, marked(SEEN_TOO_LATE)),
        (Driver::RecoversAsEver, anonymous(LOST[0])),
        (Driver::FinishesEarly, anonymous(LOST[0])),
    ];
    for (lapse, worlds) in lapses {
        let found = story_with(worlds, |setup| setup.driver = lapse, &format!("a driver that {lapse:?}"));
        assert!(found, "{lapse:?} does no harm in any world");
    }
}
